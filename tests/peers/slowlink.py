#!/usr/bin/python3
"""A slow uplink: takes connections and passes bytes on to PORT, what comes from them at RATE bytes a second and no faster,
what goes back to them at once. Little waits in here: the sender's own socket holds the rest.

    slowlink.py PORT RATE        prints "ready PORT"
"""
import asyncio
import socket
import sys

target, rate = int(sys.argv[1]), int(sys.argv[2])
PIECE = max(1, rate // 10)


async def up(loop, source, sink):
    while data := await loop.sock_recv(source, PIECE):
        await loop.sock_sendall(sink, data)
        await asyncio.sleep(len(data) / rate)


async def down(loop, source, sink):
    while data := await loop.sock_recv(source, 65536):
        await loop.sock_sendall(sink, data)


async def serve(loop, near):
    far = socket.socket()
    far.setblocking(False)
    try:
        await loop.sock_connect(far, ("127.0.0.1", target))
        await asyncio.wait([asyncio.create_task(up(loop, near, far)), asyncio.create_task(down(loop, far, near))],
                           return_when=asyncio.FIRST_COMPLETED)
    except OSError:
        pass
    finally:
        near.close()
        far.close()


async def main():
    loop, listener = asyncio.get_running_loop(), socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    listener.setblocking(False)
    print("ready", listener.getsockname()[1], flush=True)
    tasks = set()
    while True:
        near, _ = await loop.sock_accept(listener)
        near.setblocking(False)
        task = asyncio.create_task(serve(loop, near))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
