#!/usr/bin/python3
"""Conformance of wscat's server and client to RFC 6455 and RFC 7692, over real sockets.

  conformance.py WSCAT [server|client] [PATTERN]

The same frames are played to both ends. Groups are numbered as those of the Autobahn suite: 1 framing, 2 pings and
pongs, 3 reserved bits, 4 opcodes, 5 fragmentation, 6 UTF-8, 7 close, 9 limits, 10 masks and lengths, 12 and 13
compression; 0 is the opening handshake. Prints TAP, a line for each case; exit 1 when any fails."""
import base64, concurrent.futures as futures, hashlib, os, re, socket, struct, subprocess, sys, zlib

GUID = b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
LIMIT = 1 << 20  # bytes: --max-size of both ends
DELIMITER = b'\x1e<end>\x1e'
TIMEOUT = 20  # s, for one case


def frame(opcode, payload=b'', fin=True, rsv=0, masked=None, form=None):
    """A frame as a function of the role: masked when the client speaks, unless said otherwise. form: 7, 16 or 64 bits
    of length, whatever the length."""
    def build(by_client):
        n, mask = len(payload), by_client if masked is None else masked(by_client)
        bit = 0x80 if mask else 0
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        if form == 16 or (form is None and 125 < n < 65536):
            head += bytes([bit | 126]) + struct.pack('>H', n)
        elif form == 64 or (form is None and n >= 65536):
            head += bytes([bit | 127]) + struct.pack('>Q', n)
        else:
            head += bytes([bit | n])
        if not mask:
            return head + payload
        key = b'\x37\xfa\x21\x3d'
        return head + key + bytes(b ^ key[i & 3] for i, b in enumerate(payload)) if n < 4096 else \
            head + key + mask_long(payload, key)
    return build


def mask_long(payload, key):
    n = len(payload)
    pad = (key * (n // 4 + 1))[:n]
    return (int.from_bytes(payload, 'big') ^ int.from_bytes(pad, 'big')).to_bytes(n, 'big')


def close_frame(code, reason=b''):
    return frame(CLOSE, struct.pack('>H', code) + reason)


def raw(data):
    return lambda by_client: data


class Case:
    """frames: what is sent. Expected: messages [(opcode, bytes)], pongs, and the code of the peer's close frame
    (None: ours, 1000, is answered). chop: bytes for each send, 0: all at once."""
    def __init__(self, name, frames, messages=(), pongs=(), code=None, chop=0, deflate=None, own_close=True):
        self.name, self.frames, self.messages, self.pongs = name, frames, list(messages), list(pongs)
        self.code, self.chop, self.deflate, self.own_close = code, chop, deflate, own_close


# --- The cases ---

def group_1():
    for opcode, name in ((TEXT, 'text'), (BINARY, 'binary')):
        fill = b'*' if opcode == TEXT else b'\xfe'
        for n in (0, 1, 2, 16, 124, 125, 126, 127, 128, 1000, 4095, 4096, 4097, 65535, 65536, 65537):
            yield Case(f'1 {name} of {n} bytes', [frame(opcode, fill * n)], [(opcode, fill * n)])
        for n, chop in ((1, 1), (125, 1), (126, 1), (128, 7), (65535, 997), (65536, 997), (65536, 1460)):
            yield Case(f'1 {name} of {n} bytes, in pieces of {chop}', [frame(opcode, fill * n)], [(opcode, fill * n)], chop=chop)
    many = [(TEXT, str(i).encode()) for i in range(500)]
    yield Case('1 five hundred messages in one write', [frame(o, p) for o, p in many], many)


def group_2():
    for payload in (b'', b'x', b'Hello, world!', b'\x00\xff\xfe\xfd\xfc\xfb\x00\xff', b'\xfe' * 124, b'\xfe' * 125):
        for chop in (0, 1):
            yield Case(f'2 ping of {len(payload)} bytes{", bytewise" if chop else ""}', [frame(PING, payload)], pongs=[payload], chop=chop)
    for n in (126, 127, 200, 65536):
        yield Case(f'2 ping of {n} bytes', [frame(PING, b'\xfe' * n)], code=1002)
    yield Case('2 pong unasked, empty', [frame(PONG)])
    yield Case('2 pong unasked, with payload', [frame(PONG, b'unsolicited')])
    yield Case('2 pong unasked, then ping', [frame(PONG, b'a'), frame(PING, b'b')], pongs=[b'b'])
    yield Case('2 pong of 126 bytes', [frame(PONG, b'p' * 126)], code=1002)
    ten = [str(i).encode() for i in range(10)]
    for chop in (0, 1):
        yield Case(f'2 ten pings{", bytewise" if chop else ""}', [frame(PING, p) for p in ten], pongs=ten, chop=chop)


def group_3():
    for rsv in range(1, 8):
        for opcode, name in ((TEXT, 'text'), (BINARY, 'binary'), (PING, 'ping'), (PONG, 'pong'), (CLOSE, 'close')):
            yield Case(f'3 rsv {rsv} on {name}', [frame(opcode, b'', rsv=rsv)], code=1002)
        yield Case(f'3 rsv {rsv} after a good message', [frame(TEXT, b'good'), frame(TEXT, b'bad', rsv=rsv)], [(TEXT, b'good')], code=1002)
        yield Case(f'3 rsv {rsv} on a continuation', [frame(TEXT, b'a', fin=False), frame(CONT, b'b', rsv=rsv)], code=1002)


def group_4():
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield Case(f'4 opcode {opcode}, empty', [frame(opcode)], code=1002)
        yield Case(f'4 opcode {opcode}, with payload', [frame(opcode, b'reserved')], code=1002)
        yield Case(f'4 opcode {opcode} after a message, then a ping', [frame(TEXT, b'first'), frame(opcode, b'x'), frame(PING)], [(TEXT, b'first')], code=1002)
        yield Case(f'4 opcode {opcode} inside a message', [frame(TEXT, b'f', fin=False), frame(opcode, b'x')], code=1002)


def pieces(opcode, parts, between=()):
    out = []
    for i, part in enumerate(parts):
        out.append(frame(opcode if i == 0 else CONT, part, fin=i == len(parts) - 1))
        if i < len(parts) - 1:
            out += between
    return out


def group_5():
    for opcode, name in ((TEXT, 'text'), (BINARY, 'binary')):
        for parts in ([b'a', b'b'], [b'', b''], [b'', b'x'], [b'x', b''], [b'', b'', b''], [b'frag', b'ment', b'ed'],
                [bytes([97 + i % 26]) for i in range(20)], [b'm' * 1000] * 8):
            for chop in (0, 1) if sum(map(len, parts)) < 100 else (0, 331):
                label = f'5 {name} in {len(parts)} frames of {[len(p) for p in parts][:4]}{f", pieces of {chop}" if chop else ""}'
                yield Case(label, pieces(opcode, parts), [(opcode, b''.join(parts))], chop=chop)
    yield Case('5 ping between fragments', pieces(TEXT, [b'fragment1', b'fragment2'], [frame(PING, b'mid')]), [(TEXT, b'fragment1fragment2')], [b'mid'])
    yield Case('5 pongs between fragments', pieces(TEXT, [b'a', b'b', b'c'], [frame(PONG, b'x')]), [(TEXT, b'abc')])
    yield Case('5 ping between fragments, bytewise', pieces(TEXT, [b'a', b'b'], [frame(PING, b'mid')]), [(TEXT, b'ab')], [b'mid'], chop=1)
    yield Case('5 five pings between fragments', pieces(BINARY, [b'1', b'2'], [frame(PING, bytes([i])) for i in range(5)]), [(BINARY, b'12')], [bytes([i]) for i in range(5)])
    yield Case('5 fragmented ping', [frame(PING, b'a', fin=False), frame(CONT, b'b')], code=1002)
    yield Case('5 fragmented pong', [frame(PONG, b'a', fin=False), frame(CONT, b'b')], code=1002)
    yield Case('5 fragmented close', [frame(CLOSE, b'\x03\xe8', fin=False), frame(CONT, b'b')], code=1002)
    for fin in (True, False):
        yield Case(f'5 continuation without a message, fin {fin}', [frame(CONT, b'stray', fin=fin)], code=1002)
        yield Case(f'5 continuation after a whole message, fin {fin}', [frame(TEXT, b'whole'), frame(CONT, b'stray', fin=fin)], [(TEXT, b'whole')], code=1002)
    for opcode in (TEXT, BINARY):
        yield Case(f'5 message of opcode {opcode} inside a message', [frame(TEXT, b'a', fin=False), frame(opcode, b'b')], code=1002)
    yield Case('5 close inside a message', [frame(TEXT, b'a', fin=False), close_frame(1000)], code=1000, own_close=False)
    yield Case('5 two fragmented messages', pieces(TEXT, [b'a', b'b']) + pieces(BINARY, [b'c', b'd']), [(TEXT, b'ab'), (BINARY, b'cd')])


VALID = ['', 'a', 'Hello-µ@ßöäüàá-UTF-8!!', '\u07ff', '\u0800', '\uffff', '\U00010000', '\U0010ffff', '\ud7ff', '\ue000', '\ufffd',
    '\ufeff', '\x00', '\x7f', '\x80', 'κόσμε', '𝄞', 'a\u0301', '\ufdd0', '\U0001fffe', '日本語', '🏳️‍🌈', '\u2028', '\ufffe']
INVALID = [b'\x80', b'\xbf', b'\x80\xbf', b'\xc0', b'\xc0\x80', b'\xc0\xaf', b'\xc1\xbf', b'\xc2', b'\xc2\x00', b'\xc2\xc2', b'\xdf', b'\xe0\x80\x80',
    b'\xe0\x80\xaf', b'\xe0\x9f\xbf', b'\xe1\x80', b'\xe1\x80\x41', b'\xed\xa0\x80', b'\xed\xad\xbf', b'\xed\xbf\xbf', b'\xed\xa0\x80\xed\xb0\x80',
    b'\xef\xbf', b'\xf0\x80\x80\x80', b'\xf0\x80\x80\xaf', b'\xf0\x8f\xbf\xbf', b'\xf0\x90\x80', b'\xf1\x80\x80\x41', b'\xf4\x90\x80\x80', b'\xf5\x80\x80\x80',
    b'\xf8\x88\x80\x80\x80', b'\xfc\x84\x80\x80\x80\x80', b'\xfe', b'\xff', b'\xfe\xfe\xff\xff', b'ok\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited']


def group_6():
    for i, text in enumerate(VALID):
        data = text.encode('utf-8', 'surrogatepass')
        yield Case(f'6 valid {i}: {data[:16].hex()}', [frame(TEXT, data)], [(TEXT, data)])
        if len(data) > 1:
            yield Case(f'6 valid {i}, a frame for each byte', pieces(TEXT, [data[j:j + 1] for j in range(len(data))]), [(TEXT, data)])
            yield Case(f'6 valid {i}, bytewise', [frame(TEXT, data)], [(TEXT, data)], chop=1)
    for i, data in enumerate(INVALID):
        yield Case(f'6 invalid {i}: {data[:16].hex()}', [frame(TEXT, data)], code=1007)
        yield Case(f'6 invalid {i}, a frame for each byte', pieces(TEXT, [data[j:j + 1] for j in range(len(data))] + [b'']), code=1007)
        yield Case(f'6 invalid {i} in binary is fine', [frame(BINARY, data)], [(BINARY, data)])
    yield Case('6 invalid text is refused before its end', [frame(TEXT, b'\xff', fin=False)], code=1007)
    yield Case('6 a long invalid text is refused before its end', [frame(TEXT, b'a' * 5000 + b'\xff' + b'a' * 5000, fin=False)], code=1007)


def group_7():
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999):
        yield Case(f'7 close {code}', [close_frame(code)], code=code, own_close=False)
        yield Case(f'7 close {code} with a reason', [close_frame(code, b'reason')], code=code, own_close=False)
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
        yield Case(f'7 close {code}', [close_frame(code)], code=1002, own_close=False)
        yield Case(f'7 close {code} with a reason', [close_frame(code, b'reason')], code=1002, own_close=False)
    yield Case('7 close without a code', [frame(CLOSE)], code=1005, own_close=False)
    yield Case('7 close of one byte', [frame(CLOSE, b'\x03')], code=1002, own_close=False)
    yield Case('7 close with the longest reason', [close_frame(1000, b'*' * 123)], code=1000, own_close=False)
    yield Case('7 close of 126 bytes', [close_frame(1000, b'*' * 124)], code=1002, own_close=False)
    for data in INVALID[:8]:
        yield Case(f'7 close with a reason that is not UTF-8: {data.hex()}', [close_frame(1000, data)], code=1007, own_close=False)
    yield Case('7 close with a reason in UTF-8', [close_frame(1000, 'κόσμε'.encode())], code=1000, own_close=False)
    yield Case('7 message before close', [frame(TEXT, b'last'), close_frame(1000)], [(TEXT, b'last')], code=1000, own_close=False)
    yield Case('7 message after close is ignored', [close_frame(1000), frame(TEXT, b'late')], code=1000, own_close=False)
    yield Case('7 ping after close is ignored', [close_frame(1000), frame(PING, b'late')], code=1000, own_close=False)
    yield Case('7 close twice', [close_frame(1000), close_frame(1001)], code=1000, own_close=False)
    yield Case('7 close bytewise', [close_frame(1001, b'slowly')], code=1001, own_close=False, chop=1)


def group_9():
    for n in (256 * 1024, 512 * 1024, LIMIT - 1, LIMIT):
        yield Case(f'9 message of {n} bytes', [frame(BINARY, b'b' * n)], [(BINARY, b'b' * n)])
        yield Case(f'9 text of {n} bytes', [frame(TEXT, b't' * n)], [(TEXT, b't' * n)])
    for step in (64, 1024, 65536):
        parts = [b'f' * step] * (262144 // step)
        yield Case(f'9 256 KiB in frames of {step}', pieces(BINARY, parts), [(BINARY, b''.join(parts))])
    for n in (LIMIT + 1, LIMIT * 2):
        yield Case(f'9 message of {n} bytes is too big', [frame(BINARY, b'b' * n)], code=1009)
    yield Case('9 fragments that are too big together', [frame(BINARY, b'b' * LIMIT, fin=False), frame(CONT, b'b')], code=1009)
    for n in (1 << 31, 1 << 32, (1 << 63) - 1):
        yield Case(f'9 a header that announces {n} bytes', [lambda c, n=n: bytes([0x82, (0x80 if c else 0) | 127]) + struct.pack('>Q', n) + (b'abcd' if c else b'') + b'.'], code=1009)


def group_10():
    wrong = lambda by_client: not by_client
    for opcode, name in ((TEXT, 'text'), (PING, 'ping'), (CLOSE, 'close')):
        yield Case(f'10 {name} masked the wrong way', [frame(opcode, b'' if opcode == CLOSE else b'mask', masked=wrong)], code=1002)
    yield Case('10 a good message, then one masked the wrong way', [frame(TEXT, b'good'), frame(TEXT, b'bad', masked=wrong)], [(TEXT, b'good')], code=1002)
    for n in (0, 1, 125):
        yield Case(f'10 length {n} in 16 bits', [frame(TEXT, b'*' * n, form=16)], code=1002)
        yield Case(f'10 length {n} in 64 bits', [frame(TEXT, b'*' * n, form=64)], code=1002)
    for n in (126, 65535):
        yield Case(f'10 length {n} in 64 bits', [frame(TEXT, b'*' * n, form=64)], code=1002)
    yield Case('10 the top bit of a 64-bit length', [lambda c: bytes([0x82, (0x80 if c else 0) | 127]) + struct.pack('>Q', 1 << 63) + b'abcd'], code=1002)


class Deflate:
    """The test's own end of permessage-deflate."""
    def __init__(self, params='', bits=15, keep=False):
        self.params, self.bits, self.keep, self.z = params, bits, keep, None

    def pack(self, data):
        if self.z is None or not self.keep:
            self.z = zlib.compressobj(6, zlib.DEFLATED, -self.bits)
        out = self.z.compress(data) + self.z.flush(zlib.Z_SYNC_FLUSH)
        return out[:-4]


def packed(d, opcode, data, split=1):
    body = d.pack(data)
    step = max(1, -(-len(body) // split))
    parts = [body[i:i + step] for i in range(0, len(body), step)] or [b'']
    return [frame(opcode if i == 0 else CONT, p, fin=i == len(parts) - 1, rsv=4 if i == 0 else 0) for i, p in enumerate(parts)]


OFFERS = ['permessage-deflate', 'permessage-deflate; client_max_window_bits', 'permessage-deflate; server_no_context_takeover',
    'permessage-deflate; client_no_context_takeover; server_no_context_takeover', 'permessage-deflate; server_max_window_bits=10',
    'permessage-deflate; client_max_window_bits=9; server_max_window_bits=9', 'permessage-deflate; client_max_window_bits="12"']


def group_12():
    for offer in OFFERS:
        bits = 9 if 'bits=9' in offer else 10 if 'bits=10' in offer else 12 if '"12"' in offer else 15
        for n in (0, 1, 16, 63, 64, 1000, 8192, 65536, 131072):
            d, text = Deflate(offer, bits), (b'{"n": %d, "what": "compressible"} ' % n * (n // 30 + 1))[:n]
            yield Case(f'12 {n} bytes, {offer}', packed(d, TEXT, text), [(TEXT, text)], deflate=d)


def group_13():
    d = Deflate(OFFERS[0])
    random = os.urandom(50000)
    yield Case('13 what does not compress', packed(d, BINARY, random), [(BINARY, random)], deflate=d)
    yield Case('13 uncompressed although agreed', [frame(TEXT, b'plain')], [(TEXT, b'plain')], deflate=d)
    yield Case('13 compressed in 5 frames', packed(d, TEXT, b'fragmented ' * 500, 5), [(TEXT, b'fragmented ' * 500)], deflate=d)
    yield Case('13 compressed bytewise', packed(d, TEXT, b'slowly ' * 20), [(TEXT, b'slowly ' * 20)], deflate=d, chop=1)
    f = packed(d, TEXT, b'with a ping ' * 100, 3)
    yield Case('13 ping between compressed frames', [f[0], frame(PING, b'p'), *f[1:]], [(TEXT, b'with a ping ' * 100)], [b'p'], deflate=d)
    yield Case('13 twenty messages', [x for i in range(20) for x in packed(d, TEXT, b'message %d' % i)], [(TEXT, b'message %d' % i) for i in range(20)], deflate=d)
    stored = zlib.compressobj(0, zlib.DEFLATED, -15)
    body = (stored.compress(b'stored block') + stored.flush(zlib.Z_SYNC_FLUSH))[:-4]
    yield Case('13 a stored block', [frame(TEXT, body, rsv=4)], [(TEXT, b'stored block')], deflate=d)
    final = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = final.compress(b'a final block') + final.flush() + b'\x00'
    yield Case('13 a final block (RFC 7692, 7.2.3.4)', [frame(TEXT, body, rsv=4)], [(TEXT, b'a final block')], deflate=d)
    yield Case('13 two deflate blocks in one message', [frame(TEXT, b'\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00', rsv=4)], [(TEXT, b'Hello')], deflate=d)
    yield Case('13 an empty message of one byte', [frame(TEXT, b'\x00', rsv=4)], [(TEXT, b'')], deflate=d)
    yield Case('13 garbage', [frame(TEXT, b'\xff\xff\xff\xff\xff', rsv=4)], code=1007, deflate=d)
    yield Case('13 compressed text that is not UTF-8', packed(d, TEXT, b'\xff\xfe' * 50), code=1007, deflate=d)
    bomb = b'\0' * (64 << 20)
    yield Case('13 a bomb of 64 MiB in 64 KiB', packed(d, BINARY, bomb), code=1009, deflate=d)
    yield Case('13 exactly the limit', packed(d, BINARY, b'x' * LIMIT), [(BINARY, b'x' * LIMIT)], deflate=d)
    yield Case('13 a byte over the limit', packed(d, BINARY, b'x' * (LIMIT + 1)), code=1009, deflate=d)
    for opcode in (PING, PONG, CLOSE):
        yield Case(f'13 RSV1 on control {opcode}', [frame(opcode, b'', rsv=4)], code=1002, deflate=d)
    yield Case('13 RSV1 on a continuation', [frame(TEXT, b'', fin=False, rsv=4), frame(CONT, b'\x00', rsv=4)], code=1002, deflate=d)
    for rsv in (1, 2, 3, 5, 6, 7):
        yield Case(f'13 rsv {rsv} although RSV1 is agreed', [frame(TEXT, b'x', rsv=rsv)], code=1002, deflate=d)


GROUPS = [group_1, group_2, group_3, group_4, group_5, group_6, group_7, group_9, group_10, group_12, group_13]


# --- Our end of the wire ---

class Wire:
    def __init__(self, sock, by_client, inflate=False, keep=False):
        self.sock, self.by_client, self.buf, self.inflate, self.keep = sock, by_client, b'', inflate, keep
        self.messages, self.pongs, self.code, self.z = [], [], None, None
        self.begun = None
        sock.settimeout(TIMEOUT)

    def read(self, n):
        while len(self.buf) < n:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError
            self.buf += more
        out, self.buf = self.buf[:n], self.buf[n:]
        return out

    def read_frame(self):
        a, b = self.read(2)
        n = b & 127
        if n == 126:
            n, = struct.unpack('>H', self.read(2))
            assert n > 125, 'length not in its shortest form'
        elif n == 127:
            n, = struct.unpack('>Q', self.read(8))
            assert n > 65535, 'length not in its shortest form'
        assert bool(b & 0x80) != self.by_client, 'masked the wrong way'
        key = self.read(4) if b & 0x80 else None
        payload = self.read(n)
        if key:
            payload = mask_long(payload, key) if payload else b''
        return a >> 7, a >> 4 & 7, a & 15, payload

    def unpack(self, payload):
        if self.z is None or not self.keep:
            self.z = zlib.decompressobj(-15)
        return self.z.decompress(payload + b'\x00\x00\xff\xff')

    def collect(self):
        """Everything up to the close frame."""
        while self.code is None:
            fin, rsv, opcode, payload = self.read_frame()
            if opcode == CLOSE:
                self.code = struct.unpack('>H', payload[:2])[0] if payload else 1005
            elif opcode == PONG:
                self.pongs.append(payload)
            elif opcode != PING:
                if opcode != CONT:
                    self.begun = [opcode, rsv & 4, b'']
                self.begun[2] += payload
                if fin:
                    opcode, is_packed, data = self.begun
                    self.messages.append((opcode, self.unpack(data) if is_packed else data))

    def send(self, case):
        data = b''.join(f(self.by_client) for f in case.frames)
        if case.own_close and case.code is None:
            data += close_frame(1000)(self.by_client)
        step = case.chop or len(data) or 1
        try:
            for i in range(0, len(data), step):
                self.sock.sendall(data[i:i + step])
        except (BrokenPipeError, ConnectionResetError):
            pass  # the peer failed the connection, as it may


def compare(what, got, expected):
    if got != expected:
        short = lambda x: repr(x) if len(repr(x)) < 120 else repr(x)[:120] + '...'
        raise AssertionError(f'{what}: {short(got)}, expected {short(expected)}')


# --- Our client against wscat serve ---

def handshake(sock, extensions=None, path='/'):
    key = base64.b64encode(os.urandom(16))
    lines = [f'GET {path} HTTP/1.1', 'Host: test', 'Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13', f'Sec-WebSocket-Key: {key.decode()}']
    if extensions:
        lines.append('Sec-WebSocket-Extensions: ' + extensions)
    sock.sendall('\r\n'.join(lines + ['', '']).encode())
    head = b''
    while b'\r\n\r\n' not in head:
        more = sock.recv(4096)
        if not more:
            raise EOFError
        head += more
    head, rest = head.split(b'\r\n\r\n', 1)
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    assert head.startswith(b'HTTP/1.1 101 ') and b'Sec-WebSocket-Accept: ' + accept in head, head
    return head.decode(), rest


def run_server_case(port, case):
    with socket.create_connection(('127.0.0.1', port)) as sock:
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head, rest = handshake(sock, case.deflate.params if case.deflate else None)
        granted = 'permessage-deflate' in head
        compare('compression granted', granted, case.deflate is not None)
        wire = Wire(sock, True)
        wire.buf = rest
        # Large cases would fill both directions: send and collect side by side.
        with futures.ThreadPoolExecutor(1) as pool:
            sending = pool.submit(wire.send, case)
            wire.collect()
            sending.result()
        compare('messages', wire.messages, case.messages)
        compare('pongs', wire.pongs, case.pongs)
        compare('close code', wire.code, case.code or 1000)
        while sock.recv(4096):  # the server ends the connection
            pass


REQUESTS = [  # name, request, first line of the answer
    ('a good one', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n', 101),
    ('Connection with more in it', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n', 101),
    ('Upgrade in capitals', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: WEBSOCKET\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n', 101),
    ('without Upgrade', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n', 426),
    ('without Connection', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n', 426),
    ('without key', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n', 400),
    ('with a short key', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n', 400),
    ('with two keys', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n', 400),
    ('of version 12', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n', 426),
    ('without version', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n', 400),
    ('by POST', 'POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n', 400),
    ('of HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n', 426),
    ('with a body', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 5\r\n\r\nhello', 400),
    ('without Host', 'GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n', 400),
    ('plain GET', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 426),
    ('no HTTP', 'hello\r\n\r\n', 400),
    ('a folded field', 'GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n', 400),
    ('a head without end', 'GET / HTTP/1.1\r\nX: ' + 'x' * 70000, 431),
]


def run_request(port, request, status):
    with socket.create_connection(('127.0.0.1', port)) as sock:
        sock.settimeout(TIMEOUT)
        try:
            sock.sendall(request.encode())
        except OSError:
            pass
        head = b''
        while b'\r\n' not in head:
            more = sock.recv(4096)
            assert more, 'no answer'
            head += more
        compare('status', int(head.split(b' ')[1]), status)


def server_cases(wscat):
    server = subprocess.Popen([wscat, 'serve', '-l', '127.0.0.1:0', '--json', '--max-size', str(LIMIT)], stdout=subprocess.PIPE, text=True)
    port = int(re.search(r':(\d+)/', server.stdout.readline()).group(1))
    drain = futures.ThreadPoolExecutor(1)
    drain.submit(lambda: [None for _ in server.stdout])
    def stop():
        server.terminate()
        assert server.wait(10) == 0
        drain.shutdown()
    cases = [(f'server: 0 a request {name}', lambda r=r, s=s: run_request(port, r, s)) for name, r, s in REQUESTS]
    cases += [(f'server: {c.name}', lambda c=c: run_server_case(port, c)) for g in GROUPS for c in g()]
    return cases, stop


# --- Our server against wscat ---

def accept_of(head):
    key = re.search(rb'Sec-WebSocket-Key: (\S+)', head).group(1)
    return base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()


def with_client(wscat, args, play):
    """Run wscat against a listener; play(sock, head) answers it. (status, stdout, stderr)"""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.settimeout(TIMEOUT)
        url = f'ws://127.0.0.1:{listener.getsockname()[1]}/'
        client = subprocess.Popen([wscat, '--max-size', str(LIMIT), '-d', ''.join(f'\\x{b:02x}' for b in DELIMITER), '--wait', '-1s', *args, url],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with futures.ThreadPoolExecutor(1) as pool:
            output = pool.submit(client.communicate)
            try:
                sock, _ = listener.accept()
                with sock:
                    sock.settimeout(TIMEOUT)
                    head = b''
                    while b'\r\n\r\n' not in head:
                        head += sock.recv(4096)
                    play(sock, head)
            finally:
                try:
                    client.wait(TIMEOUT)
                except subprocess.TimeoutExpired:
                    client.kill()
                    raise
            out, err = output.result()
            return client.returncode, out, err.decode(errors='replace')


def run_client_case(wscat, case):
    seen = {}

    def play(sock, head):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = f'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept_of(head)}\r\n'
        if case.deflate:
            granted = re.sub(r'; client_max_window_bits(=[^;]+)?', '', case.deflate.params)
            answer += f'Sec-WebSocket-Extensions: {granted}\r\n'
        wire = Wire(sock, False)
        sock.sendall(answer.encode() + b'\r\n')
        wire.send(case)
        wire.collect()
        seen['wire'] = wire

    args = ['--compression', case.deflate.params.split('; ', 1)[1] if case.deflate and '; ' in case.deflate.params else 'on' if case.deflate else 'off']
    status, out, err = with_client(wscat, args, play)
    wire = seen['wire']
    compare('output', out, b''.join(data + DELIMITER for _, data in case.messages))
    compare('pongs', wire.pongs, case.pongs)
    compare('close code', wire.code, case.code or 1000)
    clean = (case.code or 1000) in (1000, 1001, 1005)
    compare('exit status', status, 0 if clean else 1)
    assert str(case.code or 1000) in err, err


YES = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: @ACCEPT@\r\n'
RESPONSES = [  # name, answer, words of the complaint; None: fine
    ('in order', YES + '\r\n', None),
    ('in other capitals and another order', 'HTTP/1.1 101 ok\r\nsec-websocket-accept: @ACCEPT@\r\nconnection: keep-alive, UPGRADE\r\nupgrade: WebSocket\r\n\r\n', None),
    ('after a 103', 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n' + YES + '\r\n', None),
    ('without accept', YES.replace('Sec-WebSocket-Accept: @ACCEPT@\r\n', '') + '\r\n', 'no Sec-WebSocket-Accept'),
    ('with a wrong accept', YES.replace('@ACCEPT@', 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=') + '\r\n', 'does not answer our key'),
    ('with two accepts', YES + 'Sec-WebSocket-Accept: @ACCEPT@\r\n\r\n', 'twice'),
    ('without Upgrade', YES.replace('Upgrade: websocket\r\n', '') + '\r\n', 'no Upgrade'),
    ('with another Upgrade', YES.replace('websocket', 'h2c') + '\r\n', 'other than websocket'),
    ('without Connection', YES.replace('Connection: Upgrade\r\n', '') + '\r\n', 'Connection does not list'),
    ('with a subprotocol unasked', YES + 'Sec-WebSocket-Protocol: surprise\r\n\r\n', 'subprotocol that was not offered'),
    ('with an extension unasked', YES + 'Sec-WebSocket-Extensions: x-made-up\r\n\r\n', 'extension that was not offered'),
    ('with deflate twice', YES + 'Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n\r\n', 'twice'),
    ('with a bad window', YES + 'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=16\r\n\r\n', 'parameters are invalid'),
    ('with a parameter twice', YES + 'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; server_no_context_takeover\r\n\r\n', 'parameters are invalid'),
    ('with an unknown parameter', YES + 'Sec-WebSocket-Extensions: permessage-deflate; x=1\r\n\r\n', 'parameters are invalid'),
    ('with a bare client window', YES + 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n', 'parameters are invalid'),
    ('with an open quote', YES + 'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits="10\r\n\r\n', 'malformed'),
    ('200 and HTML', 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 14\r\n\r\n<p>\x1b[31mred</p>', '200 OK'),
    ('403', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nForbidden\n', '403 Forbidden'),
    ('302', 'HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n', '302 Found'),
    ('chunked 400', 'HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbody!\r\n0\r\n\r\n', '400 Bad Request'),
    ('101 of HTTP/2.0', 'HTTP/2.0 101 no\r\n\r\n', 'not HTTP'),
    ('garbage', '\x16\x03\x01 TLS it is', 'not HTTP'),
    ('a bad field', 'HTTP/1.1 101 x\r\nno colon\r\n\r\n', 'not HTTP'),
    ('half a head', 'HTTP/1.1 101 Switching', 'not HTTP'),
    ('nothing', '', 'without an answer'),
    ('a head without end', 'HTTP/1.1 101 x\r\nX: ' + 'x' * 80000, 'not HTTP'),
]


def run_response(wscat, response, complaint):
    def play(sock, head):
        try:
            sock.sendall(response.replace('@ACCEPT@', accept_of(head)).encode('latin1'))
            if complaint is None:
                wire = Wire(sock, False)
                sock.sendall(close_frame(1000)(False))
                wire.collect()
                compare('close code', wire.code, 1000)
        except (BrokenPipeError, ConnectionResetError):
            pass

    status, out, err = with_client(wscat, [], play)
    compare('exit status', status, 0 if complaint is None else 3)
    compare('output', out, b'')
    assert complaint is None or complaint in err, f'stderr {err!r} lacks {complaint!r}'
    assert '\x1b' not in err, 'an escape sequence got through'


def client_cases(wscat):
    cases = [(f'client: 0 an answer {name}', lambda r=r, c=c: run_response(wscat, r, c)) for name, r, c in RESPONSES]
    cases += [(f'client: {c.name}', lambda c=c: run_client_case(wscat, c)) for g in GROUPS for c in g()]
    return cases, lambda: None


def attempt(name, run):
    try:
        run()
        return name, None
    except Exception as e:
        return name, f'{type(e).__name__}: {e}'


def main():
    wscat, roles = os.path.abspath(sys.argv[1]), sys.argv[2:3] or ['server', 'client']
    pattern = re.compile(sys.argv[3] if len(sys.argv) > 3 else '')
    failed = number = 0
    for role in roles:
        cases, stop = {'server': server_cases, 'client': client_cases}[role](wscat)
        cases = [c for c in cases if pattern.search(c[0])]
        with futures.ThreadPoolExecutor(4) as pool:
            for name, why in pool.map(lambda c: attempt(*c), cases):
                number += 1
                failed += why is not None
                print(f'{"not ok" if why else "ok"} {number} {name}' + (f'\n# {why}' if why else ''), flush=True)
        stop()
    print(f'1..{number}')
    print(f'# {number - failed} of {number} pass', flush=True)
    os._exit(1 if failed else 0)


main()
