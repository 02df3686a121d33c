"""Rules of `supply.OfferProduct`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain
from tests.rules.supply.cast import GTIN, company, gtin, member, offered, other, product
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import PRODUCTS, owner

OFFER = messages.OfferProduct


@accepted(OFFER)
def test_an_owner_offers(world: Chain) -> Play:
    product(world)
    maker = other(world)
    yield world.sign(world.hospital, OFFER(gtin=GTIN, to=maker.id))
    assert PRODUCTS.require(world.state, GTIN).offered == maker.id
    assert owner(world.state, GTIN) == world.hospital.id


@accepted(OFFER)
def test_a_later_offer_takes_the_earlier_ones_place(world: Chain) -> Play:
    offered(world)
    pharmacy = member(world, "pharmacy", "pharmacy")
    world.must(pharmacy, company("shop", 3, "690777"))
    yield world.sign(world.agent(), OFFER(gtin=GTIN, to=pharmacy.id))
    assert PRODUCTS.require(world.state, GTIN).offered == pharmacy.id


@refused(OFFER, errors.NOT_YOUR_PRODUCT)
def test_nobody_offers_anothers(world: Chain) -> bytes:
    product(world)
    maker = other(world)
    return world.sign(maker, OFFER(gtin=GTIN, to=maker.id))


@refused(OFFER, errors.CANNOT_RECEIVE)
def test_nobody_offers_to_themselves(world: Chain) -> bytes:
    return world.sign(product(world), OFFER(gtin=GTIN, to=world.hospital.id))


@refused(OFFER, errors.CANNOT_RECEIVE)
def test_who_has_no_company_receives_nothing(world: Chain) -> bytes:
    return world.sign(product(world), OFFER(gtin=GTIN, to=world.insurer.id))


@refused(OFFER, errors.UNKNOWN_PRODUCT)
def test_there_must_be_something_to_offer(world: Chain) -> bytes:
    return world.sign(product(world), OFFER(gtin=gtin(9), to=world.insurer.id))


@refused(OFFER, errors.PRODUCT_ENDED)
def test_what_ended_is_not_offered(world: Chain) -> bytes:
    world.must(product(world), messages.EndProduct(gtin=GTIN))
    return world.sign(world.hospital, OFFER(gtin=GTIN, to=world.insurer.id))


@refused(OFFER, identity_errors.NOT_ON_BEHALF)
def test_an_offer_names_no_person(world: Chain) -> bytes:
    product(world)
    request = OFFER(gtin=GTIN, to=world.insurer.id)
    return world.sign(world.hospital, request, on_behalf_of=world.ward().id)
