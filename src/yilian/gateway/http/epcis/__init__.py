"""The REST binding of EPCIS 2.0 (section 12): `/epcis/{organisation}/`, and its bearer tokens.

Every operation of the standard's OpenAPI file, 63 on 29 paths, and the WebSocket of named queries.
What is behind it is handed in as a `Room` for each organisation.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from yilian.gateway.http.epcis import (
    capture,
    discovery,
    events,
    queries,
    subscriptions,
    token_routes,
    trees,
)
from yilian.gateway.http.epcis.answering import Served
from yilian.gateway.http.epcis.live import Live
from yilian.gateway.http.epcis.resource import BASE, Resource
from yilian.gateway.http.epcis.room import Find, Room
from yilian.gateway.http.operation import Operation

__all__ = ["Find", "Room", "routes"]


def _described(handlers: list[Served]) -> Operation:
    path = BASE + "/queries/{queryName}/events"
    every: list[Operation] = [each.operation for each in handlers]  # type: ignore[attr-defined]
    return next(each for each in every if (each.method, each.path) == ("GET", path))


def routes(find: Find) -> tuple[BaseRoute, ...]:
    """Make the routes; `find` gives an organisation's room, or None for one not hosted here."""
    # A name may hold slashes that arrive bare, so what is below a name comes before the name.
    served = (
        *subscriptions.routes(find),
        *queries.routes(find),
        *trees.routes(find),
        *capture.routes(find),
        *events.routes(find),
        *discovery.routes(find),
    )
    handlers = sorted(served, key=lambda each: -each.operation.path.count("/"))  # type: ignore[attr-defined]
    return (
        *map(Resource, handlers),
        Live(find).route(_described(handlers)),
        *token_routes.routes(find),
    )
