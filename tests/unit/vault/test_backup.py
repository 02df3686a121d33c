from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.vault.builders import (
    CLINIC,
    DAY,
    DOCTOR,
    HOSPITAL,
    NOW,
    PATIENT,
    identifier,
    item,
    share,
    terms,
)
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault import backup as backups
from yilian.vault.backup import remove_expired, restore
from yilian.vault.bindings import (
    batch_key_binding,
    content_binding,
    open_data_key,
    outer_binding,
)
from yilian.vault.certificates import Plan
from yilian.vault.envelope import check_record, new_id, open_sealed, unwrap
from yilian.vault.erasure import Erasure, Replayed
from yilian.vault.erasure_keys import ErasureKeys
from yilian.vault.keystore import Keystore, write_master_key
from yilian.vault.vault import Item, Vault

MARY = identifier("mary")
Marks = dict[str, tuple[str, int | None]]


def free(number: int, **changes: object) -> Item:
    return item(number, **({"retention": "none"} | changes))


def refused(call: object, *arguments: object, **named: object) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments, **named)  # type: ignore[operator]
    return caught.value.code.name


def readable(vault: Vault, numbers: range, purpose: str = "treatment") -> set[int]:
    found: set[int] = set()
    for number in numbers:
        try:
            content = vault.read_own([identifier(number)], DOCTOR, purpose)
        except Refusal:
            continue
        assert content == {identifier(number): item(number).content}
        found.add(number)
    return found


def on_chain(*plans: Plan) -> Marks:
    """What the chain says after the erasures of these plans."""
    return {
        mark: (part.certificate.extent, part.certificate.until)
        for plan in plans
        for part in plan.parts
        for mark in part.marks
    }


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault.open(tmp_path / "live", HOSPITAL, clock=lambda: NOW) as opened:
        yield opened


def restored(tmp_path: Path, marks: Marks, **changes: object) -> Replayed:
    named = {"organisation": HOSPITAL, "clock": lambda: NOW} | changes
    folders = (tmp_path / "b", tmp_path / "e", tmp_path / "restored")
    return restore(*folders, marks, **named)  # type: ignore[arg-type]


def reopened(tmp_path: Path) -> Vault:
    return Vault.open(tmp_path / "restored", HOSPITAL, clock=lambda: NOW)


def test_a_backup_comes_back_whole(vault: Vault, clinic: Vault, tmp_path: Path) -> None:
    first = vault.deposit([item(number) for number in range(5)])
    vault.anchored(first.batch, "AB" * 32, 7)
    second = vault.deposit([item(5), item(6, replaces=identifier(1))])
    sharing = share(vault, clinic, terms())
    vault.release(sharing.session.request((identifier(5),)), sharing.view, CLINIC)
    journal = vault.journal_batch()
    readable(vault, range(3))
    made = vault.backup(tmp_path / "b", tmp_path / "e")
    assert made.expires == NOW + 30 * DAY
    vault.deposit([item(7)])
    assert restored(tmp_path, {}) == (0, 0)
    with reopened(tmp_path) as again:
        assert list(again.integrity()) == []
        assert again.unanchored() == [second, journal]
        lines = [len(again.journal_about(identifier(number))) for number in range(6)]
        assert lines == [1, 1, 1, 0, 0, 1]
        assert readable(again, range(8)) == set(range(7))
        released = again.release(sharing.session.request((identifier(5),)), sharing.view, CLINIC)
        contents = clinic.read(released, sharing.given.grant, {second.batch: second.root})
        assert contents == {identifier(5): item(5).content}


def test_a_vault_serves_while_it_is_copied(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deposits and readings go on between every two steps of a backup; the copy is sound."""
    vault.deposit([item(number) for number in range(3)])
    copy, number = backups._copy_files, iter(range(10, 100))

    def meanwhile(pairs: dict[Path, Path]) -> None:
        with ThreadPoolExecutor(1) as other:
            other.submit(vault.deposit, [item(next(number), category="imaging")]).result()
        copy(pairs)

    with monkeypatch.context() as patched:
        patched.setattr(backups, "_copy_files", meanwhile)
        vault.backup(tmp_path / "b", tmp_path / "e")
    assert next(number) > 12
    restored(tmp_path, {})
    with reopened(tmp_path) as again:
        assert list(again.integrity()) == []
        assert readable(again, range(100)) == {0, 1, 2}


def test_a_restore_serves_nothing_that_was_erased(vault: Vault, tmp_path: Path) -> None:
    batch = vault.deposit([free(0), free(1), item(2), item(3), free(4, patient=MARY)])
    proofs = {number: vault.proof(identifier(number), with_salt=True) for number in (3, 4)}
    vault.backup(tmp_path / "b", tmp_path / "e")
    plan = vault.plan_erasure(PATIENT, [identifier(number) for number in (0, 1, 2)])
    vault.erase(plan)
    marks = on_chain(plan) | {vault.erasure.mark("of another"): ("destroyed", None)}
    assert restored(tmp_path, marks) == Replayed(destroyed=2, sealed=1)
    with reopened(tmp_path) as again:
        assert readable(again, range(5)) == {3, 4}
        assert readable(again, range(5), "legal") == {2, 3, 4}
        assert again.records_of(PATIENT) == [identifier(3)]
        assert list(again.integrity()) == []
        assert len(list(again._payloads.addresses())) == 3
        assert again.erasure.replay(marks) == (0, 0)
        for number, proof in proofs.items():
            assert again.proof(identifier(number), with_salt=True) == proof
            assert proof.salt is not None
            content = item(number).content
            check_record(content, codec.to_bytes(proof.salt), proof, batch.root)
        assert again.proof(identifier(0)) == vault.proof(identifier(0))


def test_a_plan_begun_before_the_backup_is_finished_by_the_restore(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.deposit([free(0), free(1)])
    plan = vault.plan_erasure(PATIENT, [identifier(0)])

    def stops(self: Erasure, plan: Plan) -> None:
        raise OSError(5, "input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Erasure, "_act", stops)
        with pytest.raises(OSError, match="input"):
            vault.erase(plan)
    vault.backup(tmp_path / "b", tmp_path / "e")
    restored(tmp_path, {})
    with reopened(tmp_path) as again:
        assert readable(again, range(2)) == {1}
        assert [each.patient for each in again.certificates()] == [PATIENT]


def test_an_unfinished_restore_does_not_open_and_starts_over(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.deposit([free(0), free(1)])
    vault.backup(tmp_path / "b", tmp_path / "e")
    plan = vault.plan_erasure(PATIENT, [identifier(0)])
    vault.erase(plan)

    def stops(self: Erasure) -> bool:
        raise OSError(5, "input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Erasure, "_settle", stops)
        with pytest.raises(OSError, match="input"):
            restored(tmp_path, on_chain(plan))
    assert refused(reopened, tmp_path) == "vault_restore_unfinished"
    assert refused(reopened, tmp_path) == "vault_restore_unfinished"
    assert restored(tmp_path, on_chain(plan)).destroyed == 1
    with reopened(tmp_path) as again:
        assert readable(again, range(2)) == {1}
    assert refused(restored, tmp_path, {}) == "backup_folder_not_empty"


def test_erasure_keys_are_refused_after_their_date_and_removed(
    vault: Vault, tmp_path: Path
) -> None:
    vault.deposit([free(0)])
    made = vault.backup(tmp_path / "b", tmp_path / "e", days=7)
    assert made.expires == NOW + 7 * DAY
    with pytest.raises(Refusal) as caught:
        restored(tmp_path, {}, clock=lambda: made.expires)
    assert caught.value.code.name == "erasure_backup_expired"
    assert caught.value.parameters == {"expired": made.expires}
    assert not (tmp_path / "restored").exists()
    assert not remove_expired(tmp_path / "e", made.expires - 1)
    assert remove_expired(tmp_path / "e", made.expires)
    assert [path for path in (tmp_path / "e").rglob("*") if path.is_file()] == []
    assert refused(restored, tmp_path, {}) == "backup_incomplete"
    for days in (0, 367):
        assert refused(vault.backup, tmp_path / "c", tmp_path / "d", days) == "malformed"
    assert not (tmp_path / "c").exists()


def test_labels_cannot_be_changed_or_exchanged(
    vault: Vault, clinic: Vault, tmp_path: Path, master_key: Path
) -> None:
    vault.deposit([free(0)])
    made = vault.backup(tmp_path / "b", tmp_path / "e")
    label = tmp_path / "e" / "expires.json"
    kept = label.read_bytes()
    label.write_bytes(kept.replace(str(made.expires).encode(), str(made.expires + DAY).encode()))
    assert refused(restored, tmp_path, {}) == "backup_altered"
    assert refused(reopened, tmp_path) == "vault_restore_unfinished"
    label.write_bytes(b"{}")
    assert refused(restored, tmp_path, {}) == "backup_altered"
    label.write_bytes(kept)
    assert refused(restored, tmp_path, {}, organisation=CLINIC) == "master_key_wrong"
    other = tmp_path / "other.key"
    write_master_key(other)
    assert refused(restored, tmp_path, {}, master_key_file=other) == "master_key_wrong"
    clinic.deposit([free(1)])
    clinic.backup(tmp_path / "cb", tmp_path / "ce")
    shutil.copy(tmp_path / "ce" / "expires.json", label)
    assert refused(restored, tmp_path, {}) == "backup_altered"
    label.write_bytes(kept)
    restored(tmp_path, {})
    with reopened(tmp_path) as again:
        assert readable(again, range(1)) == {0}


def test_folders_are_new_and_apart(vault: Vault, tmp_path: Path) -> None:
    vault.deposit([free(0)])
    for wrong in (
        (tmp_path / "b", tmp_path / "b"),
        (tmp_path / "b", tmp_path / "b" / "e"),
        (tmp_path / "e" / "b", tmp_path / "e"),
        (tmp_path / "live" / "b", tmp_path / "e"),
        (tmp_path / "b", tmp_path),
    ):
        assert refused(vault.backup, *wrong) == "backup_folders_not_apart"
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_bytes(b"")
    assert refused(vault.backup, tmp_path / "b", tmp_path / "e") == "backup_folder_not_empty"
    (tmp_path / "b" / "x").unlink()
    vault.backup(tmp_path / "b", tmp_path / "e")
    assert refused(vault.backup, tmp_path / "b", tmp_path / "e2") == "backup_folder_not_empty"
    inside = (tmp_path / "b", tmp_path / "e", tmp_path / "b" / "x")
    assert refused(restore, *inside, {}, organisation=HOSPITAL, clock=lambda: NOW) == (
        "backup_folders_not_apart"
    )
    assert refused(restored, tmp_path, {}, master_key_file=tmp_path / "absent") == (
        "master_key_missing"
    )
    (tmp_path / "b" / "backup.json").unlink()
    assert refused(restored, tmp_path, {}) == "backup_incomplete"


def test_a_backup_opens_nothing_without_its_erasure_keys(vault: Vault, tmp_path: Path) -> None:
    vault.deposit([item(number) for number in range(3)])
    vault.backup(tmp_path / "b", tmp_path / "e")
    written = [path for path in (tmp_path / "b").rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    assert not list((tmp_path / "b").rglob("erasure*"))
    shutil.copytree(tmp_path / "b", tmp_path / "stolen")
    with Vault.open(tmp_path / "stolen", HOSPITAL, clock=lambda: NOW) as stolen:
        assert readable(stolen, range(3)) == set()
        assert {each.reason for each in stolen.integrity()} == {"erasure_key_missing"}


# Everything but the erasure keys in the wrong hands


def test_with_all_old_copies_and_all_other_keys_nothing_erased_opens(
    vault: Vault, clinic: Vault, tmp_path: Path, master_key: Path
) -> None:
    """An attacker has every earlier disk, backup, the master key, the patient's and the grantee's
    keys, and the key store as it is now; what he cannot have is a destroyed erasure key."""
    vault.deposit([free(0), free(1), free(2), free(3, patient=MARY)])
    vault.deposit([free(4, category="imaging"), free(5, patient=MARY)])
    share(vault, clinic, terms())
    old = tmp_path / "old"
    vault.backup(old, tmp_path / "e")
    grantee = {key.key: key.private for key in vault.keystore.category_keys(PATIENT)}
    vault.erase(vault.plan_erasure(PATIENT, [identifier(0)]))
    vault.backup(tmp_path / "middle", tmp_path / "e2")
    vault.erase(vault.plan_erasure(PATIENT, [identifier(1), identifier(4)]))
    vault.close()
    now = Keystore.open(tmp_path / "live" / "keys", HOSPITAL).erasure
    for copy in (old, tmp_path / "middle"):
        attack = Attack(copy, now)
        attack.private.update(grantee)
        assert attack.opened() == {2, 3, 5}
        assert attack.salts() == {2, 3, 5}
    with Vault.open(tmp_path / "live", HOSPITAL, clock=lambda: NOW) as again:
        assert readable(again, range(6)) == {2, 3, 5}


class Attack:
    """All keys of an old copy, and the erasure keys of now, tried on all payloads of the copy."""

    def __init__(self, copy: Path, erasure: ErasureKeys) -> None:
        keystore = Keystore.open(copy / "keys", HOSPITAL)
        self.private = {
            key.key: key.private
            for patient in (PATIENT, MARY)
            for key in keystore.category_keys(patient)
        }
        with sqlite3.connect(copy / "catalogue.sqlite") as database:
            database.row_factory = sqlite3.Row
            self._rows = database.execute("SELECT * FROM records").fetchall()
            self._wraps = database.execute("SELECT * FROM batch_keys").fetchall()
        database.close()
        self._packs = [path.read_bytes() for path in sorted(copy.rglob("*.pack"))]
        self._erasure = erasure
        batches = {row["batch"] for row in self._rows}
        self._outer = [
            key
            for batch in sorted(batches)
            for patient in (PATIENT, MARY)
            for number in range(6)
            if (key := erasure.key(batch, patient, identifier(number))) is not None
        ]

    def opened(self) -> set[int]:
        """Which records' contents come out, with any key on any payload."""
        found: set[int] = set()
        for number in range(6):
            for row in self._rows:
                if row["record"] == identifier(number) and row["data_key"]:
                    found |= {number} if self._content(row) == item(number).content else set()
        return found

    def _content(self, row: sqlite3.Row) -> bytes | None:
        record = row["record"]
        info = batch_key_binding(HOSPITAL, row["batch"], row["category_key"])
        wrapped = next(
            each["wrapped"]
            for each in self._wraps
            if (each["batch"], each["category_key"]) == (row["batch"], row["category_key"])
        )
        batch_key = unwrap(self.private[row["category_key"]], wrapped, info)
        data_key = open_data_key(batch_key, row["data_key"], row["batch"], record)
        inner = self._inner(row)
        if inner is None:
            return None
        return open_sealed(data_key, inner, content_binding(HOSPITAL, record))

    def _inner(self, row: sqlite3.Row) -> bytes | None:
        size = 29 + 29 + row["size"]
        for pack in self._packs:
            at = pack.find(codec.to_bytes(row["stored"]))
            if at >= 0:
                stored = pack[at + 40 : at + 40 + size]
                for key in self._outer:
                    try:
                        return key.open(stored, outer_binding(row["record"], row["address"]))
                    except Refusal:
                        continue
        return None

    def salts(self) -> set[int]:
        """Which records' salts come out: with one, guesses of the content could be confirmed."""
        found: set[int] = set()
        for number in range(6):
            for row in self._rows:
                if row["record"] == identifier(number) and row["data_key"]:
                    plain = {name: row[name] for name in row.keys()}  # noqa: SIM118
                    sealed = plain.pop("salt")
                    del plain["data_key"]
                    bound = codec.encode({"purpose": "salt", **plain})
                    for key in self._outer:
                        try:
                            key.open(sealed, bound)
                        except Refusal:
                            continue
                        found.add(number)
        return found


def test_ids_of_backups_differ(vault: Vault, tmp_path: Path) -> None:
    made = [vault.backup(tmp_path / new_id(), tmp_path / new_id()).backup for _ in range(2)]
    assert made[0] != made[1]
