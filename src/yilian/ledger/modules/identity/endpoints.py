"""The form of an endpoint: a URL that is an origin, and a certificate's outer DER.

Both are judged here and not by a library, since every node must give one verdict in every year. A
certificate's inside is judged by who connects: it may hold anything, and then no one connects.
"""

from __future__ import annotations

import re

from yilian.ledger.modules.identity.errors import BAD_CERTIFICATE, BAD_URL

MAX_URL = 200
MAX_CERTIFICATE = 2_000

_ORIGIN = re.compile(r"https://(\[[0-9a-f:]{2,39}\]|[a-z0-9.-]{1,190})(?::([1-9][0-9]{0,4}))?")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""What a last label may not be, but in an IPv4 address (URL Standard, "ends in a number")."""

_NUMBER = re.compile(r"0|[1-9][0-9]{0,2}")
_GROUP = re.compile(r"[0-9a-f]{1,4}")

_SEQUENCE, _BIT_STRING = 0x30, 0x03


def require_url(url: str) -> None:
    """Refuse what is not `https://host[:port]` in lower-case ASCII (RFC 3986, an origin).

    A host is a name (RFC 1123), an IPv4 address in four numbers or an IPv6 address in brackets.
    """
    found = _ORIGIN.fullmatch(url)
    if found is None or len(url) > MAX_URL:
        raise BAD_URL()
    host, port = found.groups()
    if port is not None and int(port) > 65_535:
        raise BAD_URL()
    if not (_is_ipv6(host[1:-1]) if host.startswith("[") else _is_name(host)):
        raise BAD_URL()


def require_certificate(data: bytes) -> None:
    """Refuse what is not one DER `Certificate`: a sequence of two sequences and a bit string."""
    if len(data) > MAX_CERTIFICATE:
        raise BAD_CERTIFICATE(limit=MAX_CERTIFICATE)
    whole = _elements(data)
    inside = _elements(whole[0][1]) if [tag for tag, _ in whole] == [_SEQUENCE] else []
    if [tag for tag, _ in inside] != [_SEQUENCE, _SEQUENCE, _BIT_STRING]:
        raise BAD_CERTIFICATE(limit=MAX_CERTIFICATE)


def _is_name(host: str) -> bool:
    labels = host.split(".")
    if _NUMERIC.fullmatch(labels[-1]) is not None:
        return len(labels) == 4 and all(
            _NUMBER.fullmatch(each) is not None and int(each) < 256 for each in labels
        )
    return all(_LABEL.fullmatch(each) is not None for each in labels)


def _is_ipv6(host: str) -> bool:
    head, gap, tail = host.partition("::")
    groups = [each for part in (head, tail) if part for each in part.split(":")]
    if not all(_GROUP.fullmatch(each) is not None for each in groups):
        return False
    return len(groups) < 8 if gap else len(groups) == 8


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """Cut DER (X.690) into its elements, (tag, content); none of them where it is not exact."""
    found = []
    at = 0
    while at < len(data):
        if len(data) - at < 2:
            return []
        tag, length, start = data[at], data[at + 1], at + 2
        if length >= 0x80:
            size = length - 0x80
            start += size
            length = int.from_bytes(data[at + 2 : start], "big")
            if size not in (1, 2) or length < (0x80 if size == 1 else 0x100):
                return []
        at = start + length
        if at > len(data):
            return []
        found.append((tag, data[start:at]))
    return found
