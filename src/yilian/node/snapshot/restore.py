"""A store made from the snapshot of another node, believing nothing but the app hash."""

from __future__ import annotations

from enum import Enum

from yilian.ledger.block import results_hash
from yilian.ledger.genesis import read
from yilian.ledger.keys import Suites, sha256
from yilian.ledger.machine import Machine
from yilian.ledger.tree import TOP, Tree
from yilian.node.abci.messages import Snapshot
from yilian.node.snapshot.form import BITS, FORMAT, MAX_CHUNK, decode_metadata, folded, parse
from yilian.node.store import Store, StoreDamaged, Tip


class SnapshotRefused(Exception):
    """A snapshot cannot be used; `why` is `format`, `metadata`, `incomplete` or `root`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Verdict(Enum):
    """What to do after a chunk: go on, or ask another node for it and leave this sender."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Restore:
    """A state being made from chunks in a store that holds a genesis document and no blocks.

    Chunks may come in any order. What is written before `finish` is never served: the store says
    that it is unfinished (`Store.unfinished`), and `abandon` takes it back to its genesis.
    """

    def __init__(self, offer: Snapshot, app_hash: bytes, store: Store) -> None:
        """Check an offer against the app hash of its height, taken from a signed header.

        Raises SnapshotRefused, with nothing written, and ValueError for a store with blocks.
        """
        document = store.genesis()
        if document is None:
            raise ValueError("the store holds no genesis document")
        self._hashing = Suites(read(document).profile).hashing
        if offer.format != FORMAT or offer.height < 1:
            raise SnapshotRefused("format")
        try:
            parts, root = decode_metadata(offer.metadata, self._hashing)
        except ValueError:
            raise SnapshotRefused("metadata") from None
        self._parts = [each for each in parts if each.mark]
        if (
            root != app_hash
            or len(self._parts) != offer.chunks
            or not self._parts
            or sha256(offer.metadata) != offer.hash
        ):
            raise SnapshotRefused("metadata")
        self.offer = offer
        self._app_hash = app_hash
        self._store = store
        store.begin_restore()
        self._tree = Tree(store.tile, hashing=self._hashing, cached_tiles=1_000)
        self._missing = set(range(offer.chunks))

    def missing(self) -> list[int]:
        """List the chunks that have not come."""
        return sorted(self._missing)

    def apply(self, index: int, chunk: bytes) -> Verdict:
        """Write a chunk if it is the true one; the same again changes nothing."""
        if not 0 <= index < self.offer.chunks or len(chunk) > MAX_CHUNK:
            return Verdict.REJECTED
        part = self._parts[index]
        try:
            entries = parse(chunk, self._hashing)
            if any(each.path >> BITS - part.depth != part.prefix for each in entries):
                return Verdict.REJECTED
            paths, leaves = [each.path for each in entries], [each.leaf for each in entries]
            if folded(paths, leaves, part.depth, self._hashing) != part.mark:
                return Verdict.REJECTED
        except ValueError:
            return Verdict.REJECTED
        if index in self._missing:
            values: dict[bytes, bytes | None] = {each.key: each.value for each in entries}
            view = self._tree.stage({})
            # As `Tree.stage` does with values, but their leaves were hashed above.
            view.apply([(each.digest, (each.leaf, each.key)) for each in entries])
            self._store.put_part(values, view.tiles)
            self._tree.adopt(view)
            self._missing.remove(index)
        return Verdict.ACCEPTED

    def finish(self, time: int = 0) -> Tip:
        """End with the state of the height, durably; gives the tip from which blocks go on.

        `time` (ms) is the block's where a signed header told it. Raises SnapshotRefused where
        chunks are missing, or what was written has not the app hash.
        """
        if self._missing:
            raise SnapshotRefused("incomplete")
        tops = self._store.tiles(bytes((TOP,)))
        if Tree(self._store.tile, tops, hashing=self._hashing).root != self._app_hash:
            raise SnapshotRefused("root")
        tip = Tip(self.offer.height, time, self._app_hash, b"", b"", 0, b"", False)
        self._store.end_restore(tip)
        return tip


def abandon(store: Store) -> bool:
    """Take a store whose restore was not finished back to its genesis; False where none was."""
    if not store.unfinished():
        return False
    document = store.genesis()
    if document is None:
        raise StoreDamaged("the folder holds no chain")
    store.begin_restore()
    genesis = read(document)
    tree = Tree(store.tile, hashing=Suites(genesis.profile).hashing)
    applied = Machine(genesis, store, tree).first_state()
    tip = Tip(0, genesis.time, applied.app_hash, results_hash(()), b"", 0, b"", False)
    store.begin_again(applied, tip)
    return True
