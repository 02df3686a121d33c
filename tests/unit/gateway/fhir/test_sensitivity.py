"""What is sensitive by content is found with and without a label, and the strictest one wins."""

from __future__ import annotations

import gzip
import itertools
import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared import shared
from yilian.gateway.fhir import sample
from yilian.gateway.fhir.errors import BUNDLE_MALFORMED
from yilian.gateway.fhir.intake import NORMAL, RESTRICTED, read_resource, stricter, take_apart
from yilian.gateway.fhir.sensitivity import EXACT, ORDER, PREFIXES, WORDS, labels
from yilian.ledger.errors import Refusal

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
ICD_10, ATC = "http://hl7.org/fhir/sid/icd-10", "http://www.whocc.no/atc"


def coded(system: str, code: str) -> dict[str, Any]:
    """A resource of one coding."""
    return {"resourceType": "Observation", "code": {"coding": [{"system": system, "code": code}]}}


@pytest.mark.parametrize(
    ("resource", "label"),
    [
        (coded(LOINC, "7918-6"), "hiv"),
        (coded(SNOMED, "86406008"), "hiv"),
        (coded(ICD_10, "B24"), "hiv"),
        (coded(ICD_10 + "-cm", "B20"), "hiv"),
        (coded(ATC, "J05AR10"), "hiv"),
        (coded(ICD_10, "F32.1"), "psy"),
        (coded(ATC, "N06AB04"), "psy"),
        (coded(ICD_10, "F10.2"), "ethud"),
        (coded(ICD_10, "F11.2"), "opioidud"),
        (coded(ICD_10, "F14.1"), "eth"),
        (coded(ICD_10, "T74.2"), "sdv"),
        (coded(LOINC, "76504-0"), "sdv"),
        (coded(ICD_10, "O04.9"), "sex"),
        (coded(ICD_10, "A53.9"), "std"),
        (coded(ICD_10, "Q90.9"), "gdis"),
        (coded(LOINC, "51969-4"), "gdis"),
        ({"resourceType": "Observation", "code": {"text": "HIV抗体（酶免法）"}}, "hiv"),
        ({"resourceType": "Condition", "code": {"text": "抑郁症"}}, "psy"),
        ({"resourceType": "Condition", "code": {"text": "Alleged RAPE"}}, "sdv"),
        ({"resourceType": "Procedure", "code": {"text": "人工流产术"}}, "sex"),
        ({"resourceType": "Observation", "code": {"text": "梅毒螺旋体抗体"}}, "std"),
        ({"resourceType": "Observation", "code": {"text": "BRCA1 基因检测"}}, "gdis"),
    ],
)
def test_an_unlabelled_resource_is_found(resource: dict[str, Any], label: str) -> None:
    assert labels(resource) == [label]
    assert read_resource(json.dumps(resource).encode()).sensitivity == label


@pytest.mark.parametrize(
    "resource",
    [
        coded(LOINC, "2339-0"),
        coded(ICD_10, "F17.2"),
        coded(ICD_10, "F03"),
        coded(ICD_10, "B18.1"),
        coded(SNOMED, "7918-6"),
        coded("https://yunxi.example/item", "B24"),
        {"resourceType": "Condition", "code": {"text": "Hives; grapefruit, rapeseed oil; visaids"}},
        {"resourceType": "Condition", "code": {"text": "乙肝病毒DNA定量"}},
        {"resourceType": "Patient", "meta": {"security": [{"display": "HIV"}]}},
    ],
)
def test_what_only_looks_alike_is_not(resource: dict[str, Any]) -> None:
    assert labels(resource) == []


def test_it_is_found_however_deep_and_in_a_bill() -> None:
    claim = {
        "resourceType": "Claim",
        "item": [{"productOrService": coded(SNOMED, "31676001")["code"], "net": {"value": 1}}],
    }
    assert labels(claim) == ["hiv"]
    deep: Any = coded(LOINC, "7918-6")
    for _ in range(5_000):
        deep = [{"contained": deep}]
    assert labels(deep) == ["hiv"]


def test_the_strictest_of_label_and_content_wins() -> None:
    def of(code: str, *security: str) -> str:
        meta = {"security": [{"code": each} for each in security]}
        return read_resource(json.dumps({**coded(ICD_10, code), "meta": meta}).encode()).sensitivity

    assert of("B24", "N") == of("B24", "R") == of("B24", "PSY") == "hiv"
    assert of("F32", "HIV") == "hiv"
    assert of("I10", "R") == RESTRICTED
    assert of("I10") == NORMAL
    assert of("I10", "GDIS") == "gdis"


@given(st.sampled_from((*ORDER, RESTRICTED, NORMAL)), st.sampled_from((*ORDER, RESTRICTED, NORMAL)))
def test_stricter_is_an_order(one: str, other: str) -> None:
    assert stricter(one, other) == stricter(other, one)
    assert stricter(one, other) in (one, other)
    assert stricter(one, NORMAL) == one
    assert stricter("of-the-future", one) == stricter(one, "of-the-future") == "of-the-future"


def test_the_tables_name_known_labels_and_no_code_twice() -> None:
    for table in (*PREFIXES.values(), *EXACT.values(), WORDS):
        assert set(table) <= set(ORDER)
    for codes in EXACT.values():
        every = list(itertools.chain(*(each.split() for each in codes.values())))
        assert len(every) == len(set(every))


def test_seeded_patients_have_nothing_that_is_closed_by_mistake() -> None:
    found = Counter(
        each.sensitivity for bundle in sample.bundles(1, 6) for each in take_apart(bundle).resources
    )
    assert set(found) == {NORMAL}


def test_foreign_patients_have_what_was_counted_by_hand() -> None:
    folder = shared("fhir/synthea")
    found: Counter[tuple[str, str]] = Counter()
    for path in sorted(folder.glob("*-*-*-*-*.json.gz")):
        for each in take_apart(gzip.decompress(path.read_bytes())).resources:
            if each.sensitivity != NORMAL:
                found[each.type, each.sensitivity] += 1
    assert found == {
        ("Procedure", "sex"): 9,
        ("Claim", "sex"): 2,
        ("ExplanationOfBenefit", "sex"): 2,
        ("Procedure", "psy"): 4,
        ("Claim", "psy"): 4,
        ("ExplanationOfBenefit", "psy"): 4,
        ("Procedure", "std"): 2,
        ("Procedure", "hiv"): 1,
        ("Claim", "hiv"): 1,
        ("ExplanationOfBenefit", "hiv"): 1,
    }


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'"x"', b'{"resourceType":"Bundle"}', b"\xff"]
)
def test_what_is_no_single_resource_is_refused(content: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        read_resource(content)
    assert refused.value.code is BUNDLE_MALFORMED
