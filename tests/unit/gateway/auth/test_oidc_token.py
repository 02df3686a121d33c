"""ID tokens: what is right is taken, and every lie is refused by the check that it fails."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk
from joserfc.jwk import Key, OctKey

from tests.unit.gateway.auth.oidc_issuer import (
    CLIENT,
    base64url,
    configured,
    key_of,
    signed,
)
from yilian.gateway.auth.oidc_token import (
    MAX_KEYS,
    MAX_TOKEN,
    Expected,
    IdToken,
    KeyNotKnown,
    checked,
    read_keys,
    strong,
)
from yilian.ledger.errors import Refusal
from yilian.node.outside import ALGORITHMS, IdentityProvider

ISSUER = "https://id.example"
NOW = 1_800_000_000_000
NONCE = "n-0S6_WzA2Mj"
KEYS = {each: key_of(each, "k1") for each in ALGORITHMS}
EXPECTED = Expected(nonce=NONCE, now=NOW, access_token="at")


def provider(**told: Any) -> IdentityProvider:
    """Describe the provider."""
    return msgspec.convert(configured(ISSUER, **told), IdentityProvider)


def claims(**other: Any) -> dict[str, Any]:
    """Claims that are right, but for these; None leaves one out."""
    made = {
        "iss": ISSUER,
        "sub": "4711",
        "aud": CLIENT,
        "exp": NOW // 1000 + 300,
        "iat": NOW // 1000,
        "nonce": NONCE,
        **other,
    }
    return {name: value for name, value in made.items() if value is not None}


def published(*keys: Key, **more: Any) -> tuple[Key, ...]:
    """Read keys as they come from a provider."""
    listed = [{**each.as_dict(private=False), **more} for each in keys]
    return read_keys(json.dumps({"keys": listed}).encode())


def token(algorithm: str = "ES256", header: dict[str, Any] | None = None, **other: Any) -> str:
    """Make a token under the provider's key."""
    told = {"alg": algorithm, "kid": "k1", **(header or {})}
    told = {name: value for name, value in told.items() if value is not None}
    return signed(KEYS[algorithm], told, claims(**other))


def refused(
    raw: str, keys: tuple[Key, ...] = (), expected: Expected = EXPECTED, **told: Any
) -> str:
    """Give the check that refuses a token."""
    with pytest.raises(Refusal) as caught:
        checked(raw, keys or published(KEYS["ES256"]), provider(**told), expected)
    assert caught.value.code.name == "outside.token_refused"
    return str(caught.value.parameters["check"])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_right_is_taken(algorithm: str) -> None:
    keys = published(KEYS[algorithm])
    for raw in (
        token(algorithm),
        token(algorithm, {"typ": "JWT"}),
        token(algorithm, {"kid": None}),
        token(algorithm, aud=[CLIENT], azp=CLIENT),
        token(algorithm, nbf=NOW // 1000, name="欧阳", email="x@y.example", groups=["a", 1, None]),
        token(algorithm, {"x5t": "unknown members are passed over"}),
        token(algorithm, exp=NOW / 1000 + 0.5),
    ):
        found = checked(raw, keys, provider(), EXPECTED)
        assert (found.iss, found.sub) == (ISSUER, "4711")


@pytest.mark.parametrize(
    ("algorithm", "digest"), [("ES256", hashlib.sha256), ("EdDSA", hashlib.sha512)]
)
def test_the_access_token_beside_it_must_be_the_one_it_names(algorithm: str, digest: Any) -> None:
    keys = published(KEYS[algorithm])
    whole = digest(b"at").digest()
    right = token(algorithm, at_hash=base64url(whole[: len(whole) // 2]))
    checked(right, keys, provider(), EXPECTED)
    for raw, expected in (
        (token(algorithm, at_hash=base64url(whole)), EXPECTED),
        (token(algorithm, at_hash=""), EXPECTED),
        (right, Expected(nonce=NONCE, now=NOW, access_token="other")),
        (right, Expected(nonce=NONCE, now=NOW)),
    ):
        assert refused(raw, keys, expected) == "access_token"


@pytest.mark.parametrize(
    ("other", "check"),
    [
        ({"iss": ISSUER + "/"}, "issuer"),
        ({"iss": "https://other.example"}, "issuer"),
        ({"aud": "another"}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": [CLIENT, "another"]}, "audience"),
        ({"aud": [CLIENT, "another"], "azp": CLIENT}, "audience"),
        ({"azp": "another"}, "audience"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"exp": NOW // 1000 - 61}, "expired"),
        ({"iat": NOW // 1000 + 62}, "issued"),
        ({"iat": NOW // 1000 - 700}, "issued"),
        ({"nbf": NOW // 1000 + 62}, "issued"),
        ({"sub": ""}, "claims"),
        ({"sub": None}, "claims"),
        ({"sub": "4" * 256}, "claims"),
        ({"sub": 4711}, "claims"),
        ({"exp": None}, "claims"),
        ({"exp": "never"}, "claims"),
        ({"exp": True}, "claims"),
        ({"iat": None}, "claims"),
        ({"aud": None}, "claims"),
        ({"aud": {"a": 1}}, "claims"),
        ({"amr": "otp"}, "claims"),
    ],
)
def test_each_lie_is_refused_by_its_check(other: dict[str, Any], check: str) -> None:
    assert refused(token(**other)) == check


def test_clocks_may_differ_by_a_minute() -> None:
    keys = published(KEYS["ES256"])
    for other in ({"exp": NOW // 1000 - 59}, {"iat": NOW // 1000 + 59}):
        checked(token(**other), keys, provider(), EXPECTED)


def test_no_signature_and_no_other_algorithm_than_those_listed() -> None:
    none = f"{base64url(json.dumps({'alg': 'none'}).encode())}."
    body = base64url(json.dumps(claims()).encode())
    assert refused(f"{none}{body}.") == "algorithm"
    for alg in ("None", "NONE", "HS256", "RS512", "ES384", "", None, 1, ["ES256"]):
        header = base64url(json.dumps({"alg": alg}).encode())
        assert refused(f"{header}.{body}.AA") == "algorithm"
    assert refused(token("RS256"), algorithms=["ES256"]) == "algorithm"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_a_public_key_is_no_secret_to_sign_by(algorithm: str) -> None:
    """The attack of RFC 8725, section 2.1: HS256 under the text of the public key."""
    key = KEYS[algorithm]
    for text in (
        key.as_pem(private=False),
        json.dumps(key.as_dict(private=False)).encode(),
    ):
        header = base64url(json.dumps({"alg": "HS256", "kid": "k1"}).encode())
        told = f"{header}.{base64url(json.dumps(claims()).encode())}"
        raw = f"{told}.{base64url(hmac.digest(text, told.encode(), 'sha256'))}"
        assert refused(raw, published(key)) == "algorithm"


def test_a_key_that_the_token_brings_is_not_looked_at() -> None:
    mine = key_of("ES256", "k1")
    for header in (
        {"jwk": mine.as_dict(private=False)},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert"},
    ):
        raw = signed(mine, {"alg": "ES256", "kid": "k1", **header}, claims())
        assert refused(raw) == "signature"


def test_the_key_fits_the_algorithm() -> None:
    """One RSA key serves RS256 and PS256, unless it says which; nothing else is mixed."""
    rsa = KEYS["RS256"]
    raw = signed(rsa, {"alg": "PS256", "kid": "k1"}, claims())
    checked(raw, published(rsa), provider(), EXPECTED)
    for keys in (published(rsa, alg="RS256"), published(KEYS["ES256"]), ()):
        with pytest.raises(KeyNotKnown):
            checked(raw, keys, provider(), EXPECTED)


def test_which_key_is_meant_must_be_clear() -> None:
    two = published(key_of("ES256", "k1"), key_of("ES256", "k2"))
    number = base64url(json.dumps({"alg": "ES256", "kid": 1}).encode())
    for raw in (token(header={"kid": None}), token(header={"kid": "k3"}), f"{number}.e30.AA"):
        with pytest.raises(KeyNotKnown):
            checked(raw, two, provider(), EXPECTED)
    with pytest.raises(KeyNotKnown):
        checked(token(), published(KEYS["ES256"], key_of("ES256", "k1")), provider(), EXPECTED)


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "at+jwt"},
        {"typ": "logout+jwt"},
        {"crit": ["exp"], "exp": 1},
        {"b64": True},
        {"typ": ["JWT"]},
    ],
)
def test_tokens_of_another_type_are_refused(header: dict[str, Any]) -> None:
    told = base64url(json.dumps({"alg": "ES256", "kid": "k1", **header}).encode())
    assert refused(f"{told}.{base64url(json.dumps(claims()).encode())}.AA") == "type"


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "a.b",
        "a.b.c.d.e",
        "..",
        "!.e30.AA",
        f"{base64url(b'[]')}.e30.AA",
        f"{base64url(b'[' * 9000)}.e30.AA",
        f"{base64url(bytes([0xFF]))}.e30.AA",
        "医.e30.AA",
        "a" * (MAX_TOKEN + 1),
    ],
)
def test_what_is_no_token_is_refused(raw: str) -> None:
    assert refused(raw) == "form"


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"null", b"[" * 5000, b"\xff", b'"x"'])
def test_what_is_no_object_of_claims_is_refused(payload: bytes) -> None:
    raw = signed(KEYS["ES256"], {"alg": "ES256", "kid": "k1"}, payload)
    assert refused(raw) == "claims"


@given(st.data())
def test_no_changed_token_is_taken(data: st.DataObject) -> None:
    raw, keys = token(), published(KEYS["ES256"])
    place = data.draw(st.integers(0, len(raw) - 1))
    letter = data.draw(st.sampled_from("ABCDEFabcdef0123456789-_. "))
    changed = raw[:place] + letter + raw[place + 1 :]
    try:
        assert checked(changed, keys, provider(), EXPECTED).sub == "4711"
        # Spare bits of the last letter of a part say nothing; all else is signed.
        assert changed == raw or place in (raw.rindex("."), len(raw) - 1)
    except (Refusal, KeyNotKnown):
        assert changed != raw


def test_max_age_is_asked_of_who_signed_in_long_ago() -> None:
    keys = published(KEYS["ES256"])
    checked(token(auth_time=NOW // 1000 - 500), keys, provider(max_age_minutes=10), EXPECTED)
    assert refused(token(auth_time=NOW // 1000 - 661), max_age_minutes=10) == "age"
    assert refused(token(), max_age_minutes=10) == "age"


def test_two_factors_are_what_the_configuration_says() -> None:
    def said(**other: Any) -> IdToken:
        return checked(token(**other), published(KEYS["ES256"]), provider(), EXPECTED)

    told = provider(second_factor={"acr": ["urn:two"], "amr": ["otp", "hwk"]})
    assert strong(said(acr="urn:two"), told)
    assert strong(said(amr=["pwd", "otp"]), told)
    assert not strong(said(acr="urn:one", amr=["pwd"]), told)
    assert not strong(said(), told)
    assert not strong(said(acr="urn:two", amr=["otp", "mfa"]), provider())


def test_key_sets_are_bounded_and_keys_are_public_and_large_enough() -> None:
    small = jwk.generate_key("RSA", 1024, {"kid": "s"})
    told: list[Any] = [
        small.as_dict(private=False),
        KEYS["RS256"].as_dict(private=True),
        OctKey.generate_key(256).as_dict(private=True),
        jwk.generate_key("EC", "P-384").as_dict(private=False),
        jwk.generate_key("OKP", "X25519").as_dict(private=False),
        {**KEYS["ES256"].as_dict(private=False), "use": "enc"},
        {**KEYS["ES256"].as_dict(private=False), "key_ops": ["sign"]},
        {**KEYS["ES256"].as_dict(private=False), "x": "AAAA"},
        {"kty": "RSA", "n": 5, "e": "AQAB"},
        {"kty": "RSA", "n": "!!", "e": "AQAB"},
        {"kty": "EC"},
        {"kty": None},
        None,
        "key",
    ]
    assert read_keys(json.dumps({"keys": told}).encode()) == ()
    for body in (b"", b"[]", b"{}", b'{"keys": {}}', b"[" * 9000, b"\xff"):
        with pytest.raises(ValueError, match="no key set"):
            read_keys(body)
    with pytest.raises(ValueError, match="no key set"):
        read_keys(json.dumps({"keys": [{}] * (MAX_KEYS + 1)}).encode())
