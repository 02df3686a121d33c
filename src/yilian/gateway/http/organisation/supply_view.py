"""A regulator's view: what members' posts moved, opened exactly or with the member named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

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
from yilian.ledger.codec import Id, Millis, Whole
from yilian.ledger.modules.supply.state import pace, posted_at
from yilian.ledger.state import State

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
    """One interval; `fault` is empty where it opens exactly, else `silent`, `missing`, `wrong`.

    `posted` is the block time at which it came, null where nothing was posted.
    """

    interval: Whole
    posted: Millis | None
    fault: Literal["", "silent", "missing", "wrong"]
    movements: tuple[ShownMovement, ...]


class OpenedPosts(msgspec.Struct, frozen=True, kw_only=True):
    """A member's posts, by interval; `next` is the moment (ms) where the rest of a time begins."""

    member: Id
    next: Millis | None
    intervals: tuple[OpenedInterval, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_open(rooms))


class _Span(NamedTuple):
    """Intervals that are opened, and where the rest of what was asked for begins."""

    first: int
    last: int
    next: int | None = None


def _number(name: str, description: str) -> Parameter:
    return Parameter(
        name=name,
        where="query",
        schema={"type": "integer", "minimum": 0, "maximum": 2**53 - 1},
        description=description,
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
            _number("first", "The first interval; with `last`."),
            _number("last", f"The last interval; at most {MOST} in all."),
            _number(
                "since", "A moment (ms), instead of `first`; intervals as long as they are now."
            ),
            _number("until", "The moment (ms) up to which is opened; with `since`."),
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
        given = asking.query(request, "first", "last", "since", "until")
        engine = organisation.engine
        span = (
            _in_time(given, engine.state(), engine.now()) if "since" in given else _by_number(given)
        )

        def work() -> tuple[OpenedInterval, ...]:
            found = list(supply.viewer.open_many(member, range(span.first, span.last + 1)))
            state = engine.state()
            return tuple(_shown(each, posted_at(state, member, each.interval)) for each in found)

        shown = await to_thread.run_sync(work)
        return answer(request, OpenedPosts(member=member, next=span.next, intervals=shown))

    return opened


def _by_number(given: dict[str, str]) -> _Span:
    first, last = _whole(given, "first"), _whole(given, "last")
    if not first <= last < first + MOST or "until" in given:
        raise BAD_PARAMETER(name="last")
    return _Span(first, last)


def _in_time(given: dict[str, str], state: State, now: int) -> _Span:
    """Give the intervals of a time, the first `MOST` of them, and none that is still to come."""
    since, until = _whole(given, "since"), _whole(given, "until")
    if since > min(until, now) or "first" in given or "last" in given:
        raise BAD_PARAMETER(name="since")
    cut = pace(state, now)
    first, last = max(0, cut.at(since)), max(0, cut.at(min(until, now)))
    if last < first + MOST:
        return _Span(first, last)
    return _Span(first, first + MOST - 1, cut.begins(first + MOST))


def _whole(given: dict[str, str], name: str) -> int:
    text = given.get(name, "")
    if not (0 < len(text) <= 16 and text.isascii() and text.isdigit()):
        raise BAD_PARAMETER(name=name)
    return int(text)


def _shown(found: Opened, posted: int | None) -> OpenedInterval:
    return OpenedInterval(
        interval=found.interval,
        posted=posted,
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
