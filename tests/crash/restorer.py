"""A process that begins from a snapshot, or starts again after one, and kills itself on the way.

python -m tests.crash.restorer FOLDER SNAPSHOT PLACE: PLACE is a share of the way in percent, as
lines run in the files of restoring and of the store, which a first run on a copy counts; 101 is
after all of it. A folder whose restore was broken off is started first, which abandons it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from yilian.ledger.block import ValidatorSet
from yilian.node.cometbft import Consortium
from yilian.node.link import EngineAway, Signed
from yilian.node.snapshot import Snapshot

WATCHED = ("/node/snapshot/restore.py", "/node/store.py")
ACCEPTED = 1


class NoEngine:
    """An engine that is away, as it is while a snapshot is restored."""

    def broadcast(self, raws: Sequence[bytes]) -> list[str | None]:
        """Take nothing."""
        raise EngineAway("away")

    def signed(self, height: int) -> Signed | None:
        """Show no height."""
        raise EngineAway("away")

    def validators(self, height: int) -> ValidatorSet:
        """Show no validators."""
        raise EngineAway("away")

    def close(self) -> None:
        """There is nothing to let go of."""


def begin(folder: Path, snapshots: Path) -> Consortium:
    """Start a node, and have it begin from a snapshot unless it stands already."""
    node = Consortium(folder, NoEngine())
    if node.height:
        return node
    offer, app_hash, chunks = kept(snapshots)
    assert node.offer(offer, app_hash) == ACCEPTED
    for index, chunk in enumerate(chunks):
        assert node.take_chunk(index, chunk) == ACCEPTED
    return node


def keep(snapshots: Path, offer: Snapshot, app_hash: bytes, chunks: Sequence[bytes]) -> None:
    """Write a snapshot where `kept` finds it."""
    text = msgspec.msgpack.encode((tuple(offer), app_hash, tuple(chunks)))
    snapshots.write_bytes(text)


def kept(snapshots: Path) -> tuple[Snapshot, bytes, Sequence[bytes]]:
    """Give a snapshot, the app hash of its height and its chunks."""
    offer, app_hash, chunks = msgspec.msgpack.decode(snapshots.read_bytes())
    return Snapshot(*offer), app_hash, chunks


def counted(work: Callable[[], None], fatal: int | None = None) -> int:
    """Run and count the lines; kill this process before line `fatal`."""
    lines = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        if not frame.f_code.co_filename.endswith(WATCHED):
            return None
        if event == "line":
            lines += 1
            if lines == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(None)
    return lines


def main(folder: Path, snapshots: Path, place: int) -> None:
    """Begin from a snapshot, and die at a share of the way."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "chain"
        shutil.copytree(folder, copy)
        lines = counted(lambda: begin(copy, snapshots).close())

    def work() -> None:
        begin(folder, snapshots)
        os.kill(os.getpid(), signal.SIGKILL)

    counted(work, None if place > 100 else max(1, lines * place // 100))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
