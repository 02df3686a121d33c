"""Subscriptions through HTTP: made, shown, delivered by webhook, ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.epcis_sample import check_digit, events
from tests.http.epcis.place import JSON, Place, document, refused
from tests.unit.gateway.notices.servers import receiving, say
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.epcis.webhook import genuine

TOKEN = "13df38d8275b13f05704629e5f1cf3d45d6132d5"
GLN = "9520001000010"
CONTROLS = "SubscriptionControlsException"


def until(condition: Callable[[], object]) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 20, "it did not come"
        time.sleep(0.01)


def named(place: Place, name: str, query: dict[str, Any]) -> str:
    assert place.client.post("/queries", json={"name": name, "query": query}).status_code == 201
    return f"/queries/{name}/subscriptions"


def test_from_capture_to_webhook(place: Place) -> None:
    """A capture through HTTP is at the subscriber's in a moment; the time is printed."""
    root = named(place, "shipping", {"EQ_bizStep": ["shipping"]})
    sample = [each for each in events(80, 80) if "eventID" in each]
    wanted = [each["eventID"] for each in sample if each.get("bizStep") == "shipping"]
    with receiving(say(200)) as receiver:
        asked = {"dest": receiver.url("/in"), "signatureToken": TOKEN, "stream": True}
        made = place.client.post(root, json=asked)
        assert made.status_code == 201, made.text
        told = made.json()
        assert made.headers["location"] == f"{place.base}{root}/{told['subscriptionID']}"
        began = time.monotonic()
        place.client.post("/capture", content=document(sample), headers=JSON)
        until(lambda: receiver.posted)
        print(f"from capture to webhook: {time.monotonic() - began:.3f} s")
        until(
            lambda: "lastNotifiedAt" in place.client.get(f"{root}/{told['subscriptionID']}").json()
        )
        (posted,) = receiver.posted
    assert [each["eventID"] for each in parse_json(posted.body).events if each] == wanted
    assert genuine(TOKEN, posted.headers["gs1-signature"], posted.body)
    assert (
        "recordTime"
        in json.loads(posted.body)["epcisBody"]["queryResults"]["resultsBody"]["eventList"][0]
    )
    assert TOKEN not in made.text
    shown = place.client.get(f"{root}/{told['subscriptionID']}").json()
    assert {**told, **shown} == {**shown, **{k: told[k] for k in told if k not in shown}}
    least = place.client.options(f"{root}/{told['subscriptionID']}").headers
    assert least["gs1-query-min-record-time"] == shown["minRecordTime"]
    assert place.client.get(root).json() == [shown]
    assert place.client.delete(f"{root}/{told['subscriptionID']}").status_code == 204
    for method in ("GET", "DELETE", "OPTIONS"):
        gone = place.client.request(method, f"{root}/{told['subscriptionID']}")
        refused(gone, "epcis.subscription_unknown", 404, "NoSuchNameException")


def test_a_schedule_and_a_format_are_told_again(place: Place) -> None:
    root = named(place, "scheduled", {})
    with receiving(say(200)) as receiver:
        asked = {
            "dest": receiver.url("/in"),
            "schedule": {"hour": "1", "minute": "5"},
            "reportIfEmpty": True,
            "initialRecordTime": "2020-04-04T20:33:31.116-06:00",
        }
        headers = {"GS1-EPC-Format": "Always_EPC_URN"}
        told = place.client.post(root, json=asked, headers=headers).json()
    assert told["schedule"] == asked["schedule"]
    assert told["reportIfEmpty"] is True
    assert told["initialRecordTime"] == told["minRecordTime"] == "2020-04-05T02:33:31.116Z"
    assert told["epcFormat"] == "Always_EPC_URN"
    assert "stream" not in told


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"stream": None}, "stream", "required"),
        ({"stream": False}, "stream", "required"),
        ({"stream": "yes"}, "stream", "malformed"),
        ({"schedule": {"hour": "1"}}, "stream", "exclusive"),
        ({"stream": None, "schedule": {"hour": "25"}}, "schedule.hour", "out_of_range"),
        ({"stream": None, "schedule": {}}, "schedule", "empty"),
        ({"stream": None, "schedule": "daily"}, "schedule", "malformed"),
        ({"dest": None}, "dest", "malformed"),
        ({"dest": "client.example.com"}, "dest", "malformed"),
        ({"dest": "ftp://client.example.com"}, "dest", "malformed"),
        ({"dest": "http://[::1"}, "dest", "malformed"),
        ({"dest": 7}, "dest", "malformed"),
        ({"signatureToken": ""}, "signatureToken", "malformed"),
        ({"signatureToken": "t" * 513}, "signatureToken", "malformed"),
        ({"reportIfEmpty": 1}, "reportIfEmpty", "malformed"),
        ({"initialRecordTime": "yesterday"}, "initialRecordTime", "malformed"),
        ({"initialRecordTime": "2026-13-01T00:00:00Z"}, "initialRecordTime", "malformed"),
        ({"secret": "s"}, "secret", "unknown"),
    ],
)
def test_what_is_no_subscription(
    place: Place, changes: dict[str, Any], field: str, reason: str
) -> None:
    place.client.post("/queries", json={"name": "wrong", "query": {}})
    root = "/queries/wrong/subscriptions"
    asked = {"dest": "https://client.example.com/in", "stream": True, **changes}
    asked = {name: value for name, value in asked.items() if value is not None}
    problem = refused(
        place.client.post(root, json=asked), "epcis.subscription_controls", 400, CONTROLS
    )
    assert problem["parameters"] == {"field": field, "reason": reason}
    assert place.client.get(root).json() == []


def test_a_private_address_is_refused(place: Place) -> None:
    root = named(place, "inward", {})
    for dest in ("https://10.1.2.3/in", "https://192.168.1.1/", "http://93.184.216.34/"):
        answer = place.client.post(root, json={"dest": dest, "stream": True})
        refused(answer, "epcis.destination_refused", 400, CONTROLS)
    for body in (b"{", b"[]", b"1"):
        refused(
            place.client.post(root, content=body, headers=JSON),
            "malformed",
            400,
            "ValidationException",
        )
    assert place.client.get(root).json() == []


def test_a_partners_subscription_is_its_own(place: Place) -> None:
    partner = place.bearer(place.token(partner=GLN))
    named(place, "mine", {})
    assert partner.post("/queries", json={"name": "mine", "query": {}}).status_code == 201
    root = "/queries/mine/subscriptions"
    with receiving(say(200)) as receiver:
        asked = {"dest": receiver.url("/in"), "stream": True}
        made = partner.post(root, json=asked).json()["subscriptionID"]
        assert place.client.get(root).json() == []
        answer = place.client.delete(f"{root}/{made}")
        refused(answer, "epcis.subscription_unknown", 404, "NoSuchNameException")
        place.put([each for each in events(81, 10) if "eventID" in each])
        (shown, *_) = [each for each in events(82, 10) if "eventID" in each]
        place.put([shown])
        stored = place.room.repository.event(shown["eventID"])
        assert stored is not None
        place.room.repository.show(GLN, [stored.sequence])
        place.room.repository.tell()
        until(lambda: receiver.posted)
        (posted,) = receiver.posted
        assert [each["eventID"] for each in parse_json(posted.body).events if each] == [
            shown["eventID"]
        ]
    assert partner.delete("/queries/mine").status_code == 204
    assert place.room.subscriptions.all("mine", GLN) == []
    assert place.client.get("/queries/mine").status_code == 200


def test_subscriptions_in_pages(place: Place) -> None:
    root = named(place, "paged", {})
    with receiving(say(200)) as receiver:
        asked = {"dest": receiver.url("/in"), "stream": True}
        made = [place.client.post(root, json=asked).json()["subscriptionID"] for _ in range(5)]
    found, target = [], f"{root}?perPage=2"
    while target:
        answer = place.client.get(target)
        found += [each["subscriptionID"] for each in answer.json()]
        link = answer.headers.get("link", "")
        target = link[1 : link.index(">")].removeprefix(place.base) if link else ""
    assert found == made


@pytest.mark.parametrize("partner", [None, "952000177777" + check_digit("952000177777")])
def test_what_a_token_asked_for_ends_with_it(place: Place, partner: str | None) -> None:
    """Expired, it rests until there is another; revoked, it is over, whatever others there are."""
    short = place.token("query", partner=partner)
    own = place.bearer(short)
    name = f"by-{short[:8]}"
    assert own.post("/queries", json={"name": name, "query": {}}).status_code == 201
    root = f"/queries/{name}/subscriptions"
    with receiving(say(200)) as receiver:
        asked = {"dest": receiver.url("/in"), "stream": True}
        told = own.post(root, json=asked).json()
        tell(place, partner)
        until(lambda: len(ids(receiver.posted)) == 1)
        expire(place, short)
        refused(own.get(root), "epcis.token_expired", 401, "SecurityException")
        tell(place, partner)
        if partner is not None:
            time.sleep(0.5)
            assert len(ids(receiver.posted)) == 1
        later = place.bearer(place.token("query", partner=partner))
        assert "ended" not in later.get(f"{root}/{told['subscriptionID']}").json()
        until(lambda: len(ids(receiver.posted)) == 2)
        place.room.tokens.revoke(short.partition(".")[0])
        tell(place, partner)
        until(lambda: "ended" in later.get(f"{root}/{told['subscriptionID']}").json())
        shown = later.get(f"{root}/{told['subscriptionID']}").json()
        assert shown["ended"] == "token_revoked"
        assert len(ids(receiver.posted)) == 2


def expire(place: Place, token: str) -> None:
    """Have a token's time run out."""
    past = (place.room.now() - 1, token.partition(".")[0])
    with place.database.write() as connection:
        connection.exec_driver_sql("UPDATE epcis_tokens SET expires = ? WHERE token = ?", past)


def tell(place: Place, partner: str | None) -> None:
    """Store an event that the partner sees."""
    (event,) = events(9, 1)
    told = event | {"eventID": f"urn:uuid:{uuid4()}"}
    stored = place.room.repository.capture_one(told, "us")
    if partner is not None:
        with place.database.write() as connection:
            place.room.repository.show(partner, [stored.sequence], connection)
    place.room.repository.tell()


def ids(posted: list[Any]) -> list[str]:
    return [str(each["eventID"]) for one in posted for each in parse_json(one.body).events if each]
