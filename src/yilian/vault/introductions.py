"""Who made themselves known to whom: what lets a person see the name of somebody they trust.

Ids of persons stand on the chain, names do not. Somebody who is to act for another hands over a
code of their own, and who brings it may see their name from then on. A code is the id, its end and
a keyed mark of both, so nothing is kept of it until it is used. What is kept is the keyed mark of a
pair, which tells a copy of the database nothing.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.errors import code
from yilian.vault.database import Database, table, values
from yilian.vault.keystore import Keystore
from yilian.vault.marks import Marks

INTRODUCTION_UNKNOWN = code(9850, "introduction_unknown", 404)

LASTS_MS = 3_600_000
"""How long a code may be used: one hour."""

_CODE = re.compile(r"([A-Za-z0-9_-]{22})([A-Za-z0-9_-]{8})([A-Za-z0-9_-]{22})")
_TIME_BYTES = 6


class Introduction(NamedTuple):
    """A code of 52 letters, and until when (ms) it may be used. Whoever has it sees a name."""

    code: str
    ends: int

    def __repr__(self) -> str:
        return "<Introduction>"


@dataclass(frozen=True, slots=True)
class _Row:
    pair: str
    person: str
    other: str


_introduced = table("introductions", _Row, ["pair"])


class Introductions:
    """The introductions at one organisation. Safe for threads."""

    def __init__(self, keystore: Keystore, database: Database) -> None:
        self._database = database
        self._marks = Marks("introductions", keystore, database)

    def make(self, person: str, now: int) -> Introduction:
        """Make a code by which `person` makes themself known, from `now` (ms) for an hour."""
        ends = now + LASTS_MS
        time = codec.to_text(ends.to_bytes(_TIME_BYTES, "big"))
        return Introduction(person + time + self._mark(person, time), ends)

    def meet(self, code: str, person: str, now: int) -> str:
        """Give who made a code, and remember that they are known to `person` from now on.

        Refuses `introduction_unknown` alike for what is no code, is over, or is one's own.
        """
        read = _CODE.fullmatch(code)
        if read is None:
            raise INTRODUCTION_UNKNOWN()
        maker, time, mark = read.groups()
        ends = int.from_bytes(codec.to_bytes(time), "big")
        if not hmac.compare_digest(mark, self._mark(maker, time)) or ends <= now or maker == person:
            raise INTRODUCTION_UNKNOWN()
        row = _Row(self._pair(person, maker), self._of(person), self._of(maker))
        with self._database.write() as connection:
            known = sql.insert(_introduced).prefix_with("OR IGNORE")
            connection.execute(known.values(**values(row)))
        return maker

    def knows(self, person: str, other: str) -> bool:
        """Tell whether `other` made themself known to `person`."""
        query = sql.select(_introduced).where(_introduced.c.pair == self._pair(person, other))
        return self._database.one(_Row, query) is not None

    def forget(self, person: str) -> None:
        """Forget whom a person knows and who knows them, for an erasure; again is fine."""
        mark = self._of(person)
        named = sql.or_(_introduced.c.person == mark, _introduced.c.other == mark)
        with self._database.write() as connection:
            connection.execute(sql.delete(_introduced).where(named))

    def _mark(self, person: str, time: str) -> str:
        return self._marks.of("code", f"{person}.{time}")[:22]

    def _of(self, person: str) -> str:
        return self._marks.of("person", person)

    def _pair(self, person: str, other: str) -> str:
        return self._marks.of("pair", f"{person}.{other}")
