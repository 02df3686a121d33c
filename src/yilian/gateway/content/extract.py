"""What a record says, read from its exact bytes: the values that index and timeline need.

Pure and lenient: a record is kept whatever it holds, so a value of an unexpected shape is passed
over and never an error. Numbers stay as they are written (1.50 is "1.50"). One function by media
type; for now FHIR R4 JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from yilian.gateway.content.errors import CONTENT_UNREADABLE
from yilian.gateway.content.moments import span
from yilian.gateway.fhir.intake import FHIR_JSON

MAX_TEXT = 1_000
MAX_LIST = 200

Json = dict[str, Any]


class _Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all values here share: read-only, and nothing written for what is not there."""


class Code(_Value, frozen=True, kw_only=True):
    """A coding: its system (empty where none is given), its code, its display as given."""

    system: str = ""
    code: str
    display: str | None = None

    def key(self) -> str:
        """Write the code as FHIR searches for it: `system|code`."""
        return f"{self.system}|{self.code}"


class Identifier(_Value, frozen=True, kw_only=True):
    """A business identifier."""

    system: str = ""
    value: str


class Clinical(_Value, frozen=True, kw_only=True):
    """When it happened: as written, and as a span of milliseconds of UTC for comparing.

    `element` names where it stands. `end` is the end of a period as written. `low` and `high` are
    None where what is written is no date.
    """

    element: str
    text: str
    end: str | None = None
    low: int | None = None
    high: int | None = None


class Values(_Value, frozen=True, kw_only=True):
    """What one record says. `type` is the FHIR resource type, empty where it cannot be read."""

    type: str = ""
    id: str | None = None
    status: str | None = None
    time: Clinical | None = None
    codes: tuple[Code, ...] = ()
    categories: tuple[Code, ...] = ()
    display: str | None = None
    value: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    subject: str | None = None
    encounter: str | None = None
    performers: tuple[str, ...] = ()


_CODED = ("code", "vaccineCode", "medicationCodeableConcept", "type", "class", "procedureCode")
_TIMES = (
    "effectiveDateTime",
    "effectiveInstant",
    "effectivePeriod",
    "effectiveTiming",
    "performedDateTime",
    "performedPeriod",
    "occurrenceDateTime",
    "occurrencePeriod",
    "occurrenceTiming",
    "onsetDateTime",
    "onsetPeriod",
    "started",
    "servicedDate",
    "billablePeriod",
    "executionPeriod",
    "period",
    "start",
    "whenHandedOver",
    "whenPrepared",
    "timingDateTime",
    "timingPeriod",
    "dateWritten",
    "authoredOn",
    "authored",
    "identifiedDateTime",
    "identifiedPeriod",
    "date",
    "dateTime",
    "sent",
    "startDate",
    "statusDate",
    "createdDateTime",
    "createdPeriod",
    "recordedDate",
    "dateAsserted",
    "occurredDateTime",
    "occurredPeriod",
    "issued",
    "created",
    "recorded",
    "receivedTime",
)
"""Elements that tell when it happened, what is nearest to the event first (FHIR R4 resources)."""

_NESTED = {
    "DocumentReference": ("context", "period"),
    "Specimen": ("collection", "collectedDateTime"),
}
_ENCOUNTERS = ("encounter", "context")
_PERFORMERS = (
    "performer",
    "participant",
    "asserter",
    "recorder",
    "requester",
    "author",
    "provider",
)
_SUBJECTS = ("subject", "patient", "beneficiary", "individual")

_decoder = msgspec.json.Decoder(float_hook=str)


def extract(media_type: str, content: bytes, offset: int = 0) -> Values:
    """Read what a record says. `offset`: minutes east of UTC for dates without a time zone.

    Refuses `content.unreadable` for a media type that is not known and for bytes that are not it.
    """
    reader = _READERS.get(media_type.partition(";")[0].strip().lower())
    if reader is None:
        raise CONTENT_UNREADABLE()
    return reader(content, offset)


def parse(content: bytes) -> Json:
    """Read a FHIR resource, decimals as text; refuses `content.unreadable`."""
    try:
        resource = _decoder.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise CONTENT_UNREADABLE() from None
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise CONTENT_UNREADABLE()
    return resource


def fhir_json(content: bytes, offset: int = 0) -> Values:
    """Read a FHIR R4 resource in JSON; refuses `content.unreadable`."""
    resource = parse(content)
    codes = tuple(_codes(resource))
    return Values(
        type=resource["resourceType"][:64],
        id=_text(resource.get("id")),
        status=_status(resource),
        time=_time(resource, offset),
        codes=codes,
        categories=tuple(_codings(resource.get("category"))),
        display=_display(resource, codes),
        value=_summary(resource),
        identifiers=tuple(_identifiers(resource.get("identifier"))),
        subject=next(_references(resource, _SUBJECTS), None),
        encounter=next(_references(resource, _ENCOUNTERS), None),
        performers=tuple(_references(resource, _PERFORMERS))[:MAX_LIST],
    )


_READERS: dict[str, Callable[[bytes, int], Values]] = {
    FHIR_JSON: fhir_json,
    "application/json+fhir": fhir_json,
}


def _text(value: Any) -> str | None:
    return value[:MAX_TEXT] if isinstance(value, str) and value else None


def _many(value: Any) -> list[Any]:
    return value[:MAX_LIST] if isinstance(value, list) else [] if value is None else [value]


def _objects(value: Any) -> Iterator[Json]:
    return (each for each in _many(value) if isinstance(each, dict))


def _status(resource: Json) -> str | None:
    plain = _text(resource.get("status"))
    if plain is not None:
        return plain
    coded = next(_codings(resource.get("clinicalStatus") or resource.get("lifecycleStatus")), None)
    return coded.code if coded else _text(resource.get("lifecycleStatus"))


# Time


def _time(resource: Json, offset: int) -> Clinical | None:
    nested = _NESTED.get(str(resource["resourceType"]))
    if nested is not None:
        for outer in _objects(resource.get(nested[0])):
            found = _clinical(".".join(nested), outer.get(nested[1]), offset)
            if found is not None:
                return found
    for element in _TIMES:
        if element in resource:
            found = _clinical(element, resource[element], offset)
            if found is not None:
                return found
    return None


def _clinical(element: str, value: Any, offset: int) -> Clinical | None:
    if isinstance(value, str):
        return _moment(element, value, None, offset)
    if not isinstance(value, dict):
        return None
    if "event" in value:
        first = next((each for each in _many(value["event"]) if isinstance(each, str)), None)
        return None if first is None else _moment(element, first, None, offset)
    start, end = _text(value.get("start")), _text(value.get("end"))
    if start is None:
        return None if end is None else _moment(element, end, None, offset)
    return _moment(element, start, end, offset)


def _moment(element: str, text: str, end: str | None, offset: int) -> Clinical:
    text = text[:64]
    first = span(text, offset)
    last = span(end[:64], offset) if end else None
    if first is None:
        return Clinical(element=element, text=text, end=end)
    high = max(first.high, last.high) if last else first.high
    return Clinical(element=element, text=text, end=end, low=first.low, high=high)


# Codes


def _codes(resource: Json) -> Iterator[Code]:
    for element in _CODED:
        if element in resource:
            yield from _codings(resource[element])
    for part in _objects(resource.get("component")):
        yield from _codings(part.get("code"))


def _codings(value: Any) -> Iterator[Code]:
    """Read codings from concepts or bare codings, one or many."""
    for concept in _objects(value):
        inner = concept.get("coding")
        for coding in _objects(concept if inner is None else inner):
            code = _text(coding.get("code"))
            if code is not None:
                system, display = _text(coding.get("system")), _text(coding.get("display"))
                yield Code(system=system or "", code=code, display=display)


def _concept(value: Any) -> str | None:
    """Give the words of a concept: its text, else its first display, else its first code."""
    for each in _objects(value):
        words = _text(each.get("text"))
        if words is not None:
            return words
        codings = list(_codings(each))
        for coding in codings:
            if coding.display is not None:
                return coding.display
        if codings:
            return codings[0].code
    return None


def _display(resource: Json, codes: tuple[Code, ...]) -> str | None:
    if "name" in resource:
        return _name(resource["name"])
    for element in ("code", "vaccineCode", "medicationCodeableConcept", "description", "title"):
        found = resource.get(element)
        words = _text(found) if isinstance(found, str) else _concept(found)
        if words is not None:
            return words
    words = _concept(resource.get("type"))
    if words is not None:
        return words
    return next((each.display or each.code for each in codes), None)


def _name(value: Any) -> str | None:
    """Write a name: its text, else given and family, family first and close where they are Han."""
    if isinstance(value, str):
        return _text(value)
    for each in _objects(value):
        words = _text(each.get("text"))
        if words is not None:
            return words
        family = _text(each.get("family")) or ""
        given = [part for part in _many(each.get("given")) if isinstance(part, str)]
        parts = [family, *given] if _han(family) else [*given, family]
        words = ("" if _han(family) else " ").join(part for part in parts if part)
        if words:
            return words[:MAX_TEXT]
    return None


def _han(text: str) -> bool:
    return any("\u3400" <= each <= "\u9fff" or each >= "\U00020000" for each in text)


# Values


def _summary(resource: Json) -> str | None:
    own = _value(resource)
    parts = [own] if own else []
    for part in _objects(resource.get("component")):
        words = _value(part)
        if words:
            parts.append(" ".join(filter(None, (_concept(part.get("code")), words))))
    if not parts:
        parts = list(filter(None, (_text(resource.get("conclusion")), _dosage(resource))))
    return "; ".join(parts)[:MAX_TEXT] or None


def _dosage(resource: Json) -> str | None:
    for each in _objects(resource.get("dosageInstruction") or resource.get("dosage")):
        words = _text(each.get("text"))
        if words is not None:
            return words
    quantity = resource.get("doseQuantity")
    return _quantity(quantity) if isinstance(quantity, dict) else None


def _value(part: Json) -> str | None:
    for name, found in part.items():
        if name.startswith("value") and found is not None:
            words = _shown(found)
            if words:
                return words
    return _concept(part.get("dataAbsentReason"))


def _shown(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if not isinstance(value, dict):
        return None
    if "numerator" in value or "denominator" in value:
        return _pair(value, "numerator", "denominator", "/")
    if "low" in value or "high" in value:
        return _pair(value, "low", "high", "-")
    if "start" in value or "end" in value:
        return f"{_text(value.get('start')) or ''}/{_text(value.get('end')) or ''}"
    return _quantity(value) if "value" in value else _concept(value)


def _pair(value: Json, first: str, second: str, sign: str) -> str:
    parts = (value.get(first), value.get(second))
    return f" {sign} ".join(_quantity(each) if isinstance(each, dict) else "" for each in parts)


def _quantity(value: Json) -> str:
    number = value.get("value")
    amount = str(number) if isinstance(number, (str, int)) else ""
    comparator = _text(value.get("comparator")) or ""
    unit = _text(value.get("unit")) or _text(value.get("code")) or ""
    return f"{comparator}{amount} {unit}".strip()[:MAX_TEXT]


# Identifiers and references


def _identifiers(value: Any) -> Iterator[Identifier]:
    for each in _objects(value):
        number = _text(each.get("value"))
        if number is not None:
            yield Identifier(system=_text(each.get("system")) or "", value=number)


def _references(resource: Json, elements: tuple[str, ...]) -> Iterator[str]:
    for element in elements:
        if element not in resource:
            continue
        for each in _objects(resource[element]):
            inner = each.get("actor") or each.get("individual") or each.get("encounter") or each
            for one in _objects(inner):
                found = _text(one.get("reference"))
                if found is not None:
                    yield found
