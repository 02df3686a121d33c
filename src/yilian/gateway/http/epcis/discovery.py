"""Discovery: `OPTIONS` of every resource, and the list of those at the top.

EPCIS 2.0, section 12.1: versions, formats and limits are told in headers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway.epcis.browse import Tree
from yilian.gateway.epcis.errors import JOB_UNKNOWN, QUERY_UNKNOWN
from yilian.gateway.epcis.store import timestamp
from yilian.gateway.epcis.subscription_errors import SUBSCRIPTION_UNKNOWN
from yilian.gateway.http.epcis import capture, events, listing, queries, subscriptions, trees
from yilian.gateway.http.epcis.answering import (
    DISCOVERY,
    Served,
    answer,
    capture_limits,
    serve,
)
from yilian.gateway.http.epcis.refusals import NOT_IMPLEMENTED, RESOURCE_UNKNOWN
from yilian.gateway.http.epcis.room import Find, Visit
from yilian.gateway.http.operation import JSON, Parameter
from yilian.ledger.errors import Code

TOP = (
    "capture",
    "events",
    "eventTypes",
    "epcs",
    "bizSteps",
    "bizLocations",
    "readPoints",
    "dispositions",
    "queries",
)
Describe = Callable[[Request, Visit], Awaitable[dict[str, str]]]
"""Gives the headers that a resource has besides; refuses where there is no such resource."""

TOKEN = Parameter(
    name="token",
    where="path",
    schema={"type": "string"},
    description="A `nextPageToken`.",
    required=True,
)


class _Resource(NamedTuple):
    path: str
    allow: str
    describe: Describe
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[Code, ...] = ()


async def _always(_: Request, __: Visit) -> dict[str, str]:
    return {}


async def _capture(_: Request, visit: Visit) -> dict[str, str]:
    return {**capture_limits(visit.room), capture.BEHAVIOUR.name: "all"}


async def _job(request: Request, visit: Visit) -> dict[str, str]:
    await capture.found(request, visit)
    return {}


async def _event(request: Request, visit: Visit) -> dict[str, str]:
    await events.found(request, visit)
    return {}


async def _query(request: Request, visit: Visit) -> dict[str, str]:
    await queries.found(request, visit)
    return {}


async def _subscription(request: Request, visit: Visit) -> dict[str, str]:
    found = await subscriptions.found(request, visit)
    least = found.executed or found.initial or found.created
    return {"GS1-Query-Min-Record-Time": timestamp(least)}


def _name_of(tree: Tree) -> Describe:
    async def known(request: Request, visit: Visit) -> dict[str, str]:
        await trees.require_known(request, visit, tree)
        return {}

    return known


def _resources() -> list[_Resource]:
    query, unknown = (queries.QUERY,), (QUERY_UNKNOWN,)
    below = [
        _Resource(
            f"/{tree}/{{{branch.name}}}{end}",
            "OPTIONS, GET",
            _name_of(tree),
            (trees.path_name(branch),),
            (RESOURCE_UNKNOWN,),
        )
        for end in ("/events", "")
        for tree, branch in trees.BRANCHES.items()
    ]
    return [
        _Resource(
            subscriptions.ROOT + "/{subscriptionID}",
            "OPTIONS, GET, DELETE",
            _subscription,
            (*query, subscriptions.SUBSCRIPTION),
            (*unknown, SUBSCRIPTION_UNKNOWN),
        ),
        _Resource(subscriptions.ROOT, "OPTIONS, GET, POST", _query, query, unknown),
        _Resource("/queries/{queryName}/events", "OPTIONS, GET", _query, query, unknown),
        _Resource("/queries/{queryName}", "OPTIONS, GET, DELETE", _query, query, unknown),
        _Resource("/queries", "OPTIONS, GET, POST", _always),
        *below,
        *(_Resource(f"/{tree}", "OPTIONS, GET", _always) for tree in trees.BRANCHES),
        _Resource(
            "/events/{eventID}",
            "OPTIONS, GET",
            _event,
            (events.EVENT_ID,),
            (RESOURCE_UNKNOWN,),
        ),
        _Resource("/events", "OPTIONS, GET, POST", _always),
        _Resource(
            "/capture/{captureID}",
            "OPTIONS, GET",
            _job,
            (capture.CAPTURE_ID,),
            (JOB_UNKNOWN,),
        ),
        _Resource("/capture", "OPTIONS, GET, POST", _capture),
        _Resource("/", "OPTIONS, GET", _always),
    ]


def routes(find: Find) -> tuple[Served, ...]:
    """Make the handlers, those of longer paths first."""
    described = tuple(_options(find, each) for each in _resources())
    return (*described, _top(find), _release(find))


def _options(find: Find, resource: _Resource) -> Served:
    @serve(
        find,
        "OPTIONS",
        resource.path,
        right=None,
        summary="Tell the versions, formats and limits that hold here",
        status=204,
        parameters=resource.parameters,
        problems=resource.problems,
    )
    async def options(request: Request, visit: Visit) -> Response:
        found = await resource.describe(request, visit)
        return Response(b"", 204, {**DISCOVERY, "Allow": resource.allow, **found})

    return options


def _top(find: Find) -> Served:
    @serve(
        find,
        "GET",
        "/",
        right=None,
        summary="List the resources at the top",
        content={JSON: dict[str, Any]},
    )
    async def top(request: Request, _: Visit) -> Response:
        return answer(request, listing.collection(TOP))

    return top


def _release(find: Find) -> Served:
    @serve(
        find,
        "DELETE",
        "/nextPageToken/{token}",
        summary="Release a page token: not implemented, as nothing is kept for one",
        status=204,
        parameters=(TOKEN,),
        problems=(NOT_IMPLEMENTED,),
    )
    async def release(_: Request, __: Visit) -> Response:
        raise NOT_IMPLEMENTED()

    return release
