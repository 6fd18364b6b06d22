#!/usr/bin/python3
"""A proxy for tests: proxy.py http|socks5 [USER:PASSWORD]. Prints its port, then a line for each request: what was asked for.
Whatever the name, it connects to this machine."""
import base64, socket, struct, sys, threading

kind, login = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None


def exactly(sock, n):
    out = b''
    while len(out) < n:
        more = sock.recv(n - len(out))
        if not more:
            raise EOFError
        out += more
    return out


def ask_http(sock):
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        head += exactly(sock, 1)
    expected = f'Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}' if login else None
    if expected and expected not in head.decode().split('\r\n'):
        sock.sendall(b'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n')
        raise EOFError
    host, port = head.split()[1].decode().rsplit(':', 1)
    return host, int(port), b'HTTP/1.1 200 Connected\r\nX: y\r\n\r\n'


def ask_socks5(sock):
    _, n = exactly(sock, 2)
    methods = exactly(sock, n)
    wanted = 2 if login else 0
    if wanted not in methods:
        sock.sendall(b'\x05\xff')
        raise EOFError
    sock.sendall(bytes([5, wanted]))
    if login:
        _, n = exactly(sock, 2)
        user = exactly(sock, n)
        password = exactly(sock, exactly(sock, 1)[0])
        good = f'{user.decode()}:{password.decode()}' == login
        sock.sendall(bytes([1, 0 if good else 1]))
        if not good:
            raise EOFError
    _, command, _, kind = exactly(sock, 4)
    assert command == 1
    if kind == 1:
        host = socket.inet_ntoa(exactly(sock, 4))
    elif kind == 4:
        host = socket.inet_ntop(socket.AF_INET6, exactly(sock, 16))
    else:
        host = exactly(sock, exactly(sock, 1)[0]).decode()
    port, = struct.unpack('>H', exactly(sock, 2))
    if host == 'refused.test':
        sock.sendall(b'\x05\x05\x00\x01' + bytes(6))
        raise EOFError
    return host, port, b'\x05\x00\x00\x03\x04name' + bytes(2)


def copy(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(sock):
    try:
        host, port, yes = {'http': ask_http, 'socks5': ask_socks5}[kind](sock)
        print('asked for', f'{host}:{port}', flush=True)
        there = socket.create_connection(('127.0.0.1', port))
        sock.sendall(yes)
    except (EOFError, OSError):
        sock.close()
        return
    threading.Thread(target=copy, args=(sock, there), daemon=True).start()
    copy(there, sock)


listener = socket.create_server(('127.0.0.1', 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
