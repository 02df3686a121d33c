"""What `governance` remembers, and what other capabilities may read of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.block import Validator
from yilian.ledger.errors import InvariantBroken
from yilian.ledger.modules.governance.messages import (
    AdmitMember,
    RemoveMember,
    SetParameter,
    SetQuota,
    SetValidator,
    Upgrade,
)
from yilian.ledger.state import State, Table

DAY_MS = 86_400_000

Outcome = Literal["open", "carried", "failed", "lapsed", "withdrawn"]
Punishment = Literal["removed", "reduced", "kept", "spared", "past"]
"""What a misdeed costs: all power, a part, nothing (as members set it, or since the validator is
the last one), or nothing because the key votes no more.
"""


class Parameters(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=False, kw_only=True
):
    """The numbers that members set by vote; `BOUNDS` says how far each may go.

    What a later law brought is UNSET until it is set: what was written before does not name it.
    """

    expiry_limit_ms: codec.Positive = DAY_MS
    block_max_bytes: codec.Positive = 4_000_000
    block_max_gas: codec.Positive = 20_000_000
    block_payer_share_percent: codec.Positive = 50
    urgent_share_percent: codec.Positive = 10
    pending_per_payer: codec.Positive = 20_000
    organisation_quota: codec.Positive = 100_000_000
    person_quota: codec.Positive = 500
    proposal_open_ms: codec.Positive = 14 * DAY_MS
    recovery_delay_ms: codec.Positive = DAY_MS
    session_limit_ms: codec.Positive = 900_000
    vote_numerator: codec.Positive = 2
    vote_denominator: codec.Positive = 3
    misbehaviour_keeps_percent: codec.Whole = 0
    supply_interval_ms: codec.Positive | msgspec.UnsetType = msgspec.UNSET
    supply_slots: codec.Positive | msgspec.UnsetType = msgspec.UNSET


LAW_OF_PARAMETER: dict[str, int] = {"supply_interval_ms": 3, "supply_slots": 3}
"""From which law on a parameter may be set; before that no node knows it, and it is left out."""

BOUNDS: dict[str, tuple[int, int]] = {
    "expiry_limit_ms": (60_000, DAY_MS),
    "block_max_bytes": (100_000, 16_000_000),
    "block_max_gas": (1_000_000, 100_000_000),
    "block_payer_share_percent": (1, 100),
    "urgent_share_percent": (5, 50),
    "pending_per_payer": (100, 1_000_000),
    "organisation_quota": (1_000, codec.MAX_INTEGER),
    "person_quota": (10, 1_000_000),
    "proposal_open_ms": (1_000, 365 * DAY_MS),
    "recovery_delay_ms": (1_000, 30 * DAY_MS),
    "session_limit_ms": (60_000, 900_000),
    "misbehaviour_keeps_percent": (0, 100),
    "supply_interval_ms": (1_000, 3_600_000),
    "supply_slots": (1, 256),
}


class Member(msgspec.Struct, frozen=True):
    """An organisation with a vote, since a height."""

    since: codec.Whole


class Roll(msgspec.Struct, frozen=True):
    """All members, sorted by id: read whole at every vote, so kept as one record."""

    members: tuple[codec.Id, ...]


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """An action, who proposed it, who voted how, and how it ended."""

    action: AdmitMember | RemoveMember | SetParameter | SetQuota | SetValidator | Upgrade
    proposer: codec.Id
    closes: codec.Millis
    approved: tuple[codec.Id, ...] = ()
    opposed: tuple[codec.Id, ...] = ()
    status: Outcome = "open"


class Quota(msgspec.Struct, frozen=True):
    """An organisation's own number of transactions a day."""

    limit: codec.Whole


class Usage(msgspec.Struct, frozen=True):
    """How many transactions a payer or person used on a UTC day (days since 1970-01-01)."""

    day: codec.Whole
    used: codec.Whole


class ActiveValidator(msgspec.Struct, frozen=True, kw_only=True):
    """A key (Ed25519, 32 bytes) that votes in consensus, its power, and since which height.

    `organisation` is None for a validator that genesis gave to nobody.
    """

    organisation: codec.Id | None
    public: codec.Digest
    power: codec.Positive
    since: codec.Whole


class ValidatorKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that was ever named, by whom and when; from `until` on it never comes back."""

    organisation: codec.Id | None
    public: codec.Digest
    since: codec.Whole
    until: codec.Whole | None = None


class NamedValidator(msgspec.Struct, frozen=True):
    """The key with which an organisation validates, or will once members give it power."""

    public: codec.Digest


class Misdeed(msgspec.Struct, frozen=True, kw_only=True):
    """What consensus proved against a validator, when it was recorded, and what came of it."""

    organisation: codec.Id | None
    time: codec.Millis
    power: codec.Whole
    recorded: codec.Whole
    outcome: Punishment


class Law(msgspec.Struct, frozen=True, kw_only=True):
    """The version of the law that holds, and the next one with the height from which it does."""

    version: codec.Positive
    next: codec.Positive | None = None
    height: codec.Positive | None = None

    def at(self, height: int) -> int:
        """Give the version that holds in the block of a height."""
        if self.next is not None and self.height is not None and height >= self.height:
            return self.next
        return self.version


class LastTick(msgspec.Struct, frozen=True):
    """The block time (ms) of the newest tick; kept from law 2 on."""

    time: codec.Millis


PARAMETERS = Table("governance/parameters/", Parameters)
MEMBERS = Table("governance/member/", Member)
ROLL = Table("governance/roll/", Roll)
PROPOSALS = Table("governance/proposal/", Proposal)
QUOTAS = Table("governance/quota/", Quota)
USAGE = Table("governance/usage/", Usage)
VALIDATORS = Table("governance/validator/", ActiveValidator)
"""Those with power, by the hex of their key."""

VALIDATOR_KEYS = Table("governance/validator-key/", ValidatorKey)
"""Every key that was ever named, by the hex of its address (`block.Validator.address`)."""

NAMED_VALIDATORS = Table("governance/named-validator/", NamedValidator)
"""By organisation."""

MISDEEDS = Table("governance/misdeed/", Misdeed)
"""By the hex of the address, the height (16 digits) and the kind, with `/` between."""

LAW = Table("governance/law/", Law)
TICKS = Table("governance/tick/", LastTick)
TABLES = (
    PARAMETERS,
    MEMBERS,
    ROLL,
    PROPOSALS,
    QUOTAS,
    USAGE,
    VALIDATORS,
    VALIDATOR_KEYS,
    NAMED_VALIDATORS,
    MISDEEDS,
    LAW,
    TICKS,
)

LAWS_KNOWN = (1, 2, 3)
"""The versions of the law that this software can apply; `governance/README.md` tells them apart."""

_CURRENT = "current"


def parameters(state: State) -> Parameters:
    """Read the parameters in force."""
    found = PARAMETERS.get(state, _CURRENT)
    if found is None:
        raise InvariantBroken("no parameters")
    return found


def set_parameters(state: State, changed: Parameters) -> None:
    """Write the parameters in force."""
    PARAMETERS.put(state, _CURRENT, changed)


def members(state: State) -> tuple[str, ...]:
    """List the members by id."""
    found = ROLL.get(state, _CURRENT)
    return () if found is None else found.members


def set_members(state: State, names: tuple[str, ...]) -> None:
    """Write the list of members."""
    ROLL.put(state, _CURRENT, Roll(tuple(sorted(names))))


def is_member(state: State, organisation: str) -> bool:
    """Tell whether an organisation has a vote."""
    return MEMBERS.has(state, organisation)


def active_validators(state: State) -> tuple[ActiveValidator, ...]:
    """List the validators with their organisations, by key."""
    return tuple(VALIDATORS.decode(value) for _, value in state.scan(VALIDATORS.prefix))


def validators(state: State) -> tuple[Validator, ...]:
    """List the validators as blocks know them: key (32 bytes) and power, by key."""
    return tuple(
        Validator(codec.to_bytes(each.public), each.power) for each in active_validators(state)
    )


def law(state: State) -> Law:
    """Read which law holds, and which one is to follow."""
    return LAW.get(state, _CURRENT) or Law(version=1)


def set_law(state: State, changed: Law) -> None:
    """Write which law holds."""
    LAW.put(state, _CURRENT, changed)


def law_version(state: State) -> int:
    """Give the version of the law that holds in the block at hand."""
    return law(state).version


def quota(state: State, organisation: str) -> int:
    """Give an organisation's daily number of transactions."""
    own = QUOTAS.get(state, organisation)
    return parameters(state).organisation_quota if own is None else own.limit
