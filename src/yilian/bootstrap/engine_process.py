"""A running member's two processes, found by the sockets between them, and told what to do.

No file holds their numbers: the kernel says who listens at the engine's socket (Linux,
`unix(7)`, SO_PEERCRED), so a number that another process has by now is never signalled.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from yilian.node.home import EngineHome
from yilian.node.rpc import connect

RESTARTS_IN = 60.0
FREEZES_IN = 5.0
_TURN = 0.05
_PARENT, _STATE = 3, 2


class Processes(NamedTuple):
    """The node's process and its engine's."""

    node: int
    engine: int


def processes(home: EngineHome) -> Processes | None:
    """Find a running member's processes; None where its engine does not run."""
    if sys.platform != "linux":
        return None
    try:
        made = connect(home.rpc, 1.0)
    except OSError:
        return None
    with made:
        told = made.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    engine = int(struct.unpack("3i", told)[0])
    node = _stat(engine, _PARENT)
    return None if node is None else Processes(int(node), engine)


def restart(home: EngineHome, seconds: float = RESTARTS_IN) -> bool:
    """End the engine in good order; its node starts it again. Gives whether it did in time."""
    before = processes(home)
    if before is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(before.engine, signal.SIGTERM)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        now = processes(home)
        if now is not None and now.engine != before.engine:
            return True
        time.sleep(_TURN)
    return False


@contextlib.contextmanager
def frozen(home: EngineHome) -> Iterator[bool]:
    """Hold a member's processes still, the node first; gives whether it ran at all.

    What stands on the disk then is what a crash at that moment would leave, and the node is never
    ahead of its engine.
    """
    found = processes(home)
    if found is None:
        yield False
        return
    try:
        for each in (found.node, found.engine):
            os.kill(each, signal.SIGSTOP)
            _wait_still(each)
        yield True
    finally:
        for each in (found.engine, found.node):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)


def is_frozen(home: EngineHome) -> bool:
    """Tell whether somebody holds the member's node or engine still."""
    found = processes(home)
    return found is not None and any(_stat(each, _STATE) == "T" for each in found)


def _wait_still(pid: int) -> None:
    until = time.monotonic() + FREEZES_IN
    while not all(state in "TtZ" for state in _thread_states(pid)):
        if time.monotonic() > until:
            raise TimeoutError(pid)
        time.sleep(0.005)


def _thread_states(pid: int) -> list[str]:
    found = []
    for each in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            found.append(each.read_text().rpartition(")")[2].split()[0])
    return found


def _stat(pid: int, field: int) -> str | None:
    """Read a field of `/proc/<pid>/stat`, counted from 0 (`proc(5)`)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name stands in brackets and may hold anything.
    return text.rpartition(")")[2].split()[field - 2]
