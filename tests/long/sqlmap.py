#!/usr/bin/env python3
"""sqlmap, with all of its tamper scripts, against a service that can be injected into: directly, and through Yett.

    sqlmap.py [--part all|short] [--every 1] [--at-once 6] [--ways directly,builtin,crs] [--bin DIR] [--evidence DIR]

`tests/peers/injectable.py` is the service; before it stand gateways that do nothing but inspect. One with `rules: builtin` protects a
service that undoes every encoding it meets. One with the Core Rule Set of `../shared/crs`, at paranoia level 2 since level 1 leaves
paths to the service, protects one that reads values once: the set undoes no base64, no character references and no overlong forms
where it looks for SQL. Nor does it look at header fields of an API's own; runs in those are left out behind it. sqlmap is told
where to inject, which database it meets, and which column to read.

Must hold: directly it gets the secret out of every place; through a gateway it neither gets it nor finds where to inject. Told
beside that: with how many scripts it does so directly, and which statements that it changed ran all the same behind a gateway (probes
that changed nothing that it could see; those that were only cut short by a comment apart). `--every 10` makes one run of ten, for a try.
`tests/peers/setup python` installs sqlmap.
"""
import argparse
import asyncio
import collections
import json
import os
import pathlib
import secrets
import sys

import common
from common import PEERS, ROOT, Gateway, Workspace, finish, say

# Without a name that rules know, it is looked at for what it sends.
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
DIALECTS = ("sqlite", "mysql")
PART = "--b\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n1*\r\n--b--\r\n"
# Where it injects: what stands behind the path, and what sqlmap is told.
PLACES = {
    "query": ("query?id=1", ["-p", "id"]),
    "quoted": ("quoted?name=lamp", ["-p", "name"]),
    "path": ("path/1*", []),
    "form": ("form", ["--data", "id=1", "-p", "id"]),
    "json": ("json", ["--data", '{"id":"1*"}', "-H", "Content-Type: application/json"]),
    "multipart": ("multipart", ["--data", PART, "-H", "Content-Type: multipart/form-data; boundary=b"]),
    "xml": ("xml", ["--data", "<order><id>1*</id></order>", "-H", "Content-Type: application/xml"]),
    "cookie": ("cookie", ["--cookie", "id=1*"]),
    "header": ("header", ["-H", "X-Item: 1*"]),
}
# Scripts whose calls no server takes: one adds 4.2 million parameters.
IMPOSSIBLE = {"luanginxmore"}
# Scripts that are used together.
TOGETHER = [
    "between,randomcase,space2comment", "space2randomblank,randomcomments,unionalltounion", "charencode,space2plus",
    "space2morecomment,symboliclogical,lowercase", "equaltolike,space2dash,randomcase", "charunicodeescape,between",
    "versionedmorekeywords,space2mysqldash", "base64encode,randomcase", "htmlencode,space2comment", "overlongutf8more,space2comment",
]
# What a gateway inspects with, where nothing is injected behind it, and how the service reads.
WAYS = {
    "builtin": ("rules: builtin", (), True),
    "crs": (f"rules: \"file:{ROOT.parent / 'shared/crs'}\", paranoia: 2", ("header",), False),
}
SECONDS = 300
LISTED = 40


def tampers(python):
    folder = next(pathlib.Path(python).parent.parent.glob("lib/python3*/site-packages/sqlmap/tamper"))
    return sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_") and file.stem not in IMPOSSIBLE)


def plan(part, scripts):
    """(dialect, place, tamper scripts, effort) of all runs; `deep` ones go through gateways only."""
    if part == "short":
        return [("sqlite", "query", "", "plain"), ("sqlite", "json", "", "plain"), ("mysql", "cookie", "space2comment", "plain")]
    runs = [(dialect, place, "", "plain") for dialect in DIALECTS for place in PLACES]
    others = [place for place in PLACES if place != "query"]
    for index, script in enumerate(scripts):
        # Each in the query and in one other place, each database in turn.
        one, other = DIALECTS if index % 2 else reversed(DIALECTS)
        runs += [(one, "query", script, "plain"), (other, others[index % len(others)], script, "plain")]
    for index, together in enumerate(TOGETHER):
        runs += [(dialect, list(PLACES)[(index + shift) % len(PLACES)], together, "plain") for shift, dialect in enumerate(DIALECTS)]
    return runs + [(dialect, place, "", "deep") for dialect in DIALECTS for place in PLACES]


def command(sqlmap, base, run, folder):
    number, dialect, place, scripts, effort = run
    target, more = PLACES[place]
    level = ["--level=5", "--risk=3"] if effort == "deep" else ["--level=1", "--technique=BU"]
    return [
        sqlmap, "-u", f"{base}/r{number}/{dialect}/{target}", *more, *level, f"--dbms={dialect}", "--batch", "--flush-session",
        "--skip-waf", "--disable-coloring", f"--output-dir={folder}", "-A", AGENT, "-D", "main", "-T", "secrets", "-C", "motto", "--dump",
        *([f"--tamper={scripts}"] if scripts else []),
    ]


async def attack(sqlmap, base, run, workspace, way, secret):
    """What one run came to."""
    folder = workspace.path / f"{way}-{run[0]}"
    folder.mkdir()
    environment = {**os.environ, "HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        *map(str, command(sqlmap, base, run, folder)), stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT, env=environment, cwd=folder)
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    except asyncio.TimeoutError:
        process.kill()
        printed, _ = await process.communicate()
        printed += b"\nstopped after its time"
    text = printed.decode("utf-8", "replace")
    (workspace.path / f"{way}-{run[0]}.txt").write_text(text)
    return {"secret": secret in text, "injectable": "sqlmap identified the following injection point" in text,
            "ended": process.returncode == 0 or "stopped after" in text}


async def attack_all(flags, sqlmap, base, runs, workspace, way, secret):
    turn = asyncio.Semaphore(flags.at_once)

    async def one(run):
        async with turn:
            return run, await attack(sqlmap, base, run, workspace, way, secret)
    return await asyncio.gather(*(one(run) for run in runs))


def gateway(folder, bins, upstream, rules):
    (folder.path / "yett.yaml").write_text(f"""version: 1
listen: http://127.0.0.1:0
admin: {{ bind: "127.0.0.1:0" }}
apis:
  items:
    contract: none
    allow: ["* /*"]
    unsecured: anonymous
    upstream: {upstream}
    inspection: {{ {rules}, mode: enforce }}
""")
    return Gateway(folder, bins, folder.path / "yett.yaml")


def name(run):
    _, dialect, place, scripts, effort = run
    return " ".join(word for word in (dialect, place, scripts, "" if effort == "plain" else effort) if word)


def refusals(gateway):
    """Verdicts of the gateway's controls, by control and code."""
    counts = collections.Counter()
    for line in gateway.metrics().splitlines():
        if line.startswith("yett_verdicts_total{"):
            labels = dict(pair.split("=", 1) for pair in line[line.index("{") + 1:line.index("}")].split(","))
            counts["/".join(labels[key].strip('"') for key in ("control", "code"))] += int(float(line.rsplit(" ", 1)[1]))
    return dict(counts)


def came_to(done):
    """What the runs of one way came to."""
    return {
        "runs": len(done),
        "not_ended": [name(run) for run, result in done if not result["ended"]],
        "got_the_secret": [name(run) for run, result in done if result["secret"]],
        "found_a_place": [name(run) for run, result in done if result["injectable"]],
    }


def directly(done, reached):
    """Results and misses without a gateway: that the sample and the attacker are what they are said to be."""
    results = came_to(done)
    got = set(results.pop("got_the_secret"))
    results["got_the_secret"] = len(got)
    results["found_a_place"] = len(results["found_a_place"])
    results["scripts"] = len({run[3] for run, _ in done if run[3]})
    results["scripts_that_got_it"] = len({run[3] for run, result in done if run[3] and result["secret"]})
    results["without_the_secret"] = [name(run) for run, _ in done if name(run) not in got]
    results["changed_statements_that_ran"] = sum(one["ran"] and not one["cut"] for one in reached)
    return results, [f"no secret: {name(run)}" for run, result in done if not run[3] and not result["secret"]]


def through(done, reached, yett):
    """Results and misses through a gateway."""
    ran = [one for one in reached if one["ran"] and not one["cut"]]
    results = {
        **came_to(done),
        "odd_values_that_arrived": len(reached),
        "cut_short_statements_that_ran": sum(one["ran"] and one["cut"] for one in reached),
        "changed_statements_that_ran": len(ran),
        "of_these": sorted({one["value"] for one in ran})[:LISTED],
        "verdicts": refusals(yett),
    }
    misses = [f"{what}: {one}" for what in ("not_ended", "got_the_secret", "found_a_place") for one in results[what]]
    if not yett.process.alive():
        misses.append("the gateway ended")
    return results, misses


def main(flags):
    bins, python = common.binaries(flags).resolve(), PEERS / "venv/bin/python"
    sqlmap = PEERS / "venv/bin/sqlmap"
    if not sqlmap.exists():
        raise SystemExit("sqlmap is not installed; run tests/peers/setup")
    runs = [(number, *run) for number, run in enumerate(plan(flags.part, tampers(python)))][::flags.every]
    results, misses = {}, []
    secret = "-".join(secrets.choice(["plum", "harbour", "seven", "willow", "stone", "amber"]) for _ in range(5))
    with Workspace(flags.keep) as workspace:
        for way in flags.ways.split(","):
            rules, without, careless = WAYS.get(way, ("", (), True))
            record = workspace.path / f"{way}.jsonl"
            service = workspace.start(
                f"injectable-{way}", python, ROOT / "tests/peers/injectable.py", "--secret", secret, "--record", record,
                *(["--careless"] if careless else []))
            base = upstream = service.wait_for(r"injectable on (http://\S+)")[1]
            with Workspace(flags.keep) as folder:
                yett = gateway(folder, bins, upstream, rules) if rules else None
                if yett:
                    base = "http://{}:{}".format(*yett.address())
                taken = [run for run in runs if run[2] not in without and (yett or run[4] == "plain")]
                say(f"sqlmap: {way}, {len(taken)} runs")
                done = asyncio.run(attack_all(flags, sqlmap, base, taken, workspace, way, secret))
                reached = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
                results[way], missed = through(done, reached, yett) if yett else directly(done, reached)
            misses += [f"{way}: {one}" for one in missed] + ([] if service.alive() else [f"{way}: the service ended"])
        return finish("sqlmap", flags, results, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("all", "short"), default="all")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=6)
    parser.add_argument("--ways", default="directly,builtin,crs")
    common.common_flags(parser)
    sys.exit(main(parser.parse_args()))
