from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sql

from tests.unit.vault.builders import DOCTOR, HOSPITAL, MINUTE, NOW, PATIENT, identifier
from tests.unit.vault.emergencies import (
    ALLERGY,
    LABORATORY,
    OPENS,
    World,
    Worlds,
    contents,
)
from yilian.ledger import codec, merkle
from yilian.ledger.errors import Refusal
from yilian.vault.emergency_access import OpenedEmergency
from yilian.vault.emergency_requester import Requester
from yilian.vault.outage import (
    FINALITY_MS,
    LIMIT_MS,
    LOG_DAMAGED,
    OUTAGE_REFUSED,
    OutageFacts,
    OutageLog,
)

OUT = OutageFacts(waiting_since=NOW - FINALITY_MS, standing=True, licensed=True)
BACK = msgspec.structs.replace(OUT, waiting_since=None)


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return Worlds(tmp_path_factory.mktemp("worlds"))


@pytest.fixture
def there(worlds: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with worlds.copy(tmp_path, monkeypatch) as made:
        yield made


def log_of(there: World) -> OutageLog:
    """The log as a process that starts now has it."""
    hospital = there.hospital
    return OutageLog(HOSPITAL, hospital.keystore, hospital._catalogue, there.emergency, there.clock)


def prepare(there: World, **changes: Any) -> OpenedEmergency:
    hospital = there.hospital
    asked: dict[str, Any] = {
        "patient": PATIENT,
        "holder": HOSPITAL,
        "reader": DOCTOR,
        "reason": "life_threatening",
        "text": "过敏性休克",
        "ends": NOW + 60 * MINUTE,
    }
    return Requester(HOSPITAL, hospital.keystore, hospital._catalogue).prepare(**(asked | changes))


def refused(call: Any, *arguments: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        call(*arguments)
    assert refusal.value.code is OUTAGE_REFUSED
    return str(refusal.value.parameters["reasons"])


def test_without_finality_the_own_emergency_set_opens_logged_and_journalled(
    there: World,
) -> None:
    log, opened = log_of(there), prepare(there)
    log.break_glass(opened, OUT)
    found = log.read(opened.terms.access, OUT)
    assert found.contents == contents(*OPENS)
    assert [each.entry.act for each in log.entries()] == ["opened", "read"]
    assert {each.height for each in log.entries()} == {None}
    (line,) = there.hospital.journal_about(identifier(ALLERGY))
    assert (line.basis, line.outcome, line.session) == (
        "emergency",
        "permit",
        opened.terms.access,
    )
    shut = log.read(opened.terms.access, OUT, [identifier(LABORATORY)])
    assert shut.contents == {}
    assert [each.reasons for each in shut.refused] == [("record_not_open",)]


@pytest.mark.parametrize(
    ("facts", "fields", "reason"),
    [
        ({"waiting_since": NOW - FINALITY_MS + 1}, {}, "chain_has_finality"),
        ({"waiting_since": None}, {}, "chain_has_finality"),
        ({"standing": False}, {}, "reader_not_standing"),
        ({"licensed": False}, {}, "reader_not_licensed"),
        ({}, {"holder": identifier("elsewhere")}, "not_own_vault"),
        ({}, {"ends": NOW}, "emergency_ended"),
        ({}, {"ends": NOW + LIMIT_MS + 1}, "emergency_too_long"),
    ],
)
def test_each_rule_of_an_outage(
    there: World, facts: dict[str, Any], fields: dict[str, Any], reason: str
) -> None:
    log, opened = log_of(there), prepare(there, **fields)
    changed = msgspec.structs.replace(OUT, **facts)
    assert refused(log.break_glass, opened, changed) == reason
    (logged,) = log.entries()
    assert (logged.entry.act, logged.entry.reasons) == ("refused", (reason,))
    assert refused(log.read, opened.terms.access, OUT) == "access_unknown"


def test_all_reasons_are_listed(there: World) -> None:
    opened = prepare(there, holder=identifier("elsewhere"), ends=NOW)
    facts = OutageFacts(waiting_since=None, standing=False, licensed=False)
    assert refused(log_of(there).break_glass, opened, facts).split(", ") == [
        "chain_has_finality",
        "not_own_vault",
        "emergency_ended",
        "reader_not_standing",
        "reader_not_licensed",
    ]


def test_terms_that_differ_from_their_commitment_or_from_the_log(there: World) -> None:
    log, opened = log_of(there), prepare(there)
    other = msgspec.structs.replace(opened, commitment=codec.to_text(bytes(32)))
    assert refused(log.break_glass, other, OUT) == "emergency_differs"
    log.break_glass(opened, OUT)
    log.break_glass(opened, OUT)
    assert [each.entry.act for each in log.entries()] == ["refused", "opened"]
    again = msgspec.structs.replace(opened, salt=codec.to_text(bytes(32)))
    assert "emergency_differs" in refused(log.break_glass, again, OUT)


def test_reading_ends_with_the_access_and_with_the_outage(there: World) -> None:
    log, opened = log_of(there), prepare(there)
    log.break_glass(opened, OUT)
    assert refused(log.read, opened.terms.access, BACK) == "chain_has_finality"
    unlicensed = msgspec.structs.replace(OUT, licensed=False)
    assert refused(log.read, opened.terms.access, unlicensed) == "reader_not_licensed"
    there.keys.set_emergency_categories(PATIENT, [])
    assert refused(log.read, opened.terms.access, OUT) == "emergency_set_closed"
    there.clock.now = opened.terms.ends
    assert "emergency_ended" in refused(log.read, opened.terms.access, OUT)


def test_a_malformed_emergency_is_refused_unlogged(there: World) -> None:
    log, opened = log_of(there), prepare(there)
    with pytest.raises(Refusal) as refusal:
        log.break_glass(msgspec.structs.replace(opened, salt="x"), OUT)
    assert refusal.value.code.name == "malformed"
    assert log.entries() == []


def test_on_return_the_log_is_anchored_first_and_its_accesses_are_listed(there: World) -> None:
    log, opened = log_of(there), prepare(there)
    assert log.unanchored() == []
    log.break_glass(opened, OUT)
    log.read(opened.terms.access, OUT)
    assert log.waiting() == [opened]
    (batch,) = log.unanchored()
    entries = [each.entry for each in log.entries()]
    assert batch.root == codec.to_text(merkle.root([codec.encode(each) for each in entries]))
    assert (batch.kind, batch.size) == ("outage", 2)
    assert batch.records == tuple(each.entry for each in entries)
    log.read(opened.terms.access, OUT)
    assert [each.size for each in log_of(there).unanchored()] == [2, 1]
    log.anchored(batch.batch, "hash", 7)
    log.anchored(batch.batch, "hash", 7)
    assert log.waiting() == []
    assert [each.height for each in log.entries()] == [7, 7, None]
    (left,) = log.unanchored()
    assert left.size == 1
    for arguments, name in (
        ((batch.batch, "other", 7), "deposit_batch_anchored"),
        ((identifier("none"), "hash", 7), "deposit_batch_unknown"),
    ):
        with pytest.raises(Refusal) as refusal:
            log.anchored(*arguments)
        assert refusal.value.code.name == name


def test_each_entry_holds_the_digest_of_the_one_before(there: World) -> None:
    log, opened = log_of(there), prepare(there)
    log.break_glass(opened, OUT)
    there.clock.now = NOW - MINUTE
    facts = msgspec.structs.replace(OUT, waiting_since=NOW - 2 * MINUTE)
    for _ in range(2):
        log = log_of(there)
        log.read(opened.terms.access, facts)
    logged = log.entries()
    assert [each.entry.previous for each in logged] == [
        codec.to_text(bytes(32)),
        *(each.digest for each in logged[:-1]),
    ]
    assert [each.entry.sequence for each in logged] == [1, 2, 3]
    # A clock that is set back does not turn the log's time back.
    assert [each.entry.time for each in logged] == [NOW] * 3


@pytest.mark.parametrize(
    ("change", "sequence", "reason"),
    [
        ("DELETE FROM outage_entries WHERE sequence = 2", 2, "row_missing"),
        ("DELETE FROM outage_entries WHERE sequence = 3", 3, "row_missing"),
        ("DELETE FROM outage_entries", 1, "row_missing"),
        ("UPDATE outage_entries SET sealed = x'01' WHERE sequence = 2", 2, "outage_log_damaged"),
        ("UPDATE outage_entries SET digest = 'x' WHERE sequence = 2", 2, "chain_broken"),
        (
            "UPDATE outage_entries SET sealed = (SELECT sealed FROM outage_entries WHERE"
            " sequence = 1) WHERE sequence = 3",
            3,
            "outage_log_damaged",
        ),
    ],
)
def test_what_is_missing_or_changed_is_named(
    there: World, change: str, sequence: int, reason: str
) -> None:
    log, opened = log_of(there), prepare(there)
    log.break_glass(opened, OUT)
    log.read(opened.terms.access, OUT)
    log.read(opened.terms.access, OUT)
    assert list(log.damaged()) == []
    with there.hospital._catalogue.write() as database:
        database.execute(sql.text(change))
    (damage,) = log.damaged()
    assert (damage.subject, damage.id, damage.reason) == ("outage", str(sequence), reason)
    with pytest.raises(Refusal) as refusal:
        log.entries()
    assert refusal.value.code is LOG_DAMAGED
    assert refusal.value.parameters == {"sequence": sequence}


def test_nothing_is_appended_to_a_log_whose_end_is_missing(there: World) -> None:
    log, opened = log_of(there), prepare(there)
    log.break_glass(opened, OUT)
    log.read(opened.terms.access, OUT)
    with there.hospital._catalogue.write() as database:
        database.execute(sql.text("DELETE FROM outage_entries WHERE sequence = 2"))
    before = len(there.hospital.journal_about(identifier(ALLERGY)))
    with pytest.raises(Refusal) as refusal:
        log.read(opened.terms.access, OUT)
    assert refusal.value.code is LOG_DAMAGED
    assert len(there.hospital.journal_about(identifier(ALLERGY))) == before


def test_no_words_and_no_patient_stand_in_the_open(there: World, tmp_path: Path) -> None:
    log, opened = log_of(there), prepare(there)
    log.break_glass(opened, OUT)
    assert "休克" not in repr(log.entries())
    for path in (tmp_path / "copy" / HOSPITAL).glob("catalogue.sqlite*"):
        assert "休克".encode() not in path.read_bytes()
