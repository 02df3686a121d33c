"""Webhooks against real servers: signed, not led astray, never into a private network."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx
import pytest

from tests.unit.gateway.notices.servers import (
    LOOPBACK,
    SECRET,
    certificate,
    outgoing,
    receiving,
    say,
)
from tests.unit.vault.builders import NOW, identifier
from yilian.gateway.notices.senders import NotSent
from yilian.gateway.notices.webhook import MAX_BODY, TOLERANCE, Webhook, genuine

SECONDS = NOW // 1000


def webhook(*allowed: str, timeout: float = 10.0) -> Webhook:
    return Webhook(allowed or LOOPBACK, clock=lambda: float(SECONDS), timeout=timeout)


def not_sent(sender: Webhook, address: str, **changes: object) -> tuple[str, bool]:
    with pytest.raises(NotSent) as caught:
        sender.send(outgoing(address, **changes))
    return caught.value.reason, caught.value.final


def test_a_notice_is_posted_and_signed() -> None:
    with receiving(say(200, b"thanks")) as receiver:
        proof = webhook().send(outgoing(receiver.url("/hook?wang=1")))
        again = webhook().send(outgoing(receiver.url("/hook?wang=1")))
    assert proof == again
    first, second = receiver.posted
    assert first.body == second.body
    assert first.path == "/hook?wang=1"
    assert first.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert first.headers["content-type"] == "application/json"
    assert first.headers["idempotency-key"] == first.headers["webhook-id"] == identifier("notice")
    assert json.loads(first.body).keys() == {"type", "notice", "at", "language", "title", "text"}
    assert genuine(SECRET, first.headers, first.body, SECONDS)
    # Said once more in the words of the standard: HMAC-SHA256 over "id.timestamp.body".
    signed = f"{first.headers['webhook-id']}.{SECONDS}.".encode() + first.body
    mac = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    assert first.headers["webhook-signature"] == "v1," + mac


def test_a_receiver_knows_what_is_not_genuine() -> None:
    with receiving(say(204)) as receiver:
        webhook().send(outgoing(receiver.url()))
    ((_, headers, body),) = receiver.posted
    assert genuine(SECRET, headers, body, SECONDS + TOLERANCE)
    assert not genuine(SECRET, headers, body, SECONDS + TOLERANCE + 1)
    assert not genuine(SECRET, headers, body, SECONDS - TOLERANCE - 1)
    assert not genuine(bytes(32), headers, body, SECONDS)
    assert not genuine(SECRET, headers, body + b" ", SECONDS)
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        for value in ("", "1", "v1,", "²", "9" * 400):
            other = [(key, value if key == name else kept) for key, kept in headers.items()]
            changed = httpx.Headers(other, encoding="utf-8")
            assert not genuine(SECRET, changed, body, SECONDS)


@pytest.mark.parametrize(
    ("status", "reason", "final"),
    [
        (301, "redirected", False),
        (307, "redirected", False),
        (404, "status-404", False),
        (410, "gone", True),
        (429, "status-429", False),
        (503, "status-503", False),
    ],
)
def test_what_is_no_delivery(status: int, reason: str, final: bool) -> None:
    with receiving(say(200)) as aim, receiving(say(status, location=aim.url())) as receiver:
        assert not_sent(webhook(), receiver.url()) == (reason, final)
    assert len(receiver.posted) == 1
    assert aim.posted == []


def test_a_large_answer_is_not_read_to_its_end() -> None:
    sent = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            sent.set()

    with receiving(endless) as receiver:
        assert webhook().send(outgoing(receiver.url())) is not None
        assert sent.wait(60)


def test_a_slow_answer_ends_at_the_time_limit() -> None:
    """A byte now and then keeps each single read alive; the limit is on the whole."""
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
            while not over.wait(0.05):
                handler.wfile.write(b"y")
                handler.wfile.flush()
        except OSError:
            return

    with receiving(drip) as receiver:
        try:
            assert not_sent(webhook(timeout=0.5), receiver.url()) == ("timeout", False)
        finally:
            over.set()


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert not_sent(webhook(), f"http://127.0.0.1:{port}/") == ("unreachable", False)
    assert not_sent(webhook(), "https://name.invalid/") == ("name-unknown", False)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[::7f00:1]",
        "[fe80::1]",
        "[fc00::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[64:ff9b::a00:1]",
        "[2002:7f00:1::]",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_way_into_a_private_network(host: str, scheme: str) -> None:
    sender = Webhook(clock=lambda: float(SECONDS))
    assert not_sent(sender, f"{scheme}://{host}:9/") == ("address-refused", True)


def test_nothing_is_sent_to_a_refused_address() -> None:
    with receiving(say(200)) as receiver:
        assert not_sent(webhook("10.0.0.0/8"), receiver.url()) == ("address-refused", True)
    assert receiver.posted == []


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("http://10.1.2.3/", "https-required"),
        ("ftp://10.1.2.3/", "address-refused"),
        ("https://user:secret@10.1.2.3/", "address-refused"),
        ("https:///notices", "address-refused"),
        ("https://10.1.2.3:999999/", "address-refused"),
        ("", "address-refused"),
    ],
)
def test_addresses_that_may_never_be_used(address: str, reason: str) -> None:
    assert not_sent(webhook("10.0.0.0/8"), address) == (reason, True)


def test_a_certificate_is_checked_against_the_name(tmp_path: Path) -> None:
    """The connection goes to a checked address, but the certificate must be the name's."""
    certified = certificate(tmp_path)
    sender = Webhook(LOOPBACK, context=certified.client)
    with receiving(say(200), certified.server) as receiver:
        assert not_sent(webhook(), receiver.url(scheme="https")) == ("unreachable", False)
        other = receiver.url(scheme="https", host="127.0.0.2")
        assert not_sent(sender, other) == ("unreachable", False)
        assert receiver.posted == []
        sender.send(outgoing(receiver.url(scheme="https")))
        sender.send(outgoing(receiver.url(scheme="https", host="localhost")))
    assert [each.headers["host"].partition(":")[0] for each in receiver.posted] == [
        "127.0.0.1",
        "localhost",
    ]


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(say(200)) as proxy, receiving(say(200)) as receiver:
        monkeypatch.setenv("HTTP_PROXY", proxy.url(""))
        monkeypatch.setenv("ALL_PROXY", proxy.url(""))
        webhook().send(outgoing(receiver.url()))
    assert (len(receiver.posted), proxy.posted) == (1, [])


def test_a_notice_without_secret_or_of_too_many_bytes_stays_here() -> None:
    with receiving(say(200)) as receiver:
        assert not_sent(webhook(), receiver.url(), secret=None) == ("no-secret", True)
        long = "一" * (MAX_BODY // 3)
        assert not_sent(webhook(), receiver.url(), text=long) == ("too-large", True)
    assert receiver.posted == []


def test_the_secret_and_the_address_are_not_shown() -> None:
    shown = repr(outgoing("https://wang.example.cn/"))
    assert "wang" not in shown
    assert repr(SECRET) not in shown
