"""What a subscriber is posted: a query document, signed as EPCIS 2.0 leaves to the implementation.

    GS1-Signature: <hex of HMAC-SHA256(signatureToken, body)>      idempotency-key: <delivery>

Body and key are signed or named alike each time a delivery is tried again, so a receiver that
answered and was not heard drops the second copy. `creationDate` in the body says when it was made.
The guard against private addresses is that of notices (`gateway/notices/webhook.py`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Protocol

from yilian.gateway.notices.senders import NotSent

__all__ = ["SIGNATURE", "Carrier", "NotSent", "delivery_headers", "genuine", "sign"]

SIGNATURE = "GS1-Signature"


class Carrier(Protocol):
    """Posts a body to an address that may be reached; `notices.webhook.Webhook` is one."""

    async def post(self, address: str, data: bytes, headers: Mapping[str, str]) -> str:
        """Give the digest of a 2xx answer. Raises `NotSent`."""
        ...

    async def check(self, address: str) -> None:
        """Raise `NotSent` for an address that may not be reached."""
        ...


def sign(token: str, data: bytes) -> str:
    """Give the value of `GS1-Signature`: HMAC-SHA256 under the token's UTF-8, in hex."""
    return hmac.digest(token.encode(), data, hashlib.sha256).hex()


def genuine(token: str, signature: str, data: bytes) -> bool:
    """Tell, as a receiver, whether a body was signed under the token."""
    return hmac.compare_digest(signature.encode(), sign(token, data).encode())


def delivery_headers(delivery: str, token: str | None, data: bytes) -> dict[str, str]:
    """Give the headers of a delivery; it is signed where the subscriber gave a token."""
    made = {"idempotency-key": delivery, "GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0"}
    return made if token is None else {**made, SIGNATURE: sign(token, data)}
