#!/usr/bin/env python3
"""An application whose answers are what the request asks for.

At /cors the Origin of a request is allowed when it ends in the value of "end". FRESH in a header is another nonce each
time. X-Secret of a request comes back as X-Saw, every header with "nonce" in its name as X-Told.
A header of "get" is not sent to HEAD. If-None-Match with the ETag among the headers is answered with a bare 304.

"wait" seconds pass before the answer. "size" is the length of an HTML body in place of "body".

    GET /anything?status=404&header=Content-Type:text/html&header=X-Frame-Options:DENY&body=text

Without a Content-Type among the headers there is none. An Upgrade to WebSocket is accepted with the same headers.
Prints "ready PORT".
"""
import base64
import hashlib
import http.server
import os
import sys
import time
from urllib.parse import parse_qsl, urlsplit

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def send(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if body is not None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body is not None and self.command != "HEAD":
            self.wfile.write(body)

    def upgrade(self, headers):
        key = self.headers.get("Sec-WebSocket-Key", "")
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        self.send(101, [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)] + headers, None)
        self.close_connection = True

    def endless(self):
        self.send(200, [("Content-Type", "text/html"), ("Connection", "close")], None)
        try:
            while True:
                self.wfile.write(b"<p>more" * 1000)
        except OSError:
            self.close_connection = True

    def do_GET(self):
        url = urlsplit(self.path)
        query = parse_qsl(url.query, keep_blank_values=True)
        headers = [tuple(v.split(":", 1)) for k, v in query if k == "header"]
        headers += [tuple(v.split(":", 1)) for k, v in query if k == "get" and self.command != "HEAD"]
        options = dict(query)
        time.sleep(float(options.get("wait", "0")))
        origin = self.headers.get("Origin", "")
        if url.path == "/cors" and origin and origin.endswith(options.get("end", "no such end")):
            headers += [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true")]
        headers = [(k, v.replace("FRESH", base64.b64encode(os.urandom(18)).decode())) for k, v in headers]
        headers += [("X-Saw", self.headers["X-Secret"])] if "X-Secret" in self.headers else []
        headers += [("X-Told", v) for k, v in self.headers.items() if "nonce" in k.lower()]
        if url.path == "/loop":
            self.send(302, [("Location", "/loop")], b"")
        elif url.path == "/endless":
            self.endless()
        elif self.headers.get("If-None-Match", "none") in [v for k, v in headers if k == "ETag"]:
            self.send(304, [], None)
        elif self.headers.get("Upgrade", "").lower() == "websocket":
            self.upgrade(headers)
        else:
            status = int(options.get("status", "200"))
            body = None if status in (204, 304) else options.get("body", "body").encode()
            if "size" in options:
                body = (b"<p>text" * (int(options["size"]) // 7 + 1))[:int(options["size"])]
            self.send(status, headers, body)

    do_HEAD = do_OPTIONS = do_GET

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # whoever asked has heard enough
            super().handle_error(request, client_address)


server = Server(("127.0.0.1", 0), Handler)
print("ready", server.server_port, flush=True)
server.serve_forever()
