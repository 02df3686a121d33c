"""F47: a pallet gets too warm on its way; exactly what was on it is held back, everywhere seen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.epcis_sample import check_digit, sgtin, sscc
from tests.rows.served import FOUNDERS, Served
from yilian.bootstrap import Founder
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.xml_writing import write_xml
from yilian.sdk import drafts
from yilian.sdk.client import Client

GTIN = "09520001000010"
GLN = "952000100001" + check_digit("952000100001")
FIRST = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
PATIENCE = 30.0


def pack(number: int) -> str:
    return sgtin("9520001", 1, f"S{number}", link=True)


def event(minute: int, step: str, **more: Any) -> Event:
    """What happened so many minutes after the start."""
    moment = (FIRST + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
    made = {"eventTime": moment, "eventTimeZoneOffset": "+08:00", "bizStep": step}
    return {"type": "ObjectEvent", "action": "OBSERVE", **made, **more}


def measured(minute: int, celsius: str, unit: str) -> Event:
    report = {"type": "Temperature", "value": Decimal(celsius), "uom": "CEL"}
    sensors = [{"sensorReport": [report]}]
    return event(minute, "sensor_reporting", epcList=[unit], sensorElementList=sensors)


PALLET = sscc("9520001", 1, link=True)
ON, LATER, NEVER = pack(1), pack(2), pack(3)
STORY = (
    event(0, "commissioning", action="ADD", epcList=[ON, LATER, NEVER]),
    event(10, "packing", type="AggregationEvent", action="ADD", parentID=PALLET, childEPCs=[ON]),
    measured(20, "5.0", PALLET),
    measured(30, "9.5", PALLET),
    measured(50, "5.0", PALLET),
    event(60, "packing", type="AggregationEvent", action="ADD", parentID=PALLET, childEPCs=[LATER]),
    measured(70, "5.0", PALLET),
)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A node with a maker."""
    maker = Founder("云溪制药", "maker", "M-0004")
    with Served(tmp_path / "node", (*FOUNDERS, maker)) as running:
        yield running


def test_exactly_what_was_on_the_pallet_is_held_back(served: Served) -> None:
    (maker,) = served.more
    base = f"/v1/organisations/{maker.id}/supply/temperatures"
    with served.client(maker) as client:
        client.supply.register_company(company=drafts.fresh_id(), gln=GLN, prefixes=["9520001"])
        client.supply.register_product(
            gtin=GTIN, kind="vaccine", name="疫苗", responder=maker.id, lowest=200, highest=800
        )
        document = write_xml(STORY, kind="EPCISDocument", created="2026-03-02T00:00:00Z")
        hand_in(served, client, maker.id, document)
        held = wait_for(client, f"/epcis/{maker.id}/events?EQ_disposition=non_conformant")
        assert [each["epcList"] for each in held] == [[ON]]
        # Asked by what a scanner reads from the pack.
        found = client.request("GET", f"{base}?code=(01){GTIN}(21)S1")
        assert [(each["lowest"], each["highest"]) for each in found["excursions"]] == [(950, 950)]
        assert (found["outside"], found["left"], found["conforms"]) == (20 * 60_000, 0, False)
        curve = client.request("GET", f"{base}/readings?code=(01){GTIN}(21)S1")
        assert [each["highest"] for each in curve["readings"]] == [500, 950, 500, 500]
        assert (curve["floor"], curve["ceiling"], curve["more"]) == (200, 800, False)
        later = client.request("GET", f"{base}?code=(01){GTIN}(21)S2")
        assert (later["excursions"], later["conforms"], later["highest"]) == ([], True, 500)
        never = client.request("GET", f"{base}?code=(01){GTIN}(21)S3")
        assert (never["readings"], never["mean_kinetic"]) == (0, None)
        nothing = client.request("GET", f"{base}/readings?code=(01){GTIN}(21)S3")
        assert nothing["readings"] == []
        for wrong, refusal in (
            (f"?code=(01){GTIN}(21)S9", "supply.unit_not_measured"),
            (f"?code=(01){GTIN}", "supply.unit_not_measured"),
            ("?code=(01)1", "supply.code_unreadable"),
            ("", "bad_parameter"),
        ):
            with pytest.raises(Exception, match=refusal):
                client.request("GET", f"{base}/readings{wrong}")
    with served.client(served.a) as other, pytest.raises(Exception, match="forbidden"):
        other.request("GET", f"{base}/readings?code=(01){GTIN}(21)S1")


def test_a_budget_is_asked_and_set_by_operators(served: Served) -> None:
    (maker,) = served.more
    path = f"/v1/organisations/{maker.id}/supply/temperatures/budgets/{GTIN}"
    with served.client(maker) as client:
        assert client.request("GET", path) == {"outside": 0, "floor": None, "ceiling": None}
        told = {"outside": 3_600_000, "floor": 0, "ceiling": 2500}
        assert client.request("PUT", path, told) == told
        assert client.request("GET", path) == told
        wrong = {"outside": 5, "floor": 10, "ceiling": 9}
        for body, refusal in ((wrong, "supply.bad_budget"), ({"outside": -1}, "malformed")):
            with pytest.raises(Exception, match=refusal):
                client.request("PUT", path, body)
        with pytest.raises(Exception, match="bad_parameter"):
            client.request("GET", path[:-1] + "1")
    with served.client(served.a) as other, pytest.raises(Exception, match="forbidden"):
        other.request("GET", path)


def hand_in(served: Served, client: Client, organisation: str, document: bytes) -> None:
    """A logger's program hands in XML, with a token that it was given."""
    told = {
        "name": "logger",
        "rights": ["capture"],
        "expires": time.time_ns() // 1_000_000 + 3_600_000,
    }
    made = client.request("POST", f"/v1/organisations/{organisation}/epcis/tokens", told)
    headers = {
        "Authorization": f"Bearer {made['bearer']}",
        "Content-Type": "application/xml",
        "GS1-Capture-Error-Behaviour": "rollback",
    }
    url = f"{served.url}/epcis/{organisation}/capture"
    answer = httpx.post(url, content=document, headers=headers, timeout=60)
    assert answer.status_code == 202, answer.text


def wait_for(client: Client, path: str) -> list[dict[str, Any]]:
    """Ask until there is an answer: what follows a capture takes a moment."""
    until = time.monotonic() + PATIENCE
    while True:
        found = client.request("GET", path)["epcisBody"]["queryResults"]["resultsBody"]
        if found["eventList"] or time.monotonic() > until:
            return list(found["eventList"])
        time.sleep(0.1)
