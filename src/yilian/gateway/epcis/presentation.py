"""How stored events are shown: as query documents, with EPCs as Digital Links or as EPC URNs.

EPCIS 2.0, section 10 (JSON) and the header `GS1-EPC-Format` of its REST binding (section 12).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal, TypeVar, get_args

from yilian.gateway.epcis import identifiers, json_form
from yilian.gateway.epcis.document import Event
from yilian.ledger import codec

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
"""The JSON-LD context of EPCIS 2.0; a receiver takes its own copy, nothing here fetches it."""

EpcFormat = Literal[
    "No_Preference", "Always_GS1_Digital_Link", "Always_EPC_URN", "Never_Translates"
]
EPC_FORMATS: tuple[EpcFormat, ...] = get_args(EpcFormat)
DEFAULT_FORMAT: EpcFormat = "Always_GS1_Digital_Link"

_LISTS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_WITHOUT_TWINS = ("epcList", "inputEPCList", "outputEPCList")
_QUANTITIES = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
_PLACES = ("readPoint", "bizLocation")
_PARTIES = (
    ("sourceList", "source"),
    ("destinationList", "destination"),
    ("bizTransactionList", "bizTransaction"),
)
_SENSOR = ("deviceID", "deviceMetadata", "rawData", "dataProcessingMethod")

T = TypeVar("T")
Translate = Callable[[str], str]
PrefixLength = Callable[[str], int | None]
"""Gives the length of the company prefix in a canonical Digital Link, where it is known."""


def unknown_prefix(_: str) -> int | None:
    """Know of no company prefix."""
    return None


def translated(
    event: Event, epc_format: EpcFormat, prefix_length: PrefixLength = unknown_prefix
) -> Event:
    """Give an event with its identifiers in a format; what has no such form stays as it is.

    A Digital Link becomes a URN only where the length of its company prefix is known. JSON has no
    identifier twice in a list, XML may: the second one is then spelt in the other way.
    """
    if epc_format == "Always_GS1_Digital_Link":
        return _untwinned(_translate(event, _to_link), prefix_length)
    if epc_format == "Always_EPC_URN":
        return _untwinned(_translate(event, partial(_to_urn, prefix_length)), prefix_length)
    return event if epc_format == "Never_Translates" else _untwinned(dict(event), prefix_length)


def spelt(uri: str, epc_format: EpcFormat, prefix_length: PrefixLength = unknown_prefix) -> str:
    """Give one identifier in a format, as `translated` does."""
    if epc_format == "Always_GS1_Digital_Link":
        return _to_link(uri)
    return _to_urn(prefix_length, uri) if epc_format == "Always_EPC_URN" else uri


def query_document(
    events: Iterable[Event],
    *,
    query: str,
    created: str,
    subscription: str | None = None,
) -> bytes:
    """Write an `EPCISQueryDocument` in JSON; `created` is its `creationDate`.

    The prefixes of extensions stand in each event's own `@context`.
    """
    results: dict[str, Any] = {"queryName": query}
    if subscription is not None:
        results["subscriptionID"] = subscription
    head = {
        "@context": [CONTEXT],
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": created,
    }
    opened = codec.encode(head)[:-1] + b',"epcisBody":{"queryResults":'
    inner = codec.encode(results)[:-1] + b',"resultsBody":{"eventList":['
    return opened + inner + b",".join(map(json_form.encode, events)) + b"]}}}}"


def _to_link(uri: str) -> str:
    try:
        return identifiers.canonical(uri)
    except ValueError:
        return uri


def _to_urn(prefix_length: PrefixLength, uri: str) -> str:
    if not uri.startswith(("http:", "https:")):
        return uri
    try:
        link = identifiers.canonical(uri)
        return identifiers.urn(link, prefix_length(link)) or uri
    except ValueError:
        return uri


def _translate(event: Event, to: Translate) -> Event:
    made = dict(event)
    for name in _LISTS:
        if name in made:
            made[name] = _each(made[name], to)
    for name in ("parentID", "transformationID"):
        if name in made:
            made[name] = to(made[name])
    for name in _QUANTITIES:
        if name in made:
            made[name] = _each(made[name], partial(_with, to, ("epcClass",)))
    for name in _PLACES:
        if name in made:
            made[name] = _with(to, ("id",), made[name])
    for name, key in _PARTIES:
        if name in made:
            made[name] = _each(made[name], partial(_with, to, (key,)))
    if "sensorElementList" in made:
        made["sensorElementList"] = [_sensor(each, to) for each in made["sensorElementList"]]
    return made


def _untwinned(event: Event, prefix_length: PrefixLength) -> Event:
    """Spell the second of two equal identifiers in the other way; `event` is changed.

    Left out it would be another event, with another hash. A third one has no spelling left.
    """
    for name in _WITHOUT_TWINS:
        values = event.get(name, ())
        if len(set(values)) < len(values):
            event[name] = _spelt_apart(values, prefix_length)
    return event


def _spelt_apart(values: Iterable[str], prefix_length: PrefixLength) -> list[str]:
    taken: set[str] = set()
    found = []
    for each in values:
        ways = (each, _to_link(each), _to_urn(prefix_length, each))
        found.append(next((way for way in ways if way not in taken), each))
        taken.add(found[-1])
    return found


def _each(values: Iterable[T], to: Callable[[T], T]) -> list[T]:
    """Translate the values of a list, which holds none twice.

    Two spellings of one identifier stay two: with one of them gone it would be another event.
    """
    pairs = [(each, to(each)) for each in values]
    counted = Counter(repr(translated) for _, translated in pairs)
    if len(counted) == len(pairs):
        return [translated for _, translated in pairs]
    return [each if counted[repr(other)] > 1 else other for each, other in pairs]


def _sensor(element: Mapping[str, Any], to: Translate) -> dict[str, Any]:
    made = dict(element)
    if "sensorMetadata" in made:
        made["sensorMetadata"] = _with(to, _SENSOR, made["sensorMetadata"])
    if "sensorReport" in made:
        made["sensorReport"] = [_with(to, _SENSOR, each) for each in made["sensorReport"]]
    return made


def _with(to: Translate, keys: tuple[str, ...], part: dict[str, Any]) -> dict[str, Any]:
    found = {key: to(part[key]) for key in keys if isinstance(part.get(key), str)}
    return {**part, **found}
