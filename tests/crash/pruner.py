"""A process that prunes a chain and, if told to, kills itself at a part of the way.

python -m tests.crash.pruner FOLDER ARCHIVE [PLACE]: PLACE counts the lines run in the files of
pruning and of the store, which a first run on a copy tells: a part of them, or back from the end.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from yilian.node.prune import prune
from yilian.node.store import UNDO_HEIGHTS, Store

WATCHED = ("/node/prune.py", "/node/bundle.py", "/node/store.py")


def run(chain: Path, archive: Path) -> None:
    """Prune."""
    store = Store(chain)
    prune(store, UNDO_HEIGHTS, archive)
    store.close()


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


def main(folder: str, archive: str, place: str | None = None) -> None:
    """Prune, or die on the way."""
    if place is None:
        run(Path(folder), Path(archive))
        return
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "chain"
        shutil.copytree(folder, copy)
        lines = counted(lambda: run(copy, Path(scratch) / "archive"))
    at = float(place)
    fatal = lines + int(at) if at < 0 else int(lines * at) + 1
    counted(lambda: run(Path(folder), Path(archive)), fatal)


if __name__ == "__main__":
    main(*sys.argv[1:])
