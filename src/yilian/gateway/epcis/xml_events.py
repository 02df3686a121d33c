"""One event of an XML document, as the mapping that everybody works with.

Reading goes by names and forgives a wrong order; `xml_structure` judges that. What an XML schema
lets pass and JSON has no place for is a fault here: text between the elements of an extension, an
element without namespace where only the standard may name one, a number that is none (INF, NaN).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from yilian.gateway.epcis.document import Event, Fault, Namespaces
from yilian.gateway.epcis.vocabulary import FIXED, PREDEFINED, Kind, bare
from yilian.gateway.epcis.xml_names import CAPTURE, QUERY, RDF, SBDH, XSD, XSI
from yilian.gateway.epcis.xml_structure import Element, attributes, local
from yilian.gateway.epcis.xml_values import SPACE, collapsed, number, truth

DEEPEST: Final = 32
"""How deep the elements of an extension may be nested."""

TEXT: Final = "rdf:value"
"""Where the text of an extension's element stands when the element has attributes too."""

_XSI = f"{{{XSI}}}"
_CLAIM = f"{{{XSI}}}type"
_NIL = f"{{{XSI}}}nil"
_TEXTS = frozenset(
    ("eventTime", "recordTime", "eventTimeZoneOffset", "eventID", "certificationInfo", "parentID")
) | {"bizStep", "disposition", "transformationID", "action", "declarationTime", "reason"}
_WORDS: dict[str, Kind] = {
    "bizStep": "bizStep",
    "disposition": "disposition",
    "reason": "reason",
    "bizTransactionList": "bizTransaction",
    "sourceList": "sourceOrDestination",
    "destinationList": "sourceOrDestination",
}
_SENSOR_WORDS: dict[str, Kind] = {
    "type": "measurement",
    "exception": "alert",
    "component": "component",
}
_WRAPPERS = frozenset(("extension", "baseExtension"))
_CLAIMS = frozenset(("integer", "int", "long", "decimal", "double", "float", "boolean"))
_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
_PLAIN_NAMESPACES = frozenset((*CAPTURE, *QUERY, XSI, XSD, SBDH))
_NUMBERS = frozenset(("decimal", "double", "quantity"))
_SENSOR_FIELDS = {kind: attributes(kind) for kind in ("metadata", "report")}

Value = Any


class Reading:
    """Reads one event; `faults` says what could not be read."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.faults: list[Fault] = []
        self._namespaces: Namespaces = {}
        self._prefixes: dict[str, str] = {}
        self._lists: dict[str, Callable[[Element, str], Value]] = {
            "epcList": self._ids,
            "childEPCs": self._ids,
            "inputEPCList": self._ids,
            "outputEPCList": self._ids,
            "correctiveEventIDs": self._ids,
            "quantityList": self._quantities,
            "childQuantityList": self._quantities,
            "inputQuantityList": self._quantities,
            "outputQuantityList": self._quantities,
            "bizTransactionList": self._typed,
            "sourceList": self._typed,
            "destinationList": self._typed,
            "sensorElementList": self._sensors,
            "persistentDisposition": self._dispositions,
            "readPoint": self._fields,
            "bizLocation": self._fields,
            "errorDeclaration": self._fields,
            "ilmd": self._ilmd,
        }

    def event(self, element: Element) -> Event:
        """The event that the element holds; QuantityEvent of 1.2 becomes an ObjectEvent.

        The type of somebody's own event is the name of its element.
        """
        tag = str(element.tag)
        kind = self._name(tag, element.prefix) if tag.startswith("{") else tag
        event: Event = {"type": kind}
        if kind == "QuantityEvent":
            self._quantity_event(element, event)
        self._into(event, element, "")
        self._keep_prefixes_of_values(event, element)
        if self._namespaces:
            event["@context"] = self._namespaces
        return event

    def _fault(self, path: str, reason: str) -> None:
        self.faults.append(Fault(self.index, path, reason))

    def _into(self, found: Event, element: Element, path: str) -> None:
        """The attributes and children of an element, into what has been found."""
        for name, text in element.attrib.items():
            self._attribute(found, element, str(name), str(text), path)
        for child in element:
            tag = str(child.tag)
            below = f"{path}.{tag}" if path else tag
            if tag.startswith("{"):
                self._extension(found, child, path)
            elif tag in _WRAPPERS:
                self._into(found, child, path)
            elif tag in found:
                self._fault(below, "repeated")
            elif tag in _TEXTS or (tag == "id" and path):
                text = collapsed(child.text)
                found[tag] = bare(_WORDS[tag], text) if tag in _WORDS else text
            elif tag in self._lists:
                found[tag] = self._lists[tag](child, below)
            else:
                self._fault(below, "unknown_field")

    def _attribute(self, found: Event, element: Element, name: str, text: str, path: str) -> None:
        if name.startswith(_XSI):
            return
        if not name.startswith("{"):
            self._fault(f"{path}.{name}".lstrip("."), "unknown_field")
            return
        found[self._attribute_name(element, name)] = text.strip(SPACE)

    def _quantity_event(self, element: Element, event: Event) -> None:
        entry: dict[str, Value] = {}
        for tag in ("epcClass", "quantity"):
            child = element.find(tag)
            if child is not None:
                entry[tag] = self._text_or_number(child, tag)
                element.remove(child)
        event.update(type="ObjectEvent", action="OBSERVE", quantityList=[entry])

    # Lists and parts of the standard

    def _ids(self, element: Element, path: str) -> list[str]:
        return [collapsed(child.text) for child in element]

    def _fields(self, element: Element, path: str) -> Event:
        found: Event = {}
        self._into(found, element, path)
        return found

    def _ilmd(self, element: Element, path: str) -> Event:
        found: Event = {}
        for child in element:
            if child.tag == "extension":
                for inner in child:
                    self._fault(f"{path}.{local(str(inner.tag))}", "unknown_field")
            elif str(child.tag).startswith("{"):
                self._extension(found, child, path)
        for name, text in element.attrib.items():
            self._attribute(found, element, str(name), str(text), path)
        return found

    def _dispositions(self, element: Element, path: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for child in element:
            word = bare("disposition", collapsed(child.text))
            found.setdefault(str(child.tag), []).append(word)
        return found

    def _quantities(self, element: Element, path: str) -> list[dict[str, Value]]:
        found: list[dict[str, Value]] = []
        for item in element:
            entry: dict[str, Value] = {}
            for child in item:
                tag = str(child.tag)
                if child.get(_NIL) not in ("true", "1"):
                    entry[tag] = self._text_or_number(child, f"{path}[{len(found)}].{tag}")
            found.append(entry)
        return found

    def _text_or_number(self, element: Element, path: str) -> Value:
        text = collapsed(element.text)
        if element.tag != "quantity":
            return text
        return self._number(text, path)

    def _number(self, text: str, path: str) -> int | Decimal | str:
        value = number(text)
        if value is None:
            self._fault(path, "bad_number")
            return text
        return value

    def _typed(self, element: Element, path: str) -> list[dict[str, str]]:
        found = []
        kind = _WORDS[str(element.tag)]
        for child in element:
            entry = {}
            word = child.get("type")
            if word is not None:
                entry["type"] = bare(kind, word.strip(SPACE))
            entry[str(child.tag)] = collapsed(child.text)
            found.append(entry)
        return found

    def _sensors(self, element: Element, path: str) -> list[Event]:
        found: list[Event] = []
        for child in element:
            if child.tag == "sensorElement":
                found.append(self._sensor(child, f"{path}[{len(found)}]"))
            else:
                self._fault(f"{path}.{local(str(child.tag))}", "unknown_field")
        return found

    def _sensor(self, element: Element, path: str) -> Event:
        found: Event = {}
        reports: list[Event] = []
        for child in element:
            tag = str(child.tag)
            if tag == "sensorMetadata":
                found[tag] = self._sensor_part(child, "metadata", f"{path}.{tag}")
            elif tag == "sensorReport":
                below = f"{path}.{tag}[{len(reports)}]"
                reports.append(self._sensor_part(child, "report", below))
            elif tag.startswith("{"):
                self._extension(found, child, path)
            else:
                self._fault(f"{path}.{tag}", "unknown_field")
        if reports:
            found["sensorReport"] = reports
        return found

    def _sensor_part(self, element: Element, kind: str, path: str) -> Event:
        found: Event = {}
        known = _SENSOR_FIELDS[kind]
        if (element.text or "").strip(SPACE):
            self._fault(path, "not_allowed")
        for raw, value in element.attrib.items():
            name, text = str(raw), str(value)
            check = known.get(name, ("string", False))[0]
            if name.startswith("{"):
                self._attribute(found, element, name, text, path)
            elif check in _NUMBERS:
                found[name] = self._number(text, f"{path}.{name}")
            elif check == "boolean":
                found[name] = truth(text)
            elif name in _SENSOR_WORDS:
                found[name] = bare(_SENSOR_WORDS[name], text.strip(SPACE))
            else:
                found[name] = text if check == "string" else text.strip(SPACE)
        return found

    # Extensions

    def _extension(self, found: Event, element: Element, path: str, depth: int = 0) -> None:
        tag = str(element.tag)
        if tag[1:].partition("}")[0] in CAPTURE:
            self._fault(f"{path}.{local(tag)}".lstrip("."), "unknown_field")
            return
        name = self._name(tag, element.prefix)
        value = self._value(element, f"{path}.{name}".lstrip("."), depth)
        _add(found, name, value)

    def _value(self, element: Element, path: str, depth: int) -> Value:
        """A text, or a mapping of attributes and children; text beside attributes has a name."""
        own = [str(name) for name in element.attrib if not str(name).startswith(_XSI)]
        if not own and len(element) == 0:
            return _claimed(element, collapsed(element.text))
        if depth >= DEEPEST:
            self._fault(path, "too_deep")
            return ""
        found: Event = {}
        for name in own:
            plain = self._attribute_name(element, name) if name.startswith("{") else name
            found[plain] = str(element.get(name)).strip(SPACE)
        for child in element:
            if collapsed(child.tail):
                self._fault(path, "not_allowed")
            if str(child.tag).startswith("{"):
                self._extension(found, child, path, depth + 1)
            else:
                _add(found, str(child.tag), self._value(child, f"{path}.{child.tag}", depth + 1))
        text = collapsed(element.text)
        if text and len(element):
            self._fault(path, "not_allowed")
        elif text:
            found[self._name(f"{{{RDF}}}value", "rdf")] = text
        return found

    def _attribute_name(self, element: Element, name: str) -> str:
        namespace = name[1:].partition("}")[0]
        prefix = next((p for p, uri in element.nsmap.items() if uri == namespace and p), None)
        return self._name(name, prefix)

    def _name(self, tag: str, prefix: str | None) -> str:
        """`prefix:local`, with a prefix that means one namespace in the whole event."""
        namespace, _, plain = tag[1:].partition("}")
        chosen = self._prefixes.get(namespace)
        if chosen is None:
            chosen = self._choose(namespace, prefix or "ns")
            self._prefixes[namespace] = chosen
            if PREDEFINED.get(chosen) != namespace:
                self._namespaces[chosen] = namespace
        return f"{chosen}:{plain}"

    def _choose(self, namespace: str, prefix: str) -> str:
        taken = self._prefixes.values()
        chosen, number_of = prefix, 0
        while chosen in taken or (chosen in FIXED and PREDEFINED[chosen] != namespace):
            number_of += 1
            chosen = f"{prefix}{number_of}"
        return chosen

    def _keep_prefixes_of_values(self, event: Event, element: Element) -> None:
        """Say what prefixes stand for that only values begin with, such as `example:x`."""
        declared = {
            prefix: uri
            for prefix, uri in element.nsmap.items()
            if prefix and prefix not in FIXED and uri not in _PLAIN_NAMESPACES
        }
        if not declared:
            return
        beginnings: set[str] = set()
        _collect_beginnings(event, beginnings)
        for prefix in sorted(beginnings & declared.keys()):
            if PREDEFINED.get(prefix) != declared[prefix]:
                self._namespaces.setdefault(prefix, declared[prefix])


def _claimed(element: Element, text: str) -> Value:
    """The text as the number or truth value that `xsi:type` claims it to be.

    Only where it is written in the one form in which the event hash is the same for both.
    """
    claim = element.get(_CLAIM)
    if claim is None or not text:
        return text
    prefix, _, name = claim.strip(SPACE).rpartition(":")
    if name not in _CLAIMS or element.nsmap.get(prefix or None) != XSD:
        return text
    if name == "boolean":
        return {"true": True, "false": False}.get(text, text)
    value = number(text)
    exact = isinstance(value, int) and str(value) == text
    return value if exact or (value is not None and _FRACTION.fullmatch(text)) else text


def _add(found: Event, name: str, value: Value) -> None:
    """Set a field; the second of one name makes a list."""
    if name not in found:
        found[name] = value
    elif isinstance(found[name], list):
        found[name].append(value)
    else:
        found[name] = [found[name], value]


def _collect_beginnings(value: Value, found: set[str]) -> None:
    if isinstance(value, str):
        prefix, colon, rest = value.partition(":")
        if colon and not rest.startswith("//"):
            found.add(prefix)
    elif isinstance(value, dict):
        for inner in value.values():
            _collect_beginnings(inner, found)
    elif isinstance(value, list):
        for inner in value:
            _collect_beginnings(inner, found)
