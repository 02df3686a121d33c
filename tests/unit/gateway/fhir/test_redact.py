"""F25: labelled fields are taken out, and every other value stays as it was written."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared import shared
from yilian.gateway.fhir.redact import INLINE_LABEL, REDACTED, redact

URL = "http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/" + INLINE_LABEL
CODES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
FHIR = "application/fhir+json"


def label(code: str = "HIV") -> dict[str, Any]:
    """The extension by which an element carries a label."""
    return {"url": URL, "valueCoding": {"system": CODES, "code": code}}


def marked(code: str = "HIV") -> dict[str, Any]:
    """An element, or what stands beside a primitive, with a label and nothing else."""
    return {"extension": [label(code)]}


def redacted(resource: dict[str, Any], *labels: str) -> Any:
    copy = redact(json.dumps(resource).encode(), FHIR, labels or ("hiv",))
    return None if copy is None else json.loads(copy)


def bare(resource: dict[str, Any], *labels: str) -> Any:
    """The copy without its mark."""
    copy = redacted(resource, *labels)
    assert copy["meta"]["security"][-1] == REDACTED
    copy["meta"]["security"].pop()
    if copy["meta"] == {"security": []}:
        del copy["meta"]
    return copy


def test_a_labelled_element_goes_with_all_that_is_in_it() -> None:
    value = {"code": {"text": "HIV-1 RNA"}, "valueQuantity": {"value": 20, "unit": "1/mL"}}
    kept = {"code": {"text": "葡萄糖"}, "valueQuantity": {"value": 5.1, "unit": "mmol/L"}}
    observation = {"resourceType": "Observation", "status": "final"}
    resource = {**observation, "component": [kept, {**value, **marked()}]}
    assert bare(resource) == {**observation, "component": [kept]}
    assert bare({**observation, "component": [{**value, **marked()}]}) == observation
    assert bare(resource, "psy") == resource
    assert bare(resource, "hiv", "psy") == {**observation, "component": [kept]}


def test_a_labelled_primitive_goes_with_what_stands_beside_it() -> None:
    person = {"resourceType": "Patient", "gender": "female"}
    assert bare({**person, "birthDate": "1970-01-01", "_birthDate": marked()}) == person
    assert bare({"_birthDate": marked(), "birthDate": "1970-01-01", **person}) == person
    assert bare({**person, "_birthDate": marked()}) == person
    other = {**person, "birthDate": "1970-01-01", "_birthDate": marked("PSY")}
    assert bare(other) == other


def test_one_of_several_primitives_goes_and_the_others_keep_their_places() -> None:
    name = {"family": "王", "given": ["a", "b", "c"]}
    name["_given"] = [None, marked(), {"id": "third"}]
    copy = bare({"resourceType": "Patient", "name": [name]})
    assert copy["name"] == [
        {"family": "王", "given": ["a", "c"], "_given": [None, {"id": "third"}]}
    ]
    name["_given"] = [marked(), marked(), marked()]
    assert bare({"resourceType": "Patient", "name": [name]})["name"] == [{"family": "王"}]
    name["_given"] = [None, marked()]
    assert bare({"resourceType": "Patient", "name": [name]})["name"] == [
        {"family": "王", "given": ["a", "c"]}
    ]


def test_a_label_in_an_odd_place_still_takes_its_element_away() -> None:
    odd = {"resourceType": "Patient", "birthDate": "1970-01-01", "_birthDate": [marked()]}
    assert "birthDate" not in bare(odd)
    concept = {"url": URL, "valueCodeableConcept": {"coding": [{"code": "hiv"}]}}
    listed = {"resourceType": "Patient", "contact": [{"gender": "male", "extension": concept}]}
    assert "contact" not in bare(listed)
    modifier = {"resourceType": "Patient", "contact": [{"modifierExtension": [label()]}]}
    assert "contact" not in bare(modifier)


def test_labelled_contained_parts_go_and_so_do_references_to_them() -> None:
    secret = {
        "resourceType": "Condition",
        "id": "c1",
        "meta": {"security": [{"system": CODES, "code": "HIV"}]},
        "code": {"text": "HIV"},
    }
    plain = {"resourceType": "Practitioner", "id": "p1"}
    resource = {
        "resourceType": "MedicationRequest",
        "reasonReference": [{"reference": "#c1"}, {"reference": "Condition/c1"}],
        "requester": {"reference": "#p1"},
        "basedOn": [{"reference": "#c1"}],
        "contained": [plain, secret],
    }
    assert bare(resource) == {
        "resourceType": "MedicationRequest",
        "reasonReference": [{"reference": "Condition/c1"}],
        "requester": {"reference": "#p1"},
        "contained": [plain],
    }


def test_an_entry_of_a_bundle_goes_with_its_resource() -> None:
    secret = {"resourceType": "Observation", "meta": {"security": [{"code": "HIV"}]}}
    plain = {"resourceType": "Observation", "status": "final"}
    entries = [
        {"fullUrl": f"urn:uuid:{at}", "resource": each} for at, each in enumerate((plain, secret))
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    assert bare(bundle)["entry"] == entries[:1]


def test_narratives_go_because_prose_repeats_fields() -> None:
    text = {"status": "generated", "div": "<div>HIV positive</div>"}
    note = {"resourceType": "Condition", "code": {"text": "kept"}, "text": text}
    assert bare(note) == {"resourceType": "Condition", "code": {"text": "kept"}}
    assert b"positive" not in (redact(json.dumps(note).encode(), FHIR, ("psy",)) or b"")


@pytest.mark.parametrize("number", ["1.50", "0.0000001", "1e2", "-0.0", "12345678901234567890.10"])
def test_decimals_stay_as_they_were_written(number: str) -> None:
    content = b'{"resourceType":"Observation","valueQuantity":{"value":%s}}' % number.encode()
    copy = redact(content, FHIR, ("hiv",))
    assert copy is not None
    assert b'"value":' + number.encode() + b"}" in copy


def test_the_mark_stands_beside_other_labels_and_once() -> None:
    meta = {"versionId": "3", "security": [{"system": CODES, "code": "PSY"}]}
    copy = redacted({"resourceType": "Patient", "meta": meta})
    assert copy["meta"] == {"versionId": "3", "security": [*meta["security"], REDACTED]}
    assert redacted(copy) == copy


DEEP = b'{"resourceType":"Patient","x":' + b"[" * 5000 + b"]" * 5000 + b"}"


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b"", FHIR),
        (b"{", FHIR),
        (b"[]", FHIR),
        (b"{}", FHIR),
        (b'{"resourceType":1}', FHIR),
        (b'{"resourceType":"Patient","id":"\xff"}', FHIR),
        (b'{"resourceType":"Patient"} x', FHIR),
        (DEEP, FHIR),
        (b'{"resourceType":"Patient"}', "application/dicom"),
        (b'{"resourceType":"Patient"}', "text/fhir+json"),
        (b'{"resourceType":"Binary","data":"aGl2"}', FHIR),
        (b'{"resourceType":"Patient","meta":{"security":[{"code":"HIV"}]}}', FHIR),
        (json.dumps({"resourceType": "Patient", **marked()}).encode(), FHIR),
    ],
)
def test_what_cannot_be_redacted_gets_no_copy(content: bytes, media_type: str) -> None:
    assert redact(content, media_type, ("hiv",)) is None


def test_both_names_of_fhir_json_are_known() -> None:
    content = b'{"resourceType":"Patient"}'
    for media_type in ("application/json", "application/fhir+json; charset=utf-8"):
        assert redact(content, media_type, ("hiv",)) is not None


SECRET = "hidden"
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
trees: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=3)
        | st.just({"note": SECRET, "extension": [label()]})
        | st.just({"note": SECRET, "extension": [{"url": "other"}, label("hiv")]})
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from("abcdef"), trees, max_size=4), st.booleans())
def test_whatever_the_shape_no_labelled_value_is_left(fields: dict[str, Any], both: bool) -> None:
    """And a resource without labels keeps every value."""
    resource = {"resourceType": "Basic", **fields}
    copy = redacted(resource, "hiv")
    assert SECRET not in json.dumps(copy)
    if SECRET not in json.dumps(resource):
        assert bare(resource) == resource
    if both:
        assert bare(resource, "psy") == resource


def test_published_resources_keep_every_value_but_their_narratives() -> None:
    files = sorted(shared("fhir/examples").glob("*.json"))
    assert files
    for path in files:
        content = path.read_bytes()
        copy = redact(content, FHIR, ("hiv",))
        original = json.loads(content, parse_float=Decimal)
        if original["resourceType"] == "Binary":
            assert copy is None
            continue
        assert copy is not None
        read = json.loads(copy, parse_float=Decimal)
        read["meta"]["security"].pop()
        for each in (read, original):
            security = each.setdefault("meta", {}).setdefault("security", [])
            if not security:
                del each["meta"]["security"]
        assert read == without_narratives(original), path.name


def without_narratives(value: Any) -> Any:
    if isinstance(value, list):
        return [without_narratives(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: without_narratives(each)
        for name, each in value.items()
        if not (name == "text" and "resourceType" in value)
    }
