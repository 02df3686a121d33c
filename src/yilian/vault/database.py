"""The vault's one database: how its tables are made, written and read. Each part declares its own.

SQLAlchemy Core on SQLite (WAL, synchronous=FULL: a commit is on the disk when it returns).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import sqlalchemy as sql

from yilian.vault import durable
from yilian.vault.errors import VAULT_FORMAT, VAULT_OF_OTHER

FORMAT = 1
R = TypeVar("R")

metadata = sql.MetaData()
_SQL_TYPES: dict[str, type[sql.types.TypeEngine[Any]]] = {
    "str": sql.Text,
    "str | None": sql.Text,
    "bytes": sql.LargeBinary,
    "int": sql.BigInteger,
    "int | None": sql.BigInteger,
}


def table(
    name: str, row: type[Any], key: Sequence[str], *extra: sql.schema.SchemaItem
) -> sql.Table:
    """Make a table whose columns are the fields of its row type, so that the two cannot differ."""
    columns = [
        sql.Column(
            each.name,
            _SQL_TYPES[str(each.type)],
            primary_key=each.name in key,
            nullable=str(each.type).endswith("None"),
        )
        for each in fields(row)
    ]
    return sql.Table(name, metadata, *columns, *extra)


def position() -> sql.Column[int]:
    """Give a column that counts rows in the order they were written."""
    return sql.Column("position", sql.Integer, primary_key=True, autoincrement=True)


_meta = sql.Table(
    "meta",
    metadata,
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("value", sql.Text, nullable=False),
)


class Database:
    """The vault's tables. Safe for threads; one process at a time (the vault's lock)."""

    def __init__(self, path: Path, organisation: str) -> None:
        """Open or start the catalogue of an organisation.

        Refuses `vault_of_other_organisation` and `vault_format_unknown`.
        """
        durable.touch(path)
        # Parameters never reach a log, however the host configures SQLAlchemy's loggers.
        self._engine = sql.create_engine(f"sqlite:///{path}", hide_parameters=True)
        sql.event.listen(self._engine, "connect", _configure)
        self._lock = RLock()
        metadata.create_all(self._engine)
        for name, value, refusal in (
            ("format", str(FORMAT), VAULT_FORMAT(format=FORMAT)),
            ("organisation", organisation, VAULT_OF_OTHER()),
        ):
            if self._meta(name, value) != value:
                self.close()
                raise refusal

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def _meta(self, name: str, value: str) -> str:
        with self.write() as database:
            row = database.execute(sql.select(_meta.c.value).where(_meta.c.name == name)).first()
            if row is None:
                database.execute(sql.insert(_meta).values(name=name, value=value))
                return value
            return str(row[0])

    @contextmanager
    def write(self) -> Iterator[sql.Connection]:
        """One writer at a time, one transaction: all of it is on the disk, or none."""
        with self._lock, self._engine.begin() as database:
            yield database

    @contextmanager
    def read(self) -> Iterator[sql.Connection]:
        """Give a connection for queries that are not rows of a type."""
        with self._engine.connect() as database:
            yield database

    def rows(
        self, kind: type[R], query: sql.Select[Any], asked: dict[str, Any] | None = None
    ) -> list[R]:
        """Read rows of a type; `query` selects its table."""
        with self._engine.connect() as database:
            found = database.execute(query, asked).all()
        # The columns of a table stand in the order of its row type; `position` comes after.
        width = len(fields(kind))  # type: ignore[arg-type]
        return [kind(*row[:width]) for row in found]

    def one(
        self, kind: type[R], query: sql.Select[Any], asked: dict[str, Any] | None = None
    ) -> R | None:
        """Read the first such row, or None."""
        return next(iter(self.rows(kind, query, asked)), None)


def values(row: Any) -> dict[str, Any]:
    """Give a row as the values of its table's columns."""
    return {each.name: getattr(row, each.name) for each in fields(row)}


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute("PRAGMA " + pragma)
