#!/usr/bin/env python3
"""A store of decisions that takes nothing slows no call and lets none pass unchecked.

    full_disk.py [--rounds 7] [--seconds 3] [--rate 3000] [--bin DIR] [--evidence DIR]

Two gateways alike, where every call is kept (`sample: 100%`): one may write no file of more than 400 KiB, so that its disk is full as
far as it knows; the other has room. Each round sends the same open loop to both, in turns: calls that pass, and every fourth one
that the contract does not know. Latencies are taken from when a call was due. The median of the rounds' ratios of p99 is at most
1.25, or the medians less than a millisecond apart; all are answered as they should be; and what was not kept is counted.
"""
import argparse
import json
import os
import pathlib
import statistics
import struct
import subprocess
import sys

import common
from common import ROOT, Gateway, Workspace, finish, say

RATIO, APART_US = 1.25, 1_000
# What the writer may hold beside the queues: less than a batch of 1,000, and what came in the quarter of a second before it took the rest.
HELD = 2_000
# Kept there: two files of this many blocks of 512 bytes.
BLOCKS = 800
HEAD = "host: x\r\nuser-agent: load\r\naccept: */*\r\n\r\n"
CALLS = ["GET /health"] * 3 + ["GET /nowhere"]
DOCUMENT = """version: 1
listen: http://127.0.0.1:0
admin: {{ bind: "127.0.0.1:0" }}
admission: {{ anonymous: {{ mode: off }}, failures: {{ mode: off }} }}
record: {{ access_log: "off", decisions: {{ sample: 100% }} }}
apis:
  orders: {{ contract: ./openapi.yaml, upstream: "{upstream}", issuer: local }}
"""


def start(folder, workspace, bins, upstream, full):
    """A gateway in a folder of its own."""
    (folder / "openapi.yaml").write_bytes((ROOT / "examples/orders/openapi.yaml").read_bytes())
    (folder / "yett.yaml").write_text(DOCUMENT.format(upstream=upstream), encoding="utf-8")
    if full:
        own = folder / "bin"
        own.mkdir()
        # A shell ignores the signal, and so does what it becomes: writing then fails as it does on a full disk.
        (own / "yett").write_text(f"#!/bin/sh\ntrap '' XFSZ\nulimit -f {BLOCKS}\nexec '{bins / 'yett'}' \"$@\"\n")
        os.chmod(own / "yett", 0o755)
        bins = own
    gateway = Gateway(workspace, bins, folder / "yett.yaml")
    gateway.settle()
    return gateway


def counted(gateway, name):
    lines = gateway.metrics().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def load(bins, gateway, requests, flags):
    host, port = gateway.address()
    command = [bins / "load", "call", "--target", f"{host}:{port}", "--requests", requests, "--rate", str(flags.rate),
               "--seconds", str(flags.seconds), "--connections", "32"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"load: {done.stderr}")
    return json.loads(done.stdout)


def main(flags):
    bins = common.binaries(flags).resolve()
    rounds, sent = {"full": [], "room": []}, {"full": 0, "room": 0}
    with Workspace(flags.keep) as one, Workspace(flags.keep) as other:
        orders = one.start("orders", bins / "orders", "--listen", "127.0.0.1:0")
        upstream = orders.wait_for(r"orders on (http://\S+)")[1]
        requests = pathlib.Path(one.path) / "requests"
        texts = [f"{call} HTTP/1.1\r\n{HEAD}".encode() for call in CALLS]
        requests.write_bytes(b"".join(struct.pack("<I", len(text)) + text for text in texts))
        gateways = {"full": start(one.path, one, bins, upstream, True), "room": start(other.path, other, bins, upstream, False)}
        for number in range(flags.rounds + 1):
            for kind in ("full", "room") if number % 2 else ("room", "full"):
                result = load(bins, gateways[kind], requests, flags)
                sent[kind] += result["calls"]
                # The first fills the disk.
                if number:
                    rounds[kind].append(result)
        full = counted(gateways["full"], 'yett_decisions_lost_total{reason="disk_full"}')
        lost, written, waiting = ({kind: counted(gateway, f"yett_decisions_{what}") for kind, gateway in gateways.items()}
                                  for what in ("lost_total", "written_total", "waiting"))
        codes = {kind: gateway.process.stop() for kind, gateway in gateways.items()}
    p99 = {kind: [one["p99_us"] for one in of] for kind, of in rounds.items()}
    ratios = [full / max(1, room) for full, room in zip(p99["full"], p99["room"])]
    ratio, apart = statistics.median(ratios), statistics.median(p99["full"]) - statistics.median(p99["room"])
    statuses = {kind: sum((list(one["statuses"].items()) for one in of), []) for kind, of in rounds.items()}
    wrong = {kind: sorted({status for status, _ in of} - {"200", "404"}) for kind, of in statuses.items()}
    passed = {kind: sum(count for status, count in of if status == "200") for kind, of in statuses.items()}
    total = {kind: sum(count for _, count in of) for kind, of in statuses.items()}
    results = {
        "p99_us": p99, "ratio": round(ratio, 3), "ratio_min": round(min(ratios), 3), "ratio_max": round(max(ratios), 3), "calls": total,
        "passed": passed, "other_statuses": wrong, "sent": sent, "lost": lost, "written": written, "waiting": waiting,
        "exit_codes": codes,
    }
    say(f"full disk: p99 {ratio:.2f} × that with room, {lost['full']:.0f} lost and {written['full']:.0f} written")
    misses = [text for text, missed in [
        (f"p99 is {ratio:.2f} × that with room, and {apart} µs more", ratio > RATIO and apart > APART_US),
        ("calls were answered otherwise", any(wrong.values())),
        ("of four calls not three passed", any(abs(passed[kind] - 0.75 * total[kind]) > 40 for kind in total)),
        ("nothing was lost to a full disk", full == 0),
        ("something was lost where there was room", lost["room"] != 0),
        ("more was lost than was counted",
         any(sent[kind] - lost[kind] - written[kind] - waiting[kind] > HELD for kind in sent)),
        ("a gateway did not end well", any(codes.values())),
    ] if missed]
    return finish("full-disk", flags, results, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rate", type=float, default=3_000)
    common.common_flags(parser)
    sys.exit(main(parser.parse_args()))
