"""Rules of `supply.RegisterProduct`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain
from tests.rules.supply.cast import (
    DRUG_CODE,
    GTIN,
    OTHER_PREFIX,
    begun,
    described,
    gtin,
    had_by,
    offered,
    other,
    product,
    registered,
    regulator,
)
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply import state as supply
from yilian.ledger.modules.supply.rules_products import MAX_OWNERS_AGAIN

REGISTER = messages.RegisterProduct


@accepted(REGISTER)
def test_a_company_names_its_medicine(world: Chain) -> Play:
    registered(world)
    yield world.sign(world.hospital, described(world))
    found = supply.product(world.state, GTIN)
    assert found is not None
    assert (found.kind, found.lowest, found.highest) == ("medicine", 200, 800)
    assert (found.owner, found.since) == (world.hospital.id, world.height)
    assert supply.owner(world.state, GTIN) == world.hospital.id
    assert supply.responder(world.state, GTIN) == world.hospital.id
    assert supply.product_of_drug_code(world.state, DRUG_CODE) == GTIN
    entry = supply.Owned(organisation=world.hospital.id, since=world.time)
    assert supply.owners(world.state, GTIN) == (entry,)
    assert supply.owners(world.state, gtin(2)) == ()
    assert supply.owned_at(world.state, gtin(2), world.time) == ()


@accepted(REGISTER)
def test_a_device_with_cycles_that_another_answers_for(world: Chain) -> Play:
    registered(world)
    request = described(
        world,
        kind="device",
        cycles=50,
        responder=world.insurer.id,
        drug_code=None,
        lowest=None,
        highest=None,
    )
    yield world.sign(world.agent(), request)
    assert supply.responder(world.state, GTIN) == world.insurer.id
    assert supply.owner(world.state, gtin(2)) is None
    assert supply.responder(world.state, gtin(2)) is None
    assert supply.product_of_drug_code(world.state, DRUG_CODE) is None


@accepted(REGISTER)
def test_what_a_squatter_named_is_named_anew(world: Chain) -> Play:
    squatter = product(world)
    world.must(regulator(world), messages.EndProduct(gtin=GTIN))
    yield world.sign(squatter, described(world, kind="vaccine"))
    assert supply.PRODUCTS.require(world.state, GTIN).kind == "vaccine"
    assert len(supply.owners(world.state, GTIN)) == 1


@accepted(REGISTER)
def test_what_was_sold_and_ended_is_its_first_owners_again(world: Chain) -> Play:
    maker = offered(world)
    world.must(maker, messages.AcceptProduct(gtin=GTIN), messages.EndProduct(gtin=GTIN))
    had_by(world, MAX_OWNERS_AGAIN - 1, maker)
    yield world.sign(world.hospital, described(world))
    assert supply.owner(world.state, GTIN) == world.hospital.id
    last = supply.owners(world.state, GTIN)[MAX_OWNERS_AGAIN - 1]
    assert last == supply.Owned(organisation=world.hospital.id, since=world.time)


@refused(REGISTER, errors.TOO_MANY_OWNERS)
def test_a_history_does_not_grow_for_ever(world: Chain) -> bytes:
    maker = offered(world)
    world.must(maker, messages.AcceptProduct(gtin=GTIN), messages.EndProduct(gtin=GTIN))
    had_by(world, MAX_OWNERS_AGAIN, maker)
    return world.sign(world.hospital, described(world))


@refused(REGISTER, identity_errors.NOT_AN_ORGANISATION)
def test_a_person_has_no_products(world: Chain) -> bytes:
    registered(world)
    return world.sign(world.person(), described(world))


@refused(REGISTER, errors.GTIN_NOT_COVERED)
def test_without_a_company_there_is_no_product(world: Chain) -> bytes:
    return world.sign(begun(world).hospital, described(world))


@refused(REGISTER, errors.GTIN_NOT_COVERED)
def test_another_companys_number_is_not_ones_own(world: Chain) -> bytes:
    registered(world)
    return world.sign(other(world), described(world))


@refused(REGISTER, errors.GTIN_NOT_COVERED)
def test_a_number_without_a_prefix_is_nobodys(world: Chain) -> bytes:
    registered(world)
    return world.sign(world.hospital, described(world, gtin=gtin(1, OTHER_PREFIX)))


@refused(REGISTER, errors.GTIN_TAKEN)
def test_a_number_is_registered_once(world: Chain) -> bytes:
    return world.sign(product(world), described(world, drug_code=None))


@refused(REGISTER, errors.DRUG_CODE_TAKEN)
def test_a_drug_code_is_of_one_product(world: Chain) -> bytes:
    return world.sign(product(world), described(world, gtin=gtin(2)))


@refused(REGISTER, errors.CANNOT_RESPOND)
def test_a_practitioner_answers_for_no_pack(world: Chain) -> bytes:
    registered(world)
    return world.sign(world.hospital, described(world, responder=world.practitioner().id))


@refused(REGISTER, errors.BAD_CHECK_DIGIT)
def test_a_gtin_ends_with_its_check_digit(world: Chain) -> bytes:
    wrong = GTIN[:-1] + str((int(GTIN[-1]) + 5) % 10)
    return world.sign(registered(world), described(world, gtin=wrong))


@refused(REGISTER, errors.BAD_PRODUCT)
def test_half_a_range_is_none(world: Chain) -> bytes:
    return world.sign(registered(world), described(world, highest=None))


@refused(REGISTER, errors.BAD_PRODUCT)
def test_a_range_goes_upward(world: Chain) -> bytes:
    return world.sign(registered(world), described(world, lowest=801))


@refused(REGISTER, errors.BAD_PRODUCT)
def test_a_medicine_has_no_cycles(world: Chain) -> bytes:
    return world.sign(registered(world), described(world, cycles=3))


@refused(REGISTER, errors.BAD_PRODUCT)
def test_single_use_is_one_cycle(world: Chain) -> bytes:
    request = described(world, kind="device", single_use=True, cycles=3)
    return world.sign(registered(world), request)
