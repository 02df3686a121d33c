"""Canonical bytes: one spelling per value, the one of RFC 8785, and nothing else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chain import digest_of, name_of
from tests.scale import SCALE
from yilian.ledger import codec
from yilian.ledger.errors import MALFORMED, NOT_CANONICAL, Refusal

FIELD = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,12}", fullmatch=True)
INTEGER = st.integers(-codec.MAX_INTEGER, codec.MAX_INTEGER)
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGER | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(FIELD, inner, max_size=5),
    max_leaves=30,
)


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A small record with a default."""

    b: codec.Whole
    a: str = ""


@settings(max_examples=300 * min(SCALE, 70), deadline=None)
@given(VALUES)
def test_the_encoder_writes_rfc_8785(value: Any) -> None:
    rfc8785 = pytest.importorskip("rfc8785", reason="rfc8785 is in the extra `test`")
    assert codec.encode(value) == rfc8785.dumps(value)


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_decode_then_encode_is_the_identity(value: Any) -> None:
    data = codec.encode(value)
    assert codec.encode(codec.decode(data, Any)) == data


def test_fields_are_sorted_and_defaults_left_out() -> None:
    assert codec.encode(Note(b=1, a="x")) == b'{"a":"x","b":1}'
    assert codec.decode(b'{"b":1}', Note) == Note(b=1)


@pytest.mark.parametrize(
    "text",
    [
        b'{"b":1,"a":"x"}',
        b'{"a":"x", "b":1}',
        b' {"b":1}',
        b'{"b":1}\n',
        b'{"a":"","b":1}',
        b'{"b":1,"b":1}',
        b'{"b":2,"b":1}',
        b'{"a":"\\u0078","b":1}',
        b'{"a":"\\/","b":1}',
        b'{"b":1.0}',
        b'{"b":1e0}',
        b'{"b":-0}',
    ],
)
def test_another_spelling_is_refused(text: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        codec.decode(text, Note)
    assert caught.value.code in (NOT_CANONICAL, MALFORMED)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"{",
        b"[]",
        b'{"b":NaN}',
        b'{"b":1.5}',
        b'{"b":-1}',
        b'{"b":true}',
        b'{"b":"1"}',
        b'{"b":9007199254740992}',
        b'{"b":' + b"9" * 5000 + b"}",
        b'{"b":01}',
        b'{"b":1,"c":1}',
        b'{"a":"\\ud800","b":1}',
        b'{"a":"\xed\xa0\x80","b":1}',
        b'{"a":"\xff","b":1}',
        b'\xef\xbb\xbf{"b":1}',
        '{"b":1}'.encode("utf-16"),
        '{"a":"医链","b":1}'.encode("gb18030"),
        b'{"a":' + b"[" * 100_000,
        b'{"b":1}{"b":1}',
    ],
)
def test_what_is_not_of_the_type_is_refused(text: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        codec.decode(text, Note)
    assert caught.value.code is MALFORMED


@given(st.binary(max_size=80))
def test_base64url_goes_there_and_back(data: bytes) -> None:
    assert codec.to_bytes(codec.to_text(data)) == data


@pytest.mark.parametrize("text", ["A", "AA==", "A A", "A+", "A/", "é", "AA\n", "AAAAA"])
def test_what_is_no_base64url_is_refused(text: str) -> None:
    with pytest.raises(Refusal):
        codec.to_bytes(text)


@pytest.mark.parametrize("text", ["AB", "AAB"])
def test_spare_bits_are_zero(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        codec.to_bytes(text)
    assert caught.value.code is NOT_CANONICAL


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        (codec.Id, name_of("x")),
        (codec.Digest, digest_of("x")),
        (codec.Name, "ecdsa-p256"),
        (codec.Binary, "AQID"),
    ],
)
def test_a_type_of_text_ends_with_its_last_letter(kind: Any, good: str) -> None:
    assert codec.decode(codec.encode(good), kind) == good
    for bad in (good + "\n", "\n" + good, good + " ", good + "é", ""):
        with pytest.raises(Refusal):
            codec.decode(codec.encode(bad), kind)


@pytest.mark.parametrize("kind", [codec.Id, codec.Digest])
def test_an_id_has_no_second_spelling(kind: Any) -> None:
    good = name_of("x") if kind is codec.Id else digest_of("x")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    fit = 0
    for letter in alphabet:
        try:
            codec.to_bytes(codec.decode(codec.encode(good[:-1] + letter), kind))
        except Refusal:
            continue
        fit += 1
    assert fit == (4 if kind is codec.Id else 16)


@given(st.integers())
def test_integers_end_where_every_reader_still_holds_them(number: int) -> None:
    inside = 0 <= number <= codec.MAX_INTEGER
    try:
        assert codec.decode(b"%d" % number, codec.Whole) == number
    except Refusal:
        assert not inside
    else:
        assert inside
