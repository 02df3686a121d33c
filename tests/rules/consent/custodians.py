"""A person and the custodian of their choice, for the tests of several messages."""

from __future__ import annotations

from tests.chain import DAY, Actor, Chain
from yilian.ledger.modules.consent import messages


def named(world: Chain, *powers: messages.Power) -> tuple[Actor, Actor]:
    """Give Alice, and Bob who may act for her for a day."""
    alice, bob = world.person("alice"), world.person("bob")
    world.must(alice, name(world, bob, *powers))
    return alice, bob


def name(
    world: Chain, custodian: Actor, *powers: messages.Power, ends: int = DAY
) -> messages.NameCustodian:
    """Make the message that names a custodian."""
    return messages.NameCustodian(
        custodian=custodian.id, ends=world.time + ends, powers=list(powers)
    )
