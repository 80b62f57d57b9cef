"""Signs many requests as PyPI's `http-message-signatures` does, without sending them.

    signed.py COUNT SEED

Prints a line for each: algorithm, key (PEM of the public key with `|` for line ends, or the secret in hexadecimal), method, scheme, authority,
path and query, the fields (`name:value`, in hexadecimal, by commas), and the signature base, in hexadecimal; by tabs.
"""

import datetime
import random
import secrets
import sys

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from http_message_signatures import HTTPMessageSigner, algorithms

COUNT, CHANCE = int(sys.argv[1]), random.Random(int(sys.argv[2]))
KEYS = [
    (algorithms.ED25519, ed25519.Ed25519PrivateKey.generate()),
    (algorithms.ECDSA_P256_SHA256, ec.generate_private_key(ec.SECP256R1())),
    (algorithms.ECDSA_P384_SHA384, ec.generate_private_key(ec.SECP384R1())),
    (algorithms.RSA_PSS_SHA512, rsa.generate_private_key(65537, 2048)),
    (algorithms.RSA_V1_5_SHA256, rsa.generate_private_key(65537, 2048)),
    (algorithms.HMAC_SHA256, secrets.token_bytes(32)),
]
DERIVED = ["@method", "@authority", "@path", "@query", "@target-uri", "@scheme", "@request-target"]
FIELDS = {
    "content-type": ["application/json", "text/plain; charset=utf-8"],
    "x-a": ["1", "two  words", "a, b", '"quoted"', "tab\tin it"],
    "cache-control": ["no-cache", "max-age=60,   must-revalidate"],
    "priority": ["u=1, i", "u=3,   i", "u=7"],
    "date": ["Tue, 20 Apr 2021 02:07:55 GMT"],
}
TARGETS = ["/", "/foo?param=Value&Pet=dog", "/a%2Fb/c?x=%20&y=+", "/v1/orders/7?", "/v1/%E2%82%AC?q=caf%C3%A9&b", "/a;b=c?d=e/f?g"]


class One:
    def __init__(self, key):
        self.key = key

    def resolve_private_key(self, key_id):
        return self.key

    def resolve_public_key(self, key_id):
        raise NotImplementedError(key_id)


def public(key):
    if isinstance(key, bytes):
        return key.hex()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode().replace("\n", "|")


def parameters(names):
    """Components as the library takes them: some fields in another form."""
    for name in names:
        if name == "priority" and CHANCE.random() < 0.5:
            yield CHANCE.choice(['"priority";sf', '"priority";key="u"'])
        elif not name.startswith("@") and CHANCE.random() < 0.3:
            yield f'"{name}";bs'
        else:
            yield name


def one():
    algorithm, key = CHANCE.choice(KEYS)
    scheme, authority = CHANCE.choice(["http", "https"]), CHANCE.choice(["example.com", "api.example.com:8443", "Example.COM"])
    target, method = CHANCE.choice(TARGETS), CHANCE.choice(["GET", "POST", "DELETE"])
    chosen = CHANCE.sample(sorted(FIELDS), CHANCE.randint(0, len(FIELDS)))
    headers = {name: CHANCE.choice(FIELDS[name]) for name in chosen}
    covered = CHANCE.sample(DERIVED, CHANCE.randint(1, len(DERIVED))) + chosen
    if "@target-uri" in covered:
        # The library takes the host as it is written there, and lower case in `@authority`; section 2.2.2 does not say.
        authority = authority.lower()
    message = requests.Request(method, f"{scheme}://{authority}{target}", headers=headers).prepare()
    message.url = f"{scheme}://{authority}{target}"
    CHANCE.shuffle(covered)
    body = CHANCE.choice([None, b"", b'{"hello": "world"}'])
    signer = HTTPMessageSigner(signature_algorithm=algorithm, key_resolver=One(key))
    more = {"created": datetime.datetime.now(), "nonce": secrets.token_urlsafe(8), "key_id": "k"}
    more |= {"include_alg": CHANCE.random() < 0.5, "covered_component_ids": list(parameters(covered)), "body": body}
    prepared = signer.prepare(message, **more)
    signature = signer.signature_algorithm(private_key=key).sign(prepared.signature_base)
    signer.apply(message, prepared, signature)
    fields = ",".join(f"{name.lower()}:{value}".encode().hex() for name, value in message.headers.items())
    base = prepared.signature_base
    base = base if isinstance(base, bytes) else base.encode()
    print(algorithm.algorithm_id, public(key), method, scheme, authority, target, fields, base.hex(), sep="\t")


for _ in range(COUNT):
    one()
