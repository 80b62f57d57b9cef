#!/usr/bin/env python3
"""A collector for tests: takes OTLP over HTTP, reads it with OpenTelemetry's own types, and tells what it got.

    collector.py [--rotel] [--lean]

Prints {"url": where OTLP goes, "control": its own address}. `GET /seen` on the control address gives all that came, as JSON; `POST /behave`
with {"times": N, "status": 503, "headers": {...}, "body": "hex", "stall": true} says what the next N requests are answered
(-1 for all). With `--rotel` a real collector (rotel, by Streamfold) stands before it: what is seen has been taken, batched and
written anew by that. With `--lean` spans and records are read and counted, and not kept.
"""
import argparse
import ctypes
import gzip
import http.server
import json
import pathlib
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading

from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

# PR_SET_PDEATHSIG of Linux: what is started here ends with this.
DEATH_SIGNAL = 1
LOCK = threading.Lock()
SEEN = {"requests": [], "spans": [], "records": [], "metrics": []}
LEAN = {"on": False, "requests": 0, "spans": 0, "records": 0}
BEHAVE = {"times": 0}


def value(any_value):
    """An AnyValue as JSON has it; what none of ours is fails loudly."""
    kind = any_value.WhichOneof("value")
    if kind not in ("string_value", "int_value", "bool_value", "double_value"):
        raise ValueError(f"an attribute of the kind {kind}")
    return getattr(any_value, kind)


def attributes(pairs):
    found = {pair.key: value(pair.value) for pair in pairs}
    if len(found) != len(pairs):
        raise ValueError("an attribute is there twice")
    return found


def span(one, resource):
    return {
        "resource": resource,
        "trace_id": one.trace_id.hex(),
        "span_id": one.span_id.hex(),
        "parent": one.parent_span_id.hex(),
        "name": one.name,
        "kind": one.kind,
        "start": one.start_time_unix_nano,
        "end": one.end_time_unix_nano,
        "flags": one.flags,
        "failed": one.status.code == 2,
        "attributes": attributes(one.attributes),
        "events": [{"name": event.name, "attributes": attributes(event.attributes)} for event in one.events],
        "links": [{"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex()} for link in one.links],
    }


def record(one, resource):
    return {
        "resource": resource,
        "trace_id": one.trace_id.hex(),
        "span_id": one.span_id.hex(),
        "time": one.time_unix_nano,
        "severity": one.severity_text,
        "event": one.event_name,
        "body": value(one.body),
        "attributes": attributes(one.attributes),
    }


def metric(one):
    data = getattr(one, one.WhichOneof("data"))
    points = [
        {
            "attributes": attributes(point.attributes),
            "start": point.start_time_unix_nano,
            "value": point.count if hasattr(point, "count") else getattr(point, point.WhichOneof("value")),
        }
        for point in data.data_points
    ]
    return {"name": one.name, "unit": one.unit, "kind": one.WhichOneof("data"), "points": points}


def keep(kind, found):
    """All of it, or how much it was."""
    if LEAN["on"]:
        LEAN[kind] += len(found)
    else:
        SEEN[kind] += found


def take(path, body):
    if path == "/v1/traces":
        message = trace_service_pb2.ExportTraceServiceRequest.FromString(body)
        for of in message.resource_spans:
            resource = attributes(of.resource.attributes)
            keep("spans", [span(one, resource) for scope in of.scope_spans for one in scope.spans])
    elif path == "/v1/logs":
        message = logs_service_pb2.ExportLogsServiceRequest.FromString(body)
        for of in message.resource_logs:
            resource = attributes(of.resource.attributes)
            keep("records", [record(one, resource) for scope in of.scope_logs for one in scope.log_records])
    elif path == "/v1/metrics":
        message = metrics_service_pb2.ExportMetricsServiceRequest.FromString(body)
        # The latest says all.
        SEEN["metrics"] = [metric(one) for of in message.resource_metrics for scope in of.scope_metrics for one in scope.metrics]
    else:
        return False
    return True


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        for name, text in dict(headers).items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with LOCK:
            body = json.dumps({**SEEN, "lean": LEAN}).encode()
        self.answer(200, body, {"content-type": "application/json"})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/behave":
            with LOCK:
                BEHAVE.clear()
                BEHAVE.update(json.loads(body))
            return self.answer(200)
        with LOCK:
            behave = dict(BEHAVE) if BEHAVE.get("times", 0) else {}
            if behave:
                BEHAVE["times"] -= 1
            keep("requests", [{
                "path": self.path,
                "type": self.headers.get("content-type"),
                "encoding": self.headers.get("content-encoding"),
                "key": self.headers.get("x-api-key"),
                "behave": behave,
            }])
        if behave.get("stall"):
            threading.Event().wait()
        status = behave.get("status", 200)
        if status == 200:
            try:
                with LOCK:
                    known = take(self.path, gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
                status = 200 if known else 404
            except Exception as error:  # whatever it is, it is no OTLP
                print(f"collector: {error}", file=sys.stderr)
                status = 400
        headers = {"content-type": "application/x-protobuf", **behave.get("headers", {})}
        self.answer(status, bytes.fromhex(behave.get("body", "")), headers)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def rotel(control, folder):
    """Starts rotel before `control`; it takes no port 0, so another one is tried when somebody was quicker."""
    agent = pathlib.Path(sysconfig.get_path("purelib")) / "rotel" / "rotel-agent"
    for _ in range(5):
        http_port, grpc_port = free_port(), free_port()
        process = subprocess.Popen(
            [agent, "start", "--exporter", "otlp", "--otlp-exporter-protocol", "http",
             "--otlp-exporter-traces-endpoint", f"{control}/v1/traces",
             "--otlp-exporter-metrics-endpoint", f"{control}/v1/metrics",
             "--otlp-exporter-logs-endpoint", f"{control}/v1/logs",
             "--otlp-http-endpoint", f"127.0.0.1:{http_port}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc_port}",
             "--pid-file", f"{folder}/pid", "--log-file", f"{folder}/log"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL))
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", http_port), 1).close()
                return process, f"http://127.0.0.1:{http_port}"
            except OSError:
                try:
                    process.wait(0.05)
                    break
                except subprocess.TimeoutExpired:
                    pass
        process.kill()
    raise SystemExit("collector: rotel does not start")


def main():
    parser = argparse.ArgumentParser(description="a collector for tests")
    parser.add_argument("--rotel", action="store_true", help="put a real collector before it")
    parser.add_argument("--lean", action="store_true", help="count spans and records instead of keeping them")
    options = parser.parse_args()
    LEAN["on"] = options.lean
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    control = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    process, url = None, control
    with tempfile.TemporaryDirectory() as folder:
        try:
            if options.rotel:
                process, url = rotel(control, folder)
            print(json.dumps({"url": url, "control": control}), flush=True)
            # Ends with whoever started it.
            sys.stdin.read()
        finally:
            if process:
                process.kill()
                process.wait()


if __name__ == "__main__":
    main()
