"""Questions for access off the chain: kept sealed on both sides, held against the commitment."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import sqlalchemy as sql

from tests.unit.vault.builders import CLINIC, DOCTOR, HOSPITAL, NOW, PATIENT, identifier
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.asks import AskTerms, ByNumber
from yilian.vault.vault import Vault

ASK = identifier("ask")
NUMBER = "110101199003070000"


def terms(**changes: Any) -> AskTerms:
    fields: dict[str, Any] = {
        "ask": ASK,
        "asker": DOCTOR,
        "organisation": CLINIC,
        "holder": HOSPITAL,
        "whom": ByNumber(system="urn:oid:1", number=NUMBER),
        "categories": ("laboratory",),
        "purposes": ("treat",),
        "reason": "follow-up",
        "days": 30,
        "ends": NOW,
    }
    return AskTerms(**(fields | changes))


def refused(call: Any, *arguments: Any) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    return caught.value.code.name


def test_asked_there_and_received_here(hospital: Vault, clinic: Vault) -> None:
    kept = clinic.asks.ask(terms())
    assert clinic.asks.asked(ASK, DOCTOR) == kept
    for _ in range(2):
        hospital.asks.receive(kept, kept.commitment, PATIENT)
    assert hospital.asks.of_person(PATIENT) == [kept]
    assert hospital.asks.of_person(DOCTOR) == []
    hospital.asks.answer(ASK, PATIENT, identifier("grant"))
    assert hospital.asks.of_person(PATIENT)[0].answer == identifier("grant")
    hospital.asks.forget(PATIENT)
    assert hospital.asks.of_person(PATIENT) == []


def test_what_differs_from_the_chain_is_not_kept(hospital: Vault, clinic: Vault) -> None:
    kept = clinic.asks.ask(terms())
    for changed in (
        kept._replace(terms=terms(categories=("imaging", "laboratory"))),
        kept._replace(terms=terms(holder=CLINIC)),
        kept._replace(salt=codec.to_text(bytes(32))),
        kept._replace(salt=codec.to_text(bytes(31))),
    ):
        assert refused(hospital.asks.receive, changed, kept.commitment, PATIENT) == (
            "ask_differs_from_chain"
        )
    other = codec.to_text(bytes(32))
    assert refused(hospital.asks.receive, kept, other, PATIENT) == "ask_differs_from_chain"
    assert hospital.asks.of_person(PATIENT) == []


def test_a_question_is_the_askers_and_the_persons_alone(hospital: Vault, clinic: Vault) -> None:
    kept = clinic.asks.ask(terms())
    assert refused(clinic.asks.asked, ASK, PATIENT) == "ask_unknown"
    assert refused(clinic.asks.asked, identifier("other"), DOCTOR) == "ask_unknown"
    hospital.asks.receive(kept, kept.commitment, PATIENT)
    grant = identifier("grant")
    assert refused(hospital.asks.answer, ASK, DOCTOR, grant) == "ask_unknown"
    assert refused(hospital.asks.answer, grant, PATIENT, grant) == "ask_unknown"
    assert refused(hospital.asks.asked, ASK, DOCTOR) == "ask_unknown"


def test_malformed_terms_are_not_kept(clinic: Vault) -> None:
    for changes in ({"days": 0}, {"categories": ()}, {"reason": "Not A Code"}, {"ask": "x"}):
        assert refused(clinic.asks.ask, terms(**changes)) == "malformed"


def test_the_disk_tells_neither_number_nor_person(hospital: Vault, clinic: Vault) -> None:
    kept = clinic.asks.ask(terms())
    hospital.asks.receive(kept, kept.commitment, PATIENT)
    for vault in (hospital, clinic):
        with vault.catalogue.read() as database:
            text = repr(database.execute(sql.text("SELECT * FROM asks")).all())
        for secret in (NUMBER, PATIENT, DOCTOR, "laboratory"):
            assert secret not in text
    assert NUMBER not in repr(kept)


def test_a_changed_row_is_found(clinic: Vault) -> None:
    clinic.asks.ask(terms())
    with clinic.catalogue.write() as database:
        database.execute(sql.text("UPDATE asks SET sealed = zeroblob(60)"))
    assert refused(clinic.asks.asked, ASK, DOCTOR) == "ask_row_damaged"


def test_the_commitment_says_nothing_without_the_salt(clinic: Vault) -> None:
    first = clinic.asks.ask(terms())
    second = clinic.asks.ask(msgspec.structs.replace(terms(), ask=identifier("second")))
    assert first.salt != second.salt
    assert first.commitment != second.commitment
