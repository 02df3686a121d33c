"""Several members' nodes on one machine, each a process of its own, kept running by this one.

A node that ends is started again with growing pauses, except where it says that it must not serve.
Every change is told as `News`, in the thread that keeps that node. When this process is gone,
however it ended, its nodes stop.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
STEADY_SECONDS = 60.0
STOP_SECONDS = 20.0
LOG_BYTES = 50_000_000

MUST_NOT_SERVE = 4
"""With this code `yilian up` ends where the store is damaged: starting it again helps nobody."""

_RUN = """
import os, signal, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit("whoever watches over this node is gone")
from yilian.cli import main
sys.exit(main(sys.argv[2:]))
"""
"""`yilian`, after asking Linux (PR_SET_PDEATHSIG) for SIGTERM when its parent is gone."""

Step = Literal["serving", "ended", "given_up"]


class News(NamedTuple):
    """What became of a node: it serves, ended and starts again, or stays down.

    `code` is its exit code (below 0: the signal that ended it), `reason` its own words where it had
    any, `pause` the seconds until it starts again.
    """

    name: str
    step: Step
    address: str = ""
    pid: int = 0
    code: int = 0
    reason: str = ""
    pause: float = 0.0


class _Node:
    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None
        self.serving = False


class Fleet:
    """Nodes by name. `tell` is called from threads of this object, one call a change."""

    def __init__(self, folders: Mapping[str, Path], tell: Callable[[News], None]) -> None:
        self._tell = tell
        self._nodes = [_Node(name, folder) for name, folder in folders.items()]
        self._closing = threading.Event()

    def start(self) -> None:
        """Start every node; returns at once."""
        for each in self._nodes:
            # A node is told when the thread that started it ends: the thread lives as long as it.
            each.thread = threading.Thread(
                target=self._keep, args=(each,), name=f"yilian-node-{each.name}", daemon=True
            )
            each.thread.start()

    def serving(self) -> set[str]:
        """Name the nodes that serve now."""
        return {each.name for each in self._nodes if each.serving}

    def stop(self, patience: float = STOP_SECONDS) -> bool:
        """Stop every node and wait; gives whether all ended by themselves in time."""
        self._closing.set()
        for each in self._nodes:
            _send(each, signal.SIGTERM)
        until = time.monotonic() + patience
        for each in self._nodes:
            if each.thread is not None:
                each.thread.join(max(0.0, until - time.monotonic()))
        slow = [each for each in self._nodes if each.thread is not None and each.thread.is_alive()]
        for each in slow:
            _send(each, signal.SIGKILL)
        for each in slow:
            if each.thread is not None:
                each.thread.join()
        return not slow

    def _keep(self, node: _Node) -> None:
        pause = FIRST_PAUSE
        while not self._closing.is_set():
            began = time.monotonic()
            code, reason = self._run(node)
            node.serving = False
            if self._closing.is_set():
                return
            if code == MUST_NOT_SERVE:
                self._tell(News(node.name, "given_up", code=code, reason=reason))
                return
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE
            self._tell(News(node.name, "ended", code=code, reason=reason, pause=pause))
            self._closing.wait(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _run(self, node: _Node) -> tuple[int, str]:
        process = self._spawn(node)
        if process is None:
            return 0, ""
        reason = ""
        assert process.stdout is not None
        for line in process.stdout:
            said = _read(line)
            if said.get("ok"):
                node.serving = True
                self._tell(News(node.name, "serving", str(said.get("address")), pid=process.pid))
            else:
                reason = str(said.get("error", {}).get("title", "")) or reason
        return process.wait(), reason

    def _spawn(self, node: _Node) -> subprocess.Popen[bytes] | None:
        with node.lock:
            if self._closing.is_set():
                return None
            with _log(node.folder) as log:
                node.process = subprocess.Popen(
                    [
                        sys.executable,
                        "-c",
                        _RUN,
                        str(os.getpid()),
                        "up",
                        str(node.folder),
                        "--json",
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    # Ctrl-C is for this process alone, which then stops its nodes in good order.
                    start_new_session=True,
                )
            return node.process


def _log(folder: Path) -> IO[bytes]:
    """Open a node's log; one that has grown large makes room once, at a start.

    Nothing is written where no folder is: somebody may be about to restore it.
    """
    path = folder / "node.log"
    try:
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_name("node.log.1"))
        return path.open("ab")
    except OSError:
        return open(os.devnull, "ab")


def _send(node: _Node, number: signal.Signals) -> None:
    with node.lock:
        if node.process is not None and node.process.poll() is None:
            node.process.send_signal(number)


def _read(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
