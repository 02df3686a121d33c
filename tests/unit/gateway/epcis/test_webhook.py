"""The signature of what a subscriber is posted, in the words of its definition."""

from __future__ import annotations

import asyncio
import hashlib
import hmac

import pytest

from yilian.gateway.epcis.webhook import SIGNATURE, NotSent, delivery_headers, genuine, sign
from yilian.gateway.notices.webhook import Webhook


def test_the_signature_is_plain_hmac() -> None:
    data = '{"type":"EPCISQueryDocument","创建":"今日"}'.encode()
    expected = hmac.new("令牌 token".encode(), data, hashlib.sha256).hexdigest()
    assert sign("令牌 token", data) == expected
    assert genuine("令牌 token", expected, data)
    for token, signature, body in (
        ("令牌", expected, data),
        ("令牌 token", expected.upper(), data),
        ("令牌 token", expected[:-1], data),
        ("令牌 token", "²" + expected[1:], data),
        ("令牌 token", "", data),
        ("令牌 token", expected, data[:-1]),
    ):
        assert not genuine(token, signature, body)


def test_the_published_value_of_hmac_sha256() -> None:
    """RFC 4231, test case 2."""
    told = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert sign("Jefe", b"what do ya want for nothing?") == told


def test_headers_without_a_token_have_no_signature() -> None:
    assert SIGNATURE not in delivery_headers("a/1-2", None, b"{}")
    assert delivery_headers("a/1-2", "t", b"{}")[SIGNATURE] == sign("t", b"{}")
    assert delivery_headers("a/1-2", None, b"{}")["idempotency-key"] == "a/1-2"


@pytest.mark.parametrize(
    ("address", "plain", "reason"),
    [
        ("http://10.1.2.3/in", True, None),
        ("http://10.1.2.3/in", False, "https-required"),
        ("https://10.1.2.3/in", False, None),
        ("http://[::ffff:10.1.2.3]/in", True, None),
        ("http://8.8.8.8/in", True, "https-required"),
        ("http://192.168.1.1/in", True, "address-refused"),
        ("http://127.0.0.1/in", True, "address-refused"),
    ],
)
def test_plain_http_is_for_networks_that_are_named(
    address: str, plain: bool, reason: str | None
) -> None:
    carrier = Webhook(("10.0.0.0/8",), plain=plain)
    if reason is None:
        asyncio.run(carrier.check(address))
        return
    with pytest.raises(NotSent) as caught:
        asyncio.run(carrier.check(address))
    assert (caught.value.reason, caught.value.final) == (reason, True)
