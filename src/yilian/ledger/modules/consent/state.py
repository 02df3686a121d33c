"""What `consent` remembers: status, validity and commitments; never who reads what."""

from __future__ import annotations

import msgspec

from yilian.ledger import codec
from yilian.ledger.modules.consent.messages import Finding, Power
from yilian.ledger.state import State, Table

HOUR_MS = 3_600_000
ASK_LIMIT_MS = 90 * 24 * HOUR_MS
"""How far ahead a question may wait for its answer: 90 days."""

EMERGENCY_LIMIT_MS = 4 * HOUR_MS
"""How long an emergency access may last: 4 hours."""

CUSTODIANS_LIMIT = 8
"""How many custodians of one person may be switched on."""


class Grant(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A grant of `person` (their id at the holder), valid in [starts, ends) ms unless revoked.

    Where another acted for the person, `by` is who sent the terms in force, and `countersigned`
    the other organisation that signed them too. Changed terms count up `version`.
    """

    person: codec.Id
    terms: codec.Digest
    starts: codec.Millis
    ends: codec.Millis
    since: codec.Whole
    revoked: codec.Whole | None = None
    by: codec.Id | None = None
    version: codec.Whole = 1
    countersigned: codec.Id | None = None

    def valid(self, now: int) -> bool:
        """Tell whether the grant stands at `now`: the later of block time and the own clock."""
        return self.revoked is None and self.starts <= now < self.ends


class Session(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An access session opened by `reader` (a practitioner, agent or organisation)."""

    reader: codec.Id
    terms: codec.Digest
    opened: codec.Millis
    ends: codec.Millis
    closed: codec.Whole | None = None

    def open_at(self, now: int) -> bool:
        """Tell whether keys may be released under it at `now` (ms)."""
        return self.closed is None and now < self.ends


class Ask(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A question by `asker` (a practitioner, agent or organisation), waiting until `ends` (ms)."""

    asker: codec.Id
    terms: codec.Digest
    asked: codec.Millis
    ends: codec.Millis
    withdrawn: codec.Whole | None = None

    def open_at(self, now: int) -> bool:
        """Tell whether the question still waits at `now` (ms)."""
        return self.withdrawn is None and now < self.ends


class Custodian(msgspec.Struct, frozen=True, kw_only=True):
    """That one person may act for another: what for, until when (ms), and whether now.

    `since` is the height of the first naming, `changed` that of the last change.
    """

    on: bool
    powers: tuple[Power, ...]
    ends: codec.Millis
    since: codec.Whole
    changed: codec.Whole

    def stands(self, now: int) -> bool:
        """Tell whether the custodian may act at `now` (ms), within the powers."""
        return self.on and now < self.ends

    def may(self, power: Power, now: int) -> bool:
        """Tell whether the custodian may use a power at `now` (ms)."""
        return self.stands(now) and power in self.powers


class Custodians(msgspec.Struct, frozen=True):
    """Who is switched on as custodian of a person, sorted by id."""

    names: tuple[codec.Id, ...]


class Emergency(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An emergency access of `reader`, a practitioner of `organisation`, and how it was judged.

    `closed` is the height at which the reader ended it; `reasons` commits to the reviewer's.
    """

    reader: codec.Id
    organisation: codec.Id
    terms: codec.Digest
    opened: codec.Millis
    ends: codec.Millis
    closed: codec.Whole | None = None
    finding: Finding | None = None
    reviewer: codec.Id | None = None
    reasons: codec.Digest | None = None

    def open_at(self, now: int) -> bool:
        """Tell whether keys may be released under it at `now` (ms)."""
        return self.closed is None and now < self.ends


GRANTS = Table("consent/grant/", Grant)
SESSIONS = Table("consent/session/", Session)
ASKS = Table("consent/ask/", Ask)
CUSTODIANS = Table("consent/custodian/", Custodian)
CUSTODIANS_OF = Table("consent/custodians/", Custodians)
EMERGENCIES = Table("consent/emergency/", Emergency)
TABLES = (GRANTS, SESSIONS, ASKS, CUSTODIANS, CUSTODIANS_OF, EMERGENCIES)


def custodian(state: State, person: str, name: str) -> Custodian | None:
    """Read what one person (`name`) may do for another, or None where nothing was ever said."""
    return CUSTODIANS.get(state, f"{person}/{name}")


def custodians_of(state: State, person: str) -> tuple[str, ...]:
    """List the custodians of a person that are switched on, by id."""
    found = CUSTODIANS_OF.get(state, person)
    return () if found is None else found.names
