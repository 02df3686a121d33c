"""How soon a node is back after `kill -9`, and how long the integrity scan of its chain takes.

    python -m bench.restart [--blocks 100000] [--json]

A child process makes the chain block by block, with the engine's own code, says when it has enough
and goes on until it is killed. Its blocks are not synced one by one, which only makes the bench
quicker: nothing is lost where the machine itself goes on running.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rocksdict import WriteOptions

from bench import chain
from yilian.ledger.modules.governance.state import parameters
from yilian.ledger.modules.records.messages import AnchorBatch
from yilian.node.embedded import Embedded
from yilian.node.engine import now_ms
from yilian.node.integrity import scan, scan_blocks
from yilian.node.store import Store
from yilian.sdk.signers import Ed25519Signer

TOLD = 1_000


class Stepped(Embedded):
    """The embedded engine without its thread: a block is written when it is asked for."""

    def _run(self) -> None:
        return

    def first(self) -> None:
        """Write the first block, which is empty."""
        self._write_block([], self.genesis.time)

    def block(self, raws: Sequence[bytes] = ()) -> int:
        """Write one block of just these transactions; gives its height."""
        now = max(now_ms(), self.tip.time + 1)
        for future in self.submit_many(raws):
            assert not future.done(), future.exception()
        taken = self._queue.take(parameters(self.state()), len(raws)) if raws else []
        assert len(taken) == len(raws)
        self._write_block(taken, now)
        return self.height

    def unsynced(self) -> None:
        """Leave the syncing of what follows to the operating system."""
        self.store._synced = WriteOptions()


def stepped(folder: Path, operator: Ed25519Signer, entries: int = 0) -> Stepped:
    """Make a chain whose state has so many entries, and its first block."""
    chain.make(folder, operator, entries)
    engine = Stepped(folder, chain.SEED)
    engine.first()
    return engine


def anchor(operator: Ed25519Signer) -> bytes:
    """Sign the smallest block's only transaction."""
    message = AnchorBatch(batch=chain.new_id(), root=chain.new_digest(), size=1_000)
    return chain.signed(operator, chain.HOSPITAL, [message])


def write(folder: Path, blocks: int) -> None:
    """Write blocks until killed; tells on its standard output how far it is."""
    operator = Ed25519Signer.generate()
    engine = stepped(folder, operator)
    (folder.parent / "seed").write_bytes(chain.SEED)
    engine.unsynced()
    while True:
        height = engine.block([anchor(operator)])
        if height % TOLD == 0 or height == blocks:
            print(height, flush=True)


def make_and_kill(folder: Path, blocks: int) -> int:
    """Have a child make the chain and kill it; gives the last height that it told."""
    command = [sys.executable, "-m", "bench.restart", "--write", str(folder)]
    command += ["--blocks", str(blocks)]
    told = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        while told < blocks:
            told = int(child.stdout.readline())
        child.kill()
    return told


def measure(blocks: int) -> dict[str, float | int]:
    """Make, kill, open and scan."""
    with tempfile.TemporaryDirectory(prefix="yilian-bench-") as scratch:
        folder = Path(scratch) / "chain"
        began = time.perf_counter()
        told = make_and_kill(folder, blocks)
        made = time.perf_counter()
        engine = Embedded(folder, (folder.parent / "seed").read_bytes())
        opened = time.perf_counter()
        height, tip = engine.height, engine.tip
        assert height >= told, "what was told is lost"
        before = time.perf_counter()
        assert scan_blocks(engine.store, tip) is None
        scanned = time.perf_counter()
        engine.close()
        store = Store(folder)
        whole = time.perf_counter()
        assert scan(store) is None
        end = time.perf_counter()
        entries = sum(1 for _ in store.scan(b""))
        store.close()
        return {
            "blocks": height,
            "state_entries": entries,
            "disk_mb": sum(each.stat().st_size for each in folder.iterdir()) // 1_000_000,
            "made_per_second": round(height / (made - began)),
            "open_seconds": round(opened - made, 2),
            "scan_blocks_seconds": round(scanned - before, 2),
            "scan_blocks_and_state_seconds": round(end - whole, 2),
        }


def main() -> None:
    """Read the flags, measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--blocks", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.write is not None:
        write(asked.write, asked.blocks)
        return
    row = measure(asked.blocks)
    if asked.json:
        print(json.dumps(row))
    else:
        print("  ".join(f"{name}={value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
