"""What the calls of a benchmark are made of: keys, tokens, a body of 1 KiB, request files for `load`.

Everything is made anew for each run; the tokens of one run are worth nothing after it.
"""
import base64
import bisect
import datetime
import itertools
import json
import random
import struct
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

ISSUER = "https://issuer.bench.example"
AUDIENCE = "orders"
HOST = "bench.example"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Signer:
    """An RS256 key of 2048 bits."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def jwks(self):
        numbers = self.key.public_key().public_numbers()
        whole = lambda number: base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))
        key = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "bench-1", "n": whole(numbers.n), "e": whole(numbers.e)}
        return json.dumps({"keys": [key]})

    def token(self, number, scope="orders:read orders:write"):
        """A token of the subject `number`, of the size that providers issue (about 0.8 KiB)."""
        now = int(time.time())
        claims = {
            "iss": ISSUER, "sub": f"subject-{number:06}", "aud": AUDIENCE, "client_id": "bench-application",
            "scope": scope, "iat": now, "nbf": now - 5, "exp": now + 4 * 3600,
            "jti": f"{random.getrandbits(128):032x}",
        }
        part = lambda value: base64url(json.dumps(value, separators=(",", ":")).encode())
        signed = f"{part({'alg': 'RS256', 'typ': 'at+jwt', 'kid': 'bench-1'})}.{part(claims)}"
        signature = self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{base64url(signature)}"


def certificates(directory):
    """Writes cert.pem and key.pem (ECDSA P-256), rsa-cert.pem and rsa-key.pem (RSA 2048), self-signed, for the TLS rows."""
    certificate(directory, "", ec.generate_private_key(ec.SECP256R1()))
    certificate(directory, "rsa-", rsa.generate_private_key(public_exponent=65537, key_size=2048))


def certificate(directory, prefix, key):
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start).not_valid_after(start + datetime.timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST), x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / f"{prefix}cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (directory / f"{prefix}key.pem").touch(mode=0o600)
    (directory / f"{prefix}key.pem").write_bytes(secret)


def order_body():
    """A valid order of exactly 1,024 bytes."""
    address = {"line1": "1 Castle Street", "city": "Edinburgh", "postal_code": "EH1 2ND", "country": "GB"}
    body = {
        "customer_id": "cus_000001",
        "lines": [
            {"product_id": f"prd_{number:06}", "quantity": number, "discount_percent": 2.5}
            for number in range(1, 9)
        ],
        "ship_to": address, "bill_to": {**address, "line2": "Gate"}, "note": "",
    }
    text = json.dumps(body, separators=(",", ":"))
    body["note"] = "n" * (1024 - len(text))
    return json.dumps(body, separators=(",", ":")).encode()


def get(path):
    return f"GET {path} HTTP/1.1\r\nhost: {HOST}\r\nuser-agent: load\r\naccept: */*\r\n\r\n".encode()


def post(path, body, token=None):
    head = f"POST {path} HTTP/1.1\r\nhost: {HOST}\r\nuser-agent: load\r\naccept: */*\r\n"
    head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    head += "idempotency-key: 5f1d9a5e-8f0c-4f7e-9a4e-0d8a5b1c2d3e\r\n"
    if token:
        head += f"authorization: Bearer {token}\r\n"
    return head.encode() + b"\r\n" + body


WORDS = ["books", "garden", "kitchen", "travel", "history", "music", "science", "St James's Square", "2026-11-25", "note"]


def browser_get(number):
    """A GET as a browser sends it, with other values in every one."""
    word = lambda at: urllib.parse.quote_plus(WORDS[(number * 7 + at) % len(WORDS)])
    fields = {
        "host": HOST,
        "user-agent": f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.{number}.0 Safari/537.36",
        "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "accept-language": "en-US,en;q=0.5", "accept-encoding": "gzip, deflate, br",
        "cookie": f"session={number * 0x9E3779B97F4A7C15 % 2**64:016x}; theme=dark; lang=en",
        "sec-fetch-dest": "document", "sec-fetch-mode": "navigate", "sec-fetch-site": "same-origin",
        "referer": f"https://{HOST}/catalog/{word(3)}/{number + 1}",
    }
    head = f"GET /catalog/{number}?page={number % 40}&sort=price&category={word(0)}&q={word(1)}+{number} HTTP/1.1\r\n"
    return (head + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n").encode()


def values_body(number):
    """1 KiB of JSON with 48 values, others in every one."""
    values = {f"f{at}": f"{WORDS[(number + at) % len(WORDS)]} {number * 48 + at}" for at in range(47)}
    text = json.dumps(values, separators=(",", ":"))
    values["f47"] = "n" * max(0, 1024 - len(text) - len(',"f47":""'))
    return json.dumps(values, separators=(",", ":")).encode()


def write_requests(path, requests):
    with open(path, "wb") as file:
        for request in requests:
            file.write(struct.pack("<I", len(request)) + request)


def write_zipf(path, many, draws, exponent=1.0, seed=7):
    """Indexes below `many` with P(k) ~ 1/k^exponent."""
    rng = random.Random(seed)
    sums = list(itertools.accumulate(1 / rank**exponent for rank in range(1, many + 1)))
    picks = [bisect.bisect_left(sums, rng.random() * sums[-1]) for _ in range(draws)]
    with open(path, "wb") as file:
        file.write(struct.pack(f"<{draws}I", *(min(pick, many - 1) for pick in picks)))
