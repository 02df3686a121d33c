"""Relations that may stand now, of all patients: what a waiting list is made from.

The relations themselves are found by patient (`relations.py`). This keeps who is meant by each that
is not known to be over, so that a list costs as much as there are open ones, not as ever were.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Id
from yilian.ledger.errors import MALFORMED, Refusal, code
from yilian.vault.database import Database, table, values
from yilian.vault.envelope import Format, binding
from yilian.vault.keystore import Keystore

WAITING_ROW_DAMAGED = code(9403, "waiting_row_damaged", 500, "relation")


class Patient(NamedTuple):
    """Whom a relation is with, by the id that the person has at this organisation."""

    relation: str
    person: str


class _Whom(Format, frozen=True, kw_only=True):
    person: Id


@dataclass(frozen=True, slots=True)
class _Row:
    relation: str
    sealed: bytes


_waiting = table("relations_waiting", _Row, ["relation"])
_decoder = codec.decoder(_Whom)


class Waiting:
    """The open relations of one organisation, by patient. Safe for threads."""

    def __init__(self, keystore: Keystore, database: Database) -> None:
        self._keystore = keystore
        self._database = database

    def put(self, relation: str, person: str, connection: sql.Connection) -> None:
        """Keep whom a relation is with, in the caller's transaction; again changes nothing."""
        sealed = self._keystore.sealer("relations").seal(
            codec.encode(_Whom(person=person)), _bound(relation)
        )
        row = _Row(relation, sealed)
        connection.execute(sql.insert(_waiting).prefix_with("OR IGNORE"), [values(row)])

    def all(self) -> list[Patient]:
        """List all that are not known to be over, by relation; refuses `waiting_row_damaged`."""
        rows = self._database.rows(_Row, sql.select(_waiting).order_by(_waiting.c.relation))
        return [Patient(row.relation, self._open(row)) for row in rows]

    def drop(self, relations: Iterable[str]) -> None:
        """Forget relations that are over for good."""
        names = [{"name": each} for each in relations]
        if names:
            with self._database.write() as connection:
                statement = sql.delete(_waiting).where(_waiting.c.relation == sql.bindparam("name"))
                connection.execute(statement, names)

    def _open(self, row: _Row) -> str:
        try:
            data = self._keystore.sealer("relations").open(row.sealed, _bound(row.relation))
        except Refusal:
            raise WAITING_ROW_DAMAGED(relation=row.relation) from None
        found = codec.decode_with(_decoder, data)
        if not isinstance(found, _Whom):
            raise MALFORMED()
        return found.person


def _bound(relation: str) -> bytes:
    return binding("relation-waiting", relation=relation)
