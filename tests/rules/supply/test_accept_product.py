"""Rules of `supply.AcceptProduct`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, name_of
from tests.rules.supply.cast import DRUG_CODE, GTIN, gtin, offered, other, product
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import (
    PRODUCTS,
    owner,
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
