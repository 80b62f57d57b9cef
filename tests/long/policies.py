#!/usr/bin/env python3
"""Tests of policies: how long a thousand take on the sample, and that what they see is what clients see.

    policies.py [--cases 1000] [--seconds 2] [--runs 5] [--calls 5000] [--bin DIR] [--evidence DIR]

Two parts:

- **speed**: cases are generated for the sample, and put again under other names until there are `--cases`. `yett test` runs them,
  `--runs` times: all pass, and the median from the start of the process to its end is at most `--seconds` (promised of a release build).
- **clients**: the test that puts `--calls` random calls, hostile ones among them, to the running gateway and to the data plane
  without a network, and compares what each answered and sent on (`cargo test -p yett --test policies`).
"""
import argparse
import ast
import json
import os
import re
import statistics
import subprocess
import sys
import time

import common
from common import ROOT, Workspace, finish, say

BEGIN = "\n  - name: "


def run(command, **more):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **more)


def written(yett, folder, count):
    """Has so many cases of the sample stand in a folder: the generated ones, and in further files as many again as are lacking."""
    for name in ("yett.yaml", "openapi.yaml"):
        (folder / name).write_bytes((ROOT / "examples/orders" / name).read_bytes())
    made = run([yett, "test", "--generate"], cwd=folder)
    if made.returncode:
        raise SystemExit(f"no cases were generated:\n{made.stdout}{made.stderr}")
    path = folder / "orders.generated.test.yaml"
    head, *cases = path.read_text(encoding="utf-8").rstrip("\n").split(BEGIN)
    if not cases:
        raise SystemExit("no cases were generated")
    path.unlink()
    for number in range(0, count, len(cases)):
        part = cases[:count - number]
        (folder / f"{number}.test.yaml").write_text(BEGIN.join([head, *part]) + "\n", encoding="utf-8")
    return len(cases)


def speed(yett, folder, flags):
    generated = written(yett, folder, flags.cases)
    took, passed, failed = [], set(), set()
    for _ in range(flags.runs):
        begun = time.monotonic()
        ended = run([yett, "test", "--format", "json"], cwd=folder)
        took.append(time.monotonic() - begun)
        try:
            report = json.loads(ended.stdout)
            passed.add(report["passed"])
            failed.add(report["failed"])
        except (ValueError, KeyError):
            raise SystemExit(f"`yett test` ended with {ended.returncode}:\n{(ended.stderr or ended.stdout)[-4000:]}") from None
    return {
        "generated": generated, "passed": sorted(passed), "failed": sorted(failed),
        "median_s": round(statistics.median(took), 3), "max_s": round(max(took), 3),
    }


def clients(calls):
    """What `cargo test` said of the comparison: calls by what they were answered with."""
    begun = time.monotonic()
    command = ["cargo", "test", "--profile", "ci", "--locked", "-p", "yett", "--test", "policies", "--", "--nocapture"]
    ended = run(command, cwd=ROOT, env={**os.environ, "YETT_CALLS": str(calls)})
    counted = re.search(r"^.*?(\d+) calls: (\{.*\})$", ended.stdout, re.M)
    verdicts = re.search(r"^verdicts: (\{.*\})$", ended.stdout, re.M)
    tests = re.search(r"^test result: .*?(\d+) passed; (\d+) failed", ended.stdout, re.M)
    if ended.returncode:
        say((ended.stdout + ended.stderr)[-8000:])
    return {
        "exit_code": ended.returncode, "calls": int(counted[1]) if counted else 0,
        "answers": ast.literal_eval(counted[2]) if counted else {},
        "verdicts": sorted(ast.literal_eval(verdicts[1])) if verdicts else [],
        "tests": {"passed": int(tests[1]), "failed": int(tests[2])} if tests else None,
        "seconds": round(time.monotonic() - begun, 1),
    }


def main(flags):
    with Workspace(flags.keep) as workspace:
        results = {"speed": speed(common.binaries(flags).resolve() / "yett", workspace.path, flags)}
        say(f"speed: {results['speed']}")
    results["clients"] = clients(flags.calls)
    say(f"clients: {results['clients']}")
    fast, same = results["speed"], results["clients"]
    misses = [text for text, missed in [
        ("not every case passed", fast["passed"] != [flags.cases] or fast["failed"] != [0]),
        (f"{flags.cases} cases take over {flags.seconds} s", fast["median_s"] > flags.seconds),
        ("cases see other things than clients, or the test did not end well", same["exit_code"] != 0),
        ("not all calls were compared", same["calls"] != flags.calls),
        ("fewer than twelve kinds of verdicts were", len(same["verdicts"]) < 12),
    ] if missed]
    return finish("policies", flags, results, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--calls", type=int, default=5_000)
    common.common_flags(parser)
    sys.exit(main(parser.parse_args()))
