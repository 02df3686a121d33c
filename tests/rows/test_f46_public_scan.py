"""F46: scan a code without login: product, maker, lot, expiry, way, temperatures, what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from tests.rows.served import yilian
from tests.rows.supplied import Traders, gtin, pack, path
from tests.rows.verifying import gln, report
from yilian.gateway.epcis.document import Event
from yilian.sdk import drafts
from yilian.text import say

# Its tests stand on one another: they belong on one worker.
pytestmark = pytest.mark.xdist_group("f46_public_scan")

PACK = pack(1)
CODE = f"]d201{gtin()}21S1\x1d1770123110L1"
PRODUCT, MAKER = "阿莫西林胶囊", "云溪制药"
HOUR_MS = 3_600_000
LANGUAGES = ("en", "zh-CN")


def measured(ago: int, celsius: str) -> Event:
    """What a logger with the pack read so many minutes ago."""
    moment = datetime.now(UTC) - timedelta(minutes=ago)
    report = {"type": "Temperature", "value": Decimal(celsius), "uom": "CEL"}
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "sensor_reporting",
        "eventTime": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventTimeZoneOffset": "+08:00",
        "epcList": [PACK],
        "sensorElementList": [{"sensorReport": [report]}],
    }


def received(served: Traders) -> Event:
    """What the pharmacy's program tells the maker that the pack was sold to."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "receiving",
        "disposition": "in_progress",
        "eventTime": moment,
        "eventTimeZoneOffset": "+08:00",
        "epcList": [PACK],
        "readPoint": {"id": served.places[served.shop.id]},
        "bizLocation": {"id": served.places[served.shop.id]},
        "destinationList": [
            {
                "type": "owning_party",
                "destination": f"https://id.gs1.org/417/{gln(served, served.shop)}",
            }
        ],
    }


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traders]:
    """A pack that was made, measured, shipped and received."""
    with Traders(tmp_path_factory.mktemp("f46") / "node") as running:
        running.open_trade()
        maker, shop = running.maker, running.shop
        with running.client(maker) as client:
            client.supply.amend_product(
                gtin=gtin(), name=PRODUCT, responder=maker.id, lowest=200, highest=800
            )
        for who in (maker, shop):
            budget = path(who, f"temperatures/budgets/{gtin()}")
            allowed = {"outside": 10 * HOUR_MS, "floor": 0, "ceiling": 2500}
            with running.client(who) as client:
                client.request("PUT", budget, allowed)
        made = {"lot": "L1", "expiry": "2070-12-31"}
        began = time.time_ns() // 1_000_000 - 2 * HOUR_MS
        running.do(maker, "commission", [PACK, pack(2)], at=began, **made)
        readings = [measured(90, "5.0"), measured(60, "9.5"), measured(45, "4.0")]
        report(running, maker, readings, None)
        running.until_done(maker, "ship", [PACK], to=shop.id)
        came = running.incoming(shop)
        running.until_done(shop, "receive", [PACK], shipment=came["shipment"])
        report(running, maker, [received(running)], shop)
        yield running


def scan(served: Traders, code: str = CODE, **headers: str) -> httpx.Response:
    """Scan as anybody may: no key, no cookie, no login."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = httpx.get(f"{served.url}/v1/supply/scan", params={"code": code}, headers=named)
    assert answer.status_code == 200, answer.text
    assert "set-cookie" not in answer.headers
    return answer


def told(served: Traders, code: str = CODE, **headers: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(scan(served, code, accept="application/json", **headers).text)
    return body


def test_a_program_is_told_everything_but_names(served: Traders) -> None:
    found = told(served)
    assert (found["verdict"], found["colour"], found["reason"]) == ("genuine", "green", "verified")
    assert (found["product"], found["maker"], found["gtin"]) == (PRODUCT, MAKER, gtin())
    assert (found["serial"], found["lot"], found["expiry"]) == ("S1", "L1", "2070-12-31")
    steps = [(each["step"], each["party"], each.get("name", "")) for each in found["route"]]
    assert steps == [
        ("commission", "maker", MAKER),
        ("ship", "maker", MAKER),
        ("receive", "pharmacy", ""),
    ]
    days = [each["day"] for each in found["route"]]
    assert days == sorted(days)
    assert days[-1] in (day(0), day(1))
    kept = found["temperature"]
    assert (kept["readings"], kept["lowest"], kept["highest"]) == (3, 400, 950)
    assert (400 < kept["mean_kinetic"] < 950, kept["minutes_outside"]) == (True, 15)
    # Measured was the one pack, and nothing is said of the other.
    assert "temperature" not in told(served, f"(01){gtin()}(21)S2")
    for name in secrets(served):
        assert name not in str(found)


def day(ago: int) -> str:
    """The date in UTC so many days ago."""
    return (datetime.now(UTC) - timedelta(days=ago)).date().isoformat()


def secrets(served: Traders) -> list[str]:
    """What the public is never told: the buyer's ids, numbers and name."""
    shop = served.shop
    return [shop.id, gln(served, shop), served.places[shop.id], "Hillside", served.maker.id]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_reads_a_page(served: Traders, language: str) -> None:
    """In the language of the browser, without script, cookie or anything from elsewhere."""
    answer = scan(served, accept="text/html", accept_language=language)
    page = answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}">' in page
    for fact in (PRODUCT, MAKER, gtin(), "S1", "L1", "2070-12-31", "4.0", "9.5"):
        assert fact in page, fact
    for key in (
        "verdict/genuine/title",
        "page/route",
        "page/temperature",
        "step/commission",
        "step/ship",
        "step/receive",
        "party/maker",
        "party/pharmacy",
    ):
        assert say(language, "scan", key) in page, key
    assert say(language, "scan", "page/outside", minutes=15) in page
    assert "<script" not in page
    for name in secrets(served):
        assert name not in page
    words = told(served, accept_language=language)
    assert words["title"] == say(language, "scan", "verdict/genuine/title")
    assert words["do"] in page


def test_the_page_asks_for_a_code_and_says_what_it_cannot_read(served: Traders) -> None:
    asked = httpx.get(f"{served.url}/v1/supply/scan", headers={"accept": "text/html"})
    assert (asked.status_code, '<form method="get"' in asked.text) == (200, True)
    for code, status in (("hello", 400), ("(01)09520001000997(21)X", 404)):
        for accept in ("text/html", "application/json"):
            answer = httpx.get(
                f"{served.url}/v1/supply/scan", params={"code": code}, headers={"accept": accept}
            )
            assert answer.status_code == status, answer.text


def test_at_the_command_line(served: Traders) -> None:
    """Without key or account; what nobody made is a possible fake, and told apart by exit code."""
    code, found = yilian("scan", CODE, "--node", served.url)
    assert (code, found["verdict"], found["lot"]) == (0, "genuine", "L1")
    code, found = yilian("scan", f"(01){gtin()}(21)S9", "--node", served.url)
    assert (code, found["verdict"], found["colour"]) == (1, "suspect", "red")
    assert "route" not in found


def test_a_recall_shows_red_in_the_block_that_says_so(served: Traders) -> None:
    """The last here: whoever answers, or does not."""
    with served.client(served.maker) as client:
        client.supply.issue_recall(
            recall=drafts.fresh_id(),
            gtin=gtin(),
            grade=1,
            reason="contamination",
            lots=["L1"],
            serials=[],
        )
    found = told(served)
    assert (found["verdict"], found["colour"]) == ("recalled", "red")
    assert (found["recall"]["grade"], found["recall"]["reason"]) == (1, "contamination")
    assert 'class="verdict red"' in scan(served, accept="text/html").text
