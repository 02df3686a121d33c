"""A question refused by the person: when and why at the holder, when alone at the asker."""

from __future__ import annotations

import sqlalchemy as sql

from tests.unit.vault.builders import DOCTOR, NOW, PATIENT, identifier
from tests.unit.vault.test_asks import ASK, refused, terms
from yilian.vault.vault import Vault

WHY = "我不想让他看"


def test_the_holder_keeps_when_and_why_and_the_asker_when(hospital: Vault, clinic: Vault) -> None:
    kept = clinic.asks.ask(terms())
    hospital.asks.receive(kept, kept.commitment, PATIENT)
    assert hospital.asks.refuse(ASK, PATIENT, WHY, NOW) == NOW
    assert hospital.asks.refuse(ASK, PATIENT, "another reason", NOW + 1) == NOW
    (found,) = hospital.asks.of_person(PATIENT)
    assert (found.refused, found.words, found.answer) == (NOW, WHY, None)
    assert hospital.asks.received(ASK, PATIENT) == found
    for _ in range(2):
        clinic.asks.hear_refusal(ASK, DOCTOR, NOW)
    (asked,) = clinic.asks.of_asker(DOCTOR)
    assert (asked.refused, asked.words) == (NOW, "")
    assert clinic.asks.of_asker(PATIENT) == []


def test_what_was_refused_is_not_answered(hospital: Vault, clinic: Vault) -> None:
    kept = clinic.asks.ask(terms())
    hospital.asks.receive(kept, kept.commitment, PATIENT)
    hospital.asks.refuse(ASK, PATIENT, "", NOW)
    assert refused(hospital.asks.answer, ASK, PATIENT, identifier("grant")) == "ask_refused"
    assert hospital.asks.of_person(PATIENT)[0].answer is None


def test_nobody_refuses_for_another(hospital: Vault, clinic: Vault) -> None:
    kept = clinic.asks.ask(terms())
    hospital.asks.receive(kept, kept.commitment, PATIENT)
    assert refused(hospital.asks.refuse, ASK, DOCTOR, WHY, NOW) == "ask_unknown"
    assert refused(hospital.asks.refuse, identifier("x"), PATIENT, WHY, NOW) == "ask_unknown"
    assert refused(clinic.asks.refuse, ASK, PATIENT, WHY, NOW) == "ask_unknown"
    assert refused(clinic.asks.hear_refusal, ASK, PATIENT, NOW) == "ask_unknown"
    assert hospital.asks.of_person(PATIENT)[0].refused is None


def test_the_disk_tells_neither_words_nor_person(hospital: Vault, clinic: Vault) -> None:
    kept = clinic.asks.ask(terms())
    hospital.asks.receive(kept, kept.commitment, PATIENT)
    hospital.asks.refuse(ASK, PATIENT, WHY, NOW)
    with hospital.catalogue.read() as database:
        rows = database.execute(sql.text("SELECT * FROM ask_refusals")).all()
    assert len(rows) == 1
    for secret in (WHY, PATIENT, WHY.encode().hex()):
        assert secret not in repr(rows)
    assert WHY.encode() not in rows[0].sealed
    assert WHY not in repr(hospital.asks.of_person(PATIENT))


def test_a_changed_refusal_is_found(hospital: Vault, clinic: Vault) -> None:
    kept = clinic.asks.ask(terms())
    hospital.asks.receive(kept, kept.commitment, PATIENT)
    hospital.asks.refuse(ASK, PATIENT, WHY, NOW)
    with hospital.catalogue.write() as database:
        database.execute(sql.text("UPDATE ask_refusals SET time = time + 1"))
    assert refused(hospital.asks.of_person, PATIENT) == "ask_row_damaged"


def test_an_erasure_forgets_it(hospital: Vault, clinic: Vault) -> None:
    kept = clinic.asks.ask(terms())
    hospital.asks.receive(kept, kept.commitment, PATIENT)
    hospital.asks.refuse(ASK, PATIENT, WHY, NOW)
    hospital.asks.forget(PATIENT)
    with hospital.catalogue.read() as database:
        assert database.execute(sql.text("SELECT * FROM ask_refusals")).all() == []
    assert refused(hospital.asks.received, ASK, PATIENT) == "ask_unknown"
