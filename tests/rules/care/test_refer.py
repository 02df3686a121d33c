"""Rules of `care.Refer`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import STEP, Chain, digest_of, name_of
from tests.rules.care.cast import licensed, refer, referred
from yilian.ledger.modules.care import errors, messages
from yilian.ledger.modules.care.state import REFERRALS
from yilian.ledger.modules.governance.messages import RemoveMember
from yilian.ledger.modules.identity import errors as identity_errors


@accepted(messages.Refer)
def test_a_licensed_practitioner_refers(world: Chain) -> Play:
    doctor = licensed(world)
    request = refer(world)
    yield world.sign(doctor, request)
    found = REFERRALS.require(world.state, name_of("referral"))
    assert (found.organisation, found.to) == (world.hospital.id, world.insurer.id)
    assert (found.terms, found.ends) == (digest_of("terms"), request.ends)
    assert (found.status, found.made, found.since) == ("waiting", world.time, world.height)
    assert not found.accepted_at(world.time)


@accepted(messages.Refer)
def test_an_agent_refers_to_who_is_no_member(world: Chain) -> Play:
    clinic = world.organisation("clinic", "clinic")
    yield world.sign(world.agent(), refer(world, clinic))
    assert REFERRALS.require(world.state, name_of("referral")).to == clinic.id


@refused(messages.Refer, identity_errors.NOT_STAFF)
def test_a_person_does_not(world: Chain) -> bytes:
    return world.sign(world.person(), refer(world))


@refused(messages.Refer, identity_errors.LICENCE_NOT_IN_FORCE)
def test_without_a_licence_nobody_practises(world: Chain) -> bytes:
    return world.sign(world.practitioner(), refer(world))


@refused(messages.Refer, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    return world.sign(world.hospital, refer(world), on_behalf_of=world.ward().id)


@refused(messages.Refer, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    referred(world)
    return world.sign(world.hospital, refer(world))


@refused(messages.Refer, errors.CANNOT_RECEIVE)
def test_nobody_refers_to_themselves(world: Chain) -> bytes:
    return world.sign(licensed(world), refer(world, world.hospital))


@refused(messages.Refer, errors.CANNOT_RECEIVE)
def test_there_must_be_an_organisation(world: Chain) -> bytes:
    return world.sign(world.hospital, refer(world, world.actor("x", world.insurer)))


@refused(messages.Refer, errors.CANNOT_RECEIVE)
def test_a_practitioner_is_no_organisation(world: Chain) -> bytes:
    return world.sign(world.hospital, refer(world, world.practitioner(at=world.insurer)))


@refused(messages.Refer, errors.CANNOT_RECEIVE)
def test_an_expelled_organisation_receives_nothing(world: Chain) -> bytes:
    world.carried(RemoveMember(world.insurer.id))
    return world.sign(world.hospital, refer(world))


@refused(messages.Refer, errors.BAD_PERIOD)
def test_it_ends_in_the_future(world: Chain) -> bytes:
    return world.sign(world.hospital, refer(world, ends=STEP))
