#!/usr/bin/python3
"""python3-kubernetes against the API server of a kubeconfig: kubeclient.py KUBECONFIG NAMESPACE. Takes the Secret "plain" and
the Deployment "web" that are there, and asserts what it gets."""

import base64
import json
import sys
import threading

import kubernetes
from kubernetes.client.rest import ApiException

kubernetes.config.load_kube_config(sys.argv[1])
ns = sys.argv[2]
core, apps = kubernetes.client.CoreV1Api(), kubernetes.client.AppsV1Api()
auth = kubernetes.client.AuthorizationV1Api()

secret = core.read_namespaced_secret("plain", ns)
assert base64.b64decode(secret.data["key"]) == b"one\n" and secret.type == "Opaque" and secret.metadata.uid

seen = []
watching = kubernetes.watch.Watch()


def follow():
    for event in watching.stream(core.list_namespaced_secret, ns, field_selector="metadata.name=plain", timeout_seconds=20):
        seen.append((event["type"], event["object"].data["key"]))
        if len(seen) == 2:
            watching.stop()


thread = threading.Thread(target=follow)
thread.start()
while not seen:
    assert thread.is_alive(), "the watch has ended"
    thread.join(0.05)
patched = core.patch_namespaced_secret("plain", ns, {"data": {"key": base64.b64encode(b"two").decode()}})
assert patched.metadata.resource_version != secret.metadata.resource_version
thread.join()
assert seen == [("ADDED", "b25lCg=="), ("MODIFIED", "dHdv")], seen

try:
    core.replace_namespaced_secret("plain", ns, secret)
    raise AssertionError("a stale resourceVersion was taken")
except ApiException as e:
    assert e.status == 409 and json.loads(e.body)["reason"] == "Conflict", e
try:
    core.read_namespaced_secret("none", ns)
    raise AssertionError("there is no such Secret")
except ApiException as e:
    assert e.status == 404, e

deployment = apps.read_namespaced_deployment("web", ns)
assert deployment.spec.replicas == 2 and deployment.status.observed_generation == deployment.metadata.generation
rolled = apps.patch_namespaced_deployment("web", ns, {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}})
assert rolled.metadata.generation == deployment.metadata.generation + 1
again = apps.patch_namespaced_deployment("web", ns, {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}})
assert again.metadata.generation == rolled.metadata.generation

review = auth.create_self_subject_access_review(kubernetes.client.V1SelfSubjectAccessReview(
    spec=kubernetes.client.V1SelfSubjectAccessReviewSpec(resource_attributes=kubernetes.client.V1ResourceAttributes(
        verb="patch", resource="secrets", namespace=ns, name="plain"))))
assert review.status.allowed is True
