"""The load of `restarts.py`: clients of all protocols, each call of which is judged when it fails."""
import asyncio
import collections
import ssl
import time

import rpc
from common import Broken, Client, trusting
from protocols import Closed, Two, WebSocket, WebSocketTwo
from service import ITEM

# Seconds that a connection without a call has when the gateway ends (docs/service.md).
GRACE = 1
# Who was silent for less has been told, or nobody has ended the connection.
SILENT = GRACE / 2
THING = b'{"name":"a thing"}'
FAULTS = (OSError, EOFError, ValueError, TimeoutError, Broken, Closed)
# Calls that go on all the time.
KINDS = ("http/1", "http/1 tls", "http/1 new", "http/1 in pieces", "events", "events tls", "http/2", "http/2 trailers",
         "http/2 events", "grpc", "grpc stream", "message", "message tls", "message http/2")


class Line:
    """A connection: how many kills there were before it, and when something came on it last."""

    def __init__(self, kills):
        self.born, self.heard = kills, time.monotonic()


class Flight:
    def __init__(self, kind):
        self.kind, self.doomed = kind, False


def nothing_came(error):
    """Whether the connection ended before a byte of the answer."""
    cut = isinstance(error, asyncio.IncompleteReadError) and not error.partial
    return cut or isinstance(error, (ConnectionError, ssl.SSLError))


class Load:
    def __init__(self, plain, secure, token, pieces):
        self.plain, self.secure, self.pieces = plain, secure, pieces
        self.bearer = ("Authorization", f"Bearer {token}")
        self.good, self.told, self.lost, self.to_nobody, self.late = (collections.Counter() for _ in range(5))
        self.failures, self.failed, self.flights, self.kills, self.stopping = [], 0, set(), 0, False

    def summary(self):
        return f"{sum(self.good.values())} calls, {self.failed} failed, {sum(self.lost.values())} lost, {sum(self.late.values())} late"

    def doom(self):
        """The process is killed: who is in flight, by kind."""
        for flight in self.flights:
            flight.doomed = True
        return collections.Counter(flight.kind for flight in self.flights)

    def fail(self, text):
        self.failed += 1
        if len(self.failures) < 20:
            self.failures.append(text[:300])

    async def attempt(self, kind, line, call, silence=True):
        """Makes a call; what came of it, or None, and then it was judged. Without `silence` there is no grace that can be over."""
        flight, silent = Flight(kind), time.monotonic() - line.heard
        self.flights.add(flight)
        try:
            found = await call
        except FAULTS as error:
            # A handshake is silent while it lasts.
            silent = time.monotonic() - line.heard if kind == "connect" else silent
            self.judge(flight, line, silent if silence else 0, error)
            return None
        finally:
            self.flights.discard(flight)
        self.good[kind] += 1
        line.heard = time.monotonic()
        return found

    def judge(self, flight, line, silent, error):
        if flight.doomed:
            self.lost[flight.kind] += 1
        elif line.born < self.kills:
            self.to_nobody[flight.kind] += 1
        elif isinstance(error, Closed) and error.args == (1001,):
            self.told["websocket"] += 1
        elif nothing_came(error) and silent > SILENT:
            self.late[flight.kind] += 1
        else:
            self.fail(f"{flight.kind}, silent for {silent:.2f} s: {type(error).__name__} {error}")

    async def connected(self, line, call):
        """A connection, which waits in the queue while nobody serves."""
        found = await self.attempt("connect", line, call)
        if found is None:
            await asyncio.sleep(0.02)
        return found

    async def one(self, kind, tls, call, new=False):
        """Calls of HTTP/1, one after another, on connections that are kept unless `new`."""
        port = self.secure if tls else self.plain
        client, line = Client("127.0.0.1", port, trusting() if tls else None), None
        while not self.stopping:
            if client.pair and client.pair[0].at_eof():
                self.untold(kind, line)
                client.close()
            if client.pair is None:
                line = Line(self.kills)
                if await self.connected(line, client.connect()) is None:
                    client.close()
                    continue
            fields = await self.attempt(kind, line, call(client))
            if fields is None or new:
                client.close()
            elif fields.get("connection") == "close":
                self.told["http/1"] += 1
            await asyncio.sleep(0.02)
        client.close()

    def untold(self, kind, line):
        """The connection ended between two calls."""
        silent = time.monotonic() - line.heard
        if line.born == self.kills and silent <= SILENT:
            self.fail(f"{kind}: ended {silent:.2f} s after an answer that did not say so")

    async def item(self, client):
        return self.checked(await client.call("GET", "/items", [self.bearer], seconds=60))

    async def create(self, client):
        headers = [self.bearer, ("Content-Type", "application/json")]
        return self.checked(await client.call("POST", "/items", headers, THING, seconds=60))

    async def in_pieces(self, client):
        """A request that comes a piece at a time: once its first byte was read, it has to be answered."""
        text = client.request("POST", "/items", [self.bearer, ("Content-Type", "application/json")], THING)
        for at in range(0, len(text), len(text) // 6):
            client.pair[1].write(text[at:at + len(text) // 6])
            await client.pair[1].drain()
            await asyncio.sleep(0.05)
        status, fields = await client.read_head()
        body = b"".join([part async for part in client.chunks("POST", status, fields)])
        if fields.get("connection") == "close":
            client.close()
        return self.checked((status, fields, body))

    @staticmethod
    def checked(answer):
        status, fields, body = answer
        if status != 200 or body != ITEM:
            raise Broken(f"{status} {body[:160]!r}")
        return fields

    async def events(self, client):
        status, fields, body = await client.call("GET", "/events", [self.bearer], seconds=60)
        if status != 200 or body.count(b"\n\n") != self.pieces:
            raise Broken(f"events: {status} {body[-80:]!r}")
        return fields

    async def two(self, work, workers=6, name="localhost"):
        """HTTP/2: several calls at once on a connection, up to its GOAWAY; the next one is opened then."""
        while not self.stopping:
            line, two = Line(self.kills), Two("127.0.0.1", self.secure, name)
            if await self.connected(line, two.connect()) is None:
                two.close()
                continue
            await asyncio.gather(*(work(two, line, number) for number in range(workers)))
            if two.goaways:
                self.told["http/2"] += 1
            elif not self.stopping and line.born == self.kills:
                self.fail("http/2: ended without GOAWAY")
            two.close()

    async def stream(self, two, line, turn):
        headers = [("authorization", self.bearer[1])]
        while not self.stopping and two.takes_calls():
            turn += 1
            kind, path = (("http/2 events", "/events") if turn % 12 == 0 else ("http/2 trailers", "/trailers") if turn % 3 == 0
                          else ("http/2", "/items"))
            await self.attempt(kind, line, self.over_two(two, path, headers), silence=False)
            await asyncio.sleep(0.02)

    async def over_two(self, two, path, headers):
        status, body, trailers = await two.call("GET", path, headers, seconds=60)
        whole = {"/items": body == ITEM, "/trailers": body == b"whole" and trailers,
                 "/events": body.count(b"\n\n") == self.pieces}[path]
        if status != 200 or not whole:
            raise Broken(f"{path}: {status} {body[-80:]!r}")
        return True

    async def grpc(self, two, line, turn):
        """Calls of one message, and each sixth time one that goes on."""
        while not self.stopping and two.takes_calls():
            turn += 1
            kind, call = ("grpc stream", rpc.talk(two, self.pieces, 0.1)) if turn % 6 == 0 else ("grpc", rpc.say(two, THING))
            await self.attempt(kind, line, call, silence=False)
            await asyncio.sleep(0.02)

    async def websocket_two(self):
        """A WebSocket on a stream of HTTP/2, which is told of an end by its own close."""
        kind = "message http/2"
        while not self.stopping:
            line, two = Line(self.kills), Two("127.0.0.1", self.secure)
            if await self.connected(line, two.connect()):
                headers = [("authorization", self.bearer[1])]
                socket = WebSocketTwo(two)
                went = await self.attempt("websocket http/2", line, socket.connect("/ws", headers), silence=False)
                while went and not self.stopping:
                    went = await self.attempt(kind, line, socket.echo(b"is anybody there?", seconds=60), silence=False)
                    await asyncio.sleep(0.02)
            two.close()

    async def websocket(self, tls):
        kind = "message tls" if tls else "message"
        while not self.stopping:
            client, line = Client("127.0.0.1", self.secure if tls else self.plain, trusting() if tls else None), Line(self.kills)
            if await self.connected(line, client.connect()):
                went = await self.attempt("websocket", line, WebSocket(client).connect("/ws", [self.bearer]), silence=False)
                while went and not self.stopping:
                    went = await self.attempt(kind, line, WebSocket(client).echo(b"is anybody there?", seconds=60), silence=False)
                    await asyncio.sleep(0.02)
            client.close()


def clients(load):
    """All that call at once."""
    calls = [load.one("http/1", False, load.item if number % 2 else load.create) for number in range(3)]
    calls += [load.one("http/1 tls", True, load.item if number % 2 else load.create) for number in range(2)]
    calls += [load.one("http/1 new", tls, load.item, new=True) for tls in (False, True)]
    calls += [load.one("http/1 in pieces", tls, load.in_pieces) for tls in (False, True)]
    calls += [load.one("events tls" if tls else "events", tls, load.events) for tls in (False, False, True, True)]
    calls += [load.websocket(tls) for tls in (False, False, True)]
    calls += [load.websocket_two() for _ in range(2)]
    return [*calls, load.two(load.stream), load.two(load.stream), load.two(load.grpc, 3, rpc.HOST)]
