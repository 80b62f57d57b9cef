#!/usr/bin/env python3
"""Two thirds of capacity for ten minutes, with everything mixed in: memory stays flat, no descriptor leaks, each answer is right.

    soak.py [--seconds 600] [--clients 9] [--bin DIR] [--evidence DIR]

What the machine can carry beside the other parts is measured first, by h2load in a closed loop, for each of HTTP/1, HTTP/1 over TLS and
HTTP/2 over TLS; from then on two thirds of it come in an open loop, a third of that over each. Gateway, sample and all clients share
the machine: capacity is that of all together, at that moment. The other parts, all the time: a mix of good and refused calls over all three, new
connections, clients that go away in mid-call, uploads, downloads, streams of events, WebSockets over HTTP/1 and HTTP/2, gRPC with its trailers (calls
of one message, and calls that go on), bytes that are no request and frames that no client may send, an upstream that fails in each way of `faults.py`, half of the time the floods of `floods.py` on few connections, and
reloads of the document and, each third time, of the certificate.

The time is parted in ten. The first part is warm-up; the mean resident memory of each from the third on must be within 5 % of that of the second
(judged from five minutes on: it moves by a tenth within a minute). From 90 seconds on, a connection that stays idle must have been ended
after its 75. At the end, with all clients gone, there must be as many descriptors open as before the first, but for idle connections to
upstreams.
"""
import argparse
import asyncio
import functools
import multiprocessing
import os
import signal
import socket
import statistics
import sys
import time

import common
import faults
import floods
from common import ROOT, Gateway, Served, Workspace, finish, say
from rpc import Rpc
from service import Service, beside
from soak_parts import CONNECTIONS, DEADLINES, PIECES, WAYS, Flooded, Parts, Reloads, calls, document, h2load

PARTS = 10
SHARE = 2 / 3
# Seconds from which memory is judged.
LONG_ENOUGH = 300
# Idle connections to upstreams that are kept: one for each call at once of all that call.
MOST_KEPT = 3 * CONNECTIONS * 4 + 100


class Loop:
    """The open loop: its capacity, then two thirds of it."""

    def __init__(self, gateway, token):
        self.gateway, self.token, self.stopping = gateway, token, False
        self.capacity, self.rates = {}, {}
        self.done, self.wrong, self.intended = dict.fromkeys(WAYS, 0), {}, 0

    async def measure(self, seconds):
        for way in WAYS:
            found = await h2load(self.gateway, way, self.token, seconds)
            self.capacity[way] = round(found["2xx"] / seconds)
            self.rates[way] = self.capacity[way] * SHARE / len(WAYS)

    async def run(self, way, seconds, end):
        """In turns of so many seconds, each with new connections."""
        while (left := end - time.monotonic()) > 1 and not self.stopping:
            turn = min(seconds, left)
            found = await h2load(self.gateway, way, self.token, turn, self.rates[way])
            self.done[way] += found["2xx"]
            self.intended += self.rates[way] * turn
            bad = {name: found[name] for name in ("failed", "errored", "timeout", "3xx", "4xx", "5xx") if found.get(name)}
            if bad:
                self.wrong[f"{way} after {self.done[way]}"] = bad


class Watch:
    """Samples of memory and descriptors, by the second."""

    def __init__(self, process):
        self.process, self.samples = process, []

    async def run(self, seconds, told):
        begun = said = time.monotonic()
        while time.monotonic() - begun < seconds and self.process.alive():
            self.samples.append((time.monotonic() - begun, self.process.rss(), self.process.descriptors()))
            if time.monotonic() - said > 30:
                said = time.monotonic()
                say(f"soak: {said - begun:.0f} of {seconds:.0f} s, {self.samples[-1][1]} KiB, {self.samples[-1][2]} descriptors, {told()}")
            await asyncio.sleep(min(1, seconds / 60))

    def parts(self, seconds):
        """Mean memory of each tenth of the time, in KiB."""
        tenth = seconds / PARTS
        by_part = [[rss for at, rss, _ in self.samples if part * tenth <= at < (part + 1) * tenth] for part in range(PARTS)]
        return [round(statistics.mean(part)) if part else 0 for part in by_part]


async def rotate(gateway, log, pause, stopped):
    """What an operator's logrotate does; the old file is not kept."""
    while not stopped():
        await asyncio.sleep(pause)
        old = log.with_name("access.old")
        os.rename(log, old)
        gateway.process.popen.send_signal(signal.SIGHUP)
        end = time.monotonic() + 30
        while not log.exists():
            if time.monotonic() > end:
                raise SystemExit("the log was not opened again")
            await asyncio.sleep(0.05)
        old.unlink()


class Upstreams:
    """The sample, and those of ours: each in a process of its own, but for the one that fails."""

    async def start(self, workspace, bins):
        context = multiprocessing.get_context("spawn")
        orders = workspace.start("orders", bins / "orders", "--listen", "127.0.0.1:0")
        url = (await asyncio.to_thread(orders.wait_for, r"orders on (http://\S+)"))[1]
        service, service_port = await beside(context, functools.partial(Service, PIECES, 0.1))
        rpc, rpc_port = await beside(context, Rpc)
        flooded, counted, current = (context.Value("q", 0, lock=False) for _ in range(3))
        flood = context.Process(target=floods.upstream, args=(flooded, counted, current), daemon=True)
        flood.start()
        self.faults = faults.Upstream()
        self.server = await asyncio.start_server(self.faults.serve, "127.0.0.1", 0, limit=1 << 20, backlog=1024)
        while not flooded.value:
            await asyncio.sleep(0.05)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            nowhere = free.getsockname()[1]
        self.processes = [service, rpc, flood]
        self.ports = {"orders": int(url.rstrip("/").rsplit(":", 1)[1]), "service": service_port, "rpc": rpc_port, "floods": flooded.value,
                      "faults": self.server.sockets[0].getsockname()[1], "nowhere": nowhere}
        return self

    def stop(self):
        self.server.close()
        for process in self.processes:
            process.kill()


def write_all(folder, ports):
    """The document and all that it names; the certificate."""
    (folder / "openapi.yaml").write_bytes((ROOT / "examples/orders/openapi.yaml").read_bytes())
    (folder / "faults.yaml").write_text(faults.CONTRACT)
    (folder / "floods.yaml").write_text(floods.CONTRACT)
    (folder / "yett.yaml").write_text(document(ports, 1_000_000))
    return Served(folder)


class Soak:
    """All parts on one gateway, for so long, and what came of them."""

    def __init__(self, flags, workspace, upstreams, gateway, served):
        self.flags, self.workspace, self.upstreams, self.gateway = flags, workspace, upstreams, gateway
        reader, writer = gateway.token("alice", "orders:read"), gateway.token("bob", "orders:read", "orders:write")
        self.before, self.tenth = gateway.process.descriptors(), flags.seconds / PARTS
        self.parts, self.loop = Parts(gateway, calls(reader, writer)), Loop(gateway, reader)
        self.failing = faults.Load(self.parts.plain, 1 << 60, faults.TOTAL / 1000 * DEADLINES + faults.PATIENCE)
        self.reloads, self.flooded = Reloads(gateway, upstreams.ports, reader, served), Flooded(gateway, 5)
        self.watch = Watch(gateway.process)

    def told(self):
        return (f"{sum(self.parts.done.values())} calls, {sum(self.loop.done.values())} in the open loop, "
                f"{sum(self.parts.wrong.values())} wrong, {len(self.loop.wrong)} turns wrong")

    async def run(self):
        """Everything, and then until everything has ended."""
        log, end = self.workspace.path / "access.log", time.monotonic() + self.flags.seconds
        watching = asyncio.create_task(self.watch.run(self.flags.seconds, self.told))
        tasks = [asyncio.create_task(part) for part in self.parts.all(self.flags.clients)]
        tasks += [asyncio.create_task(self.failing.client(pause=0.1)) for _ in range(4)]
        # IDLE_TIME of engine::bounds is 75 s and no configuration makes it less.
        idle = asyncio.create_task(self.parts.idle()) if self.flags.seconds >= 90 else None
        await self.loop.measure(min(5, self.tenth / 6))
        tasks += [asyncio.create_task(self.loop.run(way, self.tenth, end)) for way in WAYS]
        tasks += [asyncio.create_task(self.reloads.run(self.tenth / 6)), asyncio.create_task(self.flooded.run(self.tenth / 2)),
                  asyncio.create_task(rotate(self.gateway, log, self.tenth, lambda: self.parts.stopping))]
        await watching
        for part in (self.parts, self.loop, self.reloads, self.flooded):
            part.stopping = True
        self.failing.count = self.failing.next
        _, self.stuck = await asyncio.wait(tasks, timeout=self.tenth + 60)
        self.broken = [str(task.exception())[:300] for task in tasks if task.done() and task.exception()]
        self.idle = round(await idle, 1) if idle and idle.done() else None
        if idle:
            idle.cancel()
        self.kept, self.after = await released(self.gateway.process, self.upstreams.ports.values(), self.before)
        bounds = await asyncio.to_thread(floods.bound_counts, self.gateway)
        self.bounds = {name: count for name, count in bounds.items() if count}
        self.alive, self.code = self.gateway.process.alive(), await asyncio.to_thread(self.gateway.process.stop, 40)

    def results(self):
        parts, loop, samples = self.parts, self.loop, self.watch.samples
        by_part, took = self.watch.parts(self.flags.seconds), sorted(parts.seconds)
        ratios = [part / by_part[1] for part in by_part[2:]] if by_part[1] else [0]
        return {
            "capacity_calls_per_second": loop.capacity, "share": round(SHARE, 3), "intended_in_the_open_loop": round(loop.intended),
            "calls_in_the_open_loop": loop.done, "wrong_in_the_open_loop": loop.wrong, "calls_of_the_mix": dict(sorted(parts.done.items())),
            "wrong": parts.wrong, "faults": {"calls": self.failing.next, "wrong": self.failing.wrong,
                                             "wrong_requests": self.upstreams.faults.wrong},
            "floods": {"turns": self.flooded.turns, "bounds": self.bounds},
            "reloads_seen": self.reloads.seen, "certificates_seen": self.reloads.certificates, "reloads_unseen": self.reloads.unseen,
            "rss_kib_by_tenth": by_part, "rss_ratio": round(max(ratios, key=lambda ratio: abs(ratio - 1)), 4),
            "rss_kib_most": max(rss for _, rss, _ in samples), "descriptors_before": self.before,
            "descriptors_most": max(count for _, _, count in samples), "descriptors_after": self.after,
            "idle_upstream_connections_after": self.kept, "idle_client_ended_after_seconds": self.idle,
            "mix_ms_median": round(took[len(took) // 2] * 1e3, 2), "mix_ms_p99": round(took[len(took) * 99 // 100] * 1e3, 2),
            "alive": self.alive, "exit_code": self.code,
        }

    def misses(self, results):
        parts, loop, seconds = self.parts, self.loop, self.flags.seconds
        missing = {call[0] for call in parts.mix} - {name.rsplit(" ", 1)[0] for name in parts.done}
        missing |= {name for name in ("left", "upload", "download", "events", "websocket", "websocket http/2", "grpc", "hostile", "hostile websocket") if not parts.done[name]}
        return [text for text, missed in [
            ("wrong answers", parts.wrong or self.failing.wrong or loop.wrong), ("requests that nobody made", self.upstreams.faults.wrong),
            (f"without an answer: {sorted(missing)}", missing), (f"parts that broke: {self.broken}", self.broken),
            (f"{len(self.stuck)} parts did not end", self.stuck),
            ("reloads that no call saw", self.reloads.unseen or not self.reloads.seen or not self.reloads.certificates),
            ("the open loop got less than was meant", sum(loop.done.values()) < loop.intended * 0.95),
            ("no flood was bounded", not (self.bounds.get("http2_excess") and self.bounds.get("control_frames"))),
            ("memory is not flat", seconds >= LONG_ENOUGH and abs(results["rss_ratio"] - 1) > 0.05),
            ("an idle connection was not ended after 75 s", seconds >= 90 and not 74 <= (self.idle or 0) <= 80),
            ("descriptors leak", self.after > self.before), ("too many idle connections to upstreams", self.kept > MOST_KEPT),
            ("it ended", not self.alive), ("it did not drain well", self.code != 0),
        ] if missed]


async def main(flags):
    with Workspace(flags.keep) as workspace:
        upstreams = await Upstreams().start(workspace, common.binaries(flags))
        served = write_all(workspace.path, upstreams.ports)
        gateway = await asyncio.to_thread(Gateway, workspace, common.binaries(flags), workspace.path / "yett.yaml")
        await asyncio.to_thread(gateway.settle)
        soak = Soak(flags, workspace, upstreams, gateway, served)
        await soak.run()
        upstreams.stop()
        results = soak.results()
        return finish("soak", flags, results, soak.misses(results))


async def released(process, upstreams, before):
    """When all clients have gone: idle connections to upstreams, and all other descriptors."""
    end = time.monotonic() + 30
    while True:
        kept = sum(process.connections_to(port) for port in upstreams)
        after = process.descriptors() - kept
        if after <= before or time.monotonic() > end:
            return kept, after
        await asyncio.sleep(0.5)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=9)
    common.common_flags(parser)
    sys.exit(asyncio.run(main(parser.parse_args())))
