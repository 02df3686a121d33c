"""The integrity scan: names the first bad block or state tile of a store.

Every block is checked against the one before it, its commit, its results and its data; then every
tile of the state tree against its own root and its children's, and every state value against its
leaf. What RocksDB's own checksums find on the way is reported under the same names.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from yilian.ledger import block as blocks
from yilian.ledger import genesis as geneses
from yilian.ledger import receipt
from yilian.ledger.block import BlockId, ValidatorSet
from yilian.ledger.errors import InvariantBroken, Refusal
from yilian.ledger.keys import Hashing, Suites
from yilian.ledger.tree import TOP
from yilian.ledger.tree_tile import FANOUT, Entries, child_id, decode
from yilian.node.engine import load_tree
from yilian.node.store import Store, StoreBusy, StoreDamaged, Tip

_MILLI = 1_000_000

Progress = Callable[[int, int], None]
"""Called with what is done and what there is, in heights."""


class Damage(msgspec.Struct, frozen=True):
    """The first thing that is wrong: what it is, and the height where it is a block's."""

    what: str
    height: int | None = None


def scan_folder(folder: Path, progress: Progress = lambda done, total: None) -> Damage | None:
    """Check a store that no process has open; None where all is well.

    Where the store does not open at all, a copy is opened up to the damage, so that the first
    height that is lost can be named. Raises StoreBusy where a node runs on the folder.
    """
    try:
        store = Store(folder)
    except StoreBusy:
        raise
    except StoreDamaged as damaged:
        return _first_lost(folder, damaged)
    try:
        return scan(store, progress)
    finally:
        store.close()


def scan_blocks(store: Store, tip: Tip) -> Damage | None:
    """Check the blocks up to a tip, which may be while later ones are written."""
    document = store.genesis()
    if document is None:
        return Damage("the folder holds no chain")
    try:
        _scan_blocks(store, geneses.read(document), tip, lambda done, total: None)
    except StoreDamaged as damaged:
        return Damage(damaged.what, damaged.height)
    return None


def scan(store: Store, progress: Progress = lambda done, total: None) -> Damage | None:
    """Check an open store while nothing writes to it; None where all is well."""
    try:
        document, tip = store.genesis(), store.tip()
        if document is None or tip is None:
            return Damage("the folder holds no chain")
        genesis = geneses.read(document)
        _scan_blocks(store, genesis, tip, progress)
        _scan_state(store, Suites(genesis.profile), tip)
    except StoreDamaged as damaged:
        return Damage(damaged.what, damaged.height)
    except InvariantBroken as broken:
        return Damage(str(broken))
    except (Refusal, msgspec.MsgspecError):
        return Damage("the genesis document cannot be read")
    return None


def _scan_blocks(store: Store, genesis: geneses.Genesis, tip: Tip, progress: Progress) -> None:
    """Check what is stored of blocks: from the first that this node has to the newest sealed."""
    first = max(store.base(), genesis.first_height())
    newest = store.newest_sealed(tip)
    walk = _Walk(store, genesis, first)
    for height in range(first, newest + 1):
        try:
            walk.check(height)
        except (Refusal, InvariantBroken, msgspec.MsgspecError, IndexError) as error:
            raise StoreDamaged(f"block {height} is damaged", height) from error
        progress(height, newest)
    if newest == tip.height >= first and (walk.last, walk.results_hash) != (
        BlockId(tip.block_hash, walk.last.parts if walk.last is not None else BlockId().parts),
        tip.results_hash,
    ):
        raise StoreDamaged(f"the tip does not name block {tip.height}", tip.height)


class _Walk:
    """The blocks one after the other; where the first ones are absent, the next is believed."""

    def __init__(self, store: Store, genesis: geneses.Genesis, first: int) -> None:
        self._store = store
        self._first = genesis.validator_set()
        whole = first == genesis.first_height()
        self.last: BlockId | None = BlockId() if whole else None
        self.results_hash: bytes | None = blocks.results_hash(()) if whole else None
        self._next_validators: bytes | None = self._first.hash() if whole else None

    def check(self, height: int) -> None:
        store = self._store
        block, commit, outcomes = store.block(height), store.commit(height), store.outcomes(height)
        if block is None or commit is None or outcomes is None:
            raise StoreDamaged(f"block {height} is missing", height)
        header = block.header
        if self.results_hash not in (None, header.last_results_hash):
            raise StoreDamaged(f"results {height - 1} are damaged", height - 1)
        validators = self._validators(header.validators_hash, height)
        signed = validators.signed_power(header.chain_id, commit)
        block_id = block.block_id()
        if (
            header.height != height
            or self.last not in (None, header.last_block_id)
            or self._next_validators not in (None, header.validators_hash)
            or header.data_hash != blocks.data_hash(block.txs)
            or commit.height != height
            or commit.block_id != block_id
            or signed * 3 <= validators.total_power * 2
            or len(outcomes.results) != len(block.txs)
        ):
            raise StoreDamaged(f"block {height} is damaged", height)
        results = [receipt.tx_result(each) for each in outcomes.results]
        self.last, self.results_hash = block_id, blocks.results_hash(results)
        self._next_validators = header.next_validators_hash

    def _validators(self, set_hash: bytes, height: int) -> ValidatorSet:
        if set_hash == self._first.hash():
            return self._first
        found = self._store.validators(set_hash)
        if found is None or found.hash() != set_hash:
            raise StoreDamaged(f"the validators of height {height} are missing", height)
        return found


def _scan_state(store: Store, suites: Suites, tip: Tip) -> None:
    if load_tree(store, suites).root != tip.app_hash:
        raise StoreDamaged(f"the state does not have the root of height {tip.height}", tip.height)
    leaves = sum(
        _check_tile(store, name, data, suites.hashing) for name, data in store.tiles(bytes([TOP]))
    )
    entries = sum(1 for _ in store.scan(b""))
    if leaves != entries:
        raise StoreDamaged(f"the state has {entries} entries, its tree {leaves}")


def _check_tile(store: Store, name: bytes, data: bytes, hashing: Hashing) -> int:
    """Check a tile, the tiles below it and the values of its leaves; gives how many leaves."""
    tile = decode(name, data, hashing)
    if not isinstance(tile, Entries):
        return sum(
            _check_tile(store, child, below, hashing) for child, below in _children(store, name)
        )
    count = 0
    for leaf, key in tile.entries():
        value = store.get(key)
        if value is None or hashing(b"\0" + hashing(key) + hashing(value)) != leaf:
            raise StoreDamaged(f"state entry {key.decode('ascii')} is damaged (tile {name.hex()})")
        count += 1
    return count


def _children(store: Store, name: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    for slot in range(FANOUT):
        child = child_id(name, name[0], slot)
        data = store.tile(child)
        if data is not None:
            found.append((child, data))
    return found


def _first_lost(folder: Path, damaged: StoreDamaged) -> Damage:
    with tempfile.TemporaryDirectory(prefix="yilian-scan-") as scratch:
        copy = Path(scratch) / "chain"
        shutil.copytree(folder, copy)
        try:
            store = Store(copy, salvage=True)
        except StoreDamaged:
            return Damage(damaged.what)
        try:
            tip = store.tip()
            found = scan(store)
        finally:
            store.close()
    if found is not None:
        return found
    height = 1 if tip is None else tip.height + 1
    return Damage(f"block {height} is damaged: {damaged.what}", height)
