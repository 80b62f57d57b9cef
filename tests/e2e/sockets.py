#!/usr/bin/env python3
"""WebSockets with a library of others on both sides, Python's `websockets`: what it says arrives, what no library says does not.

The same hostile frames go to the library's server directly and through the gateway: the gateway may not be laxer.

    sockets.py [--bin DIR]
"""
import argparse
import asyncio
import pathlib
import struct
import sys

import websockets
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "long"))
import common  # noqa: E402
from common import Gateway, Workspace, finish, say  # noqa: E402

CONTRACT = """openapi: 3.1.0
info: { title: Chat, version: 1.0.0 }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example.com/token", scopes: { chat: c } } } }
paths:
  /chat:
    get:
      operationId: chat
      security: [{ oauth: [chat] }]
      parameters: [{ name: room, in: query, schema: { type: string, maxLength: 8 } }]
      responses: { "101": { description: switched } }
  /open:
    get: { operationId: open, security: [], responses: { "101": { description: switched } } }
  /plain:
    get: { operationId: plain, security: [], responses: { "200": { description: ok } } }
"""

DOCUMENT = """version: 1
listen: http://127.0.0.1:0
admin: {{ bind: "127.0.0.1:0" }}
apis:
  chat:
    contract: ./openapi.yaml
    upstream: {upstream}
    issuer: local
    operations:
      chat: {{ websocket: {{ subprotocols: [chat.v2], origins: ["https://app.example.com"], message: 256KiB }} }}
      open: {{ websocket: {{ message: 256KiB, frame: 128KiB, rate: 1000/s }} }}
"""


def masked(first, payload, length=None):
    """A client's frame whose first byte and length may be anything."""
    size = len(payload)
    if length is None:
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
    key = b"\x01\x02\x03\x04"
    return bytes([first]) + length + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


HOSTILE = {
    "no mask": (b"\x81\x01a", 1002),
    "RSV1 without an extension": (masked(0xC1, b"a"), 1002),
    "RSV2": (masked(0xA1, b"a"), 1002),
    "opcode 3": (masked(0x83, b""), 1002),
    "opcode 15": (masked(0x8F, b""), 1002),
    "a ping of 126 bytes": (masked(0x89, b"x" * 126), 1002),
    "a ping in pieces": (masked(0x09, b""), 1002),
    "a piece without a beginning": (masked(0x80, b"a"), 1002),
    "a message within another": (masked(0x01, b"a") + masked(0x81, b"b"), 1002),
    "close with 1005": (masked(0x88, struct.pack("!H", 1005)), 1002),
    "half a close code": (masked(0x88, b"\x03"), 1002),
    "a text that is not UTF-8": (masked(0x81, b"\xff"), 1007),
    "half a character": (masked(0x01, b"\xc3") + masked(0x80, b"a"), 1007),
    "a close whose reason is not UTF-8": (masked(0x88, b"\x03\xe8\xff"), 1007),
    "a frame over the bound": (masked(0x82, b"", b"\xff" + struct.pack("!Q", 300_000)), 1009),
}
# What the library's server takes and we do not: lengths that are not minimal.
STRICTER = {
    "a length of 16 bits for one byte": (masked(0x81, b"a", b"\xfe\x00\x01"), 1002),
    "a length of 64 bits for one byte": (masked(0x81, b"a", b"\xff" + struct.pack("!Q", 1)), 1002),
}


class Upstream:
    """The service: returns what it gets, and keeps how each connection ended."""

    def __init__(self):
        self.opened, self.heads, self.ended = 0, [], []

    async def handle(self, connection):
        self.opened += 1
        self.heads.append(connection.request)
        got = []
        try:
            async for message in connection:
                got.append(message)
                await connection.send(message)
        except ConnectionClosed:
            pass
        self.ended.append((connection.protocol.close_rcvd and connection.protocol.close_rcvd.code, got))

    async def until(self, count):
        for _ in range(400):
            if len(self.ended) >= count:
                return
            await asyncio.sleep(0.05)
        raise SystemExit(f"only {len(self.ended)} of {count} connections ended at the upstream")


def expect(misses, what, got, wanted):
    say(f"{what}: {got}")
    if got != wanted:
        misses.append(f"{what}: {got}, not {wanted}")


async def well_behaved(misses, url, upstream, bearer):
    header = {"Authorization": f"Bearer {bearer}"}
    async with connect(f"{url}/chat?room=a", additional_headers=header, subprotocols=["other", "chat.v2"],
                       origin="https://app.example.com", max_size=None) as client:
        expect(misses, "subprotocol", client.subprotocol, "chat.v2")
        expect(misses, "extensions, though offered", client.protocol.extensions, [])
        for message in ["grüße", "", b"\x00\xff", "x" * 70_000, b"y" * 200_000]:
            await client.send(message)
            if await client.recv() != message:
                misses.append(f"a message of {len(message)} did not come back")
        await client.send(["in ", "three ", "pieces"])
        expect(misses, "pieces", await client.recv(), "in three pieces")
        await asyncio.wait_for(await client.ping(b"there?"), 20)
        many = [str(number) for number in range(2_000)]
        sender = asyncio.create_task(send_all(client, many))
        expect(misses, "2000 messages in order", [await client.recv() for _ in many] == many, True)
        await sender
        await client.close(4001, "bye")
    await upstream.until(1)
    expect(misses, "close code at the upstream", upstream.ended[-1][0], 4001)
    head = upstream.heads[-1].headers
    expect(misses, "what is offered upstream", head.get("Sec-WebSocket-Extensions"), None)
    expect(misses, "who calls", head.get("X-Forwarded-Proto"), "http")


async def send_all(client, messages):
    for message in messages:
        await client.send(message)


async def status_of(url, **options):
    try:
        async with connect(url, **options):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def refused(misses, url, upstream, bearer):
    header = {"Authorization": f"Bearer {bearer}"}
    before = upstream.opened
    for what, path, options, wanted in [
        ("without a token", "/chat", {}, 401),
        ("with a foreign origin", "/chat", {"additional_headers": header, "origin": "https://evil.example.com"}, 403),
        ("with the origin `null`", "/chat", {"additional_headers": header, "origin": "null"}, 403),
        ("with a parameter that breaks the contract", "/chat?room=" + "x" * 9, {"additional_headers": header}, 400),
        ("of an operation that is none", "/plain", {}, 400),
        ("of no operation", "/nothing", {}, 404),
    ]:
        expect(misses, f"a handshake {what}", await status_of(f"{url}{path}", **options), wanted)
    expect(misses, "what of these reached the upstream", upstream.opened - before, 0)
    expect(misses, "its twin", await status_of(f"{url}/chat", additional_headers=header), 101)


async def verdict(url, frames):
    """How the other end closes after these bytes; the message before them has to come back."""
    async with connect(url, compression=None) as client:
        await client.send("good")
        assert await client.recv() == "good"
        client.transport.write(frames)
        try:
            while True:
                await asyncio.wait_for(client.recv(), 20)
        except ConnectionClosed as closed:
            return closed.rcvd and closed.rcvd.code


async def hostile(misses, url, upstream, direct):
    for name, (frames, code) in HOSTILE.items():
        expect(misses, f"{name}, directly", await verdict(direct, frames), code)
        await asyncio.sleep(0)
    await upstream.until(upstream.opened)
    for name, (frames, code) in {**HOSTILE, **STRICTER}.items():
        count = len(upstream.ended)
        expect(misses, f"{name}, through the gateway", await verdict(url, frames), code)
        await upstream.until(count + 1)
        expect(misses, f"{name}, at the upstream", upstream.ended[-1], (code, ["good"]))


async def withdrawn(misses, gateway, url, upstream, config, text):
    count = len(upstream.ended)
    async with connect(f"{url}/open") as client:
        await client.send("good")
        await client.recv()
        config.write_text(text.replace("message: 256KiB, frame: 128KiB, rate: 1000/s", "message: 1KiB"))
        await asyncio.to_thread(gateway.reload)
        await client.send("good")
        expect(misses, "what is open goes on after a reload", await client.recv(), "good")
        config.write_text(text.split("      open:")[0])
        await asyncio.to_thread(gateway.reload)
        try:
            await asyncio.wait_for(client.recv(), 20)
        except ConnectionClosed as closed:
            expect(misses, "an operation that is no WebSocket any more", closed.rcvd and closed.rcvd.code, 1008)
    await upstream.until(count + 1)


async def run(bins, misses, workspace):
    upstream = Upstream()
    async with serve(upstream.handle, "127.0.0.1", 0, subprotocols=["chat.v2"], max_size=250_000, ping_interval=None,
                     select_subprotocol=lambda _, offered: offered[0] if offered else None) as server:
        port = server.sockets[0].getsockname()[1]
        config = workspace.path / "yett.yaml"
        (workspace.path / "openapi.yaml").write_text(CONTRACT)
        text = DOCUMENT.format(upstream=f"http://127.0.0.1:{port}")
        config.write_text(text)
        gateway = await asyncio.to_thread(Gateway, workspace, bins, config)
        bearer = await asyncio.to_thread(gateway.token, "alice", "chat")
        url = "ws://%s:%s" % gateway.address()
        await well_behaved(misses, url, upstream, bearer)
        await refused(misses, url, upstream, bearer)
        await hostile(misses, f"{url}/open", upstream, f"ws://127.0.0.1:{port}/open")
        metrics = await asyncio.to_thread(gateway.metrics)
        expect(misses, "messages are counted", 'yett_messages_total{direction="in"}' in metrics, True)
        await withdrawn(misses, gateway, url, upstream, config, text)
        count = len(upstream.ended)
        config.write_text(text)
        await asyncio.to_thread(gateway.reload)
        async with connect(f"{url}/open") as client:
            await client.send("good")
            await client.recv()
            ending = asyncio.create_task(asyncio.to_thread(gateway.process.stop))
            try:
                await asyncio.wait_for(client.recv(), 20)
            except ConnectionClosed as closed:
                expect(misses, "the gateway ends", closed.rcvd and closed.rcvd.code, 1001)
            await ending
        await upstream.until(count + 1)
        expect(misses, "and the upstream knows", upstream.ended[-1][0], 1001)


def main(flags):
    misses = []
    say(f"websockets {websockets.__version__}")
    with Workspace(flags.keep) as workspace:
        asyncio.run(run(common.binaries(flags), misses, workspace))
    return finish("sockets", flags, {"hostile": len(HOSTILE) + len(STRICTER)}, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.common_flags(parser)
    sys.exit(main(parser.parse_args()))
