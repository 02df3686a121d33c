"""The header `Yilian-Session`: how a browser shows, with each request, that it holds a session.

The value is `<base64url of canonical JSON>.<base64url of the signature>`. Signed is `DOMAIN`
followed by the canonical JSON, with ECDSA on P-256 and SHA-256 (FIPS 186-5), r and s as 32 bytes
each, as WebCrypto writes them. The key never leaves the browser, so what was overheard serves for
nothing else. This file is the format alone.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from yilian.gateway.auth.errors import SESSION_KEY_REFUSED
from yilian.ledger import codec
from yilian.ledger.errors import MALFORMED
from yilian.ledger.keys import sha256

HEADER = "Yilian-Session"
DOMAIN = b"yilian/session/1\n"
SIGN_IN_DOMAIN = b"yilian/sign-in/1\n"
KEY_DOMAIN = b"yilian/sign-in-key/1\n"
FACTOR_DOMAIN = b"yilian/second-factor/1\n"
MAX_HEADER = 4096
_POINT = 65
_HALF = 32


class SessionClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a session's key signs: as `ledger.signed_request.SignedRequest`, and which session."""

    chain: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    session: codec.Id
    method: Annotated[str, msgspec.Meta(pattern="^[A-Z]+$", max_length=10)]
    path: Annotated[str, msgspec.Meta(pattern="^/[!-~]*$", max_length=2048)]
    body: codec.Digest
    nonce: codec.Id
    expires: codec.Millis


class KeyClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a key on the chain signs to sign in: for which challenge, at which address."""

    chain: str
    challenge: codec.Digest
    key: codec.Id
    origin: str
    sender: codec.Id


class FactorClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a key on the chain signs to be the second factor of one session."""

    chain: str
    key: codec.Id
    origin: str
    sender: codec.Id
    session: codec.Id


_reader = codec.decoder(SessionClaim)


def text(claim: SessionClaim) -> bytes:
    """Write the exact bytes that the session's key signs."""
    return DOMAIN + codec.encode(claim)


def key_text(claim: KeyClaim) -> bytes:
    """Write the bytes that a key on the chain signs to sign in."""
    return KEY_DOMAIN + codec.encode(claim)


def factor_text(claim: FactorClaim) -> bytes:
    """Write the bytes that a key on the chain signs as a second factor."""
    return FACTOR_DOMAIN + codec.encode(claim)


def challenge(drawn: bytes, session_key: bytes) -> bytes:
    """Bind a challenge to a session's key: what signs it signs in that session and no other."""
    return sha256(SIGN_IN_DOMAIN + drawn + session_key)


def header(claim: SessionClaim, signature: bytes) -> str:
    """Write the value of the header."""
    return f"{codec.to_text(codec.encode(claim))}.{codec.to_text(signature)}"


def read(value: str) -> tuple[SessionClaim, bytes]:
    """Read the header's value: the claim and the signature over `text(claim)`.

    Refuses `malformed` and `not_canonical`; the signature is not verified here.
    """
    claimed, dot, signature = value.partition(".")
    if len(value) > MAX_HEADER or not dot or not claimed or not signature:
        raise MALFORMED()
    claim: SessionClaim = codec.decode_with(_reader, codec.to_bytes(claimed))
    return claim, codec.to_bytes(signature)


def require_session_key(public: bytes) -> None:
    """Refuse what is no uncompressed point of P-256 (SEC 1, section 2.3.3): 65 bytes."""
    if len(public) != _POINT or _point(public) is None:
        raise SESSION_KEY_REFUSED()


def verifies(public: bytes, signed: bytes, signature: bytes) -> bool:
    """Tell whether a signature (r and s, 64 bytes) is a session key's over these bytes."""
    point = _point(public)
    if point is None or len(signature) != 2 * _HALF:
        return False
    r, s = (int.from_bytes(each, "big") for each in (signature[:_HALF], signature[_HALF:]))
    try:
        point.verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _point(public: bytes) -> ec.EllipticCurvePublicKey | None:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    except ValueError:
        return None
