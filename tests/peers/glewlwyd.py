#!/usr/bin/env python3
"""Debian's glewlwyd, an OpenID provider of another make than `oidc-provider`, as external issuer: a process of its own in a folder
of its own, with SQLite, on a port of 127.0.0.1, set up by its own API as an operator does it.

    glewlwyd.py FOLDER

`FOLDER` is empty, and whoever made it takes it away. Prints one JSON line: {"issuer", "issuers", "control", "audience", "elsewhere",
"clients", "token_endpoint", "introspection_endpoint", "revocation_endpoint"}. There are three issuers at one address: `es256`, which is
`issuer` and whose endpoints these are, `rs256`, and `brief`, whose tokens are good for three seconds.

Clients: `reader` and `clerk` have tokens of their own, `app` has those of the user alice, and `machine` proves itself by a certificate for
the DNS name `localhost`, which it puts into `x-client-certificate` as PEM on one line as a terminator of TLS would. A DPoP proof binds
the tokens of any. `resource` is whom a token is for (`audience` or `elsewhere`); without it that is the scope.

The control endpoint (a port of its own; JSON in, JSON out, POST):
  /user   {"scope", "issuer"}      what `app` gets when alice logs in and agrees (code flow, PKCE): access, ID and refresh token
  /rotate {"keep": true}           a new key signs from now on; the old ones stay published, or do not
  /mint   {"claims", "header"}     an access token for `reader`, with these claims and header, signed with the current key
It ends with whoever started it, and the server with it.
"""
import argparse
import base64
import ctypes
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.parse

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

# PR_SET_PDEATHSIG of Linux: what is started here ends with this.
DEATH_SIGNAL = 1
LIBRARIES = "/usr/lib/glewlwyd"
# Its tables, as its package sets up a database; the first user is in there.
TABLES = pathlib.Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
ADMIN = {"username": "admin", "password": "password"}
ALICE = {"username": "alice", "password": "secretofalice"}
# What it takes for the name of a service has to begin with `https://`.
AUDIENCE, ELSEWHERE = "https://orders.example.com", "https://billing.example.com"
CALLBACK = "http://127.0.0.1/callback"
SCOPES = ["orders:read", "orders:write"]
LIFETIMES = {"es256": 600, "rs256": 600, "brief": 3}
# It compares ids and secrets as they come, and clients encode them as forms do (RFC 6749 section 2.3.1): letters only.
CLIENTS = {
    "reader": {"scope": SCOPES[:1], "authorization_type": ["client_credentials"], "client_secret": "secretofreader"},
    "clerk": {"scope": SCOPES, "authorization_type": ["client_credentials"], "client_secret": "secretofclerk"},
    "machine": {
        "scope": SCOPES[:1],
        "authorization_type": ["client_credentials"],
        "token_endpoint_auth_method": ["tls_client_auth"],
        "tls_client_auth_san_dns": "localhost",
    },
    "app": {"scope": [], "authorization_type": ["code", "refresh_token"], "client_secret": "secretofapp"},
}
LOCK = threading.Lock()


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def new_key(name, number):
    """A private key and how it is written in a set."""
    if name == "rs256":
        private, algorithm = rsa.generate_private_key(65537, 2048), jwt.algorithms.RSAAlgorithm
    else:
        private, algorithm = ec.generate_private_key(ec.SECP256R1()), jwt.algorithms.ECAlgorithm
    alg = "RS256" if name == "rs256" else "ES256"
    written = {**json.loads(algorithm.to_jwk(private)), "kid": f"{name}-{number}", "alg": alg, "use": "sig"}
    # It shows a key set as it was given, and what signs does not verify.
    written.pop("key_ops", None)
    return private, written


class Client:
    """Somebody with cookies."""

    def __init__(self, port):
        self.port, self.cookie = port, None

    def ask(self, method, path, body=None, form=None, headers=()):
        headers, data = dict(headers), None
        if self.cookie:
            headers["cookie"] = self.cookie
        if body is not None:
            data, headers["content-type"] = json.dumps(body), "application/json"
        if form is not None:
            data, headers["content-type"] = urllib.parse.urlencode(form), "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"glewlwyd answered {answer.status} to {method} {path}: {text}")
        return answer, text

    def log_in(self, who):
        answer, _ = self.ask("POST", "/api/auth/", who)
        self.cookie = answer.headers["set-cookie"].split(";")[0]
        return self


def settings(name, base, keys):
    """Of an issuer; all that is not named is off."""
    kinds = ("code", "client", "refresh", "token", "password", "device")
    return {
        "iss": f"{base}/api/{name}",
        "jwks-private": json.dumps({"keys": keys}),
        "default-kid": keys[0]["kid"],
        "jwks-show": True,
        "access-token-duration": LIFETIMES[name],
        "refresh-token-duration": 3600,
        "code-duration": 60,
        "refresh-token-rolling": False,
        "allow-non-oidc": True,
        **{f"auth-type-{kind}-enabled": kind in kinds[:3] for kind in kinds},
        "subject-type": "public",
        "pkce-allowed": True,
        "pkce-required": True,
        "introspection-revocation-allowed": True,
        "introspection-revocation-allow-target-client": True,
        "oauth-dpop-allowed": True,
        "oauth-dpop-iat-duration": 60,
        "client-cert-source": "header",
        "client-cert-header-name": "x-client-certificate",
        "resource-allowed": True,
        "resource-scope": {},
        "resource-client-property": "resource",
    }


class Provider:
    def __init__(self, folder):
        self.folder = folder
        self.number = 1
        self.process, self.port = self.start()
        self.base = f"http://127.0.0.1:{self.port}"
        self.keys = {name: [new_key(name, self.number)] for name in LIFETIMES}
        self.admin = Client(self.port).log_in(ADMIN)
        for name in LIFETIMES:
            self.admin.ask("POST", "/api/mod/plugin", self.module(name))
        for name in SCOPES:
            scope = {"name": name, "display_name": name, "description": name, "password_required": True, "password_max_age": 0}
            self.admin.ask("POST", "/api/scope", {**scope, "scheme": {}})
        for name, more in CLIENTS.items():
            client = {
                "client_id": name, "name": name, "enabled": True, "confidential": True, "redirect_uri": [CALLBACK],
                "resource": [AUDIENCE, ELSEWHERE], "token_endpoint_auth_method": ["client_secret_basic"], **more,
            }
            self.admin.ask("POST", "/api/client", client)
        self.admin.ask("POST", "/api/user", {**ALICE, "name": "Alice", "scope": ["openid", *SCOPES], "enabled": True})
        self.alice = Client(self.port).log_in(ALICE)
        # That she agrees to it.
        self.alice.ask("PUT", "/api/auth/grant/app", {"scope": " ".join(["openid", *SCOPES])})

    def start(self):
        """It takes no port 0, so another one is tried when somebody was quicker."""
        program = shutil.which("glewlwyd")
        if not program or not TABLES.exists():
            raise SystemExit("glewlwyd is not there: run `tests/peers/setup debian`")
        database = sqlite3.connect(self.folder / "database")
        database.executescript(TABLES.read_text())
        database.close()
        # It has no need to be root.
        as_root = os.getuid() == 0
        if as_root:
            for path in (self.folder, self.folder / "database"):
                shutil.chown(path, "nobody", "nogroup")
        other = {"user": "nobody", "group": "nogroup", "extra_groups": []} if as_root else {}
        for _ in range(5):
            port = free_port()
            (self.folder / "glewlwyd.conf").write_text(self.configuration(port))
            with open(self.folder / "log", "wb") as log:
                process = subprocess.Popen(
                    [program, "--config-file", self.folder / "glewlwyd.conf"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    preexec_fn=lambda: ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL), **other)
            if listens(process, port):
                return process, port
            process.kill()
            process.wait()
        raise SystemExit("glewlwyd does not start: " + (self.folder / "log").read_text())

    def configuration(self, port):
        # Each kind has a folder; of one there are no modules, and it asks for that folder all the same.
        modules = {"user": "user", "user_middleware": "none", "client": "client", "user_auth_scheme": "scheme", "plugin": "plugin"}
        return f"""port={port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{port}"
api_prefix="api"
login_url="login.html"
log_mode="console"
log_level="WARNING"
cookie_domain="127.0.0.1"
cookie_secure=0
session_key="session"
admin_scope="g_admin"
profile_scope="g_profile"
hash_algorithm="SHA512"
database = {{ type = "sqlite3"; path = "{self.folder}/database"; }};
""" + "".join(f'{name}_module_path="{LIBRARIES}/{folder}"\n' for name, folder in modules.items())

    def module(self, name):
        """An issuer, as the API takes it."""
        parameters = settings(name, self.base, [written for _, written in self.keys[name]])
        return {"module": "oidc", "name": name, "display_name": name, "enabled": True, "parameters": parameters}

    def about(self, control):
        issuer = f"{self.base}/api/es256"
        clients = {name: {"secret": more.get("client_secret"), "scopes": more["scope"]} for name, more in CLIENTS.items()}
        return {
            "issuer": issuer, "issuers": {name: f"{self.base}/api/{name}" for name in LIFETIMES}, "control": control,
            "audience": AUDIENCE, "elsewhere": ELSEWHERE, "clients": clients, "token_endpoint": f"{issuer}/token",
            "introspection_endpoint": f"{issuer}/introspect", "revocation_endpoint": f"{issuer}/revoke",
        }

    def user(self, wanted):
        """As a browser, and then as the application that sent it there."""
        issuer, verifier = wanted.get("issuer", "es256"), secrets.token_urlsafe(48)
        question = urllib.parse.urlencode({
            "response_type": "code", "client_id": "app", "redirect_uri": CALLBACK, "scope": wanted.get("scope", "openid orders:read"),
            "nonce": secrets.token_urlsafe(16), "resource": AUDIENCE, "code_challenge_method": "S256",
            "code_challenge": base64url(hashlib.sha256(verifier.encode()).digest()), "g_continue": "",
        })
        answer, _ = self.alice.ask("GET", f"/api/{issuer}/auth?{question}")
        where = urllib.parse.urlparse(answer.headers["location"])
        code = urllib.parse.parse_qs(where.query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier}
        basic = base64.b64encode(f"app:{CLIENTS['app']['client_secret']}".encode()).decode()
        _, text = Client(self.port).ask("POST", f"/api/{issuer}/token", form=form, headers={"authorization": f"Basic {basic}"})
        return json.loads(text)

    def rotate(self, wanted):
        self.number += 1
        old = self.keys["es256"] if wanted.get("keep") else []
        self.keys["es256"] = [new_key("es256", self.number), *old]
        self.admin.ask("PUT", "/api/mod/plugin/es256", self.module("es256"))
        self.admin.ask("PUT", "/api/mod/plugin/es256/reset")
        return {"kids": [written["kid"] for _, written in self.keys["es256"]]}

    def mint(self, wanted):
        private, written = self.keys["es256"][0]
        now = int(time.time())
        claims = {
            "iss": f"{self.base}/api/es256", "aud": AUDIENCE, "client_id": "reader", "sub": "reader", "iat": now, "nbf": now,
            "exp": now + 600, "jti": secrets.token_urlsafe(24), "type": "access_token", "scope": "orders:read", **wanted.get("claims", {}),
        }
        header = {"typ": "at+jwt", "kid": written["kid"], **wanted.get("header", {})}
        return {"access_token": jwt.encode(claims, private, "ES256", headers=header)}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def listens(process, port):
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process.poll() is None
        except OSError:
            try:
                process.wait(0.05)
                return False
            except subprocess.TimeoutExpired:
                pass
    return False


def control(provider):
    actions = {"/user": provider.user, "/rotate": provider.rotate, "/mint": provider.mint}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            try:
                with LOCK:
                    status, answer = 200, actions[self.path](json.loads(body or b"{}"))
            except Exception as error:  # whatever it is, who asked is told
                status, answer = 400, {"error": repr(error)}
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def main():
    parser = argparse.ArgumentParser(description="an identity provider for tests")
    parser.add_argument("folder", type=pathlib.Path, help="where it keeps all that it has")
    provider = Provider(parser.parse_args().folder)
    try:
        print(json.dumps(provider.about(control(provider))), flush=True)
        # Ends with whoever started it.
        sys.stdin.read()
    finally:
        provider.process.kill()
        provider.process.wait()


if __name__ == "__main__":
    main()
