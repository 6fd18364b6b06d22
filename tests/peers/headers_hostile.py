#!/usr/bin/env python3
"""A server that answers badly: the path says how. Prints "ready PORT"."""
import socketserver
import threading
import zlib

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
EMPTY = b"Content-Length: 0\r\n\r\n"


def bomb():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(b"<p>" + bytes(50_000_000)) + packer.flush()


def gzipped(encoding, body):
    return HEAD + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body)) + body


BOMB = bomb()
# path: what comes once, then what comes for ever; None: nothing more, and the connection ends
ANSWERS = {
    "bomb": (gzipped(b"gzip", BOMB), None),
    "bombs-in-bombs": (gzipped(b", ".join([b"gzip"] * 8), BOMB), None),
    "no-gzip": (gzipped(b"gzip", b"hello"), None),
    "many-lines": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
    "long-line": (b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 65536),
    "interim": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100),
    "endless": (HEAD + b"\r\n", b"<p>more" * 1000),
    "no-head": (b"HTTP/1.1 200 OK\r\n", b""),
    "no-end": (HEAD + b"\r\n<p>", b""),
    "not-utf8": (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Frame-Options: \xff\xfe\xc3\x28\r\n"
                 b"Set-Cookie: \xff=\xfe\r\nContent-Length: 6\r\n\r\n<p>\xff\xfe\xc3", None),
    "nul": (b"HTTP/1.1 200 OK\r\nX-Frame-Options: DE\0NY\r\n" + EMPTY, None),
    "silence": (b"", None),
    "garbage": (b"hello there\r\n\r\n", None),
    "version": (b"HTTP/9.9 200 OK\r\n" + EMPTY, None),
    "short": (HEAD + b"Content-Length: 1000\r\n\r\nabc", None),
    "lengths": (HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", None),
    "folded": (b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n" + EMPTY, None),
    "loop": (b"HTTP/1.1 302 Found\r\nLocation: /loop\r\n" + EMPTY, None),
    "to-a-file": (b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n" + EMPTY, None),
    "good": (HEAD + b"Content-Length: 2\r\n\r\nok", None),
}


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        request = self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        first, rest = ANSWERS.get(request.split(b" ")[1].decode()[1:], ANSWERS["good"])
        try:
            self.wfile.write(first)
            while rest:
                self.wfile.write(rest)
            if rest == b"":
                threading.Event().wait()  # until the process ends
        except OSError:
            pass


class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 64
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print("ready", server.server_address[1], flush=True)
server.serve_forever()
