"""Paths of the origin where one request waits for another, so that a test proves an order instead of hoping for it.

  /meet?n=&id=           answers when N requests with this id are under way at once
  /step?n=&id=           N server-sent events, each sent only when /ack?id= has confirmed the one before
  /ack?id=               confirms
  /flow?n=&id=           N bytes of the sequence as fast as they are taken; /flowed?id= tells how many have been
  /hold?id=              leaves the request's body alone until /release?id=, then answers its sum
  /ws-drain              upgrades, reads until the other side has ended, then sends the sum of what came
"""

import asyncio
import collections
import hashlib

import wsecho


class Places:
    """What the requests of one id know of each other."""

    def __init__(self):
        self.arrived = collections.Counter()
        self.events = collections.defaultdict(asyncio.Event)
        self.acks = collections.defaultdict(lambda: asyncio.Semaphore(0))
        self.flowed = collections.Counter()

    async def meet(self, x):
        name = x.query.get("id")
        self.arrived[name] += 1
        if self.arrived[name] == x.number("n"):
            self.events[name].set()
        await self.events[name].wait()
        await x.reply(200, f"{x.number('n')} have met\n")

    async def step(self, x):
        await x.head(200, [("content-type", "text/event-stream"), ("cache-control", "no-cache")], None)
        for i in range(x.number("n")):
            await x.data(f"data: {i}\n\n".encode())
            await self.acks[x.query.get("id")].acquire()
        await x.end()

    async def ack(self, x):
        self.acks[x.query.get("id")].release()
        await x.reply(200, "ok\n")

    async def flow(self, x, pieces):
        await x.head(200, [("content-type", "application/octet-stream")], x.number("n"))
        for piece in pieces:
            await x.data(piece)
            self.flowed[x.query.get("id")] += len(piece)
        await x.end()

    async def tell_flowed(self, x):
        await x.reply(200, f"{self.flowed[x.query.get('id')]}\n")

    async def hold(self, x):
        name = x.query.get("id")
        self.events[name + "/here"].set()
        await self.events[name].wait()
        await x.reply_json(await x.body_sum())

    async def release(self, x):
        name = x.query.get("id")
        await self.events[name + "/here"].wait()
        self.events[name].set()
        await x.reply(200, "ok\n")


async def ws_drain(x):
    x.write_head(
        101,
        [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", wsecho.accept_key(x.header("sec-websocket-key"))),
        ],
    )
    digest = hashlib.sha256()
    while piece := await x.reader.read(65536):
        digest.update(piece)
    x.writer.write(digest.hexdigest().encode() + b"\n")
    await x.writer.drain()
    x.close_after()
