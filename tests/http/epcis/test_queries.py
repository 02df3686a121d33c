"""Named queries, browse trees and pages through HTTP."""

from __future__ import annotations

import json
import threading
from typing import Any

import httpx
import pytest

from tests.epcis_sample import events
from tests.http.epcis.place import JSON, Place, document, events_of, name_in_path, refused
from tests.scale import scale
from yilian.gateway.epcis import identifiers


def test_a_query_is_kept_listed_asked_and_forgotten(place: Place) -> None:
    sample = [each for each in events(70, 40) if "eventID" in each]
    place.put(sample)
    asked = {
        "EQ_bizStep": ["shipping"],
        "GE_value_CEL": 1.50,
        "eventCountLimit": 5,
        "orderBy": "eventTime",
    }
    body = json.dumps({"name": "shipped", "query": asked})
    answer = place.client.post("/queries", content=body, headers=JSON)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"{place.base}/queries/shipped"
    assert answer.content == b""
    assert place.client.get("/queries/shipped").json() == {"name": "shipped", "query": asked}
    assert {"name": "shipped", "query": asked} in place.client.get("/queries").json()
    again = place.client.post("/queries", content=body, headers=JSON)
    refused(again, "epcis.query_exists", 409, "ResourceAlreadyExistsException")
    assert place.client.delete("/queries/shipped").status_code == 204
    for method, path in (
        ("GET", ""),
        ("GET", "/events"),
        ("DELETE", ""),
        ("GET", "/subscriptions"),
    ):
        gone = place.client.request(method, f"/queries/shipped{path}")
        refused(gone, "epcis.query_unknown", 404, "NoSuchNameException")


def test_a_named_query_finds_what_the_same_question_finds(place: Place) -> None:
    sample = [each for each in events(71, 60) if "eventID" in each]
    ids = set(place.put(sample))
    query = {"EQ_bizStep": ["shipping", "receiving"], "EQ_eventID": sorted(ids)}
    place.client.post("/queries", json={"name": "both", "query": query})
    answer = place.client.get("/queries/both/events?perPage=1000")
    wanted = {e["eventID"] for e in sample if e.get("bizStep") in ("shipping", "receiving")}
    assert {each["eventID"] for each in events_of(answer)} == wanted
    assert answer.json()["epcisBody"]["queryResults"]["queryName"] == "both"
    wrong = place.client.get("/queries/both/events?EQ_bizStep=packing")
    refused(wrong, "bad_parameter", 400, "QueryParameterException")


@pytest.mark.parametrize(
    ("body", "code", "exception"),
    [
        (b"{", "malformed", "ValidationException"),
        (b"[]", "malformed", "ValidationException"),
        (b'{"name":"a"}', "malformed", "ValidationException"),
        (b'{"name":"a","query":[]}', "malformed", "ValidationException"),
        (b'{"name":"a","query":{},"more":1}', "malformed", "ValidationException"),
        (b'{"name":"","query":{}}', "epcis.query_name", "ValidationException"),
        (b'{"name":"a/b","query":{}}', "epcis.query_name", "ValidationException"),
        (b'{"name":"a","query":{"EQ_x":1}}', "epcis.query_parameter", "QueryParameterException"),
        (b"[" * 100_000, "malformed", "ValidationException"),
    ],
)
def test_what_is_no_query(place: Place, body: bytes, code: str, exception: str) -> None:
    before = place.client.get("/queries").json()
    refused(place.client.post("/queries", content=body, headers=JSON), code, 400, exception)
    assert place.client.get("/queries").json() == before


def test_trees(place: Place) -> None:
    place.fresh()
    sample = [each for each in events(72, 80) if "eventID" in each]
    place.put(sample)

    def members(tree: str) -> list[str]:
        found = place.client.get(f"/{tree}?perPage=1000").json()
        assert found["type"] == "Collection"
        listed: list[str] = found["member"]
        assert len(set(listed)) == len(listed)
        return listed

    assert set(members("eventTypes")) == {each["type"] for each in sample}
    assert set(members("bizSteps")) == {e["bizStep"] for e in sample if "bizStep" in e}
    places = {identifiers.canonical(e["readPoint"]["id"]) for e in sample if "readPoint" in e}
    assert set(members("readPoints")) == places
    for tree, field in (("bizSteps", "bizStep"), ("dispositions", "disposition")):
        for name in members(tree)[:3]:
            below = place.client.get(f"/{tree}/{name}").json()
            assert below["member"] == ["events"]
            found = events_of(place.client.get(f"/{tree}/{name}/events?perPage=1000"))
            wanted = {each["eventID"] for each in sample if each.get(field) == name}
            assert {each["eventID"] for each in found} == wanted
    for name in members("epcs")[:5]:
        assert place.client.get(f"/epcs/{name_in_path(name)}").json()["member"] == ["events"]
        assert events_of(place.client.get(f"/epcs/{name_in_path(name)}/events"))
        # A proxy that decodes what it hands on: its slashes arrive bare.
        assert events_of(place.client.get(f"/epcs/{name}/events"))


def test_other_spellings_of_a_name_are_the_same_name(place: Place) -> None:
    place.fresh()
    sample = [each for each in events(73, 80) if each.get("bizStep") == "shipping"]
    place.put(sample)
    one = events_of(place.client.get("/bizSteps/shipping/events"))
    for spelt in ("urn:epcglobal:cbv:bizstep:shipping", "https://ref.gs1.org/cbv/BizStep-shipping"):
        assert events_of(place.client.get(f"/bizSteps/{name_in_path(spelt)}/events")) == one
    # A word of the vocabulary exists without any event of its own.
    assert events_of(place.client.get("/bizSteps/retail_selling/events")) == []
    assert events_of(place.client.get("/eventTypes/AssociationEvent/events")) == []
    for tree, name in (("bizSteps", "flying"), ("epcs", "urn:epc:id:sgtin:1.2.3"), ("epcs", "x")):
        for end in ("", "/events"):
            answer = place.client.get(f"/{tree}/{name}{end}")
            refused(answer, "epcis.resource_unknown", 404, "NoSuchResourceException")
    fixed = place.client.get("/bizSteps/shipping/events?EQ_bizStep=packing")
    problem = refused(fixed, "epcis.query_parameter", 400, "QueryParameterException")
    assert problem["parameters"] == {"name": "EQ_bizStep", "reason": "fixed"}


def pages(client: httpx.Client, base: str, target: str) -> list[dict[str, Any]]:
    """Follow the links from page to page."""
    found: list[dict[str, Any]] = []
    while target:
        answer = client.get(target)
        found += events_of(answer)
        link = answer.headers.get("link", "")
        assert bool(link) == ("gs1-next-page-token-expires" in answer.headers)
        target = link[1 : link.index(">")].removeprefix(base) if link else ""
    return found


@pytest.mark.slow
def test_pages_lose_none_and_repeat_none(place: Place) -> None:
    """10,000 events, in three orders, while others come in."""
    place.fresh()
    count = scale(10_000, 50_000)
    sample = list(events(74, count))
    for start in range(0, count, 5_000):
        assert place.capture(document(sample[start : start + 5_000]))["success"]
    ids = {each["eventID"] for each in pages(place.client, place.base, "/events?perPage=1000")}
    assert len(ids) == count
    more = [document(list(events(75 + number, 50))) for number in range(20)]

    def come_in() -> None:
        with place.bearer() as client:
            for each in more:
                client.post("/capture", content=each, headers=JSON)

    busy = threading.Thread(target=come_in)
    busy.start()
    for query in (
        "perPage=997",
        "perPage=1000&orderBy=eventTime&orderDirection=ASC",
        "perPage=333&orderBy=recordTime",
    ):
        found = [e["eventID"] for e in pages(place.client, place.base, f"/events?{query}")]
        assert len(found) == len(set(found))
        assert ids <= set(found)
    busy.join()


def test_a_page_token_serves_its_own_listing(place: Place) -> None:
    place.fresh()
    place.put(list(events(76, 50)))
    link = place.client.get("/events?perPage=5&EQ_action=OBSERVE").headers["link"]
    target = link[1 : link.index(">")].removeprefix(place.base)
    assert link.endswith('; rel="next"')
    token = target.rpartition("nextPageToken=")[2]
    assert place.client.get(target).status_code == 200
    other = place.bearer(place.token(partner="9520001000010"))
    for client, path in (
        (place.client, f"/events?nextPageToken={token}"),
        (place.client, f"/events?EQ_action=ADD&nextPageToken={token}"),
        (place.client, f"/bizSteps/shipping/events?EQ_action=OBSERVE&nextPageToken={token}"),
        (place.client, f"/epcs?EQ_action=OBSERVE&nextPageToken={token}"),
        (other, target),
        (place.client, "/events?EQ_action=OBSERVE&nextPageToken=x"),
        (place.client, "/events?EQ_action=OBSERVE&nextPageToken="),
        (place.client, f"/events?EQ_action=OBSERVE&nextPageToken={token[:-8]}"),
    ):
        refused(client.get(path), "epcis.page_token", 400, "QueryParameterException")
    answer = place.client.delete(f"/nextPageToken/{token}")
    refused(answer, "epcis.not_implemented", 501, "ImplementationException")
    refused(
        place.client.get(f"/capture?nextPageToken={token}"),
        "epcis.page_token",
        400,
        "QueryParameterException",
    )
