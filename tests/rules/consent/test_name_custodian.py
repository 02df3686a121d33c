"""Rules of `consent.NameCustodian`."""

from __future__ import annotations

import msgspec

from tests.cases import Play, accepted, refused
from tests.chain import DAY, STEP, Chain
from tests.rules.consent.custodians import name, named
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.consent import errors, messages
from yilian.ledger.modules.consent.state import CUSTODIANS_LIMIT, custodian, custodians_of


@accepted(messages.NameCustodian)
def test_a_person_names_another(world: Chain) -> Play:
    alice, bob = world.person("alice"), world.person("bob")
    request = name(world, bob, "grant", "read")
    assert custodian(world.state, alice.id, bob.id) is None
    assert custodians_of(world.state, alice.id) == ()
    yield world.sign(alice, request)
    found = custodian(world.state, alice.id, bob.id)
    assert found is not None
    assert found.powers == ("grant", "read")
    assert found.since == found.changed == world.height
    assert found.may("read", request.ends - 1)
    assert not found.may("read", request.ends)
    assert not found.may("revoke", world.time)
    assert not found.may(None, world.time)
    assert custodians_of(world.state, alice.id) == (bob.id,)
    assert custodian(world.state, bob.id, alice.id) is None


@accepted(messages.NameCustodian)
def test_the_organisation_names_one_for_its_ward(world: Chain) -> Play:
    ward, bob = world.ward(), world.person("bob")
    yield world.sign(world.agent(), name(world, bob, "grant"), on_behalf_of=ward.id)
    assert custodians_of(world.state, ward.id) == (bob.id,)


@accepted(messages.NameCustodian)
def test_naming_again_replaces(world: Chain) -> Play:
    alice, bob = named(world, "grant")
    first = custodian(world.state, alice.id, bob.id)
    assert first is not None
    yield world.sign(alice, name(world, bob, "revoke", ends=2 * DAY))
    found = custodian(world.state, alice.id, bob.id)
    assert found is not None
    assert (found.powers, found.since, found.changed) == (("revoke",), first.since, world.height)
    world.wait(DAY)
    assert world.block().timer_events == b"[]"
    assert custodians_of(world.state, alice.id) == (bob.id,)
    world.wait(DAY)
    assert b"CustodianSwitched" in world.block().timer_events
    assert custodians_of(world.state, alice.id) == ()


@accepted(messages.NameCustodian)
def test_naming_again_switches_on(world: Chain) -> Play:
    alice, bob = named(world, "grant")
    world.must(alice, messages.SwitchCustodian(custodian=bob.id, on=False))
    yield world.sign(alice, name(world, bob, "grant"))
    found = custodian(world.state, alice.id, bob.id)
    assert found is not None
    assert found.on


@accepted(messages.NameCustodian)
def test_a_custodian_is_named_anew_when_time_is_over(world: Chain) -> Play:
    alice, bob = named(world, "grant")
    world.wait(DAY)
    yield world.sign(alice, name(world, bob, "grant"))
    assert custodians_of(world.state, alice.id) == (bob.id,)


@accepted(messages.NameCustodian)
def test_who_was_named_before_counts_once(world: Chain) -> Play:
    alice = world.person("alice")
    bobs = [world.person(f"bob {each}") for each in range(CUSTODIANS_LIMIT)]
    world.must(alice, *[name(world, each, "grant") for each in bobs])
    yield world.sign(alice, name(world, bobs[0], "read"))
    assert custodians_of(world.state, alice.id) == tuple(sorted(each.id for each in bobs))


@accepted(messages.NameCustodian)
def test_one_who_is_off_leaves_room(world: Chain) -> Play:
    alice = world.person("alice")
    bobs = [world.person(f"bob {each}") for each in range(CUSTODIANS_LIMIT + 1)]
    world.must(alice, *[name(world, each, "grant") for each in bobs[1:]])
    world.must(alice, messages.SwitchCustodian(custodian=bobs[1].id, on=False))
    yield world.sign(alice, name(world, bobs[0], "grant"))
    assert bobs[0].id in custodians_of(world.state, alice.id)


@refused(messages.NameCustodian, errors.TOO_MANY_CUSTODIANS)
def test_there_are_eight_at_most(world: Chain) -> bytes:
    alice = world.person("alice")
    bobs = [world.person(f"bob {each}") for each in range(CUSTODIANS_LIMIT + 1)]
    world.must(alice, *[name(world, each, "grant") for each in bobs[1:]])
    return world.sign(alice, name(world, bobs[0], "grant"))


@refused(messages.NameCustodian, errors.NOT_THE_PERSON)
def test_an_organisation_has_none(world: Chain) -> bytes:
    return world.sign(world.hospital, name(world, world.person(), "grant"))


@refused(messages.NameCustodian, errors.NO_SUCH_POWER)
def test_a_custodian_names_no_other(world: Chain) -> bytes:
    alice, bob = named(world, "change", "grant", "read", "revoke")
    carol = world.person("carol")
    return world.sign(bob, name(world, carol, "grant"), on_behalf_of=alice.id)


@refused(messages.NameCustodian, errors.NO_SUCH_POWER)
def test_a_custodian_does_not_stay_longer(world: Chain) -> bytes:
    alice, bob = named(world, "change", "grant", "read", "revoke")
    return world.sign(bob, name(world, bob, "grant", ends=2 * DAY), on_behalf_of=alice.id)


@refused(messages.NameCustodian, errors.NOT_A_CUSTODIAN)
def test_nobody_is_their_own(world: Chain) -> bytes:
    alice = world.person()
    return world.sign(alice, name(world, alice, "grant"))


@refused(messages.NameCustodian, errors.NOT_A_CUSTODIAN)
def test_nobody_is_none(world: Chain) -> bytes:
    return world.sign(world.person(), name(world, world.actor("x", world.hospital), "grant"))


@refused(messages.NameCustodian, errors.NOT_A_CUSTODIAN)
def test_a_practitioner_is_none(world: Chain) -> bytes:
    return world.sign(world.person(), name(world, world.practitioner(), "grant"))


@refused(messages.NameCustodian, errors.NOT_A_CUSTODIAN)
def test_a_ward_is_none(world: Chain) -> bytes:
    return world.sign(world.person(), name(world, world.ward(), "grant"))


@refused(messages.NameCustodian, errors.NOT_A_CUSTODIAN)
def test_a_person_of_another_organisation_is_none(world: Chain) -> bytes:
    alice = world.person("alice")
    return world.sign(alice, name(world, world.person("bob", world.insurer), "grant"))


@refused(messages.NameCustodian, errors.BAD_PERIOD)
def test_it_ends_in_the_future(world: Chain) -> bytes:
    alice, bob = world.person("alice"), world.person("bob")
    return world.sign(alice, name(world, bob, "grant", ends=STEP))


@refused(messages.NameCustodian, errors.BAD_POWERS)
def test_powers_are_sorted(world: Chain) -> bytes:
    alice, bob = world.person("alice"), world.person("bob")
    return world.sign(alice, name(world, bob, "read", "grant"))


@refused(messages.NameCustodian, errors.BAD_POWERS)
def test_a_power_is_named_once(world: Chain) -> bytes:
    alice, bob = world.person("alice"), world.person("bob")
    return world.sign(alice, name(world, bob, "grant", "grant"))


@refused(messages.NameCustodian, MALFORMED)
def test_there_is_some_power(world: Chain) -> bytes:
    alice, bob = world.person("alice"), world.person("bob")
    return world.sign(alice, msgspec.structs.replace(name(world, bob, "grant"), powers=[]))


@refused(messages.NameCustodian, MALFORMED)
def test_there_are_no_other_powers(world: Chain) -> bytes:
    alice, bob = world.person("alice"), world.person("bob")
    raw = world.sign(alice, name(world, bob, "grant"))
    return raw.replace(b'"grant"', b'"break"')
