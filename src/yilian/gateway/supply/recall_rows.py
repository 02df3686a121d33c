"""What a member keeps of recalls: which it follows, which packs they concern, who was told."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sql

from yilian.gateway.supply.database import table


@dataclass(frozen=True)
class FollowedRow:
    """A recall that is followed here, since (ms); `ended` once it is over.

    `number` and `content`: the newest answer; `confirmed`: by whom people's look was noted, for the
    packs in `seen` (a digest). `shown` 1: the issuer has the proof of the answer.
    """

    recall: str
    since: int
    ended: int
    number: int
    content: bytes
    sent: int
    shown: int
    confirmed: str
    seen: str


@dataclass(frozen=True)
class ConcernedRow:
    """A pack that a recall concerns here; `held` 1 once it was set aside for it."""

    recall: str
    unit: str
    derived: int
    held: int


@dataclass(frozen=True)
class WordRow:
    """A pack that a sender says was made of recalled ones."""

    recall: str
    sender: str
    unit: str


@dataclass(frozen=True)
class PassedRow:
    """A pack of which a receiver was told."""

    recall: str
    receiver: str
    unit: str


followed_table = table("supply_recalls", FollowedRow, ("recall",))
concerned_table = table("supply_recall_units", ConcernedRow, ("recall", "unit"))
words_table = table("supply_recall_words", WordRow, ("recall", "sender", "unit"))
passed_table = table("supply_recall_passed", PassedRow, ("recall", "receiver", "unit"))
sql.Index("supply_recall_units_unit", concerned_table.c.unit)
