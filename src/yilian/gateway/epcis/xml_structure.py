"""Does an element have the structure that EPCIS gives it? The verdict of the standard's schema.

Faults name the field as in JSON: lists lose the name of their items, and wrappers such as
`extension` and `baseExtension` lose their own. Source: EPCIS 2.0 and 1.2, section 9.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

from yilian.gateway.epcis.document import Fault
from yilian.gateway.epcis.xml_names import (
    ATTRIBUTES,
    CAPTURE,
    CLOSED,
    EXACTLY_ONE,
    QUALIFIED,
    SBDH,
    STRUCTURES,
    TEXT_WITH_ATTRIBUTES,
    XSD,
    XSI,
    Version,
)
from yilian.gateway.epcis.xml_values import BUILT_IN, CHECKS, SPACE

Element: TypeAlias = Any
"""An element of lxml, which comes without types."""

MOST_FAULTS: Final = 20
"""More faults than this are not listed for one event."""

_ITEMS = frozenset(
    ("EPCList", "QuantityList", "BizTransactionList", "SourceList", "DestinationList")
) | {"SensorElementList", "CorrectiveEventIDs"}
_WRAPPERS = frozenset(("extension", "baseExtension"))
_XSI = f"{{{XSI}}}"
_NIL = f"{{{XSI}}}nil"
_TYPE = f"{{{XSI}}}type"
_MEMBER = {"typed": ".bizTransaction"}


class Part(NamedTuple):
    """One place in a sequence: how often it may be filled, and by which names."""

    names: tuple[str, ...]
    least: int
    most: int


class Model(NamedTuple):
    """The structure of one type of element."""

    name: str
    parts: tuple[Part, ...]
    types: dict[str, str]
    places: dict[str, int]
    wild: str
    choice: bool


@cache
def model(version: Version, name: str) -> Model:
    """The structure of a type, read from its notation in `xml_names`."""
    notation = STRUCTURES[version][name]
    choice = " | " in notation
    prefix = f"{{{SBDH}}}" if name in QUALIFIED else ""
    parts: list[Part] = []
    types: dict[str, str] = {}
    wild = ""
    for word in notation.replace(" | ", " ").split():
        if word.startswith("##"):
            wild = word
            continue
        mark = word[-1] if word[-1] in "?*+" else ""
        names = []
        for alternative in word.rstrip("?*+").split("|"):
            plain, _, kind = alternative.partition(":")
            tag = _tag(version, prefix, plain)
            types[tag] = kind
            names.append(tag)
        parts.append(Part(tuple(names), int(mark in ("", "+")), 1 if mark in ("", "?") else 2**31))
    places = {tag: place for place, part in enumerate(parts) for tag in part.names}
    return Model(name, tuple(parts), types, places, wild, choice)


def _tag(version: Version, prefix: str, plain: str) -> str:
    if plain == "StandardBusinessDocumentHeader":
        return f"{{{SBDH}}}{plain}"
    if plain == "QueryResults":
        return f"{{urn:epcglobal:epcis-query:xsd:{version[0]}}}{plain}"
    return prefix + plain


def local(tag: str) -> str:
    """A name without its namespace."""
    return tag.rpartition("}")[2]


class Structure:
    """Checks elements against one version; `faults` collects what is wrong.

    Elements of the types in `known` are not entered: they were checked before.
    """

    def __init__(self, version: Version, event: int | None, known: frozenset[str]) -> None:
        self.version = version
        self.event = event
        self.known = known
        self.faults: list[Fault] = []

    def fault(self, path: str, reason: str) -> None:
        """Note one fault, unless there are too many already."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(Fault(self.event, path, reason))

    def check(self, element: Element, kind: str, path: str) -> None:
        """Check one element of the type `kind`; `path` is its place as in JSON."""
        if kind in CHECKS:
            self._text(element, kind, path)
        elif kind == "any":
            self._attributes(element, kind, path)
            for inner in element.iterdescendants():
                self._claim(inner)
        elif kind not in self.known:
            self._attributes(element, kind, path)
            if _stray(element):
                self.fault(path, "not_allowed")
            found = model(self.version, kind)
            if found.choice:
                self._choice(element, found, path)
            else:
                self._sequence(element, found, path)
            if kind == "QuantityElement":
                self._unit(element, path)

    def _unit(self, element: Element, path: str) -> None:
        """A unit of measure needs a quantity that it is the unit of."""
        if element.find("uom") is not None and element.find("quantity") is None:
            self.fault(f"{path}.quantity", "required")

    def _sequence(self, element: Element, found: Model, path: str) -> None:
        place, count = 0, 0
        seen: dict[str, int] = {}
        for child in element:
            tag = str(child.tag)
            at = found.places.get(tag)
            below = self._path(found, path, tag, seen)
            if at is None:
                if not self._admitted(found, child):
                    self.fault(below, "unknown_field")
                    return
                at = len(found.parts)
            if at < place:
                repeated = at == place - 1 and found.parts[at].most == 1
                self.fault(below, "repeated" if repeated else "order")
                return
            if at > place:
                if self._missing(element, found, path, (place, at, count)):
                    return
                place, count = at, 0
            if at < len(found.parts):
                self.check(child, found.types[tag], below)
                count += 1
                if count >= found.parts[at].most:
                    place, count = at + 1, 0
        if not self._missing(element, found, path, (place, len(found.parts), count)):
            wanted = found.wild.endswith("+")
            if wanted and len(element) == 0:
                self.fault(path, "empty")

    def _missing(
        self, element: Element, found: Model, path: str, span: tuple[int, int, int]
    ) -> bool:
        """Whether a part from `place` to before `at` is needed and was not there."""
        place, at, count = span
        for number in range(place, at):
            part = found.parts[number]
            if part.least > (count if number == place else 0):
                later = any(child.tag in part.names for child in element)
                below = self._path(found, path, part.names[0], {})
                self.fault(below, "order" if later else "required")
                return True
        return False

    def _choice(self, element: Element, found: Model, path: str) -> None:
        seen: dict[str, int] = {}
        count = 0
        for child in element:
            tag = str(child.tag)
            below = self._path(found, path, tag, seen)
            count += 1
            if tag in found.types:
                self.check(child, found.types[tag], below)
            elif tag not in self.known and not self._admitted(found, child):
                self.fault(below, "unknown_field")
                return
        if found.name in EXACTLY_ONE and count != 1:
            self.fault(path, "repeated" if count else "empty")

    def _admitted(self, found: Model, child: Element) -> bool:
        """Whether a wildcard of the model takes this element; claims of `xsi:type` are checked."""
        tag = str(child.tag)
        if found.wild.startswith("##local"):
            good = not tag.startswith("{")
        elif found.wild.startswith("##other"):
            own = SBDH if found.name in QUALIFIED else _own(self.version, found.name)
            good = tag.startswith("{") and not tag.startswith(f"{{{own}}}")
        else:
            good = False
        if good:
            for inner in child.iter():
                self._claim(inner)
        return good

    def _claim(self, element: Element) -> None:
        """An element of an extension that claims to be of a simple type must be."""
        claim = element.get(_TYPE)
        if claim is None:
            return
        prefix, _, name = claim.strip(SPACE).rpartition(":")
        below = local(str(element.tag))
        if element.nsmap.get(prefix or None) != XSD or name not in BUILT_IN:
            self.fault(below, "unknown_word")
        elif len(element) or any(not str(other).startswith(_XSI) for other in element.attrib):
            self.fault(below, "not_allowed")
        else:
            reason = BUILT_IN[name](element.text or "")
            if reason:
                self.fault(below, reason)

    def _text(self, element: Element, kind: str, path: str) -> None:
        member = _MEMBER.get(kind, "")
        if kind == "party":
            member = f".{element.tag}"
        if len(element):
            self.fault(path + member, "unknown_field")
            return
        self._attributes(element, kind, path)
        if element.get(_NIL) is not None and self._nil(element, kind, path):
            return
        reason = CHECKS[kind](element.text or "")
        if reason:
            self.fault(path + member, reason)

    def _nil(self, element: Element, kind: str, path: str) -> bool:
        if kind != "quantity":
            self.fault(path, "unknown_field")
            return True
        if element.get(_NIL) not in ("true", "1"):
            return False
        if element.text:
            self.fault(path, "not_allowed")
        return True

    def _attributes(self, element: Element, kind: str, path: str) -> None:
        known = attributes(kind)
        for name, (check, needed) in known.items():
            value = element.get(name)
            if value is None:
                if needed:
                    self.fault(f"{path}.{name}" if path else name, "required")
                continue
            reason = CHECKS[check](value)
            if reason:
                self.fault(f"{path}.{name}", reason)
        if _closed(kind):
            for name in element.attrib:
                if name not in known and not str(name).startswith(_XSI):
                    self.fault(f"{path}.{local(str(name))}".lstrip("."), "unknown_field")

    def _path(self, found: Model, path: str, tag: str, seen: dict[str, int]) -> str:
        number = seen.get(tag, -1) + 1
        seen[tag] = number
        if found.name in _ITEMS and tag in found.types:
            return f"{path}[{number}]"
        if tag in _WRAPPERS:
            return path
        at = found.places.get(tag)
        name = local(tag)
        if at is not None and found.parts[at].most > 1:
            name = f"{name}[{number}]"
        return f"{path}.{name}" if path else name


def _closed(kind: str) -> bool:
    if kind in CHECKS:
        return kind in TEXT_WITH_ATTRIBUTES or kind not in ATTRIBUTES
    return kind in CLOSED


def _own(version: Version, kind: str) -> str:
    if kind in ("QueryDocument", "QueryResults"):
        return f"urn:epcglobal:epcis-query:xsd:{version[0]}"
    return next(uri for uri, known in CAPTURE.items() if known == version)


@cache
def attributes(kind: str) -> dict[str, tuple[str, bool]]:
    """The attributes that a type defines: the check of each, and whether it must be there."""
    found: dict[str, tuple[str, bool]] = {}
    for word in ATTRIBUTES.get(kind, "").split():
        name, _, check = word.partition(":")
        found[name] = (check.rstrip("!"), check.endswith("!"))
    return found


def _stray(element: Element) -> bool:
    return any(text and text.strip(SPACE) for text in _texts(element))


def _texts(element: Element) -> Iterator[str | None]:
    yield element.text
    for child in element:
        yield child.tail
