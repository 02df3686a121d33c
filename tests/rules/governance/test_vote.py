"""Rules of `governance.Vote`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, Chain, name_of
from tests.rules.governance.voting import approval, proposed
from yilian.ledger.modules.governance import errors, messages
from yilian.ledger.modules.governance.state import PROPOSALS
from yilian.ledger.modules.identity import errors as identity_errors


def _status(world: Chain) -> str:
    return PROPOSALS.require(world.state, name_of("proposal")).status


@accepted(messages.Vote)
def test_the_last_approval_carries(world: Chain) -> Play:
    proposed(world)
    world.block(approval(world, world.insurer))
    assert _status(world) == "open"
    yield approval(world, world.authority)
    assert _status(world) == "carried"
    assert world.machine.next_due() is None


@accepted(messages.Vote)
def test_one_against_is_enough_to_fail(world: Chain) -> Play:
    proposed(world)
    yield approval(world, world.insurer, approve=False)
    assert _status(world) == "failed"


@refused(messages.Vote, errors.ALREADY_VOTED)
def test_a_vote_is_final(world: Chain) -> bytes:
    proposed(world)
    world.block(approval(world, world.insurer))
    return approval(world, world.insurer, approve=False)


@refused(messages.Vote, errors.ALREADY_VOTED)
def test_the_proposer_has_voted(world: Chain) -> bytes:
    proposed(world)
    return approval(world, world.hospital)


@refused(messages.Vote, errors.UNKNOWN_PROPOSAL)
def test_there_must_be_one(world: Chain) -> bytes:
    return approval(world, world.hospital)


@refused(messages.Vote, errors.PROPOSAL_CLOSED)
def test_what_is_decided_is_decided(world: Chain) -> bytes:
    proposed(world)
    world.block(approval(world, world.insurer, approve=False))
    return approval(world, world.authority)


@refused(messages.Vote, errors.PROPOSAL_CLOSED)
def test_too_late_is_too_late(world: Chain) -> bytes:
    proposed(world)
    world.wait(14 * DAY)
    return approval(world, world.insurer)


@refused(messages.Vote, errors.NOT_A_MEMBER)
def test_only_members_vote(world: Chain) -> bytes:
    proposed(world)
    return approval(world, world.organisation())


@refused(messages.Vote, identity_errors.NOT_AN_ORGANISATION)
def test_a_person_has_no_vote(world: Chain) -> bytes:
    proposed(world)
    return approval(world, world.person())
