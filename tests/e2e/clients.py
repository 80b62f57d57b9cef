#!/usr/bin/env python3
"""Clients that others wrote, through the gateway: curl and h2load over HTTP/1.1, HTTP/2 and TLS; and GitHub's contract,
mocked by prism, as the service behind.

    clients.py [--bin DIR]
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "long"))
import common  # noqa: E402
from common import PEERS, ROOT, Gateway, Workspace, finish, say  # noqa: E402

DOCUMENT = """version: 1
listeners:
  plain: {{ bind: "127.0.0.1:0" }}
  secure: {{ bind: "127.0.0.1:0", tls: {{ certificate: file:cert.pem, key: file:key.pem }} }}
admin: {{ bind: "127.0.0.1:0" }}
apis:
  orders:
    contract: {contract}
    upstream: {upstream}
    issuer: local
    validation: {{ request: enforce, response: enforce }}
"""

GITHUB = """version: 1
listen: http://127.0.0.1:0
admin: {{ bind: "127.0.0.1:0" }}
apis:
  github:
    contract: {contract}
    upstream: {upstream}
    unsecured: anonymous
{accepted}    validation: {{ request: enforce, response: shadow }}
"""


def output(*command, cwd=None):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd, timeout=300)
    if done.returncode:
        raise SystemExit(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}{done.stdout[-500:]}")
    return done.stdout


def curl(*flags):
    """Status, HTTP version and body."""
    text = output("curl", "-sS", "--max-time", "20", "-w", "\n%{http_code} %{http_version}", *flags)
    body, _, last = text.rpartition("\n")
    status, version = last.split()
    return int(status), version, body


def expect(misses, what, got, wanted):
    say(f"{what}: {got}")
    if got != wanted:
        misses.append(f"{what}: {got}, not {wanted}")


def with_curl(misses, plain, secure, certificate, bearer):
    header = ["-H", f"Authorization: Bearer {bearer}"]
    for name, flags, version in [
        ("HTTP/1.1", ["--http1.1", f"{plain}/orders?limit=2"], "1.1"),
        ("HTTP/2 by prior knowledge", ["--http2-prior-knowledge", f"{plain}/orders?limit=2"], "2"),
        ("HTTP/1.1 over TLS", ["--http1.1", "--cacert", certificate, f"{secure}/orders?limit=2"], "1.1"),
        ("HTTP/2 over TLS by ALPN", ["--http2", "--cacert", certificate, f"{secure}/orders?limit=2"], "2"),
        ("TLS 1.2", ["--tls-max", "1.2", "--cacert", certificate, f"{secure}/orders?limit=2"], "2"),
    ]:
        expect(misses, f"curl, {name}", curl(*header, *flags)[:2], (200, version))
        expect(misses, f"curl, {name}, no token", curl(*flags)[:2], (401, version))
    expect(misses, "curl, HEAD", curl("-I", *header, f"{plain}/orders?limit=2")[0], 200)
    expect(misses, "curl, OPTIONS", curl("-X", "OPTIONS", f"{plain}/orders")[0], 204)
    expect(misses, "curl, h2c upgrade refused or ignored", curl("--http2", *header, f"{plain}/orders")[0], 400)
    order = {"customer_id": "cus_000001", "lines": [{"product_id": "prd_000001", "quantity": 2}],
             "ship_to": {"line1": "1 Castle Street", "city": "Edinburgh", "postal_code": "EH1 2ND", "country": "GB"}}
    key = ["-H", "Idempotency-Key: 0b9c1a4e-6f0d-4e0a-9a53-5a3c6c1d2e3f"]
    for expectation in [[], ["-H", "Expect: 100-continue"]]:
        status, _, body = curl(*header, *key, *expectation, "--json", json.dumps(order), f"{plain}/orders")
        expect(misses, f"curl, POST {expectation}", status, 201)
    order["lines"][0]["quantity"] = "two"
    status, _, body = curl(*header, *key, "--json", json.dumps(order), f"{plain}/orders")
    expect(misses, "curl, POST with a wrong type", (status, json.loads(body).get("code")), (400, "body_invalid"))


def with_h2load(misses, plain, secure, bearer):
    for name, flags in [
        ("HTTP/1.1", ["--h1", f"{plain}/orders?limit=2"]),
        ("HTTP/2", [f"{plain}/orders?limit=2"]),
        ("HTTP/2 over TLS", [f"{secure}/orders?limit=2"]),
    ]:
        text = output("h2load", "-n", "2000", "-c", "8", "-m", "8", "-H", f"authorization: Bearer {bearer}", *flags)
        found = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
        expect(misses, f"h2load, {name}", tuple(map(int, found.groups())), (2000, 0, 0, 0))


def the_sample(bins, misses, workspace):
    orders = workspace.start("orders", bins / "orders", "--listen", "127.0.0.1:0")
    upstream = orders.wait_for(r"^orders on (http://\S+)")[1]
    output("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
           "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
           "-addext", "basicConstraints=critical,CA:FALSE",
           "-keyout", workspace.path / "key.pem", "-out", workspace.path / "cert.pem")
    config = workspace.path / "yett.yaml"
    config.write_text(DOCUMENT.format(contract=ROOT / "examples/orders/openapi.yaml", upstream=upstream))
    gateway = Gateway(workspace, bins, config)
    plain = "http://%s:%s" % gateway.address("plain")
    secure = "https://%s:%s" % gateway.address("secure")
    bearer = output(bins / "yett", "token", "--data", gateway.data, "--subject", "alice",
                    "--scope", "orders:read", "--scope", "orders:write").strip()
    with_curl(misses, plain, secure, workspace.path / "cert.pem", bearer)
    with_h2load(misses, plain, secure, bearer)


def the_mock(bins, misses, workspace):
    contract = next(PEERS.glob("npm/node_modules/@octokit/openapi/generated/api.github.com.json"))
    folder = workspace.path / "github"
    folder.mkdir()
    prism = workspace.start("prism", ROOT / "tests/peers/prism", "github")
    output(bins / "yett", "init", contract, "--upstream", "http://127.0.0.1:9", "--issuer", "local", cwd=folder)
    written = (folder / "yett.yaml").read_text()
    accepted = "".join(line + "\n" for line in written.splitlines() if "accept_unenforced" in line)
    upstream = prism.wait_for(r"^prism on (http://\S+)", 120)[1]
    config = folder / "github.yaml"
    config.write_text(GITHUB.format(contract=contract, upstream=upstream, accepted=accepted))
    gateway = Gateway(Workspacelike(workspace, folder), bins, config)
    url = "http://%s:%s" % gateway.address()
    for path in ["/", "/meta", "/emojis", "/repos/octocat/hello-world", "/users/octocat", "/licenses", "/rate_limit",
                 "/repos/octocat/hello-world/compare/main...topic", "/repos/octocat/hello-world/issues?state=open&per_page=5",
                 "/orgs/github"]:
        expect(misses, f"prism, GET {path}", curl("-o", "/dev/null", url + path)[0], 200)
    issue = ["--json", json.dumps({"title": "Found a bug", "labels": ["bug"]})]
    expect(misses, "prism, POST an issue", curl(*issue, f"{url}/repos/octocat/hello-world/issues")[0], 201)
    wrong = ["--json", json.dumps({"title": {"no": "string"}, "labels": 7})]
    expect(misses, "prism, POST a broken issue", curl(*wrong, f"{url}/repos/octocat/hello-world/issues")[0], 400)
    expect(misses, "prism, an unknown path", curl(f"{url}/repos/octocat/hello-world/nothing")[0], 404)
    expect(misses, "prism, a broken parameter", curl(f"{url}/repos/octocat/hello-world/issues?state=ajar")[0], 400)


class Workspacelike:
    """A folder of its own in a workspace."""

    def __init__(self, workspace, path):
        self.path, self.start = path, workspace.start


def main(flags):
    bins, misses = common.binaries(flags).resolve(), []
    with Workspace(flags.keep) as workspace:
        the_sample(bins, misses, workspace)
    with Workspace(flags.keep) as workspace:
        the_mock(bins, misses, workspace)
    return finish("clients", flags, {}, misses)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.common_flags(parser)
    sys.exit(main(parser.parse_args()))
