#!/usr/bin/env python3
"""Reloads, drains and kills behind sockets that somebody else holds, under load of all protocols at once: no call may fail.

    restarts.py [--reloads 40] [--drains 12] [--kills 12] [--bin DIR] [--evidence DIR]

The load is HTTP/1 in clear text and over TLS (kept connections, new ones, requests that come a piece at a time), HTTP/2 over TLS
(several calls at once, with trailers and events), gRPC with an upstream that speaks HTTP/2 (calls of one message, and calls that go
on), streams of events, and WebSockets over both, those of HTTP/2 on a stream (RFC 8441). The sockets are passed as systemd passes
them; whoever connects while nobody serves waits in their queue.

- A reload (of a limit, of the certificate) is seen by calls, fails none and ends no connection.
- At SIGTERM each call is answered, and the process that is started after it serves who came meanwhile. Connections are told
  (`Connection: close`, GOAWAY, 1001); those that say nothing are ended no sooner than the grace.
- At SIGKILL the calls that are lost are among those that were in flight: sent, and not answered, at that moment.

A failure is any other call without its whole and right answer, also one sent on a kept connection that nobody had told of an end.
Three things are counted apart. `after_the_grace`: a client that was silent for most of it sent just when it was over, and got nothing;
no server of HTTP/1 can avoid that (RFC 9112 section 9.6). `to_nobody`: sent after a kill on a connection that had died with it, so
that no process has read it. `lost`: in flight at a kill.
"""
import argparse
import asyncio
import random
import signal
import socket
import sys
import time

import common
from common import Client, Gateway, Served, Workspace, finish, replace, say, trusting
from protocols import Two
from reloads import reloaded, shown
from restarts_load import GRACE, KINDS, Load, clients
from rpc import Rpc, apis
from service import Service

PIECES, PAUSE = 10, 0.1
# engine::bounds.
DRAIN_TIME = 30
CONTRACT = """openapi: 3.1.0
info: { title: All, version: "1" }
servers: [{ url: / }]
security: [{ oauth: [all] }]
paths:
  /items:
    get: { operationId: list, responses: { "200": { description: fine, content: { application/json: {} } } } }
    post:
      operationId: create
      requestBody: { required: true, content: { application/json: { schema: { type: object, required: [name], properties: { name: { type: string } } } } } }
      responses: { "200": { description: fine, content: { application/json: {} } } }
  /events:
    get: { operationId: events, responses: { "200": { description: fine, content: { text/event-stream: {} } } } }
  /trailers:
    get: { operationId: trailers, responses: { "200": { description: fine, content: { text/plain: {} } } } }
  /ws:
    get: { operationId: socket, responses: { "101": { description: switched } } }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://localhost/token", scopes: { all: all } } } }
"""


class Setup:
    """The document, its certificate, and the sockets that outlive every process."""

    def __init__(self, folder, upstream, rpc):
        self.folder, self.upstream, self.rpc, self.rate = folder, upstream, rpc, 1_000_000
        self.sockets = [socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in range(2)]
        self.plain, self.secure = (listening.getsockname()[1] for listening in self.sockets)
        self.served = Served(folder)
        replace(folder / "contract.yaml", CONTRACT)
        self.write()

    def write(self):
        replace(self.folder / "yett.yaml", f"""version: 1
admin: {{ bind: "127.0.0.1:0" }}
listeners:
  plain: {{ bind: "127.0.0.1:{self.plain}" }}
  secure: {{ bind: "127.0.0.1:{self.secure}", tls: {{ certificate: "file:server.pem", key: "file:server.key" }} }}
# All callers of this load have one address.
admission: {{ anonymous: {{ rate: 1000000/s }}, failures: {{ rate: 1000000/s }} }}
upstreams:
  rpc: {{ url: "http://127.0.0.1:{self.rpc}", http: 2 }}
apis:
{apis("rpc")}  all:
    contract: ./contract.yaml
    hosts: [127.0.0.1, localhost]
    upstream: http://127.0.0.1:{self.upstream}
    issuer: local
    limits: [{{ per: subject, rate: {self.rate}/s }}]
    validation: {{ request: enforce, response: shadow }}
    operations:
      socket: {{ websocket: {{}} }}
""")

    def change(self, number):
        """Makes a change; its kind."""
        if number % 2:
            self.served.swap()
            return "certificate"
        self.rate += 1
        self.write()
        return "limit"

    async def is_seen(self, kind, bearer):
        if kind == "certificate":
            return await shown(("127.0.0.1", self.secure)) == self.served.text()
        client = Client("127.0.0.1", self.plain)
        _, fields, _ = await client.call("GET", "/items", [bearer])
        client.close()
        return str(self.rate) in fields.get("ratelimit-policy", "")


class Run:
    """One run: the gateway of the moment, the load, what was seen."""

    def __init__(self, flags, workspace, setup):
        self.flags, self.workspace, self.setup, self.misses = flags, workspace, setup, []
        self.load, self.chance = None, random.Random(20261127)

    async def begin(self):
        """Starts a process behind the sockets."""
        arguments = self.workspace, common.binaries(self.flags), self.workspace.path / "yett.yaml", self.setup.sockets
        self.gateway = await asyncio.to_thread(Gateway, *arguments)

    async def busy(self):
        """Waits until every kind of call has gone well since now."""
        before, end = self.load.good.copy(), time.monotonic() + 60
        while missing := [kind for kind in KINDS if self.load.good[kind] <= before[kind]]:
            if time.monotonic() > end:
                raise SystemExit(f"no such call went well in a minute: {missing}; {self.load.failures[:5]}")
            await asyncio.sleep(0.01)

    async def reloads(self):
        seen, unseen = {"limit": 0, "certificate": 0}, []
        generation = self.gateway.status()["generation"]
        for number in range(self.flags.reloads):
            kind = self.setup.change(number)
            status, outcome = await reloaded(self.gateway, generation)
            generation = status["generation"]
            if await self.setup.is_seen(kind, self.load.bearer):
                seen[kind] += 1
            else:
                unseen.append(f"{number}: {kind} ({outcome})")
            await asyncio.sleep(0.05)
        self.misses += ["changes without effect"] if unseen else []
        self.misses += ["a reload ended connections"] if self.load.told else []
        return {"changes_seen": seen, "changes_unseen": unseen}

    async def drains(self):
        """SIGTERM, to its end, and the next one."""
        seconds, ends = [], {}
        for number in range(self.flags.drains):
            await self.busy()
            silent = await Silent(self.setup, self.load.bearer).open()
            process, begun = self.gateway.process, time.monotonic()
            process.popen.send_signal(signal.SIGTERM)
            ending = asyncio.create_task(silent.ended())
            code = await asyncio.to_thread(process.popen.wait)
            seconds.append(time.monotonic() - begun)
            await self.begin()
            if code:
                self.misses.append(f"drain {number}: exit {code}")
            for name, (at, how) in (await ending).items():
                ends.setdefault(name, []).append(at - begun)
                self.misses += [f"drain {number}: a silent connection ({name}) ended with {how}"] if how else []
            say(f"restarts: drained {number + 1} of {self.flags.drains} in {seconds[-1]:.1f} s; {self.load.summary()}")
        await self.busy()
        # GOAWAY comes at once, and who has seen it is let go.
        early = [name for name, all_of_it in ends.items() if name != "http/2" and min(all_of_it) < GRACE]
        self.misses += ["a drain took all of its time: something did not end"] if max(seconds, default=0) >= DRAIN_TIME else []
        self.misses += [f"silent connections were ended before the grace: {early}"] if early else []
        self.misses += [f"nobody was told: {kind}" for kind in ("http/1", "http/2", "websocket") if seconds and not self.load.told[kind]]
        return {"seconds_most": round(max(seconds, default=0), 1), "connections_told": dict(self.load.told),
                "silent_ended_after_seconds": {name: [round(min(found), 2), round(max(found), 2)] for name, found in ends.items()}}

    async def kills(self):
        in_flight = {}
        for number in range(self.flags.kills):
            await self.busy()
            await asyncio.sleep(self.chance.random() * 0.3)
            # Between these nothing else runs here: who is in flight is exactly known.
            for kind, count in self.load.doom().items():
                in_flight[kind] = in_flight.get(kind, 0) + count
            self.gateway.process.popen.kill()
            self.gateway.process.popen.wait()
            self.load.kills += 1
            await self.begin()
            say(f"restarts: killed {number + 1} of {self.flags.kills}; {self.load.summary()}")
        await self.busy()
        lost = self.load.lost
        self.misses += ["a kill lost nothing: it met no call"] if self.flags.kills and not lost else []
        return {"in_flight": in_flight, "lost": dict(lost), "to_nobody": dict(self.load.to_nobody)}


class Silent:
    """Connections that say nothing more: after a call, in clear text and over TLS, of HTTP/2, and before any."""

    def __init__(self, setup, bearer):
        self.setup, self.bearer = setup, bearer

    async def open(self):
        self.clients = {"new": Client("127.0.0.1", self.setup.plain), "called": Client("127.0.0.1", self.setup.plain),
                        "called over tls": Client("127.0.0.1", self.setup.secure, trusting())}
        for name, client in self.clients.items():
            await client.connect()
            if name != "new":
                await client.call("GET", "/items", [self.bearer])
        self.two = await Two("127.0.0.1", self.setup.secure).connect()
        await self.two.call("GET", "/items", [self.bearer])
        return self

    async def ended(self):
        """By name: when it ended, and what was wrong with that."""
        async def one(client):
            try:
                rest = await client.pair[0].read()
                how = f"{rest[:80]!r}" if rest else ""
            except OSError as error:
                how = f"{type(error).__name__}"
            client.close()
            return time.monotonic(), how

        async def two():
            await self.two.ended.wait()
            return time.monotonic(), "" if self.two.goaways else "no GOAWAY"

        found = await asyncio.gather(*(one(client) for client in self.clients.values()), two())
        return dict(zip([*self.clients, "http/2"], found))


async def main(flags):
    upstream, echo = Service(PIECES, PAUSE), Rpc()
    await upstream.start()
    await echo.start()
    with Workspace(flags.keep) as workspace:
        setup = await asyncio.to_thread(Setup, workspace.path, upstream.port, echo.port)
        run, started = Run(flags, workspace, setup), time.monotonic()
        await run.begin()
        token = await asyncio.to_thread(run.gateway.token, "load", "all")
        run.load = load = Load(setup.plain, setup.secure, token, PIECES)
        tasks = [asyncio.create_task(call) for call in clients(load)]
        await run.busy()
        results = {"reloads": await run.reloads(), "drains": await run.drains(), "kills": await run.kills()}
        load.stopping = True
        _, stuck = await asyncio.wait(tasks, timeout=40)
        code = await asyncio.to_thread(run.gateway.process.stop, 40)
        results |= {
            "calls": dict(sorted(load.good.items())), "after_the_grace": dict(load.late), "failed_calls": load.failed,
            "failures_first": load.failures, "seconds": round(time.monotonic() - started, 1),
        }
        broken = [task for task in tasks if task.done() and task.exception()]
        run.misses += [text for text, missed in [
            (f"{load.failed} calls failed", load.failed), (f"{len(stuck)} clients wait for ever", stuck),
            (f"clients broke: {broken[:3]}", broken), ("it did not drain well", code != 0),
        ] if missed]
        for listening in setup.sockets:
            listening.close()
        return finish("restarts", flags, results, run.misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reloads", type=int, default=40)
    parser.add_argument("--drains", type=int, default=12)
    parser.add_argument("--kills", type=int, default=12)
    common.common_flags(parser)
    sys.exit(asyncio.run(main(parser.parse_args())))
