#!/usr/bin/env python3
"""The Autobahn test suite's fuzzing client against its own echo server, directly and through the gateway: through the gateway no
case may end worse. The suite wants Python 2.7: without one this fails and says so. `YETT_PYTHON2` names it.

    autobahn.py [--cases 1.*,2.*] [--bin DIR] [--evidence DIR]
"""
import argparse
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
# 12 and 13 are about compression, which the gateway never agrees to.
CASES = "1.*,2.*,3.*,4.*,5.*,6.*,7.*,9.*,10.*"

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
    return [f"{what}: {through[what]}, directly {direct[what]}" for what in ("behavior", "behaviorClose")
            if RANKS.get(through[what], 4) > RANKS.get(direct[what], 4)]


def main(flags):
    python = python2()
    folder = installed(python)
    # Some of its packages share a name, which only a site folder knows to put together.
    wstest = [python, "-c", f"import site; site.addsitedir({str(folder)!r}); from autobahntestsuite.wstest import run; run()"]
    with Workspace(flags.keep) as workspace:
        port = free_port()
        workspace.start("echo", *wstest, "-m", "echoserver", "-w", f"ws://127.0.0.1:{port}")
        answers(port)
        config = workspace.path / "yett.yaml"
        config.write_text(DOCUMENT.format(upstream=f"http://127.0.0.1:{port}"))
        gateway = Gateway(workspace, common.binaries(flags), config)
        url = "ws://%s:%s" % gateway.address()
        spec = workspace.path / "spec.json"
        spec.write_text(json.dumps({
            "outdir": str(workspace.path / "reports"),
            "servers": [{"agent": "direct", "url": f"ws://127.0.0.1:{port}"}, {"agent": "yett", "url": url}],
            "cases": flags.cases.split(","), "exclude-cases": [], "exclude-agent-cases": {},
        }))
        done = subprocess.run([*wstest, "-m", "fuzzingclient", "-s", str(spec)], capture_output=True, text=True)
        index = workspace.path / "reports/index.json"
        if not index.exists():
            raise SystemExit(f"error: the fuzzing client left no report:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
        found = json.loads(index.read_text())
        misses = [f"{case}, {what}" for case, direct in found["direct"].items() for what in worse(direct, found["yett"][case])]
        if not found["direct"] or set(found["direct"]) != set(found["yett"]):
            misses.append("not every case was run on both")
        if not gateway.process.alive():
            misses.append("the gateway ended")
    counts = {}
    for agent, cases in found.items():
        for case in cases.values():
            counts.setdefault(agent, {}).setdefault(case["behavior"], 0)
            counts[agent][case["behavior"]] += 1
    return finish("autobahn", flags, {"cases": len(found["direct"]), "behavior": counts}, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=CASES, help=f"cases of the suite, as `1.*,7.3.1`; {CASES} without it")
    common.common_flags(parser)
    sys.exit(main(parser.parse_args()))
