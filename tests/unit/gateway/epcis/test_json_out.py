"""What is told in JSON is EPCIS 2.0.1 by the published schema, formats looked at, however it came.

Documents of GS1 and OpenEPCIS in XML 1.2, XML 2.0 and JSON are read, kept as they are kept, and
written as a query document. What JSON has no form for is named here, event by event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, time
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.epcis_sample import events as sample
from tests.shared import shared
from yilian.gateway.epcis import store
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.event_hash import prehash
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.epcis.presentation import (
    CONTEXT,
    DEFAULT_FORMAT,
    EPC_FORMATS,
    EpcFormat,
    query_document,
    translated,
)
from yilian.gateway.epcis.xml_reading import parse_xml

CREATED = "2026-01-01T00:00:00Z"
FOLDERS = ("capture_valid", "event_valid", "query_valid", "hash/docs", "hash/equal")

# RFC 3986, section 3; RFC 3339, section 5.6.
_CHARACTER = r"[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2}"
_URI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.\-]*:(?://(?:{_CHARACTER}|[\[\]])*)?(?:{_CHARACTER}|/)*"
    rf"(?:\?(?:{_CHARACTER}|[/?])*)?(?:#(?:{_CHARACTER}|[/?])*)?"
)
_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
)

NO_TYPE = ("sensorReport", "'type' is a required property")
"""A report of a fault of the sensor itself: in XML `exception` stands alone, in JSON every report
has the type of what was measured (`#/definitions/sensorReport/required`), and nothing was."""

NOT_IN_JSON: dict[tuple[str, int], tuple[str, str]] = {
    ("capture_valid/gs1_xml/SensorDataExamples.xml", 8): NO_TYPE,
    ("capture_valid/openepcis_xml/SensorData_with_combined_events.xml", 8): NO_TYPE,
}


def is_moment(value: object) -> bool:
    """Whether it is a moment of RFC 3339."""
    found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return not isinstance(value, str)
    try:
        date.fromisoformat(found[1])
        time.fromisoformat(found[2])
    except ValueError:
        return False
    return True


@cache
def judge() -> jsonschema.Draft7Validator:
    """The published schema, and its two formats."""
    schema = json.loads(shared("epcis/schema/epcis-json-schema-2.0.1.json").read_text())
    formats = jsonschema.FormatChecker(())
    formats.checks("uri")(lambda value: not isinstance(value, str) or bool(_URI.fullmatch(value)))
    formats.checks("date-time")(is_moment)
    return jsonschema.Draft7Validator(schema, format_checker=formats)


def faults(told: Any) -> list[tuple[str, str]]:
    """Where the innermost of what is wrong stands, and what it is."""
    found = []
    waiting = list(judge().iter_errors(told))
    while waiting:
        each = waiting.pop()
        waiting += each.context
        if not each.context:
            names = [part for part in each.absolute_path if isinstance(part, str)]
            found.append((names[-1] if names else "", each.message))
    return found


def told(event: Event, form: EpcFormat = DEFAULT_FORMAT) -> Any:
    """One event as who asks gets it."""
    shown = translated(kept(event), form)
    return json.loads(query_document([shown], query="q", created=CREATED))


def kept(event: Event) -> Event:
    """The event as it comes out of the repository."""
    return store.decode(store.prepare(event).content)


def documents() -> Iterator[tuple[str, list[Event | None]]]:
    """Every published document that is to be taken, with its events."""
    root = shared("epcis")
    for folder in FOLDERS:
        for path in sorted(root.glob(f"{folder}/**/*")):
            name = str(path.relative_to(root))
            if path.suffix == ".xml":
                yield name, list(parse_xml(path.read_bytes()).events)
            elif path.suffix in (".json", ".jsonld") and not path.name.startswith("Simple"):
                yield name, list(parse_json(path.read_bytes()).events)


def test_the_formats_are_looked_at() -> None:
    (event,) = sample(1, 1)
    assert faults(told(event)) == []
    for name, value in (("eventTime", "2026-02-30T00:00:00Z"), ("eventID", "no uri")):
        wrong = told(event)
        wrong["epcisBody"]["queryResults"]["resultsBody"]["eventList"][0][name] = value
        assert faults(wrong), name


@pytest.mark.parametrize("form", [each for each in EPC_FORMATS if each != "Never_Translates"])
def test_every_published_event_is_told_in_valid_json(form: EpcFormat) -> None:
    broken: dict[tuple[str, int], tuple[str, str]] = {}
    count = 0
    for name, found in documents():
        for place, event in enumerate(found):
            if event is None:
                continue
            count += 1
            wrong = faults(told(event, form))
            named = [each for each in wrong if each == NOT_IN_JSON.get((name, place))]
            if wrong:
                broken[name, place] = named[0] if named else wrong[0]
    assert count > 200
    assert broken == NOT_IN_JSON


def test_it_is_the_same_event_still() -> None:
    """Told in JSON and read again, it has its hash; but for what JSON has no form for."""
    for name, found in documents():
        for place, event in enumerate(found):
            if event is None:
                continue
            read = parse_json(json.dumps(told(event)).encode())
            if (name, place) in NOT_IN_JSON:
                assert [each.reason for each in read.faults] == ["required", "required"]
                continue
            (again,) = read.events
            assert again is not None
            assert (read.faults, prehash(again)) == ((), prehash(event)), name


def test_an_identifier_that_stands_twice_is_spelt_in_two_ways() -> None:
    """As the published twin of the document has it."""
    folder = "epcis/capture_valid/openepcis_{0}/epcisDocWithAllGS1Keys.{0}"
    in_xml = parse_xml(shared(folder.format("xml")).read_bytes()).events[0]
    in_json = json.loads(shared(folder.format("json")).read_bytes())
    assert in_xml is not None
    assert len(set(in_xml["epcList"])) < len(in_xml["epcList"])
    found = told(in_xml)["epcisBody"]["queryResults"]["resultsBody"]["eventList"][0]
    listed = in_json["epcisBody"]["eventList"][0]["epcList"]
    two = [each for each in listed if ":sscc:" in each or "/00/" in each]
    assert len(two) == 2
    assert set(two) <= set(found["epcList"])
    assert len(set(found["epcList"])) == len(in_xml["epcList"])


def test_sampled_events_are_told_in_valid_json() -> None:
    for event in sample(7, 200):
        for form in EPC_FORMATS:
            assert faults(told(event, form)) == []
    nothing = json.loads(query_document([], query="q", created=CREATED))
    assert faults(nothing) == []
    assert nothing["@context"] == [CONTEXT]


def test_all_folders_are_there() -> None:
    root = shared("epcis")
    assert all((root / each).is_dir() for each in FOLDERS)
    assert all((Path(root) / name).is_file() for name, _ in NOT_IN_JSON)
