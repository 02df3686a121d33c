"""Rules of `supply.RaiseAlert`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Chain, digest_of, name_of
from tests.rules.supply.cast import (
    GTIN,
    alert,
    described,
    gtin,
    other,
    product,
    registered,
    regulator,
)
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import ALERTS

RAISE = messages.RaiseAlert


@accepted(RAISE)
def test_an_owner_warns(world: Chain) -> Play:
    product(world)
    yield world.sign(world.agent(), alert())
    found = ALERTS.require(world.state, name_of("alert"))
    assert (found.gtin, found.kind, found.organisation) == (GTIN, "clone", world.hospital.id)
    assert found.commitment == digest_of("what alert saw")
    assert (found.raised, found.since, found.status) == (world.time, world.height, "open")


@accepted(RAISE)
def test_who_answers_for_packs_warns(world: Chain) -> Play:
    registered(world)
    world.must(world.hospital, described(world, responder=world.insurer.id))
    yield world.sign(world.insurer, alert(kind="unknown_serial"))
    assert ALERTS.require(world.state, name_of("alert")).organisation == world.insurer.id


@refused(RAISE, errors.NOT_YOUR_PRODUCT)
def test_a_competitor_does_not_warn(world: Chain) -> bytes:
    product(world)
    return world.sign(other(world), alert())


@refused(RAISE, errors.NOT_YOUR_PRODUCT)
def test_nor_a_regulator(world: Chain) -> bytes:
    product(world)
    return world.sign(regulator(world), alert())


@refused(RAISE, errors.UNKNOWN_PRODUCT)
def test_there_must_be_a_product(world: Chain) -> bytes:
    return world.sign(product(world), alert(gtin=gtin(9)))


@refused(RAISE, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    owner = product(world)
    world.must(owner, alert())
    return world.sign(owner, alert(kind="reused"))
