"""Named queries: kept, listed, asked, forgotten. EPCIS 2.0, section 12.7.

The organisation's people and programs share one set of names; each partner has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway.epcis.errors import (
    PAGE_TOKEN,
    QUERY_EXISTS,
    QUERY_NAME,
    QUERY_PARAMETER,
    QUERY_TOO_COMPLEX,
    QUERY_UNKNOWN,
    TOO_MANY_QUERIES,
)
from yilian.gateway.epcis.named import Named
from yilian.gateway.errors import BAD_PARAMETER, UNSUPPORTED_MEDIA_TYPE
from yilian.gateway.http.epcis import listing, paging
from yilian.gateway.http.epcis.answering import (
    JSON_LD,
    USED,
    Served,
    address,
    answer,
    body_type,
    serve,
)
from yilian.gateway.http.epcis.events import QUESTIONS
from yilian.gateway.http.epcis.paging import RESERVED
from yilian.gateway.http.epcis.room import Find, Visit
from yilian.gateway.http.operation import JSON, Parameter
from yilian.ledger.errors import MALFORMED

QUERY = Parameter(
    name="queryName",
    where="path",
    schema={"type": "string"},
    description="The name of a query.",
    required=True,
)
LIVE = (
    "stream",
    "reportIfEmpty",
    "initialRecordTime",
    "second",
    "minute",
    "hour",
    "dayOfMonth",
    "month",
    "dayOfWeek",
)
"""What opens a WebSocket; with plain HTTP there is nothing to say by it."""


class _Definition(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    query: dict[str, Any]


_decoder = msgspec.json.Decoder(_Definition, float_hook=Decimal)


def routes(find: Find) -> tuple[Served, ...]:
    """Make the handlers; those of longer paths first."""
    return (_events(find), _show(find), _remove(find), _all(find), _keep(find))


def owner(visit: Visit) -> str:
    """Name whose queries a caller has."""
    return visit.viewer or ""


async def found(request: Request, visit: Visit) -> Named:
    """Find the query that a path names; refuses `epcis.query_unknown`."""
    name = request.path_params["queryName"]
    return await to_thread.run_sync(visit.room.repository.queries.get, name, owner(visit))


def _keep(find: Find) -> Served:
    @serve(
        find,
        "POST",
        "/queries",
        summary="Keep a query under a name",
        status=201,
        body={JSON: dict[str, Any], JSON_LD: dict[str, Any]},
        problems=(
            MALFORMED,
            QUERY_EXISTS,
            QUERY_NAME,
            QUERY_PARAMETER,
            QUERY_TOO_COMPLEX,
            TOO_MANY_QUERIES,
            UNSUPPORTED_MEDIA_TYPE,
        ),
    )
    async def keep(request: Request, visit: Visit) -> Response:
        body_type(request, JSON, JSON_LD)
        try:
            asked = _decoder.decode(await request.body())
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise MALFORMED() from None
        queries, now = visit.room.repository.queries, visit.room.now()
        await to_thread.run_sync(queries.put, asked.name, asked.query, now, owner(visit))
        where = address(request, visit, f"/queries/{asked.name}")
        return Response(b"", 201, {**USED, "Location": where})

    return keep


def _all(find: Find) -> Served:
    @serve(
        find,
        "GET",
        "/queries",
        summary="List named queries",
        parameters=paging.PARAMETERS,
        content={JSON: list[dict[str, Any]]},
        problems=(PAGE_TOKEN,),
    )
    async def every(request: Request, visit: Visit) -> Response:
        asked = paging.read(request, visit)
        cursor = None if asked.place is None else str(asked.place)
        found, following = await to_thread.run_sync(
            visit.room.repository.queries.all, cursor, asked.limit, owner(visit)
        )
        return answer(
            request,
            [_shown(each) for each in found],
            headers=paging.following(request, visit, following),
        )

    return every


def _show(find: Find) -> Served:
    @serve(
        find,
        "GET",
        "/queries/{queryName}",
        summary="Show what a named query asks",
        parameters=(QUERY,),
        content={JSON: dict[str, Any]},
        problems=(QUERY_UNKNOWN,),
    )
    async def show(request: Request, visit: Visit) -> Response:
        return answer(request, _shown(await found(request, visit)))

    return show


def _remove(find: Find) -> Served:
    @serve(
        find,
        "DELETE",
        "/queries/{queryName}",
        summary="Forget a named query, and end its subscriptions",
        status=204,
        parameters=(QUERY,),
        problems=(QUERY_UNKNOWN,),
    )
    async def remove(request: Request, visit: Visit) -> Response:
        name, room = request.path_params["queryName"], visit.room

        def removed() -> None:
            room.repository.queries.remove(name, owner(visit))
            room.subscriptions.remove_all(name, visit.viewer)

        await to_thread.run_sync(removed)
        return Response(b"", 204, USED)

    return remove


def _events(find: Find) -> Served:
    @serve(
        find,
        "GET",
        "/queries/{queryName}/events",
        summary="Ask a named query; as WebSocket, follow it",
        parameters=(QUERY, *paging.PARAMETERS, *listing.FORMATS),
        content=listing.DOCUMENT,
        problems=(QUERY_UNKNOWN, *QUESTIONS),
    )
    async def events(request: Request, visit: Visit) -> Response:
        named = await found(request, visit)
        for name in request.query_params:
            if name not in (*RESERVED, *LIVE):
                raise BAD_PARAMETER(name=name[:64])
        return await listing.ask(request, visit, named.parameters, named.name)

    return events


def _shown(named: Named) -> dict[str, Any]:
    return {"name": named.name, "query": _plain(named.parameters)}


def _plain(value: Any) -> Any:
    """Give numbers as they are written: a query's answer is read by people and by programs."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return msgspec.Raw(format(value, "f").encode()) if isinstance(value, Decimal) else value
