#!/usr/bin/env python3
"""A service of Envoy's `ext_authz` over gRPC for tests: Envoy's published messages (PyPI's `envoy-data-plane`) over Google's
gRPC (`grpcio`); policies are in Rego, evaluated by rego-cpp (`regopy`), and read as OPA's plugin for Envoy reads them.

    ext_authz.py [--token TOKEN] POLICY.rego

Prints {"url": its address, "asked": where it tells what it was asked}. A question is the engine's `input`, as JSON has the message
(`input.attributes.request.http.path`), and its answer is `data.envoy.authz.result`: a boolean, or an object with

- `allowed`, and `http_status` and `body` of a denial;
- `headers` that the upstream gets, and `request_headers_to_remove`;
- `message`: the text of the status;
- `error: true`: an error of the service's own, said as `error_response`;
- `abort`: a status of gRPC in the place of an answer;
- `raw`: bytes in base64 in the place of the message;
- `delay`: seconds that the answer takes.

What the policy says nothing of is denied. With `--token` a question without it ends with UNAUTHENTICATED. `GET /asked` says how many
questions came, and the last of them.
"""
import argparse
import base64
import concurrent.futures
import hmac
import http.server
import json
import pathlib
import threading
import time

import grpc
from envoy_data_plane.envoy.config.core.v3 import HeaderValue, HeaderValueOption
from envoy_data_plane.envoy.service.auth.v3 import CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse
from envoy_data_plane.envoy.type.v3 import HttpStatus, StatusCode
from envoy_data_plane.google.rpc import Status

from pdp import Policy

SERVICE = "envoy.service.auth.v3.Authorization"
STATUSES = {status.value[0]: status for status in grpc.StatusCode}
ASKED = {"questions": 0, "last": None, "metadata": {}}
LOCK = threading.Lock()


class Service:
    def __init__(self, policy, token):
        self.policy, self.token = policy, token

    def check(self, request, context):
        metadata = dict(context.invocation_metadata())
        if self.token and not hmac.compare_digest(metadata.get("authorization", ""), f"Bearer {self.token}"):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "no token")
        question = request.to_dict()
        with LOCK:
            ASKED.update(questions=ASKED["questions"] + 1, last=question, metadata=metadata)
        found = self.policy.value(question, "data.envoy.authz.result")
        result = found[0] if found else False
        if isinstance(result, bool):
            result = {"allowed": result}
        time.sleep(result.get("delay", 0))
        if "abort" in result:
            context.abort(STATUSES[result["abort"]], "as the policy says")
        if "raw" in result:
            return base64.b64decode(result["raw"])
        return answer(result)


def answer(result):
    headers = [
        HeaderValueOption(header=HeaderValue(key=key, value=value)) for key, value in result.get("headers", {}).items()
    ]
    if result.get("allowed") is True:
        ok = OkHttpResponse(headers=headers, headers_to_remove=result.get("request_headers_to_remove", []))
        return CheckResponse(status=Status(code=0), ok_response=ok)
    denied = DeniedHttpResponse(
        status=HttpStatus(code=StatusCode(result.get("http_status", 403))), headers=headers, body=result.get("body", ""))
    status = Status(code=grpc.StatusCode.PERMISSION_DENIED.value[0], message=result.get("message", ""))
    if result.get("error") is True:
        return CheckResponse(status=status, error_response=denied)
    return CheckResponse(status=status, denied_response=denied)


class Asked(http.server.BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        with LOCK:
            body = json.dumps(ASKED).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--token")
    parser.add_argument("policy", type=pathlib.Path)
    arguments = parser.parse_args()
    service = Service(Policy(arguments.policy.read_text()), arguments.token)
    method = grpc.unary_unary_rpc_method_handler(service.check, CheckRequest.parse, bytes)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Check": method}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    asked = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked)
    about = {"url": f"http://127.0.0.1:{port}", "asked": f"http://127.0.0.1:{asked.server_port}/asked"}
    print(json.dumps(about), flush=True)
    asked.serve_forever()


if __name__ == "__main__":
    main()
