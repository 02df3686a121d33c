"""The chain index keeps up with an engine in a thread of its own.

It can always be dropped: everything in it comes from the genesis document and the event log, and
the cursor moves in the same SQL transaction as the rows. A chain's reader sees a block here a few
milliseconds after the block is durable.

Where several gateways of one member share one PostgreSQL database, each follows its own node, and
the cursor's row is locked while rows are added. Whoever has a block first writes it; the others
find the cursor beyond theirs, compare its block with their own, and go on from there. So every
block is written once, whichever of them stops; what is read may be ahead of the node that is asked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from sqlalchemy import Connection, delete, inspect, select, update

from yilian.gateway.index import database, tables, writing
from yilian.gateway.index.reading import Reading
from yilian.gateway.index.rows import Book
from yilian.gateway.index.taking_over import take_over
from yilian.node.engine import Engine
from yilian.node.store import Decided, Outcomes, StoreDamaged

BATCH_TRANSACTIONS = 4_000
BATCH_BLOCKS = 500
_PATIENCE = 1.0
_MILLI = 1_000_000
SCHEMA = "yilian_index"
"""Where the tables stand in PostgreSQL, if the URL does not say."""

log = logging.getLogger("yilian.gateway")


class IndexMismatch(Exception):
    """The index does not belong to this chain, or is ahead of it: `rebuild` would replace it."""


class Advance(msgspec.Struct, frozen=True):
    """What became visible: up to which height, the newest block's time (ms), results by code."""

    height: int
    time: int
    codes: dict[int, int]


Listener = Callable[[Advance], None]


class _Cursor(msgspec.Struct, frozen=True):
    """The row that says what is in the index."""

    format: int
    chain: str
    genesis: str
    height: int
    block: str
    events: int


class ChainIndex:
    """Tables of blocks, transactions, events and records, filled while the chain grows."""

    def __init__(
        self,
        url: str,
        engine: Engine,
        *,
        rebuild: bool = False,
        shared: bool = False,
        folder: Path = Path(),
    ) -> None:
        """Open or make the index at a database URL and begin to follow the engine.

        The URL: see `database.py`; relative paths in it begin at `folder`. `shared`: other nodes of
        this member may fill the same index, so it may be ahead of this one's chain; PostgreSQL
        only. Raises IndexMismatch for the index of another chain, of another history of this
        chain, or ahead of it; with `rebuild` it is filled anew instead. Raises ValueError for a
        SQLite database in memory. Refuses `index_url_refused`, `index_password_refused` and
        `index_unavailable`.
        """
        self._chain = engine
        self._server = None
        if database.is_postgresql(url):
            self._server = database.read_url(url, SCHEMA, folder)
            self._sql = database.connect(self._server)
        else:
            self._sql = database.sqlite(url)
        self._shared = shared and self._server is not None
        self.read = Reading(self._sql)
        self.height = 0
        self._taken = 0
        self.fault: BaseException | None = None
        self._listeners: list[Listener] = []
        self._writing = threading.Lock()
        self._moved = threading.Condition()
        self._work = threading.Event()
        self._closing = False
        try:
            with database.asked():
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
            with database.asked(), self._sql.begin() as connection:
                if self._server is not None:
                    database.lock(connection, self._server.schema)
                height = self._fill_anew(connection)
            self._seen(height)
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
        with self._sql.begin() as connection:
            if self._server is not None:
                database.lock(connection, self._server.schema)
                database.make_schema(connection, self._server.schema)
            found = _cursor(connection)
            if found is None or found.format != tables.FORMAT:
                self.height = self._fill_anew(connection)
                return
            reason = self._mismatch(connection, found)
            if reason is not None and rebuild:
                self.height = self._fill_anew(connection)
            elif reason is not None:
                raise IndexMismatch(reason)
            else:
                self.height = min(found.height, self._chain.height)

    def _mismatch(self, connection: Connection, found: _Cursor) -> str | None:
        if found.genesis != self._chain.genesis.hash().hex():
            return f"the index is of another chain ({found.chain})"
        height = self._chain.height
        if found.height > height and not self._shared:
            return f"the index is at height {found.height}, the chain at {height}"
        if found.height > height:
            return self._differs(connection, height)
        if found.block != self._block_hash(found.height):
            return f"the index holds another block at height {found.height}"
        return None

    def _differs(self, connection: Connection, height: int) -> str | None:
        """Say where the index has another block than the chain at a height that both have."""
        query = select(tables.BLOCKS.c.hash).where(tables.BLOCKS.c.height == height)
        if connection.scalar(query) != self._block_hash(height):
            return f"the index holds another block at height {height}"
        return None

    def _block_hash(self, height: int) -> str:
        decided = self._chain.store.decided(height) if height else None
        return "" if decided is None else decided.hash.hex()

    def _fill_anew(self, connection: Connection) -> int:
        """Empty the index and begin it; gives the height from which blocks are to be added."""
        book = Book(0)
        book.genesis(self._chain.genesis)
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
        if self._chain.store.base() > 1:
            return self._begin_later(connection, book.events)
        return 0

    def _begin_later(self, connection: Connection, events: int) -> int:
        """Fill the index of a chain whose first blocks are not here (`taking_over.py`)."""
        chain = self._chain
        with chain.still():
            tip, state = chain.tip, chain.store

            def book() -> Book:
                made = Book(self._taken)
                made.height, made.time = tip.height, tip.time
                return made

            self._taken = events
            connection.execute(delete(tables.BLOCKS))
            connection.execute(delete(tables.EVENTS))
            connection.execute(delete(tables.EVENT_IDS))
            for table in tables.RECORDS:
                connection.execute(delete(table))
            for part in take_over(state, book):
                writing.write(connection, part)
                self._taken = part.events
        height, block_hash = chain.store.base() - 1, ""
        while height < tip.height:
            listed = Book(self._taken, records=False)
            for place, decided, outcomes in self._blocks(height, tip.height):
                height = place
                block_hash = decided.hash.hex()
                moment = decided.time // _MILLI
                results, own = outcomes.results, outcomes.timer_events
                listed.block(height, moment, block_hash, decided.txs, results, own)
            writing.write(connection, listed)
            self._taken = listed.events
        _move(connection, height, block_hash, self._taken)
        return height

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
        with self._sql.begin() as connection:
            found = _cursor(connection, locked=True)
            if found is None:
                raise IndexMismatch("the index was emptied by another program")
            if found.height < self._chain.store.base() - 1:
                self._fill_anew(connection)
                found = _cursor(connection)
                assert found is not None
                moved = Advance(found.height, self._chain.tip.time, {})
            elif found.height > self.height:
                moved = self._adopt(connection, found)
            else:
                moved = self._extend(connection, found)
        self._seen(moved.height)
        return moved

    def _extend(self, connection: Connection, found: _Cursor) -> Advance:
        """Add the blocks behind the cursor; it may be behind ours, after PostgreSQL crashed."""
        if found.height < self.height and found.block != self._block_hash(found.height):
            raise IndexMismatch(f"the index holds another block at height {found.height}")
        book = Book(found.events)
        codes: Counter[int] = Counter()
        height, block_hash = found.height, found.block
        for height, decided, outcomes in self._blocks(found.height, self._chain.height):
            block_hash = decided.hash.hex()
            book.block(
                height,
                decided.time // _MILLI,
                block_hash,
                decided.txs,
                outcomes.results,
                outcomes.timer_events,
            )
            codes.update(each.code for each in outcomes.results)
        writing.write(connection, book)
        _move(connection, height, block_hash, book.events)
        return Advance(height, book.time, dict(codes))

    def _adopt(self, connection: Connection, found: _Cursor) -> Advance:
        """Go on behind what another gateway of this member wrote of the same chain."""
        if not self._shared:
            raise IndexMismatch("another program writes to the index")
        codes: Counter[int] = Counter()
        reached, moment = self.height, 0
        newest = min(found.height, self._chain.height)
        for height, decided, outcomes in self._blocks(self.height, newest):
            codes.update(each.code for each in outcomes.results)
            reached, moment = height, decided.time // _MILLI
        reason = self._differs(connection, reached)
        if reason is not None:
            raise IndexMismatch(reason)
        return Advance(reached, moment, dict(codes))

    def _blocks(self, behind: int, newest: int) -> Iterator[tuple[int, Decided, Outcomes]]:
        """Read some of the blocks above a height, no more than one transaction should hold."""
        done = 0
        for height in range(behind + 1, min(newest, behind + BATCH_BLOCKS) + 1):
            store = self._chain.store
            decided, outcomes = store.decided(height), store.outcomes(height)
            if decided is None or outcomes is None:
                raise StoreDamaged(f"block {height} is missing", height)
            yield height, decided, outcomes
            done += len(decided.txs)
            if done >= BATCH_TRANSACTIONS:
                return

    def _seen(self, height: int) -> None:
        with self._moved:
            self.height = height
            self._moved.notify_all()

    def _tell(self, moved: Advance) -> None:
        for listener in list(self._listeners):
            listener(moved)


def _move(connection: Connection, height: int, block_hash: str, events: int) -> None:
    connection.execute(update(tables.CURSOR).values(height=height, block=block_hash, events=events))


def _cursor(connection: Connection, *, locked: bool = False) -> _Cursor | None:
    """Read the cursor; `locked`: who else would move it waits until this transaction ends."""
    if not locked and not inspect(connection).has_table(tables.CURSOR.name):
        return None
    names = [tables.CURSOR.c[name] for name in _Cursor.__struct_fields__]
    query = select(*names).with_for_update() if locked else select(*names)
    row = connection.execute(query).first()
    return None if row is None else _Cursor(*row)
