"""Corrections, notes and their authors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vault.builders import DOCTOR, HOSPITAL, NOW, PATIENT, identifier, item
from yilian.ledger import codec, merkle
from yilian.ledger.errors import Refusal
from yilian.vault import leaves
from yilian.vault.catalogue import Catalogue
from yilian.vault.envelope import check_record, leaf
from yilian.vault.vault import Item, Vault

OTHER = identifier("other patient")


def note(number: int, **changes: Any) -> Item:
    return item(number, **({"kind": "note", "author": PATIENT} | changes))


def refused(call: object, *arguments: object) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code.name


def test_a_correction_is_a_new_record_and_both_stay_provable(hospital: Vault) -> None:
    first = hospital.deposit([item(1), item(2)])
    second = hospital.deposit([item(3, replaces=identifier(1), author=DOCTOR), item(4)])
    for each, batch in ((item(1), first), (item(2), first), (item(3), second), (item(4), second)):
        proof = hospital.proof(each.record, with_salt=True)
        assert proof.replaces == (identifier(1) if each.record == identifier(3) else None)
        assert proof.salt is not None
        check_record(each.content, codec.to_bytes(proof.salt), proof, batch.root)
    assert second.replaces == (identifier(1), None)
    assert first.replaces == ()
    assert hospital.unanchored() == [first, second]
    assert list(hospital.integrity()) == []
    read = hospital.read_own([identifier(1)], DOCTOR, "treatment")
    assert read == {identifier(1): item(1).content}


def test_the_leaf_names_what_is_replaced_and_only_then() -> None:
    plain = leaf(identifier(1), codec.to_text(bytes(32)))
    assert b"replaces" not in plain
    assert codec.encode({"commitment": codec.to_text(bytes(32)), "record": identifier(1)}) == plain
    corrected = leaf(identifier(1), codec.to_text(bytes(32)), identifier(2))
    assert f'"replaces":"{identifier(2)}"'.encode() in corrected


def test_versions_run_from_the_oldest_whichever_is_named(hospital: Vault) -> None:
    hospital.deposit([item(0), item(1)])
    hospital.deposit([item(2, replaces=identifier(1), author=DOCTOR)])
    hospital.deposit([item(3, replaces=identifier(2)), item(4, replaces=identifier(3))])
    found = hospital.versions(identifier(1))
    assert [each.record for each in found] == [identifier(number) for number in (1, 2, 3, 4)]
    assert [each.author for each in found] == [None, DOCTOR, None, None]
    assert {each.deposited for each in found} == {NOW}
    for number in (2, 3, 4):
        assert hospital.versions(identifier(number)) == found
    assert [each.record for each in hospital.versions(identifier(0))] == [identifier(0)]
    assert refused(hospital.versions, identifier(9)) == "vault_record_unknown"


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda: item(9, replaces=identifier(8)), "vault_record_unknown"),
        (lambda: item(9, replaces=identifier(9)), "vault_record_unknown"),
        (lambda: item(9, replaces=identifier(1)), "record_already_replaced"),
        (lambda: item(9, replaces=identifier(2), patient=OTHER), "record_of_another_patient"),
        (lambda: note(9, replaces=identifier(2)), "note_may_not_replace"),
        (lambda: note(9, replaces=identifier(3), author=DOCTOR), "note_may_not_replace"),
        (lambda: item(9, replaces=identifier(3), author=PATIENT), "note_may_not_replace"),
        (lambda: item(9, replaces="x"), "malformed"),
        (lambda: item(9, kind="letter"), "malformed"),
        (lambda: item(9, author="me"), "malformed"),
        (lambda: note(9, author=None), "malformed"),
        (lambda: item(9, retention="forever"), "retention_class_unknown"),
    ],
)
def test_what_may_not_be_corrected_so_is_refused(hospital: Vault, made: Any, code: str) -> None:
    hospital.deposit([item(1), item(2), note(3)])
    hospital.deposit([item(4, replaces=identifier(1))])
    held = hospital.records_of(PATIENT)
    assert refused(hospital.deposit, [item(7), made()]) == code
    assert hospital.records_of(PATIENT) == held
    assert len(hospital.unanchored()) == 2


def test_one_batch_does_not_correct_a_record_twice(hospital: Vault) -> None:
    hospital.deposit([item(1)])
    twice = [item(2, replaces=identifier(1)), item(3, replaces=identifier(1))]
    assert refused(hospital.deposit, twice) == "record_already_replaced"
    later_first = [item(3, replaces=identifier(2)), item(2)]
    assert refused(hospital.deposit, later_first) == "vault_record_unknown"


def test_of_two_corrections_at_once_one_is_refused(
    hospital: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.deposit([item(1)])
    hospital.deposit([item(2, replaces=identifier(1))])
    known = Catalogue.replaced
    answers: Iterator[list[str]] = iter([[]])
    monkeypatch.setattr(Catalogue, "replaced", lambda *a: next(answers, None) or known(*a))
    assert refused(hospital.deposit, [item(3, replaces=identifier(1))]) == "record_already_replaced"
    monkeypatch.undo()
    assert hospital.records_of(PATIENT) == sorted([identifier(1), identifier(2)])


def test_a_note_corrects_its_authors_own_note(hospital: Vault) -> None:
    hospital.deposit([note(1)])
    hospital.deposit([note(2, replaces=identifier(1))])
    found = hospital.versions(identifier(1))
    assert [(each.kind, each.author) for each in found] == [("note", PATIENT)] * 2
    rows = hospital._catalogue.records([identifier(1), identifier(2)])
    assert {row.retention for row in rows} == {"patient-note"}


DIGESTS = st.binary(min_size=32, max_size=32).map(codec.to_text)
IDS = st.binary(min_size=16, max_size=16).map(codec.to_text)
ENTRIES = st.builds(leaves.Entry, IDS, DIGESTS, st.none() | IDS)


@given(st.lists(ENTRIES, min_size=1, max_size=20))
def test_packed_leaves_come_back_and_their_paths_are_the_ledgers(
    entries: list[leaves.Entry],
) -> None:
    packed = leaves.pack(entries)
    assert leaves.unpack(packed) == entries
    whole = [leaf(*each) for each in entries]
    assert leaves.root(entries) == codec.to_text(merkle.root(whole))
    for index in range(len(entries)):
        path = [codec.to_bytes(step) for step in leaves.path(packed, index)]
        assert path == merkle.inclusion(whole, index)


@given(st.binary(max_size=300))
def test_any_bytes_can_be_unpacked(junk: bytes) -> None:
    assert len(leaves.unpack(junk)) <= len(junk)


def test_a_leaf_that_hides_its_correction_is_damage(hospital: Vault) -> None:
    hospital.deposit([item(1)])
    batch = hospital.deposit([item(2, replaces=identifier(1))])
    with hospital._catalogue.write() as database:
        database.exec_driver_sql("UPDATE records SET replaces = NULL WHERE replaces IS NOT NULL")
    found = {(each.id, each.reason) for each in hospital.integrity()}
    assert (identifier(2), "row_differs_from_batch") in found
    assert {each.batch for each in hospital.integrity()} == {batch.batch}
    assert hospital.organisation == HOSPITAL
