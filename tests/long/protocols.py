"""Strict little clients of HTTP/2 over TLS and of WebSockets: what ends them is told apart, and who was told.

Python's standard library only. Of heads only the status is read: the table of the other side is forbidden to grow, so that
the first field is all that has to be understood. What is sent is small: windows of the other side are not looked at.
"""
import asyncio
import base64
import os
import struct

from common import Broken, trusting
from faults_two import integer, string
from service import CLOSE, PING, PONG, TEXT, accept, frame, read_frame

DATA, HEADERS, RST_STREAM, SETTINGS, PING_FRAME, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
ENABLE_CONNECT_PROTOCOL = 8
OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# No table, no push, so much for a stream at once.
WISHES = struct.pack(">HIHIHI", 1, 0, 2, 0, 4, 1 << 24)
ROOM = 1 << 30
# Status codes that have a number of their own (RFC 7541 appendix A), and digits in Huffman's code (appendix B).
KNOWN = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
DIGITS = {"00000": "0", "00001": "1", "00010": "2", **{format(0x19 + at, "06b"): str(at + 3) for at in range(7)}}


def two_frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def varint(value, bits):
    """RFC 7541 section 5.1, into the low bits of a byte."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([value])
    out, value = bytes([most]), value - most
    while value >= 128:
        out, value = out + bytes([value % 128 | 128]), value // 128
    return out + bytes([value])


def literal(name, value):
    """A field that no table keeps."""
    return b"\x00" + varint(len(name), 7) + name + varint(len(value), 7) + value


def status(block):
    """The status that a field block begins with."""
    at = 0
    while block[at] & 0xE0 == 0x20:
        at += 1
    if block[at] & 0x80:
        return KNOWN[block[at] & 0x7F]
    # By the name of entry 8, without index.
    if block[at] & 0x0F != 8:
        raise Broken(f"a head that begins with {block[:8].hex()}")
    length = block[at + 1]
    value = block[at + 2:at + 2 + (length & 0x7F)]
    if not length & 0x80:
        return int(value)
    bits, text = "".join(format(byte, "08b") for byte in value), ""
    while len(text) < 3:
        size = 5 if bits[:5] in DIGITS else 6
        text, bits = text + DIGITS[bits[:size]], bits[size:]
    return int(text)


def trailers(block):
    """Fields by their names, or by their places in the table of names."""
    at, found = 0, {}
    while at < len(block):
        if block[at] & 0x80:
            raise Broken(f"a trailer that a table has: {block[:8].hex()}")
        if block[at] & 0xE0 == 0x20:
            _, at = integer(block, at, 5)
            continue
        name, at = integer(block, at, 6 if block[at] & 0x40 else 4)
        if name == 0:
            name, at = string(block, at)
        found[name], at = string(block, at)
    return found


class Stream:
    def __init__(self):
        self.status, self.body, self.trailers, self.done = None, b"", None, asyncio.get_running_loop().create_future()
        # Set with whatever comes.
        self.came = asyncio.Event()


class Pipe:
    """A stream on which both sides speak as they like: reader and writer in one."""

    def __init__(self, two, number, stream):
        self.two, self.number, self.stream = two, number, stream
        self.pair = (self, self)

    async def until(self, there):
        """Waits until it is there; raises when the stream ends before."""
        while not there():
            if self.stream.done.done():
                self.stream.done.result()
                raise EOFError("the stream ended")
            self.stream.came.clear()
            await self.stream.came.wait()

    async def head(self):
        """The status, when it comes."""
        await self.until(lambda: self.stream.status is not None)
        return self.stream.status

    async def readexactly(self, count):
        await self.until(lambda: len(self.stream.body) >= count)
        found, self.stream.body = self.stream.body[:count], self.stream.body[count:]
        return found

    def write(self, data, flags=0):
        if self.two.ended.is_set():
            raise EOFError("the connection ended before")
        self.two.writer.write(two_frame(DATA, flags, self.number, data))

    async def end(self):
        """Says that no more will come; the trailers of the other side."""
        self.write(b"", END_STREAM)
        await asyncio.shield(self.stream.done)
        self.close()
        return self.stream.trailers

    def close(self):
        self.two.forget(self.number)


class Two:
    """One connection of HTTP/2; as many calls at once as its user likes."""

    def __init__(self, host, port, name="localhost"):
        self.address, self.name = (host, port), name
        self.streams, self.next, self.goaways, self.ended = {}, 1, [], asyncio.Event()
        # What the server wishes, by number; told when that has come.
        self.wishes, self.told = {}, asyncio.Event()

    async def connect(self):
        self.reader, self.writer = await asyncio.open_connection(*self.address, ssl=trusting("h2"), server_hostname=self.name)
        if self.writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            raise Broken("no HTTP/2 was agreed on")
        room = two_frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", ROOM))
        self.writer.write(OPENING + two_frame(SETTINGS, 0, 0, WISHES) + room)
        self.task = asyncio.create_task(self.read())
        return self

    async def ready(self):
        """Whether calls may be begun, once the server has said what it wishes, or that it ends."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self.told, self.ended)]
        await asyncio.wait(waits, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return self.takes_calls()

    def takes_calls(self):
        """Whether another call may be begun: it is open, and nothing was said of an end."""
        return not self.goaways and not self.ended.is_set()

    async def call(self, method, path, headers=(), body=None, seconds=30):
        """(status, body, trailers or None); raises when the answer is not whole."""
        number, stream = self.begin(method, path, headers, END_STREAM if body is None else 0)
        if body is not None:
            self.writer.write(two_frame(DATA, END_STREAM, number, body))
        try:
            async with asyncio.timeout(seconds):
                await stream.done
        finally:
            self.forget(number)
        return stream.status, stream.body, stream.trailers

    def begin(self, method, path, headers, flags):
        """Sends a head: the number of its stream, and the stream."""
        if self.ended.is_set():
            raise EOFError("the connection ended before")
        number, self.next = self.next, self.next + 2
        stream = self.streams[number] = Stream()
        fields = [(":method", method), (":scheme", "https"), (":authority", f"{self.name}:{self.address[1]}"), (":path", path), *headers]
        block = b"".join(literal(name.lower().encode(), value.encode()) for name, value in fields)
        self.writer.write(two_frame(HEADERS, END_HEADERS | flags, number, block))
        return number, stream

    def open(self, method, path, headers=()):
        """A call that is not over with its head."""
        return Pipe(self, *self.begin(method, path, headers, 0))

    def forget(self, number):
        """Whoever gave up asks no more."""
        stream = self.streams.pop(number, None)
        if stream:
            stream.done.cancel()

    async def read(self):
        """Reads frames until the end; calls that have no whole answer by then fail."""
        why = EOFError("the connection ended")
        try:
            while True:
                head = await self.reader.readexactly(9)
                payload = await self.reader.readexactly(int.from_bytes(head[:3], "big"))
                self.take(head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, payload)
        except (OSError, EOFError, Broken) as error:
            why = error
        finally:
            self.ended.set()
            for stream in self.streams.values():
                if not stream.done.done():
                    stream.done.set_exception(EOFError(f"{type(why).__name__} {why}"))
                    # Whoever has gone away does not ask.
                    stream.done.exception()
                stream.came.set()
            self.told.set()
            self.writer.close()

    def take(self, kind, flags, number, payload):
        if kind == SETTINGS and not flags & ACK:
            self.wishes |= dict(struct.iter_unpack(">HI", payload))
            self.told.set()
            self.writer.write(two_frame(SETTINGS, ACK, 0))
        elif kind == PING_FRAME and not flags & ACK:
            self.writer.write(two_frame(PING_FRAME, ACK, 0, payload))
        elif kind == GOAWAY:
            self.goaways.append(struct.unpack(">II", payload[:8]))
        elif kind in (HEADERS, DATA, RST_STREAM) and number in self.streams:
            self.answer(self.streams[number], kind, flags, payload)

    @staticmethod
    def answer(stream, kind, flags, payload):
        if stream.done.done():
            return
        stream.came.set()
        if kind == RST_STREAM:
            stream.done.set_exception(Broken(f"reset with {int.from_bytes(payload, 'big')}"))
            stream.done.exception()
            return
        if kind == DATA:
            stream.body += payload
        elif not flags & END_HEADERS:
            raise Broken("a head in pieces")
        elif stream.status is None:
            stream.status = status(payload)
        else:
            stream.trailers = trailers(payload)
        if flags & END_STREAM:
            stream.done.set_result(None)

    def close(self):
        if hasattr(self, "task"):
            self.task.cancel()


class Closed(Exception):
    """A WebSocket that the other side closed, with its code."""


class WebSocket:
    """One WebSocket on a connection of a `common.Client`."""

    def __init__(self, client):
        self.client = client

    async def connect(self, path, headers=()):
        key = base64.b64encode(os.urandom(16))
        fields = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", key.decode())]
        code, answer = await self.client.head("GET", path, [*fields, *headers])
        if code != 101 or answer.get("sec-websocket-accept", "").encode() != accept(key):
            raise Broken(f"a handshake that was answered {code}")
        return self

    async def echo(self, text, seconds=30):
        """Sends a message and gets it back."""
        reader, writer = self.client.pair
        writer.write(frame(TEXT, text, os.urandom(4)))
        async with asyncio.timeout(seconds):
            while True:
                opcode, payload = await read_frame(reader)
                if opcode == PING:
                    writer.write(frame(PONG, payload, os.urandom(4)))
                elif opcode == CLOSE:
                    writer.write(frame(CLOSE, payload[:2], os.urandom(4)))
                    self.client.close()
                    raise Closed(int.from_bytes(payload[:2], "big"))
                elif (opcode, payload) != (TEXT, text):
                    raise Broken(f"another message: {opcode} {payload[:40]!r}")
                else:
                    return text


class WebSocketTwo(WebSocket):
    """One WebSocket on a stream of a connection of HTTP/2 (RFC 8441)."""

    def __init__(self, two):
        super().__init__(None)
        self.two = two

    async def connect(self, path, headers=()):
        async with asyncio.timeout(30):
            # Section 3: not before the server has said that it may.
            await self.two.told.wait()
            if self.two.wishes.get(ENABLE_CONNECT_PROTOCOL) != 1:
                raise Broken("no WebSocket over HTTP/2 is offered")
            fields = [(":protocol", "websocket"), ("sec-websocket-version", "13"), *headers]
            self.client = self.two.open("CONNECT", path, fields)
            if (code := await self.client.head()) != 200:
                raise Broken(f"a handshake over HTTP/2 that was answered {code}")
        return self
