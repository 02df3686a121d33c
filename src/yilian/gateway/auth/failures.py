"""Wrong tries, counted: too many at one door within a quarter of an hour, and it stays shut.

A door is an account, a credential that was named (there or not, both alike), or a network address.
Of accounts only a digest is kept, of addresses nothing outside of memory.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque

import sqlalchemy as sql

from yilian.gateway.auth.database import FAILURES, AccountsDatabase, Failure
from yilian.gateway.auth.errors import LOCKED
from yilian.ledger import codec
from yilian.ledger.keys import sha256
from yilian.vault.database import values

WINDOW_MS = 900_000
KEPT = 10_000
"""Addresses whose wrong tries are remembered; the one that was longest away is forgotten first."""


class Failures:
    """Wrong tries by account and by address. Safe for threads."""

    def __init__(self, database: AccountsDatabase, per_account: int, per_address: int) -> None:
        self._database = database
        self._per_account = per_account
        self._per_address = per_address
        self._addresses: OrderedDict[str, deque[int]] = OrderedDict()
        self._lock = threading.Lock()

    def require_open(self, now: int, account: str | None, address: str | None) -> None:
        """Refuse `sign_in.locked` where an account or an address had too many wrong tries."""
        counts: list[tuple[list[int], int]] = []
        if account is not None:
            query = (
                sql.select(FAILURES.c.time)
                .where(FAILURES.c.door == _digest(account), FAILURES.c.time > now - WINDOW_MS)
                .order_by(FAILURES.c.time)
            )
            with self._database.read() as database:
                counts.append(([row[0] for row in database.execute(query)], self._per_account))
        if address is not None:
            counts.append((list(self._of_address(address, now)), self._per_address))
        for times, limit in counts:
            if len(times) >= limit:
                # It opens when the oldest of the last `limit` tries is out of the window.
                left = times[-limit] + WINDOW_MS - now
                raise LOCKED(minutes=max(1, -(-left // 60_000)), seconds=max(1, -(-left // 1_000)))

    def count(self, now: int, account: str | None, address: str | None) -> None:
        """Count one wrong try, and forget those that count no more."""
        if address is not None:
            times = self._of_address(address, now)
            with self._lock:
                times.append(now)
                self._addresses[address] = times
                self._addresses.move_to_end(address)
                while len(self._addresses) > KEPT:
                    self._addresses.popitem(last=False)
        if account is None:
            return
        with self._database.write() as database:
            database.execute(sql.delete(FAILURES).where(FAILURES.c.time <= now - WINDOW_MS))
            made = Failure(_digest(account), now)
            database.execute(sql.insert(FAILURES).values(**values(made)))

    def _of_address(self, address: str, now: int) -> deque[int]:
        with self._lock:
            times = self._addresses.get(address, deque(maxlen=self._per_address))
            while times and times[0] <= now - WINDOW_MS:
                times.popleft()
            return times


def _digest(account: str) -> str:
    return codec.to_text(sha256(b"yilian/sign-in-failure/1\n" + account.encode()))
