#!/usr/bin/env python3
"""Replays tests/vectors/api (those made from the schema and by design) to an edge's management API.

    api_vectors.py API-ADDRESS CONNECTED-TUNNEL-ID CONNECTOR-ID TOKEN-FILE...

The tunnel has a connector. The tokens take turns, so that none asks too often. Every member that a vector names has to be there with its value, or, where that differs
from run to run, with its type. Prints a line for each vector and "vectors COUNT", and exits 1 if one differs.
"""
import base64
import datetime
import http.client
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VECTORS = os.path.join(HERE, "..", "vectors", "api")
ACCOUNT = "0123456789abcdef0123456789abcdef"
TUNNEL = "11111111-2222-3333-4444-555555555555"
CONNECTOR = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
OLD = base64.b64encode(bytes(range(32))).decode()
NEW = base64.b64encode(bytes(range(255, 223, -1))).decode()
# What differs from run to run: only the kind of value is compared, and null may stand for an unset time.
VOLATILE = {"id", "uuid", "client_id", "created_at", "run_at", "opened_at", "conns_active_at", "conns_inactive_at", "token",
            "TunnelID", "tunnel_id", "TunnelSecret", "status", "version", "client_version", "features", "arch", "origin_ip",
            "config_version", "connections", "tunnel_secret_version", "is_pending_reconnect", "account_id"}
TIMES = {"created_at", "run_at", "opened_at", "conns_active_at", "conns_inactive_at"}

address, connected, connector = sys.argv[1:4]
tokens = [open(file).read().strip() for file in sys.argv[4:]]


def ask(method, path, query="", headers=None, body=None):
    link = http.client.HTTPConnection(address, timeout=15)
    headers = dict(headers or {})
    if "Authorization" in headers:
        tokens.append(tokens.pop(0))
        headers["Authorization"] = "Bearer " + tokens[0]
    link.request(method, path + ("?" + query if query else ""), body, headers)
    answer = link.getresponse()
    data = answer.read()
    link.close()
    return answer, json.loads(data)


def call(method, path, body=None, query=""):
    headers = {"Authorization": "", "Content-Type": "application/json"}
    answer, data = ask(method, f"/client/v4/accounts/{ACCOUNT}/cfd_tunnel{path}", query, headers,
                       None if body is None else json.dumps(body))
    assert answer.status == 200, (method, path, answer.status, data)
    return data["result"]


def differences(expected, is_, at, exact):
    if isinstance(expected, dict):
        if not isinstance(is_, dict):
            return [f"{at}: no object"]
        found = []
        for key, value in expected.items():
            if key not in is_:
                found.append(f"{at}.{key}: missing")
            elif key in VOLATILE and not (exact and key in ("version", "tunnel_secret_version")):
                if type(value) is not type(is_[key]) and not (key in TIMES and (value is None or is_[key] is None)):
                    found.append(f"{at}.{key}: {is_[key]!r} is of another kind than {value!r}")
                if isinstance(value, list) and value and is_[key]:
                    found += differences(value[0], is_[key][0], f"{at}.{key}[0]", exact)
            else:
                found += differences(value, is_[key], f"{at}.{key}", exact)
        return found
    if isinstance(expected, list):
        if not isinstance(is_, list) or bool(expected) != bool(is_):
            return [f"{at}: {is_!r}"]
        return [d for e, i in zip(expected, is_) for d in differences(e, i, f"{at}[]", exact)]
    return [] if expected == is_ else [f"{at}: {is_!r}, expected {expected!r}"]


class Scene:
    """A store prepared to match a vector."""

    def __init__(self, name):
        self.made = []
        self.soon = (datetime.datetime.utcnow() + datetime.timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
        if "connections" in name or name == "connector-get":
            self.id = connected
            return
        remote = name.startswith("config-") and name != "config-put-local"
        self.id = self.make("api-tunnel-before" if name == "create-remote" else "demo", remote)
        if name == "edit-name-conflict":
            self.make("other", False)
        if name in ("edit-retire", "get-with-versions"):
            call("PATCH", "/" + self.id, {"tunnel_secret": NEW, "previous_tunnel_secret_expires_at": self.soon})

    def make(self, name, remote):
        body = {"name": name, "tunnel_secret": OLD, "config_src": "cloudflare" if remote else "local"}
        self.made.append(call("POST", "", body)["id"])
        return self.made[-1]

    def end(self):
        for tunnel in call("GET", "", query="is_deleted=false&per_page=1000"):
            if tunnel["id"] != connected:
                call("DELETE", "/" + tunnel["id"], query="cascade=true")


def adapt(text, scene):
    return text.replace(TUNNEL, scene.id).replace(CONNECTOR, connector).replace("2026-01-02T03:20:00Z", scene.soon)


def replay(name, vector):
    scene, found = Scene(name), []
    for exchange in vector["exchanges"]:
        request, expected = exchange["request"], json.loads(adapt(json.dumps(exchange["response"]), scene))
        body = request["body"]
        if body is not None:
            body = adapt(body if isinstance(body, str) else json.dumps(body), scene)
        answer, data = ask(request["method"], adapt(request["path"], scene), adapt(request["query"], scene),
                           request["headers"], body)
        if answer.status != expected["status"]:
            found.append(f"status {answer.status}: {data}")
        for field, value in expected["headers"].items():
            if answer.getheader(field) != value:
                found.append(f"{field}: {answer.getheader(field)}")
        wanted = expected["body"]
        if name == "config-put-no-catch-all":  # the text is ours, as the linter's
            assert "rule 1: the last rule must match" in data["errors"][0]["message"], data
            wanted["errors"][0]["message"] = data["errors"][0]["message"]
        found += differences(wanted, data, "", name.startswith(("config", "edit")))
    scene.end()
    return found


failed = count = 0
# Those that close the connections come last.
for file in sorted(os.listdir(VECTORS), key=lambda name: (name.startswith("connections-delete"), name)):
    if not file.endswith(".json"):
        continue
    vector = json.load(open(os.path.join(VECTORS, file)))
    if vector.get("source") not in ("design", "schema"):
        continue
    count += 1
    found = replay(file[:-5], vector)
    failed += bool(found)
    print("differs" if found else "same", file[:-5], "; ".join(found))
print("vectors", count)
sys.exit(failed > 0)
