"""Which identifiers a MATCH parameter means: one, a lot, a product, or all of a company's.

EPCIS 2.0, section 8.2.7.1.1, and the pure identity patterns of the EPC Tag Data Standard. A
pattern becomes ranges of canonical Digital Links, so that an index can answer it.
"""

from __future__ import annotations

from typing import NamedTuple

from yilian.gateway.epcis.identifiers import ROOT, canonical
from yilian.gateway.epcis.terms import id_value

_PATTERN = "urn:epc:idpat:"
_LAST = "\U0010ffff"

# The key, what stands between it and the company prefix, and how many such leads there are: an
# indicator or extension digit comes before the prefix.
_COMPANIES = {
    "sgtin": ("01", True, "*/21/*"),
    "upui": ("01", True, "*/235/*"),
    "itip": ("8006", True, "*/21/*"),
    "sscc": ("00", True, "*"),
    "sgln": ("414", False, "*"),
    "pgln": ("417", False, "*"),
    "grai": ("8003/0", False, "*"),
    "gsrn": ("8018", False, "*"),
    "gsrnp": ("8017", False, "*"),
    "gdti": ("253", False, "*"),
    "sgcn": ("255", False, "*"),
    "gsin": ("402", False, "*"),
    "giai": ("8004", False, "*"),
    "ginc": ("401", False, "*"),
    "cpi": ("8010", False, "*/8011/*"),
}
_SERIALS = {
    "sgtin": "/21/",
    "itip": "/21/",
    "upui": "/235/",
    "cpi": "/8011/",
}
_CLASS_KEYS = ("01/", "8006/")


class Range(NamedTuple):
    """Texts from `low` to before `high`, of the form `glob` where that is given."""

    low: str
    high: str
    glob: str | None = None


class Matched(NamedTuple):
    """What a parameter matches: single identifiers, and ranges of them."""

    exact: frozenset[str]
    ranges: tuple[Range, ...]


def match(uri: str, *, instances: bool) -> Matched:
    """Find what a pattern or an identifier matches among instances, or among classes.

    Among instances the Digital Link of a product matches all its serial numbers, as its pattern
    does; among classes its pattern matches its lots. No event has an identifier that is not
    valid; a pattern that is not valid raises ValueError, as `identifiers.canonical` does.
    """
    if uri.startswith(_PATTERN) and uri.endswith("*"):
        return _pattern(uri, instances)
    found = id_value(uri)
    if instances and _is_product(found):
        return Matched(frozenset([found]), (_under(found + "/21/"), _under(found + "/235/")))
    return Matched(frozenset([found]), ())


def with_descendants(uri: str) -> Matched:
    """Find a place and the places inside it: a GLN has its extensions."""
    found = id_value(uri)
    if found.startswith(ROOT + "414/") and "/254/" not in found:
        return Matched(frozenset([found]), (_under(found + "/254/"),))
    return Matched(frozenset([found]), ())


def _is_product(found: str) -> bool:
    if not found.startswith(ROOT):
        return False
    rest = found[len(ROOT) :]
    return rest.startswith(_CLASS_KEYS) and rest.count("/") == 1


def _pattern(uri: str, instances: bool) -> Matched:
    scheme, _, body = uri[len(_PATTERN) :].partition(":")
    if scheme not in _COMPANIES:
        raise ValueError("unknown_scheme")
    prefix, _, rest = body.partition(".")
    if set(rest.split(".")) == {"*"}:
        return _company(scheme, prefix, instances)
    if scheme in ("giai", "ginc", "sscc", "gsrn", "gsrnp", "gsin", "pgln"):
        raise ValueError("bad_partition")
    found = canonical(uri)
    if not instances:
        return Matched(frozenset([found]), (_under(found + "/10/"),))
    if scheme == "sgln":
        return Matched(frozenset([found]), (_under(found + "/254/"),))
    return Matched(frozenset(), (_under(found + _SERIALS.get(scheme, "")),))


def _company(scheme: str, prefix: str, instances: bool) -> Matched:
    key, led, form = _COMPANIES[scheme]
    start = ROOT + key if key.endswith("/0") else f"{ROOT}{key}/"
    # Classes have no serial: there are products and their lots.
    glob = form if instances else None
    if prefix == "*":
        return Matched(frozenset(), (_under(start, glob),))
    if not (prefix.isascii() and prefix.isdigit() and 6 <= len(prefix) <= 12):
        raise ValueError("bad_partition")
    leads = "0123456789" if led else ("",)
    return Matched(frozenset(), tuple(_under(start + lead + prefix, glob) for lead in leads))


def _under(start: str, form: str | None = None) -> Range:
    glob = None if form in (None, "*") else start + str(form)
    return Range(start, start + _LAST, glob)
