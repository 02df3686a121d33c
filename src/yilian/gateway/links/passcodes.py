"""Passcodes of links: Argon2id (RFC 9106) of what was agreed on, never the passcode itself."""

from __future__ import annotations

import hmac
import secrets
import unicodedata

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

SALT_BYTES = 16
_HASH_BYTES = 32


def made(passcode: str) -> bytes:
    """Give salt and hash of a new passcode."""
    salt = secrets.token_bytes(SALT_BYTES)
    return salt + _hash(salt, passcode)


def matches(kept: bytes, passcode: str) -> bool:
    """Tell whether a passcode is the one that was agreed on, in the same time either way."""
    return hmac.compare_digest(kept[SALT_BYTES:], _hash(kept[:SALT_BYTES], passcode))


def _hash(salt: bytes, passcode: str) -> bytes:
    # RFC 9106 asks for more memory; what bounds guesses here is their count, ten in all.
    work = Argon2id(salt=salt, length=_HASH_BYTES, iterations=2, lanes=1, memory_cost=19_456)
    # The same passcode, typed on another keyboard, may come in other code points.
    return work.derive(unicodedata.normalize("NFC", passcode).encode())
