#!/usr/bin/env python3
"""Strangers that never repeat: no series of the metrics is born of what callers write, and memory stays under its bound.

    cardinality.py [--count 100000] [--clients 8] [--bin DIR] [--evidence DIR]

Each of the `count` rounds comes with a subject, a path, a query and a user agent that nobody had before, hostile ones among
them: two calls with a good token of a new subject to a new object (the second is found in the cache of tokens), and one call to
a path that the contract does not know. After the first fiftieth, which shows each kind of call, no series may be added. What
grows beyond that is memory of callers: a cell of the limits for each subject, the bounded cache of tokens and the bounded queue of
decisions; at most `PER_STRANGER` bytes a round between the middle and the end, when caches and queues are full.

All that tells of calls is on: the access log, the store of decisions, a collector that counts the series which it gets by OTLP, a webhook
sink where nobody answers, so that its spool fills, and an alert that is told apart by address, principal and application. Resident
memory at the end is under `MOST_RESIDENT_KIB`, whatever came.
"""
import argparse
import asyncio
import base64
import collections
import json
import random
import socket
import sys
import time
import urllib.request

import common
from common import PEERS, ROOT, Client, Control, Workspace, finish, say

# A cell of the limits and its place in the table, for the subject; doubled, because tables grow by doubling.
PER_STRANGER = 256
# What docs/ names as bounds of what is kept for whom is told: per core 8 MiB of decisions, 32 MiB of events and 8 MiB for the collector,
# once 64 MiB of the store's pages and 1,024 groups of an alert; and 64 MiB of the program, its contract and caches of tokens.
MOST_RESIDENT_KIB = 224 * 1024
# Tokens that are minted ahead of the calls which use them.
BATCH = 500
# As they stand in a header: what would break a log, a label, a terminal or a page.
AGENTS = [
    "curl/8.{n}", "\x9b31mred{n}", "<script>alert({n})</script>", '"}}\\n{{"status":200,"n":{n}', "\u202e{n}txt.exe".encode().decode("latin-1"),
    "yett_calls_total{{route=\"{n}\"}} 1", "{n}" * 100, "\xff\xfe{n}", "'; DROP TABLE decisions; -- {n}", "${{jndi:ldap://x/{n}}}",
]
PATHS = [
    "/{n}", "/admin/{n}", "/%3Cscript%3E{n}", "/orders/ord_000001/{n}", "/%E2%80%AE{n}", "/{n}%0Astatus%20200", "/..;/{n}", "/%22%7D{n}",
    "/ORDERS/{n}", "/" + "a" * 900 + "{n}",
]


def told(collector, away):
    """The part of the document by which all of a call is told."""
    return f"""telemetry: {{ otlp: {{ endpoint: "{collector}", interval: 1s }} }}
notify:
  sinks:
    soc: {{ url: "http://127.0.0.1:{away}/hook", secret: "file:hook.secret", allow_private: true, allow_cleartext: true, size: 8MiB }}
  alerts:
    guessing: {{ by: [address, principal, application], rate: 2/min }}
"""


def document(orders, more):
    return more + f"""version: 1
listen: http://127.0.0.1:0
admin: {{ bind: "127.0.0.1:0" }}
# All callers of this load have one address: they shall get as far as strangers from many would.
admission: {{ anonymous: {{ mode: off }}, failures: {{ mode: off }} }}
record: {{ access_log: "file:access.log" }}
apis:
  orders:
    contract: ./openapi.yaml
    upstream: {orders}
    issuer: local
    limits: [{{ per: subject, rate: 100/s }}]
"""


def mint(connection, subjects):
    """A token for each of the subjects, over the control socket."""
    tokens = []
    for subject in subjects:
        connection.request("POST", "/v1/tokens", json.dumps({"subject": subject, "scopes": ["orders:read"], "ttl": 3600}))
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 201:
            raise SystemExit(f"no token for {subject!r}: {answer.status} {text[:300]}")
        tokens.append(json.loads(text)["token"])
    return tokens


def subject(number):
    odd = ["subject-{n}", "<b>{n}</b>", "\u202e{n}", "a\"b\\{n}", "{n}" + "x" * 100, "yett_x{{y=\"{n}\"}}"]
    return odd[number % len(odd)].format(n=number)


def series(gateway, collector):
    """Series of the page of metrics, and those that the collector has."""
    page = {line.rsplit(" ", 1)[0] for line in gateway.metrics().splitlines() if line and not line.startswith("#")}
    with urllib.request.urlopen(f"{collector}/seen") as answer:
        seen = json.load(answer)
    sent = {f"{one['name']} {json.dumps(point['attributes'], sort_keys=True)}" for one in seen["metrics"] for point in one["points"]}
    return page | {f"otlp {name}" for name in sent}, seen["lean"]


def value(gateway, name):
    lines = gateway.metrics().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


class Strangers:
    def __init__(self, gateway, count):
        self.gateway, self.count, self.done = gateway, count, 0
        self.statuses, self.wrong = collections.Counter(), collections.Counter()

    async def client(self, queue):
        client = Client(*self.gateway.address())
        while (work := await queue.get()) is not None:
            number, token = work
            agent = ("User-Agent", AGENTS[number % len(AGENTS)].format(n=number))
            good = [agent, ("Authorization", f"Bearer {token}")]
            for target, headers, accepted in (
                (f"/orders/ord_{100_000 + number:06}", good, {404}),
                (f"/orders?limit={number % 100 + 1}", good, {200}),
                (PATHS[number % len(PATHS)].format(n=number), [agent], {400, 401, 404}),
            ):
                await self.call(client, target, headers, accepted)
            self.done += 1
        client.close()

    async def call(self, client, target, headers, accepted):
        try:
            status, _, _ = await client.call("GET", target, headers)
            self.statuses[str(status)] += 1
            if status not in accepted:
                self.wrong[f"{status} for {target[:60]}"] += 1
        except (OSError, EOFError, ValueError, TimeoutError, common.Broken) as error:
            client.close()
            self.wrong[f"{type(error).__name__} for {target[:60]}"] += 1


async def main(flags):
    bins = common.binaries(flags)
    with Workspace(flags.keep) as workspace:
        peer = workspace.start("collector", PEERS / "venv/bin/python", ROOT / "tests/peers/collector.py", "--lean", held=True)
        collector = peer.wait_for(r'"url": "(http://[^"]+)"')[1]
        (workspace.path / "hook.secret").write_text(f"whsec_{base64.b64encode(bytes(32)).decode()}\n")
        # A port where nobody listens, and nobody else will.
        away = socket.socket()
        away.bind(("127.0.0.1", 0))
        more = told(collector, away.getsockname()[1])
        _, gateway = await asyncio.to_thread(common.before_sample, workspace, bins, lambda url: document(url, more))
        strangers, queue, minting = Strangers(gateway, flags.count), asyncio.Queue(BATCH), Control(gateway.data / "yett.sock")
        tasks = [asyncio.create_task(strangers.client(queue)) for _ in range(flags.clients)]
        numbers = list(range(flags.count))
        random.Random(7).shuffle(numbers)
        marks, said = {}, time.monotonic()
        for start in range(0, flags.count, BATCH):
            part = numbers[start:start + BATCH]
            tokens = await asyncio.to_thread(mint, minting, [subject(number) for number in part])
            for work in zip(part, tokens):
                await queue.put(work)
            for name, share in (("warm", flags.count // 50), ("middle", flags.count // 2)):
                if name not in marks and strangers.done >= share:
                    # What is shown once a second has come to the collector.
                    await asyncio.sleep(3)
                    marks[name] = (strangers.done, (await asyncio.to_thread(series, gateway, collector))[0], gateway.process.rss())
            if time.monotonic() - said > 30:
                said = time.monotonic()
                say(f"cardinality: {strangers.done} of {flags.count}, {gateway.process.rss()} KiB")
        for _ in tasks:
            await queue.put(None)
        await asyncio.wait(tasks)
        await asyncio.sleep(3)
        last, exported = await asyncio.to_thread(series, gateway, collector)
        marks["end"] = (strangers.done, last, gateway.process.rss())
        spooled = sum(value(gateway, name) for name in ("yett_events_spooled_total", "yett_events_lost_total"))
        added = sorted(marks["end"][1] - marks["warm"][1])
        per = (marks["end"][2] - marks["middle"][2]) * 1024 / max(1, marks["end"][0] - marks["middle"][0])
        results = {
            "calls": sum(strangers.statuses.values()), "statuses": dict(sorted(strangers.statuses.items())),
            "wrong": dict(strangers.wrong.most_common(20)), "series": {name: len(mark[1]) for name, mark in marks.items()},
            "series_added": added[:20], "rss_kib": {name: mark[2] for name, mark in marks.items()},
            "bytes_per_stranger": round(per, 1), "exported": exported, "events": spooled, "alive": gateway.process.alive(), "exit_code": gateway.process.stop(),
        }
        # A short run has not filled what is bounded by its middle.
        whole = flags.count >= 50_000
        misses = [text for text, missed in [
            ("wrong answers", strangers.wrong), ("series were born of what callers write", added),
            (f"more than {PER_STRANGER} bytes are kept of a stranger", whole and per > PER_STRANGER),
            (f"{marks['end'][2]} KiB are resident", marks["end"][2] > MOST_RESIDENT_KIB),
            ("the collector got less than a span of every second stranger", exported["spans"] < flags.count / 2),
            ("nobody was to be told of every second stranger", spooled < flags.count / 2),
            ("it ended", not results["alive"]), ("it did not drain well", results["exit_code"] != 0),
        ] if missed]
        return finish("cardinality", flags, results, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=8)
    common.common_flags(parser)
    sys.exit(asyncio.run(main(parser.parse_args())))
