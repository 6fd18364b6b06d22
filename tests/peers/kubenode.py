#!/usr/bin/python3
"""A node of a real Kubernetes, for tests: what is behind it is an API server with its controllers (tests/cluster), what it runs
are processes of this machine (kubepods.py). It takes the places of the scheduler and of the kubelet, with the rights that
those have. No container, no image; of what a kubelet does, what the tests need.

  kubenode.py --cluster DIR --namespace NS --pods DIR [--keep]

DIR is what tests/cluster/up made. The namespace is made, with the ServiceAccounts admin and credrotate, whose tokens are then
in admin-token and rotator-token, and is removed at the end; with --keep it has to be there and stays, and there are no tokens.

Prints "ready PORT CONTROL", as kubeapi.py does, and CONTROL is what it is there. PORT passes on to the API server what
arrives, so that the test sees who asked for what, and can let answers be late, lost or refused. It has a certificate of the
cluster's authority, in front.pem.
"""

import argparse
import base64
import datetime
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

import kubecontrol
import kubepods

BEAT_S = 10
TOKEN_S = 600
PATCH = "application/merge-patch+json"
HOP_BY_HOP = ("connection", "content-length", "host", "keep-alive", "transfer-encoding", "te", "upgrade")


def stamp(micro=False):
    now = datetime.datetime.now(datetime.timezone.utc)
    return now.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")


class Refused(Exception):
    pass


# --- Asking the API server ---

class Cluster:
    """The directory of tests/cluster/up: its authority makes certificates for whoever is needed."""

    def __init__(self, directory):
        self.dir = directory
        with open(os.path.join(directory, "server")) as file:
            self.address = file.read().strip()
        self.ca = os.path.join(directory, "ca.pem")

    def certificate(self, name, subject, names=None):
        """NAME.key and NAME.pem, here."""
        def openssl(*words):
            subprocess.run(["openssl", *words], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-keyout", f"{name}.key",
                "-out", f"{name}.csr")
        with open(f"{name}.ext", "w") as file:
            file.write(f"subjectAltName={names}\n" if names else "extendedKeyUsage=clientAuth\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", self.ca, "-CAkey", os.path.join(self.dir, "ca.key"), "-days", "2",
                "-set_serial", str(time.time_ns()), "-extfile", f"{name}.ext", "-out", f"{name}.pem")
        return f"{name}.pem", f"{name}.key"


class Client:
    """Of one thread. Without a certificate nobody is told who asks, but by a token."""

    def __init__(self, cluster, certificate=None, timeout=30):
        self.cluster, self.timeout, self.connection = cluster, timeout, None
        self.tls = ssl.create_default_context(cafile=cluster.ca)
        if certificate is not None:
            self.tls.load_cert_chain(*certificate)

    def open(self, method, path, body=None, headers=None):
        """The answer, to be read to its end. A connection that was kept may have been closed in the meantime."""
        for attempt in (0, 1):
            kept = self.connection is not None
            if not kept:
                self.connection = http.client.HTTPSConnection(self.cluster.address, context=self.tls, timeout=self.timeout)
            try:
                self.connection.request(method, path, body, headers or {})
                return self.connection.getresponse()
            except (OSError, http.client.HTTPException):
                self.close()
                if attempt or not kept:
                    raise

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def ask(self, method, path, value=None, kind="application/json"):
        """(status, what was answered)."""
        body = None if value is None else json.dumps(value).encode()
        answer = self.open(method, path, body, {"Content-Type": kind} if body else {})
        return answer.status, json.loads(answer.read() or b"{}")

    def need(self, method, path, value=None, kind="application/json"):
        status, answer = self.ask(method, path, value, kind)
        if status >= 300:
            raise Refused(f"{method} {path}: {status} {answer.get('message')}")
        return answer

    def follow(self, path, query):
        """("LIST", [object...]) first and after each loss, then (type, object)."""
        while True:
            try:
                found = self.need("GET", f"{path}?{query}")
                yield "LIST", found["items"]
                version = found["metadata"]["resourceVersion"]
                answer = self.open("GET", f"{path}?{query}&watch=1&timeoutSeconds=300&resourceVersion={version}")
                for line in answer:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        break
                    yield event["type"], event["object"]
            except (OSError, http.client.HTTPException, Refused, ValueError) as e:
                print(f"watching {path}: {e}", file=sys.stderr, flush=True)
                time.sleep(0.5)
            self.close()


# --- A pod ---

class Pod(kubepods.Pod):
    """What the API server's admission adds to each, and what the example of a nightly rotation needs, is more than our small
    server knows."""

    def __init__(self, node, number, shown, stuck):
        meta = shown["metadata"]
        super().__init__(node.root, meta["namespace"], meta["name"], number, shown["spec"], node.find, stuck)
        self.node, self.uid, self.meta, self.token, self.told = node, meta["uid"], meta, None, None
        self.started, self.turned = stamp(), (False, stamp())

    def path(self, *rest):
        return "/".join([f"/api/v1/namespaces/{self.ns}/pods/{self.name}", *rest])

    def deployment(self):
        owner = (self.meta.get("ownerReferences") or [{"name": self.name}])[0]["name"]
        return owner.rsplit("-", 1)[0]

    def files_of(self, volume):
        if "persistentVolumeClaim" in volume:
            return {}  # see mounts
        return super().files_of(volume)

    def files_from(self, source):
        if "serviceAccountToken" in source:
            return {source["serviceAccountToken"]["path"]: self.account_token()}
        if "configMap" in source:
            found = self.find("configmaps", self.ns, source["configMap"]["name"])
            if found is None:
                raise kubepods.Missing(f'configmap "{source["configMap"]["name"]}" not found')
            return self.chosen(source["configMap"], {k: v.encode() for k, v in (found.get("data") or {}).items()})
        if "downwardAPI" in source:
            return {i["path"]: self.ns.encode() for i in source["downwardAPI"]["items"]
                    if i["fieldRef"]["fieldPath"] == "metadata.namespace"}
        return super().files_from(source)

    def account_token(self):
        if self.token is None or time.monotonic() > self.token[0]:
            request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {
                "expirationSeconds": 2 * TOKEN_S,
                "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": self.name, "uid": self.uid}}}
            account = self.spec.get("serviceAccountName", "default")
            try:
                answer = self.node.client.need("POST", f"/api/v1/namespaces/{self.ns}/serviceaccounts/{account}/token", request)
            except (OSError, http.client.HTTPException, Refused) as e:
                raise kubepods.Missing(str(e))
            self.token = (time.monotonic() + TOKEN_S, answer["status"]["token"].encode())
        return self.token[1]

    def mounts(self, container):
        """A claim is a directory that outlives its pods: there is nobody here who would provide a volume."""
        claims = {v["name"]: v["persistentVolumeClaim"]["claimName"] for v in self.spec.get("volumes") or []
                  if "persistentVolumeClaim" in v}
        found = []
        for path, at in super().mounts(container):
            claim = claims.get(os.path.basename(at))
            if claim is not None:
                at = os.path.join(self.node.root, f"claim-{claim}")
                os.makedirs(at, exist_ok=True)
            found.append((path, at))
        return found

    def environment(self, container):
        return {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(self.node.port),
                **super().environment(container)}

    # --- What is told of it ---

    def state(self):
        if self.exit is not None:
            return {"terminated": {"exitCode": self.exit % 256, "reason": "Error" if self.exit else "Completed",
                                   "startedAt": self.started, "finishedAt": self.turned[1]}}
        if self.process is None:
            return {"waiting": {"reason": "CreateContainerConfigError" if self.why else "ContainerCreating",
                                "message": self.why}}
        return {"running": {"startedAt": self.started}}

    def status(self):
        if self.turned[0] != self.ready:
            self.turned = (self.ready, stamp())
        state, ready = self.state(), "True" if self.ready else "False"
        phase = {"waiting": "Pending", "running": "Running"}.get(next(iter(state)), "Failed" if self.exit else "Succeeded")
        conditions = [{"type": t, "status": "True", "lastTransitionTime": self.started} for t in ("PodScheduled", "Initialized")]
        conditions += [{"type": t, "status": ready, "lastTransitionTime": self.turned[1]} for t in ("ContainersReady", "Ready")]
        container = self.spec["containers"][0]
        return {"phase": phase, "startTime": self.started, "podIP": self.address, "podIPs": [{"ip": self.address}],
                "hostIP": "127.0.0.1", "hostIPs": [{"ip": "127.0.0.1"}], "conditions": conditions,
                "containerStatuses": [{"name": container["name"], "image": container["image"], "imageID": "", "state": state,
                                       "ready": self.ready, "started": self.process is not None, "restartCount": self.restarts}]}

    def tell(self):
        status = self.status()
        if status != self.told and self.node.client.ask("PATCH", self.path("status"), {"status": status}, PATCH)[0] < 500:
            self.told = status


# --- The node ---

class Node:
    def __init__(self, cluster, ns, root):
        self.cluster, self.ns, self.root, self.name = cluster, ns, root, f"node-{os.getpid()}"
        self.lock = threading.RLock()
        self.wanted, self.pods, self.modes, self.number, self.port = {}, {}, {}, 0, 0
        self.certificate = cluster.certificate("node", f"/O=system:nodes/CN=system:node:{self.name}")
        self.scheduler = cluster.certificate("scheduler", "/CN=system:kube-scheduler")
        self.client = Client(cluster, self.certificate)
        os.makedirs(root, exist_ok=True)

    def shown(self):
        with self.lock:
            return [p.shown(p.deployment(), {"metadata": p.meta}) for p in self.pods.values()]

    def find(self, plural, ns, name):
        """What a pod refers to may be read by its node, soon after the pod is bound; until then it is missing."""
        try:
            status, found = self.client.ask("GET", f"/api/v1/namespaces/{ns}/{plural}/{name}")
        except (OSError, http.client.HTTPException) as e:
            raise kubepods.Missing(str(e))
        return found if status == 200 else None

    # --- Threads ---

    def register(self):
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name}}
        self.client.need("POST", "/api/v1/nodes", node)
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "a node of the tests",
                 "lastHeartbeatTime": stamp(), "lastTransitionTime": stamp()}
        many = {"cpu": "64", "memory": "64Gi", "pods": "250"}
        self.client.need("PATCH", f"/api/v1/nodes/{self.name}/status",
                         {"status": {"capacity": many, "allocatable": many, "conditions": [ready],
                                     "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}]}}, PATCH)

    def beat(self):
        """A node that is not heard of for a while has its pods taken away."""
        client, leases = Client(self.cluster, self.certificate), "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": self.name},
                 "spec": {"holderIdentity": self.name, "leaseDurationSeconds": 40}}
        while True:
            lease["spec"]["renewTime"] = stamp(micro=True)
            try:
                if client.ask("PATCH", f"{leases}/{self.name}", {"spec": lease["spec"]}, PATCH)[0] == 404:
                    client.ask("POST", leases, lease)
            except (OSError, http.client.HTTPException) as e:
                print(f"lease: {e}", file=sys.stderr, flush=True)
            time.sleep(BEAT_S)

    def bind(self):
        """The scheduler: each pod of the namespace goes here."""
        watcher, client = Client(self.cluster, self.scheduler, 600), Client(self.cluster, self.scheduler)
        for what, found in watcher.follow(f"/api/v1/namespaces/{self.ns}/pods", "fieldSelector=spec.nodeName%3D"):
            for pod in found if what == "LIST" else [found]:
                meta = pod["metadata"]
                if what != "DELETED" and "deletionTimestamp" not in meta and not pod["spec"].get("nodeName"):
                    client.ask("POST", f"/api/v1/namespaces/{self.ns}/pods/{meta['name']}/binding", {
                        "apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"], "uid": meta["uid"]},
                        "target": {"apiVersion": "v1", "kind": "Node", "name": self.name}})

    def watch(self):
        watcher = Client(self.cluster, self.certificate, 600)
        for what, found in watcher.follow("/api/v1/pods", f"fieldSelector=spec.nodeName%3D{self.name}"):
            with self.lock:
                if what == "LIST":
                    self.wanted = {p["metadata"]["uid"]: p for p in found}
                elif what == "DELETED":
                    self.wanted.pop(found["metadata"]["uid"], None)
                else:
                    self.wanted[found["metadata"]["uid"]] = found

    # --- Running them ---

    def run(self):
        """In the main thread, since a process that a pod runs ends with the thread that started it."""
        while True:
            with self.lock:
                wanted = dict(self.wanted)
                for uid, shown in wanted.items():
                    if uid not in self.pods and shown["status"].get("phase") not in ("Succeeded", "Failed") \
                            and "deletionTimestamp" not in shown["metadata"]:
                        self.admit(uid, shown)
            for uid, pod in list(self.pods.items()):
                self.step(pod, wanted.get(uid))
            for uid, shown in wanted.items():
                if uid not in self.pods and "deletionTimestamp" in shown["metadata"]:
                    self.remove(shown["metadata"])
            time.sleep(kubepods.TICK_S)

    def admit(self, uid, shown):
        self.number += 1
        owner = (shown["metadata"].get("ownerReferences") or [{"name": ""}])[0]["name"].rsplit("-", 1)[0]
        self.pods[uid] = Pod(self, self.number, shown, kubepods.take_stuck(self.modes, owner))

    def step(self, pod, shown):
        if pod.deadline is None and (shown is None or "deletionTimestamp" in shown["metadata"]):
            pod.stop(0 if shown is None else shown["metadata"].get("deletionGracePeriodSeconds", 30))
        pod.step()
        try:
            if shown is not None:
                pod.tell()
            if pod.is_gone():
                if shown is not None:
                    self.remove(shown["metadata"])
                with self.lock:
                    del self.pods[pod.uid]
        except (OSError, http.client.HTTPException) as e:
            print(f"{pod.name}: {e}", file=sys.stderr, flush=True)

    def remove(self, meta):
        """The last word of a kubelet on a pod that has ended."""
        with self.lock:
            self.wanted.pop(meta["uid"], None)
        self.client.ask("DELETE", f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}",
                        {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}})


# --- In front of the API server ---

def user_of(token):
    """Whom a ServiceAccount's token says that it is of; the API server looks whether that is so."""
    try:
        part = token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sub"]
    except (IndexError, ValueError, KeyError):
        return ""


class Front(kubecontrol.Handler):
    def setup(self):
        super().setup()
        self.behind = Client(self.server.cluster, None, 600)

    def finish(self):
        self.behind.close()
        super().finish()

    def do_any(self):
        self.answered, self.user = 0, user_of(self.headers.get("authorization", "").partition(" ")[2])
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        url = urllib.parse.urlsplit(self.path)
        fault = self.server.take_fault(self.command, url.path)
        mode = fault.get("mode")
        if mode == "drop":
            return self.cut()
        if isinstance(mode, int):
            return self.answer(mode, kubecontrol.failure(mode, "asked for by the test"), fault.get("retry_after"))
        if mode == "touch":
            Client(self.server.cluster, self.server.admin).need("PATCH", f"{url.path}?fieldManager=somebody", fault["patch"], PATCH)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
        answer = self.behind.open(self.command, self.path, raw or None, headers)
        self.answered = answer.status
        if mode == "lost":
            answer.read()
            return self.cut()
        self.note()
        self.pass_on(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any

    def pass_on(self, answer):
        """A watch has no length, and its events may not wait for one another."""
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in (*HOP_BY_HOP, "server", "date"):
                self.send_header(name, value)
        if answer.length is not None:
            body = answer.read()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while part := answer.read1(65536):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


# --- What a test needs to be there ---

def until(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Refused(f"{what} does not come")
        time.sleep(0.05)


def write_token(client, ns, account, name):
    answer = client.need("POST", f"/api/v1/namespaces/{ns}/serviceaccounts/{account}/token",
                         {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
    with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(answer["status"]["token"] + "\n")


def make_namespace(client, ns):
    space = f"/api/v1/namespaces/{ns}"
    client.need("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}})
    for account, name in (("admin", "admin-token"), ("credrotate", "rotator-token")):
        client.need("POST", f"{space}/serviceaccounts", {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}})
        write_token(client, ns, account, name)
    rbac = "rbac.authorization.k8s.io"
    client.need("POST", f"/apis/{rbac}/v1/namespaces/{ns}/rolebindings", {
        "apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": {"name": "admin"},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "admin", "namespace": ns}]})
    # what controllers make, and pods need
    for path in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
        until(lambda path=path: client.ask("GET", f"{space}/{path}")[0] == 200, path)


def remove_all(client, node, ns, keep):
    gone = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}
    if not keep:
        client.ask("DELETE", f"/api/v1/namespaces/{ns}")
    client.ask("DELETE", f"/api/v1/namespaces/{ns}/pods", gone)  # whose processes have ended
    client.ask("DELETE", f"/api/v1/nodes/{node.name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cluster", required=True)
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--pods", required=True)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    cluster = Cluster(options.cluster)
    admin = (os.path.join(options.cluster, "admin.pem"), os.path.join(options.cluster, "admin.key"))
    client = Client(cluster, admin)
    if not options.keep:
        make_namespace(client, options.namespace)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*cluster.certificate("front", "/CN=kube-test", "IP:127.0.0.1"))
    node = Node(cluster, options.namespace, os.path.abspath(options.pods))
    front = kubecontrol.Server(Front, tls, node.lock)
    front.cluster, front.admin, front.pods, node.port = cluster, admin, node, front.server_address[1]
    try:
        node.register()
        for thread in (node.beat, node.bind, node.watch):
            threading.Thread(target=thread, daemon=True).start()
        kubecontrol.serve(front)
        node.run()
    finally:
        kubepods.end_all(node.pods.values())
        remove_all(client, node, options.namespace, options.keep)


if __name__ == "__main__":
    main()
