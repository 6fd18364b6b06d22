"""What the two tunnel peers share: names of the wire, header serialisation, raw attacks, JSON lines."""

import asyncio
import base64
import json
import os
import struct

import h2link

UPGRADE = "cf-cloudflared-proxy-connection-upgrade"
META = "cf-cloudflared-response-meta"
SERIALISED = "cf-cloudflared-response-headers"
SERVER_NAME = "h2.cftunnel.com"

# Ways to misbehave that both peers know; each says in its own help what it does.
MODES = [
    "no-control-stream",
    "garbage-control",
    "huge-capnp",
    "close-after-register",
    "reset-storm",
    "bad-headers",
    "goaway",
    "silent",
    "window-stall",
    "big-header-100k",
    "big-header-1m",
    "continuation-flood",
    "ping-flood",
]
BIG_HEADERS = {"big-header-100k": 100 << 10, "big-header-1m": 1 << 20}
FLOOD = 20000


def emit(event, **values):
    """One JSON line on stdout."""
    print(json.dumps({"event": event, **values}), flush=True)


def encode(data):
    return base64.b64encode(data).rstrip(b"=").decode()


def serialise(fields):
    """Header fields, pairs of text or bytes, as the value of cf-cloudflared-response-headers."""
    as_bytes = lambda part: part if isinstance(part, bytes) else part.encode("latin-1")
    return ";".join(f"{encode(as_bytes(name))}:{encode(as_bytes(value))}" for name, value in fields)


def deserialise(text):
    """The reverse; raises ValueError if any pair is malformed."""
    fields = []
    for pair in filter(None, text.split(";")):
        name, value = (base64.b64decode(part + "=" * (-len(part) % 4), validate=True) for part in pair.split(":"))
        fields.append([name.decode("latin-1"), value.decode("latin-1")])
    return fields


async def garbage_control(control):
    """Random bytes where Cap'n Proto is expected, in one modest segment whose root is no pointer to a struct."""
    await control.write(struct.pack("<II", 0, 512) + b"\xff" + os.urandom(4095))


async def huge_capnp(control):
    """A message that claims 2 GiB, and as much of it as the other side will take."""
    await control.write(struct.pack("<II", 0, 1 << 28))
    while True:
        await control.write(bytes(16384))


async def breathe(link):
    """Let what was written go out, and let the loop notice when the other side has hung up."""
    await link.writer.drain()
    await asyncio.sleep(0)


async def continuation_flood(link, stream_id, hpack):
    """A header block that never ends."""
    link.raw(h2link.frame(h2link.HEADERS, 0, stream_id, hpack))
    for _ in range(FLOOD):
        link.raw(h2link.frame(h2link.CONTINUATION, 0, stream_id))
        await breathe(link)


def goaway(link):
    """Say goodbye without leaving. Raw, since the library would open no more streams itself."""
    link.raw(h2link.frame(h2link.GOAWAY, 0, 0, struct.pack(">II", (1 << 31) - 1, 0)))


def stall(link):
    """From now on give no window back, for any stream or for the connection."""
    link.stalled = True


async def ping_flood(link):
    for i in range(FLOOD):
        link.conn.ping(struct.pack(">Q", i))
        link.flush()
        await breathe(link)
