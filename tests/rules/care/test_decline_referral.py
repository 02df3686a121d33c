"""Rules of `care.DeclineReferral`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, Chain, name_of
from tests.rules.care.cast import ACCEPT, DECLINE, END, licensed, referred
from yilian.ledger.modules.care import errors, messages
from yilian.ledger.modules.care.state import REFERRALS
from yilian.ledger.modules.identity import errors as identity_errors


@accepted(messages.DeclineReferral)
def test_a_licensed_practitioner_of_the_other_answers(world: Chain) -> Play:
    referred(world)
    yield world.sign(licensed(world, at=world.insurer), DECLINE)
    found = REFERRALS.require(world.state, name_of("referral"))
    assert (found.status, found.answered) == ("declined", world.time)
    assert not found.accepted_at(world.time)


@accepted(messages.DeclineReferral)
def test_the_other_organisation_answers(world: Chain) -> Play:
    referred(world)
    yield world.sign(world.insurer, DECLINE)
    assert REFERRALS.require(world.state, name_of("referral")).status == "declined"


@refused(messages.DeclineReferral, errors.UNKNOWN_REFERRAL)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(world.insurer, DECLINE)


@refused(messages.DeclineReferral, errors.NOT_YOUR_REFERRAL)
def test_who_refers_does_not_answer(world: Chain) -> bytes:
    referred(world)
    return world.sign(world.hospital, DECLINE)


@refused(messages.DeclineReferral, errors.NOT_YOUR_REFERRAL)
def test_a_third_does_not_answer(world: Chain) -> bytes:
    referred(world)
    return world.sign(world.authority, DECLINE)


@refused(messages.DeclineReferral, identity_errors.NOT_STAFF)
def test_a_person_does_not_answer(world: Chain) -> bytes:
    referred(world)
    return world.sign(world.person(at=world.insurer), DECLINE)


@refused(messages.DeclineReferral, identity_errors.LICENCE_NOT_IN_FORCE)
def test_without_a_licence_nobody_answers(world: Chain) -> bytes:
    referred(world)
    return world.sign(world.practitioner(at=world.insurer), DECLINE)


@refused(messages.DeclineReferral, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    referred(world)
    return world.sign(world.insurer, DECLINE, on_behalf_of=world.ward(at=world.insurer).id)


@refused(messages.DeclineReferral, errors.REFERRAL_ANSWERED)
def test_what_is_taken_on_is_answered(world: Chain) -> bytes:
    referred(world)
    world.must(world.insurer, ACCEPT)
    return world.sign(world.insurer, DECLINE)


@refused(messages.DeclineReferral, errors.REFERRAL_ENDED)
def test_what_is_declined_is_over(world: Chain) -> bytes:
    referred(world)
    world.must(world.insurer, DECLINE)
    return world.sign(world.insurer, DECLINE)


@refused(messages.DeclineReferral, errors.REFERRAL_ENDED)
def test_what_is_ended_is_over(world: Chain) -> bytes:
    referred(world)
    world.must(world.hospital, END)
    return world.sign(world.insurer, DECLINE)


@refused(messages.DeclineReferral, errors.REFERRAL_ENDED)
def test_its_time_runs_out(world: Chain) -> bytes:
    referred(world)
    world.wait(DAY)
    return world.sign(world.insurer, DECLINE)
