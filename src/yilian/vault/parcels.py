"""What is on its way to other organisations: sealed here until they have taken it.

A parcel is a question that its receiver answers with "done"; in order for each receiver. The same
`mark` for the same receiver waits once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sql

from yilian.ledger.errors import Refusal
from yilian.vault.database import Database, position, table, values
from yilian.vault.envelope import binding
from yilian.vault.keystore import Keystore


class Parcel(NamedTuple):
    """One parcel, opened: where in the row, for whom, what to do with it, since when (ms)."""

    position: int
    receiver: str
    operation: str
    mark: str
    body: bytes
    since: int


@dataclass(frozen=True, slots=True)
class _Row:
    receiver: str
    operation: str
    mark: str
    since: int
    sealed: bytes


_parcels = table(
    "parcels", _Row, [], position(), sql.UniqueConstraint("receiver", "operation", "mark")
)


class Parcels:
    """The parcels of one organisation. Safe for threads."""

    def __init__(self, keystore: Keystore, database: Database) -> None:
        self._keystore = keystore
        self._database = database

    def put(self, receiver: str, operation: str, mark: str, body: bytes, now: int) -> None:
        """Keep a parcel durably; one with the same mark that waits already is enough."""
        sealer = self._keystore.sealer("parcels")
        sealed = sealer.seal(body, _bound(receiver, operation, mark, now))
        row = _Row(receiver, operation, mark, now, sealed)
        with self._database.write() as database:
            database.execute(sql.insert(_parcels).prefix_with("OR IGNORE"), [values(row)])

    def receivers(self) -> list[str]:
        """List for whom something waits, by id."""
        query = sql.select(_parcels.c.receiver).distinct().order_by(_parcels.c.receiver)
        with self._database.read() as database:
            return list(database.execute(query).scalars())

    def waiting(self, receiver: str, limit: int = 50) -> list[Parcel]:
        """List the oldest parcels for one receiver; an altered one has no operation any more."""
        query = sql.select(_parcels).where(_parcels.c.receiver == receiver)
        with self._database.read() as database:
            rows = database.execute(query.order_by(_parcels.c.position).limit(limit)).all()
        return [self._opened(row) for row in rows]

    def _opened(self, row: Any) -> Parcel:
        bound = _bound(row.receiver, row.operation, row.mark, row.since)
        try:
            body = self._keystore.sealer("parcels").open(row.sealed, bound)
        except Refusal:
            return Parcel(row.position, row.receiver, "", row.mark, b"", row.since)
        return Parcel(row.position, row.receiver, row.operation, row.mark, body, row.since)

    def done(self, at: int) -> None:
        """Forget a parcel that was taken, or that is given up; again is fine."""
        with self._database.write() as database:
            database.execute(sql.delete(_parcels).where(_parcels.c.position == at))

    def forget(self, receiver: str) -> None:
        """Forget all parcels for one receiver."""
        with self._database.write() as database:
            database.execute(sql.delete(_parcels).where(_parcels.c.receiver == receiver))


def _bound(receiver: str, operation: str, mark: str, since: int) -> bytes:
    return binding("parcel", receiver=receiver, operation=operation, mark=mark, since=since)
