"""Events as a partner may see them: without the numbers of packs that never went to that partner.

An event that packs a case names all that was in it. Who gets some of it is shown an event that
names these alone, under an id of its own, and says so: `redacted` is true, `others` counts what is
left out, `anchored_event` and `anchored_hash` name the event that a post on the chain commits to.
What went to a partner together stays together, so that the same is never shown twice in two forms.
What was declared an error is no part of a pack's life, and is not shown.

Beside the packs, an event tells of all of them: what cannot be told apart (quantities, the trade
that it belongs to) is left out with the others, and so is every field that names a pack which is
not the partner's.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sql

from yilian.gateway.epcis import names, store
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.store import Stored
from yilian.gateway.epcis.validation import validate
from yilian.gateway.supply import notes, steps
from yilian.gateway.supply.folding import DEEPEST
from yilian.gateway.supply.pack_rows import chunks, history_table, steps_table
from yilian.gateway.supply.steps import NAMESPACE, PREFIX
from yilian.ledger import merkle

LISTS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
QUANTITIES = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")

_CASED = ("AggregationEvent", "AssociationEvent")
_PACK = re.compile(
    r"/(?:01|gtin)/[0-9]{8,14}/(?:[a-z0-9]{2,4}/[^/\s]{1,90}/){0,4}(?:21|235|ser|tpx)/"
    r"|/800[346]/[0-9]{6}|/8010/[0-9]{6}|\((?:21|235|8006|8010|8004|8003)\)"
    r"|:(?:sgtin|itip|cpi|giai|grai|upui)(?::|-)|(?<![0-9])01[0-9]{14}\S{0,90}?21",
    re.IGNORECASE,
)
"""What a text has that names one numbered thing, in whatever spelling."""


class _Named(NamedTuple):
    """A unit that an event touched, and the case it was in then."""

    unit: str
    parent: str | None


class _Shown(NamedTuple):
    """What of an event is a partner's: `first` by which shipment it got each unit first."""

    stored: Stored
    event: Event
    first: Mapping[str, int]


class Redaction:
    """Says what a partner may see of events (`views.View`). Holds nothing."""

    def __init__(self, names_of: Callable[[str], Iterable[str]]) -> None:
        """`names_of` gives the names under which packs are shipped to a partner."""
        self._names_of = names_of

    def __call__(
        self, events: Sequence[Stored], partner: str, connection: sql.Connection
    ) -> list[tuple[bytes, ...]]:
        """Give each event as it is, redacted in one part or more, or not at all."""
        parties = list(self._names_of(partner))
        touched = _touched([each.sequence for each in events], connection)
        units = {unit for rows in touched.values() for unit in rows}
        shipped = _shipped(units, parties, connection)
        found: list[tuple[bytes, ...]] = []
        for stored in events:
            rows = touched.get(stored.sequence, {})
            first = _first(stored.sequence, rows, shipped)
            shown = _Shown(stored, store.decode(stored.content), first)
            found.append(_parts(shown, parties, connection) if first else ())
        return found


def _touched(sequences: Sequence[int], connection: sql.Connection) -> dict[int, dict[str, _Named]]:
    rows = history_table.c
    found: dict[int, dict[str, _Named]] = {}
    for some in chunks(sequences):
        query = sql.select(rows.sequence, rows.unit, rows.parent).where(rows.sequence.in_(some))
        for sequence, unit, parent in connection.execute(query):
            found.setdefault(sequence, {})[unit] = _Named(unit, parent)
    return found


def _shipped(
    units: Iterable[str], parties: Collection[str], connection: sql.Connection
) -> dict[str, list[int]]:
    """Give by which events units were shipped to a partner, in their order."""
    rows, step = history_table.c, steps_table.c
    found: dict[str, list[int]] = {}
    for some in chunks(sorted(units)):
        query = (
            sql.select(rows.unit, rows.sequence)
            .join_from(history_table, steps_table, step.sequence == rows.sequence)
            .where(rows.unit.in_(some), step.act == "ship", step.destination.in_(parties))
            .order_by(rows.unit, rows.sequence)
        )
        for unit, sequence in connection.execute(query):
            found.setdefault(unit, []).append(sequence)
    return found


def _first(
    since: int, rows: Mapping[str, _Named], shipped: Mapping[str, Sequence[int]]
) -> dict[str, int]:
    """Give by which event the partner first got what an event touched, with the cases around it."""
    first: dict[str, int] = {}
    for unit in rows:
        sequences = shipped.get(unit, ())
        at = bisect_left(sequences, since)
        if at < len(sequences):
            for each in _around(unit, rows):
                first[each] = min(first.get(each, sequences[at]), sequences[at])
    return first


def _around(unit: str, rows: Mapping[str, _Named]) -> Iterator[str]:
    """Give a unit and the cases it was in, the nearest first."""
    for _ in range(DEEPEST):
        yield unit
        found = rows.get(unit)
        if found is None or found.parent is None:
            return
        unit = found.parent


# -- one event ----------------------------------------------------------------------------------


def _parts(
    shown: _Shown, parties: Collection[str], connection: sql.Connection
) -> tuple[bytes, ...]:
    event = shown.event
    listed = sum(len(event.get(field) or ()) for field in LISTS)
    groups = _groups(shown)
    foreign = _foreign_fields(shown)
    told = sum(len(each) for group in groups.values() for each in group.values())
    apart = len(groups) > 1 or told < listed
    quantities = not apart and _has_quantities(event, parties, shown, connection)
    if not groups or foreign & {"eventID", "@context", "type"}:
        return ()
    if not apart and not foreign and quantities == any(event.get(each) for each in QUANTITIES):
        return (shown.stored.content,)
    found = (
        _redacted(shown, groups[place], listed, _left_out(event, foreign, apart, quantities))
        for place in sorted(groups)
    )
    return tuple(store.encode(each) for each in found if not validate(each))


def _groups(shown: _Shown) -> dict[int, dict[str, list[str]]]:
    """Give what of the units named went to the partner, by the shipment that was the first."""
    event, first = shown.event, shown.first
    groups: dict[int, dict[str, list[str]]] = {}
    named = False
    for field in LISTS:
        for each in event.get(field) or ():
            named = True
            place = first.get(steps.unit_id(each) or "")
            if place is not None:
                groups.setdefault(place, {}).setdefault(field, []).append(each)
    # All that is in a case is unpacked by naming nothing but the case.
    return groups if named else {min(first.values()): {}}


def _has_quantities(
    event: Event, parties: Collection[str], shown: _Shown, connection: sql.Connection
) -> bool:
    """Tell whether an event's quantities went to the partner too: shipped, or in a case that was.

    They have no numbers. What was in a case went where the case went next, and nowhere later.
    """
    if not any(event.get(each) for each in QUANTITIES):
        return False
    step, rows = steps_table.c, history_table.c
    sequence = shown.stored.sequence
    own = sql.select(step.destination).where(step.sequence == sequence, step.act == "ship")
    if connection.scalar(own) in parties:
        return True
    parent = _parent(event)
    if event.get("type") not in _CASED or parent not in shown.first:
        return False
    next_ = (
        sql.select(sql.func.min(rows.sequence))
        .join_from(history_table, steps_table, step.sequence == rows.sequence)
        .where(rows.unit == parent, rows.sequence >= sequence, step.act == "ship")
    )
    return bool(connection.scalar(next_) == shown.first[parent])


def _foreign_fields(shown: _Shown) -> set[str]:
    """Name the fields that name a numbered thing which is not the partner's."""
    event, allowed = shown.event, set(shown.first)
    found = {
        field
        for field, value in event.items()
        if field not in (*LISTS, "parentID")
        and any(_is_foreign(each, allowed) for each in _texts(field, value))
    }
    if "parentID" in event and event.get("type") not in _CASED and _parent(event) not in allowed:
        found.add("parentID")
    return found


def _parent(event: Event) -> str:
    return steps.unit_id(str(event.get("parentID", ""))) or ""


def _is_foreign(text: str, allowed: Collection[str]) -> bool:
    return _PACK.search(unquote(text)) is not None and steps.unit_id(text) not in allowed


def _texts(*values: Any) -> Iterator[str]:
    """Give every text in values, the names of fields too."""
    left: list[Any] = list(values)
    while left:
        value = left.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            left += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            left += value


def _left_out(event: Event, foreign: set[str], apart: bool, quantities: bool) -> set[str]:
    """Name the fields that a redacted event has not."""
    gone = {*foreign, *LISTS, "recordTime"}
    if not quantities:
        gone |= set(QUANTITIES)
    if apart and event.get("type") != "TransactionEvent":
        gone.add("bizTransactionList")
    return gone


def _redacted(
    shown: _Shown, kept: Mapping[str, Sequence[str]], listed: int, gone: set[str]
) -> Event:
    event, stored = shown.event, shown.stored
    units = [each for field in LISTS for each in kept.get(field, ())]
    name = "\n".join((f"{NAMESPACE}redacted", stored.event_id, *units))
    context, prefix = _context(event)
    before = event.get(f"{prefix}:others")
    leaf = notes.event_leaf(stored.salt, stored.digest, merkle.sha256(stored.content))
    said: dict[str, Any] = {
        "redacted": True,
        "others": listed - len(units) + (before if isinstance(before, int) else 0),
        "anchored_event": stored.event_id,
        # Not the event hash: who knows all but one number of an event could try them out by it.
        "anchored_hash": f"ni:///sha-256;{leaf.hex()}",
    }
    made = {key: value for key, value in event.items() if key not in gone} | dict(kept)
    made |= {"@context": context, "eventID": f"urn:uuid:{uuid5(NAMESPACE_URL, name)}"}
    if event.get("type") == "TransformationEvent" and "transformationID" not in made:
        # Without one, a transformation must name what went into it.
        of = uuid5(NAMESPACE_URL, f"{NAMESPACE}transformation\n{stored.event_id}")
        made["transformationID"] = f"urn:uuid:{of}"
    return made | {f"{prefix}:{key}": value for key, value in said.items()}


def _context(event: Event) -> tuple[Any, str]:
    """Give an event's context with this project's namespace, and the prefix of that."""
    known = names.context_of(event)
    prefix = PREFIX
    while known.get(prefix, NAMESPACE) != NAMESPACE:
        prefix += "1"
    own = event.get("@context")
    if own is None:
        return {prefix: NAMESPACE}, prefix
    if isinstance(own, Mapping):
        return {**own, prefix: NAMESPACE}, prefix
    return [*(own if isinstance(own, list) else [own]), {prefix: NAMESPACE}], prefix
