"""Where packs came from and where they went: at this organisation, and from member to member."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN, NOT_FOUND
from yilian.gateway.http.asking import query
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, Rooms, answers
from yilian.gateway.http.organisation.supply import ROOM, enter_supply
from yilian.gateway.members.supply_formats import SeenMoment
from yilian.gateway.supply.code_form import CODE_UNREADABLE
from yilian.gateway.supply.orders import Scanned
from yilian.gateway.supply.supply import Supply
from yilian.gateway.supply.trace import NOTHING_TO_TRACE, Branch, Moment, Tree
from yilian.ledger.codec import Id, Millis
from yilian.ledger.modules.identity.errors import LICENCE_NOT_IN_FORCE

MOST_SHOWN = 1_000
"""Packs and lots of a tree that are listed."""


def _text(name: str, description: str, longest: int, *, required: bool = False) -> Parameter:
    schema = {"type": "string", "minLength": 1, "maxLength": longest}
    return Parameter(
        name=name, where="query", schema=schema, description=description, required=required
    )


CODE = _text("code", "The code of a pack as it was scanned, or a URI.", 512)
GTIN = _text("gtin", "The product of a lot, with 14 digits; with `lot`.", 14)
LOT = _text("lot", "The lot; with `gtin`, instead of `code`.", 20)
ONE = _text("code", "The code of a pack as it was scanned, or a URI.", 512, required=True)


class TracedMoment(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a pack's life; `cases` are those it was in then, the nearest first."""

    event: str
    at: Millis
    act: str
    standing: str
    cases: tuple[str, ...]
    tied: str
    holder: str
    place: str
    to: str
    by: str


class TracedItem(msgspec.Struct, frozen=True, kw_only=True):
    """A pack, or a lot as a whole (`lot` of an item without a number).

    `where`: held, away, coming, dispensed, ended, elsewhere; empty for what is known by name alone.
    `made_from` and `made_into` are one step each.
    """

    item: str
    gtin: str
    lot: str
    expiry: str
    standing: str
    where: str
    other: str
    made_from: tuple[str, ...]
    made_into: tuple[str, ...]
    life: tuple[TracedMoment, ...]


class TraceTree(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for (`roots`) and all that hangs together with it; `more`: not all is here."""

    roots: tuple[str, ...]
    items: tuple[TracedItem, ...]
    more: bool


class TracedHop(msgspec.Struct, frozen=True, kw_only=True):
    """A member on the way, and what it saw; `fault` names why it did not say."""

    organisation: Id
    moments: tuple[SeenMoment, ...]
    to: str
    made_from: tuple[str, ...]
    made_into: tuple[str, ...]
    fault: str


class TraceAcross(msgspec.Struct, frozen=True, kw_only=True):
    """The members that a pack went through, as far as they tell this one."""

    unit: str
    hops: tuple[TracedHop, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_trace(rooms), _across(rooms))


def _trace(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/trace",
        tag="organisations",
        summary="Trace a pack or a lot: its life, what it was made of, what was made of it",
        parameters=(*COMMON, CODE, GTIN, LOT),
        answers=answers(TraceTree, "All that this organisation knows of it."),
        problems=(FORBIDDEN, NOT_FOUND, LICENCE_NOT_IN_FORCE, CODE_UNREADABLE, NOTHING_TO_TRACE),
    )
    async def trace(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        given = query(request, "code", "gtin", "lot")
        code, gtin, lot = given.get("code", ""), given.get("gtin", ""), given.get("lot", "")
        if bool(code) == bool(gtin or lot):
            raise BAD_PARAMETER(name="code")
        if not code and not (len(gtin) == 14 and gtin.isascii() and gtin.isdigit()):
            raise BAD_PARAMETER(name="gtin")
        if not code and not lot:
            raise BAD_PARAMETER(name="lot")

        def work() -> Tree:
            if code:
                return supply.recalling.trace.unit(_unit(supply, code))
            return supply.recalling.trace.lot(gtin, lot)

        return answer(request, _shown(await to_thread.run_sync(work)))

    return trace


def _across(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/trace/members",
        tag="organisations",
        summary="Follow a pack from member to member, as far as they tell this one",
        parameters=(*COMMON, ONE),
        answers=answers(TraceAcross, "What each saw, in order of time."),
        problems=(FORBIDDEN, NOT_FOUND, LICENCE_NOT_IN_FORCE, CODE_UNREADABLE, NOTHING_TO_TRACE),
    )
    async def across(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        code = query(request, "code").get("code")
        if not code:
            raise BAD_PARAMETER(name="code")
        unit = _unit(supply, code)
        found = await to_thread.run_sync(supply.recalling.tracing.across, unit)
        hops = tuple(
            TracedHop(
                organisation=each.organisation,
                moments=() if each.answer is None else each.answer.moments,
                to="" if each.answer is None else each.answer.to,
                made_from=() if each.answer is None else each.answer.made_from,
                made_into=() if each.answer is None else each.answer.made_into,
                fault=each.fault,
            )
            for each in found
        )
        return answer(request, TraceAcross(unit=unit, hops=hops))

    return across


def _unit(supply: Supply, code: str) -> str:
    if len(code) > 512:
        raise BAD_PARAMETER(name="code")
    return supply.actions.read(Scanned(code=code)).unit


def _shown(tree: Tree) -> TraceTree:
    first = sorted(tree.branches, key=lambda each: (each.item not in tree.roots, each.item))
    return TraceTree(
        roots=tree.roots[:MOST_SHOWN],
        items=tuple(map(_item, first[:MOST_SHOWN])),
        more=len(first) > MOST_SHOWN,
    )


def _item(branch: Branch) -> TracedItem:
    unit = branch.unit
    return TracedItem(
        item=branch.item,
        gtin="" if unit is None else unit.gtin,
        lot="" if unit is None else unit.lot,
        expiry="" if unit is None else unit.expiry,
        standing="" if unit is None else unit.standing,
        where=branch.where or "",
        other=branch.other,
        made_from=branch.made_from,
        made_into=branch.made_into,
        life=tuple(map(_moment, branch.life)),
    )


def _moment(moment: Moment) -> TracedMoment:
    return TracedMoment(
        event=moment.event_id,
        at=moment.at,
        act=moment.act,
        standing=moment.standing,
        cases=moment.cases,
        tied=moment.tied,
        holder=moment.holder,
        place=moment.place,
        to=moment.to,
        by=moment.by,
    )
