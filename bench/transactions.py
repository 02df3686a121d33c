"""Transactions per second of the embedded engine, durable, against bare signature checks.

    python -m bench.transactions [--entries 10000 100000 1000000] [--count 20000] [--json]

Each run prints what the same machine does in the same minute: bare PyNaCl verifications per second
of one core before and after, signed consent grants per second (checked, ordered, applied, synced),
their ratio, bytes on disk per transaction, the time to open the store and the idle time after it in
which the tree's cache fills.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from bench import chain
from yilian.node.embedded import Embedded
from yilian.node.supervise import ease_collector
from yilian.sdk.signers import Ed25519Signer

HAND_IN = 1_000


def measure(entries: int, count: int) -> dict[str, float | int]:
    """Measure one state size."""
    operator = Ed25519Signer.generate()
    with tempfile.TemporaryDirectory(prefix="yilian-bench-") as scratch:
        folder = Path(scratch) / "chain"
        chain.make(folder, operator, entries)
        start = time.perf_counter()
        engine = Embedded(folder, chain.SEED)
        opened = time.perf_counter() - start
        while not engine.warm:
            time.sleep(0.01)
        warmed = time.perf_counter() - start - opened
        ease_collector()
        persons = chain.people(engine, operator, 1_000)
        raws = chain.grants(persons, count)
        for future in engine.submit_many(raws[:HAND_IN]):
            future.result()
        before, size = chain.raw_verifications_per_second(), _disk(folder)
        height, start = engine.height, time.perf_counter()
        futures = [
            future
            for at in range(HAND_IN, count, HAND_IN)
            for future in engine.submit_many(raws[at : at + HAND_IN])
        ]
        assert {future.result().code for future in futures} == {0}
        seconds = time.perf_counter() - start
        blocks = engine.height - height
        after = chain.raw_verifications_per_second()
        done = count - HAND_IN
        engine.close()
        bare = (before + after) / 2
        return {
            "entries": entries,
            "transactions": done,
            "bytes": len(raws[0]),
            "blocks": blocks,
            "per_second": round(done / seconds),
            "bare_verifications_per_second": round(bare),
            "ratio": round(done / seconds / bare, 3),
            "disk_bytes_per_transaction": round((_disk(folder) - size) / done),
            "open_seconds": round(opened, 2),
            "warm_seconds": round(warmed, 2),
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }


def _disk(folder: Path) -> int:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = [measure(entries, arguments.count) for entries in arguments.entries]
    if arguments.json:
        print(json.dumps(rows))
        return
    for row in rows:
        print("  ".join(f"{name}={value}" for name, value in row.items()), flush=True)
    if len(rows) > 1:
        print(
            f"cost at {rows[-1]['entries']} / cost at {rows[0]['entries']} = "
            f"{rows[0]['ratio'] / rows[-1]['ratio']:.2f}"
        )


if __name__ == "__main__":
    main()
