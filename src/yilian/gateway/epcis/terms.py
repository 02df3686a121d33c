"""What an event is found by: every answer it gives to the query language (EPCIS 2.0, 8.2.7.1).

A term is a name and a value. Names of the standard's own fields are few and have small numbers;
those that events bring along are numbered by their digest. Values are texts that sort as what they
stand for: numbers and times can be asked for by range.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from yilian.gateway.epcis import identifiers, units_of_measure
from yilian.gateway.epcis.document import Event, Namespaces
from yilian.gateway.epcis.names import context_of, field_name, whole, word
from yilian.gateway.epcis.vocabulary import Kind

FIXED = (
    "eventType",
    "action",
    "bizStep",
    "disposition",
    "persistentDisposition_set",
    "persistentDisposition_unset",
    "readPoint",
    "bizLocation",
    "transformationID",
    "epc",
    "parentID",
    "inputEPC",
    "outputEPC",
    "epcClass",
    "inputEPCClass",
    "outputEPCClass",
    "quantity",
    "errorDeclaration",
    "errorDeclarationTime",
    "errorReason",
    "correctiveEventID",
    "source",
    "destination",
    "bizTransaction",
    "sensorElementList",
    "time",
    "startTime",
    "endTime",
    "type",
    "deviceID",
    "deviceMetadata",
    "rawData",
    "dataProcessingMethod",
    "microorganism",
    "chemicalSubstance",
    "bizRules",
    "stringValue",
    "booleanValue",
    "hexBinaryValue",
    "uriValue",
    "percRank",
    "exception",
    "component",
    "coordinateReferenceSystem",
)
"""Names with a number of their own: append only, or the terms must be worked out anew."""

_NUMBERS = {name: number for number, name in enumerate(FIXED)}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LATE = 10**18
_LARGEST_EXPONENT = 4_999_999
_COMPLEMENT = str.maketrans("0123456789", "9876543210")
_LONGEST = 400
LONGEST_ID = 4_096
"""Characters of one value of a query."""

_LISTS = {
    "epcList": "epc",
    "childEPCs": "epc",
    "inputEPCList": "inputEPC",
    "outputEPCList": "outputEPC",
}
_QUANTITIES = {
    "quantityList": "epcClass",
    "childQuantityList": "epcClass",
    "inputQuantityList": "inputEPCClass",
    "outputQuantityList": "outputEPCClass",
}
_BUSINESS: tuple[tuple[str, str, Kind], ...] = (
    ("bizTransactionList", "bizTransaction", "bizTransaction"),
    ("sourceList", "source", "sourceOrDestination"),
    ("destinationList", "destination", "sourceOrDestination"),
)
_SENSOR_WORDS: tuple[tuple[str, Kind], ...] = (("type", "measurement"), ("component", "component"))
_SENSOR_TIMES = ("time", "startTime", "endTime")
_SENSOR_IDS = ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules")
_SUBSTANCES = ("microorganism", "chemicalSubstance")
_SENSOR_TEXTS = ("stringValue", "hexBinaryValue", "coordinateReferenceSystem", "exception")
MEASURED = ("value", "minValue", "maxValue", "meanValue", "sDev", "percValue", "quantity")
"""Numbers that have a unit of measure."""

Term = tuple[int, str]


@lru_cache(maxsize=65536)
def number_of(name: str) -> int:
    """Give the number that a name has in the table of terms."""
    fixed = _NUMBERS.get(name)
    if fixed is not None:
        return fixed
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") + len(FIXED) + 1000


def microseconds(text: str) -> int:
    """Read a date and time with an offset; digits past the microsecond are cut off.

    Raises ValueError.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return (moment - _EPOCH) // _MICROSECOND


def time_value(moment: int) -> str:
    """Write microseconds so that texts sort as the moments do."""
    return f"d{moment + _LATE:019d}"


def number_value(number: Decimal | int) -> str:
    """Write a number so that texts sort as the numbers do, exactly; equal ones are equal."""
    value = Decimal(number)
    if not value.is_finite():
        raise ValueError(number)
    if not value:
        return "n1"
    digits = "".join(map(str, value.as_tuple().digits)).lstrip("0").rstrip("0")
    exponent = max(-_LARGEST_EXPONENT, min(_LARGEST_EXPONENT, value.adjusted()))
    text = f"{exponent + _LARGEST_EXPONENT + 1:07d}{digits}"
    if value > 0:
        return "n2" + text
    return "n0" + text.translate(_COMPLEMENT) + "~"


def text_value(text: str) -> str:
    """Write a text of any length so that equal ones are equal; only their beginning sorts."""
    if len(text) <= _LONGEST:
        return "s" + text
    return "s" + text[:_LONGEST] + "…" + hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=65536)
def id_value(uri: str) -> str:
    """Give an identifier in the form in which it is at rest (a canonical Digital Link)."""
    try:
        return identifiers.canonical(uri)
    except ValueError:
        return uri


def exact_value(number: Decimal | int) -> str:
    """Write a number of JSON, so that a text that is written as a number can ask for it."""
    return "m" + number_value(number)[1:]


def measured_name(field: str, uom: str) -> tuple[str, units_of_measure.Unit]:
    """Name the terms of a measured number, the same for all units of one kind."""
    unit = units_of_measure.unit(uom)
    return f"{field}@{unit.base}", unit


def terms(event: Event) -> Iterator[Term]:
    """Give the terms of a valid event, some of them more than once."""
    namespaces = context_of(event)
    for name, value in _named(event, namespaces):
        yield number_of(name), value


def _named(event: Event, namespaces: Namespaces) -> Iterator[tuple[str, str]]:
    yield "eventType", whole(event["type"], namespaces)
    if "action" in event:
        yield "action", event["action"]
    if event.get("bizStep"):
        yield "bizStep", word("bizStep", event["bizStep"], namespaces)
    if event.get("disposition"):
        yield "disposition", word("disposition", event["disposition"], namespaces)
    for kind, words in (event.get("persistentDisposition") or {}).items():
        if kind in ("set", "unset"):
            for each in words:
                yield f"persistentDisposition_{kind}", word("disposition", each, namespaces)
    yield from _things(event)
    yield from _business(event, namespaces)
    for place in ("readPoint", "bizLocation"):
        told = event.get(place)
        if isinstance(told, Mapping):
            yield place, id_value(told["id"])
            yield from _extensions(place, told, namespaces)
    declaration = event.get("errorDeclaration")
    if isinstance(declaration, Mapping):
        yield from _error(declaration, namespaces)
    for element in event.get("sensorElementList") or ():
        yield "sensorElementList", ""
        yield from _sensor(element, namespaces)
    if isinstance(event.get("ilmd"), Mapping):
        yield from _extensions("ILMD", event["ilmd"], namespaces)
    yield from _extensions("", event, namespaces)


def _things(event: Event) -> Iterator[tuple[str, str]]:
    if event.get("parentID"):
        yield "parentID", id_value(event["parentID"])
    if event.get("transformationID"):
        yield "transformationID", id_value(event["transformationID"])
    for field, name in _LISTS.items():
        for epc in event.get(field) or ():
            yield name, id_value(epc)
    for field, name in _QUANTITIES.items():
        for each in event.get(field) or ():
            yield name, id_value(each["epcClass"])
            if _is_number(each.get("quantity")):
                yield "quantity", number_value(each["quantity"])
                yield _measured("quantity", each["quantity"], each.get("uom") or "")


def _business(event: Event, namespaces: Namespaces) -> Iterator[tuple[str, str]]:
    for field, key, kind in _BUSINESS:
        for each in event.get(field) or ():
            value = id_value(each[key])
            yield key, value
            yield f"{key}_{word(kind, each.get('type') or '', namespaces)}", value


def _error(declaration: Mapping[str, Any], namespaces: Namespaces) -> Iterator[tuple[str, str]]:
    yield "errorDeclaration", ""
    if "declarationTime" in declaration:
        yield "errorDeclarationTime", time_value(microseconds(declaration["declarationTime"]))
    if declaration.get("reason"):
        yield "errorReason", word("reason", declaration["reason"], namespaces)
    for each in declaration.get("correctiveEventIDs") or ():
        yield "correctiveEventID", each
    yield from _extensions("ERROR_DECLARATION", declaration, namespaces)


def _sensor(element: Mapping[str, Any], namespaces: Namespaces) -> Iterator[tuple[str, str]]:
    yield from _extensions("SENSORELEMENT", element, namespaces)
    about = element.get("sensorMetadata")
    if isinstance(about, Mapping):
        yield from _observed(about, namespaces)
        yield from _extensions("SENSORMETADATA", about, namespaces)
    for report in element.get("sensorReport") or ():
        yield from _observed(report, namespaces)
        yield from _extensions("SENSORREPORT", report, namespaces)


def _observed(told: Mapping[str, Any], namespaces: Namespaces) -> Iterator[tuple[str, str]]:
    """Give the terms of fields that metadata or a report may have."""
    for name in _SENSOR_TIMES:
        if name in told:
            yield name, time_value(microseconds(told[name]))
    for name, kind in _SENSOR_WORDS:
        if told.get(name):
            yield name, word(kind, told[name], namespaces)
    for name in _SENSOR_IDS:
        if told.get(name):
            yield name, id_value(told[name])
    for name in _SUBSTANCES:
        if told.get(name):
            yield name, told[name]
    for name in _SENSOR_TEXTS:
        if name in told:
            yield name, text_value(str(told[name]))
    if "uriValue" in told:
        yield "uriValue", id_value(str(told["uriValue"]))
    if "booleanValue" in told:
        yield "booleanValue", _boolean(told["booleanValue"])
    if _is_number(told.get("percRank")):
        yield "percRank", number_value(told["percRank"])
    uom = told.get("uom") or ""
    for name in MEASURED:
        if _is_number(told.get(name)):
            yield _measured(name, told[name], uom)


def _measured(name: str, value: Decimal | int, uom: str) -> tuple[str, str]:
    named, unit = measured_name(name, uom)
    return named, number_value(unit.to_base(value, difference=name == "sDev"))


def _extensions(
    family: str, told: Mapping[str, Any], namespaces: Namespaces
) -> Iterator[tuple[str, str]]:
    for key, value in told.items():
        if ":" in key:
            name = f"{family}|{field_name(key, namespaces)}"
            for each in value if isinstance(value, list) else (value,):
                yield from _values(name, each)
            yield from _inner(family, value, namespaces)


def _inner(family: str, value: Any, namespaces: Namespaces) -> Iterator[tuple[str, str]]:
    """Give the terms of what stands at any depth inside an extension."""
    if isinstance(value, list):
        for each in value:
            yield from _inner(family, each, namespaces)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if not key.startswith("@"):
                name = f"{family}|INNER|{field_name(key, namespaces)}"
                for each in inner if isinstance(inner, list) else (inner,):
                    yield from _values(name, each)
            yield from _inner(family, inner, namespaces)


def _values(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Give the terms of one value of an extension.

    XML has texts alone: one that is written as a number or a time is found by range as well.
    """
    if isinstance(value, bool):
        yield name, text_value(_boolean(value))
    elif isinstance(value, Decimal | int):
        yield name, number_value(value)
        yield name, exact_value(value)
    elif isinstance(value, str):
        yield name, text_value(value)
        yield from ((name, each) for each in _ranged(value))
    else:
        yield name, ""


def _ranged(text: str) -> Iterator[str]:
    number = read_number(text)
    if number is not None:
        yield number_value(number)
    elif len(text) <= 40 and text[4:5] == "-":
        try:
            yield time_value(microseconds(text))
        except ValueError:
            return


def read_number(text: str) -> Decimal | None:
    """Read a text that is written as xsd:decimal or xsd:double; None for any other."""
    if len(text) > 60 or not text or text[-1] not in "0123456789." or "_" in text:
        return None
    if not text.isascii() or text[0] not in "+-.0123456789":
        return None
    try:
        return Decimal(text)
    except ArithmeticError:
        return None


def _is_number(value: Any) -> bool:
    return isinstance(value, Decimal | int) and not isinstance(value, bool)


def _boolean(value: Any) -> str:
    if isinstance(value, str):
        return "true" if value in ("true", "1") else "false"
    return "true" if value else "false"
