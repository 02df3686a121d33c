"""F49: the stock view's warnings, by the public door, equal a count by hand."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.rows.supplied import Traders, gtin, pack, path, place
from yilian.gateway.epcis.presentation import CONTEXT
from yilian.sdk.errors import ProblemError

JSON = {"Content-Type": "application/json"}
SHANGHAI = timedelta(hours=8)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Traders]:
    """Traders who are registered."""
    with Traders(tmp_path / "node") as running:
        running.open_trade()
        yield running


def day(ahead: int) -> str:
    """The date in Shanghai so many days from now."""
    return (datetime.now(UTC) + SHANGHAI + timedelta(days=ahead)).date().isoformat()


def test_warnings_equal_a_count_by_hand(served: Traders) -> None:
    maker = served.maker
    lots = {"NEAR": (day(10), 3), "LATER": (day(40), 4), "FAR": (day(400), 5), "OLD": (day(-1), 2)}
    number = 0
    packs: dict[str, list[str]] = {}
    for lot, (expiry, count) in lots.items():
        packs[lot] = [pack(number + each) for each in range(count)]
        number += count
        served.do(maker, "commission", packs[lot], lot=lot, expiry=expiry)
    served.until_done(maker, "dispense", packs["FAR"][:2])
    served.until_done(maker, "ship", packs["LATER"][:1], to=served.shop.id)
    served.do(maker, "quarantine", packs["NEAR"][:1], reason="damaged")
    with served.client(maker) as client:
        least = {"gtin": gtin(), "place": place(1), "least": 100}
        assert client.request("PUT", path(maker, "stock/minimum"), least) == least
        view = ask(client, maker, "expiry_days=30&cover_days=365")
        held = Counter({(each["lot"], each["standing"]): each["packs"] for each in view["lines"]})
        assert held == {
            ("NEAR", "active"): 2,
            ("NEAR", "quarantined"): 1,
            ("LATER", "active"): 3,
            ("LATER", "in_transit"): 1,
            ("FAR", "active"): 3,
            ("OLD", "active"): 2,
        }
        expiring = {each["lot"]: (each["packs"], each["days"]) for each in view["expiring"]}
        assert expiring == {"NEAR": (3, 10), "OLD": (2, -1)}
        assert view["delayed"] == []
        (short,) = view["short"]
        assert (short["packs"], short["least"], short["used"]) == (10, 100, 2)
        assert short["lasts"] == 10 * 365 // 2
        time.sleep(0.01)
        (late,) = ask(client, maker, "transit_days=0")["delayed"]
        assert (late["lot"], late["packs"], late["days"]) == ("LATER", 1, 0)
        only = ask(client, maker, "lot=NEAR&place=" + place(1).replace(":", "%3A"))
        assert {each["lot"] for each in only["lines"]} == {"NEAR"}
        for bad in ("expiry_days=x", "expiry_days=-1", "nonsense=1"):
            with pytest.raises(ProblemError) as problem:
                ask(client, maker, bad)
            assert problem.value.code == "bad_parameter"


def test_what_the_house_s_own_program_tells_is_its_stock(served: Traders) -> None:
    """A warehouse system that captures with a bearer token: its packs are the organisation's."""
    maker, far = served.maker, day(400)
    told = {
        "name": "warehouse",
        "rights": ["capture", "query"],
        "expires": time.time_ns() // 1_000_000 + 3_600_000,
    }
    with served.client(maker) as client:
        made = client.request("POST", f"/v1/organisations/{maker.id}/epcis/tokens", told)
    event = {
        "type": "ObjectEvent",
        "eventTime": "2026-03-01T08:00:00.000Z",
        "eventTimeZoneOffset": "+08:00",
        "action": "ADD",
        "bizStep": "commissioning",
        "disposition": "active",
        "readPoint": {"id": place(1)},
        "bizLocation": {"id": place(1)},
        "epcList": [pack(each) for each in range(4)],
        "ilmd": {"cbvmda:lotNumber": "WMS1", "cbvmda:itemExpirationDate": far},
    }
    answer = httpx.post(
        f"{served.url}/epcis/{maker.id}/events",
        content=json.dumps({"@context": [CONTEXT], **event}).encode(),
        headers={**JSON, "Authorization": f"Bearer {made['bearer']}"},
        timeout=30,
    )
    assert answer.status_code == 201, answer.text
    with served.client(maker) as client:
        view = ask(client, maker, "lot=WMS1")
    assert [(each["standing"], each["packs"]) for each in view["lines"]] == [("active", 4)]


def ask(client: Any, who: Any, query: str) -> dict[str, Any]:
    found: dict[str, Any] = client.request("GET", path(who, f"stock?{query}"))
    return found
