"""A pharmacist's other pages: a case that comes in, an alert closed, a curve and its table."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest

from tests.epcis_sample import sscc
from tests.portal.browser import WIDTHS, Visitor
from tests.portal.supply_people import NUMBERS, Pharmacist, delivered
from tests.portal.test_sign_in import Guest
from tests.portal.town import Town
from tests.rows.supplied import PREFIX, pack, path
from tests.rows.test_f47_cold_chain import hand_in
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.xml_writing import write_xml

Enter = Callable[..., Pharmacist]
LANGUAGES = ("en", "zh-CN")
PATIENCE = 40.0


@pytest.fixture
def enter(visit: Callable[..., Visitor], town: Town) -> Enter:
    """Have a new pharmacist of the shop sign in."""

    def open_(language: str = "en", **more: Any) -> Pharmacist:
        return Pharmacist(town, Guest(visit(locale=language, **more), language))

    return open_


def asked(town: Town, rest: str) -> dict[str, Any]:
    with town.client(town.shop) as client:
        return dict(client.request("GET", path(town.shop, rest)))


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_came_in_a_case_is_received_at_once(town: Town, enter: Enter, language: str) -> None:
    packs = [pack(next(NUMBERS)) for _ in range(3)]
    box = sscc(PREFIX, next(NUMBERS), link=True)
    town.do(town.maker, "commission", packs, lot="L7", expiry="2031-03-31")
    town.do(town.maker, "aggregate", packs, parent=box)
    town.until_done(town.maker, "ship", [box], to=town.shop.id)
    shipment = town.incoming(town.shop)
    assert shipment["units"] == packs
    who = enter(language, width=WIDTHS[0])
    page = who.look("incoming")
    here = page.locator("section.trade-box", has_text=packs[0].rpartition("/")[2])
    here.wait_for()
    here.get_by_role("button", name=who.say("incoming/choices/receive"), exact=True).click()
    who.check()
    # The shipment's packs make up the case, whatever was known of it before: one press is enough.
    who.button("actions/receive/do").click()
    page.get_by_role("heading", name=who.say("actions/receive/done")).wait_for()
    assert who.visitor.refused == []
    standings = {town.unit(town.shop, each)["unit"]["standing"] for each in (*packs, box)}
    assert standings == {"active"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_alert_is_closed_with_a_finding(town: Town, enter: Enter, language: str) -> None:
    (one,) = delivered(town, 1, received=True)
    town.until_done(town.shop, "dispense", [one])
    assert town.refused(town.shop, "dispense", [one]) == "supply.already_dispensed"
    serial = one.rpartition("/")[2]
    who = enter(language)
    page = who.look("alerts")
    line = page.get_by_role("main").get_by_role("listitem").filter(has_text=serial)
    line.locator("summary").click()
    close = line.get_by_role("button", name=who.say("alerts/close"), exact=True)
    close.click()
    assert any(each["unit"] == one for each in asked(town, "alerts")["alerts"])
    line.get_by_label(who.say("alerts/finding")).select_option("data_error")
    who.check()
    close.click()
    line.wait_for(state="detached")
    assert not any(each["unit"] == one for each in asked(town, "alerts")["alerts"])


def measured(at: datetime, celsius: str, unit: str) -> Event:
    moment = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    report = {"type": "Temperature", "value": Decimal(celsius), "uom": "CEL"}
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "sensor_reporting",
        "eventTime": moment,
        "eventTimeZoneOffset": "+08:00",
        "epcList": [unit],
        "sensorElementList": [{"sensorReport": [report]}],
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_curve_says_what_the_table_says(town: Town, enter: Enter, language: str) -> None:
    (one,) = delivered(town, 1, received=True)
    begun = datetime.now(UTC) - timedelta(minutes=9)
    values = ("5.0", "9.5", "4.0", "5.0")
    story = [measured(begun + timedelta(minutes=2 * at), v, one) for at, v in enumerate(values)]
    with town.client(town.shop) as client:
        document = write_xml(story, kind="EPCISDocument", created="2026-03-02T00:00:00Z")
        hand_in(town, client, town.shop.id, document)
    reading = f"temperatures/readings?code={quote(one, safe='')}"
    end = time.monotonic() + PATIENCE
    while len(asked(town, reading)["readings"]) < len(values):
        assert time.monotonic() < end
        time.sleep(0.1)
    who = enter(language, width=WIDTHS[0])
    page = who.look("temperatures")
    page.get_by_role("textbox", name=who.say("scan/code"), exact=True).fill(one)
    who.button("scan/look").click()
    name = who.say("temperatures/curve", lowest="4.0", highest="9.5")
    curve = page.get_by_role("img", name=name)
    curve.wait_for()
    who.check()
    table = page.get_by_role("table", name=who.say("temperatures/table"))
    rows = table.locator("tbody tr").all()
    shown = [
        [cell.locator("div").inner_text() for cell in each.locator("td").all()[1:]] for each in rows
    ]
    assert shown == [[each, each] for each in values]
    # A point of the curve for each row, as high as its value says.
    heights = [float(each.get_attribute("cy")) for each in curve.locator("circle").all()]
    degree = (heights[2] - heights[1]) / (9.5 - 4.0)
    assert degree > 0
    assert heights == pytest.approx([heights[1] + (9.5 - float(v)) * degree for v in values])
    line = curve.locator("polyline").first.get_attribute("points").split()
    assert [float(each.split(",")[1]) for each in line] == pytest.approx(heights, abs=0.06)
