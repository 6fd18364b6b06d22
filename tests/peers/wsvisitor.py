#!/usr/bin/python3
"""A WebSocket visitor by Python's `websockets`, for servers that echo as wsecho.py does. Prints one JSON line.

  echo     texts and binaries from nothing to 1 MiB, and a message in fragments, come back as they went
  ping     its ping is answered, and it answers the server's
  close    `--code C` is what the server is asked to close with: the code and reason that come
  leave    closes with `--code C` itself: the code that comes back
  wait     says that it is open, and with which code it was closed
  many     `--count N` connections open at once, 3 messages each; how many came back
  keep     `--count N` that go on exchanging messages until SIGTERM: says when all are open, and how many then still are
"""

import argparse
import asyncio
import json
import signal
import ssl

import websockets

MESSAGES = [
    "",
    "hello",
    "grüße, 世界 \N{GRINNING FACE}",
    b"",
    bytes(range(256)),
    b"x" * 125,
    b"y" * 126,
    b"z" * 65536,
    bytes(range(256)) * 4096,
    "t" * (1 << 20),
]


def connect(o):
    tls = None
    if o.url.startswith("wss:"):
        tls = ssl.create_default_context(cafile=o.cacert)
    socket = {}
    if o.host:  # that host is asked for, at the address of the URL
        host, _, port = o.url.split("/")[2].rpartition(":")
        socket = {"host": host, "port": int(port)}
    url = o.url.replace(o.url.split("/")[2], o.host) if o.host else o.url
    return websockets.connect(
        url, ssl=tls, max_size=4 << 20, open_timeout=30, subprotocols=o.subprotocol, **socket
    )


async def echo(o):
    async with connect(o) as socket:
        for message in MESSAGES:
            await socket.send(message)
            answer = await socket.recv()
            if answer != message:
                return {"wrong": [repr(message)[:50], repr(answer)[:50]]}
        await socket.send(["in ", "three ", "pieces"])
        return {"echoed": len(MESSAGES), "fragments": await socket.recv(), "subprotocol": socket.subprotocol}


async def ping(o):
    async with connect(o) as socket:
        await asyncio.wait_for(await socket.ping(b"marco"), 10)
        await socket.send("!ping polo")
        await socket.send("after")
        return {"pong": True, "after": await socket.recv()}


async def close(o):
    async with connect(o) as socket:
        await socket.send(f"!close {o.code} bye")
        try:
            await socket.recv()
        except websockets.ConnectionClosed as closed:
            return {"code": closed.rcvd and closed.rcvd.code, "reason": closed.rcvd and closed.rcvd.reason}


async def leave(o):
    async with connect(o) as socket:
        await socket.close(o.code, "enough")
        return {"code": socket.close_code}


async def wait(o):
    async with connect(o) as socket:
        print(json.dumps({"event": "open"}), flush=True)
        await socket.wait_closed()
        return {"event": "closed", "code": socket.close_code}


async def many(o):
    opened, gate = 0, asyncio.Event()

    async def one(i):
        nonlocal opened
        async with connect(o) as socket:
            opened += 1
            if opened == o.count:
                gate.set()
            await gate.wait()
            for j in range(3):
                await socket.send(f"{i} {j}")
                if await socket.recv() != f"{i} {j}":
                    return False
            return True

    results = await asyncio.gather(*(one(i) for i in range(o.count)))
    return {"right": sum(results), "open_at_once": opened}


async def keep(o):
    stop, opened, messages = asyncio.Event(), 0, 0
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)

    async def one(i):
        nonlocal opened, messages
        async with connect(o) as socket:
            opened += 1
            if opened == o.count:
                print(json.dumps({"event": "open"}), flush=True)
            while not stop.is_set():
                await socket.send(str(i))
                if await socket.recv() != str(i):
                    return False
                messages += 1
                await asyncio.sleep(0.02)
            return True

    results = await asyncio.gather(*(one(i) for i in range(o.count)), return_exceptions=True)
    return {"open": sum(result is True for result in results), "messages": messages}


MODES = {"keep": keep, "echo": echo, "ping": ping, "close": close, "leave": leave, "wait": wait, "many": many}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=MODES)
    parser.add_argument("url")
    parser.add_argument("--cacert")
    parser.add_argument("--code", type=int, default=1000)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--host", help="ask for this one")
    parser.add_argument("--subprotocol", action="append")
    options = parser.parse_args()
    print(json.dumps(asyncio.run(MODES[options.mode](options))))
