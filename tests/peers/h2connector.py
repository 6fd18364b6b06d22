#!/usr/bin/python3
"""The connector's end of the tunnel wire, by python3-h2: a second implementation to hold edges against.

Dials EDGE (HOST:PORT), registers tunnel A of tests/vectors/tunnel (or --tunnel, --secret) on --connections
connections, prints `ready PORT` (its first local port) when all have registered, and serves every request with
one fixed answer. A WebSocket is echoed (wsecho.py); the body of `/bytes?n=` is that of origin.py. Prints JSON
lines: registered, refused, request, closed, unregistered. SIGTERM unregisters and ends.

Hostile modes. Before registering: silent (TLS, then nothing), no-control-stream (HTTP/2, but the control stream is
never answered), garbage-control, huge-capnp. After it: close-after-register; ping-flood; goaway (and go on
serving); window-stall (uploads get no window after 64 KiB). As the answer to requests: reset-storm (each is
reset at once); bad-headers (the serialised header is one of BAD_HEADERS, chosen by the request's query `n=`);
big-header-100k, big-header-1m (one response field of that size); continuation-flood; drop (closes the connection);
break-off (closes it in the middle of the body); long-body, short-body (more or less than the serialised
content-length says); bad-accept (of a WebSocket, for another key). Requests for /plain are answered properly in
every mode.
"""

import argparse
import asyncio
import json
import signal
import ssl
import urllib.parse
import uuid

import capnp
import h2link
import wire
import wsecho
from origin import pieces

GRACE = 5  # seconds for the edge to close after an unregistration
TUNNEL = uuid.UUID("11111111-2222-3333-4444-555555555555").bytes
SECRET = bytes(range(32))
# The two forms of the call that cloudflared sends, with the places of connIndex and of the client id.
REGISTER = {
    "pipelined": ("05-register-a-idx0-2025.5.0", 0x88, 0x148),
    "imported": ("26-register-imported-cap-q0", 0x70, 0x130),
}
BAD_HEADERS = [
    wire.serialise([("x-a", "b\r\nset-cookie: injected=1")]),
    wire.serialise([("x-a\r\nset-cookie", "injected=1")]),
    wire.serialise([("x-a", "b\0c")]),
    wire.serialise([("x-a", "b\nc")]),
    wire.serialise([("x a", "space in the name")]),
    wire.serialise([("", "no name")]),
    "!!!:!!!",
    "eC1h",
    "eC1h:Yg:Yw",
    wire.serialise([("content-length", "1"), ("content-length", "2")]),
    wire.serialise([("content-length", "+5")]),
    wire.serialise([("transfer-encoding", "chunked"), ("connection", "x-a"), ("x-a", "b")]),
]


# Modes of this peer alone; where it is the body that is wrong, the length announced, sent, and whether it then ends.
ANSWER_MODES = {
    "drop": None,
    "break-off": (1000, 10, False),
    "long-body": (5, 20, True),
    "short-body": (5, 3, True),
    "bad-accept": None,
}


class Connection:
    """One connection to the edge."""

    def __init__(self, options, index):
        self.options, self.mode, self.index = options, options.mode, index
        self.registered = asyncio.get_running_loop().create_future()
        self.link = self.control = self.port = None
        self.answers = {}  # futures of calls by question id

    async def run(self):
        try:
            await self.dial_and_serve()
            link = self.link
            wire.emit("closed", index=self.index, goaway=link and link.goaway, error=link and link.error)
        except OSError as error:
            wire.emit("failed", index=self.index, error=str(error))
        finally:
            self.settle(False)

    def settle(self, registered):
        """Tell main how the registration went; only the first word counts."""
        if not self.registered.done():
            self.registered.set_result(registered)

    async def dial_and_serve(self):
        host, _, port = self.options.edge.rpartition(":")
        tls = ssl.create_default_context(cafile=self.options.cacert)  # no ALPN, as cloudflared
        reader, writer = await asyncio.open_connection(
            host.strip("[]"), int(port), ssl=tls, server_hostname=self.options.sni
        )
        self.port = writer.get_extra_info("sockname")[1]
        if self.mode == "silent":
            self.settle(True)
            await reader.read()
        else:
            await self.serve(reader, writer)
        writer.close()

    async def serve(self, reader, writer):
        stall = self.mode == "window-stall"
        self.link = h2link.Link(
            reader, writer, client=False, on_stream=self.on_stream, window=65535 if stall else 16 << 20
        )
        await self.link.run()
        if self.link.tasks:  # what came just before the end is still worked on
            await asyncio.wait(self.link.tasks, timeout=1)

    async def on_stream(self, stream, fields):
        if dict(fields).get(wire.UPGRADE) == "control-stream":
            await self.converse(stream)
        else:
            await Request(self, stream, fields).answer()

    async def converse(self, control):
        self.control = control
        attacks = {"garbage-control": wire.garbage_control, "huge-capnp": wire.huge_capnp}
        if self.mode == "no-control-stream":
            self.settle(True)
            return
        control.send_headers([(":status", "200"), ("content-type", "application/octet-stream")])
        if self.mode in attacks:
            self.settle(True)
            await attacks[self.mode](control)
        else:
            self.link.start(self.register())
        try:
            await self.collect_answers(control)
        finally:
            for future in self.answers.values():
                future.cancel()

    async def collect_answers(self, control):
        buffer = bytearray()
        while data := await control.read():
            buffer += data
            while root := capnp.take_message(buffer):
                message = capnp.Message(root)
                if message.kind == capnp.RETURN and message.question in self.answers:
                    self.answers.pop(message.question).set_result(message)

    async def call(self, message, question):
        """Send a question and wait for its Return."""
        future = self.answers[question] = asyncio.get_running_loop().create_future()
        await self.control.write(message)
        return await future

    async def register(self):
        name, index_at, client_at = REGISTER[self.options.register]
        message = bytearray(capnp.vector(name))
        message[index_at] = self.index
        message[client_at : client_at + 16] = self.options.client
        message = message.replace(TUNNEL, self.options.tunnel).replace(SECRET, self.options.secret)
        bootstrap = self.call(capnp.vector("01-bootstrap"), 0)
        if self.options.register == "imported":
            await bootstrap
            answer = await self.call(message, 0)
        else:
            _, answer = await asyncio.gather(bootstrap, self.call(message, 1))
        await self.judge(answer)

    async def judge(self, answer):
        try:
            result = capnp.connection_response(answer.results())
        except RuntimeError as error:
            result = {"error": str(error)}
        wire.emit("refused" if "error" in result else "registered", index=self.index, **result)
        self.settle("error" not in result)
        await self.control.write(capnp.vector("18-finish-q0") + capnp.vector("19-finish-q1"))
        if "error" in result:
            await self.control.write(b"", end=True)
        else:
            await self.misbehave()

    async def misbehave(self):
        if self.mode == "close-after-register":
            self.link.writer.close()
        elif self.mode == "ping-flood":
            await wire.ping_flood(self.link)
            wire.emit("attacked", mode=self.mode)
        elif self.mode == "goaway":
            wire.goaway(self.link)
        elif self.mode == "window-stall":
            wire.stall(self.link)

    async def unregister(self):
        """Say goodbye and wait for the edge to close."""
        await self.call(capnp.vector("23-call-unregister"), 1)
        wire.emit("unregistered", index=self.index)
        await self.control.write(capnp.vector("24-release") + capnp.vector("25-abort"), end=True)


class Request:
    """A request from the edge."""

    def __init__(self, connection, stream, fields):
        self.connection, self.stream, self.options = connection, stream, connection.options
        self.fields, self.named = fields, dict(fields)
        self.path, _, query = self.named[":path"].partition("?")
        self.query = dict(urllib.parse.parse_qsl(query))

    async def answer(self):
        mode = None if self.path == "/plain" else self.connection.mode
        if mode == "reset-storm":
            self.stream.reset()
        elif mode == "continuation-flood":
            await wire.continuation_flood(self.connection.link, self.stream.id, b"\x88")
        elif mode == "drop":
            self.connection.link.writer.close()
        elif self.named.get(wire.UPGRADE) == "websocket":
            await self.websocket(mode)
        elif ANSWER_MODES.get(mode):
            await self.mismeasured(*ANSWER_MODES[mode])
            if mode == "break-off":
                self.connection.link.writer.close()
        elif self.path == "/bytes":
            await self.bytes(int(self.query.get("n", 0)))
        else:
            await self.fixed(mode)

    async def request_read(self):
        checksum, length = await self.stream.body_sum()
        wire.emit("request", index=self.connection.index, fields=self.fields, sha256=checksum, length=length)

    def head(self, serialised, status=None, extra=()):
        fields = [(":status", str(status or self.options.status)), *extra, (wire.SERIALISED, serialised)]
        if self.options.meta:
            fields.append((wire.META, self.options.meta))
        self.stream.send_headers(fields)

    async def fixed(self, mode):
        await self.request_read()
        fields = [tuple(part.strip() for part in field.split(":", 1)) for field in self.options.header]
        body = self.options.body.encode()
        if mode == "bad-headers":
            self.head(BAD_HEADERS[int(self.query.get("n", 0)) % len(BAD_HEADERS)])
        else:
            fields += [("x-big", "b" * wire.BIG_HEADERS[mode])] if mode in wire.BIG_HEADERS else []
            self.head(wire.serialise([*fields, ("Content-Length", str(len(body)))]))
        await self.stream.write(b"" if self.named[":method"] == "HEAD" else body, end=True)

    async def bytes(self, size):
        await self.request_read()
        self.head(wire.serialise([("Content-Length", str(size))]))
        for piece in pieces(size):
            await self.stream.write(piece)
        await self.stream.write(b"", end=True)

    async def mismeasured(self, announced, size, ends):
        """A body that is not as long as its head says."""
        await self.request_read()
        self.head(wire.serialise([("Content-Length", str(announced))]))
        await self.stream.write(bytes(size), end=ends)
        await self.connection.link.writer.drain()

    async def websocket(self, mode):
        wire.emit("request", index=self.connection.index, fields=self.fields)
        key = self.named["sec-websocket-key"]
        accept = wsecho.accept_key(key if mode != "bad-accept" else key[::-1])
        fields = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-Websocket-Accept", accept)]
        self.head(wire.serialise(fields), status=200)
        await wsecho.echo(self.stream.read, self.stream.write)
        await self.stream.write(b"", end=True)


def secret(text):
    """The vectors have room for 32 bytes exactly."""
    data = bytes.fromhex(text)
    if len(data) != len(SECRET):
        raise ValueError("not 32 bytes")
    return data


async def main(options):
    asyncio.get_running_loop().set_exception_handler(h2link.end_on_error)
    connections = [Connection(options, index) for index in range(options.connections)]
    runs = [asyncio.ensure_future(connection.run()) for connection in connections]
    if not all(await asyncio.gather(*(connection.registered for connection in connections))):
        return 1
    print("ready", connections[0].port, flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    ended = asyncio.gather(*runs)
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
    if ended.done():
        ended.result()
    elif not options.mode:
        goodbyes = asyncio.gather(*(h2link.until_lost(connection.unregister()) for connection in connections))
        await asyncio.wait([goodbyes, ended], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait([ended], timeout=GRACE)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("edge", metavar="HOST:PORT")
    parser.add_argument("--cacert", metavar="FILE")
    parser.add_argument("--sni", default=wire.SERVER_NAME)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--tunnel", type=lambda text: uuid.UUID(text).bytes, default=TUNNEL)
    parser.add_argument("--secret", type=secret, default=SECRET, help="32 bytes in hexadecimal")
    parser.add_argument("--client", type=lambda text: uuid.UUID(text).bytes, default=uuid.uuid4().bytes)
    parser.add_argument("--register", choices=REGISTER, default="pipelined", help="form of the call")
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE")
    parser.add_argument("--body", default="hello from the peer\n")
    parser.add_argument("--meta", default='{"src":"origin"}', help="empty: leave the field away")
    parser.add_argument("--mode", choices=[*wire.MODES, *ANSWER_MODES], help="misbehave")
    raise SystemExit(asyncio.run(main(parser.parse_args())))
