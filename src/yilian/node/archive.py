"""Export, import and replay: a chain as one file of blocks, and a fresh copy made from it.

An export holds the genesis document and every block with the commit that signed it, each framed by
its length. An import trusts nothing, and so needs no checksums: it checks every
link, signature, result and state root while it runs the law again, so what it ends with is the same
chain or an error that names the first height that is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from yilian.ledger import block as blocks
from yilian.ledger import evidence, genesis
from yilian.ledger.block import Block, BlockId, Commit
from yilian.ledger.errors import Refusal
from yilian.ledger.genesis import Genesis
from yilian.ledger.keys import Suites, sha256
from yilian.ledger.machine import Applied, Machine
from yilian.node.engine import load_tree, write_genesis
from yilian.node.store import Store, StoreDamaged, Tip, tip_after

FORMAT = b"yilian-export/1\n"
MAX_FRAME = 64 << 20
_MILLI = 1_000_000

Progress = Callable[[int], None]
Height = tuple[bytes, bytes]
"""An encoded block and the encoded commit that signed it."""


class ExportUnreadable(Exception):
    """The file is no export, or it ends in the middle."""


def heights(store: Store) -> Iterator[Height]:
    """Read a store's blocks and commits in order. Raises StoreDamaged at the first that is gone.

    Where older heights were pruned they begin with the first that the store still has.
    """
    tip = store.tip()
    for height in range(store.base(), (0 if tip is None else store.newest_sealed(tip)) + 1):
        block, commit = store.block(height), store.commit(height)
        if block is None or commit is None:
            raise StoreDamaged(f"block {height} is missing", height)
        yield block.encode(), commit.encode()


def export(store: Store, sink: IO[bytes], progress: Progress = lambda height: None) -> int:
    """Write a chain into a file; gives its height."""
    document = store.genesis()
    if document is None:
        raise StoreDamaged("the folder holds no chain")
    sink.write(FORMAT)
    _write_frame(sink, document)
    height = 0
    for height, (block, commit) in enumerate(heights(store), store.base()):
        _write_frame(sink, block)
        _write_frame(sink, commit)
        progress(height)
    return height


def read_export(source: IO[bytes]) -> tuple[Genesis, Iterator[Height]]:
    """Open an export: its genesis, and its heights one by one. Raises ExportUnreadable."""
    if source.read(len(FORMAT)) != FORMAT:
        raise ExportUnreadable("not an export of a chain (yilian-export/1)")
    document = _read_frame(source)
    if document is None:
        raise ExportUnreadable("the file ends before its genesis")
    return genesis.read(document), _frames(source)


def replay(
    first: Genesis,
    sequence: Iterable[Height],
    folder: Path,
    progress: Progress = lambda height: None,
) -> Tip:
    """Make a fresh copy of a chain in an empty folder by running every block again.

    Raises StoreDamaged, with the height, at the first block that is not linked, signed or decided
    as the chain says; the copy then ends with the height before.
    """
    write_genesis(folder, first)
    store = Store(folder)
    try:
        copy = _Copy(store, first)
        for block, commit in sequence:
            copy.add(block, commit)
            progress(copy.tip.height)
        return copy.tip
    finally:
        store.close()


class _Copy:
    """A chain being copied: what the next block must refer to."""

    def __init__(self, store: Store, first: Genesis) -> None:
        self._store = store
        self._machine = Machine(first, store, load_tree(store, Suites(first.profile)))
        self._validators = self._next = first.validator_set()
        tip = store.tip()
        if tip is None:
            raise StoreDamaged("the folder holds no chain")
        self.tip = tip

    def add(self, encoded: bytes, signed: bytes) -> None:
        height = self.tip.height + 1
        try:
            block, commit = Block.decode(encoded), Commit.decode(signed)
            self._require_signed(block, encoded, commit)
        except Refusal:
            raise StoreDamaged(f"block {height} cannot be read or is not signed", height) from None
        self._require_linked(block, height)
        time = block.header.time // _MILLI
        proved = evidence.misbehaviour(block.evidence)
        applied = self._machine.apply_block(height, time, block.txs, proved)
        tip = tip_after(applied, block, commit)
        self._write(applied, block, encoded, signed, tip)

    def _write(
        self, applied: Applied, block: Block, encoded: bytes, signed: bytes, tip: Tip
    ) -> None:
        hashes = [sha256(raw) for raw in block.txs]
        self._store.write_height(applied, encoded, signed, hashes, tip)
        self._machine.adopt(applied)
        self.tip = tip
        if block.header.next_validators_hash != block.header.validators_hash:
            self._store.keep_turn(block.header, Commit.decode(signed))
        # What a block decides about validators holds from two heights later on.
        changes = applied.validators if self._machine.genesis.governed() else ()
        self._validators, self._next = self._next, self._next.changed(changes)
        self._store.keep_validators(self._validators)

    def _require_signed(self, block: Block, encoded: bytes, commit: Commit) -> None:
        """Refuse a block whose bytes are not those signed: its parts' root covers each of them."""
        block_id = BlockId(block.header.hash(), blocks.part_set_header(encoded))
        power = self._validators.signed_power(block.header.chain_id, commit)
        if (
            power * 3 <= self._validators.total_power * 2
            or commit.height != block.header.height
            or commit.block_id != block_id
            or block.header.validators_hash != self._validators.hash()
        ):
            raise StoreDamaged(
                f"block {block.header.height} is not signed by its validators",
                block.header.height,
            )

    def _require_linked(self, block: Block, height: int) -> None:
        header, tip = block.header, self.tip
        last = tip.block_id() if tip.block_hash else BlockId()
        if (
            header.height != height
            or header.chain_id != self._machine.genesis.chain
            or header.last_block_id != last
            or header.data_hash != blocks.data_hash(block.txs)
            or header.next_validators_hash != self._next.hash()
            or header.evidence_hash
            != blocks.evidence_hash([evidence.bare(each) for each in block.evidence])
        ):
            raise StoreDamaged(f"block {height} does not follow block {height - 1}", height)
        if header.app_hash != tip.app_hash or header.last_results_hash != tip.results_hash:
            raise StoreDamaged(f"replay differs from the chain at block {height - 1}", height - 1)


def _write_frame(sink: IO[bytes], data: bytes) -> None:
    sink.write(len(data).to_bytes(4, "big"))
    sink.write(data)


def _read_frame(source: IO[bytes]) -> bytes | None:
    head = source.read(4)
    if not head:
        return None
    size = int.from_bytes(head, "big")
    data = source.read(size) if len(head) == 4 and size <= MAX_FRAME else b""
    if len(head) < 4 or len(data) < size:
        raise ExportUnreadable("the file ends in the middle of a block")
    return data


def _frames(source: IO[bytes]) -> Iterator[Height]:
    while True:
        block = _read_frame(source)
        if block is None:
            return
        commit = _read_frame(source)
        if commit is None:
            raise ExportUnreadable("the file ends between a block and its commit")
        yield block, commit
