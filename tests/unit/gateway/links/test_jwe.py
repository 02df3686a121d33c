"""The encrypted file: the header of the specification, and what others make of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jwcrypto.jwe import InvalidJWEData

from tests.unit.gateway.links.sharing import decrypted
from yilian.gateway.links.jwe import encrypt
from yilian.ledger import codec


def parts(file: str) -> list[bytes]:
    return [codec.to_bytes(each) if each else b"" for each in file.split(".")]


def test_the_form_is_that_of_the_specification() -> None:
    file, key = encrypt(b"{}")
    header, wrapped, nonce, _, tag = parts(file)
    assert json.loads(header) == {
        "alg": "dir",
        "cty": "application/fhir+json",
        "enc": "A256GCM",
        "zip": "DEF",
    }
    assert (wrapped, len(nonce), len(tag), len(key)) == (b"", 12, 16, 43)


@settings(deadline=None, max_examples=30)
@given(st.binary(min_size=1, max_size=4_096))
def test_another_implementation_opens_it(content: bytes) -> None:
    file, key = encrypt(content)
    assert decrypted(file, key) == content


def test_a_long_file_is_packed_and_opens() -> None:
    content = json.dumps(["云溪市第一人民医院"] * 20_000).encode()
    file, key = encrypt(content)
    assert len(file) < len(content) // 10
    assert decrypted(file, key) == content


def test_no_two_files_are_alike() -> None:
    files = [encrypt(b"the same") for _ in range(8)]
    assert len({file for file, _ in files}) == len({key for _, key in files}) == 8
    assert len({parts(file)[2] for file, _ in files}) == 8


@pytest.mark.parametrize("part", [0, 2, 3, 4])
def test_a_changed_file_does_not_open(part: int) -> None:
    file, key = encrypt(b"content")
    cut = file.split(".")
    changed = bytearray(codec.to_bytes(cut[part]))
    changed[-1] ^= 1
    cut[part] = codec.to_text(bytes(changed))
    with pytest.raises((InvalidJWEData, ValueError)):
        decrypted(".".join(cut), key)
    _, other = encrypt(b"content")
    with pytest.raises(InvalidJWEData):
        decrypted(file, other)
