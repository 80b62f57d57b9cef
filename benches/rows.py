"""What is measured: the rows, how each is sent, and what is promised of it."""
import collections

# Calls in clear text as fast as they are answered, over TLS, over HTTP/2 and TLS.
PLAIN, TLS, TWO = "plain", "tls", "two"
# Streams that are open at one time on a connection of HTTP/2.
STREAMS = 4
# Handshakes alone, by key exchange, at the listener of this name.
Handshakes = collections.namedtuple("Handshakes", "group listener")
# An open loop: calls in clear text that come at times of their own, so many a second as this part of what nginx can take, for so many
# times the length of a measurement.
Open = collections.namedtuple("Open", "part times", defaults=[1])

# What is compared: CPU time per call, or how long the hundredth part of the calls takes at least (the median of windows of 250 ms).
CPU, P99 = "cpu_us_per_call", "p99_us"

# Name, title, request file and order of it, how it is sent, whether its proxies start anew, proxies, and what is promised as
# (ours, theirs, at most).
Row = collections.namedtuple("Row", "name title requests order how fresh subjects targets figure", defaults=[CPU])

ROWS = [
    Row("get", "plain GET", "get", None, PLAIN, False, ["yett", "nginx", "envoy"],
        [("yett", "nginx", 1.20), ("yett", "envoy", 0.50)]),
    Row("post", "plain POST, 1 KiB", "post", None, PLAIN, False, ["yett", "nginx", "envoy"],
        [("yett", "nginx", 1.20), ("yett", "envoy", 0.50)]),
    Row("tls", "TLS keep-alive GET", "get", None, TLS, False, ["yett", "nginx", "envoy"],
        [("yett", "nginx", 0.90)]),
    Row("telemetry", "plain GET with all that is told of a call, over the same with nothing told", "get", None, PLAIN, False,
        ["yett-told", "yett-told-all", "yett-silent"],
        [("yett-told", "yett-silent", 1.20), ("yett-told-all", "yett-silent", None)]),
    # What the detectors cost is promised in plain calls: 1.5 for a GET, 0.75 for a KiB of a body; the call itself comes to that.
    Row("inspected-get", "a browser's GET with `rules: builtin`, over the same without", "browser", None, PLAIN, False,
        ["yett-inspected", "yett"], [("yett-inspected", "yett", 2.50)]),
    Row("inspected-post", "POST of 1 KiB JSON, 48 values, with `rules: builtin`, over the same without", "values", None, PLAIN, False,
        ["yett-inspected", "yett"], [("yett-inspected", "yett", 1.75)]),
    Row("two", "HTTP/2 GET, TLS, 4 streams a connection", "get", None, TWO, False, ["yett", "nginx", "envoy"],
        [("yett", "nginx", None), ("yett", "envoy", None)]),
    Row("jwt", "JWT + scopes + limits + validation, POST 1 KiB, Zipf", "zipf", "zipf-order", PLAIN, False,
        ["yett-jwt", "envoy", "envoy-jwt-cache"],
        [("yett-jwt", "envoy", 0.60), ("yett-jwt", "envoy-jwt-cache", 0.45)]),
    Row("cold", "the same, each token used once", "cold", None, PLAIN, True, ["yett-cold", "envoy-cold"],
        [("yett-cold", "envoy-cold", 0.45)]),
    Row("handshake", "full handshake, TLS 1.3, X25519, ECDSA P-256", None, None, Handshakes("x25519", "tls"), False,
        ["yett", "nginx", "envoy"], [("yett", "nginx", 0.65), ("yett", "envoy", None)]),
    Row("handshake-rsa", "full handshake, TLS 1.3, X25519, RSA 2048", None, None, Handshakes("x25519", "rsa"), False,
        ["yett", "nginx", "envoy"], [("yett", "nginx", 0.80), ("yett", "envoy", None)]),
    Row("handshake-pq", "full handshake, TLS 1.3, X25519MLKEM768, ECDSA P-256", None, None,
        Handshakes("x25519mlkem768", "tls"), False, ["yett"], []),
    Row("open", "plain GET at half of what nginx can take: p99 from when each call was due", "get", None, Open(1 / 2, 3), False,
        ["yett", "nginx", "envoy"], [("yett", "nginx", 1.25), ("yett", "envoy", None)], P99),
    Row("threads", "plain GET at a third of what nginx can take: two threads over one", "get", None, Open(1 / 3), False,
        ["yett", "yett-two", "nginx", "nginx-two"], [("yett-two", "yett", 1.25), ("nginx-two", "nginx", None)]),
]
