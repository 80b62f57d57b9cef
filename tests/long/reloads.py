#!/usr/bin/env python3
"""Reloads under load, each with a real change, while streams are open: no call may fail.

    reloads.py [--count 1000] [--streams 50] [--clients 6] [--bin DIR] [--evidence DIR]

The change rotates: a limit, the scope of an operation, the contract, the certificate. After each, the gateway must say
that a new snapshot serves, and a call must show the change itself. Meanwhile keep-alive clients (cleartext and TLS)
check every answer, and at least `--streams` answers are open at each reload, sent slowly by the upstream; each must arrive
whole. Must hold: no failed call, no cut stream, every change seen, at the end one live snapshot, and resident memory at most
1.1 times that at the hundredth reload (from 200 reloads on; fewer are too few to tell).
"""
import argparse
import asyncio
import collections
import json
import ssl
import sys
import time

import common
from common import Client, Gateway, Served, Workspace, finish, replace, say, trusting

SCOPES = ("items:a", "items:b")
ITEM = json.dumps({"id": 7, "name": "a thing"}).encode()


class Upstream:
    """Answers at once, but for `/stream`, which it sends in slow pieces."""

    def __init__(self, pieces, pause):
        self.pieces, self.pause = pieces, pause

    async def start(self):
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.server, self.port = server, server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                if length:
                    await reader.readexactly(int(length[0].split(b":")[1]))
                if head.split(b" ", 2)[1].startswith(b"/stream"):
                    await self.stream(writer)
                else:
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s"
                                 % (len(ITEM), ITEM))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            # Cancelled only when the whole test ends.
            pass
        finally:
            writer.close()

    async def stream(self, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n")
        for number in range(self.pieces):
            piece = b"piece %06d\n" % number
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            await asyncio.sleep(self.pause)
        writer.write(b"0\r\n\r\n")


class Setup:
    """The document and what it refers to, each part in the state that the changes left it."""

    def __init__(self, folder, upstream):
        self.folder, self.upstream = folder, upstream
        self.rate, self.scope, self.extra = 1_000_000, 0, 0
        self.served = Served(folder)
        self.write()

    def write(self):
        replace(self.folder / "contract.yaml", self.contract())
        replace(self.folder / "yett.yaml", f"""version: 1
admin: {{ bind: "127.0.0.1:0" }}
listeners:
  plain: {{ bind: "127.0.0.1:0" }}
  secure: {{ bind: "127.0.0.1:0", tls: {{ certificate: "file:server.pem", key: "file:server.key" }} }}
apis:
  items:
    contract: ./contract.yaml
    upstream: http://127.0.0.1:{self.upstream}
    issuer: local
    limits: [{{ per: subject, rate: {self.rate}/s }}]
    validation: {{ request: enforce, response: shadow }}
""")

    def contract(self):
        operation = """
      responses: { "200": { description: fine, content: { application/json: { schema: { type: object, required: [id, name], properties: { id: { type: integer }, name: { type: string } } } } } } }"""
        return f"""openapi: 3.1.0
info: {{ title: Items, version: "1" }}
servers: [{{ url: / }}]
security: [{{ oauth: [{SCOPES[0]}] }}]
paths:
  /items:
    get:
      operationId: listItems
      parameters: [{{ name: limit, in: query, schema: {{ type: integer, minimum: 1, maximum: 100 }} }}]{operation}
    post:
      operationId: createItem
      requestBody: {{ required: true, content: {{ application/json: {{ schema: {{ type: object, additionalProperties: false, required: [name], properties: {{ name: {{ type: string, maxLength: 40 }} }} }} }} }} }}{operation}
  /scoped:
    get:
      operationId: scoped
      security: [{{ oauth: [{SCOPES[self.scope]}] }}]{operation}
  /extra/{self.extra}:
    get:
      operationId: extra{operation}
  /stream:
    get:
      operationId: stream
      responses: {{ "200": {{ description: slow, content: {{ text/plain: {{}} }} }} }}
components:
  securitySchemes:
    oauth: {{ type: oauth2, flows: {{ clientCredentials: {{ tokenUrl: "https://localhost/token", scopes: {{ {SCOPES[0]}: one, {SCOPES[1]}: two }} }} }} }}
"""

    def change(self, number):
        """Makes change `number` and says which kind it is."""
        kind = ("limit", "scope", "contract", "certificate")[number % 4]
        if kind == "limit":
            self.rate += 1
        elif kind == "scope":
            self.scope = 1 - self.scope
        elif kind == "contract":
            self.extra = number
        else:
            self.served.swap()
            return kind
        self.write()
        return kind


class Load:
    """Clients and streams, until told to stop; everything that is not right is a failure."""

    def __init__(self, gateway, token):
        self.gateway, self.token = gateway, token
        self.calls, self.failures, self.stopping = collections.Counter(), [], False
        self.open = 0

    def failed(self, what, error):
        self.calls[f"failed {what}"] += 1
        if len(self.failures) < 20:
            self.failures.append(f"{what}: {type(error).__name__} {error}"[:300])

    async def client(self, number):
        tls = number % 3 == 2
        host, port = self.gateway.address("secure" if tls else "plain")
        client = Client(host, port, trusting() if tls else None)
        bearer = ("Authorization", f"Bearer {self.token}")
        turn = 0
        while not self.stopping:
            turn += 1
            kind = "tls" if tls else "plain"
            try:
                if turn % 4 == 0:
                    body = json.dumps({"name": f"thing {turn}"}).encode()
                    answer = await client.call("POST", "/items", [bearer, ("Content-Type", "application/json")], body)
                else:
                    answer = await client.call("GET", f"/items?limit={turn % 100 + 1}", [bearer])
                if answer[0] != 200 or answer[2] != ITEM:
                    raise common.Broken(f"{answer[0]} {answer[2][:160]!r}")
                self.calls[kind] += 1
            except (OSError, EOFError, ValueError, TimeoutError, common.Broken) as error:
                self.failed(kind, error)
            # New connections are part of the load too.
            if turn % 200 == 0:
                client.close()
            await asyncio.sleep(0.004)
        client.close()

    async def stream(self, pieces, delay):
        # Their ends are spread over time: when one ends, the others are open.
        await asyncio.sleep(delay)
        host, port = self.gateway.address("plain")
        bearer = ("Authorization", f"Bearer {self.token}")
        while not self.stopping:
            client = Client(host, port)
            try:
                status, fields = await client.head("GET", "/stream", [bearer])
                if status != 200:
                    raise common.Broken(f"stream: {status}")
                self.open += 1
                try:
                    body = b"".join([part async for part in client.chunks("GET", status, fields)])
                finally:
                    self.open -= 1
                if body.count(b"\n") != pieces:
                    raise common.Broken("a stream that is not whole")
                self.calls["stream"] += 1
            except (OSError, EOFError, ValueError, common.Broken) as error:
                self.failed("stream", error)
                await asyncio.sleep(0.1)
            finally:
                client.close()


async def shows(gateway, setup, kind, tokens):
    """Whether calls see the change."""
    host, port = gateway.address("plain")
    client = Client(host, port)
    bearer = lambda which: [("Authorization", f"Bearer {tokens[which]}")]
    try:
        if kind == "limit":
            _, fields, _ = await client.call("GET", "/items", bearer(0))
            return str(setup.rate) in fields.get("ratelimit-policy", "")
        if kind == "scope":
            good, _, _ = await client.call("GET", "/scoped", bearer(setup.scope))
            bad, _, _ = await client.call("GET", "/scoped", bearer(1 - setup.scope))
            return (good, bad) == (200, 403)
        if kind == "contract":
            there, _, _ = await client.call("GET", f"/extra/{setup.extra}", bearer(0))
            gone, _, _ = await client.call("GET", f"/extra/{setup.extra + 1}", bearer(0))
            return (there, gone) == (200, 404)
        return await shown(gateway.address("secure")) == setup.served.text()
    finally:
        client.close()


async def shown(address):
    """The certificate that a client is shown."""
    return (await asyncio.to_thread(ssl.get_server_certificate, address, timeout=20)).strip()


async def reloaded(gateway, before, seconds=60):
    """Asks for a reload until a newer snapshot serves; (generation, how it came)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        report = await asyncio.to_thread(gateway.reload)
        status = await asyncio.to_thread(gateway.status)
        if status["generation"] > before:
            return status, report["outcome"]
        await asyncio.sleep(0.05)
    return status, f"not within {seconds} s: {report}"


async def main(flags):
    pieces = max(2, int(flags.stream_seconds / 0.2))
    upstream = Upstream(pieces, 0.2)
    await upstream.start()
    with Workspace(flags.keep) as workspace:
        setup = Setup(workspace.path, upstream.port)
        gateway = await asyncio.to_thread(Gateway, workspace, common.binaries(flags), workspace.path / "yett.yaml")
        both = await asyncio.to_thread(gateway.token, "load", *SCOPES)
        tokens = [await asyncio.to_thread(gateway.token, f"only-{scope}", scope) for scope in SCOPES]
        load = Load(gateway, both)
        tasks = [asyncio.create_task(load.client(number)) for number in range(flags.clients)]
        # A few more than have to be open, for those that are just being opened anew.
        streams = flags.streams + flags.streams // 5
        tasks += [asyncio.create_task(load.stream(pieces, flags.stream_seconds * number / streams)) for number in range(streams)]
        end = time.monotonic() + flags.stream_seconds + 20
        while load.open < flags.streams and time.monotonic() < end:
            await asyncio.sleep(0.05)
        seen, unseen, outcomes, times = collections.Counter(), [], collections.Counter(), []
        generation, most, rss, least_open = gateway.status()["generation"], 1, {}, flags.streams
        started = time.monotonic()
        for number in range(1, flags.count + 1):
            kind, begun = setup.change(number), time.monotonic()
            status, outcome = await reloaded(gateway, generation)
            times.append(time.monotonic() - begun)
            outcomes[outcome if len(outcome) < 12 else "late"] += 1
            most = max(most, status["live_snapshots"])
            generation = status["generation"]
            if await shows(gateway, setup, kind, tokens):
                seen[kind] += 1
            else:
                unseen.append(f"{number}: {kind} ({outcome})"[:200])
            least_open = min(least_open, load.open)
            if number in (100, flags.count) or number % 50 == 0:
                rss[number] = gateway.process.rss()
                say(f"reloads: {number} of {flags.count} after {time.monotonic() - started:.0f} s, "
                    f"{sum(load.calls.values())} calls, {len(load.failures)} failed, {rss[number]} KiB, "
                    f"{status['live_snapshots']} snapshots, {load.open} streams")
            if not gateway.process.alive():
                break
            await asyncio.sleep(flags.pause)
        load.stopping = True
        await asyncio.wait(tasks, timeout=flags.stream_seconds + 30)
        end = time.monotonic() + 40
        while (live := gateway.status()["live_snapshots"]) > 1 and time.monotonic() < end:
            await asyncio.sleep(0.2)
        times.sort()
        results = {
            "reloads": sum(outcomes.values()), "outcomes": outcomes, "changes_seen": seen, "changes_unseen": unseen[:20],
            "calls": load.calls, "failed_calls": sum(n for k, n in load.calls.items() if k.startswith("failed")),
            "failures_first": load.failures, "least_streams_open": least_open, "most_live_snapshots": most, "live_snapshots_at_end": live,
            "rss_kib": rss, "reload_seconds_median": round(times[len(times) // 2], 4),
            "reload_seconds_max": round(times[-1], 4), "seconds": round(time.monotonic() - started, 1),
        }
        baseline, last = rss.get(100), rss.get(flags.count)
        if baseline and last and flags.count >= 200:
            results["rss_ratio"] = round(last / baseline, 3)
        misses = [text for text, missed in [
            ("failed calls", results["failed_calls"]), ("changes without effect", unseen),
            ("live snapshots at the end", live != 1), ("more than 4 live snapshots", most > 4),
            ("fewer streams open", least_open < flags.streams), ("memory grew", results.get("rss_ratio", 1) > 1.1), ("fewer reloads", results["reloads"] != flags.count),
        ] if missed]
        return finish("reloads", flags, results, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--stream-seconds", type=float, default=8, help="how long one stream goes on before it is opened anew")
    parser.add_argument("--pause", type=float, default=0.1, help="seconds between two reloads")
    common.common_flags(parser)
    sys.exit(asyncio.run(main(parser.parse_args())))
