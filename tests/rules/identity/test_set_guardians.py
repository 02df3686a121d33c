"""Rules of `identity.SetGuardians`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain
from tests.rules.identity.guardians import guardians, named, recovery
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import GUARDIANS


@accepted(messages.SetGuardians)
def test_a_person_names_guardians(world: Chain) -> Play:
    alice = world.person()
    request = messages.SetGuardians(threshold=2, guardians=guardians(world))
    yield world.sign(alice, request)
    found = GUARDIANS.require(world.state, alice.id)
    assert (found.threshold, list(found.guardians)) == (2, guardians(world))


@accepted(messages.SetGuardians)
def test_new_guardians_replace_the_old(world: Chain) -> Play:
    alice = named(world)
    yield world.sign(alice, messages.SetGuardians(threshold=1, guardians=guardians(world)[:1]))
    assert GUARDIANS.require(world.state, alice.id).threshold == 1


@refused(messages.SetGuardians, errors.NOT_A_PERSON)
def test_a_practitioner_has_none(world: Chain) -> bytes:
    request = messages.SetGuardians(threshold=1, guardians=guardians(world))
    return world.sign(world.practitioner(), request)


@refused(messages.SetGuardians, errors.NOT_A_PERSON)
def test_a_custodian_names_none(world: Chain) -> bytes:
    ward = world.ward()
    request = messages.SetGuardians(threshold=1, guardians=guardians(world))
    return world.sign(world.hospital, request, on_behalf_of=ward.id)


@refused(messages.SetGuardians, errors.BAD_THRESHOLD)
def test_no_more_may_be_asked_than_there_are(world: Chain) -> bytes:
    request = messages.SetGuardians(threshold=4, guardians=guardians(world))
    return world.sign(world.person(), request)


@refused(messages.SetGuardians, errors.BAD_THRESHOLD)
def test_a_guardian_is_named_once(world: Chain) -> bytes:
    twice = guardians(world)[:1] * 2
    return world.sign(world.person(), messages.SetGuardians(threshold=1, guardians=twice))


@refused(messages.SetGuardians, errors.RECOVERY_RUNNING)
def test_not_while_a_recovery_waits(world: Chain) -> bytes:
    alice = named(world)
    world.must(world.hospital, recovery(world, alice.id))
    return world.sign(alice, messages.SetGuardians(threshold=1, guardians=guardians(world)))
