"""What the long tests share: the gateway as a process, a strict little HTTP client, and the evidence that a run leaves.

Python's standard library only. Everything listens on and is sent to 127.0.0.1.
"""
import asyncio
import datetime
import http.client
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PEERS = pathlib.Path(os.environ.get("YETT_PEERS", ROOT / ".peers"))


# What `sd_listen_fds(3)` says: descriptors from 3 on, and for whom they are. Out of the way first: one may stand where another goes.
HANDOVER = """
import fcntl, os, sys
cut = sys.argv.index("--")
numbers = [int(number) for number in sys.argv[1:cut]]
away = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 100) for number in numbers]
for number in numbers:
    os.close(number)
for at, number in enumerate(away):
    os.dup2(number, 3 + at)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(away)))
os.execv(sys.argv[cut + 1], sys.argv[cut + 1:])
"""


def say(text):
    print(text, file=sys.stderr, flush=True)


def binaries(flags):
    """Folder with `yett` and `orders`."""
    if flags.bin:
        return pathlib.Path(flags.bin)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "ci"


def common_flags(parser):
    parser.add_argument("--bin", help="folder with the binaries; target/ci without it")
    parser.add_argument("--evidence", help="folder in which to leave the result as NAME.json")
    parser.add_argument("--keep", action="store_true", help="keep the working folder")


class Workspace:
    """A temporary folder, removed at the end, and all processes that were started in it, ended with it."""

    def __init__(self, keep=False):
        self.path, self.keep, self.processes = pathlib.Path(tempfile.mkdtemp(prefix="yett-long-")), keep, []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for process in reversed(self.processes):
            process.stop()
        if self.keep or kind is not None:
            say(f"the working folder is {self.path}")
        else:
            shutil.rmtree(self.path, ignore_errors=True)

    def start(self, name, *command, cwd=None, held=False, sockets=()):
        """A process; one that is held ends when its standard input does. It gets `sockets` as a service manager would pass them."""
        if sockets:
            command = (sys.executable, "-c", HANDOVER, *(passed.fileno() for passed in sockets), "--", *command)
        process = Process(self.path / f"{name}.log", name, *command, cwd=cwd, held=held, sockets=sockets)
        self.processes.append(process)
        return process


class Process:
    def __init__(self, log, name, *command, cwd=None, held=False, sockets=()):
        self.log, self.name = log, name
        with open(log, "wb") as out:
            self.popen = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.PIPE if held else subprocess.DEVNULL, stdout=out, stderr=out,
                cwd=cwd, pass_fds=[passed.fileno() for passed in sockets])

    def text(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, pattern, seconds=60):
        """The first match of `pattern` in what the process prints."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(pattern, self.text(), re.M)
            if found:
                return found
            if self.popen.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"{self.name} did not print `{pattern}`; it said:\n{self.text()[-4000:]}")

    def alive(self):
        return self.popen.poll() is None

    def rss(self):
        """Resident memory in KiB."""
        with open(f"/proc/{self.popen.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.popen.pid}/fd"))

    def connections_to(self, port):
        """How many of its descriptors are connections to this local port, in any state."""
        held = set()
        for name in os.listdir(f"/proc/{self.popen.pid}/fd"):
            try:
                held.add(os.readlink(f"/proc/{self.popen.pid}/fd/{name}"))
            except FileNotFoundError:
                pass
        with open(f"/proc/{self.popen.pid}/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table.readlines()[1:]]
        return sum(int(row[2].split(":")[1], 16) == port and f"socket:[{row[9]}]" in held for row in rows)

    def stop(self, seconds=20):
        """Ends it as an operator would; returns its exit code."""
        if self.alive():
            self.popen.send_signal(signal.SIGTERM)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        return self.popen.wait()


class Control(http.client.HTTPConnection):
    """The control socket; connects anew when the gateway has ended the connection."""

    def __init__(self, path, seconds=60):
        super().__init__("localhost", timeout=seconds)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Gateway:
    """`yett run` on a document, with its control socket; behind `sockets`, when somebody else holds those of its listeners."""

    def __init__(self, workspace, bins, config, sockets=()):
        self.yett, self.data, self.config = bins / "yett", workspace.path / "data", config
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.process = workspace.start("yett", self.yett, "run", "--config", config, "--data", self.data, sockets=sockets)
        self.admin = self.process.wait_for(r"^admin on http://(\S+)")[1]
        self.listeners = dict(re.findall(r"^listening on \w+://(\S+) \((\S+)\)$", self.process.text(), re.M))
        self.listeners = {name: address for address, name in self.listeners.items()}

    def settle(self, seconds=30):
        """Waits until it opens nothing more: its stores open beside the listeners, and are no leak."""
        end, steady, last = time.monotonic() + seconds, 0, 0
        while steady < 20:
            if time.monotonic() > end:
                raise SystemExit("the gateway goes on opening descriptors without a call")
            time.sleep(0.1)
            count = self.process.descriptors()
            steady, last = steady + 1 if count == last else 0, count

    def address(self, name=None):
        text = self.listeners[name] if name else next(iter(self.listeners.values()))
        host, port = text.rstrip("/").rsplit(":", 1)
        return host, int(port)

    def control(self, method, path, seconds=120):
        """One exchange over the control socket."""
        connection = Control(self.data / "yett.sock", seconds)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = json.loads(answer.read() or b"null")
            if answer.status != 200:
                raise RuntimeError(f"{method} {path}: {answer.status} {body}")
            return body
        finally:
            connection.close()

    def status(self):
        return self.control("GET", "/v1/status")

    def reload(self):
        return self.control("POST", "/v1/reload")

    def token(self, subject, *scopes, ttl="24h"):
        command = [self.yett, "token", "--data", self.data, "--subject", subject, "--ttl", ttl]
        for scope in scopes:
            command += ["--scope", scope]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()

    def metrics(self):
        connection = http.client.HTTPConnection(self.admin.rstrip("/"), timeout=30)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()


def before_sample(workspace, bins, document):
    """The bundled sample, and a gateway before it with the document that `document` makes of its URL: the URL, the gateway."""
    orders = workspace.start("orders", bins / "orders", "--listen", "127.0.0.1:0")
    url = orders.wait_for(r"orders on (http://\S+)")[1]
    (workspace.path / "openapi.yaml").write_bytes((ROOT / "examples/orders/openapi.yaml").read_bytes())
    (workspace.path / "yett.yaml").write_text(document(url))
    gateway = Gateway(workspace, bins, workspace.path / "yett.yaml")
    gateway.settle()
    return url, gateway


class Broken(Exception):
    """An answer that is none, or none at all."""


class Client:
    """One keep-alive connection; strict about framing; every answer whole or an error."""

    def __init__(self, host, port, tls=None, name=None):
        """Calls for the host `name`: `localhost` over TLS and else the address, when none is given."""
        self.host, self.port, self.tls, self.pair = host, port, tls, None
        self.name = name or ("localhost" if tls else host)

    async def connect(self):
        if self.pair is None:
            name = self.name if self.tls else None
            self.pair = await asyncio.open_connection(self.host, self.port, ssl=self.tls, server_hostname=name)
        return self.pair

    def close(self):
        if self.pair:
            self.pair[1].close()
            self.pair = None

    async def head(self, method, target, headers=(), body=None):
        """Sends a call and reads the head of its answer: (status, headers)."""
        _, writer = await self.connect()
        writer.write(self.request(method, target, headers, body))
        await writer.drain()
        return await self.read_head()

    def request(self, method, target, headers=(), body=None):
        """The bytes of a call."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.name}:{self.port}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")

    async def read_head(self):
        """The head of an answer: (status, headers)."""
        head = await self.pair[0].readuntil(b"\r\n\r\n")
        first, *rest = head[:-4].decode("latin-1").split("\r\n")
        pairs = [line.partition(":") for line in rest]
        return int(first.split(" ", 2)[1]), {name.lower(): value.strip() for name, _, value in pairs}

    async def chunks(self, method, status, headers):
        """The answer's body, part by part; ends only when it is whole."""
        reader, _ = self.pair
        if method == "HEAD" or status in (204, 304):
            return
        if "chunked" in headers.get("transfer-encoding", ""):
            while size := int((await reader.readline()).strip() or b"x", 16):
                yield (await reader.readexactly(size + 2))[:-2]
            if await reader.readline() != b"\r\n":
                raise Broken("trailers")
        elif "content-length" in headers:
            yield await reader.readexactly(int(headers["content-length"]))
        else:
            raise Broken("an answer without a length")

    async def call(self, method, target, headers=(), body=None, seconds=30):
        """(status, headers, body); raises when the answer is not whole."""
        try:
            async with asyncio.timeout(seconds):
                status, fields = await self.head(method, target, headers, body)
                whole = b"".join([part async for part in self.chunks(method, status, fields)])
        except BaseException:
            self.close()
            raise
        if fields.get("connection", "").lower() == "close":
            self.close()
        return status, fields, whole


def trusting(protocol="http/1.1"):
    """A TLS client that takes any certificate: what is tested is which one is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    return context


def certificate(folder, name):
    """A self-signed certificate and key made by openssl: (certificate, key)."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
         "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    return cert, key


def replace(path, text):
    """Whole or not at all, as a careful operator would."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.replace(beside, path)


class Served:
    """The certificate that a gateway serves with, `server.pem` and its key: one of two, by turns."""

    def __init__(self, folder):
        self.folder, self.both = folder, [certificate(folder, name) for name in ("one", "two")]
        self.write()

    def write(self):
        cert, key = self.both[0]
        # The key first: a pair that does not match is not taken.
        replace(self.folder / "server.key", key.read_bytes())
        replace(self.folder / "server.pem", cert.read_bytes())

    def swap(self):
        self.both.reverse()
        self.write()

    def text(self):
        return self.both[0][0].read_text().strip()


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def finish(name, flags, results, misses):
    """Prints the result, which is good when nothing was missed, leaves it as evidence where asked, and gives the exit code."""
    given = {key: value for key, value in vars(flags).items() if key not in ("evidence", "bin", "keep")}
    document = {
        "name": name,
        "commit": output("git", "rev-parse", "HEAD"),
        "dirty": bool(output("git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/evidence")),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": {
            "cpus": os.cpu_count(), "kernel": platform.release(), "rustc": output("rustc", "--version"),
            "python": platform.python_version(),
        },
        "parameters": given,
        "results": results,
        "misses": list(misses),
        "pass": not misses,
    }
    print(json.dumps({key: document[key] for key in ("name", "parameters", "results", "misses", "pass")}, indent=1))
    if flags.evidence:
        folder = pathlib.Path(flags.evidence)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 1 if misses else 0
