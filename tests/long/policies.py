#!/usr/bin/env python3
"""Tests of policies: how long a thousand take on the sample.

    policies.py [--cases 1000] [--seconds 2] [--runs 5] [--bin DIR] [--evidence DIR]

Cases are generated for the sample, and put again under other names until there are `--cases`. `yett test` runs them, `--runs` times: all
pass, and the median from the start of the process to its end is at most `--seconds` (promised of a release build). That cases see
what clients of a running gateway see is shown by 5,000 random calls in `make test` (`cargo test -p yett --test policies`).
"""
import argparse
import json
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


def main(flags):
    with Workspace(flags.keep) as workspace:
        results = {"speed": speed(common.binaries(flags).resolve() / "yett", workspace.path, flags)}
        say(f"speed: {results['speed']}")
    fast = results["speed"]
    misses = [text for text, missed in [
        ("not every case passed", fast["passed"] != [flags.cases] or fast["failed"] != [0]),
        (f"{flags.cases} cases take over {flags.seconds} s", fast["median_s"] > flags.seconds),
    ] if missed]
    return finish("policies", flags, results, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--runs", type=int, default=5)
    common.common_flags(parser)
    sys.exit(main(parser.parse_args()))
