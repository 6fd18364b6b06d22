#!/usr/bin/env python3
"""The management API as one of tests/vectors/api has it: answers each request with the recorded answer, in order.

mgmtapi.py VECTOR [RUN]     RUN is a key of "runs", default 2025.5.0

Prints "listening on PORT". Each request becomes a line on stderr: "ok METHOD PATH" or "WRONG: why", and a wrong one is
answered 599. "all asked" says that every recorded exchange was had. Queries are compared without page and per_page where
the recording has none of them; of a body, a value in <> stands for any.
"""
import http.server
import json
import sys
import urllib.parse

vector = json.load(open(sys.argv[1], encoding="utf-8"))
run = vector["runs"][sys.argv[2] if len(sys.argv) > 2 else "2025.5.0"] if "runs" in vector else vector
left = list(run["exchanges"])


def pairs(query, recorded):
    kept = urllib.parse.parse_qsl(query, keep_blank_values=True)
    names = {name for name, _ in urllib.parse.parse_qsl(recorded, keep_blank_values=True)}
    return sorted((n, v) for n, v in kept if n in names or n not in ("page", "per_page"))


def same_body(got, want):
    if isinstance(want, str) and want.startswith("<"):
        return isinstance(got, str)
    if isinstance(want, dict):
        return isinstance(got, dict) and list(got) == list(want) and all(same_body(got[k], want[k]) for k in want)
    return got == want


def complaint(handler, body):
    if not left:
        return "nothing more was expected"
    want = left[0]["request"]
    path, _, query = handler.path.partition("?")
    if (handler.command, path) != (want["method"], want["path"]):
        return f"not {want['method']} {want['path']}"
    if pairs(query, want["query"]) != pairs(want["query"], want["query"]):
        return f"not the query {want['query']}"
    if handler.headers["Authorization"] != want["headers"]["Authorization"]:
        return "not the token"
    if not same_body(json.loads(body) if body else None, want["body"]):
        return f"not the body {want['body']}"
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        why = complaint(self, body)
        response = {"status": 599, "headers": {}, "body": None} if why else left.pop(0)["response"]
        print(f"WRONG: {self.command} {self.path}: {why}" if why else f"ok {self.command} {self.path}",
              file=sys.stderr, flush=True)
        if not left and not why:
            print("all asked", file=sys.stderr, flush=True)
        content = response["body"]
        text = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(response["status"])
        for name, value in response["headers"].items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"listening on {server.server_port}", flush=True)
server.serve_forever()
