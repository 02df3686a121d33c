"""What a record says: times, codes, values and names, exactly as written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.gateway.content.builders import generated, synthea, written
from yilian.gateway.content.errors import CONTENT_UNREADABLE
from yilian.gateway.content.extract import Code, Identifier, extract
from yilian.gateway.fhir.intake import FHIR_JSON
from yilian.ledger.errors import Refusal

LOINC = "http://loinc.org"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
ELEMENTS = (
    *("code", "status", "identifier", "subject", "encounter", "performer", "name", "type"),
    *("effectiveDateTime", "effectivePeriod", "period", "context", "class", "category"),
    *("valueQuantity", "valueCodeableConcept", "component", "dosageInstruction"),
)


def said(resource: dict[str, Any] | str, offset: int = 0) -> Any:
    content = resource.encode() if isinstance(resource, str) else written(resource)
    return extract(FHIR_JSON, content, offset)


def test_an_observation_says_all_of_it() -> None:
    found = said(
        """{"resourceType":"Observation","id":"o1","status":"final",
        "identifier":[{"system":"urn:lab","value":"L-7"},{"value":"x"}],
        "category":[{"coding":[{"system":"urn:c","code":"laboratory"}]}],
        "code":{"coding":[{"system":"http://loinc.org","code":"2160-0","display":"Creatinine"}],
                "text":"血清肌酐"},
        "subject":{"reference":"Patient/p"},"encounter":{"reference":"Encounter/e"},
        "performer":[{"reference":"Practitioner/d"},{"reference":"Organization/h"}],
        "effectiveDateTime":"2024-03-05T08:00:00+08:00","issued":"2024-03-06T00:00:00Z",
        "valueQuantity":{"value":1.50,"unit":"mg/dL","comparator":"<"}}"""
    )
    assert (found.type, found.id, found.status) == ("Observation", "o1", "final")
    assert found.codes == (Code(system=LOINC, code="2160-0", display="Creatinine"),)
    assert found.codes[0].key() == "http://loinc.org|2160-0"
    assert found.categories == (Code(system="urn:c", code="laboratory"),)
    assert (found.display, found.value) == ("血清肌酐", "<1.50 mg/dL")
    assert found.identifiers == (
        Identifier(system="urn:lab", value="L-7"),
        Identifier(value="x"),
    )
    assert (found.subject, found.encounter) == ("Patient/p", "Encounter/e")
    assert found.performers == ("Practitioner/d", "Organization/h")
    assert (found.time.element, found.time.text) == (
        "effectiveDateTime",
        "2024-03-05T08:00:00+08:00",
    )
    assert found.time.low == 1_709_596_800_000


@pytest.mark.parametrize(
    ("fields", "element", "text"),
    [
        ({"resourceType": "Condition", "onsetDateTime": "2019"}, "onsetDateTime", "2019"),
        (
            {"resourceType": "Condition", "onsetString": "x", "recordedDate": "2019-04"},
            "recordedDate",
            "2019-04",
        ),
        (
            {"resourceType": "Procedure", "performedPeriod": {"start": "2020-01-01"}},
            "performedPeriod",
            "2020-01-01",
        ),
        (
            {"resourceType": "Immunization", "occurrenceDateTime": "2020", "recorded": "2021"},
            "occurrenceDateTime",
            "2020",
        ),
        (
            {"resourceType": "MedicationRequest", "authoredOn": "2020-02-03"},
            "authoredOn",
            "2020-02-03",
        ),
        ({"resourceType": "Encounter", "period": {"end": "2020"}}, "period", "2020"),
        (
            {
                "resourceType": "DocumentReference",
                "date": "2022",
                "context": {"period": {"start": "2021"}},
            },
            "context.period",
            "2021",
        ),
        ({"resourceType": "DocumentReference", "date": "2022", "context": {}}, "date", "2022"),
        (
            {"resourceType": "Specimen", "collection": {"collectedDateTime": "2018"}},
            "collection.collectedDateTime",
            "2018",
        ),
        (
            {"resourceType": "Observation", "effectiveTiming": {"event": ["2017-01"]}},
            "effectiveTiming",
            "2017-01",
        ),
    ],
)
def test_the_time_is_that_of_the_event(fields: dict[str, Any], element: str, text: str) -> None:
    found = said(fields).time
    assert (found.element, found.text) == (element, text)


def test_a_period_reaches_to_its_end_and_keeps_both_texts() -> None:
    found = said({"resourceType": "Encounter", "period": {"start": "2020-01", "end": "2020-03-05"}})
    assert (found.time.text, found.time.end) == ("2020-01", "2020-03-05")
    assert found.time.high - found.time.low == (31 + 29 + 5) * 86_400_000


def test_an_odd_date_is_kept_as_written_and_has_no_place() -> None:
    found = said({"resourceType": "Observation", "effectiveDateTime": "去年"}).time
    assert (found.text, found.low, found.high) == ("去年", None, None)


def test_without_a_time_zone_the_organisations_counts() -> None:
    resource = {"resourceType": "Observation", "effectiveDateTime": "2024-03-05"}
    assert said(resource).time.low - said(resource, 480).time.low == 8 * 3_600_000


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ('"valueQuantity":{"value":1.50,"unit":"g"}', "1.50 g"),
        ('"valueQuantity":{"value":0.10e2}', "0.10e2"),
        ('"valueQuantity":{"value":5,"code":"mm"}', "5 mm"),
        ('"valueQuantity":{"value":12345678901234567890.12}', "12345678901234567890.12"),
        ('"valueInteger":0', "0"),
        ('"valueBoolean":false', "false"),
        ('"valueString":"阴性"', "阴性"),
        ('"valueCodeableConcept":{"coding":[{"code":"N","display":"𠮷阴"}]}', "𠮷阴"),
        ('"valueRange":{"low":{"value":1.0},"high":{"value":2.0}}', "1.0 - 2.0"),
        ('"valueRatio":{"numerator":{"value":1},"denominator":{"value":128}}', "1 / 128"),
        ('"dataAbsentReason":{"text":"not done"}', "not done"),
        (
            '"component":[{"code":{"text":"收缩压"},"valueQuantity":{"value":120,"unit":"mmHg"}},'
            '{"code":{"text":"舒张压"},"valueQuantity":{"value":80.0,"unit":"mmHg"}}]',
            "收缩压 120 mmHg; 舒张压 80.0 mmHg",
        ),
        ('"conclusion":"未见异常"', "未见异常"),
        ('"dosageInstruction":[{"text":"每日1次"}]', "每日1次"),
        ('"doseQuantity":{"value":0.5,"unit":"mL"}', "0.5 mL"),
        ('"valueQuantity":{}', None),
    ],
)
def test_values_stand_as_written(part: str, value: str | None) -> None:
    assert said('{"resourceType":"Observation",' + part + "}").value == value


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ([{"text": "王小明", "family": "王"}], "王小明"),
        ([{"family": "欧阳", "given": ["娜", "娜"]}], "欧阳娜娜"),
        ([{"family": "𠮷野", "given": ["家"]}], "𠮷野家"),
        ([{"family": "Alderhurst", "given": ["Bram", "T."]}], "Bram T. Alderhurst"),
        ("云溪市第一人民医院", "云溪市第一人民医院"),
        ([{"use": "official"}], None),
    ],
)
def test_names_are_written_as_their_language_does(name: Any, shown: str | None) -> None:
    assert said({"resourceType": "Patient", "name": name}).display == shown


def test_component_codes_are_found_too() -> None:
    part = {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}}
    found = said({"resourceType": "Observation", "code": {"text": "BP"}, "component": [part]})
    assert [each.key() for each in found.codes] == ["http://loinc.org|8480-6"]


@pytest.mark.parametrize(
    ("media_type", "content"),
    [
        (FHIR_JSON, b""),
        (FHIR_JSON, b"[]"),
        (FHIR_JSON, b'{"id":"x"}'),
        (FHIR_JSON, b'{"resourceType":1}'),
        (FHIR_JSON, b'{"resourceType":"Patient"'),
        (FHIR_JSON, b'{"resourceType":"Pa\xfftient"}'),
        (FHIR_JSON, b"[" * 100_000),
        ("application/dicom", b'{"resourceType":"Patient"}'),
    ],
)
def test_what_cannot_be_read_is_refused(media_type: str, content: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        extract(media_type, content)
    assert refused.value.code is CONTENT_UNREADABLE


def test_parameters_of_the_media_type_do_not_matter() -> None:
    content = b'{"resourceType":"Patient"}'
    assert extract("Application/FHIR+json; fhirVersion=4.0", content).type == "Patient"


@given(st.dictionaries(st.sampled_from(ELEMENTS), JSON, max_size=6))
def test_no_shape_of_a_value_is_an_error(fields: dict[str, Any]) -> None:
    content = json.dumps({"resourceType": "Observation", **fields}).encode()
    assert extract(FHIR_JSON, content).type == "Observation"


def test_every_clinical_resource_of_the_bundles_has_a_time() -> None:
    without = {"Patient", "Organization", "Practitioner", "Goal", "Location"}
    for content in (*generated(3), *generated(4, "en"), *synthea(0), *synthea(1)):
        found = said(content.decode())
        resource = json.loads(content)
        assert found.type == resource["resourceType"]
        if found.type not in without:
            assert found.time is not None, found.type
            assert found.time.low is not None
            assert found.time.text in content.decode()
