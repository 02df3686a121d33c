"""Whether one event is as the standard says, and if not, where.

`default` is the schema of EPCIS 2.0 with its formats, and besides: GS1 keys are what they say
(partition, check digit), names of extensions have a declared prefix, and a parent stands wherever
the standard wants one. `strict` adds the rules of the draft of conformance tests: an event hash ID
matches the content, no sensor field stands both in `sensorMetadata` and in `sensorReport`, no
reading is later than its event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from yilian.gateway.epcis import formats
from yilian.gateway.epcis.document import Event, Fault, Mode
from yilian.gateway.epcis.event_hash import event_hash
from yilian.gateway.epcis.fields import ANY_TYPE, TYPES, Look, extension, free_value, known_prefix

_HASH_ID = re.compile(r"ni:///sha-256;[0-9a-f]{64}\?ver=CBV(2\.0|2\.1)")


def validate(event: Event, mode: Mode = "default") -> list[Fault]:
    """Find what is wrong with an event; nothing found means that it may be stored and hashed.

    A fault's `event` is None. At most `MOST` faults are told.
    """
    context = event.get("@context") or {}
    look = Look(context if isinstance(context, dict) else {})
    _context(event, look)
    kind = event.get("type")
    if not isinstance(kind, str):
        look.fault("type", "required" if kind is None else "wrong_type")
        return look.faults
    fields = TYPES.get(kind)
    if fields is None:
        _extended(event, kind, look)
    else:
        for name, value in event.items():
            check = fields.get(name)
            if check is not None:
                check(value, name, look)
            else:
                extension(name, value, name, look)
        _RULES[kind](event, look)
    for name in _REQUIRED.get(kind, _ALWAYS):
        if name not in event:
            look.fault(name, "required")
    if mode == "strict" and not look.faults:
        _strict(event, look)
    return look.faults


def _context(event: Event, look: Look) -> None:
    context = event.get("@context")
    if context is None:
        return
    if not isinstance(context, dict):
        look.fault("@context", "bad_context")
        return
    for prefix, space in context.items():
        if not isinstance(space, str) or not formats.is_uri(space) or not prefix:
            look.fault("@context", "bad_context")


def _extended(event: Event, kind: str, look: Look) -> None:
    """An event type of somebody's own: the fields of the standard are checked, others are free."""
    if not formats.is_uri(kind):
        look.fault("type", "unknown_word")
    else:
        known_prefix(kind, "type", look)
    for name, value in event.items():
        check = ANY_TYPE.get(name)
        if check is not None:
            check(value, name, look)
        else:
            free_value(value, name, look, 1)


_ALWAYS = ("eventTime", "eventTimeZoneOffset")
_REQUIRED: Final[dict[str, tuple[str, ...]]] = {
    "ObjectEvent": (*_ALWAYS, "action"),
    "AggregationEvent": (*_ALWAYS, "action"),
    "AssociationEvent": (*_ALWAYS, "action", "parentID"),
    "TransactionEvent": (*_ALWAYS, "action", "bizTransactionList"),
}


# What fields say together


def _object_rules(event: Event, look: Look) -> None:
    sensed = event.get("sensorElementList") and "readPoint" in event
    if "epcList" not in event and not event.get("quantityList") and not sensed:
        look.fault("epcList", "required")
    if "ilmd" in event and event.get("action") != "ADD":
        look.fault("ilmd", "not_allowed")


def _children_rules(event: Event, look: Look) -> None:
    action = event.get("action")
    has_children = event.get("childEPCs") or event.get("childQuantityList")
    if action != "DELETE" and not has_children:
        look.fault("childEPCs", "required")
    # Only looking at a load may leave open what it stands on.
    if event["type"] == "AggregationEvent" and action != "OBSERVE" and "parentID" not in event:
        look.fault("parentID", "required")


def _transaction_rules(event: Event, look: Look) -> None:
    has_items = "epcList" in event or event.get("quantityList")
    if event.get("action") != "DELETE" and not has_items:
        look.fault("epcList", "required")


def _transformation_rules(event: Event, look: Look) -> None:
    takes = event.get("inputEPCList") or event.get("inputQuantityList")
    gives = event.get("outputEPCList") or event.get("outputQuantityList")
    linked = "transformationID" in event
    # A transformation with a name may be told in several events.
    if not takes and not (linked and gives):
        look.fault("inputEPCList", "required")
    if not gives and not (linked and takes):
        look.fault("outputEPCList", "required")


_RULES: Final[dict[str, Callable[[Event, Look], None]]] = {
    "ObjectEvent": _object_rules,
    "AggregationEvent": _children_rules,
    "AssociationEvent": _children_rules,
    "TransactionEvent": _transaction_rules,
    "TransformationEvent": _transformation_rules,
}


def _strict(event: Event, look: Look) -> None:
    event_id = event.get("eventID", "")
    if event_id.startswith("ni:///"):
        found = _HASH_ID.fullmatch(event_id)
        version = "2.1" if found and found[1] == "2.1" else "2.0"
        if event_id != event_hash(event, "2.1" if version == "2.1" else "2.0"):
            look.fault("eventID", "event_hash_id_mismatch")
    latest = formats.moment(event["eventTime"])
    for place, element in enumerate(event.get("sensorElementList", ())):
        path = f"sensorElementList[{place}]"
        metadata = element.get("sensorMetadata", {})
        _not_later(metadata, f"{path}.sensorMetadata", latest, look)
        for number, report in enumerate(element["sensorReport"]):
            below = f"{path}.sensorReport[{number}]"
            _not_later(report, below, latest, look)
            for name in report:
                if name in metadata:
                    look.fault(f"{below}.{name}", "sensor_field_in_both")


def _not_later(fields: Mapping[str, Any], path: str, latest: tuple[Any, str], look: Look) -> None:
    for name in ("time", "startTime", "endTime"):
        if name in fields and formats.moment(fields[name]) > latest:
            look.fault(f"{path}.{name}", "sensor_time_after_event")
