"""F46: scan a code without login: product, maker, lot, expiry, way, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.unit.gateway.supply.asking import Gateway
from tests.unit.gateway.supply.pack_events import made, seen
from tests.unit.gateway.supply.trade import (
    GTIN,
    LOT,
    PRODUCT,
    SHOP_GLN,
    Trade,
)

CODE = f"]d201{GTIN}21A1\x1d1770033110{LOT}"
PACK = f"https://id.gs1.org/01/{GTIN}/21/A1"


@pytest.fixture
def trade(tmp_path: Path) -> Iterator[Trade]:
    """A chain with a product."""
    running = Trade(tmp_path)
    yield running
    running.close()


def test_a_pack_is_shown_from_the_factory_to_the_counter(trade: Trade) -> None:
    """And turns red in the block of a recall, whoever answers or does not."""
    maker = trade.working(trade.maker)
    owner = {"type": "owning_party"}
    shop = {**owner, "destination": f"https://id.gs1.org/417/{SHOP_GLN}"}
    own = {**owner, "source": f"urn:yilian:organisation:{trade.maker.id}"}
    lists: dict[str, Any] = {"sourceList": [own], "destinationList": [shop]}
    maker.take(
        made(0, [PACK], LOT, "2070-03-31"),
        seen(1, [PACK], "shipping", "in_transit", **lists),
        seen(86_400_000, [PACK], "receiving", "in_progress", **lists),
    )
    gateway = Gateway(trade, {trade.maker.id: maker}, [trade.maker.id])
    try:
        found = scan(gateway)
        assert (found["verdict"], found["colour"]) == ("genuine", "green")
        assert (found["product"], found["maker"]) == (PRODUCT, "云溪市 maker")
        assert (found["lot"], found["expiry"]) == (LOT, "2070-03-31")
        steps = [(each["step"], each["party"]) for each in found["route"]]
        assert steps[0][0] == "commission"
        assert ("receive", "pharmacy") in steps
        assert SHOP_GLN not in str(found)
        assert trade.shop.id not in str(found)
        trade.recall("lot", LOT)
        assert scan(gateway)["colour"] == "red"
    finally:
        gateway.close()


def scan(gateway: Gateway) -> dict[str, Any]:
    """Scan as anybody may."""
    answer = gateway.get(str(httpx.URL("/v1/supply/scan", params={"code": CODE})))
    assert answer.status_code == 200, answer.text
    assert "set-cookie" not in answer.headers
    body: dict[str, Any] = answer.json()
    return body
