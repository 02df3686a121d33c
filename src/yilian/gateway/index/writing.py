"""Writing a book: few, large statements, so that the index does not fight for the interpreter.

SQLite's driver lets go of the interpreter lock at every step of a statement. With one step per row
a busy writer thread would make the index wait at each row; many rows per statement are one step.
PostgreSQL takes them in another form (`bulk.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table

from yilian.gateway.index import bulk
from yilian.gateway.index.rows import Book

_CHUNKS = (512, 64, 8, 1)
_MOST_PARAMETERS = 32_000
"""SQLite takes at most 32,766 values in a statement."""


def write(connection: Connection, book: Book) -> None:
    """Add a book's new rows, then make its changes to older ones."""
    for table, rows in book.rows.items():
        _insert(connection, table, rows)
    for table, changes in book.changes.items():
        by_columns: dict[tuple[str, ...], list[list[Any]]] = {}
        for name, values in changes.items():
            columns = tuple(sorted(values))
            row = [name, *(values[each] for each in columns)]
            by_columns.setdefault(columns, []).append(row)
        for columns, rows in by_columns.items():
            _update(connection, table, columns, rows)


def _insert(connection: Connection, table: Table, rows: Sequence[list[Any]]) -> None:
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        bulk.insert(connection, table, rows)
        return
    for chunk in _cut(rows):
        values = tuple(value for row in chunk for value in row)
        connection.exec_driver_sql(_insert_text(table, len(chunk)), values)


def _update(
    connection: Connection, table: Table, columns: tuple[str, ...], rows: Sequence[list[Any]]
) -> None:
    if connection.dialect.name == "postgresql":
        bulk.update(connection, table, columns, rows)
        return
    for chunk in _cut(rows):
        values = tuple(value for row in chunk for value in row)
        connection.exec_driver_sql(_update_text(table, columns, len(chunk)), values)


def _cut(rows: Sequence[list[Any]]) -> Iterable[Sequence[list[Any]]]:
    """Cut rows into a few fixed sizes, so that the statements are few and stay prepared."""
    at = 0
    for size in _CHUNKS:
        if size * len(rows[0]) > _MOST_PARAMETERS:
            continue
        while len(rows) - at >= size:
            yield rows[at : at + size]
            at += size


def _names(table: Table) -> tuple[str, ...]:
    return tuple(each.name for each in table.columns)


# Only names of our own tables and columns are put into these texts; every value is bound.


@cache
def _insert_text(table: Table, count: int) -> str:
    names = ", ".join(f'"{each}"' for each in _names(table))
    row = "(" + ", ".join("?" * len(table.columns)) + ")"
    return f'INSERT INTO "{table.name}" ({names}) VALUES ' + ", ".join([row] * count)  # noqa: S608


@cache
def _update_text(table: Table, columns: tuple[str, ...], count: int) -> str:
    row = "(" + ", ".join("?" * (len(columns) + 1)) + ")"
    sets = ", ".join(f'"{name}" = new.column{at}' for at, name in enumerate(columns, 2))
    rows = ", ".join([row] * count)
    return (
        f'UPDATE "{table.name}" SET {sets} FROM (VALUES {rows}) AS new '  # noqa: S608
        f'WHERE "{table.name}"."id" = new.column1'
    )
