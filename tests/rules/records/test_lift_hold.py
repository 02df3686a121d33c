"""Rules of `records.LiftHold`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, digest_of, name_of
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.records import errors, messages
from yilian.ledger.modules.records.state import HOLDS, marked

LIFT = messages.LiftHold(hold=name_of("hold"))


def _held(world: Chain, label: str = "hold") -> None:
    request = messages.Hold(hold=name_of(label), mark=digest_of("mark"), ground="law")
    world.must(world.hospital, request)


@accepted(messages.LiftHold)
def test_the_keeper_lifts_it(world: Chain) -> Play:
    _held(world)
    yield world.sign(world.agent(), LIFT)
    assert HOLDS.require(world.state, name_of("hold")).lifted == world.height
    assert marked(world.state, world.hospital.id, digest_of("mark")).holds == 0


@accepted(messages.LiftHold)
def test_another_hold_stays(world: Chain) -> Play:
    _held(world)
    _held(world, "another")
    yield world.sign(world.hospital, LIFT)
    assert marked(world.state, world.hospital.id, digest_of("mark")).holds == 1


@refused(messages.LiftHold, errors.UNKNOWN_HOLD)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(world.hospital, LIFT)


@refused(messages.LiftHold, errors.NOT_YOUR_HOLD)
def test_another_organisation_does_not(world: Chain) -> bytes:
    _held(world)
    return world.sign(world.insurer, LIFT)


@refused(messages.LiftHold, identity_errors.NOT_AN_ORGANISATION)
def test_a_person_does_not(world: Chain) -> bytes:
    _held(world)
    return world.sign(world.person(), LIFT)


@refused(messages.LiftHold, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    _held(world)
    return world.sign(world.hospital, LIFT, on_behalf_of=world.ward().id)


@refused(messages.LiftHold, errors.HOLD_LIFTED)
def test_once_is_enough(world: Chain) -> bytes:
    _held(world)
    world.must(world.hospital, LIFT)
    return world.sign(world.hospital, LIFT)
