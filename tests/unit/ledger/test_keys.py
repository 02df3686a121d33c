"""Suites: what may be enrolled, what verifies, and which the profile allows."""

from __future__ import annotations

import pytest

from tests.cases import raises
from tests.chain import PROFILES, SECOND, Signer
from yilian.ledger import codec, keys
from yilian.ledger.errors import KEY_REFUSED, SUITE_NOT_ALLOWED, Refusal
from yilian.ledger.keys import Profile, PublicKey, Suites

SUITES = sorted(keys.SIGNATURES)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SMALL_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "ec" + "ff" * 30 + "7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
]
"""Points of order 1, 2, 4 and 8 on edwards25519 (RFC 8032 curve), little-endian."""


@pytest.mark.parametrize("suite", SUITES)
def test_a_signature_verifies_under_its_key_and_text_alone(suite: str) -> None:
    signer, other = Signer("one", suite), Signer("two", suite)
    signature = codec.to_bytes(signer.sign(b"text"))
    assert keys.verify(signer.key, b"text", signature)
    assert not keys.verify(other.key, b"text", signature)
    assert not keys.verify(signer.key, b"text.", signature)


@pytest.mark.parametrize("suite", SUITES)
def test_every_changed_bit_is_noticed(suite: str) -> None:
    signer = Signer("one", suite)
    signature = codec.to_bytes(signer.sign(b"text"))
    for bit in range(8 * len(signature)):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert not keys.verify(signer.key, b"text", bytes(changed)), bit


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("size", [0, 1, 63, 65, 128])
def test_a_signature_has_one_size(suite: str, size: int) -> None:
    signer = Signer("one", suite)
    signature = (codec.to_bytes(signer.sign(b"text")) * 2)[:size]
    assert not keys.verify(signer.key, b"text", signature)


def test_ecdsa_takes_the_low_s_alone() -> None:
    signer = Signer("one", "ecdsa-p256")
    signature = codec.to_bytes(signer.sign(b"text"))
    s = int.from_bytes(signature[32:], "big")
    high = signature[:32] + (ORDER - s).to_bytes(32, "big")
    assert keys.verify(signer.key, b"text", signature)
    assert not keys.verify(signer.key, b"text", high)


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (ORDER, 1), (1, ORDER), (2**256 - 1, 1)])
def test_ecdsa_refuses_numbers_out_of_range(r: int, s: int) -> None:
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert not keys.verify(Signer("one", "ecdsa-p256").key, b"text", signature)


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_key_of_small_order_is_not_enrolled(point: str) -> None:
    key = PublicKey("ed25519", codec.to_text(bytes.fromhex(point)))
    with pytest.raises(Refusal) as caught:
        Suites(Profile()).admit(key)
    assert caught.value.code is KEY_REFUSED


def test_a_key_that_is_not_canonical_is_not_enrolled() -> None:
    above = (2**255 - 19 + 3).to_bytes(32, "little")
    assert not keys.SIGNATURES["ed25519"].admit(above)


@pytest.mark.parametrize("suite", SUITES)
def test_a_good_key_is_enrolled_and_a_short_one_is_not(suite: str) -> None:
    public = codec.to_bytes(Signer("one", suite).key.public)
    assert keys.SIGNATURES[suite].admit(public)
    assert not keys.SIGNATURES[suite].admit(public[:-1])
    assert not keys.SIGNATURES[suite].admit(public + b"\0")
    assert not keys.SIGNATURES[suite].admit(b"")


def test_a_point_off_the_curve_is_not_enrolled() -> None:
    suite = keys.SIGNATURES["ecdsa-p256"]
    off = [x for x in range(40) if not suite.admit(b"\x02" + x.to_bytes(32, "big"))]
    assert 0 < len(off) < 40
    assert not suite.admit(b"\x05" + codec.to_bytes(Signer("one", "ecdsa-p256").key.public)[1:])


@raises(SUITE_NOT_ALLOWED)
def test_the_profile_says_which_suites_may_enrol() -> None:
    Suites(SECOND).admit(Signer("one", "ed25519").key)


@raises(KEY_REFUSED)
def test_a_key_that_is_no_point_is_refused() -> None:
    Suites(Profile()).admit(PublicKey("ed25519", codec.to_text(bytes(32))))


@pytest.mark.parametrize(
    "profile",
    [
        Profile(hash="md5"),
        Profile(hash="ed25519"),
        Profile(signatures=("rsa",)),
        Profile(signatures=("sha256",)),
        Profile(signatures=("ed25519", "sha3-256")),
    ],
)
def test_a_profile_names_known_suites_of_the_right_kind(profile: Profile) -> None:
    with pytest.raises(Refusal) as caught:
        Suites(profile)
    assert caught.value.code is SUITE_NOT_ALLOWED


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_an_old_key_verifies_whatever_the_profile_says(name: str) -> None:
    Suites(PROFILES[name])
    signer = Signer("one", "ed25519")
    assert keys.verify(signer.key, b"text", codec.to_bytes(signer.sign(b"text")))


def test_a_key_is_named_by_suite_and_bytes() -> None:
    key = Signer("one").key
    assert keys.key_id(key) == keys.key_id(PublicKey(key.suite, key.public))
    assert keys.key_id(key) != keys.key_id(PublicKey("ecdsa-p256", key.public))
    assert keys.key_id(key) != keys.key_id(Signer("two").key)
    assert len(codec.to_bytes(keys.key_id(key))) == 16


def test_hashes_are_the_published_ones() -> None:
    # FIPS 180-4 and FIPS 202: the digests of the empty message.
    assert keys.sha256(b"").hex().startswith("e3b0c44298fc1c149afbf4c8996fb924")
    assert keys.sha3_256(b"").hex().startswith("a7ffc6f8bf1ed76651c14756a061d662")
