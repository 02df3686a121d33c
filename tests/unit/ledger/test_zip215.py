"""Both signature rules against `vectors/ed25519/verdicts.json`, and the slow path by itself."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

from yilian.ledger import zip215

FOLDER = Path(__file__).parents[3] / "vectors" / "ed25519"
CASES = json.loads((FOLDER / "verdicts.json").read_text())["cases"]
TABLE = {
    "A identity, R identity": (False, True),
    "A of order 2, R identity": (False, True),
    "A non-canonical identity": (False, True),
    "R non-canonical identity": (False, True),
    "ordinary key, R identity": (False, True),
    "ordinary key, R with order-2 part": (False, True),
    "S + L": (False, False),
    "honest": (True, True),
    "honest, another message": (False, False),
}


def read(case: dict) -> tuple[bytes, bytes, bytes]:
    key, message, signature = (case[name] for name in ("public_key", "message", "signature"))
    return bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)


def libsodium(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        crypto_sign_open(signature + message, key)
    except (BadSignatureError, ValueError):
        return False
    return len(signature) == 64


@pytest.mark.parametrize("name", sorted({case["case"] for case in CASES}))
def test_both_rules_give_the_stated_verdicts(name: str) -> None:
    for case in (case for case in CASES if case["case"] == name):
        assert zip215.verify(*read(case)) is case["vote"]
        assert libsodium(*read(case)) is case["transaction"]


def test_what_transactions_accept_votes_accept_too() -> None:
    assert all(case["vote"] for case in CASES if case["transaction"])


def test_the_file_holds_the_whole_table() -> None:
    count = Counter(case["case"] for case in CASES)
    for name, verdicts in TABLE.items():
        assert count[name] == 16
        found = {(case["transaction"], case["vote"]) for case in CASES if case["case"] == name}
        assert found == {verdicts}
    assert count["A and R of the eight-torsion, every encoding"] == 14 * 14
    mixed = {case["transaction"] for case in CASES if case["case"] == "A with order-8 part"}
    assert mixed == {True, False}


def test_the_file_is_what_its_script_makes(tmp_path: Path) -> None:
    script = tmp_path / "make.py"
    script.write_bytes((FOLDER / "make.py").read_bytes())
    spec = importlib.util.spec_from_file_location("make_verdicts", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main()
    assert (tmp_path / "verdicts.json").read_bytes() == (FOLDER / "verdicts.json").read_bytes()


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=64), st.integers(0, 511))
def test_the_integers_agree_with_libsodium_on_honest_signatures(
    seed: bytes, message: bytes, bit: int
) -> None:
    key = SigningKey(seed)
    public, signature = bytes(key.verify_key), key.sign(message).signature
    assert zip215._verify_cofactored(public, message, signature)
    assert zip215.verify(public, message, signature)
    wrong = bytearray(signature)
    wrong[bit // 8] ^= 1 << bit % 8
    assert not zip215._verify_cofactored(public, message, bytes(wrong))
    assert not zip215.verify(public, message, bytes(wrong))
    assert not zip215.verify(public, message + b"x", signature)


@given(st.binary(max_size=80), st.binary(max_size=8), st.binary(max_size=80))
def test_noise_is_refused_without_an_exception(key: bytes, message: bytes, sig: bytes) -> None:
    if len(key) != 32 or len(sig) != 64:
        assert not zip215.verify(key, message, sig)
