"""Subscriptions to a named query by webhook. EPCIS 2.0, section 12.8."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway.epcis import schedule as schedules
from yilian.gateway.epcis.errors import PAGE_TOKEN, QUERY_UNKNOWN
from yilian.gateway.epcis.presentation import EpcFormat
from yilian.gateway.epcis.store import timestamp
from yilian.gateway.epcis.subscription_errors import (
    DESTINATION_REFUSED,
    SUBSCRIPTION_CONTROLS,
    SUBSCRIPTION_UNKNOWN,
    TOO_MANY_SUBSCRIPTIONS,
)
from yilian.gateway.epcis.subscriptions import Subscription, Wanted
from yilian.gateway.errors import UNSUPPORTED_MEDIA_TYPE
from yilian.gateway.http.epcis import listing, paging, queries
from yilian.gateway.http.epcis.answering import (
    JSON_LD,
    Served,
    address,
    answer,
    body_type,
    epc_format,
    serve,
)
from yilian.gateway.http.epcis.answering import USED as USED_HEADERS
from yilian.gateway.http.epcis.room import Find, Visit
from yilian.gateway.http.operation import JSON, Parameter
from yilian.ledger.errors import MALFORMED

SUBSCRIPTION = Parameter(
    name="subscriptionID",
    where="path",
    schema={"type": "string"},
    description="A subscription's id.",
    required=True,
)
MAX_DEST = 2_000
MAX_TOKEN = 512
_FIELDS = (
    "dest",
    "signatureToken",
    "stream",
    "schedule",
    "reportIfEmpty",
    "initialRecordTime",
)
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
ROOT = "/queries/{queryName}/subscriptions"


def routes(find: Find) -> tuple[Served, ...]:
    """Make the handlers; those of longer paths first."""
    return (_show(find), _remove(find), _all(find), _subscribe(find))


def _subscribe(find: Find) -> Served:
    @serve(
        find,
        "POST",
        ROOT,
        summary="Subscribe to a named query by webhook",
        status=201,
        parameters=(queries.QUERY, *listing.FORMATS[:1]),
        body={JSON: dict[str, Any], JSON_LD: dict[str, Any]},
        content={JSON: dict[str, Any]},
        problems=(
            MALFORMED,
            QUERY_UNKNOWN,
            SUBSCRIPTION_CONTROLS,
            DESTINATION_REFUSED,
            TOO_MANY_SUBSCRIPTIONS,
            UNSUPPORTED_MEDIA_TYPE,
        ),
    )
    async def subscribe(request: Request, visit: Visit) -> Response:
        named = await queries.found(request, visit)
        body_type(request, JSON, JSON_LD)
        try:
            asked = msgspec.json.decode(await request.body(), type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise MALFORMED() from None
        wanted = read(asked, epc_format(request))
        made = await to_thread.run_sync(
            visit.room.subscriptions.add, named.name, visit.viewer, wanted, visit.token
        )
        where = f"/queries/{named.name}/subscriptions/{made.subscription}"
        return answer(request, shown(made), 201, {"Location": address(request, visit, where)})

    return subscribe


def _all(find: Find) -> Served:
    @serve(
        find,
        "GET",
        ROOT,
        summary="List the subscriptions to a named query",
        parameters=(queries.QUERY, *paging.PARAMETERS),
        content={JSON: list[dict[str, Any]]},
        problems=(QUERY_UNKNOWN, PAGE_TOKEN),
    )
    async def every(request: Request, visit: Visit) -> Response:
        named = await queries.found(request, visit)
        asked = paging.read(request, visit)
        found = await to_thread.run_sync(visit.room.subscriptions.all, named.name, visit.viewer)
        start = asked.place if isinstance(asked.place, int) else 0
        end = start + asked.limit
        return answer(
            request,
            [shown(each) for each in found[start:end]],
            headers=paging.following(request, visit, end if end < len(found) else None),
        )

    return every


def _show(find: Find) -> Served:
    @serve(
        find,
        "GET",
        ROOT + "/{subscriptionID}",
        summary="Show a subscription, and when it was last delivered",
        parameters=(queries.QUERY, SUBSCRIPTION),
        content={JSON: dict[str, Any]},
        problems=(QUERY_UNKNOWN, SUBSCRIPTION_UNKNOWN),
    )
    async def show(request: Request, visit: Visit) -> Response:
        return answer(request, shown(await found(request, visit)))

    return show


def _remove(find: Find) -> Served:
    @serve(
        find,
        "DELETE",
        ROOT + "/{subscriptionID}",
        summary="End a subscription",
        status=204,
        parameters=(queries.QUERY, SUBSCRIPTION),
        problems=(QUERY_UNKNOWN, SUBSCRIPTION_UNKNOWN),
    )
    async def remove(request: Request, visit: Visit) -> Response:
        gone = await found(request, visit)
        await to_thread.run_sync(
            visit.room.subscriptions.remove, gone.query, visit.viewer, gone.subscription
        )
        return Response(b"", 204, USED_HEADERS)

    return remove


async def found(request: Request, visit: Visit) -> Subscription:
    """Find the subscription that a path names; refuses as what it names is unknown."""
    named = await queries.found(request, visit)
    name = request.path_params["subscriptionID"]
    return await to_thread.run_sync(visit.room.subscriptions.get, named.name, visit.viewer, name)


def read(asked: Mapping[str, Any], spelt: EpcFormat) -> Wanted:
    """Read what a subscriber asks for. Refuses `epcis.subscription_controls`, naming the field."""
    unknown = sorted(set(asked) - set(_FIELDS))
    if unknown:
        raise SUBSCRIPTION_CONTROLS(field=unknown[0][:64], reason="unknown")
    token = asked.get("signatureToken")
    if token is not None and not (isinstance(token, str) and 0 < len(token) <= MAX_TOKEN):
        raise SUBSCRIPTION_CONTROLS(field="signatureToken", reason="malformed")
    schedule = asked.get("schedule")
    if schedule is not None and not isinstance(schedule, dict):
        raise SUBSCRIPTION_CONTROLS(field="schedule", reason="malformed")
    require_one(streams=_flag(asked, "stream"), scheduled=schedule is not None)
    initial = asked.get("initialRecordTime")
    return Wanted(
        dest=_dest(asked.get("dest")),
        token=token,
        schedule=schedule,
        report_if_empty=_flag(asked, "reportIfEmpty"),
        initial=None if initial is None else moment(initial),
        epc_format=spelt,
    )


def require_one(*, streams: bool, scheduled: bool) -> None:
    """Refuse who wants neither a stream nor a schedule, or both."""
    if streams and scheduled:
        raise SUBSCRIPTION_CONTROLS(field="stream", reason="exclusive")
    if not streams and not scheduled:
        raise SUBSCRIPTION_CONTROLS(field="stream", reason="required")


def moment(text: object) -> int:
    """Read `initialRecordTime` as milliseconds; refuses `epcis.subscription_controls`."""
    try:
        if isinstance(text, str) and _MOMENT.fullmatch(text):
            return int(datetime.fromisoformat(text).timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    raise SUBSCRIPTION_CONTROLS(field="initialRecordTime", reason="malformed")


def _flag(asked: Mapping[str, Any], name: str) -> bool:
    value = asked.get(name, False)
    if not isinstance(value, bool):
        raise SUBSCRIPTION_CONTROLS(field=name, reason="malformed")
    return value


def _dest(value: object) -> str:
    try:
        parts = urlsplit(value) if isinstance(value, str) and len(value) <= MAX_DEST else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise SUBSCRIPTION_CONTROLS(field="dest", reason="malformed")
    return str(value)


def shown(made: Subscription) -> dict[str, Any]:
    """Write a subscription as the standard does, without its token."""
    told: dict[str, Any] = {
        "subscriptionID": made.subscription,
        "queryName": made.query,
        "dest": made.dest,
        "createdAt": timestamp(made.created),
        "epcFormat": made.epc_format,
        "minRecordTime": timestamp(made.executed or made.initial or made.created),
    }
    if made.notified is not None:
        told["lastNotifiedAt"] = timestamp(made.notified)
    if made.initial is not None:
        told["initialRecordTime"] = timestamp(made.initial)
    if made.ended is not None:
        told["ended"] = made.ended
    if made.schedule is None:
        return {**told, "stream": True}
    told["schedule"] = msgspec.json.decode(made.schedule)
    told["reportIfEmpty"] = bool(made.report_if_empty)
    return told


assert set(schedules.FIELDS) < set(queries.LIVE)
