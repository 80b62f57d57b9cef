#!/usr/bin/env python3
"""Public contracts: `yett init`, then `yett check`, on each; time, memory, and how much of each is enforced.

    contracts.py [FILE...] [--share 0.95] [--seconds N --mebibytes N] [--bin DIR] [--evidence DIR]

Without files, every contract that tests/peers/setup installed, as far as it is listed in CONTRACTS. `--seconds` and
`--mebibytes` bound init and check, each, of each file given, else of GitHub's contract (2 and 400 are promised, in a release build). Must hold: init and check end
well, and at least `--share` of the operations of each contract that can be called are fully enforced; the rest is printed
by what it lacks. Operations that refuse every call, since nothing verifies the credentials that they take, are counted
apart and as enforced nowhere: a contract of nothing else is a miss.
The contracts of COUNTED are counted a second time by `counted.py`, a reading that shares no code with Yett: the numbers,
the pointers of what is not enforced and docs/contracts-counted.md must say the same.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import common
from common import PEERS, ROOT, Workspace, finish, say

# Globs under .peers/; the first file that one matches is taken.
CONTRACTS = [
    ("github", "npm/node_modules/@octokit/openapi/generated/api.github.com.json"),
    ("github-enterprise", "npm/node_modules/@octokit/openapi/generated/ghes-3.19.json"),
]

# As a person counted them: operations, fully enforced, refusing every call. docs/contracts-counted.md has the reasons.
COUNTED = {"figma": (54, 54, 3), "enode": (28, 27, 0)}


def listed():
    """The contracts that are installed, and what a file beside this one adds: lines of `name glob`."""
    more = pathlib.Path(__file__).with_name("contracts.txt")
    lines = more.read_text(encoding="utf-8").splitlines() if more.exists() else []
    pairs = CONTRACTS + [tuple(line.split(None, 1)) for line in lines if line.strip() and not line.startswith("#")]
    for name, pattern in pairs:
        found = sorted(PEERS.glob(pattern.strip()))
        if found:
            yield name, found[0]
        else:
            say(f"contracts: {name} is not installed ({pattern})")


def measured(command, cwd):
    """(exit code, stdout, stderr, seconds, peak resident MiB) of one process."""
    out, err = cwd / "stdout", cwd / "stderr"
    begun = time.monotonic()
    with open(out, "wb") as one, open(err, "wb") as two:
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=one, stderr=two, cwd=cwd)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    text = lambda path: path.read_text(encoding="utf-8", errors="replace")
    return process.returncode, text(out), text(err), time.monotonic() - begun, usage.ru_maxrss / 1024


def kinds(folder):
    """What init accepted as unenforced, counted by reason."""
    counted = collections.Counter()
    for path in folder.glob("*.unenforced.yaml"):
        for line in path.read_text(encoding="utf-8").splitlines():
            found = re.match(r'"(?:[^"\\]|\\.)*": "((?:[^"\\]|\\.)*)"', line)
            if found:
                counted[re.sub(r"`[^`]*`", "`…`", found[1])[:100]] += 1
    return counted


def of_callable(operations, enforced, refusing):
    """How many operations can be called, how many of those are fully enforced, and their share.

    `yett check` counts operations that refuse every call as enforced where nothing else of them is missing, and does not
    say where. All are taken off here, so that the share is told too low if it is wrong, never too high.
    """
    open_, both = operations - refusing, max(0, enforced - refusing)
    return {"callable": open_, "fully_enforced": both, "share": round(both / max(1, open_), 4)}


def examine(yett, name, contract, workspace):
    folder = workspace.path / name
    folder.mkdir()
    init = measured([yett, "init", contract, "--upstream", "http://127.0.0.1:9", "--issuer", "local"], folder)
    row = {"name": name, "init_exit": init[0], "init_seconds": round(init[3], 2), "init_mib": round(init[4])}
    if init[0]:
        return row | {"error": (init[2] or init[1])[-1200:]}
    check = measured([yett, "check", "--format", "json"], folder)
    row |= {"check_exit": check[0], "check_seconds": round(check[3], 2), "check_mib": round(check[4])}
    try:
        report = json.loads(check[1])
    except ValueError:
        return row | {"error": (check[2] or check[1])[-1200:]}
    apis = list(report["apis"].values())
    operations, enforced = sum(api["operations"] for api in apis), sum(api["fully_enforced"] for api in apis)
    refusing = sum(len(api["refusing"]) for api in apis)
    row |= {"operations": operations, "refusing": refusing, **of_callable(operations, enforced, refusing)}
    row |= {"unenforced": dict(kinds(folder).most_common(12)), "yaml_lines": len((folder / "yett.yaml").read_text().splitlines())}
    if name in COUNTED:
        row["counted"] = recount(name, contract, report)
    if not report["ok"]:
        row["error"] = json.dumps(report["diagnostics"][:3])[:1200]
    return row


def recount(name, contract, report):
    """What the second reading and the page find beside what `yett check` says; `differences` must be empty."""
    python = PEERS / "venv/bin/python"
    done = subprocess.run([python, pathlib.Path(__file__).with_name("counted.py"), contract], capture_output=True, text=True,
                          check=True)
    second = json.loads(done.stdout)
    (api,) = report["apis"].values()
    checked = (api["operations"], api["fully_enforced"], len(api["refusing"]))
    pointers = sorted(one["pointer"] for one in report["diagnostics"] if one["code"] == "unenforced")
    operations, enforced, closed = COUNTED[name]
    row = f"| {name} | {operations} | {enforced} | {closed} |"
    page = (ROOT / "docs/contracts-counted.md").read_text(encoding="utf-8")
    differences = [text for text, differs in [
        (f"`yett check` says {checked}", checked != (operations, enforced, closed)),
        (f"counted.py says {second['operations']}, {second['enforced']}",
         (second["operations"], second["enforced"]) != (operations, enforced)),
        (f"counted.py finds {len(second['closed'])} that refuse every call", len(second["closed"]) != closed),
        (f"`yett check` names {pointers}", pointers != sorted(second["not_enforced"])),
        (f"the page has no row `{row}`", row not in page),
        ("the page does not name each pointer", any(f"`{pointer}`" not in page for pointer in pointers)),
        ("the page does not name each operation that refuses every call",
         any(f"`{operation}`" not in page for operation in second["closed"])),
    ] if differs]
    return {"by_hand": COUNTED[name], "differences": differences}


def table(rows):
    say(f"{'contract':<24}{'operations':>11}{'refusing':>10}{'enforced':>10}{'share':>9}{'init':>9}{'check':>9}{'memory':>10}")
    for row in rows:
        if "error" in row:
            say(f"{row['name']:<24}error: {row['error'][:300]}")
            continue
        say(f"{row['name']:<24}{row['operations']:>11}{row['refusing']:>10}{row['fully_enforced']:>10}{row['share']:>9.2%}"
            f"{row['init_seconds']:>7.2f} s{row['check_seconds']:>7.2f} s{row['check_mib']:>6} MiB")
        for reason, count in row["unenforced"].items():
            say(f"{'':<24}  {count} × {reason}")


def main(flags):
    yett = common.binaries(flags).resolve() / "yett"
    chosen = [(pathlib.Path(file).stem, pathlib.Path(file).resolve()) for file in flags.files]
    chosen = chosen or [*listed(), ("orders", ROOT / "examples/orders/openapi.yaml")]
    with Workspace(flags.keep) as workspace:
        rows = [examine(yett, name, contract, workspace) for name, contract in chosen]
    table(rows)
    misses = []
    for row in rows:
        bad = "error" in row or row["check_exit"] != 0 or row["callable"] == 0 or row["share"] < flags.share
        bounded = row["name"] == "github" or flags.files
        most = {unit: max(row.get(f"{command}_{unit}", 0) for command in ("init", "check")) for unit in ("seconds", "mib")}
        slow = bounded and flags.seconds and most["seconds"] > flags.seconds
        large = bounded and flags.mebibytes and most["mib"] > flags.mebibytes
        if bad or slow or large:
            misses.append(f"{row['name']}: " + ("too slow" if slow else "too large" if large else "not enforced enough, or an error"))
        if row.get("yaml_lines", 0) > 12:
            misses.append(f"{row['name']}: init wrote {row['yaml_lines']} lines")
        misses += [f"{row['name']}, counted by hand: {text}" for text in row.get("counted", {}).get("differences", [])]
    if not flags.files and not COUNTED.keys() <= {row["name"] for row in rows if "counted" in row}:
        misses.append("the contracts that were counted by hand are not all here")
    if len(rows) < flags.at_least:
        misses.append(f"only {len(rows)} contracts")
    return finish("contracts", flags, {"contracts": rows}, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--share", type=float, default=0.95)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--mebibytes", type=float, default=0)
    parser.add_argument("--at-least", type=int, default=1, help="how many contracts there must be")
    common.common_flags(parser)
    sys.exit(main(parser.parse_args()))
