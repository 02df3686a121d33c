"""Taking back an action that was entered by mistake, as long as nothing is built on it.

Each event of the action is declared an error (EPCIS 2.0, section 7.4.1.4): it comes again under its
own id, with the reason and the ids of the events that are right instead. The units stand as before.
A title that left by a post stays away: nobody can call back what another one may have checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast, get_args

import sqlalchemy as sql

from yilian.gateway.epcis import store
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.repository import Repository, Stored
from yilian.gateway.epcis.store import events_table
from yilian.gateway.supply import action_rows
from yilian.gateway.supply.action_errors import (
    ACTION_BUILT_ON,
    ACTION_POSTED,
    ACTION_STANDS,
    ACTION_TAKEN_BACK,
    ACTION_UNKNOWN,
    FIELD_NEEDED,
    UnitsRefused,
)
from yilian.gateway.supply.orders import INTERNAL, Done, ErrorReason, Order
from yilian.gateway.supply.outside import Holding
from yilian.gateway.supply.pack_rows import Order as Place
from yilian.gateway.supply.pack_rows import chunks, history_table, steps_table
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.title_errors import SHIPMENT_POSTING
from yilian.ledger.errors import Refusal


class TakenBack(NamedTuple):
    """The declarations that were written, and the units that the action had touched."""

    events: tuple[Stored, ...]
    units: frozenset[str]


class Corrections:
    """Takes back the actions of one organisation; all within the caller's transaction."""

    def __init__(
        self, organisation: str, repository: Repository, packs: Packs, holding: Holding
    ) -> None:
        self._organisation = organisation
        self._repository = repository
        self._packs = packs
        self._holding = holding

    def take_back(self, order: Order, at: int, connection: sql.Connection) -> TakenBack:
        """Declare that an action was entered by mistake (`order.declares`), `at` a time in ms.

        Refuses `supply.action_field`, `supply.action_unknown`, `supply.action_stands` for what is
        not taken back this way, `supply.action_taken_back`, `supply.action_built_on`, and
        `supply.action_posted` where its titles stand in a post.
        """
        key = order.declares
        if key is None:
            raise FIELD_NEEDED(field="declares")
        if order.reason not in get_args(ErrorReason):
            raise FIELD_NEEDED(field="reason")
        done = action_rows.find(key, connection)
        if done is None:
            raise ACTION_UNKNOWN(key=key)
        if done.action == "declare_error" or done.action in INTERNAL:
            raise ACTION_STANDS(key=key)
        wrong = self._standing(done, connection)
        if not wrong:
            raise ACTION_TAKEN_BACK(key=key)
        units = self._touched(wrong, connection)
        self._call_off(done, connection)
        declared = [_declaration(each.event, order, at) for each in reversed(wrong)]
        stored = self._repository.put(declared, self._organisation, connection)
        for each in stored:
            self._packs.apply(each, connection)
        of = {old.event_id: old.sequence for old in wrong}
        declared_of = {of[each.event_id]: each for each in stored}
        about = self._packs.sequences(units, connection)
        self._repository.show_declared(declared_of, about, connection)
        return TakenBack(tuple(stored), units)

    def _standing(self, done: Done, connection: sql.Connection) -> list[Stored]:
        """Read the action's events that nobody declared an error yet."""
        found: list[Stored] = []
        for some in chunks(done.events):
            query = sql.select(steps_table.c.sequence).where(
                steps_table.c.event_id.in_(some),
                steps_table.c.submitter == self._organisation,
                steps_table.c.declares == 0,
                steps_table.c.void == 0,
            )
            sequences = list(connection.scalars(query))
            found += store.read(connection, events_table.c.sequence.in_(sequences))
        return found

    def _touched(self, wrong: Sequence[Stored], connection: sql.Connection) -> frozenset[str]:
        """Give the units of events; refuses those to which something was done since."""
        rows = history_table.c
        last: dict[str, Place] = {}
        own = {each.sequence for each in wrong}
        for some in chunks(sorted(own)):
            query = sql.select(rows.unit, rows.moment, rows.sequence).where(rows.sequence.in_(some))
            for unit, moment, sequence in connection.execute(query):
                last[unit] = max(last.get(unit, Place(moment, sequence)), Place(moment, sequence))
        refused = dict[str, Refusal]()
        for some in chunks(sorted(last)):
            for unit, place, event in _later(connection, some):
                if place > last[unit] and place.sequence not in own:
                    refused.setdefault(unit, ACTION_BUILT_ON(event=event, unit=unit))
        if refused:
            raise UnitsRefused([refused[unit] for unit in sorted(refused)])
        return frozenset(last)

    def _call_off(self, done: Done, connection: sql.Connection) -> None:
        """Stop titles that have not left yet. A title that was taken in with goods stays here."""
        leaving = done.shipment if done.action == "ship" else done.ending
        if leaving is None:
            return
        try:
            self._holding.cancel(leaving, connection)
        except Refusal as refusal:
            if refusal.code is SHIPMENT_POSTING:
                raise ACTION_POSTED(key=done.key) from None
            raise


def _later(connection: sql.Connection, units: Sequence[str]) -> list[tuple[str, Place, str]]:
    """Read the steps of units that do something to them: unit, place in their life, event id.

    What only saw them, such as a reading of a temperature, builds on nothing.
    """
    rows, step = history_table.c, steps_table.c
    sees = sql.and_(step.act == "observe", step.link == "", step.tie == "", step.mark == "")
    query = (
        sql.select(rows.unit, rows.moment, rows.sequence, step.event_id)
        .join_from(history_table, steps_table, step.sequence == rows.sequence)
        .where(rows.unit.in_(units), step.void == 0, sql.not_(sees))
        .order_by(rows.unit, rows.moment, rows.sequence)
    )
    return [
        (unit, Place(moment, sequence), event)
        for unit, moment, sequence, event in connection.execute(query)
    ]


def _declaration(event: Event, order: Order, at: int) -> Event:
    declared: dict[str, Any] = {
        "declarationTime": store.timestamp(at),
        "reason": cast(str, order.reason),
    }
    if order.corrective:
        declared["correctiveEventIDs"] = list(order.corrective)
    kept = {name: value for name, value in event.items() if name != "recordTime"}
    return {**kept, "errorDeclaration": declared}
