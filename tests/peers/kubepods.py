"""Pods as processes of this machine, and a toy of what runs Deployments, which keeps maxSurge and maxUnavailable. No
ReplicaSets to be seen, no scheduler, no image: a container's command is run as it stands. kubenode.py runs the same pods for
a real Kubernetes.

A pod has an address of its own of 127.0.0.0/8, so that ports do not meet. What differs from a container: a path below a
mountPath, in a command, argument or environment value, is replaced by the pod's directory that stands for the mount. That
directory is written as the kubelet's atomic writer does; a subPath is a copy made when the container starts, and stays.
"""

import base64
import datetime
import json
import math
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request

TICK_S = 0.1
SYNC_S = 1.0  # the kubelet's is about a minute
RESTART_S = 1.0


def share(value, replicas, rounding):
    return rounding(int(value[:-1]) * replicas / 100) if isinstance(value, str) else value


def stamp():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_volume(directory, files):
    """The atomic writer: a directory with a time in its name, reached through the link ..data, which is renamed into place;
    names that users see are links through that."""
    data = os.path.join(directory, "..data")
    old = os.readlink(data) if os.path.islink(data) else None
    if old is not None:
        have = {n: open(os.path.join(directory, old, n), "rb").read() for n in os.listdir(os.path.join(directory, old))}
        if have == files:
            return
    new = datetime.datetime.now().strftime("..%Y_%m_%d_%H_%M_%S.%f") + f"{os.getpid() % 1000:03}"
    os.makedirs(os.path.join(directory, new), mode=0o755)
    for name, content in files.items():
        with open(os.path.join(directory, new, name), "wb") as file:
            file.write(content)
        os.chmod(os.path.join(directory, new, name), 0o640)
    os.symlink(new, os.path.join(directory, "..data_tmp"))
    os.rename(os.path.join(directory, "..data_tmp"), data)
    for name in files:
        if not os.path.islink(os.path.join(directory, name)):
            os.symlink(os.path.join("..data", name), os.path.join(directory, name))
    for name in os.listdir(directory):
        if not name.startswith("..") and name not in files:
            os.unlink(os.path.join(directory, name))
    if old is not None:
        shutil.rmtree(os.path.join(directory, old))


class Missing(Exception):
    """A Secret or a key that a pod needs is not there."""


class Pod:
    """root has its directory; find(KIND, NAMESPACE, NAME) is the object, or None; a stuck one never becomes ready."""

    def __init__(self, root, ns, name, number, spec, find, stuck=False):
        self.ns, self.name, self.spec, self.find, self.stuck = ns, name, spec, find, stuck
        net = os.getpid()  # servers side by side must not meet
        self.address = f"127.{64 + net // 250 % 190}.{net % 250}.{number % 250 + 1}"
        self.dir = os.path.join(root, self.name)
        self.process, self.ready, self.restarts, self.why, self.next_start, self.next_look = None, False, 0, "", 0, 0
        self.exit = None  # of a pod that is not started again
        self.deadline, self.synced = None, 0
        os.makedirs(self.dir)

    # --- What it is given ---

    def secret(self, name):
        found = self.find("secrets", self.ns, name)
        if found is None:
            raise Missing(f'secret "{name}" not found')
        return {k: base64.b64decode(v) for k, v in (found.get("data") or {}).items()}

    def files_of(self, volume):
        """By path. kubenode.py knows more kinds of sources."""
        if "secret" in volume:
            return self.files_from({"secret": {**volume["secret"], "name": volume["secret"]["secretName"]}})
        files = {}
        for source in volume.get("projected", {}).get("sources", []):
            files.update(self.files_from(source))
        return files

    def files_from(self, source):
        source = source["secret"]
        return self.chosen(source, self.secret(source["name"]))

    def chosen(self, source, data):
        files = {}
        for item in source.get("items") or [{"key": k, "path": k} for k in data]:
            if item["key"] not in data:
                raise Missing(f'references non-existent secret key: {item["key"]}')
            files[item["path"]] = data[item["key"]]
        return files

    def sync(self):
        for volume in self.spec.get("volumes") or []:
            os.makedirs(os.path.join(self.dir, volume["name"]), exist_ok=True)
            write_volume(os.path.join(self.dir, volume["name"]), self.files_of(volume))
        self.synced = time.monotonic()

    def mounts(self, container):
        """[(mountPath, what stands for it)], the longest first."""
        found = []
        for m in container.get("volumeMounts") or []:
            at = os.path.join(self.dir, m["name"])
            if m.get("subPath"):
                copied = os.path.join(self.dir, f"subpath-{m['name']}-{self.restarts}")
                shutil.copyfile(os.path.join(at, m["subPath"]), copied)
                os.chmod(copied, 0o640)
                at = copied
            found.append((m["mountPath"].rstrip("/"), at))
        return sorted(found, key=lambda pair: -len(pair[0]))

    def environment(self, container):
        env = {}
        for source in container.get("envFrom") or []:
            for key, value in self.secret(source["secretRef"]["name"]).items():
                env[source.get("prefix", "") + key] = value.decode()
        for e in container.get("env") or []:
            origin = e.get("valueFrom") or {}
            if "secretKeyRef" in origin:
                data = self.secret(origin["secretKeyRef"]["name"])
                if origin["secretKeyRef"]["key"] not in data:
                    raise Missing(f'couldn\'t find key {origin["secretKeyRef"]["key"]}')
                env[e["name"]] = data[origin["secretKeyRef"]["key"]].decode()
            elif "fieldRef" in origin:
                env[e["name"]] = {"status.podIP": self.address, "metadata.name": self.name}[origin["fieldRef"]["fieldPath"]]
            else:
                env[e["name"]] = re.sub(r"\$\((\w+)\)", lambda m: env.get(m[1], m[0]), e.get("value", ""))
        return env

    # --- Its process ---

    def start(self):
        container = self.spec["containers"][0]
        self.sync()
        env, mounts = self.environment(container), self.mounts(container)

        def placed(text):
            text = re.sub(r"\$\((\w+)\)", lambda m: env.get(m[1], m[0]), text)
            for path, at in mounts:
                text = re.sub(re.escape(path) + r"(?=/|\Z)", lambda _, at=at: at, text)
            return text

        words = [placed(w) for w in (container.get("command") or []) + (container.get("args") or [])]
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS")}
        with open(os.path.join(self.dir, "log"), "ab") as log:
            # whatever becomes of us, no connector is left behind
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *words], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env={**kept, **{k: placed(v) for k, v in env.items()}})

    def step(self):
        now = time.monotonic()
        if self.exit is not None:
            return
        if self.process is not None and self.process.poll() is not None and self.deadline is None:
            if self.spec.get("restartPolicy") == "Never":
                self.exit, self.ready = self.process.returncode, False
                return
            self.process, self.ready, self.next_start = None, False, now + RESTART_S
            self.restarts += 1
        try:
            if self.process is None and self.deadline is None and now >= self.next_start:
                self.start()
            elif self.deadline is None and now - self.synced > SYNC_S:
                self.sync()
            self.why = ""
        except Missing as e:
            self.why = str(e)
        if self.deadline is not None and self.process is not None and now > self.deadline:
            self.process.kill()
        if now >= self.next_look and self.deadline is None:
            self.next_look = now + 0.2
            self.ready = self.process is not None and not self.stuck and self.answers()

    def answers(self):
        probe = self.spec["containers"][0].get("readinessProbe", {}).get("httpGet")
        if probe is None:
            return True
        try:
            with urllib.request.urlopen(f"http://{self.address}:{probe['port']}{probe['path']}", timeout=1) as answer:
                return 200 <= answer.status < 400
        except OSError:
            return False

    def stop(self, grace_s=None):
        grace_s = self.spec.get("terminationGracePeriodSeconds", 30) if grace_s is None else grace_s
        self.ready, self.deadline = False, time.monotonic() + grace_s
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)

    def is_gone(self):
        return self.deadline is not None and (self.process is None or self.process.poll() is not None)

    def shown(self, deployment, template):
        """As the control's side tells of it."""
        return {"name": self.name, "deployment": deployment, "ready": self.ready, "stopping": self.deadline is not None,
                "why": self.why, "restarts": self.restarts, "pid": self.process.pid if self.process else None,
                "address": self.address, "dir": self.dir,
                "annotations": (template.get("metadata") or {}).get("annotations") or {}}


def end_all(pods):
    for pod in pods:
        if pod.process is not None and pod.process.poll() is None:
            pod.process.terminate()
    until = time.monotonic() + 2
    for pod in pods:
        if pod.process is not None:
            try:
                pod.process.wait(max(0.01, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                pod.process.kill()


def take_stuck(modes, deployment):
    """Is this pod one of those that the test wants to get stuck?"""
    stuck = modes.get(deployment, 0) > 0
    modes[deployment] = modes.get(deployment, 0) - stuck
    return stuck


class Pods:
    def __init__(self, store, root):
        self.store, self.root, self.pods, self.number, self.modes, self.progress = store, root, [], 0, {}, {}
        if root is not None:
            os.makedirs(root, exist_ok=True)

    def shown(self):
        return [p.shown(p.owner, p.template) for p in self.pods]

    def run(self):
        while True:
            if self.root is not None:
                with self.store.lock:
                    pods = list(self.pods)
                for pod in pods:
                    pod.step()
                with self.store.lock:
                    self.pods = [p for p in self.pods if not p.is_gone()]
                    for (plural, ns, name), d in list(self.store.objects.items()):
                        if plural == "deployments":
                            self.reconcile(ns, name, d)
                    for pod in self.pods:
                        if ("deployments", pod.ns, pod.owner) not in self.store.objects and pod.deadline is None:
                            pod.stop()
            time.sleep(TICK_S)

    def reconcile(self, ns, name, d):
        spec, template = d["spec"], json.loads(json.dumps(d["spec"]["template"]))
        mine = [p for p in self.pods if (p.ns, p.owner) == (ns, name) and p.deadline is None]
        new, old = [p for p in mine if p.template == template], [p for p in mine if p.template != template]
        wanted, rolling = spec["replicas"], spec["strategy"].get("rollingUpdate")
        if not spec.get("paused") or not mine:
            if rolling is None:
                surge, away = 0, wanted
            else:
                surge, away = share(rolling["maxSurge"], wanted, math.ceil), share(rolling["maxUnavailable"], wanted, math.floor)
                if surge == 0 and away == 0:
                    away = 1  # as the real one does, whatever the rounding says
            self.scale(ns, name, template, new, old, wanted, surge, away)
        self.tell(ns, name, d, template)

    def scale(self, ns, name, template, new, old, wanted, surge, away):
        while len(new) > wanted:
            new.pop().stop()
        while len(new) < wanted and len(new) + len(old) < wanted + surge:
            self.number += 1
            pod = Pod(self.root, ns, f"{name}-{self.number}", self.number, template["spec"],
                      lambda *key: self.store.objects.get(key), take_stuck(self.modes, name))
            pod.owner, pod.template = name, template
            self.pods.append(pod)
            new.append(pod)
        available = sum(p.ready for p in new + old)
        for pod in sorted(old, key=lambda p: p.ready):  # those that are not ready first
            if not pod.ready:
                pod.stop()
            elif available - 1 >= wanted - away:
                available -= 1
                pod.stop()

    def tell(self, ns, name, d, template):
        """The status, as kubectl rollout status and others read it."""
        mine = [p for p in self.pods if (p.ns, p.owner) == (ns, name) and p.deadline is None]
        new = [p for p in mine if p.template == template]
        counts = {"replicas": len(mine), "updatedReplicas": len(new), "readyReplicas": sum(p.ready for p in mine),
                  "availableReplicas": sum(p.ready for p in mine)}
        counts["unavailableReplicas"] = max(0, d["spec"]["replicas"] - counts["availableReplicas"])
        seen = {**counts, "ready": sum(p.ready for p in new)}
        last, since, known = self.progress.get((ns, name), (None, 0, []))
        moved = seen != last or template not in known  # a new template is a new ReplicaSet, one of before is not
        if moved:
            since = time.monotonic()
            self.progress[ns, name] = (seen, since, known if template in known else [*known, template])
        done = counts["updatedReplicas"] == counts["replicas"] == d["spec"]["replicas"] <= counts["availableReplicas"]
        late = not done and time.monotonic() - since > d["spec"]["progressDeadlineSeconds"]
        was = d.get("status") or {}
        before = next((c for c in was.get("conditions", []) if c["type"] == "Progressing"), {})
        if late or (before.get("reason") == "ProgressDeadlineExceeded" and not done and not moved):
            reason, status = "ProgressDeadlineExceeded", "False"
        else:
            reason, status = "NewReplicaSetAvailable" if done else "ReplicaSetUpdated", "True"
        updated = before["lastUpdateTime"] if before.get("reason") == reason else stamp()
        status = {"observedGeneration": d["metadata"]["generation"], **{k: v for k, v in counts.items() if v},
                  "conditions": [self.availability(d, counts["availableReplicas"]),
                                 {"type": "Progressing", "status": status, "reason": reason, "lastUpdateTime": updated}]}
        if was != status:
            self.store.commit("deployments", ns, name, {**d, "metadata": dict(d["metadata"]), "status": status}, "MODIFIED")

    def availability(self, d, available):
        rolling = d["spec"]["strategy"].get("rollingUpdate") or {"maxUnavailable": 0}
        enough = available >= d["spec"]["replicas"] - share(rolling["maxUnavailable"], d["spec"]["replicas"], math.floor)
        return {"type": "Available", "status": "True" if enough else "False",
                "reason": f"MinimumReplicas{'A' if enough else 'Una'}vailable"}

    def end(self):
        end_all(self.pods)
