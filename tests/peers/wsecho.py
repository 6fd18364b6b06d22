"""Both ends of a WebSocket over any pair of read and write functions: a server that echoes and a client that talks.

The handshake is the caller's. The frames are those of the `websockets` package, so masks, lengths, fragmentation
and close codes are judged by an implementation that is not ours. A text message `!close CODE REASON` makes the
server close, `!ping DATA` makes it ping.
"""

import base64
import hashlib

from websockets.client import ClientConnection
from websockets.connection import OPEN
from websockets.frames import OP_BINARY, OP_CONT, OP_TEXT
from websockets.server import ServerConnection
from websockets.uri import parse_uri

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MAX_MESSAGE = 16 << 20


def accept_key(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def answer(connection, frame):
    if frame.opcode is OP_TEXT and frame.data.startswith(b"!close "):
        _, code, *reason = frame.data.decode().split(" ", 2)
        connection.send_close(int(code), "".join(reason))
    elif frame.opcode is OP_TEXT and frame.data.startswith(b"!ping "):
        connection.send_ping(frame.data[6:])
    elif frame.opcode is OP_TEXT:
        connection.send_text(frame.data, frame.fin)
    elif frame.opcode is OP_BINARY:
        connection.send_binary(frame.data, frame.fin)
    elif frame.opcode is OP_CONT:
        connection.send_continuation(frame.data, frame.fin)


async def flush(connection, write):
    """Send what the connection has; false if that was its last."""
    pieces = connection.data_to_send()
    for piece in filter(None, pieces):
        await write(piece)
    return b"" not in pieces  # the library's way to say that the connection is over


async def echo(read, write):
    """Serve until either side has closed. READ returns b"" at the end. Returns the close code that was received."""
    connection = ServerConnection(state=OPEN, max_size=MAX_MESSAGE)
    while data := await read():
        connection.receive_data(data)
        for frame in connection.events_received():
            if connection.state is OPEN:
                answer(connection, frame)
        if not await flush(connection, write):
            break
    return connection.close_rcvd.code if connection.close_rcvd else None


async def converse(read, write, messages):
    """Send each text of MESSAGES after the answer to the one before, then close. Returns the answers and the code."""
    connection = ClientConnection(parse_uri("ws://localhost/"), state=OPEN, max_size=MAX_MESSAGE)
    rest, answers = list(messages), []

    async def step():
        if rest:
            connection.send_text(rest.pop(0).encode())
        elif connection.state is OPEN:
            connection.send_close(1000)
        await flush(connection, write)

    await step()
    while data := await read():
        connection.receive_data(data)
        for frame in connection.events_received():
            if frame.opcode is OP_TEXT:
                answers.append(frame.data.decode())
                await step()
        await flush(connection, write)
        if connection.close_rcvd:
            break
    return answers, connection.close_rcvd.code if connection.close_rcvd else None
