"""Reading the chain index: pages of blocks, events and records. Any thread may read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Table, and_, func, or_, select

from yilian.gateway.index.database import asked
from yilian.gateway.index.rows import TIMERS
from yilian.gateway.index.tables import BLOCKS, EVENT_IDS, EVENTS, TRANSACTIONS

Filters = Mapping[str, str]

_PLACE = re.compile(r"(0|[1-9][0-9]{0,15})\.(t|0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")


class Place(msgspec.Struct, frozen=True, order=True):
    """Where an event stands: height, position of its transaction (-1: timer), place within it."""

    height: int
    position: int
    place: int

    def __str__(self) -> str:
        middle = "t" if self.position == TIMERS else str(self.position)
        return f"{self.height}.{middle}.{self.place}"

    @classmethod
    def read(cls, text: str) -> Place:
        """Read `height.position.place`; a timer's position is `t`. Raises ValueError."""
        match = _PLACE.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return cls(int(match[1]), TIMERS if match[2] == "t" else int(match[2]), int(match[3]))


class IndexedBlock(msgspec.Struct, frozen=True):
    """A block in a list: time in ms, hash in hex, how many transactions and events."""

    height: int
    time: int
    hash: str
    transactions: int
    events: int


class IndexedTransaction(msgspec.Struct, frozen=True):
    """A transaction in its block: hash in hex, code (0 is accepted), its messages' types."""

    height: int
    position: int
    hash: str
    code: int
    types: list[str]
    parameters: dict[str, int | str]
    time: int


class IndexedEvent(msgspec.Struct, frozen=True):
    """An event with its place, block time (ms), transaction hash (None: a timer's) and text."""

    seq: int
    at: Place
    time: int
    transaction: str | None
    type: str
    text: str


class Reading:
    """The questions that the index answers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def _asked(self) -> Iterator[Connection]:
        """Give a connection; refuses `index_unavailable` where the database does not answer."""
        with asked(), self._engine.connect() as connection:
            yield connection

    def blocks(self, before: int | None, limit: int) -> list[IndexedBlock]:
        """List blocks below height `before`, newest first; genesis is not one of them."""
        query = (
            select(BLOCKS.c.height, BLOCKS.c.time, BLOCKS.c.hash)
            .add_columns(BLOCKS.c.transactions, BLOCKS.c.events)
            .where(BLOCKS.c.height > 0)
        )
        if before is not None:
            query = query.where(BLOCKS.c.height < before)
        query = query.order_by(BLOCKS.c.height.desc()).limit(limit)
        with self._asked() as connection:
            return [IndexedBlock(*row) for row in connection.execute(query)]

    def transactions(self, height: int) -> list[IndexedTransaction]:
        """List the transactions of a block in order."""
        return self._transactions(height, None)

    def transaction(self, height: int, position: int) -> IndexedTransaction | None:
        """Find a transaction by its place."""
        found = self._transactions(height, position)
        return found[0] if found else None

    def _transactions(self, height: int, position: int | None) -> list[IndexedTransaction]:
        table = TRANSACTIONS
        query = (
            select(table, BLOCKS.c.time)
            .join(BLOCKS, BLOCKS.c.height == table.c.height)
            .where(table.c.height == height)
            .order_by(table.c.position)
        )
        if position is not None:
            query = query.where(table.c.position == position)
        with self._asked() as connection:
            rows = connection.execute(query).all()
        return [
            IndexedTransaction(
                height=row.height,
                position=row.position,
                hash=row.hash,
                code=row.code,
                types=row.types.split(",") if row.types else [],
                parameters=msgspec.json.decode(row.parameters or "{}"),
                time=row.time,
            )
            for row in rows
        ]

    def events_of(self, height: int, position: int) -> list[msgspec.Raw]:
        """Give the events of one transaction, as JSON texts."""
        query = (
            select(EVENTS.c.text)
            .where(self._within(height))
            .where(EVENTS.c.position == position)
            .order_by(EVENTS.c.seq)
        )
        with self._asked() as connection:
            return [msgspec.Raw(text.encode()) for text in connection.scalars(query)]

    def events(
        self, after: int, limit: int, capability: str | None = None, name: str | None = None
    ) -> list[IndexedEvent]:
        """List events behind the sequence number `after`, oldest first."""
        query = (
            select(EVENTS, BLOCKS.c.time, TRANSACTIONS.c.hash)
            .join(BLOCKS, BLOCKS.c.height == EVENTS.c.height)
            .outerjoin(
                TRANSACTIONS,
                and_(
                    TRANSACTIONS.c.height == EVENTS.c.height,
                    TRANSACTIONS.c.position == EVENTS.c.position,
                ),
            )
            .where(EVENTS.c.seq > after)
        )
        if capability is not None:
            query = query.where(EVENTS.c.capability == capability)
        if name is not None:
            query = query.join(EVENT_IDS, EVENT_IDS.c.seq == EVENTS.c.seq).where(
                EVENT_IDS.c.id == name, EVENT_IDS.c.seq > after
            )
        query = query.order_by(EVENTS.c.seq).limit(limit)
        with self._asked() as connection:
            return [
                IndexedEvent(
                    row.seq,
                    Place(row.height, row.position, row.place),
                    row.time,
                    row.hash,
                    row.type,
                    row.text,
                )
                for row in connection.execute(query)
            ]

    def seq(self, at: Place) -> int:
        """Give the sequence number of the newest event not behind a place (0 for none)."""
        earlier = or_(
            EVENTS.c.position < at.position,
            and_(EVENTS.c.position == at.position, EVENTS.c.place <= at.place),
        )
        within = select(func.max(EVENTS.c.seq)).where(self._within(at.height)).where(earlier)
        before = (
            select(BLOCKS.c.first_event, BLOCKS.c.events, BLOCKS.c.height)
            .where(BLOCKS.c.height <= at.height)
            .order_by(BLOCKS.c.height.desc())
            .limit(1)
        )
        with self._asked() as connection:
            block = connection.execute(before).first()
            if block is None:
                return 0
            if block.height < at.height:
                return int(block.first_event + block.events - 1)
            return int(connection.scalar(within) or block.first_event - 1)

    @staticmethod
    def _within(height: int) -> Any:
        first = select(BLOCKS.c.first_event).where(BLOCKS.c.height == height).scalar_subquery()
        count = select(BLOCKS.c.events).where(BLOCKS.c.height == height).scalar_subquery()
        return and_(EVENTS.c.seq >= first, EVENTS.c.seq < first + count)

    def newest(self) -> int:
        """Give the sequence number of the newest event."""
        with self._asked() as connection:
            return int(connection.scalar(select(func.max(EVENTS.c.seq))) or 0)

    def records(
        self, table: Table, filters: Filters, before: int | None, limit: int
    ) -> list[dict[str, Any]]:
        """List records that match all filters, newest first, those older than `before` only."""
        if any("\0" in value for value in filters.values()):
            # No row holds such a value, and PostgreSQL does not take one in a question.
            return []
        query = select(table).order_by(table.c.seq.desc()).limit(limit)
        for name, value in filters.items():
            query = query.where(table.c[name] == value)
        if before is not None:
            query = query.where(table.c.seq < before)
        with self._asked() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]
