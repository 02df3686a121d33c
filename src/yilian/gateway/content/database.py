"""Where the content index's tables stand: in the vault's own database, or in PostgreSQL by URL.

In PostgreSQL each organisation has a schema of its own, `yilian_content_<organisation>`. Rows there
are as sealed as in the file: the keys stay in the vault. What an erasure removes cannot be opened
by then, since the person's key goes first; `empty_log` has the server free the rows as well. What
its write-ahead log and its backups still hold stays sealed under a key that is nowhere any more.

One vault writes a schema, and the vault is open in one process at a time. Should two processes with
copies of one vault write it all the same, their transactions come one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sql

from yilian.gateway.index import bulk, database
from yilian.ledger.errors import Refusal

SCHEMA = "yilian_content"
R = TypeVar("R")


class Tables(Protocol):
    """What the content index asks of a database; the vault's own offers it too."""

    def write(self) -> AbstractContextManager[sql.Connection]:
        """One transaction: all of it is on the disk, or none; one writer at a time."""

    def read(self) -> AbstractContextManager[sql.Connection]:
        """Give a connection for queries."""

    def rows(
        self, kind: type[R], query: sql.Select[Any], asked: dict[str, Any] | None = None
    ) -> list[R]:
        """Read rows of a type; `query` selects its table."""

    def empty_log(self) -> bool:
        """After an erasure: let go of what a commit removed. Tells whether it was done."""


class PostgreSQL:
    """One organisation's tables in PostgreSQL. Safe for threads."""

    def __init__(self, url: str, organisation: str, folder: Path = Path()) -> None:
        """Open or make the organisation's schema.

        The URL: see `index/database.py`; its `schema` is what the schemas' names begin with.
        Refuses `index_url_refused`, `index_password_refused` and `index_unavailable`.
        """
        server = database.read_url(url, SCHEMA, folder)
        self._server = database.in_schema(server, f"{server.schema}_{organisation}")
        self._engine = database.connect(self._server, synced="on")
        try:
            with self.write() as connection:
                database.make_schema(connection, self._server.schema)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def write(self) -> Iterator[sql.Connection]:
        """One transaction; another writer of this schema waits for its end."""
        with database.asked(), self._engine.begin() as connection:
            database.lock(connection, self._server.schema)
            yield connection

    @contextmanager
    def read(self) -> Iterator[sql.Connection]:
        """Give a connection for queries."""
        with database.asked(), self._engine.connect() as connection:
            yield connection

    def rows(
        self, kind: type[R], query: sql.Select[Any], asked: dict[str, Any] | None = None
    ) -> list[R]:
        """Read rows of a type; `query` selects its table."""
        with self.read() as connection:
            found = connection.execute(query, asked).all()
        # The columns of a table stand in the order of its row type; others come after.
        width = len(fields(kind))  # type: ignore[arg-type]
        return [kind(*row[:width]) for row in found]

    def empty_log(self) -> bool:
        """Have the server free the rows that were removed; other transactions can prevent it."""
        try:
            with database.asked(), self._engine.connect() as connection:
                alone = connection.execution_options(isolation_level="AUTOCOMMIT")
                for name in ("content_items", "content_tokens"):
                    alone.exec_driver_sql(f"VACUUM {name}")
        except (sql.exc.DBAPIError, Refusal):
            return False
        return True


def insert(connection: sql.Connection, table: sql.Table, rows: Sequence[Sequence[Any]]) -> None:
    """Add rows, each a value for every column in the table's order, as fast as the database can."""
    if connection.dialect.name == "postgresql":
        bulk.insert(connection, table, rows)
        return
    # Plain rows: the mapping of names to columns would cost more than the insert itself.
    marks = ", ".join("?" * len(table.columns))
    names = ", ".join(table.columns.keys())
    # Names of our own table alone; every value is bound.
    connection.exec_driver_sql(
        f"INSERT INTO {table.name} ({names}) VALUES ({marks})",  # noqa: S608
        [tuple(row) for row in rows],
    )
