#!/usr/bin/python3
"""An origin for tests: HTTP/1.1 (and HTTP/2 with --h2) with one path for each behaviour that a proxy meets.

Prints `ready PORT` (or `ready PATH` with --unix) and serves until it is killed. Paths:

  /echo             what arrived as JSON: method, target, headers in order, trailers, body sum, connection number
  /bytes?n=         N pseudo-random bytes with content-length; always the same ones, see --sum
  /eof?n=           the same without a length, ended by closing
  /chunked?n=&trailer=1    the same in chunks, with the announced trailer x-checksum
  /sse?n=&ms=       N events, one every MS milliseconds
  /slow?ms=         an answer after MS milliseconds
  /status/NNN       that status
  /upload           reads the body; its SHA-256 and length as JSON
  /bighdr?n=        one response header field of N bytes
  /1xx              103 Early Hints, then 200
  /continue?refuse= 100 Continue when expected, then reads the body; or 403 without either
  /reset?n=         RST after N bytes, in the middle of the body
  /noheader         closes before the response head
  /ws               WebSocket echo, see wsecho.py; /ws-refuse answers 403; /ws-wrong accepts with a wrong key
  /pieces?n=&ms=    N single bytes, one every MS milliseconds, with a length
  and those of meet.py, where requests wait for one another
"""

import argparse
import asyncio
import functools
import hashlib
import json
import random
import signal
import socket
import ssl
import struct
import urllib.parse

import h2link
import meet
import wsecho

BLOCK = 65536
HEAD_LIMIT = 4 << 20
BODILESS = (204, 304)


@functools.lru_cache(maxsize=64)
def block(index):
    return random.Random(index).randbytes(BLOCK)


def pieces(size):
    """The first SIZE bytes of one fixed pseudo-random sequence."""
    for index in range((size + BLOCK - 1) // BLOCK):
        yield block(index)[: size - index * BLOCK]


def sequence_sum(size):
    digest = hashlib.sha256()
    for piece in pieces(size):
        digest.update(piece)
    return digest.hexdigest()


class Exchange:
    """One request and the way to answer it. A subclass knows the version of HTTP:

    read() the next piece of the body, b"" at its end; interim(status, fields); head(status, fields, length), where
    a length of None means unknown; data(piece); end(trailers); abort().
    """

    def __init__(self, method, target, headers, connection):
        self.method, self.target, self.headers, self.connection = method, target, headers, connection
        self.trailers = []
        path, _, query = target.partition("?")
        self.path = path
        self.query = dict(urllib.parse.parse_qsl(query))

    def number(self, name, default=0):
        return int(self.query.get(name, default))

    def header(self, name):
        return next((value for key, value in self.headers if key.lower() == name), None)

    async def body_sum(self):
        digest, length = hashlib.sha256(), 0
        while piece := await self.read():
            digest.update(piece)
            length += len(piece)
        return {"sha256": digest.hexdigest(), "length": length}

    async def reply(self, status, body, fields=(), content_type="text/plain"):
        data = body.encode()
        await self.head(status, [("content-type", content_type), *fields], len(data))
        if self.method != "HEAD":
            await self.data(data)
        await self.end()

    async def reply_json(self, value):
        await self.reply(200, json.dumps(value) + "\n", content_type="application/json")


class Http1(Exchange):
    """A request on an HTTP/1.1 connection."""

    def __init__(self, reader, writer, request_line, headers, connection):
        self.whole, self.held = False, b""
        method, target, self.version = request_line.split(" ")
        super().__init__(method, target, headers, connection)
        self.reader, self.writer = reader, writer
        self.chunked_out = False
        self.keep_alive = self.version == "HTTP/1.1" and (self.header("connection") or "").lower() != "close"
        self.chunked_in = (self.header("transfer-encoding") or "").lower() == "chunked"
        self.left = 0 if self.chunked_in else int(self.header("content-length") or 0)
        self.expects = (self.header("expect") or "").lower() == "100-continue"

    async def read(self):
        if self.expects:
            self.expects = False
            await self.interim(100, [])
        if self.chunked_in and self.left == 0:
            await self.next_chunk()
        data = await self.reader.read(min(self.left, BLOCK)) if self.left else b""
        if self.left and not data:
            raise ConnectionResetError("body cut short")
        self.left -= len(data)
        if self.chunked_in and data and self.left == 0:
            await self.reader.readexactly(2)
        return data

    async def next_chunk(self):
        self.left = int((await self.reader.readline()).split(b";")[0], 16)
        if self.left:
            return
        self.chunked_in = False
        while line := (await self.reader.readline()).strip():
            name, _, value = line.decode("latin-1").partition(":")
            self.trailers.append((name, value.strip()))

    def write_head(self, status, fields, hold=False):
        lines = [f"HTTP/1.1 {status} {'Fine' if status < 400 else 'Refused'}", *(f"{n}: {v}" for n, v in fields)]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if hold:
            self.held = head
        else:
            self.writer.write(head)

    async def interim(self, status, fields):
        self.write_head(status, fields)
        await self.writer.drain()

    async def head(self, status, fields, length):
        fields = list(fields)
        if length is not None and status not in BODILESS:
            fields.append(("content-length", length))
        elif length is None and self.version == "HTTP/1.1" and self.keep_alive:
            self.chunked_out = True
            fields.append(("transfer-encoding", "chunked"))
        if not self.keep_alive:
            fields.append(("connection", "close"))
        self.write_head(status, fields, hold=self.whole)
        await self.writer.drain()

    async def data(self, piece):
        piece, self.held = self.held + piece, b""
        if self.chunked_out and piece:
            self.writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        else:
            self.writer.write(piece)
        await self.writer.drain()

    async def end(self, trailers=()):
        if self.held:  # of an answer without a body
            await self.data(b"")
        if self.chunked_out:
            self.writer.write(("0\r\n" + "".join(f"{n}: {v}\r\n" for n, v in trailers) + "\r\n").encode())
            await self.writer.drain()
        if self.keep_alive:
            await self.body_sum()  # what the handler left unread stands before the next request

    def close_after(self):
        """The end of the body is the end of the connection."""
        self.keep_alive = False

    def drop(self):
        """End without an answer."""
        self.keep_alive = False

    def abort(self):
        linger = struct.pack("ii", 1, 0)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.writer.transport.abort()
        self.keep_alive = False


class Http2(Exchange):
    """A request on an HTTP/2 stream."""

    def __init__(self, stream, fields, connection):
        pseudo = dict(field for field in fields if field[0].startswith(":"))
        super().__init__(pseudo[":method"], pseudo[":path"], list(fields), connection)
        self.stream = stream
        self.expects = False

    async def read(self):
        while True:
            kind, value = await self.stream.next()
            if kind == "trailers":
                self.trailers = value
            elif kind == "end" or value:
                return value or b""

    async def interim(self, status, fields):
        self.stream.send_headers([(":status", str(status)), *fields])

    async def head(self, status, fields, length):
        fields = [(":status", str(status)), *((n.lower(), str(v)) for n, v in fields)]
        if length is not None and status not in BODILESS:
            fields.append(("content-length", str(length)))
        self.stream.send_headers(fields)

    async def data(self, piece):
        await self.stream.write(piece)

    async def end(self, trailers=()):
        if trailers:
            self.stream.send_headers(list(trailers), end=True)
        else:
            await self.stream.write(b"", end=True)

    def close_after(self):
        pass

    def drop(self):
        self.stream.reset()

    abort = drop


async def serve_echo(x):
    body = await x.body_sum()
    about = {"method": x.method, "target": x.target, "headers": x.headers, "trailers": x.trailers}
    await x.reply_json({**about, "body": body, "connection": x.connection, "http2": isinstance(x, Http2)})


async def send_pieces(x, size):
    if x.method != "HEAD":
        for piece in pieces(size):
            await x.data(piece)


async def serve_bytes(x):
    await x.head(200, [("content-type", "application/octet-stream")], x.number("n"))
    await send_pieces(x, x.number("n"))
    await x.end()


async def serve_eof(x):
    x.close_after()
    await x.head(200, [("content-type", "application/octet-stream")], None)
    await send_pieces(x, x.number("n"))
    await x.end()


async def serve_chunked(x):
    size, trailer = x.number("n"), x.number("trailer")
    await x.head(200, [("content-type", "text/plain"), *([("trailer", "x-checksum")] if trailer else [])], None)
    await send_pieces(x, size)
    await x.end([("x-checksum", sequence_sum(size))] if trailer else [])


async def serve_sse(x):
    await x.head(200, [("content-type", "text/event-stream"), ("cache-control", "no-cache")], None)
    for i in range(x.number("n", 10)):
        await x.data(f"data: {i}\n\n".encode())
        await asyncio.sleep(x.number("ms", 100) / 1000)
    await x.end()


async def serve_slow(x):
    x.whole = True  # nothing of it is out before all of it is
    await asyncio.sleep(x.number("ms", 1000) / 1000)
    await x.reply(200, "slow\n")


async def serve_status(x):
    status = int(x.path.rsplit("/", 1)[1])
    if status in BODILESS:
        await x.head(status, [], None if isinstance(x, Http2) else 0)
        await x.end()
    else:
        await x.reply(status, f"{status}\n", [("location", "/echo")] if 300 <= status < 400 else [])


async def serve_upload(x):
    await x.reply_json(await x.body_sum())


async def serve_bighdr(x):
    await x.reply(200, "big\n", [("x-big", "b" * x.number("n", 1024))])


async def serve_1xx(x):
    await x.interim(103, [("link", "</style.css>; rel=preload")])
    await x.reply(200, "after the hints\n")


async def serve_continue(x):
    if x.number("refuse"):
        x.close_after()
        await x.reply(403, "refused\n")
        return
    expected = x.expects
    await x.reply_json({"expected": expected, **await x.body_sum()})


async def serve_reset(x):
    size = x.number("n", 100)
    await x.head(200, [], 10 * size)
    await x.data(b"r" * size)
    await asyncio.sleep(0.05)  # let the proxy see the part before the reset overtakes it
    x.abort()


async def serve_noheader(x):
    x.drop()


async def serve_ws(x):
    key = x.header("sec-websocket-key")
    if not key or (x.header("upgrade") or "").lower() != "websocket":
        await x.reply(426, "this is a WebSocket\n", [("upgrade", "websocket")])
        return
    fields = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", wsecho.accept_key(key))]
    if protocol := x.header("sec-websocket-protocol"):
        fields.append(("Sec-WebSocket-Protocol", protocol.split(",")[0].strip()))
    x.write_head(101, fields)

    async def write(data):
        x.writer.write(data)
        await x.writer.drain()

    await wsecho.echo(functools.partial(x.reader.read, BLOCK), write)
    x.close_after()


async def serve_ws_refuse(x):
    await x.reply(403, "no WebSocket for you\n")


async def serve_ws_wrong(x):
    wrong = wsecho.accept_key("another key")
    x.write_head(101, [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", wrong)])
    await x.writer.drain()
    x.close_after()


async def serve_pieces(x):
    await x.head(200, [("content-type", "text/plain")], x.number("n"))
    for _ in range(x.number("n")):
        await x.data(b".")
        await asyncio.sleep(x.number("ms", 100) / 1000)
    await x.end()


ROUTES = {
    "/echo": serve_echo,
    "/bytes": serve_bytes,
    "/eof": serve_eof,
    "/chunked": serve_chunked,
    "/sse": serve_sse,
    "/slow": serve_slow,
    "/upload": serve_upload,
    "/bighdr": serve_bighdr,
    "/1xx": serve_1xx,
    "/continue": serve_continue,
    "/reset": serve_reset,
    "/noheader": serve_noheader,
    "/ws": serve_ws,
    "/ws-refuse": serve_ws_refuse,
    "/ws-wrong": serve_ws_wrong,
    "/ws-drain": meet.ws_drain,
    "/pieces": serve_pieces,
}


def routes():
    """All paths, those of meet.py with one set of meeting places."""
    places = meet.Places()

    async def flow(x):
        await places.flow(x, pieces(x.number("n")))

    meetings = {
        "/meet": places.meet,
        "/step": places.step,
        "/ack": places.ack,
        "/flow": flow,
        "/flowed": places.tell_flowed,
        "/hold": places.hold,
        "/release": places.release,
    }
    return {**ROUTES, **meetings}


async def dispatch(known, exchange):
    if exchange.path.startswith("/status/"):
        await serve_status(exchange)
    else:
        await known.get(exchange.path, serve_echo)(exchange)


async def read_head(reader):
    """Request line and header fields, or None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    lines = head.decode("latin-1").split("\r\n")[:-2]
    fields = [line.partition(":") for line in lines[1:]]
    return lines[0], [(name, value.strip()) for name, _, value in fields]


async def serve_http1(reader, writer, number, known):
    while head := await read_head(reader):
        exchange = Http1(reader, writer, *head, number)
        await dispatch(known, exchange)
        if not exchange.keep_alive:
            return


async def serve_http2(reader, writer, number, known):
    async def on_stream(stream, fields):
        await dispatch(known, Http2(stream, fields, number))

    await h2link.Link(reader, writer, client=False, on_stream=on_stream).run()


class Server:
    def __init__(self):
        self.connections = 0
        self.routes = routes()

    async def __call__(self, reader, writer):
        self.connections += 1
        tls = writer.get_extra_info("ssl_object")
        serve = serve_http2 if tls and tls.selected_alpn_protocol() == "h2" else serve_http1
        try:
            await serve(reader, writer, self.connections, self.routes)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side has gone, as tests like to have it
        finally:
            writer.close()


def tls_context(files, http2):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*files)
    context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
    return context


async def main(options):
    tls = tls_context(options.tls, options.h2) if options.tls else None
    if options.unix:
        server = await asyncio.start_unix_server(Server(), options.unix, ssl=tls, limit=HEAD_LIMIT)
        print("ready", options.unix, flush=True)
    else:
        server = await asyncio.start_server(
            Server(), options.host, options.port, ssl=tls, limit=HEAD_LIMIT, backlog=1024
        )
        print("ready", server.sockets[0].getsockname()[1], flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--unix", metavar="PATH")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    parser.add_argument("--h2", action="store_true", help="offer HTTP/2 by ALPN; needs --tls")
    parser.add_argument("--sum", type=int, metavar="N", help="print the SHA-256 of /bytes?n=N and exit")
    arguments = parser.parse_args()
    if arguments.sum is not None:
        print(sequence_sum(arguments.sum))
    else:
        asyncio.run(main(arguments))
