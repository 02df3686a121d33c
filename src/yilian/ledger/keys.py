"""Signature and hash suites, keyed by the genesis profile: the one file that reads it.

A suite has a name that travels with every key, so keys of different suites stand side by side and
old signatures stay verifiable. Transactions use one named verifier per suite, because verifiers of
the same algorithm disagree on crafted signatures (see `vectors/ed25519`). CometBFT's own votes are
not covered: they stay Ed25519 under ZIP-215 and SHA-256 (`zip215.py`, `block.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

import msgspec
import nacl.bindings
import nacl.exceptions
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from yilian.ledger import codec
from yilian.ledger.errors import KEY_REFUSED, SUITE_NOT_ALLOWED

Hashing = Callable[[bytes], bytes]


class PublicKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A public key with the suite that reads it; `public` is base64url of the suite's encoding."""

    suite: codec.Name
    public: codec.Binary


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The cryptography of a chain, fixed in its genesis and changed only at a voted height."""

    hash: codec.Name = "sha256"
    signatures: tuple[codec.Name, ...] = ("ed25519",)
    cipher: codec.Name = "aes-256-gcm"


class SignatureSuite(Protocol):
    """What the law asks of a signature algorithm."""

    name: str

    def admit(self, public: bytes) -> bool:
        """Tell whether a key may be enrolled: right size, canonical, of full order."""

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Give the one verdict that every node gives."""


class Ed25519:
    """RFC 8032 as libsodium judges it (through PyNaCl): cofactorless, small orders refused."""

    name = "ed25519"

    def admit(self, public: bytes) -> bool:
        """Accept 32 bytes that are a canonical point of the prime-order group."""
        return len(public) == 32 and bool(nacl.bindings.crypto_core_ed25519_is_valid_point(public))

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Verify with `crypto_sign_open`; it releases the interpreter lock."""
        if len(signature) != 64 or len(public) != 32:
            return False
        try:
            nacl.bindings.crypto_sign_open(signature + message, public)
        except (nacl.exceptions.BadSignatureError, ValueError):
            return False
        return True


class EcdsaP256:
    """ECDSA on P-256 with SHA-256 (FIPS 186-5): compressed keys, 64-byte r|s, low s only."""

    name = "ecdsa-p256"
    _order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

    def admit(self, public: bytes) -> bool:
        """Accept a 33-byte compressed point on the curve."""
        return self._point(public) is not None

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """Verify; a high s is refused, so that no third party can restate a signature."""
        point = self._point(public)
        if point is None or len(signature) != 64:
            return False
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        if not (0 < r < self._order and 0 < s <= self._order // 2):
            return False
        try:
            encoded = utils.encode_dss_signature(r, s)
            point.verify(encoded, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    @staticmethod
    def _point(public: bytes) -> ec.EllipticCurvePublicKey | None:
        if len(public) != 33:
            return None
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        except ValueError:
            return None


def sha256(data: bytes) -> bytes:
    """SHA-256 (FIPS 180-4)."""
    return hashlib.sha256(data).digest()


def sha3_256(data: bytes) -> bytes:
    """SHA3-256 (FIPS 202)."""
    return hashlib.sha3_256(data).digest()


SIGNATURES: dict[str, SignatureSuite] = {each.name: each for each in (Ed25519(), EcdsaP256())}
HASHES: dict[str, Hashing] = {"sha256": sha256, "sha3-256": sha3_256}


class Suites:
    """The suites that one chain's profile allows."""

    def __init__(self, profile: Profile) -> None:
        """Raises the refusal `suite_not_allowed` where the profile names an unknown suite."""
        if profile.hash not in HASHES:
            raise SUITE_NOT_ALLOWED(suite=profile.hash)
        for name in profile.signatures:
            if name not in SIGNATURES:
                raise SUITE_NOT_ALLOWED(suite=name)
        self.profile = profile
        self.hashing = HASHES[profile.hash]
        self._signatures = {name: SIGNATURES[name] for name in profile.signatures}

    def suite(self, name: str) -> SignatureSuite:
        """Find a signature suite; refuses one that the profile does not list."""
        found = self._signatures.get(name)
        if found is None:
            raise SUITE_NOT_ALLOWED(suite=name)
        return found

    def admit(self, key: PublicKey) -> None:
        """Refuse a key that must not be enrolled (wrong size, small order, not canonical)."""
        if not self.suite(key.suite).admit(codec.to_bytes(key.public)):
            raise KEY_REFUSED()


def key_id(key: PublicKey) -> str:
    """Name a key: 16 bytes of the SHA-256 of its suite and public bytes, as base64url."""
    text = b"yilian/key/1\n" + key.suite.encode("ascii") + b"\n" + codec.to_bytes(key.public)
    return codec.to_text(sha256(text)[:16])


def verify(key: PublicKey, message: bytes, signature: bytes) -> bool:
    """Give the verdict of the key's own suite, whether or not a profile still allows new keys."""
    return SIGNATURES[key.suite].verify(codec.to_bytes(key.public), message, signature)
