#!/usr/bin/python3
"""Visitors while a secret is rotated: plain requests at a fixed rate, bodies that take their time in either direction, and
WebSockets that stay open. Every request is counted, and each answer compared with what it has to be.

Prints "ready" once each kind has worked, and on SIGTERM or SIGINT, after what is under way has ended, one JSON line:
requests, slow, messages (how many worked); failures with examples; early, the WebSockets that were closed before they had
lived for --grace seconds, which no reload may cause; reopened, those closed later; worst_ms, the slowest plain request.
"""

import argparse
import asyncio
import collections
import hashlib
import json
import os
import signal
import time

from origin import pieces
from visitor import Answer, dial

SMALL = b"".join(pieces(100))
WS = ["GET /ws HTTP/1.1", "host: load.test", "upgrade: websocket", "connection: upgrade",
      "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==", "sec-websocket-version: 13"]


class Load:
    def __init__(self, o):
        self.o, self.stop, self.done, self.failures = o, asyncio.Event(), collections.Counter(), collections.Counter()
        self.examples, self.worst, self.idle = [], 0, []
        self.first = {"plain": asyncio.Event(), "slow": asyncio.Event(), "ws": asyncio.Event()}

    def failed(self, kind, why):
        self.failures[kind] += 1
        self.examples.append(f"{time.strftime('%T')} {kind}: {why!r:.200}")

    async def ask(self, reader, writer, head, body=b""):
        writer.write(("\r\n".join([*head, "host: load.test"]) + "\r\n\r\n").encode() + body)
        return await Answer(reader).head()

    async def plain(self):
        """One request, on a connection that is kept for the next."""
        start, pair = time.monotonic(), self.idle.pop() if self.idle else None
        try:
            reader, writer = pair or await dial(self.o.address)
            answer = await asyncio.wait_for(self.ask(reader, writer, ["GET /bytes?n=100 HTTP/1.1"]), 30)
            body = await asyncio.wait_for(answer.body(), 30)
            if answer.status != 200 or body != SMALL:
                raise AssertionError((answer.status, body[:60]))
            self.done["requests"] += 1
            self.idle.append((reader, writer))
        except Exception as error:
            self.failed("plain", error)
        self.worst = max(self.worst, time.monotonic() - start)
        self.first["plain"].set()

    async def plains(self):
        start, sent, tasks = time.monotonic(), 0, set()
        while not self.stop.is_set():
            due = int((time.monotonic() - start) * self.o.rate)
            for _ in range(due - sent):
                task = asyncio.create_task(self.plain())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            sent = due
            await asyncio.sleep(0.005)
        await asyncio.gather(*tasks)

    async def slow_answer(self):
        reader, writer = await dial(self.o.address)
        answer = await self.ask(reader, writer, ["GET /pieces?n=40&ms=100 HTTP/1.1"])
        body = await answer.body()
        writer.close()
        if answer.status != 200 or len(body) != 40:
            raise AssertionError((answer.status, len(body)))

    async def slow_request(self):
        reader, writer = await dial(self.o.address)
        data = os.urandom(40)
        writer.write(b"POST /upload HTTP/1.1\r\nhost: load.test\r\ncontent-length: 40\r\n\r\n")
        for i in range(40):
            writer.write(data[i : i + 1])
            await writer.drain()
            await asyncio.sleep(0.1)
        answer = await Answer(reader).head()
        told = json.loads(await answer.body())
        writer.close()
        if told["sha256"] != hashlib.sha256(data).hexdigest():
            raise AssertionError(told)

    async def slows(self, kind):
        while not self.stop.is_set():
            try:
                await asyncio.wait_for(kind(), 60)
                self.done["slow"] += 1
            except Exception as error:
                self.failed("slow", error)
            self.first["slow"].set()

    async def open_ws(self):
        reader, writer = await dial(self.o.address)
        writer.write(("\r\n".join(WS) + "\r\n\r\n").encode())
        answer = await asyncio.wait_for(Answer(reader).head(), 30)
        if answer.status != 101:
            raise AssertionError(answer.status)
        return reader, writer

    async def websocket(self):
        while not self.stop.is_set():
            try:
                reader, writer = await self.open_ws()
            except Exception as error:
                self.failed("ws", error)
                await asyncio.sleep(0.2)
                continue
            start = time.monotonic()
            try:
                while not self.stop.is_set():
                    writer.write(b"\x81\x85\0\0\0\0hello")
                    if await asyncio.wait_for(reader.readexactly(7), 30) != b"\x81\x05hello":
                        raise AssertionError("closed")
                    self.done["messages"] += 1
                    self.first["ws"].set()
                    await asyncio.sleep(0.5)
            except Exception as error:
                kind = "early" if time.monotonic() - start < self.o.grace else "reopened"
                self.done[kind] += 1
                if kind == "early":
                    self.examples.append(f"ws after {time.monotonic() - start:.1f} s: {error!r}")
            writer.close()

    async def run(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self.stop.set)
        tasks = [self.plains(), *(self.websocket() for _ in range(self.o.websockets))]
        for _ in range(self.o.slow):
            tasks += [self.slows(self.slow_answer), self.slows(self.slow_request)]
        running = [asyncio.create_task(t) for t in tasks]
        wanted = {"plain": self.o.rate, "slow": self.o.slow, "ws": self.o.websockets}
        for kind, event in self.first.items():
            if wanted[kind]:
                await event.wait()
        print("ready", flush=True)
        await asyncio.gather(*running)
        print(json.dumps({"requests": self.done["requests"], "slow": self.done["slow"], "messages": self.done["messages"],
                          "early": self.done["early"], "reopened": self.done["reopened"],
                          "failures": sum(self.failures.values()), "by_kind": self.failures,
                          "examples": self.examples[:5], "worst_ms": round(self.worst * 1000)}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("--rate", type=int, default=100, help="plain requests a second")
    parser.add_argument("--websockets", type=int, default=5)
    parser.add_argument("--slow", type=int, default=2, help="slow answers and slow requests at once, each")
    parser.add_argument("--grace", type=float, default=30)
    asyncio.run(Load(parser.parse_args()).run())
