"""An upstream that speaks all that the gateway passes on: answers, streams of events, trailers, WebSockets, uploads, downloads.

Python's standard library only; on 127.0.0.1. `Service().start()` within a loop, or `beside(context)` as a process of its own.
"""
import asyncio
import base64
import hashlib
import json
import re
import struct
import zlib

ITEM = json.dumps({"id": 7, "name": "a thing"}).encode()
# What `/down` gives, and whoever asks can check.
DOWNLOAD = bytes(range(256)) * 2048
TRAILER = b"x-sum"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n"


def accept(key):
    """RFC 6455 section 4.2.2."""
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


def frame(opcode, payload, mask=b""):
    """A frame that is whole; a client's has a mask."""
    size, bit = len(payload), 0x80 if mask else 0
    length = bytes([bit | size]) if size < 126 else bytes([bit | 126]) + struct.pack("!H", size)
    if mask:
        # All at once: by the byte is too slow for this language.
        wide = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        payload = (int.from_bytes(payload, "big") ^ wide).to_bytes(size, "big")
    return bytes([0x80 | opcode]) + length + mask + payload


async def read_frame(reader):
    """(opcode, payload) of the next frame, without its mask."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4) if second & 0x80 else b""
    payload = await reader.readexactly(size)
    if mask and size:
        wide = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        payload = (int.from_bytes(payload, "big") ^ wide).to_bytes(size, "big")
    return first & 0x0F, payload


class Service:
    """Events come in `pieces`, `pause` seconds apart."""

    def __init__(self, pieces=10, pause=0.1):
        self.pieces, self.pause = pieces, pause

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        try:
            while await self.one(reader, writer):
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # Cancelled only when the whole test ends.
            pass
        finally:
            writer.close()

    async def one(self, reader, writer):
        """One call; whether the connection goes on."""
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].split(b"?")[0]
        if path == b"/ws":
            await self.websocket(head, reader, writer)
            return False
        body = await self.body(head, reader)
        if path == b"/events":
            await self.events(writer)
        elif path == b"/trailers":
            writer.write(HEAD % b"text/plain" + b"transfer-encoding: chunked\r\ntrailer: %s\r\n\r\n5\r\nwhole\r\n0\r\n%s: 1\r\n\r\n"
                         % (TRAILER, TRAILER))
        elif path == b"/up":
            self.answer(writer, b"application/json", b'{"crc":%d}' % zlib.crc32(body))
        elif path == b"/down":
            self.answer(writer, b"application/octet-stream", DOWNLOAD)
        else:
            self.answer(writer, b"application/json", ITEM)
        return True

    @staticmethod
    def answer(writer, kind, body):
        writer.write(HEAD % kind + b"content-length: %d\r\n\r\n" % len(body) + body)

    @staticmethod
    async def body(head, reader):
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        if length:
            return await reader.readexactly(int(length[1]))
        parts = []
        if b"\r\ntransfer-encoding:" in head.lower():
            while size := int((await reader.readline()).strip(), 16):
                parts.append((await reader.readexactly(size + 2))[:-2])
            await reader.readline()
        return b"".join(parts)

    async def events(self, writer):
        writer.write(HEAD % b"text/event-stream" + b"transfer-encoding: chunked\r\n\r\n")
        for number in range(self.pieces):
            piece = b"id: %d\ndata: piece\n\n" % number
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(self.pause)
        writer.write(b"0\r\n\r\n")

    @staticmethod
    async def websocket(head, reader, writer):
        """Returns what it gets, until it is told to close."""
        key = re.search(rb"(?i)\r\nsec-websocket-key: *(\S+)", head)[1]
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: %s\r\n\r\n"
                     % accept(key))
        while True:
            opcode, payload = await read_frame(reader)
            writer.write(frame(PONG if opcode == PING else opcode, payload))
            await writer.drain()
            if opcode == CLOSE:
                return


def _run(port, make):
    async def run():
        service = make()
        await service.start()
        port.value = service.port
        await service.server.serve_forever()

    asyncio.run(run())


async def beside(context, make=Service):
    """What `make` makes, in a process of its own: (process, port)."""
    port = context.Value("q", 0, lock=False)
    process = context.Process(target=_run, args=(port, make), daemon=True)
    process.start()
    while not port.value:
        await asyncio.sleep(0.05)
    return process, port.value
