"""Large objects inside a vault: walked with it, erased with their records, backed up and swept."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.vault.builders import DAY, HOSPITAL, NOW, PATIENT, identifier, item
from yilian.ledger.errors import Refusal
from yilian.vault.backup import restore
from yilian.vault.large import MEDIA_TYPE, Stored
from yilian.vault.large_records import SLICE
from yilian.vault.vault import Vault

RECORD = identifier("study")
SLICE_BYTES = 1024
CONTENT = random.Random(7).randbytes(9 * SLICE_BYTES + 5)


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with opened(tmp_path / "live") as made:
        yield made


def opened(folder: Path) -> Vault:
    return Vault.open(folder, HOSPITAL, clock=lambda: NOW)


def add(vault: Vault, record: str = RECORD, **changes: Any) -> Stored:
    """Keep an object and deposit its manifest as a record that may be destroyed at once."""
    stored = vault.large.put(record, PATIENT, "application/dicom", [CONTENT], SLICE_BYTES)
    labels = {"category": "imaging", "media_type": MEDIA_TYPE, "retention": "none", **changes}
    vault.deposit([item(0, record=record, content=stored.manifest, **labels)])
    return stored


def refused(doing: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as caught:
        doing()
    return caught.value.code.name


def damage(vault: Vault) -> list[tuple[str, str, str]]:
    return [(each.subject, each.id, each.reason) for each in vault.integrity()]


def test_the_walk_names_each_damaged_slice(vault: Vault) -> None:
    stored = add(vault)
    add(vault, identifier("other"))
    assert damage(vault) == []
    for number in (2, 9):
        vault.large._payloads.delete(stored.addresses[number])
    assert damage(vault) == [
        (SLICE, f"{RECORD}/{number}", "large_chunk_damaged") for number in (2, 9)
    ]
    vault.large.delete(RECORD)
    assert damage(vault) == [("object", RECORD, "large_object_unknown")]


def test_a_record_that_only_says_it_is_a_manifest_is_named(vault: Vault) -> None:
    vault.deposit([item(0, record=RECORD, content=b"{}", media_type=MEDIA_TYPE)])
    assert damage(vault) == [("object", RECORD, "malformed")]


def test_erasing_the_record_destroys_the_object_and_no_other(vault: Vault) -> None:
    stored, other = add(vault), add(vault, identifier("other"))
    vault.erase(vault.plan_erasure(PATIENT, [RECORD]))
    assert refused(lambda: vault.large.check(stored.manifest)) == "large_object_unknown"
    kept = set(vault.large._payloads.addresses())
    assert kept == set(other.addresses)
    assert vault.keystore.erasure.key(RECORD, PATIENT, RECORD) is None
    assert b"".join(vault.large.open(other.manifest)) == CONTENT
    assert damage(vault) == []


def test_a_sealed_record_keeps_its_object(vault: Vault) -> None:
    stored = add(vault, retention="imaging")
    vault.erase(vault.plan_erasure(PATIENT, [RECORD]))
    assert refused(lambda: vault.read_own([RECORD], PATIENT, "treat")) == "vault_record_sealed"
    assert b"".join(vault.large.open(stored.manifest)) == CONTENT
    assert damage(vault) == []


def test_a_backup_has_the_slices_and_a_restore_erases_them_again(tmp_path: Path) -> None:
    gone = identifier("gone")
    with opened(tmp_path / "live") as vault:
        stored, erased = add(vault), add(vault, gone)
        vault.backup(tmp_path / "b", tmp_path / "e")
        plan = vault.plan_erasure(PATIENT, [gone])
        vault.erase(plan)
    marks = {
        mark: (part.certificate.extent, part.certificate.until)
        for part in plan.parts
        for mark in part.marks
    }
    folders = (tmp_path / "b", tmp_path / "e", tmp_path / "restored")
    done = restore(*folders, marks, organisation=HOSPITAL, clock=lambda: NOW)
    assert done.destroyed == 1
    with opened(tmp_path / "restored") as again:
        assert damage(again) == []
        assert b"".join(again.large.open(stored.manifest)) == CONTENT
        assert refused(lambda: again.large.check(erased.manifest)) == "large_object_unknown"
        assert set(again.large._payloads.addresses()) == set(stored.addresses)
        assert again.keystore.erasure.key(gone, PATIENT, gone) is None


def test_without_its_erasure_key_a_copy_of_everything_else_opens_nothing(vault: Vault) -> None:
    stored = add(vault)
    vault.keystore.erasure.destroy(RECORD)
    assert refused(lambda: vault.large.read(stored.manifest, 0, 1)) == "erasure_key_missing"
    assert damage(vault) == [("object", RECORD, "erasure_key_missing")]


def test_uploads_given_up_are_swept_with_their_keys(vault: Vault) -> None:
    stored, lost = add(vault), identifier("lost")
    vault.large.begin(lost, PATIENT, "application/dicom", SLICE_BYTES)
    vault.large.append(lost, 0, b"x" * SLICE_BYTES)
    assert vault.sweep(NOW) == 0
    assert vault.sweep(NOW + DAY) == 1
    assert vault.keystore.erasure.key(lost, PATIENT, lost) is None
    assert set(vault.large._payloads.addresses()) == set(stored.addresses)
    assert b"".join(vault.large.open(stored.manifest)) == CONTENT


def test_a_manifest_in_safe_hands_ends_the_upload_and_only_then(vault: Vault) -> None:
    vault.large.begin(RECORD, PATIENT, "application/dicom", SLICE_BYTES)
    vault.large.append(RECORD, 0, b"x" * SLICE_BYTES)
    first = vault.large.sum_up(RECORD)
    assert vault.large.sum_up(RECORD) == first
    vault.large.append(RECORD, SLICE_BYTES, b"y")
    assert refused(lambda: vault.large.end(RECORD, first)) == "large_offset_differs"
    whole = vault.large.sum_up(RECORD)
    vault.large.end(RECORD, whole)
    vault.large.end(RECORD, whole)
    assert refused(lambda: vault.large.sum_up(RECORD)) == "large_object_exists"
    assert b"".join(vault.large.open(whole.manifest)) == b"x" * SLICE_BYTES + b"y"
