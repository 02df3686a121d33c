"""Proof of an event for a stranger, and every anchored event compared with what the chain has."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN, NOT_FOUND
from yilian.gateway.http.asking import query
from yilian.gateway.http.operation import JSON, Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, OPERATORS, Rooms, answers
from yilian.gateway.http.organisation.supply import ROOM, enter_supply
from yilian.gateway.supply.anchors import EventProof
from yilian.gateway.supply.supply import Supply
from yilian.gateway.supply.title_errors import EVENT_NOT_ANCHORED
from yilian.ledger.codec import Whole
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity.errors import LICENCE_NOT_IN_FORCE

MOST_NAMED = 1_000
"""Changed events that are listed."""

LONGEST = 2_000
EVENT = Parameter(
    name="event",
    where="query",
    schema={"type": "string", "minLength": 1, "maxLength": LONGEST},
    description="The event's id.",
    required=True,
)


class ChangedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is not what was anchored; without `event`, it cannot be told which of a post.

    `sequence` is its place in the repository (of a post: that of its first event).
    """

    sequence: Whole
    event: str
    interval: Whole


class EventAudit(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed since it was anchored; `more`: that there is more."""

    changed: tuple[ChangedEvent, ...]
    more: bool


class RecordedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is kept here: `content` is its canonical JSON, whose SHA-256 the proof has.

    `proof` is null as long as no post has it.
    """

    event: str
    content: str
    proof: EventProof | None


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_prove(rooms), _recorded(rooms), _audit(rooms))


def _prove(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/proofs",
        tag="organisations",
        summary="Prove to a stranger that an event was here when a post was made",
        parameters=(*COMMON, EVENT),
        answers=answers(EventProof, "The way from the event to the post's root on the chain."),
        problems=(FORBIDDEN, NOT_FOUND, LICENCE_NOT_IN_FORCE, EVENT_NOT_ANCHORED),
    )
    async def prove(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        proof = await to_thread.run_sync(supply.anchors.proof, _event(request))
        return Response(proof, 200, None, JSON)

    return prove


def _recorded(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/recorded",
        tag="organisations",
        summary="Show an event to whoever works here, with its proof as soon as there is one",
        parameters=(*COMMON, EVENT),
        answers=answers(RecordedEvent, "What a browser needs to check the event by itself."),
        problems=(FORBIDDEN, NOT_FOUND, LICENCE_NOT_IN_FORCE, EVENT_NOT_ANCHORED),
    )
    async def recorded(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        event = _event(request)

        def work() -> RecordedEvent:
            kept = next(iter(supply.repository.events(event)), None)
            if kept is None:
                raise EVENT_NOT_ANCHORED()
            return RecordedEvent(
                event=event, content=kept.content.decode(), proof=_proof(supply, event)
            )

        return answer(request, await to_thread.run_sync(work))

    return recorded


def _proof(supply: Supply, event: str) -> EventProof | None:
    try:
        return msgspec.json.decode(supply.anchors.proof(event), type=EventProof)
    except Refusal as refusal:
        if refusal.code is not EVENT_NOT_ANCHORED:
            raise
        return None


def _event(request: Request) -> str:
    event = query(request, "event").get("event", "")
    if not 0 < len(event) <= LONGEST:
        raise BAD_PARAMETER(name="event")
    return event


def _audit(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/audit",
        tag="organisations",
        summary="Compare every anchored event with the chain; name those that were changed",
        parameters=COMMON,
        answers=answers(EventAudit, "None, where all is as it was."),
        problems=(FORBIDDEN, NOT_FOUND),
    )
    async def audit(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        supply = organisation.trade()

        def work() -> EventAudit:
            found = list(islice(supply.anchors.audit(organisation.engine.state()), MOST_NAMED + 1))
            return EventAudit(
                changed=tuple(
                    ChangedEvent(
                        sequence=each.sequence, event=each.event_id, interval=each.interval
                    )
                    for each in found[:MOST_NAMED]
                ),
                more=len(found) > MOST_NAMED,
            )

        return answer(request, await to_thread.run_sync(work))

    return audit
