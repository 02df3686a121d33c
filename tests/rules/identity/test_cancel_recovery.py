"""Rules of `identity.CancelRecovery`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, Chain, name_of
from tests.rules.identity.guardians import named, recovery
from yilian.ledger.modules.identity import errors, messages
from yilian.ledger.modules.identity.state import RECOVERIES, SUBJECTS

CANCEL = messages.CancelRecovery(recovery=name_of("recovery"))


@accepted(messages.CancelRecovery)
def test_the_old_key_stops_it(world: Chain) -> Play:
    alice = named(world)
    world.must(world.hospital, recovery(world, alice.id))
    yield world.sign(alice, CANCEL)
    assert RECOVERIES.require(world.state, name_of("recovery")).status == "cancelled"
    assert world.machine.next_due() is None
    world.wait(2 * DAY)
    assert world.block().timer_events == b"[]"
    assert SUBJECTS.require(world.state, alice.id).keys == (alice.signer.id,)
    world.must(world.hospital, recovery(world, alice.id, label="second"))


@refused(messages.CancelRecovery, errors.UNKNOWN_RECOVERY)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(world.person(), CANCEL)


@refused(messages.CancelRecovery, errors.NOT_YOUR_SUBJECT)
def test_nobody_else_stops_it(world: Chain) -> bytes:
    alice = named(world)
    world.must(world.hospital, recovery(world, alice.id))
    return world.sign(world.hospital, CANCEL)


@refused(messages.CancelRecovery, errors.RECOVERY_ENDED)
def test_what_is_done_is_not_stopped(world: Chain) -> bytes:
    alice = named(world)
    world.must(world.hospital, recovery(world, alice.id))
    world.wait(DAY)
    world.block()
    return world.sign(alice._replace(signer=world.signer("recovered")), CANCEL)


@refused(messages.CancelRecovery, errors.RECOVERY_ENDED)
def test_it_is_stopped_once(world: Chain) -> bytes:
    alice = named(world)
    world.must(world.hospital, recovery(world, alice.id))
    world.must(alice, CANCEL)
    return world.sign(alice, CANCEL)
