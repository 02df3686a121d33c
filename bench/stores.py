"""Compare key-value stores for the node's state: RocksDB, LMDB and SQLite, durable, block by block.

    python -m bench.stores [--entries 10000 1000000] [--blocks 20] [--stores rocksdb lmdb sqlite]

The load is that of the node: values of 200 bytes, tiles of 1,000 bytes that are rewritten in place,
blocks of 1,000 transactions that each read and write three random values and three random tiles,
one synced write per block. Printed are the median microseconds per transaction, spent reading and
spent writing, the bytes on disk, and what each store does with a byte flipped in its largest file.
`lmdb` is no dependency of the project: pip install lmdb.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteOptions,
)

try:
    import lmdb
except ModuleNotFoundError:
    lmdb = None

TRANSACTIONS = 1_000
EACH = 3
VALUE, TILE = 200, 1_000
PER_TILE = 16
CHUNK = 50_000
MAP_SIZE = 64 << 30

Pairs = Iterable[tuple[bytes, bytes]]


class Store(Protocol):
    """What a block asks of a store."""

    def read(self, keys: Sequence[bytes]) -> list[bytes]:
        """Read values one by one, as rules and the tree do."""

    def write(self, pairs: Pairs) -> None:
        """Write all or nothing, on the disk when this returns."""

    def close(self) -> None:
        """Flush and close."""


class RocksDb:
    """RocksDB with the options of `yilian.node.store`."""

    def __init__(self, folder: Path) -> None:
        options = Options(raw_mode=True)
        options.set_compression_type(DBCompressionType.lz4())
        options.set_write_buffer_size(64 << 20)
        options.set_max_write_buffer_number(4)
        options.set_max_background_jobs(2)
        table = BlockBasedOptions()
        table.set_bloom_filter(10, False)
        table.set_block_cache(Cache(128 << 20))
        options.set_block_based_table_factory(table)
        self._db = Rdict(str(folder), options)
        self._synced = WriteOptions()
        self._synced.sync = True

    def read(self, keys: Sequence[bytes]) -> list[bytes]:
        get = self._db.get
        return [get(key) for key in keys]

    def write(self, pairs: Pairs) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in pairs:
            batch.put(key, value)
        self._db.write(batch, self._synced)

    def close(self) -> None:
        self._db.flush()
        self._db.close()


class Lmdb:
    """LMDB with its defaults: every commit is synced."""

    def __init__(self, folder: Path) -> None:
        self._environment = lmdb.open(str(folder), map_size=MAP_SIZE)

    def read(self, keys: Sequence[bytes]) -> list[bytes]:
        with self._environment.begin() as transaction:
            return [transaction.get(key) for key in keys]

    def write(self, pairs: Pairs) -> None:
        with self._environment.begin(write=True) as transaction:
            for key, value in pairs:
                transaction.put(key, value)

    def close(self) -> None:
        self._environment.close()


class Sqlite:
    """SQLite with a write-ahead log that is synced at every commit."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._db = sqlite3.connect(folder / "state.sqlite", isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"
        )

    def read(self, keys: Sequence[bytes]) -> list[bytes]:
        find = "SELECT value FROM state WHERE key = ?"
        return [self._db.execute(find, (key,)).fetchone()[0] for key in keys]

    def write(self, pairs: Pairs) -> None:
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", pairs)
        self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()


STORES: dict[str, Any] = {"rocksdb": RocksDb, "lmdb": Lmdb, "sqlite": Sqlite}


def value_key(number: int) -> bytes:
    """Write a state key whose order is not the order of its making, as ids are random."""
    return b"sconsent/grant/" + random.Random(number).randbytes(11).hex().encode()


def tile_key(number: int) -> bytes:
    return b"t" + random.Random(-number - 1).randbytes(5)


def fill(store: Store, entries: int, draw: random.Random) -> None:
    """Put in all values and tiles."""
    kinds = ((value_key, VALUE, entries), (tile_key, TILE, tiles_of(entries)))
    for key, size, count in kinds:
        for start in range(0, count, CHUNK):
            numbers = range(start, min(start + CHUNK, count))
            store.write(sorted((key(each), draw.randbytes(size)) for each in numbers))


def tiles_of(entries: int) -> int:
    return max(1, entries // PER_TILE)


def block(store: Store, entries: int, draw: random.Random) -> tuple[float, float]:
    """Do one block; gives the seconds spent reading and writing."""
    values = [value_key(draw.randrange(entries)) for _ in range(TRANSACTIONS * EACH)]
    tiles = [tile_key(draw.randrange(tiles_of(entries))) for _ in range(TRANSACTIONS * EACH)]
    changed = {key: draw.randbytes(VALUE) for key in values}
    changed.update({key: draw.randbytes(TILE) for key in tiles})
    pairs = sorted(changed.items())
    began = time.perf_counter()
    assert None not in store.read(values + tiles)
    between = time.perf_counter()
    store.write(pairs)
    return between - began, time.perf_counter() - between


def measure(name: str, entries: int, blocks: int) -> str:
    """Measure one store at one size; gives a line."""
    draw = random.Random(entries)
    with tempfile.TemporaryDirectory(prefix="yilian-stores-") as scratch:
        folder = Path(scratch) / name
        store = STORES[name](folder)
        fill(store, entries, draw)
        times = [block(store, entries, draw) for _ in range(blocks)]
        store.close()
        size = sum(each.stat().st_blocks * 512 for each in folder.iterdir())
    read, written = (
        statistics.median(each) / TRANSACTIONS * 1e6 for each in zip(*times, strict=True)
    )
    return (
        f"{name:<8} {entries:>9,} entries  read {read:6.1f}  write {written:6.1f}"
        f"  us per transaction  {size / 1e6:8.1f} MB on disk"
    )


def flipped(name: str) -> str:
    """Flip one bit in the middle of a store's largest file and read everything."""
    with tempfile.TemporaryDirectory(prefix="yilian-stores-") as scratch:
        folder = Path(scratch) / name
        store = STORES[name](folder)
        pairs = {value_key(each): random.Random(each).randbytes(VALUE) for each in range(2_000)}
        store.write(sorted(pairs.items()))
        store.close()
        largest = max(folder.iterdir(), key=lambda each: each.stat().st_blocks)
        data = bytearray(largest.read_bytes())
        place = data.index(pairs[value_key(1_000)][20:60]) + 10
        data[place] ^= 1
        largest.write_bytes(data)
        try:
            store = STORES[name](folder)
            found = dict(zip(pairs, store.read(list(pairs)), strict=True))
            store.close()
        except Exception as error:
            return f"{name:<8} a flipped bit is refused: {str(error).split(' in /')[0][:90]}"
    wrong = sum(found[key] != value for key, value in pairs.items())
    return f"{name:<8} a flipped bit is served: {wrong} of {len(pairs):,} values is wrong, no error"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, nargs="+", default=[10_000, 1_000_000])
    parser.add_argument("--blocks", type=int, default=20)
    parser.add_argument("--stores", nargs="+", choices=STORES, default=list(STORES))
    given = parser.parse_args()
    if lmdb is None and "lmdb" in given.stores:
        print("lmdb      left out: it is not installed (pip install lmdb)")
        given.stores.remove("lmdb")
    for entries in given.entries:
        for name in given.stores:
            print(measure(name, entries, given.blocks), flush=True)
    for name in given.stores:
        print(flipped(name), flush=True)


if __name__ == "__main__":
    main()
