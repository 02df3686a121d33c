"""Rules of `supply.CloseAlert`."""

from __future__ import annotations

from tests.cases import Play, accepted, refused
from tests.chain import Actor, Chain, name_of
from tests.rules.supply.cast import GTIN, alert, offered, other, product
from yilian.ledger.modules.supply import errors, messages
from yilian.ledger.modules.supply.state import ALERTS

CLOSE = messages.CloseAlert(alert=name_of("alert"), finding="confirmed")


def raised(world: Chain) -> Actor:
    owner = product(world)
    world.must(owner, alert())
    return owner


@accepted(messages.CloseAlert)
def test_a_finding(world: Chain) -> Play:
    yield world.sign(raised(world), CLOSE)
    found = ALERTS.require(world.state, name_of("alert"))
    assert (found.finding, found.closed, found.status) == ("confirmed", world.time, "closed")


@accepted(messages.CloseAlert)
def test_the_new_owner_finds(world: Chain) -> Play:
    maker = offered(world)
    world.must(world.hospital, alert())
    world.must(maker, messages.AcceptProduct(gtin=GTIN))
    request = messages.CloseAlert(alert=name_of("alert"), finding="data_error")
    yield world.sign(maker, request)
    assert ALERTS.require(world.state, name_of("alert")).finding == "data_error"


@refused(messages.CloseAlert, errors.NOT_YOUR_ALERT)
def test_a_competitor_finds_nothing(world: Chain) -> bytes:
    raised(world)
    return world.sign(other(world), CLOSE)


@refused(messages.CloseAlert, errors.UNKNOWN_ALERT)
def test_there_must_be_an_alert(world: Chain) -> bytes:
    return world.sign(product(world), CLOSE)


@refused(messages.CloseAlert, errors.ALERT_CLOSED)
def test_it_is_closed_once(world: Chain) -> bytes:
    owner = raised(world)
    world.must(owner, CLOSE)
    return world.sign(owner, messages.CloseAlert(alert=name_of("alert"), finding="false_alarm"))
