#!/usr/bin/env python3
"""Calls made by schemathesis 4 from a contract, valid and broken ones, sent to a base URL; one JSON line for each.

    generated_calls.py CONTRACT BASE_URL --out calls.jsonl [--token FILE] [--calls 2400] [--seed 7] [--valid 0.5]
                       [--header 'name: value'] [--include REGEX]

A line: n, operation, mode (what schemathesis meant: positive or negative), valid (what judge.py says of the very bytes
sent), why, method, target, status, code and decision (of a problem document), answer (what is wrong with it), error
(no answer at all). The summary goes
to stdout as JSON: total, positive, valid, statuses, server_errors, valid_refused by code, invalid_accepted, and the
share of valid calls refused by the canonical-path rules; wrong_answers counts answers to valid calls that the contract
does not describe. The seed makes a run repeatable; no file is kept between runs.
"""
import argparse
import base64
import collections
import json
import random
import re
import sys
import warnings

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode

from judge import Judge, Violation, load

# What a gateway may refuse although the contract allows it: a path that two parsers could read differently.
CANONICAL = re.compile(r"path_\w+|.*canonical.*")


def operations(schema, include):
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation is not None and re.search(include, operation.label):
            yield operation


class Driver:
    def __init__(self, flags):
        self.flags = flags
        document = load(flags.contract)
        self.judge, self.answers = Judge(document), Judge(document, hidden="writeOnly")
        self.out = open(flags.out, "w", encoding="utf-8")
        self.session = requests.Session()
        self.session.trust_env = False
        self.headers = dict(header.split(": ", 1) for header in flags.header)
        if flags.token:
            with open(flags.token, encoding="ascii") as file:
                self.headers["Authorization"] = f"Bearer {file.read().strip()}"
        self.n = 0
        self.totals = collections.Counter()
        self.statuses, self.codes = collections.Counter(), collections.Counter()
        self.refused, self.errors, self.accepted = [], [], collections.Counter()
        self.wrong_answers = []

    def send(self, case, mode):
        """Sends one case and writes its line; never raises for what the other side does."""
        kwargs = case.as_transport_kwargs(base_url=self.flags.base_url, headers=dict(self.headers))
        kwargs = {key: value for key, value in kwargs.items() if key != "verify"}
        try:
            prepared = self.session.prepare_request(requests.Request(**kwargs))
        except (ValueError, UnicodeError, requests.RequestException):
            # What the client library itself cannot put on the wire is no call.
            self.totals["unsendable"] += 1
            return
        self.n += 1
        line = {"n": self.n, "operation": case.operation.label, "mode": mode.value}
        line |= self.judged(prepared)
        line |= {"method": prepared.method, "target": prepared.path_url}
        try:
            response = self.session.send(prepared, timeout=30, allow_redirects=False)
            line |= {"status": response.status_code} | problem(response)
            line |= self.judged_answer(prepared, response, line)
        except requests.RequestException as error:
            line["error"] = str(error)[:200]
            self.errors.append(line)
        self.count(line)
        self.out.write(json.dumps(line) + "\n")

    def judged(self, prepared):
        body = prepared.body or b""
        body = body if isinstance(body, bytes) else str(body).encode()
        text = lambda value: value.decode("latin-1") if isinstance(value, bytes) else str(value)
        call = {
            "method": prepared.method,
            "target": prepared.path_url,
            "headers": [(text(name), text(value)) for name, value in prepared.headers.items()],
            "body": base64.b64encode(body).decode(),
        }
        try:
            self.judge.judge(call)
            return {"valid": True}
        except Violation as violation:
            return {"valid": False, "why": str(violation)[:200]}

    def judged_answer(self, prepared, response, line):
        """What is wrong with the answer to a valid call, when it is the upstream's and no refusal on the way."""
        if not line["valid"] or "code" in line:
            return {}
        try:
            self.answers.answer(
                prepared.method, prepared.path_url, response.status_code, response.headers.items(), response.content)
            return {}
        except Violation as violation:
            self.wrong_answers.append({"n": line["n"], "operation": line["operation"], "why": str(violation)[:200]})
            return {"answer": str(violation)[:200]}

    def count(self, line):
        status = line.get("status", 0)
        self.totals.update(["total", line["mode"], "valid" if line["valid"] else "invalid"])
        self.statuses[str(status)] += 1
        if status >= 500:
            self.errors.append(line)
        if line["valid"] and "code" in line:
            self.codes[line["code"]] += 1
            self.refused.append(line)
        if not line["valid"] and 200 <= status < 300:
            self.accepted[line["why"].split(":")[0]] += 1

    def run(self):
        schema = schemathesis.openapi.from_path(self.flags.contract)
        chosen = list(operations(schema, self.flags.include))
        if not chosen:
            raise SystemExit(f"error: no operation of the contract matches `{self.flags.include}`")
        rounds = 0
        # Some operations have fewer different calls than their share: go on until there are enough.
        while (missing := self.flags.calls - self.totals["total"]) > 0 and rounds < 5:
            each = max(4, -(-missing // len(chosen)))
            for operation in chosen:
                positive = max(1, round(each * self.flags.valid))
                self.generate(operation, GenerationMode.POSITIVE, positive, rounds)
                self.generate(operation, GenerationMode.NEGATIVE, each - positive, rounds)
                if sys.stderr.isatty():
                    print(f"\r{self.totals['total']} calls", end="", file=sys.stderr, flush=True)
            rounds += 1
        print(f"{self.totals['total']} calls", file=sys.stderr)
        self.out.close()

    def generate(self, operation, mode, most, round_):
        @hypothesis.seed(f"{self.flags.seed} {round_} {operation.label} {mode}")
        @hypothesis.settings(
            max_examples=max(1, most), database=None, deadline=None, derandomize=False,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
        def each(case):
            self.send(case, mode)

        random.seed(self.flags.seed)
        try:
            each()
        except (hypothesis.errors.Unsatisfiable, hypothesis.errors.InvalidArgument):
            # An operation without any input has no broken calls.
            self.totals["operations_without_" + mode.value] += 1

    def summary(self):
        valid = max(1, self.totals["valid"])
        canonical = [line for line in self.refused if CANONICAL.fullmatch(line["code"])]
        return {
            "seed": self.flags.seed,
            "schemathesis": schemathesis.__version__,
            **dict(sorted(self.totals.items())),
            "statuses": dict(sorted(self.statuses.items())),
            "server_errors": self.errors[:20],
            "server_errors_count": len(self.errors),
            "wrong_answers": len(self.wrong_answers),
            "wrong_answers_first": self.wrong_answers[:20],
            "invalid_accepted": dict(self.accepted),
            "valid_refused": dict(self.codes),
            "valid_refused_by_path_rules": [line["target"] for line in canonical][:50],
            "valid_refused_by_path_rules_share": round(len(canonical) / valid, 5),
            "valid_refused_otherwise": [line for line in self.refused if line not in canonical][:20],
        }


def problem(response):
    if "problem+json" not in response.headers.get("content-type", ""):
        return {}
    try:
        document = response.json()
    except ValueError:
        return {"code": "unreadable problem document"}
    return {key: document[key] for key in ("code", "decision") if key in document}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("contract")
    parser.add_argument("base_url")
    parser.add_argument("--out", required=True)
    parser.add_argument("--token", help="a file with a bearer token")
    parser.add_argument("--calls", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--valid", type=float, default=0.5, help="the share of calls meant to be valid")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--include", default="", help="only operations such as `GET /orders` that this matches")
    driver = Driver(parser.parse_args())
    warnings.simplefilter("ignore")
    driver.run()
    print(json.dumps(driver.summary(), indent=1))


if __name__ == "__main__":
    main()
