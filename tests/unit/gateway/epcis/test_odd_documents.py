"""Documents as nobody means them, or as somebody means harm by them: each is taken or refused.

One per line of thought; what is refused names the event and the field, what is taken is valid, has
a hash, and is written in JSON and XML and read again as the same event.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from yilian.gateway.epcis.document import Document, Event, Unreadable
from yilian.gateway.epcis.event_hash import prehash
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.epcis.presentation import CONTEXT, query_document, translated
from yilian.gateway.epcis.validation import validate
from yilian.gateway.epcis.xml_reading import parse_xml
from yilian.gateway.epcis.xml_writing import write_xml

CREATED = "2026-01-01T00:00:00Z"
PACK = "urn:epc:id:sgtin:9520001.000001.A1"
PLAIN: Event = {
    "type": "ObjectEvent",
    "eventTime": "2026-01-01T00:00:00Z",
    "eventTimeZoneOffset": "+08:00",
    "action": "OBSERVE",
    "epcList": [PACK],
}
OWN = {"my": "https://ns.yilian.example/epcis/"}


def document(*events: Any, **more: Any) -> bytes:
    """A document in JSON."""
    told = {
        "@context": [CONTEXT, OWN],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": CREATED,
        "epcisBody": {"eventList": list(events)},
    }
    return json.dumps(told | more).encode()


def in_xml(inside: str, kind: str = "ObjectEvent", before: str = "") -> bytes:
    """A document in XML with one event."""
    return (
        f'{before}<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0"'
        f' creationDate="{CREATED}" xmlns:my="https://ns.yilian.example/epcis/"><EPCISBody>'
        f"<EventList><{kind}><eventTime>2026-01-01T00:00:00Z</eventTime>"
        f"<eventTimeZoneOffset>+08:00</eventTimeZoneOffset>{inside}</{kind}></EventList>"
        "</EPCISBody></e:EPCISDocument>"
    ).encode()


def seen(inside: str = "", pack: str = PACK) -> bytes:
    """An ObjectEvent in XML."""
    listed = f"<epcList><epc>{pack}</epc></epcList>"
    return in_xml(f"{listed}<action>OBSERVE</action>{inside}")


def read(data: bytes) -> Document:
    """Read either form."""
    return (parse_xml if data.lstrip()[:1] == b"<" else parse_json)(data)


def found(data: bytes) -> list[tuple[int | None, str, str]]:
    """All that is wrong with a document: event, field, reason."""
    try:
        told = read(data)
    except Unreadable as error:
        return [tuple(error.fault)]
    faults = [tuple(each) for each in told.faults]
    for place, event in enumerate(told.events):
        if event is not None:
            faults += [(place, each.path, each.reason) for each in validate(event)]
    return faults


def event(**more: Any) -> bytes:
    """The plain event with something else in it."""
    return document(PLAIN | more)


def sensed(**report: Any) -> bytes:
    """An event with one sensor report."""
    return event(sensorElementList=[{"sensorReport": [{"type": "Temperature"} | report]}])


REFUSED: dict[str, tuple[bytes, tuple[int | None, str, str]]] = {
    "a number as an identifier": (event(epcList=[1]), (0, "epcList[0]", "wrong_type")),
    "a list of lists": (event(epcList=[[PACK]]), (0, "epcList[0]", "wrong_type")),
    "nothing in place of a list": (event(epcList=None), (0, "epcList", "wrong_type")),
    "a check digit that is wrong by one": (
        event(epcList=["https://id.gs1.org/01/09520001000011/21/A1"]),
        (0, "epcList[0]", "check_digit"),
    ),
    "a half escape in a serial number": (
        event(epcList=["https://id.gs1.org/01/09520001000010/21/A%2"]),
        (0, "epcList[0]", "bad_escape"),
    ),
    "digits that are not ASCII": (
        event(epcList=["urn:epc:id:sgtin:952000１.000001.A1"]),
        (0, "epcList[0]", "bad_partition"),
    ),
    "a leap second": (event(eventTime="2016-12-31T23:59:60Z"), (0, "eventTime", "bad_time")),
    "a day that is not": (event(eventTime="2026-02-29T00:00:00Z"), (0, "eventTime", "bad_time")),
    "an offset beyond the world": (
        event(eventTimeZoneOffset="+14:30"),
        (0, "eventTimeZoneOffset", "bad_offset"),
    ),
    "an action in small letters": (event(action="add"), (0, "action", "bad_action")),
    "a word with a space behind": (event(bizStep="shipping "), (0, "bizStep", "unknown_word")),
    "a word of the other list": (event(bizStep="in_transit"), (0, "bizStep", "unknown_word")),
    "not a number": (sensed(value=float("nan")), (None, "", "bad_json")),
    "a number as a text": (
        sensed(value="1.5"),
        (0, "sensorElementList[0].sensorReport[0].value", "wrong_type"),
    ),
    "an exponent that fills the memory": (
        sensed(value=1).replace(b'"value": 1', b'"value": 1E999999999'),
        (None, "", "bad_number"),
    ),
    "a truth where a number stands": (
        sensed(value=True),
        (0, "sensorElementList[0].sensorReport[0].value", "wrong_type"),
    ),
    "a prefix that nobody declared": (
        event(**{"your:field": 1}),
        (0, "your:field", "undeclared_prefix"),
    ),
    "a line of control in a text": (event(**{"my:x": "a\x0bb"}), (0, "my:x", "bad_text")),
    "half a character": (
        event().replace(b"A1", b'A1", "urn:x:\\ud800'),
        (None, "", "bad_charset"),
    ),
    "an action twice": (
        event().replace(b'"action": "OBSERVE"', b'"action": "OBSERVE", "action": "ADD"'),
        (None, "", "duplicate_key"),
    ),
    "an event within an event": (
        event(**{"my:event": PLAIN}) + b" {}",
        (None, "", "bad_json"),
    ),
    "an entity that grows": (
        in_xml("<action>&a;</action>", before='<!DOCTYPE x [<!ENTITY a "a">]>'),
        (None, "", "document_type"),
    ),
    "a file of the server": (
        in_xml("&f;", before='<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'),
        (None, "", "document_type"),
    ),
    "an element of the standard in no place": (
        seen("<childEPCs><epc>urn:x:1</epc></childEPCs>"),
        (0, "childEPCs", "unknown_field"),
    ),
    "a time with no day behind it": (
        seen().replace(b"01T00:00:00Z</eventTime>", b"01T24:00:00Z</eventTime>"),
        (0, "eventTime", "bad_time"),
    ),
    "text between the parts of an extension": (
        seen("<my:a>x<my:b>1</my:b></my:a>"),
        (0, "my:a", "not_allowed"),
    ),
    "an infinite measurement": (
        seen(
            "<sensorElementList><sensorElement><sensorReport type='gs1:Temperature' value='INF'/>"
            "</sensorElement></sensorElementList>"
        ),
        (0, "sensorElementList[0].sensorReport[0].value", "bad_number"),
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_event_and_field(name: str) -> None:
    data, fault = REFUSED[name]
    assert fault in found(data), found(data)


TAKEN: dict[str, bytes] = {
    "nothing is moved": event(epcList=[], action="OBSERVE"),
    "a thousand packs": event(epcList=[f"{PACK}{each}" for each in range(1_000)]),
    "one pack in two spellings": event(
        epcList=[PACK, "https://id.gs1.org/01/09520001000010/21/A1"]
    ),
    "a scheme in capitals": event(epcList=["URN:EPC:id:sgtin:9520001.000001.A1"]),
    "a link on a foreign domain": event(
        epcList=["https://shop.example/01/09520001000010/21/A1?lot=1#top"]
    ),
    "every character of a serial number": event(
        epcList=["urn:epc:id:sgtin:9520001.000001.%22%25%26%2F%3C%3E%3F!'()*+,-.:;=_"]
    ),
    "time to the attosecond": event(eventTime="2026-01-01T00:00:00.000000000000000001Z"),
    "a time at the other end of the world": event(eventTime="2026-01-01T13:59:59-12:00"),
    "a number of many digits": sensed(value=1).replace(b'"value": 1', b'"value": 0.' + b"1" * 60),
    "a number less than nothing": sensed(value=1).replace(b'"value": 1', b'"value": -0.0'),
    "a quantity of no unit": event(
        quantityList=[{"epcClass": "urn:epc:class:lgtin:9520001.000001.L1", "quantity": 0}]
    ),
    "an extension of every kind": event(
        **{"my:a": {"my:b": [1, "1", True, None, {"my:c": []}]}, "my:d": "]]>&<", "my:e": ""}
    ),
    "an extension under a whole address": event(**{"https://ns.yilian.example/epcis/x": "1"}),
    "a type of one's own": event(type="my:Thawing"),
    "an extension in XML": seen('<my:a unit="KGM">1.50</my:a><my:a/><my:b my:c="d"><my:e/></my:b>'),
    "words in comments and CDATA": seen(
        "<bizStep><!-- a --><![CDATA[urn:epcglobal:cbv:bizstep:shipping]]></bizStep>"
    ),
    "a pack twice in XML": seen(pack=f"{PACK}</epc><epc>{PACK}"),
    "white space everywhere": seen(pack=f"\n\t {PACK} \n"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_it_is_taken_and_stays_the_same_event(name: str) -> None:
    data = TAKEN[name]
    assert found(data) == []
    (told,) = read(data).events
    assert told is not None
    shown = translated(told, "Always_GS1_Digital_Link")
    (again,) = parse_json(query_document([shown], query="q", created=CREATED)).events
    assert again is not None
    assert (validate(again), prehash(again)) == ([], prehash(told))
    (back,) = parse_xml(write_xml([shown], kind="EPCISDocument", created=CREATED)).events
    assert back is not None
    assert (validate(back), prehash(back)) == ([], prehash(told))
