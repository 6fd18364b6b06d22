#!/usr/bin/python3
"""A long run of mixed requests against ADDRESS, an edge before origin.py: every answer is compared with what it has
to be, and the memory of the processes under test is looked at on the way.

Prints one JSON line for each tenth of the requests (what was done so far, resident KiB of each --pid), then one with
the sums: requests by kind, failures with examples, seconds.
"""

import argparse
import asyncio
import collections
import hashlib
import json
import random
import time

import wsecho
from origin import pieces
from visitor import Answer, dial

SMALL, LARGE, CHUNKED = 100, 65536, 20000
BODIES = {size: b"".join(pieces(size)) for size in (SMALL, LARGE, CHUNKED)}
UPLOAD = b"".join(pieces(30000))
UPLOAD_SUM = {"sha256": hashlib.sha256(UPLOAD).hexdigest(), "length": len(UPLOAD)}


UPGRADE = [
    "GET /ws HTTP/1.1",
    "upgrade: websocket",
    "connection: upgrade",
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
    "sec-websocket-version: 13",
]


class Visitor:
    """A kept connection, made when it is needed."""

    def __init__(self, address):
        self.address, self.writer = address, None

    async def send(self, head, body=b""):
        if self.writer is None or self.writer.is_closing():
            self.reader, self.writer = await dial(self.address)
        self.writer.write(("\r\n".join([*head, "host: soak.test"]) + "\r\n\r\n").encode() + body)

    async def ask(self, head, body=b""):
        await self.send(head, body)
        return await Answer(self.reader).head()

    def drop(self):
        if self.writer:
            self.writer.transport.abort()
        self.writer = None


def check(what, expected, found):
    if found != expected:
        raise AssertionError(f"{what}: {found!r:.80} in place of {expected!r:.80}")


async def get(v, path, size):
    answer = await v.ask([f"GET {path} HTTP/1.1"])
    check("status", 200, answer.status)
    check("body", BODIES[size], await answer.body())


async def small(v):
    await get(v, f"/bytes?n={SMALL}", SMALL)


async def large(v):
    await get(v, f"/bytes?n={LARGE}", LARGE)


async def chunked(v):
    await get(v, f"/chunked?n={CHUNKED}", CHUNKED)


async def head(v):
    answer = await v.ask([f"HEAD /bytes?n={LARGE} HTTP/1.1"])
    check("length", str(LARGE), answer.fields.get("content-length"))


async def missing(v):
    answer = await v.ask(["GET /status/404 HTTP/1.1"])
    check("status", 404, answer.status)
    check("body", b"404\n", await answer.body())


async def upload(v):
    answer = await v.ask(["POST /upload HTTP/1.1", f"content-length: {len(UPLOAD)}"], UPLOAD)
    check("sum", UPLOAD_SUM, json.loads(await answer.body()))


async def upload_chunked(v):
    body = b"".join(b"%x\r\n%s\r\n" % (len(UPLOAD[i : i + 7000]), UPLOAD[i : i + 7000]) for i in range(0, 30000, 7000))
    answer = await v.ask(["POST /upload HTTP/1.1", "transfer-encoding: chunked"], body + b"0\r\nx-after: 1\r\n\r\n")
    check("sum", UPLOAD_SUM, json.loads(await answer.body()))


async def websocket(v):
    v.drop()
    answer = await v.ask(UPGRADE)
    check("status", 101, answer.status)

    async def read():
        return await v.reader.read(65536)

    async def write(data):
        v.writer.write(data)
        await v.writer.drain()

    texts = ["one", "two" * 10000, "three"]
    check("echo", (texts, 1000), await wsecho.converse(read, write, texts))
    v.drop()


async def leave_download(v):
    """Gone in the middle of an answer that is larger than any window at its start."""
    answer = await v.ask(["GET /bytes?n=5000000 HTTP/1.1"])
    check("status", 200, answer.status)
    await v.reader.readexactly(1000)
    v.drop()


async def leave_upload(v):
    await v.send(["POST /upload HTTP/1.1", "content-length: 1000000"], UPLOAD)
    await v.writer.drain()
    v.drop()


MIX = {
    small: 60,
    large: 10,
    chunked: 10,
    upload: 8,
    upload_chunked: 3,
    websocket: 3,
    head: 2,
    missing: 2,
    leave_download: 1,
    leave_upload: 1,
}


def resident(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


async def main(o):
    random.seed(o.seed)
    kinds = random.choices(list(MIX), MIX.values(), k=o.requests)
    done, failures, examples = collections.Counter(), collections.Counter(), []
    start, mark = time.monotonic(), o.requests // 10

    def tell():
        memory = {pid: resident(pid) for pid in o.pid}
        seconds = round(time.monotonic() - start, 1)
        print(json.dumps({"requests": sum(done.values()), "seconds": seconds, "resident": memory}), flush=True)

    async def visit():
        visitor = Visitor(o.address)
        while kinds:
            kind = kinds.pop()
            try:
                await asyncio.wait_for(kind(visitor), 60)
            except Exception as error:
                failures[kind.__name__] += 1
                examples.append(f"{kind.__name__}: {error!r}")
                visitor.drop()
            done[kind.__name__] += 1
            if sum(done.values()) % mark == 0:
                tell()
        visitor.drop()

    await asyncio.gather(*(visit() for _ in range(o.count)))
    seconds = round(time.monotonic() - start, 1)
    print(json.dumps({"done": done, "failures": failures, "examples": examples[:5], "seconds": seconds}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("--requests", type=int, default=100000)
    parser.add_argument("--count", type=int, default=50, help="visitors at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pid", type=int, action="append", default=[])
    asyncio.run(main(parser.parse_args()))
