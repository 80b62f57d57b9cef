"""A client that signs its calls (PyPI `http-message-signatures`, RFC 9421), and somebody on the way who changes them.

    signer.py '{"keys": {ID: {"alg", "file"}}, "calls": [{"key", "method", "url", "body", "covered", "then", …}]}'

`file` holds a private key in PEM, or the secret of `hmac-sha256`. `then` is what becomes of the call after it was signed: `method`, `url`
or `body` with another value, `drop` a header field, `add` one, `twice` sends it once more. With `gzip` the body is compressed before it is
signed, with `chunked` it is sent in chunks. Prints one JSON line: [{"status", "code", "challenge", "accept", "again"}].
"""

import datetime
import gzip
import json
import secrets
import sys

import requests
from cryptography.hazmat.primitives import serialization
from http_message_signatures import HTTPMessageSigner, algorithms

PLAN = json.loads(sys.argv[1])
ALGORITHMS = {
    "ed25519": algorithms.ED25519,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "ecdsa-p384-sha384": algorithms.ECDSA_P384_SHA384,
    "rsa-pss-sha512": algorithms.RSA_PSS_SHA512,
    "rsa-v1_5-sha256": algorithms.RSA_V1_5_SHA256,
    "hmac-sha256": algorithms.HMAC_SHA256,
}
COVERED = ["@method", "@authority", "@path", "@query"]


def private(key):
    with open(key["file"], "rb") as file:
        data = file.read()
    return data if key["alg"] == "hmac-sha256" else serialization.load_pem_private_key(data, None)


class Key:
    """One key, whatever the signature calls it."""

    def __init__(self, name):
        self.key = private(PLAN["keys"][name])

    def resolve_private_key(self, key_id):
        return self.key

    def resolve_public_key(self, key_id):
        raise NotImplementedError(key_id)


def signed(call):
    body = call.get("body")
    data = None if body is None else body.encode()
    headers = dict(call.get("headers", {}))
    if data is not None:
        headers.setdefault("Content-Type", "application/json")
    if call.get("gzip"):
        data = gzip.compress(data)
        headers["Content-Encoding"] = "gzip"
    message = requests.Request(call.get("method", "GET"), call["url"], headers=headers, data=data).prepare()
    covered = call.get("covered", COVERED + [name.lower() for name in headers])
    key = call["key"]
    signer = HTTPMessageSigner(signature_algorithm=ALGORITHMS[PLAN["keys"][key]["alg"]], key_resolver=Key(key))
    created = datetime.datetime.now() + datetime.timedelta(seconds=call.get("age", 0))
    signer.sign(
        message,
        key_id=call.get("keyid", key),
        created=created,
        nonce=secrets.token_urlsafe(16),
        covered_component_ids=covered,
        include_alg=call.get("include_alg", True),
        body=data,
    )
    return message


def send(message):
    with requests.Session() as session:
        answer = session.send(message, allow_redirects=False, timeout=30)
    try:
        code = answer.json().get("code", "ok")
    except (ValueError, AttributeError):
        code = "ok"
    challenge, accept = answer.headers.get("www-authenticate"), answer.headers.get("accept-signature")
    return {"status": answer.status_code, "code": code, "challenge": challenge, "accept": accept}


def chunks(data):
    yield data[:3]
    yield data[3:]


def run(call):
    message, then = signed(call), call.get("then", {})
    message.method = then.get("method", message.method)
    message.url = then.get("url", message.url)
    if "body" in then:
        message.body = then["body"].encode()
        message.headers["Content-Length"] = str(len(message.body))
    for name in then.get("drop", []):
        message.headers.pop(name, None)
    message.headers.update(then.get("add", {}))
    if call.get("chunked"):
        message.headers.pop("Content-Length", None)
        message.headers["Transfer-Encoding"] = "chunked"
        message.body = chunks(message.body)
    ended = send(message)
    if then.get("twice"):
        ended["again"] = send(message)
    return ended


print(json.dumps([run(call) for call in PLAN["calls"]]))
