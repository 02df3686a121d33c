"""An identity provider of somebody else's, which lies on demand.

It keeps to OpenID Connect Core 1.0 until a test says otherwise: `claims`, `header`, `metadata` and
`answer` override what it says; `sign` replaces how it signs.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import secrets
import ssl
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwk, jws
from joserfc.jwk import Key

CLIENT = "yilian-portal"
SECRET = "a secret & with + and %41"
KINDS = {"RS256": ("RSA", 2048), "PS256": ("RSA", 2048), "ES256": ("EC", "P-256")}


def key_of(algorithm: str, kid: str, size: Any = None) -> Key:
    """Make a signing key."""
    kind, usual = KINDS.get(algorithm, ("OKP", "Ed25519"))
    return jwk.generate_key(kind, size or usual, {"kid": kid, "use": "sig"})  # type: ignore[call-overload,no-any-return]


def base64url(data: bytes) -> str:
    """Write bytes as JOSE does."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(key: Key, header: dict[str, Any], claims: Any) -> str:
    """Sign claims, whatever they are."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    registry = jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
    return jws.serialize_compact(header, payload, key, registry=registry)


class Issuer:
    """The provider, served at loopback."""

    def __init__(self, algorithm: str = "ES256", tls: ssl.SSLContext | None = None) -> None:
        self.algorithm = algorithm
        self.key = key_of(algorithm, "k1")
        self.published = [self.key]
        self.user = "4711"
        self.truthful()
        self.asked: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner._get(self)

            def do_POST(self) -> None:
                owner._post(self)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return owner.date or super().date_time_string(timestamp)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        scheme = "http" if tls is None else "https"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._server.server_port}"
        serve = self._server.serve_forever
        threading.Thread(target=serve, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def truthful(self) -> None:
        """Lie no more."""
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.returned: dict[str, str] = {}
        self.answer: tuple[int, bytes] | None = None
        self.documents: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.sign: Callable[[dict[str, Any]], str] | None = None
        self.date: str | None = None

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    # -- what people do ------------------------------------------------------------------------

    def visit(self, address: str) -> dict[str, str]:
        """Sign somebody in who was sent here; gives what they are sent back with."""
        parts = urlsplit(address)
        asked = dict(parse_qsl(parts.query))
        assert parts.path == "/authorize"
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.url, **self.returned}
        return {name: value for name, value in back.items() if value}

    # -- what the node does --------------------------------------------------------------------

    def _get(self, request: http.server.BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        self.asked.append(path)
        found = self.documents.get(path)
        if found is None and path == "/.well-known/openid-configuration":
            found = (200, json.dumps({**self._described(), **self.metadata}).encode(), {})
        if found is None and path == "/jwks":
            keys = [each.as_dict(private=False) for each in self.published]
            found = (200, json.dumps({"keys": keys}).encode(), {})
        _send(request, *(found or (404, b"", {})))

    def _described(self) -> dict[str, Any]:
        return {
            "issuer": self.url,
            "authorization_endpoint": self.url + "/authorize",
            "token_endpoint": self.url + "/token",
            "jwks_uri": self.url + "/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self.algorithm],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        }

    def _post(self, request: http.server.BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        raw = request.rfile.read(int(request.headers["content-length"])).decode()
        form = {name: values[0] for name, values in parse_qs(raw).items()}
        self.forms.append(form)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        if self.answer is not None:
            _send(request, *self.answer)
            return
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if asked is None or base64url(digest) != asked["code_challenge"]:
            _send(request, 400, b'{"error": "invalid_grant"}')
            return
        answer = {
            "access_token": secrets.token_urlsafe(16),
            "token_type": "Bearer",
            "id_token": self.token(asked["nonce"]),
        }
        _send(request, 200, json.dumps(answer).encode())

    def token(self, nonce: str) -> str:
        """Make an ID token."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": self.user,
            "aud": CLIENT,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            **self.claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.sign is not None:
            return self.sign(claims)
        header = {"alg": self.algorithm, "kid": self.key.kid, "typ": "JWT", **self.header}
        return signed(self.key, header, claims)


def _send(
    request: http.server.BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
) -> None:
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@contextmanager
def issuer(algorithm: str = "ES256", tls: ssl.SSLContext | None = None) -> Iterator[Issuer]:
    """Serve a provider for a while."""
    made = Issuer(algorithm, tls)
    try:
        yield made
    finally:
        made.close()


def configured(at: str, **told: Any) -> dict[str, Any]:
    """Describe a provider as `node.json` does."""
    made = {
        "name": "hospital",
        "title": {"en": "Cloud Creek Hospital", "zh-CN": "云溪医院"},
        "issuer": at,
        "client": CLIENT,
        "secret_file": "outside.secret",
        "networks": ["127.0.0.0/8", "::1/128"],
        **told,
    }
    return {name: value for name, value in made.items() if value is not None}
