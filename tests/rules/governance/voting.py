"""Votes on the proposal of the tests."""

from __future__ import annotations

from tests.chain import Actor, Chain, name_of
from yilian.ledger.modules.governance import messages

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
