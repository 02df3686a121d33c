"""How far the organisation has told others of new records: a place in the row of its batches.

The place moves only when a batch was dealt with, so that a crash tells again and forgets nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sql

from yilian.vault.catalogue import KEPT, Catalogue
from yilian.vault.database import metadata, table, values


class NewRecord(NamedTuple):
    """A record that came in: whose it is, its kind of content, who wrote it, what it corrects."""

    record: str
    patient: str
    category: str
    author: str | None
    replaces: str | None


class NewBatch(NamedTuple):
    """A batch of records that others are yet to be told of; `position` counts the batches."""

    position: int
    batch: str


@dataclass(frozen=True, slots=True)
class _PlaceRow:
    name: str
    position: int


_places = table("announced", _PlaceRow, ["name"])
_batches = metadata.tables["batches"]
_PLACE = "records"


class Announcing:
    """The place of one organisation. Safe for threads."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def pending(self, limit: int = 1000) -> list[NewBatch]:
        """List batches of records behind the place, oldest first, anchored or not."""
        query = sql.select(_places).where(_places.c.name == _PLACE)
        place = self._catalogue.one(_PlaceRow, query)
        after = sql.select(_batches.c.position, _batches.c.batch).where(
            _batches.c.kind == "records",
            _batches.c.position > (place.position if place else 0),
        )
        with self._catalogue.read() as connection:
            rows = connection.execute(after.order_by(_batches.c.position).limit(limit)).all()
        return [NewBatch(int(row[0]), str(row[1])) for row in rows]

    def records(self, batch: str) -> dict[str, list[NewRecord]]:
        """Give a batch's records that are kept, by patient, each in the order of their leaves."""
        found: dict[str, list[NewRecord]] = {}
        for row in self._catalogue.records_of_batch(batch):
            if row.standing == KEPT:
                new = NewRecord(row.record, row.patient, row.category, row.author, row.replaces)
                found.setdefault(row.patient, []).append(new)
        return found

    def done(self, position: int) -> None:
        """Move the place behind a batch; all before it count as dealt with too."""
        row = _PlaceRow(_PLACE, position)
        with self._catalogue.write() as connection:
            connection.execute(sql.insert(_places).prefix_with("OR REPLACE").values(**values(row)))
