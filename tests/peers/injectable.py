#!/usr/bin/env python3
"""A service that can be injected into on purpose: what it is sent goes into its SQL as it came. For tests only.

    injectable.py --secret WORD --record calls.jsonl [--careless] [--listen 127.0.0.1:0]

Prints `injectable on http://127.0.0.1:PORT`. `/RUN/DIALECT/PLACE` looks an item up by what stands in PLACE: `query`, `path` (one more
segment), `form`, `json`, `multipart`, `xml`, `cookie` (all as `id`) and `header` (`X-Item`) take a number, `quoted` (of the query) a name that goes between
single quotes. It answers with the rows, or with the database's error. DIALECT is `sqlite`, or `mysql`, which is translated as
far as attacks need it. The table `secrets` holds the secret. RUN is any word; calls whose value is no plain one are recorded under
it, with whether the statement ran.

With --careless it undoes more encodings than there are: percent escapes once more, HTML character references, `\\u` escapes,
base64, overlong and full-width forms.
"""
import argparse
import base64
import binascii
import email.parser
import html
import http.server
import json
import re
import sqlite3
import sys
import threading
import unicodedata
import urllib.parse
import xml.etree.ElementTree

PLAIN = re.compile(r"[\w .,-]*")
# A plain value, and a comment after it with nothing behind.
CUT = re.compile(r"[\w .,]*['\")]*\s*(--|#|/\*)[^\n]*")
STATEMENTS = {"quoted": "SELECT name, price FROM items WHERE name = '%s'"}
STATEMENT = "SELECT name, price FROM items WHERE id = %s"


def narrowed(value):
    """Overlong UTF-8 as the ASCII that a careless decoder makes of it."""
    def one(found):
        first, second = found[0]
        return bytes([(first & 3) << 6 & 0x7F | second & 0x3F])
    return re.sub(rb"[\xc0\xc1][\x80-\xbf]", one, value)


def carelessly(raw):
    """A value as a service gets it that undoes every encoding which it may be in: bytes to text."""
    value = urllib.parse.unquote_to_bytes(re.sub(rb"%u00([0-9a-fA-F]{2})", rb"%\1", raw)) if b"%" in raw else raw
    text = narrowed(urllib.parse.unquote_to_bytes(value)).decode("utf-8", "replace")
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), html.unescape(text))
    text = re.sub("[\uff01-\uff5e]", lambda found: unicodedata.normalize("NFKC", found[0]), text).replace("\0", "")
    try:
        undone = base64.b64decode(text, validate=True).decode("ascii") if len(text) >= 8 else text
        return undone if undone.isprintable() else text
    except (binascii.Error, ValueError):
        return text


TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.)*"|`[^`]*`|/\*!\d*|/\*.*?\*/|\*/|#[^\n]*|--(?=\s|$)[^\n]*|0x[0-9a-f]+"""
    r"""|(?:\d+\.?\d*|\.\d+)(?:e\d+)?|[\w$@]+|&&|\|\||\{x\s*([^}]*)\}|[\s\xa0]+|.""", re.I | re.S)
WORDS = {"rlike": "regexp", "isnull": "is_null", "left": "left_", "right": "right_", "binary": "", "row": "", "if": "iif",
         "&&": " and ", "||": " or ", "*/": " ", "div": "/", "xor": "<>", "@@version": "version()",
         "json_arrayagg": "json_group_array"}


def translated(sql):
    """What MySQL makes of a statement, in SQLite's words, as far as attacks need it."""
    out = []
    for found in TOKEN.finditer(sql):
        token = found[0]
        low = token.lower()
        if low.startswith("/*") or low.startswith("#") or low.startswith("--") or not token.strip("\xa0 \t\r\n\v\f"):
            out.append(" ")
        elif low.startswith("0x"):
            digits = token[2:]
            text = bytes.fromhex(digits).decode("latin-1") if len(digits) % 2 == 0 else ""
            out.append("'" + text.replace("'", "''") + "'")
        elif found[1] is not None:
            out.append("(" + found[1].replace("!", "not ") + ")")
        elif token[0] in "'\"" and len(token) > 1:
            inside = token[1:-1].replace(token[0] * 2, token[0])
            out.append("'" + re.sub(r"\\(.)", r"\1", inside).replace("'", "''") + "'")
        elif re.match(r"\.?\d", token):
            out.append(token + " ")
        else:
            out.append(WORDS.get(low, "1" if low.startswith("@@") else token))
    text = "".join(out)
    text = re.sub(r"(?i)\bfrom\s+dual\b|\busing\s+\w+|\bcollate\s+utf8\w*|\bcharacter\s+set\s+\w+", " ", text)
    text = re.sub(r"(?i)\bfrom\s+(\d+)\s+for\s+(\d+)", r",\1,\2", text)
    return re.sub(r"(?i)\bunion(\s+all)?\s+table\s+(\w+)", r"union \1 select * from \2", text)


def text_of(value):
    return "" if value is None else str(value)


def joined(*values):
    return None if None in values else "".join(map(str, values))


def functions(base):
    """The functions of MySQL that attacks call."""
    def define(name, function, count=-1):
        base.create_function(name, count, function)
    define("concat", joined)
    define("concat_ws", lambda sign, *rest: text_of(sign).join(str(one) for one in rest if one is not None))
    define("mid", lambda text, start, count=None: text_of(text)[int(start) - 1:][:None if count is None else int(count)])
    define("substring", lambda text, start, count=None: text_of(text)[int(start) - 1:][:None if count is None else int(count)])
    define("ord", lambda text: ord(text_of(text)[0]) if text_of(text) else 0, 1)
    define("ascii", lambda text: ord(text_of(text)[0]) if text_of(text) else 0, 1)
    define("left_", lambda text, count: text_of(text)[:int(count)], 2)
    define("right_", lambda text, count: text_of(text)[-int(count):] if int(count) else "", 2)
    define("is_null", lambda value: value is None, 1)
    define("greatest", lambda *values: None if None in values else max(values))
    define("least", lambda *values: None if None in values else min(values))
    define("sign", lambda value: (value > 0) - (value < 0), 1)
    define("regexp", lambda pattern, value: re.search(str(pattern), text_of(value)) is not None, 2)
    define("convert", lambda value, *_: value)
    define("quarter", lambda date: date, 1)
    for name, value in [("database", "main"), ("schema", "main"), ("version", "8.0.36"), ("user", "app@localhost"),
                        ("current_user", "app@localhost"), ("connection_id", 7), ("sleep", 0)]:
        define(name, lambda *_, value=value: value)


class Items:
    def __init__(self, secret, record, careless):
        self.read = carelessly if careless else lambda raw: raw.decode("utf-8", "replace")
        self.base = sqlite3.connect(":memory:", check_same_thread=False)
        self.base.executescript("""
            CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price INTEGER);
            INSERT INTO items VALUES (1, 'lamp', 20), (2, 'chair', 45), (3, 'table', 120);
            CREATE TABLE secrets (motto TEXT);""")
        self.base.execute("INSERT INTO secrets VALUES (?)", (secret,))
        functions(self.base)
        self.lock, self.record = threading.Lock(), open(record, "a", encoding="utf-8")

    def look_up(self, run, dialect, place, raw):
        """(status, answer)."""
        value = self.read(raw)
        sql = STATEMENTS.get(place, STATEMENT) % value
        error, rows = None, []
        with self.lock:
            try:
                rows = self.base.execute(translated(sql) if dialect == "mysql" else sql).fetchmany(50)
            except (sqlite3.Error, sqlite3.Warning, ValueError, UnicodeError) as found:
                error = str(found)
            if not PLAIN.fullmatch(value):
                line = {"run": run, "place": place, "value": value, "ran": error is None,
                        "cut": CUT.fullmatch(value) is not None}
                self.record.write(json.dumps(line) + "\n")
                self.record.flush()
        if error:
            return 500, f"<p>The database said: {html.escape(error)}</p>"
        items = "".join(f"<li>{html.escape(text_of(name))}: {html.escape(text_of(price))}</li>" for name, price in rows)
        return 200, f"<h1>Items</h1><ul>{items}</ul>"


def multipart(kind, body):
    whole = b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body
    for part in email.parser.BytesParser().parsebytes(whole).walk():
        if part.get_param("name", header="content-disposition") == "id":
            return part.get_payload(decode=True)
    return b""


def field(pairs):
    """`id` of a form or query, percent-decoded once."""
    for pair in pairs.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name in (b"id", b"name"):
            return urllib.parse.unquote_to_bytes(value.replace(b"+", b" "))
    return b""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    items = None

    def value(self, place, rest, query, body):
        """What stands in `place`, as bytes."""
        headers = self.headers
        if place in ("query", "quoted"):
            return field(query)
        if place == "path":
            return urllib.parse.unquote_to_bytes(rest)
        if place == "header":
            return headers.get("X-Item", "").encode("latin-1")
        if place == "cookie":
            for pair in headers.get("Cookie", "").split(";"):
                name, _, value = pair.strip().partition("=")
                if name == "id":
                    return urllib.parse.unquote_to_bytes(value)
            return b""
        if place == "form":
            return field(body)
        if place == "multipart":
            return multipart(headers.get("Content-Type", ""), body)
        if place == "xml":
            return (xml.etree.ElementTree.fromstring(body).findtext("id") or "").encode()
        value = json.loads(body)["id"]
        return str(value).encode()

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path, _, query = self.path.encode("latin-1").partition(b"?")
        try:
            run, dialect, place, *rest = path.decode("latin-1").strip("/").split("/", 3)
            value = self.value(place, "".join(rest), query, body)
            status, text = self.items.look_up(run, dialect, place, value)
        except (ValueError, KeyError, TypeError, xml.etree.ElementTree.ParseError) as error:
            status, text = 400, f"<p>{html.escape(type(error).__name__)}</p>"
        answer = f"<!doctype html><html><body>{text}</body></html>\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--record", required=True)
    parser.add_argument("--careless", action="store_true")
    parser.add_argument("--listen", default="127.0.0.1:0")
    flags = parser.parse_args()
    host, _, port = flags.listen.rpartition(":")
    Handler.items = Items(flags.secret, flags.record, flags.careless)
    http.server.ThreadingHTTPServer.request_queue_size = 64
    server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
    print(f"injectable on http://{host}:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    sys.exit(main())
