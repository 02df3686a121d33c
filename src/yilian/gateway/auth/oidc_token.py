"""ID tokens: what must hold before one says who somebody is.

OpenID Connect Core 1.0 (sections 2, 3.1.3.6 and 3.1.3.7), JWS (RFC 7515) and what RFC 8725 advises:
the algorithm is one of a list and fits the key, never the token's own choice; no `crit`; the type
is that of an ID token. This file asks nobody and knows no time but what it is given.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from joserfc import jwk, jws
from joserfc.errors import JoseError
from joserfc.jwk import Key

from yilian.gateway.auth.oidc_errors import TOKEN_REFUSED
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.node.outside import IdentityProvider

MAX_TOKEN = 16_384
MAX_KEYS = 100
LEAST_RSA_BITS = 2048
SKEW_MS = 60_000
"""How far a provider's clock may be off."""
OLD_MS = 600_000
"""How long ago a token may have been made: as long as there is time to sign in."""

_KINDS = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
_CURVES = {"EC": "P-256", "OKP": "Ed25519"}
_TYPES = (None, "JWT", "jwt")


class IdToken(msgspec.Struct, frozen=True, kw_only=True):
    """The claims that are read; all others are passed over and kept nowhere."""

    iss: str
    sub: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    aud: str | list[str]
    exp: int | float
    iat: int | float
    nonce: str | None = None
    nbf: int | float | None = None
    azp: str | None = None
    at_hash: str | None = None
    acr: str | None = None
    amr: list[str] | None = None
    auth_time: int | float | None = None


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What a token must answer: the flow's nonce, the moment (ms), the access token beside it."""

    nonce: str
    now: int
    access_token: str | None = None


class KeyNotKnown(Exception):
    """No key of the provider's set fits: it may have changed its keys since."""


def read_keys(body: bytes) -> tuple[Key, ...]:
    """Read a key set (RFC 7517): public keys that verify by an algorithm known here.

    Keys of other kinds are passed over. Raises ValueError for what is no key set.
    """
    try:
        listed = msgspec.json.decode(body, type=dict[str, Any]).get("keys")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ValueError("no key set") from None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise ValueError("no key set")
    return tuple(key for each in listed if (key := _key(each)) is not None)


def _key(told: Any) -> Key | None:
    """Import a public key; None for a symmetric, private, small or unreadable one."""
    if not isinstance(told, dict) or told.get("kty") not in ("RSA", "EC", "OKP"):
        return None
    if told.get("use", "sig") != "sig" or "d" in told:
        return None
    operations = told.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    if told["kty"] in _CURVES and told.get("crv") != _CURVES[told["kty"]]:
        return None
    try:
        made = jwk.import_key(told)
        if told["kty"] == "RSA" and int(made.public_key.key_size) < LEAST_RSA_BITS:  # type: ignore[union-attr]
            return None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return made


def checked(
    raw: str, keys: Sequence[Key], provider: IdentityProvider, expected: Expected
) -> IdToken:
    """Check an ID token and give its claims.

    Refuses `outside.token_refused`, naming the check; raises KeyNotKnown where a newer key set may
    have the key. The signature is verified before any claim is looked at.
    """
    algorithm, payload = _verified(raw, keys, provider.algorithms)
    found = _claims(payload)
    _require_for_us(found, provider, expected)
    _require_access_token(algorithm, found, expected.access_token)
    _require_time(found, provider, expected.now)
    return found


def strong(token: IdToken, provider: IdentityProvider) -> bool:
    """Tell whether a token says two factors, in words that the configuration knows."""
    told = provider.second_factor
    return token.acr in told.acr or any(each in told.amr for each in token.amr or ())


def _refused(check: str) -> Refusal:
    return TOKEN_REFUSED(check=check)


def _verified(raw: str, keys: Sequence[Key], algorithms: Sequence[str]) -> tuple[str, bytes]:
    """Give the algorithm and the payload of what a key of the set signed."""
    if len(raw) > MAX_TOKEN or not raw.isascii() or raw.count(".") != 2:
        raise _refused("form")
    try:
        header = msgspec.json.decode(codec.to_bytes(raw.partition(".")[0]), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Refusal):
        raise _refused("form") from None
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise _refused("algorithm")
    if header.get("typ") not in _TYPES or "crit" in header or "b64" in header:
        raise _refused("type")
    key = _chosen(keys, algorithm, header.get("kid"))
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = MAX_TOKEN
    try:
        return algorithm, jws.deserialize_compact(raw, key, registry=registry).payload or b""
    except (JoseError, ValueError, TypeError):
        raise _refused("signature") from None


def _chosen(keys: Sequence[Key], algorithm: str, kid: Any) -> Key:
    """Choose the one key that a header means; where it names none there must be but one."""
    fitting = [
        each
        for each in keys
        if each.key_type == _KINDS[algorithm] and each.get("alg", algorithm) == algorithm
    ]
    named = fitting if kid is None else [each for each in fitting if each.get("kid") == kid]
    if len(named) != 1:
        raise KeyNotKnown
    return named[0]


def _claims(payload: bytes) -> IdToken:
    try:
        return msgspec.json.decode(payload, type=IdToken)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise _refused("claims") from None


def _require_for_us(found: IdToken, provider: IdentityProvider, expected: Expected) -> None:
    if found.iss != provider.issuer:
        raise _refused("issuer")
    # Audiences besides this node are none that it trusts (section 3.1.3.7, 3).
    if found.aud not in (provider.client, [provider.client]):
        raise _refused("audience")
    if found.azp not in (None, provider.client):
        raise _refused("audience")
    if found.nonce is None or not _same(found.nonce, expected.nonce):
        raise _refused("nonce")


def _same(one: str, two: str) -> bool:
    return hmac.compare_digest(one.encode(), two.encode())


def _require_access_token(algorithm: str, found: IdToken, access_token: str | None) -> None:
    """Refuse an ID token that came with another access token (section 3.1.3.6)."""
    if found.at_hash is None:
        return
    digest = hashlib.sha512 if algorithm == "EdDSA" else hashlib.sha256
    whole = digest((access_token or "").encode()).digest()
    if access_token is None or not _same(codec.to_text(whole[: len(whole) // 2]), found.at_hash):
        raise _refused("access_token")


def _require_time(found: IdToken, provider: IdentityProvider, now: int) -> None:
    if found.exp * 1000 <= now - SKEW_MS:
        raise _refused("expired")
    if not now - OLD_MS - SKEW_MS <= found.iat * 1000 <= now + SKEW_MS:
        raise _refused("issued")
    if found.nbf is not None and found.nbf * 1000 > now + SKEW_MS:
        raise _refused("issued")
    if provider.max_age_minutes is not None:
        oldest = now - provider.max_age_minutes * 60_000 - SKEW_MS
        if found.auth_time is None or found.auth_time * 1000 < oldest:
            raise _refused("age")
