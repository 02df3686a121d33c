"""Rules of `records.Erase`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, STEP, Actor, Chain, digest_of, name_of
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.records import errors, messages
from yilian.ledger.modules.records.state import ERASURES, marked
from yilian.ledger.transaction import MAX_BYTES

MARKS = sorted(digest_of(f"mark {each}") for each in range(3))


def _destroy(label: str = "erasure", marks: list[str] = MARKS) -> messages.Erase:
    return messages.Erase(
        erasure=name_of(label),
        marks=marks,
        extent="destroyed",
        certificate=digest_of("certificate"),
    )


def _seal(world: Chain, label: str = "sealing", until: int = DAY) -> messages.Erase:
    return messages.Erase(
        erasure=name_of(label),
        marks=MARKS,
        extent="sealed",
        until=world.time + until,
        certificate=digest_of("certificate"),
    )


def _held(world: Chain, keeper: Actor | None = None) -> None:
    request = messages.Hold(hold=name_of("hold"), mark=MARKS[1], ground="trial")
    world.must(keeper or world.hospital, request)


@accepted(messages.Erase)
def test_the_keeper_destroys(world: Chain) -> Play:
    yield world.sign(world.hospital, _destroy())
    found = ERASURES.require(world.state, name_of("erasure"))
    assert (found.organisation, found.extent, found.size) == (world.hospital.id, "destroyed", 3)
    assert (found.certificate, found.until) == (digest_of("certificate"), None)
    assert (found.since, found.time) == (world.height, world.time)
    for mark in MARKS:
        held = marked(world.state, world.hospital.id, mark)
        assert (held.erasure, held.extent, held.until) == (name_of("erasure"), "destroyed", None)
        assert marked(world.state, world.insurer.id, mark).erasure is None


@accepted(messages.Erase)
def test_the_keepers_agent_seals(world: Chain) -> Play:
    agent = world.agent()
    request = _seal(world)
    yield world.sign(agent, request)
    assert ERASURES.require(world.state, name_of("sealing")).until == request.until
    held = marked(world.state, world.hospital.id, MARKS[0])
    assert (held.extent, held.until) == ("sealed", request.until)


@accepted(messages.Erase)
def test_a_thousand_at_once(world: Chain) -> Play:
    marks = sorted(digest_of(f"many {each}") for each in range(1_000))
    raw = world.sign(world.hospital, _destroy(marks=marks))
    assert len(raw) <= MAX_BYTES
    yield raw
    assert ERASURES.require(world.state, name_of("erasure")).size == 1_000
    assert marked(world.state, world.hospital.id, marks[-1]).extent == "destroyed"


@accepted(messages.Erase)
def test_what_is_sealed_is_destroyed_in_its_time(world: Chain) -> Play:
    world.must(world.hospital, _seal(world))
    world.wait(DAY)
    yield world.sign(world.hospital, _destroy())
    held = marked(world.state, world.hospital.id, MARKS[0])
    assert (held.extent, held.until) == ("destroyed", None)


@accepted(messages.Erase)
def test_what_is_held_may_be_sealed(world: Chain) -> Play:
    _held(world)
    yield world.sign(world.hospital, _seal(world))
    assert marked(world.state, world.hospital.id, MARKS[1]).holds == 1


@accepted(messages.Erase)
def test_a_seal_lasts_longer(world: Chain) -> Play:
    world.must(world.hospital, _seal(world))
    later = _seal(world, "again", 2 * DAY)
    yield world.sign(world.hospital, later)
    assert marked(world.state, world.hospital.id, MARKS[1]).until == later.until


@accepted(messages.Erase)
def test_anothers_hold_binds_nobody_else(world: Chain) -> Play:
    _held(world, world.insurer)
    yield world.sign(world.hospital, _destroy())
    assert marked(world.state, world.insurer.id, MARKS[1]).extent is None


@refused(messages.Erase, errors.ON_HOLD)
def test_what_is_held_is_not_destroyed(world: Chain) -> bytes:
    _held(world)
    return world.sign(world.hospital, _destroy())


@refused(messages.Erase, errors.ON_HOLD)
def test_a_seal_does_not_lift_a_hold(world: Chain) -> bytes:
    _held(world)
    world.must(world.hospital, _seal(world))
    world.wait(DAY)
    return world.sign(world.hospital, _destroy())


@refused(messages.Erase, errors.IN_RETENTION)
def test_what_is_sealed_is_kept_for_its_time(world: Chain) -> bytes:
    world.must(world.hospital, _seal(world))
    return world.sign(world.hospital, _destroy())


@refused(messages.Erase, errors.IN_RETENTION)
def test_a_seal_is_not_shortened(world: Chain) -> bytes:
    world.must(world.hospital, _seal(world))
    return world.sign(world.hospital, _seal(world, "again", DAY // 2))


@refused(messages.Erase, errors.ALREADY_DESTROYED)
def test_nothing_is_destroyed_twice(world: Chain) -> bytes:
    world.must(world.hospital, _destroy())
    return world.sign(world.hospital, _destroy("again", MARKS[1:]))


@refused(messages.Erase, errors.ALREADY_DESTROYED)
def test_what_is_gone_is_not_sealed(world: Chain) -> bytes:
    world.must(world.hospital, _destroy())
    return world.sign(world.hospital, _seal(world))


@refused(messages.Erase, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    world.must(world.insurer, _destroy())
    return world.sign(world.hospital, _destroy())


@refused(messages.Erase, identity_errors.NOT_AN_ORGANISATION)
def test_a_person_erases_nothing(world: Chain) -> bytes:
    return world.sign(world.person(), _destroy())


@refused(messages.Erase, identity_errors.NOT_AN_ORGANISATION)
def test_a_practitioner_erases_nothing(world: Chain) -> bytes:
    return world.sign(world.practitioner(), _destroy())


@refused(messages.Erase, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    return world.sign(world.hospital, _destroy(), on_behalf_of=world.ward().id)


@refused(messages.Erase, errors.BAD_MARKS)
def test_marks_are_sorted(world: Chain) -> bytes:
    return world.sign(world.hospital, _destroy(marks=MARKS[::-1]))


@refused(messages.Erase, errors.BAD_MARKS)
def test_a_mark_is_named_once(world: Chain) -> bytes:
    return world.sign(world.hospital, _destroy(marks=[MARKS[0], MARKS[0]]))


@refused(messages.Erase, MALFORMED)
def test_something_is_erased(world: Chain) -> bytes:
    return world.sign(world.hospital, _destroy(marks=[]))


@refused(messages.Erase, MALFORMED)
def test_a_thousand_at_most(world: Chain) -> bytes:
    marks = sorted(digest_of(f"many {each}") for each in range(1_001))
    return world.sign(world.hospital, _destroy(marks=marks))


@refused(messages.Erase, errors.BAD_EXTENT)
def test_what_is_sealed_has_an_end(world: Chain) -> bytes:
    request = messages.Erase(
        erasure=name_of("sealing"), marks=MARKS, extent="sealed", certificate=digest_of("c")
    )
    return world.sign(world.hospital, request)


@refused(messages.Erase, errors.BAD_EXTENT)
def test_what_is_destroyed_has_none(world: Chain) -> bytes:
    request = messages.Erase(
        erasure=name_of("erasure"),
        marks=MARKS,
        extent="destroyed",
        until=world.time + DAY,
        certificate=digest_of("c"),
    )
    return world.sign(world.hospital, request)


@refused(messages.Erase, errors.BAD_EXTENT)
def test_a_seal_ends_in_the_future(world: Chain) -> bytes:
    return world.sign(world.hospital, _seal(world, until=STEP))
