"""How often each member may ask: a bucket for each, refilled with time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from yilian.gateway.members.errors import TOO_MANY


class Meter:
    """Buckets of `burst` calls, refilled by `rate` a second. Safe for threads."""

    def __init__(
        self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def count(self, caller: str) -> None:
        """Count one call of a member that the chain knows; refuses `members.too_many_requests`."""
        now = self._clock()
        with self._lock:
            left, since = self._left.get(caller, (float(self._burst), now))
            left = min(float(self._burst), left + (now - since) * self._rate)
            if left < 1:
                raise TOO_MANY()
            self._left[caller] = (left - 1, now)
