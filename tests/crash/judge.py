"""What must hold of a chain after a crash: nothing acknowledged is gone, nothing stands twice."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.crash.writer import open_engine
from yilian.ledger import errors
from yilian.ledger.keys import sha256
from yilian.node.integrity import scan_folder

ROOT = Path(__file__).resolve().parents[2]


def start(
    folder: Path, seed: int, point: str | None = None, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a writer."""
    command = [sys.executable, "-m", "tests.crash.writer", str(folder), str(seed)]
    return subprocess.Popen(
        [*command, point] if point else command,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        env=environment,
    )


def kill_after(writer: subprocess.Popen[str], acknowledged: int, delay: float) -> list[str]:
    """Kill a writer once it has acknowledged so many and `delay` more seconds are gone."""
    assert writer.stdout is not None
    seen: list[str] = []
    while len(seen) < acknowledged:
        line = writer.stdout.readline()
        assert line, "the writer ended by itself"
        if not line.startswith("open"):
            seen.append(line)
    time.sleep(delay)
    writer.kill()
    rest = writer.stdout.read().splitlines(keepends=True)
    writer.wait()
    return [line.strip() for line in seen + rest if len(line) == 65]


def judge(folder: Path, acknowledged: list[str]) -> int:
    """Reopen the chain without help, find every acknowledged transaction once; gives the height."""
    with open_engine(folder) as engine:
        for each in acknowledged:
            outcome = engine.outcome(bytes.fromhex(each))
            assert outcome is not None, f"acknowledged and lost: {each}"
            assert outcome.code == errors.OK
        seen: set[bytes] = set()
        for height in range(1, engine.height + 1):
            block = engine.store.block(height)
            assert block is not None
            for raw in block.txs:
                assert sha256(raw) not in seen, "applied twice"
                seen.add(sha256(raw))
        height = engine.height
    assert scan_folder(folder / "chain") is None
    return height
