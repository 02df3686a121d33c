"""The node's store: state, tree, blocks, results and events of a height in one synced write.

RocksDB (through `rocksdict`), one ordered key space; ADR 2026-11-22-state-store says what was
measured. Every height is one write batch with `sync`, so a crash at any instruction leaves either
all of a height or nothing of it. The log is opened in `tolerate_corrupted_tail_records` mode: a
torn tail (a write that was never acknowledged) is dropped, damage before it is refused.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import msgspec
from rocksdict import (
    BlockBasedOptions,
    BottommostLevelCompaction,
    Cache,
    CompactOptions,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    Rdict,
    ReadOptions,
    Snapshot,
    WriteBatch,
    WriteOptions,
)

from yilian.ledger.block import (
    Block,
    BlockId,
    Commit,
    Header,
    PartSetHeader,
    Validator,
    ValidatorSet,
    results_hash,
)
from yilian.ledger.errors import OK
from yilian.ledger.genesis import read as read_genesis
from yilian.ledger.keys import sha256
from yilian.ledger.machine import Applied, Result
from yilian.ledger.receipt import tx_result
from yilian.ledger.state import Changes
from yilian.ledger.tree import TOP

log = logging.getLogger("yilian.node")

UNDO_HEIGHTS = 100
_TIP = b"mtip"
_GENESIS = b"mgenesis"
_CACHED = 200_000
_MISSING = object()
_SEALED = b"msealed"
_BASE = b"mbase"
_RESTORING = b"mrestoring"
_OF_HEIGHT = {
    b"b": "block",
    b"c": "commit",
    b"p": "transactions",
    b"r": "results",
    b"u": "undo record",
}


class StoreDamaged(Exception):
    """The store contradicts itself or cannot be read: it must not be served."""

    def __init__(self, what: str, height: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.height = height


class StoreBusy(StoreDamaged):
    """Another process has the store open; nothing is known to be wrong with it."""


class BeforeFirst(KeyError):
    """What is asked for stood in a height below the first that this store holds."""

    def __init__(self, height: int, base: int) -> None:
        super().__init__(height)
        self.height = height
        self.base = base

    def __str__(self) -> str:
        """Say which height was asked for and where this store begins."""
        return f"height {self.height} is before this node's first height, {self.base}"


class Tip(msgspec.Struct, frozen=True, array_like=True):
    """The newest height: what the next block's header refers back to. Time is in ms."""

    height: int
    time: int
    app_hash: bytes
    results_hash: bytes
    block_hash: bytes
    parts_total: int
    parts_hash: bytes
    empty: bool

    def block_id(self) -> BlockId:
        """Give the id that the next header names as its last block."""
        return BlockId(self.block_hash, PartSetHeader(self.parts_total, self.parts_hash))


def tip_after(applied: Applied, block: Block, commit: Commit) -> Tip:
    """Give the tip that an applied block leaves, for the next header to refer back to."""
    return Tip(
        height=applied.height,
        time=applied.time,
        app_hash=applied.app_hash,
        results_hash=results_hash([tx_result(each) for each in applied.results]),
        block_hash=commit.block_id.hash,
        parts_total=commit.block_id.parts.total,
        parts_hash=commit.block_id.parts.hash,
        empty=not block.txs and applied.app_hash == block.header.app_hash,
    )


class Outcomes(msgspec.Struct, frozen=True, array_like=True):
    """What a block's transactions and timers did."""

    results: list[Result]
    timer_events: bytes


class Decided(msgspec.Struct, frozen=True, array_like=True):
    """What a height decided, before its header and commit are stored. Time is in ns."""

    time: int
    hash: bytes
    txs: tuple[bytes, ...]


def read_outcomes(text: bytes) -> Outcomes:
    """Read results and events as a store holds them. Raises msgspec.MsgspecError."""
    return _read_outcomes.decode(text)


_read_tip = msgspec.msgpack.Decoder(Tip)
_read_decided = msgspec.msgpack.Decoder(Decided)
_read_outcomes = msgspec.msgpack.Decoder(Outcomes)
_read_pair = msgspec.msgpack.Decoder(tuple[bytes, bytes])
_read_set = msgspec.msgpack.Decoder(list[tuple[bytes, int]])
_read_undo = msgspec.msgpack.Decoder(list[tuple[bytes, bytes | None]])
_pack = msgspec.msgpack.Encoder().encode


class Store:
    """One chain on one disk. A single thread writes; any thread reads."""

    def __init__(self, folder: Path, *, create: bool = False, salvage: bool = False) -> None:
        """Open a store; `salvage` reads a damaged log up to the damage (for a copy, never live).

        Raises StoreDamaged where the folder holds no readable store.
        """
        options = _options()
        options.create_if_missing(create)
        if salvage:
            options.set_wal_recovery_mode(DBRecoveryMode.point_in_time())
        try:
            self._db = Rdict(str(folder), options)
        except Exception as error:
            if "lock" in str(error).lower():
                raise StoreBusy("another process has the store open") from error
            raise StoreDamaged(f"store cannot be opened: {_reason(error)}") from error
        self._synced = WriteOptions()
        self._synced.sync = True
        self._cache: dict[bytes, bytes] = {}
        self._generation = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        """Flush and close; the store is safe to copy afterwards.

        Both report what background work found damaged. That is logged and not raised: whoever
        closes a store is done with it, and every height was durable when it was written.
        """
        for step in (self._db.flush, self._db.close):
            try:
                step()
            except Exception as error:
                log.error("the store was not closed in good order: %s", _reason(error))

    # -- state ---------------------------------------------------------------------------------

    def get(self, key: bytes) -> bytes | None:
        """Give a committed state value."""
        found = self._cache.get(key, _MISSING)
        if found is not _MISSING:
            return cast("bytes | None", found)
        generation = self._generation
        value: bytes | None = self._read(b"s" + key)
        if value is None:
            return None
        with self._lock:
            if generation == self._generation:
                if len(self._cache) >= _CACHED:
                    self._cache.clear()
                self._cache[key] = value
        return value

    def scan(self, prefix: bytes, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """List committed state below a prefix, in order, from behind `after`."""
        start = b"s" + (after + b"\0" if after else prefix)
        for key, value in self._items(b"s" + prefix, start):
            yield key[1:], value

    def tile(self, name: bytes) -> bytes | None:
        """Give a stored tile of the state tree."""
        return self._read(b"t" + name)

    def tiles(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """List stored tiles whose name starts with `prefix`, in order."""
        for key, value in self._items(b"t" + prefix, b"t" + prefix):
            yield key[1:], value

    # -- blocks --------------------------------------------------------------------------------

    def genesis(self) -> bytes | None:
        """Give the genesis document that the chain was made from."""
        return self._read(_GENESIS)

    def tip(self) -> Tip | None:
        """Give the newest height, or None before the first state is written."""
        found = self._read(_TIP)
        return None if found is None else _read_tip.decode(found)

    def block(self, height: int) -> Block | None:
        """Give a block as CometBFT would encode it."""
        found = self._read(b"b" + _big(height))
        return None if found is None else Block.decode(found)

    def commit(self, height: int) -> Commit | None:
        """Give the commit that signed a height."""
        found = self._read(b"c" + _big(height))
        return None if found is None else Commit.decode(found)

    def decided(self, height: int) -> Decided | None:
        """Give time, hash and transactions of a height, sealed or not yet."""
        found = self._read(b"p" + _big(height))
        if found is not None:
            return _read_decided.decode(found)
        block = self.block(height)
        if block is None:
            return None
        return Decided(block.header.time, block.header.hash(), block.txs)

    def sealed(self) -> int:
        """Give the newest height whose block and commit are stored, as a consortium notes it."""
        found = self._read(_SEALED)
        return 0 if found is None else int.from_bytes(found, "big")

    def newest_sealed(self, tip: Tip) -> int:
        """Give the newest height that has header and commit; above it a consortium may be short."""
        height, sealed = tip.height, self.sealed()
        while height > sealed and self._read(b"p" + _big(height)) is not None:
            height -= 1
        return height

    def validators(self, set_hash: bytes) -> ValidatorSet | None:
        """Give the validators that headers name by a hash."""
        found = self._read(b"v" + set_hash)
        if found is None:
            return None
        return ValidatorSet(Validator(key, power) for key, power in _read_set.decode(found))

    def outcomes(self, height: int) -> Outcomes | None:
        """Give the results and events of a height."""
        found = self._read(b"r" + _big(height))
        return None if found is None else _read_outcomes.decode(found)

    def undo(self, height: int) -> list[tuple[bytes, bytes | None]] | None:
        """Give what the state changed at a height held before it; kept for 100 heights."""
        found = self._read(b"u" + _big(height))
        return None if found is None else _read_undo.decode(found)

    def where(self, transaction_hash: bytes) -> tuple[int, int] | None:
        """Give the height and index of a committed transaction."""
        found = self._read(b"x" + transaction_hash)
        if found is None:
            return None
        return int.from_bytes(found[:8], "big"), int.from_bytes(found[8:], "big")

    # -- writing -------------------------------------------------------------------------------

    def write_first(self, genesis: bytes, applied: Applied, tip: Tip) -> None:
        """Write the first state, as of height 0."""
        batch = WriteBatch(raw_mode=True)
        batch.put(_GENESIS, genesis)
        self._put_state(batch, applied)
        batch.put(_TIP, _pack(tip))
        self._write(batch, applied.changes)

    def write_height(
        self, applied: Applied, block: bytes, commit: bytes, hashes: list[bytes], tip: Tip
    ) -> None:
        """Write all of one height: durable when this returns, or absent after a crash."""
        height = _big(applied.height)
        batch = self._height(applied, hashes, tip)
        batch.put(b"b" + height, block)
        batch.put(b"c" + height, commit)
        self._write(batch, applied.changes)

    def write_decided(
        self, applied: Applied, decided: Decided, hashes: list[bytes], tip: Tip
    ) -> None:
        """Write a height whose header and commit come later (`seal`), just as durably."""
        batch = self._height(applied, hashes, tip)
        batch.put(b"p" + _big(applied.height), _pack(decided))
        self._write(batch, applied.changes)

    def seal(self, height: int, block: bytes, commit: bytes) -> None:
        """Add block and commit to a height; after a crash it may have to be done again."""
        batch = WriteBatch(raw_mode=True)
        batch.put(b"b" + _big(height), block)
        batch.put(b"c" + _big(height), commit)
        batch.delete(b"p" + _big(height))
        batch.put(_SEALED, _big(height))
        self._db.write(batch)

    def keep_validators(self, validators: ValidatorSet) -> None:
        """Keep a set of validators, to be found by its hash."""
        pairs = [(each.public_key, each.power) for each in validators.validators]
        self._db.put(b"v" + validators.hash(), _pack(pairs))

    def keep_turn(self, header: Header, commit: Commit) -> None:
        """Keep the signed header of a height after which other validators sign."""
        self._db.put(b"k" + _big(header.height), _pack((header.encode(), commit.encode())))

    def turns(self, below: int) -> list[tuple[Header, Commit]]:
        """List the headers kept by `keep_turn` below a height, in order."""
        found = []
        for key, value in self._items(b"k", b"k"):
            if int.from_bytes(key[1:], "big") >= below:
                break
            header, commit = _read_pair.decode(value)
            found.append((Header.decode(header), Commit.decode(commit)))
        return found

    def _height(self, applied: Applied, hashes: list[bytes], tip: Tip) -> WriteBatch:
        height = _big(applied.height)
        batch = WriteBatch(raw_mode=True)
        put = batch.put
        put(b"u" + height, _pack(list(applied.before.items())))
        self._put_state(batch, applied)
        put(b"r" + height, _pack(Outcomes(applied.results, applied.timer_events)))
        known: set[bytes] = set()
        for index, (each, result) in enumerate(zip(hashes, applied.results, strict=True)):
            # A proposer that lies may put a transaction into blocks again, where it is refused as
            # spent: what it did when it was accepted stands, or else its first refusal.
            if result.code == OK or not (each in known or self.where(each)):
                put(b"x" + each, height + index.to_bytes(4, "big"))
            known.add(each)
        if applied.height > UNDO_HEIGHTS:
            batch.delete(b"u" + _big(applied.height - UNDO_HEIGHTS))
        put(_TIP, _pack(tip))
        return batch

    def remove_height(
        self, height: int, changes: Changes, tiles: dict[bytes, bytes | None], tip: Tip
    ) -> None:
        """Take the newest height back: `changes` and `tiles` restore what was before it."""
        decided = self.decided(height)
        if decided is None:
            raise StoreDamaged(f"block {height} is missing", height)
        batch = WriteBatch(raw_mode=True)
        for prefix in (b"b", b"c", b"p", b"r", b"u"):
            batch.delete(prefix + _big(height))
        for each in map(sha256, decided.txs):
            place = self.where(each)
            if place is not None and place[0] == height:
                batch.delete(b"x" + each)
        if self.sealed() == height:
            batch.put(_SEALED, _big(height - 1))
        _put_all(batch, b"s", changes)
        _put_all(batch, b"t", tiles)
        batch.put(_TIP, _pack(tip))
        self._write(batch, changes)

    def _put_state(self, batch: WriteBatch, applied: Applied) -> None:
        _put_all(batch, b"s", applied.changes)
        _put_all(batch, b"t", applied.view.tiles)

    def _write(self, batch: WriteBatch, changes: Changes) -> None:
        with self._lock:
            self._generation += 1
        self._db.write(batch, self._synced)
        with self._lock:
            if len(self._cache) + len(changes) > _CACHED:
                self._cache.clear()
            for key, changed in changes.items():
                if changed is None:
                    self._cache.pop(key, None)
                else:
                    self._cache[key] = changed
            self._generation += 1

    # -- reading -------------------------------------------------------------------------------

    def _read(self, key: bytes) -> bytes | None:
        try:
            return cast("bytes | None", self._db.get(key))
        except Exception as error:
            what = f"{_name(key)} cannot be read: {_reason(error)}"
            height = int.from_bytes(key[1:9], "big") if key[:1] in _OF_HEIGHT else None
            raise StoreDamaged(what, height) from error

    def _items(self, prefix: bytes, start: bytes) -> Iterator[tuple[bytes, bytes]]:
        cursor = self._db.iter(ReadOptions())
        cursor.seek(start)
        last = start
        while cursor.valid():
            last = bytes(cursor.key())
            if not last.startswith(prefix):
                return
            yield last, bytes(cursor.value())
            cursor.next()
        try:
            cursor.status()
        except Exception as error:
            raise StoreDamaged(f"what follows {_name(last)}: {_reason(error)}") from error

    # -- snapshots and pruning -----------------------------------------------------------------

    def frozen(self) -> Frozen:
        """Give a view of all that is written now, whatever comes later; close it after use."""
        return Frozen(self._db.snapshot())

    def base(self) -> int:
        """Give the first height whose block this store has or will have.

        It is above the chain's first where heights were pruned, or state came by a snapshot.
        """
        found = self._read(_BASE)
        if found is not None:
            return int.from_bytes(found, "big")
        document = self.genesis()
        return 1 if document is None else read_genesis(document).first_height()

    def holds(self, height: int) -> bool:
        """Tell whether a height is not below the first that this store begins with."""
        found = self._read(_BASE)
        return found is None or height >= int.from_bytes(found, "big")

    def require_held(self, height: int) -> None:
        """Raise BeforeFirst for a height below the first that this store holds."""
        if not self.holds(height):
            raise BeforeFirst(height, self.base())

    def drop_below(self, height: int) -> None:
        """Drop what every height below one decided; where its transactions stood stays known."""
        batch = WriteBatch(raw_mode=True)
        for prefix in _OF_HEIGHT:
            batch.delete_range(prefix + _big(0), prefix + _big(height))
        batch.put(_BASE, _big(height))
        self._db.write(batch, self._synced)

    def outcomes_text(self, height: int) -> bytes | None:
        """Give the results and events of a height as they are stored (MessagePack)."""
        return self._read(b"r" + _big(height))

    def disk_bytes(self) -> int:
        """Add up the files of the store."""
        files = [each for each in Path(self._db.path()).iterdir() if each.is_file()]
        return sum(each.stat().st_size for each in files)

    def reclaim(self, height: int) -> None:
        """Give back to the disk what `drop_below` dropped."""
        self._db.flush()
        thorough = CompactOptions()
        thorough.set_bottommost_level_compaction(BottommostLevelCompaction.force())
        for prefix in _OF_HEIGHT:
            self._db.compact_range(prefix + _big(0), prefix + _big(height), thorough)

    def unfinished(self) -> bool:
        """Tell whether a restore was begun here and not ended: such a state is never served."""
        return self._read(_RESTORING) is not None

    def begin_restore(self) -> None:
        """Clear the state for one that comes in parts. Raises ValueError where heights stand."""
        tip = self.tip()
        if tip is not None and tip.height > 0:
            raise ValueError(f"the store stands at height {tip.height}")
        batch = WriteBatch(raw_mode=True)
        batch.put(_RESTORING, b"1")
        batch.delete(_TIP)
        for prefix in (b"s", b"t"):
            batch.delete_range(prefix, bytes((prefix[0] + 1,)))
        with self._lock:
            self._generation += 1
        self._db.write(batch, self._synced)
        with self._lock:
            self._cache.clear()
            self._generation += 1

    def put_part(self, values: Changes, tiles: Changes) -> None:
        """Write a part of the state that is being restored; durable with `end_restore`."""
        batch = WriteBatch(raw_mode=True)
        _put_all(batch, b"s", values)
        _put_all(batch, b"t", tiles)
        self._db.write(batch)

    def begin_again(self, applied: Applied, tip: Tip) -> None:
        """Write the first state in place of a restore that was not finished."""
        batch = WriteBatch(raw_mode=True)
        self._put_state(batch, applied)
        batch.delete(_RESTORING)
        batch.put(_TIP, _pack(tip))
        self._write(batch, applied.changes)

    def end_restore(self, tip: Tip) -> None:
        """Make what was restored the state after `tip`; the first block held is the next one."""
        self._db.flush()
        batch = WriteBatch(raw_mode=True)
        batch.delete(_RESTORING)
        batch.put(_BASE, _big(tip.height + 1))
        batch.put(_SEALED, _big(tip.height))
        batch.put(_TIP, _pack(tip))
        self._db.write(batch, self._synced)


class Frozen:
    """A store as it was at one moment. Any thread may read it; it must be closed before the store.

    Cost: what is overwritten meanwhile stays on the disk until the view is closed.
    """

    def __init__(self, moment: Snapshot) -> None:
        self._moment: Snapshot | None = moment

    def close(self) -> None:
        """Let go of the moment."""
        self._moment = None

    def get(self, key: bytes) -> bytes | None:
        """Give a state value of that moment."""
        return self._read(b"s" + key)

    def tile(self, name: bytes) -> bytes | None:
        """Give a tile of the state tree of that moment."""
        return self._read(b"t" + name)

    def tops(self) -> Iterator[tuple[bytes, bytes]]:
        """List the tiles of depth `TOP` of that moment, in order.

        They are read one by one: the iterators of rocksdict 0.3 run over what is written now.
        """
        head = bytes((TOP,))
        for prefix in range(1 << TOP):
            name = head + prefix.to_bytes(TOP // 8, "big")
            data = self.tile(name)
            if data is not None:
                yield name, data

    def tip(self) -> Tip | None:
        """Give the newest height of that moment."""
        found = self._read(_TIP)
        return None if found is None else _read_tip.decode(found)

    def _open(self) -> Snapshot:
        if self._moment is None:
            raise ValueError("the view is closed")
        return self._moment

    def _read(self, key: bytes) -> bytes | None:
        moment = self._open()
        try:
            return cast("bytes", moment[key])
        except Exception as error:
            if "key not found" in str(error):
                return None
            raise StoreDamaged(f"{_name(key)} cannot be read: {_reason(error)}") from error


def _put_all(batch: WriteBatch, prefix: bytes, changes: Changes) -> None:
    for key in sorted(changes):
        value = changes[key]
        if value is None:
            batch.delete(prefix + key)
        else:
            batch.put(prefix + key, value)


def _options() -> Options:
    options = Options(raw_mode=True)
    options.set_wal_recovery_mode(DBRecoveryMode.tolerate_corrupted_tail_records())
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(64 << 20)
    options.set_max_write_buffer_number(4)
    options.set_max_background_jobs(2)
    options.set_keep_log_file_num(2)
    table = BlockBasedOptions()
    table.set_bloom_filter(10, False)
    table.set_block_cache(Cache(128 << 20))
    options.set_block_based_table_factory(table)
    return options


def _big(height: int) -> bytes:
    return height.to_bytes(8, "big")


def _name(key: bytes) -> str:
    kind = _OF_HEIGHT.get(key[:1])
    if kind is not None:
        return f"{kind} {int.from_bytes(key[1:9], 'big')}"
    if key[:1] == b"t":
        return f"state tile {key[1:].hex()}"
    if key[:1] == b"s":
        return f"state entry {key[1:].decode('ascii', 'replace')}"
    return f"entry {key!r}"


def _reason(error: BaseException) -> str:
    """Say what RocksDB says, without the path of the file."""
    return " ".join(str(error).split()).split(" in ")[0][:200]
