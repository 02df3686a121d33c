"""The supply database of one organisation: one SQLite file beside its vault's catalogue.

    <vault folder>/supply.sqlite

Events, units, titles and alerts stand here: nothing personal, so nothing is sealed. Every part
declares its own tables on `METADATA`, before the database is opened; several parts write in one
transaction by handing each other its connection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sql

from yilian.vault import database

METADATA = sql.MetaData()
FILE = "supply.sqlite"


def table(
    name: str, row: type[Any], key: Sequence[str], *extra: sql.schema.SchemaItem
) -> sql.Table:
    """Make a table of the supply database; see `vault.database.table`."""
    return database.table(name, row, key, *extra, tables=METADATA)


class SupplyDatabase(database.Database):
    """The tables of one organisation's supply file. Safe for threads; one process at a time.

    `write()` is one durable transaction, and waits for other writers; a second `write()` inside it
    would wait for itself, so what runs inside is given the connection. A commit is on the disk
    (WAL, synchronous=FULL) when it returns; readers never wait.
    """

    FORMAT = 3
    TABLES = METADATA
    PRAGMAS = (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        # Index tables are written all over; each connection in use may hold so much (KiB).
        "cache_size = -16384",
    )
