"""Rules of `supply.AcceptProduct`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from tests.rules.supply.cast import DRUG_CODE, GTIN, gtin, had_by, offered, other, product
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.rules_products import MAX_OWNERS
from yilian.ledger.modules.supply.state import (
    PRODUCTS,
    Owned,
    owned_at,
    owner,
    owners,
    product_of_drug_code,
    responder,
)

ACCEPT = messages.AcceptProduct(gtin=GTIN)


@accepted(messages.AcceptProduct)
def test_the_new_owner_answers(world: Chain) -> Play:
    maker = offered(world)
    yield world.sign(maker, ACCEPT)
    assert owner(world.state, GTIN) == maker.id
    assert responder(world.state, GTIN) == maker.id
    assert PRODUCTS.require(world.state, GTIN).offered is None
    assert product_of_drug_code(world.state, DRUG_CODE) == GTIN


@accepted(messages.AcceptProduct)
def test_the_history_names_every_owner(world: Chain) -> Play:
    maker = offered(world)
    (first,) = owners(world.state, GTIN)
    yield world.sign(maker, ACCEPT)
    sold = world.time
    assert owners(world.state, GTIN) == (first, Owned(organisation=maker.id, since=sold))
    assert owned_at(world.state, GTIN, first.since - 1) == (world.hospital.id,)
    assert owned_at(world.state, GTIN, first.since) == (world.hospital.id,)
    assert owned_at(world.state, GTIN, sold - 1) == (world.hospital.id,)
    assert owned_at(world.state, GTIN, sold) == (world.hospital.id, maker.id)
    assert owned_at(world.state, GTIN, sold + 1) == (maker.id,)
    # It goes back: then it is the hospital's again, and was not in between.
    world.must(maker, messages.OfferProduct(gtin=GTIN, to=world.hospital.id))
    world.must(world.hospital, ACCEPT)
    assert [each.organisation for each in owners(world.state, GTIN)] == [
        world.hospital.id,
        maker.id,
        world.hospital.id,
    ]
    assert owned_at(world.state, GTIN, world.time - 1) == (maker.id,)
    assert owned_at(world.state, GTIN, world.time + 1) == (world.hospital.id,)


@accepted(messages.AcceptProduct)
def test_the_hundredth_owner_is_the_last(world: Chain) -> Play:
    maker = offered(world)
    had_by(world, MAX_OWNERS - 1, world.hospital)
    yield world.sign(maker, ACCEPT)
    assert len(owners(world.state, GTIN)) == MAX_OWNERS


@refused(messages.AcceptProduct, errors.TOO_MANY_OWNERS)
def test_there_is_no_owner_after_the_hundredth(world: Chain) -> bytes:
    maker = offered(world)
    had_by(world, MAX_OWNERS, world.hospital)
    return world.sign(maker, ACCEPT)


@refused(messages.AcceptProduct, errors.NOT_OFFERED)
def test_what_was_not_offered_is_not_taken(world: Chain) -> bytes:
    product(world)
    return world.sign(other(world), ACCEPT)


@refused(messages.AcceptProduct, errors.NOT_OFFERED)
def test_the_owner_takes_nothing_over(world: Chain) -> bytes:
    offered(world)
    return world.sign(world.hospital, ACCEPT)


@refused(messages.AcceptProduct, errors.NOT_OFFERED)
def test_an_offer_is_taken_once(world: Chain) -> bytes:
    maker = offered(world)
    world.must(maker, ACCEPT)
    return world.sign(maker, ACCEPT)


@refused(messages.AcceptProduct, errors.NO_COMPANY)
def test_who_ended_its_company_takes_nothing(world: Chain) -> bytes:
    maker = offered(world)
    world.must(maker, messages.EndCompany(company=name_of("other")))
    return world.sign(maker, ACCEPT)


@refused(messages.AcceptProduct, errors.PRODUCT_ENDED)
def test_what_ended_is_not_taken(world: Chain) -> bytes:
    maker = offered(world)
    world.must(world.hospital, messages.EndProduct(gtin=GTIN))
    return world.sign(maker, ACCEPT)


@refused(messages.AcceptProduct, errors.UNKNOWN_PRODUCT)
def test_there_must_be_an_offer_of_something(world: Chain) -> bytes:
    return world.sign(offered(world), messages.AcceptProduct(gtin=gtin(9)))


@refused(messages.AcceptProduct, identity_errors.NOT_AN_ORGANISATION)
def test_a_person_takes_no_product(world: Chain) -> bytes:
    offered(world)
    return world.sign(world.person(), ACCEPT)
