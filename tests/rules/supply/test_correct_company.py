"""Rules of `supply.CorrectCompany`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from tests.rules.supply.cast import PREFIX, company, gln, gtin, registered, regulator
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import COMPANIES, PREFIXES, company_of, covering, trades

CORRECT = messages.CorrectCompany


def correction(*prefixes: str, end: bool = False) -> messages.CorrectCompany:
    return messages.CorrectCompany(company=name_of("company"), prefixes=list(prefixes), end=end)


@accepted(CORRECT)
def test_a_regulator_frees_a_squatted_prefix(world: Chain) -> Play:
    registered(world)
    authority = regulator(world)
    yield world.sign(authority, correction(PREFIX))
    assert COMPANIES.require(world.state, name_of("company")).prefixes == ()
    assert covering(world.state, gtin()) is None
    assert not list(world.state.scan(PREFIXES.prefix))
    assert trades(world.state, world.hospital.id)
    world.must(world.hospital, company("rightful", 2))


@accepted(CORRECT)
def test_a_regulator_ends_a_registration(world: Chain) -> Play:
    registered(world)
    authority = regulator(world)
    yield world.sign(authority, correction(end=True))
    found = COMPANIES.require(world.state, name_of("company"))
    assert (found.prefixes, found.ended) == ((), world.height)
    assert company_of(world.state, gln(1)) is None
    assert not trades(world.state, world.hospital.id)


@accepted(CORRECT)
def test_both_at_once(world: Chain) -> Play:
    registered(world)
    yield world.sign(regulator(world), correction(PREFIX, end=True))
    assert not list(world.state.scan(PREFIXES.prefix))


@refused(CORRECT, errors.NOT_A_REGULATOR)
def test_an_authority_is_no_regulator(world: Chain) -> bytes:
    registered(world)
    return world.sign(world.authority, correction(PREFIX))


@refused(CORRECT, errors.NOT_A_REGULATOR)
def test_a_regulator_that_is_no_member_is_none(world: Chain) -> bytes:
    registered(world)
    return world.sign(world.organisation("regulator", "regulator"), correction(PREFIX))


@refused(CORRECT, errors.UNKNOWN_COMPANY)
def test_there_must_be_a_registration(world: Chain) -> bytes:
    registered(world)
    request = messages.CorrectCompany(company=name_of("none"), prefixes=[], end=True)
    return world.sign(regulator(world), request)


@refused(CORRECT, errors.COMPANY_ENDED)
def test_what_ended_is_over(world: Chain) -> bytes:
    registered(world)
    authority = regulator(world)
    world.must(authority, correction(end=True))
    return world.sign(authority, correction(end=True))


@refused(CORRECT, errors.UNKNOWN_PREFIX)
def test_it_takes_what_is_there(world: Chain) -> bytes:
    registered(world)
    return world.sign(regulator(world), correction("690123"))


@refused(CORRECT, errors.BAD_LIST)
def test_it_corrects_something(world: Chain) -> bytes:
    registered(world)
    return world.sign(regulator(world), correction())


@refused(CORRECT, errors.BAD_LIST)
def test_prefixes_are_sorted_here_too(world: Chain) -> bytes:
    registered(world)
    return world.sign(regulator(world), correction("690124", "690123"))
