#!/usr/bin/python3
"""Other people's WebSocket ends, for wscat to talk to.

  others.py serve websockets|autobahn          an echo server; prints its port
  others.py talk websockets|autobahn URL       sends messages to an echo server and compares; exit 1 when they differ
"""
import asyncio, os, sys

MESSAGES = ['hello', '', 'κόσμε ' * 1000, os.urandom(10), os.urandom(70000), 'x' * 200000]


async def websockets_serve():
    import websockets

    async def echo(ws, path=None):
        async for message in ws:
            await ws.send(message)

    async with websockets.serve(echo, '127.0.0.1', 0, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def websockets_talk(url):
    import websockets
    for compression in ('deflate', None):
        async with websockets.connect(url, compression=compression, max_size=None) as ws:
            for message in MESSAGES:
                await ws.send(message)
                assert await ws.recv() == message
            await (await ws.ping(b'payload'))
        assert ws.close_code == 1000


def autobahn_factory(is_server, protocol, url=None):
    from autobahn.asyncio import websocket as a
    from autobahn.websocket import compress as c
    factory = (a.WebSocketServerFactory if is_server else a.WebSocketClientFactory)(url)
    factory.protocol = protocol
    if is_server:
        factory.setProtocolOptions(perMessageCompressionAccept=lambda offers: next(
            (c.PerMessageDeflateOfferAccept(o) for o in offers if isinstance(o, c.PerMessageDeflateOffer)), None))
    else:
        factory.setProtocolOptions(perMessageCompressionOffers=[c.PerMessageDeflateOffer()],
            perMessageCompressionAccept=lambda r: c.PerMessageDeflateResponseAccept(r))
    return factory


async def autobahn_serve():
    from autobahn.asyncio.websocket import WebSocketServerProtocol

    class Echo(WebSocketServerProtocol):
        def onMessage(self, payload, isBinary):
            self.sendMessage(payload, isBinary)

    server = await asyncio.get_running_loop().create_server(autobahn_factory(True, Echo), '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


async def autobahn_talk(url):
    from autobahn.asyncio.websocket import WebSocketClientProtocol
    over, got = asyncio.get_running_loop().create_future(), []

    class Talk(WebSocketClientProtocol):
        def onOpen(self):
            for m in MESSAGES:
                self.sendMessage(m if isinstance(m, bytes) else m.encode(), isinstance(m, bytes))

        def onMessage(self, payload, isBinary):
            got.append(payload if isBinary else payload.decode())
            if len(got) == len(MESSAGES):
                self.sendClose(1000)

        def onClose(self, wasClean, code, reason):
            over.set_result((wasClean, code))

    host, port = url.split('//')[1].rstrip('/').split(':')
    await asyncio.get_running_loop().create_connection(autobahn_factory(False, Talk, url), host, int(port))
    assert await asyncio.wait_for(over, 30) == (True, 1000) and got == MESSAGES


asyncio.run(globals()[f'{sys.argv[2]}_{sys.argv[1]}'](*sys.argv[3:]))
