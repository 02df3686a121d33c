"""What `consent` announces."""

from __future__ import annotations

from yilian.ledger import codec
from yilian.ledger.module import Event as _Event
from yilian.ledger.module import capability
from yilian.ledger.modules.consent.messages import Finding


class Event(_Event, frozen=True, tag=capability("consent")):
    """An event of this capability."""


class Granted(Event, frozen=True):
    """A grant stands."""

    grant: codec.Id
    person: codec.Id
    starts: codec.Millis
    ends: codec.Millis


class Changed(Event, frozen=True):
    """A grant stands on new terms."""

    grant: codec.Id
    person: codec.Id
    version: codec.Whole
    starts: codec.Millis
    ends: codec.Millis


class Revoked(Event, frozen=True):
    """A grant is taken back."""

    grant: codec.Id
    person: codec.Id


class SessionOpened(Event, frozen=True):
    """A reader opened an access session."""

    session: codec.Id
    ends: codec.Millis


class SessionClosed(Event, frozen=True):
    """A reader ended an access session."""

    session: codec.Id


class Asked(Event, frozen=True):
    """Someone asks to read."""

    ask: codec.Id
    ends: codec.Millis


class AskWithdrawn(Event, frozen=True):
    """A question was taken back."""

    ask: codec.Id


class CustodianNamed(Event, frozen=True):
    """A person named a custodian, who may act from now on."""

    person: codec.Id
    custodian: codec.Id
    ends: codec.Millis


class CustodianSwitched(Event, frozen=True):
    """A custodian may act again, or no more."""

    person: codec.Id
    custodian: codec.Id
    on: bool


class GlassBroken(Event, frozen=True):
    """A practitioner opened an emergency access."""

    access: codec.Id
    reader: codec.Id
    organisation: codec.Id
    ends: codec.Millis


class GlassEnded(Event, frozen=True):
    """The reader ended an emergency access."""

    access: codec.Id


class GlassReviewed(Event, frozen=True):
    """An emergency access was judged."""

    access: codec.Id
    reviewer: codec.Id
    finding: Finding


ALL = (
    Granted,
    Changed,
    Revoked,
    SessionOpened,
    SessionClosed,
    Asked,
    AskWithdrawn,
    CustodianNamed,
    CustodianSwitched,
    GlassBroken,
    GlassEnded,
    GlassReviewed,
)
