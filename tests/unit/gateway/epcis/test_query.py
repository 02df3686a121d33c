from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.epcis_sample import sgln, sgtin
from tests.shared import shared
from tests.unit.gateway.epcis.store_builders import NOW, Home, declared, simple
from yilian.gateway.epcis import query
from yilian.ledger.errors import Refusal

EXTENSION = "https://ns.example.org/epcis/"
CONTEXT = {"@context": {"ex": EXTENSION}}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.close()


def found(home: Home, parameters: dict[str, Any], **named: Any) -> list[int]:
    page = home.repository.query(parameters, limit=1_000, **named)
    return [each.sequence for each in page.events]


def refused(parameters: dict[str, Any]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        query.read(parameters)
    return caught.value


def reading(number: int, uom: str, value: str, **report: Any) -> dict[str, Any]:
    told = {"type": "Temperature", "value": Decimal(value), "uom": uom} | report
    return simple(
        number, epcList=[], readPoint=place("0"), sensorElementList=[{"sensorReport": [told]}]
    )


def place(extension: str) -> dict[str, str]:
    return {"id": sgln("9520001", 1, extension, link=True)}


# -- the two public descriptions of the language ---------------------------------------------------


def parameters_of_the_standard() -> dict[str, Any]:
    schema = json.loads(shared("epcis/schema/query-schema.json").read_text())
    found: dict[str, Any] = dict(schema["definitions"]["EPCIS-Query"]["properties"])
    rest = YAML(typ="safe").load(shared("epcis/schema/openapi.yaml").read_text())
    for told in rest["components"]["parameters"].values():
        if told["in"] == "query" and "_" in told["name"]:
            found.setdefault(told["name"], told["schema"])
    return found


SAMPLES: dict[str, Any] = {
    "EQ_action": ["ADD"],
    "orderBy": "eventTime",
    "orderDirection": "ASC",
    "eventCountLimit": 5,
    "maxEventCount": 5,
    "EQ_booleanValue": True,
    "@context": {},
}


def sample(name: str) -> Any:
    if name in SAMPLES:
        return SAMPLES[name]
    if name.lower().endswith("time"):
        return "2026-03-01T08:00:00Z"
    if "quantity" in name or "percRank" in name:
        return 5
    if name.startswith("EXISTS"):
        return None
    return ["https://id.gs1.org/01/09520001000010/21/1"]


def test_every_fixed_parameter_is_understood(home: Home) -> None:
    names = parameters_of_the_standard()
    assert len(names) >= 61
    for name in names:
        asked = {name: sample(name)}
        if name == "eventCountLimit":
            asked["orderBy"] = "eventTime"
        assert found(home, asked) == [], name


def test_every_pattern_of_parameters_is_understood(home: Home) -> None:
    schema = json.loads(shared("epcis/schema/query-schema.json").read_text())
    patterns = schema["definitions"]["EPCIS-Query"]["patternProperties"]
    assert len(patterns) > 100
    for pattern in patterns:
        # The schema's own extension patterns hold a doubled backslash: they mean `prefix:name`.
        name = pattern.strip("^$").replace(r"[a-z][a-zA-Z0-9]*\\:\\w+", "ex:field")
        name = name.replace("[a-z][a-zA-Z0-9_]+", "po").replace("[A-Z0-9]{2,4}", "KGM")
        name = name.replace(r"\\w+_\\w+", "readPoint_name")
        assert re.fullmatch(r"[\w:]+", name), pattern
        value = None if name.startswith("EXISTS") else ["a"] if "ATTR" in name else 5
        if "bizTransaction_" in name or "source_" in name or "destination_" in name:
            value = ["urn:x:1"]
        assert found(home, CONTEXT | {name: value}) == [], name


def test_the_public_example_is_understood(home: Home) -> None:
    text = shared("epcis/query_valid/SimpleEventQuery.request.json").read_text()
    link = "https://id.gs1.org/01/09521141012345/21/2017"
    event = simple(
        1,
        epcList=[link],
        disposition="in_transit",
        bizLocation=place("0"),
        quantityList=[{"epcClass": "https://id.gs1.org/01/09521141012345/10/A", "quantity": 7}],
    )
    home.put([event, simple(2)])
    asked = json.loads(text)
    # The example's place has a wrong check digit: no event can have it, but it may be asked for.
    assert found(home, asked) == []
    assert found(home, asked | {"EQ_bizLocation": [place("0")["id"]]}) == [1]


def test_an_identifier_with_a_wrong_check_digit_is_nobodys(home: Home) -> None:
    home.put([simple(1)])
    assert found(home, {"MATCH_epc": ["https://id.gs1.org/01/09520001000015/21/1"]}) == []


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "name", "reason"),
    [
        ({"EQ_colour": ["red"]}, "EQ_colour", "unknown"),
        ({"colour": 1}, "colour", "unknown"),
        ({"": 1}, "", "unknown"),
        ({"GT_eventTime": "2026-01-01T00:00:00Z"}, "GT_eventTime", "unknown"),
        ({"MATCH_bizStep": ["shipping"]}, "MATCH_bizStep", "unknown"),
        ({"WD_bizStep": ["shipping"]}, "WD_bizStep", "unknown"),
        ({"GE_eventTime": "yesterday"}, "GE_eventTime", "value"),
        ({"GE_eventTime": "2026-01-01T00:00:00"}, "GE_eventTime", "value"),
        ({"GE_eventTime": 5}, "GE_eventTime", "text"),
        ({"EQ_action": ["TAKE"]}, "EQ_action", "choice"),
        ({"EQ_action": []}, "EQ_action", "empty"),
        ({"EQ_bizStep": [1]}, "EQ_bizStep", "text"),
        ({"EQ_bizStep": ""}, "EQ_bizStep", "length"),
        ({"EQ_eventID": ["x" * 5_000]}, "EQ_eventID", "length"),
        ({"GE_quantity": "many"}, "GE_quantity", "number"),
        ({"GE_quantity": True}, "GE_quantity", "number"),
        ({"GE_quantity": float("nan")}, "GE_quantity", "number"),
        ({"GE_quantity": [1]}, "GE_quantity", "number"),
        ({"GE_value_CEL": "warm"}, "GE_value_CEL", "number"),
        ({"EQ_booleanValue": "maybe"}, "EQ_booleanValue", "boolean"),
        ({"MATCH_epc": ["urn:epc:idpat:sgtin:9520001.00001.*"]}, "MATCH_epc", "bad_partition"),
        ({"MATCH_epc": ["urn:epc:idpat:sgtin:12.*.*"]}, "MATCH_epc", "bad_partition"),
        ({"MATCH_epc": ["urn:epc:idpat:hat:9520001.*"]}, "MATCH_epc", "unknown_scheme"),
        ({"EQ_ex:colour": ["red"]}, "EQ_ex:colour", "prefix"),
        ({"orderBy": "colour"}, "orderBy", "unknown"),
        ({"orderBy": "eventTime", "orderDirection": "UP"}, "orderDirection", "choice"),
        ({"eventCountLimit": 5}, "eventCountLimit", "needs_order"),
        ({"orderBy": "eventTime", "eventCountLimit": 0}, "eventCountLimit", "integer"),
        ({"maxEventCount": "1.5"}, "maxEventCount", "integer"),
        (
            {"orderBy": "eventTime", "eventCountLimit": 5, "maxEventCount": 5},
            "maxEventCount",
            "exclusive",
        ),
    ],
)
def test_what_is_no_parameter_is_refused_by_name(
    parameters: dict[str, Any], name: str, reason: str
) -> None:
    refusal = refused(parameters)
    assert refusal.code.name == "epcis.query_parameter"
    assert refusal.parameters == {"name": name, "reason": reason}


def test_a_query_has_a_bound() -> None:
    many = [f"urn:x:{number}" for number in range(query.MAX_VALUES + 1)]
    assert refused({"EQ_eventID": many}).code.name == "epcis.query_too_complex"
    assert query.read({"EQ_eventID": many[1:]})


def test_a_query_at_its_bound_is_answered(home: Home) -> None:
    home.put([simple(n) for n in range(20)])
    third = query.MAX_VALUES // 3
    products = [sgtin("952000123", n, "0", link=True).split("/21/")[0] for n in range(third - 1)]
    mine = simple(3)["epcList"][0].split("/21/")[0]
    assert found(home, {"MATCH_anyEPC": products}) == []
    assert found(home, {"MATCH_anyEPC": [*products, mine]}) == list(range(1, 21))
    many = [f"urn:x:{number}" for number in range(query.MAX_VALUES - 1)]
    assert found(home, {"MATCH_epc": [*many, simple(3)["epcList"][0]]}) == [4]
    assert found(home, {"EQ_eventID": [*many, simple(3)["eventID"]]}) == [4]
    patterns = [f"urn:epc:idpat:sgtin:{95300000 + n}.*.*" for n in range(query.MAX_VALUES // 10)]
    assert found(home, {"MATCH_epc": patterns}) == []


def test_names_that_are_code_are_only_names(home: Home) -> None:
    home.put([simple(1)])
    for text in ("x' OR 1=1 --", 'x") OR 1=1', "%", "*", "\x00"):
        assert found(home, {"EQ_bizStep": [text], "MATCH_epc": [text], "EQ_eventID": [text]}) == []
        assert found(home, CONTEXT | {f"EQ_ex:{text}": [text]}) == []
    assert found(home, {}) == [1]


# -- single meanings -------------------------------------------------------------------------------


def test_a_query_in_kelvin_finds_a_reading_in_celsius(home: Home) -> None:
    home.put([reading(1, "CEL", "4.0"), reading(2, "FAH", "39.2"), reading(3, "KEL", "277.16")])
    assert found(home, {"EQ_value_KEL": [Decimal("277.15")]}) == [1, 2]
    assert found(home, {"EQ_value_KEL": "277.15"}) == [1, 2]
    assert found(home, {"GT_value_KEL": Decimal("277.15")}) == [3]
    assert found(home, {"LE_value_CEL": 4}) == [1, 2]
    assert found(home, {"GE_value_FAH": Decimal("39.2")}) == [1, 2, 3]
    assert found(home, {"EQ_value_GRM": [4]}) == []


def test_a_deviation_has_no_zero_point(home: Home) -> None:
    home.put([reading(1, "CEL", "4", sDev=Decimal("0.5"))])
    assert found(home, {"EQ_sDev_KEL": [Decimal("0.5")]}) == [1]
    assert found(home, {"EQ_sDev_FAH": [Decimal("0.9")]}) == [1]


def test_a_unit_that_nobody_knows_is_equal_to_itself(home: Home) -> None:
    home.put([reading(1, "ZZ9", "4")])
    assert found(home, {"EQ_value_ZZ9": [4]}) == [1]
    assert found(home, {"EQ_value_CEL": [4]}) == []


def test_numbers_are_exact(home: Home) -> None:
    large = "0.1234567890123456789012345678901234567890"
    home.put([reading(1, "CEL", large), reading(2, "CEL", large + "1")])
    assert found(home, {"EQ_value_CEL": [Decimal(large)]}) == [1]
    assert found(home, {"GT_value_CEL": Decimal(large)}) == [2]


def test_record_times_are_bounds_to_the_millisecond(home: Home) -> None:
    stored = home.put([simple(1)])[0]
    home.clock.now += 1_000
    home.put([simple(2)])
    text = stored.event["recordTime"]
    assert found(home, {"GE_recordTime": text}) == [1, 2]
    assert found(home, {"LT_recordTime": text}) == []
    later = text.replace("Z", "001Z")
    assert found(home, {"GE_recordTime": later}) == [2]
    assert found(home, {"LT_recordTime": later}) == [1]
    assert stored.record_time == NOW + 1


def test_both_spellings_of_an_identifier_are_one(home: Home) -> None:
    home.put([simple(1, epcList=["urn:epc:id:sgtin:9520001.000001.77"])])
    link = "https://id.gs1.org/01/09520001000010/21/77"
    other = "https://shop.example/p/01/09520001000010/21/77?17=270101"
    for uri in (link, other, "urn:epc:id:sgtin:9520001.000001.77"):
        assert found(home, {"MATCH_epc": [uri]}) == [1]
        assert found(home, {"MATCH_anyEPC": uri}) == [1]
    assert found(home, {"MATCH_epc": ["https://id.gs1.org/01/09520001000010"]}) == [1]
    assert found(home, {"MATCH_epc": ["https://id.gs1.org/01/09520001000010/21/7"]}) == []


def test_a_pattern_may_leave_the_company_open(home: Home) -> None:
    case, pallet = "urn:epc:id:sgtin:9520001.000001.77", "urn:epc:id:sscc:9520001.1000000001"
    home.put([simple(1, epcList=[case]), simple(2, epcList=[pallet])])
    assert found(home, {"MATCH_epc": ["urn:epc:idpat:sgtin:*.*.*"]}) == [1]
    assert found(home, {"MATCH_epc": ["urn:epc:idpat:sscc:*.*"]}) == [2]
    assert found(home, {"MATCH_epcClass": ["urn:epc:idpat:sgtin:*.*.*"]}) == []


def test_patterns_among_classes_mean_products_and_their_lots(home: Home) -> None:
    lot = "https://id.gs1.org/01/09520001000010/10/L1"
    product = "https://id.gs1.org/01/09520001000010"
    home.put(
        [
            simple(1, epcList=[], quantityList=[{"epcClass": lot, "quantity": 1}]),
            simple(2, epcList=[], quantityList=[{"epcClass": product, "quantity": 1}]),
        ]
    )
    assert found(home, {"MATCH_epcClass": [lot]}) == [1]
    assert found(home, {"MATCH_epcClass": [product]}) == [2]
    assert found(home, {"MATCH_epcClass": ["urn:epc:idpat:sgtin:9520001.000001.*"]}) == [1, 2]
    assert found(home, {"MATCH_anyEPCClass": ["urn:epc:idpat:sgtin:9520001.*.*"]}) == [1, 2]
    assert found(home, {"MATCH_epc": ["urn:epc:idpat:sgtin:9520001.*.*"]}) == []


def test_a_place_has_descendants(home: Home) -> None:
    ward = "https://ward.example/3"
    home.put(
        [
            simple(1, readPoint=place("0")),
            simple(2, readPoint=place("shelf-1")),
            simple(3, readPoint={"id": ward}),
            simple(4, readPoint={"id": "https://ward.example/3/bed"}),
        ]
    )
    site = place("0")["id"]
    assert found(home, {"WD_readPoint": [site]}) == [1, 2]
    assert found(home, {"EQ_readPoint": [site]}) == [1]
    home.repository.describe(ward, {"kind": "ward"}, parent=site)
    home.repository.describe("https://ward.example/3/bed", {"kind": "bed"}, parent=ward)
    assert found(home, {"WD_readPoint": [site]}) == [1, 2, 3, 4]
    assert found(home, {"WD_readPoint": [ward]}) == [3, 4]
    # Two places inside each other are odd, but no endless walk.
    home.repository.describe(ward, {}, parent="https://ward.example/3/bed")
    assert found(home, {"WD_readPoint": [ward]}) == [3, 4]


def test_attributes_of_master_data(home: Home) -> None:
    home.put([simple(1, readPoint=place("0")), simple(2, readPoint=place("a"))])
    home.repository.describe(place("0")["id"], {"city": "上海", "kind": "store"})
    assert found(home, {"HASATTR_readPoint": ["city"]}) == [1]
    assert found(home, {"HASATTR_readPoint": ["street"]}) == []
    assert found(home, {"EQATTR_readPoint_city": ["上海", "北京"]}) == [1]
    assert found(home, {"EQ_ATTR_readPoint_city": ["北京"]}) == []
    assert found(home, {"HASATTR_bizLocation": ["city"]}) == []


def test_extensions_by_prefix_and_by_whole_name(home: Home) -> None:
    event = simple(
        1, **CONTEXT, **{"ex:lot": "012", "ex:count": 12, "ex:day": "2026-03-01T00:00:00Z"}
    )
    home.put([event, simple(2)])
    for name in ("ex:lot", f"{EXTENSION}lot", "https://ns.example.org/epcis#lot"):
        assert found(home, CONTEXT | {f"EQ_{name}": ["012"]}) == [1]
    assert found(home, CONTEXT | {"EQ_ex:lot": ["12"]}) == []
    assert found(home, CONTEXT | {"GE_ex:lot": 12}) == [1]
    assert found(home, CONTEXT | {"EQ_ex:count": ["12"]}) == [1]
    assert found(home, CONTEXT | {"EQ_ex:count": ["12.0"]}) == [1]
    assert found(home, CONTEXT | {"EQ_ex:count": 12}) == [1]
    assert found(home, CONTEXT | {"LT_ex:day": "2026-03-01T09:00:00+08:00"}) == [1]
    assert found(home, CONTEXT | {"EQ_ex:day": "2026-03-01T08:00:00+08:00"}) == [1]
    assert found(home, CONTEXT | {"EXISTS_ex:lot": None}) == [1]
    assert found(home, CONTEXT | {"EXISTS_ex:lot": "false"}) == [1, 2]
    other = {"@context": [{"ex": "https://elsewhere.example/"}]}
    assert found(home, other | {"EQ_ex:lot": ["012"]}) == []


def test_own_steps_are_found_by_prefix_and_uri(home: Home) -> None:
    home.put([simple(1, **CONTEXT, bizStep="ex:weighing")])
    assert found(home, CONTEXT | {"EQ_bizStep": ["ex:weighing"]}) == [1]
    assert found(home, {"EQ_bizStep": [EXTENSION + "weighing"]}) == [1]


def test_counts(home: Home) -> None:
    home.put([simple(n) for n in range(5)])
    ask = home.repository.query
    with pytest.raises(Refusal) as caught:
        ask({"maxEventCount": 4}, limit=2)
    assert caught.value.code.name == "epcis.query_too_large"
    assert caught.value.parameters == {"limit": 4}
    assert len(ask({"maxEventCount": 5}, limit=9).events) == 5
    limited = {"orderBy": "eventTime", "eventCountLimit": 3}
    first = ask(limited, limit=2)
    assert first.next is not None
    second = ask(limited, limit=2, page=first.next)
    assert [each.sequence for each in (*first.events, *second.events)] == [5, 4, 3]
    assert second.next is None


def test_an_event_and_the_declaration_under_its_id_are_both_found(home: Home) -> None:
    event = simple(1)
    home.put([event, simple(2), declared(event), declared(simple(3))])
    asked = {"EQ_eventID": [event["eventID"]]}
    assert found(home, asked) == [1, 3]
    assert found(home, {"EXISTS_errorDeclaration": True}) == [3, 4]
    assert found(home, asked | {"EXISTS_errorDeclaration": True}) == [3]
    assert found(home, asked | {"EQ_errorReason": ["did_not_occur"]}) == [3]
    assert found(home, asked | {"GE_errorDeclaration_Time": "2026-04-02T00:00:00Z"}) == []
    assert found(home, asked | {"orderBy": "eventTime", "eventCountLimit": 1}) == [3]
    assert found(home, asked, after=1) == [3]
