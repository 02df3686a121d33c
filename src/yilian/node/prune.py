"""Pruning: old heights move into an archive, and the disk gets their room back.

At any instant each height is in the store, in a whole archive, or in both: the archive is written
beside its name, synced, read back with every link and signature checked, renamed and synced again;
only then does one synced write drop the heights. State, tree and the places of transactions stay.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

import msgspec

from yilian.node import bundle
from yilian.node.bundle import Span
from yilian.node.store import UNDO_HEIGHTS, Store, StoreDamaged

EVIDENCE_HEIGHTS = 100_000
"""The age of evidence in a consortium (`max_age_num_blocks`): younger blocks are still judged."""

Progress = Callable[[int], None]


class KeepsTooFew(Exception):
    """Fewer heights would stay than undoing and evidence need; `least` says how many."""

    def __init__(self, least: int) -> None:
        super().__init__(least)
        self.least = least


class NothingToPrune(Exception):
    """The store holds no more heights than are to be kept."""


class OtherArchive(Exception):
    """The file exists and is not the archive of this store's first heights."""


class Pruned(msgspec.Struct, frozen=True):
    """What was moved: heights, the store's first height now, and sizes in bytes."""

    first: int
    last: int
    base: int
    before: int
    after: int
    archive: int


def least(store: Store) -> int:
    """Give the fewest heights that must stay: a consortium still judges old votes."""
    return EVIDENCE_HEIGHTS if store.sealed() else UNDO_HEIGHTS


def prune(
    store: Store,
    keep: int,
    archive: Path,
    progress: Progress = lambda height: None,
) -> Pruned:
    """Archive and drop all but the newest `keep` heights; blocks may be written meanwhile.

    Where an earlier run ended between archive and dropping, the same file is taken up again.
    Raises KeepsTooFew, NothingToPrune, OtherArchive; StoreDamaged or BundleUnreadable where what
    would be dropped does not prove itself. In all these cases nothing is dropped.
    """
    if keep < least(store):
        raise KeepsTooFew(least(store))
    tip = store.tip()
    if tip is None:
        raise StoreDamaged("the folder holds no chain")
    first, last = store.base(), store.newest_sealed(tip) - keep
    if last < first:
        raise NothingToPrune
    before = store.disk_bytes()
    span = _taken_up(store, archive, first, last)
    if span is None:
        span = _write(store, archive, first, last, progress)
    store.drop_below(span.last + 1)
    store.reclaim(span.last + 1)
    after = store.disk_bytes()
    return Pruned(first, span.last, span.last + 1, before, after, archive.stat().st_size)


def _taken_up(store: Store, archive: Path, first: int, last: int) -> Span | None:
    """Find the archive that an earlier run wrote and did not follow up; None for no file."""
    if not archive.exists():
        return None
    try:
        with bundle.opened(archive) as file:
            span = bundle.check(file)
    except bundle.BundleUnreadable:
        raise OtherArchive from None
    commit = store.commit(span.last)
    if span.first != first or span.last > last or commit is None:
        raise OtherArchive
    if commit.block_id.hash != span.last_block:
        raise OtherArchive
    return span


def _write(store: Store, archive: Path, first: int, last: int, progress: Progress) -> Span:
    part = archive.with_name(archive.name + ".part")
    try:
        with part.open("wb") as file:
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                bundle.write(store, first, last, cast("IO[bytes]", packed), progress)
            file.flush()
            os.fsync(file.fileno())
        with bundle.opened(part) as again:
            span = bundle.check(again)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    os.link(part, archive)
    part.unlink()
    handle = os.open(archive.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    return span
