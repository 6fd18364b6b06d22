#!/usr/bin/python3
"""A small server with the shapes of Kubernetes' API, for tests of credrotate. IT IS NOT KUBERNETES: it has the routes that
kubectl, the client libraries and credrotate take on the way of a Secret and a Deployment, and the rules that those meet.
kubectl and others' libraries keep it honest (tests/kubeapi.bats); what no client of others has asked of it is a guess.

  kubeapi.py --cert PEM --key PEM --tokens FILE [--pods DIR]

--tokens: {"TOKEN": "USER"}, read again for each request. "admin" may do everything; everybody else what the Roles and
RoleBindings in the store say, a service account being "system:serviceaccount:NAMESPACE:NAME". With --pods the pods of
Deployments run as processes of this machine (kubepods.py).

Prints "ready PORT CONTROL". PORT speaks TLS and is the API; CONTROL is plain HTTP and the test's:
  POST /fault     {"method", "path" (part of it), "mode", "count", "retry_after"}: for the next requests that match. mode is a
                  status, not done; lost (done, no answer), drop (not done, no answer), or touch: somebody else's merge patch,
                  "patch", comes in just before
  POST /pods      {"NAME": N}: so many pods of a Deployment, of those that start from now on, never become ready
  POST /clear     forget the log
  GET /log        [[USER, METHOD, PATH, STATUS]...]
  GET /pods       the pods, their processes, whether they are ready, what they run
"""

import argparse
import base64
import copy
import datetime
import json
import re
import signal
import ssl
import sys
import threading
import time
import urllib.parse
import uuid

import kubecontrol
import kubemerge
import kubepods

# plural: (group, kind, verbs). All are v1 and belong to namespaces.
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
KINDS = {"secrets": ("", "Secret"), "serviceaccounts": ("", "ServiceAccount"),
         "persistentvolumeclaims": ("", "PersistentVolumeClaim"), "deployments": ("apps", "Deployment"),
         "roles": ("rbac.authorization.k8s.io", "Role"), "rolebindings": ("rbac.authorization.k8s.io", "RoleBinding"),
         "cronjobs": ("batch", "CronJob")}
GROUPS = ["apps", "authorization.k8s.io", "batch", "rbac.authorization.k8s.io"]
REVIEW = "selfsubjectaccessreviews"
NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")
KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}\Z")
SECRET_MAX = 1 << 20
# What a Secret of a type has to hold, and of some types one of these.
NEEDS = {"kubernetes.io/tls": ["tls.crt", "tls.key"], "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
         "kubernetes.io/dockercfg": [".dockercfg"], "kubernetes.io/ssh-auth": ["ssh-privatekey"]}
NEEDS_ONE = {"kubernetes.io/basic-auth": ["username", "password"]}
LAST = "kubectl.kubernetes.io/last-applied-configuration"


class Refused(Exception):
    def __init__(self, status, message, reason=None, **details):
        self.status, self.message = status, message
        self.reason, self.details = reason, details


def invalid(kind, name, field, why, what="FieldValueInvalid", more=()):
    """more: other fields that are wrong in the same way."""
    group = {"PatchOptions": "meta.k8s.io"}.get(kind) or next((g for g, k in KINDS.values() if k == kind), "")
    title, all_of = f"{kind}.{group}" if group else kind, [f"{f}: {why}" for f in (field, *more)]
    named = {"name": name} if name else {}
    return Refused(422, f'{title} "{name}" is invalid: {all_of[0] if not more else "[" + ", ".join(all_of) + "]"}', kind=kind,
                   causes=[{"reason": what, "message": why, "field": f} for f in (field, *more)], **named, **grouped(group))


def grouped(group):
    return {"group": group} if group else {}


def about(plural, name):
    """A Status' details."""
    return {**({"name": name} if name else {}), "kind": plural, **grouped(KINDS[plural][0])}


def stamp():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def title_of(plural):
    group = KINDS[plural][0]
    return f"{plural}.{group}" if group else plural


# --- What an object has to be ---

def check_secret(new, old):
    name, data = new["metadata"]["name"], new.setdefault("data", {}) or {}
    for key, text in (new.pop("stringData", None) or {}).items():
        data[key] = base64.b64encode(text.encode()).decode()
    new["data"] = data
    new.setdefault("type", "Opaque")
    size = 0
    for key, value in data.items():
        if not KEY.match(key) or key in (".", ".."):
            raise invalid("Secret", name, f"data[{key}]", f'Invalid value: "{key}": a valid config key must consist of '
                          "alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex "
                          "used for validation is '[-._a-zA-Z0-9]+')")
        try:
            size += len(base64.b64decode(value, validate=True))
        except (ValueError, TypeError):
            if old is None:
                raise Refused(400, 'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0')
            # which quotes all that the Secret holds
            raise Refused(422, f' "" is invalid: patch: Invalid value: {json.dumps(json.dumps(new))}: illegal base64 data at '
                          "input byte 0", "Invalid", causes=[])
    if size > SECRET_MAX:
        raise invalid("Secret", name, "data", "Too long: may not be more than 1048576 bytes", "FieldValueTooLong")
    missing = [f"data[{key}]" for key in NEEDS.get(new["type"], []) if key not in data]
    some = NEEDS_ONE.get(new["type"], [])
    if some and not any(key in data for key in some):
        missing = [f"data[{key}]" for key in some]
    if missing:
        raise invalid("Secret", name, missing[0], "Required value", "FieldValueRequired", missing[1:])
    if old is None:
        return
    if new["type"] != old["type"]:
        raise invalid("Secret", name, "type", f'Invalid value: "{new["type"]}": field is immutable')
    if old.get("immutable"):
        if not new.get("immutable"):
            raise invalid("Secret", name, "immutable", "Forbidden: field is immutable when `immutable` is set",
                          "FieldValueForbidden")
        if new["data"] != old["data"]:
            raise invalid("Secret", name, "data", "Forbidden: field is immutable when `immutable` is set",
                          "FieldValueForbidden")


def check_deployment(new, old):
    name, spec = new["metadata"]["name"], new.setdefault("spec", {})
    pod = spec.get("template", {}).get("spec", {})
    labels = spec.get("template", {}).get("metadata", {}).get("labels") or {}
    match = spec.get("selector", {}).get("matchLabels") or {}
    if not match or any(labels.get(k) != v for k, v in match.items()):
        raise invalid("Deployment", name, "spec.template.metadata.labels",
                      f"Invalid value: {json.dumps(labels, separators=(',', ':'))}: `selector` does not match template `labels`")
    if old is not None and old["spec"]["selector"] != spec["selector"]:
        shown = json.dumps(spec["selector"], separators=(",", ":"))
        raise invalid("Deployment", name, "spec.selector", f"Invalid value: {shown}: field is immutable")
    if not pod.get("containers"):
        raise invalid("Deployment", name, "spec.template.spec.containers", "Required value", "FieldValueRequired")
    volumes = {v["name"] for v in pod.get("volumes") or []}
    for i, c in enumerate(pod["containers"]):
        for j, e in enumerate(c.get("env") or []):
            if e.get("value") and e.get("valueFrom"):
                raise invalid("Deployment", name, f"spec.template.spec.containers[{i}].env[{j}].valueFrom",
                              'Invalid value: "": may not be specified when `value` is not empty')
        for mount in c.get("volumeMounts") or []:
            if mount["name"] not in volumes:
                raise invalid("Deployment", name, "spec.template.spec.containers[0].volumeMounts[0].name",
                              f'Not found: "{mount["name"]}"', "FieldValueNotFound")
    fill_deployment(spec, pod)
    rolling = spec["strategy"].get("rollingUpdate") or {}
    if rolling and spec["strategy"]["type"] == "Recreate":
        raise invalid("Deployment", name, "spec.strategy.rollingUpdate",
                      "Forbidden: may not be specified when strategy `type` is 'Recreate'", "FieldValueForbidden")
    if rolling and all(str(rolling[k]) in ("0", "0%") for k in ("maxSurge", "maxUnavailable")):
        raise invalid("Deployment", name, "spec.strategy.rollingUpdate.maxUnavailable",
                      f"Invalid value: {rolling['maxUnavailable']}: may not be 0 when `maxSurge` is 0")


def fill_deployment(spec, pod):
    """What the real server fills in, and what it leaves out."""
    meta = spec["template"].get("metadata") or {}
    if not meta.get("annotations", True):
        del meta["annotations"]
    spec.setdefault("replicas", 1)
    spec.setdefault("progressDeadlineSeconds", 600)
    spec.setdefault("revisionHistoryLimit", 10)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    for field, value in (("restartPolicy", "Always"), ("terminationGracePeriodSeconds", 30), ("dnsPolicy", "ClusterFirst"),
                         ("schedulerName", "default-scheduler"), ("securityContext", {})):
        pod.setdefault(field, value)
    for c in pod["containers"]:
        for field, value in (("imagePullPolicy", "Always"), ("resources", {}), ("terminationMessagePath", "/dev/termination-log"),
                             ("terminationMessagePolicy", "File")):
            c.setdefault(field, value)
        for e in c.get("env") or []:
            if "fieldRef" in e.get("valueFrom", {}):
                e["valueFrom"]["fieldRef"].setdefault("apiVersion", "v1")
        for kind in ("readinessProbe", "livenessProbe"):
            if kind in c:
                for field, value in (("periodSeconds", 10), ("failureThreshold", 3), ("timeoutSeconds", 1), ("successThreshold", 1)):
                    c[kind].setdefault(field, value)
                if "httpGet" in c[kind]:
                    c[kind]["httpGet"].setdefault("scheme", "HTTP")
    for v in pod.get("volumes") or []:
        if "secret" in v:
            v["secret"].setdefault("defaultMode", 0o644)


CHECKS = {"secrets": check_secret, "deployments": check_deployment}


# --- The store ---

class Store:
    def __init__(self):
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.objects, self.owners, self.events, self.version = {}, {}, [], 1000

    def get(self, plural, ns, name):
        if (plural, ns, name) not in self.objects:
            raise Refused(404, f'{title_of(plural)} "{name}" not found', **about(plural, name))
        return self.objects[plural, ns, name]

    def list(self, plural, ns):
        return [o for (p, n, _), o in sorted(self.objects.items()) if p == plural and n == ns]

    def put(self, plural, ns, name, new, manager, dry=False, applied=None):
        """Create or replace, by whatever way new came to be."""
        group, kind = KINDS[plural]
        old = self.objects.get((plural, ns, name))
        new["apiVersion"], new["kind"] = f"{group}/v1" if group else "v1", kind
        meta = new["metadata"]
        meta["name"], meta["namespace"] = name, ns
        if old is not None:
            given = meta.get("resourceVersion")
            if given and given != old["metadata"]["resourceVersion"]:
                raise Refused(409, f'Operation cannot be fulfilled on {title_of(plural)} "{name}": the object has been '
                              "modified; please apply your changes to the latest version and try again", **about(plural, name))
            for field in ("uid", "creationTimestamp", "resourceVersion", "generation"):
                if field in old["metadata"]:
                    meta[field] = old["metadata"][field]
            if "status" in old:
                new["status"] = copy.deepcopy(old["status"])  # it has a way of its own
        if plural in CHECKS:
            CHECKS[plural](new, old)
        if dry:
            return new
        if applied is None:
            kubemerge.updated(old or {}, new, manager, self.owners.setdefault((plural, ns, name), {}))
        if new == old:
            return old  # no change, no new version
        if old is None:
            meta.update(uid=str(uuid.uuid4()), creationTimestamp=stamp())
        if plural == "deployments" and (old is None or new.get("spec") != old.get("spec")):
            meta["generation"] = (old or {"metadata": {}})["metadata"].get("generation", 0) + 1
        self.commit(plural, ns, name, new, "ADDED" if old is None else "MODIFIED")
        return new

    def commit(self, plural, ns, name, new, what):
        self.version += 1
        new["metadata"]["resourceVersion"] = str(self.version)
        if what == "DELETED":
            self.objects.pop((plural, ns, name))
            self.owners.pop((plural, ns, name), None)
        else:
            self.objects[plural, ns, name] = new
        self.events.append((self.version, plural, ns, what, copy.deepcopy(new)))
        self.changed.notify_all()


# --- Who may do what ---

def allowed(store, user, verb, group, plural, ns, name):
    if user == "admin":
        return True
    for binding in store.list("rolebindings", ns):
        if user not in [f"system:serviceaccount:{s.get('namespace', ns)}:{s['name']}" if s["kind"] == "ServiceAccount"
                        else s["name"] for s in binding.get("subjects") or []]:
            continue
        role = store.objects.get(("roles", ns, binding["roleRef"]["name"]), {})
        for rule in role.get("rules") or []:
            names = rule.get("resourceNames")
            if (verb in rule["verbs"] or "*" in rule["verbs"]) and group in rule["apiGroups"] \
                    and (plural in rule["resources"] or "*" in rule["resources"]) and (not names or name in names):
                return True
    return False


# --- kubectl from 1.32 on asks this one question in protobuf ---

ATTRIBUTES = {1: "namespace", 2: "verb", 3: "group", 4: "version", 5: "resource", 6: "subresource", 7: "name"}


def fields(raw):
    """{number: bytes} of a message whose fields are all strings and messages, each there once."""
    found, at = {}, 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte, at = raw[at], at + 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(raw):
        tag = varint()
        if tag & 7 != 2:
            raise Refused(400, "a field of a kind that this small server does not read")
        size = varint()
        found[tag >> 3], at = raw[at : at + size], at + size
    return found


def review_of(headers, raw):
    if headers.get("content-type") != "application/vnd.kubernetes.protobuf":
        return json.loads(raw)
    if raw[:4] != b"k8s\0":
        raise Refused(400, "not Kubernetes' protobuf")
    spec = fields(fields(raw[4:])[2])[2]
    asked = {ATTRIBUTES[n]: v.decode() for n, v in fields(fields(spec)[1]).items() if n in ATTRIBUTES}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": asked}}


# --- Requests ---

class API(kubecontrol.Handler):
    def do_any(self):
        self.answered, self.user = 0, ""
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        length = int(self.headers.get("content-length") or 0)
        raw = self.rfile.read(length)
        fault = self.server.take_fault(self.command, url.path)
        try:
            if fault.get("mode") == "drop":
                return self.cut()
            if isinstance(fault.get("mode"), int):
                raise Refused(fault["mode"], "asked for by the test")
            self.user = self.who()
            if fault.get("mode") == "touch":
                self.touch(url.path, fault["patch"])
            if query.get("watch", "").lower() in ("true", "t", "1"):
                return self.watch(url.path, query)
            status, answer = self.route(url.path, query, raw)
        except Refused as e:
            status, answer = e.status, kubecontrol.failure(e.status, e.message, e.reason, e.details)
        self.answered = status
        if fault.get("mode") == "lost":
            return self.cut()
        self.answer(status, answer, fault.get("retry_after"))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any

    def who(self):
        kind, _, token = self.headers.get("authorization", "").partition(" ")
        with open(self.server.options.tokens) as file:
            user = json.load(file).get(token)
        if kind != "Bearer" or user is None:
            raise Refused(401, "Unauthorized")
        return user

    def may(self, verb, plural, ns, name):
        group = KINDS[plural][0]
        with self.server.store.lock:
            if not allowed(self.server.store, self.user, verb, group, plural, ns, name):
                which = f'{title_of(plural)} "{name}"' if name else title_of(plural)
                raise Refused(403, f'{which} is forbidden: User "{self.user}" cannot {verb} resource "{plural}" in API group '
                              f'"{group}" in the namespace "{ns}"', **about(plural, name))

    def touch(self, path, patch):
        with self.server.store.lock:
            plural, ns, name = self.split(path)
            store = self.server.store
            store.put(plural, ns, name, kubemerge.merge(copy.deepcopy(store.get(plural, ns, name)), patch), "somebody")

    # --- Where to ---

    def split(self, path):
        """(plural, namespace, name or None) of a resource, else None."""
        m = re.match(r"/(?:api/v1|apis/([^/]+)/v1)/namespaces/([^/]+)/([^/]+)(?:/([^/]+))?\Z", path)
        if not m or m[3] not in KINDS or KINDS[m[3]][0] != (m[1] or ""):
            return None
        return m[3], m[2], m[4]

    def route(self, path, query, raw):
        found = self.split(path)
        if found is None:
            if path == f"/apis/authorization.k8s.io/v1/{REVIEW}" and self.command == "POST":
                return 201, self.review(review_of(self.headers, raw))
            return self.discover(path)
        verb = {"GET": "get" if found[2] else "list", "POST": "create", "PUT": "update", "PATCH": "patch",
                "DELETE": "delete"}[self.command]
        plural, ns, name = found
        self.may(verb, plural, ns, name or "")
        with self.server.store.lock:
            return getattr(self, verb)(plural, ns, name, query, raw)

    def discover(self, path):
        if self.command != "GET":
            raise Refused(405, "the server does not allow this method on the requested resource")
        if path == "/version":
            return 200, {"major": "1", "minor": "20", "gitVersion": "v1.20.0-outbore-tests", "platform": "tests"}
        if path == "/api":
            return 200, {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        if path == "/apis":
            groups = [{"name": g, "versions": [{"groupVersion": f"{g}/v1", "version": "v1"}],
                       "preferredVersion": {"groupVersion": f"{g}/v1", "version": "v1"}} for g in GROUPS]
            return 200, {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        m = re.match(r"/(?:api|apis/([^/]+))/v1\Z", path)
        if not m or (m[1] or "") not in ["", *GROUPS]:
            raise Refused(404, "the server could not find the requested resource")
        group = m[1] or ""
        found = [{"name": p, "singularName": k.lower(), "namespaced": True, "kind": k, "verbs": VERBS}
                 for p, (g, k) in KINDS.items() if g == group]
        if group == "authorization.k8s.io":
            found = [{"name": REVIEW, "singularName": "", "namespaced": False, "kind": "SelfSubjectAccessReview",
                      "verbs": ["create"]}]
        return 200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/v1" if group else "v1",
                     "resources": found}

    def review(self, asked):
        a = asked.get("spec", {}).get("resourceAttributes", {})
        with self.server.store.lock:
            yes = allowed(self.server.store, self.user, a.get("verb"), a.get("group", ""), a.get("resource"),
                          a.get("namespace"), a.get("name", ""))
        return {**asked, "metadata": {}, "status": {"allowed": yes}}

    # --- Verbs; the lock is held ---

    def manager(self, query):
        return query.get("fieldManager") or self.headers.get("user-agent", "unknown").split("/")[0]

    def get(self, plural, ns, name, _query, _raw):
        return 200, copy.deepcopy(self.server.store.get(plural, ns, name))

    def selected(self, plural, ns, query):
        wanted = dict(part.split("=", 1) for part in (query.get("fieldSelector") or "").replace("==", "=").split(",") if part)
        for label in set(wanted) - {"metadata.name", "metadata.namespace"}:
            raise Refused(400, f"field label not supported: {label}")
        return lambda o: all(o["metadata"][f.split(".")[1]] == v for f, v in wanted.items())

    def list(self, plural, ns, _name, query, _raw):
        store, fits = self.server.store, self.selected(plural, ns, query)
        group, kind = KINDS[plural]
        return 200, {"kind": kind + "List", "apiVersion": f"{group}/v1" if group else "v1",
                     "metadata": {"resourceVersion": str(store.version)},
                     "items": [{k: copy.deepcopy(v) for k, v in o.items() if k not in ("kind", "apiVersion")}
                               for o in store.list(plural, ns) if fits(o)]}

    def read(self, raw, plural):
        try:
            value = json.loads(raw)
        except ValueError:
            raise Refused(400, "the object provided is unrecognized (this small server reads JSON alone)")
        group, kind = KINDS[plural]
        if not isinstance(value, dict) or value.get("kind", kind) != kind:
            raise Refused(400, f"the object provided is not a {kind}")
        return value

    def create(self, plural, ns, name, query, raw):
        new = self.read(raw, plural)
        name = new.setdefault("metadata", {}).get("name", "")
        if not NAME.match(name):
            raise invalid(KINDS[plural][1], name, "metadata.name", f'Invalid value: "{name}": a lowercase RFC 1123 subdomain '
                          "must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
                          "alphanumeric character (e.g. 'example.com', regex used for validation is "
                          "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')")
        if new["metadata"].get("resourceVersion"):
            raise Refused(500, "resourceVersion should not be set on objects to be created", "")
        if (plural, ns, name) in self.server.store.objects:
            raise Refused(409, f'{title_of(plural)} "{name}" already exists', "AlreadyExists", **about(plural, name))
        return 201, self.server.store.put(plural, ns, name, new, self.manager(query), "dryRun" in query)

    def update(self, plural, ns, name, query, raw):
        new = self.read(raw, plural)
        if new.get("metadata", {}).get("name") != name:
            raise Refused(400, "the name of the object does not match the name on the URL")
        self.server.store.get(plural, ns, name)
        return 200, self.server.store.put(plural, ns, name, new, self.manager(query), "dryRun" in query)

    def patch(self, plural, ns, name, query, raw):
        store, kind = self.server.store, self.headers.get("content-type", "").split(";")[0]
        change, manager, dry = self.read(raw, plural), self.manager(query), "dryRun" in query
        if kind == "application/apply-patch+yaml":
            return self.apply(plural, ns, name, query, change)
        old = store.get(plural, ns, name)
        if kind == "application/merge-patch+json":
            new = kubemerge.merge(copy.deepcopy(old), change)
        elif kind == "application/strategic-merge-patch+json":
            new = kubemerge.strategic(copy.deepcopy(old), change)
        else:
            raise Refused(415, "415: Unsupported Media Type")
        return 200, store.put(plural, ns, name, new, manager, dry)

    def apply(self, plural, ns, name, query, config):
        store, force = self.server.store, query.get("force") == "true"
        if not query.get("fieldManager"):
            raise invalid("PatchOptions", "", "fieldManager", "Required value: is required for apply patch", "FieldValueRequired")
        old = store.objects.get((plural, ns, name))
        if old is None:
            self.may("create", plural, ns, name)
        owners = copy.deepcopy(store.owners.get((plural, ns, name), {}))
        if "stringData" in config:
            raise Refused(400, "stringData is not for server-side apply here")
        try:
            new = kubemerge.apply(old or {"metadata": {}}, config, query["fieldManager"], owners, force)
        except kubemerge.Conflict as e:
            causes = [{"reason": "FieldManagerConflict", "message": f'conflict with "{m}" using v1',
                       "field": "." + ".".join(str(s) for s in p)} for p, m in e.args[0]]
            raise Refused(409, f"Apply failed with {len(causes)} conflict{'s' * (len(causes) > 1)}: " + "; ".join(
                f"{c['message']}: {c['field']}" for c in causes), "Conflict", causes=causes)
        done = store.put(plural, ns, name, new, query["fieldManager"], "dryRun" in query, applied=config)
        if "dryRun" not in query:
            store.owners[plural, ns, name] = owners
        return 200 if old is not None else 201, done

    def delete(self, plural, ns, name, query, raw):
        store, old = self.server.store, self.server.store.get(plural, ns, name)
        wanted = (json.loads(raw) if raw else {}).get("preconditions") or {}
        for field, value in wanted.items():
            if old["metadata"].get(field) != value:
                raise Refused(409, f'Operation cannot be fulfilled on {title_of(plural)} "{name}": the {field} in the '
                              "precondition does not match", name=name)
        if "dryRun" not in query:
            store.commit(plural, ns, name, copy.deepcopy(old), "DELETED")
        return 200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
                     "details": {**about(plural, name), "uid": old["metadata"]["uid"]}}

    # --- Watching ---

    def watch(self, path, query):
        plural, ns, name = self.split(path) or (None, None, None)
        if plural is None:
            return self.answer(404, {"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound"})
        store, fits = self.server.store, self.selected(plural, ns, query)
        self.may("watch", plural, ns, name or "")
        self.answered = 200
        self.note()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        until = time.monotonic() + int(query.get("timeoutSeconds") or 300)
        with store.lock:
            seen = int(query.get("resourceVersion") or 0)
            if seen == 0:
                seen = store.version
                for o in store.list(plural, ns):
                    if fits(o):
                        self.event("ADDED", o)
        while time.monotonic() < until:
            with store.lock:
                news = [e for e in store.events if e[0] > seen and e[1:3] == (plural, ns) and fits(e[4])]
                if not news:
                    store.changed.wait(min(1, until - time.monotonic()))
            for event in news:
                seen = event[0]
                self.event(event[3], event[4])
        self.wfile.write(b"0\r\n\r\n")

    def event(self, what, obj):
        line = json.dumps({"type": what, "object": obj}).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.flush()


class Server(kubecontrol.Server):
    def __init__(self, options, tls):
        self.options, self.store = options, Store()
        super().__init__(API, tls, self.store.lock)
        self.pods = kubepods.Pods(self.store, options.pods)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cert", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--tokens", required=True)
    parser.add_argument("--pods")
    options = parser.parse_args()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(options.cert, options.key)
    api = Server(options, tls)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    kubecontrol.serve(api)
    try:
        api.pods.run()  # here, since a process that a pod runs ends with the thread that started it
    finally:
        api.pods.end()


if __name__ == "__main__":
    main()
