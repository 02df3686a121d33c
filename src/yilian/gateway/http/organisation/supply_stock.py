"""What an organisation has in stock, what of it needs attention, and the alerts of its packs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN, NOT_FOUND
from yilian.gateway.http.asking import ID_SCHEMA, LIMIT_SCHEMA, limit, query, require_id, whole
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, Rooms, answers, body, path_id
from yilian.gateway.http.organisation.supply import ROOM, enter_supply
from yilian.gateway.supply import action_errors as refusals
from yilian.gateway.supply import alerts as supply_alerts
from yilian.gateway.supply.supply import Supply
from yilian.ledger.codec import Id, Millis, Whole
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.identity.errors import LICENCE_NOT_IN_FORCE
from yilian.text import negotiate, say

ALERT = path_id("alert", "The alert's id.")


def _text(name: str, description: str, longest: int = 512) -> Parameter:
    return Parameter(
        name=name,
        where="query",
        schema={"type": "string", "minLength": 1, "maxLength": longest},
        description=description,
    )


def _days(name: str, usual: int, description: str) -> Parameter:
    schema = {"type": "integer", "minimum": 0, "maximum": 3650, "default": usual}
    return Parameter(name=name, where="query", schema=schema, description=description)


STOCK_PARAMETERS = (
    _text("gtin", "Only this product (14 digits).", 14),
    _text("lot", "Only this lot.", 64),
    _text("place", "Only this place (a URI)."),
    _days("expiry_days", 90, "Warn of what expires within so many days."),
    _days("transit_days", 7, "Warn of what is on its way for longer than so many days."),
    _days("cover_days", 14, "Warn of what lasts for fewer days, at the rate of the last so many."),
)
ALERT_PARAMETERS = (
    Parameter(
        name="severity",
        where="query",
        schema={"type": "string", "enum": ["error", "suspect"]},
        description="Only likely slips, or only what looks like a copy.",
    ),
    Parameter(
        name="closed",
        where="query",
        schema={"type": "string", "enum": ["true", "false"]},
        description="Those that are closed, and not those that are open.",
    ),
    Parameter(
        name="after", where="query", schema=ID_SCHEMA, description="The last alert seen before."
    ),
    Parameter(name="limit", where="query", schema=LIMIT_SCHEMA, description="How many at most."),
)


class StockLine(msgspec.Struct, frozen=True, kw_only=True):
    """So many packs of a lot at a place."""

    gtin: str
    lot: str
    expiry: str
    place: str
    standing: str
    packs: Whole


class ExpiringLine(msgspec.Struct, frozen=True, kw_only=True):
    """Packs that expire soon; `days` is negative for those which have."""

    gtin: str
    lot: str
    expiry: str
    place: str
    packs: Whole
    days: int


class DelayedLine(msgspec.Struct, frozen=True, kw_only=True):
    """Packs that are on their way for long; `days` of the oldest."""

    gtin: str
    lot: str
    place: str
    packs: Whole
    days: Whole


class ShortLine(msgspec.Struct, frozen=True, kw_only=True):
    """A product that runs out: the minimum, what was used, how many days the rest lasts."""

    gtin: str
    place: str
    packs: Whole
    least: Whole
    used: Whole
    lasts: Whole | None


class LotStock(msgspec.Struct, frozen=True, kw_only=True):
    """Goods of a lot without numbers of their own; amounts are decimals, as they were written.

    `measure` is a code of UN/CEFACT Recommendation 20, empty for pieces. `on_hand` is below zero
    where a message is missing; `days` until it expires, where that is soon and any is left.
    """

    gtin: str
    lot: str
    expiry: str
    place: str
    measure: str
    came: str
    went: str
    on_hand: str
    days: int | None


class StockView(msgspec.Struct, frozen=True, kw_only=True):
    """What there is, and what of it needs attention."""

    lines: tuple[StockLine, ...]
    expiring: tuple[ExpiringLine, ...]
    delayed: tuple[DelayedLine, ...]
    short: tuple[ShortLine, ...]
    lots: tuple[LotStock, ...]


class MinimumRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many packs of a product a place should have; 0 takes it back."""

    gtin: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{14}$(?!\n)")]
    place: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    least: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class ShownAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert, `title` and `detail` in the reader's language; `finding` once it is closed.

    `event` is the id of the event that raised it, empty where an attempt did.
    """

    alert: Id
    kind: str
    severity: Literal["error", "suspect"]
    unit: str
    cause: str
    act: str
    standing: str
    raised: Millis
    finding: str
    closed: Millis | None
    closed_by: Id | None
    title: str
    detail: str
    event: str


class AlertList(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts, the oldest first; `next` is the last of a full page."""

    alerts: tuple[ShownAlert, ...]
    next: Id | None


class Closing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What people found; `together`: of all open alerts of the same kind and cause."""

    finding: supply_alerts.Finding
    together: bool = False


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """How many alerts were closed."""

    closed: Whole


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_stock(rooms), _minimum(rooms), _alerts(rooms), _close(rooms))


def _stock(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/stock",
        tag="organisations",
        summary="Show the stock, and what expires, is delayed or runs out",
        parameters=(*COMMON, *STOCK_PARAMETERS),
        answers=answers(StockView, "Counted now; expiry by the organisation's own date."),
        problems=(FORBIDDEN, NOT_FOUND, LICENCE_NOT_IN_FORCE),
    )
    async def stock(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        asked = query(request, *(each.name for each in STOCK_PARAMETERS))
        days = {
            each.name: whole(asked.pop(each.name), each.name, 0, 3650)
            for each in STOCK_PARAMETERS
            if each.name.endswith("_days") and each.name in asked
        }

        def work() -> StockView:
            warnings = supply.stock.warnings(**days)
            return StockView(
                lines=tuple(StockLine(**each._asdict()) for each in supply.stock.lines(**asked)),
                expiring=tuple(ExpiringLine(**each._asdict()) for each in warnings.expiring),
                delayed=tuple(DelayedLine(**each._asdict()) for each in warnings.delayed),
                short=tuple(ShortLine(**each._asdict()) for each in warnings.short),
                lots=_lots(supply, asked, days.get("expiry_days", 90)),
            )

        return answer(request, await to_thread.run_sync(work))

    return stock


def _lots(supply: Supply, asked: Mapping[str, str], days: int) -> tuple[LotStock, ...]:
    lines = supply.stock.lots(**asked)
    soon = {each.line: each.days for each in supply.stock.expiring_lots(lines, days)}
    return tuple(
        LotStock(
            gtin=each.gtin,
            lot=each.lot,
            expiry=each.expiry,
            place=each.place,
            measure=each.measure,
            came=f"{each.came:f}",
            went=f"{each.went:f}",
            on_hand=f"{each.on_hand:f}",
            days=soon.get(each),
        )
        for each in lines
    )


def _minimum(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "PUT",
        ROOM + "/stock/minimum",
        tag="organisations",
        summary="Set how many packs of a product a place should have",
        parameters=COMMON,
        body=MinimumRequest,
        answers=answers(MinimumRequest, "As it is kept."),
        problems=(MALFORMED, FORBIDDEN, NOT_FOUND, LICENCE_NOT_IN_FORCE),
    )
    async def minimum(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        asked = await body(request, MinimumRequest)
        await to_thread.run_sync(supply.stock.set_minimum, asked.gtin, asked.place, asked.least)
        return answer(request, asked)

    return minimum


def _alerts(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/alerts",
        tag="organisations",
        summary="List alerts: likely slips (error) and what looks like a copy (suspect)",
        parameters=(*COMMON, *ALERT_PARAMETERS),
        answers=answers(AlertList, "The oldest first."),
        problems=(FORBIDDEN, NOT_FOUND, LICENCE_NOT_IN_FORCE, refusals.ALERT_UNKNOWN),
    )
    async def alerts(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        asked = query(request, *(each.name for each in ALERT_PARAMETERS))
        count = limit(asked)
        severity, closed = asked.get("severity"), asked.get("closed", "false")
        if severity not in (None, "error", "suspect"):
            raise BAD_PARAMETER(name="severity")
        if closed not in ("true", "false"):
            raise BAD_PARAMETER(name="closed")
        last = asked.get("after")
        language = negotiate(request.headers.get("accept-language"))

        def work() -> AlertList:
            after = None
            if last is not None:
                seen = supply.alerts.one(require_id(last, "after"))
                after = (seen.raised, seen.alert)
            found = supply.alerts.list(
                severity=severity,  # type: ignore[arg-type]
                closed=closed == "true",
                after=after,
                limit=count,
            )
            return AlertList(
                alerts=tuple(_alert(each, language, _cause(supply, each)) for each in found),
                next=found[-1].alert if len(found) == count else None,
            )

        shown = await to_thread.run_sync(work)
        headers = {"Content-Language": language, "Vary": "Accept-Language"}
        return answer(request, shown, headers=headers)

    return alerts


def _cause(supply: Supply, alert: supply_alerts.Alert) -> str:
    """Name the event that raised an alert."""
    kind, _, sequence = alert.cause.partition("/")
    if kind != "event":
        return ""
    found = supply.repository.after(int(sequence) - 1, 1)
    return found[0].event_id if found else ""


def _alert(alert: supply_alerts.Alert, language: str, event: str) -> ShownAlert:
    return ShownAlert(
        **vars(alert),
        event=event,
        title=say(language, "alerts", f"{alert.kind}/title"),
        detail=say(language, "alerts", f"{alert.kind}/detail"),
    )


def _close(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        ROOM + "/alerts/{alert}/close",
        tag="organisations",
        summary="Close an alert with what was found",
        parameters=(*COMMON, ALERT),
        body=Closing,
        answers=answers(Closed, "How many were closed."),
        problems=(
            MALFORMED,
            FORBIDDEN,
            NOT_FOUND,
            LICENCE_NOT_IN_FORCE,
            refusals.ALERT_UNKNOWN,
            refusals.ALERT_DONE,
        ),
    )
    async def close(request: Request) -> Response:
        _, caller, supply = await enter_supply(rooms, request)
        alert = require_id(request.path_params["alert"], "alert")
        asked = await body(request, Closing)

        def work() -> int:
            return supply.alerts.close(alert, asked.finding, caller.sender, together=asked.together)

        return answer(request, Closed(closed=await to_thread.run_sync(work)))

    return close
