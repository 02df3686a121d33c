"""The link itself: `shlink:/` and its payload, and the address that a browser opens.

SMART Health Cards and Links 1.0.0, "Construct a SMART Health Link Payload". The payload stands
behind `#`, so that no browser sends it, and with it the key, to a server.
"""

from __future__ import annotations

import secrets
from typing import Literal

import msgspec

from yilian.gateway.links.errors import ADDRESS_TOO_LONG
from yilian.ledger import codec

PATH = "/shl/"
MAX_URL = 128
MAX_LABEL = 80
_ENTROPY = 32

Flag = Literal["P", "U"]


class ShlPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a link says. `exp` is in seconds; `flag` has its letters in order of the alphabet."""

    url: str
    key: str
    exp: int
    flag: str = ""
    label: str = ""
    v: int


def new_address() -> str:
    """Draw what makes a link's address unguessable: 256 bits, 43 letters."""
    return codec.to_text(secrets.token_bytes(_ENTROPY))


def manifest_url(origin: str, address: str) -> str:
    """Give the address of a link's manifest; refuses `links.address_too_long`."""
    url = f"{origin}{PATH}{address}"
    if len(url) > MAX_URL:
        raise ADDRESS_TOO_LONG(limit=MAX_URL - len(PATH) - len(address))
    return url


def shlink(payload: ShlPayload) -> str:
    """Write a payload as a `shlink:` URI."""
    return "shlink:/" + codec.to_text(msgspec.json.encode(payload))


def viewer_url(origin: str, language: str, link: str) -> str:
    """Give the address at which a browser opens a link."""
    return f"{origin}/{language}/open#{link}"
