"""Capture through HTTP: every published document, valid and not, and what a job tells."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest

from tests.epcis_sample import events
from tests.http.epcis.place import (
    JSON,
    LIMITS,
    XML,
    Place,
    bare,
    document,
    events_of,
    name_in_path,
    refused,
)
from tests.shared import shared
from yilian.gateway.epcis.capture import Limits
from yilian.gateway.epcis.document import Document
from yilian.gateway.epcis.event_hash import event_hash
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.epcis.xml_reading import parse_xml

ONLY_IN_XML = {
    # A report without a type, which the XSD allows and the JSON schema does not.
    "SensorDataExamples.xml",
    "SensorData_with_combined_events.xml",
    # An EPC that is listed twice, likewise.
    "epcisDocWithAllGS1Keys.xml",
}


def rows(*expected: str, folder: str = "") -> list[dict[str, Any]]:
    listed = json.loads(shared("epcis/manifest.json").read_text(encoding="utf-8"))
    return [
        each for each in listed if each["expect"] in expected and each["file"].startswith(folder)
    ]


def read(name: str) -> tuple[bytes, dict[str, str], Document]:
    data = shared(f"epcis/{name}").read_bytes()
    if name.endswith(".xml"):
        return data, XML, parse_xml(data)
    return data, JSON, parse_json(data)


def refusal_of(place: Place, name: str, behaviour: str = "rollback") -> list[dict[str, Any]]:
    """Capture a document that must be refused; gives what was wrong, at once or by its job."""
    data, headers, _ = read_any(name)
    headers = {**headers, "GS1-Capture-Error-Behaviour": behaviour}
    answer = place.client.post("/capture", content=data, headers=headers)
    if answer.status_code == 400:
        assert answer.json()["type"] == "epcisException:ValidationException"
        return [{"event": None, **answer.json()["parameters"]}]
    assert answer.status_code == 202, answer.text
    job = place.room.repository.wait(answer.headers["location"].rsplit("/", 1)[1], 60)
    told = place.client.get(f"/capture/{job.id}").json()
    assert not told["running"]
    assert not told["success"]
    found: list[dict[str, Any]] = told["errors"]
    for each in found:
        assert each["path"] or each["reason"]
        assert each["title"]
        assert each["detail"]
    return found


def read_any(name: str) -> tuple[bytes, dict[str, str], None]:
    data = shared(f"epcis/{name}").read_bytes()
    return data, XML if name.endswith(".xml") else JSON, None


@pytest.mark.slow
def test_every_valid_document_is_accepted_and_read_back(place: Place) -> None:
    """100 % of the published documents: JSON, XML 2.0, XML 1.2 and query documents.

    What is answered is valid by the published JSON schema, and every event has the hash it had.
    """
    listed = rows("accept", "query_response", "accept_as_EPCISQueryDocument")
    assert len(listed) == 79 + 1 + 3 + 1
    schema = json.loads(shared("epcis/schema/epcis-json-schema-2.0.1.json").read_text())
    valid = fastjsonschema.compile(schema)
    for row in listed:
        place.fresh()
        data, headers, whole = read(row["file"])
        job = place.capture(data, Content_Type=headers["Content-Type"])
        assert job["success"], (row["file"], job["errors"][:3])
        wanted = [each for each in whole.events if each is not None]
        found = events_of(place.client.get("/events?perPage=1000"))
        answer = place.client.get("/events?perPage=1000")
        if Path(row["file"]).name not in ONLY_IN_XML:
            valid(answer.json())
        hashes = sorted(event_hash(each) for each in parse_json(answer.content).events if each)
        assert hashes == sorted(map(event_hash, wanted)), row["file"]
        assert len(found) == len(wanted)
        for event in wanted:
            if "eventID" in event:
                path = f"/events/{name_in_path(event['eventID'])}"
                (again,) = parse_json(place.client.get(path).content).events
                assert again is not None
                assert event_hash(again) == event_hash(event), row["file"]


def test_every_bare_event_is_accepted(place: Place) -> None:
    listed = rows("accept_single_event")
    assert len(listed) == 3
    for row in listed:
        place.fresh()
        data = shared(f"epcis/{row['file']}").read_bytes()
        answer = place.client.post("/events", content=data, headers=JSON)
        assert answer.status_code == 201, (row["file"], answer.text)
        assert event_hash(parse_json(answer.content).events[0] or {}) == event_hash(
            parse_json(data).events[0] or {}
        )


def test_a_published_question_is_kept_and_asked(place: Place) -> None:
    (row,) = rows("accept_as_named_query")
    asked = json.loads(shared(f"epcis/{row['file']}").read_bytes())
    answer = place.client.post("/queries", json={"name": "published", "query": asked})
    assert answer.status_code == 201, answer.text
    assert place.client.get("/queries/published").json()["query"] == asked
    assert place.client.get("/queries/published/events").status_code == 200


def test_every_invalid_document_is_refused_whole(place: Place) -> None:
    """100 % of what the manifest rejects, in its mode; each names a field, and its event."""
    listed = [each for each in rows("reject") if "Query_with" not in each["file"]]
    assert len(listed) == 11 + 8 + 1
    for row in listed:
        place.fresh(row.get("mode", "default"))
        faults = refusal_of(place, row["file"])
        assert faults, row["file"]
        for each in faults:
            assert each["reason"], row["file"]
            whole = each["event"] is None
            assert whole or isinstance(each["event"], int), row["file"]
        assert place.room.repository.newest() == 0, row["file"]


def test_an_invalid_question_is_refused(place: Place) -> None:
    asked = json.loads(shared("epcis/query_invalid/Query_with_invalid_values.json").read_bytes())
    answer = place.client.post("/queries", json={"name": "wrong", "query": asked})
    refused(answer, "epcis.query_parameter", 400, "QueryParameterException")
    assert place.client.get("/queries/wrong").status_code == 404


def test_rollback_leaves_nothing_and_proceed_keeps_the_valid(place: Place) -> None:
    place.fresh()
    sample = [each for each in events(40, 9) if "eventID" in each]
    wrong = {**sample[2], "eventTimeZoneOffset": "+99:00"}
    data = document([*sample[:2], wrong, *sample[3:]])
    job = place.capture(data)
    assert (job["success"], job["captureErrorBehaviour"]) == (False, "rollback")
    (fault,) = job["errors"]
    assert (fault["event"], fault["path"]) == (2, "eventTimeZoneOffset")
    assert fault["type"] == "epcisException:ValidationException"
    assert fault["code"] == "epcis.invalid"
    assert events_of(place.client.get("/events")) == []
    job = place.capture(data, GS1_Capture_Error_Behaviour="proceed")
    assert (job["success"], job["captureErrorBehaviour"]) == (False, "proceed")
    found = {each["eventID"] for each in events_of(place.client.get("/events"))}
    assert found == {each["eventID"] for place_, each in enumerate(sample) if place_ != 2}


def test_a_captured_id_is_told_as_taken(place: Place) -> None:
    place.fresh()
    sample = [each for each in events(41, 9) if "eventID" in each]
    place.put(sample[:1])
    job = place.capture(document(sample))
    (fault,) = job["errors"]
    assert (fault["event"], fault["path"], fault["reason"]) == (0, "eventID", "event_exists")
    assert fault["type"] == "epcisException:ResourceAlreadyExistsException"
    assert len(events_of(place.client.get("/events"))) == 1


def test_the_same_document_again_is_the_same_job(place: Place) -> None:
    place.fresh()
    data = document(list(events(42, 5)))
    first, again = place.capture(data), place.capture(data)
    assert first == again
    assert len(events_of(place.client.get("/events"))) == 5
    assert len(place.client.get("/capture").json()) == 1


def test_jobs_in_pages(place: Place) -> None:
    place.fresh()
    made = [place.capture(document(list(events(50 + n, 2))))["captureID"] for n in range(7)]
    found: list[str] = []
    target = "/capture?perPage=3"
    while target:
        answer = place.client.get(target.removeprefix(place.base))
        found += [each["captureID"] for each in answer.json()]
        link = answer.headers.get("link", "")
        target = link[1 : link.index(">")] if link else ""
    assert found == made[::-1]


def test_limits(tmp_path: Path) -> None:
    place = Place(tmp_path, Limits(events=3, bytes=20_000))
    try:
        answer = place.client.post("/capture", content=document(list(events(60, 4))), headers=JSON)
        refused(answer, "epcis.too_many_events", 413, "CaptureLimitExceededException")
        assert answer.headers["gs1-epcis-capture-limit"] == "3"
        assert answer.headers["gs1-epcis-capture-file-size-limit"] == "20000"
        long = document(list(events(60, 3)))[:-1] + b" " * 20_000 + b"}"
        answer = place.client.post("/capture", content=long, headers=JSON)
        refused(answer, "body_too_large", 413, "CaptureLimitExceededException")
        assert answer.headers["gs1-epcis-capture-limit"] == "3"

        def endless() -> Any:
            for _ in range(1_000):
                yield b" " * 1_000

        answer = place.client.post("/capture", content=endless(), headers=JSON)
        refused(answer, "body_too_large", 413, "CaptureLimitExceededException")
        assert place.room.repository.newest() == 0
        assert place.capture(document(list(events(60, 3))))["success"]
    finally:
        place.close()


def named(count: int, number: int = 1) -> dict[str, Any]:
    """An event that names so many units."""
    return {
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:00000000-0000-4000-8000-{number:012d}",
        "eventTime": "2026-03-01T08:00:00.000Z",
        "eventTimeZoneOffset": "+00:00",
        "epcList": [f"https://id.gs1.org/01/09520001000010/21/{n}" for n in range(count)],
        "action": "OBSERVE",
    }


def test_one_event_names_so_many_units_and_no_more(tmp_path: Path) -> None:
    place = Place(tmp_path, Limits(events=3, bytes=1_000_000, epcs=50))
    exceeded = ("epcis.too_many_epcs", 413, "CaptureLimitExceededException")
    try:
        answer = place.client.post("/capture", content=document([named(51)]), headers=JSON)
        assert refused(answer, *exceeded)["parameters"] == {"limit": 50}
        answer = place.client.post("/events", content=bare(named(51)), headers=JSON)
        refused(answer, *exceeded)
        parts = named(26) | {"type": "TransformationEvent", "inputEPCList": named(25)["epcList"]}
        parts["outputEPCList"] = parts.pop("epcList")
        del parts["action"]
        answer = place.client.post("/capture", content=document([named(1), parts]), headers=JSON)
        refused(answer, *exceeded)
        assert place.room.repository.newest() == 0
        assert place.capture(document([named(50)]))["success"]
        answer = place.client.post("/events", content=bare(named(50, 2)), headers=JSON)
        assert answer.status_code == 201
    finally:
        place.close()


def test_a_pallet_of_fifty_thousand_packs_is_one_event(tmp_path: Path) -> None:
    place = Place(tmp_path)
    try:
        assert place.capture(document([named(50_000)]))["success"]
        assert place.limits.epcs == 100_000
    finally:
        place.close()


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "identity, gzip", "nonsense"])
def test_a_body_that_is_encoded_is_refused(place: Place, encoding: str) -> None:
    before = place.room.repository.newest()
    data = gzip.compress(document([named(1, 7)]))
    headers = {**JSON, "Content-Encoding": encoding}
    for path in ("/capture", "/events", "/queries"):
        answer = place.client.post(path, content=data, headers=headers)
        refused(answer, "epcis.content_encoding", 415, "UnsupportedMediaTypeException")
    assert place.room.repository.newest() == before


def test_a_body_that_says_it_is_not_encoded_is_read(place: Place) -> None:
    headers = {**JSON, "Content-Encoding": "Identity"}
    answer = place.client.post("/events", content=bare(named(1, 8)), headers=headers)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("data", "headers", "code"),
    [
        (b"", JSON, "epcis.unreadable"),
        (b"{}", JSON, "epcis.unreadable"),
        (b'{"type":"EPCISDocument"}', JSON, "epcis.invalid"),
        (b"\xff\xfe", JSON, "epcis.unreadable"),
        (b"[" * 100_000, JSON, "epcis.unreadable"),
        (b'{"type":"ObjectEvent"}', JSON, "epcis.unreadable"),
        (b"", XML, "epcis.unreadable"),
        (b"<a/>", XML, "epcis.unreadable"),
        (b"<a><b></a>", XML, "epcis.unreadable"),
        (
            b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>',
            XML,
            "epcis.unreadable",
        ),
    ],
)
def test_what_is_no_document(place: Place, data: bytes, headers: dict[str, str], code: str) -> None:
    before = len(place.client.get("/capture?perPage=1000").json())
    answer = place.client.post("/capture", content=data, headers=headers)
    refused(answer, code, 400, "ValidationException")
    assert len(place.client.get("/capture?perPage=1000").json()) == before


def test_what_is_no_behaviour(place: Place) -> None:
    for wrong in ("all", "ignore", ""):
        headers = {**JSON, "GS1-Capture-Error-Behaviour": wrong}
        answer = place.client.post("/capture", content=document([]), headers=headers)
        refused(answer, "epcis.header_invalid", 400, "ValidationException")


def test_an_unknown_job(place: Place) -> None:
    for name in ("x", "a%2Fb", "%00", "1' OR '1'='1"):
        answer = place.client.get(f"/capture/{name}")
        refused(answer, "epcis.job_unknown", 404, "NoSuchResourceException")
    assert LIMITS.events == place.limits.events
