#!/usr/bin/env python3
"""An upstream that fails in every way, through the gateway: right status, right blame, no stuck call, nothing left behind.

    faults.py [--count 150000] [--clients 64] [--deadlines 1] [--bin DIR] [--evidence DIR]

`--deadlines` multiplies the deadlines: on a machine that does other things as well, good calls must not meet them.

Kinds: reset, close, stall and rest (the last bytes are missing) at each byte of an answer with a length and of a chunked one,
garbage in place of a head, interim answers below and above the bound, answers before the request was read, an answer and more than an
answer, half-closed connections, a port where nobody listens. Every third call is a good one, whose answer must be its own:
a connection that was left in doubt would give it another's. All of that where answers are passed on as they come, and where they
are held until they are whole. A quarter of the clients has an upstream that speaks HTTP/2: `faults_two.py`.

Shown: the client's status and the log's code and blame are those of `outcome` below; each call has one line in the log; no
call takes longer than its deadlines; at the end there are as many descriptors as before but for idle connections, and
resident memory of the second half is no more than a tenth above that of the first (judged from 10,000 calls on). Of 150,000 calls
or more answers were broken off after each of their bytes.
"""
import argparse
import asyncio
import collections
import json
import random
import re
import socket
import statistics
import struct
import sys
import time

import common
import faults_two
from common import Broken, Client, Gateway, Workspace, finish, say

# Milliseconds to the head of an answer, between two parts of one, and for all of a call.
FIRST_BYTE, IDLE, TOTAL = 300, 300, 2000
# Seconds beyond the last of them after which a call is stuck.
PATIENCE = 5
# Interim answers that the gateway reads before an answer.
MOST_INTERIM = 16
BODY = 24
# Calls after which memory is judged.
LONG_ENOUGH = 10_000
# Calls among which each byte has its turn.
EACH_BYTE = 150_000
RESET = struct.pack("ii", 1, 0)


def is_two(client):
    """Whether the upstream of this client speaks HTTP/2."""
    return client % 4 == 3


def two_sides(url, clients, times):
    """The part of the document for those whose upstream does: upstreams, APIs."""
    names = [client for client in range(clients) if is_two(client)]
    upstreams = "".join(f"  two{name}: {{ url: \"{url}\", http: 2, deadlines: {deadlines(times)} }}\n" for name in names)
    apis = "".join(f"""  passed{name}:
    contract: none
    hosts: [passed{name}.two.test]
    allow: ["GET /f/*", "POST /f/*"]
    upstream: two{name}
    unsecured: anonymous
    validation: {{ request: off, response: off }}
  held{name}:
    contract: ./faults.yaml
    hosts: [held{name}.two.test]
    upstream: two{name}
    unsecured: anonymous
    validation: {{ request: enforce, response: enforce }}
""" for name in names)
    return upstreams, apis


def deadlines(times):
    first_byte, idle, total = (round(time * times) for time in (FIRST_BYTE, IDLE, TOTAL))
    return f"{{ connect: {first_byte}ms, first_byte: {first_byte}ms, total: {total}ms, idle: {idle}ms }}"


def upstreams(upstream, nowhere, times):
    return f"""upstreams:
  ill: {{ url: "{upstream}", deadlines: {deadlines(times)} }}
  nobody: {{ url: "{nowhere}", deadlines: {deadlines(times)} }}
"""


APIS = """
  passed:
    contract: none
    hosts: [passed.test]
    allow: ["GET /f/*", "POST /f/*"]
    upstream: ill
    unsecured: anonymous
    validation: { request: off, response: off }
  held:
    contract: ./faults.yaml
    hosts: [held.test]
    upstream: ill
    unsecured: anonymous
    validation: { request: enforce, response: enforce }
  nobody:
    contract: none
    hosts: [nobody.test]
    allow: ["GET /f/*", "POST /f/*"]
    upstream: nobody
    unsecured: anonymous
    validation: { request: off, response: off }
"""


def document(upstream, two, nowhere, flags):
    more, apis = two_sides(two, flags.clients, flags.deadlines)
    return f"""version: 1
listen: http://127.0.0.1:0
admin: {{ bind: "127.0.0.1:0" }}
record: {{ access_log: file:access.log }}
# All callers of this load have one address.
admission: {{ anonymous: {{ rate: 1000000/s }}, failures: {{ rate: 1000000/s }} }}
{upstreams(upstream, nowhere, flags.deadlines)}{more}apis:{APIS}{apis}"""


OPERATION = """
      parameters: [{ name: what, in: path, required: true, schema: { type: string } }]
      responses: { "200": { description: ok, content: { application/json: { schema: { type: string, maxLength: 100 } } } } }
"""
CONTRACT = f"""openapi: 3.1.0
info: {{ title: Faults, version: 1.0.0 }}
servers: [{{ url: / }}]
paths:
  /f/{{what}}:
    get:
      operationId: get{OPERATION}
    post:
      operationId: post
      requestBody: {{ required: true, content: {{ application/json: {{ schema: {{ type: string }} }} }} }}{OPERATION}
"""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/2.0 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
    b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", b"HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 2000 + b"\r\n", b"0\r\n\r\n", b"{}",
]


def own(number):
    """The body of the answer to this call: nobody else's."""
    return f'"{number:0{BODY - 2}d}"'.encode()


def whole(number, chunked):
    body = own(number)
    if chunked:
        parts = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:]))
        return HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + parts + b"0\r\n\r\n"
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


LENGTHS = [len(whole(0, chunked)) for chunked in (False, True)]
HEADS = [whole(0, chunked).index(b"\r\n\r\n") + 4 for chunked in (False, True)]


class Upstream:
    """Reads a request strictly enough to know where it ends, and does what its path says."""

    def __init__(self):
        self.requests, self.wrong = 0, collections.Counter()

    async def serve(self, reader, writer):
        try:
            while await self.one(reader, writer):
                pass
        except (OSError, EOFError, ValueError):
            pass
        finally:
            writer.close()

    async def one(self, reader, writer):
        """One call; whether the connection goes on."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        found = re.match(rb"(GET|POST) /f/([a-z]+)-(\d+)-(\d)-(\d+) HTTP/1\.1\r\n", head)
        if not found:
            self.wrong["a request that was never sent"] += 1
            return False
        kind, at, chunked, number = found[2].decode(), int(found[3]), found[4] == b"1", int(found[5])
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)\r\n", head)
        if kind != "early" and length:
            await reader.readexactly(int(length[1]))
        answer = whole(number, chunked)
        if kind in ("good", "post"):
            writer.write(answer)
            return True
        if kind in ("reset", "close", "stall"):
            await self.part(writer, answer[:at])
            if kind == "reset":
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                writer.transport.abort()
            elif kind == "stall":
                # Until the gateway gives up.
                await reader.read()
            return False
        if kind == "interim":
            await self.part(writer, b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * at + answer)
            return True
        if kind == "garbage":
            await self.part(writer, GARBAGE[at])
        if kind == "early":
            # Said, as RFC 9112 section 9.6 wants it: the gateway cannot see that nobody read what it wrote.
            await self.part(writer, answer.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        if kind == "more":
            await self.part(writer, answer + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\"evil\"" + b"x" * at)
        if kind == "half":
            # Answer and end in one segment: else another call may be given the connection between the two, as with any server.
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            writer.write(answer)
            writer.write_eof()
            await reader.read()
        return False

    @staticmethod
    async def part(writer, data):
        # Sent before anything else happens to the connection.
        writer.write(data)
        await writer.drain()


class Positions:
    """Where an answer is broken off: after each byte in turn."""

    def __init__(self):
        self.taken, self.lengths = collections.Counter(), {}

    def next(self, kind, length):
        self.lengths[kind] = length
        self.taken[kind] += 1
        return (self.taken[kind] - 1) % length

    def missing(self):
        """How many positions of each kind did not come."""
        left = {kind: length - self.taken[kind] for kind, length in self.lengths.items()}
        return {" ".join(map(str, kind)): count for kind, count in left.items() if count > 0}


def plan(turn, chance, positions):
    """(host, method, kind, at, chunked) of a call, by chance; each byte after which an answer may break off comes in turn."""
    host = chance.choice(["passed.test", "held.test"])
    chunked = chance.randrange(2)
    if turn % 3 == 0:
        return host, chance.choice(["GET", "POST"]), "good", 0, chunked
    kind = chance.choices(
        ["reset", "close", "stall", "interim", "garbage", "early", "more", "half", "refuse"], [30, 30, 6, 8, 10, 4, 6, 3, 3])[0]
    at = {
        "interim": lambda: chance.choice([1, MOST_INTERIM, MOST_INTERIM + 1, 1000]), "garbage": lambda: chance.randrange(len(GARBAGE)),
        "more": lambda: chance.randrange(100),
        **dict.fromkeys(("reset", "close", "stall"), lambda: positions.next((host, kind, chunked), LENGTHS[chunked])),
    }.get(kind, lambda: 0)()
    method = "POST" if kind == "early" else chance.choice(["GET", "POST"])
    return ("nobody.test" if kind == "refuse" else host), method, kind, at, chunked


def outcome(host, kind, at, chunked):
    """What must come of a call: (what the client sees, the log's code)."""
    if kind in ("good", "half", "more", "early") or (kind == "interim" and at <= MOST_INTERIM):
        return "200", ""
    if kind == "refuse":
        return "502", "upstream_unreachable"
    if kind in ("garbage", "interim"):
        return "502", "upstream_protocol"
    code = "upstream_timeout" if kind == "stall" else "upstream_reset"
    if host == "held.test" or at < HEADS[chunked]:
        return ("504" if kind == "stall" else "502"), code
    # The head went on: only its end can say that it is not whole.
    return "broken", code


class Load:
    def __init__(self, address, count, stuck):
        self.address, self.count, self.stuck, self.next = address, count, stuck, 0
        self.kinds, self.wrong, self.slowest, self.expected = collections.Counter(), collections.Counter(), 0.0, {}
        self.chance, self.positions = random.Random(20261125), Positions()

    def choose(self, name, number):
        """(host, method, kind, at, chunked) of a call, what must come of it, and how it is counted."""
        if not is_two(name):
            host, method, kind, at, chunked = plan(number, self.chance, self.positions)
            return (host, method, kind, at, chunked), outcome(host, kind, at, chunked), f"{kind} {host.split('.')[0]}"
        side = self.chance.choice(["passed", "held"])
        method, kind, at, chunked = faults_two.plan(number, self.chance, self.positions, BODY)
        expected = faults_two.outcome(side == "held", method, kind, at, chunked, BODY)
        return (f"{side}{name}.two.test", method, kind, at, chunked), expected, f"{kind} {side} two"

    async def client(self, name=0, pause=0):
        client = Client(*self.address)
        while self.next < self.count:
            number, self.next = self.next, self.next + 1
            (host, method, kind, at, chunked), (seen, code), counted = self.choose(name, number)
            target = f"/f/{kind}-{at}-{chunked}-{number}"
            self.expected[target] = code
            self.kinds[counted] += 1
            begun = time.monotonic()
            got = await self.call(client, host, method, target, number, kind)
            self.slowest = max(self.slowest, time.monotonic() - begun)
            if got != seen:
                self.note(f"{target} {method} {host}: {got} in place of {seen}")
            if pause:
                await asyncio.sleep(pause)
        client.close()

    async def call(self, client, host, method, target, number, kind):
        body = None if method == "GET" else b'"%s"' % (b"b" * (300_000 if kind == "early" else 20))
        headers = [("Content-Type", "application/json")] if body else []
        try:
            async with asyncio.timeout(self.stuck):
                client.name = host
                status, fields = await client.head(method, target, headers, body)
                data = b"".join([part async for part in client.chunks(method, status, fields)])
        except TimeoutError:
            client.close()
            return "stuck"
        except (OSError, EOFError, ValueError, Broken):
            client.close()
            return "broken"
        if fields.get("connection", "").lower() == "close":
            client.close()
        if status == 200 and data != own(number):
            return f"another answer: {data[:80]!r}"
        return str(status)

    def note(self, what):
        # By kind, with one example of each.
        kind = re.sub(r"-\d+|\d+(?=\.)", "", what)
        self.wrong[kind] += 1
        if self.wrong[kind] == 1:
            say(f"faults: wrong: {what}")


def logged(path, load):
    """How the log's lines differ from what must be in them."""
    wrong, left = collections.Counter(), dict(load.expected)
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            call = json.loads(line)
            code = left.pop(call["path"], None)
            blame = call.get("blame", "")
            if code is None:
                wrong["a second line for one call"] += 1
            elif call.get("code", "") != code:
                side = re.sub(r"[0-9]+(?=\.)", "", call["host"])
                wrong[f"{re.sub(r'-[0-9]+-[0-9]+$', '', call['path'])} {side}: code {call.get('code')} in place of {code}"] += 1
            elif blame != ("upstream" if code else ""):
                wrong[f"blame {blame} for {code}"] += 1
    wrong.update({"calls without a line": len(left)} if left else {})
    return wrong


async def main(flags):
    bins = common.binaries(flags)
    with Workspace(flags.keep) as workspace:
        upstream = Upstream()
        two = faults_two.Upstream(own)
        servers = [await asyncio.start_server(one.serve, "127.0.0.1", 0, limit=1 << 20, backlog=1024) for one in (upstream, two)]
        ports = [server.sockets[0].getsockname()[1] for server in servers]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            nowhere = free.getsockname()[1]
        (workspace.path / "faults.yaml").write_text(CONTRACT)
        config = workspace.path / "yett.yaml"
        config.write_text(document(*(f"http://127.0.0.1:{port}" for port in (*ports, nowhere)), flags))
        gateway = await asyncio.to_thread(Gateway, workspace, bins, config)
        load = Load(gateway.address(), flags.count, TOTAL / 1000 * flags.deadlines + PATIENCE)
        await asyncio.to_thread(gateway.settle)
        before, samples, begun, said = gateway.process.descriptors(), [], time.monotonic(), 0
        tasks = [asyncio.create_task(load.client(name)) for name in range(flags.clients)]
        while not all(task.done() for task in tasks) and gateway.process.alive():
            samples.append(gateway.process.rss())
            if (elapsed := time.monotonic() - begun) - said > 15:
                said = elapsed
                say(f"faults: {load.next} of {flags.count} after {elapsed:.0f} s, {sum(load.wrong.values())} wrong, {samples[-1]} KiB")
            await asyncio.sleep(0.25)
        for task in tasks:
            await task
        seconds = time.monotonic() - begun
        end = time.monotonic() + 30
        while True:
            kept = sum([await asyncio.to_thread(gateway.process.connections_to, port) for port in ports])
            after = gateway.process.descriptors() - kept
            if after <= before or time.monotonic() > end:
                break
            await asyncio.sleep(0.5)
        alive, exit_code = gateway.process.alive(), await asyncio.to_thread(gateway.process.stop)
        for server in servers:
            server.close()
        lines = await asyncio.to_thread(logged, workspace.path / "access.log", load)
        half = len(samples) // 2
        early, late = statistics.mean(samples[half // 2:half] or [1]), statistics.mean(samples[half:] or [1])
        faults = sum(count for kind, count in load.kinds.items() if not kind.startswith("good"))
        results = {
            "calls": load.next, "faults": faults, "calls_per_second": round(load.next / seconds), "requests_upstream": upstream.requests + two.requests,
            "positions": {" ".join(map(str, kind)): length for kind, length in sorted(load.positions.lengths.items())},
            "kinds": dict(sorted(load.kinds.items())), "wrong": load.wrong, "wrong_lines": lines, "wrong_requests": upstream.wrong + two.wrong,
            "slowest_seconds": round(load.slowest, 2), "rss_ratio": round(late / early, 3), "rss_kib_most": max(samples),
            "descriptors_before": before, "descriptors_after": after, "idle_upstream_connections_after": kept,
            "alive": alive, "exit_code": exit_code,
        }
        misses = [text for text, missed in [
            ("less than half of the calls met a fault", faults * 2 < load.next),
            (f"answers were not broken off after each byte: {load.positions.missing()}", load.next >= EACH_BYTE and load.positions.missing()),
            ("wrong outcomes", load.wrong), ("wrong lines in the log", lines), ("requests that nobody made, or came twice", upstream.wrong + two.wrong),
            ("a call took longer than its deadlines", load.slowest > TOTAL / 1000 * flags.deadlines + flags.deadlines), ("memory grew", load.next >= LONG_ENOUGH and late > 1.1 * early),
            ("descriptors leak", after > before), ("it ended", not alive), ("it did not drain well", exit_code != 0),
        ] if missed]
        return finish("faults", flags, results, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=150_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--deadlines", type=float, default=1)
    common.common_flags(parser)
    sys.exit(asyncio.run(main(parser.parse_args())))
