"""What `care` announces."""

from __future__ import annotations

from yilian.ledger import codec
from yilian.ledger.module import Event as _Event
from yilian.ledger.module import capability


class Event(_Event, frozen=True, tag=capability("care")):
    """An event of this capability."""


class EncounterOpened(Event, frozen=True):
    """An encounter began."""

    encounter: codec.Id
    organisation: codec.Id


class EncounterClosed(Event, frozen=True):
    """An encounter ended."""

    encounter: codec.Id
    organisation: codec.Id


class EncounterCancelled(Event, frozen=True):
    """An encounter was opened by mistake."""

    encounter: codec.Id
    organisation: codec.Id


class Referred(Event, frozen=True):
    """One organisation asked another to go on with care."""

    referral: codec.Id
    organisation: codec.Id
    to: codec.Id
    ends: codec.Millis


class ReferralAccepted(Event, frozen=True):
    """A referral was taken on."""

    referral: codec.Id


class ReferralDeclined(Event, frozen=True):
    """A referral was not taken on."""

    referral: codec.Id


class ReferralEnded(Event, frozen=True):
    """A referral ended early."""

    referral: codec.Id


ALL = (
    EncounterOpened,
    EncounterClosed,
    EncounterCancelled,
    Referred,
    ReferralAccepted,
    ReferralDeclined,
    ReferralEnded,
)
