"""F48: one serial number presented at two distant places is an alert on the chain in a block."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.rows.supplied import PATIENCE, Traders, gtin, pack, path
from tests.rows.verifying import credential, gln, verify
from yilian.node.config import HostedOrganisation

SHOWN = {"gtin", "kind", "organisation", "commitment", "raised", "since"}
SHANGHAI, URUMQI = (31_230_000, 121_470_000), (43_830_000, 87_620_000)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Traders]:
    """Two pharmacies far apart that may ask, and a maker that knows where they are."""
    with Traders(tmp_path / "node") as running:
        running.open_trade()
        credential(running, running.other)
        with running.client(running.maker) as client:
            for who, (latitude, longitude) in (
                (running.shop, SHANGHAI),
                (running.other, URUMQI),
            ):
                where = {"latitude": latitude, "longitude": longitude}
                name = gln(running, who)
                client.request("PUT", path(running.maker, f"places/{name}"), where)
        yield running


def alerts(served: Traders) -> list[dict[str, Any]]:
    """The alerts on the chain, as anybody reads them."""
    with served.client(served.authority) as client:
        return list(client.list("supply", "alerts"))


def own_alerts(served: Traders, who: HostedOrganisation) -> list[tuple[str, str, str]]:
    """What an organisation's own people are told."""
    with served.client(who) as client:
        found = client.request("GET", path(who, "alerts"))["alerts"]
    return [(each["kind"], each["severity"], each["unit"]) for each in found]


def block_time(served: Traders, height: int) -> int:
    """When the making of a block began, in ms."""
    with served.client(served.authority) as client:
        stamp = client.block(height)["header"]["time"]
    return int(datetime.fromisoformat(stamp).timestamp() * 1_000)


def test_two_cities_within_a_minute(served: Traders) -> None:
    """A pharmacy in Shanghai and one in Ürümqi ask about the same pack."""
    maker = served.maker
    served.do(maker, "commission", [pack(1), pack(2)], lot="L1", expiry="2070-12-31")
    # The same place twice, and two packs at two places, are nothing.
    for who, serial in ((served.shop, "S1"), (served.shop, "S1"), (served.other, "S2")):
        assert verify(served, who, serial, "L1").said == {"verified": True}
    assert (alerts(served), own_alerts(served, maker)) == ([], [])
    with served.client(served.authority) as client:
        before = client.status().height
    assert verify(served, served.other, "S1", "L1").status == 200
    answered = time.time_ns() // 1_000_000
    end = time.monotonic() + PATIENCE
    while not (found := alerts(served)) and time.monotonic() < end:
        time.sleep(0.02)
    (alert,) = found
    assert (alert["kind"], alert["gtin"], alert["status"]) == ("clone", gtin(), "open")
    # No block that was begun after the answer went without the alert.
    assert alert["since"] > before
    for height in range(before + 1, alert["since"]):
        assert block_time(served, height) <= answered
    # The chain tells which product, and neither which pack nor who had it.
    assert alert["organisation"] == maker.id
    with served.client(served.authority) as client:
        assert set(client.get("supply", "alerts", alert["id"]).value) == SHOWN
    assert own_alerts(served, maker) == [("clone", "suspect", pack(1))]
    # What was raised is not raised again, and is closed in public by who answers.
    assert verify(served, served.shop, "S1", "L1").status == 200
    with served.client(maker) as client:
        client.supply.close_alert(alert=alert["id"], finding="confirmed")
    (closed,) = alerts(served)
    assert (closed["status"], closed["finding"]) == ("closed", "confirmed")
