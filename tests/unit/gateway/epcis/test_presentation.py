"""How events are shown: the spelling of identifiers changes, the event does not."""

from __future__ import annotations

import json

import pytest

from tests.epcis_sample import events, sgtin
from yilian.gateway.epcis import identifiers
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.event_hash import event_hash
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.epcis.presentation import (
    CONTEXT,
    EPC_FORMATS,
    EpcFormat,
    query_document,
    spelt,
    translated,
)
from yilian.gateway.epcis.validation import validate

COMPANIES = ("9520001", "952000123", "95200456", "952007")


def prefix_length(link: str) -> int | None:
    """Know the companies of the sample, as a directory would."""
    parts = identifiers.parts(link)
    digits = parts.value[1:] if parts.key in ("01", "00", "8006") else parts.value
    return next((len(each) for each in COMPANIES if digits.startswith(each)), None)


@pytest.mark.parametrize("form", EPC_FORMATS)
def test_the_event_stays_the_same_event(form: EpcFormat) -> None:
    for event in events(1, 300):
        before = json.dumps(event, default=str)
        shown = translated(event, form, prefix_length)
        assert event_hash(shown) == event_hash(event)
        assert validate(shown, "default") == []
        assert json.dumps(event, default=str) == before, "the stored event was changed"


def test_links_and_urns_all_the_way() -> None:
    for event in events(2, 100):
        packs = [pack for name in ("epcList", "childEPCs") for pack in event.get(name, [])]
        if len({identifiers.canonical(each) for each in packs}) < len(packs):
            continue  # two spellings of one stay two
        links = translated(event, "Always_GS1_Digital_Link", prefix_length)
        urns = translated(event, "Always_EPC_URN", prefix_length)
        for name in ("epcList", "childEPCs"):
            assert all(each.startswith("https://id.gs1.org/") for each in links.get(name, []))
            assert all(each.startswith("urn:epc:id:") for each in urns.get(name, []))


def test_a_link_of_an_unknown_company_stays_a_link() -> None:
    link = sgtin("9520001", 1, "A1", link=True)
    assert spelt(link, "Always_EPC_URN") == link
    urn = spelt(link, "Always_EPC_URN", prefix_length)
    assert urn == sgtin("9520001", 1, "A1", link=False)
    assert spelt(urn, "Always_GS1_Digital_Link") == link
    assert spelt(urn, "Never_Translates") == urn
    for other in ("https://example.com/thing", "urn:uuid:1", "https://id.gs1.org/01/x", "words"):
        for form in EPC_FORMATS:
            assert spelt(other, form, prefix_length) == other


def test_two_spellings_of_one_identifier_stay_two() -> None:
    both = [sgtin("9520001", 1, "A1", link=True), sgtin("9520001", 1, "A1", link=False)]
    third = sgtin("9520001", 1, "B2", link=False)
    event: Event = {"type": "ObjectEvent", "epcList": [*both, third]}
    shown = translated(event, "Always_GS1_Digital_Link")
    assert shown["epcList"] == [*both, sgtin("9520001", 1, "B2", link=True)]


def test_a_query_document_is_read_as_one() -> None:
    sample = list(events(3, 20))
    data = query_document(sample, query="mine", created="2026-11-22T00:00:00Z", subscription="s")
    read = parse_json(data)
    assert read.kind == "EPCISQueryDocument"
    assert read.faults == ()
    assert [event_hash(each or {}) for each in read.events] == list(map(event_hash, sample))
    told = json.loads(data)
    assert told["@context"] == [CONTEXT]
    results = told["epcisBody"]["queryResults"]
    assert (results["queryName"], results["subscriptionID"]) == ("mine", "s")
    empty = parse_json(query_document([], query="none", created="2026-11-22T00:00:00Z"))
    assert (empty.events, empty.faults) == ((), ())
