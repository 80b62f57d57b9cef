"""A service that takes signed calls only: what PyPI's `http-message-signatures` (RFC 9421, RFC 9530) makes of calls as they came.

    verified.py '{"keys": {ID: {"alg", "file"}}, "calls": [{"key", "method", "url", "fields", "body", "tag", "require"}]}'

`file` holds a public key in PEM, or the secret of `hmac-sha256`; `fields` are pairs of name and value, `body` is in hexadecimal, `require` are
components that have to be covered. Prints one JSON line: [{"good", "why", "label", "covered", "parameters"}].
"""

import datetime
import json
import sys

from cryptography.hazmat.primitives import serialization
from http_message_signatures import HTTPMessageVerifier, algorithms
from http_message_signatures.exceptions import HTTPMessageSignaturesException

PLAN = json.loads(sys.stdin.read() if sys.argv[1] == "-" else sys.argv[1])
ALGORITHMS = {
    "ed25519": algorithms.ED25519,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "ecdsa-p384-sha384": algorithms.ECDSA_P384_SHA384,
    "rsa-pss-sha512": algorithms.RSA_PSS_SHA512,
    "rsa-v1_5-sha256": algorithms.RSA_V1_5_SHA256,
    "hmac-sha256": algorithms.HMAC_SHA256,
}


class Keys:
    """The keys of the plan, by the name that signatures give them."""

    def resolve_private_key(self, key_id):
        raise NotImplementedError(key_id)

    def resolve_public_key(self, key_id):
        key = PLAN["keys"].get(key_id)
        if key is None:
            return None
        with open(key["file"], "rb") as file:
            data = file.read()
        return data if key["alg"] == "hmac-sha256" else serialization.load_pem_public_key(data)


class Fields:
    """Lines of a head, in their order."""

    def __init__(self, lines):
        self.lines = [(name, value) for name, value in lines]

    def items(self):
        return list(self.lines)

    def __iter__(self):
        return iter(name for name, _ in self.lines)


class Message:
    def __init__(self, call):
        self.method, self.url, self.headers = call["method"], call["url"], Fields(call["fields"])


def judge(call):
    verifier = HTTPMessageVerifier(signature_algorithm=ALGORITHMS[PLAN["keys"][call["key"]]["alg"]], key_resolver=Keys())
    try:
        results = verifier.verify(
            Message(call),
            max_age=datetime.timedelta(seconds=60),
            expect_tag=call.get("tag"),
            require_components=call.get("require", []),
            body=bytes.fromhex(call["body"]),
        )
    except HTTPMessageSignaturesException as why:
        return {"good": False, "why": str(why)}
    if len(results) != 1:
        return {"good": False, "why": f"{len(results)} signatures"}
    one = results[0]
    return {"good": True, "label": one.label, "covered": list(one.covered_components), "parameters": one.parameters}


print(json.dumps([judge(call) for call in PLAN["calls"]]))
