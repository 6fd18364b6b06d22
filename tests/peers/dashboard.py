#!/usr/bin/env python3
"""An application in the way of Grafana: pages with scripts of their own that open a WebSocket for live data, a session
cookie, an API. With --csp it sends a Content-Security-Policy with a nonce of its own. Prints "ready PORT".

/ leads to /login, which is a page; /d/... are pages for who has the session; /api/live/ws is the WebSocket: it sends one
message, and refuses an Origin that is not the Host.
"""
import base64
import hashlib
import http.server
import os
import sys
import urllib.parse

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PAGE = """<!doctype html><html><head><title>Dashboard</title><base href="/">
<link rel=stylesheet href=public/app.css><link rel=icon href=public/icon.png></head>
<body style="margin: 0"><div id=app></div><form action=/login method=post><input name=user></form>
<script{nonce}>window.boot = {{live: (location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/api/live/ws"}};
new WebSocket(window.boot.live);</script><script{nonce} src=public/app.js></script></body></html>"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def send(self, status, headers, body=b""):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 101:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def page(self, status=200):
        headers = [("Content-Type", "text/html; charset=UTF-8"), ("Cache-Control", "no-store"),
                   ("X-Frame-Options", "deny"), ("X-Content-Type-Options", "nosniff"), ("X-Xss-Protection", "1; mode=block"),
                   ("Set-Cookie", "grafana_session=0123456789abcdef; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax")]
        nonce = ""
        if "--csp" in sys.argv:
            value = base64.b64encode(os.urandom(18)).decode()
            nonce = f" nonce={value}"
            headers.append(("Content-Security-Policy", f"script-src 'self' 'nonce-{value}' 'strict-dynamic'; object-src 'none'; "
                            "style-src 'self' 'unsafe-inline'; img-src * data:; base-uri 'self'; connect-src 'self' "
                            f"ws://{self.headers['Host']} wss://{self.headers['Host']}; form-action 'self'; report-uri /r"))
        self.send(status, headers, PAGE.format(nonce=nonce).encode())

    def live(self):
        origin = urllib.parse.urlsplit(self.headers.get("Origin", "")).netloc
        if origin not in ("", self.headers["Host"]):
            self.send(403, [("Content-Type", "text/plain")], b"origin not allowed")
            return
        key = self.headers.get("Sec-WebSocket-Key", "")
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        self.send(101, [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)])
        self.wfile.write(b"\x81\x0d" + b'{"live":true}')
        self.close_connection = True
        self.rfile.read(2)  # what the other side closes it with
        self.wfile.write(b"\x88\x02\x03\xe8")

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/api/live/ws":
            self.live()
        elif path == "/":
            self.send(302, [("Location", "/login"), ("Cache-Control", "no-store")])
        elif path == "/login" or path.startswith("/d/"):
            self.page()
        elif path.startswith("/api/"):
            self.send(200, [("Content-Type", "application/json")], b'{"database":"ok"}')
        elif path == "/public/app.js":
            self.send(200, [("Content-Type", "text/javascript"), ("ETag", '"1"')], b"boot")
        elif path == "/public/app.css":
            self.send(200, [("Content-Type", "text/css"), ("ETag", '"1"')], b"a{}")
        else:
            self.page(404)

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


server = Server(("127.0.0.1", 0), Handler)
print("ready", server.server_port, flush=True)
server.serve_forever()
