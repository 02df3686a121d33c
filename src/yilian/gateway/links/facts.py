"""What a link says of itself and what a recipient said of themself: the two sealed texts."""

from __future__ import annotations

from typing import Annotated

import msgspec

from yilian.gateway.links.payload import MAX_LABEL, Flag
from yilian.ledger import codec
from yilian.ledger.codec import Id
from yilian.ledger.errors import Refusal
from yilian.vault.envelope import Format, binding
from yilian.vault.keystore import Keystore
from yilian.vault.sealer import Sealer

MAX_RECIPIENT = 200


class Facts(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-health-link/1"):
    """A link in its maker's words; `passcode` is salt and hash in base64url (`passcodes.py`)."""

    by: Id
    label: Annotated[str, msgspec.Meta(max_length=MAX_LABEL)]
    flag: Flag | None
    passcode: str | None


_decoder = codec.decoder(Facts)


def seal_facts(key: Sealer, link: str, facts: Facts) -> bytes:
    """Seal a link's facts under its key at rest."""
    return key.seal(codec.encode(facts), _bound("health-link-facts", link))


def open_facts(key: Sealer, link: str, sealed: bytes) -> Facts:
    """Open them; raises a `Refusal` where they are not what was sealed."""
    found = codec.decode_with(_decoder, key.open(sealed, _bound("health-link-facts", link)))
    assert isinstance(found, Facts)
    return found


def seal_content(key: Sealer, link: str, content: str) -> bytes:
    """Seal a link's file, a JWE, once more under its key at rest."""
    return key.seal(content.encode("ascii"), _bound("health-link-content", link))


def open_content(key: Sealer, link: str, sealed: bytes) -> str:
    """Open it; raises a `Refusal` where it is not what was sealed."""
    return key.open(sealed, _bound("health-link-content", link)).decode("ascii")


def seal_said(keystore: Keystore, link: str, opening: str, recipient: str) -> bytes:
    """Seal what a recipient said. It outlives the link, as the journal's lines do."""
    sealer = keystore.sealer("health-link-opening", link)
    return sealer.seal(recipient.encode(), binding("health-link-said", opening=opening, link=link))


def open_said(keystore: Keystore, link: str, opening: str, sealed: bytes) -> str | None:
    """Give what a recipient said; None where it cannot be read."""
    sealer = keystore.sealer("health-link-opening", link)
    try:
        said = sealer.open(sealed, binding("health-link-said", opening=opening, link=link))
    except Refusal:
        return None
    return said.decode("utf-8", "replace")


def words_of(recipient: str) -> str:
    """Give what a recipient said as one line: it cannot add lines of its own to a page."""
    return " ".join("".join(each if each.isprintable() else " " for each in recipient).split())


def _bound(purpose: str, link: str) -> bytes:
    return binding(purpose, link=link)
