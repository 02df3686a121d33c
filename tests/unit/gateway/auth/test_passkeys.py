"""Reading what authenticators write: lies and garbage are refused with a code, never a fault."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fido2 import cbor
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.gateway.auth.browser import (
    PRESENT,
    VERIFIED,
    Authenticator,
    SessionKey,
    client_data,
)
from tests.unit.gateway.auth.people import SITE
from yilian.gateway.auth.challenges import Begun, Challenges
from yilian.gateway.auth.database import Passkey
from yilian.gateway.auth.passkeys import Shown, registered, verified
from yilian.ledger import codec
from yilian.ledger.errors import Refusal

BEGUN = Challenges().begin("join", SessionKey().public, 0)
CREATE = client_data("webauthn.create", BEGUN.challenge, SITE.origin)
GET = client_data("webauthn.get", BEGUN.challenge, SITE.origin)


def made(device: Authenticator, begun: Begun = BEGUN) -> tuple[Passkey, bytes]:
    """Register a passkey; gives what is kept and the attestation."""
    answer = device.create(begun.challenge, SITE.origin, SITE.rp_id, b"handle")
    attestation = codec.to_bytes(answer["attestation"])
    found = registered(begun, SITE, codec.to_bytes(answer["client_data"]), attestation)
    kept = Passkey(found.credential, "s", "o", b"handle", found.public, found.counter, 0, None)
    return kept, attestation


def shown(device: Authenticator, **lies: Any) -> Shown:
    """Sign the challenge."""
    answer = device.get(BEGUN.challenge, SITE.origin, **lies)
    return Shown(
        answer["credential"],
        *(codec.to_bytes(answer[each]) for each in ("client_data", "authenticator_data")),
        codec.to_bytes(answer["signature"]),
        codec.to_bytes(answer["user_handle"]),
    )


def test_what_a_passkey_signs_verifies_and_counts() -> None:
    device = Authenticator()
    passkey, _ = made(device)
    assert [verified(passkey, BEGUN, SITE, shown(device)) for _ in range(3)] == [2, 3, 4]


@pytest.mark.parametrize(
    "change",
    [
        {"handle": b"another"},
        {"signature": b""},
        {"authenticator_data": b""},
        {"client_data": GET + b" "},
    ],
)
def test_anything_else_does_not(change: dict[str, bytes]) -> None:
    device = Authenticator()
    passkey, _ = made(device)
    with pytest.raises(Refusal) as caught:
        verified(passkey, BEGUN, SITE, shown(device)._replace(**change))  # type: ignore[arg-type]
    assert caught.value.code.name == "sign_in.refused"


@pytest.mark.parametrize("flags", [0, PRESENT, VERIFIED, PRESENT | VERIFIED | 0x10])
def test_nobody_present_or_verified_or_backed_up_against_its_own_word(flags: int) -> None:
    device = Authenticator()
    passkey, _ = made(device)
    device.flags = flags
    with pytest.raises(Refusal) as caught:
        verified(passkey, BEGUN, SITE, shown(device))
    assert caught.value.code.name == "sign_in.refused"


@pytest.mark.parametrize("algorithm", [-36, -65535, 0, 5])
def test_a_key_of_another_algorithm_is_refused(algorithm: int) -> None:
    _, attestation = made(Authenticator())
    whole = dict(cbor.decode(attestation))  # type: ignore[call-overload]
    data = bytes(whole["authData"])
    key_at = 55 + int.from_bytes(data[53:55], "big")
    key = dict(cbor.decode(data[key_at:]))  # type: ignore[call-overload]
    whole["authData"] = data[:key_at] + cbor.encode({**key, 3: algorithm})
    assert _refused(CREATE, cbor.encode(whole)) == "sign_in.passkey_refused"


def test_a_key_that_is_no_point_is_refused() -> None:
    _, attestation = made(Authenticator())
    whole = dict(cbor.decode(attestation))  # type: ignore[call-overload]
    data = bytes(whole["authData"])
    key_at = 55 + int.from_bytes(data[53:55], "big")
    key = dict(cbor.decode(data[key_at:]))  # type: ignore[call-overload]
    whole["authData"] = data[:key_at] + cbor.encode({**key, -2: bytes(32), -3: bytes(32)})
    assert _refused(CREATE, cbor.encode(whole)) == "sign_in.passkey_refused"


def _refused(data: bytes, attestation: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        registered(BEGUN, SITE, data, attestation)
    return caught.value.code.name


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.binary(max_size=300))
def test_random_bytes_are_no_passkey(data: bytes) -> None:
    assert _refused(data, data) == "sign_in.passkey_refused"
    assert _refused(CREATE, data) == "sign_in.passkey_refused"


@given(_JSON)
def test_other_json_is_no_client_data(value: Any) -> None:
    assert _refused(json.dumps(value).encode(), b"\xa0") == "sign_in.passkey_refused"


@given(st.data())
def test_a_damaged_attestation_is_refused_or_another_passkey(data: Any) -> None:
    """A changed byte of what nobody signed may leave a passkey, but never a fault."""
    _, attestation = made(Authenticator())
    at = data.draw(st.integers(0, len(attestation) - 1))
    changed = bytearray(attestation)
    changed[at] ^= data.draw(st.integers(1, 255))
    outcome = "made"
    try:
        registered(BEGUN, SITE, CREATE, bytes(changed))
    except Refusal as refusal:
        outcome = refusal.code.name
    assert outcome in ("made", "sign_in.passkey_refused")


@given(st.binary(max_size=200), st.binary(max_size=100))
def test_random_bytes_sign_nobody_in(data: bytes, signature: bytes) -> None:
    passkey, _ = made(Authenticator())
    with pytest.raises(Refusal) as caught:
        verified(passkey, BEGUN, SITE, Shown(passkey.credential, GET, data, signature, None))
    assert caught.value.code.name == "sign_in.refused"
