"""How packs were kept, and how long a product may be outside of its storage range."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN, NOT_FOUND
from yilian.gateway.http import asking
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    STAFF,
    Rooms,
    answers,
    body,
)
from yilian.gateway.supply import codes
from yilian.gateway.supply.code_form import CODE_UNREADABLE
from yilian.gateway.supply.cold_chain import BAD_BUDGET, UNIT_UNKNOWN
from yilian.gateway.supply.keeping import Budget, Report
from yilian.gateway.supply.temperatures import hundredths, to_celsius
from yilian.ledger.codec import Millis, Whole
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.supply.messages import Celsius
from yilian.ledger.modules.supply.numbers import check_digit

ROOM = "/v1/organisations/{organisation}/supply/temperatures"
CODE = Parameter(
    name="code",
    where="query",
    schema={"type": "string", "minLength": 1, "maxLength": codes.MAX_LENGTH},
    description="What a scanner read from the pack or case, or its id.",
    required=True,
)
GTIN = Parameter(
    name="gtin",
    where="path",
    schema={"type": "string", "pattern": "^[0-9]{14}$"},
    description="The product's GTIN, with 14 digits.",
    required=True,
)

MOST_READINGS = 1_000
"""Readings in one answer."""


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """A time, up to before `end`; null: it goes on."""

    start: Millis
    end: Millis | None


class OutOfRange(Period, frozen=True, kw_only=True):
    """A time out of range, and the extremes in it in hundredths of a degree C."""

    lowest: int
    highest: int


class UnitTemperatures(msgspec.Struct, frozen=True, kw_only=True):
    """How a unit was kept: times in ms, temperatures in hundredths of a degree C.

    `outside` is the time out of range, `left` what remains of the budget; null for a product
    without a range. `silent`: when nothing was measured. `ongoing`: the newest reading is out.
    """

    unit: str
    readings: Whole
    lowest: int | None
    highest: int | None
    mean_kinetic: int | None
    excursions: tuple[OutOfRange, ...]
    outside: Whole | None
    left: Whole | None
    conforms: bool
    ongoing: bool
    silent: tuple[Period, ...]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured from `at` on, in hundredths of a degree C."""

    at: Millis
    lowest: int
    highest: int


class UnitReadings(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured where a unit was, the oldest first, in hundredths of a degree C.

    `floor` and `ceiling` bound the product's storage range; null where the chain knows none.
    `more`: there were older ones, which are left out.
    """

    unit: str
    floor: int | None
    ceiling: int | None
    readings: tuple[Measured, ...]
    more: bool


class StabilityBudget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long (ms) a product may be out of its range in all, and between which limits then.

    `floor` and `ceiling` in hundredths of a degree C; null: no limit.
    """

    outside: Annotated[int, msgspec.Meta(ge=0, le=10**13)]
    floor: Celsius | None = None
    ceiling: Celsius | None = None


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_report(rooms), _readings(rooms), _budget(rooms), _set_budget(rooms))


def _report(rooms: Rooms) -> Any:
    @operation(
        "GET",
        ROOM,
        tag="organisations",
        summary="Show how a pack or case was kept: its excursions and mean kinetic temperature",
        parameters=(*COMMON, CODE),
        answers=answers(UnitTemperatures, "What was measured where the unit was."),
        problems=(FORBIDDEN, NOT_FOUND, CODE_UNREADABLE, UNIT_UNKNOWN),
    )
    async def report(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *STAFF)
        chain, unit = organisation.trade().cold_chain, _unit(request)
        return answer(request, _shown(await to_thread.run_sync(chain.report, unit)))

    return report


def _readings(rooms: Rooms) -> Any:
    @operation(
        "GET",
        ROOM + "/readings",
        tag="organisations",
        summary="List what was measured where a pack or case was",
        parameters=(*COMMON, CODE),
        answers=answers(UnitReadings, f"The newest {MOST_READINGS}, in order of time."),
        problems=(FORBIDDEN, NOT_FOUND, CODE_UNREADABLE, UNIT_UNKNOWN),
    )
    async def readings(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *STAFF)
        chain, unit = organisation.trade().cold_chain, _unit(request)
        spans, allowed = await to_thread.run_sync(chain.course, unit)
        found = UnitReadings(
            unit=unit,
            floor=None if allowed is None else _degrees(allowed.low),
            ceiling=None if allowed is None else _degrees(allowed.high),
            readings=tuple(
                Measured(at=each.start, lowest=_degrees(each.low), highest=_degrees(each.high))
                for each in spans[-MOST_READINGS:]
            ),
            more=len(spans) > MOST_READINGS,
        )
        return answer(request, found)

    return readings


def _budget(rooms: Rooms) -> Any:
    @operation(
        "GET",
        ROOM + "/budgets/{gtin}",
        tag="organisations",
        summary="Show how long a product may be outside of its storage range",
        parameters=(*COMMON, GTIN),
        answers=answers(StabilityBudget, "The budget; nothing was set: none at all."),
        problems=(FORBIDDEN, NOT_FOUND),
    )
    async def budget(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *STAFF)
        chain, gtin = organisation.trade().cold_chain, _gtin(request)
        found = await to_thread.run_sync(chain.budget, gtin)
        return answer(request, StabilityBudget(**found._asdict()))

    return budget


def _set_budget(rooms: Rooms) -> Any:
    @operation(
        "PUT",
        ROOM + "/budgets/{gtin}",
        tag="organisations",
        summary="Say how long a product may be outside of its storage range",
        parameters=(*COMMON, GTIN),
        body=StabilityBudget,
        answers=answers(StabilityBudget, "The budget as it holds from now on."),
        problems=(MALFORMED, FORBIDDEN, NOT_FOUND, BAD_BUDGET),
    )
    async def set_budget(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        chain, gtin = organisation.trade().cold_chain, _gtin(request)
        given = await body(request, StabilityBudget)
        made = Budget(given.outside, given.floor, given.ceiling)
        await to_thread.run_sync(chain.set_budget, gtin, made)
        return answer(request, given)

    return set_budget


def _unit(request: Request) -> str:
    given = asking.query(request, "code").get("code")
    if not given:
        raise BAD_PARAMETER(name="code")
    unit = codes.read(given).id
    if not unit:
        raise UNIT_UNKNOWN(unit=given[:200])
    return unit


def _degrees(ninths: Decimal) -> int:
    return hundredths(to_celsius(ninths))


def _gtin(request: Request) -> str:
    gtin: str = request.path_params["gtin"]
    digits = len(gtin) == 14 and gtin.isascii() and gtin.isdigit()
    if not digits or check_digit(gtin[:-1]) != gtin[-1]:
        raise BAD_PARAMETER(name="gtin")
    return gtin


def _shown(found: Report) -> UnitTemperatures:
    return UnitTemperatures(
        unit=found.unit,
        readings=found.readings,
        lowest=found.lowest,
        highest=found.highest,
        mean_kinetic=found.mean_kinetic,
        excursions=tuple(
            OutOfRange(
                start=each.start,
                end=each.end,
                lowest=_degrees(each.low),
                highest=_degrees(each.high),
            )
            for each in found.excursions
        ),
        outside=found.outside,
        left=found.left,
        conforms=found.conforms,
        ongoing=found.ongoing,
        silent=tuple(Period(start=start, end=end) for start, end in found.silent),
    )
