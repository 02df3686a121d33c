"""The histories: right in medicine, in money and on paper."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from decimal import Decimal

import pytest

from tests.unit.gateway.fhir.reading import (
    codes,
    diagnosed,
    every,
    exact,
    patients,
    resources,
    series,
)
from yilian.gateway.fhir import sample_body
from yilian.gateway.fhir.sample import bundles

# Medicine


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_hba1c_falls_after_metformin(language: str) -> None:
    fell = []
    for bundle in diagnosed(language, "E11.9"):
        metformin = [
            each["authoredOn"]
            for each in resources(bundle, "MedicationRequest")
            if "A10BA02" in codes(each["medicationCodeableConcept"])
        ]
        values = series(bundle, "4548-4")
        before = [value for when, value in values if when <= metformin[0]]
        after = [value for when, value in values if when > metformin[0]]
        if before and after:
            fell.append(after[-1] < max(before))
    assert len(fell) >= 4
    assert sum(fell) >= len(fell) * 3 // 4


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_viral_load_becomes_undetectable_under_entecavir(language: str) -> None:
    ended = 0
    for bundle in diagnosed(language, "B18.1"):
        loads = [
            each["valueQuantity"]
            for each in resources(bundle, "Observation")
            if "42595-9" in codes(each["code"])
        ]
        if len(loads) > 2:
            assert loads[0]["value"] > 100_000
            assert "comparator" not in loads[0]
            ended += loads[-1].get("comparator") == "<"
    assert ended >= 3


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_blood_pressure_falls_in_hypertension(language: str) -> None:
    first, last = [], []
    for bundle in diagnosed(language, "I10"):
        systolic = [
            part["valueQuantity"]["value"]
            for each in resources(bundle, "Observation")
            for part in each.get("component", [])
            if "8480-6" in codes(part["code"])
        ]
        first.append(max(systolic[: len(systolic) // 2]))
        last.append(systolic[-1])
    assert sum(first) > sum(last) + 10 * len(last)
    assert min(first) > 135


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_report_never_contradicts_itself(language: str) -> None:
    seen = 0
    for bundle in patients(language):
        by_urn = {each["fullUrl"]: each["resource"] for each in bundle["entry"]}
        for report in resources(bundle, "DiagnosticReport"):
            parts = [by_urn[each["reference"]] for each in report["result"]]
            assert {each["resourceType"] for each in parts} == {"Observation"}
            assert {each["encounter"]["reference"] for each in parts} == {
                report["encounter"]["reference"]
            }
            value = {
                code: Decimal(each["valueQuantity"]["value"])
                for each in parts
                if "valueQuantity" in each
                for code in codes(each["code"])
            }
            if "57021-8" in codes(report["code"]):
                assert abs(value["4544-3"] - value["789-8"] * value["787-2"] / 10) < Decimal("0.6")
                shares = sum(value[code] for code in ("770-8", "736-9", "5905-5", "713-8"))
                assert Decimal(99) <= shares <= Decimal(100)
                seen += 1
            if "24331-1" in codes(report["code"]):
                total, good, bad = ("14647-2", "14646-4", "22748-8")
                if language == "en":
                    total, good, bad = ("2093-3", "2085-9", "13457-7")
                assert value[bad] < value[total] - value[good]
                seen += 1
    assert seen > 80


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_flags_agree_with_reference_ranges(language: str) -> None:
    flags: Counter[str] = Counter()
    for each in every(language, "Observation"):
        if "referenceRange" not in each:
            continue
        limits = each["referenceRange"][0]
        value, flag = each["valueQuantity"]["value"], codes(each["interpretation"][0]).pop()
        assert value >= 0
        if flag == "H":
            assert value > limits["high"]["value"]
        elif flag == "L":
            assert value < limits["low"]["value"]
        else:
            assert limits.get("low", {"value": 0})["value"] <= value <= limits["high"]["value"]
        flags[flag] += 1
    assert flags["H"] > 300
    assert flags["L"] > 100
    assert flags["N"] > flags["H"] + flags["L"]


def test_values_are_humanly_possible() -> None:
    bounds = {
        "8867-4": (40, 190), "9279-1": (8, 50), "8310-5": (34, 42), "2708-6": (70, 100),
        "8302-2": (45, 200), "29463-7": (2, 160), "39156-5": (11, 45), "718-7": (5, 200),
        "2823-3": (2, 8), "2951-2": (120, 160), "2744-1": (7, 8), "4548-4": (4, 13),
        "98979-8": (3, 200), "19926-5": (25, 100), "736-9": (5, 65), "770-8": (15, 92),
    }  # fmt: skip
    seen: Counter[str] = Counter()
    for language in ("zh-CN", "en"):
        for each in every(language, "Observation"):
            if "valueQuantity" not in each:
                continue
            amount = each["valueQuantity"]
            assert amount["system"] == "http://unitsofmeasure.org"
            assert amount["code"]
            code = each["code"]["coding"][0]["code"]
            if code in bounds:
                low, high = bounds[code]
                assert low <= amount["value"] <= high, (code, amount)
                seen[code] += 1
    assert set(seen) == set(bounds)


def test_filtration_rate_agrees_with_the_formula() -> None:
    # CKD-EPI 2021 in floating point, as an independent reading of the published equation.
    for creatinine, age, sex in ((60, 30, "female"), (90, 50, "male"), (884, 70, "male")):
        kappa, alpha = (0.7, -0.241) if sex == "female" else (0.9, -0.302)
        ratio = creatinine / 88.42 / kappa
        expected = 142 * min(ratio, 1) ** alpha * max(ratio, 1) ** -1.2 * 0.9938**age
        expected *= 1.012 if sex == "female" else 1
        got = sample_body.filtration_rate(creatinine * 1000, age, sex) / 1000
        assert abs(got - expected) < 0.01


def test_penicillin_is_not_given_to_those_who_do_not_bear_it() -> None:
    allergic, given = 0, 0
    for bundle in bundles(31, 200):
        if b'"764146007"' in bundle:
            allergic += 1
            assert b'"J01CA04"' not in bundle
        given += b'"J01CA04"' in bundle
    assert allergic > 2
    assert given > 10


# Money and papers


def test_claims_add_up_and_point_to_a_diagnosis() -> None:
    currencies = set()
    for language in ("zh-CN", "en"):
        for claim in every(language, "Claim"):
            total = claim["total"]
            assert total["value"] == sum(item["net"]["value"] for item in claim["item"])
            assert str(total["value"])[-3] == "."
            assert [item["sequence"] for item in claim["item"]] == list(
                range(1, len(claim["item"]) + 1)
            )
            currencies.add((language, total["currency"]))
    assert currencies == {("zh-CN", "CNY"), ("en", "USD")}


def test_attachments_say_their_true_size_and_hash() -> None:
    checked = 0
    for each in every("zh-CN", "DocumentReference"):
        attachment = each["content"][0]["attachment"]
        data = base64.b64decode(attachment["data"], validate=True)
        assert len(data) == attachment["size"]
        assert base64.b64encode(hashlib.sha1(data).digest()).decode() == attachment["hash"]
        assert "{" not in data.decode("utf-8")
        checked += 1
    assert checked > 20


def test_one_prescription_of_a_medicine_is_active_at_most() -> None:
    for bundle in patients("en"):
        active = [
            each["medicationCodeableConcept"]["text"]
            for each in resources(bundle, "MedicationRequest")
            if each["status"] == "active"
        ]
        assert len(active) == len(set(active))


@pytest.mark.parametrize(
    ("language", "loinc", "limit"), [("zh-CN", "14995-5", "8.50"), ("en", "1518-0", "153")]
)
def test_glucose_load_is_high_in_gestational_diabetes_only(
    language: str, loinc: str, limit: str
) -> None:
    made = bundles(5, 200, language=language)  # type: ignore[arg-type]
    pregnant = [data for data in made if b'"Z34.0"' in data]
    with_it = [series(exact.decode(data), loinc) for data in pregnant if b'"O24.4"' in data]
    normal = [series(exact.decode(data), loinc) for data in pregnant if b'"O24.4"' not in data]
    assert len(with_it) >= 2
    assert len(normal) >= 4
    assert all(value > Decimal(limit) for values in with_it for _, value in values)
    assert all(value <= Decimal(limit) for values in normal for _, value in values)


def test_persons_with_one_disease_differ() -> None:
    peaks = {max(value for _, value in series(b, "4548-4")) for b in diagnosed("zh-CN", "E11.9")}
    assert len(peaks) >= 5
    assert max(peaks) - min(peaks) > Decimal("0.8")
