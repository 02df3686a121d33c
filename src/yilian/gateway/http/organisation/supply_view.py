"""A regulator's view: what members' posts moved, opened exactly or with the member named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN, NOT_FOUND
from yilian.gateway.http import asking
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, OPERATORS, Rooms, answers, path_id
from yilian.gateway.http.organisation.supply import ROOM
from yilian.gateway.supply.openings import Opened
from yilian.ledger.codec import Id, Whole

MEMBER = path_id("member", "The id of the member whose posts are opened.")
MOST = 200
"""Intervals in one question."""


class ShownMovement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of packs: kept under a new note, given to `holder`, or ended by a `word`."""

    kind: Literal["kept", "given", "ended"]
    units: tuple[str, ...]
    made: bool
    holder: str = ""
    word: str = ""


class OpenedInterval(msgspec.Struct, frozen=True, kw_only=True):
    """One interval; `fault` is empty where it opens exactly, else `silent`, `missing`, `wrong`."""

    interval: Whole
    fault: Literal["", "silent", "missing", "wrong"]
    movements: tuple[ShownMovement, ...]


class OpenedPosts(msgspec.Struct, frozen=True, kw_only=True):
    """A member's posts, by interval."""

    member: Id
    intervals: tuple[OpenedInterval, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_open(rooms))


def _number(name: str, description: str) -> Parameter:
    return Parameter(
        name=name,
        where="query",
        schema={"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
        description=description,
        required=True,
    )


def _open(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/openings/{member}",
        tag="organisations",
        summary="Open a member's posts, as a regulator",
        parameters=(
            *COMMON,
            MEMBER,
            _number("first", "The first interval."),
            _number("last", f"The last interval; at most {MOST} in all."),
        ),
        answers=answers(OpenedPosts, "Each interval, opened exactly or with its fault."),
        problems=(FORBIDDEN, NOT_FOUND, BAD_PARAMETER),
    )
    async def opened(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        supply = organisation.trade()
        if not supply.regulates():
            raise FORBIDDEN()
        member = require_id(request.path_params["member"], "member")
        given = asking.query(request, "first", "last")
        first, last = _whole(given, "first"), _whole(given, "last")
        if not first <= last < first + MOST:
            raise BAD_PARAMETER(name="last")
        found = await to_thread.run_sync(
            lambda: list(supply.viewer.open_many(member, range(first, last + 1)))
        )
        shown = tuple(map(_shown, found))
        return answer(request, OpenedPosts(member=member, intervals=shown))

    return opened


def _whole(given: dict[str, str], name: str) -> int:
    text = given.get(name, "")
    if not (0 < len(text) <= 16 and text.isascii() and text.isdigit()):
        raise BAD_PARAMETER(name=name)
    return int(text)


def _shown(found: Opened) -> OpenedInterval:
    return OpenedInterval(
        interval=found.interval,
        fault=found.fault,
        movements=tuple(
            ShownMovement(
                kind=each.kind,
                units=each.units,
                made=each.made,
                holder=each.holder,
                word=each.word,
            )
            for each in found.movements
        ),
    )
