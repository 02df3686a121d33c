"""Endpoints: which addresses are origins, and which bytes have a certificate's outer form."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rules.identity.certificates import certificate
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity.endpoints import (
    MAX_CERTIFICATE,
    require_certificate,
    require_url,
)
from yilian.ledger.modules.identity.errors import BAD_CERTIFICATE, BAD_URL

DER = codec.to_bytes(certificate("node"))


@pytest.mark.parametrize(
    "url",
    [
        "https://node.example",
        "https://node.example:1",
        "https://node.example:65535",
        "https://node",
        "https://3f2a",
        "https://xn--fiqs8s.example",
        "https://a-b.c--d.example:443",
        "https://" + "a" * 63 + ".example",
        "https://127.0.0.1:8443",
        "https://255.255.255.255",
        "https://[::]",
        "https://[::1]:8443",
        "https://[fd00:1:2:3:4:5:6:7]",
        "https://[1::8]",
    ],
)
def test_an_origin(url: str) -> None:
    require_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "http://node.example",
        "HTTPS://node.example",
        "https://Node.example",
        "https://node.example/",
        "https://node.example?x",
        "https://node.example#x",
        "https://user@node.example",
        "https://node.example:",
        "https://node.example:0",
        "https://node.example:08443",
        "https://node.example:65536",
        "https://node.example:123456",
        "https://node..example",
        "https://.node",
        "https://node.example.",
        "https://-node",
        "https://node-",
        "https://no_de",
        "https://" + "a" * 64 + ".example",
        "https://" + "a." * 100 + "b",
        "https://医院.example",
        "https://node.example\n",
        " https://node.example",
        "https://256.0.0.1",
        "https://1.2.3",
        "https://1.2.3.4.5",
        "https://01.2.3.4",
        "https://1.2.3.0x4",
        "https://node.1234",
        "https://[]",
        "https://[:]",
        "https://[::1",
        "https://[1:2:3:4:5:6:7]",
        "https://[1:2:3:4:5:6:7:8:9]",
        "https://[1:2:3:4::5:6:7:8]",
        "https://[1::2::3]",
        "https://[12345::]",
        "https://[::ffff:1.2.3.4]",
        "https://[fe80::1%eth0]",
        "https://[FD00::1]",
    ],
)
def test_no_origin(url: str) -> None:
    with pytest.raises(Refusal) as caught:
        require_url(url)
    assert caught.value.code is BAD_URL


@given(st.ip_addresses())
def test_every_ip_address_is_a_host(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if address.version == 6:
        text = str(address)
        # An IPv4 address within is written in the old style by some versions of Python only.
        host = f"[{address.exploded if '.' in text else text}]"
    else:
        host = str(address)
    require_url(f"https://{host}:8443")


@given(st.text(st.sampled_from("0123456789abcdef:"), max_size=40))
def test_an_ipv6_address_is_judged_as_the_standard_library_does(text: str) -> None:
    try:
        ipaddress.IPv6Address(text)
        valid = True
    except ValueError:
        valid = False
    try:
        require_url(f"https://[{text}]")
        taken = True
    except Refusal:
        taken = False
    assert taken == valid


def test_a_certificate() -> None:
    require_certificate(DER)
    require_certificate(b"\x30\x07\x30\x00\x30\x00\x03\x01\x00")


def _refused(data: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        require_certificate(data)
    assert caught.value.code is BAD_CERTIFICATE
    assert caught.value.parameters == {"limit": MAX_CERTIFICATE}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x00",
        b"\x30\x80\x30\x00\x30\x00\x03\x01\x00\x00\x00",
        b"\x30\x81\x07\x30\x00\x30\x00\x03\x01\x00",
        b"\x30\x82\x00\x07\x30\x00\x30\x00\x03\x01\x00",
        b"\x30\x83\x00\x00\x07\x30\x00\x30\x00\x03\x01\x00",
        b"\x31\x07\x30\x00\x30\x00\x03\x01\x00",
        b"\x30\x07\x30\x00\x31\x00\x03\x01\x00",
        b"\x30\x05\x30\x00\x03\x01\x00",
        b"\x30\x09\x30\x00\x30\x00\x03\x01\x00\x05\x00",
        b"-----BEGIN CERTIFICATE-----",
    ],
)
def test_no_certificate(data: bytes) -> None:
    _refused(data)


@pytest.mark.parametrize("at", range(len(DER)))
def test_a_cut_certificate(at: int) -> None:
    _refused(DER[:at])


def test_a_certificate_with_something_behind() -> None:
    _refused(DER + b"\x00")
    _refused(DER + DER)


def test_a_large_certificate() -> None:
    for size in (MAX_CERTIFICATE - 1, MAX_CERTIFICATE, MAX_CERTIFICATE + 1):
        content = b"\x30\x00\x30\x00\x03\x82" + (size - 12).to_bytes(2, "big") + bytes(size - 12)
        data = b"\x30\x82" + len(content).to_bytes(2, "big") + content
        assert len(data) == size
        if size > MAX_CERTIFICATE:
            _refused(data)
        else:
            require_certificate(data)


@given(st.binary(max_size=64))
def test_bytes_before_a_certificate_spoil_it(data: bytes) -> None:
    if data:
        _refused(data + DER)
