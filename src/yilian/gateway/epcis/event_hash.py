"""The event hash ID of the CBV: one name for what an event says, however it was written.

CBV 2.0, section 8.9, with the corrections published in 2026, and the draft of CBV 2.1. The digest
is SHA-256 over a pre-hash string: standard fields in a fixed order, lists sorted, times in UTC with
milliseconds, numbers without trailing zeros, GS1 keys as canonical Digital Links, words as URIs.
Not hashed: `recordTime`, `eventID`, `errorDeclaration`, `certificationInfo` and comments.

Works on events as `document.Event`, as captured or as read from XML, and raises nothing for those
that `validation` accepts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal

from yilian.gateway.epcis.document import Event, Namespaces
from yilian.gateway.epcis.identifiers import constrained
from yilian.gateway.epcis.vocabulary import FIXED, PREDEFINED, Kind, expanded, written_out

CbvVersion = Literal["2.0", "2.1"]

_COMMENT = "{http://www.w3.org/2000/01/rdf-schema#}comment"
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):?(\d\d))", re.ASCII
)
_FRACTION = re.compile(r"-?[0-9]+\.[0-9]+")
_CURIE = re.compile(r"(?:cbv|gs1|epcis):[\w.-]+", re.ASCII)

_NOT_HASHED = frozenset(
    ("@context", "type", "eventTime", "eventTimeZoneOffset", "recordTime", "eventID")
) | frozenset(("errorDeclaration", "certificationInfo"))

_MORE_DIGITS = 400
"""A number with a greater exponent is written as it is, lest one field fill the memory."""


def event_hash(event: Event, cbv: CbvVersion = "2.0") -> str:
    """Name an event by its content: `ni:///sha-256;<64 hex digits>?ver=CBV2.0` (RFC 6920)."""
    return f"ni:///sha-256;{digest(event, cbv).hex()}?ver=CBV{cbv}"


def digest(event: Event, cbv: CbvVersion = "2.0") -> bytes:
    """Hash what an event says: 32 bytes."""
    return sha256(prehash(event, cbv).encode("utf-8", "surrogatepass")).digest()


def prehash(event: Event, cbv: CbvVersion = "2.0") -> str:
    """Write an event in the one way that is hashed."""
    context: Namespaces = event.get("@context") or {}
    inline = cbv == "2.1"
    head = f"eventType={written_out(event.get('type', ''))}"
    if "eventTime" in event:
        head += f"eventTime={_time(event['eventTime'])}"
    if "eventTimeZoneOffset" in event:
        head += f"eventTimeZoneOffset={event['eventTimeZoneOffset']}"
    written = [head]
    later: list[str] = []
    for name, write in _FIELDS:
        value = event.get(name)
        if value is not None:
            text, after = write(value, context, inline)
            written.append(text)
            if after:
                later.append(after)
    written += later
    if len(event) > _PLAIN:
        written += _children(event, context, _KNOWN)
    return "".join(written)


_PLAIN = 3
"""An event with no more fields than type, time and zone can have no extension."""


def _children(holder: Mapping[str, Any], context: Namespaces, known: frozenset[str]) -> list[str]:
    """Write the extensions among the fields of an object, sorted."""
    found: list[str] = []
    for name, value in holder.items():
        if name not in known:
            _extension(_name(name, context), value, context, found)
    found.sort()
    return found


_NONE: frozenset[str] = frozenset()


def _extension(name: str, value: Any, context: Namespaces, found: list[str]) -> None:
    if name == _COMMENT or value is None:
        return
    if isinstance(value, dict):
        found.append(name + "".join(_children(value, context, _NONE)))
    elif isinstance(value, list | tuple):
        for each in value:
            _extension(name, each, context, found)
    else:
        text = _scalar(value)
        found.append(f"{name}={text}" if text else name)


def _name(name: str, context: Namespaces) -> str:
    """Put the namespace in place of the prefix: `{https://ns.example.com/epcis/}myField`."""
    prefix, colon, local = name.partition(":")
    if not colon:
        return name
    space = None if prefix in FIXED else context.get(prefix)
    space = space or PREDEFINED.get(prefix)
    if space is not None:
        return f"{{{space}}}{local}"
    at = max(name.rfind("/"), name.rfind("#"), name.rfind(":")) + 1
    return f"{{{name[:at]}}}{name[at:]}"


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _number(value) if isinstance(value, int | Decimal) else str(value)


def _text(value: str) -> str:
    """Write a text, or a URI in canonical form where it names a GS1 key or a standard word.

    A text that is a decimal fraction is written like a number, because XML has only text; digits
    alone stay as they are, so that a lot `007` is not the lot `7`.
    """
    value = value.strip()
    if value.startswith("urn:epcglobal:cbv:"):
        return written_out(value)
    if value[:4].lower() in ("urn:", "http"):
        return constrained(value)
    if _FRACTION.fullmatch(value):
        return _short(value)
    return written_out(value) if _CURIE.fullmatch(value) else value


def _number(value: int | Decimal) -> str:
    if isinstance(value, Decimal):
        if not value.is_finite() or abs(value.adjusted()) > _MORE_DIGITS:
            return str(value)
        return _short(format(value, "f"))
    return str(value)


def _short(text: str) -> str:
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@lru_cache(maxsize=1 << 12)
def _time(text: str) -> str:
    """Write a time in UTC with milliseconds; the fourth decimal decides (5 rounds up)."""
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return str(text)
    day, clock, fraction, sign, hours, minutes = found.groups()
    fraction = f"{fraction or '':0<4}"
    millis = int(fraction[:3]) + (fraction[3] >= "5")
    shift = int(hours) * 60 + int(minutes) if sign else 0
    if not shift and millis < 1000:
        return f"{day}T{clock}.{millis:03d}Z"
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}") + timedelta(
            minutes=-shift if sign == "+" else shift, milliseconds=millis
        )
    except (ValueError, OverflowError):
        return text
    return moment.isoformat(timespec="milliseconds") + "Z"


_Written = tuple[str, str]
"""What a field adds in its place, and what CBV 2.0 adds after all fields."""

_Write = Callable[[Any, Namespaces, bool], _Written]


def _simple(label: str, spell: Callable[[Any], str]) -> _Write:
    def write(value: Any, context: Namespaces, inline: bool) -> _Written:
        return f"{label}={spell(value)}", ""

    return write


def _listed(label: str, item: str) -> _Write:
    """A list of identifiers: `epcListepc=...epc=...`."""

    def write(value: Any, context: Namespaces, inline: bool) -> _Written:
        if not isinstance(value, list) or not value:
            return "", ""
        items = sorted([_text(each) for each in value if isinstance(each, str)])
        return f"{label}{item}=" + f"{item}=".join(items), ""

    return write


def _quantities(label: str) -> _Write:
    def write(value: Any, context: Namespaces, inline: bool) -> _Written:
        items = sorted([_quantity(each) for each in value if isinstance(each, dict)])
        return label + "".join(items) if items else "", ""

    return write


def _quantity(element: Mapping[str, Any]) -> str:
    text = f"quantityElementepcClass={_scalar(element.get('epcClass', ''))}"
    if "quantity" in element:
        text += f"quantity={_scalar(element['quantity'])}"
    if "uom" in element:
        text += f"uom={element['uom']}"
    return text


def _typed(label: str, key: str, kind: Kind) -> _Write:
    """A list of transactions or parties: the type stands before what it is the type of."""

    def write(value: Any, context: Namespaces, inline: bool) -> _Written:
        items = []
        for each in value:
            if not isinstance(each, dict):
                continue
            text = f"type={expanded(kind, each['type'])}" if "type" in each else ""
            items.append(f"{text}{key}={_scalar(each.get(key, ''))}")
        items.sort()
        return label + "".join(items) if items else "", ""

    return write


def _persistent(value: Any, context: Namespaces, inline: bool) -> _Written:
    text = ""
    for name in ("set", "unset"):
        words = value.get(name) or () if isinstance(value, dict) else ()
        text += "".join(sorted([f"{name}={expanded('disposition', word)}" for word in words]))
    return (f"persistentDisposition{text}" if text else ""), ""


def _place(label: str) -> _Write:
    known = frozenset(("id",))

    def write(value: Any, context: Namespaces, inline: bool) -> _Written:
        if not isinstance(value, dict):
            return "", ""
        own = f"id={_scalar(value['id'])}" if "id" in value else ""
        more = "".join(_children(value, context, known)) if len(value) > 1 else ""
        if inline:
            return (label + own + more if own or more else ""), ""
        return (label + own if own else ""), (label + more if more else "")

    return write


def _ilmd(value: Any, context: Namespaces, inline: bool) -> _Written:
    more = "".join(_children(value, context, _NONE)) if isinstance(value, dict) else ""
    return (f"ilmd{more}" if more else ""), ""


_METADATA: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("time", _time),
    ("startTime", _time),
    ("endTime", _time),
    ("deviceID", _scalar),
    ("deviceMetadata", _scalar),
    ("rawData", _scalar),
    ("dataProcessingMethod", _scalar),
    ("bizRules", _scalar),
)
_REPORT: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("type", lambda value: expanded("measurement", value)),
    ("exception", lambda value: expanded("alert", value)),
    ("deviceID", _scalar),
    ("deviceMetadata", _scalar),
    ("rawData", _scalar),
    ("dataProcessingMethod", _scalar),
    ("bizRules", _scalar),
    ("time", _time),
    ("microorganism", _scalar),
    ("chemicalSubstance", _scalar),
    ("value", _scalar),
    ("component", lambda value: expanded("component", value)),
    ("stringValue", _scalar),
    ("booleanValue", _scalar),
    ("hexBinaryValue", _scalar),
    ("uriValue", _scalar),
    ("minValue", _scalar),
    ("maxValue", _scalar),
    ("meanValue", _scalar),
    ("sDev", _scalar),
    ("percRank", _scalar),
    ("percValue", _scalar),
    ("uom", _scalar),
    ("coordinateReferenceSystem", _scalar),
)
_METADATA_NAMES = frozenset(name for name, _ in _METADATA)
_REPORT_NAMES = frozenset(name for name, _ in _REPORT)
_ELEMENT_NAMES = frozenset(("sensorMetadata", "sensorReport"))


def _sensors(value: Any, context: Namespaces, inline: bool) -> _Written:
    own, more = [], []
    for each in value:
        text, after = _sensor(each, context, inline) if isinstance(each, dict) else ("", "")
        own.append(text)
        more.append(after)
    first = "".join(sorted(own))
    return ("sensorElementList" + first if inline and first else first), "".join(sorted(more))


def _sensor(element: Mapping[str, Any], context: Namespaces, inline: bool) -> _Written:
    """One sensor element: what stands in its place, and its extensions apart (CBV 2.0)."""
    metadata = element.get("sensorMetadata")
    own, more = _part("sensorMetadata", metadata, _METADATA, _METADATA_NAMES, context, inline)
    reports = [
        _part("sensorReport", each, _REPORT, _REPORT_NAMES, context, inline)
        for each in element.get("sensorReport") or ()
    ]
    own += "".join(sorted([text for text, _ in reports]))
    more += "".join(sorted([after for _, after in reports]))
    if len(element) > 1:
        extensions = "".join(_children(element, context, _ELEMENT_NAMES))
        if inline:
            own += extensions
        else:
            more += extensions
    return (f"sensorElement{own}" if own else ""), (f"sensorElement{more}" if more else "")


def _part(
    label: str,
    value: Any,
    fields: tuple[tuple[str, Callable[[Any], str]], ...],
    known: frozenset[str],
    context: Namespaces,
    inline: bool,
) -> _Written:
    if not isinstance(value, dict) or not value:
        return "", ""
    told = [(name, spell(value[name])) for name, spell in fields if name in value]
    own = "".join([f"{name}={text}" for name, text in told if text])
    more = "".join(_children(value, context, known))
    if inline:
        return (label + own + more if own or more else ""), ""
    return (label + own if own else ""), (label + more if more else "")


_FIELDS: tuple[tuple[str, _Write], ...] = (
    ("epcList", _listed("epcList", "epc")),
    ("parentID", _simple("parentID", _scalar)),
    ("inputEPCList", _listed("inputEPCList", "epc")),
    ("childEPCs", _listed("childEPCs", "epc")),
    ("quantityList", _quantities("quantityList")),
    ("childQuantityList", _quantities("childQuantityList")),
    ("inputQuantityList", _quantities("inputQuantityList")),
    ("outputEPCList", _listed("outputEPCList", "epc")),
    ("outputQuantityList", _quantities("outputQuantityList")),
    ("action", _simple("action", _scalar)),
    ("transformationID", _simple("transformationID", _scalar)),
    ("bizStep", _simple("bizStep", lambda value: expanded("bizStep", value))),
    ("disposition", _simple("disposition", lambda value: expanded("disposition", value))),
    ("persistentDisposition", _persistent),
    ("readPoint", _place("readPoint")),
    ("bizLocation", _place("bizLocation")),
    ("bizTransactionList", _typed("bizTransactionList", "bizTransaction", "bizTransaction")),
    ("sourceList", _typed("sourceList", "source", "sourceOrDestination")),
    ("destinationList", _typed("destinationList", "destination", "sourceOrDestination")),
    ("sensorElementList", _sensors),
    ("ilmd", _ilmd),
)
_KNOWN = _NOT_HASHED | frozenset(name for name, _ in _FIELDS)
