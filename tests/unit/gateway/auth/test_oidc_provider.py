"""A provider over a real connection: what it says of itself, its keys, and codes given up."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwk, jwt

from tests.unit.gateway.auth.oidc_issuer import CLIENT, SECRET, Issuer, configured, issuer, key_of
from tests.unit.gateway.notices.servers import certificate
from yilian.gateway.auth import oidc_provider
from yilian.gateway.auth.oidc_http import Away, Line
from yilian.gateway.auth.oidc_provider import MAX_DOCUMENT, MAX_KEY_SET, Asking, Provider
from yilian.gateway.auth.oidc_token import IdToken
from yilian.ledger.errors import Refusal
from yilian.node.config import ConfigurationError
from yilian.node.outside import Credentials, IdentityProvider

REDIRECT = "http://localhost:8420/en/outside"
ASKING = Asking("s" * 43, "a-nonce", "v" * 64, REDIRECT, "en")
DOCUMENT = "/.well-known/openid-configuration"


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Known:
    """A provider as a node knows it."""

    def __init__(self, at: Issuer, credentials: Credentials | None = None, **told: Any) -> None:
        self.at, self.clock = at, Clock()
        self.told = msgspec.convert(configured(at.url, **told), IdentityProvider)
        self.credentials = credentials or Credentials(SECRET, None)
        self.provider = Provider(self.told, lambda: self.credentials, clock=self.clock)

    def sign_in(self, asking: Asking = ASKING, **other: str) -> IdToken:
        """Go there, come back, and give the code up."""
        back = self.at.visit(asyncio.run(self.provider.address(asking)))
        now = time.time_ns() // 1_000_000
        return asyncio.run(self.provider.exchange(other.get("code", back["code"]), asking, now))

    def away(self) -> str:
        """Give the reason why the provider cannot be used."""
        with pytest.raises(Away) as caught:
            asyncio.run(self.provider.metadata())
        return caught.value.reason


@pytest.fixture
def at() -> Iterator[Issuer]:
    """Serve a provider."""
    with issuer() as served:
        yield served


def test_somebody_is_sent_there_with_all_that_is_needed(at: Issuer) -> None:
    at.metadata = {"authorization_endpoint": at.url + "/authorize?tenant=a&state=theirs"}
    known = Known(at, second_factor={"acr": ["urn:two", "urn:three"]}, max_age_minutes=5)
    address = urlsplit(asyncio.run(known.provider.address(ASKING)))
    asked = {name: value for name, (value,) in parse_qs(address.query).items()}
    assert asked.pop("code_challenge") not in ("", ASKING.verifier)
    assert asked == {
        "tenant": "a",
        "response_type": "code",
        "response_mode": "query",
        "client_id": CLIENT,
        "redirect_uri": REDIRECT,
        "scope": "openid",
        "state": ASKING.state,
        "nonce": ASKING.nonce,
        "code_challenge_method": "S256",
        "ui_locales": "en",
        "acr_values": "urn:two urn:three",
        "max_age": "300",
    }
    assert SECRET not in address.query
    assert ASKING.verifier not in address.query


def test_a_code_becomes_an_id_token_once(at: Issuer) -> None:
    known = Known(at)
    assert known.sign_in().sub == "4711"
    (form,), (headers,) = at.forms, at.headers
    assert form["redirect_uri"] == REDIRECT
    assert "client_secret" not in form
    assert headers["authorization"].startswith("Basic ")
    with pytest.raises(Refusal, match=r"outside.code_refused"):
        known.sign_in(code=form["code"])
    back = at.visit(asyncio.run(known.provider.address(ASKING)))
    other = ASKING._replace(verifier="w" * 64)
    with pytest.raises(Refusal, match=r"outside.code_refused"):
        asyncio.run(known.provider.exchange(back["code"], other, 0))


def test_what_it_says_of_itself_is_kept_for_an_hour(at: Issuer) -> None:
    known = Known(at)
    for _ in range(3):
        known.sign_in()
    assert at.asked.count(DOCUMENT) == at.asked.count("/jwks") == 1
    known.clock.now += oidc_provider.KEPT_SECONDS
    known.sign_in()
    assert at.asked.count(DOCUMENT) == at.asked.count("/jwks") == 2


# -- keys that change ----------------------------------------------------------------------------


def test_a_new_key_is_found_and_asked_for_at_most_twice_a_minute(at: Issuer) -> None:
    known = Known(at)
    known.sign_in()
    at.key = key_of("ES256", "k2")
    at.published = [at.key]
    with pytest.raises(Refusal, match=r"outside.token_refused"):
        known.sign_in()
    assert at.asked.count("/jwks") == 1
    known.clock.now += oidc_provider.AGAIN_SECONDS
    known.sign_in()
    assert at.asked.count("/jwks") == 2
    at.key = key_of("ES256", "k3")
    for _ in range(3):
        with pytest.raises(Refusal) as caught:
            known.sign_in()
        assert caught.value.parameters == {"check": "key"}
    assert at.asked.count("/jwks") == 2


def test_a_key_that_was_taken_back_signs_nobody_in(at: Issuer) -> None:
    known = Known(at)
    old = at.key
    at.key = key_of("ES256", "k2")
    at.published = [at.key]
    known.sign_in()
    at.key = old
    with pytest.raises(Refusal, match=r"outside.token_refused"):
        known.sign_in()


# -- a provider that is not as it must be --------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"issuer": "https://other.example"}, "issuer-differs"),
        ({"issuer": None}, "unreadable"),
        ({"token_endpoint": 1}, "unreadable"),
        ({"token_endpoint": "ftp://127.0.0.1/token"}, "address-refused"),
        ({"token_endpoint": "https://u:p@127.0.0.1/token"}, "address-refused"),
        ({"jwks_uri": "file:///etc/passwd"}, "address-refused"),
        ({"jwks_uri": "https://127.0.0.1:99999/"}, "address-refused"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "address-refused"),
        ({"authorization_endpoint": ""}, "address-refused"),
        ({"response_types_supported": ["id_token"]}, "no-code-flow"),
        ({"code_challenge_methods_supported": ["plain"]}, "no-pkce"),
        ({"id_token_signing_alg_values_supported": ["HS256", "none"]}, "no-algorithm"),
    ],
)
def test_what_cannot_be_used_is_refused(at: Issuer, said: dict[str, Any], reason: str) -> None:
    at.metadata = said
    assert Known(at).away() == reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"x" * (MAX_DOCUMENT + 1), "too-large"),
        (b"<html>", "unreadable"),
        (b"[]", "unreadable"),
        (b"[" * 30_000, "unreadable"),
        (b'{"a": "\xff"}', "unreadable"),
    ],
)
def test_documents_are_bounded_and_must_be_read(at: Issuer, body: bytes, reason: str) -> None:
    at.documents[DOCUMENT] = (200, body, {})
    assert Known(at).away() == reason


@pytest.mark.parametrize(
    ("path", "answer", "reason"),
    [
        (DOCUMENT, (302, b"", {"Location": "https://evil.example/"}), "redirected"),
        (DOCUMENT, (404, b"{}", {}), "status-404"),
        ("/jwks", (307, b"", {"Location": "/other"}), "redirected"),
        ("/jwks", (500, b"", {}), "status-500"),
        ("/jwks", (200, b'{"keys": [' + b'{"kty":"RSA"},' * 40_000, {}), "too-large"),
        ("/jwks", (200, b'{"keys": {}}', {}), "unreadable"),
        ("/jwks", (200, json.dumps({"keys": [{}] * 101}).encode(), {}), "unreadable"),
    ],
)
def test_no_redirect_is_followed_and_no_large_key_set_read(
    at: Issuer, path: str, answer: tuple[int, bytes, dict[str, str]], reason: str
) -> None:
    at.documents[path] = answer
    assert len(answer[1]) > MAX_KEY_SET or reason != "too-large"
    assert Known(at).away() == reason


def test_who_is_away_is_not_asked_again_at_once(at: Issuer) -> None:
    at.documents[DOCUMENT] = (500, b"", {})
    known = Known(at)
    for _ in range(3):
        assert known.away() == "status-500"
    assert at.asked == [DOCUMENT]
    del at.documents[DOCUMENT]
    known.clock.now += oidc_provider.AWAY_SECONDS
    asyncio.run(known.provider.metadata())


def test_networks_of_the_inside_are_closed_unless_named(at: Issuer) -> None:
    """What a provider names as its addresses opens no way into this network."""
    assert Known(at, networks=[]).away() == "address-refused"
    for inside in ("169.254.169.254", "10.0.0.1", "[fd00::1]", "192.168.1.1"):
        at.metadata = {"jwks_uri": f"https://{inside}/jwks"}
        assert Known(at).away() == "address-refused"
    at.metadata = {"token_endpoint": "https://10.0.0.1/token"}
    known = Known(at)
    with pytest.raises(Away) as caught:
        known.sign_in()
    assert caught.value.reason == "address-refused"


def test_https_is_the_rule(tmp_path: Path) -> None:
    """Under a certificate that is trusted by `ca_file` alone; its addresses are https as well."""
    pair = certificate(tmp_path)
    with issuer(tls=pair.server) as at:
        assert Known(at).away() == "unreachable"
        known = Known(at, ca_file=str(tmp_path / "server.pem"))
        assert known.sign_in().sub == "4711"
        at.metadata = {"token_endpoint": at.url.replace("https", "http") + "/token"}
        assert Known(at, ca_file=str(tmp_path / "server.pem")).away() == "address-refused"


@contextmanager
def silent() -> Iterator[str]:
    """Serve somebody who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_who_says_nothing_is_not_waited_for(at: Issuer) -> None:
    with silent() as url:
        known = Known(at)
        told = replace_issuer(known.told, url)
        context = ssl.create_default_context()
        line = Line(told.networks, context, seconds=0.2)
        provider = Provider(told, lambda: known.credentials, line)
        with pytest.raises(Away) as caught:
            asyncio.run(provider.metadata())
        assert caught.value.reason == "timeout"
    known.told = told
    with pytest.raises(Away) as caught:
        asyncio.run(Provider(told, lambda: known.credentials).metadata())
    assert caught.value.reason == "unreachable"


def replace_issuer(told: IdentityProvider, url: str) -> IdentityProvider:
    """Give the same provider at another address."""
    return msgspec.structs.replace(told, issuer=url)


# -- how a node shows itself ---------------------------------------------------------------------


def test_the_secret_goes_where_the_provider_takes_it(at: Issuer) -> None:
    at.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    Known(at).sign_in()
    (form,), (headers,) = at.forms, at.headers
    assert (form["client_id"], form["client_secret"]) == (CLIENT, SECRET)
    assert "authorization" not in headers
    at.metadata, at.forms, at.headers = {}, [], []
    Known(at).sign_in()
    told = at.headers[0]["authorization"].removeprefix("Basic ")
    name, _, secret = base64.b64decode(told).decode().partition(":")
    assert (unquote(name), unquote(secret)) == (CLIENT, SECRET)


@pytest.mark.parametrize("kind", ["EC", "RSA", "OKP"])
def test_a_private_key_shows_who_asks(at: Issuer, kind: str) -> None:
    own: Any = {
        "EC": lambda: ec.generate_private_key(ec.SECP256R1()),
        "RSA": lambda: rsa.generate_private_key(65537, 2048),
        "OKP": ed25519.Ed25519PrivateKey.generate,
    }[kind]()
    pem = own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    Known(at, Credentials(None, pem), secret_file=None, key_file="own.pem").sign_in()
    (form,) = at.forms
    assert "client_secret" not in form
    public = jwk.import_key(pem, kind)  # type: ignore[call-overload]
    algorithms = ["ES256", "PS256", "EdDSA"]
    shown = jwt.decode(form["client_assertion"], public, algorithms=algorithms)
    assert shown.header["kid"] == public.thumbprint()
    told = shown.claims
    assert (told["iss"], told["sub"], told["aud"]) == (CLIENT, CLIENT, at.url + "/token")
    assert 0 < told["exp"] - told["iat"] <= 60


@pytest.mark.parametrize("pem", ["", "not a key", "-----BEGIN PRIVATE KEY-----\nAA\n"])
def test_without_secret_or_key_nobody_is_sent_there(at: Issuer, pem: str) -> None:
    def missing() -> Credentials:
        raise ConfigurationError("outside.secret is missing")

    known = Known(at)
    with pytest.raises(Away) as caught:
        asyncio.run(Provider(known.told, missing).address(ASKING))
    assert caught.value.reason == "no-secret"
    with pytest.raises(Away) as caught:
        Known(at, Credentials(None, pem)).sign_in()
    assert caught.value.reason == "no-secret"


def test_nothing_secret_is_shown(at: Issuer) -> None:
    known = Known(at)
    assert SECRET not in repr(known.credentials) + repr(known.provider)


# -- answers of the token endpoint ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, b"", "unreadable"),
        (200, b"{}", "unreadable"),
        (200, b'{"id_token": 1}', "unreadable"),
        (200, b'{"id_token": "a.b.c", "token_type": "mac"}', "unreadable"),
        (200, b"x" * 70_000, "too-large"),
        (302, b"", "redirected"),
        (400, b'{"error": "invalid_request"}', "status-400"),
        (401, b'{"error": "invalid_client"}', "client-refused"),
        (401, b"<html>", "status-401"),
        (503, b"", "status-503"),
    ],
)
def test_other_answers_are_between_node_and_provider(
    at: Issuer, status: int, body: bytes, reason: str
) -> None:
    at.answer = (status, body)
    with pytest.raises(Away) as caught:
        Known(at).sign_in()
    assert caught.value.reason == reason


def test_tokens_without_an_id_token_that_holds_are_refused(at: Issuer) -> None:
    at.answer = (200, b'{"id_token": "a.b.c", "token_type": "bearer"}')
    with pytest.raises(Refusal, match=r"outside.token_refused"):
        Known(at).sign_in()


def test_many_may_come_at_once(at: Issuer) -> None:
    known, found = Known(at), []
    threads = [threading.Thread(target=lambda: found.append(known.sign_in())) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [each.sub for each in found] == ["4711"] * 8
