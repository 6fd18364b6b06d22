#!/usr/bin/python3
"""A client of HTTP/2 that does what curl does not, for the management API. Prints what came of it.

    h2api.py ADDRESS TOKEN-FILE PATH bytewise        the preface and a request byte by byte: prints the status
    h2api.py ADDRESS TOKEN-FILE PATH resets COUNT    requests, each reset at once: prints "goaway" or "open"
    h2api.py ADDRESS TOKEN-FILE PATH streams COUNT   bodies that do not end, all at once: prints how many streams were
                                                     let in and how many refused
    h2api.py ADDRESS TOKEN-FILE PATH head BYTES      a field of that size: prints the status, or "reset"
    h2api.py ADDRESS TOKEN-FILE PATH stall FILE      takes 1000 bytes of the answer and no more until FILE exists, then
                                                     all: prints "stalled", then how many bytes there were
    h2api.py ADDRESS TOKEN-FILE PATH sip SECONDS     64 KiB of the answer at a time, with such pauses: prints how many
                                                     bytes there were, and after how many seconds
    h2api.py ADDRESS TOKEN-FILE PATH idle            a request, and then nothing: prints its status, then "goaway" and "closed"
    h2api.py ADDRESS TOKEN-FILE PATH connect         methods and paths that are none: prints a word for each
"""
import os
import socket
import sys
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

address, token_file, path, what = sys.argv[1:5]
host, port = address.rsplit(":", 1)
token = open(token_file).read().strip()
sock = socket.create_connection((host, int(port)), timeout=30)
config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False,
                                   normalize_outbound_headers=False)
conn = h2.connection.H2Connection(config)


def fields(method="GET", where=path, more=()):
    return [(":method", method), (":scheme", "http"), (":authority", address), (":path", where),
            ("authorization", "Bearer " + token), ("content-type", "application/json"), *more]


def send():
    sock.sendall(conn.data_to_send())


def events():
    """All until the peer ends: yields None then."""
    while True:
        try:
            data = sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            yield None
            return
        yield from conn.receive_data(data)
        send()


def outcome(stream):
    for e in events():
        if e is None:
            return "closed"
        if getattr(e, "stream_id", None) != stream:
            continue
        if isinstance(e, h2.events.ResponseReceived):
            return dict(e.headers)[":status"]
        if isinstance(e, h2.events.StreamReset):
            return "reset"


def bytewise():
    conn.initiate_connection()
    conn.send_headers(1, fields(), end_stream=True)
    for byte in conn.data_to_send():
        sock.sendall(bytes([byte]))
        time.sleep(0.001)
    print(outcome(1))


def resets(count):
    conn.initiate_connection()
    try:
        for i in range(count):
            conn.send_headers(2 * i + 1, fields(), end_stream=True)
            conn.reset_stream(2 * i + 1)
            send()
    except ConnectionError:
        pass
    conn.ping(b"12345678")
    try:
        send()
    except ConnectionError:
        pass
    for e in events():
        if e is None or isinstance(e, h2.events.ConnectionTerminated):
            print("goaway")
            return
        if isinstance(e, h2.events.PingAckReceived):
            print("open")
            return


def streams(count):
    conn.initiate_connection()
    send()
    conn.remote_settings[h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS] = count + 1
    refused = 0
    for i in range(count):
        conn.send_headers(2 * i + 1, fields("POST"))
    conn.ping(b"12345678")
    send()
    acks = 0
    for e in events():
        if isinstance(e, h2.events.StreamReset):
            refused += 1
        if isinstance(e, h2.events.PingAckReceived):
            acks += 1
            if acks == 1:  # resets may come behind the first one
                conn.ping(b"12345678")
                send()
        if e is None or acks == 2:
            break
    print(count - refused, refused)


def head(size):
    conn.initiate_connection()
    conn.send_headers(1, fields(more=[("x", "a" * size)]), end_stream=True)
    send()
    print(outcome(1))


def frames():
    """Type, flags and payload of each, past the library, which takes nothing after a GOAWAY."""
    data = b""
    while True:
        while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], "big"):
            length = int.from_bytes(data[:3], "big")
            yield data[3], data[4], data[9:9 + length]
            data = data[9 + length:]
        more = sock.recv(65536)
        if not more:
            return
        data += more


def stall(until):
    conn.initiate_connection()
    conn.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1000})
    conn.send_headers(1, fields(), end_stream=True)
    send()
    got = 0
    for kind, flags, payload in frames():
        if kind == 0:
            got += len(payload)
        if kind == 0 and got == 1000:
            print("stalled", flush=True)
            while not os.path.exists(until):
                time.sleep(0.02)
            for stream in (0, 1):  # WINDOW_UPDATE
                sock.sendall(b"\0\0\4\x08\0" + stream.to_bytes(4, "big") + (10000000).to_bytes(4, "big"))
        if kind == 0 and flags & 1:
            print(got)
            return
    print("cut", got)


def sip(pause):
    size, got, since, start = 65536, 0, 0, time.monotonic()
    conn.initiate_connection()
    conn.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: size})
    conn.send_headers(1, fields(), end_stream=True)
    conn.increment_flow_control_window(10000000)
    send()
    for kind, flags, payload in frames():
        if kind == 3:
            break
        if kind != 0:
            continue
        got += len(payload)
        since += len(payload)
        if flags & 1:
            print(got, int(time.monotonic() - start))
            return
        if since >= size:
            time.sleep(pause)
            sock.sendall(b"\0\0\4\x08\0\0\0\0\1" + since.to_bytes(4, "big"))
            since = 0
    print("cut", got)


def idle():
    conn.initiate_connection()
    conn.send_headers(1, fields(), end_stream=True)
    send()
    print(outcome(1), flush=True)
    for e in events():
        if isinstance(e, h2.events.ConnectionTerminated):
            print("goaway", flush=True)
        if e is None:
            print("closed", flush=True)


def connect():
    conn.initiate_connection()
    said = []
    for i, (method, where) in enumerate([("OPTIONS", "*"), ("GET", "a"), ("GET", path), ("A" * 100, path)]):
        conn.send_headers(2 * i + 1, fields(method, where), end_stream=True)
        send()
        said.append(outcome(2 * i + 1))
    print(*said)


if what in ("resets", "streams", "head"):
    globals()[what](int(sys.argv[5]))
elif what == "stall":
    stall(sys.argv[5])
elif what == "sip":
    sip(float(sys.argv[5]))
else:
    globals()[what]()
