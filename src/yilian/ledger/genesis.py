"""Genesis: what a chain starts from, and what every copy of it must agree on."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.block import Validator, ValidatorSet
from yilian.ledger.keys import Profile, PublicKey, Suites, sha256
from yilian.ledger.module import Context
from yilian.ledger.modules.governance import rules as governance
from yilian.ledger.modules.governance.state import Parameters, set_members, set_parameters
from yilian.ledger.modules.identity import rules as identity
from yilian.ledger.modules.identity.messages import OrganisationKind, PublicText
from yilian.ledger.state import State

ChainId = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]*$(?!\n)", min_length=1, max_length=50)
]


class FirstMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An organisation that is a member from the first block on."""

    organisation: codec.Id
    kind: OrganisationKind
    name: PublicText
    registration: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]+$(?!\n)", max_length=40)]
    key: PublicKey


class FirstValidator(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A validator's Ed25519 key (32 bytes, base64url) and voting power."""

    public: codec.Binary
    power: codec.Positive


class Genesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first state of a chain: its name, time (ms), cryptography, rules, members, validators."""

    chain: ChainId
    time: codec.Millis
    members: Annotated[list[FirstMember], msgspec.Meta(min_length=1, max_length=1000)]
    validators: Annotated[list[FirstValidator], msgspec.Meta(min_length=1, max_length=200)]
    profile: Profile = msgspec.field(default_factory=Profile)
    parameters: Parameters = msgspec.field(default_factory=Parameters)
    format: Literal["yilian-genesis/1"] = "yilian-genesis/1"

    def validator_set(self) -> ValidatorSet:
        """Give the first validators in the order of commits; refuses `malformed` keys."""
        return ValidatorSet(
            Validator(codec.to_bytes(each.public), each.power) for each in self.validators
        )

    def hash(self) -> bytes:
        """Give the SHA-256 of the canonical genesis: the fingerprint that members compare."""
        return sha256(codec.encode(self))


def read(data: bytes) -> Genesis:
    """Read a genesis document; refuses what is not its canonical text."""
    return codec.decode(data, Genesis)


def write_first_state(state: State, genesis: Genesis, suites: Suites) -> None:
    """Enrol the first members and set the first parameters, as of height 0.

    Refuses parameters outside the bounds of a vote (`governance.out_of_bounds`), and members that
    no enrolment would admit.
    """
    governance.require_bounds(genesis.parameters)
    context = Context(state, suites, time=genesis.time, height=0)
    set_parameters(state, genesis.parameters)
    set_members(state, ())
    for member in genesis.members:
        identity.add_organisation(
            context,
            member.organisation,
            member.kind,
            member.name,
            member.registration,
            member.key,
            member.organisation,
        )
        governance.admit(context, member.organisation)
    state.keep()
