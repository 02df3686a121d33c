"""Votes on the proposal of the tests, and validators that members have."""

from __future__ import annotations

from tests.chain import Actor, Cast, Chain, Signer, name_of
from yilian.ledger.block import Validator
from yilian.ledger.codec import to_bytes
from yilian.ledger.modules.governance import messages
from yilian.ledger.modules.governance.state import law_version
from yilian.ledger.modules.governance.validators import key_proof

FIRST_MEMBERS = (name_of("hospital"), name_of("insurer"), name_of("authority"))


def approval(world: Chain, member: Actor, approve: bool = True) -> bytes:
    """Sign a member's vote on `proposal`."""
    return world.sign(member, messages.Vote(proposal=name_of("proposal"), approve=approve))


def approvals(world: Chain) -> list[bytes]:
    """Sign the votes of the two members that did not propose."""
    return [approval(world, world.insurer), approval(world, world.authority)]


def proposed(world: Chain) -> None:
    """Have the hospital propose a quota for the insurer."""
    action = messages.SetQuota(world.insurer.id, 7)
    world.must(world.hospital, messages.Propose(proposal=name_of("proposal"), action=action))


def naming(world: Chain, organisation: Actor, label: str, about: Actor | None = None) -> bytes:
    """Sign that an organisation validates with the key of a label; its proof may be for another."""
    return world.sign(organisation, named(world, about or organisation, label))


def named(world: Cast, organisation: Actor, label: str) -> messages.NameValidator:
    """Give the message that names the key of a label."""
    signer = Signer(label)
    public = signer.key.public
    proof = signer.sign(key_proof(world.genesis.chain, organisation.id, public))
    return messages.NameValidator(public=public, proof=proof)


def key_of(label: str) -> bytes:
    """Give the validator's key of a label, 32 bytes."""
    return to_bytes(Signer(label).key.public)


def address_of(label: str) -> bytes:
    """Give the address of the validator's key of a label."""
    return Validator(key_of(label), 0).address


def validating(world: Chain, organisation: Actor, label: str, power: int) -> None:
    """Have an organisation name the key of a label, and the members give it power."""
    world.block(naming(world, organisation, label))
    world.carried(messages.SetValidator(organisation.id, power), f"power of {label}")


def under_law(world: Chain, version: int) -> None:
    """Have the members vote for a law, and let blocks pass until it holds."""
    height = world.height + 16
    world.carried(messages.Upgrade(version, height), f"law {version}")
    while world.height < height:
        world.block()
    if law_version(world.state) != version:
        raise AssertionError(f"law {law_version(world.state)}")
