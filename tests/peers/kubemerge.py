"""How Kubernetes' API server changes an object: merge patch (RFC 7386), strategic merge patch, server-side apply. Values in,
values out; of strategic merge what the fields of Secrets and Deployments need."""

import copy

# Lists that are merged by a key, by the name of their field; any other list is replaced as a whole.
MERGE_KEYS = {"containers": "name", "initContainers": "name", "volumes": "name", "env": "name", "ports": "containerPort",
              "volumeMounts": "mountPath", "imagePullSecrets": "name", "ownerReferences": "uid", "conditions": "type"}
RETAIN_KEYS = {"volumes", "strategy"}


class Conflict(Exception):
    """Of server-side apply: [(path, manager)] of fields that somebody else holds with another value."""


def merge(old, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    new = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = merge(new.get(key), value)
    return new


def strategic(old, patch, field=""):
    """A map: as merge patch, with directives, and lists by their keys."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {k: v for k, v in patch.items() if k != "$patch"}
    new = dict(old) if isinstance(old, dict) else {}
    keep = patch.get("$retainKeys")
    if keep is not None:
        new = {k: v for k, v in new.items() if k in keep}
    for key, value in patch.items():
        if key == "$retainKeys" or key == "$patch" or key.startswith("$setElementOrder/"):
            continue
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.split("/", 1)[1]
            new[name] = [v for v in new.get(name, []) if v not in value]
        elif value is None:
            new.pop(key, None)
        elif isinstance(value, list):
            new[key] = strategic_list(new.get(key) or [], value, key)
        else:
            new[key] = strategic(new.get(key), value, key)
    return new


def strategic_list(old, patch, field):
    key = MERGE_KEYS.get(field)
    if key is None or not all(isinstance(item, dict) for item in patch):
        return copy.deepcopy(patch)
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    new = list(old)
    for item in patch:
        at = next((i for i, was in enumerate(new) if was.get(key) == item.get(key)), None)
        if item.get("$patch") == "delete":
            if at is not None:
                del new[at]
        elif at is None:
            new.append(strategic({}, item))
        else:
            new[at] = strategic(new[at], item)
    return new


def leaves(value, path=()):
    """Paths of what an applied object states, each with its value: maps by key, keyed lists by the key of their items."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, path + (key,))
    elif isinstance(value, list) and path and path[-1] in MERGE_KEYS and value:
        by = MERGE_KEYS[path[-1]]
        for item in value:
            yield path + ((by, item.get(by)),), {by: item.get(by)}
            yield from leaves({k: v for k, v in item.items() if k != by}, path + ((by, item.get(by)),))
    elif path:
        yield path, value


def find(value, path):
    for step in path:
        if isinstance(step, tuple):
            value = next((v for v in value or [] if v.get(step[0]) == step[1]), None)
        else:
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            return None
    return value


def remove(value, path):
    parent = find(value, path[:-1]) if path[:-1] else value
    if isinstance(path[-1], tuple) and isinstance(parent, list):
        parent[:] = [v for v in parent if v.get(path[-1][0]) != path[-1][1]]
    elif isinstance(parent, dict):
        parent.pop(path[-1], None)


IDENTITY = {("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace"), ("metadata", "resourceVersion")}


def apply(old, config, manager, owners, force):
    """Server-side apply. owners: {path: {manager}} of the object, changed in place when there is no conflict."""
    stated = {p: v for p, v in leaves(config) if p not in IDENTITY}
    against = [(p, m) for p, v in stated.items() for m in sorted(owners.get(p, ())) if m != manager
               and not isinstance(p[-1], tuple) and find(old, p) is not None and find(old, p) != v]
    if against and not force:
        raise Conflict(against)
    new = strategic(copy.deepcopy(old), config)
    for path in sorted(owners, key=len, reverse=True):
        if owners[path] == {manager} and path not in stated:
            remove(new, path)
    for path, _ in against:
        owners[path] = set()
    settle(owners, manager, stated, new)
    return new


def settle(owners, manager, stated, new):
    for path in list(owners):
        if path not in stated:
            owners[path].discard(manager)
        if not owners[path] or find(new, path) is None:
            del owners[path]
    for path in stated:
        owners.setdefault(path, set()).add(manager)


def updated(old, new, manager, owners):
    """An update or patch by this manager: what it changed is its own, what is gone is nobody's."""
    for path, value in leaves(new):
        if path not in IDENTITY and path[0] != "status" and find(old, path) != value:
            owners[path] = {manager}
    for path in list(owners):
        if find(new, path) is None:
            del owners[path]
