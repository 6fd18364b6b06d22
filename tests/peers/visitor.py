#!/usr/bin/python3
"""Visitors that curl cannot be. One mode a run; each prints one JSON line.

  many ADDRESS PATH --count N      N requests, a connection each, all at once: statuses, and sums of the bodies
  steps ADDRESS PATH [--ack PATH]  server-sent events; each is confirmed, before the next is sent
  pieces ADDRESS PATH              when each piece of the answer came, in ms after the request
  stall ADDRESS PATH --flowed PATH reads the head, then nothing until the origin's bytes stand still; how many have
                                   flowed; then, after SIGUSR1, the rest: its sum
  fill ADDRESS PATH                uploads without end until no byte is taken any more; how many were; then, after
                                   SIGUSR1, ends the body and tells whether the answer has its sum
  half ADDRESS FILE                sends the file, ends its direction, reads what comes after the answer's head
  dribble ADDRESS PATH --seconds S a request head, a byte every half second: after how many seconds came which status
  abandon ADDRESS PATH --count N   N requests, 100 at a time, each left without its answer a moment later
  idle ADDRESS PATH --count N      N connections that say nothing
  load ADDRESS PATH --seconds S    GETs on kept connections, one after another, for S seconds or until SIGTERM: statuses, failures
"""

import argparse
import asyncio
import collections
import hashlib
import json
import signal
import time

STILL = 1.0  # seconds without progress after which a transfer stands still
BLOCK = 65536


class Answer:
    """A response being read: head first, then its body in pieces as they come."""

    def __init__(self, reader):
        self.reader = reader

    async def head(self):
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1])
        self.fields = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines[1:-2])}
        return self

    async def pieces(self):
        if self.fields.get("transfer-encoding") == "chunked":
            while size := int(await self.reader.readline(), 16):
                yield await self.reader.readexactly(size)
                await self.reader.readexactly(2)
            await self.reader.readline()
            return
        left = int(self.fields.get("content-length", 1 << 62))
        while left and (piece := await self.reader.read(min(left, BLOCK))):
            left -= len(piece)
            yield piece
        if left and "content-length" in self.fields:
            raise ConnectionResetError("answer cut short")

    async def body(self):
        return b"".join([piece async for piece in self.pieces()])

    async def sum(self):
        digest = hashlib.sha256()
        async for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()


async def dial(address, **options):
    host, _, port = address.rpartition(":")
    return await asyncio.open_connection(host, int(port), **options)


def request(path, method="GET", fields=(), host="visitor.test"):
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def get(address, path, **how):
    """One request on a connection of its own: status and body."""
    reader, writer = await dial(address)
    writer.write(request(path, fields=["connection: close"], **how))
    answer = await Answer(reader).head()
    body = await answer.body()
    writer.close()
    return answer.status, body


async def many(o):
    async def one():
        status, body = await get(o.address, o.path, host=o.host)
        return status, hashlib.sha256(body).hexdigest()

    answers = await asyncio.gather(*(one() for _ in range(o.count)), return_exceptions=True)
    failed = [repr(a) for a in answers if isinstance(a, Exception)]
    answers = [a for a in answers if not isinstance(a, Exception)]
    return {
        "statuses": collections.Counter(status for status, _ in answers),
        "sums": collections.Counter(digest for _, digest in answers),
        "failed": failed,
    }


async def steps(o):
    reader, writer = await dial(o.address)
    writer.write(request(o.path))
    answer, events = await Answer(reader).head(), []
    async for piece in answer.pieces():
        events.append(piece.decode())
        if o.ack:
            await get(o.address, o.ack)
    writer.close()
    return {"status": answer.status, "type": answer.fields.get("content-type"), "events": events}


async def pieces(o):
    reader, writer = await dial(o.address)
    start = time.monotonic()
    writer.write(request(o.path))
    answer = await Answer(reader).head()
    times = [round((time.monotonic() - start) * 1000) async for _ in answer.pieces()]
    writer.close()
    return {"status": answer.status, "times": times}


class Word:
    """SIGUSR1, waited for."""

    def __init__(self):
        self.event = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self.event.set)

    async def come(self):
        await self.event.wait()


async def until_still(progress):
    last, since = None, time.monotonic()
    while time.monotonic() - since < STILL:
        now = await progress()
        if now != last:
            last, since = now, time.monotonic()
        await asyncio.sleep(0.1)
    return last


async def stall(o):
    word = Word()
    reader, writer = await dial(o.address, limit=BLOCK)
    writer.write(request(o.path))
    answer = await Answer(reader).head()

    async def flowed():
        return int((await get(o.address, o.flowed))[1])

    print(json.dumps({"flowed": await until_still(flowed)}), flush=True)
    await word.come()
    total = await answer.sum()
    writer.close()
    return {"sum": total}


async def fill(o):
    word = Word()
    reader, writer = await dial(o.address)
    writer.transport.set_write_buffer_limits(high=0)
    writer.write(request(o.path, "POST", ["transfer-encoding: chunked"]))
    sent, ended, digest = 0, False, hashlib.sha256()
    block = bytes(range(256)) * (BLOCK // 256)

    async def push():
        nonlocal sent
        while not ended:
            writer.write(b"%x\r\n%s\r\n" % (BLOCK, block))
            await writer.drain()
            digest.update(block)
            sent += BLOCK

    async def so_far():
        return sent

    pushing = asyncio.ensure_future(push())
    print(json.dumps({"sent": await until_still(so_far)}), flush=True)
    await word.come()
    ended = True
    await pushing
    writer.write(b"0\r\n\r\n")
    answer = await Answer(reader).head()
    body = json.loads(await answer.body())
    writer.close()
    return {"status": answer.status, "whole": body == {"sha256": digest.hexdigest(), "length": sent}}


async def half(o):
    reader, writer = await dial(o.address)
    with open(o.path, "rb") as file:
        writer.write(file.read())
    writer.write_eof()
    answer = await Answer(reader).head()
    rest = await reader.read()
    writer.close()
    return {"status": answer.status, "rest": rest.decode().strip()}


async def dribble(o):
    reader, writer = await dial(o.address)
    start = time.monotonic()
    answer = asyncio.ensure_future(Answer(reader).head())
    writer.write(request(o.path)[:-4])
    while not answer.done() and time.monotonic() - start < o.seconds:
        writer.write(b"a")
        await asyncio.wait([answer], timeout=0.5)
    writer.close()
    seconds = round(time.monotonic() - start, 1)
    return {"status": answer.result().status if answer.done() else None, "seconds": seconds}


async def abandon(o):
    begun = 0
    while begun < o.count:
        batch = [await dial(o.address) for _ in range(min(100, o.count - begun))]
        for _, writer in batch:
            writer.write(request(o.path))
        await asyncio.sleep(0.05)  # for the requests to be on their way
        for _, writer in batch:
            writer.transport.abort()
        begun += len(batch)
    return {"begun": begun}


async def idle(o):
    connections = [await dial(o.address) for _ in range(o.count)]
    print(json.dumps({"event": "open"}), flush=True)
    await asyncio.gather(*(reader.read() for reader, _ in connections))
    return {"event": "closed"}


async def load(o):
    statuses, failures = collections.Counter(), collections.Counter()
    until, ending = time.monotonic() + o.seconds, asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ending.set)

    def goes_on():
        return time.monotonic() < until and not ending.is_set()

    async def one():
        begun = False
        while goes_on():
            try:
                reader, writer = await dial(o.address)
                while goes_on():
                    begun = False
                    writer.write(request(o.path))
                    answer = await Answer(reader).head()
                    begun = True
                    await answer.body()
                    statuses[answer.status] += 1
                    if answer.fields.get("connection") == "close":
                        break
                writer.close()
            except (OSError, asyncio.IncompleteReadError) as error:
                failures["cut short" if begun else type(error).__name__] += 1

    print(json.dumps({"event": "loading"}), flush=True)
    await asyncio.gather(*(one() for _ in range(o.count)))
    return {"statuses": statuses, "failures": failures}


MODES = {
    "many": many,
    "steps": steps,
    "pieces": pieces,
    "stall": stall,
    "fill": fill,
    "half": half,
    "dribble": dribble,
    "idle": idle,
    "abandon": abandon,
    "load": load,
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("path")
    parser.add_argument("--host", default="visitor.test", help="many: the host that is asked for")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--ack", metavar="PATH")
    parser.add_argument("--flowed", metavar="PATH")
    options = parser.parse_args()
    print(json.dumps(asyncio.run(MODES[options.mode](options))))
