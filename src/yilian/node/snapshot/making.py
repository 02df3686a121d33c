"""Making a snapshot: entries in path order, cut at the largest subtrees that fit."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from yilian.ledger.keys import Hashing, sha256
from yilian.ledger.tree import TOP, Tree
from yilian.ledger.tree_node import ZERO
from yilian.ledger.tree_tile import FANOUT, Entries, child_id, decode
from yilian.node.snapshot.form import (
    BITS,
    HEAD,
    MAGIC,
    MAX_CHUNK,
    MAX_METADATA,
    Entry,
    Part,
    encode,
    folded,
    parse,
)
from yilian.node.store import Frozen, StoreDamaged

_GENTLE = 0.005


class Manifest(msgspec.Struct, frozen=True):
    """What a node notes beside its own snapshot: where chunks lie and what they hash to."""

    height: int
    sizes: list[int]
    digests: list[bytes]


class Stopped(Exception):
    """The node closes; the snapshot is given up."""


def gently(stopping: threading.Event) -> Callable[[], None]:
    """Make a pause that leaves blocks every other moment, and ends the work when told to."""
    last = time.monotonic()

    def pause() -> None:
        nonlocal last
        spent = time.monotonic() - last
        if spent >= _GENTLE:
            if stopping.wait(spent):
                raise Stopped
            last = time.monotonic()

    return pause


class Writing:
    """A snapshot being written from a moment of the store."""

    def __init__(
        self, moment: Frozen, hashing: Hashing, largest: int, pause: Callable[[], None]
    ) -> None:
        self._moment = moment
        self._hashing = hashing
        self._largest = largest
        self._pause = pause

    def write(self, folder: Path) -> tuple[bytes, Manifest]:
        """Write chunks, metadata and manifest, synced. Raises StoreDamaged."""
        moment, tip = self._moment, self._moment.tip()
        tops = list(moment.tops())
        tree = Tree(moment.tile, tops, hashing=self._hashing, cached_tiles=1)
        if tip is None or tree.root != tip.app_hash or tree.root == ZERO:
            raise StoreDamaged("the state does not have the root of its height")
        with (folder / "chunks").open("w+b") as file:
            starts = self._write_entries(tops, file)
            parts, sizes = _Cut(tree, starts, file, self._hashing, self._largest).parts()
            digests = _digests(file, sizes)
            _sync(file)
        metadata = MAGIC + b"".join(map(encode, parts))
        if len(metadata) > MAX_METADATA or max(sizes) > MAX_CHUNK:
            raise StoreDamaged(f"the state of height {tip.height} does not fit a snapshot")
        manifest = Manifest(tip.height, sizes, digests)
        for name, data in (("metadata", metadata), ("manifest", msgspec.json.encode(manifest))):
            with (folder / name).open("wb") as file:
                file.write(data)
                _sync(file)
        sync_folder(folder)
        return metadata, manifest

    def _write_entries(self, tops: list[tuple[bytes, bytes]], file: IO[bytes]) -> list[int]:
        """Write all entries in path order; gives where each prefix of `TOP` bits begins."""
        hashing = self._hashing
        starts = [0] * ((1 << TOP) + 1)
        at = last = 0
        for name, data in tops:
            prefix = int.from_bytes(name[1:], "big")
            starts[last + 1 : prefix + 1] = [at] * (prefix - last)
            last = prefix
            for leaf, key in _leaves(self._moment, name, data, hashing):
                value = self._moment.get(key)
                if value is None or hashing(b"\0" + hashing(key) + hashing(value)) != leaf:
                    raise StoreDamaged(f"state entry {key.decode('ascii')} is damaged")
                file.write(bytes((len(key),)) + len(value).to_bytes(4, "big") + key + value)
                at += HEAD + len(key) + len(value)
            self._pause()
        starts[last + 1 :] = [at] * (len(starts) - last - 1)
        return starts


def _leaves(
    moment: Frozen, name: bytes, data: bytes, hashing: Hashing
) -> Iterator[tuple[bytes, bytes]]:
    """Read the leaves at and below a tile in path order: their hashes and keys."""
    tile = decode(name, data, hashing)
    if isinstance(tile, Entries):
        yield from tile.entries()
        return
    for slot in range(FANOUT):
        child = child_id(name, name[0], slot)
        below = moment.tile(child) if tile.heap[FANOUT + slot] else b""
        if below is None:
            raise StoreDamaged(f"state tile {child.hex()} is missing")
        if below:
            yield from _leaves(moment, child, below, hashing)


class _Cut:
    """Cuts the written entries at the subtrees of the state tree."""

    def __init__(
        self, tree: Tree, starts: list[int], file: IO[bytes], hashing: Hashing, largest: int
    ) -> None:
        self._largest = largest
        self._view = tree.stage({})
        self._starts = starts
        self._file = file
        self._hashing = hashing
        self._parts: list[Part] = []
        self._sizes: list[int] = []

    def parts(self) -> tuple[list[Part], list[int]]:
        """Give the largest subtrees that fit, and the bytes of those that are not empty."""
        self._cut(0, 0)
        return self._parts, self._sizes

    def _cut(self, depth: int, prefix: int) -> None:
        width = TOP - depth
        start, end = self._starts[prefix << width], self._starts[prefix + 1 << width]
        if end - start <= self._largest:
            self._add(depth, prefix, self._mark(depth, prefix), end - start)
        elif depth < TOP:
            self._cut(depth + 1, 2 * prefix)
            self._cut(depth + 1, 2 * prefix + 1)
        else:
            self._file.seek(start)
            self._cut_below(depth, prefix, parse(self._file.read(end - start), self._hashing))

    def _cut_below(self, depth: int, prefix: int, entries: list[Entry]) -> None:
        size = sum(each.size for each in entries)
        if size <= self._largest or len(entries) == 1:
            paths, leaves = [each.path for each in entries], [each.leaf for each in entries]
            self._add(depth, prefix, folded(paths, leaves, depth, self._hashing), size)
            return
        bit = BITS - depth - 1
        left = [each for each in entries if not each.path >> bit & 1]
        self._cut_below(depth + 1, 2 * prefix, left)
        self._cut_below(depth + 1, 2 * prefix + 1, entries[len(left) :])

    def _mark(self, depth: int, prefix: int) -> bytes:
        if depth <= 8:
            return self._view.top()[(1 << depth) + prefix]
        low = depth - 8
        return self._view.top(prefix >> low)[(1 << low) + (prefix & (1 << low) - 1)]

    def _add(self, depth: int, prefix: int, mark_: bytes, size: int) -> None:
        self._parts.append(Part(depth, prefix, mark_))
        if mark_:
            self._sizes.append(size)


def _digests(file: IO[bytes], sizes: list[int]) -> list[bytes]:
    file.seek(0)
    return [sha256(file.read(size)) for size in sizes]


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
