"""Events as a partner may see them: without the numbers of packs that never went to that partner.

An event that packs a case names all that was in it. Who gets some of it is shown an event that
names these alone, under an id of its own, and says so: `redacted` is true, `others` counts what is
left out, `anchored_event` and `anchored_hash` name the event that a post on the chain commits to.
What went to a partner together stays together, so that the same is never shown twice in two forms.
What was declared an error is no part of a pack's life, and is not shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sql

from yilian.gateway.epcis import names, store
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.store import Stored
from yilian.gateway.supply import steps
from yilian.gateway.supply.folding import DEEPEST, is_item
from yilian.gateway.supply.pack_rows import chunks, history_table, steps_table
from yilian.gateway.supply.steps import NAMESPACE, PREFIX

LISTS = {"ObjectEvent": "epcList", "AggregationEvent": "childEPCs", "AssociationEvent": "childEPCs"}
"""Where an event of each kind names packs beside one another."""


class _Named(NamedTuple):
    """A unit that an event touched, and the case it was in then."""

    unit: str
    parent: str | None


def shown_to(
    stored: Stored, parties: Iterable[str], connection: sql.Connection
) -> tuple[bytes, ...]:
    """Give an event as it is shown to a partner: as it is, or redacted, in one part or more.

    `parties` are the names under which packs are shipped to the partner.
    """
    event = stored.event
    field = LISTS.get(str(event.get("type", "")), "")
    listed = list(event.get(field) or ())
    if len(listed) < 2:
        return (stored.content,)
    rows = _touched(stored.sequence, connection)
    groups = _groups(listed, rows, _shipped(rows, stored.sequence, parties, connection))
    if list(groups.values()) == [listed]:
        return (stored.content,)
    return tuple(
        store.encode(_redacted(stored, event, field, groups[first])) for first in sorted(groups)
    )


def _groups(
    listed: list[str], rows: Mapping[str, _Named], shipped: Mapping[str, int]
) -> dict[int, list[str]]:
    """Give what of the units named went to the partner, by the shipment that was the first."""
    first: dict[str, int] = {}
    full = {row.parent for row in rows.values()}
    for went, sequence in shipped.items():
        for each in _around(went, rows):
            first[each] = min(first.get(each, sequence), sequence)
    groups: dict[int, list[str]] = {}
    for each in listed:
        unit = steps.unit_id(each)
        place = None if unit is None else first.get(unit)
        if place is None and unit is not None and not is_item(unit) and unit not in full:
            # An empty case says nothing of any pack.
            place = min(first.values(), default=None)
        if place is not None:
            groups.setdefault(place, []).append(each)
    return groups


def _around(unit: str, rows: Mapping[str, _Named]) -> Iterable[str]:
    """Give a unit and the cases it was in, the nearest first."""
    for _ in range(DEEPEST):
        yield unit
        found = rows.get(unit)
        if found is None or found.parent is None:
            return
        unit = str(found.parent)


def _touched(sequence: int, connection: sql.Connection) -> dict[str, _Named]:
    rows = history_table.c
    query = sql.select(rows.unit, rows.parent).where(rows.sequence == sequence)
    return {row.unit: _Named(*row) for row in connection.execute(query)}


def _shipped(
    units: Iterable[str], since: int, parties: Iterable[str], connection: sql.Connection
) -> dict[str, int]:
    """Give by which event units were shipped to a partner first, from an event on."""
    rows, step = history_table.c, steps_table.c
    found: dict[str, int] = {}
    for some in chunks(sorted(units)):
        query = (
            sql.select(rows.unit, sql.func.min(rows.sequence))
            .join_from(history_table, steps_table, step.sequence == rows.sequence)
            .where(rows.unit.in_(some), rows.sequence >= since)
            .where(step.act == "ship", step.destination.in_(list(parties)))
            .group_by(rows.unit)
        )
        found.update((unit, sequence) for unit, sequence in connection.execute(query))
    return found


def _redacted(stored: Stored, event: Event, field: str, kept: list[str]) -> Event:
    name = "\n".join((f"{NAMESPACE}redacted", stored.event_id, *kept))
    context, prefix = _context(event)
    before = event.get(f"{prefix}:others")
    said: dict[str, Any] = {
        "redacted": True,
        "others": len(event[field]) - len(kept) + (before if isinstance(before, int) else 0),
        "anchored_event": stored.event_id,
        "anchored_hash": f"ni:///sha-256;{stored.digest.hex()}?ver=CBV2.0",
    }
    shown = {key: value for key, value in event.items() if key != "recordTime"}
    shown |= {"@context": context, "eventID": f"urn:uuid:{uuid5(NAMESPACE_URL, name)}"}
    return shown | {field: kept} | {f"{prefix}:{key}": value for key, value in said.items()}


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
