"""What kubeapi.py and kubenode.py have in common: TLS in front, faults that a test asks for, and the test's own side."""

import http.server
import json
import ssl
import threading

REASONS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed",
           409: "Conflict", 415: "UnsupportedMediaType", 422: "Invalid", 429: "TooManyRequests", 500: "InternalError"}


def failure(status, message, reason=None, details=None):
    reason = REASONS.get(status, "") if reason is None else reason
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            **({"reason": reason} if reason else {}), **({"details": details} if details else {}), "code": status}


class Handler(http.server.BaseHTTPRequestHandler):
    """A request, of `user` and answered with the status `answered`."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def cut(self):
        self.note()
        self.close_connection = True
        self.connection.close()

    def note(self):
        with self.server.lock:
            self.server.log.append([self.user, self.command, self.path, self.answered])

    def answer(self, status, value, retry_after=None):
        self.answered = status
        self.note()
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    """`pods` is set by who has them."""

    daemon_threads = True

    def __init__(self, handler, tls, lock):
        super().__init__(("127.0.0.1", 0), handler)
        self.tls, self.lock, self.pods, self.log, self.faults = tls, lock, None, [], []

    def finish_request(self, request, address):
        """The handshake in the connection's own thread, so that one that stalls holds nobody up."""
        request.settimeout(600)
        try:
            super().finish_request(self.tls.wrap_socket(request, server_side=True), address)
        except (OSError, ssl.SSLError):
            pass  # of a client that went away, or did not trust us

    def take_fault(self, method, path):
        with self.lock:
            for f in self.faults:
                if f.get("method", method) == method and f.get("path", "") in path:
                    f["count"] = f.get("count", 1) - 1
                    if f["count"] <= 0:
                        self.faults.remove(f)
                    return dict(f)
        return {}


class Control(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body, api = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}"), self.server.api
        with api.lock:
            if self.path == "/fault":
                api.faults.append(body)
            elif self.path == "/pods":
                api.pods.modes.update(body)
            elif self.path == "/clear":
                api.log.clear()
            else:
                return self.send_error(404)
        self.tell({})

    def do_GET(self):
        api = self.server.api
        with api.lock:
            if self.path == "/log":
                return self.tell(api.log)
            if self.path == "/pods":
                return self.tell(api.pods.shown())
        self.send_error(404)

    def tell(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def serve(api):
    """Both sides, each in threads of its own. Prints "ready PORT CONTROL"."""
    control = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Control)
    control.daemon_threads, control.api = True, api
    for server in (api, control):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"ready {api.server_address[1]} {control.server_address[1]}", flush=True)
