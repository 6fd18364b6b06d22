#!/usr/bin/python3
"""The same requests to a real API server and to kubeapi.py, whose answers have to be alike: in status, reason, message and
details where something is refused, else in what an object is after that, but for what controllers write.

  kubesame.py NAMESPACE SERVER CA TOKENS SERVER CA TOKENS

TOKENS is a directory with admin-token and rotator-token. Prints what differs; exit status 1 when anything does."""

import base64
import json
import os
import ssl
import sys
import urllib.error
import urllib.request

MERGE, STRATEGIC, APPLY = (f"application/{k}" for k in ("merge-patch+json", "strategic-merge-patch+json", "apply-patch+yaml"))
OF_EACH = ("managedFields", "uid", "resourceVersion", "creationTimestamp", "status", "generation")
REVIEW = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Server:
    def __init__(self, address, ca, tokens):
        self.address, self.tls = address, ssl.create_default_context(cafile=ca)
        self.tokens = {"nobody": "none"}
        for user in ("admin", "rotator"):
            with open(os.path.join(tokens, f"{user}-token")) as file:
                self.tokens[user] = file.read().strip()

    def ask(self, user, method, path, value=None, kind="application/json"):
        request = urllib.request.Request(self.address + path, None if value is None else json.dumps(value).encode(), {
            "Authorization": f"Bearer {self.tokens[user]}", "Content-Type": kind}, method=method)
        try:
            with urllib.request.urlopen(request, context=self.tls) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as e:
            return e.code, json.load(e)


def secret(name, **more):
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"k": "b25l"}, **more}


def deployment(name, **spec):
    labels = {"app": name}
    container = {"name": "c", "image": "x", "env": [{"name": "E", "value": "1"}], "volumeMounts": [{"name": "v", "mountPath": "/x"}],
                 "readinessProbe": {"httpGet": {"path": "/ready", "port": 2000}}}
    pod = {"volumes": [{"name": "v", "secret": {"secretName": "s"}}], "containers": [container]}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": 0, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}, **spec}}


def template(**spec):
    return {"spec": {"template": {"spec": spec}}}


def marks(**annotations):
    return {"spec": {"template": {"metadata": {"annotations": annotations}}}}


def requests(ns):
    secrets, deployments = f"/api/v1/namespaces/{ns}/secrets", f"/apis/apps/v1/namespaces/{ns}/deployments"
    one, web, applied = f"{secrets}/s", f"{deployments}/web", {"apiVersion": "v1", "kind": "Secret", "data": {"k": "Zm91cg=="}}
    from_secret = {"secretKeyRef": {"name": "s", "key": "k"}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {
        "resourceAttributes": {"namespace": ns, "verb": "patch", "resource": "secrets", "name": "s"}}}
    yield from (("admin", "GET", f"{secrets}/none"), ("admin", "GET", f"{deployments}/none"), ("nobody", "GET", one))
    for new in (secret("s"), secret("s"), secret("Up"), secret("t", type="kubernetes.io/tls"),
                secret("t", type="kubernetes.io/basic-auth"), secret("t", type="kubernetes.io/ssh-auth"),
                secret("t", type="kubernetes.io/dockerconfigjson"), secret("t", data={"bad key": "b25l"}),
                secret("t", data={"k": "***"}), secret("t", data={"k": base64.b64encode(bytes((1 << 20) + 1)).decode()}),
                secret("t", metadata={"name": "t", "resourceVersion": "5"})):
        yield "admin", "POST", secrets, new
    for change in ({"metadata": {"resourceVersion": "1"}}, {"metadata": {"resourceVersion": "1"}, "data": {"k": "dHdv"}},
                   {"type": "a/b"}, {"data": {"k": "dHdv", "n": "AAAA"}, "metadata": {"annotations": {"a": "b"}}},
                   {"metadata": {"annotations": None}}):
        yield "admin", "PATCH", one, change, MERGE
    yield "admin", "PATCH", f"{secrets}/none", {"data": {"k": "dHdv"}}, MERGE
    yield "admin", "PATCH", one, {"stringData": {"q": "x"}}, STRATEGIC
    yield "admin", "PATCH", one, {"data": {"q": None, "n": None}}, STRATEGIC
    for query in ("", "?fieldManager=m", "?fieldManager=m&force=true"):
        yield "admin", "PATCH", one + query, {**applied, "metadata": {"name": "s"}}, APPLY
    for change in ({"immutable": True}, {"immutable": False}, {"data": {"k": "AAAA"}}, {"metadata": {"labels": {"x": "y"}}}):
        yield "admin", "PATCH", one, change, MERGE
    yield "admin", "PATCH", f"{one}?dryRun=All", {"metadata": {"labels": {"x": "z"}}}, MERGE
    yield "admin", "GET", one
    yield from (("rotator", "GET", one), ("rotator", "PATCH", one, {}, MERGE), ("rotator", "POST", secrets, secret("z")),
                ("rotator", "DELETE", one), ("rotator", "PATCH", web, {}, STRATEGIC), ("rotator", "GET", secrets))
    yield from (("admin", "POST", REVIEW, review), ("rotator", "POST", REVIEW, review))
    yield from (("admin", "GET", f"{secrets}?fieldSelector=foo=s"), ("admin", "DELETE", f"{secrets}/none"))
    for new in (deployment("web"), deployment("web"), deployment("d", selector={"matchLabels": {"app": "other"}}),
                deployment("d", strategy={"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0}}),
                deployment("d", strategy={"type": "Recreate", "rollingUpdate": {"maxSurge": 1}})):
        yield "admin", "POST", deployments, new
    for change in (marks(f="1"), marks(f="1"), marks(f=None), template(volumes=[{"name": "v", "secret": {"secretName": "s2"}}]),
                   template(containers=[{"name": "c", "env": [{"name": "E", "valueFrom": from_secret}]}]),
                   template(containers=[{"name": "c", "env": [{"name": "E", "value": None, "valueFrom": from_secret}]}]),
                   template(containers=[{"name": "c", "envFrom": [{"secretRef": {"name": "s"}}]}]),
                   template(containers=[{"name": "c", "volumeMounts": [{"name": "none", "mountPath": "/y"}]}])):
        yield "admin", "PATCH", web, change, STRATEGIC
    yield from (("admin", "GET", web), ("admin", "DELETE", web))


def essence(answer):
    """Without what is of each server, and of each object."""
    status, value = answer
    meta = {k: v for k, v in value.get("metadata", {}).items() if k not in OF_EACH}
    notes = {k: v for k, v in meta.pop("annotations", {}).items() if not k.startswith("deployment.kubernetes.io/")}
    if value.get("kind") == "Status":
        value["details"] = {k: v for k, v in value.get("details", {}).items() if k != "uid"}
    elif value.get("kind") == "SelfSubjectAccessReview":
        return status, value["status"]["allowed"]
    return status, {**{k: v for k, v in value.items() if k != "status"}, "metadata": {**meta, **({"annotations": notes} if notes else {})}}


def main():
    ns, real, small = sys.argv[1], Server(*sys.argv[2:5]), Server(*sys.argv[5:8])
    asked = differ = 0
    for request in requests(ns):
        ours, theirs = essence(small.ask(*request)), essence(real.ask(*request))
        asked += 1
        if ours != theirs:
            differ += 1
            print(*request[:3], json.dumps(request[3:])[:300], "", f"real:  {theirs}", f"small: {ours}", sep="\n  ")
    print(f"{asked} requests, {differ} answered in another way")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
