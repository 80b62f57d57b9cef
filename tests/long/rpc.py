"""gRPC over HTTP/2: an upstream that gives back each message of a call and ends with its status, and calls of it with a `protocols.Two`.

Python's standard library only. The upstream reads no field block: whatever is called is an echo.
"""
import asyncio
import struct

from common import Broken
from protocols import (
    ACK, DATA, END_HEADERS, END_STREAM, HEADERS, OPENING, PING_FRAME, SETTINGS, WINDOW_UPDATE, literal, two_frame,
)

PATH = "/echo.Echo/Say"
HOST = "rpc.test"
FIELDS = [("content-type", "application/grpc"), ("te", "trailers")]
# `:status: 200` has a number of its own.
BEGINS = b"\x88" + literal(b"content-type", b"application/grpc")
ENDS = literal(b"grpc-status", b"0")


def apis(upstream):
    """The API of the document; `upstream` is the name of one that speaks HTTP/2."""
    return f"""  rpc:
    contract: none
    hosts: [{HOST}]
    allow: ["POST {PATH}"]
    upstream: {upstream}
    unsecured: anonymous
    validation: {{ request: off, response: off }}
"""


class Rpc:
    """The upstream, with prior knowledge (RFC 9113 section 3.3)."""

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        try:
            await reader.readexactly(len(OPENING))
            writer.write(two_frame(SETTINGS, 0, 0))
            while True:
                head = await reader.readexactly(9)
                payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
                self.take(writer, head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, payload)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # Cancelled only when the whole test ends.
            pass
        finally:
            writer.close()

    @staticmethod
    def take(writer, kind, flags, stream, payload):
        if kind in (SETTINGS, PING_FRAME) and not flags & ACK:
            writer.write(two_frame(kind, ACK, 0, payload if kind == PING_FRAME else b""))
        elif kind == HEADERS:
            writer.write(two_frame(HEADERS, END_HEADERS, stream, BEGINS))
        elif kind == DATA and payload:
            room = struct.pack(">I", len(payload))
            writer.write(two_frame(DATA, 0, stream, payload) + two_frame(WINDOW_UPDATE, 0, 0, room))
            if not flags & END_STREAM:
                writer.write(two_frame(WINDOW_UPDATE, 0, stream, room))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            writer.write(two_frame(HEADERS, END_HEADERS | END_STREAM, stream, ENDS))


def message(text):
    """A message as it goes over the wire, not compressed."""
    return b"\0" + struct.pack(">I", len(text)) + text


def is_over(trailers):
    if (trailers or {}).get("grpc-status") != "0":
        raise Broken(f"gRPC ended with {trailers}")


async def say(two, text):
    """One message, and the same back."""
    status, body, trailers = await two.call("POST", PATH, FIELDS, message(text), seconds=60)
    if status != 200 or body != message(text):
        raise Broken(f"gRPC: {status} {body[-80:]!r}")
    is_over(trailers)
    return True


async def talk(two, pieces, pause):
    """So many messages on one call, each when the one before has come back."""
    pipe = two.open("POST", PATH, FIELDS)
    async with asyncio.timeout(60 + pieces * pause):
        for number in range(pieces):
            sent = message(b"message %d" % number)
            pipe.write(sent)
            if (back := await pipe.readexactly(len(sent))) != sent:
                raise Broken(f"gRPC: another message: {back!r}")
            await asyncio.sleep(pause)
        if await pipe.head() != 200:
            raise Broken(f"gRPC: {await pipe.head()}")
        is_over(await pipe.end())
    return True
