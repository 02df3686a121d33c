"""What senders and payers have used up: nonces, once each, and a day's number of transactions.

A person's nonces and count stand in one record, which every transaction of theirs rewrites: persons
have small quotas, so it stays short. Everybody else's nonces are entries of their own, swept when
they have expired. Both are state until expiry, and travel with it (ADR 2026-11-22-spent-nonces).
"""

from __future__ import annotations

import msgspec

from yilian.ledger import codec
from yilian.ledger.errors import NONCE_SPENT, QUOTA_USED_UP
from yilian.ledger.modules.governance.state import DAY_MS, USAGE, Usage
from yilian.ledger.modules.identity.state import SUBJECTS
from yilian.ledger.state import Reader, State, Table
from yilian.ledger.transaction import Body

SWEPT_PER_TRANSACTION = 2
_SWEEP = b"spent/cursor"
_NONCES = b"spent/nonce/"


class PersonUse(msgspec.Struct, frozen=True, kw_only=True):
    """A person's transactions on a UTC day (days since 1970-01-01), and unexpired nonces (ms)."""

    day: codec.Whole
    used: codec.Whole
    spent: dict[codec.Id, codec.Millis]


PERSONS = Table("spent/person/", PersonUse)


class _Person:
    __slots__ = ("changed", "spent", "used")

    def __init__(self, used: int, spent: dict[str, int]) -> None:
        self.used = used
        self.spent = spent
        self.changed = False


class Spending:
    """The spending of one block; counts are written once, at its end (`write`)."""

    def __init__(self, state: State, time: int) -> None:
        self._state = state
        self._time = time
        self._day = time // DAY_MS
        self._used: dict[str, int] = {}
        self._persons: dict[str, _Person] = {}

    def require_unspent(self, body: Body, person: bool | None = None) -> None:
        """Refuse a (sender, nonce) that was spent before; the sender is known to be enrolled.

        `person` tells whether the sender is one, where the caller knows.
        """
        if self._is_person(body.sender) if person is None else person:
            spent = body.nonce in self._person(body.sender).spent
        else:
            spent = self._state.get(_nonce_key(body)) is not None
        if spent:
            raise NONCE_SPENT()

    def spend(self, body: Body) -> None:
        """Mark a nonce as spent, whatever becomes of its transaction."""
        if self._is_person(body.sender):
            use = self._person(body.sender)
            use.spent[body.nonce] = body.expires
            use.changed = True
        else:
            self._state.put(_nonce_key(body), b"%d" % body.expires)
            self._state.keep()

    def charge(self, payer: str, limit: int) -> None:
        """Count a transaction against its payer; refuses one above the day's limit."""
        used = self._used.get(payer)
        if used is None:
            found = USAGE.get(self._state, payer)
            used = found.used if found is not None and found.day == self._day else 0
        if used >= limit:
            raise QUOTA_USED_UP(limit=limit)
        self._used[payer] = used + 1

    def charge_person(self, person: str, limit: int) -> None:
        """Count a transaction against the person who sent it."""
        use = self._person(person)
        if use.used >= limit:
            raise QUOTA_USED_UP(limit=limit)
        use.used += 1
        use.changed = True

    def write(self) -> None:
        """Write what the block's senders and payers used."""
        for name, used in self._used.items():
            USAGE.put(self._state, name, Usage(self._day, used))
        for name, use in self._persons.items():
            if not use.changed:
                continue
            live = {nonce: ends for nonce, ends in use.spent.items() if ends > self._time}
            PERSONS.put(self._state, name, PersonUse(day=self._day, used=use.used, spent=live))
        self._state.keep()

    def sweep(self, reader: Reader, transactions: int) -> None:
        """Remove expired nonces, a few per transaction, going round all of them in turn."""
        state = self._state
        steps = SWEPT_PER_TRANSACTION * transactions + 8
        last = b""
        expired = []
        for key, value in reader.scan(_NONCES, state.get(_SWEEP) or b""):
            last = key
            if int(value) < self._time:
                expired.append(key)
            steps -= 1
            if steps == 0:
                break
        for key in expired:
            state.remove(key)
        state.put(_SWEEP, last if steps == 0 else _NONCES)
        state.keep()

    def _is_person(self, name: str) -> bool:
        if name in self._persons:
            return True
        found = SUBJECTS.get(self._state, name)
        return found is not None and found.kind == "person"

    def _person(self, name: str) -> _Person:
        known = self._persons.get(name)
        if known is None:
            found = PERSONS.get(self._state, name)
            if found is None:
                known = _Person(0, {})
            else:
                known = _Person(found.used if found.day == self._day else 0, dict(found.spent))
            self._persons[name] = known
        return known


def _nonce_key(body: Body) -> bytes:
    return _NONCES + f"{body.sender}/{body.nonce}".encode("ascii")
