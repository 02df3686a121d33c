"""Encounters and referrals off the chain: who treats whom, and for how long."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sql

from tests.chain import name_of
from tests.unit.vault.builders import CLINIC, HOSPITAL, open_vault
from yilian.ledger import codec
from yilian.ledger.errors import MALFORMED, Refusal
from yilian.vault.relations import (
    RELATION_DIFFERS,
    RELATION_ROW_DAMAGED,
    RELATION_UNKNOWN,
    ReferralTerms,
    Relations,
)
from yilian.vault.vault import Vault

PATIENT, OTHER = name_of("patient"), name_of("other")
DOCTOR, NURSE, STRANGER = name_of("doctor"), name_of("nurse"), name_of("stranger")


def relations(vault: Vault) -> Relations:
    return Relations(vault.organisation, vault.keystore, vault._catalogue, lambda: 1_000)


class Chain:
    """What a chain says of relations: the commitments of those that stand."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}

    def __call__(self, kind: str, relation: str) -> str | None:
        return self.held.get((kind, relation))


def test_only_the_team_of_a_standing_encounter_treats(hospital: Vault) -> None:
    kept, chain = relations(hospital), Chain()
    made = kept.encounter(PATIENT, [NURSE, DOCTOR, DOCTOR])
    assert kept.treats(PATIENT, DOCTOR, chain) is None
    chain.held["encounter", made.relation] = made.commitment
    assert kept.treats(PATIENT, DOCTOR, chain) == "encounter"
    assert kept.treats(PATIENT, NURSE, chain) == "encounter"
    assert kept.treats(PATIENT, None, chain) == "encounter"
    assert kept.treats(PATIENT, STRANGER, chain) is None
    assert kept.treats(OTHER, DOCTOR, chain) is None
    chain.held["encounter", made.relation] = "A" * 43
    assert kept.treats(PATIENT, DOCTOR, chain) is None
    del chain.held["encounter", made.relation]
    assert kept.treats(PATIENT, DOCTOR, chain) is None


def test_an_encounter_without_a_team_is_everybodys(hospital: Vault) -> None:
    kept, chain = relations(hospital), Chain()
    made = kept.encounter(PATIENT, [])
    chain.held["encounter", made.relation] = made.commitment
    assert kept.treats(PATIENT, STRANGER, chain) == "encounter"


def test_a_referral_relates_the_patient_as_the_receiver_knows_them(tmp_path: Path) -> None:
    with open_vault(tmp_path / "a", HOSPITAL) as a, open_vault(tmp_path / "b", CLINIC) as b:
        chain, here = Chain(), relations(b)
        made = relations(a).referral(PATIENT, CLINIC, [DOCTOR], "cardiology", 9_000)
        shown, salt = relations(a).opened(made.relation)
        assert isinstance(shown.terms, ReferralTerms)
        here.receive(shown.terms, salt, made.commitment, OTHER)
        chain.held["referral", made.relation] = made.commitment
        assert here.treats(OTHER, DOCTOR, chain) == "referral"
        assert here.treats(PATIENT, DOCTOR, chain) is None
        assert here.receive(shown.terms, salt, made.commitment, OTHER) == shown


def test_a_referral_that_is_anothers_or_was_changed_is_refused(tmp_path: Path) -> None:
    with open_vault(tmp_path / "a", HOSPITAL) as a, open_vault(tmp_path / "b", CLINIC) as b:
        made = relations(a).referral(PATIENT, CLINIC, [DOCTOR], "cardiology", 9_000)
        shown, salt = relations(a).opened(made.relation)
        terms = shown.terms
        assert isinstance(terms, ReferralTerms)
        changed = msgspec.structs.replace(terms, team=(STRANGER,))
        for told, key, committed in (
            (changed, salt, made.commitment),
            (terms, codec.to_text(bytes(32)), made.commitment),
            (terms, codec.to_text(bytes(5)), made.commitment),
            (terms, salt, "A" * 43),
        ):
            with pytest.raises(Refusal) as refused:
                relations(b).receive(told, key, committed, OTHER)
            assert refused.value.code == RELATION_DIFFERS
        with pytest.raises(Refusal) as refused:
            relations(a).receive(terms, salt, made.commitment, PATIENT)
        assert refused.value.code == RELATION_DIFFERS
        assert relations(b).of_patient(OTHER) == []


def test_nothing_tells_whose_encounter_it_was(tmp_path: Path) -> None:
    with open_vault(tmp_path, HOSPITAL) as vault:
        relations(vault).encounter(PATIENT, [DOCTOR])
    for path in tmp_path.rglob("*sqlite*"):
        held = path.read_bytes()
        for name in (PATIENT, DOCTOR):
            assert name.encode() not in held
            assert codec.to_bytes(name) not in held


def test_a_changed_row_is_told_and_an_unknown_one_refused(hospital: Vault) -> None:
    kept = relations(hospital)
    made = kept.encounter(PATIENT, [DOCTOR])
    with hospital._catalogue.write() as database:
        database.execute(sql.text("UPDATE relations SET commitment = :c"), {"c": "B" * 43})
    with pytest.raises(Refusal) as refused:
        kept.treats(PATIENT, DOCTOR, Chain())
    assert refused.value.code == RELATION_ROW_DAMAGED
    with pytest.raises(Refusal) as refused:
        kept.opened(name_of("nothing"))
    assert refused.value.code == RELATION_UNKNOWN
    assert made.relation


@pytest.mark.parametrize("patient", ["", "x", "../../etc/passwd", "病人"])
def test_what_is_no_id_is_refused(hospital: Vault, patient: str) -> None:
    with pytest.raises(Refusal) as refused:
        relations(hospital).encounter(patient, [])
    assert refused.value.code == MALFORMED
