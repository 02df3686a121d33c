"""To whom packs were handed out, for those who wish to be told when one is recalled.

Nobody is linked to a pack who has not agreed; who takes it back is linked to none any more. A link
is a random id; whose it is stands sealed beside it, and nothing of it leaves this organisation.
Each is told once for a recall, by a notice of the vault, whose steps the chain has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.supply import steps
from yilian.gateway.supply.action_errors import UNIT_UNKNOWN
from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.gateway.supply.pack_rows import chunks
from yilian.gateway.supply.trace import Trace
from yilian.ledger import codec
from yilian.ledger.errors import code
from yilian.vault.database import values
from yilian.vault.envelope import new_id
from yilian.vault.keystore import Keystore

NOT_AGREED = code(9714, "supply.person_not_agreed", 403)
NOT_HANDED_OUT = code(9715, "supply.not_handed_out", 409, "unit")

_PURPOSE = "supply-patients"


@dataclass(frozen=True)
class AgreedRow:
    """Somebody who agreed; `who` is a keyed digest of the person's id."""

    who: bytes
    at: int


@dataclass(frozen=True)
class LinkRow:
    """A pack that was handed to somebody; `sealed` is the person's id."""

    link: str
    unit: str
    who: bytes
    at: int
    sealed: bytes


@dataclass(frozen=True)
class ToldRow:
    """That the person of a link was told of a recall, by a notice."""

    recall: str
    link: str
    notice: str


_agreed = table("supply_patients_agreed", AgreedRow, ("who",))
_links = table("supply_patients", LinkRow, ("link",), sql.UniqueConstraint("unit", "who"))
_told = table("supply_patients_told", ToldRow, ("recall", "link"))
sql.Index("supply_patients_who", _links.c.who)


class Tell(Protocol):
    """Puts a notice of a recall into a person's inbox; again gives the notice there is."""

    def __call__(self, person: str, recall: str) -> str:
        """Give the notice's id."""


class Told(NamedTuple):
    """Somebody who was told of a recall: the packs, the person, the notice."""

    person: str
    units: tuple[str, ...]
    notice: str


class Patients:
    """The links of one organisation. Safe for threads."""

    def __init__(
        self,
        database: SupplyDatabase,
        keystore: Keystore,
        trace: Trace,
        tell: Tell,
        now: Callable[[], int],
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._sealer = keystore.sealer(_PURPOSE)
        self._trace = trace
        self._tell = tell
        self._now = now

    def __repr__(self) -> str:
        return "<Patients>"

    def agree(self, person: str, agreed: bool) -> None:
        """Note that a person wishes to be told, or does not any more: then all links end."""
        who = self._who(person)
        with self._database.write() as connection:
            if agreed:
                row = values(AgreedRow(who, self._now()))
                connection.execute(insert(_agreed).values(row).on_conflict_do_nothing())
                return
            ended = sql.select(_links.c.link).where(_links.c.who == who)
            connection.execute(sql.delete(_told).where(_told.c.link.in_(ended)))
            for each in (_links, _agreed):
                connection.execute(sql.delete(each).where(each.c.who == who))

    def agreed(self, person: str) -> bool:
        """Tell whether a person wishes to be told."""
        with self._database.read() as connection:
            return self._has_agreed(self._who(person), connection)

    def link(self, unit: str, person: str) -> str:
        """Link a pack that was handed out here to somebody; gives the link, again the same one.

        Refuses `supply.person_not_agreed`, `supply.unit_unknown`, `supply.not_handed_out`.
        """
        named, who = steps.canonical(unit), self._who(person)
        place = next(iter(self._trace.places([named])), None)
        if place is None:
            raise UNIT_UNKNOWN(unit=unit[:200])
        if place.where != "dispensed" and place.row.standing != "partially_dispensed":
            raise NOT_HANDED_OUT(unit=named)
        with self._database.write() as connection:
            if not self._has_agreed(who, connection):
                raise NOT_AGREED()
            known = sql.select(_links.c.link).where(_links.c.unit == named, _links.c.who == who)
            found = connection.scalar(known)
            if found is not None:
                return str(found)
            link = new_id()
            sealed = self._sealer.seal(person.encode(), _bound(link, named))
            row = LinkRow(link, named, who, self._now(), sealed)
            connection.execute(sql.insert(_links).values(**values(row)))
        return link

    def tell(self, recall: str, units: Iterable[str]) -> int:
        """Tell those to whom packs were handed out; gives how many have been told in all."""
        for row in self._linked(units):
            person = self._opened(row)
            notice = self._tell(person, recall)
            made = values(ToldRow(recall, row.link, notice))
            with self._database.write() as connection:
                connection.execute(insert(_told).values(made).on_conflict_do_nothing())
        return len(self.told(recall))

    def told(self, recall: str) -> list[Told]:
        """List who was told of a recall, by the id of the notice."""
        query = sql.select(_told).where(_told.c.recall == recall)
        notices = {row.link: row.notice for row in self._database.rows(ToldRow, query)}
        persons: dict[str, str] = {}
        units: dict[str, list[str]] = {}
        for row in self._rows(_links.c.link, notices):
            notice = notices[row.link]
            persons[notice] = self._opened(row)
            units.setdefault(notice, []).append(row.unit)
        return [Told(persons[x], tuple(sorted(units[x])), x) for x in sorted(persons)]

    def _linked(self, units: Iterable[str]) -> list[LinkRow]:
        return self._rows(_links.c.unit, units)

    def _rows(self, column: sql.Column[str], wanted: Iterable[str]) -> list[LinkRow]:
        found: list[LinkRow] = []
        for some in chunks(sorted(set(wanted))):
            found += self._database.rows(LinkRow, sql.select(_links).where(column.in_(some)))
        return sorted(found, key=lambda each: each.link)

    def _has_agreed(self, who: bytes, connection: sql.Connection) -> bool:
        return (
            connection.execute(sql.select(_agreed).where(_agreed.c.who == who)).first() is not None
        )

    def _who(self, person: str) -> bytes:
        return self._keystore.mac(_PURPOSE, person.encode())

    def _opened(self, row: LinkRow) -> str:
        return self._sealer.open(row.sealed, _bound(row.link, row.unit)).decode()


def _bound(link: str, unit: str) -> bytes:
    return codec.encode([link, unit])
