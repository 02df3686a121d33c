"""The chain index keeps up with an engine in a thread of its own.

It can always be dropped: everything in it comes from the genesis document and the event log, and
the cursor moves in the same SQL transaction as the rows. A chain's reader sees a block here a few
milliseconds after the block is durable.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from sqlalchemy import Connection, create_engine, delete, event, inspect, make_url, select, update

from yilian.gateway.index import tables, writing
from yilian.gateway.index.reading import Reading
from yilian.gateway.index.rows import Book
from yilian.node.engine import Engine
from yilian.node.store import StoreDamaged

BATCH_TRANSACTIONS = 4_000
BATCH_BLOCKS = 500
_PATIENCE = 1.0
_MILLI = 1_000_000

log = logging.getLogger("yilian.gateway")


class IndexMismatch(Exception):
    """The index does not belong to this chain, or is ahead of it: `rebuild` would replace it."""


class Advance(msgspec.Struct, frozen=True):
    """What became visible: up to which height, the newest block's time (ms), results by code."""

    height: int
    time: int
    codes: dict[int, int]


Listener = Callable[[Advance], None]


class ChainIndex:
    """Tables of blocks, transactions, events and records, filled while the chain grows."""

    def __init__(self, url: str, engine: Engine, *, rebuild: bool = False) -> None:
        """Open or make the index at a database URL and begin to follow the engine.

        Raises IndexMismatch for the index of another chain, of another history of this chain, or
        ahead of it; with `rebuild` it is filled anew instead. Raises ValueError for a database
        in memory, which threads cannot share.
        """
        self._chain = engine
        self._sql = _connect(url)
        self.read = Reading(self._sql)
        self.height = 0
        self.fault: BaseException | None = None
        self._events = 0
        self._listeners: list[Listener] = []
        self._writing = threading.Lock()
        self._moved = threading.Condition()
        self._work = threading.Event()
        self._closing = False
        try:
            self._open(rebuild)
        except BaseException:
            self._sql.dispose()
            raise
        engine.listen(self._woken)
        self._thread = threading.Thread(target=self._follow, name="yilian-index", daemon=True)
        self._thread.start()

    def listen(self, listener: Listener) -> None:
        """Have `listener` called, in the index's thread, after each batch of new blocks."""
        self._listeners.append(listener)

    def wait(self, height: int, timeout: float) -> bool:
        """Wait until a height is visible; gives False where `timeout` seconds did not suffice."""
        with self._moved:
            self._moved.wait_for(lambda: self.height >= height or self._closing, timeout)
            return self.height >= height

    def rebuild(self) -> None:
        """Drop everything and fill the index again, up to the chain's height as of now.

        Raises what stands in the way where it cannot be filled.
        """
        with self._writing:
            self._fill_anew()
        self._work.set()
        goal = self._chain.height
        while not self.wait(goal, _PATIENCE) and not self._closing:
            if self.fault is not None:
                raise self.fault

    def close(self) -> None:
        """Stop following and close the database; the engine may be closed after this."""
        with self._moved:
            if self._closing:
                return
            self._closing = True
            self._moved.notify_all()
        self._work.set()
        self._thread.join()
        self._sql.dispose()

    def __enter__(self) -> ChainIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- opening -------------------------------------------------------------------------------

    def _open(self, rebuild: bool) -> None:
        found = self._cursor()
        if found is None or found["format"] != tables.FORMAT:
            self._fill_anew()
            return
        reason = self._mismatch(found)
        if reason is None:
            self.height, self._events = found["height"], found["events"]
        elif rebuild:
            self._fill_anew()
        else:
            raise IndexMismatch(reason)

    def _cursor(self) -> dict[str, Any] | None:
        if not inspect(self._sql).has_table(tables.CURSOR.name):
            return None
        with self._sql.connect() as connection:
            row = connection.execute(select(tables.CURSOR)).mappings().first()
        return None if row is None else dict(row)

    def _mismatch(self, found: dict[str, Any]) -> str | None:
        if found["genesis"] != self._chain.genesis.hash().hex():
            return f"the index is of another chain ({found['chain']})"
        if found["height"] > self._chain.height:
            return f"the index is at height {found['height']}, the chain at {self._chain.height}"
        if found["block"] != self._block_hash(found["height"]):
            return f"the index holds another block at height {found['height']}"
        return None

    def _block_hash(self, height: int) -> str:
        decided = self._chain.store.decided(height) if height else None
        return "" if decided is None else decided.hash.hex()

    def _fill_anew(self) -> None:
        book = Book(0)
        book.genesis(self._chain.genesis)
        with self._sql.begin() as connection:
            tables.METADATA.drop_all(connection)
            tables.METADATA.create_all(connection)
            first = {
                "one": 1,
                "format": tables.FORMAT,
                "chain": self._chain.genesis.chain,
                "genesis": self._chain.genesis.hash().hex(),
                "height": 0,
                "block": "",
                "events": book.events,
            }
            connection.execute(delete(tables.CURSOR))
            connection.execute(tables.CURSOR.insert(), first)
            writing.write(connection, book)
        with self._moved:
            self.height, self._events = 0, book.events

    # -- following -----------------------------------------------------------------------------

    def _woken(self, _: int) -> None:
        self._work.set()

    def _follow(self) -> None:
        while not self._closing:
            self._work.clear()
            try:
                while not self._closing and self.height < self._chain.height:
                    with self._writing:
                        moved = self._advance()
                    self._tell(moved)
                self.fault = None
            except Exception as fault:
                # A full disk or a locked database may pass: what was not written is still due.
                if self.fault is None:
                    log.exception("the chain index cannot follow; it tries again")
                self.fault = fault
                time.sleep(0.0 if self._closing else 0.2)
                self._work.set()
                continue
            self._work.wait(_PATIENCE)

    def _advance(self) -> Advance:
        book = Book(self._events)
        codes: Counter[int] = Counter()
        height, block_hash = self.height, ""
        newest = self._chain.height
        done = 0
        while height < newest and done < BATCH_TRANSACTIONS and height - self.height < BATCH_BLOCKS:
            height += 1
            decided = self._chain.store.decided(height)
            outcomes = self._chain.store.outcomes(height)
            if decided is None or outcomes is None:
                raise StoreDamaged(f"block {height} is missing", height)
            moment = decided.time // _MILLI
            block_hash = decided.hash.hex()
            book.block(
                height, moment, block_hash, decided.txs, outcomes.results, outcomes.timer_events
            )
            codes.update(each.code for each in outcomes.results)
            done += len(decided.txs)
        with self._sql.begin() as connection:
            writing.write(connection, book)
            _move(connection, height, block_hash, book.events)
        with self._moved:
            self.height, self._events = height, book.events
            self._moved.notify_all()
        return Advance(height, book.time, dict(codes))

    def _tell(self, moved: Advance) -> None:
        for listener in list(self._listeners):
            listener(moved)


def _move(connection: Connection, height: int, block_hash: str, events: int) -> None:
    connection.execute(update(tables.CURSOR).values(height=height, block=block_hash, events=events))


def _connect(url: str) -> Any:
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database in (None, "", ":memory:"):
        raise ValueError("the chain index needs a file: a database in memory has one thread")
    engine = create_engine(
        parsed,
        connect_args={"timeout": 10.0, "check_same_thread": False},
        pool_size=20,
        max_overflow=30,
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        # The driver's own BEGIN leaves DDL outside transactions; ours (below) does not.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
