"""Keyed digests of ids and tokens, by which sealed rows are found without standing in clear."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import sqlalchemy as sql

from yilian.ledger import codec
from yilian.vault.database import Database, table, values
from yilian.vault.envelope import binding, new_key
from yilian.vault.keystore import Keystore


@dataclass(frozen=True, slots=True)
class _KeyRow:
    name: str
    sealed: bytes


_keys = table("mark_keys", _KeyRow, ["name"])


class Marks:
    """HMAC-SHA256 (RFC 2104) under a random key that is kept sealed. Safe for threads."""

    __slots__ = ("_key",)

    def __init__(self, name: str, keystore: Keystore, database: Database) -> None:
        """Open the key `name`, or make it. Refuses `envelope_not_opened` where it was changed."""
        sealer = keystore.sealer("mark-key", name)
        bound = binding("mark-key", name=name)
        with database.write() as connection:
            query = sql.select(_keys).where(_keys.c.name == name)
            row = database.one(_KeyRow, query)
            if row is None:
                row = _KeyRow(name, sealer.seal(new_key(), bound))
                connection.execute(sql.insert(_keys).values(**values(row)))
        self._key = sealer.open(row.sealed, bound)

    def __repr__(self) -> str:
        return "<Marks>"

    def of(self, purpose: str, text: str) -> str:
        """Mark a text for one purpose; marks of two purposes cannot be compared."""
        made = hmac.digest(self._key, binding(purpose, text=text), hashlib.sha256)
        return codec.to_text(made)
