"""JSON and JSON-LD documents: what is read, what is refused, and that writing loses nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.epcis_sample import EXTENSION, events
from tests.shared import shared
from yilian.gateway.epcis import json_form
from yilian.gateway.epcis.document import Unreadable
from yilian.gateway.epcis.event_hash import digest
from yilian.gateway.epcis.formats import REASONS
from yilian.gateway.epcis.json_form import encode, parse_json
from yilian.gateway.epcis.validation import validate

KINDS = (
    *("ObjectEvent", "AggregationEvent", "AssociationEvent", "TransactionEvent"),
    *("TransformationEvent", "my:OwnEvent"),
)
NAMES = (
    *("@context", "type", "eventTime", "eventTimeZoneOffset", "eventID", "action", "epcList"),
    *("quantityList", "parentID", "childEPCs", "bizTransactionList", "sourceList", "source"),
    *("sensorElementList", "sensorReport", "sensorMetadata", "readPoint", "id", "ilmd", "value"),
    *("persistentDisposition", "set", "errorDeclaration", "certificationInfo", "bizStep", "time"),
    *("inputEPCList", "outputQuantityList", "epcClass", "quantity", "my:extension", "component"),
)
CONTEXT = "https://ref.gs1.org/standards/epcis/epcis-context.jsonld"


def event(**more: Any) -> dict[str, Any]:
    return {
        "type": "ObjectEvent",
        "eventTime": "2026-01-10T07:00:00.000Z",
        "eventTimeZoneOffset": "+08:00",
        "action": "OBSERVE",
        "epcList": ["https://id.gs1.org/01/09506000134352/21/SN0001"],
        **more,
    }


def document(*found: Any, **more: Any) -> dict[str, Any]:
    return {
        "@context": [CONTEXT, {"my": EXTENSION}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-10T08:00:00Z",
        "epcisBody": {"eventList": list(found)},
        **more,
    }


def query_document(*found: Any) -> dict[str, Any]:
    results = {"queryName": "SimpleEventQuery", "resultsBody": {"eventList": list(found)}}
    root = document(type="EPCISQueryDocument")
    return {**root, "epcisBody": {"queryResults": results}}


def faults(root: Any) -> set[tuple[int | None, str, str]]:
    return {
        (each.event, each.path, each.reason)
        for each in parse_json(json.dumps(root).encode()).faults
    }


def first(root: Any) -> dict[str, Any]:
    found = parse_json(json.dumps(root).encode()).events[0]
    assert found is not None
    return found


def test_a_document_is_read() -> None:
    root = document(event(), event(eventID="urn:x:1"), sender="urn:a:1", receiver="urn:b:2")
    found = parse_json(json.dumps(root).encode())
    assert (found.kind, found.version, found.created) == (
        "EPCISDocument",
        "2.0",
        "2026-01-10T08:00:00Z",
    )
    assert found.namespaces == {"my": EXTENSION}
    assert found.header == {"sender": "urn:a:1", "receiver": "urn:b:2"}
    assert found.events == (event(), event(eventID="urn:x:1"))
    assert found.faults == ()


def test_a_query_document_gives_its_results() -> None:
    found = parse_json(json.dumps(query_document(event())).encode())
    assert (found.kind, found.events, found.faults) == ("EPCISQueryDocument", (event(),), ())


def test_a_bare_event_is_read_and_must_have_a_context() -> None:
    found = parse_json(json.dumps({**event(), "@context": CONTEXT}).encode())
    assert (found.kind, found.events, found.faults) == ("Event", (event(),), ())
    assert faults(event()) == {(None, "@context", "required")}


@pytest.mark.parametrize(
    "context",
    [
        {"my": EXTENSION},
        [CONTEXT, {"my": EXTENSION}],
        [{"my": "http://elsewhere.example/"}, {"my": EXTENSION}],
        {"my": {"@id": EXTENSION, "@prefix": True}, "@version": 1.1},
    ],
)
def test_prefixes_are_read_from_every_form_of_context(context: Any) -> None:
    found = first({**event(**{"my:seal": "7"}), "@context": context})
    assert found["@context"] == {"my": EXTENSION}


def test_an_event_keeps_the_prefixes_that_it_uses_and_no_others() -> None:
    own = event(**{"my:seal": {"your:number": 3}, "@context": [{"your": "https://your.example/"}]})
    root = document(own, event(bizStep="my:counting"), event())
    root["@context"].append({"unused": "https://unused.example/", "gs1": "https://gs1.org/voc/"})
    found = parse_json(json.dumps(root).encode()).events
    contexts = [each and each.get("@context") for each in found]
    assert contexts == [
        {"my": EXTENSION, "your": "https://your.example/"},
        {"my": EXTENSION},
        None,
    ]


def test_words_become_bare_in_every_spelling() -> None:
    sensor = {
        "sensorReport": [
            {
                "type": "gs1:Temperature",
                "exception": "https://gs1.org/voc/ALARM_CONDITION",
                "component": "cbv:Comp-latitude",
            }
        ]
    }
    written = event(
        bizStep="https://ref.gs1.org/cbv/BizStep-shipping",
        disposition="urn:epcglobal:cbv:disp:in_transit",
        persistentDisposition={"set": ["cbv:Disp-recalled"], "unset": ["recalled"]},
        bizTransactionList=[{"type": "urn:epcglobal:cbv:btt:po", "bizTransaction": "urn:x:1"}],
        sourceList=[{"type": "cbv:SDT-owning_party", "source": "urn:x:1"}],
        destinationList=[{"type": "location", "destination": "urn:x:1"}],
        errorDeclaration={
            "declarationTime": "2026-01-10T07:00:00.000Z",
            "reason": "https://ref.gs1.org/cbv/ER-incorrect_data",
        },
        sensorElementList=[sensor],
    )
    found = first(document(written))
    assert (found["bizStep"], found["disposition"]) == ("shipping", "in_transit")
    assert found["persistentDisposition"] == {"set": ["recalled"], "unset": ["recalled"]}
    assert found["bizTransactionList"][0]["type"] == "po"
    assert found["sourceList"][0]["type"] == "owning_party"
    assert found["errorDeclaration"]["reason"] == "incorrect_data"
    assert found["sensorElementList"][0]["sensorReport"] == [
        {"type": "Temperature", "exception": "ALARM_CONDITION", "component": "latitude"}
    ]
    assert digest(found) == digest(written)
    assert validate(found) == []


def test_a_word_that_nobody_defined_stays() -> None:
    written = "urn:epcglobal:cbv:bizstep:transforming"
    assert first(document(event(bizStep=written)))["bizStep"] == written


def test_numbers_are_exact() -> None:
    text = json.dumps(document(event(**{"my:a": 1, "my:b": 2, "my:c": 3})))
    text = text.replace('"my:a": 1', '"my:a": 0.1000000000000000055511151231257827')
    text = text.replace('"my:b": 2', '"my:b": 2.50').replace('"my:c": 3', '"my:c": 1e3')
    found = parse_json(text.encode()).events[0]
    assert found is not None
    assert found["my:a"] == Decimal("0.1000000000000000055511151231257827")
    assert b'"my:b":2.50,' in encode(found)
    again = parse_json(json.dumps(document()).replace("[]", f"[{encode(found).decode()}]").encode())
    assert again.events[0] == found


def test_writing_and_reading_gives_the_same_event() -> None:
    for each in events(seed=11, count=300):
        data = encode({"@context": {}, **each})
        found = parse_json(data)
        assert found.events == (each,)
        assert digest(found.events[0] or {}) == digest(each)
        assert found.faults == ()


def test_names_are_sorted_and_texts_are_not_escaped() -> None:
    assert encode({"b": "药", "a": Decimal("0.10"), "c": [True, None]}) == (
        '{"a":0.10,"b":"药","c":[true,null]}'.encode()
    )


NESTED = b'{"type":"EPCISDocument","x:y":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    ("data", "path", "reason"),
    [
        (b"", "", "bad_json"),
        (b"{", "", "bad_json"),
        (b"{}{}", "", "bad_json"),
        (b'{"type":NaN}', "", "bad_json"),
        (b'{"type":-Infinity}', "", "bad_json"),
        (b"[]", "", "not_an_object"),
        (b"3", "", "not_an_object"),
        (b"{}", "type", "required"),
        (b'{"type":null}', "type", "required"),
        (b'{"type":["ObjectEvent"]}', "type", "wrong_type"),
        (b'{"type":"Bundle"}', "type", "unknown_document"),
        (b'{"type":"ObjectEvent","type":"ObjectEvent"}', "", "duplicate_key"),
        (b'{"type":"x:y","a":{"b":1,"\\u0062":2}}', "", "duplicate_key"),
        (b'{"type":"x:y","eventID":"x:1","eventID":"x:2","a":1,"a":1}', "", "duplicate_key"),
        (b'{"type":"x:y","a":1e999999999}', "", "bad_number"),
        (b'{"type":"x:y","a":1.' + b"1" * 900 + b"}", "", "bad_number"),
        (b'{"type":"x:y","a":' + b"1" * 9_000 + b"}", "", "bad_number"),
        (b'{"type":"x:y","a":"\xff"}', "", "bad_charset"),
        ('{"type":"药品追溯"}'.encode("gb18030"), "", "bad_charset"),
        ('{"type":"x:y"}'.encode("utf-16"), "", "bad_charset"),
        (b'{"type":"x:y","a":"\\ud800"}', "", "bad_charset"),
        (b'{"type":"x:y","\\udfff":1}', "", "bad_charset"),
        (NESTED, "", "too_deep"),
    ],
)
def test_what_can_not_be_read_is_named(data: bytes, path: str, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse_json(data)
    assert tuple(caught.value.fault) == (None, path, reason)


def test_of_two_event_ids_the_last_counts() -> None:
    """An example of the standard has them; everywhere else a name stands once."""
    data = b'{"@context":[],"type":"x:y","eventID":"urn:x:1","eventID":"urn:x:2"}'
    (event,) = parse_json(data).events
    assert event is not None
    assert event["eventID"] == "urn:x:2"


def test_a_document_over_the_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_form, "LARGEST", 100)
    with pytest.raises(Unreadable, match="too_large"):
        parse_json(b" " * 101)


def test_a_byte_order_mark_is_no_fault() -> None:
    data = b"\xef\xbb\xbf" + json.dumps(document(event())).encode()
    assert parse_json(data).events == (event(),)


def wrong_documents() -> Iterator[tuple[dict[str, Any], tuple[int | None, str, str]]]:
    for name in ("@context", "schemaVersion", "creationDate", "epcisBody"):
        root = document(event())
        del root[name]
        yield root, (None, name, "required")
    yield document(schemaVersion="two"), (None, "schemaVersion", "bad_version")
    yield document(creationDate="2026-01-10T08:00:00"), (None, "creationDate", "bad_time")
    yield document(creationDate="2026-02-30T08:00:00Z"), (None, "creationDate", "bad_time")
    yield document(id="none"), (None, "id", "bad_uri")
    yield document(remark="none"), (None, "remark", "unknown_field")
    yield document(epcisBody=[]), (None, "epcisBody", "wrong_type")
    yield document(epcisBody={"a": 1}), (None, "epcisBody.eventList", "required")
    yield document(epcisBody={"eventList": {}}), (None, "epcisBody.eventList", "wrong_type")
    yield document(**{"@context": "none"}), (None, "@context", "bad_context")
    yield document(**{"@context": [CONTEXT, CONTEXT]}), (None, "@context", "repeated")
    yield document(3), (0, "", "not_an_object")
    yield document(event(), event(**{"@context": 3})), (1, "@context", "bad_context")
    yield document(event(epcList=["urn:x:1", "urn:x:1"])), (0, "epcList", "repeated")
    report = {"sensorReport": [{"exception": "ALARM_CONDITION"}]}
    path = "sensorElementList[0].sensorReport[0].type"
    yield document(event(sensorElementList=[report])), (0, path, "required")
    header = {"epcisMasterData": {"vocabularyList": [{"type": "none"}]}}
    path = "epcisHeader.epcisMasterData.vocabularyList[0].type"
    yield document(epcisHeader=header), (None, path, "bad_uri")
    broken = query_document(event())
    del broken["epcisBody"]["queryResults"]["queryName"]
    yield broken, (None, "epcisBody.queryResults.queryName", "required")
    broken = query_document(event())
    broken["epcisBody"]["queryResults"]["resultsBody"]["more"] = 1
    yield broken, (None, "epcisBody.queryResults.resultsBody.more", "unknown_field")


@pytest.mark.parametrize(("root", "fault"), list(wrong_documents()))
def test_faults_of_a_document_name_field_and_event(
    root: dict[str, Any], fault: tuple[int | None, str, str]
) -> None:
    assert faults(root) == {fault}


def test_an_event_nested_too_deep_is_none_and_the_others_are_read() -> None:
    deep: Any = "x"
    for _ in range(70):
        deep = {"my:x": deep}
    found = parse_json(json.dumps(document(event(**{"my:x": deep}), event())).encode())
    assert found.events == (None, event())
    assert [tuple(each) for each in found.faults] == [(0, "", "too_deep")]


def test_master_data_of_a_header_is_read_over() -> None:
    element = {
        "id": "urn:epc:id:sgln:9520001.00002.0",
        "attributes": [{"id": "cbvmda:city", "attribute": "上海"}],
        "children": ["urn:epc:id:sgln:9520001.00002.1"],
    }
    vocabulary = {"type": "urn:epcglobal:epcis:vtype:BusinessLocation"}
    vocabulary["vocabularyElementList"] = [element]  # type: ignore[assignment]
    header = {"epcisMasterData": {"vocabularyList": [vocabulary]}}
    assert faults(document(event(), epcisHeader=header)) == set()


def test_every_valid_file_is_read_without_fault() -> None:
    names = [*shared("epcis/capture_valid").glob("*json/*"), *shared("epcis/event_valid").glob("*")]
    assert len(names) == 45
    for name in names:
        found = parse_json(name.read_bytes())
        assert found.faults == (), name
        assert found.events, name


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(("shipping", "urn:x:1", "2026-01-10T07:00:00Z", "OBSERVE", "Temperature")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8))
def test_whatever_an_event_holds_is_judged_and_never_fails(kind: str, more: dict[str, Any]) -> None:
    root = document({**event(), **more, "type": kind})
    found = parse_json(json.dumps(root).encode())
    assert {each.reason for each in found.faults} <= REASONS
    for each in found.events:
        assert each is not None
        faults_found = validate(each, "strict")
        assert {fault.reason for fault in faults_found} <= REASONS
        if not faults_found:
            assert len(digest(each)) == 32
            assert json.loads(encode(each))


@given(st.binary(max_size=200))
def test_noise_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        parse_json(data)
