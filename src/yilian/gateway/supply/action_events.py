"""The EPCIS 2.0 events that actions write: of units, places and companies, never of a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from yilian.gateway.epcis.document import Event
from yilian.gateway.supply.orders import ActionName, Order
from yilian.gateway.supply.pack_rows import UnitRow
from yilian.gateway.supply.steps import END, NAMESPACE, PARTY, PREFIX, STERILISING, USING
from yilian.ledger import codec


class Words(NamedTuple):
    """Business step, disposition and action of an ObjectEvent."""

    step: str
    disposition: str
    action: str = "OBSERVE"


WORDS: dict[ActionName, Words] = {
    "commission": Words("commissioning", "active", "ADD"),
    "ship": Words("shipping", "in_transit"),
    "receive": Words("receiving", "in_progress"),
    "dispense": Words("dispensing", "dispensed"),
    "return": Words("receiving", "returned"),
    "restock": Words("stocking", "sellable_accessible"),
    "decommission": Words("decommissioning", "inactive", "DELETE"),
    "destroy": Words("destroying", "destroyed", "DELETE"),
    "report_stolen": Words("holding", "stolen"),
    "report_lost": Words("holding", "unknown"),
    "sample": Words("sampling", "inactive", "DELETE"),
    "export": Words("decommissioning", "inactive", "DELETE"),
    "quarantine": Words("holding", "non_sellable_other"),
    "release": Words("storing", "sellable_not_accessible"),
    "recall": Words("holding", "recalled"),
    "sterilise": Words(STERILISING, ""),
}


EACH: frozenset[ActionName] = frozenset(
    ("commission", "receive", "return", "restock", "quarantine", "release", "recall", "sterilise")
)
"""Actions that write one event for each unit. Whoever gets a pack later sees the events of its
history; so these name no other pack."""


class Told(NamedTuple):
    """What all events of an action share; `own` and `to` are parties."""

    organisation: str
    at: int
    offset: str
    place: str
    own: str
    to: str = ""


def party(organisation: str, gln: str) -> str:
    """Give the URI of a party: that of its GLN, where it is known."""
    return f"https://id.gs1.org/417/{gln}" if gln else PARTY + organisation


def write(action: ActionName, order: Order, told: Told, units: Sequence[str], parent: str) -> Event:
    """Write the event of an action upon units."""
    if action in ("aggregate", "disaggregate"):
        event = _packing(action, parent, units)
    elif action == "use":
        event = _use(order, units)
    else:
        event = _object(action, order, told, units)
    one = units[0] if action in EACH else ""
    return _shared(told, order.key, action, one) | event


def set_aside(order: Order, told: Told, unit: str) -> Event:
    """Write that a unit of a shipment came in and is recalled."""
    words = WORDS["recall"]
    return _shared(told, order.key, "recall", unit) | {
        "type": "ObjectEvent",
        "action": words.action,
        "epcList": [unit],
        "bizStep": words.step,
        "disposition": words.disposition,
    }


def taken_out(order: Order, told: Told, rows: Sequence[UnitRow]) -> list[Event]:
    """Write that units are in their cases no more, but for those whose cases are named too."""
    named = {row.id for row in rows}
    by_case: dict[str, list[str]] = {}
    for row in rows:
        if row.parent is not None and row.parent not in named:
            by_case.setdefault(row.parent, []).append(row.id)
    return [
        _shared(told, order.key, "disaggregate", case) | _packing("disaggregate", case, units)
        for case, units in sorted(by_case.items())
    ]


def nowhere(event: Event) -> Event:
    """Say of an event that its units were not where it was written."""
    return event | {"readPoint": None, "bizLocation": None}


def _shared(told: Told, key: str, action: str, unit: str) -> Event:
    name = f"{NAMESPACE}action:{told.organisation}:{key}:{action}:{unit}"
    return {
        "eventID": f"urn:uuid:{uuid5(NAMESPACE_URL, name)}",
        "eventTime": _time(told),
        "eventTimeZoneOffset": told.offset,
        "readPoint": {"id": told.place},
        "bizLocation": {"id": told.place},
    }


def _object(action: ActionName, order: Order, told: Told, units: Sequence[str]) -> Event:
    words = WORDS[action]
    event: Event = {"type": "ObjectEvent", "action": words.action, "epcList": list(units)}
    event["bizStep"] = words.step
    if words.disposition:
        event["disposition"] = words.disposition
    if action == "commission":
        event["ilmd"] = {"cbvmda:lotNumber": order.lot}
        if order.expiry is not None:
            event["ilmd"]["cbvmda:itemExpirationDate"] = order.expiry
    elif action == "dispense" and order.part:
        event["disposition"] = "partially_dispensed"
    elif action == "quarantine" and order.reason is not None:
        event["disposition"] = order.reason
    elif action == "export":
        event["@context"] = {PREFIX: NAMESPACE}
        event[END] = "exported"
    elif action == "ship":
        event["sourceList"] = [{"type": "owning_party", "source": told.own}]
        event["destinationList"] = [{"type": "owning_party", "destination": told.to}]
        # On its way it is nowhere.
        event["bizLocation"] = None
    elif action in ("receive", "return"):
        event["destinationList"] = [{"type": "owning_party", "destination": told.own}]
    return event


def _packing(action: ActionName, parent: str, units: Sequence[str]) -> Event:
    adds = action == "aggregate"
    return {
        "type": "AggregationEvent",
        "action": "ADD" if adds else "DELETE",
        "parentID": parent,
        "childEPCs": list(units),
        "bizStep": "packing" if adds else "unpacking",
    }


def _use(order: Order, units: Sequence[str]) -> Event:
    drawn = codec.to_bytes(order.reference or order.key)
    return {
        "type": "AssociationEvent",
        "action": "ADD",
        "parentID": f"urn:uuid:{UUID(bytes=drawn)}",
        "childEPCs": list(units),
        "bizStep": USING,
    }


def used_up(event: Event) -> Event:
    """Say that the use of a device was its last."""
    return event | {"disposition": "dispensed"}


def tidy(event: dict[str, Any]) -> Event:
    """Leave out what an event does not say."""
    return {name: value for name, value in event.items() if value is not None}


def _time(told: Told) -> str:
    sign = -1 if told.offset[0] == "-" else 1
    shift = timedelta(hours=int(told.offset[1:3]), minutes=int(told.offset[4:6])) * sign
    moment = datetime.fromtimestamp(told.at // 1000, UTC) + timedelta(milliseconds=told.at % 1000)
    return moment.astimezone(timezone(shift)).isoformat(timespec="milliseconds")
