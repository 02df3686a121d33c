"""Genesis: what a chain starts from, and what every copy of it must agree on."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.block import Validator, ValidatorSet
from yilian.ledger.errors import MALFORMED, LawUnknown
from yilian.ledger.keys import Profile, PublicKey, Suites, sha256
from yilian.ledger.module import Context
from yilian.ledger.modules.governance import rules as governance
from yilian.ledger.modules.governance import validators
from yilian.ledger.modules.governance.errors import UNKNOWN_ORGANISATION
from yilian.ledger.modules.governance.state import (
    LAWS_KNOWN,
    Law,
    Parameters,
    active_validators,
    is_member,
    law,
    members,
    parameters,
    set_law,
    set_members,
    set_parameters,
)
from yilian.ledger.modules.identity import rules as identity
from yilian.ledger.modules.identity.messages import OrganisationKind, PublicText
from yilian.ledger.promotion import PROMOTION_DIFFERS, Promotion, check_new
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


class FirstValidator(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """A validator's Ed25519 key (32 bytes, base64url), voting power, and the member that runs it.

    Where `organisation` is None the validator is nobody's, such as the embedded engine's own.
    """

    public: codec.Binary
    power: codec.Positive
    organisation: codec.Id | None = None


class Genesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The first state of a chain: its name, time (ms), cryptography, rules, members, validators.

    `law` is the version of the law that holds from the first block on; left out, it is 1.
    """

    chain: ChainId
    time: codec.Millis
    members: Annotated[list[FirstMember], msgspec.Meta(min_length=1, max_length=1000)]
    validators: Annotated[list[FirstValidator], msgspec.Meta(min_length=1, max_length=200)]
    profile: Profile = msgspec.field(default_factory=Profile)
    parameters: Parameters = msgspec.field(default_factory=Parameters)
    promotion: Promotion | msgspec.UnsetType = msgspec.UNSET
    law: codec.Positive | msgspec.UnsetType = msgspec.UNSET
    format: Literal["yilian-genesis/1"] = "yilian-genesis/1"

    def promoted_from(self) -> Promotion | None:
        """Give the record of the chain that this one goes on from, None for one that begins."""
        return None if self.promotion is msgspec.UNSET else self.promotion

    def bare_hash(self) -> bytes:
        """Give the SHA-256 of the canonical genesis without the record of a promotion."""
        return sha256(codec.encode(msgspec.structs.replace(self, promotion=msgspec.UNSET)))

    def validator_set(self) -> ValidatorSet:
        """Give the first validators in the order of commits; refuses `malformed` keys."""
        return ValidatorSet(
            Validator(codec.to_bytes(each.public), each.power) for each in self.validators
        )

    def governed(self) -> bool:
        """Tell whether votes change who validates: where every validator is some member's.

        The embedded engine's own validator is nobody's; what the members of such a chain decide
        about validators is recorded, and holds once a consortium goes on from it.
        """
        return all(each.organisation is not None for each in self.validators)

    def first_law(self) -> int:
        """Give the version of the law under which the chain begins."""
        return 1 if self.law is msgspec.UNSET else self.law

    def first_height(self) -> int:
        """Give the height of the chain's first block: 1, or the one after an older chain's last."""
        came = self.promoted_from()
        return 1 if came is None else came.old.height + 1

    def hash(self) -> bytes:
        """Give the SHA-256 of the canonical genesis: the fingerprint that members compare."""
        return sha256(codec.encode(self))


def read(data: bytes) -> Genesis:
    """Read a genesis document; refuses what is not its canonical text."""
    return codec.decode(data, Genesis)


def write_first_state(state: State, genesis: Genesis, suites: Suites) -> None:
    """Enrol the first members and validators and set the first parameters, as of height 0.

    Refuses parameters outside the bounds of a vote (`governance.out_of_bounds`) or of a later law
    (`governance.unknown_parameter`), members that no enrolment would admit, and validators that are
    no set (`malformed`) or not a member's. Raises `LawUnknown` for a law of later software.
    """
    if genesis.first_law() not in LAWS_KNOWN:
        raise LawUnknown(genesis.first_law(), genesis.first_height())
    governance.require_bounds(genesis.parameters, genesis.first_law())
    context = Context(state, suites, time=genesis.time, height=0, chain=genesis.chain)
    set_parameters(state, genesis.parameters)
    set_law(state, Law(version=genesis.first_law()))
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
    _write_validators(context, genesis)
    state.keep()


def write_promoted_state(state: State, genesis: Genesis) -> None:
    """Take over an older chain's state, as of its last height: its own engine's validator goes.

    Refuses what `promotion.check_new` does, and `promotion_differs` where members, parameters or
    validators of the genesis are not those that the older chain's state names.
    """
    came = genesis.promoted_from()
    if came is None:
        raise MALFORMED()
    check_new(
        came,
        chain=genesis.chain,
        time=genesis.time,
        genesis=genesis.bare_hash(),
        validators=genesis.validator_set(),
    )
    context = Context(
        state,
        Suites(genesis.profile),
        time=genesis.time,
        height=came.old.height,
        chain=genesis.chain,
    )
    validators.end_nobodys(context)
    named = {(each.public, each.power, each.organisation) for each in genesis.validators}
    held = {(each.public, each.power, each.organisation) for each in active_validators(state)}
    told = {
        "members": sorted(each.organisation for each in genesis.members) == sorted(members(state)),
        "parameters": parameters(state) == genesis.parameters,
        "validators": named == held,
        "law": genesis.law in (msgspec.UNSET, law(state).version),
    }
    for what, holds in told.items():
        if not holds:
            raise PROMOTION_DIFFERS(what=what)
    state.keep()


def _write_validators(context: Context, genesis: Genesis) -> None:
    genesis.validator_set()
    for each in genesis.validators:
        if each.organisation is not None:
            if not is_member(context.state, each.organisation):
                raise UNKNOWN_ORGANISATION(id=each.organisation)
            if validators.active_of(context.state, each.organisation) is not None:
                raise MALFORMED()
        validators.first(context, each.public, each.power, each.organisation)
