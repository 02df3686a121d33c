"""Rules of `governance.Propose` about validators and the law."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from tests.rules.governance.voting import (
    approval,
    approvals,
    key_of,
    naming,
    under_law,
    validating,
)
from yilian.ledger import codec
from yilian.ledger.modules.governance import errors, messages
from yilian.ledger.modules.governance.rules import NOTICE_HEIGHTS
from yilian.ledger.modules.governance.state import (
    NAMED_VALIDATORS,
    PROPOSALS,
    VALIDATORS,
    Law,
    is_member,
    law,
    validators,
)

Action = messages.RemoveMember | messages.SetValidator | messages.Upgrade


def _ask(action: Action, label: str = "proposal") -> messages.Propose:
    return messages.Propose(proposal=name_of(label), action=action)


def _status(world: Chain) -> str:
    return PROPOSALS.require(world.state, name_of("proposal")).status


def _powers(world: Chain) -> dict[bytes, int]:
    return {each.public_key: each.power for each in validators(world.state)}


def _alone(world: Chain) -> None:
    """Have the hospital run the only validator there is."""
    validating(world, world.hospital, "one", 5)
    first = codec.to_bytes(world.genesis.validators[0].public)
    world.memory.write({VALIDATORS.key(first.hex()): None})


# -- power -------------------------------------------------------------------------------------


@accepted(messages.Propose)
def test_a_validator_is_given_power(world: Chain) -> Play:
    world.block(naming(world, world.hospital, "one"))
    yield world.sign(world.insurer, _ask(messages.SetValidator(world.hospital.id, 7)))
    world.block(approval(world, world.hospital))
    applied = world.block(approval(world, world.authority))
    assert applied.validators == ((key_of("one"), 7),)
    assert _powers(world)[key_of("one")] == 7
    found = VALIDATORS.require(world.state, key_of("one").hex())
    assert (found.organisation, found.since) == (world.hospital.id, world.height)


@accepted(messages.Propose)
def test_a_validators_power_is_changed(world: Chain) -> Play:
    validating(world, world.hospital, "one", 7)
    since = world.height
    yield world.sign(world.hospital, _ask(messages.SetValidator(world.hospital.id, 1_000_000)))
    world.block(*approvals(world))
    found = VALIDATORS.require(world.state, key_of("one").hex())
    assert (found.power, found.since) == (1_000_000, since)


@accepted(messages.Propose)
def test_a_validator_is_voted_out(world: Chain) -> Play:
    validating(world, world.hospital, "one", 7)
    yield world.sign(world.hospital, _ask(messages.SetValidator(world.hospital.id, 0)))
    applied = world.block(*approvals(world))
    assert applied.validators == ((key_of("one"), 0),)
    assert key_of("one") not in _powers(world)
    assert not NAMED_VALIDATORS.has(world.state, world.hospital.id)


@accepted(messages.Propose)
def test_power_given_elsewhere_meanwhile_fails_the_vote(world: Chain) -> Play:
    world.block(naming(world, world.hospital, "one"))
    yield world.sign(world.hospital, _ask(messages.SetValidator(world.hospital.id, 7)))
    world.carried(messages.SetValidator(world.hospital.id, 7))
    world.block(*approvals(world))
    assert _status(world) == "failed"
    assert _powers(world)[key_of("one")] == 7


@accepted(messages.Propose)
def test_a_removed_member_validates_no_more(world: Chain) -> Play:
    validating(world, world.insurer, "one", 7)
    yield world.sign(world.hospital, _ask(messages.RemoveMember(world.insurer.id)))
    applied = world.block(approval(world, world.authority))
    assert applied.validators == ((key_of("one"), 0),)
    assert not is_member(world.state, world.insurer.id)
    assert not NAMED_VALIDATORS.has(world.state, world.insurer.id)


@accepted(messages.Propose)
def test_a_removed_members_waiting_key_is_dropped(world: Chain) -> Play:
    world.block(naming(world, world.insurer, "one"))
    yield world.sign(world.hospital, _ask(messages.RemoveMember(world.insurer.id)))
    assert world.block(approval(world, world.authority)).validators == ()
    assert not NAMED_VALIDATORS.has(world.state, world.insurer.id)


@accepted(messages.Propose)
def test_who_became_the_last_validator_is_not_removed(world: Chain) -> Play:
    validating(world, world.hospital, "one", 5)
    yield world.sign(world.insurer, _ask(messages.RemoveMember(world.hospital.id)))
    first = codec.to_bytes(world.genesis.validators[0].public)
    world.memory.write({VALIDATORS.key(first.hex()): None})
    world.block(approval(world, world.authority))
    assert _status(world) == "failed"
    assert is_member(world.state, world.hospital.id)
    assert _powers(world) == {key_of("one"): 5}


@refused(messages.Propose, errors.LAST_VALIDATOR)
def test_the_last_validator_is_not_voted_out(world: Chain) -> bytes:
    _alone(world)
    return world.sign(world.hospital, _ask(messages.SetValidator(world.hospital.id, 0)))


@refused(messages.Propose, errors.LAST_VALIDATOR)
def test_the_last_validator_is_not_expelled(world: Chain) -> bytes:
    _alone(world)
    return world.sign(world.insurer, _ask(messages.RemoveMember(world.hospital.id)))


@refused(messages.Propose, errors.NO_VALIDATOR_KEY)
def test_without_a_key_there_is_no_power(world: Chain) -> bytes:
    return world.sign(world.hospital, _ask(messages.SetValidator(world.hospital.id, 7)))


@refused(messages.Propose, errors.NO_VALIDATOR_KEY)
def test_after_a_removal_a_new_key_is_named_first(world: Chain) -> bytes:
    validating(world, world.hospital, "one", 7)
    world.carried(messages.SetValidator(world.hospital.id, 0))
    return world.sign(world.hospital, _ask(messages.SetValidator(world.hospital.id, 7)))


@refused(messages.Propose, errors.UNKNOWN_ORGANISATION)
def test_who_is_no_member_does_not_validate(world: Chain) -> bytes:
    pharmacy = world.organisation()
    world.block(naming(world, pharmacy, "one"))
    return world.sign(world.hospital, _ask(messages.SetValidator(pharmacy.id, 7)))


@refused(messages.Propose, errors.POWER_UNCHANGED)
def test_the_same_power_is_no_change(world: Chain) -> bytes:
    validating(world, world.hospital, "one", 7)
    return world.sign(world.hospital, _ask(messages.SetValidator(world.hospital.id, 7)))


@refused(messages.Propose, errors.POWER_UNCHANGED)
def test_a_key_without_power_has_none_to_lose(world: Chain) -> bytes:
    world.block(naming(world, world.hospital, "one"))
    return world.sign(world.hospital, _ask(messages.SetValidator(world.hospital.id, 0)))


@refused(messages.Propose, errors.OUT_OF_BOUNDS)
def test_power_has_a_bound(world: Chain) -> bytes:
    world.block(naming(world, world.hospital, "one"))
    return world.sign(world.hospital, _ask(messages.SetValidator(world.hospital.id, 1_000_001)))


# -- law ---------------------------------------------------------------------------------------


@accepted(messages.Propose)
def test_a_law_holds_from_its_height(world: Chain) -> Play:
    height = world.height + NOTICE_HEIGHTS + 4
    yield world.sign(world.hospital, _ask(messages.Upgrade(2, height)))
    assert world.block(*approvals(world)).consensus is None
    assert law(world.state) == Law(version=1, next=2, height=height)
    while world.height < height - 1:
        assert world.block().changes == {}
    applied = world.block()
    assert applied.timer_events == b'[{"type":"governance.LawChanged","version":2}]'
    assert applied.consensus is not None
    assert applied.consensus.app_version == 2
    assert law(world.state) == Law(version=2)
    assert world.block().changes == {}


@accepted(messages.Propose)
def test_a_law_is_put_off_by_another_vote(world: Chain) -> Play:
    soon, late = world.height + 16, world.height + 30
    world.carried(messages.Upgrade(2, soon))
    yield world.sign(world.hospital, _ask(messages.Upgrade(2, late)))
    world.block(*approvals(world))
    assert law(world.state) == Law(version=1, next=2, height=late)


@accepted(messages.Propose)
def test_a_law_whose_height_is_too_near_at_the_end_fails(world: Chain) -> Play:
    height = world.height + 1 + NOTICE_HEIGHTS + 1
    yield world.sign(world.hospital, _ask(messages.Upgrade(2, height)))
    world.block()
    world.block(*approvals(world))
    assert _status(world) == "failed"
    assert law(world.state) == Law(version=1)


@refused(messages.Propose, errors.OUT_OF_BOUNDS)
def test_a_law_comes_with_notice(world: Chain) -> bytes:
    return world.sign(world.hospital, _ask(messages.Upgrade(2, world.height + 1 + NOTICE_HEIGHTS)))


@refused(messages.Propose, errors.OUT_OF_BOUNDS)
def test_no_law_is_passed_over(world: Chain) -> bytes:
    return world.sign(world.hospital, _ask(messages.Upgrade(3, world.height + 100)))


@refused(messages.Propose, errors.OUT_OF_BOUNDS)
def test_a_law_does_not_come_back(world: Chain) -> bytes:
    under_law(world, 2)
    return world.sign(world.hospital, _ask(messages.Upgrade(1, world.height + 100)))
