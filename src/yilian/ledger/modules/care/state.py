"""What `care` remembers: organisations, times and commitments; never a patient."""

from __future__ import annotations

from typing import Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.state import Table


class Encounter(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An encounter at `organisation`; `opened` and `ended` are block times (ms)."""

    organisation: codec.Id
    terms: codec.Digest
    opened: codec.Millis
    since: codec.Whole
    status: Literal["open", "closed", "cancelled"] = "open"
    ended: codec.Millis | None = None

    def open_at(self, now: int) -> bool:
        """Tell whether the encounter went on at `now` (ms); a cancelled one never did."""
        if self.status == "cancelled" or now < self.opened:
            return False
        return self.ended is None or now < self.ended


class Referral(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A referral by `organisation` to `to`, for acceptance and care until before `ends` (ms).

    `made`, `answered` and `ended` are block times (ms).
    """

    organisation: codec.Id
    to: codec.Id
    terms: codec.Digest
    made: codec.Millis
    ends: codec.Millis
    since: codec.Whole
    status: Literal["waiting", "accepted", "declined", "ended"] = "waiting"
    answered: codec.Millis | None = None
    ended: codec.Millis | None = None

    def accepted_at(self, now: int) -> bool:
        """Tell whether it is a treatment relation at `now`: later of block time and own clock."""
        return self.status == "accepted" and now < self.ends


ENCOUNTERS = Table("care/encounter/", Encounter)
REFERRALS = Table("care/referral/", Referral)
TABLES = (ENCOUNTERS, REFERRALS)
