"""Signed requests: the format alone. Keys, time and nonces are the gateway's to judge."""

from __future__ import annotations

import msgspec
import pytest

from tests.chain import START, Signer, name_of
from yilian.ledger import codec, signed_request
from yilian.ledger.errors import Refusal
from yilian.ledger.signed_request import MAX_HEADER, SignedRequest

SIGNER = Signer("caller")
REQUEST = SignedRequest(
    chain="test",
    sender=name_of("caller"),
    key=SIGNER.id,
    method="GET",
    path="/v1/x?a=%20b",
    body=signed_request.body_digest(b""),
    nonce=name_of("nonce"),
    expires=START,
)
SIGNATURE = bytes(range(64))


def test_what_is_written_is_read() -> None:
    """Header and text are inverse and canonical."""
    value = signed_request.header(REQUEST, SIGNATURE)
    assert signed_request.read(value) == (REQUEST, SIGNATURE)
    assert signed_request.text(REQUEST) == b"yilian/request/1\n" + codec.encode(REQUEST)
    assert signed_request.text(REQUEST).startswith(b'yilian/request/1\n{"body":"47DEQpj8HBSa')


def test_every_member_is_signed() -> None:
    """A change of any member changes the signed text."""
    other = SignedRequest(
        chain="other",
        sender=name_of("a"),
        key=name_of("b"),
        method="POST",
        path="/v1/y",
        body=signed_request.body_digest(b"x"),
        nonce=name_of("c"),
        expires=START + 1,
    )
    for name in SignedRequest.__struct_fields__:
        changed = msgspec.structs.replace(REQUEST, **{name: getattr(other, name)})
        assert signed_request.text(changed) != signed_request.text(REQUEST)


def _header(members: object) -> str:
    return (
        f"{codec.to_text(msgspec.json.encode(members, order='sorted'))}.{codec.to_text(SIGNATURE)}"
    )


MEMBERS = msgspec.to_builtins(REQUEST)
BAD = {
    "empty": "",
    "no dot": "abcd",
    "no request": ".abcd",
    "no signature": signed_request.header(REQUEST, SIGNATURE).split(".")[0] + ".",
    "three parts": signed_request.header(REQUEST, SIGNATURE) + ".abcd",
    "padding": signed_request.header(REQUEST, SIGNATURE) + "==",
    "not base64": "!!!!.!!!!",
    "not ascii": "é.é",
    "too large": signed_request.header(REQUEST, bytes(MAX_HEADER)),
    "not json": f"{codec.to_text(b'nonsense')}.abcd",
    "unknown member": _header({**MEMBERS, "more": 1}),
    "missing member": _header({k: v for k, v in MEMBERS.items() if k != "nonce"}),
    "order": ".".join(
        (
            codec.to_text(msgspec.json.encode(dict(sorted(MEMBERS.items(), reverse=True)))),
            codec.to_text(SIGNATURE),
        )
    ),
    "white space": f"{codec.to_text(codec.encode(REQUEST) + b' ')}.{codec.to_text(SIGNATURE)}",
    "method in small letters": _header({**MEMBERS, "method": "get"}),
    "path without slash": _header({**MEMBERS, "path": "v1"}),
    "path with a space": _header({**MEMBERS, "path": "/v1 x"}),
    "expiry as text": _header({**MEMBERS, "expires": "1"}),
    "expiry too large": _header({**MEMBERS, "expires": 2**53}),
    "short nonce": _header({**MEMBERS, "nonce": "abc"}),
    "wrong digest": _header({**MEMBERS, "body": "A" * 42 + "B"}),
}


@pytest.mark.parametrize("name", BAD)
def test_nothing_else_is_read(name: str) -> None:
    """One value, one spelling: everything else is refused with a code of the codec."""
    with pytest.raises(Refusal) as caught:
        signed_request.read(BAD[name])
    assert caught.value.code.name in ("malformed", "not_canonical")
