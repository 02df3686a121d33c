"""What `governance` announces."""

from __future__ import annotations

from yilian.ledger import codec
from yilian.ledger.module import Event as _Event
from yilian.ledger.module import capability


class Event(_Event, frozen=True, tag=capability("governance")):
    """An event of this capability."""


class Proposed(Event, frozen=True):
    """A proposal is open."""

    proposal: codec.Id
    proposer: codec.Id
    action: codec.Name


class Voted(Event, frozen=True):
    """A member voted."""

    proposal: codec.Id
    member: codec.Id
    approve: bool


class Closed(Event, frozen=True):
    """A proposal ended: carried, failed, lapsed or withdrawn."""

    proposal: codec.Id
    outcome: codec.Name


class MemberAdmitted(Event, frozen=True):
    """An organisation has a vote."""

    organisation: codec.Id


class MemberRemoved(Event, frozen=True):
    """An organisation was voted out."""

    organisation: codec.Id


class ParameterSet(Event, frozen=True):
    """A parameter of the chain changed."""

    name: codec.Name
    value: codec.Whole


class QuotaSet(Event, frozen=True):
    """An organisation has a daily quota of its own."""

    organisation: codec.Id
    limit: codec.Whole


ALL = (Proposed, Voted, Closed, MemberAdmitted, MemberRemoved, ParameterSet, QuotaSet)
