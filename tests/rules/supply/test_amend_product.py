"""Rules of `supply.AmendProduct`."""

from __future__ import annotations

from typing import Any

from tests.cases import Play, accepted, refused
from tests.chain import Chain
from tests.rules.supply.cast import DRUG_CODE, GTIN, described, gtin, offered, other, product
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import PRODUCTS, product_of_drug_code

AMEND = messages.AmendProduct


def amended(world: Chain, **fields: Any) -> messages.AmendProduct:
    given: dict[str, Any] = {"gtin": GTIN, "name": "Amoxicillin", "responder": world.hospital.id}
    return messages.AmendProduct(**{**given, **fields})


@accepted(AMEND)
def test_an_owner_describes_anew(world: Chain) -> Play:
    product(world)
    before = PRODUCTS.require(world.state, GTIN)
    yield world.sign(world.hospital, amended(world, responder=world.insurer.id))
    found = PRODUCTS.require(world.state, GTIN)
    assert (found.name, found.responder) == ("Amoxicillin", world.insurer.id)
    assert (found.lowest, found.highest, found.drug_code) == (None, None, None)
    assert (found.kind, found.owner, found.since) == (before.kind, before.owner, before.since)
    assert product_of_drug_code(world.state, DRUG_CODE) is None


@accepted(AMEND)
def test_a_drug_code_may_be_another(world: Chain) -> Play:
    product(world)
    yield world.sign(world.agent(), amended(world, drug_code="8999999"))
    assert product_of_drug_code(world.state, "8999999") == GTIN
    assert product_of_drug_code(world.state, DRUG_CODE) is None


@accepted(AMEND)
def test_an_offer_stays(world: Chain) -> Play:
    maker = offered(world)
    yield world.sign(world.hospital, amended(world, drug_code=DRUG_CODE))
    assert PRODUCTS.require(world.state, GTIN).offered == maker.id


@refused(AMEND, identity_errors.NOT_AN_ORGANISATION)
def test_a_person_does_not_describe(world: Chain) -> bytes:
    product(world)
    return world.sign(world.person(), amended(world))


@refused(AMEND, errors.NOT_YOUR_PRODUCT)
def test_nobody_describes_anothers(world: Chain) -> bytes:
    product(world)
    return world.sign(other(world), amended(world))


@refused(AMEND, errors.UNKNOWN_PRODUCT)
def test_there_must_be_a_product(world: Chain) -> bytes:
    return world.sign(product(world), amended(world, gtin=gtin(9)))


@refused(AMEND, errors.PRODUCT_ENDED)
def test_what_ended_is_not_described(world: Chain) -> bytes:
    world.must(product(world), messages.EndProduct(gtin=GTIN))
    return world.sign(world.hospital, amended(world))


@refused(AMEND, errors.DRUG_CODE_TAKEN)
def test_anothers_drug_code_is_taken(world: Chain) -> bytes:
    owner = product(world)
    world.must(owner, described(world, gtin=gtin(2), drug_code="8999999"))
    return world.sign(owner, amended(world, drug_code="8999999"))


@refused(AMEND, errors.CANNOT_RESPOND)
def test_somebody_answers(world: Chain) -> bytes:
    owner = product(world)
    return world.sign(owner, amended(world, responder=world.device().id))


@refused(AMEND, errors.BAD_PRODUCT)
def test_the_kind_stays_and_binds(world: Chain) -> bytes:
    return world.sign(product(world), amended(world, single_use=True))


@refused(AMEND, errors.BAD_PRODUCT)
def test_a_range_has_both_ends(world: Chain) -> bytes:
    return world.sign(product(world), amended(world, lowest=200))


@refused(AMEND, errors.BAD_CHECK_DIGIT)
def test_a_wrong_number_is_seen_first(world: Chain) -> bytes:
    wrong = GTIN[:-1] + str((int(GTIN[-1]) + 1) % 10)
    return world.sign(product(world), amended(world, gtin=wrong))
