"""F48: one serial number presented at two distant places is an alert on the chain in a block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.gateway.supply.asking import Gateway, verify_path
from tests.unit.gateway.supply.pack_events import made
from tests.unit.gateway.supply.trade import (
    GTIN,
    HOSPITAL_GLN,
    LOT,
    SHOP_GLN,
    Trade,
)
from yilian.gateway.supply.alerts import Alerts
from yilian.gateway.supply.clones import Clones
from yilian.gateway.supply.places import Place, Places
from yilian.ledger.modules.supply import messages as supply
from yilian.ledger.modules.supply.state import ALERTS

PACK = f"https://id.gs1.org/01/{GTIN}/21/A1"


@pytest.fixture
def trade(tmp_path: Path) -> Iterator[Trade]:
    """A chain with a product."""
    running = Trade(tmp_path)
    yield running
    running.close()


def test_two_cities_within_a_minute(trade: Trade) -> None:
    """A pharmacy in Shanghai and a hospital in Ürümqi ask about the same pack."""
    maker = trade.working(trade.maker)
    maker.take(made(0, [PACK], LOT, "2070-03-31"))
    places = Places(maker.database)
    places.put(Place(SHOP_GLN, 31_230_000, 121_470_000))
    places.put(Place(HOSPITAL_GLN, 43_830_000, 87_620_000))
    told: list[supply.RaiseAlert] = []

    def announce(message: supply.RaiseAlert) -> None:
        told.append(message)
        trade.must(trade.maker, message)

    now = trade.engine.now
    alerts = Alerts(maker.database, now)
    clones = Clones(
        trade.maker.id,
        maker.database,
        maker.directory,
        maker.packs,
        alerts,
        places,
        now=now,
        announce=announce,
    )
    maker.verification.listeners.append(clones.seen)
    trade.credential("hospital", trade.hospital.id)
    gateway = Gateway(trade, {trade.maker.id: maker}, [trade.maker.id])
    try:
        first = gateway.signed(trade.shop, verify_path(GTIN, LOT, "A1", SHOP_GLN))
        assert first.json()["data"] == {"verified": True}
        assert told == []
        before = trade.engine.height
        second = gateway.signed(trade.hospital, verify_path(GTIN, LOT, "A1", HOSPITAL_GLN))
        assert second.status_code == 200
    finally:
        gateway.close()
    (message,) = told
    found = ALERTS.require(trade.engine.state(), message.alert)
    assert (found.kind, found.gtin, found.status) == ("clone", GTIN, "open")
    assert found.since == trade.first_block_after(before)
    assert [each.kind for each in alerts.list()] == ["clone"]
