"""Records read from the state are the records that all events gave, but for when they began."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Table

from tests.scale import scale
from tests.simulation import Simulation
from yilian.gateway.index import tables
from yilian.gateway.index.rows import PROJECTIONS, Book
from yilian.gateway.index.taking_over import TAKEN, take_over

Rows = dict[str, tuple[Any, ...]]
_WHEN = ("seq", "since", "time")
_ABOUT = {
    tables.RECOVERIES,
    tables.PROPOSALS,
    tables.ENCOUNTERS,
    tables.REFERRALS,
    tables.RECALLS,
    tables.ALERTS,
}
"""The state does not say at which height these ended."""


def records(table: Table, rows: list[list[Any]]) -> Rows:
    """Give a table's records by id, without what the state does not keep."""
    names = table.columns.keys()
    left = [each for each in names if each not in _WHEN]
    if table in _ABOUT:
        left.remove("ended")
    return {row[1]: tuple(row[names.index(each)] for each in left) for row in rows}


@pytest.mark.parametrize("seed", ["one", "two", "three"])
def test_the_state_gives_the_same_records_as_all_events(seed: str) -> None:
    """A long random life, noted event by event and then read from its end."""
    life = Simulation(seed=seed)
    noted = Book(0)
    noted.genesis(life.chain.genesis)
    for _ in range(scale(150, 2_000)):
        raws = life.draw_block()
        applied = life.chain.block(*raws)
        life.settle(raws, applied)
        results, own = applied.results, applied.timer_events
        noted.block(applied.height, applied.time, "", raws, results, own)
    last = noted.events

    def book() -> Book:
        made = Book(last)
        made.height, made.time = life.chain.height, life.chain.time
        return made

    taken = list(take_over(life.chain.memory, book))
    for table in tables.RECORDS:
        found = [row for each in taken for row in each.rows[table]]
        expected = records(table, noted.rows[table])
        if table is tables.MEMBERS:
            # The state remembers members alone, and not who was one once.
            expected = {name: row for name, row in expected.items() if "member" in row}
        assert records(table, found) == expected, table.name
    numbers = [row[0] for each in taken for table in tables.RECORDS for row in each.rows[table]]
    assert len(set(numbers)) == len(numbers)
    assert all(noted.rows[table] for table in (tables.GRANTS, tables.SUBJECTS, tables.PRODUCTS))


def test_every_table_of_records_is_taken_over() -> None:
    """A new table of records that the state should fill is not forgotten."""
    assert len(TAKEN) == len(tables.RECORDS)
    assert PROJECTIONS
