"""One-time codes by the vectors of RFC 6238, as QR code and address, and what a site is."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from starlette.requests import Request

from yilian.gateway.auth import factors
from yilian.gateway.auth.qr import QUIET, qr_code
from yilian.gateway.auth.site import Site, site_of

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    """Appendix B, SHA-1, the last six of its eight digits."""
    assert factors.code_at(SECRET, seconds * 1000) == code


def test_the_address_tells_an_app_all() -> None:
    found = urlsplit(factors.address(SECRET, "医院 a/b?c"))
    assert (found.scheme, found.netloc, unquote(found.path)) == (
        "otpauth",
        "totp",
        "/Yilian:医院 a/b?c",
    )
    assert parse_qs(found.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["Yilian"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


def test_a_qr_code_has_its_corners_and_its_quiet_zone() -> None:
    made = qr_code("https://yilian.test/zh-CN/join#" + "A" * 22)
    side = made.side - 2 * QUIET
    assert (side - 17) % 4 == 0
    for x, y in ((0, 0), (side - 7, 0), (0, side - 7)):
        assert f"M{x + QUIET} {y + QUIET}h7v1h-7z" in made.path
    assert set(made.path) <= set("Mhvz-0123456789 ")


def _request(server: tuple[str, int] | None) -> Request:
    return Request({"type": "http", "headers": [(b"host", b"evil.test")], "server": server})


@pytest.mark.parametrize(
    ("url", "server", "site"),
    [
        (None, ("127.0.0.1", 8420), Site("http://localhost:8420", "localhost")),
        (None, ("0.0.0.0", 80), Site("http://localhost", "localhost")),
        (None, None, Site("http://localhost", "localhost")),
        ("https://yl.example", ("10.0.0.1", 1), Site("https://yl.example", "yl.example")),
        ("https://yl.example:443/", None, Site("https://yl.example", "yl.example")),
        ("https://yl.example:8443", None, Site("https://yl.example:8443", "yl.example")),
    ],
)
def test_the_site_is_what_the_node_was_told(
    url: str | None, server: tuple[str, int] | None, site: Site
) -> None:
    """What the request says of its host is not asked."""
    assert site_of(url, _request(server)) == site
