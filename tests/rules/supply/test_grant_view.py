"""Rules of `supply.GrantView`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, digest_of
from tests.rules.supply.cast import (
    WRAPPED,
    begun,
    registered,
    regulator,
    view_key,
)
from tests.rules.supply.cast import view as grant
from yilian.ledger import codec
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import view


@accepted(messages.GrantView)
def test_a_company_lets_the_regulator_see(world: Chain) -> Play:
    registered(world)
    office = regulator(world)
    world.must(office, view_key())
    assert view(world.state, world.hospital.id, office.id) is None
    yield world.sign(world.agent(), grant(office))
    found = view(world.state, world.hospital.id, office.id)
    assert found is not None
    assert (found.wrapped, found.since) == (WRAPPED, world.height)


@accepted(messages.GrantView)
def test_a_new_seed_takes_the_olds_place(world: Chain) -> Play:
    registered(world)
    office = regulator(world)
    world.must(office, view_key())
    world.must(world.hospital, grant(office))
    new = codec.to_text(b"new" * 400)
    yield world.sign(world.hospital, grant(office, wrapped=new))
    found = view(world.state, world.hospital.id, office.id)
    assert found is not None
    assert found.wrapped == new


@refused(messages.GrantView, errors.NO_COMPANY)
def test_who_does_not_trade_has_nothing_to_show(world: Chain) -> bytes:
    office = regulator(begun(world))
    world.must(office, view_key())
    return world.sign(world.insurer, grant(office))


@refused(messages.GrantView, errors.NO_VIEW_KEY)
def test_there_must_be_a_view_key(world: Chain) -> bytes:
    registered(world)
    return world.sign(world.hospital, grant(regulator(world)))


@refused(messages.GrantView, errors.STALE_VIEW_KEY)
def test_it_is_wrapped_to_the_key_that_holds(world: Chain) -> bytes:
    registered(world)
    office = regulator(world)
    world.must(office, view_key())
    return world.sign(world.hospital, grant(office, key=digest_of("old key")))


@refused(messages.GrantView, errors.BAD_WRAP)
def test_a_seed_is_not_shorter_than_its_wrap(world: Chain) -> bytes:
    registered(world)
    office = regulator(world)
    world.must(office, view_key())
    return world.sign(world.hospital, grant(office, wrapped=codec.to_text(bytes(1_135))))


@refused(messages.GrantView, errors.BAD_WRAP)
def test_a_seed_is_no_document(world: Chain) -> bytes:
    registered(world)
    office = regulator(world)
    world.must(office, view_key())
    return world.sign(world.hospital, grant(office, wrapped=codec.to_text(bytes(2_001))))


@refused(messages.GrantView, identity_errors.NOT_AN_ORGANISATION)
def test_a_practitioner_shows_nothing(world: Chain) -> bytes:
    registered(world)
    office = regulator(world)
    world.must(office, view_key())
    return world.sign(world.practitioner(), grant(office))
