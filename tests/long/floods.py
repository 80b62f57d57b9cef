#!/usr/bin/env python3
"""What costs a client nothing, many times over, while another client is served: its p99, our memory, the upstream's calls.

    floods.py [--seconds 3] [--connections 50] [--kinds NAME,NAME] [--bin DIR] [--evidence DIR]

Kinds: rapid_reset, continuation, settings, ping, empty_data, hpack_bomb, zero_window, small_window (no more streams than are
borne), still_small and still_usual (100 streams, whose windows of 4,096 or 65,535 bytes nobody opens again), slow_header, slow_body,
slow_read. Each is sent by a process of its own over `--connections` connections that are opened again when they are ended.
Meanwhile another client calls on one connection for `--seconds`; the same before, with nobody else. All of it five times, each
time with a gateway of its own.

Shown for each kind: the median of the five p99 is at most three times that of the quiet ones, or 5 ms more than it; in each run
resident memory grew by no more than five times what the connections that were open at one time had sent (at the mean of all) plus
64 KiB for each, and stayed below 256 MiB; the upstream saw no call that was not complete or was reset, and none whose answer had no
room but the one or two with which a connection begins, and as many for each that was given up; the bound that ends the flood is counted in `yett_bound_reached_total`
(that of slow clients, which is ten seconds, in the last run, which waits for it). The attacker has two cores with everybody else,
and makes room for them (`nice`): what is shown is what the gateway's work on a flood costs others, not what a lack of cores does.
"""
import argparse
import asyncio
import multiprocessing
import os
import re
import statistics
import struct
import sys
import time

import common
from common import Client, Gateway, Workspace, finish, say

RUNS = 5
MOST_RESIDENT_KIB = 256 * 1024
# engine::bounds::SMALL_WINDOW_OPENED: one more ends the connection.
OPENED_AT_ONCE = 4
# engine::bounds::STREAMS.
STREAMS = 100
# How many times half a MiB an answer has that no socket holds whole.
LONG = 32

DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4
OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def document(upstream, quiet):
    return f"""version: 1
listen: http://127.0.0.1:0
admin: {{ bind: "127.0.0.1:0" }}
# All clients of this load have one address.
admission: {{ anonymous: {{ rate: 1000000/s }}, failures: {{ rate: 1000000/s }} }}
# A client that takes nothing of an answer is borne as long as one that does not end a head.
upstreams:
  flooded: {{ url: "{upstream}", deadlines: {{ idle: 10s }} }}
apis:
  quiet:
    contract: none
    hosts: [127.0.0.1]
    allow: ["GET /m/quiet"]
    upstream: {quiet}
    unsecured: anonymous
    validation: {{ request: off, response: off }}
{apis("flooded")}"""


def apis(upstream):
    return f"""  files:
    contract: none
    hosts: [files.test]
    allow: ["GET /m/*", "POST /m/*"]
    upstream: {upstream}
    unsecured: anonymous
    validation: {{ request: off, response: off }}
  read:
    contract: ./floods.yaml
    upstream: {upstream}
    unsecured: anonymous
    hosts: [read.test]
"""


CONTRACT = """openapi: 3.1.0
info: { title: Floods, version: 1.0.0 }
servers: [{ url: / }]
paths:
  /j:
    post:
      operationId: write
      requestBody: { required: true, content: { application/json: { schema: { type: object } } } }
      responses: { "200": { description: ok } }
"""


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    length = bytes([len(value)]) if len(value) < 127 else b"\x7f" + varint(len(value) - 127)
    return b"\x00" + bytes([len(name)]) + name + length + value


def varint(value):
    out = b""
    while value >= 128:
        out += bytes([value % 128 | 128])
        value //= 128
    return out + bytes([value])


def head(method, path):
    fields = [(b":method", method), (b":scheme", b"http"), (b":authority", b"files.test"), (b":path", path)]
    return b"".join(literal(name, value) for name, value in fields)


GET, POST, BIG = head(b"GET", b"/m/flood"), head(b"POST", b"/m/flood"), head(b"GET", b"/m/big")
# Whose turn it is stands in the target, so that what an upstream still works off is not counted for the next one.
TURN = b"/turn%02d"
WHOLE = END_HEADERS | END_STREAM


class Attack:
    """One connection's worth of a flood: (first bytes, piece to repeat or None, pause between pieces)."""

    @staticmethod
    def two(first, piece, pause=0.0):
        return OPENING + frame(SETTINGS, 0, 0) + first, piece, pause

    def rapid_reset(self):
        def pieces(turn):
            streams = range(turn * 100 * 2 + 1, (turn + 1) * 100 * 2 + 1, 2)
            return b"".join(frame(HEADERS, WHOLE, at, GET) + frame(RST_STREAM, 0, at, b"\0\0\0\x08") for at in streams)
        return self.two(b"", pieces)

    def continuation(self):
        crumbs = frame(CONTINUATION, 0, 1, literal(b"x", b"y")) * 100
        return self.two(frame(HEADERS, END_STREAM, 1, GET), lambda _: crumbs)

    def settings(self):
        many = frame(SETTINGS, 0, 0, b"\0\x03\0\0\0\x09") * 200
        return self.two(b"", lambda _: many)

    def ping(self):
        many = frame(PING, 0, 0, bytes(8)) * 200
        return self.two(b"", lambda _: many)

    def empty_data(self):
        many = frame(DATA, 0, 1) * 200
        return self.two(frame(HEADERS, END_HEADERS, 1, POST), lambda _: many)

    def hpack_bomb(self):
        kept = b"\x40\x01x\x7f" + varint(4000 - 127) + b"a" * 4000
        bomb = lambda turn: frame(HEADERS, WHOLE, turn * 2 + 1, GET + (kept if turn == 0 else b"") + b"\xbe" * 10_000)
        return self.two(b"", bomb)

    def zero_window(self):
        shut = frame(SETTINGS, 0, 0, b"\0\x04\0\0\0\0")
        return self.two(shut + b"".join(frame(HEADERS, WHOLE, at * 2 + 1, BIG) for at in range(STREAMS)), None)

    def small_window(self):
        shut = frame(SETTINGS, 0, 0, b"\0\x04\0\0\0\0")
        return self.two(shut + b"".join(frame(HEADERS, WHOLE, at * 2 + 1, BIG) for at in range(OPENED_AT_ONCE)), None)

    def still(self, settings):
        return self.two(settings + b"".join(frame(HEADERS, WHOLE, at * 2 + 1, BIG) for at in range(STREAMS)), None)

    def still_small(self):
        return self.still(frame(SETTINGS, 0, 0, b"\0\x04\0\0\x10\0"))

    def still_usual(self):
        return self.still(b"")

    def slow_header(self):
        return b"GET /m/flood HTTP/1.1\r\nHost: files.test\r\n", lambda turn: b"A%d: b\r\n" % turn, 1.0

    def slow_body(self):
        first = b"POST /j HTTP/1.1\r\nHost: read.test\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
        return first, lambda _: b" ", 1.0

    def slow_read(self):
        return b"GET /m/long HTTP/1.1\r\nHost: files.test\r\n\r\n", None, 0.0


# Name of the kind: (bounds of which one must be counted, whether connections stay open, calls of each connection that may reach the upstream).
KINDS = {
    "rapid_reset": (("client_resets", "http2_excess"), False, "none"),
    "continuation": (("http2_excess",), False, "none"),
    "settings": (("control_frames",), False, "none"),
    "ping": (("control_frames",), False, "none"),
    "empty_data": (("http2_excess",), False, "none"),
    "hpack_bomb": (("http2_excess",), False, "none"),
    "zero_window": (("small_window",), False, "one"),
    "small_window": (("small_window",), True, "one"),
    "still_small": (("waiting_streams",), True, "two"),
    "still_usual": (("waiting_streams",), True, "two"),
    "slow_header": (("head_time",), True, "none"),
    "slow_body": (("body_rate",), True, "none"),
    "slow_read": (("answer_idle",), True, "one"),
}


def retarget(index):
    """The heads of this process's flood name its kind."""
    global GET, POST, BIG
    turn = TURN % index
    GET, POST, BIG = head(b"GET", b"/m/flood" + turn), head(b"POST", b"/m/flood" + turn), head(b"GET", b"/m/big" + turn)


async def flood_connection(address, kind, stop, counts):
    turn_of_kind = TURN % list(KINDS).index(kind)
    while not stop.is_set():
        first, piece, pause = getattr(Attack(), kind)()
        if kind in ("slow_header", "slow_read"):
            first = first.replace(b" HTTP/1.1", turn_of_kind + b" HTTP/1.1", 1)
        writer = None
        try:
            reader, writer = await asyncio.open_connection(*address, limit=4096)
            counts["connections"].value += 1
            counts["open"].value += 1
            counts["most_open"].value = max(counts["most_open"].value, counts["open"].value)
            # Whoever reads slowly reads nothing; the others read what they are told, so that nobody waits for them.
            deaf = kind == "slow_read"
            listening = None if deaf else asyncio.create_task(drain(reader))
            writer.write(first)
            counts["bytes"].value += len(first)
            turn = 0
            while not stop.is_set():
                if piece is not None:
                    more = piece(turn)
                    writer.write(more)
                    counts["bytes"].value += len(more)
                    await writer.drain()
                    turn += 1
                await asyncio.sleep(pause if piece else 0.2)
                if writer.is_closing() or (listening and listening.done()):
                    break
            if listening:
                listening.cancel()
        except OSError:
            pass
        finally:
            if writer:
                writer.close()
                counts["open"].value -= 1
        # An attacker that is ended comes back at once, but not faster than it can connect.
        await asyncio.sleep(0.02)


async def drain(reader):
    try:
        while await reader.read(4096):
            pass
    except OSError:
        pass


def counters(context):
    """What an attacker counts, for who started it."""
    return {name: context.Value("q", 0, lock=False) for name in ("bytes", "connections", "open", "most_open")}


def attacker(address, kind, connections, stop, counts):
    os.nice(10)
    retarget(list(KINDS).index(kind))

    async def run():
        await asyncio.gather(*(flood_connection(address, kind, stop, counts) for _ in range(connections)))

    asyncio.run(run())


def upstream(port, calls, current):
    """Answers `{}`; `/m/big` with half a MiB, `/m/long` with more than sockets hold. Counts whole calls of the flood whose turn it
    is, and of any that names none."""
    big = b"x" * (512 << 10)

    async def serve(reader, writer):
        try:
            while True:
                text = await reader.readuntil(b"\r\n\r\n")
                path = text.split(b" ", 2)[1]
                length = re.search(rb"content-length: (\d+)", text, re.I)
                if b"transfer-encoding" in text.lower():
                    while size := int((await reader.readline()).strip(), 16):
                        await reader.readexactly(size + 2)
                    await reader.readline()
                elif length:
                    await reader.readexactly(int(length[1]))
                if path != b"/m/quiet" and (b"turn" not in path or path.endswith(TURN % current.value)):
                    calls.value += 1
                body = big if path.startswith((b"/m/big", b"/m/long")) else b"{}"
                times = LONG if path.startswith(b"/m/long") else 1
                length = times * len(body)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % length + body)
                await writer.drain()
                for _ in range(times - 1):
                    writer.write(body)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    async def run():
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(run())


async def window(address, seconds):
    """p99 of one client's calls, in milliseconds, and how many were answered wrongly."""
    client, took, wrong, end = Client(*address), [], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.monotonic()
        try:
            status, _, _ = await client.call("GET", "/m/quiet", seconds=10)
            wrong += status != 200
        except (OSError, EOFError, TimeoutError, common.Broken):
            wrong += 1
        took.append(time.monotonic() - begun)
        await asyncio.sleep(0.003)
    client.close()
    took.sort()
    return took[len(took) * 99 // 100] * 1e3, wrong


def bound_counts(gateway):
    found = re.findall(r'^yett_bound_reached_total\{[^}]*bound="(\w+)"[^}]*\} (\d+)', gateway.metrics(), re.M)
    return {name: sum(int(value) for own, value in found if own == name) for name in {name for name, _ in found}}


async def attacked(kind, gateway, flags, calls, current, last):
    """One run of one kind: what was seen, and what of it may not be."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    counts = counters(context)
    current.value = list(KINDS).index(kind)
    before, calls_before, bounds_before = gateway.process.rss(), calls.value, bound_counts(gateway)
    process = context.Process(target=attacker, args=(gateway.address(), kind, flags.connections, stop, counts), daemon=True)
    process.start()
    while counts["connections"].value < min(flags.connections, 5):
        await asyncio.sleep(0.05)
    bounds_named, stays, reach = KINDS[kind]
    most, start = before, time.monotonic()
    watch = asyncio.create_task(window(gateway.address(), flags.seconds))
    while not watch.done():
        most = max(most, gateway.process.rss())
        await asyncio.sleep(0.1)
    p99, wrong = watch.result()
    # The bounds of slow clients are ten seconds.
    while last and stays and bounds_named and time.monotonic() - start < 13:
        most = max(most, gateway.process.rss())
        await asyncio.sleep(0.5)
    stop.set()
    await asyncio.to_thread(process.join, 15)
    if process.is_alive():
        process.kill()
    bounds = {name: count - bounds_before.get(name, 0) for name, count in (await asyncio.to_thread(bound_counts, gateway)).items()}
    bounds = {name: count for name, count in bounds.items() if count}
    sent, connections = counts["bytes"].value, counts["connections"].value
    reached = calls.value - calls_before
    # Where an answer is given up that nobody takes, the next may begin.
    begun = connections + bounds.get("answer_idle", 0)
    allowed = begun * {"none": 0, "one": 1, "two": 2}[reach]
    room = (5 * sent / max(connections, 1) / 1024 + 64) * counts["most_open"].value
    counted = any(bounds.get(name) for name in bounds_named)
    seen = {
        "p99_ms": round(p99, 2), "bytes_sent": sent, "connections": connections, "most_open": counts["most_open"].value,
        "memory_allowed_kib": round(room), "rss_kib_before": before, "rss_kib_most": most, "upstream_calls": reached,
        "bounds": bounds, "wrong_answers_to_the_other": wrong,
    }
    misses = [f"{kind}: {text}" for text, missed in [
        ("the other client got wrong answers", wrong),
        (f"memory grew by {most - before} KiB, {room:.0f} are allowed", most - before > room),
        (f"{most} KiB are resident", most > MOST_RESIDENT_KIB),
        (f"{reached} calls reached the upstream, {allowed} may", reached > allowed),
        (f"none of {bounds_named} was counted", bounds_named and not counted and (last or not stays)),
        ("the gateway ended", not gateway.process.alive()),
    ] if missed]
    return seen, misses


async def run(kinds, flags, workspace, services, current, last):
    """All kinds beside a gateway of their own: the quiet p99, what was seen of each kind, and what may not be."""
    calls = services.calls
    gateway = await asyncio.to_thread(Gateway, workspace, common.binaries(flags), workspace.path / "yett.yaml")
    await window(gateway.address(), 1)
    quiet, _ = await window(gateway.address(), flags.seconds)
    seen, misses = {}, []
    for kind in kinds:
        seen[kind], missed = await attacked(kind, gateway, flags, calls, current, last)
        misses += missed
        say(f"floods: {kind}: {seen[kind]}")
    code = await asyncio.to_thread(gateway.process.stop, 40)
    return quiet, seen, misses, code


class Services:
    """The upstream of the floods, which counts its calls, and one of the other client: what is measured is the gateway, not a service
    that is busy."""

    def __init__(self, context, current):
        self.calls = context.Value("q", 0, lock=False)
        self.ports = [context.Value("q", 0, lock=False) for _ in range(2)]
        self.all = [context.Process(target=upstream, args=(port, self.calls, current), daemon=True) for port in self.ports]
        for service in self.all:
            service.start()

    async def urls(self):
        while not all(port.value for port in self.ports):
            await asyncio.sleep(0.05)
        return [f"http://127.0.0.1:{port.value}" for port in self.ports]

    def stop(self):
        for service in self.all:
            service.kill()


async def main(flags):
    kinds = flags.kinds.split(",") if flags.kinds else list(KINDS)
    context = multiprocessing.get_context("spawn")
    current = context.Value("q", 0, lock=False)
    services = Services(context, current)
    urls = await services.urls()
    quiets, runs, misses, codes = [], [], [], []
    for number in range(RUNS):
        with Workspace(flags.keep) as workspace:
            (workspace.path / "floods.yaml").write_text(CONTRACT)
            (workspace.path / "yett.yaml").write_text(document(*urls))
            say(f"floods: run {number + 1} of {RUNS}")
            quiet, seen, missed, code = await run(kinds, flags, workspace, services, current, number == RUNS - 1)
        quiets.append(quiet)
        runs.append(seen)
        misses += missed
        codes.append(code)
    services.stop()
    quiet, results = statistics.median(quiets), {}
    for kind in kinds:
        p99 = statistics.median(seen[kind]["p99_ms"] for seen in runs)
        results[kind] = {"p99_ms": p99, "p99_ms_quiet": round(quiet, 2), "runs": [seen[kind] for seen in runs]}
        if p99 > max(3 * quiet, quiet + 5):
            misses.append(f"{kind}: p99 {p99:.1f} ms beside {quiet:.1f}")
    results["exit_codes"] = codes
    misses += [f"a gateway ended with {code}" for code in codes if code]
    return finish("floods", flags, results, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--kinds", default="")
    common.common_flags(parser)
    sys.exit(asyncio.run(main(parser.parse_args())))
