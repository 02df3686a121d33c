"""The event hash: what is said changes it, how it is written does not."""

from __future__ import annotations

import copy
import json
import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.epcis_sample import events, mutate
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.event_hash import digest, event_hash, prehash
from yilian.gateway.epcis.identifiers import canonical, urn
from yilian.gateway.epcis.json_form import encode, parse_json
from yilian.gateway.epcis.vocabulary import expanded

COMMENT = "http://www.w3.org/2000/01/rdf-schema#"


METADATA = (
    *("time", "startTime", "endTime", "deviceID", "deviceMetadata", "rawData"),
    *("dataProcessingMethod", "bizRules"),
)
REPORT = (
    *("type", "exception", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "time"),
    *("microorganism", "chemicalSubstance", "value", "component", "stringValue", "booleanValue"),
    *("hexBinaryValue", "uriValue", "minValue", "maxValue", "meanValue", "sDev", "percRank"),
    *("percValue", "uom", "coordinateReferenceSystem"),
)

ORDER = (
    *("eventType", "eventTime", "eventTimeZoneOffset", "epcListepc", "parentID"),
    *("inputEPCListepc", "childEPCsepc"),
    *("quantityListquantityElementepcClass", "quantity", "uom"),
    *("childQuantityListquantityElementepcClass", "quantity", "uom"),
    *("inputQuantityListquantityElementepcClass", "quantity", "uom", "outputEPCListepc"),
    *("outputQuantityListquantityElementepcClass", "quantity", "uom"),
    *("action", "transformationID", "bizStep", "disposition"),
    *("persistentDispositionset", "set", "unset", "readPointid", "bizLocationid"),
    *("bizTransactionListtype", "bizTransaction", "sourceListtype", "source"),
    *("destinationListtype", "destination"),
    *("sensorElementsensorMetadata" + METADATA[0], *METADATA[1:]),
    *("sensorReport" + REPORT[0], *REPORT[1:]),
    *("ilmd{urn:my:}i", "bizLocation{urn:my:}l", "sensorElementsensorReport{urn:my:}q"),
    "{urn:my:}z",
)


def event(**more: Any) -> Event:
    return {
        "type": "ObjectEvent",
        "eventTime": "2026-01-10T07:00:00.000Z",
        "eventTimeZoneOffset": "+08:00",
        "action": "OBSERVE",
        "epcList": ["https://id.gs1.org/01/09506000134352/21/SN0001"],
        **more,
    }


def reordered(value: Any, random: Random) -> Any:
    """The same with fields, and entries of lists, in another order."""
    if isinstance(value, dict):
        names = list(value)
        random.shuffle(names)
        return {name: reordered(value[name], random) for name in names}
    if isinstance(value, list):
        found = [reordered(each, random) for each in value]
        random.shuffle(found)
        return found
    return value


def renamed(value: Any) -> Any:
    """The same with the prefix `my` called `yours`."""
    if isinstance(value, dict):
        return {re.sub("^my(:|$)", r"yours\1", name): renamed(value[name]) for name in value}
    return [renamed(each) for each in value] if isinstance(value, list) else value


def respelled(value: Any) -> Any:
    """The same with GS1 keys in their other spelling."""
    if isinstance(value, dict):
        return {name: respelled(value[name]) for name in value}
    if isinstance(value, list):
        return [respelled(each) for each in value]
    if isinstance(value, str) and value.startswith("urn:epc:"):
        return canonical(value)
    if isinstance(value, str) and value.startswith("https://id.gs1.org/"):
        return urn(value, 7)
    return value


def test_a_thousand_single_changes_change_the_hash() -> None:
    random = Random(5)
    missed = []
    for each in events(seed=5, count=1_000):
        changed = mutate(each, random)
        for version in ("2.0", "2.1"):
            if digest(each, version) == digest(changed, version):
                missed.append((each, changed))
    assert missed == []


def test_a_thousand_events_have_a_thousand_hashes() -> None:
    assert len({digest(each) for each in events(seed=6, count=1_000)}) == 1_000


@pytest.mark.parametrize("version", ["2.0", "2.1"])
def test_the_way_of_writing_does_not_change_the_hash(version: Any) -> None:
    random = Random(7)
    for each in events(seed=7, count=300):
        expected = digest(each, version)
        assert digest(reordered(each, random), version) == expected
        assert digest(renamed(each), version) == expected
        assert digest(respelled(each), version) == expected
        document = {**each, "@context": {**each.get("@context", {}), "unused": "urn:x:"}}
        spaced = json.dumps(json.loads(encode(document), parse_float=str), indent=7)
        numbers = re.sub(r'"(-?[0-9]+\.[0-9]+)"', r"\g<1>000", spaced)
        found = parse_json(numbers.encode()).events[0]
        assert found is not None
        assert digest(found, version) == expected


def test_what_is_not_hashed() -> None:
    plain = event()
    for name, value in (
        ("recordTime", "2026-01-10T07:00:01Z"),
        ("eventID", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        ("certificationInfo", "https://example.com/certificate"),
        ("errorDeclaration", {"declarationTime": "2026-01-11T07:00:00Z"}),
        ("rdfs:comment", "observed by a person"),
        ("quantityList", []),
        ("ilmd", {}),
        ("persistentDisposition", {}),
        ("sensorElementList", []),
        ("cbvmda:x", []),
    ):
        assert digest(event(**{name: value})) == digest(plain), name
    declared = event(**{"r:comment": "x", "@context": {"r": COMMENT}})
    assert digest(declared) == digest(plain)


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
    st.text("0123456789", max_size=9),
)
def test_times_are_in_utc_with_the_fourth_decimal_rounding_half_up(
    moment: datetime, minutes: int, fraction: str
) -> None:
    moment = moment.replace(microsecond=0)
    local = moment + timedelta(minutes=minutes)
    offset = timezone(timedelta(minutes=minutes))
    written = local.replace(tzinfo=offset).isoformat()
    if fraction:
        written = f"{written[:19]}.{fraction}{written[19:]}"
    exact = Decimal(f"0.{fraction or '0'}").quantize(Decimal("0.001"), rounding="ROUND_HALF_UP")
    expected = (moment + timedelta(milliseconds=int(exact * 1000))).isoformat(
        timespec="milliseconds"
    )
    assert f"eventTime={expected}Z" in prehash(event(eventTime=written))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (26, "26"),
        (Decimal("26.0"), "26"),
        (Decimal("0.180000000000"), "0.18"),
        (Decimal("1E+3"), "1000"),
        (Decimal("-0.0"), "0"),
        (Decimal("100"), "100"),
        (True, "true"),
        ("true", "true"),
        ("23.0", "23"),
        ("007", "007"),
        ("1.2.0", "1.2.0"),
        (" padded ", "padded"),
        ("urn:epc:id:giai:4012345.ABC", "https://id.gs1.org/8004/4012345ABC"),
        ("gs1:Temperature", "https://ref.gs1.org/voc/Temperature"),
        ("other:Temperature", "other:Temperature"),
        ("urn:epc:id:sgtin:1.2.3", "urn:epc:id:sgtin:1.2.3"),
        (" urn:epc:id:giai:4012345.ABC\n", "https://id.gs1.org/8004/4012345ABC"),
        ("URN:EPC:id:giai:4012345.ABC", "https://id.gs1.org/8004/4012345ABC"),
        ("urn:epcglobal:cbv:bizstep:receiving", "https://ref.gs1.org/cbv/BizStep-receiving"),
        ("urn:epcglobal:cbv:bt:9520001000010:1", "urn:epcglobal:cbv:bt:9520001000010:1"),
    ],
)
def test_values_are_written_in_one_way(value: Any, written: str) -> None:
    assert f"{{urn:epcglobal:cbv:mda:}}x={written}" in prehash(event(**{"cbvmda:x": value}))


def test_fields_stand_in_the_order_of_the_standard() -> None:
    """CBV 2.0, section 8.9.2, in an event that has every field of every type."""
    lists = ("epcList", "inputEPCList", "childEPCs", "outputEPCList")
    amounts = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
    own = {"my:z": 1, "@context": {"my": "urn:my:"}}
    report = {name: f"urn:x:{name}" for name in REPORT} | {"my:q": 1}
    metadata = {name: f"urn:x:{name}" for name in METADATA}
    found: Event = {
        **{name: ["urn:x:e"] for name in lists},
        **{name: [{"uom": "KGM", "quantity": 1, "epcClass": "urn:x:c"}] for name in amounts},
        "ilmd": {"my:i": 1},
        "sensorElementList": [{"sensorReport": [report], "sensorMetadata": metadata}],
        "destinationList": [{"destination": "urn:x:d", "type": "location"}],
        "sourceList": [{"source": "urn:x:s", "type": "location"}],
        "bizTransactionList": [{"bizTransaction": "urn:x:t", "type": "po"}],
        "bizLocation": {"id": "urn:x:l", "my:l": 1},
        "readPoint": {"id": "urn:x:r"},
        "persistentDisposition": {"unset": ["recalled"], "set": ["damaged", "active"]},
        "disposition": "active",
        "bizStep": "packing",
        "transformationID": "urn:x:m",
        "parentID": "urn:x:p",
        **own,
    }
    written = prehash({**event(), **found})
    at = 0
    for each in ORDER:
        place = written.find(each + "=", at)
        assert place >= at, each
        at = place + len(each)


def test_what_is_empty_has_no_value() -> None:
    """An element of XML without content is the same as an empty text, or object, of JSON."""
    for empty in ("", " ", {}):
        assert prehash(event(**{"cbvmda:x": empty})).endswith("{urn:epcglobal:cbv:mda:}x")
    report = {"type": "Temperature", "value": 4}
    plain = event(sensorElementList=[{"sensorReport": [report]}])
    empty = event(sensorElementList=[{"sensorReport": [{**report, "stringValue": ""}]}])
    nothing = event(sensorElementList=[{"sensorMetadata": {}, "sensorReport": [report]}])
    for version in ("2.0", "2.1"):
        assert prehash(plain, version) == prehash(empty, version) == prehash(nothing, version)


def test_a_number_of_forty_digits_is_not_rounded() -> None:
    text = "12345678901234567890123456789012345678901"
    assert prehash(event(**{"cbvmda:x": Decimal(text + ".50")})).endswith(f"x={text}.5")


def test_names_stand_with_their_namespace() -> None:
    space = "https://ns.example.com/epcis/"
    whole = prehash(event(**{f"{space}seal": "7"}))
    assert whole.endswith("{https://ns.example.com/epcis/}seal=7")
    assert prehash(event(**{"a:seal": "7", "@context": {"a": space}})) == whole
    old = {"gs1": "https://gs1.org/voc/"}
    assert prehash(event(**{"gs1:masterDataAvailableFor": "x", "@context": old})).endswith(
        "{https://ref.gs1.org/voc/}masterDataAvailableFor=x"
    )
    assert prehash(event(**{"cbvmda:lotNumber": "7"})).endswith("cbv:mda:}lotNumber=7")


def test_where_the_versions_differ() -> None:
    found = event(
        readPoint={"id": "urn:x:1", "my:b": 2},
        sensorElementList=[
            {
                "sensorMetadata": {"deviceID": "urn:x:2", "my:c": 3},
                "sensorReport": [{"type": "Temperature", "value": 4, "my:d": 4}],
                "my:e": 5,
            }
        ],
        ilmd={"my:f": 6},
        **{"my:g": 7, "@context": {"my": "urn:my:"}},
    )
    head = prehash(event())
    temperature = "sensorReporttype=https://ref.gs1.org/voc/Temperaturevalue=4"
    assert prehash(found, "2.0").removeprefix(head) == (
        f"readPointid=urn:x:1sensorElementsensorMetadatadeviceID=urn:x:2{temperature}"
        "ilmd{urn:my:}f=6readPoint{urn:my:}b=2"
        "sensorElementsensorMetadata{urn:my:}c=3sensorReport{urn:my:}d=4{urn:my:}e=5"
        "{urn:my:}g=7"
    )
    assert prehash(found, "2.1").removeprefix(head) == (
        "readPointid=urn:x:1{urn:my:}b=2sensorElementListsensorElement"
        f"sensorMetadatadeviceID=urn:x:2{{urn:my:}}c=3{temperature}{{urn:my:}}d=4{{urn:my:}}e=5"
        "ilmd{urn:my:}f=6{urn:my:}g=7"
    )
    assert event_hash(found, "2.1").endswith("?ver=CBV2.1")
    assert event_hash(found) == f"ni:///sha-256;{digest(found).hex()}?ver=CBV2.0"


def test_a_word_of_the_older_spelling_is_the_same_word() -> None:
    assert expanded("bizStep", "urn:epcglobal:cbv:bizstep:x") == "https://ref.gs1.org/cbv/BizStep-x"
    assert expanded("measurement", "https://gs1.org/voc/MT-X") == "https://ref.gs1.org/voc/MT-X"
    assert expanded("bizStep", "https://example.com/x") == "https://example.com/x"


def test_hashing_leaves_the_event_as_it_is() -> None:
    for each in events(seed=8, count=50):
        before = copy.deepcopy(each)
        digest(each, "2.1")
        assert each == before
