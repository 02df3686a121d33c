"""What each field of an event may hold: checkers of values, lists and objects, and their table.

EPCIS 2.0 (ISO/IEC 19987) sections 7.3 and 7.4 (events), 10 (JSON binding); CBV 2.0 for words. The
checkers are put together once, when this module is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from yilian.gateway.epcis import formats
from yilian.gateway.epcis.document import Fault, Namespaces
from yilian.gateway.epcis.vocabulary import PREDEFINED, WORDS, Kind

DEEPEST: Final = 32
"""How deep objects and lists of an extension may be nested."""

MOST: Final = 100
"""How many faults of one event are told."""

_OFFSET = re.compile(r"[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)")
_UNIT = re.compile(r"[A-Z0-9]{2,3}")
_HEX = re.compile(r"[A-Fa-f0-9]+")
_NOT_OTHER = re.compile(r"urn:epcglobal:cbv|https?://ns\.gs1\.org/cbv/")
_NOT_GS1 = re.compile(r"https?://(?:www\.)?gs1\.org/voc/")


class Look:
    """What is known while one event is looked at: its prefixes, and the faults so far."""

    __slots__ = ("context", "faults")

    def __init__(self, context: Namespaces) -> None:
        self.context = context
        self.faults: list[Fault] = []

    def fault(self, path: str, reason: str) -> None:
        if len(self.faults) < MOST:
            self.faults.append(Fault(None, path, reason))


Check = Callable[[Any, str, Look], None]
Fields = dict[str, Check]


# Values


def _simple(test: Callable[[Any], str]) -> Check:
    def check(value: Any, path: str, look: Look) -> None:
        reason = test(value)
        if reason:
            look.fault(path, reason)

    return check


def _matches(pattern: re.Pattern[str], reason: str) -> Check:
    def check(value: Any, path: str, look: Look) -> None:
        if not isinstance(value, str):
            look.fault(path, "wrong_type")
        elif not pattern.fullmatch(value):
            look.fault(path, reason)

    return check


def _word(kind: Kind) -> Check:
    """A word of the CBV, or a URI of somebody's own."""
    words = WORDS[kind]
    foreign = _NOT_GS1 if kind in ("measurement", "alert") else _NOT_OTHER

    def check(value: Any, path: str, look: Look) -> None:
        if not isinstance(value, str):
            look.fault(path, "wrong_type")
        elif value not in words and (not formats.is_uri(value) or foreign.match(value)):
            look.fault(path, "unknown_word")

    return check


def _truth(value: Any) -> str:
    return "" if isinstance(value, bool) else "wrong_type"


def _nothing(value: Any, path: str, look: Look) -> None:
    """Checked elsewhere, or free."""


_URI = _simple(formats.uri)
_TIME = _simple(formats.time)
_NUMBER = _simple(formats.number)
_TEXT = _simple(formats.text)


# Lists and objects


def _uris(value: Any, path: str, look: Look) -> None:
    if not isinstance(value, list):
        look.fault(path, "wrong_type")
        return
    for place, each in enumerate(value):
        reason = formats.uri(each)
        if reason:
            look.fault(f"{path}[{place}]", reason)


def _repeated(values: list[Any]) -> bool:
    texts = [each for each in values if isinstance(each, str)]
    return len(set(texts)) != len(texts)


def _items(check_item: Check) -> Check:
    def check(value: Any, path: str, look: Look) -> None:
        if not isinstance(value, list):
            look.fault(path, "wrong_type")
            return
        for place, each in enumerate(value):
            check_item(each, f"{path}[{place}]", look)

    return check


def _object(fields: Fields, required: tuple[str, ...], unknown: Check) -> Check:
    """An object with these fields; `unknown` judges the others."""

    def check(value: Any, path: str, look: Look) -> None:
        if not isinstance(value, dict):
            look.fault(path, "wrong_type")
            return
        for name, inner in value.items():
            field = fields.get(name)
            if field is not None:
                field(inner, f"{path}.{name}", look)
            else:
                unknown({name: inner}, f"{path}.{name}", look)
        for name in required:
            if name not in value:
                look.fault(f"{path}.{name}", "required")

    return check


def _closed(value: Any, path: str, look: Look) -> None:
    look.fault(path, "unknown_field")


def _open(value: Any, path: str, look: Look) -> None:
    for name, inner in value.items():
        extension(name, inner, path, look)


def _any_name(value: Any, path: str, look: Look) -> None:
    free_value(value, path.rpartition(".")[0], look, 1)


def extension(name: str, value: Any, path: str, look: Look) -> None:
    """A field that the standard does not know: its name has a prefix, or is a URI."""
    if ":" not in name:
        look.fault(path, "unknown_field")
    elif not formats.is_uri(name):
        look.fault(path, "bad_uri")
    else:
        known_prefix(name, path, look)
        if isinstance(value, dict | list):
            free_value(value, path, look, 1)
        else:
            _leaf(value, path, look)


def known_prefix(name: str, path: str, look: Look) -> None:
    """A name may have no prefix, one that is declared, or be a URI."""
    prefix, colon, rest = name.partition(":")
    known = prefix in look.context or prefix in PREDEFINED
    if colon and not known and not rest.startswith("//") and prefix.lower() != "urn":
        look.fault(path, "undeclared_prefix")


def free_value(value: Any, path: str, look: Look, depth: int) -> None:
    """Whatever is inside an extension: any shape, but bounded, and names with known prefixes."""
    if depth > DEEPEST:
        look.fault(path, "too_deep")
    elif isinstance(value, dict):
        for name, inner in value.items():
            below = f"{path}.{name}"
            if formats.text(name):
                look.fault(path, "bad_text")
            known_prefix(name, below, look)
            free_value(inner, below, look, depth + 1)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            free_value(each, f"{path}[{place}]", look, depth + 1)
    else:
        _leaf(value, path, look)


def _leaf(value: Any, path: str, look: Look) -> None:
    if isinstance(value, str):
        reason = formats.text(value)
    elif value is None or isinstance(value, bool):
        reason = ""
    else:
        reason = formats.number(value)
    if reason:
        look.fault(path, reason)


def _certification(value: Any, path: str, look: Look) -> None:
    (_uris if isinstance(value, list) else _URI)(value, path, look)


def _persistent(value: Any, path: str, look: Look) -> None:
    if not isinstance(value, dict):
        look.fault(path, "wrong_type")
        return
    if not value:
        look.fault(path, "empty")
    for name, words in value.items():
        below = f"{path}.{name}"
        if name not in ("set", "unset"):
            look.fault(below, "unknown_field")
        elif isinstance(words, list) and not words:
            look.fault(below, "empty")
        else:
            _DISPOSITIONS(words, below, look)
            if isinstance(words, list) and _repeated(words):
                look.fault(below, "repeated")


def _reports(value: Any, path: str, look: Look) -> None:
    if isinstance(value, list) and not value:
        look.fault(path, "empty")
    else:
        _REPORTS(value, path, look)


def _transactions_wanted(value: Any, path: str, look: Look) -> None:
    if isinstance(value, list) and not value:
        look.fault(path, "empty")
    _TRANSACTIONS(value, path, look)


# The tables


_DISPOSITIONS = _items(_word("disposition"))
_QUANTITIES = _items(
    _object(
        {"epcClass": _URI, "quantity": _NUMBER, "uom": _matches(_UNIT, "bad_unit")},
        ("epcClass",),
        _closed,
    )
)
_TRANSACTIONS = _items(
    _object({"type": _word("bizTransaction"), "bizTransaction": _URI}, ("bizTransaction",), _closed)
)
_SOURCES = _items(
    _object({"type": _word("sourceOrDestination"), "source": _URI}, ("type", "source"), _closed)
)
_DESTINATIONS = _items(
    _object(
        {"type": _word("sourceOrDestination"), "destination": _URI},
        ("type", "destination"),
        _closed,
    )
)
_PLACE = _object({"id": _URI}, ("id",), _any_name)
_METADATA_FIELDS: Fields = {
    **dict.fromkeys(("time", "startTime", "endTime"), _TIME),
    **dict.fromkeys(
        ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"), _URI
    ),
}
_REPORT_FIELDS = _object(
    {
        "type": _word("measurement"),
        "exception": _word("alert"),
        "component": _word("component"),
        "time": _TIME,
        "stringValue": _TEXT,
        "uom": _TEXT,
        "booleanValue": _simple(_truth),
        "hexBinaryValue": _matches(_HEX, "bad_hex"),
        **dict.fromkeys(
            ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules"), _URI
        ),
        **dict.fromkeys(("microorganism", "chemicalSubstance", "uriValue"), _URI),
        "coordinateReferenceSystem": _URI,
        **dict.fromkeys(("value", "minValue", "maxValue", "meanValue"), _NUMBER),
        **dict.fromkeys(("sDev", "percRank", "percValue"), _NUMBER),
    },
    (),
    _open,
)


def _report(value: Any, path: str, look: Look) -> None:
    _REPORT_FIELDS(value, path, look)
    # In XML an exception stands for itself; JSON wants the type beside it (`json_events`).
    if isinstance(value, dict) and "type" not in value and "exception" not in value:
        look.fault(f"{path}.type", "required")


_REPORTS = _items(_report)
_SENSORS = _items(
    _object(
        {"sensorMetadata": _object(_METADATA_FIELDS, (), _open), "sensorReport": _reports},
        ("sensorReport",),
        _open,
    )
)
_COMMON: Fields = {
    "@context": _nothing,
    "type": _nothing,
    "eventTime": _TIME,
    "recordTime": _TIME,
    "eventTimeZoneOffset": _matches(_OFFSET, "bad_offset"),
    "eventID": _URI,
    "certificationInfo": _certification,
    "errorDeclaration": _object(
        {"declarationTime": _TIME, "reason": _word("reason"), "correctiveEventIDs": _uris},
        ("declarationTime",),
        _open,
    ),
}
_WHERE_AND_WHY: Fields = {
    **_COMMON,
    "bizStep": _word("bizStep"),
    "disposition": _word("disposition"),
    "persistentDisposition": _persistent,
    "readPoint": _PLACE,
    "bizLocation": _PLACE,
    "bizTransactionList": _TRANSACTIONS,
    "sourceList": _SOURCES,
    "destinationList": _DESTINATIONS,
    "sensorElementList": _SENSORS,
}
_ACTION = _matches(re.compile("OBSERVE|ADD|DELETE"), "bad_action")
_ILMD = _object({}, (), _open)
_CHILDREN: Fields = {
    **_WHERE_AND_WHY,
    "action": _ACTION,
    "parentID": _URI,
    "childEPCs": _uris,
    "childQuantityList": _QUANTITIES,
}

TYPES: Final[dict[str, Fields]] = {
    "ObjectEvent": {
        **_WHERE_AND_WHY,
        "action": _ACTION,
        "epcList": _uris,
        "quantityList": _QUANTITIES,
        "ilmd": _ILMD,
    },
    "AggregationEvent": _CHILDREN,
    "AssociationEvent": _CHILDREN,
    "TransactionEvent": {
        **_WHERE_AND_WHY,
        "action": _ACTION,
        "parentID": _URI,
        "epcList": _uris,
        "quantityList": _QUANTITIES,
        "bizTransactionList": _transactions_wanted,
    },
    "TransformationEvent": {
        **_WHERE_AND_WHY,
        "inputEPCList": _uris,
        "outputEPCList": _uris,
        "inputQuantityList": _QUANTITIES,
        "outputQuantityList": _QUANTITIES,
        "transformationID": _URI,
        "ilmd": _ILMD,
    },
}
"""The fields of each event type."""

ANY_TYPE: Final[Fields] = {name: check for each in TYPES.values() for name, check in each.items()}
"""The fields of an event type of somebody's own, as far as the standard knows them."""
