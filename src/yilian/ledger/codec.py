"""Canonical bytes: one JSON text per value (RFC 8785 profile), and nothing else is accepted.

The profile: no floats, integers within +-(2^53-1), ASCII field names sorted by code unit, no white
space, binary values as unpadded base64url text. Under it msgspec's sorted encoder writes exactly
what RFC 8785 prescribes; `tests/unit/ledger/test_codec.py` holds it against the `rfc8785` package.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, TypeVar

import msgspec

from yilian.ledger.errors import MALFORMED, NOT_CANONICAL

MAX_INTEGER = 2**53 - 1

# `$` also matches before a last line feed; where no exact length forbids one, `(?!\n)` does.

Whole = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
"""A count, height or amount: an integer that every JSON reader holds exactly."""

Positive = Annotated[int, msgspec.Meta(ge=1, le=MAX_INTEGER)]

Millis = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
"""A moment: milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored (POSIX time)."""

Id = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{21}[AQgw]$", min_length=22, max_length=22)]
"""16 random bytes in canonical base64url: the name of a subject, grant, record or nonce."""

Digest = Annotated[
    str,
    msgspec.Meta(pattern="^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", min_length=43, max_length=43),
]
"""32 bytes in canonical base64url: a hash, a Merkle root or a salted commitment."""

Binary = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]+$(?!\n)", min_length=2, max_length=8192)
]
"""Bytes whose length the reader checks (a public key, a signature) in base64url."""

Name = Annotated[
    str,
    msgspec.Meta(pattern=r"^[a-z][a-z0-9]*([._-][a-z0-9]+)*$(?!\n)", min_length=1, max_length=64),
]
"""A word of the protocol: a kind, a suite, a parameter."""

T = TypeVar("T")

_encoder = msgspec.json.Encoder(order="sorted")
encode = _encoder.encode
"""Write a value of the profile as canonical bytes. Raises TypeError on what has no JSON form."""


def decode(data: bytes, type_: type[T]) -> T:
    """Read canonical bytes as `type_`.

    Raises the refusal `malformed` where the bytes are not JSON of that type, and `not_canonical`
    where they are but another encoder's spelling of it (order, white space, escapes, defaults).
    """
    value: T = decode_with(decoder(type_), data)
    return value


def decoder(type_: Any) -> msgspec.json.Decoder[Any]:
    """Build a strict decoder once, for the paths that read many values of one type."""
    return msgspec.json.Decoder(type_, strict=True)


def decode_with(reader: msgspec.json.Decoder[Any], data: bytes) -> Any:
    """Read canonical bytes with a prepared decoder; refuses as `decode` does."""
    value = read_with(reader, data)
    require_canonical(value, data)
    return value


def read_with(reader: msgspec.json.Decoder[Any], data: bytes) -> Any:
    """Read bytes in any spelling with a prepared decoder; refuses what is `malformed`."""
    try:
        return reader.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError, ValueError):
        raise MALFORMED() from None


def require_canonical(value: Any, data: bytes) -> None:
    """Refuse bytes that are another spelling of a value (`not_canonical`)."""
    if encode(value) != data:
        raise NOT_CANONICAL()


def to_text(data: bytes) -> str:
    """Write bytes as unpadded base64url (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def to_bytes(text: str) -> bytes:
    """Read unpadded base64url; refuses padding, foreign letters and non-zero spare bits."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise MALFORMED() from None
    if to_text(data) != text:
        raise NOT_CANONICAL()
    return data
