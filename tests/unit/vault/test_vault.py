from __future__ import annotations

import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.shared import shared
from tests.unit.vault.builders import (
    CLINIC,
    DOCTOR,
    GRANT,
    HOSPITAL,
    PATIENT,
    identifier,
    item,
    open_vault,
    share,
    terms,
)
from yilian.ledger import codec, merkle
from yilian.ledger.errors import Refusal
from yilian.vault import items
from yilian.vault.catalogue import Catalogue
from yilian.vault.envelope import check_record, leaf, new_id
from yilian.vault.vault import Damage, Item, Vault


def refused(call: object, *arguments: object) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code.name


def read(vault: Vault, *items: Item) -> dict[str, bytes]:
    return vault.read_own([each.record for each in items], DOCTOR, "treatment")


def test_exact_bytes_come_back(hospital: Vault, tmp_path: Path) -> None:
    odd = [b"", b"\xef\xbb\xbf{ }\r\n", '{"name":"\U00020bb7","x":1.50}'.encode(), bytes(70_000)]
    items = [item(number, content=content) for number, content in enumerate(odd)]
    hospital.deposit(items)
    assert read(hospital, *items) == {each.record: each.content for each in items}
    assert hospital.records_of(PATIENT) == sorted(each.record for each in items)
    hospital.close()
    with open_vault(tmp_path, HOSPITAL) as again:
        assert read(again, *items) == {each.record: each.content for each in items}


def test_the_shared_bundles_come_back_byte_for_byte(hospital: Vault) -> None:
    files = sorted(path for path in shared("fhir/zh").rglob("*") if path.is_file())[:100]
    items = [
        item(number, content=path.read_bytes(), category="documents")
        for number, path in enumerate(files)
    ]
    hospital.deposit(items)
    assert read(hospital, *items) == {each.record: each.content for each in items}


def test_a_batch_proves_each_of_its_records(hospital: Vault) -> None:
    items = [item(number) for number in range(7)]
    batch = hospital.deposit(items)
    assert batch.records == tuple(each.record for each in items)
    assert (batch.kind, batch.size) == ("records", 7)
    leaves = [leaf(*pair) for pair in zip(batch.records, batch.commitments, strict=True)]
    assert batch.root == codec.to_text(merkle.root(leaves))
    for each in items:
        proof = hospital.proof(each.record, with_salt=True)
        assert proof.salt is not None
        check_record(each.content, codec.to_bytes(proof.salt), proof, batch.root)
        assert hospital.proof(each.record).salt is None
    assert refused(hospital.proof, GRANT) == "vault_record_unknown"


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 33])
def test_proofs_are_those_of_the_ledgers_own_tree(hospital: Vault, count: int) -> None:
    batch = hospital.deposit([item(number, content=b"") for number in range(count)])
    leaves = [leaf(*pair) for pair in zip(batch.records, batch.commitments, strict=True)]
    for index, record in enumerate(batch.records):
        path = [codec.to_bytes(step) for step in hospital.proof(record).path]
        assert path == merkle.inclusion(leaves, index)


def test_equal_contents_have_nothing_in_common_outside(hospital: Vault, tmp_path: Path) -> None:
    batch = hospital.deposit([item(1, content=b"same" * 99), item(2, content=b"same" * 99)])
    assert batch.commitments[0] != batch.commitments[1]
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*.pack"))
    assert b"same" not in stored


def test_a_record_is_deposited_once(hospital: Vault) -> None:
    hospital.deposit([item(1)])
    assert refused(hospital.deposit, [item(2), item(1)]) == "record_exists"
    assert refused(hospital.deposit, [item(3), item(3)]) == "record_exists"
    assert hospital.records_of(PATIENT) == [identifier(1)]
    assert len(hospital.unanchored()) == 1
    hospital.deposit([item(2), item(3)])


def test_a_race_for_one_id_is_lost_by_the_second(
    hospital: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.deposit([item(1)])
    monkeypatch.setattr(Catalogue, "present", lambda self, held: [])
    assert refused(hospital.deposit, [item(2), item(1)]) == "record_exists"
    monkeypatch.undo()
    assert hospital.records_of(PATIENT) == [identifier(1)]


@pytest.mark.parametrize(
    "changes",
    [
        {"record": "x"},
        {"patient": "../../../../../../etc/p"},
        {"category": "Laboratory"},
        {"category": ""},
        {"sensitivity": "very secret"},
        {"period": "2026-13"},
        {"period": "2026-3"},
        {"media_type": "json"},
        {"media_type": "text/plain\n"},
        {"content": "text"},
        {"content": None},
    ],
)
def test_malformed_items_are_refused_and_nothing_is_kept(
    hospital: Vault, changes: dict[str, object]
) -> None:
    assert refused(hospital.deposit, [item(1), item(2, **changes)]) == "malformed"
    assert hospital.unanchored() == []
    assert hospital.records_of(PATIENT) == []


def test_empty_and_oversized_batches_are_refused(
    hospital: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(hospital.deposit, []) == "deposit_empty"
    monkeypatch.setattr(items, "MAX_BATCH", 2)
    assert refused(hospital.deposit, [item(n) for n in range(3)]) == "deposit_too_large"
    monkeypatch.setattr(items, "MAX_BATCH_BYTES", 300)
    assert refused(hospital.deposit, [item(n) for n in range(2)]) == "deposit_too_large"
    assert hospital.unanchored() == []
    hospital.deposit([item(1)])


def test_batches_wait_for_the_chain_across_a_restart(hospital: Vault, tmp_path: Path) -> None:
    first, second = hospital.deposit([item(1)]), hospital.deposit([item(2), item(3)])
    assert hospital.unanchored() == [first, second]
    hospital.anchored(first.batch, "AB" * 32, 7)
    hospital.close()
    with open_vault(tmp_path, HOSPITAL) as again:
        assert again.unanchored() == [second]
        again.anchored(first.batch, "AB" * 32, 7)
        assert refused(again.anchored, first.batch, "AB" * 32, 8) == "deposit_batch_anchored"
        assert refused(again.anchored, first.batch, "CD" * 32, 7) == "deposit_batch_anchored"
        assert refused(again.anchored, GRANT, "AB" * 32, 7) == "deposit_batch_unknown"


def test_one_process_and_one_organisation_at_a_time(hospital: Vault, tmp_path: Path) -> None:
    assert refused(open_vault, tmp_path, HOSPITAL) == "vault_in_use"
    hospital.close()
    (tmp_path / HOSPITAL).rename(tmp_path / CLINIC)
    assert refused(open_vault, tmp_path, CLINIC) == "vault_of_other_organisation"
    assert refused(open_vault, tmp_path, CLINIC) == "vault_of_other_organisation"
    assert refused(Vault.open, tmp_path / "x", "not-an-id") == "malformed"
    assert not (tmp_path / "x").exists()


def test_own_reads_are_journalled(hospital: Vault) -> None:
    hospital.deposit([item(1), item(2)])
    read(hospital, item(1), item(2))
    read(hospital, item(1))
    lines = hospital.journal_about(identifier(1))
    assert [(each.reader, each.outcome, each.grant) for each in lines] == [
        (DOCTOR, "permit", None)
    ] * 2
    assert refused(read, hospital, item(1), item(9)) == "vault_record_unknown"
    assert len(hospital.journal_about(identifier(1))) == 2


def test_a_malformed_reader_or_purpose_reads_nothing(hospital: Vault) -> None:
    hospital.deposit([item(1)])
    assert refused(hospital.read_own, [identifier(1)], "me", "treatment") == "malformed"
    assert refused(hospital.read_own, [identifier(1)], DOCTOR, "TREAT") == "malformed"
    assert hospital.journal_about(identifier(1)) == []


def test_a_journal_line_is_written_before_content_is_returned(
    hospital: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    hospital.deposit([item(1)])

    def full(self: Catalogue, lines: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(Catalogue, "write_journal", full)
    with pytest.raises(OSError, match="no space"):
        read(hospital, item(1))


# Integrity


def test_a_sound_vault_reports_nothing(hospital: Vault, clinic: Vault) -> None:
    hospital.deposit([item(number) for number in range(20)])
    sharing = share(hospital, clinic, terms())
    request = sharing.session.request((identifier(1), identifier(30)))
    hospital.release(request, sharing.view, CLINIC)
    hospital.journal_batch()
    read(hospital, item(2))
    assert list(hospital.integrity()) == []


def test_a_flipped_byte_in_a_payload_names_its_record(hospital: Vault, tmp_path: Path) -> None:
    batch = hospital.deposit([item(number) for number in range(20)])
    hospital.deposit([item(number) for number in range(20, 40)])
    assert any(flipped(hospital, path, batch.batch) for path in tmp_path.rglob("*.pack"))
    found = list(hospital.integrity())
    assert [(each.subject, each.reason) for each in found] == [("record", "payload_damaged")]
    assert found[0].id in batch.records
    assert refused(hospital.read_own, [found[0].id], DOCTOR, "treatment") == "payload_damaged"
    assert hospital.journal_about(found[0].id)[0].reasons == ("payload_damaged",)


def flipped(vault: Vault, path: Path, batch: str) -> bool:
    """Flip the last byte of a pack if that damages a record of the batch."""
    kept = path.read_bytes()
    path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    if any(each.batch == batch for each in vault.integrity()):
        return True
    path.write_bytes(kept)
    return False


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE records SET category = 'imaging' WHERE leaf = 3", "catalogue_row_damaged"),
        ("UPDATE records SET sensitivity = 'low' WHERE leaf = 3", "catalogue_row_damaged"),
        ("UPDATE records SET period = '2020-01' WHERE leaf = 3", "catalogue_row_damaged"),
        ("UPDATE records SET media_type = 'text/html' WHERE leaf = 3", "catalogue_row_damaged"),
        ("UPDATE records SET salt = zeroblob(61) WHERE leaf = 3", "catalogue_row_damaged"),
        ("UPDATE records SET data_key = zeroblob(61) WHERE leaf = 3", "envelope_format_unknown"),
        (
            "UPDATE records SET data_key = (SELECT data_key FROM records WHERE leaf = 4)"
            " WHERE leaf = 3",
            "envelope_not_opened",
        ),
        ("DELETE FROM records WHERE leaf = 3", "row_missing"),
    ],
)
def test_a_changed_row_names_its_record(
    hospital: Vault, tmp_path: Path, change: str, reason: str
) -> None:
    batch = hospital.deposit([item(number) for number in range(6)])
    tamper(tmp_path, change)
    expected = Damage("record", identifier(3), batch.batch, reason)
    assert list(hospital.integrity()) == [expected]


def test_exchanged_rows_and_lost_batches_are_named(hospital: Vault, tmp_path: Path) -> None:
    batch = hospital.deposit([item(number) for number in range(3)])
    tamper(tmp_path, "UPDATE records SET leaf = 9 - leaf WHERE leaf > 0")
    reasons = {(each.id, each.reason) for each in hospital.integrity()}
    assert (identifier(1), "row_missing") in reasons
    assert (identifier(2), "row_not_in_batch") in reasons
    tamper(tmp_path, "UPDATE records SET leaf = 9 - leaf WHERE leaf > 0")
    tamper(tmp_path, f"UPDATE batches SET root = '{codec.to_text(bytes(32))}'")
    assert Damage("batch", batch.batch, batch.batch, "root_differs") in list(hospital.integrity())
    tamper(tmp_path, "DELETE FROM batches")
    assert {each.reason for each in hospital.integrity()} == {"batch_missing"}
    assert len(list(hospital.integrity())) == 3


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ("UPDATE journal SET outcome = 'deny' WHERE position = 2", ["catalogue_row_damaged"]),
        ("DELETE FROM journal WHERE position = 2", ["row_missing"]),
        ("UPDATE journal SET time = 0 WHERE position = 4", ["catalogue_row_damaged"]),
        ("UPDATE batches SET size = 9 WHERE kind = 'journal'", ["root_differs"]),
        (
            "UPDATE journal SET position = -position WHERE position IN (1, 2)",
            ["root_differs"],
        ),
    ],
)
def test_a_changed_journal_line_is_named(
    hospital: Vault, tmp_path: Path, change: str, reasons: list[str]
) -> None:
    hospital.deposit([item(number) for number in range(4)])
    for number in range(3):
        read(hospital, item(number))
    assert hospital.journal_batch() is not None
    read(hospital, item(3))
    assert list(hospital.integrity()) == []
    tamper(tmp_path, change)
    assert [each.reason for each in hospital.integrity()] == reasons


def tamper(folder: Path, change: str) -> None:
    """Change the catalogue behind the vault's back."""
    with sqlite3.connect(folder / HOSPITAL / "catalogue.sqlite") as database:
        database.execute(change)
    database.close()


# What must not be seen


def test_logs_hold_neither_content_nor_keys(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, master_key: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.DEBUG)
    try:
        with open_vault(tmp_path, HOSPITAL) as vault:
            secret = b"a word that nobody may log"
            vault.deposit([item(1, content=secret)])
            read(vault, item(1))
            refused(vault.deposit, [item(1, content=secret)])
            key = vault.keystore.category_keys(PATIENT)[0].private.export()
    finally:
        logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    logged = caplog.text
    assert "INSERT INTO records" in logged
    for hidden in (secret.decode(), key.hex(), codec.to_text(key), repr(key)[10:40], DOCTOR):
        assert hidden not in logged
    assert master_key.read_text().split()[1] not in logged


def test_the_disk_holds_no_content_and_no_reader(hospital: Vault, tmp_path: Path) -> None:
    secret = b"a word that must not be readable at rest"
    hospital.deposit([item(number, content=secret) for number in range(3)])
    read(hospital, item(1))
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert identifier(1).encode() in written
    for hidden in (secret[:20], DOCTOR.encode(), b"treatment"):
        assert hidden not in written


def test_ids_are_canonical_and_new() -> None:
    made = {new_id() for _ in range(100)}
    assert len(made) == 100
    assert all(codec.to_text(codec.to_bytes(each)) == each for each in made)


def test_threads_share_one_vault(hospital: Vault) -> None:
    def work(thread: int) -> None:
        for turn in range(3):
            items = [item(1000 * thread + 10 * turn + number) for number in range(10)]
            hospital.deposit(items)
            assert read(hospital, *items) == {each.record: each.content for each in items}

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert len(hospital.records_of(PATIENT)) == 120
    assert len(hospital.keystore.category_keys(PATIENT)) == 1
    assert list(hospital.integrity()) == []
