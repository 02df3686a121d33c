"""How far the organisation has followed the chain, and which revocations renewed whose keys.

Renewing keys is not something to do twice: each time makes another generation that every standing
grant must be sent. So what is about to be renewed is noted first, by the ids of the keys in use.
After a crash the note tells: where one of them is still in use, nothing was renewed yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Id
from yilian.vault.catalogue import Catalogue
from yilian.vault.database import table, values
from yilian.vault.giving import Giver
from yilian.vault.keystore import Keystore


@dataclass(frozen=True, slots=True)
class _PlaceRow:
    name: str
    height: int


@dataclass(frozen=True, slots=True)
class _TurnRow:
    """`cause` is a digest of the event's place; `keys` are the ids of the keys then in use."""

    cause: str
    keys: bytes


_places = table("followed", _PlaceRow, ["name"])
_turns = table("rotations", _TurnRow, ["cause"])
_CHAIN = "chain"
_keys_decoder = codec.decoder(tuple[Id, ...])


class Rotation:
    """The place of one organisation on the chain. Safe for threads; one at a time renews."""

    def __init__(self, keystore: Keystore, catalogue: Catalogue, giver: Giver) -> None:
        self._keystore = keystore
        self._catalogue = catalogue
        self._giver = giver

    def place(self) -> int:
        """Give the height up to which everything was dealt with; 0 at the beginning."""
        query = sql.select(_places).where(_places.c.name == _CHAIN)
        row = self._catalogue.one(_PlaceRow, query)
        return row.height if row else 0

    def move(self, height: int) -> None:
        """Note that everything up to a height was dealt with, durably."""
        row = _PlaceRow(_CHAIN, height)
        with self._catalogue.write() as connection:
            insert = sql.insert(_places).prefix_with("OR REPLACE")
            connection.execute(insert.values(**values(row)))
            connection.execute(sql.delete(_turns))

    def renew(self, patient: str, cause: str) -> bool:
        """Renew a patient's keys once for a cause; tells whether it was done now.

        Again for the same cause, after a crash, does what is missing and nothing else.
        """
        used = {each.key for each in self._keystore.category_keys(patient) if not each.ended}
        query = sql.select(_turns).where(_turns.c.cause == cause)
        noted = self._catalogue.one(_TurnRow, query)
        if noted is None:
            row = _TurnRow(cause, codec.encode(sorted(used)))
            with self._catalogue.write() as connection:
                connection.execute(sql.insert(_turns).values(**values(row)))
        elif used.isdisjoint(codec.decode_with(_keys_decoder, noted.keys)):
            return False
        self._giver.renew(patient)
        return True
