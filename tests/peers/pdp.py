#!/usr/bin/env python3
"""A policy decision point for tests: policies in Rego, evaluated by rego-cpp (PyPI's `regopy`), asked over HTTP.

    pdp.py [--token TOKEN] POLICY.rego

Prints {"url": its address}. Nothing is decided here: a question is the engine's `input`, and its answer what the policy says.

- `POST /v1/data/PATH` is OPA's Data API: {"input": …} in, {"result": value} out, and {} where the policy says nothing.
- `POST /access/v1/evaluation` is the OpenID AuthZEN Authorization API 1.0: the question is `input` of `data.authzen`, whose
  `decision` and `context` are the answer.

With `--token` a question without it is 401. `GET /asked` says how many came.
"""
import argparse
import hmac
import http.server
import json
import pathlib
import re
import threading

from regopy import Interpreter

LOCK = threading.Lock()
ASKED = {"questions": 0}


class Policy:
    def __init__(self, text):
        self.engine = Interpreter()
        self.engine.add_module("policy", text)

    def value(self, question, path):
        """What the document at a path is, in a list; an empty one where it is undefined."""
        with LOCK:
            self.engine.set_input(question)
            # By itself, an expression that is false would be undefined.
            output = self.engine.query(f"value := {path}")
            text = str(output)
        if text == "undefined":
            return []
        if not output.ok():
            raise ValueError(text)
        return [json.loads(text)["bindings"]["value"]]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    policy, token = None, None

    def log_message(self, *arguments):
        pass

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200 if self.path == "/asked" else 404, ASKED)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        given = self.headers.get("Authorization", "")
        if self.token and not hmac.compare_digest(given, f"Bearer {self.token}"):
            return self.answer(401, {"code": "unauthorized"})
        with LOCK:
            ASKED["questions"] += 1
        question = json.loads(body)
        data = re.fullmatch(r"/v1/data((?:/[a-z_]+)+)", self.path)
        if data:
            value = self.policy.value(question.get("input"), "data" + data[1].replace("/", "."))
            return self.answer(200, {"decision_id": str(ASKED["questions"]), **({"result": value[0]} if value else {})})
        if self.path == "/access/v1/evaluation":
            for part in ("subject", "action", "resource"):
                if not isinstance(question.get(part), dict):
                    return self.answer(400, {"error": f"no {part}"})
            decision = self.policy.value(question, "data.authzen.decision")
            context = self.policy.value(question, "data.authzen.context")
            answer = {"decision": bool(decision and decision[0] is True)}
            return self.answer(200, {**answer, **({"context": context[0]} if context else {})})
        return self.answer(404, {})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--token")
    parser.add_argument("policy", type=pathlib.Path)
    arguments = parser.parse_args()
    Handler.policy, Handler.token = Policy(arguments.policy.read_text()), arguments.token
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(json.dumps({"url": f"http://127.0.0.1:{server.server_port}"}), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
