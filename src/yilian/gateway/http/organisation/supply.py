"""Packs and devices in an organisation's hands: actions, units, devices, queues of counters.

The organisation itself, its agents, and practitioners of it with a licence in force. A `code` is
what a scanner read, or a URI.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway import problems
from yilian.gateway.auth import Caller
from yilian.gateway.epcis import errors as epcis
from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN, NOT_FOUND
from yilian.gateway.http.asking import query, require_id
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    STAFF,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.organisation import Organisation
from yilian.gateway.supply import action_errors as refusals
from yilian.gateway.supply import title_errors as titles
from yilian.gateway.supply.action_errors import UNIT_UNKNOWN, UnitsRefused
from yilian.gateway.supply.code_form import CODE_UNREADABLE
from yilian.gateway.supply.counter import MAX_LINES, Answer, SignedLine
from yilian.gateway.supply.orders import ACTIONS, INTERNAL, ActionName, Done, Order, Scanned
from yilian.gateway.supply.packs import Moment
from yilian.gateway.supply.supply import Supply
from yilian.gateway.supply.unit import Standing, Unit
from yilian.ledger.codec import Millis, Whole
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.identity.errors import LICENCE_NOT_IN_FORCE
from yilian.ledger.modules.identity.state import licensed

ROOM = "/v1/organisations/{organisation}/supply"
MOST_QUEUED = 8_388_608
"""Bytes of a queue that is handed in."""

MOST_SHOWN = 1000
"""Units inside a case that are listed."""

COUNTER = path_id("counter", "The id of the counter's key.")
ACTION = Parameter(
    name="action",
    where="path",
    schema={"type": "string", "enum": [each for each in ACTIONS if each not in INTERNAL]},
    description="What is done to the units.",
    required=True,
)
CODE = Parameter(
    name="code",
    where="query",
    schema={"type": "string", "minLength": 1, "maxLength": 512},
    description="The code as it was scanned, or a URI.",
    required=True,
)


class ShownUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A unit as it is known here; `holder` is an organisation's id or the URI of a GLN."""

    unit: str
    gtin: str
    serial: str
    lot: str
    expiry: str
    standing: Standing
    parent: str | None
    holder: str
    place: str
    since: Millis


class ShownMoment(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a unit's life, and what the unit was after it."""

    event: str
    at: Millis
    act: str
    role: str
    standing: str
    parent: str | None
    holder: str
    place: str


class UnitLife(msgspec.Struct, frozen=True, kw_only=True):
    """A unit, what is inside it (`more`: that there is more), and its life in order."""

    unit: ShownUnit
    inside: tuple[ShownUnit, ...]
    more: bool
    history: tuple[ShownMoment, ...]


class ShownCycle(msgspec.Struct, frozen=True, kw_only=True):
    """A use or a sterilising of a device; `reference` is the random name of the use."""

    mark: str
    at: Millis
    event: str
    reference: str
    place: str


class DeviceLife(msgspec.Struct, frozen=True, kw_only=True):
    """A device: how often it was used, and whether it may be once more (`left`: how often)."""

    unit: ShownUnit
    single_use: bool
    uses: Whole
    sterile: bool
    left: Whole | None
    cycles: tuple[ShownCycle, ...]


class QueueRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Lines that a counter kept while it had no connection, in order."""

    lines: Annotated[tuple[SignedLine, ...], msgspec.Meta(min_length=1, max_length=MAX_LINES)]


class QueueAnswers(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each line, and the number of the next one."""

    answers: tuple[Answer, ...]
    expected: Whole


class QueueState(msgspec.Struct, frozen=True, kw_only=True):
    """The number of the line that a counter hands in next."""

    expected: Whole


ACTION_PROBLEMS = (
    MALFORMED,
    FORBIDDEN,
    NOT_FOUND,
    LICENCE_NOT_IN_FORCE,
    CODE_UNREADABLE,
    refusals.UNIT_UNKNOWN,
    refusals.UNIT_EXISTS,
    refusals.NOT_YOURS,
    refusals.WRONG_STANDING,
    refusals.ALREADY_DISPENSED,
    refusals.RECALLED,
    refusals.QUARANTINED,
    refusals.EXPIRED,
    refusals.IN_A_PARENT,
    refusals.NOT_IN_PARENT,
    refusals.WRONG_PLACE,
    refusals.DOUBLE_SCAN,
    refusals.NOT_VERIFIED,
    refusals.NOT_MADE_HERE,
    refusals.WRONG_LOT,
    refusals.WRONG_EXPIRY,
    refusals.KEY_REUSED,
    refusals.BAD_TIME,
    refusals.CHANGED_SINCE,
    refusals.TOO_MANY_UNITS,
    refusals.FIELD_NEEDED,
    refusals.ACTION_UNKNOWN,
    refusals.ACTION_STANDS,
    refusals.ACTION_TAKEN_BACK,
    refusals.ACTION_POSTED,
    refusals.ACTION_BUILT_ON,
    refusals.NOT_MISSING,
    refusals.SINGLE_USE,
    refusals.NOT_STERILE,
    refusals.CYCLES_USED_UP,
    refusals.NOT_A_DEVICE,
    epcis.INVALID,
    titles.TITLE_EXISTS,
    titles.TITLE_NOT_HELD,
    titles.TITLE_MOVING,
    titles.SHIPMENT_UNKNOWN,
    titles.SHIPMENT_DECIDED,
    titles.SHIPMENT_TOO_LARGE,
    titles.CANNOT_SHIP,
)


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(
        _act(rooms),
        _unit(rooms),
        _device(rooms),
        _hand_in(rooms),
        _queue(rooms),
    )


async def enter_supply(
    rooms: Rooms, request: Request, size: int = 1_048_576
) -> tuple[Organisation, Caller, Supply]:
    """Let in the organisation, its agents, and its practitioners with a licence in force."""
    organisation, caller = await rooms.enter(request, *STAFF, limit=size)
    if caller.subject.kind == "practitioner":
        engine = organisation.engine
        if not licensed(engine.state(), caller.sender, engine.now()):
            raise LICENCE_NOT_IN_FORCE()
    return organisation, caller, organisation.trade()


def _act(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        ROOM + "/actions/{action}",
        tag="organisations",
        summary="Do something to packs, cases or devices: all of them or none, once for each key",
        parameters=(*COMMON, ACTION),
        body=Order,
        answers=answers(Done, "The events that were written, and the units after them."),
        problems=ACTION_PROBLEMS,
    )
    async def act(request: Request) -> Response:
        _, caller, supply = await enter_supply(rooms, request)
        action: ActionName = request.path_params["action"]
        if action not in ACTIONS or action in INTERNAL:
            raise BAD_PARAMETER(name="action")
        order = await body(request, Order)
        try:
            done = await to_thread.run_sync(supply.actions.carry_out, action, order, caller.sender)
        except UnitsRefused as refused:
            return problems.respond(request, refused, units=_told(refused))
        return answer(request, done)

    return act


def _told(refused: UnitsRefused) -> list[dict[str, str | int]]:
    return [
        {"code": each.code.name, "number": each.code.number, **each.parameters}
        for each in refused.refused
    ]


def _unit(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/units",
        tag="organisations",
        summary="Show a pack or case, what is inside it, and its life",
        parameters=(*COMMON, CODE),
        answers=answers(UnitLife, "As far as it is known here."),
        problems=(FORBIDDEN, NOT_FOUND, LICENCE_NOT_IN_FORCE, CODE_UNREADABLE, UNIT_UNKNOWN),
    )
    async def unit(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        code = _code(request)

        def work() -> UnitLife:
            name = supply.actions.read(Scanned(code=code)).unit
            found = supply.packs.find(name)
            if found is None:
                raise UNIT_UNKNOWN(unit=name)
            inside = supply.packs.contents(name)
            return UnitLife(
                unit=_shown(found),
                inside=tuple(map(_shown, inside[:MOST_SHOWN])),
                more=len(inside) > MOST_SHOWN,
                history=tuple(map(_moment, supply.packs.history(name))),
            )

        return answer(request, await to_thread.run_sync(work))

    return unit


def _code(request: Request) -> str:
    code = query(request, "code").get("code", "")
    if not 0 < len(code) <= 512:
        raise BAD_PARAMETER(name="code")
    return code


def _shown(unit: Unit) -> ShownUnit:
    fields = unit._asdict()
    return ShownUnit(unit=fields.pop("id"), **fields)


def _moment(moment: Moment) -> ShownMoment:
    return ShownMoment(
        event=moment.event_id,
        at=moment.at,
        act=moment.act,
        role=moment.role,
        standing=moment.standing,
        parent=moment.parent,
        holder=moment.holder,
        place=moment.place,
    )


def _device(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/devices",
        tag="organisations",
        summary="Show a device: its uses, its sterilisings, and how often it may be used still",
        parameters=(*COMMON, CODE),
        answers=answers(DeviceLife, "On whom it was used, nobody is told here."),
        problems=(FORBIDDEN, NOT_FOUND, LICENCE_NOT_IN_FORCE, CODE_UNREADABLE, UNIT_UNKNOWN),
    )
    async def device(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        code = _code(request)

        def work() -> DeviceLife:
            found = supply.actions.devices.find(supply.actions.read(Scanned(code=code)).unit)
            return DeviceLife(
                unit=_shown(found.unit),
                single_use=found.single_use,
                uses=found.uses,
                sterile=found.sterile,
                left=found.left,
                cycles=tuple(ShownCycle(**each._asdict()) for each in found.cycles),
            )

        return answer(request, await to_thread.run_sync(work))

    return device


def _hand_in(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        ROOM + "/queue",
        tag="organisations",
        summary="Hand in what a counter did while it had no connection",
        parameters=COMMON,
        body=QueueRequest,
        answers=answers(QueueAnswers, "An answer for each line; again gives the same answers."),
        problems=(
            MALFORMED,
            FORBIDDEN,
            NOT_FOUND,
            LICENCE_NOT_IN_FORCE,
            refusals.QUEUE_GAP,
            refusals.QUEUE_FORKED,
            refusals.QUEUE_UNSIGNED,
        ),
    )
    async def hand_in(request: Request) -> Response:
        _, caller, supply = await enter_supply(rooms, request, MOST_QUEUED)
        lines = (await body(request, QueueRequest)).lines
        found = await to_thread.run_sync(supply.queue.hand_in, lines, caller.sender)
        expected = await to_thread.run_sync(supply.queue.expected, lines[0].line.counter)
        return answer(request, QueueAnswers(answers=tuple(found), expected=expected))

    return hand_in


def _queue(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/queue/{counter}",
        tag="organisations",
        summary="Tell which line a counter hands in next",
        parameters=(*COMMON, COUNTER),
        answers=answers(QueueState, "The number of that line."),
        problems=(FORBIDDEN, NOT_FOUND, LICENCE_NOT_IN_FORCE),
    )
    async def queue(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        counter = require_id(request.path_params["counter"], "counter")
        expected = await to_thread.run_sync(supply.queue.expected, counter)
        return answer(request, QueueState(expected=expected))

    return queue
