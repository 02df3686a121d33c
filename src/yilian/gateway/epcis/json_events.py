"""One event of a JSON document, as the mapping that everybody works with.

Its context is reduced to the prefixes that it uses, its words become bare, and what the JSON
binding alone demands (EPCIS 2.0, section 10.2: no identifier twice in a list, a type for every
sensor report) is judged here, since an event from XML may do without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from yilian.gateway.epcis import formats
from yilian.gateway.epcis.document import Event, Fault, Namespaces
from yilian.gateway.epcis.vocabulary import FIXED, PREDEFINED, Kind, bare

DEEPEST: Final = 64
"""How deep an event may be nested; `fields.DEEPEST` is less, and names the field."""

Object = dict[str, Any]


class Reading:
    """Collects the faults of a document while it is read."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def fault(self, path: str, reason: str, event: int | None = None) -> None:
        self.faults.append(Fault(event, path, reason))

    def known(self, value: Object | None, names: frozenset[str], path: str) -> None:
        """Other names than the standard's must be URIs, or have a prefix."""
        for name in value or ():
            if name not in names and not formats.is_uri(name):
                self.fault(f"{path}{name}", "unknown_field")

    def object(self, holder: Object | None, name: str, path: str) -> Object | None:
        """The object of that name, which must be there; None where it is not."""
        value = None if holder is None else holder.get(name)
        if isinstance(value, dict):
            return value
        if holder is not None:
            self.fault(path, "required" if name not in holder else "wrong_type")
        return None

    def list(self, holder: Object | None, name: str, path: str) -> list[Any]:
        """The list of that name, which must be there; an empty one where it is not."""
        value = None if holder is None else holder.get(name)
        if isinstance(value, list):
            return value
        if holder is not None:
            self.fault(path, "required" if name not in holder else "wrong_type")
        return []

    def checked(
        self, holder: Object, name: str, test: Callable[[Any], str], *, required: bool
    ) -> None:
        if name in holder:
            reason = test(holder[name])
            if reason:
                self.fault(name, reason)
        elif required:
            self.fault(name, "required")


def namespaces_of(context: Any, event: int | None, reading: Reading) -> Namespaces:
    """Read the prefixes out of a JSON-LD context: a URI, an object, or a list of both."""
    found: Namespaces = {}
    entries = context if isinstance(context, list) else [context]
    for entry in entries:
        if isinstance(entry, str) and formats.is_uri(entry):
            continue
        if not isinstance(entry, dict):
            reading.fault("@context", "bad_context", event)
            continue
        for prefix, space in entry.items():
            term = space.get("@id") if isinstance(space, dict) else space
            if not prefix.startswith("@") and isinstance(term, str) and formats.is_uri(term):
                found[prefix] = term
    if isinstance(context, list) and _has_twice(context):
        reading.fault("@context", "repeated", event)
    return found


def _has_twice(entries: list[Any]) -> bool:
    texts = [msgspec.json.encode(each, order="sorted") for each in entries]
    return len(set(texts)) != len(texts)


# Events


def read_event(value: Any, namespaces: Namespaces, place: int, reading: Reading) -> Event | None:
    if not isinstance(value, dict):
        reading.fault("", "not_an_object", place)
        return None
    if "@context" in value:
        own = namespaces_of(value.pop("@context"), place, reading)
        namespaces = {**namespaces, **own}
    try:
        used = _prefixes(value, namespaces)
    except _TooDeep:
        reading.fault("", "too_deep", place)
        return None
    _bare_words(value)
    _binding_rules(value, place, reading)
    if used:
        value["@context"] = used
    return value


class _TooDeep(Exception):
    pass


def _prefixes(event: Event, namespaces: Namespaces) -> Namespaces:
    """Give the declared prefixes that the event uses, in names or in values."""
    used: Namespaces = {}
    level: list[Any] = [event]
    for _ in range(DEEPEST):
        deeper: list[Any] = []
        for holder in level:
            if isinstance(holder, dict):
                for name, value in holder.items():
                    if ":" in name:
                        _use(name, namespaces, used)
                    if isinstance(value, str):
                        _use(value, namespaces, used)
                    elif isinstance(value, dict | list):
                        deeper.append(value)
            else:
                for value in holder:
                    if isinstance(value, str):
                        _use(value, namespaces, used)
                    elif isinstance(value, dict | list):
                        deeper.append(value)
        if not deeper:
            return used
        level = deeper
    raise _TooDeep


def _use(text: str, namespaces: Namespaces, used: Namespaces) -> None:
    prefix, colon, _ = text.partition(":")
    if colon and prefix in namespaces and prefix not in FIXED:
        space = namespaces[prefix]
        if PREDEFINED.get(prefix) != space:
            used[prefix] = space


def _bare_words(event: Event) -> None:
    _bare(event, "bizStep", "bizStep")
    _bare(event, "disposition", "disposition")
    for name, kind in _TYPED:
        for entry in _objects(event.get(name)):
            _bare(entry, "type", kind)
    persistent = event.get("persistentDisposition")
    if isinstance(persistent, dict):
        for name in ("set", "unset"):
            words = persistent.get(name)
            if isinstance(words, list):
                persistent[name] = [
                    bare("disposition", each) if isinstance(each, str) else each for each in words
                ]
    if isinstance(event.get("errorDeclaration"), dict):
        _bare(event["errorDeclaration"], "reason", "reason")
    for element in _objects(event.get("sensorElementList")):
        for report in _objects(element.get("sensorReport")):
            _bare(report, "type", "measurement")
            _bare(report, "exception", "alert")
            _bare(report, "component", "component")


_TYPED: Final[tuple[tuple[str, Kind], ...]] = (
    ("bizTransactionList", "bizTransaction"),
    ("sourceList", "sourceOrDestination"),
    ("destinationList", "sourceOrDestination"),
)


def _bare(holder: Object, name: str, kind: Kind) -> None:
    value = holder.get(name)
    if isinstance(value, str):
        holder[name] = bare(kind, value)


def _objects(value: Any) -> list[Object]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


_UNIQUE: Final = {
    "ObjectEvent": ("epcList",),
    "TransformationEvent": ("inputEPCList", "outputEPCList"),
}


def _binding_rules(event: Event, place: int, reading: Reading) -> None:
    kind = event.get("type")
    for name in _UNIQUE.get(kind, ()) if isinstance(kind, str) else ():
        value = event.get(name)
        texts = [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
        if len(set(texts)) != len(texts):
            reading.fault(name, "repeated", place)
    for number, element in enumerate(_objects(event.get("sensorElementList"))):
        for part, report in enumerate(_objects(element.get("sensorReport"))):
            if "type" not in report and "exception" in report:
                path = f"sensorElementList[{number}].sensorReport[{part}].type"
                reading.fault(path, "required", place)
