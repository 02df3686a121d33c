"""Rules of `supply.WithdrawOffer`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain
from tests.rules.supply.cast import GTIN, gtin, offered, product
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import PRODUCTS

WITHDRAW = messages.WithdrawOffer(gtin=GTIN)


@accepted(messages.WithdrawOffer)
def test_an_owner_keeps_its_product(world: Chain) -> Play:
    offered(world)
    yield world.sign(world.hospital, WITHDRAW)
    found = PRODUCTS.require(world.state, GTIN)
    assert (found.owner, found.offered) == (world.hospital.id, None)


@refused(messages.WithdrawOffer, errors.NOT_YOUR_PRODUCT)
def test_who_was_offered_it_does_not_withdraw(world: Chain) -> bytes:
    return world.sign(offered(world), WITHDRAW)


@refused(messages.WithdrawOffer, errors.NOT_OFFERED)
def test_there_must_be_an_offer(world: Chain) -> bytes:
    return world.sign(product(world), WITHDRAW)


@refused(messages.WithdrawOffer, errors.UNKNOWN_PRODUCT)
def test_there_must_be_a_product_to_keep(world: Chain) -> bytes:
    return world.sign(product(world), messages.WithdrawOffer(gtin=gtin(9)))


@refused(messages.WithdrawOffer, errors.PRODUCT_ENDED)
def test_what_ended_has_no_offer(world: Chain) -> bytes:
    offered(world)
    world.must(world.hospital, messages.EndProduct(gtin=GTIN))
    return world.sign(world.hospital, WITHDRAW)
