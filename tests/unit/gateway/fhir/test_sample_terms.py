"""The tables behind the patients: codes with right check digits, names that exist."""

from __future__ import annotations

import re

from yilian.gateway.fhir import sample_body
from yilian.gateway.fhir.sample_en import WEST
from yilian.gateway.fhir.sample_lab import ANALYTES
from yilian.gateway.fhir.sample_panel import FINDINGS, PANELS
from yilian.gateway.fhir.sample_story import DIALYSIS, STORIES
from yilian.gateway.fhir.sample_terms import ACTS, ACUTE, ALLERGENS, DISEASES, DRUGS, VACCINES

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
    # LOINC Users' Guide: the last digit is a Luhn (mod 10) check digit.
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


def test_snomed_codes_have_a_right_check_digit() -> None:
    # SNOMED CT Release File Specification: the last digit is a Verhoeff check digit (group D5).
    def times(one: int, other: int) -> int:
        turn = (one + other) % 5 if one < 5 else (one - other) % 5
        return turn + 5 * ((one < 5) != (other < 5))

    shuffle = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    numbers = {each.snomed for each in DISEASES.values()}
    numbers |= {each.snomed for each in ACTS.values()}
    numbers |= {each.snomed for each in ALLERGENS.values()}
    numbers |= {each.reaction.snomed for each in ALLERGENS.values()}
    numbers |= {code for code, _ in WEST.visits.values()}
    for number in numbers:
        total = 0
        for place, digit in enumerate(reversed(number)):
            turned = int(digit)
            for _ in range(place % 8):
                turned = shuffle[turned]
            total = times(total, turned)
        assert total == 0, number
