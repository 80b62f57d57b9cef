"""What `soak.py` mixes: calls of all kinds with what they must be answered, files, streams, gRPC, hostile bytes, faults, floods, reloads,
and the open loop."""
import asyncio
import collections
import itertools
import json
import multiprocessing
import re
import time
import zlib

import common
import faults
import floods
import rpc
from common import Broken, Client, replace, trusting
from protocols import Closed, Two, WebSocket, WebSocketTwo, read_frame
from reloads import reloaded, shown
from service import DOWNLOAD

ORDER = json.dumps({
    "customer_id": "cus_000001",
    "lines": [{"product_id": "prd_000001", "quantity": 2}],
    "ship_to": {"line1": "1 Castle Street", "city": "Edinburgh", "postal_code": "EH1 2ND", "country": "GB"},
}).encode()
KEY = "0b9c1a4e-6f0d-4e0a-9a53-5a3c6c1d2e3f"
UPLOAD = bytes(range(255, -1, -1)) * 1024
PIECES = 10
FAULTS = (OSError, EOFError, ValueError, TimeoutError, Broken, Closed)
# Of the faults: their deadlines are so many times those of `faults.py`, since their upstream shares a process with much else.
DEADLINES = 10
# What is no request: each is refused.
HOSTILE = [
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length : 1\r\n\r\na",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", b"GET /health HTTP/1.1\nHost: localhost\n\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n", b"GET /health HTTP/1.1\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
    b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x00\x05hello\r\n\r\n",
]

# What ends a WebSocket, and why: without a mask, a bit that means nothing, an unknown opcode, what continues nothing, a long ping, a
# ping in pieces, text that is no UTF-8.
HOSTILE_FRAMES = [
    (b"\x81\x01a", 1002), (b"\xc1\x81\0\0\0\0a", 1002), (b"\x83\x80\0\0\0\0", 1002), (b"\x80\x81\0\0\0\0a", 1002),
    (b"\x89\xfe\x00\x7e\0\0\0\0" + b"a" * 126, 1002), (b"\x09\x80\0\0\0\0", 1002), (b"\x81\x81\0\0\0\0\xff", 1007),
]


def document(ports, rate):
    local = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    return f"""version: 1
admin: {{ bind: "127.0.0.1:0" }}
listeners:
  plain: {{ bind: "127.0.0.1:0" }}
  secure: {{ bind: "127.0.0.1:0", tls: {{ certificate: "file:server.pem", key: "file:server.key" }} }}
record: {{ access_log: file:access.log }}
# All callers of this load have one address.
admission: {{ anonymous: {{ rate: 1000000/s }}, failures: {{ rate: 1000000/s }} }}
{faults.upstreams(local["faults"], local["nowhere"], DEADLINES)}  rpc: {{ url: "{local["rpc"]}", http: 2 }}
apis:
  orders:
    contract: ./openapi.yaml
    hosts: [127.0.0.1, localhost]
    upstream: {local["orders"]}
    issuer: local
    limits: [{{ per: subject, rate: {rate}/s }}]
    validation: {{ request: enforce, response: shadow }}
  service:
    contract: none
    hosts: [service.test]
    allow: ["GET /events", "GET /ws", "GET /down", "POST /up"]
    upstream: {local["service"]}
    unsecured: anonymous
    validation: {{ request: off, response: off }}
    operations:
      "GET /ws": {{ websocket: {{}} }}
{rpc.apis("rpc")}{faults.APIS}{floods.apis(local["floods"])}"""


def calls(reader, writer):
    """(name, method, target, headers, body, accepted statuses), as often as each comes."""
    read, write = ("authorization", f"Bearer {reader}"), ("authorization", f"Bearer {writer}")
    as_json, key = ("content-type", "application/json"), ("idempotency-key", KEY)
    bad = ORDER.replace(b'"quantity": 2', b'"quantity": "two"')
    mix = [
        (30, ("list", "GET", "/orders?limit=5", [read], None, {200})),
        (20, ("products", "GET", "/products?limit=10&category=books", [], None, {200, 400})),
        (10, ("one", "GET", "/products/prd_000001", [read], None, {200})),
        (10, ("health", "GET", "/health", [], None, {200})),
        # The sample keeps what it is given up to a bound.
        (10, ("create", "POST", "/orders", [write, as_json, key], ORDER, {200, 201, 409, 507})),
        (5, ("bad body", "POST", "/orders", [write, as_json, key], bad, {400, 422})),
        (5, ("bad query", "GET", "/orders?limit=many", [read], None, {400})),
        (3, ("wrong scope", "POST", "/orders", [read, as_json, key], ORDER, {403})),
        (1, ("no token", "GET", "/orders", [], None, {401})),
        (2, ("unknown path", "GET", "/admin", [read], None, {404})),
        (2, ("odd path", "GET", "/orders/%2e%2e/admin", [read], None, {400, 404})),
        (2, ("undeclared", "GET", "/orders?surprise=1", [read], None, {400})),
    ]
    return [call for times, call in mix for _ in range(times)]


class Parts:
    """All that calls beside the open loop, each at a pace of its own, until told to stop."""

    def __init__(self, gateway, mix):
        self.gateway, self.mix, self.stopping = gateway, mix, False
        self.plain, self.secure = gateway.address("plain"), gateway.address("secure")
        self.done, self.wrong, self.seconds = collections.Counter(), collections.Counter(), []

    def http1(self, tls, name=None):
        return Client(*self.secure, trusting(), name) if tls else Client(*self.plain, name=name)

    async def always(self, name, once, pause):
        """Does it again and again; what goes wrong is noted."""
        while not self.stopping:
            try:
                await once()
                self.done[name] += 1
            except FAULTS as error:
                self.wrong[f"{name}: {type(error).__name__} {error}"[:200]] += 1
            await asyncio.sleep(pause)

    async def client(self, number, pause):
        """The mix, over HTTP/1 in clear text, over TLS, or HTTP/2."""
        way, two, client = ("http/1", "http/1 tls", "http/2")[number % 3], None, self.http1(number % 3 == 1)
        for turn in itertools.count(number * 13):
            if self.stopping:
                break
            # 37 is coprime to the length of the mix: all kinds come, none in a row.
            name, method, target, headers, body, accepted = self.mix[turn * 37 % len(self.mix)]
            begun = time.monotonic()
            try:
                if turn % 101 == 0:
                    await self.leave(method, target, headers, body)
                elif way == "http/2":
                    if two is None or not two.takes_calls():
                        two = await Two(*self.secure).connect()
                    status = (await two.call(method, target, headers, body))[0]
                else:
                    status = (await client.call(method, target, headers, body))[0]
                if turn % 101:
                    self.done[f"{name} {status}"] += 1
                    if status not in accepted:
                        self.wrong[f"{name} {status} over {way}"] += 1
            except FAULTS as error:
                self.wrong[f"{name} over {way}: {type(error).__name__} {error}"[:200]] += 1
            self.seconds.append(time.monotonic() - begun)
            if turn % 150 == 0:
                client.close()
                two = two and two.close()
            await asyncio.sleep(pause)
        client.close()
        if two:
            two.close()

    async def leave(self, method, target, headers, body):
        """A client that sends a call and goes away at once."""
        _, writer = await asyncio.open_connection(*self.plain)
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers)]
        lines += [f"Content-Length: {len(body)}"] if body else []
        writer.write("\r\n".join([*lines, "", ""]).encode() + (body or b"")[: len(body or b"") // 2])
        await writer.drain()
        writer.close()
        self.done["left"] += 1

    async def idle(self):
        """A connection that says nothing after its first call: the seconds until the gateway ends it."""
        client = self.http1(False)
        await client.call("GET", "/health")
        reader, begun = client.pair[0], time.monotonic()
        rest = await reader.read()
        client.close()
        return time.monotonic() - begun if not rest else None

    async def hostile(self):
        for text in HOSTILE:
            reader, writer = await asyncio.open_connection(*self.plain)
            writer.write(text)
            async with asyncio.timeout(30):
                answer = await reader.readuntil(b"\r\n\r\n")
            writer.close()
            if not re.match(rb"HTTP/1\.1 (4\d\d|501|505) ", answer):
                raise Broken(f"{text[:60]!r} was answered {answer[:80]!r}")

    async def upload(self, tls):
        client = self.http1(tls, "service.test")
        status, _, body = await client.call("POST", "/up", [("Content-Type", "application/octet-stream")], UPLOAD)
        client.close()
        if status != 200 or json.loads(body)["crc"] != zlib.crc32(UPLOAD):
            raise Broken(f"upload: {status} {body[:80]!r}")

    async def download(self, tls):
        client = self.http1(tls, "service.test")
        status, _, body = await client.call("GET", "/down")
        client.close()
        if status != 200 or body != DOWNLOAD:
            raise Broken(f"download: {status}, {len(body)} bytes")

    async def events(self, tls):
        client = self.http1(tls, "service.test")
        status, _, body = await client.call("GET", "/events")
        client.close()
        if status != 200 or body.count(b"\n\n") != PIECES:
            raise Broken(f"events: {status} {body[-80:]!r}")

    async def websocket(self, tls):
        """So many messages, and away."""
        client = self.http1(tls, "service.test")
        try:
            await client.connect()
            socket = await WebSocket(client).connect("/ws")
            for number in range(200):
                await socket.echo(b"message %d" % number)
                await asyncio.sleep(0.05)
        finally:
            client.close()

    async def websocket_two(self):
        """The same on streams of HTTP/2, two at once on a connection."""
        two = await Two(*self.secure, "service.test").connect()

        async def one():
            socket = await WebSocketTwo(two).connect("/ws")
            for number in range(200):
                await socket.echo(b"message %d" % number)
                await asyncio.sleep(0.05)

        try:
            await asyncio.gather(one(), one())
        finally:
            two.close()

    async def grpc(self):
        """Calls of one message beside one that goes on, on one connection."""
        two = await Two(*self.secure, rpc.HOST).connect()

        async def short():
            for number in range(40):
                await rpc.say(two, b"message %d" % number)
                await asyncio.sleep(0.05)

        try:
            await asyncio.gather(rpc.talk(two, 40, 0.05), short())
        finally:
            two.close()

    async def hostile_websocket(self):
        """Frames that no client may send, each of which ends its socket with a reason (RFC 6455 sections 5.1, 5.2, 5.4, 5.5, 8.1)."""
        for text, reason in HOSTILE_FRAMES:
            client = self.http1(False, "service.test")
            try:
                await client.connect()
                socket = await WebSocket(client).connect("/ws")
                await socket.echo(b"good")
                reader, writer = client.pair
                writer.write(text)
                async with asyncio.timeout(30):
                    opcode, payload = await read_frame(reader)
                if (opcode, int.from_bytes(payload[:2], "big")) != (8, reason):
                    raise Broken(f"{text[:20]!r} was answered {opcode} {payload[:40]!r}")
            finally:
                client.close()

    def all(self, clients):
        """One coroutine for each that calls."""
        yield from (self.client(number, 0.03) for number in range(clients))
        for tls in (False, True):
            yield self.always("upload", lambda tls=tls: self.upload(tls), 0.7)
            yield self.always("download", lambda tls=tls: self.download(tls), 0.7)
            yield self.always("events", lambda tls=tls: self.events(tls), 0)
            yield self.always("websocket", lambda tls=tls: self.websocket(tls), 0)
        yield self.always("websocket http/2", self.websocket_two, 0)
        yield self.always("grpc", self.grpc, 0)
        yield self.always("hostile", self.hostile, 1)
        yield self.always("hostile websocket", self.hostile_websocket, 1)


class Reloads:
    """A change every so often, which a call has to see: of a limit, or each third time of the certificate."""

    def __init__(self, gateway, ports, bearer, served):
        self.gateway, self.ports, self.bearer, self.served = gateway, ports, bearer, served
        self.rate, self.seen, self.certificates, self.unseen, self.stopping = 1_000_000, 0, 0, [], False

    def write(self):
        replace(self.gateway.config, document(self.ports, self.rate))

    async def run(self, pause):
        generation = (await asyncio.to_thread(self.gateway.status))["generation"]
        while not self.stopping:
            await asyncio.sleep(pause)
            self.rate += 1
            swapped = self.rate % 3 == 0
            if swapped:
                self.served.swap()
            else:
                self.write()
            status, outcome = await reloaded(self.gateway, generation)
            generation = status["generation"]
            if not await self.shows(swapped):
                self.unseen.append(outcome[:200])
            elif swapped:
                self.certificates += 1
            else:
                self.seen += 1

    async def shows(self, swapped):
        """Whether a call finds what was changed last."""
        if swapped:
            return await shown(self.gateway.address("secure")) == self.served.text()
        client = Client(*self.gateway.address("plain"))
        _, fields, _ = await client.call("GET", "/orders?limit=1", [("Authorization", f"Bearer {self.bearer}")])
        client.close()
        return str(self.rate) in fields.get("ratelimit-policy", "")


class Flooded:
    """All kinds of `floods.py`, in turn, on few connections."""

    def __init__(self, gateway, connections):
        self.gateway, self.connections, self.turns, self.stopping = gateway, connections, 0, False
        self.context = multiprocessing.get_context("spawn")

    async def run(self, seconds):
        """Goes through all kinds in `seconds`, and rests as long."""
        while not self.stopping:
            begun = time.monotonic()
            for kind in floods.KINDS:
                if not self.stopping:
                    # Not before its process has begun.
                    await self.one(kind, max(2, seconds / len(floods.KINDS)))
            self.turns += 1
            end = max(begun + 2 * seconds, time.monotonic())
            while not self.stopping and time.monotonic() < end:
                await asyncio.sleep(0.2)

    async def one(self, kind, seconds):
        stop = self.context.Event()
        counts = floods.counters(self.context)
        arguments = self.gateway.address("plain"), kind, self.connections, stop, counts
        process = self.context.Process(target=floods.attacker, args=arguments, daemon=True)
        process.start()
        await asyncio.sleep(seconds)
        stop.set()
        await asyncio.to_thread(process.join, 15)
        if process.is_alive():
            process.kill()
        elif process.exitcode:
            raise common.Broken(f"the flood {kind} ended with {process.exitcode}")


# h2load's flags, the scheme and the listener of each protocol.
WAYS = {
    "http/1": (["--h1", "-m", "1"], "http", "plain"), "http/1 tls": (["--h1", "-m", "1"], "https", "secure"),
    "http/2 tls": (["-m", "4"], "https", "secure"),
}
CONNECTIONS = 24


async def h2load(gateway, way, token, seconds, rate=None):
    """What many clients got in so many seconds: as much as they can, or so many calls a second whatever the answers take."""
    flags, scheme, listener = WAYS[way]
    base = "%s://%s:%d" % (scheme, *gateway.address(listener))
    pace = [] if rate is None else ["--rps", f"{rate / CONNECTIONS:.3f}"]
    process = await asyncio.create_subprocess_exec(
        "h2load", *flags, *pace, "-t", "1", "-c", str(CONNECTIONS), "-D", f"{int(seconds * 1000)}ms", "-H", f"authorization: Bearer {token}",
        f"{base}/orders?limit=5", f"{base}/products/prd_000001", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    text = (await process.communicate())[0].decode(errors="replace")
    numbers = {name: int(value) for value, name in re.findall(r"(\d+) (total|done|succeeded|failed|errored|timeout|[2345]xx)", text)}
    if process.returncode or "2xx" not in numbers:
        raise common.Broken(f"h2load over {way} ended with {process.returncode}: {text[-600:]}")
    return numbers
