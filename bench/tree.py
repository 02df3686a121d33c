"""Measure the state tree: bulk load, start, and batches of new keys, warm and cold.

Run: python bench/tree.py --entries 10000 100000 1000000
Tiles are loaded from a dict in memory, so the figures are those of the tree alone. Compare them
with the time of one hash, printed first: a new key takes twelve, a cold tile of fifteen leaves
twenty. `--collector plain` leaves Python's cyclic collector as it is; a node eases it, because the
tree makes many small objects that never form a cycle.
"""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import time

from yilian.ledger.keys import sha256
from yilian.ledger.tree import TOP, Tree

BULK = 250_000


def batch(start: int, size: int) -> dict[bytes, bytes | None]:
    """Make changes whose keys have the form and length of state keys: a path and an id."""
    changes: dict[bytes, bytes | None] = {}
    for number in range(start, start + size):
        name = sha256(number.to_bytes(8, "big")).hex()[:22]
        changes[b"records/anchor/" + name.encode()] = b'{"number":%d}' % number
    return changes


def commit(tree: Tree, tiles: dict[bytes, bytes], changes: dict[bytes, bytes | None]) -> float:
    """Stage, write the tiles and adopt; gives the seconds spent in the tree."""
    began = time.perf_counter()
    view = tree.stage(changes)
    spent = time.perf_counter() - began
    for tile_id, data in view.tiles.items():
        if data is None:
            tiles.pop(tile_id, None)
        else:
            tiles[tile_id] = data
    began = time.perf_counter()
    tree.adopt(view)
    return spent + time.perf_counter() - began


def measure(entries: int, size: int, rounds: int, cached: int) -> None:
    """Print one line of figures for a tree of `entries` keys."""
    hashing = one_hash()
    tiles: dict[bytes, bytes] = {}
    tree = Tree(tiles.get, cached_tiles=cached)
    load = sum(
        commit(tree, tiles, batch(start, min(BULK, entries - start)))
        for start in range(0, entries, BULK)
    )
    first = entries
    warm = []
    for _ in range(rounds):
        warm.append(commit(tree, tiles, batch(first, size)) / size * 1e6)
        first += size
    cold = []
    for _ in range(rounds):
        began = time.perf_counter()
        tops = [(name, data) for name, data in tiles.items() if name[0] == TOP]
        reopened = Tree(tiles.get, tops, cached_tiles=cached)
        start = time.perf_counter() - began
        assert reopened.root == tree.root
        tree = reopened
        cold.append(commit(tree, tiles, batch(first, size)) / size * 1e6)
        first += size
    stored = sum(map(len, tiles.values()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{entries:>10,}  hash {hashing:4.2f} us"
        f"  load {load / entries * 1e6:5.1f} us/key ({load:6.2f} s)"
        f"  start {start:5.2f} s  warm {min(warm):5.1f} (median {statistics.median(warm):5.1f})"
        f"  cold {min(cold):5.1f} (median {statistics.median(cold):5.1f}) us/key"
        f"  {len(tiles):>9,} tiles {stored / 1e6:8.1f} MB  peak {peak:6.0f} MB",
        flush=True,
    )


def one_hash() -> float:
    """Give the microseconds that hashing one inner node takes."""
    node = b"\x01" + bytes(64)
    began = time.perf_counter()
    for _ in range(50_000):
        sha256(node)
    return (time.perf_counter() - began) / 50_000 * 1e6


def main() -> None:
    """Read the flags and measure each size."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--entries", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    flags.add_argument("--batch", type=int, default=3_000)
    flags.add_argument("--rounds", type=int, default=5)
    flags.add_argument("--cached-tiles", type=int, default=100_000)
    flags.add_argument("--collector", choices=["eased", "plain"], default="eased")
    given = flags.parse_args()
    if given.collector == "eased":
        gc.freeze()
        gc.set_threshold(100_000, 50, 1000)
    for entries in given.entries:
        measure(entries, given.batch, given.rounds, given.cached_tiles)


if __name__ == "__main__":
    main()
