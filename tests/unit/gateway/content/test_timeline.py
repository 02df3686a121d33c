"""One timeline out of three hospitals: nothing twice, nothing lost, every source named."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.gateway.content.builders import (
    HOSPITALS,
    PATIENT,
    elsewhere,
    generated,
    identifier,
    sources,
    synthea,
    written,
)
from yilian.gateway.content.timeline import Entry, Source, SourceRecord, canonical, timeline
from yilian.gateway.fhir.intake import FHIR_JSON
from yilian.vault.envelope import RecordProof

BUNDLES = [(generated, 3), (generated, 17), (synthea, 0), (synthea, 4)]


def split(resources: tuple[bytes, ...], seed: int) -> list[Source]:
    """Three hospitals: each resource at one, two or all of them, each in its own system's form."""
    drawn = random.Random(seed)
    kept: list[list[bytes]] = [[], [], []]
    for content in resources:
        for place in drawn.sample(range(3), drawn.choice((1, 1, 2, 3))):
            kept[place].append(elsewhere(content, HOSPITALS[place]) if place else content)
    for each in kept:
        drawn.shuffle(each)
    return [
        Source(name, identifier(("patient", name)), sources(each, name))
        for name, each in zip(HOSPITALS, kept, strict=True)
    ]


def source(name: str, *resources: Any) -> Source:
    return Source(name, PATIENT, sources([written(each) for each in resources], name))


def observation(**fields: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "effectiveDateTime": "2024-03-05", **fields}


def records(entry: Entry) -> set[str]:
    return {each.record for each in entry.sources}


@pytest.mark.parametrize(("kind", "number"), BUNDLES)
def test_three_hospitals_give_one_history(kind: Any, number: int) -> None:
    resources = kind(number)
    parts = split(resources, number)
    entries = timeline(parts)
    whole = timeline([Source(HOSPITALS[0], PATIENT, sources(list(resources), "whole"))])
    assert [each.values.time for each in entries] == [each.values.time for each in whole]
    assert Counter(canonical(each.content) for each in entries) == Counter(
        canonical(each) for each in resources
    )
    named = Counter((each.organisation, each.record) for entry in entries for each in entry.sources)
    given_in = Counter((part.organisation, each.record) for part in parts for each in part.records)
    assert named == given_in
    assert all(count == 1 for count in named.values())
    assert max(len(each.sources) for each in entries) == 3
    assert not any(each.conflicts for each in entries)


def test_order_is_that_of_time_and_the_timeless_come_last() -> None:
    entries = timeline(split(generated(3), 1))
    lows = [each.values.time.low if each.values.time else None for each in entries]
    dated = [each for each in lows if each is not None]
    assert dated == sorted(dated)
    assert lows[len(dated) :] == [None] * (len(lows) - len(dated))
    assert None in lows


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(3)))
def test_the_order_of_hospitals_decides_nothing_but_the_text_shown(order: list[int]) -> None:
    parts = split(generated(3), 5)
    first, second = timeline(parts), timeline([parts[each] for each in order])
    assert sorted(sorted(records(each)) for each in first) == sorted(
        sorted(records(each)) for each in second
    )
    assert [each.values.time for each in first] == [each.values.time for each in second]


def test_a_second_reading_of_the_same_source_adds_nothing() -> None:
    parts = split(generated(3), 5)
    assert timeline([*parts, *parts]) == timeline(parts)


def test_what_a_system_gives_out_itself_makes_no_difference() -> None:
    inner = {"resourceType": "Device", "id": "d", "meta": {"versionId": "1"}, "model": "m"}
    one = observation(id="a", contained=[inner], subject={"reference": "Patient/1"})
    two = observation(
        id="b",
        meta={"lastUpdated": "2026-01-01T00:00:00Z"},
        text={"status": "empty", "div": "<div/>"},
        contained=[{**inner, "id": "e", "meta": {"versionId": "2"}}],
        subject={"reference": "urn:uuid:3c52"},
    )
    (entry,) = timeline([source(HOSPITALS[0], one), source(HOSPITALS[1], two)])
    assert [each.organisation for each in entry.sources] == list(HOSPITALS[:2])
    assert [each.local for each in entry.sources] == ["a", "b"]


@pytest.mark.parametrize(
    "change",
    [
        '"valueQuantity":{"value":1.5}',
        '"valueQuantity":{"value":"1.50"}',
        '"valueQuantity":{"value":1.50},"status":"final"',
        '"valueQuantity":{"value":1.50},"performer":[{"reference":"Practitioner?identifier=u|7"}]',
        '"valueQuantity":{"value":1.50},"subject":{"reference":"x","display":"李"}',
    ],
)
def test_every_other_difference_counts(change: str) -> None:
    head = '{"resourceType":"Observation",'
    one = SourceRecord(
        identifier(1), FHIR_JSON, (head + '"valueQuantity":{"value":1.50}}').encode()
    )
    two = SourceRecord(identifier(2), FHIR_JSON, (head + change + "}").encode())
    entries = timeline([Source(HOSPITALS[0], PATIENT, [one]), Source(HOSPITALS[1], PATIENT, [two])])
    assert len(entries) == 2


def test_two_equal_doses_of_one_hospital_are_two_and_match_two_elsewhere() -> None:
    dose = {"resourceType": "MedicationAdministration", "effectiveDateTime": "2024-03-05"}
    first = source(HOSPITALS[0], {**dose, "id": "a"}, {**dose, "id": "b"})
    second = source(HOSPITALS[1], {**dose, "id": "x"}, {**dose, "id": "y"})
    entries = timeline([first, second])
    assert [len(each.sources) for each in entries] == [2, 2]
    twice = source(HOSPITALS[2], {**dose, "id": "a"}, {**dose, "id": "a"})
    assert [len(each.sources) for each in timeline([twice])] == [2]


def test_one_identifier_with_two_contents_shows_both_and_marks_them() -> None:
    lab = [{"system": "urn:lab", "value": "L-7"}]
    one = observation(id="a", identifier=lab, valueString="3.1")
    two = observation(id="b", identifier=lab, valueString="3.7")
    same = observation(id="c", identifier=lab, valueString="3.1")
    parts = [source(name, each) for name, each in zip(HOSPITALS, (one, two, same), strict=True)]
    first, second = sorted(timeline(parts), key=lambda each: -len(each.sources))
    assert [each.organisation for each in first.sources] == [HOSPITALS[0], HOSPITALS[2]]
    assert first.conflicts == (second.sources[0].record,)
    assert second.conflicts == (first.sources[0].record,)


def test_the_number_of_a_group_is_no_conflict() -> None:
    group = [{"system": "urn:order", "value": "9"}]
    parts = [
        source(
            HOSPITALS[0],
            *(observation(id=f"a{n}", identifier=group, valueInteger=n) for n in (1, 2)),
        ),
        source(HOSPITALS[1], observation(id="b", identifier=group, valueInteger=3)),
    ]
    assert [each.conflicts for each in timeline(parts)] == [()] * 3


def test_two_versions_at_one_hospital_are_marked() -> None:
    lab = [{"system": "urn:lab", "value": "L-7"}]
    parts = [
        source(HOSPITALS[0], *(observation(id="a", identifier=lab, valueInteger=n) for n in (1, 2)))
    ]
    assert [len(each.conflicts) for each in timeline(parts)] == [1, 1]


def test_a_number_without_a_system_or_of_another_type_joins_nothing() -> None:
    bare = [{"value": "7"}]
    named = [{"system": "urn:lab", "value": "L-7"}]
    entries = timeline(
        [
            source(HOSPITALS[0], observation(identifier=bare), observation(identifier=named)),
            source(
                HOSPITALS[1],
                observation(identifier=bare, status="final"),
                {"resourceType": "DiagnosticReport", "identifier": named},
            ),
        ]
    )
    assert len(entries) == 4
    assert not any(each.conflicts for each in entries)


def test_a_correction_is_no_conflict_and_both_stay() -> None:
    lab = [{"system": "urn:lab", "value": "L-7"}]
    old, new = sources(
        [
            written(observation(identifier=lab, valueString="31")),
            written(observation(identifier=lab, valueString="3.1")),
        ],
        "corrected",
    )
    parts = [Source(HOSPITALS[0], PATIENT, [old, new._replace(replaces=old.record)])]
    entries = {each.values.value: each for each in timeline(parts)}
    assert entries["31"].sources[0].replaced == new.record
    assert entries["3.1"].sources[0].replaced is None
    assert entries["31"].conflicts == entries["3.1"].conflicts == ()


def test_each_source_has_its_proof() -> None:
    proof = RecordProof(
        record=identifier(1),
        commitment="A" * 43,
        batch=identifier("batch"),
        index=0,
        total=1,
        path=(),
    )
    record = SourceRecord(identifier(1), FHIR_JSON, written(observation()), proof)
    (entry,) = timeline([Source(HOSPITALS[0], PATIENT, [record])])
    assert entry.sources[0].proof is proof
    assert json.loads(entry.content) == observation()


def test_what_cannot_be_read_is_shown_as_it_is() -> None:
    scan = SourceRecord(identifier(1), "application/dicom", b"\0\1")
    torn = SourceRecord(identifier(2), FHIR_JSON, b"{")
    entries = timeline(
        [Source(HOSPITALS[0], PATIENT, [scan, torn]), Source(HOSPITALS[1], PATIENT, [scan])]
    )
    assert sorted((each.values.type, len(each.sources)) for each in entries) == [("", 1), ("", 2)]


def test_dates_without_a_zone_are_placed_by_the_offset() -> None:
    morning = observation(effectiveDateTime="2024-03-05T07:00:00+08:00")
    day = observation(effectiveDateTime="2024-03-05")
    for offset, first in ((0, "2024-03-05T07:00:00+08:00"), (480, "2024-03-05")):
        entries = timeline([source(HOSPITALS[0], morning, day)], offset)
        assert entries[0].values.time is not None
        assert entries[0].values.time.text == first


def test_nothing_gives_an_empty_list() -> None:
    assert timeline([]) == []
