"""Events through HTTP: one at once, many as a job, asked for, found again."""

from __future__ import annotations

import json
from decimal import Decimal
from urllib.parse import quote

import pytest

from tests.epcis_sample import events
from tests.http.epcis.place import JSON, XML, Place, bare, document, events_of, refused
from yilian.gateway.epcis import identifiers
from yilian.gateway.epcis.event_hash import event_hash
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.epcis.xml_reading import parse_xml


def first(seed: int) -> dict[str, object]:
    """An event with an id."""
    return next(each for each in events(seed, 20) if "eventID" in each)


def test_one_event_at_once(place: Place) -> None:
    event = first(1)
    answer = place.client.post("/events", content=bare(event), headers=JSON)
    assert answer.status_code == 201, answer.text
    where = answer.headers["location"]
    assert where == f"{place.base}/events/{quote(str(event['eventID']), safe='')}"
    assert answer.headers["gs1-epcis-version"] == "2.0.0"
    assert event_hash(parse_json(answer.content).events[0] or {}) == event_hash(event)
    found = place.node.client.get(where, headers=place.client.headers)
    (again,) = events_of(found)
    assert again["eventID"] == event["eventID"]
    assert "recordTime" in again
    (read,) = parse_json(found.content).events
    assert read is not None
    assert event_hash(read) == event_hash(event)
    problem = refused(
        place.client.post("/events", content=bare(event), headers=JSON),
        "epcis.event_exists",
        409,
        "ResourceAlreadyExistsException",
    )
    assert problem["parameters"] == {"event": event["eventID"]}


def test_an_event_without_an_id_gets_one(place: Place) -> None:
    event = {name: value for name, value in first(2).items() if name != "eventID"}
    answer = place.client.post("/events", content=bare(event), headers=JSON)
    given = answer.json()["eventID"]
    assert given.startswith("urn:uuid:")
    assert events_of(place.client.get(f"/events/{quote(given, safe='')}"))[0]["eventID"] == given


@pytest.mark.parametrize("form", ["json", "xml"])
def test_what_was_captured_is_read_back_the_same(place: Place, form: str) -> None:
    """In JSON and in XML, with a hash that says so."""
    sample = [each for each in events(3 if form == "json" else 4, 40) if "eventID" in each]
    ids = place.put(sample)
    for event, event_id in zip(sample, ids, strict=True):
        accept = {"Accept": f"application/{form}"}
        answer = place.client.get(f"/events/{quote(event_id, safe='')}", headers=accept)
        assert answer.headers["content-type"].startswith(f"application/{form}")
        read = (parse_json if form == "json" else parse_xml)(answer.content).events[0]
        assert read is not None
        assert event_hash(read) == event_hash(event)


def test_numbers_stay_exact(place: Place) -> None:
    event = first(5) | {
        "my:score": Decimal("0.10000000000000000001"),
        "@context": {"my": "https://ns.example/"},
    }
    assert place.client.post("/events", content=bare(event), headers=JSON).status_code == 201
    answer = place.client.get("/events", params={"EQ_eventID": str(event["eventID"])})
    assert b'"my:score":0.10000000000000000001' in answer.content


def test_questions_by_url(place: Place) -> None:
    sample = [each for each in events(6, 60) if "eventID" in each]
    ids = set(place.put(sample))
    steps = {"shipping", "receiving"}
    wanted = {each["eventID"] for each in sample if each.get("bizStep") in steps}
    assert wanted
    asked = {"EQ_bizStep": "shipping|receiving", "perPage": "1000"}
    found = {each["eventID"] for each in events_of(place.client.get("/events", params=asked))}
    assert found & ids == wanted
    # A plus sign that the client left bare is a plus sign.
    times = place.client.get("/events?GE_eventTime=2020-01-01T00:00:00+08:00&perPage=1")
    assert len(events_of(times)) == 1


@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        ("EQ_nothing=1", "epcis.query_parameter", "EQ_nothing"),
        ("GE_eventTime=yesterday", "epcis.query_parameter", "GE_eventTime"),
        (
            "GE_eventTime=2026-01-01T00:00:00Z&GE_eventTime=2026-01-01T00:00:00Z",
            "epcis.query_parameter",
            "GE_eventTime",
        ),
        ("orderDirection=SIDEWAYS", "epcis.query_parameter", "orderDirection"),
        ("maxEventCount=0", "epcis.query_parameter", "maxEventCount"),
        ("perPage=0", "bad_parameter", "perPage"),
        ("perPage=x", "bad_parameter", "perPage"),
        ("perPage=٣", "bad_parameter", "perPage"),
        ("%40context=x", "epcis.query_parameter", "@context"),
        ("EQ_unheard:of=1", "epcis.query_parameter", "EQ_unheard:of"),
    ],
)
def test_questions_that_are_none(place: Place, query: str, code: str, name: str) -> None:
    answer = place.client.get(f"/events?{query}")
    problem = refused(answer, code, 400, "QueryParameterException")
    assert problem["parameters"]["name"] == name


def test_a_result_that_is_too_large(place: Place) -> None:
    place.put(list(events(7, 5)))
    answer = place.client.get("/events", params={"maxEventCount": "1"})
    refused(answer, "epcis.query_too_large", 413, "QueryTooLargeException")


def test_prefixes_by_header(place: Place) -> None:
    event = first(8) | {"@context": {"zz": "https://zz.example/ns/"}, "zz:mark": "blue"}
    assert place.client.post("/events", content=bare(event), headers=JSON).status_code == 201
    named = {"GS1-Extensions": "other=https://zz.example/ns/"}
    found = events_of(place.client.get("/events?EQ_other:mark=blue", headers=named))
    assert [each["eventID"] for each in found] == [event["eventID"]]
    for wrong in ("other", "=x", "a=b c"):
        answer = place.client.get("/events", headers={"GS1-Extensions": wrong})
        refused(answer, "epcis.header_invalid", 400, "ValidationException")


def test_how_identifiers_are_spelt(place: Place) -> None:
    event = first(9) | {"epcList": ["urn:epc:id:sgtin:9520001.000001.A1"], "type": "ObjectEvent"}
    for gone in ("quantityList", "childEPCs", "parentID", "sensorElementList", "ilmd"):
        event.pop(gone, None)
    event |= {"action": "OBSERVE", "readPoint": {"id": "urn:epc:id:sgln:9520001.00001.0"}}
    event["bizTransactionList"] = [{"type": "po", "bizTransaction": "urn:example:po:1"}]
    assert place.client.post("/events", content=bare(event), headers=JSON).status_code == 201
    path = f"/events/{quote(str(event['eventID']), safe='')}"

    def spelt(form: str | None) -> tuple[str, str, str]:
        headers = {} if form is None else {"GS1-EPC-Format": form}
        (found,) = events_of(place.client.get(path, headers=headers))
        return (
            found["epcList"][0],
            found["readPoint"]["id"],
            found["bizTransactionList"][0]["bizTransaction"],
        )

    links = (
        identifiers.canonical("urn:epc:id:sgtin:9520001.000001.A1"),
        identifiers.canonical("urn:epc:id:sgln:9520001.00001.0"),
        "urn:example:po:1",
    )
    kept = ("urn:epc:id:sgtin:9520001.000001.A1", "urn:epc:id:sgln:9520001.00001.0", links[2])
    assert spelt(None) == spelt("Always_GS1_Digital_Link") == links
    assert spelt("Never_Translates") == spelt("No_Preference") == kept
    assert spelt("Always_EPC_URN") == kept
    answer = place.client.get(path, headers={"GS1-EPC-Format": "Always_Roman"})
    refused(answer, "epcis.header_invalid", 400, "ValidationException")


def test_versions(place: Place) -> None:
    for header, value in (
        ("GS1-EPCIS-Min", "2.1"),
        ("GS1-EPCIS-Max", "1.2"),
        ("GS1-CBV-Min", "3"),
        ("GS1-EPCIS-Version", "1.0"),
        ("GS1-EPCIS-Version", "3.0"),
    ):
        answer = place.client.get("/events", headers={header: value})
        problem = refused(answer, "epcis.version_unknown", 406, "NotAcceptableException")
        assert problem["parameters"] == {"header": header}
    for header, value in (
        ("GS1-EPCIS-Min", "1.2.0"),
        ("GS1-EPCIS-Max", "2.0"),
        ("GS1-CBV-Max", "2.0.0"),
    ):
        assert place.client.get("/events", headers={header: value}).status_code == 200
    answer = place.client.get("/events", headers={"GS1-EPCIS-Min": "two"})
    refused(answer, "epcis.header_invalid", 400, "ValidationException")


def test_media_types(place: Place) -> None:
    answer = place.client.get("/events", headers={"Accept": "text/html"})
    refused(answer, "not_acceptable", 406, "NotAcceptableException")
    answer = place.client.get("/events", headers={"Accept": "application/ld+json"})
    assert answer.headers["content-type"].startswith("application/ld+json")
    answer = place.client.post("/events", content=b"{}", headers={"Content-Type": "text/plain"})
    refused(answer, "unsupported_media_type", 415, "UnsupportedMediaTypeException")
    answer = place.client.post("/capture", content=b"a,b", headers={"Content-Type": "text/csv"})
    refused(answer, "unsupported_media_type", 415, "UnsupportedMediaTypeException")
    answer = place.client.post("/events", content=b"<x/>", headers=XML)
    refused(answer, "unsupported_media_type", 415, "UnsupportedMediaTypeException")


def test_words_of_the_vocabulary_in_xml(place: Place) -> None:
    event = first(10) | {"bizStep": "shipping"}
    assert place.client.post("/events", content=bare(event), headers=JSON).status_code == 201
    path = f"/events/{quote(str(event['eventID']), safe='')}"
    for form, expected in (
        ("Always_URN", b"urn:epcglobal:cbv:bizstep:shipping"),
        ("Always_Web_URI", b"https://ref.gs1.org/cbv/BizStep-shipping"),
    ):
        headers = {"Accept": "application/xml", "GS1-CBV-XML-Format": form}
        assert expected in place.client.get(path, headers=headers).content


def test_an_address_that_is_too_long(place: Place) -> None:
    answer = place.client.get("/events?EQ_eventID=" + "x" * 16_400)
    refused(answer, "epcis.uri_too_long", 414, "URITooLongException")


def test_the_refusal_speaks_the_readers_language(place: Place) -> None:
    answer = place.client.get("/events/nothing", headers={"Accept-Language": "zh"})
    problem = refused(answer, "epcis.resource_unknown", 404, "NoSuchResourceException")
    assert problem["title"] == "未找到"
    assert answer.headers["content-language"] == "zh-CN"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "epcis.unreadable"),
        (b"{", "epcis.unreadable"),
        (b"[]", "epcis.unreadable"),
        (b'{"type":"ObjectEvent","type":"ObjectEvent"}', "epcis.unreadable"),
        (b'{"type":"Nonsense"}', "epcis.unreadable"),
        (document([]), "epcis.unreadable"),
        (b'{"type":"ObjectEvent"}', "epcis.invalid"),
        (b"[" * 10_000, "epcis.unreadable"),
        (b'{"type":"ObjectEvent","eventTime":"\xff"}', "epcis.unreadable"),
    ],
)
def test_what_is_no_event(place: Place, data: bytes, code: str) -> None:
    before = place.room.repository.newest()
    answer = place.client.post("/events", content=data, headers=JSON)
    refused(answer, code, 400, "ValidationException")
    assert place.room.repository.newest() == before


def test_an_invalid_event_names_its_field(place: Place) -> None:
    event = first(11) | {"eventTimeZoneOffset": "+25:00"}
    answer = place.client.post("/events", content=bare(event), headers=JSON)
    problem = refused(answer, "epcis.invalid", 400, "ValidationException")
    assert problem["parameters"]["path"] == "eventTimeZoneOffset"


def test_a_query_document_may_be_captured_again_elsewhere(place: Place) -> None:
    """What one repository answers, another takes in."""
    sample = [each for each in events(12, 12) if "eventID" in each]
    ids = place.put(sample)
    answer = place.client.get("/events", params={"EQ_eventID": "|".join(ids)})
    insurer = place.cast.insurer.id
    other = place.bearer(place.token(room=place.rooms[insurer]), f"/epcis/{insurer}")
    made = other.post("/capture", content=answer.content, headers=JSON)
    assert made.status_code == 202
    name = made.headers["location"].rsplit("/", 1)[1]
    job = place.rooms[insurer].repository.wait(name, 30)
    assert (job.faults, job.captured) == ((), len(ids))
    assert {each["eventID"] for each in events_of(other.get("/events"))} == set(ids)
    assert json.loads(answer.content)["epcisBody"]["queryResults"]["queryName"]


def test_an_error_is_declared_under_the_events_own_id(place: Place) -> None:
    """EPCIS 2.0, section 7.4.1.4: the event goes out, comes back, and is declared an error."""
    event = {**first(971)}
    event.pop("errorDeclaration", None)
    (event_id,) = place.put([event])
    told = {"declarationTime": "2026-11-22T09:00:00.000Z", "reason": "did_not_occur"}
    path = f"/events/{quote(event_id, safe='')}"
    (read,) = parse_json(place.client.get(path).content).events
    wrong = {**(read or {}), "action": "DELETE" if event.get("action") == "ADD" else "ADD"}
    for each in (read or {}, wrong | {"errorDeclaration": told}):
        answer = place.client.post("/events", content=bare(each), headers=JSON)
        assert answer.status_code in (400, 409), answer.text
    answer = place.client.post(
        "/events", content=bare({**(read or {}), "errorDeclaration": told}), headers=JSON
    )
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"].endswith(path)
    assert events_of(place.client.get(path))[0]["errorDeclaration"]["reason"] == "did_not_occur"
    both = events_of(place.client.get("/events", params={"EQ_eventID": event_id}))
    assert ["errorDeclaration" in each for each in both] == [False, True]
    asked = {"EQ_eventID": event_id, "EXISTS_errorDeclaration": "true"}
    assert len(events_of(place.client.get("/events", params=asked))) == 1
    twice = {**event, "errorDeclaration": told | {"reason": "incorrect_data"}}
    job = place.capture(document([twice]))
    assert (job["success"], len(job["errors"])) == (False, 1)
    refused(
        place.client.post("/events", content=bare(twice), headers=JSON),
        "epcis.event_exists",
        409,
        "ResourceAlreadyExistsException",
    )


def test_an_event_and_its_declaration_in_one_document(place: Place) -> None:
    event = {name: value for name, value in first(972).items() if name != "errorDeclaration"}
    told = {"declarationTime": "2026-11-22T09:00:00.000Z"}
    ids = place.put([event, {**event, "errorDeclaration": told}])
    both = events_of(place.client.get("/events", params={"EQ_eventID": ids[0]}))
    assert ["errorDeclaration" in each for each in both] == [False, True]
