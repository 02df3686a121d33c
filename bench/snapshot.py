"""Time and size of snapshots, and of beginning from one, against copying the store.

    python -m bench.snapshot [--entries 100000 1000000] [--value 200]

A state of that many entries (keys of 35 bytes) is written; then, in the same run: the snapshot is
made, read back chunk by chunk and restored into an empty store, and the store's folder is copied,
file by file. Seconds are of the processor, so other work on the machine matters less. The last two
columns are ratios to that copy, which proves nothing and cannot be made while blocks are written.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.unit.node.states import empty

from yilian.ledger.keys import sha256
from yilian.ledger.machine import Applied
from yilian.ledger.tree import TOP, Tree
from yilian.node.snapshot import Restore, Snapshots, listed
from yilian.node.store import Store, Tip

HEIGHT = 1_000
AT_ONCE = 20_000


class Figures(NamedTuple):
    """Seconds and bytes of one size of state."""

    entries: int
    make: float
    restore: float
    copy: float
    snapshot_bytes: int
    store_bytes: int
    metadata_bytes: int
    chunks: int


def entries(count: int, value: int) -> Iterator[dict[bytes, bytes | None]]:
    """Give entries as a chain would hold them, part by part: half of a value repeats."""
    part: dict[bytes, bytes | None] = {}
    for each in range(count):
        random = sha256(each.to_bytes(8, "big"))
        key = b"bench/record/" + random[:11].hex().encode()
        part[key] = (random * (value // 64 + 1) + b"x" * value)[:value]
        if len(part) == AT_ONCE:
            yield part
            part = {}
    if part:
        yield part


def fill(store: Store, count: int, value: int) -> bytes:
    """Write a state; gives its root."""
    tree = Tree(store.tile, store.tiles(bytes((TOP,))))
    for part in entries(count, value):
        view = tree.stage(part)
        store.put_part(part, view.tiles)
        tree.adopt(view)
    view = tree.stage({})
    tip = Tip(HEIGHT, HEIGHT, view.root, b"", b"", 0, b"", False)
    store.write_height(Applied(HEIGHT, HEIGHT, [], b"[]", {}, view, {}), b"", b"", [], tip)
    return view.root


def copied(folder: Path, to: Path) -> float:
    """Copy a folder; gives the seconds."""
    began = time.process_time()
    shutil.copytree(folder, to)
    return time.process_time() - began


def measure(folder: Path, count: int, value: int) -> Figures:
    """Measure one size of state."""
    store = empty(folder / "chain")
    root = fill(store, count, value)
    kept = Snapshots(folder / "snapshots", store, sha256)
    began = time.process_time()
    offer = kept.make(HEIGHT)
    make = time.process_time() - began
    other = empty(folder / "other")
    began = time.process_time()
    restore = Restore(offer, root, other)
    for index in range(offer.chunks):
        restore.apply(index, kept.chunk(HEIGHT, offer.format, index) or b"")
    restore.finish()
    restored = time.process_time() - began
    other.close()
    store.reclaim(HEIGHT)
    size = store.disk_bytes()
    store.close()
    copy = copied(folder / "chain", folder / "copy")
    held = listed(folder / "snapshots")[-1][1]
    metadata, chunks = len(offer.metadata), offer.chunks
    return Figures(count, make, restored, copy, held, size, metadata, chunks)


def main() -> None:
    """Print a line for each size."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    options.add_argument("--entries", type=int, nargs="+", default=[100_000, 1_000_000])
    options.add_argument("--value", type=int, default=200)
    given = options.parse_args()
    print("entries    make s  restore s  copy s  MB  store MB  metadata B  chunks  x  size")
    for count in given.entries:
        with tempfile.TemporaryDirectory() as scratch:
            at = measure(Path(scratch), count, given.value)
        print(
            f"{at.entries:9,}  {at.make:6.1f}  {at.restore:9.1f}  {at.copy:6.2f}"
            f"  {at.snapshot_bytes / 1e6:.1f}  {at.store_bytes / 1e6:.1f}  {at.metadata_bytes}"
            f"  {at.chunks}  {at.make / at.copy:.1f}  {at.snapshot_bytes / at.store_bytes:.2f}"
        )


if __name__ == "__main__":
    main()
