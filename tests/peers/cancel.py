#!/usr/bin/python3
"""A visitor of little patience: sends COUNT requests to HOST:PORT, and hangs up as soon as each is sent."""

import socket
import struct
import sys

AT_ONCE = 50
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset

host, _, port = sys.argv[1].rpartition(":")
request = f"GET /cancelled HTTP/1.1\r\nhost: {sys.argv[1]}\r\n\r\n".encode()
open_sockets = []
for number in range(int(sys.argv[2])):
    visitor = socket.create_connection((host, int(port)), timeout=20)
    visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    visitor.sendall(request)
    open_sockets.append(visitor)
    if len(open_sockets) == AT_ONCE:
        open_sockets.pop(0).close()
for visitor in open_sockets:
    visitor.close()
