"""Many rows to PostgreSQL in one statement: they travel as one JSON text and are unpacked there.

The driver would send a row at a time and wait for each; and one parameter a value would make it
convert each in Python. PostgreSQL's `json_to_recordset` (PostgreSQL 15, section 9.16) reads a whole
batch at once. Bytes travel in hexadecimal, as `bytea` is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, Table

CHUNK = 20_000
"""Rows in a statement."""


def insert(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Add rows, each a value for every column in the table's order."""
    names = tuple(each.name for each in table.columns)
    for start in range(0, len(rows), CHUNK):
        text = _packed(table, names, rows[start : start + CHUNK])
        connection.exec_driver_sql(_insert_text(table), (text,))


def update(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[Sequence[Any]]
) -> None:
    """Change `columns` of rows that are named by `id`; a row is its id, then the new values."""
    for start in range(0, len(rows), CHUNK):
        text = _packed(table, ("id", *columns), rows[start : start + CHUNK])
        connection.exec_driver_sql(_update_text(table, columns), (text,))


def _packed(table: Table, names: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> str:
    """Write rows as objects; a column is called by its place, which is shorter."""
    keys = [f"c{at}" for at in range(len(names))]
    if any(isinstance(table.c[name].type, LargeBinary) for name in names):
        rows = [[_plain(value) for value in row] for row in rows]
    return msgspec.json.encode([dict(zip(keys, row, strict=True)) for row in rows]).decode()


def _plain(value: Any) -> Any:
    return "\\x" + value.hex() if isinstance(value, bytes) else value


# Only names of our own tables and columns are put into these texts; every value is bound.


@cache
def _insert_text(table: Table) -> str:
    columns = list(table.columns)
    names = ", ".join(f'"{each.name}"' for each in columns)
    values = ", ".join(_read(each, at) for at, each in enumerate(columns))
    return f'INSERT INTO "{table.name}" ({names}) SELECT {values} {_source(columns)}'


@cache
def _update_text(table: Table, columns: tuple[str, ...]) -> str:
    named = [table.c["id"], *(table.c[name] for name in columns)]
    sets = ", ".join(f'"{each.name}" = {_read(each, at)}' for at, each in enumerate(named) if at)
    return (
        f'UPDATE "{table.name}" SET {sets} {_source(named)} '  # noqa: S608
        f'WHERE "{table.name}"."id" = new.c0'
    )


def _source(columns: Sequence[Column[Any]]) -> str:
    fields = ", ".join(f"c{at} {_type(each)}" for at, each in enumerate(columns))
    return f"FROM json_to_recordset(%s::json) AS new({fields})"


def _read(column: Column[Any], at: int) -> str:
    return f"new.c{at}::bytea" if isinstance(column.type, LargeBinary) else f"new.c{at}"


def _type(column: Column[Any]) -> str:
    # BigInteger is an Integer too: it is asked for first.
    if isinstance(column.type, BigInteger):
        return "bigint"
    return "integer" if isinstance(column.type, Integer) else "text"
