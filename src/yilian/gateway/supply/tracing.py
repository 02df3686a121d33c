"""A pack's way across members: each is asked for what it saw, from one to the next.

Asked are those who told of the pack or got it from there, and all whom its title names, up to its
maker. A member tells who had the pack, or has it: it sent it there, or got it from there. A
regulator with a view key, and who owns the product or issued a recall that concerns the pack, are
told as well to whom it went on, and may so follow it to its end. Others learn nothing, not even
that it was here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import sqlalchemy as sql

from yilian.gateway.epcis.identifiers import parts
from yilian.gateway.members.errors import NOT_ABOUT_YOU
from yilian.gateway.members.supply_formats import (
    MAX_MOMENTS,
    MAX_UNITS,
    SeenMoment,
    TraceAnswer,
)
from yilian.gateway.supply import steps
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.pack_rows import history_table, steps_table
from yilian.gateway.supply.recalls import Recalls
from yilian.gateway.supply.trace import NOTHING_TO_TRACE, Moment, Trace
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply import state as supply
from yilian.ledger.state import State

MOST_HOPS = 64


class Hop(NamedTuple):
    """A member on the way and what it saw; `fault` is the code's name where it did not say."""

    organisation: str
    answer: TraceAnswer | None
    fault: str


class Tracing:
    """Traces across members for one organisation. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        database: SupplyDatabase,
        trace: Trace,
        recalls: Recalls,
        *,
        state: Callable[[], State],
        party: Callable[[str], str | None],
        told_here: Callable[[str], bool],
        ask: Callable[[str, str], TraceAnswer],
        holders: Callable[[str], Sequence[str]] = lambda _: (),
    ) -> None:
        """`party` names the organisation behind a party, `ask(organisation, unit)` asks it.

        `holders` names who had a pack by its title, the maker first.
        """
        self._organisation = organisation
        self._database = database
        self._trace = trace
        self._recalls = recalls
        self._state = state
        self._party = party
        self._told_here = told_here
        self._ask = ask
        self._holders = holders

    def answer(self, caller: str, unit: str) -> TraceAnswer:
        """Tell a member what this one saw of a pack; refuses `members.not_about_caller`."""
        named = steps.canonical(unit)
        whole = self._may_see_all(caller, named)
        life = self._trace.life(named)
        if not whole and not self._had(caller, life):
            raise NOT_ABOUT_YOU()
        return self._seen(caller, named, life, whole=whole)

    def across(self, unit: str) -> list[Hop]:
        """Follow a pack from here on, up to its maker and down to where it went.

        Those whom its title names come first, in that order, whatever they tell. A regulator with
        a view key may follow one that it never had: it begins at who answers for the product.

        Refuses `supply.nothing_to_trace` for one that was never here.
        """
        named = steps.canonical(unit)
        hops: dict[str, Hop] = {}
        holders: Sequence[str] = ()
        try:
            self._trace.unit(named)
        except Refusal as refusal:
            waiting = self._answering(named) if refusal.code is NOTHING_TO_TRACE else []
            if not waiting:
                raise
        else:
            own = self._seen(self._organisation, named, self._trace.life(named), whole=True)
            hops[self._organisation] = Hop(self._organisation, own, "")
            holders = self._holders(named)
            waiting = [*holders, *self._senders(named), *([own.to] if own.to else [])]
        while waiting and len(hops) < MOST_HOPS:
            name = waiting.pop(0)
            if name in hops:
                continue
            try:
                answer = self._ask(name, named)
            except Refusal as refusal:
                hops[name] = Hop(name, None, refusal.code.name)
                continue
            hops[name] = Hop(name, answer, "")
            # Whatever it says: only what is an organisation is asked.
            to = self._party(answer.to) if answer.to else None
            waiting += [to] if to else []
        if not any(hop.fault or (hop.answer and hop.answer.moments) for hop in hops.values()):
            raise NOTHING_TO_TRACE()
        return sorted(hops.values(), key=lambda hop: _first(hop, holders))

    def _seen(self, caller: str, unit: str, life: list[Moment], *, whole: bool) -> TraceAnswer:
        own = [each for each in life if self._told_here(each.by)]
        went = [self._party(each.to) for each in own if each.to]
        to = (went[-1] if went else None) or ""
        made_from: set[str] = set()
        made_into: set[str] = set()
        if whole:
            with self._database.read() as connection:
                made_from = self._trace.above([unit], connection)
                made_into = self._trace.below([unit], connection)
        return TraceAnswer(
            moments=tuple(
                SeenMoment(
                    at=each.at,
                    act=each.act,
                    standing=each.standing,
                    cases=len(each.cases),
                    place=each.place if whole else "",
                )
                for each in own[-MAX_MOMENTS:]
            ),
            to=to if whole or to == caller else "",
            made_from=tuple(sorted(made_from))[:MAX_UNITS],
            made_into=tuple(sorted(made_into))[:MAX_UNITS],
        )

    def _had(self, caller: str, life: list[Moment]) -> bool:
        """Tell whether a member sent a pack here, or was sent it from here."""
        for each in life:
            if each.by == caller:
                return True
            if each.to and self._told_here(each.by) and self._party(each.to) == caller:
                return True
        return False

    def _may_see_all(self, caller: str, unit: str) -> bool:
        """Tell whether a member follows packs: a regulator, or the owner or issuer in a recall."""
        state = self._state()
        if supply.view_key(state, caller) is not None:
            return True
        for name in self._recalls.concerning(unit):
            recall = supply.RECALLS.require(state, name)
            if caller in (recall.issuer, supply.owner(state, recall.gtin)):
                return True
        return False

    def _answering(self, unit: str) -> list[str]:
        """Name who answers for a pack's product, for a regulator with a view key alone."""
        state = self._state()
        if supply.view_key(state, self._organisation) is None:
            return []
        try:
            gtin = parts(unit).gtin14
        except ValueError:
            return []
        named = supply.responder(state, gtin)
        return [] if named is None else [named]

    def _senders(self, unit: str) -> list[str]:
        """Name those whose events of a pack are here: they sent it."""
        query = (
            sql.select(steps_table.c.submitter)
            .join(history_table, steps_table.c.sequence == history_table.c.sequence)
            .where(history_table.c.unit == unit)
            .order_by(history_table.c.moment, history_table.c.sequence)
        )
        with self._database.read() as connection:
            named = list(dict.fromkeys(connection.scalars(query)))
        return [each for each in named if not self._told_here(each)]


def _first(hop: Hop, holders: Sequence[str]) -> tuple[int, int, str]:
    moments = () if hop.answer is None else hop.answer.moments
    place = holders.index(hop.organisation) if hop.organisation in holders else len(holders)
    return (place, moments[0].at if moments else 2**62, hop.organisation)
