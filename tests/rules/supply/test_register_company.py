"""Rules of `supply.RegisterCompany`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from tests.rules.supply.cast import PREFIX, begun, company, gln, gtin, member, other, registered
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.rules import MAX_COMPANIES
from yilian.ledger.modules.supply.state import (
    PACE,
    companies,
    company_of,
    covering,
    last_post,
    trades,
)

REGISTER = messages.RegisterCompany


@accepted(REGISTER)
def test_a_hospital_trades(world: Chain) -> Play:
    begun(world)
    yield world.sign(world.hospital, company())
    found = company_of(world.state, gln(1))
    assert found is not None
    assert (found.organisation, found.prefixes) == (world.hospital.id, (PREFIX,))
    assert (found.since, found.ended) == (world.height, None)
    assert covering(world.state, gtin()) == found
    assert companies(world.state, world.hospital.id) == (found,)
    assert not trades(world.state, world.insurer.id)
    assert last_post(world.state, world.hospital.id) == world.time // 10_000 - 1
    assert PACE.require(world.state, "current").ms == 10_000


@accepted(REGISTER)
def test_an_agent_registers_a_pharmacy_without_prefixes(world: Chain) -> Play:
    pharmacy = member(begun(world), "pharmacy", "pharmacy")
    request = messages.RegisterCompany(company=name_of("shop"), gln=gln(7), prefixes=[])
    yield world.sign(world.agent("till", pharmacy), request)
    assert trades(world.state, pharmacy.id)


@accepted(REGISTER)
def test_prefixes_side_by_side_do_not_overlap(world: Chain) -> Play:
    registered(world)
    yield world.sign(world.hospital, company("second", 2, "690120", "690123300000", "6901235"))
    assert len(companies(world.state, world.hospital.id)) == 2
    other_one = covering(world.state, gtin(1, "690120"))
    assert other_one is not None
    assert other_one.gln == gln(2)
    assert covering(world.state, gtin(1, "6901236")) is None
    assert covering(world.state, gtin(1, "6901238")) is None


@accepted(REGISTER)
def test_a_gln_that_was_given_up_is_free(world: Chain) -> Play:
    registered(world)
    world.must(world.hospital, messages.EndCompany(company=name_of("company")))
    assert company_of(world.state, gln(1)) is None
    assert covering(world.state, gtin()) is None
    last = last_post(world.state, world.hospital.id)
    world.wait(60_000)
    yield world.sign(world.hospital, company("again", 1, "690123"))
    assert last_post(world.state, world.hospital.id) == last


@refused(REGISTER, identity_errors.NOT_AN_ORGANISATION)
def test_a_person_is_no_company(world: Chain) -> bytes:
    return world.sign(begun(world).person(), company())


@refused(REGISTER, identity_errors.NOT_ON_BEHALF)
def test_it_names_no_person(world: Chain) -> bytes:
    return world.sign(begun(world).hospital, company(), on_behalf_of=world.ward().id)


@refused(REGISTER, errors.NOT_A_TRADER)
def test_an_insurer_does_not_trade(world: Chain) -> bytes:
    return world.sign(begun(world).insurer, company())


@refused(REGISTER, errors.NOT_A_TRADER)
def test_who_is_no_member_does_not_register(world: Chain) -> bytes:
    return world.sign(begun(world).organisation("maker", "maker"), company())


@refused(REGISTER, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    return world.sign(registered(world), company("company", 2, "690124"))


@refused(REGISTER, errors.GLN_TAKEN)
def test_a_gln_is_of_one_company(world: Chain) -> bytes:
    registered(world)
    return world.sign(other(world), company("squatter", 1, "690124"))


@refused(REGISTER, errors.PREFIX_TAKEN)
def test_a_prefix_is_of_one_company(world: Chain) -> bytes:
    registered(world)
    return world.sign(other(world), company("squatter", 3))


@refused(REGISTER, errors.PREFIX_TAKEN)
def test_a_shorter_prefix_would_hold_anothers(world: Chain) -> bytes:
    return world.sign(registered(world), company("squatter", 3, PREFIX[:6]))


@refused(REGISTER, errors.PREFIX_TAKEN)
def test_a_longer_prefix_would_lie_in_anothers(world: Chain) -> bytes:
    return world.sign(registered(world), company("squatter", 3, PREFIX + "00001"))


@refused(REGISTER, errors.BAD_CHECK_DIGIT)
def test_a_gln_ends_with_its_check_digit(world: Chain) -> bytes:
    wrong = gln(1)[:-1] + str((int(gln(1)[-1]) + 1) % 10)
    request = messages.RegisterCompany(company=name_of("company"), gln=wrong, prefixes=[])
    return world.sign(begun(world).hospital, request)


@refused(REGISTER, errors.BAD_PREFIX)
def test_the_range_of_short_numbers_is_nobodys(world: Chain) -> bytes:
    return world.sign(begun(world).hospital, company("company", 1, "000001"))


@refused(REGISTER, errors.BAD_PREFIX)
def test_one_prefix_within_another_is_one_too_many(world: Chain) -> bytes:
    return world.sign(begun(world).hospital, company("company", 1, PREFIX, PREFIX + "1"))


@refused(REGISTER, errors.BAD_LIST)
def test_prefixes_are_sorted(world: Chain) -> bytes:
    return world.sign(begun(world).hospital, company("company", 1, "690124", "690123"))


@refused(REGISTER, errors.BAD_LIST)
def test_a_prefix_stands_once(world: Chain) -> bytes:
    return world.sign(begun(world).hospital, company("company", 1, PREFIX, PREFIX))


@refused(REGISTER, errors.TOO_MANY_COMPANIES)
def test_there_is_a_limit(world: Chain) -> bytes:
    begun(world)
    for number in range(MAX_COMPANIES):
        request = messages.RegisterCompany(
            company=name_of(f"company {number}"), gln=gln(number), prefixes=[]
        )
        world.must(world.hospital, request)
    return world.sign(world.hospital, company("one more", 99))
