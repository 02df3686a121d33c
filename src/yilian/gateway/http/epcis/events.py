"""Events: ask for them, find one by its id, capture one at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway.epcis import json_form
from yilian.gateway.epcis.errors import (
    EVENT_EXISTS,
    INVALID,
    PAGE_TOKEN,
    QUERY_PARAMETER,
    QUERY_TOO_COMPLEX,
    QUERY_TOO_LARGE,
    TOO_MANY_EPCS,
    UNREADABLE,
)
from yilian.gateway.epcis.presentation import CONTEXT, translated
from yilian.gateway.epcis.store import Stored
from yilian.gateway.errors import UNSUPPORTED_MEDIA_TYPE
from yilian.gateway.http.epcis import listing, paging, parameters
from yilian.gateway.http.epcis.answering import (
    JSON_LD,
    USED,
    Served,
    address,
    body_type,
    epc_format,
    media_type,
    serve,
)
from yilian.gateway.http.epcis.reading import one_event
from yilian.gateway.http.epcis.refusals import RESOURCE_UNKNOWN
from yilian.gateway.http.epcis.room import Find, Visit
from yilian.gateway.http.operation import JSON, Parameter

EVENT_ID = Parameter(
    name="eventID",
    where="path",
    schema={"type": "string"},
    description="An event's id, percent-encoded.",
    required=True,
)
QUESTIONS = (PAGE_TOKEN, QUERY_PARAMETER, QUERY_TOO_COMPLEX, QUERY_TOO_LARGE)
MAX_EVENT = 1_048_576


def routes(find: Find) -> tuple[Served, ...]:
    """Make the handlers."""
    return (_ask(find), _capture(find), _show(find))


def _ask(find: Find) -> Served:
    @serve(
        find,
        "GET",
        "/events",
        summary="Ask for events by the parameters of the query language",
        parameters=(*paging.PARAMETERS, *listing.FORMATS),
        content=listing.DOCUMENT,
        problems=QUESTIONS,
    )
    async def ask(request: Request, visit: Visit) -> Response:
        return await listing.ask(request, visit, parameters.read(request, {}))

    return ask


def _capture(find: Find) -> Served:
    @serve(
        find,
        "POST",
        "/events",
        right="capture",
        summary="Capture one event, at once",
        status=201,
        body={JSON: dict[str, Any], JSON_LD: dict[str, Any]},
        content={JSON: dict[str, Any], JSON_LD: dict[str, Any]},
        limit=lambda _: MAX_EVENT,
        problems=(INVALID, UNREADABLE, TOO_MANY_EPCS, EVENT_EXISTS, UNSUPPORTED_MEDIA_TYPE),
    )
    async def capture(request: Request, visit: Visit) -> Response:
        body_type(request, JSON, JSON_LD)
        media = media_type(request, JSON, JSON_LD)
        spelt, data = epc_format(request), await request.body()

        def captured() -> tuple[Stored, bytes]:
            stored = visit.room.repository.capture_one(one_event(data), visit.submitter)
            if visit.viewer is not None:
                visit.room.repository.show_own(visit.viewer, [stored.sequence])
            event = translated(stored.event, spelt, visit.room.prefix_length)
            own = event.get("@context", [])
            event["@context"] = [CONTEXT, *(own if isinstance(own, list) else [own])]
            return stored, json_form.encode(event)

        stored, answer = await to_thread.run_sync(captured)
        where = address(request, visit, "/events/" + quote(stored.event_id, safe=""))
        return Response(answer, 201, {**USED, "Location": where}, media)

    return capture


def _show(find: Find) -> Served:
    @serve(
        find,
        "GET",
        "/events/{eventID}",
        summary="Find an event by its id",
        parameters=(EVENT_ID, *listing.FORMATS),
        content=listing.DOCUMENT,
        problems=(RESOURCE_UNKNOWN,),
    )
    async def show(request: Request, visit: Visit) -> Response:
        return await listing.show(request, visit, await found(request, visit))

    return show


async def found(request: Request, visit: Visit) -> Stored:
    """Find the event that a path names; refuses `epcis.resource_unknown`."""
    event_id = request.path_params["eventID"]
    stored = await to_thread.run_sync(visit.room.repository.event, event_id, visit.viewer)
    if stored is None:
        raise RESOURCE_UNKNOWN()
    return stored
