"""Writing EPCIS 2.0 in XML: valid by the standard's schema, and nothing lost on the way back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from lxml import etree

from tests.epcis_sample import events
from tests.shared import shared
from tests.unit.gateway.epcis.xml_mutants import schema_accepts, valid_files
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.event_hash import prehash
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.epcis.xml_reading import parse_xml
from yilian.gateway.epcis.xml_writing import write_xml

CREATED = "2026-01-01T00:00:00Z"
PLAIN: Event = {
    "type": "ObjectEvent",
    "eventTime": "2026-01-01T00:00:00Z",
    "eventTimeZoneOffset": "+08:00",
    "epcList": ["urn:epc:id:sgtin:9520001.000001.A1"],
    "action": "OBSERVE",
}


def back(*told: Event) -> list[Event]:
    """The events after they were written and read; the document is valid."""
    data = write_xml(told, kind="EPCISDocument", created=CREATED)
    assert schema_accepts(etree.fromstring(data))
    read = parse_xml(data)
    assert read.faults == ()
    return [event for event in read.events if event is not None]


def test_generated_events_come_back_the_same() -> None:
    told = list(events(seed=5, count=600))
    assert back(*told) == told


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_captured_json_keeps_its_hash(version: str) -> None:
    count = 0
    for path in sorted(shared("epcis/capture_valid").rglob("*.json*")):
        told = [event for event in parse_json(path.read_bytes()).events if event]
        expected = [prehash(event, version) for event in told]  # type: ignore[arg-type]
        assert [prehash(event, version) for event in back(*told)] == expected  # type: ignore[arg-type]
        count += len(told)
    assert count > 40


def test_captured_xml_comes_back_the_same() -> None:
    for path in valid_files():
        told = [event for event in parse_xml(path.read_bytes()).events if event]
        assert [prehash(event) for event in back(*told)] == [prehash(event) for event in told]


def test_a_query_document_says_what_it_answers() -> None:
    data = write_xml(
        [PLAIN], kind="EPCISQueryDocument", created=CREATED, query="stock", subscription="s-1"
    )
    root = etree.fromstring(data)
    assert schema_accepts(root)
    assert root.findtext(".//queryName") == "stock"
    assert root.findtext(".//subscriptionID") == "s-1"
    read = parse_xml(data)
    assert (read.kind, read.version, read.created) == ("EPCISQueryDocument", "2.0", CREATED)
    assert read.events == (PLAIN,)


def test_words_are_addresses_or_urns() -> None:
    event = {**PLAIN, "bizStep": "shipping", "disposition": "https://own.example/lost"}
    written = write_xml([event], kind="EPCISDocument", created=CREATED)
    assert b"https://ref.gs1.org/cbv/BizStep-shipping" in written
    urns = write_xml([event], kind="EPCISDocument", created=CREATED, spelling="urn")
    assert b"urn:epcglobal:cbv:bizstep:shipping" in urns
    assert b"https://own.example/lost" in urns
    assert parse_xml(urns).events == (event,)


def test_values_that_are_no_text_stay_what_they_are() -> None:
    event = {
        **PLAIN,
        "my:all": {
            "my:whole": 12,
            "my:part": Decimal("0.50"),
            "my:yes": True,
            "my:text": "007",
            "my:many": [1, "1", False],
        },
        "@context": {"my": "https://ns.yilian.example/epcis/"},
    }
    assert back(event) == [event]
    assert str(back(event)[0]["my:all"]["my:part"]) == "0.50"


def test_attributes_beside_a_text_come_back() -> None:
    event = {
        **PLAIN,
        "my:weight": {"unit": "KGM", "rdf:value": "3.5"},
        "@context": {
            "my": "https://ns.yilian.example/epcis/",
            "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        },
    }
    assert back(event) == [event]


def test_an_own_type_comes_back() -> None:
    event = {**PLAIN, "type": "my:Thawing", "@context": {"my": "https://ns.yilian.example/epcis/"}}
    assert back(event, PLAIN) == [event, PLAIN]


def test_names_that_are_addresses_get_a_prefix() -> None:
    event = {**PLAIN, "https://ns.yilian.example/epcis/colour": "red"}
    assert prehash(back(event)[0]) == prehash(event)


def test_prefixes_that_xml_does_not_allow_are_replaced() -> None:
    context = {"xmlish": "https://one.example/", "1": "https://two.example/"}
    event = {**PLAIN, "xmlish:a": "b", "1:a": "c", "@context": context}
    assert prehash(back(event)[0]) == prehash(event)


def test_a_prefix_may_be_that_of_schema_types() -> None:
    event = {**PLAIN, "xsd:a": 5, "@context": {"xsd": "https://own.example/"}}
    assert prehash(back(event)[0]) == prehash(event)


def test_characters_that_xml_forbids_do_not_break_the_document() -> None:
    event = {**PLAIN, "https://ns.yilian.example/epcis/note": "a\x00\x1b\ud800b]]><&"}
    found = back(event)[0]
    assert "a\ufffd\ufffd\ufffdb]]><&" in found.values()


def test_offsets_that_xml_does_not_know_become_utc() -> None:
    event = {**PLAIN, "eventTime": "2026-01-01T23:30:00.5+23:30"}
    assert back(event)[0]["eventTime"] == "2026-01-01T00:00:00.500000Z"


def test_the_first_of_several_certifications_is_written() -> None:
    event = {**PLAIN, "certificationInfo": ["https://one.example/", "https://two.example/"]}
    assert back(event)[0]["certificationInfo"] == "https://one.example/"


def test_empty_lists_that_xml_does_not_allow_are_left_out() -> None:
    event = {**PLAIN, "bizTransactionList": [], "sensorElementList": [], "sourceList": []}
    assert back(event) == [PLAIN]


def test_a_document_without_events() -> None:
    assert back() == []
