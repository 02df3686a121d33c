"""The header of a session: read back as it was written, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chain import name_of
from tests.unit.gateway.auth.browser import SessionKey
from yilian.gateway.auth import claim
from yilian.gateway.auth.claim import SessionClaim
from yilian.ledger import codec, signed_request
from yilian.ledger.errors import Refusal

KEY = SessionKey()
CLAIM = SessionClaim(
    chain="test",
    session=name_of("session"),
    method="GET",
    path="/v1/x?a=1",
    body=signed_request.body_digest(b""),
    nonce=name_of("nonce"),
    expires=1,
)


def test_a_header_is_read_back_and_verifies() -> None:
    found, signature = claim.read(claim.header(CLAIM, KEY.sign(claim.text(CLAIM))))
    assert found == CLAIM
    assert claim.verifies(KEY.public, claim.text(found), signature)
    assert not claim.verifies(SessionKey().public, claim.text(found), signature)
    assert not claim.verifies(KEY.public, signed_request.DOMAIN + codec.encode(found), signature)


@given(st.text(max_size=200))
def test_other_texts_are_no_header(value: str) -> None:
    with pytest.raises(Refusal):
        claim.read(value)


@pytest.mark.parametrize(
    "value", ["a" * (claim.MAX_HEADER + 1), "e30.AA", ".", "e30.", f"{codec.to_text(b'{ }')}.AA"]
)
def test_what_is_too_long_empty_or_not_canonical_is_refused(value: str) -> None:
    with pytest.raises(Refusal):
        claim.read(value)


@given(st.binary(max_size=80))
def test_random_bytes_verify_nothing(data: bytes) -> None:
    assert not claim.verifies(KEY.public, b"signed", data)
    assert not claim.verifies(data, b"signed", bytes(64))


@given(st.binary(min_size=65, max_size=65))
def test_random_bytes_are_no_session_key(data: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        claim.require_session_key(data)
    assert caught.value.code.name == "sign_in.session_key_refused"


def test_a_compressed_point_is_no_session_key() -> None:
    short = bytes([2 + (KEY.public[64] & 1)]) + KEY.public[1:33]
    with pytest.raises(Refusal):
        claim.require_session_key(short)
    claim.require_session_key(KEY.public)


def test_challenges_are_bound_to_the_key() -> None:
    one, two = (claim.challenge(bytes(32), SessionKey().public) for _ in range(2))
    assert one != two
