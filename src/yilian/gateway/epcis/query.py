"""What a query asks: its parameters read, checked, and turned into conditions on terms.

EPCIS 2.0, section 8.2.7.1 (SimpleEventQuery): all parameters together must hold, and within one,
any of its values. Whatever is not a parameter, or not of its kind, is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

from yilian.gateway.epcis import patterns, store
from yilian.gateway.epcis.document import Namespaces
from yilian.gateway.epcis.errors import QUERY_PARAMETER, QUERY_TOO_COMPLEX
from yilian.gateway.epcis.names import context_of, field_name, whole, word
from yilian.gateway.epcis.patterns import Range
from yilian.gateway.epcis.query_values import (
    Wrong,
    boolean,
    choice,
    count,
    listed,
    number,
    numbers,
    text,
    texts,
    written,
)
from yilian.gateway.epcis.terms import (
    MEASURED,
    id_value,
    measured_name,
    microseconds,
    number_of,
    number_value,
    read_number,
    text_value,
    time_value,
)
from yilian.gateway.epcis.vocabulary import PREDEFINED, Kind
from yilian.ledger.errors import Refusal

T = TypeVar("T")

MAX_VALUES = 2_000
"""Values of all parameters together."""

ACTIONS = ("ADD", "OBSERVE", "DELETE")
COMPARISONS = ("GT", "GE", "LT", "LE")
_NUMBERS = Range("n", "o")
_TIMES = Range("d", "e")


class Among(NamedTuple):
    """One of these terms: a name out of `names` with a value out of `exact` or `ranges`.

    Neither of both means any value.
    """

    names: tuple[int, ...]
    exact: tuple[str, ...] = ()
    ranges: tuple[Range, ...] = ()


class Moment(NamedTuple):
    """A column of the event between two bounds: `low` included, `high` not; None is no bound."""

    column: str
    low: int | None
    high: int | None


class Identified(NamedTuple):
    """An event's id out of these."""

    values: tuple[str, ...]


class Described(NamedTuple):
    """A value of one of these names has an attribute in the master data.

    `mark` stands before an identifier where it is a value of `names`; without `values` any value
    of one of the attributes will do.
    """

    names: tuple[int, ...]
    mark: str
    attributes: tuple[str, ...]
    values: tuple[str, ...]


class Within(NamedTuple):
    """A place out of these, or one inside it by the master data."""

    name: int
    places: tuple[str, ...]
    ranges: tuple[Range, ...]


Condition = Among | Moment | Identified | Described | Within


class Query(NamedTuple):
    """A query that was understood.

    `order` is `sequence`, `event_time`, `record_time`, or the number of an extension's name;
    `first` the `eventCountLimit`, `most` the `maxEventCount`.
    """

    conditions: tuple[Condition, ...]
    order: str | int
    descending: bool
    first: int | None
    most: int | None
    fingerprint: str


_FIELDS: Mapping[str, tuple[str, ...]] = {
    "epc": ("epc",),
    "parentID": ("parentID",),
    "inputEPC": ("inputEPC",),
    "outputEPC": ("outputEPC",),
    "anyEPC": ("epc", "parentID", "inputEPC", "outputEPC"),
    "epcClass": ("epcClass",),
    "inputEPCClass": ("inputEPCClass",),
    "outputEPCClass": ("outputEPCClass",),
    "anyEPCClass": ("epcClass", "inputEPCClass", "outputEPCClass"),
}
_WORDS: Mapping[str, Kind] = {
    "bizStep": "bizStep",
    "disposition": "disposition",
    "persistentDisposition_set": "disposition",
    "persistentDisposition_unset": "disposition",
    "errorReason": "reason",
    "type": "measurement",
    "component": "component",
}
_IDS = (
    "readPoint",
    "bizLocation",
    "transformationID",
    "deviceID",
    "deviceMetadata",
    "rawData",
    "dataProcessingMethod",
    "bizRules",
    "uriValue",
)
_TEXTS = ("stringValue", "hexBinaryValue", "coordinateReferenceSystem", "exception")
_PLAIN = ("microorganism", "chemicalSubstance", "correctiveEventID")
_MOMENTS = ("time", "startTime", "endTime", "errorDeclarationTime")
_TYPED: Mapping[str, Kind] = {
    "bizTransaction": "bizTransaction",
    "source": "sourceOrDestination",
    "destination": "sourceOrDestination",
}
_ATTRIBUTED = (
    "readPoint",
    "bizLocation",
    "bizStep",
    "disposition",
    "epcClass",
    "inputEPCClass",
    "outputEPCClass",
    "source",
    "destination",
    "bizTransaction",
    "transformationID",
    "deviceID",
)
_CONTROLS = ("@context", "orderBy", "orderDirection", "eventCountLimit", "maxEventCount")
_EXTENSION = re.compile(
    r"(INNER_)?(?:(ILMD|ERROR_DECLARATION|SENSORELEMENT|SENSORMETADATA|SENSORREPORT"
    r"|readPoint|bizLocation)_)?(.+)",
    re.DOTALL,
)
_MEASURE = re.compile(rf"({'|'.join(MEASURED)})_([A-Z0-9]{{2,4}})")


def read(parameters: Mapping[str, Any]) -> Query:
    """Read a query's parameters. Refuses `epcis.query_parameter`, `epcis.query_too_complex`.

    Values are as JSON has them, or texts as a URL does, alone or in a list; `@context` declares
    prefixes.
    """
    namespaces = context_of(parameters)
    conditions: list[Condition] = []
    for name in sorted(parameters):
        if name not in _CONTROLS:
            conditions.extend(
                _asked(name, partial(_conditions, name, parameters[name], namespaces))
            )
    if sum(map(_size, conditions)) > MAX_VALUES:
        raise QUERY_TOO_COMPLEX(limit=MAX_VALUES)
    first = _asked("eventCountLimit", lambda: count(parameters.get("eventCountLimit")))
    most = _asked("maxEventCount", lambda: count(parameters.get("maxEventCount")))
    if first is not None and most is not None:
        raise _refusal("maxEventCount", "exclusive")
    order: str | int = "sequence"
    if parameters.get("orderBy") is not None:
        order = _asked("orderBy", lambda: _order(parameters["orderBy"], namespaces))
    elif first is not None:
        raise _refusal("eventCountLimit", "needs_order")
    direction = parameters.get("orderDirection")
    if direction not in (None, "ASC", "DESC"):
        raise _refusal("orderDirection", "choice")
    descending = order != "sequence" and direction != "ASC"
    query = Query(tuple(conditions), order, descending, first, most, "")
    return query._replace(fingerprint=store.fingerprint([repr(query).encode()])[:32])


def _asked(name: str, make: Callable[[], T]) -> T:
    try:
        return make()
    except Wrong as wrong:
        raise _refusal(name, str(wrong)) from None
    except (ValueError, ArithmeticError) as error:
        reason = str(error)
        raise _refusal(name, reason if re.fullmatch(r"[a-z_]{1,30}", reason) else "value") from None


def _refusal(name: str, reason: str) -> Refusal:
    return QUERY_PARAMETER(name=name[:200], reason=reason)


def _size(condition: Condition) -> int:
    if isinstance(condition, Among):
        return len(condition.exact) + len(condition.ranges)
    if isinstance(condition, Identified):
        return len(condition.values)
    if isinstance(condition, Described):
        return len(condition.attributes) + len(condition.values)
    if isinstance(condition, Within):
        return len(condition.places) + len(condition.ranges)
    return 1


# -- one parameter ------------------------------------------------------------------------------


def _conditions(name: str, value: Any, namespaces: Namespaces) -> list[Condition]:
    """Give the conditions of one parameter: one, or none where it asks for nothing."""
    if name == "eventType":
        return [_exact(("eventType",), [whole(each, namespaces) for each in texts(value)])]
    operator, _, field = name.partition("_")
    made: Iterator[Condition] | None = None
    if operator == "EQ":
        made = _equal(field, value, namespaces)
    elif operator in COMPARISONS:
        made = _compared(operator, field, value, namespaces)
    elif operator == "EXISTS":
        made = _exists(field, value, namespaces)
    elif operator == "MATCH" and field in _FIELDS:
        made = _matching(field, value)
    elif operator == "WD" and field in ("readPoint", "bizLocation"):
        made = _within(field, value)
    elif operator in ("HASATTR", "EQATTR"):
        made = _described(operator, field, value, namespaces)
    if made is None:
        raise Wrong("unknown")
    return list(made)


def _equal(field: str, value: Any, namespaces: Namespaces) -> Iterator[Condition]:
    if field == "eventID":
        yield Identified(tuple(sorted(set(texts(value)))))
    elif field == "action":
        yield _exact(("action",), [choice(each, ACTIONS) for each in texts(value)])
    elif field in _WORDS:
        words = [word(_WORDS[field], each, namespaces) for each in texts(value)]
        yield _exact((field,), words)
    elif field in _IDS:
        yield _exact((field,), [id_value(each) for each in texts(value)])
    elif field in _TEXTS:
        yield _exact((field,), [text_value(each) for each in texts(value)])
    elif field in _PLAIN:
        yield _exact((field,), texts(value))
    elif field == "booleanValue":
        yield _exact((field,), ["true" if boolean(value) else "false"])
    elif field in ("quantity", "percRank"):
        yield _exact((field,), [number_value(each) for each in numbers(value)])
    elif field.startswith("ATTR_"):
        yield from _described("EQATTR", field[5:], value, namespaces)
    else:
        yield from _equal_named(field, value, namespaces)


def _equal_named(field: str, value: Any, namespaces: Namespaces) -> Iterator[Condition]:
    kind, _, rest = field.partition("_")
    measured = _MEASURE.fullmatch(field)
    if kind in _TYPED and field != kind:
        named = f"{kind}_{word(_TYPED[kind], rest, namespaces)}"
        yield _exact((named,), [id_value(each) for each in texts(value)])
    elif measured:
        named, unit = measured_name(measured[1], measured[2])
        difference = measured[1] == "sDev"
        found = [unit.to_base(each, difference=difference) for each in numbers(value)]
        yield _exact((named,), [number_value(each) for each in found])
    else:
        named = _extension(field, namespaces)
        yield _exact((named,), [each for one in listed(value) for each in written(one)])


def _compared(operator: str, field: str, value: Any, namespaces: Namespaces) -> Iterator[Condition]:
    if field in ("eventTime", "recordTime"):
        yield _column(operator, field, microseconds(text(value)))
        return
    measured = _MEASURE.fullmatch(field)
    if field in _MOMENTS or field == "errorDeclaration_Time":
        named = "errorDeclarationTime" if field.startswith("error") else field
        if operator not in ("GE", "LT"):
            raise Wrong("unknown")
        bounds = _range(operator, time_value(microseconds(text(value))), _TIMES)
    elif field in ("quantity", "percRank"):
        named = field
        bounds = _range(operator, number_value(number(value)), _NUMBERS)
    elif measured:
        named, unit = measured_name(measured[1], measured[2])
        size = unit.to_base(number(value), difference=measured[1] == "sDev")
        bounds = _range(operator, number_value(size), _NUMBERS)
    else:
        named = _extension(field, namespaces)
        bounds = _open_range(operator, value)
    yield Among((number_of(named),), (), (bounds,))


def _column(operator: str, field: str, moment: int) -> Moment:
    if operator not in ("GE", "LT"):
        raise Wrong("unknown")
    name = "event_time"
    if field == "recordTime":
        # Record times have milliseconds: the first that is not before the moment.
        name, moment = "record_time", -(-moment // 1000)
    return Moment(name, moment, None) if operator == "GE" else Moment(name, None, moment)


def _open_range(operator: str, value: Any) -> Range:
    """Give the range of a number or a time, whichever the value is."""
    if isinstance(value, str):
        told = read_number(value)
        if told is None:
            return _range(operator, time_value(microseconds(value)), _TIMES)
        value = told
    return _range(operator, number_value(number(value)), _NUMBERS)


def _range(operator: str, bound: str, of_kind: Range) -> Range:
    # Nothing sorts between a value and the value with this character behind it.
    past = bound + " "
    if operator in ("GT", "GE"):
        return Range(bound if operator == "GE" else past, of_kind.high)
    return Range(of_kind.low, bound if operator == "LT" else past)


def _exists(field: str, value: Any, namespaces: Namespaces) -> Iterator[Condition]:
    if value not in (None, "") and not boolean(value):
        return
    named = field if field in ("errorDeclaration", "sensorElementList") else ""
    yield Among((number_of(named or _extension(field, namespaces)),))


def _matching(field: str, value: Any) -> Iterator[Condition]:
    found = [patterns.match(each, instances="Class" not in field) for each in texts(value)]
    exact = sorted({id_ for each in found for id_ in each.exact})
    ranges = sorted({range_ for each in found for range_ in each.ranges}, key=repr)
    yield Among(_numbered(_FIELDS[field]), tuple(exact), tuple(ranges))


def _within(field: str, value: Any) -> Iterator[Condition]:
    found = [patterns.with_descendants(each) for each in texts(value)]
    places = sorted({place for each in found for place in each.exact})
    ranges = sorted({range_ for each in found for range_ in each.ranges})
    yield Within(number_of(field), tuple(places), tuple(ranges))


def _described(
    operator: str, field: str, value: Any, namespaces: Namespaces
) -> Iterator[Condition]:
    attributes = tuple(sorted(set(texts(value))))
    values: tuple[str, ...] = ()
    if operator == "EQATTR":
        known = [each for each in _ATTRIBUTED if field.startswith(each + "_")]
        field, _, attribute = (
            (known[0], "_", field[len(known[0]) + 1 :]) if known else field.rpartition("_")
        )
        attributes, values = (attribute,), attributes
    if not attributes[0] or not field:
        raise Wrong("unknown")
    if field in _ATTRIBUTED:
        yield Described(_numbered((field,)), "", attributes, values)
    else:
        yield Described(_numbered((_extension(field, namespaces),)), "s", attributes, values)


def _extension(field: str, namespaces: Namespaces) -> str:
    """Name the terms of an extension's field; its prefix must be known."""
    found = _EXTENSION.fullmatch(field)
    if found is None:
        raise Wrong("unknown")
    inner, family, name = found.groups()
    if ":" not in name and not (inner and name):
        raise Wrong("unknown")
    prefix, colon, local = name.partition(":")
    known = prefix in namespaces or prefix in PREDEFINED or "/" in local or prefix == "urn"
    if colon and not known:
        raise Wrong("prefix")
    return f"{family or ''}|{'INNER|' if inner else ''}{field_name(name, namespaces)}"


def _order(value: Any, namespaces: Namespaces) -> str | int:
    field = text(value)
    if field in ("eventTime", "recordTime"):
        return {"eventTime": "event_time", "recordTime": "record_time"}[field]
    return number_of(_extension(field, namespaces))


def _exact(names: tuple[str, ...], wanted: list[str]) -> Among:
    return Among(_numbered(names), tuple(sorted(set(wanted))))


def _numbered(names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(number_of(each) for each in names)
