#!/usr/bin/python3
"""The management API over a fleet that exists in this process only: an edge's two-secret rule, and connectors that read
their credentials from real files. What a test of credrotate's order and of its crashes needs, in milliseconds; the same
rotations run against the real edge and connectors elsewhere.

  rotation_sim.py SECRET-FILE [--official-only] NAME=FILE[,restart|reload|watch]...

The tunnel's first secret is that of SECRET-FILE, credentials JSON. Prints "ready PORT". Beside the API:
  POST /sim/signal/NAME    the connector reads its file again: restart drops its connections first, reload keeps them
                           where the new secret is refused
  POST /sim/kill/NAME      it is gone
  POST /sim/fault          {"method", "path" (part of it), "mode", "count"}: for the next requests that match.
                           mode: lost (done, no answer), 500 (done, answered 500), drop (not done, no answer), or a status
  POST /sim/rotate         somebody else sets a secret
  POST /sim/skew           {"seconds"}: the server's clock jumps
  GET /sim/state           what is current, and who could register
"""

import argparse
import base64
import datetime
import http.server
import json
import os
import threading
import time
import uuid

ACCOUNT = "0123456789abcdef0123456789abcdef"
TOKEN = "sim-token"


def stamp(seconds):
    if seconds is None:
        return None
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat().replace("+00:00", "Z")


class Refused(Exception):
    def __init__(self, status, code, message):
        self.status, self.code, self.message = status, code, message


class Tunnel:
    def __init__(self, credentials, overlaps):
        self.id, self.secret = credentials["TunnelID"].lower(), credentials["TunnelSecret"]
        self.overlaps, self.previous, self.expires, self.version, self.skew = overlaps, None, None, 1, 0
        self.versions = {self.secret: 1}

    def now(self):
        return time.time() + self.skew

    def version_of(self, secret):
        """Which version a registration gets, None when it is refused."""
        if secret == self.secret:
            return self.version
        if self.overlaps and secret == self.previous and self.expires and self.expires > self.now():
            return self.version - 1
        return None

    def set(self, secret, expires):
        if secret and len(base64.b64decode(secret, validate=True)) < 32:
            raise Refused(400, 1002, "secret too short")
        if expires and expires > self.now() + 86400:
            raise Refused(400, 1002, "window too long")
        if secret and secret != self.secret:
            self.previous, self.secret, self.version = self.secret, secret, self.version + 1
            self.expires = expires
        elif expires:
            self.expires = expires
        if not self.overlaps or not self.expires or self.expires <= self.now():
            self.previous = self.expires = None

    def shown(self):
        t = {"id": self.id, "account_tag": ACCOUNT, "name": "sim", "created_at": stamp(1.7e9), "deleted_at": None,
             "connections": [], "status": "healthy", "config_src": "local"}
        if self.overlaps:
            if self.expires and self.expires <= self.now():
                self.previous = self.expires = None
            t.update(tunnel_secret_version=self.version, previous_tunnel_secret_expires_at=stamp(self.expires))
        return t

    def token(self):
        body = json.dumps({"a": ACCOUNT, "t": self.id, "s": self.secret}, separators=(",", ":"))
        return base64.b64encode(body.encode()).decode()


class Connector:
    def __init__(self, tunnel, path, kind):
        self.tunnel, self.path, self.kind, self.version, self.used, self.alive = tunnel, path, kind, None, None, True
        self.count, self.loses = 2, False
        self.make = "2025.5.0" if kind == "cloudflared" else "outbore/sim"
        self.start(self.file_secret())

    def file_secret(self):
        with open(self.path, encoding="utf-8") as f:
            text = f.read()
        if text.startswith("{"):
            return json.loads(text)["TunnelSecret"]
        return json.loads(base64.b64decode(text))["s"]

    def start(self, secret):
        version = self.tunnel.version_of(secret)
        if version is not None:
            self.id, self.version, self.used, self.opened = str(uuid.uuid4()), version, secret, self.tunnel.now()

    def signal(self):
        if self.kind == "restart":
            self.version, self.used = None, self.file_secret()
        self.start(self.file_secret())

    def look(self):
        """What it does by itself: watch its file, and come back when it was cut off."""
        if not self.alive:
            return
        if self.kind == "watch" and self.file_secret() != self.used:
            self.start(self.file_secret())
        elif self.version is None:
            self.start(self.used)

    def shown(self):
        conns = []
        for _ in range(self.count):
            c = {"id": str(uuid.uuid4()), "colo_name": "sim", "is_pending_reconnect": False, "origin_ip": "192.0.2.1",
                 "opened_at": stamp(self.opened), "client_id": self.id, "client_version": self.make}
            if self.tunnel.overlaps:
                c["tunnel_secret_version"] = self.version
            conns.append(c)
        if self.loses:
            self.count, self.loses = self.count - 1, False
        return {"id": self.id, "features": [], "version": self.make, "arch": "linux_amd64",
                "run_at": stamp(self.opened), "config_version": -1, "conns": conns}


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, tunnel, connectors):
        super().__init__(("127.0.0.1", 0), Handler)
        self.tunnel, self.connectors, self.lock, self.faults, self.evicted = tunnel, connectors, threading.Lock(), [], set()

    def fault(self, method, path):
        for f in self.faults:
            if f["method"] == method and f["path"] in path and f["count"] > 0:
                f["count"] -= 1
                return f["mode"]
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string(int(self.server.tunnel.now()))

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def fail(self, status, code, message):
        self.answer(status, {"success": False, "errors": [{"code": code, "message": message}], "messages": [], "result": None})

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        path, _, query = self.path.partition("?")
        with self.server.lock:
            if path.startswith("/sim/"):
                return self.answer(200, self.simulate(path[5:], body))
            fault = self.server.fault(self.command, path)
            if fault == "drop":
                self.close_connection = True
                return None
            if isinstance(fault, int) and fault != 500:
                return self.fail(fault, 10000, "as the test asked for")
            try:
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    raise Refused(401, 10000, "Authentication error")
                result = self.api(path, query, body)
            except Refused as e:
                return self.fail(e.status, e.code, e.message)
        if fault == "lost":
            self.close_connection = True
            return None
        if fault == 500:
            return self.fail(500, 1000, "as the test asked for")
        info = {"page": 1, "per_page": 100, "count": 1, "total_count": 1, "total_pages": 1}
        return self.answer(200, {"success": True, "errors": [], "messages": [], "result": result, "result_info": info})

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any

    def api(self, path, query, body):
        t = self.server.tunnel
        base = f"/client/v4/accounts/{ACCOUNT}/cfd_tunnel"
        if (self.command, path) == ("GET", base):
            return [t.shown()]
        rest = path.removeprefix(f"{base}/{t.id}")
        if rest == path:
            raise Refused(404, 1003, "not found")
        if (self.command, rest) == ("GET", ""):
            return t.shown()
        if (self.command, rest) == ("GET", "/token"):
            return t.token()
        if (self.command, rest) == ("PATCH", ""):
            text = body.get("previous_tunnel_secret_expires_at")
            when = datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None
            t.set(body.get("tunnel_secret"), when)
            return {**t.shown(), "token": t.token()}
        if (self.command, rest) == ("GET", "/connections"):
            for c in self.server.connectors.values():
                c.look()
            return [c.shown() for c in self.server.connectors.values() if c.version is not None]
        if (self.command, rest) == ("DELETE", "/connections"):
            for c in self.server.connectors.values():
                if not query or c.version is not None and f"client_id={c.id}" == query:
                    c.version = None
                    c.look()  # who can come back does so at once
            return None
        raise Refused(404, 7003, "no such route")

    def simulate(self, what, body):
        s, t = self.server, self.server.tunnel
        verb, _, name = what.partition("/")
        if verb == "signal":
            s.connectors[name].signal()
        elif verb == "kill":
            s.connectors[name].version, s.connectors[name].alive = None, False
        elif verb == "lose":  # a connection, once somebody has looked
            s.connectors[name].loses = True
        elif verb == "fault":
            s.faults.append(body)
        elif verb == "rotate":
            t.set(base64.b64encode(os.urandom(32)).decode(), None)
        elif verb == "skew":
            t.skew += body["seconds"]
        return {"version": t.version, "secret": t.secret, "previous_open": t.version_of(t.previous) is not None if t.previous
                else False,
                "connectors": {n: {"version": c.version, "installable": t.version_of(c.file_secret()) is not None,
                                   "current": c.file_secret() == t.secret} for n, c in s.connectors.items()}}


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--official-only", action="store_true")
    args.add_argument("secret_file")
    args.add_argument("connector", nargs="+")
    a = args.parse_args()
    with open(a.secret_file, encoding="utf-8") as f:
        tunnel = Tunnel(json.load(f), not a.official_only)
    connectors = {}
    for text in a.connector:
        name, _, rest = text.partition("=")
        path, _, kind = rest.partition(",")
        connectors[name] = Connector(tunnel, path, kind or "reload")
    server = Server(tunnel, connectors)
    print("ready", server.server_address[1], flush=True)
    server.serve_forever()


main()
