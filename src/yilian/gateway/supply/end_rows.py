"""What a responder keeps of ends that it was told of: proved by the chain, whoever says what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sql

from yilian.gateway.supply.database import table
from yilian.gateway.supply.folding import Proof
from yilian.gateway.supply.pack_rows import chunks


@dataclass(frozen=True, slots=True)
class EndedRow:
    """A pack that `organisation` ended by its post for `interval`, in a block of time `at` (ms).

    `sequence` is that of the event by which the responder noted it.
    """

    unit: str
    organisation: str
    interval: int
    word: str
    at: int
    sequence: int


ended_table = table("supply_ends", EndedRow, ("unit", "organisation", "interval"))
sql.Index("supply_ends_sequence", ended_table.c.sequence)


def known(
    connection: sql.Connection, units: Iterable[str], organisation: str
) -> set[tuple[str, int]]:
    """Tell which ends by an organisation are kept: unit and interval."""
    found: set[tuple[str, int]] = set()
    columns = ended_table.c
    for some in chunks(sorted(set(units))):
        query = sql.select(columns.unit, columns.interval).where(
            columns.unit.in_(some), columns.organisation == organisation
        )
        found.update((row.unit, row.interval) for row in connection.execute(query))
    return found


def proofs(connection: sql.Connection, units: Iterable[str]) -> dict[str, tuple[Proof, ...]]:
    """Read what is proved of the ends of packs, in the order in which it was told."""
    found: dict[str, tuple[Proof, ...]] = {}
    columns = ended_table.c
    for some in chunks(sorted(set(units))):
        query = (
            sql.select(columns.unit, columns.sequence, columns.organisation)
            .where(columns.unit.in_(some))
            .order_by(columns.sequence)
        )
        for unit, *proof in connection.execute(query):
            found[unit] = (*found.get(unit, ()), Proof(*proof))
    return found


def is_proved(connection: sql.Connection, sequence: int) -> bool:
    """Tell whether an event stands for an end that a title proves: nobody takes it back."""
    query = sql.select(ended_table.c.unit).where(ended_table.c.sequence == sequence).limit(1)
    return connection.scalar(query) is not None
