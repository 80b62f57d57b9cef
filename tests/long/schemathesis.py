#!/usr/bin/env python3
"""schemathesis through the gateway in front of a recording upstream, judged by a validator that is not ours.

    schemathesis.py [--calls 2400] [--seed 7] [--contract examples/orders/openapi.yaml] [--bin DIR] [--evidence DIR]

Must hold, over at least `--calls` calls, a third of them valid: no 5xx, no call at the upstream that violates the
contract or RFC 9112, no valid call refused but by the canonical-path rules, and of those at most 1 %.
`tests/peers` has what generates, records and judges; it needs `tests/peers/setup`.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys

import common
from common import PEERS, ROOT, Gateway, Workspace, finish, say

SCOPES = ("orders:read", "orders:write", "orders:admin")


def main(flags):
    bins, peers = common.binaries(flags), ROOT / "tests/peers"
    python = PEERS / "venv/bin/python"
    if not python.exists():
        raise SystemExit("schemathesis is not installed; run tests/peers/setup")
    with Workspace(flags.keep) as workspace:
        contract = workspace.path / ("contract" + pathlib.Path(flags.contract).suffix)
        shutil.copy(ROOT / flags.contract, contract)
        orders = workspace.start("orders", bins / "orders", "--listen", "127.0.0.1:0")
        service = orders.wait_for(r"orders on http://(\S+)")[1].rstrip("/")
        calls = workspace.path / "calls.jsonl"
        recorder = workspace.start("recorder", python, peers / "recorder.py", "--record", calls, "--forward", service)
        upstream = recorder.wait_for(r"recorder on (http://\S+)")[1]
        (workspace.path / "yett.yaml").write_text(f"""version: 1
listen: http://127.0.0.1:0
admin: {{ bind: "127.0.0.1:0" }}
apis:
  orders:
    contract: ./{contract.name}
    upstream: {upstream}
    issuer: local
    limits: [{{ per: subject, rate: 1000000/s }}]
    validation: {{ request: enforce, response: shadow }}
""")
        gateway = Gateway(workspace, bins, workspace.path / "yett.yaml")
        token = workspace.path / "token"
        token.write_text(gateway.token("tester", *SCOPES))
        host, port = gateway.address()
        say(f"schemathesis: {flags.calls} calls, seed {flags.seed}")
        made = subprocess.run(
            [python, peers / "generated_calls.py", contract, f"http://{host}:{port}", "--out", workspace.path / "sent.jsonl",
             "--token", token, "--calls", str(flags.calls), "--seed", str(flags.seed)],
            stdout=subprocess.PIPE, text=True, check=False)
        if made.returncode:
            raise SystemExit("generated_calls.py failed")
        summary = json.loads(made.stdout)
        recorder.stop()
        judged = subprocess.run([python, peers / "judge.py", contract, calls], stdout=subprocess.PIPE, text=True, check=False)
        verdict = json.loads(judged.stdout)
        results = {"generated": summary, "at_the_upstream": verdict}
        total, valid = summary.get("total", 0), summary.get("valid", 0)
        misses = [text for text, missed in [
            (f"only {total} calls", total < flags.calls),
            (f"only {valid} valid calls", valid * 3 < total),
            ("5xx or no answer", summary["server_errors_count"]),
            ("calls that violate the contract reached the upstream", judged.returncode != 0),
            ("valid calls were refused", summary["valid_refused_otherwise"]),
            ("too many refused by path rules", summary["valid_refused_by_path_rules_share"] > 0.01),
            ("it ended", not gateway.process.alive()),
        ] if missed]
        return finish("schemathesis", flags, results, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--contract", default="examples/orders/openapi.yaml")
    common.common_flags(parser)
    sys.exit(main(parser.parse_args()))
