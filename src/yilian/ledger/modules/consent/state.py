"""What `consent` remembers: status, validity and commitments; never who reads what."""

from __future__ import annotations

import msgspec

from yilian.ledger import codec
from yilian.ledger.state import Table


class Grant(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A grant of `person` (their id at the holder), valid in [starts, ends) ms unless revoked."""

    person: codec.Id
    terms: codec.Digest
    starts: codec.Millis
    ends: codec.Millis
    since: codec.Whole
    revoked: codec.Whole | None = None

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


GRANTS = Table("consent/grant/", Grant)
SESSIONS = Table("consent/session/", Session)
TABLES = (GRANTS, SESSIONS)
