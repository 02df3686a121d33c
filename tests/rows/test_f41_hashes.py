"""F41: every published event hash comes out, digest and pre-hash, in JSON and in XML."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.shared import shared
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.event_hash import event_hash, prehash
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.epcis.validation import validate
from yilian.gateway.epcis.xml_reading import parse_xml

ADOPTED = Path(__file__).parents[1] / "adopted" / "epcis_event_hashes.json"


def events_of(name: str) -> list[Event]:
    """The events of a file, also of one that breaks the order of the XML schema."""
    data = shared(f"epcis/{name}").read_bytes()
    document = parse_xml(data, faulty=True) if name.endswith(".xml") else parse_json(data)
    return [event for event in document.events if event is not None]


def faults_of(path: Path) -> list[tuple[int | None, str]]:
    """Event number and field of everything that is wrong with a file."""
    read = parse_xml if path.suffix == ".xml" else parse_json
    document = read(path.read_bytes())
    found = [(fault.event, fault.path) for fault in document.faults]
    for place, event in enumerate(document.events):
        found += [(place, fault.path) for fault in validate(event)] if event is not None else []
    return found


def vectors() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shared("epcis/hash/vectors.json").read_text())
    return found


def test_every_published_vector_comes_out() -> None:
    rows = vectors()
    assert len(rows) == 74
    wrong = []
    for row in rows:
        event = events_of(row["doc"])[row["event"]]
        version = row["cbv"].removeprefix("CBV")
        if (prehash(event, version), event_hash(event, version)) != (row["prehash"], row["hash"]):
            wrong.append((row["doc"], row["event"], row["cbv"]))
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("ReferenceEventHashAlgorithm.json", 2),
        ("differentRepresentationsOfObjectEvent.xml", 3),
        ("differentRepresentationsOfTransformationEvent.xml", 4),
        ("numberPrecision.xml", 2),
        ("timestampTimeZone.xml", 3),
        ("timestampTimeZone3.xml", 2),
    ],
)
def test_equal_events_have_one_hash(name: str, count: int) -> None:
    found = events_of(f"hash/equal/{name}")
    assert len(found) == count
    for version in ("2.0", "2.1"):
        assert len({event_hash(each, version) for each in found}) == 1


def test_the_events_that_gs1_calls_equal() -> None:
    folder = shared("epcis/hash/equal_gs1")
    found = {}
    for number, suffix in ((1, "xml"), (2, "xml"), (3, "xml"), (7, "json")):
        name = f"event_with_identical_hash_id_{number}.{suffix}"
        data = (folder / name).read_bytes()
        # Two of them have an empty document type, which no capture interface should accept.
        data = data.replace(b"<!DOCTYPE project>", b"")
        document = parse_json(data) if suffix == "json" else parse_xml(data, faulty=True)
        found[number] = event_hash(document.events[0] or {})
    assert found[1] == found[3] == found[7] != found[2]


def test_twins_have_one_hash() -> None:
    rows = json.loads(shared("epcis/manifest.json").read_text())
    names = [row["file"] for row in rows if row.get("xml_json_hash_equal")]
    twins = [name for name in names if name.endswith(".json")]
    assert len(twins) == 16
    for name in twins:
        other = name.replace("openepcis_json", "openepcis_xml").replace(".json", ".xml")
        for version in ("2.0", "2.1"):
            assert [event_hash(each, version) for each in events_of(name)] == [
                event_hash(each, version) for each in events_of(other)
            ], name


def test_adopted_hashes_come_out_of_other_spellings() -> None:
    adopted = json.loads(ADOPTED.read_text(), parse_float=Decimal)
    assert len(adopted["hashes"]) == 3
    for row in adopted["hashes"]:
        for expected in row["ids"]:
            assert event_hash(row["event"], expected[-3:]) == expected, row["name"]


def test_the_valid_set_is_accepted() -> None:
    paths = sorted(path for path in shared("epcis/capture_valid").glob("*/*") if path.is_file())
    paths += sorted(shared("epcis/event_valid").glob("*"))
    assert len(paths) == 83
    assert {path.name: faults_of(path) for path in paths if faults_of(path)} == {}


def test_the_invalid_set_is_refused_with_field_and_event() -> None:
    paths = sorted(path for path in shared("epcis/capture_invalid").glob("*/*"))
    assert len(paths) == 11
    for path in paths:
        found = faults_of(path)
        assert found, path.name
        assert all(event is not None and field for event, field in found), (path.name, found)
