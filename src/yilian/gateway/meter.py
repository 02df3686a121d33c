"""How often one caller may ask: a bucket for each, refilled with time, and only so many of them."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from yilian.gateway.errors import RATE_LIMITED
from yilian.ledger.errors import Refusal

KEPT = 10_000
"""Callers whose buckets are remembered; the one that was longest away is forgotten first."""


class Meter:
    """Buckets of `burst` calls, refilled by `rate` a second. Safe for threads."""

    def __init__(
        self,
        rate: float,
        burst: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        refuse: Callable[[], Refusal] | None = None,
    ) -> None:
        """`refuse` makes the refusal; `rate_limited` without it."""
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._refuse = refuse or (lambda: RATE_LIMITED(limit=burst))
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def count(self, caller: str) -> None:
        """Count one call; refuses one too many."""
        now = self._clock()
        with self._lock:
            left, since = self._left.pop(caller, (float(self._burst), now))
            left = min(float(self._burst), left + (now - since) * self._rate)
            self._left[caller] = (left - 1 if left >= 1 else left, now)
            while len(self._left) > KEPT:
                self._left.popitem(last=False)
        if left < 1:
            raise self._refuse()
