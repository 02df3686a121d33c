"""What one EPCIS event says that was done to which units: one table of steps, read from the words.

EPCIS 2.0 sections 7.3 and 7.4 (event types, actions), CBV 2.0 sections 7.1 and 7.2 (business steps
and dispositions). Movements follow the business step; everything else follows the disposition,
where it says more than the step does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal, NamedTuple

from yilian.gateway.epcis import identifiers, names
from yilian.gateway.epcis.document import Event, Namespaces
from yilian.gateway.supply.unit import Standing

Act = Literal[
    "commission",
    "observe",
    "ship",
    "void_ship",
    "receive",
    "dispense",
    "dispense_part",
    "return",
    "hold",
    "release",
    "recall",
    "steal",
    "lose",
    "decommission",
    "destroy",
    "sample",
    "export",
    "consume",
]
"""What is done to a unit. `consume`: it goes into others (TransformationEvent)."""

Link = Literal["", "add", "delete", "observe"]
Mark = Literal["", "use", "sterilise"]
Role = Literal["subject", "parent", "child", "input", "output", "inside", "left"]
"""How a unit stands in an event: named as the first five; inside what is named; or left behind by
something that was in it."""

NAMESPACE = "urn:yilian:supply:"
PREFIX = "yilian"
USING = NAMESPACE + "using"
STERILISING = NAMESPACE + "sterilising"
END = f"{PREFIX}:end"
PARTY = "urn:yilian:organisation:"
"""Before an organisation's id, where a party has no GLN."""

BY_STEP: dict[str, Act] = {
    "shipping": "ship",
    "void_shipping": "void_ship",
    "receiving": "receive",
    "dispensing": "dispense",
    "retail_selling": "dispense",
    "decommissioning": "decommission",
    "destroying": "destroy",
    "sampling": "sample",
    "holding": "hold",
}
"""All other business steps only observe."""

BY_DISPOSITION: dict[str, Act] = {
    "dispensed": "dispense",
    "retail_sold": "dispense",
    "partially_dispensed": "dispense_part",
    "destroyed": "destroy",
    "disposed": "destroy",
    "stolen": "steal",
    "unknown": "lose",
    "inactive": "decommission",
    "recalled": "recall",
    "returned": "return",
    "damaged": "hold",
    "expired": "hold",
    "mismatch_class": "hold",
    "mismatch_instance": "hold",
    "mismatch_quantity": "hold",
    "needs_replacement": "hold",
    "no_pedigree_match": "hold",
    "non_conformant": "hold",
    "non_sellable_other": "hold",
    "active": "release",
    "available": "release",
    "conformant": "release",
    "sellable_accessible": "release",
    "sellable_not_accessible": "release",
}
"""All other dispositions say nothing of a unit's standing."""

RECEIVED_AS: dict[Act, Standing] = {
    "hold": "quarantined",
    "recall": "recalled",
    "return": "returned",
}
"""As what a unit comes in where the disposition says so; else it is active."""

_MOVES = frozenset(("ship", "void_ship", "receive"))
_ENDS = frozenset(("dispense", "decommission", "destroy", "sample"))
_LOTS = frozenset(("urn:epcglobal:cbv:mda#lotNumber", "https://ref.gs1.org/voc#hasBatchLotNumber"))
_EXPIRIES = frozenset(
    ("urn:epcglobal:cbv:mda#itemExpirationDate", "https://ref.gs1.org/voc#expirationDate")
)
_NEED_SERIAL = frozenset(("01", "8003", "8006", "8010"))
_CLASSES = ("urn:epc:class:", "urn:epc:idpat:")
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:$|T)")
_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-9]{2})")


class Step(NamedTuple):
    """One event as the life of its units sees it.

    `at` is its time in ms of UTC, `day` the date there by the event's own offset; `into` the
    standing that a unit is received in. `link` is what happens to the packing, `tie` to an
    association (with `parent` in both cases). `units` has each unit once, with its role. `source`
    and `destination` are parties, `declares`: that this event did not happen as it was captured.
    """

    at: int
    day: str
    act: Act
    into: Standing
    link: Link
    tie: Link
    parent: str
    units: dict[str, Role]
    place: str
    source: str
    destination: str
    lot: str
    expiry: str
    mark: Mark
    declares: bool


def read(event: Event) -> Step:
    """Read a valid event.

    What has no number of its own (quantities of a lot) is left out. Raises ValueError for an event
    whose time cannot be read.
    """
    namespaces = names.context_of(event)
    kind = event.get("type", "")
    step = names.word("bizStep", str(event.get("bizStep", "")), namespaces)
    act, into = _act(event, kind, step, namespaces)
    action: Link = _ACTIONS.get(str(event.get("action", "")), "")
    at, day = _when(event)
    lot, expiry = _made(event, namespaces)
    mark: Mark = "use" if step == USING else "sterilise" if step == STERILISING else ""
    return Step(
        at=at,
        day=day,
        act=act,
        into=into,
        link=action if kind == "AggregationEvent" else "",
        tie=action if kind == "AssociationEvent" else "",
        parent=_parent(event, kind),
        units=_units(event, kind),
        place=_place(event),
        source=_party(event, "sourceList", "source"),
        destination=_party(event, "destinationList", "destination"),
        lot=lot,
        expiry=expiry,
        mark=mark,
        declares=event.get("errorDeclaration") is not None,
    )


def unit_id(uri: str) -> str | None:
    """Give the canonical id of one numbered thing; None for a class, a pattern or no id at all."""
    try:
        found = identifiers.canonical(uri)
    except ValueError:
        return None
    try:
        parts = identifiers.parts(found)
    except ValueError:
        return None if found.startswith(_CLASSES) else found
    return None if parts.key in _NEED_SERIAL and not parts.serial else found


def holder(party: str) -> str:
    """Give a party as a holder: an organisation's id, or the URI of its GLN."""
    return party.removeprefix(PARTY)


_ACTIONS: dict[str, Link] = {"ADD": "add", "DELETE": "delete", "OBSERVE": "observe"}


def _act(event: Event, kind: str, step: str, namespaces: Namespaces) -> tuple[Act, Standing]:
    if kind == "TransformationEvent":
        return "consume", "active"
    if kind == "ObjectEvent" and event.get("action") == "ADD" and step != "encoding":
        return "commission", "active"
    by_step: Act = BY_STEP.get(step, "observe")
    by_word = _by_disposition(event, namespaces)
    if by_step in _MOVES:
        return by_step, RECEIVED_AS.get(by_word, "active")
    if by_step in _ENDS:
        return _end(event, by_step, by_word, namespaces), "active"
    if by_step == "hold":
        return ("hold" if by_word in ("observe", "release") else by_word), "active"
    gone = kind == "ObjectEvent" and event.get("action") == "DELETE"
    if gone and by_word in ("observe", "release"):
        return _end(event, "decommission", by_word, namespaces), "active"
    return by_word, "active"


def _end(event: Event, by_step: Act, by_word: Act, namespaces: Namespaces) -> Act:
    if by_step == "dispense":
        return "dispense_part" if by_word == "dispense_part" else "dispense"
    if by_step == "decommission":
        named = [
            value
            for name, value in event.items()
            if ":" in name and names.field_name(name, namespaces) == "urn:yilian:supply#end"
        ]
        if "exported" in named:
            return "export"
        if by_word in ("destroy", "steal", "dispense"):
            return by_word
    return by_step


def _by_disposition(event: Event, namespaces: Namespaces) -> Act:
    persistent = event.get("persistentDisposition") or {}
    words = [event.get("disposition"), *persistent.get("set", ())]
    for each in words:
        found = _word_act(each, namespaces)
        if found is not None:
            return found
    for each in persistent.get("unset", ()):
        if _word_act(each, namespaces) in ("hold", "recall", "return"):
            return "release"
    return "observe"


def _word_act(word: Any, namespaces: Namespaces) -> Act | None:
    if not isinstance(word, str):
        return None
    return BY_DISPOSITION.get(names.word("disposition", word, namespaces))


def _units(event: Event, kind: str) -> dict[str, Role]:
    found: dict[str, Role] = {}

    def add(uris: Iterable[Any], role: Role) -> None:
        for each in uris:
            unit = unit_id(each) if isinstance(each, str) else None
            if unit is not None:
                found.setdefault(unit, role)

    if kind == "AggregationEvent":
        add([event.get("parentID")], "parent")
        add(event.get("childEPCs") or (), "child")
    elif kind == "AssociationEvent":
        add(event.get("childEPCs") or (), "child")
    elif kind == "TransformationEvent":
        made = {unit_id(each) for each in event.get("outputEPCList") or ()}
        # What goes in and comes out again stays what it was.
        add((x for x in event.get("inputEPCList") or () if unit_id(x) in made), "subject")
        add(event.get("inputEPCList") or (), "input")
        add(event.get("outputEPCList") or (), "output")
    else:
        add([event.get("parentID"), *(event.get("epcList") or ())], "subject")
    return found


def _parent(event: Event, kind: str) -> str:
    parent = event.get("parentID")
    if kind not in ("AggregationEvent", "AssociationEvent") or not isinstance(parent, str):
        return ""
    return unit_id(parent) or ""


def _place(event: Event) -> str:
    for name in ("bizLocation", "readPoint"):
        found = (event.get(name) or {}).get("id")
        if isinstance(found, str):
            return canonical(found)
    return ""


def _party(event: Event, list_name: str, name: str) -> str:
    """Give who has it: its possessor, or the owner where no possessor is named."""
    namespaces = names.context_of(event)
    found: dict[str, str] = {}
    for each in event.get(list_name) or ():
        kind = names.word("sourceOrDestination", str(each.get("type", "")), namespaces)
        found.setdefault(kind, str(each.get(name, "")))
    for kind in ("possessing_party", "owning_party"):
        if found.get(kind):
            return holder(canonical(found[kind]))
    return ""


def canonical(uri: str) -> str:
    """Give the canonical form of a URI; one that breaks its own rules stays as it is."""
    try:
        return identifiers.canonical(uri)
    except ValueError:
        return uri


def _made(event: Event, namespaces: Namespaces) -> tuple[str, str]:
    lot = expiry = ""
    ilmd = event.get("ilmd")
    for name, value in ilmd.items() if isinstance(ilmd, Mapping) else ():
        full = names.field_name(str(name), namespaces)
        text = value.get("@value", "") if isinstance(value, Mapping) else value
        if full in _LOTS:
            lot = lot or str(text)
        elif full in _EXPIRIES:
            day = _DAY.match(str(text))
            expiry = expiry or (day[1] if day else "")
    return lot, expiry


def _when(event: Event) -> tuple[int, str]:
    moment = datetime.fromisoformat(str(event["eventTime"]))
    if moment.tzinfo is None:
        raise ValueError("a time without an offset")
    at = (moment - _EPOCH) // timedelta(milliseconds=1)
    offset = _OFFSET.fullmatch(str(event.get("eventTimeZoneOffset", "")))
    if offset is None:
        return at, moment.date().isoformat()
    shift = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
    zone = timezone(-shift if offset[1] == "-" else shift)
    try:
        return at, moment.astimezone(zone).date().isoformat()
    except OverflowError:
        raise ValueError("a time at the end of the calendar") from None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
