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


class ValidatorNamed(Event, frozen=True):
    """An organisation named the key with which it validates."""

    organisation: codec.Id
    public: codec.Digest


class ValidatorChanged(Event, frozen=True):
    """A member's validator has another power; without any, its key never comes back."""

    organisation: codec.Id
    public: codec.Digest
    power: codec.Whole


class Misbehaved(Event, frozen=True):
    """Consensus proved a misdeed at a height; `power` is what its validator holds from now on.

    `address` is the first 20 bytes of the SHA-256 of the key; `organisation` is whose key it was.
    """

    organisation: codec.Id | None
    address: codec.Binary
    height: codec.Whole
    kind: codec.Name
    outcome: codec.Name
    power: codec.Whole


class Ticked(Event, frozen=True):
    """A block was asked for."""

    organisation: codec.Id


class UpgradeScheduled(Event, frozen=True):
    """Members voted that a version of the law holds from a height on."""

    version: codec.Positive
    height: codec.Positive


class LawChanged(Event, frozen=True):
    """A version of the law holds from this block on."""

    version: codec.Positive


ALL = (
    Proposed,
    Voted,
    Closed,
    MemberAdmitted,
    MemberRemoved,
    ParameterSet,
    QuotaSet,
    ValidatorNamed,
    ValidatorChanged,
    Misbehaved,
    Ticked,
    UpgradeScheduled,
    LawChanged,
)
