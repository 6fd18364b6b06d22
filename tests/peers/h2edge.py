#!/usr/bin/python3
"""The edge's end of the tunnel wire, by python3-h2: a second implementation to hold connectors against.

Prints `ready PORT`, then JSON lines: link, registered, configuration, response, unregistered, closed. Without
--script it serves registrations until it is killed. With it, the requests of the script (one JSON object a line,
`-` for stdin) are sent once --links connections have registered, each line at once and on the next link in turn:

  {"id": "a", "method": "GET", "path": "/", "authority": "localhost", "headers": [["x-a", "1"]],
   "body": "text" | "body_bytes": N,      a body; the latter is the sequence of origin.py's /bytes
   "type": "http" | "websocket" | "tcp" | "configuration",
   "messages": ["hello"],                 websocket: texts to send, each after the answer to the one before
   "times": N,                            that many at once; their answers are counted in one line
   "cancel": true,                        reset the stream when the response header has come
   "timeout": SECONDS}                    how long to wait for the whole answer, default 30; "reset" is then "timeout"
  {"op": "wait"}                          wait for all answers so far; also "ping", "goaway", "close"

With --secrets FILE a registration is taken only if its secret is in the file, which is read each time: lines of base64, one
a secret; after the word `never` one that gets no answer. With --load N that many requests for /bytes are always under
way; a line `load` tells at the end how they went.

Hostile modes, practised on the first connection that registers, or on all that try:

  silent                TLS, then nothing
  no-control-stream     HTTP/2, but the control stream is never opened
  garbage-control       random bytes on the control stream
  huge-capnp            a Cap'n Proto message that claims 2 GiB
  close-after-register  closes when it has answered
  reset-storm           5,000 requests, each reset at once
  bad-headers           requests with illegal fields, one response line each, ids bad-0, bad-1, ...
  goaway                says GOAWAY and goes on
  window-stall          gives no window back: after 64 KiB responses stand still
  big-header-100k, -1m  a request with one field of that size, id big
  continuation-flood    a header block that never ends
  ping-flood            20,000 PINGs

The line `attacked` tells that it is over. The script is run after it, to show what still works.
"""

import argparse
import asyncio
import base64
import collections
import json
import os
import pathlib
import signal
import ssl
import sys

import capnp
import h2link
import wire
import wsecho
from origin import pieces

ANSWERS = {
    "ok": "11-return-register-ok-local",
    "remote": "12-return-register-ok-remote",
    "dup": "13-return-register-error-dup",
    "unauthorized": "14-return-register-error-unauthorized",
    "permanent": "15-return-register-error-permanent",
    "retry": "16-return-register-error-retry",
    "exception": "17-return-register-exception",
    "never": None,
}
TYPES = {
    "http": [],
    "websocket": [(wire.UPGRADE, "websocket")],
    "tcp": [("cf-cloudflared-proxy-src", "192.0.2.1")],
    "configuration": [(wire.UPGRADE, "update-configuration")],
}
STORM = 5000
SHOWN_BODY = 65536
BAD_REQUESTS = [
    [("x-evil", "a\r\nx-injected: 1")],
    [("x-evil", "a\nb")],
    [("x-evil", "a\0b")],
    [("x evil", "space in a name")],
    [("X-Upper", "1")],
    [("connection", "close")],
    [("transfer-encoding", "chunked")],
    [("te", "gzip")],
    [("content-length", "1"), ("content-length", "2")],
]


def pseudo_headers(method="GET", authority="localhost", path="/"):
    return [(":method", method), (":scheme", "http"), (":authority", authority), (":path", path)]


class Connector:
    """One connection of a connector."""

    def __init__(self, edge, number, link):
        self.edge, self.number, self.link = edge, number, link
        self.control = None

    async def converse(self):
        """The control stream, until it ends."""
        fields = [*pseudo_headers(authority="localhost:8080"), (wire.UPGRADE, "control-stream")]
        self.control = self.link.open(fields)
        if attack := {"garbage-control": wire.garbage_control, "huge-capnp": wire.huge_capnp}.get(self.edge.mode):
            await attack(self.control)
        buffer = bytearray()
        await self.control.headers()
        while data := await self.control.read():
            buffer += data
            try:
                while root := capnp.take_message(buffer):
                    await self.handle(capnp.Message(root))
            except capnp.MALFORMED as error:
                wire.emit("malformed", link=self.number, error=str(error))
                self.link.writer.close()

    async def handle(self, message):
        if message.kind == capnp.BOOTSTRAP:
            await self.control.write(capnp.vector("02-return-bootstrap", message.question))
        elif message.kind == capnp.CALL and message.method == capnp.REGISTER:
            await self.register(message)
        elif message.kind == capnp.CALL and message.method == capnp.UPDATE_CONFIGURATION:
            wire.emit("configuration", link=self.number, config=json.loads(message.parameters().blob(0)))
            await self.control.write(capnp.vector("22-return-empty", message.question))
        elif message.kind == capnp.CALL and message.method == capnp.UNREGISTER:
            await self.unregister(message)
        elif message.kind == capnp.CALL:
            await self.control.write(capnp.vector("17-return-register-exception", message.question))

    async def register(self, message):
        registration = capnp.registration(message.parameters())
        kind = self.edge.judge(registration)
        answer, registers = ANSWERS[kind], kind in ("ok", "remote")
        settings = {int(code): value for code, value in self.link.conn.remote_settings.items()}
        wire.emit("registered" if registers else "refused", link=self.number, settings=settings, **registration)
        if answer:
            await self.control.write(capnp.vector(answer, message.question))
        if registers:
            self.link.start(self.edge.add(self))
        elif answer:
            self.link.start(self.close_soon())

    async def close_soon(self):
        """After a refused registration the edge has to close: the connector never does."""
        await asyncio.sleep(0.5)
        self.link.writer.close()

    async def unregister(self, message):
        self.edge.remove(self)
        await self.control.write(capnp.vector("22-return-empty", message.question))
        wire.emit("unregistered", link=self.number)
        self.link.start(self.close_when_idle())

    async def close_when_idle(self):
        while set(self.link.streams) - {self.control.id}:
            await self.link.changed.wait()
        self.link.writer.close()


class Edge:
    def __init__(self, options):
        self.options, self.mode = options, options.mode
        self.accepted = 0
        self.connectors, self.turn = [], 0
        self.arrival, self.attacked = asyncio.Event(), False
        self.ready = not self.mode  # a script waits for the attack to be over

    def judge(self, registration):
        """Which of ANSWERS it gets."""
        if not self.options.secrets:
            return self.options.register
        secret = base64.b64encode(bytes.fromhex(registration["secret"])).decode()
        lines = pathlib.Path(self.options.secrets).read_text().splitlines()
        if secret in lines:
            return self.options.register
        return "never" if f"never {secret}" in lines else "unauthorized"

    async def accept(self, reader, writer):
        number, self.accepted = self.accepted, self.accepted + 1
        wire.emit("link", link=number)
        if self.mode == "silent":
            await reader.read()
            writer.close()
            return
        window = 65535 if self.mode == "window-stall" else 16 << 20
        link = h2link.Link(reader, writer, client=True, window=window, careless=self.mode == "bad-headers")
        connector = Connector(self, number, link)
        if self.mode != "no-control-stream":
            link.start(connector.converse())
        await link.run()
        self.remove(connector)
        wire.emit("closed", link=number, goaway=link.goaway, error=link.error)

    async def add(self, connector):
        doomed = False
        if self.mode and not self.attacked:
            self.attacked = True
            await h2link.until_lost(attack(self.mode, connector))
            wire.emit("attacked", mode=self.mode)
            self.ready = True
            doomed = self.mode in FATAL  # though its end may not have been seen yet
        if not connector.link.closed and not doomed:
            self.connectors.append(connector)
        self.arrival.set()

    def remove(self, connector):
        if connector in self.connectors:
            self.connectors.remove(connector)

    async def have(self, count):
        """Wait until COUNT connections are registered, and any attack is over."""
        while len(self.connectors) < count or not self.ready:
            self.arrival.clear()
            await self.arrival.wait()

    async def next(self):
        await self.have(1)
        self.turn += 1
        return self.connectors[self.turn % len(self.connectors)]


FATAL = ("close-after-register", "continuation-flood")  # attacks that end their own connection


async def attack(mode, connector):
    link = connector.link
    if mode == "close-after-register":
        link.writer.close()
    elif mode == "goaway":
        wire.goaway(link)
    elif mode == "window-stall":
        wire.stall(link)
    elif mode == "reset-storm":
        for _ in range(STORM):
            link.open(pseudo_headers(), end=True).reset()
            await wire.breathe(link)
    elif mode == "bad-headers":
        for number, fields in enumerate(BAD_REQUESTS):
            wire.emit("response", **await exchange(connector, {"id": f"bad-{number}", "headers": fields, "timeout": 5}))
    elif mode in wire.BIG_HEADERS:
        field = ("x-big", "b" * wire.BIG_HEADERS[mode])
        wire.emit("response", **await exchange(connector, {"id": "big", "headers": [field], "timeout": 5}))
    elif mode == "continuation-flood":
        await wire.continuation_flood(link, link.conn.get_next_available_stream_id(), b"\x82\x86\x84")
    elif mode == "ping-flood":
        await wire.ping_flood(link)


async def send_body(stream, request):
    try:
        if "body" in request:
            await stream.write(request["body"].encode())
        for piece in pieces(request.get("body_bytes", 0)):
            await stream.write(piece)
        await stream.write(b"", end=True)
    except h2link.Reset:
        pass  # the answer tells


async def receive(stream, request, answer):
    """Fill ANSWER with what comes back."""
    fields = None
    while fields is None:
        kind, value = await stream.next()
        if kind == "interim":
            answer["interim"].append(int(dict(value)[":status"]))
        elif kind == "headers":
            fields = dict(value)
    answer["status"] = int(fields[":status"])
    answer["meta"] = json.loads(fields[wire.META]) if wire.META in fields else None
    answer["headers"] = wire.deserialise(fields[wire.SERIALISED]) if wire.SERIALISED in fields else None
    if request.get("cancel"):
        stream.reset()
    elif request.get("type") == "websocket" and answer["status"] == 200:
        messages = request.get("messages", [])
        answer["messages"], answer["close"] = await wsecho.converse(stream.read, stream.write, messages)
        await stream.write(b"", end=True)
    else:
        await receive_body(stream, answer)


async def receive_body(stream, answer):
    digest, body, length = h2link.hashlib.sha256(), b"", 0
    while True:
        kind, value = await stream.next()
        if kind == "end":
            break
        if kind == "trailers":
            answer["trailers"] = value
            continue
        digest.update(value)
        length += len(value)
        answer["pieces"] += bool(value)
        if len(body) < SHOWN_BODY:
            body += value
    answer.update(length=length, sha256=digest.hexdigest())
    if length <= SHOWN_BODY:
        answer["body"] = body.decode("utf-8", "replace")


async def exchange(connector, request):
    """Send one request; its answer as a dictionary."""
    kind = request.get("type", "http")
    fields = pseudo_headers(
        request.get("method", {"configuration": "PUT"}.get(kind, "GET")),
        request.get("authority", "localhost"),
        request.get("path", "/"),
    )
    fields += TYPES[kind] + [tuple(field) for field in request.get("headers", [])]
    if kind == "websocket":
        fields.append(("sec-websocket-key", base64.b64encode(os.urandom(16)).decode()))
    bodiless = kind == "http" and "body" not in request and "body_bytes" not in request
    answer = {"id": request.get("id"), "link": connector.number, "status": None, "interim": [], "pieces": 0}
    answer["reset"] = None
    try:
        stream = connector.link.open(fields, bodiless)
        if not bodiless and kind != "websocket":
            connector.link.start(send_body(stream, request))
        await asyncio.wait_for(receive(stream, request, answer), request.get("timeout", 30))
    except asyncio.TimeoutError:
        answer["reset"] = "timeout"
    except h2link.Reset as reset:
        answer["reset"] = "lost" if reset.args[0] is None else reset.args[0]
    except ValueError as error:
        answer["malformed"] = str(error)
    return answer


async def run_request(edge, request):
    times = request.get("times", 1)
    answers = await asyncio.gather(*[exchange(await edge.next(), request) for _ in range(times)])
    if times == 1:
        wire.emit("response", **answers[0])
        return
    wire.emit(
        "responses",
        id=request.get("id"),
        times=times,
        statuses=collections.Counter(str(answer["status"]) for answer in answers),
        resets=sum(answer["reset"] is not None for answer in answers),
        sums=sorted({answer.get("sha256", "") for answer in answers}),
    )


async def run_script(edge, lines):
    pending = set()
    await edge.have(edge.options.links)
    while line := await asyncio.to_thread(lines.readline):
        command = json.loads(line)
        operation = command.get("op")
        if operation is None:
            pending.add(asyncio.ensure_future(run_request(edge, command)))
        elif operation == "wait":
            await asyncio.gather(*pending)
        elif operation == "close":
            (await edge.next()).link.writer.close()
        else:
            await ping_or_goaway((await edge.next()).link, operation)
    await asyncio.gather(*pending)


async def keep_asking(edge, stop, counts):
    while not stop.is_set():
        answer = await exchange(await edge.next(), {"path": "/bytes?n=1000"})
        whole = answer.get("length") == 1000 and answer["reset"] is None
        counts[str(answer["status"]) if whole else f"{answer['status']} {answer['reset']}"] += 1


async def load(edge, stop):
    counts = collections.Counter()
    await edge.have(edge.options.links)
    wire.emit("loading")
    await asyncio.gather(*[keep_asking(edge, stop, counts) for _ in range(edge.options.load)])
    wire.emit("load", statuses=counts)


async def ping_or_goaway(link, operation):
    if operation == "goaway":
        wire.goaway(link)
        return
    before = link.pings
    link.conn.ping(b"outbore!")
    link.flush()
    while link.pings == before and not link.closed:
        await link.changed.wait()
    wire.emit("pong", answered=link.pings > before)


def tls_context(cert, key):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return context


async def main(options):
    asyncio.get_running_loop().set_exception_handler(h2link.end_on_error)
    edge = Edge(options)
    server = await asyncio.start_server(edge.accept, options.host, options.port, ssl=tls_context(*options.tls))
    print("ready", server.sockets[0].getsockname()[1], flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    asking = asyncio.ensure_future(load(edge, stop)) if options.load else None
    waits = [asyncio.ensure_future(stop.wait())]
    if options.script:
        waits.append(asyncio.ensure_future(run_script(edge, options.script)))
    done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    if options.stay:
        await stop.wait()
    if asking:
        await asking
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", nargs=2, required=True, metavar=("CERT", "KEY"))
    parser.add_argument("--register", choices=ANSWERS, default="ok", help="how registrations are answered")
    parser.add_argument("--links", type=int, default=1, help="connections to wait for before the script")
    parser.add_argument("--script", type=argparse.FileType(), metavar="FILE")
    parser.add_argument("--secrets", metavar="FILE", help="take only registrations with one of these")
    parser.add_argument("--load", type=int, default=0, metavar="N", help="requests to keep under way")
    parser.add_argument("--stay", action="store_true", help="keep serving after the script, until killed")
    parser.add_argument("--mode", choices=wire.MODES, help="misbehave")
    asyncio.run(main(parser.parse_args()))
