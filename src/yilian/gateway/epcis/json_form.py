"""EPCIS documents in JSON and JSON-LD: reading them into events, and writing an event.

EPCIS 2.0 (ISO/IEC 19987), section 10; RFC 8259 for JSON. An event is kept as it was captured, but
words of the CBV become bare (`https://ref.gs1.org/cbv/BizStep-shipping` -> `shipping`), numbers
that are not whole `Decimal`, and `@context` a mapping of the prefixes that the event uses. No
context is fetched: what `https://...jsonld` would declare beyond EPCIS is not known here.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

import msgspec

from yilian.gateway.epcis import formats
from yilian.gateway.epcis.document import Document, Event, Fault, Namespaces, Unreadable
from yilian.gateway.epcis.json_events import Object, Reading, namespaces_of, read_event

LARGEST: Final = 64 << 20
"""Bytes of a document."""

_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BOM = b"\xef\xbb\xbf"
_LONGEST_NUMBER = 800


def parse_json(data: bytes) -> Document:
    """Read a document, a query document (its results) or one bare event.

    Raises `Unreadable` for what is no JSON (`bad_json`, `bad_charset`), has a name twice in one
    object (`duplicate_key`; but `eventID`, of which the last counts), a number beyond any
    measurement (`bad_number`), is over a bound (`too_large`, `too_deep`) or is no EPCIS document
    (`unknown_document`). Faults of the document have `event` None; an entry that is no object is
    None in `events`. Events are not validated.
    """
    root = _load(data)
    if not isinstance(root, dict):
        raise _unreadable("not_an_object")
    kind = root.get("type")
    if kind is None:
        raise _unreadable("required", "type")
    if not isinstance(kind, str):
        raise _unreadable("wrong_type", "type")
    if kind == "EPCISDocument":
        return _document(root)
    if kind == "EPCISQueryDocument":
        return _query_document(root)
    if kind in _EVENT_TYPES or formats.is_uri(kind):
        return _bareread_event(root)
    raise _unreadable("unknown_document", "type")


_encoder: Final = msgspec.json.Encoder(order="sorted", decimal_format="number")


def encode(event: Event) -> bytes:
    """Write an event as JSON: UTF-8, names sorted, no spaces, a `Decimal` as number."""
    return _encoder.encode(event)


_EVENT_TYPES = frozenset(
    ("ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent")
) | {"AssociationEvent"}


# Reading JSON


class _DuplicateKey(ValueError):
    pass


class _BadNumber(ValueError):
    pass


def _unreadable(reason: str, path: str = "") -> Unreadable:
    return Unreadable(Fault(None, path, reason))


def _load(data: bytes) -> Any:
    if len(data) > LARGEST:
        raise _unreadable("too_large")
    try:
        text = data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError:
        raise _unreadable("bad_charset") from None
    try:
        root = _decoder.decode(text)
    except _DuplicateKey:
        raise _unreadable("duplicate_key") from None
    except _BadNumber:
        raise _unreadable("bad_number") from None
    except RecursionError:
        raise _unreadable("too_deep") from None
    except ValueError:
        raise _unreadable("bad_json") from None
    if "\\u" in text and _has_surrogate(root):
        raise _unreadable("bad_charset")
    return root


def _pairs(pairs: list[tuple[str, Any]]) -> Object:
    found = dict(pairs)
    if len(found) != len(pairs):
        # GS1's own examples have an event with two ids: the last counts, and no hash covers it.
        names = [name for name, _ in pairs if name != "eventID"]
        if len(set(names)) != len(names):
            raise _DuplicateKey
    return found


def _decimal(text: str) -> Decimal:
    # Before it is a number: some exponents take the memory of the machine to write out.
    value = Decimal(text) if len(text) <= _LONGEST_NUMBER else None
    if value is None or formats.number(value):
        raise _BadNumber
    return value


def _integer(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise _BadNumber
    return int(text)


def _constant(text: str) -> NoReturn:
    raise ValueError(text)


_decoder: Final = json.JSONDecoder(
    object_pairs_hook=_pairs,
    parse_float=_decimal,
    parse_int=_integer,
    parse_constant=_constant,
)


def _has_surrogate(root: Any) -> bool:
    """Half a character can be written with an escape, and is no text."""
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            if _SURROGATE.search(value):
                return True
        elif isinstance(value, dict):
            waiting += value
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return False


# Documents


_DOCUMENT = frozenset(
    ("@context", "id", "type", "schemaVersion", "creationDate", "instanceIdentifier")
) | frozenset(("sender", "receiver", "epcisHeader", "epcisBody"))
_QUERY_DOCUMENT = frozenset(
    ("@context", "id", "type", "schemaVersion", "creationDate", "epcisBody")
)


def _version(value: Any) -> str:
    if not isinstance(value, str):
        return "wrong_type"
    return "" if _VERSION.fullmatch(value) and len(value) < 20 else "bad_version"


def _document(root: Object) -> Document:
    reading = Reading()
    namespaces = _head(root, reading, _DOCUMENT, required=True)
    for name in ("instanceIdentifier", "sender", "receiver"):
        reading.checked(root, name, formats.text, required=False)
    if "epcisHeader" in root:
        _header(root["epcisHeader"], reading)
    body = reading.object(root, "epcisBody", "epcisBody")
    events = reading.list(body, "eventList", "epcisBody.eventList")
    header = {
        name: root[name] for name in ("sender", "receiver") if isinstance(root.get(name), str)
    }
    return _finished(root, "EPCISDocument", namespaces, events, reading, header)


def _query_document(root: Object) -> Document:
    reading = Reading()
    namespaces = _head(root, reading, _QUERY_DOCUMENT, required=False)
    body = reading.object(root, "epcisBody", "epcisBody")
    reading.known(body, frozenset(("queryResults",)), "epcisBody.")
    path = "epcisBody.queryResults"
    results = reading.object(body, "queryResults", path)
    known = frozenset(("queryName", "subscriptionID", "resultsBody"))
    reading.known(results, known, f"{path}.")
    if results is not None:
        for name in ("queryName", "subscriptionID"):
            if name in results and not isinstance(results[name], str):
                reading.fault(f"{path}.{name}", "wrong_type")
        if "queryName" not in results:
            reading.fault(f"{path}.queryName", "required")
    path += ".resultsBody"
    inner = reading.object(results, "resultsBody", path)
    reading.known(inner, frozenset(("eventList", "vocabularyList")), f"{path}.")
    if inner is not None and "vocabularyList" in inner:
        _vocabularies(inner["vocabularyList"], f"{path}.vocabularyList", reading)
    events = reading.list(inner, "eventList", f"{path}.eventList")
    return _finished(root, "EPCISQueryDocument", namespaces, events, reading, {})


def _bareread_event(root: Object) -> Document:
    reading = Reading()
    if "@context" not in root:
        reading.fault("@context", "required")
    event = read_event(root, {}, 0, reading)
    return Document("Event", "2.0", None, {}, (event,), tuple(reading.faults), {})


def _head(root: Object, reading: Reading, known: frozenset[str], *, required: bool) -> Namespaces:
    """Check what stands before the events; gives the prefixes that the document declares."""
    reading.known(root, known, "")
    reading.checked(root, "schemaVersion", _version, required=required)
    reading.checked(root, "creationDate", formats.time, required=required)
    reading.checked(root, "id", formats.uri, required=False)
    if "@context" not in root:
        reading.fault("@context", "required")
        return {}
    return namespaces_of(root["@context"], None, reading)


def _finished(
    root: Object,
    kind: Any,
    namespaces: Namespaces,
    found: list[Any],
    reading: Reading,
    header: dict[str, str],
) -> Document:
    events = tuple(read_event(each, namespaces, place, reading) for place, each in enumerate(found))
    version, created = root.get("schemaVersion"), root.get("creationDate")
    return Document(
        kind,
        version if isinstance(version, str) else "2.0",
        created if isinstance(created, str) else None,
        namespaces,
        events,
        tuple(reading.faults),
        header,
    )


def _header(header: Any, reading: Reading) -> None:
    if not isinstance(header, dict):
        reading.fault("epcisHeader", "wrong_type")
        return
    reading.known(header, frozenset(("epcisMasterData",)), "epcisHeader.")
    if "epcisMasterData" not in header:
        return
    path = "epcisHeader.epcisMasterData"
    master = header["epcisMasterData"]
    if not isinstance(master, dict):
        reading.fault(path, "wrong_type")
    elif "vocabularyList" in master:
        _vocabularies(master["vocabularyList"], f"{path}.vocabularyList", reading)


def _vocabularies(found: Any, path: str, reading: Reading) -> None:
    """Check master data, which is not kept: organisations tell theirs by other ways."""
    for here, vocabulary in _entries(found, path, reading):
        _named(vocabulary, "type", here, reading)
        elements = vocabulary.get("vocabularyElementList", [])
        for below, element in _entries(elements, f"{here}.vocabularyElementList", reading):
            _named(element, "id", below, reading)
            attributes = element.get("attributes", [])
            for there, attribute in _entries(attributes, f"{below}.attributes", reading):
                _named(attribute, "id", there, reading)
                value = attribute.get("attribute", "")
                if isinstance(value, bool) or not isinstance(value, str | int | Decimal | dict):
                    reading.fault(f"{there}.attribute", "wrong_type")
            children = element.get("children", [])
            for reason in [formats.uri(each) for each in children if isinstance(children, list)]:
                if reason:
                    reading.fault(f"{below}.children", reason)


def _entries(found: Any, path: str, reading: Reading) -> list[tuple[str, Object]]:
    if not isinstance(found, list):
        reading.fault(path, "wrong_type")
        return []
    entries = []
    for place, each in enumerate(found):
        if isinstance(each, dict):
            entries.append((f"{path}[{place}]", each))
        else:
            reading.fault(f"{path}[{place}]", "wrong_type")
    return entries


def _named(holder: Object, name: str, path: str, reading: Reading) -> None:
    reason = formats.uri(holder[name]) if name in holder else "required"
    if reason:
        reading.fault(f"{path}.{name}", reason)
