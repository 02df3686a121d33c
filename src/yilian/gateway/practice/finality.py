"""Whether the chain still takes what it is given, as an organisation sees it from its own node.

A chain counts as without finality when a transaction has waited `FINALITY_MS` and no block came,
when no block came for longer than an idle chain ever takes (`Engine.behind`), or when the engine
has stopped. Then no new session is opened; care goes on by breaking the glass
(`emergencies.py`).
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from yilian.ledger.errors import code
from yilian.node.engine import Engine
from yilian.vault.outage import FINALITY_MS

NO_FINALITY = code(9436, "emergencies.no_finality", 503)


class Wait(NamedTuple):
    """That something waits above a height, seen since a moment (ms)."""

    height: int
    since: int


def watched(seen: Wait | None, height: int, pending: int, now: int) -> Wait | None:
    """Go on from what was seen last: a wait lasts while no block comes and something waits."""
    if pending == 0:
        return None
    return seen if seen is not None and seen.height == height else Wait(height, now)


class Finality:
    """Watches one engine. Safe for threads; look often, for a wait is seen only by looking."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._seen: Wait | None = None

    def waiting_since(self) -> int | None:
        """Tell since when (ms) the chain takes nothing; None where nothing waits.

        A stopped engine takes nothing since its newest block.
        """
        tip = self._engine.tip
        if self._engine.fault is not None or self._engine.behind():
            return tip.time
        with self._lock:
            now = self._engine.now()
            self._seen = watched(self._seen, tip.height, self._engine.pending(), now)
            return None if self._seen is None else self._seen.since

    def lost(self) -> bool:
        """Tell whether the chain counts as without finality now."""
        since = self.waiting_since()
        return since is not None and self._engine.now() - since >= FINALITY_MS

    def require(self) -> None:
        """Refuse `emergencies.no_finality` while the chain has none: for new sessions."""
        if self.lost():
            raise NO_FINALITY()
