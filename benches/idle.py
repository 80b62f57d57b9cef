"""Memory of a keep-alive connection that waits: what a proxy's resident memory grows by, for each of many that made one call.

The proxy is started anew, and has had as many connections as a small site before it is looked at, so that what it
allocates once is not counted.
"""
import collections
import contextlib
import socket
import ssl
import time

import proxies as peers

REQUEST = b"GET /orders/ord_000001 HTTP/1.1\r\nHost: localhost\r\n\r\n"
BEFORE = 200
# All give back what they give back within this, in seconds.
SETTLE = 4
# Kind, whether with TLS, KiB at most for ours.
Kind = collections.namedtuple("Kind", "name tls most")
# The certificate is the benchmark's own.
TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TLS.check_hostname, TLS.verify_mode = False, ssl.CERT_NONE
KINDS = [Kind("plain", False, 4.0), Kind("tls", True, 20.0)]


def call(stream):
    """One call and all of its answer."""
    stream.sendall(REQUEST)
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(stream)
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"not every call passed: {head[:80]!r}")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        body += receive(stream)


def receive(stream):
    piece = stream.recv(4096)
    if not piece:
        raise RuntimeError("a connection was closed before its answer")
    return piece


def connect(proxy, tls):
    stream = socket.create_connection(("127.0.0.1", proxy.tls if tls else proxy.plain), timeout=10)
    # Else the request waits for the other end to acknowledge the end of the handshake, which it puts off.
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if tls:
        stream = TLS.wrap_socket(stream, server_hostname="localhost")
    call(stream)
    return stream


def measure(proxy, count, tls):
    """KiB for each of `count` connections; all of them have to serve on."""
    proxy.stop()
    proxy.start()
    try:
        return grown(proxy, count, tls)
    except (OSError, RuntimeError) as error:
        raise RuntimeError(f"idle: {proxy.name}, {'tls' if tls else 'plain'}: {error}") from error
    finally:
        proxy.stop()


def grown(proxy, count, tls):
    """What `measure` measures, of a proxy that runs."""
    with contextlib.ExitStack() as open_:
        enter = lambda: open_.enter_context(connect(proxy, tls))
        streams = [enter() for _ in range(BEFORE)]
        time.sleep(SETTLE)
        before = proxy.resident_kib()
        streams += [enter() for _ in range(count)]
        time.sleep(SETTLE)
        grown = proxy.resident_kib() - before
        for stream in streams[::max(1, count // 100)]:
            call(stream)
        return round(grown / count, 2)


def run(proxies, count, say):
    """What each of the proxies needs, by kind."""
    peers.many_files()
    shown = []
    for kind in KINDS:
        say(f"{count} idle connections, {kind.name}")
        figures = {proxy.name: measure(proxy, count, kind.tls) for proxy in proxies}
        ours = figures.get("yett")
        shown.append({"kind": kind.name, "connections": count, "kib": figures, "at_most": kind.most,
                      "met": None if ours is None else ours <= kind.most})
    return shown


def table(shown):
    lines = []
    for kind in shown:
        verdict = {None: "", True: ": met", False: ": MISSED"}[kind["met"]]
        lines.append(f"\nidle keep-alive connection, {kind['kind']}, KiB each of {kind['connections']}"
                     f"   (Yett at most {kind['at_most']:g}{verdict})")
        lines += [f"  {name:16} {kib:8.2f}" for name, kib in kind["kib"].items()]
    return lines
