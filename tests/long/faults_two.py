"""The side of `faults.py` that speaks HTTP/2: an upstream that fails frame by frame (RFC 9113), and what must come of it.

A fault of a connection meets all calls on it. So each client of this side has an upstream of its own, by name, and with it connections
of its own: what comes of a call hangs on nothing but the call. The path says what is done, so that a call that is sent again gets the same,
but for those kinds that refuse the first time only.
"""
import collections
import re
import socket
import struct

PREFACE = 24
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS = 4
NO_ERROR, REFUSED_STREAM = 0, 7
# All that RFC 9113 section 7 names, and one that nobody does.
CODES = [*range(14), 99]
# What a GOAWAY may say: NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, ENHANCE_YOUR_CALM.
GOODBYES = [0, 1, 2, 11]
RESET = struct.pack("ii", 1, 0)
# RFC 7541 appendix B, for the characters of our paths.
HUFFMAN = {
    format(first + number, f"0{bits}b"): character
    for bits, first, characters in [
        (5, 0, "012aceiost"), (6, 0b010110, "-./3456789"), (6, 0b100011, "bd"), (6, 0b100101, "fgh"), (6, 0b101000, "lmnpru"),
        (7, 0b1110100, "jkqvwxyz")]
    for number, character in enumerate(characters)}
NAMES = re.compile(r"/f/([a-z]+)-(\d+)-(\d)-(\d+)")


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def integer(block, at, bits):
    """RFC 7541 section 5.1: the number, and where the next thing is."""
    most = (1 << bits) - 1
    value, at, shift = block[at] & most, at + 1, 0
    if value == most:
        while True:
            byte, at = block[at], at + 1
            value, shift = value + ((byte & 127) << shift), shift + 7
            if byte < 128:
                break
    return value, at


def string(block, at):
    huffman = block[at] & 128
    length, at = integer(block, at, 7)
    raw = block[at:at + length]
    if not huffman:
        return raw.decode("latin-1"), at + length
    text, code = [], ""
    for bit in "".join(f"{byte:08b}" for byte in raw):
        code += bit
        if code in HUFFMAN:
            text.append(HUFFMAN[code])
            code = ""
    return "".join(text), at + length


def path_of(block):
    """`:path` of a field block. What is in the table of the connection is no path: no two are alike."""
    at = 0
    while at < len(block):
        if block[at] & 0x80:
            _, at = integer(block, at, 7)
        elif block[at] & 0xE0 == 0x20:
            _, at = integer(block, at, 5)
        else:
            name, at = integer(block, at, 6 if block[at] & 0x40 else 4)
            if name == 0:
                _, at = string(block, at)
            value, at = string(block, at)
            if name in (4, 5):
                return value
    raise ValueError("a request without a path")


def field(index, value):
    """A field whose name has this place in the static table, above 15, with a short value."""
    return bytes([0x0F, index - 15, len(value)]) + value


STATUS_200, CONTENT_TYPE, CONTENT_LENGTH, LINK = b"\x88", 31, 28, 45
# `:status: 103`, the name by its place.
STATUS_103 = b"\x08\x03103"


def head(stream, length, chunked):
    block = STATUS_200 + field(CONTENT_TYPE, b"application/json")
    return frame(HEADERS, END_HEADERS, stream, block if chunked else block + field(CONTENT_LENGTH, b"%d" % length))


def whole(stream, body, chunked):
    """An answer: in two frames of data and without a length where `chunked`."""
    first = head(stream, len(body), chunked)
    if chunked:
        return first + frame(DATA, 0, stream, body[:7]) + frame(DATA, END_STREAM, stream, body[7:])
    return first + frame(DATA, END_STREAM, stream, body)


# What breaks RFC 9113 in place of an answer, by stream.
GARBAGE = [
    lambda stream: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    # A frame longer than any may be, and one of another length than its type's.
    lambda stream: b"\xff\xff\xff" + frame(HEADERS, END_HEADERS, stream)[3:] + b"x" * 100,
    lambda stream: frame(SETTINGS, 0, 0, b"12345"),
    lambda stream: frame(RST_STREAM, 0, stream, b"123"),
    lambda stream: frame(PING, 0, 0, b"1234567"),
    # Field blocks: an index that nothing has, a literal that breaks off, a name in capitals, a field of the hop, a pseudo-header last.
    lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x88\xff\xff\x7f"),
    lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x88\x00\x20x"),
    lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x88\x00\x01X\x01y"),
    lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x88\x00\x0aconnection\x05close"),
    lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x00\x01x\x01y\x88"),
    # A block in pieces with something between them, a piece without a beginning.
    lambda stream: frame(HEADERS, 0, stream, STATUS_200) + frame(PING, 0, 0, b"12345678"),
    lambda stream: frame(CONTINUATION, END_HEADERS, stream, STATUS_200),
    # Data before a head, of a stream that was never opened, and of none.
    lambda stream: frame(DATA, END_STREAM, stream, b"{}"),
    lambda stream: frame(DATA, END_STREAM, stream + 200, b"{}"),
    lambda stream: frame(DATA, END_STREAM, 0, b"{}"),
    # What a client has not asked for.
    lambda stream: frame(PUSH_PROMISE, END_HEADERS, stream, struct.pack(">I", 2) + b"\x82\x86\x84\x41\x01a"),
    lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, 2, STATUS_200),
    # More or less than the head says.
    lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, STATUS_200 + field(CONTENT_LENGTH, b"5")),
    lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, STATUS_200 + field(CONTENT_LENGTH, b"x")),
    # Windows by nothing, and over the largest.
    lambda stream: frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0)),
    lambda stream: frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7FFFFFFF)),
    # A head of 200,000 bytes.
    lambda stream: frame(HEADERS, 0, stream, STATUS_200)
    + b"".join(frame(CONTINUATION, 0, stream, b"\x00\x01x\x7f\x81\x7c" + b"a" * 16_000) for _ in range(12))
    + frame(CONTINUATION, END_HEADERS, stream),
]

# (kind, how often of so many).
KINDS = [
    ("goaway", 10), ("goaways", 4), ("goneafter", 6), ("gonebroken", 8), ("refused", 10), ("refuses", 4), ("rsthead", 12), ("rstbody", 12),
    ("close", 14), ("reset", 8), ("stall", 4), ("garbage", 16), ("early", 3), ("more", 4), ("interim", 4),
]
BROKEN_OFF = ("close", "reset", "stall")


def plan(turn, chance, positions, length):
    """(method, kind, at, chunked) of a call; `length` is that of an answer's body."""
    chunked = chance.randrange(2)
    if turn % 3 == 0:
        return chance.choice(["GET", "POST"]), "good", 0, chunked
    kind = chance.choices([kind for kind, _ in KINDS], [often for _, often in KINDS])[0]
    at = {
        **dict.fromkeys(["goaway", "goaways", "goneafter", "gonebroken"], lambda: chance.choice(GOODBYES)),
        "rsthead": lambda: chance.choice([code for code in CODES if code != REFUSED_STREAM]), "rstbody": lambda: chance.choice(CODES),
        **dict.fromkeys(BROKEN_OFF, lambda: positions.next(("two", kind, chunked), len(whole(1, b" " * length, chunked)))),
        "garbage": lambda: chance.randrange(len(GARBAGE)), "more": lambda: chance.randrange(1, 100),
        "interim": lambda: chance.choice([1, 16]),
    }.get(kind, lambda: 0)()
    return ("POST" if kind == "early" else chance.choice(["GET", "POST"])), kind, at, chunked


def outcome(held, method, kind, at, chunked, length):
    """What must come of a call: (what the client sees, the log's code)."""
    if kind in ("good", "goneafter", "early", "more", "interim"):
        return "200", ""
    # Where nothing reads the body it goes on as it comes, and is not there to be sent again.
    if kind in ("goaway", "refused") and (held or method == "GET"):
        return "200", ""
    if kind == "garbage":
        return "502", "upstream_protocol"
    code = "upstream_timeout" if kind == "stall" else "upstream_reset"
    begun = kind == "rstbody" or (kind in BROKEN_OFF and at >= len(head(1, length, chunked)))
    if begun and not held:
        # The head went on: only its end can say that it is not whole.
        return "broken", code
    return ("504" if kind == "stall" else "502"), code


class Upstream:
    """Reads frames strictly enough to know where a request ends, and does what its path says."""

    def __init__(self, own):
        # `own` gives the body of the answer to a call. A call that something was done with must not come again.
        self.own, self.requests, self.wrong, self.done, self.refused = own, 0, collections.Counter(), set(), set()

    async def serve(self, reader, writer):
        try:
            await reader.readexactly(PREFACE)
            writer.write(frame(SETTINGS, 0, 0))
            paths, rests = {}, {}
            while await self.frame(reader, writer, paths, rests):
                pass
        except (OSError, EOFError, ValueError, IndexError):
            pass
        finally:
            writer.close()

    async def frame(self, reader, writer, paths, rests):
        """One frame; whether the connection goes on. `rests` are what is left of answers that stall."""
        first = await reader.readexactly(9)
        length, kind, flags = int.from_bytes(first[:3], "big"), first[3], first[4]
        stream = int.from_bytes(first[5:], "big")
        payload = await reader.readexactly(length)
        if kind in (SETTINGS, PING) and not flags & ACK:
            writer.write(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind == RST_STREAM:
            # The gateway gave it up, and whatever comes next must not be taken for the end of a frame that broke off.
            writer.write(rests.pop(stream, b""))
        elif kind == HEADERS:
            paths[stream] = path_of(payload)
            if "/early-" in paths[stream]:
                return await self.one(writer, stream, paths.pop(stream), rests)
        elif kind == DATA and payload:
            # What is not read of a stream that was answered early holds up no other.
            for of in (0, stream) if stream in paths else (0,):
                writer.write(frame(WINDOW_UPDATE, 0, of, struct.pack(">I", length)))
        if kind in (HEADERS, DATA) and flags & END_STREAM and stream in paths:
            return await self.one(writer, stream, paths.pop(stream), rests)
        return True

    def does(self, number):
        """Something is done with the call."""
        if number in self.done:
            self.wrong["a call that was done twice"] += 1
        self.done.add(number)

    async def one(self, writer, stream, path, rests):
        self.requests += 1
        found = NAMES.fullmatch(path)
        if not found:
            self.wrong["a request that was never sent"] += 1
            return False
        kind, at, chunked, number = found[1], int(found[2]), found[3] == "1", int(found[4])
        body = self.own(number)
        answer, first = whole(stream, body, chunked), head(stream, len(body), chunked)
        # The last stream before this one: those of a client have odd numbers.
        before = max(stream - 2, 0)
        if kind in ("goaway", "refused", "goaways", "refuses"):
            always = kind.endswith("s")
            if always or number not in self.refused:
                self.refused.add(number)
                if kind.startswith("goaway"):
                    return await self.part(writer, frame(GOAWAY, 0, 0, struct.pack(">II", before, at) + b"bye"))
                return await self.part(writer, frame(RST_STREAM, 0, stream, struct.pack(">I", REFUSED_STREAM)))
            self.does(number)
            return await self.part(writer, answer)
        if kind not in BROKEN_OFF and kind != "gonebroken":
            self.does(number)
        parts = {
            "good": lambda: answer, "rsthead": lambda: frame(RST_STREAM, 0, stream, struct.pack(">I", at)),
            "rstbody": lambda: first + frame(DATA, 0, stream, body[:7]) + frame(RST_STREAM, 0, stream, struct.pack(">I", at)),
            "goneafter": lambda: frame(GOAWAY, 0, 0, struct.pack(">II", stream, at)) + answer,
            "gonebroken": lambda: frame(GOAWAY, 0, 0, struct.pack(">II", stream, at)),
            "early": lambda: answer + frame(RST_STREAM, 0, stream, struct.pack(">I", NO_ERROR)),
            "more": lambda: answer + frame(DATA, END_STREAM, stream, b"x" * at),
            "interim": lambda: frame(HEADERS, END_HEADERS, stream, STATUS_103 + field(LINK, b"</x>")) * at + answer,
            "garbage": lambda: GARBAGE[at](stream),
        }
        if kind in parts:
            await self.part(writer, parts[kind]())
            return kind != "gonebroken"
        await self.part(writer, answer[:at])
        if kind == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        rests[stream] = answer[at:]
        return kind == "stall"

    @staticmethod
    async def part(writer, data):
        # Sent before anything else happens to the connection.
        writer.write(data)
        await writer.drain()
        return True
