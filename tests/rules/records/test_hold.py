"""Rules of `records.Hold`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, digest_of, name_of
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.records import errors, messages
from yilian.ledger.modules.records.state import HOLDS, marked


def _hold(label: str = "hold") -> messages.Hold:
    return messages.Hold(hold=name_of(label), mark=digest_of("mark"), ground="dispute")


@accepted(messages.Hold)
def test_the_keeper_holds_a_record(world: Chain) -> Play:
    yield world.sign(world.hospital, _hold())
    found = HOLDS.require(world.state, name_of("hold"))
    assert (found.organisation, found.mark) == (world.hospital.id, digest_of("mark"))
    assert (found.ground, found.since, found.time) == ("dispute", world.height, world.time)
    assert found.lifted is None
    assert marked(world.state, world.hospital.id, digest_of("mark")).holds == 1
    assert marked(world.state, world.insurer.id, digest_of("mark")).holds == 0


@accepted(messages.Hold)
def test_a_record_is_held_twice(world: Chain) -> Play:
    world.must(world.hospital, _hold())
    yield world.sign(world.agent(), _hold("another"))
    assert marked(world.state, world.hospital.id, digest_of("mark")).holds == 2


@accepted(messages.Hold)
def test_what_is_sealed_may_be_held(world: Chain) -> Play:
    sealing = messages.Erase(
        erasure=name_of("erasure"),
        marks=[digest_of("mark")],
        extent="sealed",
        until=world.time + 10**6,
        certificate=digest_of("certificate"),
    )
    world.must(world.hospital, sealing)
    yield world.sign(world.hospital, _hold())
    found = marked(world.state, world.hospital.id, digest_of("mark"))
    assert (found.holds, found.extent, found.until) == (1, "sealed", sealing.until)


@refused(messages.Hold, identity_errors.NOT_AN_ORGANISATION)
def test_a_person_holds_nothing(world: Chain) -> bytes:
    return world.sign(world.person(), _hold())


@refused(messages.Hold, identity_errors.NOT_AN_ORGANISATION)
def test_a_practitioner_holds_nothing(world: Chain) -> bytes:
    return world.sign(world.practitioner(), _hold())


@refused(messages.Hold, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    return world.sign(world.hospital, _hold(), on_behalf_of=world.ward().id)


@refused(messages.Hold, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    world.must(world.hospital, _hold())
    return world.sign(world.insurer, _hold())


@refused(messages.Hold, errors.ALREADY_DESTROYED)
def test_what_is_gone_is_not_held(world: Chain) -> bytes:
    erasing = messages.Erase(
        erasure=name_of("erasure"),
        marks=[digest_of("mark")],
        extent="destroyed",
        certificate=digest_of("certificate"),
    )
    world.must(world.hospital, erasing)
    return world.sign(world.hospital, _hold())
