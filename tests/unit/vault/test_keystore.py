from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from nacl.signing import SigningKey, VerifyKey

from tests.unit.vault.builders import CLINIC, DOCTOR, GRANT, HOSPITAL, PATIENT, identifier
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault import duplicates
from yilian.vault.envelope import KeyName
from yilian.vault.keystore import MASTER_KEY_VARIABLE, Keystore, write_master_key


def name(period: str = "2026-03", patient: str = PATIENT, category: str = "laboratory") -> KeyName:
    return KeyName(patient=patient, category=category, sensitivity="normal", period=period)


def refused(call: object, *arguments: object) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code.name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault" / "keys"


def test_everything_is_there_again_after_reopening(folder: Path) -> None:
    store = Keystore.open(folder, HOSPITAL)
    public = store.new_signing_key(GRANT)
    service = store.service_key()
    category = store.current_category_keys([name()])[name()]
    store.keep_duplicate_share(3, duplicates.new_secret())
    again = Keystore.open(folder, HOSPITAL)
    assert again.public_key(GRANT) == public
    assert again.service_key().export() == service.export()
    assert again.current_category_keys([name()])[name()].private.export() == (
        category.private.export()
    )
    assert again.duplicate_share() == store.duplicate_share()
    sealed = store.sealer("x", "1").seal(b"content", b"a")
    assert again.sealer("x", "1").open(sealed, b"a") == b"content"


def test_files_and_folders_are_the_owners_alone(folder: Path) -> None:
    store = Keystore.open(folder, HOSPITAL)
    store.new_signing_key(GRANT)
    store.service_key()
    store.current_category_keys([name()])
    paths = [folder, *folder.rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {0o700}
    assert sum(path.is_file() for path in paths) == 4


def test_a_loosened_key_store_is_refused(folder: Path) -> None:
    Keystore.open(folder, HOSPITAL)
    (folder / "check.sealed").chmod(0o640)
    assert refused(Keystore.open, folder, HOSPITAL) == "keystore_exposed"


def test_no_key_stands_in_the_clear(folder: Path, master_key: Path) -> None:
    store = Keystore.open(folder, HOSPITAL)
    seed = bytes(range(100, 132))
    store.add_signing_key(GRANT, seed)
    secrets = [seed, store.service_key().export()]
    secrets += [each.private.export() for each in store.current_category_keys([name()]).values()]
    secrets.append(codec.to_bytes(master_key.read_text().split()[1]))
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for secret in secrets:
        for part in (secret[1:33], secret[-32:]):
            assert part not in written
            assert codec.to_text(part).encode() not in written


def test_repr_shows_no_key(folder: Path) -> None:
    store = Keystore.open(folder, HOSPITAL)
    category = store.current_category_keys([name()])[name()]
    shown = f"{store!r} {store} {category!r} {store.sealer('x')!r} {store.service_key()!r}"
    for secret in (category.private.export(), store.service_key().export()):
        assert secret[1:17].hex() not in shown
        assert codec.to_text(secret)[8:30] not in shown
    assert HOSPITAL in shown


def test_master_key_wrong_missing_or_exposed(
    folder: Path, tmp_path: Path, master_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Keystore.open(folder, HOSPITAL)
    other = tmp_path / "other.key"
    write_master_key(other)
    assert refused(Keystore.open, folder, HOSPITAL, other) == "master_key_wrong"
    assert refused(Keystore.open, folder, CLINIC) == "master_key_wrong"
    assert refused(Keystore.open, folder, HOSPITAL, tmp_path / "absent") == "master_key_missing"
    for text in ("", "yilian-master-key/1 AAAA", "AAAA", "yilian-master-key/1 !", "\xff"):
        other.write_bytes(text.encode("latin-1"))
        assert refused(Keystore.open, folder, HOSPITAL, other) == "master_key_wrong"
    master_key.chmod(0o644)
    assert refused(Keystore.open, folder, HOSPITAL) == "master_key_exposed"
    monkeypatch.delenv(MASTER_KEY_VARIABLE)
    assert refused(Keystore.open, folder, HOSPITAL) == "master_key_missing"


def test_a_new_store_makes_its_master_key_outside_the_vault(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MASTER_KEY_VARIABLE)
    Keystore.open(folder, HOSPITAL).service_key()
    made = folder.parent.with_name("vault.master-key")
    assert made.stat().st_mode & 0o777 == 0o600
    assert not list(folder.parent.rglob("*master*"))
    Keystore.open(folder, HOSPITAL)
    made.unlink()
    assert refused(Keystore.open, folder, HOSPITAL) == "master_key_missing"


def test_signing_keys(folder: Path) -> None:
    store = Keystore.open(folder, HOSPITAL)
    seed = bytes(range(32))
    public = store.add_signing_key(GRANT, seed)
    assert public == bytes(SigningKey(seed).verify_key) == store.public_key(GRANT)
    VerifyKey(public).verify(b"message", store.sign(GRANT, b"message"))
    store.new_signing_key(DOCTOR)
    assert store.signing_keys() == sorted([GRANT, DOCTOR])
    assert refused(store.add_signing_key, GRANT, seed) == "signing_key_exists"
    assert refused(store.add_signing_key, PATIENT, b"short") == "malformed"
    store.remove_signing_key(GRANT)
    assert refused(store.sign, GRANT, b"message") == "signing_key_unknown"
    assert refused(store.remove_signing_key, GRANT) == "signing_key_unknown"
    assert store.signing_keys() == [DOCTOR]


@pytest.mark.parametrize("key", ["", "../../outside", "a/b", "." * 22, "A" * 21 + "\n", "A" * 23])
def test_only_ids_become_file_names(folder: Path, key: str) -> None:
    store = Keystore.open(folder, HOSPITAL)
    assert refused(store.new_signing_key, key) == "malformed"
    assert refused(store.category_keys, key) == "malformed"
    assert refused(store.sign, key, b"") == "malformed"


def test_old_service_keys_still_open(folder: Path) -> None:
    store = Keystore.open(folder, HOSPITAL)
    first = store.service_key()
    second = store.rotate_service_key()
    assert store.service_key().public == second.public != first.public
    assert store.service_key_by_id(first.public.id).export() == first.export()
    assert refused(store.service_key_by_id, GRANT) == "service_key_unknown"


def test_category_keys_are_made_once_and_renewed_by_ending(folder: Path) -> None:
    store = Keystore.open(folder, HOSPITAL)
    names = [name(), name("2026-04"), name(patient=DOCTOR), name(category="imaging")]
    first = store.current_category_keys(names)
    assert len({each.key for each in first.values()}) == 4
    again = store.current_category_keys(names[:2])
    assert {each.key for each in again.values()} == {first[each].key for each in names[:2]}
    store.end_category_keys(PATIENT)
    store.end_category_keys(identifier("nobody"))
    renewed = store.current_category_keys(names)
    assert renewed[names[0]].key != first[names[0]].key
    assert renewed[names[0]].generation == 1
    assert renewed[names[2]].key == first[names[2]].key
    old = store.category_key(PATIENT, first[names[0]].key)
    assert old.private.export() == first[names[0]].private.export()
    assert old.ended
    assert [each.generation for each in store.category_keys(PATIENT)].count(1) == 3
    assert refused(store.category_key, PATIENT, GRANT) == "category_key_missing"


def test_damaged_or_swapped_files_are_named(folder: Path) -> None:
    store = Keystore.open(folder, HOSPITAL)
    store.new_signing_key(GRANT)
    store.new_signing_key(DOCTOR)
    store.service_key()
    service, signing = folder / "service.sealed", folder / "signing"
    kept = service.read_bytes()
    service.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    with pytest.raises(Refusal) as caught:
        store.service_key()
    assert caught.value.code.name == "keystore_damaged"
    assert caught.value.parameters == {"name": "service"}
    shutil.copy(signing / f"{GRANT}.sealed", signing / f"{DOCTOR}.sealed")
    assert refused(store.sign, DOCTOR, b"") == "keystore_damaged"
    (folder / "check.sealed").write_bytes(b"")
    assert refused(Keystore.open, folder, HOSPITAL) == "master_key_wrong"


def test_derived_keys_differ_by_purpose_and_scope(folder: Path) -> None:
    store = Keystore.open(folder, HOSPITAL)
    sealed = store.sealer("salts", "1").seal(b"x", b"")
    assert refused(store.sealer("salts", "2").open, sealed, b"") == "envelope_not_opened"
    assert refused(store.sealer("grants", "1").open, sealed, b"") == "envelope_not_opened"


def test_a_missing_duplicate_share_is_refused(folder: Path) -> None:
    store = Keystore.open(folder, HOSPITAL)
    assert refused(store.duplicate_share) == "duplicate_share_missing"
