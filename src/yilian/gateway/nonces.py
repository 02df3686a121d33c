"""Nonces of signed requests, remembered until they expire so that none serves twice.

They are kept by one process. Gateways that share the load of one node must send a caller's
requests to the same process, or a request could be replayed once at each.
"""

from __future__ import annotations

import heapq
import threading
from collections import Counter

from yilian.gateway.errors import RATE_LIMITED, REPLAYED_REQUEST

PER_KEY = 2_000
"""How many signed requests one key may make within their time (at most a minute)."""


class Nonces:
    """What was used, by key and nonce, until when (ms)."""

    def __init__(self, per_key: int = PER_KEY) -> None:
        self._per_key = per_key
        self._used: set[tuple[str, str]] = set()
        self._by_expiry: list[tuple[int, str, str]] = []
        self._count: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._used)

    def use(self, key: str, nonce: str, expires: int, now: int) -> None:
        """Use a nonce; refuses `replayed_request`, and `rate_limited` for a key with too many."""
        with self._lock:
            while self._by_expiry and self._by_expiry[0][0] <= now:
                _, old_key, old_nonce = heapq.heappop(self._by_expiry)
                self._used.discard((old_key, old_nonce))
                self._count[old_key] -= 1
                if not self._count[old_key]:
                    del self._count[old_key]
            if (key, nonce) in self._used:
                raise REPLAYED_REQUEST()
            if self._count[key] >= self._per_key:
                raise RATE_LIMITED(limit=self._per_key)
            self._used.add((key, nonce))
            self._count[key] += 1
            heapq.heappush(self._by_expiry, (expires, key, nonce))
