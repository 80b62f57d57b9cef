#!/usr/bin/env python3
"""Measures CPU time per call of Yett and its peers in one interleaved run; docs/performance.md has the method.

In every round every proxy of every row is measured in turn, in an order that rotates; a ratio is taken within a round,
and the table shows the median of the rounds' ratios with the least and the greatest. Without a `yett` binary only the
peers are measured.
"""
import argparse
import collections
import http.client
import json
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import urllib.parse

import credentials
import idle
import material
import proxies
import report
from proxies import LOAD_CORE, PROXY_CORE
from rows import CPU, ROWS, STREAMS, TLS, TWO, Handshakes, Open

ROOT = pathlib.Path(__file__).resolve().parent.parent


# Requests of a row whose values differ.
SEVERAL = 500


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=proxies.environment())
    return (done.stdout + done.stderr).strip()


class Bench:
    def __init__(self, flags, directory):
        self.flags, self.directory = flags, directory
        self.load = str(pathlib.Path(flags.load).resolve())
        self.tools = {
            "nginx": shutil.which("nginx") or "/usr/sbin/nginx",
            "envoy": str(pathlib.Path(sys.executable).parent / "envoy"),
            "yett": str(pathlib.Path(flags.yett).resolve()),
            "contract": str(ROOT / "examples/orders/openapi.yaml"),
        }
        kept, fresh = ({name for row in ROWS if row.fresh == which for name in row.subjects} for which in (False, True))
        if kept & fresh:
            raise ValueError(f"a row that starts its proxies anew must not share them: {kept & fresh}")
        self.with_yett = pathlib.Path(self.tools["yett"]).exists()
        self.rows = [row for row in ROWS if re.search(flags.rows, row.name)]
        # Calls a second that nginx can take, for the rows in an open loop.
        self.capacity = None
        # (row, proxy) -> one figure per round
        self.cost = collections.defaultdict(list)
        self.details = collections.defaultdict(list)
        self.running, self.services, self.idle, self.credentials = [], [], [], None

    def prepare(self):
        flags, directory = self.flags, self.directory
        signer = material.Signer()
        (directory / "jwks.json").write_text(signer.jwks())
        material.certificates(directory)
        body = material.order_body()
        needed = {row.requests for row in self.rows}
        material.write_requests(directory / "get", [material.get("/orders/ord_000001")])
        material.write_requests(directory / "post", [material.post("/orders", body)])
        material.write_requests(directory / "browser", [material.browser_get(number) for number in range(SEVERAL)])
        values = (material.values_body(number) for number in range(SEVERAL))
        material.write_requests(directory / "values", [material.post("/orders", body) for body in values])
        for name, many in (("zipf", flags.tokens), ("cold", flags.cold)):
            if name in needed:
                say(f"minting {many} tokens")
                base = 0 if name == "zipf" else 500_000
                tokens = (signer.token(base + number) for number in range(many))
                material.write_requests(directory / name, [material.post("/orders", body, token) for token in tokens])
        self.signer, self.body = signer, body
        material.write_zipf(directory / "zipf-order", flags.tokens, 1_000_000)
        upstream, collector = self.serve(256), self.serve(0)
        files = {"directory": directory}
        self.proxies = proxies.make(files, upstream, collector, signer.jwks(), material.ISSUER, material.AUDIENCE, self.tools)

    def serve(self, count):
        """The address of a service that answers with so many bytes."""
        command = ["taskset", "-c", LOAD_CORE, self.load, "serve", "--listen", "127.0.0.1:0", "--bytes", str(count)]
        self.services.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return self.services[-1].stdout.readline().strip().removeprefix("load on http://")

    def subjects(self, row):
        return [self.proxies[name] for name in row.subjects if self.with_yett or not name.startswith("yett")]

    def start(self):
        for row in self.rows:
            for proxy in self.subjects(row):
                if not row.fresh and proxy not in self.running:
                    self.running.append(proxy.start())
                    if "jwt" in proxy.name:
                        self.check_refusals(proxy)
                    if "inspected" in proxy.name:
                        self.check_inspection(proxy)
        say("warming up")
        if any(isinstance(row.how, Open) for row in self.rows):
            self.find_capacity()
        for row in self.rows:
            for proxy in self.subjects(row):
                if not row.fresh:
                    self.calls(row, proxy, min(1.0, self.flags.seconds))

    def find_capacity(self):
        """What nginx takes in a closed loop now: machines have slow hours, in which half of what it took before is too much. The middle
        of three: a stall would make the load too light, and the row easy."""
        row, found = next(row for row in ROWS if row.name == "get"), []
        for _ in range(3):
            result = self.calls(row, self.proxies["nginx"], min(0.4, self.flags.seconds))
            found.append(result["calls"] / result["seconds"])
        self.capacity = statistics.median(found)

    def check_inspection(self, proxy):
        attack = "1' or '1'='1"
        cases = [("GET", f"/orders?q={urllib.parse.quote(attack)}", None, 403), ("GET", "/orders?q=books", None, 200),
                 ("POST", "/orders", json.dumps({"q": attack}), 403), ("POST", "/orders", json.dumps({"q": "books"}), 200)]
        for method, target, body, wanted in cases:
            connection = http.client.HTTPConnection("127.0.0.1", proxy.plain, timeout=10)
            connection.request(method, target, body, {"host": material.HOST, "content-type": "application/json"})
            status = connection.getresponse().status
            connection.close()
            if status != wanted:
                raise RuntimeError(f"{proxy.name}: {method} {target} got {status}, expected {wanted}")

    def check_refusals(self, proxy):
        """A proxy that lets a bad call pass is cheap and not measured: each control has to bite first."""
        read_only = self.signer.token(999_999, "orders:read")
        good = self.signer.token(999_998)
        cases = [("no token", None, self.body, {401}), ("wrong scope", read_only, self.body, {403}),
                 ("forged", good[:-8] + ("A" * 8), self.body, {401}), ("good", good, self.body, {200})]
        if proxy.kind == "yett":
            cases.append(("bad body", good, self.body.replace(b'"quantity":1,', b'"quantity":0,'), {400, 422}))
        for name, token, body, wanted in cases:
            connection = http.client.HTTPConnection("127.0.0.1", proxy.plain, timeout=10)
            headers = {"host": material.HOST, "content-type": "application/json",
                       "idempotency-key": "5f1d9a5e-8f0c-4f7e-9a4e-0d8a5b1c2d3e"}
            if token:
                headers["authorization"] = f"Bearer {token}"
            connection.request("POST", "/orders", body, headers)
            status = connection.getresponse().status
            connection.close()
            if status not in wanted:
                raise RuntimeError(f"{proxy.name}: the call with {name} got {status}, expected {wanted}")

    def calls(self, row, proxy, seconds):
        """Sends the row's calls to the proxy; the number of answers, all of which have to be 200."""
        if row.how in (TLS, TWO):
            return self.calls_tls(row, proxy, seconds)
        if isinstance(row.how, Handshakes):
            return self.handshakes(row, proxy, seconds)
        paced = ["--rate", f"{self.capacity * row.how.part:.0f}"] if isinstance(row.how, Open) else []
        command = ["taskset", "-c", LOAD_CORE, self.load, "call", "--target", f"127.0.0.1:{proxy.plain}",
                   "--requests", str(self.directory / row.requests), "--connections", str(self.flags.connections), *paced]
        if row.order:
            command += ["--order", str(self.directory / row.order)]
        if not row.fresh:
            command += ["--seconds", str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{row.name}, {proxy.name}: {done.stderr.strip()}")
        result = json.loads(done.stdout)
        if set(result["statuses"]) != {"200"}:
            raise RuntimeError(f"{row.name}, {proxy.name}: not every call passed: {result['statuses']}")
        return result

    def calls_tls(self, row, proxy, seconds):
        version = ["--h1"] if row.how == TLS else ["-m", str(STREAMS)]
        command = ["taskset", "-c", LOAD_CORE, "h2load", *version, "-c", str(self.flags.connections), "-t", "1",
                   "-D", str(max(1, round(seconds))), f"https://127.0.0.1:{proxy.tls}/orders/ord_000001"]
        text = output(*command)
        counted = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", text)
        statuses = re.search(r"(\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
        if not counted or not statuses or any(int(count) for count in (*counted.groups()[1:], *statuses.groups()[1:])):
            raise RuntimeError(f"{row.name}, {proxy.name}: not every call passed:\n{text[-1500:]}")
        took = re.search(r"finished in ([\d.]+)(m?s)", text)
        took = float(took[1]) / (1000 if took[2] == "ms" else 1)
        return {"calls": int(counted[1]), "seconds": took, "p50_us": None, "p99_us": None}

    def handshakes(self, row, proxy, seconds):
        command = ["taskset", "-c", LOAD_CORE, self.load, "handshake", "--target", f"127.0.0.1:{getattr(proxy, row.how.listener)}",
                   "--group", row.how.group, "--connections", str(self.flags.connections), "--seconds", str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{row.name}, {proxy.name}: {done.stderr.strip()}")
        return json.loads(done.stdout) | {"p50_us": None, "p99_us": None}

    def measure(self, row, proxy):
        if row.fresh:
            proxy.start()
        try:
            if row.fresh:
                self.check_refusals(proxy)
            cache = report.token_cache(proxy)
            before = proxy.cpu_ns()
            result = self.calls(row, proxy, self.flags.seconds * (row.how.times if isinstance(row.how, Open) else 1))
            used = proxy.cpu_ns() - before
            tokens = report.cache_share(cache, report.token_cache(proxy))
            if row.fresh and proxy.kind == "yett" and (not tokens or tokens["hits"] or tokens["misses"] < result["calls"]):
                raise RuntimeError(f"{row.name}, {proxy.name}: each token is used once, yet the cache says {tokens}")
            cost = used / result["calls"] / 1000
            self.cost[row.name, proxy.name].append(cost if row.figure == CPU else result[row.figure])
            self.details[row.name, proxy.name].append({
                "cpu_us_per_call": round(cost, 3), "calls": result["calls"],
                "calls_per_second": round(result["calls"] / result["seconds"]),
                "core_busy": round(used / 1e9 / result["seconds"], 3),
                "p50_us": result["p50_us"], "p99_us": result["p99_us"], "resident_kib": proxy.resident_kib(),
                "token_cache": tokens,
            } | {name: result[name] for name in ("p99_all_us", "windows_p99_us", "late_p99_us") if name in result})
        finally:
            # All of them append, so that an emptied file stays small and none of them notices.
            log = proxy.directory / "logs" / "access.log"
            if proxy.process and not row.fresh and row.requests and proxy.logs and log.stat().st_size == 0:
                raise RuntimeError(f"{row.name}, {proxy.name}: the access log stayed empty")
            if proxy.logs:
                log.write_bytes(b"")
            if row.fresh:
                proxy.stop()

    def run(self):
        for round_ in range(self.flags.rounds):
            for row in self.rows:
                subjects = self.subjects(row)
                turn = round_ % max(1, len(subjects))
                if isinstance(row.how, Open):
                    self.find_capacity()
                for proxy in subjects[turn:] + subjects[:turn]:
                    self.measure(row, proxy)
            say(f"round {round_ + 1} of {self.flags.rounds}")

    def stop(self):
        for proxy in [*self.running, *getattr(self, "proxies", {}).values()]:
            proxy.stop()
        for service in self.services:
            service.terminate()
            service.wait()

    def measure_idle(self):
        """Before the rows: it starts and stops the proxies that they share."""
        if self.flags.idle and re.search(self.flags.rows, "idle"):
            names = [name for name in ("yett", "nginx", "envoy") if self.with_yett or name != "yett"]
            self.idle = idle.run([self.proxies[name] for name in names], self.flags.idle, say)

    def measure_credentials(self):
        if self.with_yett and re.search(self.flags.rows, "credentials"):
            self.credentials = credentials.run(self.flags.credentials, PROXY_CORE, say)

    def result(self):
        rows = []
        for row in self.rows:
            names = [proxy.name for proxy in self.subjects(row)]
            shown = {"row": row.name, "title": row.title, "figure": row.figure, "proxies": {}, "ratios": []}
            for name in names:
                shown["proxies"][name] = report.spread(self.cost[row.name, name]) | {"rounds": self.details[row.name, name]}
            pairs = [target for target in row.targets if target[0] in names]
            # Without ours, the peers among themselves tell whether the bench works.
            pairs = pairs or [(names[0], name, None) for name in names[1:]]
            for ours, theirs, most in pairs:
                each = [one / other for one, other in zip(self.cost[row.name, ours], self.cost[row.name, theirs])]
                shown["ratios"].append({"of": ours, "to": theirs, "at_most": most, **report.spread(each),
                                        "met": None if most is None else statistics.median(each) <= most})
            rows.append(shown)
        return {
            "commit": output("git", "-C", str(ROOT), "rev-parse", "HEAD"),
            "clean": output("git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/evidence") == "",
            "rounds": self.flags.rounds, "seconds": self.flags.seconds, "connections": self.flags.connections,
            "nginx_calls_per_second": self.capacity and round(self.capacity),
            "tokens": self.flags.tokens, "cold_tokens": self.flags.cold,
            "machine": {"kernel": platform.release(), "cpu": cpu_model(), "cores": len(cpus())},
            "versions": {
                "yett": output(self.tools["yett"], "--version") if self.with_yett else None,
                "nginx": output(self.tools["nginx"], "-v").removeprefix("nginx version: "),
                "envoy": output(self.tools["envoy"], "--version").splitlines()[-1].split("version: ")[-1],
                "h2load": output("h2load", "--version"),
            },
            "rows": rows, "idle": self.idle, "credentials": self.credentials,
        }


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(": ", 1)[1]
    return platform.machine()


def cpus():
    return re.findall(r"^processor", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one measurement")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=10_000, help="distinct tokens of the Zipf row")
    parser.add_argument("--cold", type=int, default=10_000, help="calls, and tokens, of the row without a hit")
    parser.add_argument("--idle", type=int, default=5_000, help="idle connections whose memory is measured")
    parser.add_argument("--rows", default="", help=f"only rows whose name this matches: {', '.join(row.name for row in ROWS)}, idle, credentials")
    parser.add_argument("--out", default=str(ROOT / "docs/evidence/bench.json"))
    parser.add_argument("--yett", default=str(ROOT / "target/release/yett"))
    parser.add_argument("--load", default=str(ROOT / "target/release/load"))
    parser.add_argument("--credentials", default=str(ROOT / "target/release/examples/credentials"))
    flags = parser.parse_args()
    if len(cpus()) < 2:
        raise SystemExit("bench: error: two cores are needed, one for the proxy and one for the load")
    with tempfile.TemporaryDirectory(prefix="yett-bench-") as directory:
        bench = Bench(flags, pathlib.Path(directory))
        if not bench.with_yett:
            say(f"there is no `{bench.tools['yett']}`: measuring the peers alone")
        try:
            bench.prepare()
            bench.measure_idle()
            bench.measure_credentials()
            bench.start()
            bench.run()
            result = bench.result()
        except RuntimeError as error:
            raise SystemExit(f"bench: error: {error}") from error
        finally:
            bench.stop()
    out = pathlib.Path(flags.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    print(report.table(result))
    promises = [ratio for row in result["rows"] for ratio in row["ratios"]] + result["idle"]
    promises += credentials.promises(result["credentials"])
    return 1 if any(promise["met"] is False for promise in promises) else 0


if __name__ == "__main__":
    sys.exit(main())
