"""Replicas: those that a person allowed elsewhere, and those that are kept here for others.

One is allowed, changed and taken back as a grant with the purpose `replica` (`grants.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, OPERATORS, Rooms, answers, path_id
from yilian.gateway.practice.replicas import Allowed
from yilian.ledger.codec import Id, Millis, Name, Whole
from yilian.ledger.modules.consent.messages import Power

ANY_POWER: tuple[Power, ...] = ("change", "grant", "read", "revoke")


class AllowedReplica(msgspec.Struct, frozen=True, kw_only=True):
    """A replica of a person's records at another member; `grant` is what allows it.

    The member has `records` records, and had everything at `as_of`. `dropped`: when it said that it
    keeps nothing any more. Null: not yet.
    """

    grant: Id
    member: Id
    status: Literal["waiting", "standing", "ended", "dropped"]
    categories: tuple[Name, ...]
    sensitivities: tuple[Name, ...]
    starts: Millis
    ends: Millis
    as_of: Millis | None
    records: Whole
    dropped: Millis | None


class PersonReplicas(msgspec.Struct, frozen=True, kw_only=True):
    """All replicas that a person ever allowed, the newest first."""

    person: Id
    replicas: tuple[AllowedReplica, ...]


class KeptReplica(msgspec.Struct, frozen=True, kw_only=True):
    """A replica that is kept here; it opens with no key of this organisation."""

    grant: Id
    holder: Id
    as_of: Millis | None
    ends: Millis
    records: Whole
    bytes: Whole


class KeptReplicas(msgspec.Struct, frozen=True, kw_only=True):
    """All replicas that are kept here for other members."""

    replicas: tuple[KeptReplica, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_allowed(rooms), _kept(rooms))


def _allowed(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/replicas",
        tag="organisations",
        summary="List the replicas of a person's records that other members keep, and how old",
        parameters=(*COMMON, path_id("person", "The person's id here.")),
        answers=answers(PersonReplicas, "Those that ended too, and when they were destroyed."),
        problems=(FORBIDDEN,),
    )
    async def allowed(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS, power=ANY_POWER)
        noting(subjects=(person,))
        found = await to_thread.run_sync(organisation.replicas.of_person, person)
        shown = tuple(map(_shown, found))
        return answer(request, PersonReplicas(person=person, replicas=shown))

    return allowed


def _shown(each: Allowed) -> AllowedReplica:
    return AllowedReplica(
        grant=each.allowance,
        member=each.member,
        status=each.status,
        categories=() if each.terms is None else each.terms.categories,
        sensitivities=() if each.terms is None else each.terms.sensitivities,
        starts=each.starts,
        ends=each.ends,
        as_of=each.as_of,
        records=each.records,
        dropped=each.dropped,
    )


def _kept(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/replicas",
        tag="organisations",
        summary="List the replicas that this organisation keeps for other members",
        parameters=COMMON,
        answers=answers(KeptReplicas, "Sizes and ages; nobody here can read them."),
        problems=(FORBIDDEN,),
    )
    async def kept(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        found = await to_thread.run_sync(organisation.replicas.keeping.kept)
        shown = tuple(
            KeptReplica(
                grant=each.allowance,
                holder=each.holder,
                as_of=each.as_of,
                ends=each.ends,
                records=each.records,
                bytes=each.bytes,
            )
            for each in found
        )
        return answer(request, KeptReplicas(replicas=shown))

    return kept
