"""Rules of `care.EndReferral`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, Chain, name_of
from tests.rules.care.cast import ACCEPT, DECLINE, END, licensed, referred
from yilian.ledger.modules.care import errors, messages
from yilian.ledger.modules.care.state import REFERRALS
from yilian.ledger.modules.identity import errors as identity_errors


@accepted(messages.EndReferral)
def test_who_treats_ends_it(world: Chain) -> Play:
    referred(world)
    world.must(world.insurer, ACCEPT)
    yield world.sign(licensed(world, at=world.insurer), END)
    found = REFERRALS.require(world.state, name_of("referral"))
    assert (found.status, found.ended) == ("ended", world.time)
    assert not found.accepted_at(world.time)


@accepted(messages.EndReferral)
def test_who_referred_ends_it(world: Chain) -> Play:
    referred(world)
    yield world.sign(world.agent(), END)
    assert REFERRALS.require(world.state, name_of("referral")).status == "ended"


@refused(messages.EndReferral, errors.UNKNOWN_REFERRAL)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(world.hospital, END)


@refused(messages.EndReferral, errors.NOT_YOUR_REFERRAL)
def test_a_third_does_not(world: Chain) -> bytes:
    referred(world)
    return world.sign(world.authority, END)


@refused(messages.EndReferral, identity_errors.NOT_STAFF)
def test_a_person_does_not(world: Chain) -> bytes:
    referred(world)
    return world.sign(world.person(), END)


@refused(messages.EndReferral, identity_errors.LICENCE_NOT_IN_FORCE)
def test_without_a_licence_nobody_does(world: Chain) -> bytes:
    referred(world)
    return world.sign(world.practitioner(), END)


@refused(messages.EndReferral, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    referred(world)
    return world.sign(world.hospital, END, on_behalf_of=world.ward().id)


@refused(messages.EndReferral, errors.REFERRAL_ENDED)
def test_what_is_declined_is_over(world: Chain) -> bytes:
    referred(world)
    world.must(world.insurer, DECLINE)
    return world.sign(world.hospital, END)


@refused(messages.EndReferral, errors.REFERRAL_ENDED)
def test_once_is_enough(world: Chain) -> bytes:
    referred(world)
    world.must(world.hospital, END)
    return world.sign(world.hospital, END)


@refused(messages.EndReferral, errors.REFERRAL_ENDED)
def test_its_time_runs_out(world: Chain) -> bytes:
    referred(world)
    world.wait(DAY)
    return world.sign(world.hospital, END)
