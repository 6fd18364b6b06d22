"""A WebSocket server that echoes, over any pair of read and write functions.

The frames are those of the `websockets` package, so masks, lengths, fragmentation and close codes are judged by
an implementation that is not ours. A text message `!close CODE REASON` makes the server close, `!ping DATA` makes
it ping.
"""

import base64
import hashlib

from websockets.connection import OPEN
from websockets.frames import OP_BINARY, OP_CONT, OP_TEXT
from websockets.server import ServerConnection

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


async def echo(read, write):
    """Serve until either side has closed. READ returns b"" at the end. Returns the close code that was received."""
    connection = ServerConnection(state=OPEN, max_size=MAX_MESSAGE)
    while data := await read():
        connection.receive_data(data)
        for frame in connection.events_received():
            if connection.state is OPEN:
                answer(connection, frame)
        pieces = connection.data_to_send()
        for piece in filter(None, pieces):
            await write(piece)
        if b"" in pieces:  # the library's way to say that the connection is over
            break
    return connection.close_rcvd.code if connection.close_rcvd else None
