"""What may be asked of `governance`."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from yilian.ledger import codec
from yilian.ledger.module import Message as _Message
from yilian.ledger.module import capability


class Message(_Message, frozen=True, tag=capability("governance")):
    """A message of this capability."""


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"):
    """What a proposal does once enough members approve."""


class AdmitMember(Action, frozen=True, tag="admit_member"):
    """Make an enrolled organisation a member with one vote."""

    organisation: codec.Id


class RemoveMember(Action, frozen=True, tag="remove_member"):
    """Expel a member: nothing it or its people sign counts from that block on."""

    organisation: codec.Id


class SetParameter(Action, frozen=True, tag="set_parameter"):
    """Change one parameter of the chain within its bounds."""

    name: codec.Name
    value: codec.Whole


class SetQuota(Action, frozen=True, tag="set_quota"):
    """Give an organisation a daily number of transactions of its own."""

    organisation: codec.Id
    limit: codec.Whole


class SetValidator(Action, frozen=True, tag="set_validator"):
    """Give a member's named key this voting power in consensus; 0 ends it and its key."""

    organisation: codec.Id
    power: codec.Whole


class Upgrade(Action, frozen=True, tag="upgrade"):
    """Have the next version of the law hold from a height on; voting again moves that height."""

    version: codec.Positive
    height: codec.Positive


class Propose(Message, frozen=True):
    """Put an action to the vote; the proposer's own approval is its first vote."""

    proposal: codec.Id
    action: AdmitMember | RemoveMember | SetParameter | SetQuota | SetValidator | Upgrade


class Vote(Message, frozen=True):
    """Approve or oppose an open proposal; a vote is final."""

    proposal: codec.Id
    approve: bool


class Withdraw(Message, frozen=True):
    """Take back one's own open proposal."""

    proposal: codec.Id


class NameValidator(Message, frozen=True):
    """Name the Ed25519 key with which the organisation validates; the old one's power passes to it.

    `proof` is the new key's signature on the request (`validators.key_proof`).
    """

    machine_only: ClassVar[bool] = True

    public: codec.Digest
    proof: codec.Binary


class Tick(Message, frozen=True):
    """Ask for a block, so that block time moves on; it changes nothing else."""

    machine_only: ClassVar[bool] = True


ALL = (Propose, Vote, Withdraw, NameValidator, Tick)
