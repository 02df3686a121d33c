"""Digital Link URIs and EPC URNs of packs, of any domain.

GS1 Digital Link Standard: URI Syntax, section 4; EPC Tag Data Standard, section 6.3.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from yilian.gateway.epcis import identifiers
from yilian.gateway.supply.code_form import Code, unreadable
from yilian.gateway.supply.element_strings import from_elements, read_pairs

_NAMES = {"gtin": "01", "sscc": "00", "ser": "21", "lot": "10", "cpv": "22", "exp": "17"}
"""Words that older links have in place of the identifiers."""
_NUMBER = re.compile(r"[0-9]{2,4}")
_QUALIFIERS = {"01": ("22", "10", "21", "235"), "00": ()}
_COMPRESSED = re.compile(r"(?=.*[0-9])(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9_-]{10,}")
"""What the last step of a compressed link looks like: bits in base64url, and no word."""
_PACK_URN = re.compile(r"urn:epc:(?:id:(?:sgtin|sscc)|class:lgtin|idpat:sgtin):.+", re.IGNORECASE)


def read_link(text: str, year: int) -> Code:
    """Read a Digital Link that is not compressed; refuses `supply.code_unreadable`."""
    try:
        parts = urlsplit(text)
    except ValueError:
        raise unreadable("digital_link", "structure") from None
    if not parts.hostname:
        raise unreadable("digital_link", "structure")
    pairs = _path(parts.path)
    for each in re.split("[&;]", parts.query):
        name, _, value = each.partition("=")
        name = _NAMES.get(name.lower(), name)
        # A query may carry words that are none of GS1's, such as `linkType`. A plus is a plus.
        if _NUMBER.fullmatch(name):
            pairs.append((name, unquote(value)))
    return from_elements(read_pairs(pairs, year), year)


def read_urn(text: str, year: int) -> Code:
    """Read the EPC URN of a pack, a lot, a product or a logistic unit."""
    if not _PACK_URN.fullmatch(text):
        known = text.lower().startswith("urn:epc:")
        raise unreadable("epc_urn", "no_pack" if known else "structure")
    try:
        # What names the scheme of a URN may be in capitals (RFC 8141, section 3.1).
        link = identifiers.canonical("urn:epc:" + text[8:])
    except ValueError as fault:
        digit = str(fault) == "check_digit"
        raise unreadable("epc_urn", "check_digit" if digit else "structure") from None
    if not link.startswith("https:"):
        raise unreadable("epc_urn", "structure")
    return read_link(link, year)


def _path(path: str) -> list[tuple[str, str]]:
    """Take the identifiers out of a path; what stands before the key belongs to the domain."""
    steps = [unquote(each) for each in path.split("/")[1:]]
    for at, step in enumerate(steps):
        key = _NAMES.get(step, step)
        if key in _QUALIFIERS and at + 1 < len(steps):
            rest = steps[at + 2 :]
            if rest[-1:] == [""]:
                rest.pop()
            names = [_NAMES.get(each, each) for each in rest[::2]]
            if len(rest) % 2 or any(each not in _QUALIFIERS[key] for each in names):
                break
            value = steps[at + 1]
            if key == "01" and len(value) in (8, 12, 13) and value.isdigit():
                value = value.zfill(14)
            return [(key, value), *zip(names, rest[1::2], strict=True)]
    squeezed = bool(steps) and _COMPRESSED.fullmatch(steps[-1])
    raise unreadable("digital_link", "compressed" if squeezed else "structure")
