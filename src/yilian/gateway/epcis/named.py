"""Named queries: parameters kept under a name, each under whoever keeps it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.gateway.epcis import query
from yilian.gateway.epcis.errors import (
    QUERY_EXISTS,
    QUERY_NAME,
    QUERY_TOO_COMPLEX,
    QUERY_UNKNOWN,
    TOO_MANY_QUERIES,
)
from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.vault.database import values

MAX_QUERIES = 1_000
MAX_BYTES = 256 * 1024
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


class Named(NamedTuple):
    """A named query: its parameters as they were given, and when (ms of UTC)."""

    name: str
    created: int
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _QueryRow:
    owner: str
    name: str
    created: int
    parameters: bytes


_queries = table("epcis_queries", _QueryRow, ["owner", "name"])
_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)


class NamedQueries:
    """The named queries of one repository. Safe for threads.

    `owner` is a partner who asks for itself, and sees none but its own; empty for the organisation.
    """

    def __init__(self, database: SupplyDatabase) -> None:
        self._database = database

    def put(self, name: str, parameters: Mapping[str, Any], now: int, owner: str = "") -> Named:
        """Keep a query. Refuses `epcis.query_name`, `epcis.query_exists`,
        `epcis.too_many_queries`, and as `query.read` does.
        """
        if not _NAME.fullmatch(name):
            raise QUERY_NAME()
        query.read(parameters)
        written = _encoder.encode(dict(parameters))
        if len(written) > MAX_BYTES:
            raise QUERY_TOO_COMPLEX(limit=query.MAX_VALUES)
        row = _QueryRow(owner, name, now, written)
        with self._database.write() as connection:
            if self._row(connection, name, owner) is not None:
                raise QUERY_EXISTS(name=name)
            count = sql.select(sql.func.count()).where(_queries.c.owner == owner)
            if (connection.scalar(count) or 0) >= MAX_QUERIES:
                raise TOO_MANY_QUERIES(limit=MAX_QUERIES)
            connection.execute(sql.insert(_queries), values(row))
        return _named(row)

    def get(self, name: str, owner: str = "") -> Named:
        """Find a query; refuses `epcis.query_unknown`."""
        with self._database.read() as connection:
            found = self._row(connection, name, owner)
        if found is None:
            raise QUERY_UNKNOWN()
        return _named(found)

    def all(
        self, cursor: str | None = None, limit: int = MAX_QUERIES, owner: str = ""
    ) -> tuple[list[Named], str | None]:
        """List queries by name, and the cursor of those after them, if there are any."""
        asked = sql.select(_queries).where(_queries.c.owner == owner).order_by(_queries.c.name)
        if cursor is not None:
            asked = asked.where(_queries.c.name > cursor)
        found = self._database.rows(_QueryRow, asked.limit(limit + 1))
        more = found[limit - 1].name if len(found) > limit else None
        return [_named(each) for each in found[:limit]], more

    def remove(self, name: str, owner: str = "", connection: sql.Connection | None = None) -> None:
        """Forget a query; refuses `epcis.query_unknown`.

        `connection`: of the transaction that the caller is in, if he is.
        """
        if connection is None:
            with self._database.write() as own:
                self.remove(name, owner, own)
            return
        gone = connection.execute(
            sql.delete(_queries).where(_queries.c.owner == owner, _queries.c.name == name)
        )
        if not gone.rowcount:
            raise QUERY_UNKNOWN()

    def _row(self, connection: sql.Connection, name: str, owner: str) -> _QueryRow | None:
        found = connection.execute(
            sql.select(_queries).where(_queries.c.owner == owner, _queries.c.name == name)
        ).first()
        return None if found is None else _QueryRow(*found)


def _named(row: _QueryRow) -> Named:
    return Named(row.name, row.created, _decoder.decode(row.parameters))
