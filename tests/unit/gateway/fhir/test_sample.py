"""The seeded bundles: repeatable to the byte, valid FHIR, of nobody real."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from fhir.resources.R4B import get_fhir_model_class

from tests.unit.gateway.fhir.reading import (
    Json,
    codes,
    diagnosed,
    every,
    exact,
    exact_encode,
    patients,
    resources,
    walk,
)
from yilian.gateway.fhir.sample import bundles, write
from yilian.gateway.fhir.sample_draw import Draw
from yilian.gateway.fhir.sample_history import LAST_DAY
from yilian.gateway.fhir.sample_zh import CHINA, check_character

PINNED = "032a6e988ed545335789d53371b62b4acd65cc12bee76861afa290779bb8a33c"
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
    for data in bundles(11, 14, language=language):  # type: ignore[arg-type]
        for entry in exact.decode(data)["entry"]:
            resource = entry["resource"]
            model = get_fhir_model_class(resource["resourceType"]).model_validate(resource)
            if resource["resourceType"] == "Observation" and "valueQuantity" in resource:
                written = Decimal(resource["valueQuantity"]["value"])
                assert str(vars(model)["valueQuantity"].value) == str(written)
            checked += 1
    assert checked > 2000


def test_decimal_text_survives_an_exact_reader() -> None:
    trailing = 0
    for data in bundles(6, 8):
        assert exact_encode(exact.decode(data)) == data
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
    assert len(set(numbers)) == len(numbers) == 60


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
