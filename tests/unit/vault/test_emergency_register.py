from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.unit.vault.builders import CLINIC, DOCTOR, HOSPITAL, NOW, PATIENT, identifier
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.emergency_access import OpenedEmergency
from yilian.vault.emergency_register import Register, review_commitment
from yilian.vault.envelope import EmergencyTerms, emergency_commitment, new_salt
from yilian.vault.vault import Vault

WORDS = "昏迷，急诊抢救 unconscious"


def opened(access: str = "one", patient: str = PATIENT) -> OpenedEmergency:
    terms = EmergencyTerms(
        access=identifier(access),
        patient=patient,
        holder=HOSPITAL,
        reader=DOCTOR,
        organisation=CLINIC,
        reason="unable_to_consent",
        text=WORDS,
        ends=NOW,
    )
    salt = new_salt()
    return OpenedEmergency(
        terms=terms, salt=codec.to_text(salt), commitment=emergency_commitment(salt, terms)
    )


@pytest.fixture
def register(hospital: Vault) -> Register:
    return hospital.emergencies.register


def test_an_access_is_noted_once_for_each_side(register: Register) -> None:
    one, two = opened("one"), opened("two", identifier("other"))
    assert register.note(one, "reader", NOW)
    assert not register.note(one, "reader", NOW + 1)
    assert register.note(one, "holder", NOW + 2)
    assert register.note(two, "holder", NOW + 3)
    assert [(each.opened, each.time) for each in register.entries("reader")] == [(one, NOW)]
    assert [each.opened for each in register.entries("holder")] == [two, one]
    assert [each.opened for each in register.entries("holder", PATIENT)] == [one]
    found = register.find(one.terms.access, "holder")
    assert found is not None
    assert found.time == NOW + 2
    assert register.find(two.terms.access, "reader") is None


def test_what_was_used_is_settled_once(register: Register) -> None:
    for number, access in enumerate(("one", "two")):
        register.note(opened(access), "holder", NOW + number)
    register.note(opened("three"), "reader", NOW)
    assert [each.opened.terms.access for each in register.unsettled()] == [
        identifier("one"),
        identifier("two"),
    ]
    register.settle(identifier("one"))
    assert [each.opened.terms.access for each in register.unsettled()] == [identifier("two")]


def test_a_transaction_waits_until_it_is_handed_in(register: Register) -> None:
    register.keep(identifier("one"), b"first")
    register.keep(identifier("one"), b"second")
    assert [(row.access, row.transaction) for row in register.kept()] == [
        (identifier("one"), b"second")
    ]
    register.handed_in(identifier("one"))
    register.handed_in(identifier("one"))
    assert register.kept() == []


def test_the_words_of_a_review_open_by_their_commitment_alone(register: Register) -> None:
    access = identifier("one")
    committed = register.write_review(access, WORDS)
    assert register.review(access, committed) == WORDS
    assert register.review(identifier("two"), committed) is None
    assert register.write_review(access, WORDS) != committed
    salt = new_salt()
    assert review_commitment(salt, WORDS) != review_commitment(salt, WORDS + ".")
    for bad in ("", "x" * 2_001):
        with pytest.raises(Refusal) as refusal:
            register.write_review(access, bad)
        assert refusal.value.code.name == "malformed"


def test_a_forgotten_patient_leaves_nothing(register: Register) -> None:
    mine, other = opened("one"), opened("two", identifier("other"))
    for each in (mine, other):
        register.note(each, "holder", NOW)
    committed = register.write_review(mine.terms.access, WORDS)
    register.forget(PATIENT)
    assert [each.opened for each in register.entries("holder")] == [other]
    assert register.review(mine.terms.access, committed) is None


def test_no_word_is_on_the_disk_in_clear(hospital: Vault, tmp_path: Path) -> None:
    register = hospital.emergencies.register
    register.note(opened(), "holder", NOW)
    register.write_review(identifier("one"), WORDS)
    with sqlite3.connect(tmp_path / HOSPITAL / "catalogue.sqlite") as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for file in (tmp_path / HOSPITAL).rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            for word in ("昏迷", "unconscious"):
                assert word.encode() not in data
                assert word.encode("utf-16-le") not in data


def test_a_row_moved_to_another_access_does_not_open(hospital: Vault) -> None:
    register = hospital.emergencies.register
    register.note(opened("one"), "holder", NOW)
    with hospital._catalogue.write() as database:
        database.exec_driver_sql("UPDATE emergency_register SET access = ?", (identifier("two"),))
    with pytest.raises(Refusal):
        register.entries("holder")
