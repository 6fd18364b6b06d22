"""Just enough Cap'n Proto for the tunnel's control stream: read any of its messages, send those of tests/vectors.

One segment, no far pointers, which is all that any known peer sends. Written against the encoding's
specification and apart from src/tunnel/control, so that the two check each other.
"""

import pathlib
import struct

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "vectors" / "tunnel"
MALFORMED = (ValueError, struct.error)  # what reading a bad message raises
ABORT, CALL, RETURN, FINISH, RELEASE, BOOTSTRAP = 1, 2, 3, 4, 6, 8
REGISTER, UNREGISTER, UPDATE_CONFIGURATION = 0, 1, 2

QUESTION = 0x20  # where every Call and Return of the vectors has its question or answer id


def vector(name, question=None):
    """The framed message tests/vectors/tunnel/NAME.hex, with its question or answer id replaced."""
    message = bytearray.fromhex((VECTORS / f"{name}.hex").read_text())
    if question is not None:
        struct.pack_into("<I", message, QUESTION, question)
    return bytes(message)


def take_message(buffer):
    """Remove the first whole message from the bytearray BUFFER and return its root; None if there is none yet."""
    if len(buffer) < 8:
        return None
    segments, words = struct.unpack_from("<II", buffer)
    if segments:
        raise ValueError("more than one segment")
    end = 8 + 8 * words
    if len(buffer) < end:
        return None
    segment = bytes(buffer[8:end])
    del buffer[:end]
    return Struct.at_pointer(segment, 0)


class Struct:
    """A struct: fields by byte offset in the data section, pointers by number. What is missing reads as zero."""

    def __init__(self, segment, data, data_size, pointers):
        self.segment, self.data, self.data_size, self.pointers = segment, data, data_size, pointers

    @classmethod
    def at_pointer(cls, segment, pointer):
        low, data_words, pointers = struct.unpack_from("<iHH", segment, pointer)
        if low & 3:
            raise ValueError("not a struct pointer")
        return cls(segment, pointer + 8 + 8 * (low >> 2), 8 * data_words, pointers)

    def number(self, offset, size):
        if offset + size > self.data_size:
            return 0
        return int.from_bytes(self.segment[self.data + offset : self.data + offset + size], "little")

    def pointer(self, index):
        """Where pointer INDEX stands, or None if it is absent or null."""
        at = self.data + self.data_size + 8 * index
        return at if index < self.pointers and any(self.segment[at : at + 8]) else None

    def child(self, index):
        at = self.pointer(index)
        return Struct(self.segment, 0, 0, 0) if at is None else Struct.at_pointer(self.segment, at)

    def blob(self, index):
        at = self.pointer(index)
        return b"" if at is None else blob(self.segment, at)

    def text(self, index):
        return self.blob(index).rstrip(b"\0").decode()

    def texts(self, index):
        at = self.pointer(index)
        if at is None:
            return []
        low, high = struct.unpack_from("<iI", self.segment, at)
        first = at + 8 + 8 * (low >> 2)
        return [blob(self.segment, first + 8 * i).rstrip(b"\0").decode() for i in range(high >> 3)]


def blob(segment, pointer):
    low, high = struct.unpack_from("<iI", segment, pointer)
    if low & 3 != 1 or high & 7 != 2:
        raise ValueError("not a list of bytes")
    start = pointer + 8 + 8 * (low >> 2)
    return segment[start : start + (high >> 3)]


class Message:
    """An RPC message: its kind, its question or answer id, and for a call the method and its parameters."""

    def __init__(self, root):
        self.kind = root.number(0, 2)
        self.body = root.child(0)
        self.question = self.body.number(0, 4)
        self.method = self.body.number(4, 2)

    def parameters(self):
        return self.body.child(1).child(0)

    def results(self):
        """What a Return carries; raises RuntimeError with the reason of an exception."""
        if self.body.number(6, 2) == 1:
            raise RuntimeError(self.body.child(0).text(0))
        return self.body.child(0).child(0)


def registration(parameters):
    """The parameters of registerConnection as a dictionary for JSON."""
    auth, options = parameters.child(0), parameters.child(2)
    client = options.child(0)
    return {
        "index": parameters.number(0, 1),
        "account": auth.text(0),
        "secret": auth.blob(1).hex(),
        "tunnel": parameters.blob(1).hex(),
        "attempts": options.number(2, 1),
        "client": client.blob(0).hex(),
        "features": sorted(client.texts(1)),
        "version": client.text(2),
        "arch": client.text(3),
        "local_ip": options.blob(1).hex(),
    }


def connection_response(results):
    """The results of registerConnection as a dictionary: location and uuid, or error and retry."""
    response = results.child(0)
    chosen = response.child(0)
    if response.number(0, 2) == 0:
        return {"error": chosen.text(0), "retry": bool(chosen.number(8, 1) & 1)}
    return {"location": chosen.text(1), "uuid": chosen.blob(0).hex(), "remote": bool(chosen.number(0, 1) & 1)}
