"""Rules of `supply.EndProduct`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain
from tests.rules.supply.cast import (
    DRUG_CODE,
    GTIN,
    gtin,
    offered,
    other,
    product,
    recall,
    regulator,
)
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import PRODUCTS, product_of_drug_code, recalls_of

END = messages.EndProduct(gtin=GTIN)


@accepted(messages.EndProduct)
def test_an_owner_ends_it_and_may_still_recall(world: Chain) -> Play:
    offered(world)
    yield world.sign(world.hospital, END)
    found = PRODUCTS.require(world.state, GTIN)
    assert (found.ended, found.offered, found.drug_code) == (world.height, None, None)
    assert product_of_drug_code(world.state, DRUG_CODE) is None
    world.must(world.hospital, recall())
    assert len(recalls_of(world.state, GTIN)) == 1


@accepted(messages.EndProduct)
def test_a_regulator_ends_it(world: Chain) -> Play:
    product(world)
    yield world.sign(regulator(world), END)
    assert PRODUCTS.require(world.state, GTIN).ended == world.height


@refused(messages.EndProduct, errors.NOT_YOUR_PRODUCT)
def test_a_competitor_does_not(world: Chain) -> bytes:
    product(world)
    return world.sign(other(world), END)


@refused(messages.EndProduct, errors.UNKNOWN_PRODUCT)
def test_there_must_be_a_product_to_end(world: Chain) -> bytes:
    return world.sign(product(world), messages.EndProduct(gtin=gtin(9)))


@refused(messages.EndProduct, errors.PRODUCT_ENDED)
def test_a_product_ends_once(world: Chain) -> bytes:
    world.must(product(world), END)
    return world.sign(world.hospital, END)


@refused(messages.EndProduct, identity_errors.NOT_AN_ORGANISATION)
def test_a_person_ends_nothing(world: Chain) -> bytes:
    product(world)
    return world.sign(world.person(), END)
