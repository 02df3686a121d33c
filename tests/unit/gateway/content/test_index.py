"""The content index: found by type, code and time; nothing readable on disk; gone when erased."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from tests.unit.gateway.content.builders import (
    HOSPITALS,
    PATIENT,
    contents,
    disk,
    generated,
    identifier,
    synthea,
    written,
)
from tests.unit.gateway.content.conftest import Desk
from yilian.gateway.content.database import Tables
from yilian.gateway.content.errors import (
    CONTENT_ASKED,
    CONTENT_OF_ANOTHER,
    CONTENT_SEAL_BROKEN,
)
from yilian.gateway.content.extract import extract
from yilian.gateway.content.index import ContentIndex, Found
from yilian.gateway.content.keys import ContentKeys
from yilian.gateway.content.moments import span
from yilian.gateway.fhir.intake import FHIR_JSON
from yilian.ledger.errors import MALFORMED, Refusal
from yilian.vault.database import Database
from yilian.vault.keystore import Keystore

OTHER = identifier("other")
LOINC = "http://loinc.org"


def at(text: str) -> int:
    found = span(text)
    assert found is not None
    return found.low


def observation(number: int, when: Any, code: str = "2160-0", system: str = LOINC) -> Any:
    resource = {
        "resourceType": "Observation",
        "effectiveDateTime": when,
        "code": {"coding": [{"system": system, "code": code}]},
    }
    return identifier(number), FHIR_JSON, written(resource)


def names(found: list[Found]) -> list[str]:
    return [each.record for each in found]


def tokens(database: Tables) -> list[tuple[str, bytes]]:
    query = sql.text(
        "SELECT record, token FROM content_tokens JOIN content_items ON position = item"
        " ORDER BY record, token"
    )
    with database.read() as connection:
        return [(row[0], bytes(row[1])) for row in connection.execute(query)]


@pytest.mark.parametrize("bundle", [generated(3), generated(4, "en")], ids=["zh", "en"])
def test_finding_equals_reading_everything(desk: Desk, bundle: tuple[bytes, ...]) -> None:
    records = contents(bundle)
    assert desk.index.add(PATIENT, records) == len(records)
    read = {record: extract(media, content) for record, media, content in records}
    assert {each.record: each.values for each in desk.index.find(PATIENT)} == read
    for kind in sorted({said.type for said in read.values()}):
        expected = {record for record, said in read.items() if said.type == kind}
        assert set(names(desk.index.find(PATIENT, type=kind))) == expected
    asked = {code for said in read.values() for code in said.codes}
    for code in sorted(asked, key=repr)[:40]:
        expected = {record for record, said in read.items() if code.key() in _keys(said)}
        assert set(names(desk.index.find(PATIENT, code=code.key()))) == expected
        assert set(names(desk.index.find(PATIENT, code=code.code))) >= expected


def _keys(said: Any) -> list[str]:
    return [each.key() for each in said.codes]


@pytest.mark.parametrize(("since", "until"), [("2023", "2024"), ("2022-03-05", "2022-09")])
def test_a_span_of_time_finds_what_overlaps_it(desk: Desk, since: str, until: str) -> None:
    records = contents(generated(3))
    desk.index.add(PATIENT, records)
    low, high = at(since), at(until)
    expected = set()
    for record, media, content in records:
        time = extract(media, content).time
        if time and time.low is not None and time.high is not None:
            expected |= {record} if time.low < high and time.high > low else set()
    assert expected
    found = desk.index.find(PATIENT, since=low, until=high)
    assert set(names(found)) == expected
    lows = [each.values.time.low for each in found if each.values.time]
    assert lows == sorted(lows, key=lambda each: each or 0)


def test_edges_of_time_belong_to_one_side_only(desk: Desk) -> None:
    desk.index.add(PATIENT, [observation(1, "2024-03-31T23:59:59Z"), observation(2, "2024-04")])
    middle = at("2024-04")
    assert names(desk.index.find(PATIENT, until=middle)) == [identifier(1)]
    assert names(desk.index.find(PATIENT, since=middle)) == [identifier(2)]
    assert names(desk.index.find(PATIENT, since=middle - 1_000, until=middle)) == [identifier(1)]
    assert desk.index.find(PATIENT, since=middle - 500_000, until=middle - 1_000) == []


def test_a_partial_year_and_a_long_stay_are_found_inside(desk: Desk) -> None:
    stay = {"resourceType": "Encounter", "period": {"start": "2010", "end": "2020"}}
    desk.index.add(PATIENT, [observation(1, "2015"), (identifier(2), FHIR_JSON, written(stay))])
    found = desk.index.find(PATIENT, since=at("2015-06"), until=at("2015-07"))
    assert sorted(names(found)) == sorted([identifier(1), identifier(2)])


def test_without_a_time_a_record_fits_no_span_and_comes_last(desk: Desk) -> None:
    desk.index.add(PATIENT, [observation(1, None), observation(2, "2030"), observation(3, "1930")])
    assert names(desk.index.find(PATIENT)) == [identifier(3), identifier(2), identifier(1)]
    assert names(desk.index.find(PATIENT, since=0)) == [identifier(2)]


def test_all_that_is_asked_must_hold(desk: Desk) -> None:
    desk.index.add(
        PATIENT,
        [observation(1, "2024"), observation(2, "2024", "718-7"), observation(3, "2020", "718-7")],
    )
    found = desk.index.find(
        PATIENT, type="Observation", code=f"{LOINC}|718-7", since=at("2024"), until=at("2025")
    )
    assert names(found) == [identifier(2)]
    assert desk.index.find(PATIENT, type="Condition", code="718-7") == []
    assert desk.index.find(PATIENT, code="urn:other|718-7") == []


def test_one_person_is_never_found_under_another(desk: Desk) -> None:
    desk.index.add(PATIENT, [observation(1, "2024")])
    desk.index.add(OTHER, [observation(2, "2024")])
    assert names(desk.index.find(PATIENT, code="2160-0")) == [identifier(1)]
    assert desk.index.find(identifier("nobody")) == []


def test_equal_words_of_two_persons_are_different_tokens(desk: Desk) -> None:
    desk.index.add(PATIENT, [observation(1, "2024")])
    desk.index.add(OTHER, [observation(2, "2024")])
    stored = [token for _, token in tokens(desk.database)]
    assert len(stored) == len(set(stored)) > 4


def test_a_record_again_replaces_what_was_said(desk: Desk) -> None:
    desk.index.add(PATIENT, [observation(1, "2024")])
    desk.index.add(PATIENT, [observation(1, "2024", "718-7"), observation(1, "2024", "6690-2")])
    assert desk.index.find(PATIENT, code="2160-0") == []
    assert desk.index.find(PATIENT, code="718-7") == []
    assert names(desk.index.find(PATIENT, code="6690-2")) == [identifier(1)]


def test_a_record_of_another_person_is_refused_and_nothing_changes(desk: Desk) -> None:
    desk.index.add(PATIENT, [observation(1, "2024")])
    with pytest.raises(Refusal) as refused:
        desk.index.add(OTHER, [observation(2, "2024"), observation(1, "2024")])
    assert refused.value.code is CONTENT_OF_ANOTHER
    assert desk.index.find(OTHER) == []
    assert names(desk.index.find(PATIENT)) == [identifier(1)]


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "x" * 22 + "/", "a" * 21])
def test_malformed_ids_are_refused(desk: Desk, name: str) -> None:
    for patient, record in ((name, identifier(1)), (PATIENT, name)):
        with pytest.raises(Refusal) as refused:
            desk.index.add(patient, [(record, FHIR_JSON, b"{}")])
        assert refused.value.code is MALFORMED


def test_a_span_backwards_is_refused(desk: Desk) -> None:
    with pytest.raises(Refusal) as refused:
        desk.index.find(PATIENT, since=5, until=5)
    assert refused.value.code is CONTENT_ASKED


def test_what_cannot_be_read_is_known_and_says_nothing(desk: Desk) -> None:
    desk.index.add(
        PATIENT, [(identifier(1), "application/dicom", b"\0"), (identifier(2), FHIR_JSON, b"{")]
    )
    assert {each.values.type for each in desk.index.find(PATIENT)} == {""}
    assert len(desk.index.find(PATIENT)) == 2


@pytest.mark.parametrize("desk", ["sqlite"], indirect=True)
def test_nothing_of_the_bundles_is_readable_on_disk(desk: Desk) -> None:
    bundles = (generated(3), generated(4, "en"), synthea(0))
    empty = disk(desk.folder)
    needles: set[bytes] = set()
    for label, bundle in enumerate(bundles):
        desk.index.add(identifier(label), contents(bundle, label))
        for content in bundle:
            needles |= {each.encode() for each in _texts(json.loads(content))}
    # Words that stand in the tables' own names say nothing about anybody.
    long = {each for each in needles if len(each) >= 6 and each not in empty}
    assert len(long) > 1_000
    stored = disk(desk.folder)
    assert [each for each in long if each in stored] == []


def _texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*(_texts(each) for each in value.values()), set())
    if isinstance(value, list):
        return set().union(*(_texts(each) for each in value), set())
    return {str(value)} if isinstance(value, (str, int, float)) else set()


def test_forgotten_records_are_gone_and_the_rest_stays(desk: Desk) -> None:
    desk.index.add(PATIENT, [observation(each, "2024") for each in range(5)])
    desk.index.forget([identifier(1), identifier(3), identifier("unknown")])
    left = {identifier(each) for each in (0, 2, 4)}
    assert set(names(desk.index.find(PATIENT))) == left
    assert {record for record, _ in tokens(desk.database)} == left


@pytest.mark.parametrize("desk", ["sqlite"], indirect=True)
def test_an_erased_person_is_gone_from_old_copies_too(desk: Desk, tmp_path: Path) -> None:
    desk.index.add(PATIENT, contents(generated(3)))
    desk.index.add(OTHER, [observation(1, "2024")])
    with desk.database.read() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(desk.folder / "catalogue.sqlite", tmp_path / "old.sqlite")
    desk.index.forget_patient(PATIENT)
    assert desk.index.find(PATIENT) == []
    assert names(desk.again().find(OTHER)) == [identifier(1)]
    assert {record for record, _ in tokens(desk.database)} == {identifier(1)}
    assert PATIENT.encode() not in disk(desk.folder)
    old = Database(tmp_path / "old.sqlite", HOSPITALS[0])
    index = ContentIndex(old, ContentKeys(desk.folder / "content", desk.keystore))
    assert index.find(PATIENT) == []
    ContentKeys(desk.folder / "content", desk.keystore).current(PATIENT)
    with pytest.raises(Refusal) as refused:
        index.find(PATIENT)
    assert refused.value.code is CONTENT_SEAL_BROKEN
    old.close()


def test_a_rebuilt_index_equals_the_old_one(desk: Desk) -> None:
    persons = [(PATIENT, contents(generated(3))), (OTHER, contents(generated(4, "en"), "other"))]
    for patient, records in persons:
        desk.index.add(patient, records)
    before = [desk.index.find(patient) for patient, _ in persons], tokens(desk.database)
    with desk.database.write() as connection:
        connection.execute(sql.text("DELETE FROM content_tokens WHERE item % 3 = 0"))
        connection.execute(sql.text("DELETE FROM content_items WHERE position % 5 = 0"))
    desk.index.add(identifier("gone"), [observation(1, "2024")])
    assert desk.index.rebuild(persons) == sum(len(records) for _, records in persons)
    assert ([desk.index.find(patient) for patient, _ in persons], tokens(desk.database)) == before
    assert desk.index.find(identifier("gone")) == []


@pytest.mark.parametrize("change", ["sealed = :zeros", "record = :other"])
def test_a_changed_row_does_not_open(desk: Desk, change: str) -> None:
    desk.index.add(PATIENT, [observation(1, "2024")])
    with desk.database.write() as connection:
        query = sql.text(f"UPDATE content_items SET {change}")
        values = {"other": identifier(2), "zeros": bytes(64)}
        connection.execute(query, {change.rpartition(":")[2]: values[change.rpartition(":")[2]]})
    with pytest.raises(Refusal) as refused:
        desk.index.find(PATIENT)
    assert refused.value.code is CONTENT_SEAL_BROKEN


def test_keys_last_and_are_each_persons_own(desk: Desk) -> None:
    key = desk.keys.current(PATIENT)
    again = ContentKeys(desk.folder / "content", desk.keystore)
    found = again.find(PATIENT)
    assert found is not None
    assert found.token("x") == key.token("x") != desk.keys.current(OTHER).token("x")
    assert again.find(identifier("nobody")) is None
    assert repr(key) == "<ContentKey>"


def test_a_key_file_of_another_person_or_master_does_not_open(desk: Desk, tmp_path: Path) -> None:
    desk.keys.current(PATIENT)
    desk.keys.current(OTHER)
    first, second = (
        next((desk.folder / "content").rglob(f"{each}.sealed")) for each in (PATIENT, OTHER)
    )
    shutil.copy(second, first)
    with pytest.raises(Refusal) as refused:
        ContentKeys(desk.folder / "content", desk.keystore).find(PATIENT)
    assert refused.value.code is CONTENT_SEAL_BROKEN
    stranger = Keystore(tmp_path / "other", identifier("stranger"), bytes(32))
    with pytest.raises(Refusal):
        ContentKeys(desk.folder / "content", stranger).find(OTHER)
