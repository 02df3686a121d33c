"""Key files and signers: what opens, what never does, and what never shows."""

from __future__ import annotations

import copy
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from yilian.ledger import codec, keys
from yilian.ledger.keys import PublicKey
from yilian.sdk.errors import KeyFileError
from yilian.sdk.signers import (
    Ed25519Signer,
    passphrase_file,
    read_public,
    write_public,
)

# RFC 8032, section 7.1, TEST 2.
SEED = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
PASSPHRASE = "correct horse 电池".encode()


def right() -> bytes:
    return PASSPHRASE


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    path = tmp_path / "sealed.key"
    Ed25519Signer(SEED).write(path, right)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "plain.key"
    Ed25519Signer(SEED).write(path, None)
    return path


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(KeyFileError) as caught:
        action()
    return caught.value.code


def test_signs_as_the_rfc_prints() -> None:
    signer = Ed25519Signer(SEED)
    assert codec.to_bytes(signer.key.public).hex() == PUBLIC
    assert signer.sign(b"\x72").hex() == SIGNATURE
    assert signer.key_id == keys.key_id(signer.key)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_seed_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Ed25519Signer(bytes(size))


def test_generated_keys_differ_and_verify() -> None:
    one, two = Ed25519Signer.generate(), Ed25519Signer.generate()
    assert one.key != two.key
    assert keys.verify(one.key, b"text", one.sign(b"text"))
    assert not keys.verify(one.key, b"text", two.sign(b"text"))


def test_a_sealed_file_comes_back_and_holds_no_seed(sealed: Path) -> None:
    assert Ed25519Signer.read(sealed, right).sign(b"\x72").hex() == SIGNATURE
    assert read_public(sealed) == Ed25519Signer(SEED).key
    assert codec.to_text(SEED) not in sealed.read_text()
    assert sealed.stat().st_mode & 0o777 == 0o600
    assert list(sealed.parent.iterdir()) == [sealed]


def test_a_plain_file_comes_back(plain: Path) -> None:
    assert Ed25519Signer.read(plain).key == Ed25519Signer(SEED).key
    assert plain.stat().st_mode & 0o777 == 0o600


def test_two_files_of_one_key_have_nothing_secret_in_common(tmp_path: Path) -> None:
    held = []
    for name in ("a", "b"):
        Ed25519Signer(SEED).write(tmp_path / name, right)
        held.append(json.loads((tmp_path / name).read_text()))
    assert held[0]["kdf"]["salt"] != held[1]["kdf"]["salt"]
    assert held[0]["sealed"] != held[1]["sealed"]


def test_a_wrong_passphrase_does_not_open(sealed: Path) -> None:
    assert code_of(lambda: Ed25519Signer.read(sealed, lambda: b"wrong horse")) == "passphrase_wrong"
    assert code_of(lambda: Ed25519Signer.read(sealed)) == "passphrase_missing"


@pytest.mark.parametrize("size", [0, 7, 1025])
def test_a_passphrase_is_neither_short_nor_endless(tmp_path: Path, size: int) -> None:
    path = tmp_path / "key"
    write = Ed25519Signer(SEED).write
    assert code_of(lambda: write(path, lambda: b"x" * size)) == "passphrase_short"
    assert not path.exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_open_to_others_is_refused(sealed: Path, mode: int) -> None:
    sealed.chmod(mode)
    assert code_of(lambda: Ed25519Signer.read(sealed, right)) == "key_file_exposed"
    assert read_public(sealed) == Ed25519Signer(SEED).key


def test_a_key_is_never_written_over(sealed: Path) -> None:
    before = sealed.read_bytes()
    assert code_of(lambda: Ed25519Signer.generate().write(sealed, right)) == "key_file_exists"
    assert sealed.read_bytes() == before
    assert list(sealed.parent.iterdir()) == [sealed]


def test_no_folder_no_file(tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "key"
    assert code_of(lambda: Ed25519Signer(SEED).write(nowhere, None)) == "key_file_not_written"
    assert code_of(lambda: Ed25519Signer.read(nowhere)) == "key_file_missing"


def test_a_public_file_signs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "public"
    write_public(path, Ed25519Signer(SEED).key)
    assert read_public(path) == Ed25519Signer(SEED).key
    assert code_of(lambda: Ed25519Signer.read(path)) == "key_file_public"


def test_a_swapped_public_key_does_not_open(sealed: Path) -> None:
    held = json.loads(sealed.read_text())
    held["key"]["public"] = Ed25519Signer.generate().key.public
    rewrite(sealed, held)
    assert code_of(lambda: Ed25519Signer.read(sealed, right)) == "passphrase_wrong"


def test_a_plain_file_with_another_public_key_is_damaged(plain: Path) -> None:
    held = json.loads(plain.read_text())
    held["key"]["public"] = Ed25519Signer.generate().key.public
    rewrite(plain, held)
    assert code_of(lambda: Ed25519Signer.read(plain)) == "key_file_damaged"


@pytest.mark.parametrize("field", ["salt", "nonce", "sealed"])
def test_a_changed_letter_does_not_open(sealed: Path, field: str) -> None:
    held = json.loads(sealed.read_text())
    home = held["kdf"] if field == "salt" else held
    first = home[field][0]
    home[field] = ("A" if first != "A" else "B") + home[field][1:]
    rewrite(sealed, held)
    assert code_of(lambda: Ed25519Signer.read(sealed, right)) == "passphrase_wrong"


@pytest.mark.parametrize(
    "change",
    [
        {"kdf": {"salt": "AAAAAAAAAAAAAAAAAAAAAA", "memory_kib": 2**40, "name": "argon2id"}},
        {"kdf": {"salt": "AAAAAAAAAAAAAAAAAAAAAA", "memory_kib": 8, "name": "argon2id"}},
        {"kdf": {"salt": "AAAAAAAAAAAAAAAAAAAAAA", "iterations": 10**9}},
        {"kdf": {"salt": "AAAAAAAAAAAAAAAAAAAAAA", "name": "md5"}},
        {"nonce": "AAAA"},
        {"sealed": "AAAA"},
        {"nonce": "****"},
        {"more": 1},
        {"format": "yilian-key/2"},
        {"key": {"suite": "ed25519", "public": "!!"}},
    ],
)
def test_a_hostile_file_is_damaged_at_once(sealed: Path, change: dict[str, object]) -> None:
    rewrite(sealed, json.loads(sealed.read_text()) | change)
    assert code_of(lambda: Ed25519Signer.read(sealed, right)) == "key_file_damaged"


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 3000, b" " * 5000, b'{"a":1}']
)
def test_what_is_no_key_file_is_damaged(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(text)
    path.chmod(0o600)
    assert code_of(lambda: Ed25519Signer.read(path)) == "key_file_damaged"
    assert code_of(lambda: read_public(path)) == "key_file_damaged"


def test_a_pipe_or_a_folder_is_no_key_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert code_of(lambda: Ed25519Signer.read(tmp_path / "pipe")) == "key_file_damaged"
    assert code_of(lambda: Ed25519Signer.read(tmp_path)) == "key_file_damaged"


def test_a_signer_shows_and_gives_away_nothing(plain: Path) -> None:
    signer = Ed25519Signer.read(plain)
    for shown in (repr(signer), str(signer), f"{signer!r}"):
        assert SEED.hex() not in shown
        assert codec.to_text(SEED) not in shown
    assert signer.key_id in repr(signer)
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            take(signer)


def test_no_error_holds_what_is_in_the_file(sealed: Path) -> None:
    with pytest.raises(KeyFileError) as caught:
        Ed25519Signer.read(sealed, lambda: b"my secret guess")
    assert "guess" not in str(caught.value)


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\nsecond line\n", b""])
def test_the_first_line_of_a_passphrase_file_counts(
    tmp_path: Path, sealed: Path, ending: bytes
) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(PASSPHRASE + ending)
    path.chmod(0o600)
    assert isinstance(Ed25519Signer.read(sealed, passphrase_file(path)).key, PublicKey)
    path.chmod(0o644)
    assert code_of(passphrase_file(path)) == "key_file_exposed"


def rewrite(path: Path, held: object) -> None:
    path.write_text(json.dumps(held))
