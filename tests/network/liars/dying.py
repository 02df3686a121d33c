"""A member that is killed in the middle of a block: `yilian up` that ends itself at one step.

    python -m tests.network.liars.dying STEP WHO WHICH FOLDER

STEP is one of `STEPS`; WHO is `node` (its engine dies with it) or `engine` (the node starts it
again); WHICH counts the blocks with transactions that this process works out, from 1.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from tests.network.members import children, kill, name_of
from yilian.node.cometbft import Consortium
from yilian.node.store import Store

MODULE = "tests.network.liars.dying"

STEPS = {
    "before finalize": (Consortium, "finalize", 0),
    "after finalize": (Consortium, "finalize", 1),
    "before commit": (Consortium, "commit", 0),
    "before write": (Store, "write_decided", 0),
    "after write": (Store, "write_decided", 1),
    "after commit": (Consortium, "commit", 1),
    "before seal": (Store, "seal", 0),
    "after seal": (Store, "seal", 1),
}


class Death:
    """Comes at one step of one block."""

    def __init__(self, who: str, which: int) -> None:
        self._who = who
        self._left = which

    def come(self) -> None:
        """Count down, and kill."""
        self._left -= 1
        if self._left:
            return
        if self._who == "node":
            os.kill(os.getpid(), signal.SIGKILL)
        for each in children(os.getpid()):
            if name_of(each) == "cometbft":
                kill(each)


def arm(step: str, death: Death) -> None:
    """Have death come before (0) or after (1) a method does its work on a full block."""
    owner, name, when = STEPS[step]
    true: Callable[..., Any] = getattr(owner, name)

    def method(self: Any, *words: Any) -> Any:
        full = _full(self, name, words)
        if full and when == 0:
            death.come()
        found = true(self, *words)
        if full and when == 1:
            death.come()
        return found

    setattr(owner, name, method)


def _full(self: Any, name: str, words: tuple[Any, ...]) -> bool:
    """Tell whether it is about a block that holds transactions."""
    if name == "finalize":
        return bool(words[0].txs)
    if name == "commit":
        return self._staged is not None and bool(self._staged.decision.txs)
    if name == "write_decided":
        return bool(words[1].txs)
    decided = self.decided(words[0])
    return decided is not None and bool(decided.txs)


def main() -> int:
    """Run `yilian up` until death comes."""
    step, who, which, folder = sys.argv[1:]
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    from yilian import cli

    arm(step, Death(who, int(which)))
    return cli.main(["up", folder, "--json"])


if __name__ == "__main__":
    sys.exit(main())
