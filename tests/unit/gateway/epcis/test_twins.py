"""One event, one hash: in XML and JSON, in every spelling. Published digests decide."""

from __future__ import annotations

import json

import pytest

from tests.shared import shared
from yilian.gateway.epcis.event_hash import event_hash, prehash
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.epcis.validation import validate
from yilian.gateway.epcis.xml_reading import parse_xml


def twins() -> list[str]:
    rows = json.loads(shared("epcis/manifest.json").read_bytes())
    flagged = [row["file"] for row in rows if row.get("xml_json_hash_equal")]
    return sorted(name for name in flagged if name.endswith(".xml"))


def test_twins_have_one_hash() -> None:
    names = twins()
    assert len(names) == 16
    for name in names:
        in_xml = parse_xml(shared(f"epcis/{name}").read_bytes())
        other = name.replace("openepcis_xml", "openepcis_json").replace(".xml", ".json")
        in_json = parse_json(shared(f"epcis/{other}").read_bytes())
        assert in_xml.faults == in_json.faults == ()
        assert len(in_xml.events) == len(in_json.events) > 0
        for one, two in zip(in_xml.events, in_json.events, strict=True):
            assert one is not None
            assert two is not None
            assert prehash(one) == prehash(two), name
            assert prehash(one, "2.1") == prehash(two, "2.1"), name


def test_published_digests_of_documents_in_xml() -> None:
    rows = json.loads(shared("epcis/hash/vectors.json").read_bytes())
    rows = [row for row in rows if row["doc"].endswith(".xml")]
    assert len(rows) == 46
    for row in rows:
        read = parse_xml(shared(f"epcis/{row['doc']}").read_bytes(), faulty=True)
        event = read.events[row["event"]]
        assert event is not None
        version = row["cbv"].removeprefix("CBV")
        assert prehash(event, version) == row["prehash"], row["doc"]
        assert row["hash"] in event_hash(event, version), row["doc"]


def test_equal_events_have_one_hash() -> None:
    for path in sorted(shared("epcis/hash/equal").glob("*.xml")):
        read = parse_xml(path.read_bytes(), faulty=True)
        hashes = {event_hash(event) for event in read.events if event}
        assert len(read.events) > 1
        assert len(hashes) == 1, path.name


def test_what_gs1_calls_equal() -> None:
    """The second differs in its `eventTimeZoneOffset`, which is hashed."""
    one, two, three = (
        [event_hash(event) for event in parse_xml(path.read_bytes(), faulty=True).events if event]
        for path in sorted(shared("epcis/hash/equal_gs1").glob("*_hash_id_[123].xml"))
    )
    assert one == three
    assert one != two


@pytest.mark.parametrize("folder", ["gs1_xml", "openepcis_xml", "openepcis_xml_1.2"])
def test_captured_events_are_valid(folder: str) -> None:
    for path in sorted(shared(f"epcis/capture_valid/{folder}").glob("*.xml")):
        for event in parse_xml(path.read_bytes()).events:
            assert event is not None
            assert validate(event) == [], path.name


def test_spelling_does_not_change_the_hash() -> None:
    """Other prefixes, spaces, comments, CDATA, order of siblings that have none, encoding."""
    one = """<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0"
      creationDate="2026-01-01T00:00:00Z"><EPCISBody><EventList><ObjectEvent>
      <eventTime>2026-01-01T08:00:00+08:00</eventTime>
      <eventTimeZoneOffset>+08:00</eventTimeZoneOffset>
      <epcList><epc>urn:epc:id:sgtin:9520001.000001.A1</epc></epcList>
      <action>OBSERVE</action><bizStep>urn:epcglobal:cbv:bizstep:storing</bizStep>
      <e:a xmlns:e="https://e.example/"><e:b>避光</e:b><e:c>2.50</e:c></e:a>
      </ObjectEvent></EventList></EPCISBody></epcis:EPCISDocument>"""
    two = (
        one.replace("epcis:EPCIS", "p:EPCIS")
        .replace("xmlns:epcis", "xmlns:p")
        .replace("urn:epcglobal:cbv:bizstep:", "\n https://ref.gs1.org/cbv/BizStep-<!-- -->")
        .replace("2026-01-01T08:00:00+08:00", "<![CDATA[2026-01-01T00:00:00.0000Z]]>")
        .replace("<e:b>避光</e:b><e:c>2.50</e:c>", "<f:c>2.5</f:c><f:b>避光</f:b>")
        .replace("<e:a xmlns:e", "<f:a xmlns:f")
        .replace("</e:a>", "</f:a><?note x?>")
    )
    two = '<?xml version="1.0" encoding="GB18030"?>' + two
    first = parse_xml(one.encode()).events[0]
    second = parse_xml(two.encode("gb18030")).events[0]
    assert first is not None
    assert second is not None
    assert first["eventTime"] != second["eventTime"]
    assert event_hash(first) == event_hash(second)
