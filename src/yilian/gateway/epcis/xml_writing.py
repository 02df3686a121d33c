"""Write events as an EPCIS 2.0 document or query document in XML.

What `xml_reading` reads of it has the same event hash. Source: EPCIS 2.0 (ISO/IEC 19987) section 9.
XML has no place for three things: of several `certificationInfo` the first is written; what a
sensor's report has in an extension besides text is written as JSON text; a character or a name that
XML forbids is replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from io import BytesIO
from typing import Any, Final, Literal

from lxml import etree

from yilian.gateway.epcis.document import Event, Namespaces
from yilian.gateway.epcis.vocabulary import PREDEFINED, WORDS, Kind, expanded
from yilian.gateway.epcis.xml_events import TEXT
from yilian.gateway.epcis.xml_names import EVENT_TYPES, RDF, URNS, XSD, XSI
from yilian.gateway.epcis.xml_structure import Element, model
from yilian.gateway.epcis.xml_values import CHECKS
from yilian.ledger import codec

Spelling = Literal["web", "urn"]
"""How words of the CBV are written: as addresses, or as the URNs of older versions."""

_CAPTURE = "urn:epcglobal:epcis:xsd:2"
_QUERY = "urn:epcglobal:epcis-query:xsd:2"
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*", re.ASCII)
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_.\-]", re.ASCII)
_ITEMS = {
    "epcList": "epc",
    "childEPCs": "epc",
    "inputEPCList": "epc",
    "outputEPCList": "epc",
    "correctiveEventIDs": "correctiveEventID",
}
_QUANTITIES = frozenset(
    ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
)
_TYPED: Final[dict[str, tuple[str, Kind]]] = {
    "bizTransactionList": ("bizTransaction", "bizTransaction"),
    "sourceList": ("source", "sourceOrDestination"),
    "destinationList": ("destination", "sourceOrDestination"),
}
_WORDS: Final[dict[str, Kind]] = {
    "bizStep": "bizStep",
    "disposition": "disposition",
    "reason": "reason",
}
_SENSOR_WORDS: Final[dict[str, tuple[Kind, str]]] = {
    "type": ("measurement", "gs1:"),
    "exception": ("alert", "gs1:"),
    "component": ("component", "cbv:Comp-"),
}
_TIMES = frozenset(("eventTime", "recordTime", "declarationTime", "time", "startTime", "endTime"))

Value = Any


def write_xml(
    events: Iterable[Event],
    *,
    kind: Literal["EPCISDocument", "EPCISQueryDocument"],
    created: str,
    query: str = "SimpleEventQuery",
    subscription: str | None = None,
    spelling: Spelling = "web",
) -> bytes:
    """Write valid events as one document in UTF-8; `created` is its `creationDate`.

    A query document says which query and, if any, which subscription it answers. An event of a type
    that is somebody's own stands in an extension of the list.
    """
    out = BytesIO()
    out.write(b'<?xml version="1.0" encoding="UTF-8"?>\n')
    attributes = {"schemaVersion": "2.0", "creationDate": created}
    names = {"cbv": PREDEFINED["cbv"], "gs1": PREDEFINED["gs1"], "xsd": XSD, "xsi": XSI}
    with etree.xmlfile(out, encoding="utf-8") as file:
        if kind == "EPCISDocument":
            root, names = f"{{{_CAPTURE}}}{kind}", {"epcis": _CAPTURE, **names}
            with file.element(root, attributes, nsmap=names), file.element("EPCISBody"):
                _write_list(file, events, spelling)
        else:
            root, names = f"{{{_QUERY}}}{kind}", {"epcisq": _QUERY, **names}
            with (
                file.element(root, attributes, nsmap=names),
                file.element("EPCISBody"),
                file.element(f"{{{_QUERY}}}QueryResults"),
            ):
                file.write(_text("queryName", query))
                if subscription is not None:
                    file.write(_text("subscriptionID", subscription))
                with file.element("resultsBody"):
                    _write_list(file, events, spelling)
    return out.getvalue()


def _write_list(file: Any, events: Iterable[Event], spelling: Spelling) -> None:
    with file.element("EventList"):
        for event in events:
            element = _Writing(event, spelling).element()
            if event["type"] in EVENT_TYPES:
                file.write(element)
            else:
                with file.element("extension"):
                    file.write(element)


@cache
def _order(kind: str) -> tuple[str, ...]:
    """The fields of an event in the order of XML; for no type, those of all types."""
    kinds = (kind,) if kind else EVENT_TYPES
    names = [part.names[0] for each in kinds for part in model("2.0", each).parts]
    return tuple(dict.fromkeys(n for n in names if n not in ("extension", "baseExtension")))


def _text(name: str, text: str) -> Element:
    element = etree.Element(name)
    element.text = _clean(text)
    return element


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)


def _plain(value: Value) -> str:
    """A scalar as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f") if abs(value.adjusted()) <= 400 else str(value)
    return _clean(str(value))


def _time(value: Value) -> str:
    """A time as the schema of XML wants it, which knows fewer offsets than JSON's."""
    text = _plain(value)
    if CHECKS["stamp"](text) == "":
        return text
    try:
        moment = datetime.fromisoformat(text.upper())
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return text


class _Writing:
    """Writes one event; its namespaces are declared on the event's own element."""

    def __init__(self, event: Event, spelling: Spelling) -> None:
        self._event = event
        self._spelling = spelling
        context = event.get("@context") or {}
        self._context: Namespaces = context if isinstance(context, dict) else {}
        self._used: Namespaces = {}
        self._fields: dict[str, Callable[[Element, str, Value], None]] = {
            "persistentDisposition": self._dispositions,
            "readPoint": self._place,
            "bizLocation": self._place,
            "sensorElementList": self._sensors,
            "errorDeclaration": self._declaration,
            "ilmd": self._object,
            "certificationInfo": self._certification,
        }

    def element(self) -> Element:
        """The event as an element."""
        kind = self._event["type"]
        names = _order(kind if kind in EVENT_TYPES else "")
        for prefix, namespace in self._context.items():
            self._declare(prefix, namespace)
        element = etree.Element(kind if kind in EVENT_TYPES else self._name(kind))
        for name in names:
            value = self._event.get(name)
            if value is not None:
                self._field(element, name, value)
        known = {*names, "type", "@context"}
        self._extensions(element, self._event, known)
        made = etree.Element(element.tag, nsmap=self._used)
        made.extend(list(element))
        return made

    def _field(self, above: Element, name: str, value: Value) -> None:
        if name in self._fields:
            self._fields[name](above, name, value)
        elif name in _ITEMS:
            self._add_list(above, name, value, self._item)
        elif name in _QUANTITIES:
            self._add_list(above, name, value, self._quantity)
        elif name in _TYPED:
            self._add_list(above, name, value, self._typed)
        elif name in _WORDS:
            self._add(above, name, self._word(_WORDS[name], value))
        else:
            self._add(above, name, _time(value) if name in _TIMES else _plain(value))

    def _add(self, above: Element, name: str, text: str) -> Element:
        element = etree.SubElement(above, name)
        element.text = text
        return element

    def _add_list(
        self,
        above: Element,
        name: str,
        values: Value,
        write: Callable[[Element, str, Value], None],
    ) -> None:
        if not values and name in (*_TYPED, "correctiveEventIDs"):
            return  # no list of these may be empty
        element = etree.SubElement(above, name)
        for value in values:
            write(element, name, value)

    def _item(self, above: Element, name: str, value: Value) -> None:
        self._add(above, _ITEMS[name], _plain(value))

    def _quantity(self, above: Element, name: str, value: Value) -> None:
        element = etree.SubElement(above, "quantityElement")
        for part in ("epcClass", "quantity", "uom"):
            if value.get(part) is not None and (part != "uom" or "quantity" in value):
                self._add(element, part, _plain(value[part]))

    def _typed(self, above: Element, name: str, value: Value) -> None:
        key, kind = _TYPED[name]
        element = self._add(above, key, _plain(value.get(key, "")))
        if "type" in value:
            element.set("type", self._word(kind, value["type"]))

    def _word(self, kind: Kind, value: Value) -> str:
        text = _plain(value)
        if text not in WORDS[kind]:
            return text
        return URNS[kind] + text if self._spelling == "urn" else expanded(kind, text)

    def _dispositions(self, above: Element, name: str, value: Value) -> None:
        element = etree.SubElement(above, name)
        for part in ("unset", "set"):
            for word in value.get(part) or ():
                self._add(element, part, self._word("disposition", word))

    def _place(self, above: Element, name: str, value: Value) -> None:
        element = etree.SubElement(above, name)
        self._add(element, "id", _plain(value.get("id", "")))
        self._extensions(element, value, {"id"})

    def _object(self, above: Element, name: str, value: Value) -> None:
        self._extensions(etree.SubElement(above, name), value, set())

    def _certification(self, above: Element, name: str, value: Value) -> None:
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, str):
            self._add(above, name, _clean(first))

    def _declaration(self, above: Element, name: str, value: Value) -> None:
        element = etree.SubElement(above, name)
        parts = ("declarationTime", "reason", "correctiveEventIDs")
        for part in parts:
            if value.get(part) is not None:
                self._field(element, part, value[part])
        self._extensions(element, value, set(parts))

    def _sensors(self, above: Element, name: str, value: Value) -> None:
        if not value:
            return
        listed = etree.SubElement(above, name)
        for each in value:
            element = etree.SubElement(listed, "sensorElement")
            if each.get("sensorMetadata"):
                self._sensor_part(element, "sensorMetadata", each["sensorMetadata"])
            for report in each.get("sensorReport") or ():
                self._sensor_part(element, "sensorReport", report)
            self._extensions(element, each, {"sensorMetadata", "sensorReport"})

    def _sensor_part(self, above: Element, name: str, value: Value) -> None:
        element = etree.SubElement(above, name)
        for key, each in value.items():
            if each is None or (":" not in key and not _NAME.fullmatch(key)):
                continue
            if isinstance(each, dict | list):
                text = codec.encode(each).decode()
            elif key in _SENSOR_WORDS:
                kind, prefix = _SENSOR_WORDS[key]
                text = _plain(each)
                text = prefix + text if text in WORDS[kind] else text
            else:
                text = _time(each) if key in _TIMES else _plain(each)
            element.set(self._name(key) if ":" in key else key, _clean(text))

    # Extensions

    def _extensions(self, above: Element, told: Event, known: set[str]) -> None:
        for name, value in told.items():
            if name not in known:
                for each in _flat(value):
                    self._extension(above, name, each)

    def _extension(self, above: Element, name: str, value: Value) -> None:
        element = etree.SubElement(above, self._name(name))
        if not isinstance(value, dict):
            element.text = _plain(value)
            if not isinstance(value, str):
                self._used.update(xsd=XSD, xsi=XSI)
                element.set(f"{{{XSI}}}type", _claim(value))
        elif TEXT in value and all(not isinstance(v, dict | list) for v in value.values()):
            for key, each in value.items():
                if key == TEXT:
                    element.text = _plain(each)
                elif each is not None:
                    element.set(self._name(key), _plain(each))
        else:
            self._extensions(element, value, set())

    def _name(self, name: str) -> str:
        """The name of an extension as XML wants it; without a colon it is in no namespace."""
        prefix, colon, plain = name.partition(":")
        if not colon:
            return _valid(name)
        namespace = RDF if prefix == "rdf" else self._context.get(prefix)
        namespace = namespace or PREDEFINED.get(prefix)
        if namespace is None:
            at = max(name.rfind(mark) for mark in "/#:") + 1
            namespace, plain, prefix = name[:at], name[at:], ""
        self._declare(prefix, namespace)
        return f"{{{namespace}}}{_valid(plain)}"

    def _declare(self, prefix: str, namespace: str) -> None:
        if namespace in self._used.values():
            return
        good = _NAME.fullmatch(prefix) and not prefix.lower().startswith("xml")
        chosen = prefix if good else "ns"
        while chosen in self._used or chosen in ("xsd", "xsi"):
            chosen += "_"
        self._used[chosen] = namespace


def _claim(value: Value) -> str:
    """What type a value has that is no text: JSON tells them apart, XML only by this."""
    if isinstance(value, bool):
        return "xsd:boolean"
    return "xsd:integer" if isinstance(value, int) else "xsd:decimal"


def _flat(value: Value) -> Iterator[Value]:
    """The single values of a field: XML repeats an element where JSON has a list."""
    if isinstance(value, list | tuple):
        for each in value:
            yield from _flat(each)
    elif value is not None:
        yield value


def _valid(name: str) -> str:
    if _NAME.fullmatch(name):
        return name
    made = _NOT_IN_NAME.sub(lambda found: f"_x{ord(found[0]):04X}_", name)
    return made if _NAME.fullmatch(made) else f"_{made}"
