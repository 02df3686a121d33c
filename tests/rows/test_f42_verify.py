"""F42: verify serial, lot and expiry; each thing that is wrong gives its own reason, in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.gateway.supply.asking import Gateway, verify_path
from tests.unit.gateway.supply.pack_events import made, seen
from tests.unit.gateway.supply.trade import GTIN, LOT, SHOP_GLN, Trade, Working
from yilian.gateway.supply import codes

ASKED = 60


def pack(serial: str) -> str:
    """A pack's id."""
    return f"https://id.gs1.org/01/{GTIN}/21/{serial}"


@pytest.fixture
def trade(tmp_path: Path) -> Iterator[Trade]:
    """A chain with a product."""
    running = Trade(tmp_path)
    yield running
    running.close()


@pytest.fixture
def maker(trade: Trade) -> Working:
    """The maker, with packs that went different ways."""
    desk = trade.working(trade.maker)
    desk.take(
        made(0, [pack("GOOD"), pack("SOLD"), pack("GONE")], LOT, "2070-03-31"),
        made(0, [pack("OLD")], LOT, "2020-01-31"),
        made(0, [pack("BACK")], "L9", "2070-03-31"),
        seen(1, [pack("SOLD")], "dispensing", "dispensed"),
        seen(1, [pack("GONE")], "destroying", "destroyed"),
    )
    trade.recall("L9", "L9")
    return desk


@pytest.mark.parametrize(
    ("code", "reason", "concern"),
    [
        (f"(01){GTIN}(21)GOOD(17)700331(10){LOT}", "verified", "none"),
        (f"(01){GTIN}(21)NONE(17)700331(10){LOT}", "serial_unknown", "suspected_fake"),
        (f"(01){GTIN}(21)GOOD(17)700331(10)X9", "lot_differs", "suspected_fake"),
        (f"(01){GTIN}(21)GOOD(17)710331(10){LOT}", "expiry_differs", "suspected_fake"),
        (f"(01){GTIN}(21)OLD(17)200131(10){LOT}", "expired", "not_for_sale"),
        (f"(01){GTIN}(21)BACK(17)700331(10)L9", "recalled", "not_for_sale"),
        (f"(01){GTIN}(21)SOLD(17)700331(10){LOT}", "dispensed", "suspected_fake"),
        (f"(01){GTIN}(21)GONE(17)700331(10){LOT}", "destroyed", "suspected_fake"),
    ],
)
def test_each_fault_gives_its_reason(
    trade: Trade, maker: Working, code: str, reason: str, concern: str
) -> None:
    """Asked by the shop's people with what the scanner read; kept on both sides."""
    shop = trade.working(trade.shop)
    gateway = Gateway(trade, {trade.maker.id: maker, trade.shop.id: shop}, [trade.shop.id])
    try:
        check, answer = shop.checks.ask(gateway.responders, codes.read(code))
    finally:
        gateway.close()
    assert (check.reason, check.concern) == (reason, concern)
    assert maker.verification.evidence(answer.verification).requester == SHOP_GLN


def test_an_answer_takes_less_than_a_second(trade: Trade, maker: Working) -> None:
    """The 95th percentile of whole requests; `bench/verification.py` has a million packs."""
    gateway = Gateway(trade, {trade.maker.id: maker}, [trade.maker.id])
    took = []
    try:
        for _ in range(ASKED):
            began = time.perf_counter()
            answer = gateway.signed(trade.shop, verify_path(GTIN, LOT, "GOOD", SHOP_GLN))
            took.append(time.perf_counter() - began)
            assert answer.json()["data"] == {"verified": True}
    finally:
        gateway.close()
    print(f"p95 {sorted(took)[ASKED * 95 // 100] * 1000:.1f} ms")
