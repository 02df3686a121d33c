"""A signed HTTP request: how a caller proves who asks a gateway for something private.

The header `Yilian-Request` is `<base64url of canonical JSON>.<base64url of the signature>`. What is
signed is `DOMAIN` followed by the canonical JSON, so a signature for one method, path, body, chain
and moment fits no other. This file is the format alone; the gateway judges keys, time and nonces.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from yilian.ledger import codec
from yilian.ledger.errors import MALFORMED
from yilian.ledger.keys import sha256

HEADER = "Yilian-Request"
DOMAIN = b"yilian/request/1\n"
MAX_HEADER = 4096
MAX_AHEAD_MS = 60_000
"""How far ahead of the gateway's time `expires` may be, in ms."""


class SignedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a caller signs: `path` with its query as sent, `body` the SHA-256 of the body's bytes.

    `key` is the id of one of `sender`'s keys; `expires` is in ms; a nonce serves once.
    """

    chain: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    sender: codec.Id
    key: codec.Id
    method: Annotated[str, msgspec.Meta(pattern="^[A-Z]+$", max_length=10)]
    path: Annotated[str, msgspec.Meta(pattern="^/[!-~]*$", max_length=2048)]
    body: codec.Digest
    nonce: codec.Id
    expires: codec.Millis


_reader = codec.decoder(SignedRequest)


def text(request: SignedRequest) -> bytes:
    """Write the exact bytes that the caller's key signs."""
    return DOMAIN + codec.encode(request)


def body_digest(body: bytes) -> str:
    """Give the `body` member for a request body; a request without one has the digest of b""."""
    return codec.to_text(sha256(body))


def header(request: SignedRequest, signature: bytes) -> str:
    """Write the value of the header `Yilian-Request`."""
    return f"{codec.to_text(codec.encode(request))}.{codec.to_text(signature)}"


def read(value: str) -> tuple[SignedRequest, bytes]:
    """Read the header's value: the request and the signature over `text(request)`.

    Refuses `malformed` and `not_canonical`; the signature is not verified here.
    """
    claimed, dot, signature = value.partition(".")
    if len(value) > MAX_HEADER or not dot or not claimed or not signature:
        raise MALFORMED()
    request: SignedRequest = codec.decode_with(_reader, codec.to_bytes(claimed))
    return request, codec.to_bytes(signature)
