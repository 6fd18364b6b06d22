"""One HTTP/2 connection over asyncio streams, either side of it, by python3-h2.

Link runs the session; a Stream is what its user sees: a queue of events in the order they came. All writes obey
the peer's flow control, and window is returned only as data is consumed.
"""

import asyncio
import functools
import hashlib
import os
import struct

import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.frame_buffer
import h2.settings
from h2.settings import SettingCodes

h2.frame_buffer.CONTINUATION_BACKLOG = 4096  # a connector may send 1 MiB of header

# The library takes GOAWAY for the end of the connection; open streams go on (RFC 9113 section 6.8), and so does a
# peer that says GOAWAY and stays.
for state in (h2.connection.ConnectionState.CLIENT_OPEN, h2.connection.ConnectionState.SERVER_OPEN):
    transition = (state, h2.connection.ConnectionInputs.RECV_GOAWAY)
    h2.connection.H2ConnectionStateMachine._transitions[transition] = (None, state)

HEADERS, GOAWAY, CONTINUATION = 1, 7, 9


def frame(kind, flags, stream_id, payload=b""):
    """One raw HTTP/2 frame, for what the library refuses to send."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream_id) + payload


class Reset(Exception):
    """The stream or its link ended early; the argument is the error code, None if the link was lost."""


def end_on_error(loop, context):
    """A peer that is wrong itself ends at once, so that no test waits for it."""
    loop.default_exception_handler(context)
    os._exit(70)


async def until_lost(coroutine):
    """Run COROUTINE; that its stream or link ends under it is no error in a test."""
    try:
        await coroutine
    except (Reset, OSError, h2.exceptions.ProtocolError):
        pass


class Stream:
    def __init__(self, link, stream_id):
        self.link, self.id = link, stream_id
        self.events = asyncio.Queue()
        self.ended = False

    async def next(self):
        """The next of ("interim"|"headers"|"trailers", fields), ("data", bytes), ("end", None); raises Reset."""
        if self.ended:
            return "end", None
        kind, value = await self.events.get()
        if kind == "data":
            value, size = value
            self.link.consumed(self.id, size)
        elif kind == "end":
            self.ended = True
        elif kind == "reset":
            self.ended = True
            raise Reset(value)
        return kind, value

    async def headers(self):
        """The next header block that is not an interim one."""
        while True:
            kind, value = await self.next()
            if kind == "headers":
                return value

    async def read(self):
        """The next piece of the body, b"" at its end."""
        while True:
            kind, value = await self.next()
            if kind == "data" and value:
                return value
            if kind == "end":
                return b""

    async def body_sum(self):
        """Read the body to its end: its SHA-256 and length."""
        digest, length = hashlib.sha256(), 0
        while piece := await self.read():
            digest.update(piece)
            length += len(piece)
        return digest.hexdigest(), length

    async def write(self, data, end=False):
        await self.link.send_data(self.id, data, end)

    def send_headers(self, fields, end=False):
        self.link.conn.send_headers(self.id, fields, end_stream=end)
        self.link.flush()

    def reset(self, code=h2.errors.ErrorCodes.CANCEL):
        self.link.conn.reset_stream(self.id, code)
        self.link.flush()
        self.link.forget(self)


class Link:
    """on_stream(stream, fields) is a coroutine started for every request that the peer opens."""

    def __init__(self, reader, writer, client, on_stream=None, settings=None, window=16 << 20, careless=False):
        config = h2.config.H2Configuration(
            client_side=client,
            header_encoding="utf-8",
            validate_outbound_headers=not careless,
            normalize_outbound_headers=not careless,
        )
        self.conn = h2.connection.H2Connection(config)
        self.conn.decoder.max_header_list_size = 16 << 20
        # Huffman coding in Python takes quadratic time, minutes for a field of 1 MiB.
        self.conn.encoder.encode = functools.partial(self.conn.encoder.encode, huffman=False)
        self.reader, self.writer, self.on_stream = reader, writer, on_stream
        self.streams, self.tasks = {}, set()
        self.stalled = False  # whether consumed data gives window back to the peer
        self.goaway = None  # the peer's error code, once it has sent GOAWAY
        self.pings = 0  # acknowledgements of our own
        self.closed = False
        self.error = None  # what ended the session, if not a plain close
        self.changed = asyncio.Event()
        values = {SettingCodes.INITIAL_WINDOW_SIZE: window, SettingCodes.MAX_HEADER_LIST_SIZE: 16 << 20}
        if client:
            values[SettingCodes.ENABLE_PUSH] = 0
        values.update(settings or {})
        self.conn.local_settings = h2.settings.Settings(client=client, initial_values=values)
        self.conn.initiate_connection()
        if window > 65535:
            self.conn.increment_flow_control_window(window - 65535)
        self.flush()

    def open(self, fields, end=False):
        try:
            stream = Stream(self, self.conn.get_next_available_stream_id())
            stream.send_headers(fields, end)
        except h2.exceptions.ProtocolError as error:
            raise Reset(None) from error
        self.streams[stream.id] = stream
        return stream

    def raw(self, data):
        if self.closed or self.writer.is_closing():
            raise Reset(None)
        self.flush()
        self.writer.write(data)

    def flush(self):
        data = self.conn.data_to_send()
        if data and not self.writer.is_closing():
            self.writer.write(data)

    def wake(self):
        self.changed.set()
        self.changed = asyncio.Event()

    def consumed(self, stream_id, size):
        if self.stalled or not size:
            return
        try:
            self.conn.acknowledge_received_data(size, stream_id)
        except h2.exceptions.ProtocolError:  # the stream or the session is over: nobody waits for window
            return
        self.flush()

    async def send_data(self, stream_id, data, end=False):
        rest = memoryview(data)
        try:
            while rest:
                if self.closed:
                    raise Reset(None)
                room = min(self.conn.local_flow_control_window(stream_id), self.conn.max_outbound_frame_size)
                if room <= 0:
                    await self.changed.wait()
                    continue
                self.conn.send_data(stream_id, bytes(rest[:room]))
                rest = rest[room:]
                self.flush()
                await self.writer.drain()
            if end:
                self.conn.end_stream(stream_id)
                self.flush()
        except (h2.exceptions.ProtocolError, OSError) as error:
            raise Reset(None) from error

    async def run(self):
        """Serve until the connection ends. Every stream still open then gets a reset."""
        try:
            while data := await self.reader.read(65536):
                for event in self.conn.receive_data(data):
                    self.dispatch(event)
                self.flush()
                self.wake()
        except (OSError, h2.exceptions.ProtocolError) as error:
            self.error = str(error)
            self.flush()
        finally:
            for stream in self.streams.values():
                stream.events.put_nowait(("reset", None))
            self.closed = True
            self.wake()
            self.writer.close()

    def start(self, coroutine):
        """Run COROUTINE beside the session."""
        task = asyncio.ensure_future(until_lost(coroutine))
        self.tasks.add(task)
        task.add_done_callback(self.finish)

    def finish(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            raise task.exception()

    def dispatch(self, event):
        if isinstance(event, h2.events.RequestReceived):
            stream = self.streams[event.stream_id] = Stream(self, event.stream_id)
            self.start(self.on_stream(stream, event.headers))
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.goaway = int(event.error_code)
        elif isinstance(event, h2.events.PingAckReceived):
            self.pings += 1
        elif stream := self.streams.get(getattr(event, "stream_id", None)):
            self.deliver(stream, event)

    def deliver(self, stream, event):
        names = {
            h2.events.ResponseReceived: "headers",
            h2.events.InformationalResponseReceived: "interim",
            h2.events.TrailersReceived: "trailers",
        }
        if type(event) in names:
            stream.events.put_nowait((names[type(event)], event.headers))
        elif isinstance(event, h2.events.DataReceived):
            stream.events.put_nowait(("data", (event.data, event.flow_controlled_length)))
        elif isinstance(event, h2.events.StreamEnded):
            stream.events.put_nowait(("end", None))
            self.forget(stream)
        elif isinstance(event, h2.events.StreamReset):
            stream.events.put_nowait(("reset", int(event.error_code)))
            self.forget(stream)

    def forget(self, stream):
        self.streams.pop(stream.id, None)

