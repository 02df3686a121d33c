"""Holds: what a dispute, a law or a trial still needs is not destroyed while its hold stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import sqlalchemy as sql
from sqlalchemy.exc import IntegrityError

from yilian.ledger import codec
from yilian.ledger.codec import Id
from yilian.ledger.errors import MALFORMED, code
from yilian.vault.database import Database, table, values
from yilian.vault.envelope import Format, new_id

HOLD_EXISTS = code(9308, "vault_hold_exists", 409, "hold")
HOLD_UNKNOWN = code(9309, "vault_hold_unknown", 404, "hold")

Ground = Literal["dispute", "law", "trial"]
_CHUNK = 500


class _Asked(Format, frozen=True, kw_only=True):
    hold: Id
    ground: Ground
    records: tuple[Id, ...]


_asked_decoder = codec.decoder(_Asked)


class Held(NamedTuple):
    """One record of a hold; `entry` is the id of its own hold on the chain (`records.Hold`)."""

    entry: str
    record: str


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A hold: its ground, and when it was set and lifted (milliseconds)."""

    hold: str
    ground: str
    since: int
    lifted: int | None


@dataclass(frozen=True, slots=True)
class HeldRow:
    """One record of a hold."""

    entry: str
    hold: str
    record: str


_holds = table("holds", HoldRow, ["hold"])
_held = table("held_records", HeldRow, ["entry"])
sql.Index("held_once", _held.c.hold, _held.c.record, unique=True)
sql.Index("holds_of_record", _held.c.record)


class Holds:
    """The holds of one organisation. Safe for threads."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def add(self, hold: str, records: Sequence[str], ground: Ground) -> list[Held]:
        """Set a hold on records; the same hold again gives the same answer.

        The caller knows that the records are held here. Refuses `vault_hold_exists` for an id that
        stands for other records, another ground or a lifted hold, and `malformed`.
        """
        chosen = sorted(set(records))
        asked = _Asked(hold=hold, ground=ground, records=tuple(chosen))
        codec.decode_with(_asked_decoder, codec.encode(asked))
        if not chosen:
            raise MALFORMED()
        rows = [HeldRow(new_id(), hold, record) for record in chosen]
        try:
            with self._database.write() as database:
                row = HoldRow(hold, ground, self._clock(), None)
                database.execute(sql.insert(_holds), [values(row)])
                database.execute(sql.insert(_held), [values(each) for each in rows])
        except IntegrityError:
            known = self._hold(hold)
            held = self._of_hold(hold)
            same = [each.record for each in held] == chosen and known is not None
            if not same or known is None or (known.ground, known.lifted) != (ground, None):
                raise HOLD_EXISTS(hold=hold) from None
            return held
        return [Held(each.entry, each.record) for each in rows]

    def lift(self, hold: str) -> list[Held]:
        """End a hold; again is fine. Refuses `vault_hold_unknown`."""
        if self._hold(hold) is None:
            raise HOLD_UNKNOWN(hold=hold)
        with self._database.write() as database:
            change = sql.update(_holds).where(_holds.c.hold == hold, _holds.c.lifted.is_(None))
            database.execute(change.values(lifted=self._clock()))
        return self._of_hold(hold)

    def standing(self) -> list[HoldRow]:
        """List the holds that stand."""
        query = sql.select(_holds).where(_holds.c.lifted.is_(None)).order_by(_holds.c.hold)
        return self._database.rows(HoldRow, query)

    def grounds(self, records: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Name, for those of these records that are held, the grounds of the standing holds."""
        found: dict[str, set[str]] = {}
        for start in range(0, len(records), _CHUNK):
            query = sql.select(_held.c.record, _holds.c.ground).join(
                _holds, _holds.c.hold == _held.c.hold
            )
            query = query.where(
                _held.c.record.in_(records[start : start + _CHUNK]), _holds.c.lifted.is_(None)
            )
            with self._database.read() as database:
                for record, ground in database.execute(query):
                    found.setdefault(record, set()).add(ground)
        return {record: tuple(sorted(grounds)) for record, grounds in sorted(found.items())}

    def _hold(self, hold: str) -> HoldRow | None:
        return self._database.one(HoldRow, sql.select(_holds).where(_holds.c.hold == hold))

    def _of_hold(self, hold: str) -> list[Held]:
        query = sql.select(_held).where(_held.c.hold == hold).order_by(_held.c.record)
        return [Held(each.entry, each.record) for each in self._database.rows(HeldRow, query)]
