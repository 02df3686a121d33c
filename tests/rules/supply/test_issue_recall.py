"""Rules of `supply.IssueRecall`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import DAY, HOUR, STEP, Chain, name_of
from tests.rules.supply.cast import (
    GTIN,
    begun,
    gtin,
    offered,
    other,
    product,
    recall,
    regulator,
)
from yilian.ledger.modules.identity import errors as identity_errors
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.numbers import serial_digest
from yilian.ledger.modules.supply.rules_recalls import MAX_RECALLS
from yilian.ledger.modules.supply.state import RECALLS, RECALLS_OF, recalled, recalls_of

ISSUE = messages.IssueRecall


@accepted(ISSUE)
def test_an_owner_recalls_a_lot(world: Chain) -> Play:
    product(world)
    yield world.sign(world.hospital, recall())
    name, now = name_of("recall"), world.time
    found = RECALLS.require(world.state, name)
    assert (found.issuer, found.issued, found.grade) == (world.hospital.id, now, 2)
    assert recalls_of(world.state, GTIN) == ((name, found),)
    assert recalls_of(world.state, gtin(2)) == ()
    assert recalled(world.state, GTIN, "L-1", "", now) == (name,)
    assert recalled(world.state, GTIN, "L-2", "", now) == ()
    assert recalled(world.state, gtin(2), "L-1", "", now) == ()


@accepted(ISSUE)
def test_serials_are_named_by_their_digests(world: Chain) -> Play:
    product(world)
    hit = serial_digest(GTIN, "S1")
    yield world.sign(world.agent(), recall(lots=[], serials=[hit], grade=1))
    now = world.time
    assert recalled(world.state, GTIN, "L-1", hit, now) == (name_of("recall"),)
    assert recalled(world.state, GTIN, "L-1", serial_digest(GTIN, "S2"), now) == ()
    assert serial_digest(gtin(2), "S1") != hit


@accepted(ISSUE)
def test_of_everything_and_until_it_ends(world: Chain) -> Play:
    product(world)
    ends = world.time + HOUR
    yield world.sign(world.hospital, recall(lots=[], ends=ends))
    name = name_of("recall")
    assert recalled(world.state, GTIN, "", "", ends - 1) == (name,)
    assert recalled(world.state, GTIN, "", "", ends) == ()
    assert [each for each, _ in recalls_of(world.state, GTIN)] == [name]
    assert recalls_of(world.state, GTIN, ends) == ()


@accepted(ISSUE)
def test_a_regulator_recalls_what_nobody_registered(world: Chain) -> Play:
    office = regulator(begun(world))
    yield world.sign(office, recall(reason="falsified", lots=[]))
    assert recalled(world.state, GTIN, "any", "", world.time) == (name_of("recall"),)


@accepted(ISSUE)
def test_the_gravest_comes_first_and_the_lapsed_are_dropped(world: Chain) -> Play:
    owner = product(world)
    world.must(owner, recall("light", grade=3))
    world.must(owner, recall("short", ends=world.time + HOUR))
    world.wait(DAY)
    yield world.sign(owner, recall("grave", grade=1))
    grave, light = name_of("grave"), name_of("light")
    assert recalled(world.state, GTIN, "L-1", "", world.time) == (grave, light)
    assert set(RECALLS_OF.require(world.state, GTIN).recalls) == {grave, light}


@refused(ISSUE, errors.NOT_YOUR_PRODUCT)
def test_a_competitor_recalls_nothing(world: Chain) -> bytes:
    product(world)
    return world.sign(other(world), recall())


@refused(ISSUE, errors.NOT_YOUR_PRODUCT)
def test_who_sold_a_product_recalls_it_no_more(world: Chain) -> bytes:
    world.must(offered(world), messages.AcceptProduct(gtin=GTIN))
    return world.sign(world.hospital, recall())


@refused(ISSUE, errors.UNKNOWN_PRODUCT)
def test_there_must_be_a_product(world: Chain) -> bytes:
    return world.sign(product(world), recall(gtin=gtin(9)))


@refused(ISSUE, errors.ID_TAKEN)
def test_an_id_is_given_once(world: Chain) -> bytes:
    owner = product(world)
    world.must(owner, recall())
    return world.sign(owner, recall(lots=["L-9"]))


@refused(ISSUE, errors.BAD_PERIOD)
def test_it_ends_in_the_future(world: Chain) -> bytes:
    return world.sign(product(world), recall(ends=world.time + STEP))


@refused(ISSUE, errors.TOO_MANY_RECALLS)
def test_there_is_a_limit(world: Chain) -> bytes:
    owner = product(world)
    for first in range(0, MAX_RECALLS, 20):
        world.must(owner, *[recall(f"recall {first + each}") for each in range(20)])
    return world.sign(owner, recall())


@refused(ISSUE, errors.BAD_LIST)
def test_lots_are_sorted(world: Chain) -> bytes:
    return world.sign(product(world), recall(lots=["L-2", "L-1"]))


@refused(ISSUE, errors.BAD_LIST)
def test_a_serial_stands_once(world: Chain) -> bytes:
    return world.sign(product(world), recall(serials=[serial_digest(GTIN, "S1")] * 2))


@refused(ISSUE, errors.BAD_CHECK_DIGIT)
def test_a_wrong_number_is_seen_first(world: Chain) -> bytes:
    wrong = GTIN[:-1] + str((int(GTIN[-1]) + 1) % 10)
    return world.sign(product(world), recall(gtin=wrong))


@refused(ISSUE, identity_errors.NOT_AN_ORGANISATION)
def test_a_practitioner_recalls_nothing(world: Chain) -> bytes:
    product(world)
    return world.sign(world.practitioner(), recall())
