from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.vault.builders import HOSPITAL, PATIENT, identifier
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.erasure_keys import ErasureKeys
from yilian.vault.keystore import Keystore

BATCH, OTHER, MARY = identifier("batch"), identifier("other"), identifier("mary")
ONE, TWO, THREE = (identifier(number) for number in range(3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vault" / "erasure"


@pytest.fixture
def keys(folder: Path) -> ErasureKeys:
    return again(folder)


def again(folder: Path) -> ErasureKeys:
    return Keystore.open(folder.parent / "keys", HOSPITAL).erasure


def opens(keys: ErasureKeys, sealed: bytes, patient: str, record: str, batch: str = BATCH) -> bool:
    key = keys.key(batch, patient, record)
    if key is None:
        return False
    try:
        return key.open(sealed, b"") == b"content"
    except Refusal:
        return False


def sealed(keys: ErasureKeys, patient: str, record: str, batch: str = BATCH) -> bytes:
    key = keys.key(batch, patient, record)
    assert key is not None
    return key.seal(b"content", b"")


def test_one_file_for_a_batch_however_many_patients(keys: ErasureKeys, folder: Path) -> None:
    keys.make(BATCH, [PATIENT, MARY])
    assert len(list(folder.rglob("*.sealed"))) == 1
    assert keys.batches() == [BATCH]
    with pytest.raises(ValueError, match="once"):
        keys.make(BATCH, [PATIENT])
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*.sealed")} == {0o600}


def test_each_record_has_a_key_of_its_own(keys: ErasureKeys, folder: Path) -> None:
    keys.make(BATCH, [PATIENT, MARY])
    keys.make(OTHER, [PATIENT])
    made = sealed(keys, PATIENT, ONE)
    assert opens(keys, made, PATIENT, ONE)
    assert opens(again(folder), made, PATIENT, ONE)
    assert not opens(keys, made, PATIENT, TWO)
    assert not opens(keys, made, MARY, ONE)
    assert not opens(keys, made, PATIENT, ONE, OTHER)
    assert keys.key(BATCH, identifier("nobody"), ONE) is None
    assert keys.key(identifier("unmade"), PATIENT, ONE) is None


def test_what_is_not_kept_is_gone_and_the_rest_opens_as_before(
    keys: ErasureKeys, folder: Path
) -> None:
    keys.make(BATCH, [PATIENT, MARY])
    of = {ONE: PATIENT, TWO: PATIENT, THREE: MARY}
    made = {record: sealed(keys, patient, record) for record, patient in of.items()}
    before = next(folder.rglob("*.sealed")).read_bytes()
    keys.keep_only(BATCH, [(PATIENT, TWO), (MARY, THREE)])
    for store in (keys, again(folder)):
        assert [opens(store, made[record], of[record], record) for record in (ONE, TWO, THREE)] == [
            False,
            True,
            True,
        ]
    after = next(folder.rglob("*.sealed")).read_bytes()
    assert after != before
    keys.keep_only(BATCH, [(PATIENT, TWO), (MARY, THREE)])
    assert next(folder.rglob("*.sealed")).read_bytes() == after
    keys.keep_only(BATCH, [(PATIENT, ONE), (PATIENT, TWO)])
    assert not opens(keys, made[ONE], PATIENT, ONE)
    assert opens(keys, made[TWO], PATIENT, TWO)
    keys.keep_only(BATCH, [])
    assert list(folder.rglob("*.sealed")) == []
    assert not opens(keys, made[TWO], PATIENT, TWO)
    keys.keep_only(BATCH, [(PATIENT, TWO)])
    keys.destroy(BATCH)
    assert keys.batches() == []


def test_files_are_sealed_for_their_batch(keys: ErasureKeys, folder: Path) -> None:
    keys.make(BATCH, [PATIENT])
    keys.make(OTHER, [PATIENT])
    paths = {path.stem: path for path in folder.rglob("*.sealed")}
    assert PATIENT.encode() not in paths[BATCH].read_bytes()
    paths[BATCH].write_bytes(paths[OTHER].read_bytes())
    paths[OTHER].write_bytes(b"")
    fresh = again(folder)
    for batch in (BATCH, OTHER):
        with pytest.raises(Refusal) as caught:
            fresh.key(batch, PATIENT, ONE)
        assert caught.value.code.name == "keystore_damaged"
        assert caught.value.parameters == {"name": f"erasure/{batch}"}


def test_names_that_are_no_ids_never_become_files(keys: ErasureKeys) -> None:
    for name in ("../../x", "", "x"):
        with pytest.raises(Refusal):
            keys.make(name, [PATIENT])
        with pytest.raises(Refusal):
            keys.key(name, PATIENT, ONE)


def test_an_exposed_folder_is_refused(keys: ErasureKeys, folder: Path) -> None:
    keys.make(BATCH, [PATIENT])
    folder.chmod(0o755)
    with pytest.raises(Refusal) as caught:
        again(folder)
    assert caught.value.code.name == "keystore_exposed"


def test_nothing_shows_a_key(keys: ErasureKeys, folder: Path) -> None:
    keys.make(BATCH, [PATIENT])
    stored = keys._stored(BATCH)
    assert stored is not None
    secret = stored.patients[PATIENT]
    written = b"".join(path.read_bytes() for path in folder.parent.rglob("*") if path.is_file())
    for hidden in (secret, codec.to_text(secret).encode()):
        assert hidden not in written
    assert repr(keys) == "<ErasureKeys>"
    assert secret.hex() not in f"{keys!r}{keys.key(BATCH, PATIENT, ONE)!r}"
