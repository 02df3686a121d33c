"""Rules of `identity.ProposeRecovery`, and what its timer does."""

from __future__ import annotations

import msgspec

from tests.cases import Play, accepted, refused
from tests.chain import DAY, STEP, Actor, Chain, name_of
from tests.rules.identity.guardians import SALT, named, recovery
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.rules import recovery_approval
from yilian.ledger.modules.identity.state import KEYS, RECOVERIES, RUNNING, SUBJECTS


@accepted(messages.ProposeRecovery)
def test_enough_guardians_let_a_key_wait(world: Chain) -> Play:
    alice = named(world)
    yield world.sign(world.hospital, recovery(world, alice.id))
    found = RECOVERIES.require(world.state, name_of("recovery"))
    assert (found.status, found.due) == ("waiting", world.time + DAY)
    assert RUNNING.require(world.state, alice.id).subject == name_of("recovery")
    assert world.machine.next_due() == found.due
    world.wait(DAY - STEP - 1)
    assert world.block().timer_events == b"[]"
    assert SUBJECTS.require(world.state, alice.id).keys == (alice.signer.id,)
    _takes_over(world, alice)


def _takes_over(world: Chain, alice: Actor) -> None:
    world.wait(1)
    assert b"identity.Recovered" in world.block().timer_events
    assert SUBJECTS.require(world.state, alice.id).keys == (world.signer("recovered").id,)
    assert KEYS.require(world.state, alice.signer.id).until == world.height
    assert not RUNNING.has(world.state, alice.id)
    assert world.machine.next_due() is None


@accepted(messages.ProposeRecovery)
def test_a_key_taken_meanwhile_does_not_take_over(world: Chain) -> Play:
    alice = named(world)
    yield world.sign(world.hospital, recovery(world, alice.id))
    world.must(world.hospital, world.enrol_person("thief", world.signer("recovered").key))
    world.wait(DAY)
    assert b'"identity.RecoveryCancelled"' in world.block().timer_events
    assert SUBJECTS.require(world.state, alice.id).keys == (alice.signer.id,)
    assert not RUNNING.has(world.state, alice.id)


@refused(messages.ProposeRecovery, errors.NO_GUARDIANS)
def test_without_guardians_nobody_recovers(world: Chain) -> bytes:
    return world.sign(world.hospital, recovery(world, world.person().id))


@refused(messages.ProposeRecovery, errors.NOT_ENOUGH_GUARDIANS)
def test_one_of_two_is_not_enough(world: Chain) -> bytes:
    return world.sign(world.hospital, recovery(world, named(world).id, (0,)))


@refused(messages.ProposeRecovery, errors.NOT_ENOUGH_GUARDIANS)
def test_one_guardian_counts_once(world: Chain) -> bytes:
    return world.sign(world.hospital, recovery(world, named(world).id, (1, 1, 1)))


@refused(messages.ProposeRecovery, errors.NOT_ENOUGH_GUARDIANS)
def test_an_approval_of_another_recovery_is_none(world: Chain) -> bytes:
    alice = named(world)
    other = recovery(world, alice.id, label="other")
    moved = msgspec.structs.replace(other, recovery=name_of("recovery"))
    return world.sign(world.hospital, moved)


@refused(messages.ProposeRecovery, errors.NOT_ENOUGH_GUARDIANS)
def test_a_strangers_approval_is_none(world: Chain) -> bytes:
    alice = named(world)
    asked = recovery(world, alice.id, (0,))
    stranger = world.signer("stranger")
    text = recovery_approval(name_of("recovery"), alice.id, asked.key)
    extra = messages.Approval(key=stranger.key, salt=SALT, signature=stranger.sign(text))
    more = msgspec.structs.replace(asked, approvals=[*asked.approvals, extra])
    return world.sign(world.hospital, more)


@refused(messages.ProposeRecovery, errors.RECOVERY_RUNNING)
def test_one_waits_at_a_time(world: Chain) -> bytes:
    alice = named(world)
    world.must(world.hospital, recovery(world, alice.id))
    return world.sign(world.insurer, recovery(world, alice.id, label="second"))


@refused(messages.ProposeRecovery, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    alice = named(world)
    world.must(world.hospital, recovery(world, alice.id))
    world.must(alice, messages.CancelRecovery(recovery=name_of("recovery")))
    return world.sign(world.hospital, recovery(world, alice.id))


@refused(messages.ProposeRecovery, errors.BAD_PROOF)
def test_the_new_key_must_agree(world: Chain) -> bytes:
    alice = named(world)
    forged = msgspec.structs.replace(
        recovery(world, alice.id), proof=world.proof(alice.id, alice.signer)
    )
    return world.sign(world.hospital, forged)


@refused(messages.ProposeRecovery, errors.KEY_TAKEN)
def test_the_key_must_be_new(world: Chain) -> bytes:
    alice = named(world)
    world.must(world.hospital, world.enrol_person("other", world.signer("recovered").key))
    return world.sign(world.hospital, recovery(world, alice.id))
