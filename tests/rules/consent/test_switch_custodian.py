"""Rules of `consent.SwitchCustodian`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, Actor, Chain, name_of
from tests.rules.consent.custodians import name, named
from yilian.ledger.modules.consent import errors, messages
from yilian.ledger.modules.consent.state import CUSTODIANS_LIMIT, custodian, custodians_of


def _switch(who: Actor, *, on: bool, person: str | None = None) -> messages.SwitchCustodian:
    return messages.SwitchCustodian(custodian=who.id, on=on, person=person)


def _is_on(world: Chain, person: Actor, who: Actor) -> bool:
    found = custodian(world.state, person.id, who.id)
    assert found is not None
    assert found.changed == world.height
    assert (who.id in custodians_of(world.state, person.id)) == found.on
    return found.on


@accepted(messages.SwitchCustodian)
def test_the_person_switches_off(world: Chain) -> Play:
    alice, bob = named(world, "grant")
    yield world.sign(alice, _switch(bob, on=False))
    assert not _is_on(world, alice, bob)
    world.wait(DAY)
    assert world.block().timer_events == b"[]"


@accepted(messages.SwitchCustodian)
def test_the_person_switches_on_again(world: Chain) -> Play:
    alice, bob = named(world, "grant")
    world.must(alice, _switch(bob, on=False))
    yield world.sign(alice, _switch(bob, on=True, person=alice.id))
    assert _is_on(world, alice, bob)
    world.wait(DAY)
    assert b"CustodianSwitched" in world.block().timer_events
    assert not _is_on(world, alice, bob)


@accepted(messages.SwitchCustodian)
def test_the_organisation_switches_for_its_ward(world: Chain) -> Play:
    ward, bob = world.ward(), world.person("bob")
    world.must(world.hospital, name(world, bob, "grant"), on_behalf_of=ward.id)
    yield world.sign(world.hospital, _switch(bob, on=False), on_behalf_of=ward.id)
    assert not _is_on(world, ward, bob)


@accepted(messages.SwitchCustodian)
def test_a_custodian_stops(world: Chain) -> Play:
    alice, bob = named(world, "grant")
    yield world.sign(bob, _switch(bob, on=False, person=alice.id))
    assert not _is_on(world, alice, bob)


@refused(messages.SwitchCustodian, errors.NOT_THE_PERSON)
def test_a_custodian_does_not_begin_again(world: Chain) -> bytes:
    alice, bob = named(world, "grant")
    world.must(alice, _switch(bob, on=False))
    return world.sign(bob, _switch(bob, on=True, person=alice.id))


@refused(messages.SwitchCustodian, errors.NOT_THE_PERSON)
def test_a_custodian_stops_no_other(world: Chain) -> bytes:
    alice, bob = named(world, "grant")
    carol = world.person("carol")
    world.must(alice, name(world, carol, "grant"))
    return world.sign(bob, _switch(carol, on=False, person=alice.id))


@refused(messages.SwitchCustodian, errors.NO_SUCH_POWER)
def test_a_custodian_does_not_stop_on_behalf(world: Chain) -> bytes:
    alice, bob = named(world, "change", "grant", "read", "revoke")
    return world.sign(bob, _switch(bob, on=False), on_behalf_of=alice.id)


@refused(messages.SwitchCustodian, errors.NOT_THE_PERSON)
def test_nobody_switches_for_another(world: Chain) -> bytes:
    alice, bob = named(world, "grant")
    return world.sign(world.person("carol"), _switch(bob, on=False, person=alice.id))


@refused(messages.SwitchCustodian, errors.NOT_THE_PERSON)
def test_the_organisation_at_home_does_not_either(world: Chain) -> bytes:
    alice, bob = named(world, "grant")
    return world.sign(world.hospital, _switch(bob, on=False, person=alice.id))


@refused(messages.SwitchCustodian, errors.NOT_THE_PERSON)
def test_a_ward_switches_for_nobody_else(world: Chain) -> bytes:
    alice, bob = named(world, "grant")
    request = _switch(bob, on=False, person=alice.id)
    return world.sign(world.hospital, request, on_behalf_of=world.ward().id)


@refused(messages.SwitchCustodian, errors.NOT_THE_PERSON)
def test_an_organisation_has_no_custodian(world: Chain) -> bytes:
    return world.sign(world.hospital, _switch(world.person(), on=False))


@refused(messages.SwitchCustodian, errors.UNKNOWN_CUSTODIAN)
def test_there_must_be_one(world: Chain) -> bytes:
    alice = world.person("alice")
    return world.sign(alice, _switch(world.actor("x", world.hospital), on=True))


@refused(messages.SwitchCustodian, errors.UNKNOWN_CUSTODIAN)
def test_nobody_stops_what_they_are_not(world: Chain) -> bytes:
    bob = world.person("bob")
    return world.sign(bob, _switch(bob, on=False, person=name_of("x")))


@refused(messages.SwitchCustodian, errors.ALREADY_SWITCHED)
def test_once_is_enough(world: Chain) -> bytes:
    alice, bob = named(world, "grant")
    world.must(alice, _switch(bob, on=False))
    return world.sign(alice, _switch(bob, on=False))


@refused(messages.SwitchCustodian, errors.BAD_PERIOD)
def test_whose_time_is_over_is_named_anew(world: Chain) -> bytes:
    alice, bob = named(world, "grant")
    world.wait(DAY)
    return world.sign(alice, _switch(bob, on=True))


@refused(messages.SwitchCustodian, errors.TOO_MANY_CUSTODIANS)
def test_there_are_eight_at_most(world: Chain) -> bytes:
    alice, bob = named(world, "grant")
    world.must(alice, _switch(bob, on=False))
    others = [world.person(f"bob {each}") for each in range(CUSTODIANS_LIMIT)]
    world.must(alice, *[name(world, each, "grant") for each in others])
    return world.sign(alice, _switch(bob, on=True))
