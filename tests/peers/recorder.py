#!/usr/bin/env python3
"""An upstream that writes down every call exactly as it came, one JSON line each.

    recorder.py --record calls.jsonl [--listen 127.0.0.1:0] [--forward 127.0.0.1:3000]
                [--status 200] [--content-type application/json] [--body '{"ok":true}']

Prints `recorder on http://127.0.0.1:PORT`. A line holds: n, connection, method, target, version, headers (as pairs, in
order, names as sent), framing (none, length, chunked), head and raw (base64 of the bytes as sent), body (base64, chunks
joined), trailers, and `fault` when the bytes were no strict RFC 9112 message; the connection ends then. With --forward
the same bytes go on to a real service and its answer comes back; without, every call gets the configured answer.
"""
import argparse
import asyncio
import base64
import itertools
import json
import re
import sys

HEAD_LIMIT = 256 * 1024
BODY_LIMIT = 64 * 1024 * 1024
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) (HTTP/1\.[01])")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})")


class Fault(Exception):
    """Bytes that a strict reader of RFC 9112 refuses."""


def fields(lines):
    """Header or trailer lines as pairs of str; obs-text survives as latin-1."""
    pairs = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name):
            raise Fault(f"header line {line[:80]!r}")
        value = value.strip(b" \t")
        if any(byte < 0x20 and byte != 0x09 or byte == 0x7F for byte in value):
            raise Fault(f"control byte in {line[:80]!r}")
        pairs.append((name.decode("ascii"), value.decode("latin-1")))
    return pairs


def framing(pairs, version):
    lengths = [value for name, value in pairs if name.lower() == "content-length"]
    codings = [value for name, value in pairs if name.lower() == "transfer-encoding"]
    if lengths and codings:
        raise Fault("content-length beside transfer-encoding")
    if codings:
        if version == "HTTP/1.0" or [value.lower() for value in codings] != ["chunked"]:
            raise Fault(f"transfer-encoding {codings}")
        return "chunked", None
    if len(lengths) > 1 or any(not re.fullmatch("[0-9]{1,18}", value) for value in lengths):
        raise Fault(f"content-length {lengths}")
    return ("length", int(lengths[0])) if lengths else ("none", 0)


async def read_chunked(reader, raw):
    """(body, trailers); every byte read is also appended to `raw`."""
    body = bytearray()
    while True:
        line = await line_of(reader, raw)
        size = CHUNK_SIZE.fullmatch(line)
        if not size:
            raise Fault(f"chunk size {line[:40]!r}")
        size = int(size[1], 16)
        if size == 0:
            break
        if len(body) + size > BODY_LIMIT:
            raise Fault("body too large to record")
        chunk = await reader.readexactly(size + 2)
        raw += chunk
        if chunk[-2:] != b"\r\n":
            raise Fault("chunk without its end")
        body += chunk[:-2]
    lines = []
    while line := await line_of(reader, raw):
        lines.append(line)
    return bytes(body), fields(lines)


async def line_of(reader, raw):
    line = await reader.readuntil(b"\r\n")
    raw += line
    if b"\n" in line[:-2] or b"\r" in line[:-2]:
        raise Fault("bare line end")
    return line[:-2]


async def read_message(reader):
    """One request as a dict for the record, or None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as cut:
        if not cut.partial:
            return None
        return {"fault": "cut off in its head", "head": cut.partial, "raw": b"", "body": b""}
    seen = {"head": head, "raw": bytearray(), "body": b"", "trailers": []}
    try:
        lines = head[:-4].split(b"\r\n")
        if any(b"\n" in line or b"\r" in line or b"\0" in line for line in lines):
            raise Fault("bare line end or NUL")
        line = REQUEST_LINE.fullmatch(lines[0])
        if not line:
            raise Fault(f"request line {lines[0][:80]!r}")
        seen["method"], seen["target"], seen["version"] = (part.decode("ascii") for part in line.groups())
        seen["headers"] = fields(lines[1:])
        seen["framing"], length = framing(seen["headers"], seen["version"])
        if seen["framing"] == "chunked":
            seen["body"], seen["trailers"] = await read_chunked(reader, seen["raw"])
        elif length > BODY_LIMIT:
            raise Fault("body too large to record")
        else:
            seen["body"] = await reader.readexactly(length)
            seen["raw"] += seen["body"]
    except Fault as fault:
        seen["fault"] = str(fault)
    except asyncio.IncompleteReadError as cut:
        seen["fault"], seen["raw"] = "cut off in its body", bytes(seen["raw"]) + cut.partial
    return seen


def closes(seen):
    words = [value.lower() for name, value in seen.get("headers", []) if name.lower() == "connection"]
    return "fault" in seen or any("close" in value for value in words) or seen["version"] == "HTTP/1.0"


class Recorder:
    def __init__(self, flags):
        self.flags = flags
        self.file = open(flags.record, "a", encoding="utf-8")
        self.calls, self.connections = itertools.count(1), itertools.count(1)
        body = flags.body.encode()
        self.answer = (
            f"HTTP/1.1 {flags.status} Recorded\r\ncontent-type: {flags.content_type}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        ).encode()
        self.body = body

    def write(self, seen, connection):
        line = {"n": next(self.calls), "connection": connection}
        for key, value in seen.items():
            line[key] = base64.b64encode(value).decode() if isinstance(value, (bytes, bytearray)) else value
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()

    async def serve(self, reader, writer):
        connection = next(self.connections)
        onward = None
        try:
            while (seen := await read_message(reader)) is not None:
                self.write(seen, connection)
                if "fault" in seen:
                    writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                elif self.flags.forward:
                    if onward is None:
                        host, port = self.flags.forward.rsplit(":", 1)
                        onward = await asyncio.open_connection(host, int(port))
                    await self.relay(seen, onward, writer)
                else:
                    writer.write(self.answer + (b"" if seen["method"] == "HEAD" else self.body))
                await writer.drain()
                if closes(seen):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()
            if onward:
                onward[1].close()

    @staticmethod
    async def relay(seen, onward, writer):
        reader, there = onward
        there.write(bytes(seen["head"]) + bytes(seen["raw"]))
        await there.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(head)
        lines = head[:-4].split(b"\r\n")
        status, pairs = int(lines[0].split()[1]), fields(lines[1:])
        if seen["method"] == "HEAD" or status in (204, 304) or status < 200:
            return
        kind, length = framing(pairs, "HTTP/1.1")
        if kind == "chunked":
            raw = bytearray()
            await read_chunked(reader, raw)
            writer.write(bytes(raw))
        else:
            writer.write(await reader.readexactly(length))


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", required=True)
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--forward")
    parser.add_argument("--status", type=int, default=200)
    parser.add_argument("--content-type", default="application/json")
    parser.add_argument("--body", default='{"ok":true}')
    flags = parser.parse_args()
    recorder = Recorder(flags)
    host, port = flags.listen.rsplit(":", 1)
    server = await asyncio.start_server(recorder.serve, host, int(port), limit=HEAD_LIMIT)
    print("recorder on http://%s:%d" % server.sockets[0].getsockname()[:2], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(0)
