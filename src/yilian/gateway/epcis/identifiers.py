"""GS1 keys in their two spellings, EPC URN and Digital Link, and the one spelling kept at rest.

The canonical form is the constrained Digital Link at `https://id.gs1.org`: the key and what makes
it an instance or a lot, nothing else. Sources: EPC Tag Data Standard 2.0, section 6 (URNs) and 7.11
(keys), GS1 General Specifications, section 3 and 7.9 (check digits), GS1 Digital Link Standard: URI
Syntax 1.2, CBV 2.0 section 8.2.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, unquote

from yilian.ledger.modules.supply.numbers import check_digit

ROOT = "https://id.gs1.org/"

LONGEST = 2048
"""Characters of a URI; a longer one is no GS1 key."""

_LITERAL = "!'()*+,:;="
"""Characters of serial numbers that stay as they are in a canonical Digital Link, beside those
which no URI escapes: those that an EPC URN holds unescaped (EPC Tag Data Standard 2.0, table A)."""

_GS1_TEXT = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]+")
_PART_TEXT = re.compile(r"[#\-/0-9A-Z]+")
_DIGITS = re.compile(r"[0-9]+")
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_URN_LITERAL = "!'()*+,-.:;=_"


class Parts(NamedTuple):
    """What a canonical Digital Link says.

    `key` is the application identifier of the key (`01`, `00`, `414` ...) and `value` its value,
    with a serial that is part of it. `gtin14`, `serial` and `lot` are empty where there is none;
    `extension` is that of a place (`254`), the serial of a tobacco item (`235`) or of a part
    (`8011`). Values are not escaped.
    """

    key: str
    value: str
    gtin14: str
    serial: str
    lot: str
    extension: str


class _Scheme(NamedTuple):
    """How a URN becomes a Digital Link.

    `total` digits stand before the check digit; `moved` says that the reference begins with an
    indicator or extension digit that comes first in the key; `inside` that the serial is part of
    the key, `qualifier` that it is not.
    """

    key: str
    total: int
    moved: bool = False
    lead: str = ""
    inside: bool = False
    qualifier: str = ""
    longest: int = 0
    digits: bool = False


_SCHEMES = {
    "sgtin": _Scheme("01", 13, moved=True, qualifier="21", longest=20),
    "lgtin": _Scheme("01", 13, moved=True, qualifier="10", longest=20),
    "upui": _Scheme("01", 13, moved=True, qualifier="235", longest=28),
    "sscc": _Scheme("00", 17, moved=True),
    "sgln": _Scheme("414", 12, qualifier="254", longest=20),
    "pgln": _Scheme("417", 12),
    "grai": _Scheme("8003", 12, lead="0", inside=True, longest=16),
    "gsrn": _Scheme("8018", 17),
    "gsrnp": _Scheme("8017", 17),
    "gdti": _Scheme("253", 12, inside=True, longest=17),
    "sgcn": _Scheme("255", 12, inside=True, longest=12, digits=True),
    "gsin": _Scheme("402", 16),
}
_OTHER_SCHEMES = ("giai", "ginc", "cpi", "itip")
_FOREIGN_SCHEMES = frozenset(("gid", "usdod", "adi", "bic", "imovn"))
_FORMS = frozenset(("id", "class", "idpat"))

_WORDS = {
    "gtin": "01",
    "sscc": "00",
    "itip": "8006",
    "gln": "414",
    "party": "417",
    "grai": "8003",
    "giai": "8004",
    "gsrn": "8018",
    "gsrnp": "8017",
    "gdti": "253",
    "gcn": "255",
    "ginc": "401",
    "gsin": "402",
    "cpid": "8010",
    "cpv": "22",
    "lot": "10",
    "ser": "21",
    "glnx": "254",
    "cpsn": "8011",
    "tpx": "235",
    "srin": "8019",
}
_QUALIFIERS = {
    "01": ("22", "10", "21", "235"),
    "8006": ("22", "10", "21"),
    "414": ("254",),
    "8010": ("8011",),
    "8017": ("8019",),
    "8018": ("8019",),
}
_SHAPES = {
    "00": r"[0-9]{18}",
    "01": r"[0-9]{8}|[0-9]{12,14}",
    "253": r"[0-9]{13}.{0,17}",
    "255": r"[0-9]{13}[0-9]{0,12}",
    "401": r"[0-9]{4}.{1,26}",
    "402": r"[0-9]{17}",
    "414": r"[0-9]{13}",
    "417": r"[0-9]{13}",
    "8003": r"0[0-9]{13}.{0,16}",
    "8004": r"[0-9]{4}.{1,26}",
    "8006": r"[0-9]{18}",
    "8010": r"[0-9]{4}.{1,26}",
    "8017": r"[0-9]{18}",
    "8018": r"[0-9]{18}",
}
_SHAPE = {key: re.compile(shape, re.ASCII | re.DOTALL) for key, shape in _SHAPES.items()}
_CHECKED = {"253": 13, "255": 13, "8003": 14, "8006": 14}
"""Keys of which only the first digits have a check digit, and how many those are."""
_UNCHECKED = frozenset(("401", "8004", "8010"))

_LINK = re.compile(r"((?i:https?))://([^/?#]+)(/[^?#]*)(?:[?#].*)?", re.DOTALL)
_SIGNS = "|".join((*_SHAPES, *(word for word, key in _WORDS.items() if key in _SHAPES)))
_PATH = re.compile(rf"(?:/[^/]*?)*?/({_SIGNS})/([^/]+)((?:/[^/]+/[^/]+)*)/?")
_MAYBE = re.compile(rf"/(?:{_SIGNS})/")


def canonical(uri: str) -> str:
    """Spell a GS1 key as constrained canonical Digital Link; any other URI stays as it is.

    Takes EPC URNs, class and pattern URNs and Digital Links of any domain; on a domain that is not
    GS1's, what is no right key is an ordinary URI. Raises ValueError with one word:
    `bad_partition`, `check_digit`, `bad_character`, `bad_length`, `bad_escape`, `unknown_scheme`
    or `bad_digital_link`.
    """
    if len(uri) > LONGEST:
        return uri
    found, reason = _resolve(uri)
    if reason:
        raise ValueError(reason)
    return found


@lru_cache(maxsize=1 << 15)
def constrained(uri: str) -> str:
    """Spell a GS1 key for the event hash: as `canonical`, but no check digit is looked at.

    The algorithm of the CBV goes by the form of a Digital Link, on any domain. What has no such
    form stays as it is.
    """
    try:
        found = canonical(uri)
        if found != uri or uri.startswith(ROOT):
            return found
    except ValueError:
        pass
    if len(uri) > LONGEST or not _MAYBE.search(uri):
        return uri
    try:
        return _read_link(uri, digit=False)
    except ValueError:
        return uri


@lru_cache(maxsize=1 << 15)
def _resolve(uri: str) -> tuple[str, str]:
    # The scheme of a URI, the host of a link and the namespace of a URN know no case.
    begins = uri[: len(ROOT)].lower()
    try:
        if begins.startswith("urn:epc:"):
            return _from_urn("urn:epc:" + uri[8:]), ""
        if begins.startswith("http") and _MAYBE.search(uri):
            return _from_link(uri), ""
        if begins == ROOT and len(uri) > len(ROOT):
            raise ValueError("bad_digital_link")
    except ValueError as error:
        return uri, str(error)
    return uri, ""


def _from_urn(uri: str) -> str:
    form, _, rest = uri[8:].partition(":")
    scheme, colon, body = rest.partition(":")
    if form not in _FORMS or scheme in _FOREIGN_SCHEMES:
        return uri
    known = scheme in _SCHEMES or scheme in _OTHER_SCHEMES
    if not colon or not known or (form == "class") != (scheme == "lgtin"):
        raise ValueError("unknown_scheme")
    pattern = form == "idpat"
    if pattern and body.endswith(".*.*"):
        # A pattern of all items of a company is no class of one kind, and has no Digital Link.
        _prefix(body.partition(".")[0])
        return uri
    if scheme in _SCHEMES:
        return _from_scheme(_SCHEMES[scheme], body, pattern=pattern, uri=uri)
    return _from_other(scheme, body, pattern=pattern)


def _from_scheme(scheme: _Scheme, body: str, *, pattern: bool, uri: str) -> str:
    has_serial = scheme.longest > 0
    pieces = body.split(".", 2) if has_serial else body.split(".", 1)
    if len(pieces) != (3 if has_serial else 2):
        raise ValueError("bad_partition")
    prefix, reference = _prefix(pieces[0]), pieces[1]
    if reference == "*" and pattern and not has_serial:
        return uri
    digits = _moved(prefix, reference) if scheme.moved else prefix + reference
    # A reference may be empty where the company prefix takes all the digits.
    if len(digits) != scheme.total or not _DIGITS.fullmatch(digits):
        raise ValueError("bad_partition")
    key = f"{ROOT}{scheme.key}/{scheme.lead}{digits}{check_digit(digits)}"
    if not has_serial or (pattern and pieces[2] == "*"):
        return key
    serial = _decoded(pieces[2])
    _check_text(serial, scheme.longest, _DIGITS if scheme.digits else _GS1_TEXT)
    if scheme.inside:
        return key + _escaped(serial)
    if scheme.qualifier == "254" and serial == "0":
        return key
    return f"{key}/{scheme.qualifier}/{_escaped(serial)}"


def _from_other(scheme: str, body: str, *, pattern: bool) -> str:
    if scheme == "itip":
        pieces = body.split(".", 4)
        if len(pieces) != 5 or not _DIGITS.fullmatch(pieces[2] + pieces[3]):
            raise ValueError("bad_partition")
        digits = _moved(_prefix(pieces[0]), pieces[1])
        if len(digits) != 13 or len(pieces[2]) != 2 or len(pieces[3]) != 2:
            raise ValueError("bad_partition")
        key = f"{ROOT}8006/{digits}{check_digit(digits)}{pieces[2]}{pieces[3]}"
        return key if pattern and pieces[4] == "*" else f"{key}/21/{_serial(pieces[4], 20)}"
    prefix, _, reference = body.partition(".")
    _prefix(prefix)
    if scheme != "cpi":
        value = prefix + _decoded(reference)
        _check_text(value, 30, _GS1_TEXT)
        if len(value) == len(prefix):
            raise ValueError("bad_length")
        return f"{ROOT}{'8004' if scheme == 'giai' else '401'}/{_escaped(value)}"
    part, dot, serial = reference.rpartition(".")
    if not dot:
        raise ValueError("bad_partition")
    value = _decoded(part)
    _check_text(prefix + value, 30, _PART_TEXT)
    key = f"{ROOT}8010/{prefix}{_escaped(value)}"
    if pattern and serial == "*":
        return key
    _check_text(serial, 12, _DIGITS)
    return f"{key}/8011/{serial}"


def _from_link(uri: str) -> str:
    try:
        return _read_link(uri)
    except ValueError:
        # GS1's own domain holds nothing but keys; on others a path may look like one by chance.
        if uri[: len(ROOT)].lower() == ROOT:
            raise
        return uri


def _read_link(uri: str, *, digit: bool = True) -> str:
    link = _LINK.fullmatch(uri)
    found = _PATH.fullmatch(link[3]) if link else None
    if found is None:
        raise ValueError("bad_digital_link")
    key = _WORDS.get(found[1], found[1])
    value = _decoded(found[2])
    if not _SHAPE[key].fullmatch(value):
        raise ValueError("bad_length")
    qualifiers = _qualifiers(key, found[3])
    return f"{ROOT}{key}/{_escaped(_checked(key, value, digit))}{_fine(qualifiers)}"


def _checked(key: str, value: str, digit: bool) -> str:
    """Look at the characters, and the check digit if asked to; a GTIN is filled to 14 digits."""
    if digit and key not in _UNCHECKED:
        until = _CHECKED.get(key, len(value))
        if check_digit(value[: until - 1]) != value[until - 1]:
            raise ValueError("check_digit")
    _check_text(value, 48, _PART_TEXT if key == "8010" else _GS1_TEXT)
    return value.zfill(14) if key == "01" else value


def _qualifiers(key: str, rest: str) -> dict[str, str]:
    steps = rest.split("/")[1:]
    pairs: dict[str, str] = {}
    for name, value in zip(steps[::2], steps[1::2], strict=True):
        number = _WORDS.get(name, name)
        if number not in _QUALIFIERS.get(key, ()) or number in pairs:
            raise ValueError("bad_digital_link")
        pairs[number] = _decoded(value)
        longest = {"235": 28, "8011": 12, "8019": 10}.get(number, 20)
        _check_text(pairs[number], longest, _DIGITS if number in ("8011", "8019") else _GS1_TEXT)
    return pairs


def _fine(qualifiers: dict[str, str]) -> str:
    """Keep the one qualifier that EPCIS knows: the serial, else the lot."""
    for number in ("21", "235", "10", "254", "8011"):
        value = qualifiers.get(number)
        if value is not None and not (number == "254" and value == "0"):
            return f"/{number}/{_escaped(value)}"
    return ""


def _prefix(text: str) -> str:
    if not 6 <= len(text) <= 12 or not _DIGITS.fullmatch(text):
        raise ValueError("bad_partition")
    return text


def _moved(prefix: str, reference: str) -> str:
    return reference[:1] + prefix + reference[1:]


def _serial(text: str, longest: int) -> str:
    serial = _decoded(text)
    _check_text(serial, longest, _GS1_TEXT)
    return _escaped(serial)


def _decoded(text: str) -> str:
    if "%" not in text:
        return text
    if _ESCAPE.search(text):
        raise ValueError("bad_escape")
    return unquote(text, errors="replace")


def _check_text(text: str, longest: int, alphabet: re.Pattern[str]) -> None:
    if not 0 < len(text) <= longest:
        raise ValueError("bad_length")
    if not alphabet.fullmatch(text):
        raise ValueError("bad_character")


def _escaped(text: str) -> str:
    return text if text.isalnum() and text.isascii() else quote(text, safe=_LITERAL)


_CANONICAL = re.compile(re.escape(ROOT) + r"([0-9]{2,4})/([^/?#]+)(?:/([0-9]{2,4})/([^/?#]+))?")


def parts(link: str) -> Parts:
    """Take a canonical Digital Link apart; raises ValueError `bad_digital_link` for another URI."""
    found = _CANONICAL.fullmatch(link)
    if found is None or found[1] not in _SHAPES:
        raise ValueError("bad_digital_link")
    key, value = found[1], unquote(found[2])
    number, qualifier = found[3] or "", unquote(found[4] or "")
    until = _CHECKED.get(key, len(value)) if key != "8006" else len(value)
    serial = qualifier if number in ("21", "235", "8011") else value[until:]
    return Parts(
        key=key,
        value=value,
        gtin14=value[:14] if key in ("01", "8006") else "",
        serial=serial,
        lot=qualifier if number == "10" else "",
        extension=qualifier if number in ("254", "235", "8011") else "",
    )


def urn(link: str, prefix_length: int | None) -> str | None:
    """Spell a canonical Digital Link as EPC URN, given how long its company prefix is (6 to 12).

    None where the length is not known or the link has no URN: a Digital Link doesn't say where the
    company prefix ends.
    """
    try:
        found = parts(link)
    except ValueError:
        return None
    if prefix_length is None or not 6 <= prefix_length <= 12:
        return None
    number = link.removeprefix(ROOT).split("/")[2:3]
    for name, scheme in _SCHEMES.items():
        if scheme.key == found.key and (scheme.qualifier or "") in (*number, "254", ""):
            return _urn_of(name, scheme, found, number, prefix_length)
    return _other_urn(found, number, prefix_length)


def _urn_of(
    name: str, scheme: _Scheme, found: Parts, number: list[str], prefix_length: int
) -> str | None:
    start = len(scheme.lead)
    digits = found.value[start : start + scheme.total]
    indicator, body = (digits[0], digits[1:]) if scheme.moved else ("", digits)
    stem = f"{body[:prefix_length]}.{indicator}{body[prefix_length:]}"
    if scheme.qualifier == "254":
        return f"urn:epc:id:sgln:{stem}.{_urn_text(found.extension or '0')}"
    if scheme.longest == 0:
        return f"urn:epc:id:{name}:{stem}"
    serial = found.lot or found.serial
    if not serial:
        return f"urn:epc:idpat:{name}:{stem}.*"
    return f"urn:epc:{'class' if name == 'lgtin' else 'id'}:{name}:{stem}.{_urn_text(serial)}"


def _other_urn(found: Parts, number: list[str], prefix_length: int) -> str | None:
    prefix, rest = found.value[:prefix_length], found.value[prefix_length:]
    if found.key == "01":
        body = found.value[1:13]
        stem = f"{body[:prefix_length]}.{found.value[0]}{body[prefix_length:]}"
        return f"urn:epc:idpat:sgtin:{stem}.*"
    if found.key in ("8004", "401"):
        name = "giai" if found.key == "8004" else "ginc"
        return f"urn:epc:id:{name}:{prefix}.{_urn_text(rest)}" if rest else None
    if found.key == "8010":
        form, serial = ("id", found.serial) if number else ("idpat", "*")
        return f"urn:epc:{form}:cpi:{prefix}.{_urn_text(rest)}.{serial}"
    body, pieces = found.value[1:13], f"{found.value[14:16]}.{found.value[16:18]}"
    stem = f"{body[:prefix_length]}.{found.value[0]}{body[prefix_length:]}.{pieces}"
    serial = _urn_text(found.serial) if found.serial else "*"
    return f"urn:epc:{'id' if found.serial else 'idpat'}:itip:{stem}.{serial}"


def _urn_text(text: str) -> str:
    return "".join(
        each if each.isalnum() or each in _URN_LITERAL else f"%{ord(each):02X}" for each in text
    )
