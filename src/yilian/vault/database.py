"""A vault's database: how its tables are made, written and read. Each part declares its own.

SQLAlchemy Core on SQLite (WAL, synchronous=FULL: a commit is on the disk when it returns).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from threading import RLock
from typing import Any, TypeVar

import sqlalchemy as sql

from yilian.vault import durable
from yilian.vault.errors import VAULT_FORMAT, VAULT_OF_OTHER

FORMAT = 2
CONNECTIONS = 48
"""More threads than the gateway has: a connection past these is opened and closed at each use."""
R = TypeVar("R")

metadata = sql.MetaData()
_columns: dict[type[Any], tuple[str, ...]] = {}
_SQL_TYPES: dict[str, type[sql.types.TypeEngine[Any]]] = {
    "str": sql.Text,
    "str | None": sql.Text,
    "bytes": sql.LargeBinary,
    "int": sql.BigInteger,
    "int | None": sql.BigInteger,
}


def table(
    name: str,
    row: type[Any],
    key: Sequence[str],
    *extra: sql.schema.SchemaItem,
    tables: sql.MetaData = metadata,
) -> sql.Table:
    """Make a table whose columns are the fields of its row type, so that the two cannot differ.

    `tables`: of which database; without it, the vault's.
    """
    columns = [
        sql.Column(
            each.name,
            _SQL_TYPES[str(each.type)],
            primary_key=each.name in key,
            nullable=str(each.type).endswith("None"),
        )
        for each in fields(row)
    ]
    return sql.Table(name, tables, *columns, *extra)


def position() -> sql.Column[int]:
    """Give a column that counts rows in the order they were written."""
    return sql.Column("position", sql.Integer, primary_key=True, autoincrement=True)


_meta_table = sql.MetaData()
_meta = sql.Table(
    "meta",
    _meta_table,
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("value", sql.Text, nullable=False),
)


class Database:
    """The tables of one file. Safe for threads; one process at a time (the vault's lock)."""

    FORMAT = FORMAT
    TABLES = metadata
    PRAGMAS: tuple[str, ...] = (
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        # What an erasure takes out of a row is overwritten with zeros, not just freed.
        "secure_delete = ON",
    )

    def __init__(self, path: Path, organisation: str) -> None:
        """Open or start the database of an organisation.

        Refuses `vault_of_other_organisation` and `vault_format_unknown`.
        """
        durable.touch(path)
        # Parameters never reach a log, however the host configures SQLAlchemy's loggers.
        self._engine = sql.create_engine(
            f"sqlite:///{path}", hide_parameters=True, pool_size=CONNECTIONS
        )
        sql.event.listen(self._engine, "connect", self._configure)
        self._lock = RLock()
        # Before the other tables: those of another format may lack what an index is made on.
        _meta_table.create_all(self._engine)
        for name, value, refusal in (
            ("format", str(self.FORMAT), VAULT_FORMAT(format=self.FORMAT)),
            ("organisation", organisation, VAULT_OF_OTHER()),
        ):
            if self._meta(name, value) != value:
                self.close()
                raise refusal
        self.TABLES.create_all(self._engine)

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def copy(self, target: Path) -> None:
        """Copy the database as it is at one moment, while it is used; durable on return.

        `target` must not exist. SQLite's online backup in one step, so no writer waits long.
        """
        with self._raw() as source:
            _copy(source, target)

    def empty_log(self) -> bool:
        """Move the write-ahead log into the file and cut it to nothing.

        For an erasure: what a commit removed also stands in the log until then. Tells whether it
        was done; a reader that stays for seconds can prevent it.
        """
        with self._lock, self._raw() as connection:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy

    @contextmanager
    def _raw(self) -> Iterator[sqlite3.Connection]:
        with closing(self._engine.raw_connection()) as pooled:
            connection: sqlite3.Connection = pooled.driver_connection  # type: ignore[assignment]
            yield connection

    def _configure(self, connection: sqlite3.Connection, _record: object) -> None:
        for pragma in self.PRAGMAS:
            connection.execute("PRAGMA " + pragma)

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


def copy_file(path: Path, target: Path) -> None:
    """Copy a database as it is at one moment, whoever has it open; durable on return.

    `target` must not exist.
    """
    with closing(sqlite3.connect(path)) as source:
        _copy(source, target)


def _copy(source: sqlite3.Connection, target: Path) -> None:
    durable.touch(target)
    with closing(sqlite3.connect(target)) as copied:
        source.backup(copied)
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    durable.sync_file(target)


def values(row: Any) -> dict[str, Any]:
    """Give a row as the values of its table's columns."""
    kind = type(row)
    if kind not in _columns:
        _columns[kind] = tuple(each.name for each in fields(kind))
    return {name: getattr(row, name) for name in _columns[kind]}
