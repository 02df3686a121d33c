"""What titles ask of the chain: roots, nullifiers, makers, and a way to send."""

from __future__ import annotations

import re
from typing import Protocol

from yilian.ledger import codec
from yilian.ledger.module import Message
from yilian.ledger.modules.supply import state as supply
from yilian.ledger.state import State

_GTIN = re.compile(r"https://id\.gs1\.org/01/([0-9]{14})/21/[^/?#]+", re.ASCII)
_OTHERS = (
    re.compile(r"https://id\.gs1\.org/00/[0-9]([0-9]{17})", re.ASCII),
    re.compile(r"https://id\.gs1\.org/8003/0([0-9]{13})[^/?#]+", re.ASCII),
    re.compile(r"https://id\.gs1\.org/8004/([0-9]{6,30})[^/?#]*", re.ASCII),
)
"""Pallets and assets: what is captured begins with a company prefix."""


class Chain(Protocol):
    """This organisation's own node."""

    def state(self) -> State:
        """Give committed state."""

    def now(self) -> int:
        """Give the later of the last block's time and the clock (ms)."""

    def block_time(self) -> int:
        """Give the time of the newest block (ms)."""

    def sign(self, message: Message, expires: int) -> bytes:
        """Write a transaction of the organisation that no block takes at or after `expires`."""

    def submit(self, raw: bytes) -> None:
        """Hand a transaction in and wait for its block; raises its `Refusal`.

        Any other exception leaves open what becomes of it. The same bytes again are the same.
        """


class TitleView:
    """Committed state as a check of titles reads it."""

    def __init__(self, state: State) -> None:
        self._state = state

    def root(self, organisation: str, interval: int) -> bytes | None:
        """Give the root that an organisation posted for an interval."""
        found = supply.posted(self._state, organisation, interval)
        return None if found is None else codec.to_bytes(found)

    def spent(self, organisation: str, nullifier: bytes) -> int | None:
        """Tell for which interval an organisation posted a nullifier.

        What another one posted says nothing about this one's notes.
        """
        found = supply.spent(self._state, organisation, codec.to_text(nullifier))
        return None if found is None else found.interval

    def made_by(self, unit: str, organisation: str, interval: int) -> bool:
        """Tell whether an organisation could make a unit by its post for an interval.

        It could who owned the product at the block time of that post, or registered it later: packs
        stay what they are when their product is sold, and the seller makes no more of them. The
        interval's own time does not count, as a post may be for one long past. A pallet or an asset
        comes from the company under whose prefix its number is now.
        """
        found = _GTIN.fullmatch(unit)
        if found is not None:
            time = supply.posted_at(self._state, organisation, interval)
            return time is not None and organisation in supply.owned_at(self._state, found[1], time)
        for each in _OTHERS:
            found = each.fullmatch(unit)
            if found is not None:
                return self._covered(f"0{found[1][:12]}0") == organisation
        return False

    def _covered(self, gtin: str) -> str | None:
        company = supply.covering(self._state, gtin)
        return None if company is None else company.organisation


def responder_of(state: State, unit: str) -> str | None:
    """Name the organisation that answers for a pack; None for what has no product on the chain."""
    found = _GTIN.fullmatch(unit)
    return None if found is None else supply.responder(state, found[1])
