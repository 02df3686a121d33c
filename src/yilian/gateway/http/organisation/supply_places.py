"""Where the sites of an organisation and its partners are, so that a leap of a pack is noticed.

Only sites belong here: a location number of a whole company is nowhere in particular.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN, NOT_FOUND
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, OPERATORS, Rooms, answers, body
from yilian.gateway.supply.places import MICRO, PLACE_UNKNOWN, Place
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.supply.numbers import check_digit

ROOM = "/v1/organisations/{organisation}/supply/places"
GLN = Parameter(
    name="gln",
    where="path",
    schema={"type": "string", "pattern": "^[0-9]{13}$"},
    description="The location number of a site.",
    required=True,
)
_GLN = re.compile(r"[0-9]{13}")
Latitude = Annotated[int, msgspec.Meta(ge=-90 * MICRO, le=90 * MICRO)]
Longitude = Annotated[int, msgspec.Meta(ge=-180 * MICRO, le=180 * MICRO)]


class PlaceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A point of the earth (WGS 84) in millionths of a degree; north and east are positive."""

    latitude: Latitude
    longitude: Longitude


class ShownPlace(PlaceRequest, frozen=True, kw_only=True):
    """A site and where it is."""

    gln: str


class ShownPlaces(msgspec.Struct, frozen=True, kw_only=True):
    """All sites that are known, by location number."""

    places: tuple[ShownPlace, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_list(rooms), _put(rooms), _remove(rooms))


def _list(rooms: Rooms) -> Any:
    @operation(
        "GET",
        ROOM,
        tag="organisations",
        summary="List the sites whose position is known",
        parameters=COMMON,
        answers=answers(ShownPlaces, "All of them."),
        problems=(FORBIDDEN, NOT_FOUND),
    )
    async def places(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        found = await to_thread.run_sync(organisation.trade().places.all)
        return answer(request, ShownPlaces(places=tuple(map(_shown, found))))

    return places


def _put(rooms: Rooms) -> Any:
    @operation(
        "PUT",
        ROOM + "/{gln}",
        tag="organisations",
        summary="Say where a site is",
        parameters=(*COMMON, GLN),
        body=PlaceRequest,
        answers=answers(ShownPlace, "It counts for what is presented from now on."),
        problems=(MALFORMED, FORBIDDEN, NOT_FOUND),
    )
    async def put(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        asked = await body(request, PlaceRequest)
        place = Place(_gln(request), asked.latitude, asked.longitude)
        await to_thread.run_sync(organisation.trade().places.put, place)
        return answer(request, _shown(place))

    return put


def _remove(rooms: Rooms) -> Any:
    @operation(
        "DELETE",
        ROOM + "/{gln}",
        tag="organisations",
        summary="Forget where a site is",
        parameters=(*COMMON, GLN),
        answers=answers(ShownPlaces, "What is left."),
        problems=(FORBIDDEN, NOT_FOUND, PLACE_UNKNOWN),
    )
    async def remove(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        kept = organisation.trade().places
        await to_thread.run_sync(kept.remove, _gln(request))
        left = await to_thread.run_sync(kept.all)
        return answer(request, ShownPlaces(places=tuple(map(_shown, left))))

    return remove


def _gln(request: Request) -> str:
    text: str = request.path_params["gln"]
    if not _GLN.fullmatch(text) or check_digit(text[:-1]) != text[-1]:
        raise BAD_PARAMETER(name="gln")
    return text


def _shown(place: Place) -> ShownPlace:
    return ShownPlace(gln=place.gln, latitude=place.latitude, longitude=place.longitude)
