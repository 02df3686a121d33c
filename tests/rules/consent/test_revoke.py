"""Rules of `consent.Revoke`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, Actor, Chain, digest_of, name_of
from tests.rules.consent.custodians import named
from yilian.ledger.modules.consent import errors, messages
from yilian.ledger.modules.consent.state import GRANTS

REVOKE = messages.Revoke(grant=name_of("grant"))


def _granted(world: Chain, person: Actor, **fields: str) -> None:
    now = world.time
    request = messages.Grant(
        grant=name_of("grant"), terms=digest_of("terms"), starts=now, ends=now + DAY
    )
    world.must(person, request, **fields)


@accepted(messages.Revoke)
def test_the_person_takes_it_back(world: Chain) -> Play:
    alice = world.person()
    _granted(world, alice)
    yield world.sign(alice, REVOKE)
    found = GRANTS.require(world.state, name_of("grant"))
    assert found.revoked == world.height
    assert not found.valid(world.time)


@accepted(messages.Revoke)
def test_the_custodian_takes_it_back(world: Chain) -> Play:
    ward = world.ward()
    _granted(world, world.hospital, on_behalf_of=ward.id)
    yield world.sign(world.hospital, REVOKE, on_behalf_of=ward.id)
    assert GRANTS.require(world.state, name_of("grant")).revoked == world.height


@refused(messages.Revoke, errors.UNKNOWN_GRANT)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(world.person(), REVOKE)


@refused(messages.Revoke, errors.NOT_THE_PERSON)
def test_nobody_else_takes_it_back(world: Chain) -> bytes:
    _granted(world, world.person())
    return world.sign(world.person("bob"), REVOKE)


@refused(messages.Revoke, errors.NOT_THE_PERSON)
def test_the_organisation_at_home_does_not_either(world: Chain) -> bytes:
    _granted(world, world.person())
    return world.sign(world.hospital, REVOKE)


@refused(messages.Revoke, errors.ALREADY_REVOKED)
def test_once_is_enough(world: Chain) -> bytes:
    alice = world.person()
    _granted(world, alice)
    world.must(alice, REVOKE)
    return world.sign(alice, REVOKE)


@accepted(messages.Revoke)
def test_a_custodian_of_the_persons_choice_takes_it_back(world: Chain) -> Play:
    alice, bob = named(world, "revoke")
    _granted(world, alice)
    yield world.sign(bob, REVOKE, on_behalf_of=alice.id)
    assert GRANTS.require(world.state, name_of("grant")).revoked == world.height


@refused(messages.Revoke, errors.NO_SUCH_POWER)
def test_a_custodian_needs_the_power_to_revoke(world: Chain) -> bytes:
    alice, bob = named(world, "change", "grant", "read")
    _granted(world, alice)
    return world.sign(bob, REVOKE, on_behalf_of=alice.id)
