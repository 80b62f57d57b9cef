#!/usr/bin/env python3
"""The Autobahn test suite's fuzzing client against its own echo server, directly and through the gateway: through the gateway no
case may end worse. The suite wants Python 2.7: without one this fails and says so. `YETT_PYTHON2` names it.

    autobahn.py [--cases 1.*,2.*] [--limit 300] [--bin DIR] [--evidence DIR]

Cases come in groups, one after another, the two ways side by side. A group that has not ended when `--limit` seconds are over is ended, and
it and those after it count as missed. What ended worse through the gateway runs again alone, and counts when it never ends as well.
"""
import argparse
import collections
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

import common
from common import PEERS, Gateway, Workspace, finish, say

SUITE = "autobahntestsuite==25.10.1"
# Of an ending, and of how the connection was closed; a higher number is worse.
RANKS = {"OK": 0, "INFORMATIONAL": 0, "NON-STRICT": 1, "UNIMPLEMENTED": 2, "WRONG CODE": 3, "UNCLEAN": 3, "FAILED BY CLIENT": 3, "FAILED": 4}
# By what they are about. 12 and 13 are about compression, which the gateway never agrees to.
GROUPS = ("1.*,2.*,3.*,4.*", "5.*,7.*,10.*", "6.*", "9.1.*,9.2.*,9.3.*,9.4.*", "9.5.*,9.6.*,9.7.*,9.8.*")

# Cases that ended worse through the gateway are run so often once more.
AGAIN = 2

DOCUMENT = """version: 1
listen: http://127.0.0.1:0
admin: {{ bind: "127.0.0.1:0" }}
apis:
  echo:
    contract: none
    allow: ["GET /"]
    upstream: {upstream}
    unsecured: anonymous
    inspection: {{ mode: off }}
    operations:
      "GET /": {{ websocket: {{ origins: ["*"], message: 64MiB, rate: 1000000/s }} }}
"""


def python2():
    named = os.environ.get("YETT_PYTHON2")
    known = pathlib.Path.home() / ".pyenv/versions"
    for candidate in [named] if named else ["python2.7", "python2", *sorted(known.glob("2.7*/bin/python"))]:
        path = shutil.which(str(candidate))
        if path and subprocess.run([path, "-c", "import sys; sys.exit(sys.version_info[:2] != (2, 7))"],
                                   capture_output=True).returncode == 0:
            return path
    raise SystemExit("error: the Autobahn test suite wants Python 2.7 and there is none; name it in YETT_PYTHON2")


def installed(python):
    """The folder of the suite, in which it is put when it is not there."""
    folder, stamp = PEERS / "autobahn", PEERS / "autobahn.stamp"
    if not stamp.exists() or stamp.read_text() != SUITE:
        say(f"installing {SUITE} for {python}")
        shutil.rmtree(folder, ignore_errors=True)
        done = subprocess.run([python, "-m", "pip", "install", "--disable-pip-version-check", "--target", folder, SUITE],
                              capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"error: {SUITE} cannot be installed for Python 2.7:\n{done.stderr[-2000:]}")
        stamp.write_text(SUITE)
    return folder


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("error: the echo server did not start")


def worse(direct, through):
    return [f"{what}: {through.get(what)}, directly {direct[what]}" for what in ("behavior", "behaviorClose")
            if RANKS.get(through.get(what), 4) > RANKS.get(direct[what], 4)]


class Fuzzer:
    """The fuzzing client on some cases, one way."""

    def __init__(self, wstest, folder, agent, url, cases):
        self.agent, self.folder, self.log = agent, folder, folder.with_suffix(".log")
        spec = folder.with_suffix(".json")
        spec.write_text(json.dumps({
            "outdir": str(folder), "servers": [{"agent": agent, "url": url}], "cases": cases.split(","), "exclude-cases": [],
            "exclude-agent-cases": {},
        }))
        with open(self.log, "wb") as out:
            self.popen = subprocess.Popen([*wstest, "-m", "fuzzingclient", "-s", str(spec)], stdout=out, stderr=out)

    def found(self, end):
        """How each case ended; None when not all had by then."""
        try:
            self.popen.wait(max(0, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            return None
        index = self.folder / "index.json"
        if not index.exists():
            raise SystemExit(f"error: the fuzzing client left no report:\n{self.log.read_text()[-3000:]}")
        return json.loads(index.read_text())[self.agent]


def group(wstest, folder, urls, cases, end):
    """The cases of a group by way; None when they took too long."""
    fuzzers = [Fuzzer(wstest, folder / agent, agent, url, cases) for agent, url in urls.items()]
    both = {fuzzer.agent: fuzzer.found(end) for fuzzer in fuzzers}
    return None if None in both.values() else both


def again(wstest, folder, url, found, end):
    """Runs what ended worse once more, alone; whether an echo comes before the connection fails over what was sent behind it is a race."""
    ended = {}
    for turn in range(AGAIN):
        cases = [case for case, direct in found["direct"].items() if worse(direct, found["yett"].get(case, {}))]
        if not cases:
            break
        below = folder / f"again{turn}"
        below.mkdir()
        both = group(wstest, below, {"yett": url}, ",".join(cases), end) or {"yett": {}}
        for case, how in both["yett"].items():
            ended.setdefault(case, []).append(how["behavior"])
        found["yett"] |= both["yett"]
    return ended


def main(flags):
    python = python2()
    packages = installed(python)
    # Some of its packages share a name, which only a site folder knows to put together.
    wstest = [python, "-c", f"import site; site.addsitedir({str(packages)!r}); from autobahntestsuite.wstest import run; run()"]
    found, seconds, misses = {"direct": {}, "yett": {}}, {}, []
    with Workspace(flags.keep) as workspace:
        port = free_port()
        workspace.start("echo", *wstest, "-m", "echoserver", "-w", f"ws://127.0.0.1:{port}")
        answers(port)
        config = workspace.path / "yett.yaml"
        config.write_text(DOCUMENT.format(upstream=f"http://127.0.0.1:{port}"))
        gateway = Gateway(workspace, common.binaries(flags), config)
        urls = {"direct": f"ws://127.0.0.1:{port}", "yett": "ws://%s:%s" % gateway.address()}
        end = time.monotonic() + flags.limit
        for number, cases in enumerate([flags.cases] if flags.cases else GROUPS):
            begun, folder = time.monotonic(), workspace.path / f"group{number}"
            folder.mkdir()
            both = group(wstest, folder, urls, cases, end)
            seconds[cases] = round(time.monotonic() - begun, 1)
            if both is None:
                misses.append(f"{cases} did not end in time")
                continue
            for agent, ended in both.items():
                found[agent] |= ended
            say(f"autobahn: {cases}: {len(both['direct'])} cases in {seconds[cases]} s")
        ended_again = again(wstest, workspace.path, urls["yett"], found, end)
        misses += [f"{case}, {what}" for case, direct in found["direct"].items() for what in worse(direct, found["yett"].get(case, {}))]
        if not found["direct"] or set(found["direct"]) != set(found["yett"]):
            misses.append("not every case was run on both")
        if not gateway.process.alive():
            misses.append("the gateway ended")
    results = {"cases": len(found["direct"]), "seconds": seconds, "behavior": {agent: counts(ended) for agent, ended in found.items()},
               "again": ended_again}
    return finish("autobahn", flags, results, misses)


def counts(cases):
    return dict(sorted(collections.Counter(case["behavior"] for case in cases.values()).items()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default="", help="cases of the suite as one group, as `1.*,7.3.1`; all groups without it")
    parser.add_argument("--limit", type=float, default=300)
    common.common_flags(parser)
    sys.exit(main(parser.parse_args()))
