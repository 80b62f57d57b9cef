"""The proxies under test: their configuration, their start and end, and the CPU time they have used.

All get the same deadlines (connect 2 s, whole call 15 s, idle 75 s), keep-alive on both sides, one worker, and a JSON
access log to a file with the same fields: time, id, client, method, host, path, route, agent, trace, status, bytes in and
out, upstream and total duration.
"""
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import time

PROXY_CORE, LOAD_CORE, BOTH_CORES = "0", "1", "0,1"

NGINX = """
daemon off; worker_processes {workers}; pid {dir}/nginx.pid; error_log {dir}/error.log warn;
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
  log_format calls escape=json '{{"time":"$time_iso8601","id":"$request_id","client":"$remote_addr",'
    '"method":"$request_method","host":"$host","path":"$uri","route":"plain","agent":"$http_user_agent",'
    '"trace":"$http_traceparent","status":$status,"bytes_in":$request_length,"bytes_out":$body_bytes_sent,'
    '"upstream_s":"$upstream_response_time","total_s":$request_time}}';
  access_log {dir}/access.log calls buffer=64k flush=1s;
  keepalive_requests 100000000; keepalive_timeout 75s; client_header_timeout 10s; client_body_timeout 15s;
  server_tokens off; client_body_buffer_size 64k; client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  upstream up {{ server {upstream}; keepalive 128; keepalive_requests 100000000; }}
  server {{
    listen {plain}; listen {tls} ssl http2;
    ssl_certificate {shared}/cert.pem; ssl_certificate_key {shared}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    location / {{
      proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Request-Id $request_id;
      proxy_connect_timeout 2s; proxy_read_timeout 15s; proxy_send_timeout 15s;
    }}
  }}
  server {{
    listen {rsa} ssl;
    ssl_certificate {shared}/rsa-cert.pem; ssl_certificate_key {shared}/rsa-key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    location / {{ return 404; }}
  }}
}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def envoy(directory, shared, upstream, plain, tls, rsa, jwt=None, jwks=None, issuer=None, audience=None):
    """Envoy's bootstrap. `jwt` is None, "cache" or "no-cache"; with it come RBAC on the scope and a local rate limit."""
    filters = []
    extension = "type.googleapis.com/envoy.extensions.filters"
    if jwt:
        provider = {
            "issuer": issuer, "audiences": [audience], "forward": True, "payload_in_metadata": "claims",
            "local_jwks": {"inline_string": jwks},
        }
        if jwt == "cache":
            provider["jwt_cache_config"] = {"jwt_cache_size": 10000}
        filters = [
            {"name": "envoy.filters.http.jwt_authn", "typed_config": {
                "@type": f"{extension}.http.jwt_authn.v3.JwtAuthentication", "providers": {"bench": provider},
                "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "bench"}}]}},
            {"name": "envoy.filters.http.rbac", "typed_config": {
                "@type": f"{extension}.http.rbac.v3.RBAC", "rules": {"action": "ALLOW", "policies": {"write": {
                    "permissions": [{"and_rules": {"rules": [
                        {"header": {"name": ":method", "string_match": {"exact": "POST"}}},
                        {"url_path": {"path": {"exact": "/orders"}}}]}}],
                    "principals": [{"metadata": {
                        "filter": "envoy.filters.http.jwt_authn", "path": [{"key": "claims"}, {"key": "scope"}],
                        "value": {"string_match": {"contains": "orders:write"}}}}]}}}}},
            {"name": "envoy.filters.http.local_ratelimit", "typed_config": {
                "@type": f"{extension}.http.local_ratelimit.v3.LocalRateLimit", "stat_prefix": "limit",
                "token_bucket": {"max_tokens": 100000000, "tokens_per_fill": 100000000, "fill_interval": "1s"},
                "filter_enabled": {"default_value": {"numerator": 100}},
                "filter_enforced": {"default_value": {"numerator": 100}}}},
        ]
    filters.append({"name": "envoy.filters.http.router", "typed_config": {"@type": f"{extension}.http.router.v3.Router"}})
    log = {
        "time": "%START_TIME%", "id": "%REQ(X-REQUEST-ID)%", "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "method": "%REQ(:METHOD)%", "host": "%REQ(:AUTHORITY)%", "path": "%REQ(:PATH)%", "route": "%ROUTE_NAME%",
        "agent": "%REQ(USER-AGENT)%", "trace": "%REQ(TRACEPARENT)%", "status": "%RESPONSE_CODE%",
        "bytes_in": "%BYTES_RECEIVED%", "bytes_out": "%BYTES_SENT%", "upstream_ms": "%RESPONSE_DURATION%",
        "total_ms": "%DURATION%",
    }
    manager = {
        "@type": f"{extension}.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "in",
        "http_filters": filters, "request_timeout": "15s", "request_headers_timeout": "10s",
        "common_http_protocol_options": {"idle_timeout": "75s"},
        "normalize_path": True, "generate_request_id": True,
        "access_log": [{"name": "file", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": f"{directory}/access.log", "log_format": {"json_format": log}}}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [
            {"name": "plain", "match": {"prefix": "/"}, "route": {"cluster": "up", "timeout": "15s"}}]}]},
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    tls_context = lambda prefix: {"name": "tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {"alpn_protocols": ["h2", "http/1.1"], "tls_certificates": [{
            "certificate_chain": {"filename": f"{shared}/{prefix}cert.pem"},
            "private_key": {"filename": f"{shared}/{prefix}key.pem"}}]}}}
    address = lambda port: {"socket_address": {"address": "127.0.0.1", "port_value": int(port)}}
    listener = lambda name, port, chain: {"name": name, "address": address(port), "filter_chains": [chain]}
    host, port = upstream.split(":")
    return json.dumps({
        "node": {"id": "bench", "cluster": "bench"},
        "static_resources": {
            "listeners": [
                listener("plain", plain, chain), listener("tls", tls, {**chain, "transport_socket": tls_context("")}),
                listener("rsa", rsa, {**chain, "transport_socket": tls_context("rsa-")})],
            "clusters": [{
                "name": "up", "type": "STATIC", "connect_timeout": "2s",
                "load_assignment": {"cluster_name": "up", "endpoints": [{"lb_endpoints": [
                    {"endpoint": {"address": address(port)}}]}]}}]},
        "overload_manager": {"resource_monitors": [{
            "name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3."
                         "DownstreamConnectionsConfig", "max_active_downstream_connections": 16000}}]},
    })


# What is told of a call: nothing, what all peers tell, all that is told at defaults, and each call's trace and record too.
SILENT = "{{ access_log: off, decisions: {{ enabled: false }} }}"
LOGGED = '{{ access_log: "file:{dir}/access.log", decisions: {{ enabled: false }} }}'
TOLD = """{{ access_log: "file:{dir}/access.log" }}
telemetry: {{ otlp: {{ endpoint: "http://{collector}" }} }}"""
TOLD_ALL = TOLD.replace('{collector}"', '{collector}", sample: 100%, logs: all')
YETT_PLAIN = """\
version: 1
listeners:
  plain: {{ bind: "127.0.0.1:{plain}" }}
  tls: {{ bind: "127.0.0.1:{tls}", tls: {{ certificate: "file:{shared}/cert.pem", key: "file:{shared}/key.pem" }} }}
  rsa: {{ bind: "127.0.0.1:{rsa}", tls: {{ certificate: "file:{shared}/rsa-cert.pem", key: "file:{shared}/rsa-key.pem" }} }}
admin: {{ bind: "127.0.0.1:{admin}" }}
record: RECORD
admission: {{ anonymous: {{ mode: off }}, failures: {{ mode: off }} }}
upstreams:
  up: {{ targets: [{{ url: "http://{upstream}" }}] }}
apis:
  plain:
    contract: none
    allow: ["GET /*", "POST /*"]
    unsecured: anonymous
    upstream: up
"""

YETT_JWT = """\
version: 1
listeners:
  plain: {{ bind: "127.0.0.1:{plain}" }}
admin: {{ bind: "127.0.0.1:{admin}" }}
record: {{ access_log: "file:{dir}/access.log" }}
issuers:
  bench: {{ url: "{issuer}", jwks: "file:{shared}/jwks.json", algorithms: [RS256] }}
upstreams:
  up: {{ targets: [{{ url: "http://{upstream}" }}] }}
apis:
  orders:
    contract: "{contract}"
    upstream: up
    issuer: bench
    audience: {audience}
    limits: [{{ per: subject, rate: 1000000/min }}]
    validation: {{ request: enforce, response: "off" }}
"""


def many_files():
    """As many descriptors as may be: idle connections are many."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Proxy:
    """One proxy process, pinned to its core, or to both with a thread or worker on each."""

    def __init__(self, name, kind, command, config, files, cores=PROXY_CORE):
        self.name, self.kind, self.command, self.cores = name, kind, command, cores
        self.config, self.files, self.process = config, files, None
        # Whether it keeps an access log.
        self.logs = name != "yett-silent"

    def start(self):
        self.directory = self.files["directory"] / self.name
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.plain, self.tls, self.rsa, self.admin = (free_port() for _ in range(4))
        path, text = self.config(self)
        self.ports = [port for port in (self.plain, self.tls, self.rsa) if str(port) in text]
        path = self.directory / path
        path.write_text(text)
        log = open(self.directory / "output.log", "wb")
        command = ["taskset", "-c", self.cores, *(part.format(config=path, dir=self.directory) for part in self.command)]
        self.process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=many_files)
        deadline = time.monotonic() + 30
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = (self.directory / "output.log").read_text(errors="replace")[-3000:]
                self.stop()
                raise RuntimeError(f"`{self.name}` does not serve; its last words:\n{text}")
            time.sleep(0.05)
        return self

    def answers(self):
        """Whether it listens on each of its ports: some open one before the other."""
        try:
            for port in self.ports:
                with socket.create_connection(("127.0.0.1", port), timeout=1):
                    pass
            return True
        except OSError:
            return False

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def pids(self):
        """The process and what it started."""
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                todo += [int(child) for child in (task / "children").read_text().split()]
        return found

    def cpu_ns(self):
        """Run time by the scheduler's own account (/proc/PID/task/*/schedstat), user and system, in nanoseconds."""
        return sum(
            int((task / "schedstat").read_text().split()[0])
            for pid in self.pids() for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
        )

    def resident_kib(self):
        total = 0
        for pid in self.pids():
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                total += int(line.split()[1]) if line.startswith("VmRSS:") else 0
        return total


def make(files, upstream, collector, signer_jwks, issuer, audience, tools):
    """Every proxy of the benchmark, by name; not started yet."""
    shared = files["directory"]
    common = lambda p: {
        "dir": p.directory, "shared": shared, "upstream": upstream, "collector": collector, "plain": p.plain, "tls": p.tls, "rsa": p.rsa,
        "admin": p.admin,
    }
    nginx = lambda p: ("nginx.conf", NGINX.format(**common(p) | {
        "workers": len(p.cores.split(",")), "plain": f"127.0.0.1:{p.plain}", "tls": f"127.0.0.1:{p.tls}", "rsa": f"127.0.0.1:{p.rsa}"}))
    boot = lambda jwt: lambda p: ("envoy.json", envoy(
        p.directory, shared, upstream, p.plain, p.tls, p.rsa, jwt, signer_jwks, issuer, audience))
    yett = lambda text: lambda p: ("yett.yaml", text.format(**common(p), issuer=issuer, audience=audience,
                                                           contract=tools["contract"]))
    plain = lambda record: yett(YETT_PLAIN.replace("RECORD", record))
    run_nginx = [tools["nginx"], "-c", "{config}", "-e", "{dir}/error.log", "-p", "{dir}"]
    run_envoy = [tools["envoy"], "-c", "{config}", "--concurrency", "1", "-l", "error", "--base-id-path", "{dir}/base-id",
                 "--use-dynamic-base-id"]
    run_yett = [tools["yett"], "run", "--config", "{config}", "--data", "{dir}/data"]
    return {proxy.name: proxy for proxy in (
        Proxy("yett", "yett", run_yett, plain(LOGGED), files),
        Proxy("yett-inspected", "yett", run_yett,
              yett(YETT_PLAIN.replace("RECORD", LOGGED) + "    inspection: {{ rules: builtin, mode: enforce }}\n"), files),
        Proxy("yett-told", "yett", run_yett, plain(TOLD), files),
        Proxy("yett-told-all", "yett", run_yett, plain(TOLD_ALL), files),
        Proxy("yett-silent", "yett", run_yett, plain(SILENT), files),
        Proxy("yett-jwt", "yett", run_yett, yett(YETT_JWT), files),
        # The row without a hit starts and stops its proxies: they are nobody else's.
        Proxy("yett-cold", "yett", run_yett, yett(YETT_JWT), files),
        Proxy("yett-two", "yett", run_yett, plain(LOGGED), files, BOTH_CORES),
        Proxy("nginx", "nginx", run_nginx, nginx, files),
        Proxy("nginx-two", "nginx", run_nginx, nginx, files, BOTH_CORES),
        Proxy("envoy", "envoy", run_envoy, boot(None), files),
        Proxy("envoy-jwt-cache", "envoy", run_envoy, boot("cache"), files),
        Proxy("envoy-cold", "envoy", run_envoy, boot("no-cache"), files),
    )}


def environment():
    return {**os.environ, "LC_ALL": "C"}
