"""Events: a page for who asks once, a stream for who stays."""

from __future__ import annotations

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway import errors
from yilian.gateway.door import Door, door
from yilian.gateway.http import asking
from yilian.gateway.http.answers import EventPage
from yilian.gateway.http.operation import JSON, Answer, Parameter, answer, operation, routes
from yilian.gateway.index import Place
from yilian.gateway.stream import MAX_STREAMS, EventStream, view
from yilian.ledger.modules import MODULES

STREAM = "text/event-stream"
BEGINNING = "0.t.0"
_CAPABILITIES = tuple(module.name for module in MODULES)
_PLACE_SCHEMA = {
    "type": "string",
    "pattern": r"^(latest|(0|[1-9][0-9]{0,15})\.(t|0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8}))$",
}


@operation(
    "GET",
    "/v1/events",
    tag="events",
    summary="Read events as a page, or follow them as Server-Sent Events.",
    parameters=(
        Parameter(
            name="after",
            where="query",
            schema=_PLACE_SCHEMA,
            description="Only events behind this place, or `latest`; from the first by default.",
        ),
        Parameter(
            name="capability",
            where="query",
            schema={"type": "string", "enum": list(_CAPABILITIES)},
            description="Only events of this capability.",
        ),
        Parameter(
            name="id",
            where="query",
            schema=asking.ID_SCHEMA,
            description="Only events that name this id.",
        ),
        Parameter(
            name="limit",
            where="query",
            schema=asking.LIMIT_SCHEMA,
            description="How many at most on a page; a stream has no limit.",
        ),
        Parameter(
            name="Last-Event-ID",
            where="header",
            schema=_PLACE_SCHEMA,
            description="Where a broken stream goes on; it goes before `after`.",
        ),
    ),
    answers=(
        Answer(
            status=200,
            description="A page of events, or the stream.",
            content={JSON: EventPage, STREAM: str},
        ),
    ),
    problems=(errors.RATE_LIMITED,),
)
async def read_events(request: Request) -> Response | EventStream:
    """Give a page or a stream of events."""
    asked = asking.query(request, "after", "capability", "id", "limit")
    media = asking.require_acceptable(request, JSON, STREAM)
    capability, name = asked.get("capability"), asked.get("id")
    if capability is not None and capability not in _CAPABILITIES:
        raise errors.BAD_PARAMETER(name="capability")
    if name is not None:
        asking.require_id(name)
    limit = asking.limit(asked)
    at = door(request)
    after = await _after(request, at, asked.get("after"))
    if media == STREAM and request.method == "GET":
        if at.feed.streams >= MAX_STREAMS:
            raise errors.RATE_LIMITED(limit=MAX_STREAMS)
        return EventStream(at.feed, after, capability, name)
    found = await to_thread.run_sync(at.index.read.events, after, limit, capability, name)
    lines = [{"id": str(each.at), **view(each)} for each in found]
    start = request.headers.get("last-event-id") or asked.get("after")
    reached = str(found[-1].at) if found else await _reached(at, start, after)
    return answer(request, {"events": lines, "next": reached})


async def _after(request: Request, at: Door, asked: str | None) -> int:
    resumed = request.headers.get("last-event-id")
    text, name = (asked, "after") if resumed is None else (resumed, "Last-Event-ID")
    if text is None:
        return 0
    if text == "latest":
        return await to_thread.run_sync(at.index.read.newest)
    try:
        place = Place.read(text)
    except ValueError:
        raise errors.BAD_PARAMETER(name=name) from None
    return await to_thread.run_sync(at.index.read.seq, place)


async def _reached(at: Door, start: str | None, after: int) -> str:
    """Give the place to go on from where nothing was found."""
    if start is not None and start != "latest":
        return start
    if after == 0:
        return BEGINNING
    newest = await to_thread.run_sync(at.index.read.events, after - 1, 1)
    return str(newest[0].at) if newest else BEGINNING


ROUTES = routes(read_events)
