#!/usr/bin/env python3
"""Notification whole: how fast a refusal is told, what a receiver that was down gets, and what a kill leaves.

    notify.py [--count 10000] [--outage 60] [--kills 6] [--singles 50] [--bin DIR] [--evidence DIR]

Three parts, one after the other, on one spool:

- **singles**: one refused call after the other, each from its first byte to the receiver's last: the median is under a second.
- **outage**: nobody listens where the receiver was, for `--outage` seconds, and `--count` calls of 13 actors are refused meanwhile. Once it
  is back all of them arrive: none is missing, each actor's in its order, and one that comes again says so.
- **kills**: the gateway is killed (`kill -9`) under load, `--kills` times, the receiver being away every other time. What its metrics
  said to be spooled arrives after the next start, and whatever arrives twice is marked.

The receiver shares no code with Yett: it verifies each delivery's signature (HMAC-SHA256 over id, timestamp and body), that the
timestamp is of now, and that the id is the event's own.
"""
import argparse
import asyncio
import base64
import collections
import hashlib
import hmac
import json
import re
import secrets
import statistics
import sys
import time

import common
from common import Client, Gateway, Workspace, finish, say

ACTORS = 13
CONTRACT = """openapi: 3.1.0
info: { title: Notes, version: 1.0.0 }
security: [{ oauth: ["notes:write"] }]
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { "notes:read": r, "notes:write": w } } } }
paths:
  /notes/{id}:
    get:
      operationId: getNote
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses: { "200": { description: ok } }
"""


def document(receiver):
    return f"""version: 1
listen: http://127.0.0.1:0
admin: {{ bind: "127.0.0.1:0" }}
record: {{ access_log: "off", decisions: {{ sample: 0% }} }}
admission: {{ anonymous: {{ rate: 1000000/s }}, failures: {{ rate: 1000000/s }} }}
apis:
  notes:
    contract: ./openapi.yaml
    upstream: http://127.0.0.1:9
    issuer: local
    limits: [{{ per: subject, rate: 1000000/s }}]
notify:
  sinks:
    soc:
      url: http://127.0.0.1:{receiver.port}/hook
      secret: file:hook.secret
      allow_private: true
      allow_cleartext: true
      retry: {{ first: 1s, most: 10s }}
"""


class Receiver:
    """Takes events, and is away for a while."""

    def __init__(self, secret):
        self.key, self.server, self.port = base64.b64decode(secret), None, 0
        # Deliveries in the order in which they came: (id, repeated, event, when).
        self.taken, self.wrong = [], []

    async def up(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]

    async def down(self):
        self.server.close()
        await self.server.wait_closed()

    async def serve(self, reader, writer):
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head[:-4].split("\r\n")
            fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(fields["content-length"]))
            self.take(first, fields, body)
            writer.write(b"HTTP/1.1 204 Taken\r\n\r\n")
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def take(self, first, fields, body):
        event_id, at = fields["webhook-id"], fields["webhook-timestamp"]
        signed = hmac.new(self.key, f"{event_id}.{at}.".encode() + body, hashlib.sha256).digest()
        good = f"v1,{base64.b64encode(signed).decode()}" in fields["webhook-signature"].split(" ")
        event = json.loads(body)
        if not good or abs(time.time() - int(at)) > 30 or event["id"] != event_id or first != "POST /hook HTTP/1.1":
            self.wrong.append(event_id)
        self.taken.append((event_id, fields.get("yett-repeated") == "true", event, time.monotonic()))

    def ids(self):
        return {one[0] for one in self.taken}

    def unmarked(self):
        """Deliveries that came again and did not say so."""
        seen, bad = set(), []
        for event_id, repeated, _, _ in self.taken:
            if event_id in seen and not repeated:
                bad.append(event_id)
            seen.add(event_id)
        return bad


def disorder(taken):
    """Events that came after one of the same actor that was refused later; each counts when it came first."""
    last, seen, bad = collections.defaultdict(int), set(), []
    for event_id, _, event, _ in taken:
        if event_id in seen:
            continue
        seen.add(event_id)
        number = int(event["data"]["path"].rsplit("/", 1)[1])
        if number <= last[event["partitionkey"]]:
            bad.append(event_id)
        last[event["partitionkey"]] = number
    return bad


async def comes(seconds, look):
    """Whether it does in so many seconds."""
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.02)
    return True


async def until(what, seconds, look):
    if not await comes(seconds, look):
        raise SystemExit(f"not in {seconds} s: {what()}")


def metric(gateway, name):
    found = re.search(rf'^{name}{{sink="soc"}} (\d+)', gateway.metrics(), re.M)
    return int(found[1]) if found else 0


async def refuse(address, token, numbers, stop=lambda: False):
    """Calls that are refused, one after the other; how many were."""
    client, done = Client(*address), 0
    headers = [("authorization", f"Bearer {token}")]
    for number in numbers:
        if stop():
            break
        try:
            status, _, _ = await client.call("GET", f"/notes/{number}", headers)
        except (ConnectionError, asyncio.IncompleteReadError, common.Broken):
            # It was killed.
            break
        if status != 403:
            raise SystemExit(f"a call was answered with {status}")
        done += 1
    client.close()
    return done


async def singles(gateway, receiver, token, count):
    took = []
    for number in range(1, count + 1):
        before, begin = len(receiver.taken), time.monotonic()
        await refuse(gateway.address(), token, [number])
        await until(lambda: f"event {number}", 30, lambda: len(receiver.taken) > before)
        took.append((receiver.taken[-1][3] - begin) * 1_000)
    return {"median_ms": round(statistics.median(took), 1), "max_ms": round(max(took), 1)}


async def outage(gateway, receiver, tokens, count, seconds):
    before, spooled = len(receiver.taken), metric(gateway, "yett_events_spooled_total")
    await receiver.down()
    begin = time.monotonic()
    share = [count // len(tokens) + (place < count % len(tokens)) for place in range(len(tokens))]
    # Numbers go on where the ones of other parts ended.
    base = 1_000_000
    burst = [refuse(gateway.address(), token, range(base, base + part)) for token, part in zip(tokens, share)]
    done = sum(await asyncio.gather(*burst))
    burst_took = time.monotonic() - begin
    await until(lambda: "all of them on the disk", 60,
                lambda: metric(gateway, "yett_events_spooled_total") - spooled >= done)
    waited = metric(gateway, "yett_events_waiting")
    await asyncio.sleep(max(0, seconds - (time.monotonic() - begin)))
    early = len(receiver.taken) - before
    await receiver.up()
    back = time.monotonic()
    # At least once: a delivery of which the answer was not heard comes again.
    await until(lambda: f"{len(receiver.taken) - before} of {done} came", 300,
                lambda: len({one[0] for one in receiver.taken[before:]}) >= done)
    new = receiver.taken[before:]
    return {
        "refused": done, "burst_s": round(burst_took, 1), "outage_s": round(back - begin, 1), "waited": waited,
        "came_while_down": early, "delivered": len({one[0] for one in new}), "deliveries": len(new),
        "marked": sum(one[1] for one in new), "out_of_order": len(disorder(new)),
        "first_after_s": round(new[0][3] - back, 1), "all_after_s": round(new[-1][3] - back, 1),
    }


async def kills(workspace, bins, config, gateway, receiver, tokens, rounds):
    missing, owed = 0, 0
    for number in range(rounds):
        away = number % 2 == 0
        if away:
            await receiver.down()
        before, over = len(receiver.ids()), []
        base = 10_000_000 * (number + 1)
        load = [asyncio.create_task(refuse(gateway.address(), token, range(base, base + 10**6), lambda: over))
                for token in tokens]
        seen = metric(gateway, "yett_events_spooled_total")
        await until(lambda: "something on the disk", 60,
                    lambda: metric(gateway, "yett_events_spooled_total") - seen > 500)
        # What is on the disk at least when it dies.
        spooled = metric(gateway, "yett_events_spooled_total") - seen
        gateway.process.popen.kill()
        gateway.process.popen.wait()
        over.append(True)
        await asyncio.gather(*load, return_exceptions=True)
        if away:
            await receiver.up()
        gateway = Gateway(workspace, bins, config)
        # What is missing is told at the end.
        await comes(60, lambda: len(receiver.ids()) - before >= spooled)
        await until(lambda: "nothing waits any more", 120, lambda: metric(gateway, "yett_events_waiting") == 0)
        owed += spooled
        missing += max(0, spooled - (len(receiver.ids()) - before))
        say(f"kill {number + 1}: {spooled} were on the disk, {len(receiver.ids()) - before} came")
    return gateway, {"kills": rounds, "spooled_at_least": owed, "missing": missing}


async def run(flags, workspace):
    bins = common.binaries(flags)
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    receiver = Receiver(secret)
    await receiver.up()
    config = workspace.path / "yett.yaml"
    (workspace.path / "openapi.yaml").write_text(CONTRACT, encoding="utf-8")
    (workspace.path / "hook.secret").write_text(f"whsec_{secret}\n", encoding="utf-8")
    config.write_text(document(receiver), encoding="utf-8")
    gateway = Gateway(workspace, bins, config)
    tokens = [gateway.token(f"actor-{number}", "notes:read") for number in range(ACTORS)]

    results = {"singles": await singles(gateway, receiver, tokens[0], flags.singles)}
    say(f"singles: {results['singles']}")
    results["outage"] = await outage(gateway, receiver, tokens, flags.count, flags.outage)
    say(f"outage: {results['outage']}")
    rss = gateway.process.rss()
    gateway, results["kills"] = await kills(workspace, bins, config, gateway, receiver, tokens, flags.kills)
    results["wrong_deliveries"], results["unmarked_repeats"] = len(receiver.wrong), len(receiver.unmarked())
    results["rss_kib"] = rss
    code = gateway.process.stop()
    of = results["outage"]
    misses = [text for text, bad in [
        ("the median of singles is a second or more", results["singles"]["median_ms"] >= 1_000),
        ("not all were refused", of["refused"] != flags.count),
        ("events came while nobody listened", of["came_while_down"] != 0),
        ("events are missing after the outage", of["delivered"] != of["refused"]),
        ("an actor's events were out of order", of["out_of_order"] != 0),
        ("events that were spooled are missing after a kill", results["kills"]["missing"] != 0),
        ("a delivery was not signed as it should be", results["wrong_deliveries"] != 0),
        ("a delivery came again without a mark", results["unmarked_repeats"] != 0),
        (f"the gateway ended with {code}", code != 0),
    ] if bad]
    return results, misses


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--count", type=int, default=10_000, help="calls that are refused while the receiver is away")
    parser.add_argument("--outage", type=float, default=60, help="for how long it is, in seconds")
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--singles", type=int, default=50)
    common.common_flags(parser)
    flags = parser.parse_args()
    with Workspace(flags.keep) as workspace:
        results, misses = asyncio.run(run(flags, workspace))
    return finish("notify", flags, results, misses)


if __name__ == "__main__":
    sys.exit(main())
