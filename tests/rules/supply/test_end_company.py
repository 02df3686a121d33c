"""Rules of `supply.EndCompany`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from tests.rules.supply.cast import company, other, registered
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import COMPANIES, PREFIXES, companies, trades

END = messages.EndCompany(company=name_of("company"))


@accepted(messages.EndCompany)
def test_a_company_leaves(world: Chain) -> Play:
    registered(world)
    yield world.sign(world.hospital, END)
    assert COMPANIES.require(world.state, name_of("company")).ended == world.height
    assert not trades(world.state, world.hospital.id)
    assert not list(world.state.scan(PREFIXES.prefix))


@accepted(messages.EndCompany)
def test_another_registration_stays(world: Chain) -> Play:
    registered(world)
    world.must(world.hospital, company("second", 2, "6901235"))
    yield world.sign(world.agent(), END)
    assert [each.prefixes for each in companies(world.state, world.hospital.id)] == [("6901235",)]
    assert trades(world.state, world.hospital.id)


@refused(messages.EndCompany, errors.NOT_YOUR_COMPANY)
def test_nobody_ends_anothers(world: Chain) -> bytes:
    registered(world)
    return world.sign(other(world), END)


@refused(messages.EndCompany, errors.UNKNOWN_COMPANY)
def test_there_must_be_one(world: Chain) -> bytes:
    return world.sign(registered(world), messages.EndCompany(company=name_of("none")))


@refused(messages.EndCompany, errors.COMPANY_ENDED)
def test_it_ends_once(world: Chain) -> bytes:
    world.must(registered(world), END)
    return world.sign(world.hospital, END)


@refused(messages.EndCompany, identity_errors.NOT_AN_ORGANISATION)
def test_a_practitioner_does_not(world: Chain) -> bytes:
    registered(world)
    return world.sign(world.practitioner(), END)
