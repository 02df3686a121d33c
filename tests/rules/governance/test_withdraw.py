"""Rules of `governance.Withdraw`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from tests.rules.governance.voting import approval, proposed
from yilian.ledger.modules.governance import errors, messages
from yilian.ledger.modules.governance.state import PROPOSALS

WITHDRAW = messages.Withdraw(proposal=name_of("proposal"))


@accepted(messages.Withdraw)
def test_the_proposer_takes_it_back(world: Chain) -> Play:
    proposed(world)
    yield world.sign(world.hospital, WITHDRAW)
    assert PROPOSALS.require(world.state, name_of("proposal")).status == "withdrawn"
    assert world.machine.next_due() is None


@refused(messages.Withdraw, errors.NOT_PROPOSER)
def test_nobody_else_does(world: Chain) -> bytes:
    proposed(world)
    return world.sign(world.insurer, WITHDRAW)


@refused(messages.Withdraw, errors.UNKNOWN_PROPOSAL)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(world.hospital, WITHDRAW)


@refused(messages.Withdraw, errors.PROPOSAL_CLOSED)
def test_what_is_decided_is_not_taken_back(world: Chain) -> bytes:
    proposed(world)
    world.block(approval(world, world.insurer, approve=False))
    return world.sign(world.hospital, WITHDRAW)


@refused(messages.Withdraw, errors.NOT_A_MEMBER)
def test_only_members_withdraw(world: Chain) -> bytes:
    proposed(world)
    return world.sign(world.organisation(), WITHDRAW)
