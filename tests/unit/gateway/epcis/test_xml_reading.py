"""Reading EPCIS in XML: the verdict of the standard's schema, older versions, hostile documents."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.shared import shared
from tests.unit.gateway.epcis.xml_mutants import mutants, schema_accepts, valid_files
from yilian.gateway.epcis.document import Document, Event, Fault, Unreadable
from yilian.gateway.epcis.xml_bytes import LARGEST_DOCUMENT, MOST_NODES
from yilian.gateway.epcis.xml_reading import Reader, master_data, parse_xml

HEAD = (
    '<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:{0}" schemaVersion="{0}.0"'
    ' creationDate="2026-01-01T00:00:00Z"><EPCISBody><EventList>'
)
TAIL = "</EventList></EPCISBody></epcis:EPCISDocument>"
TIME = (
    "<eventTime>2026-01-01T08:00:00.000+08:00</eventTime>"
    "<eventTimeZoneOffset>+08:00</eventTimeZoneOffset>"
)
EPC = "urn:epc:id:sgtin:9520001.000001.A1"
PLAIN = f"<ObjectEvent>{TIME}<epcList><epc>{EPC}</epc></epcList><action>OBSERVE</action>"


def document(*events: str, version: int = 2) -> bytes:
    return (HEAD.format(version) + "".join(events) + TAIL).encode()


def one(inner: str, version: int = 2) -> Event:
    """The event of a document that holds an ObjectEvent with this after its action."""
    read = parse_xml(document(f"{PLAIN}{inner}</ObjectEvent>", version=version))
    assert read.faults == ()
    event = read.events[0]
    assert event is not None
    return event


def faults(inner: str, version: int = 2) -> list[tuple[str, str]]:
    read = parse_xml(document(f"{PLAIN}{inner}</ObjectEvent>", version=version))
    assert read.events == (None,)
    return [(fault.path, fault.reason) for fault in read.faults]


def refused(data: bytes) -> str:
    with pytest.raises(Unreadable) as refusal:
        parse_xml(data)
    return refusal.value.fault.reason


def test_every_document_gets_the_verdict_of_the_schema() -> None:
    """All XML files of the data, valid or not."""
    files = sorted(shared("epcis").rglob("*.xml"))
    assert len(files) > 50
    for path in files:
        data = path.read_bytes()
        accepted = schema_accepts(etree.fromstring(data))
        assert (parse_xml(data).faults == ()) == accepted, path.name


def decided(deed: str) -> bool:
    """Where this reader is stricter than the schema on purpose.

    The schema of 1.2 says nothing of an AssociationEvent, which later writers put into its
    extension: here it must have the structure of 2.0. It lets pass any name in `extension`, and
    JSON has no place for most. That of 2.0 lets pass a second reason of one error declaration.
    """
    return deed.startswith("openepcis_xml_1.2/") or " in errorDeclaration at " in deed


def test_mutants_get_the_verdict_of_the_schema() -> None:
    accepted = stricter = 0
    for deed, data in mutants(seed=20, count=400):
        verdict = schema_accepts(etree.fromstring(data))
        mine = parse_xml(data).faults == ()
        if verdict != mine:
            assert verdict, f"taken, and the schema refuses: {deed}"
            assert decided(deed), f"refused, and the schema takes: {deed}"
            stricter += 1
        accepted += verdict
    assert 50 < accepted < 350
    assert stricter < 30


VALUES = (
    "",
    " ",
    " 5 ",
    "abc",
    "1",
    "+5",
    "5.",
    ".5",
    "-1.5",
    "1e5",
    "0x1",
    "true",
    "TRUE",
    "f0",
    "f0f",
    "::",
    "1:2",
    "urn:a%zz",
    "#a#b",
    "?",
    "//",
    "http:",
    "http://[::1]/a",
    "http://x/[y]",
    "http://a:b/c",
    "http://a:80/c",
    "中",
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-02-29T00:00:00Z",
    "2024-02-29T23:59:59.999999999+14:00",
    "2026-01-01T23:59:60Z",
    "02026-01-01T00:00:00Z",
    "-2026-01-01T00:00:00Z",
)


@pytest.mark.parametrize("value", VALUES)
def test_values_get_the_verdict_of_the_schema(value: str) -> None:
    """One value at a time in the place of each simple type, in both versions."""
    report = "<sensorReport type='gs1:Mass' {0}='{1}'/>"
    sensors = f"<sensorElementList><sensorElement>{report}</sensorElement></sensorElementList>"
    tested = [sensors.format(name, value) for name in ("value", "booleanValue", "hexBinaryValue")]
    tested += [sensors.format(name, value) for name in ("time", "uriValue", "stringValue")]
    entry = (
        "<quantityElement><epcClass>urn:x:y</epcClass><quantity>{0}</quantity></quantityElement>"
    )
    tested.append(f"<quantityList>{entry.format(value)}</quantityList>")
    claim = (
        "<e:a xmlns:e='https://e.example/' xmlns:d='http://www.w3.org/2001/XMLSchema'"
        " xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='d:{0}'>{1}</e:a>"
    )
    kinds = ("integer", "decimal", "double", "boolean", "dateTime", "anyURI", "hexBinary", "none")
    tested += [claim.format(kind, value) for kind in kinds]
    documents = [document(f"{PLAIN}{inner}</ObjectEvent>") for inner in tested]
    moved = f"{PLAIN}</ObjectEvent>".replace("2026-01-01T08:00:00.000+08:00", value)
    stepped = f"{PLAIN}<bizStep>{value}</bizStep></ObjectEvent>"
    documents += [document(each, version=v) for each in (moved, stepped) for v in (1, 2)]
    for data in documents:
        accepted = schema_accepts(etree.fromstring(data))
        assert (parse_xml(data).faults == ()) == accepted, data


@pytest.mark.slow
def test_many_mutants_get_the_verdict_of_the_schema() -> None:
    for deed, data in mutants(seed=21, count=5000):
        verdict = schema_accepts(etree.fromstring(data))
        assert verdict == (parse_xml(data).faults == ()) or (verdict and decided(deed)), deed


def test_invalid_documents_name_event_and_field() -> None:
    folder = shared("epcis/capture_invalid/xml")
    found = {path.stem: parse_xml(path.read_bytes()).faults for path in folder.glob("*.xml")}
    assert found == {
        "ObjectEvent_with_invalid_action": (Fault(0, "action", "bad_action"),),
        "ObjectEvent_with_near_miss_action": (Fault(0, "action", "bad_action"),),
        "ObjectEvent_with_wrong_element_order": (Fault(0, "eventTime", "order"),),
    }


def test_one_faulty_event_leaves_the_others() -> None:
    good = f"{PLAIN}</ObjectEvent>"
    read = parse_xml(document(good, f"<ObjectEvent>{TIME}</ObjectEvent>", good))
    assert [event is None for event in read.events] == [False, True, False]
    assert read.faults == (Fault(1, "action", "required"),)


def test_a_faulty_event_is_kept_when_asked() -> None:
    wrong = f"<ObjectEvent><action>ADD</action>{TIME}<epcList/></ObjectEvent>"
    read = parse_xml(document(wrong), faulty=True)
    assert read.faults == (Fault(0, "eventTime", "order"),)
    assert read.events[0] is not None
    assert read.events[0]["action"] == "ADD"


def test_faults_name_fields_as_json_does() -> None:
    party = "<sourceList><source type='x:y'>a</source><source>b</source></sourceList>"
    assert faults(party) == [("sourceList[1].type", "required")]
    report = "<sensorReport type='gs1:Temperature' value='cold'/>"
    sensors = f"<sensorElementList><sensorElement>{report}</sensorElement></sensorElementList>"
    assert faults(sensors) == [("sensorElementList[0].sensorReport[0].value", "bad_number")]
    quantity = "<quantityElement><epcClass>urn:x:y</epcClass><uom>KGM</uom></quantityElement>"
    listed = f"<quantityList>{quantity}</quantityList>"
    assert faults(listed) == [("quantityList[0].quantity", "required")]


def test_numbers_are_exact() -> None:
    event = one(
        "<quantityList><quantityElement><epcClass>urn:x:y</epcClass>"
        "<quantity>0.10000000000000000001</quantity><uom>KGM</uom></quantityElement></quantityList>"
        "<sensorElementList><sensorElement><sensorReport type='gs1:Temperature' value='26.0'"
        " minValue='-3' booleanValue='1'/></sensorElement></sensorElementList>"
    )
    assert event["quantityList"][0]["quantity"] == Decimal("0.10000000000000000001")
    report = event["sensorElementList"][0]["sensorReport"][0]
    assert report == {
        "type": "Temperature",
        "value": Decimal("26.0"),
        "minValue": -3,
        "booleanValue": True,
    }
    assert str(report["value"]) == "26.0"


@pytest.mark.parametrize("value", ["INF", "-INF", "NaN", "1e99999999"])
def test_numbers_that_json_does_not_have_are_refused(value: str) -> None:
    report = f"<sensorReport type='gs1:Temperature' value='{value}'/>"
    sensors = f"<sensorElementList><sensorElement>{report}</sensorElement></sensorElementList>"
    assert faults(sensors) == [("sensorElementList[0].sensorReport[0].value", "bad_number")]


def test_a_quantity_may_be_nil() -> None:
    event = one(
        "<quantityList><quantityElement><epcClass>urn:x:y</epcClass><quantity xsi:nil='true'"
        " xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'/></quantityElement></quantityList>"
    )
    assert event["quantityList"] == [{"epcClass": "urn:x:y"}]


@pytest.mark.parametrize(
    "time",
    [
        "2026-02-30T08:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T08:00:00",
        "2026-13-01T08:00:00Z",
        "2026-01-01T08:00:00+14:30",
        "2026-01-01 08:00:00Z",
        "",
    ],
)
def test_times_that_are_none_are_refused(time: str) -> None:
    event = f"<ObjectEvent><eventTime>{time}</eventTime>"
    rest = "<eventTimeZoneOffset>+08:00</eventTimeZoneOffset><action>ADD</action></ObjectEvent>"
    assert parse_xml(document(event + rest)).faults == (Fault(0, "eventTime", "bad_time"),)


def test_a_time_stays_as_it_was_written() -> None:
    assert one("")["eventTime"] == "2026-01-01T08:00:00.000+08:00"


# Extensions


def test_extensions_keep_their_prefix_and_say_what_it_stands_for() -> None:
    event = one("<e:a xmlns:e='https://e.example/'><e:b>1</e:b><e:b>2</e:b><c>3</c></e:a>")
    assert event["e:a"] == {"e:b": ["1", "2"], "c": "3"}
    assert event["@context"] == {"e": "https://e.example/"}


def test_attributes_of_extensions_count_as_children() -> None:
    event = one("<e:a xmlns:e='https://e.example/' unit='KGM' e:kind='net'>3.5</e:a>")
    assert event["e:a"] == {"unit": "KGM", "e:kind": "net", "rdf:value": "3.5"}


def test_one_prefix_means_one_thing_in_an_event() -> None:
    event = one(
        "<e:a xmlns:e='https://one.example/'>1</e:a><e:a xmlns:e='https://two.example/'>2</e:a>"
        "<a xmlns='https://three.example/'>3</a>"
    )
    values = {}
    for name, value in event.items():
        prefix, _, _ = name.partition(":")
        if prefix in event["@context"]:
            values[event["@context"][prefix]] = value
    assert values == {
        "https://one.example/": "1",
        "https://two.example/": "2",
        "https://three.example/": "3",
    }


def test_a_prefix_that_only_values_have_is_kept() -> None:
    report = "<sensorReport type='e:Wetness' xmlns:e='https://e.example/'/>"
    sensors = f"<sensorElementList><sensorElement>{report}</sensorElement></sensorElementList>"
    event = parse_xml(
        document(f"{PLAIN}{sensors}</ObjectEvent>").replace(
            b"<EventList>", b"<EventList xmlns:e='https://e.example/'>"
        )
    ).events[0]
    assert event is not None
    assert event["sensorElementList"][0]["sensorReport"] == [{"type": "e:Wetness"}]
    assert event["@context"] == {"e": "https://e.example/"}


def test_events_of_own_types_are_events_in_their_place() -> None:
    own = (
        f"<extension><e:Thawing xmlns:e='https://e.example/'>{TIME}<epcList><epc>{EPC}</epc>"
        "</epcList><e:by>Li</e:by></e:Thawing></extension>"
    )
    read = parse_xml(document(f"{PLAIN}</ObjectEvent>", own, f"{PLAIN}</ObjectEvent>"))
    assert read.faults == ()
    kinds = [event["type"] for event in read.events if event]
    assert kinds == ["ObjectEvent", "e:Thawing", "ObjectEvent"]
    assert read.events[1] == {
        "type": "e:Thawing",
        "eventTime": "2026-01-01T08:00:00.000+08:00",
        "eventTimeZoneOffset": "+08:00",
        "epcList": [EPC],
        "e:by": "Li",
        "@context": {"e": "https://e.example/"},
    }


def test_a_claimed_type_makes_a_number() -> None:
    claims = (
        "xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'"
        " xmlns:xsd='http://www.w3.org/2001/XMLSchema' xmlns:e='https://e.example/'"
    )
    event = one(f"<e:a {claims} xsi:type='xsd:integer'>12</e:a>")
    assert event["e:a"] == 12
    assert one(f"<e:a {claims} xsi:type='xsd:integer'>007</e:a>")["e:a"] == "007"
    assert one(f"<e:a {claims} xsi:type='xsd:boolean'>false</e:a>")["e:a"] is False
    assert faults(f"<e:a {claims} xsi:type='xsd:integer'>twelve</e:a>") == [("a", "bad_number")]


def test_what_json_has_no_place_for_is_refused() -> None:
    e = "xmlns:e='https://e.example/'"
    assert faults(f"<e:a {e}>one<e:b/>two</e:a>") == [("e:a", "not_allowed")]
    assert faults("<colour>red</colour>") == [("colour", "unknown_field")]
    deep = "<e:a>" * 60 + "</e:a>" * 60
    assert faults(deep.replace("<e:a>", f"<e:a {e}>", 1))[-1][1] == "too_deep"


# Version 1.2


def pharma() -> Document:
    name = "epcis/capture_valid/openepcis_xml_1.2/GS1_US_Pharma_Example_2_2_1_1.xml"
    return parse_xml(shared(name).read_bytes())


def test_older_documents_become_events_of_today() -> None:
    read = pharma()
    assert read.version == "1.2"
    assert read.faults == ()
    commissioned, shipped = read.events[0], read.events[-1]
    assert commissioned is not None
    assert shipped is not None
    assert commissioned["bizStep"] == "commissioning"
    assert commissioned["ilmd"] == {
        "cbvmda:lotNumber": "A123",
        "cbvmda:itemExpirationDate": "2025-03-27",
    }
    assert shipped["destinationList"][0]["type"] == "owning_party"
    assert shipped["gs1ushc:dropShipment"] == "false"
    assert "extension" not in shipped


def test_the_business_header_names_sender_and_receiver() -> None:
    assert pharma().header == {
        "sender": "urn:epc:id:sgln:030001.111111.0",
        "receiver": "urn:epc:id:sgln:039999.999999.0",
    }


def test_master_data_is_kept_aside() -> None:
    name = "epcis/capture_valid/openepcis_xml_1.2/GS1_US_Pharma_Example_2_2_1_1.xml"
    entries = master_data(shared(name).read_bytes())
    assert len(entries) == 6
    assert entries[0].vocabulary == "urn:epcglobal:epcis:vtype:EPCClass"
    assert entries[0].id == "urn:epc:idpat:sgtin:030001.0012345.*"
    assert ("urn:epcglobal:cbv:mda#regulatedProductName", "Epcistra") in entries[0].attributes
    only = shared("epcis/capture_valid/gs1_xml/masterdata_all_possible_fields.xml").read_bytes()
    assert parse_xml(only).events == ()
    assert master_data(only)[0].children == ("urn:epc:id:sgln:0037000.00729.8201",)


def test_an_error_declaration_stands_in_the_base_extension() -> None:
    name = "epcis/capture_valid/openepcis_xml_1.2/ObjectEvent_with_baseExtension_errorDeclaration"
    read = parse_xml(shared(f"{name}.xml").read_bytes())
    wrong, right = read.events[1], read.events[2]
    assert wrong is not None
    assert right is not None
    assert wrong["errorDeclaration"] == {
        "declarationTime": "2023-07-17T13:00:00.000-04:00",
        "reason": "incorrect_data",
        "correctiveEventIDs": [right["eventID"]],
    }


def test_events_in_extensions_are_events() -> None:
    inner = f"<inputEPCList><epc>{EPC}</epc></inputEPCList><outputEPCList/>"
    transformed = f"<extension><TransformationEvent>{TIME}{inner}</TransformationEvent></extension>"
    joined = (
        f"<extension><extension><AssociationEvent>{TIME}<parentID>{EPC}</parentID>"
        "<action>ADD</action></AssociationEvent></extension></extension>"
    )
    read = parse_xml(document(transformed, joined, f"{PLAIN}</ObjectEvent>", version=1))
    assert read.faults == ()
    kinds = [event["type"] for event in read.events if event]
    assert kinds == ["TransformationEvent", "AssociationEvent", "ObjectEvent"]


def test_an_association_in_a_document_of_1_2_may_have_its_base_extension() -> None:
    def joined(more: str) -> bytes:
        inner = f"{TIME}{more}<parentID>{EPC}</parentID><action>DELETE</action>"
        event = f"<AssociationEvent>{inner}</AssociationEvent>"
        return document(f"<extension><extension>{event}</extension></extension>", version=1)

    identified = "<baseExtension><eventID>urn:x:1</eventID>{}</baseExtension>"
    declared = "<errorDeclaration><declarationTime>2026-03-02T06:00:00Z</declarationTime>"
    read = parse_xml(joined(identified.format(f"{declared}</errorDeclaration>")))
    assert read.faults == ()
    (event,) = read.events
    assert event is not None
    assert event["eventID"] == "urn:x:1"
    assert event["errorDeclaration"] == {"declarationTime": "2026-03-02T06:00:00Z"}
    for wrong in ("<action>ADD</action>", "<eventID>urn:x:1</eventID>"):
        assert parse_xml(joined(identified.format(wrong))).faults


def test_a_quantity_event_becomes_an_object_event() -> None:
    old = f"<QuantityEvent>{TIME}<epcClass>{EPC}</epcClass><quantity>5</quantity></QuantityEvent>"
    read = parse_xml(document(old, version=1))
    assert read.faults == ()
    event = read.events[0]
    assert event is not None
    assert event["type"] == "ObjectEvent"
    assert event["action"] == "OBSERVE"
    assert event["quantityList"] == [{"epcClass": EPC, "quantity": 5}]
    assert parse_xml(document(old)).faults == (Fault(0, "type", "unknown_word"),)
    new = f"<TransformationEvent>{TIME}</TransformationEvent>"
    assert parse_xml(document(new, version=1)).faults == (Fault(0, "type", "unknown_word"),)


# Hostile and broken documents


def test_definitions_and_entities_are_refused() -> None:
    body = document(f"{PLAIN}</ObjectEvent>")
    assert parse_xml(b"<!DOCTYPE project>\n" + body).faults == ()
    outside = b'<!DOCTYPE a SYSTEM "file:///etc/passwd">'
    entity = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
    laughs = b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    public = b'<!DOCTYPE a PUBLIC "-//A//B" "http://dtd.example/a.dtd">'
    for head in (outside, entity, laughs, public, b"<!DOCTYPE a [", b"<!DOCTYPE"):
        assert refused(head + body) == "document_type"
    assert refused(body.replace(b"A1", b"&unknown;")) == "bad_xml"


def test_a_definition_in_another_encoding_is_seen() -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'
    assert refused(text.encode("utf-16")) == "document_type"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "gbk", "big5"])
def test_encodings_are_read(encoding: str) -> None:
    name = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    text = (
        f'<?xml version="1.0" encoding="{name}"?>'
        + document(f"{PLAIN}<e:a xmlns:e='https://e.example/'>避光</e:a></ObjectEvent>").decode()
    )
    event = parse_xml(text.encode(encoding)).events[0]
    assert event is not None
    assert event["e:a"] == "避光"


def test_unknown_and_untrue_encodings_are_refused() -> None:
    body = document()
    assert refused(b'<?xml version="1.0" encoding="UTF-7"?>' + body) == "bad_charset"
    assert refused(b'<?xml version="1.0" encoding="UTF-16"?>' + body) == "bad_charset"
    assert refused(b'<?xml version="1.0" encoding="GB18030"?>\xff\xff' + body) == "bad_charset"
    assert refused(body.replace(b"EventList", b"\xff\xfe")) == "bad_xml"


def test_what_is_no_document_of_epcis_is_refused() -> None:
    assert refused(b"") == "bad_xml"
    assert refused(b"{}") == "bad_xml"
    assert refused(document()[:-20]) == "bad_xml"
    assert refused(b"<a/>") == "unknown_document"
    assert refused(document().replace(b"xsd:2", b"xsd:9")) == "unknown_document"
    poll = (
        b'<q:EPCISQueryDocument xmlns:q="urn:epcglobal:epcis-query:xsd:2" schemaVersion="2.0"'
        b' creationDate="2026-01-01T00:00:00Z"><EPCISBody><q:Poll/></EPCISBody>'
        b"</q:EPCISQueryDocument>"
    )
    assert refused(poll) == "unknown_document"


def test_missing_attributes_of_the_document_are_faults() -> None:
    bare = document().replace(b' schemaVersion="2.0"', b"").replace(b"2026-01-01T", b"01-01T")
    assert parse_xml(bare).faults == (
        Fault(None, "schemaVersion", "required"),
        Fault(None, "creationDate", "bad_time"),
    )


def test_bounds() -> None:
    assert refused(b" " * (LARGEST_DOCUMENT + 1)) == "too_large"
    many = "<e:a xmlns:e='https://e.example/'>" + "<b/>" * MOST_NODES + "</e:a>"
    assert refused(document(f"{PLAIN}{many}</ObjectEvent>")) == "too_large"
    deep = "<e:a>" * 5000 + "</e:a>" * 5000
    assert refused(document(PLAIN + deep + "</ObjectEvent>")) == "bad_xml"


def test_an_event_inside_an_extension_is_none_of_the_document() -> None:
    nested = f"<e:box xmlns:e='https://e.example/'>{PLAIN}</ObjectEvent></e:box>"
    read = parse_xml(document(f"{PLAIN}{nested}</ObjectEvent>"))
    assert len(read.events) == 1
    assert read.events[0] is not None
    assert read.events[0]["e:box"]["ObjectEvent"]["action"] == "OBSERVE"


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_events() -> None:
    """50,000 events of 50 MB, and what the process needs beyond the document itself."""
    program = (
        "import resource\n"
        "from tests.unit.gateway.epcis.test_xml_reading import PLAIN, document\n"
        "from yilian.gateway.epcis.xml_reading import Reader\n"
        "pad = '<e:a xmlns:e=\"https://e.example/\">' + 'x' * 700 + '</e:a>'\n"
        "data = document(*[PLAIN + pad + '</ObjectEvent>'] * 50_000)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "count = sum(item.event is not None for item in Reader(data))\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print(count, len(data), (after - before) * 1024)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=200
    )
    count, size, grown = map(int, told.stdout.split())
    assert count == 50_000
    assert size > 45_000_000
    assert grown < size


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 2**32))
def test_no_bytes_do_harm(noise: bytes, at: int) -> None:
    """Whatever is written over a document, it is read or refused."""
    data = document(f"{PLAIN}<e:a xmlns:e='https://e.example/' b='c'>x</e:a></ObjectEvent>")
    place = at % len(data)
    for changed in (noise, data[:place] + noise + data[place + len(noise) :]):
        try:
            read = parse_xml(changed)
        except Unreadable:
            continue
        assert len(read.events) <= 1


def test_the_reader_gives_one_event_after_the_other() -> None:
    reader = iter(Reader(document(*[f"{PLAIN}</ObjectEvent>"] * 3)))
    assert [item.event is not None for item in reader] == [True] * 3


def test_all_valid_documents_have_no_faults() -> None:
    files = valid_files()
    assert len(files) == 38
    assert [path.name for path in files if parse_xml(path.read_bytes()).faults] == []
