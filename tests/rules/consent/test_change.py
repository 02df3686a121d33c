"""Rules of `consent.Change`."""

from __future__ import annotations

from typing import Any

from tests.cases import Play, accepted, refused
from tests.chain import DAY, STEP, Actor, Chain, digest_of, name_of
from tests.rules.consent.custodians import named
from yilian.ledger.modules.consent import errors, messages
from yilian.ledger.modules.consent.state import GRANTS
from yilian.ledger.modules.identity import errors as identity_errors


def _granted(world: Chain, person: Actor, starts: int = 0, **fields: Any) -> None:
    request = messages.Grant(
        grant=name_of("grant"),
        terms=digest_of("terms"),
        starts=world.time + starts,
        ends=world.time + DAY,
    )
    world.must(person, request, **fields)


def _change(world: Chain, starts: int = 0, ends: int = 2 * DAY) -> messages.Change:
    return messages.Change(
        grant=name_of("grant"),
        terms=digest_of("new terms"),
        starts=world.time + starts,
        ends=world.time + ends,
    )


@accepted(messages.Change)
def test_the_person_gives_new_terms(world: Chain) -> Play:
    alice = world.person()
    _granted(world, alice)
    before = GRANTS.require(world.state, name_of("grant"))
    request = _change(world)
    yield world.sign(alice, request)
    found = GRANTS.require(world.state, name_of("grant"))
    assert (found.terms, found.version) == (digest_of("new terms"), 2)
    assert (found.starts, found.ends) == (request.starts, request.ends)
    assert (found.person, found.since, found.by) == (before.person, before.since, None)
    assert found.valid(before.ends)


@accepted(messages.Change)
def test_versions_count_up(world: Chain) -> Play:
    alice = world.person()
    _granted(world, alice)
    world.must(alice, _change(world))
    yield world.sign(alice, _change(world))
    assert GRANTS.require(world.state, name_of("grant")).version == 3


@accepted(messages.Change)
def test_a_grant_of_the_future_is_changed(world: Chain) -> Play:
    alice = world.person()
    _granted(world, alice, starts=DAY // 2)
    yield world.sign(alice, _change(world, starts=DAY))
    assert not GRANTS.require(world.state, name_of("grant")).valid(world.time)


@accepted(messages.Change)
def test_who_acts_answers_for_the_new_terms(world: Chain) -> Play:
    ward = world.ward()
    beside = (world.insurer.signer,)
    _granted(world, world.hospital, on_behalf_of=ward.id, beside=beside)
    assert GRANTS.require(world.state, name_of("grant")).countersigned == world.insurer.id
    agent = world.agent()
    yield world.sign(agent, _change(world), on_behalf_of=ward.id)
    found = GRANTS.require(world.state, name_of("grant"))
    assert (found.by, found.countersigned) == (agent.id, None)


@accepted(messages.Change)
def test_another_organisation_countersigns_the_new_terms(world: Chain) -> Play:
    ward = world.ward()
    _granted(world, world.hospital, on_behalf_of=ward.id)
    beside = (world.insurer.signer,)
    yield world.sign(world.hospital, _change(world), on_behalf_of=ward.id, beside=beside)
    assert GRANTS.require(world.state, name_of("grant")).countersigned == world.insurer.id


@accepted(messages.Change)
def test_a_custodian_of_the_persons_choice_changes(world: Chain) -> Play:
    alice, bob = named(world, "change")
    _granted(world, alice)
    yield world.sign(bob, _change(world), on_behalf_of=alice.id)
    assert GRANTS.require(world.state, name_of("grant")).by == bob.id


@refused(messages.Change, errors.NO_SUCH_POWER)
def test_a_custodian_needs_the_power_to_change(world: Chain) -> bytes:
    alice, bob = named(world, "grant", "read", "revoke")
    _granted(world, alice)
    return world.sign(bob, _change(world), on_behalf_of=alice.id)


@refused(messages.Change, errors.UNKNOWN_GRANT)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(world.person(), _change(world))


@refused(messages.Change, errors.NOT_THE_PERSON)
def test_nobody_else_changes_it(world: Chain) -> bytes:
    _granted(world, world.person())
    return world.sign(world.person("bob"), _change(world))


@refused(messages.Change, errors.NOT_THE_PERSON)
def test_the_organisation_at_home_does_not_either(world: Chain) -> bytes:
    _granted(world, world.person())
    return world.sign(world.hospital, _change(world))


@refused(messages.Change, errors.NOT_THE_PERSON)
def test_a_ward_does_not_change_anothers(world: Chain) -> bytes:
    _granted(world, world.person())
    return world.sign(world.hospital, _change(world), on_behalf_of=world.ward().id)


@refused(messages.Change, identity_errors.NOT_CUSTODIAN)
def test_another_organisation_does_not_for_a_ward(world: Chain) -> bytes:
    ward = world.ward()
    _granted(world, world.hospital, on_behalf_of=ward.id)
    return world.sign(world.insurer, _change(world), on_behalf_of=ward.id)


@refused(messages.Change, errors.ALREADY_REVOKED)
def test_what_is_taken_back_stays_so(world: Chain) -> bytes:
    alice = world.person()
    _granted(world, alice)
    world.must(alice, messages.Revoke(grant=name_of("grant")))
    return world.sign(alice, _change(world))


@refused(messages.Change, errors.GRANT_ENDED)
def test_what_is_over_stays_so(world: Chain) -> bytes:
    alice = world.person()
    _granted(world, alice)
    world.wait(DAY)
    return world.sign(alice, _change(world))


@refused(messages.Change, errors.BAD_PERIOD)
def test_it_ends_after_it_starts(world: Chain) -> bytes:
    alice = world.person()
    _granted(world, alice)
    return world.sign(alice, _change(world, ends=0))


@refused(messages.Change, errors.BAD_PERIOD)
def test_it_ends_in_the_future(world: Chain) -> bytes:
    alice = world.person()
    _granted(world, alice)
    return world.sign(alice, _change(world, ends=STEP))
