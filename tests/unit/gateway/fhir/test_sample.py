"""The seeded patients: repeatable to the byte, valid FHIR, right in medicine and in numbers."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fhir.resources.R4B import get_fhir_model_class

from yilian.gateway.fhir import sample_body
from yilian.gateway.fhir.sample import bundles, write
from yilian.gateway.fhir.sample_draw import Draw
from yilian.gateway.fhir.sample_history import LAST_DAY
from yilian.gateway.fhir.sample_lab import ANALYTES
from yilian.gateway.fhir.sample_panel import FINDINGS, PANELS
from yilian.gateway.fhir.sample_story import DIALYSIS, STORIES
from yilian.gateway.fhir.sample_terms import ACTS, ACUTE, ALLERGENS, DISEASES, DRUGS, VACCINES
from yilian.gateway.fhir.sample_zh import CHINA, check_character

PINNED = "86a0a0e00e5ca4ba2c02d97ff747091e660cac13fedac14c6d99ec676aa38d8e"
"""SHA-256 of the three bundles of seed 1, each followed by a line feed."""

TYPES = {
    "Patient", "Organization", "Practitioner", "Encounter", "Condition", "Observation",
    "DiagnosticReport", "MedicationRequest", "Procedure", "Immunization", "AllergyIntolerance",
    "Claim", "DocumentReference", "CarePlan",
}  # fmt: skip
SHARED = {"Organization", "Practitioner"}
RESIDENT = "urn:oid:2.16.840.1.113883.2.23.1.19.1"
INSURED = "urn:oid:2.16.840.1.113883.2.23.1.19.2"
SSN = "http://hl7.org/fhir/sid/us-ssn"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"

_exact = msgspec.json.Decoder(float_hook=Decimal)
_exact_encode = msgspec.json.Encoder(decimal_format="number").encode

Json = dict[str, Any]


@cache
def patients(language: str, count: int = 80, seed: int = 5) -> list[Json]:
    return [_exact.decode(data) for data in bundles(seed, count, language=language)]  # type: ignore[arg-type]


def resources(bundle: Json, kind: str = "") -> list[Json]:
    found = [entry["resource"] for entry in bundle["entry"]]
    return [each for each in found if not kind or each["resourceType"] == kind]


def every(language: str, kind: str = "") -> Iterator[Json]:
    for bundle in patients(language):
        yield from resources(bundle, kind)


def codes(concept: Json) -> set[str]:
    return {coding["code"] for coding in concept.get("coding", [])}


def walk(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from walk(each)
    elif isinstance(value, list):
        for each in value:
            yield from walk(each)


def series(bundle: Json, loinc: str) -> list[tuple[str, Decimal]]:
    return [
        (each["effectiveDateTime"], Decimal(each["valueQuantity"]["value"]))
        for each in resources(bundle, "Observation")
        if loinc in codes(each["code"]) and "valueQuantity" in each
    ]


def diagnosed(language: str, icd: str) -> list[Json]:
    return [
        bundle
        for bundle in patients(language)
        if any(icd in codes(each["code"]) for each in resources(bundle, "Condition"))
    ]


def digest_of(seed: int, count: int) -> str:
    joined = hashlib.sha256()
    for data in bundles(seed, count):
        joined.update(data + b"\n")
    return joined.hexdigest()


# Repeatable


def test_seed_one_has_the_pinned_digest() -> None:
    assert digest_of(1, 3) == PINNED
    assert digest_of(1, 3) == PINNED


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_another_process_with_another_hash_seed_writes_the_same_bytes(hash_seed: str) -> None:
    program = (
        "import hashlib\n"
        "from yilian.gateway.fhir.sample import bundles\n"
        "joined = b''.join(data + b'\\n' for data in bundles(1, 3))\n"
        "print(hashlib.sha256(joined).hexdigest())\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": "Asia/Kathmandu"}
    said = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == PINNED


def test_another_seed_differs_in_every_patient() -> None:
    one, other = list(bundles(1, 6)), list(bundles(2, 6))
    assert not set(one) & set(other)
    assert len(set(one)) == 6


def test_a_longer_run_begins_with_the_shorter_one() -> None:
    assert list(bundles(9, 7))[:3] == list(bundles(9, 3))


def test_mixed_takes_turns_and_equals_the_single_languages() -> None:
    mixed = list(bundles(3, 4))
    chinese, western = list(bundles(3, 4, language="zh-CN")), list(bundles(3, 4, language="en"))
    assert mixed == [chinese[0], western[1], chinese[2], western[3]]


def test_draws_stay_within_their_bounds_and_reach_them() -> None:
    draw = Draw("bounds")
    assert {draw.between(-2, 2) for _ in range(500)} == {-2, -1, 0, 1, 2}
    around = [draw.around(3) for _ in range(3000)]
    assert set(around) == set(range(-3, 4))
    assert abs(sum(around)) < 300
    assert draw.around(0) == 0
    assert not any(draw.chance(0) for _ in range(100))
    assert all(draw.chance(1000) for _ in range(100))
    assert sorted(draw.shuffled(range(20))) == list(range(20))


def test_the_generator_is_splitmix64() -> None:
    draw = Draw("any label")
    draw._state = 1234567
    # The published first outputs of SplitMix64 for the seed 1234567 (Vigna's reference code).
    assert [draw.word() for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


# Whole bundles


def test_every_bundle_is_a_compact_transaction_of_posts() -> None:
    for data in bundles(4, 6):
        bundle = json.loads(data)
        assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "transaction")
        assert b'": ' not in data.replace(b'\\"', b"")
        for entry in bundle["entry"]:
            resource = entry["resource"]
            assert entry["fullUrl"] == f"urn:uuid:{resource['id']}"
            assert re.fullmatch(
                "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                resource["id"],
            )
            assert entry["request"]["method"] == "POST"
            assert entry["request"]["url"] == resource["resourceType"]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_all_references_resolve_inside_the_bundle(language: str) -> None:
    for bundle in patients(language):
        kinds = {each["fullUrl"]: each["resource"]["resourceType"] for each in bundle["entry"]}
        pointed = [node["reference"] for node in walk(bundle) if "reference" in node]
        assert len(pointed) > len(kinds)
        assert set(pointed) <= set(kinds)
        for each in resources(bundle):
            subject = each.get("subject") or each.get("patient")
            if subject:
                assert kinds[subject["reference"]] == "Patient"


def test_no_id_occurs_twice_but_for_equal_places_and_doctors() -> None:
    shared: dict[str, Json] = {}
    seen: set[str] = set()
    for bundle in patients("zh-CN") + patients("en"):
        own = [each["resource"]["id"] for each in bundle["entry"]]
        assert len(own) == len(set(own))
        for entry in bundle["entry"]:
            key = entry["fullUrl"]
            if entry["resource"]["resourceType"] in SHARED:
                assert shared.setdefault(key, entry) == entry
                system, value = (
                    entry["request"]["ifNoneExist"].removeprefix("identifier=").split("|")
                )
                assert entry["resource"]["identifier"] == [{"system": system, "value": value}]
            else:
                assert key not in seen
                assert "ifNoneExist" not in entry["request"]
                seen.add(key)
    assert len(shared) > 20
    identifiers = Counter(json.dumps(each["resource"]["identifier"]) for each in shared.values())
    assert max(identifiers.values()) == 1


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_sizes(language: str) -> None:
    sizes = sorted(len(bundle["entry"]) for bundle in patients(language))
    assert sizes[0] >= 60
    assert sizes[-3] <= 400
    assert 800 < sizes[-2] <= sizes[-1] <= 1300
    assert sizes[len(sizes) // 4] + 60 < sizes[len(sizes) * 3 // 4]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_kind_of_resource_and_category_is_present(language: str) -> None:
    assert {each["resourceType"] for each in every(language)} == TYPES
    kinds: Counter[str] = Counter()
    for each in every(language, "Observation"):
        coding = each["category"][0]["coding"][0]
        assert coding["system"] == CATEGORY
        kinds[coding["code"]] += 1
    assert set(kinds) == {"laboratory", "vital-signs", "social-history", "procedure", "survey"}
    assert min(kinds["laboratory"], kinds["vital-signs"]) > 2000


def test_every_story_is_told_in_both_languages() -> None:
    wanted = {"E11.9", "I10", "Z34.0", "B18.1", "J45.9", "I63.9", "J44.9", "N18.5"}
    for language in ("zh-CN", "en"):
        told = set().union(*(codes(each["code"]) for each in every(language, "Condition")))
        assert wanted <= told
        healthy = [b for b in patients(language) if not resources(b, "CarePlan")]
        assert len(healthy) > 5


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_every_resource_is_valid_r4b(language: str) -> None:
    checked = 0
    for data in bundles(11, 20, language=language):  # type: ignore[arg-type]
        for entry in _exact.decode(data)["entry"]:
            resource = entry["resource"]
            model = get_fhir_model_class(resource["resourceType"]).model_validate(resource)
            if resource["resourceType"] == "Observation" and "valueQuantity" in resource:
                written = Decimal(resource["valueQuantity"]["value"])
                assert str(model.valueQuantity.value) == str(written)
            checked += 1
    assert checked > 3000


def test_decimal_text_survives_an_exact_reader() -> None:
    trailing = 0
    for data in bundles(6, 8):
        assert _exact_encode(_exact.decode(data)) == data
        trailing += len(re.findall(rb'"value":\d+\.\d*0[,}]', data))
        assert not re.search(rb'"value":-?\d*\.?\d*[eE]', data)
    assert trailing > 50


def test_speed_is_at_least_three_thousand_resources_a_second() -> None:
    start = time.process_time()
    made = sum(data.count(b'"fullUrl"') for data in bundles(21, 40))
    assert made / (time.process_time() - start) > 3000


# People


def test_check_character_of_published_numbers() -> None:
    # Examples printed in GB 11643-1999.
    assert check_character("11010519491231002") == "X"
    assert check_character("44052418800101001") == "4"


def test_check_character_refuses_other_lengths_and_letters() -> None:
    for text in ("", "1101051949123100", "110105194912310021", "1101051949123100A"):
        with pytest.raises(ValueError, match=r"zip|invalid literal"):
            check_character(text)


def test_resident_numbers_are_right_and_of_nobody() -> None:
    numbers = []
    for person in every("zh-CN", "Patient"):
        by_system = {each["system"]: each["value"] for each in person["identifier"]}
        number = by_system[RESIDENT]
        assert re.fullmatch(r"38\d{15}[0-9X]", number)
        assert number[17] == check_character(number[:17])
        assert number[6:14] == person["birthDate"].replace("-", "")
        assert int(number[16]) % 2 == (person["gender"] == "male")
        assert by_system[INSURED]
        numbers.append(number)
    assert len(set(numbers)) == len(numbers) == 80


def test_western_numbers_are_never_issued_ones() -> None:
    for person in every("en", "Patient"):
        by_system = {each["system"]: each["value"] for each in person["identifier"]}
        assert re.fullmatch(r"9\d\d-[1-4]\d-\d{4}", by_system[SSN])
        assert re.fullmatch(r"555-01\d\d", person["telecom"][0]["value"])


def test_chinese_patients_are_chinese_throughout() -> None:
    for person in every("zh-CN", "Patient"):
        name = person["name"][0]
        assert all(ord(letter) >= 0x3400 or letter == "·" for letter in name["text"])
        urls = [each["url"].rsplit("/", 1)[1] for each in person["extension"]]
        assert urls == ["ext-person-ethnicGroup", "ext-person-gender"]
    for each in every("zh-CN", "Observation"):
        coding = each["code"]["coding"]
        assert coding[0]["system"] == "http://loinc.org"
        assert coding[1]["display"] == each["code"]["text"]
        assert not each["code"]["text"].isascii()
    for each in every("zh-CN", "MedicationRequest"):
        concept = each["medicationCodeableConcept"]
        assert not concept["text"].isascii()
        assert RXNORM not in {coding["system"] for coding in concept["coding"]}
    names = {each["name"] for each in every("zh-CN", "Organization")}
    assert "云溪市第一人民医院" in names


def test_western_patients_hold_no_chinese_text() -> None:
    for bundle in patients("en"):
        text = json.dumps(bundle, ensure_ascii=False, default=str)
        assert not re.search("[\u3000-\u9fff]", text)


def test_rare_characters_and_compound_surnames_occur() -> None:
    draw = Draw("rare names")
    people = [CHINA.person(draw, date(1980, 1, 2), "female") for _ in range(3000)]
    families = Counter(person["name"][0]["family"] for person in people)
    assert families["𠮷"] >= 3
    assert families["欧阳"] >= 3
    outside = [p for p in people if any(ord(c) > 0xFFFF for c in p["name"][0]["text"])]
    assert len(outside) > 30
    assert any("·" in person["name"][0]["text"] for person in people)
    peoples = {person["extension"][0]["valueCoding"]["code"] for person in people}
    assert {"HA", "HU", "UG", "ZA", "ZH"} <= peoples


def test_ages_sexes_and_times_fit() -> None:
    for bundle in patients("zh-CN") + patients("en"):
        person = resources(bundle, "Patient")[0]
        stamps = [
            value
            for node in walk(bundle)
            for key, value in node.items()
            if key in ("effectiveDateTime", "authoredOn", "created", "occurrenceDateTime")
        ]
        assert min(stamps)[:10] >= person["birthDate"]
        assert max(stamps)[:10] <= LAST_DAY.isoformat()
    for language in ("zh-CN", "en"):
        for bundle in diagnosed(language, "Z34.0"):
            assert resources(bundle, "Patient")[0]["gender"] == "female"
        for bundle in diagnosed(language, "J45.9"):
            assert resources(bundle, "Patient")[0]["birthDate"] > "2007"
        for bundle in diagnosed(language, "I63.9"):
            assert resources(bundle, "Patient")[0]["birthDate"] < "1971"


def test_encounters_are_in_order_and_hold_what_happens_in_them() -> None:
    for bundle in patients("en"):
        visits = resources(bundle, "Encounter")
        starts = [each["period"]["start"][:10] for each in visits]
        assert starts == sorted(starts)
        periods = {f"urn:uuid:{each['id']}": each["period"] for each in visits}
        for each in resources(bundle, "Observation"):
            period = periods[each["encounter"]["reference"]]
            assert period["start"] < each["effectiveDateTime"] < each["issued"]
            assert each["effectiveDateTime"][:10] <= period["end"][:10]


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


# Tables


def test_stories_name_only_what_the_tables_hold() -> None:
    measured = set(sample_body.MEASURED) | set(FINDINGS)
    for story in (*STORIES, DIALYSIS):
        assert {each.disease for each in story.onsets} <= set(DISEASES)
        assert {each.drug for each in story.courses} <= set(DRUGS)
        assert {each.disease for each in story.courses} <= {each.disease for each in story.onsets}
        assert {key for key, _ in story.panels} <= set(PANELS)
        assert {key for key, _ in story.acts} <= set(ACTS)
        assert set(story.flares) <= set(ACUTE) | {"attack"}
        assert set(story.curves) <= measured
        for curve in story.curves.values():
            assert [at for at, _ in curve] == sorted(at for at, _ in curve)
    assert {drug for pair in ACUTE.values() for drug in pair} <= set(DRUGS)
    assert all(
        each.category in ("medication", "food", "environment") for each in ALLERGENS.values()
    )


def test_loinc_codes_have_a_right_check_digit() -> None:
    # LOINC numbers end in a Luhn (mod 10) check digit: LOINC Users' Guide, appendix on check digits.
    numbers = {scale.loinc for each in ANALYTES.values() for scale in (each.china, each.west)}
    numbers |= {panel.loinc for panel in PANELS.values()}
    numbers |= {each[0] for each in FINDINGS.values()}
    numbers |= {each.china.loinc for each in sample_body.MEASURED.values()}
    for number in numbers:
        digits, _, check = number.partition("-")
        total = 0
        for place, digit in enumerate(reversed(digits)):
            doubled = int(digit) * (2 if place % 2 == 0 else 1)
            total += doubled // 10 + doubled % 10
        assert (10 - total % 10) % 10 == int(check), number


def test_ranges_are_written_with_the_places_of_their_values() -> None:
    for each in sample_body.MEASURED.values():
        for scale in (each.china, each.west):
            for text in (scale.low, scale.high, *(scale.female or ())):
                assert len(text.partition(".")[2]) == scale.decimals, (each.key, text)


def test_vaccine_codes_are_two_or_three_digits() -> None:
    assert all(re.fullmatch(r"\d{2,3}", each.cvx) for each in VACCINES.values())


# Bad input


def test_no_patients() -> None:
    assert list(bundles(1, 0)) == []


def test_a_negative_count_is_refused_at_the_call() -> None:
    with pytest.raises(ValueError, match="count"):
        bundles(1, -1)


@pytest.mark.parametrize("language", ["", "fr", "zh", "EN"])
def test_an_unknown_language_is_refused_at_the_call(language: str) -> None:
    with pytest.raises(ValueError, match="language"):
        bundles(1, 1, language=language)  # type: ignore[arg-type]


def test_write_makes_numbered_files_of_the_same_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "patients"
    written = write(folder, 8, 3, "zh-CN")
    expected = list(bundles(8, 3, language="zh-CN"))
    assert sorted(each.name for each in folder.iterdir()) == ["0.json", "1.json", "2.json"]
    assert [(folder / f"{n}.json").read_bytes() for n in range(3)] == expected
    assert written == sum(map(len, expected))
    (folder / "0.json").write_bytes(b"old")
    write(folder, 8, 1, "zh-CN")
    assert (folder / "0.json").read_bytes() == expected[0]


def test_write_refuses_before_it_touches_the_disk(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="count"):
        write(tmp_path / "none", 1, -5)
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FileExistsError):
        write(tmp_path / "file", 1, 1)
