from __future__ import annotations

import msgspec
import pytest

from tests.unit.vault.builders import DOCTOR, PATIENT, identifier, item
from yilian.ledger.errors import Refusal
from yilian.vault.keystore import CategoryKey
from yilian.vault.own_copies import open_copies
from yilian.vault.packages import ReleasedRecord
from yilian.vault.vault import Vault

NUMBERS = range(1, 6)


@pytest.fixture
def filled(hospital: Vault) -> tuple[Vault, dict[str, str]]:
    items = [item(each, category=("laboratory", "allergy")[each % 2]) for each in NUMBERS]
    other = item(9, patient=identifier("other"))
    batch = hospital.deposit([*items, other])
    return hospital, {batch.batch: batch.root}


def keys(hospital: Vault) -> list[CategoryKey]:
    return hospital.keystore.category_keys(PATIENT)


def test_all_records_of_the_person_and_no_others_page_by_page(
    filled: tuple[Vault, dict[str, str]],
) -> None:
    hospital, roots = filled
    found: dict[str, bytes] = {}
    after: str | None = ""
    while after is not None:
        page = hospital.emergencies.copies.of(PATIENT, PATIENT, after, limit=2)
        assert 1 <= len(page.records) <= 2
        found |= open_copies(hospital.organisation, page.records, keys(hospital), roots)
        after = page.more
    assert found == {identifier(each): item(each).content for each in NUMBERS}


@pytest.mark.parametrize(("reader", "behalf"), [(PATIENT, None), (DOCTOR, PATIENT)])
def test_each_copy_is_journalled_for_who_asked(
    filled: tuple[Vault, dict[str, str]], reader: str, behalf: str | None
) -> None:
    hospital, _ = filled
    hospital.emergencies.copies.of(PATIENT, reader)
    for each in NUMBERS:
        (line,) = hospital.journal_about(identifier(each))
        assert (line.basis, line.purpose, line.outcome) == ("own", "patient-request", "permit")
        assert (line.reader, line.on_behalf_of) == (reader, behalf)


def test_a_damaged_record_is_left_out_and_journalled(
    filled: tuple[Vault, dict[str, str]],
) -> None:
    hospital, roots = filled
    (row,) = hospital._catalogue.records([identifier(1)])
    hospital._payloads.delete(row.stored)
    page = hospital.emergencies.copies.of(PATIENT, PATIENT)
    assert {each.proof.record for each in page.records} == {identifier(n) for n in range(2, 6)}
    (line,) = hospital.journal_about(identifier(1))
    assert (line.outcome, line.reasons) == ("deny", ("payload_unreadable",))
    assert len(open_copies(hospital.organisation, page.records, keys(hospital), roots)) == 4


def test_what_was_changed_or_is_under_another_key_does_not_open(
    filled: tuple[Vault, dict[str, str]],
) -> None:
    hospital, roots = filled
    (copy, *_) = hospital.emergencies.copies.of(PATIENT, PATIENT).records
    batch = copy.proof.batch
    flipped = bytes([*copy.ciphertext[:-1], copy.ciphertext[-1] ^ 1])

    def refused(each: ReleasedRecord, held: list[CategoryKey], known: dict[str, str]) -> str:
        with pytest.raises(Refusal) as refusal:
            open_copies(hospital.organisation, [each], held, known)
        return refusal.value.code.name

    mine = keys(hospital)
    assert refused(copy, [], roots) == "category_key_missing"
    assert refused(copy, mine, {}) == "deposit_batch_not_anchored"
    assert refused(copy, mine, {batch: "A" * 43}) == "record_not_in_batch"
    changed = msgspec.structs.replace(copy, ciphertext=flipped)
    assert refused(changed, mine, roots) == "payload_damaged"
    with pytest.raises(Refusal):
        open_copies(identifier("elsewhere"), [copy], mine, roots)
