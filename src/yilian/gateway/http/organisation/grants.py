"""Grants given for a person in custody, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    DAY_MS,
    OPERATORS,
    Rooms,
    answers,
    body,
)
from yilian.gateway.organisation import KEY_SERVICE_UNKNOWN, Organisation
from yilian.ledger import codec
from yilian.ledger.codec import Id, Millis, Name, Whole
from yilian.ledger.errors import MALFORMED
from yilian.vault.envelope import Terms

Names = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=64)]


class GrantRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For a person in custody: let an organisation read categories of records for some days."""

    person: Id
    grantee: Id
    categories: Names
    purposes: Names = ("treat",)
    days: Annotated[int, msgspec.Meta(ge=1, le=3660)] = 30
    practitioner: Id | None = None


class GivenGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant: its place on the chain, and the sealed package where we could not deliver it."""

    grant: Id
    transaction: str
    height: Whole
    ends: Millis
    delivered: bool
    package: str | None


class RevocationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For a person in custody: take a grant back."""

    person: Id
    grant: Id


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """From which height on the grant opens nothing."""

    grant: Id
    transaction: str
    height: Whole


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_grant(rooms), _revoke(rooms))


def _grant(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/grants",
        tag="organisations",
        summary="Give a grant for a person in custody and deliver its keys to the grantee",
        parameters=COMMON,
        body=GrantRequest,
        answers=answers(GivenGrant, "The grant is on the chain."),
        problems=(MALFORMED, KEY_SERVICE_UNKNOWN, FORBIDDEN),
    )
    async def grant(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        asked = await body(request, GrantRequest)
        return answer(request, await to_thread.run_sync(_give, rooms, organisation, asked))

    return grant


def _give(rooms: Rooms, organisation: Organisation, asked: GrantRequest) -> GivenGrant:
    now = organisation.engine.now()
    terms = Terms(
        grantee=asked.grantee,
        practitioner=asked.practitioner,
        categories=tuple(sorted(set(asked.categories))),
        purposes=tuple(sorted(set(asked.purposes))),
        starts=now,
        ends=now + asked.days * DAY_MS,
    )
    shared = organisation.grant(asked.person, terms)
    grantee = rooms.hosted(asked.grantee)
    if grantee is not None:
        grantee.accept(shared.grant, shared.package)
    return GivenGrant(
        grant=shared.grant,
        transaction=shared.outcome.hash,
        height=shared.outcome.height,
        ends=terms.ends,
        delivered=grantee is not None,
        package=None if grantee is not None else codec.to_text(shared.package),
    )


def _revoke(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/revocations",
        tag="organisations",
        summary="Take a grant back for a person in custody",
        parameters=COMMON,
        body=RevocationRequest,
        answers=answers(Revocation, "The grant opens nothing from this height on."),
        problems=(MALFORMED, FORBIDDEN),
    )
    async def revoke(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        asked = await body(request, RevocationRequest)
        outcome = await to_thread.run_sync(organisation.revoke, asked.person, asked.grant)
        revoked = Revocation(grant=asked.grant, transaction=outcome.hash, height=outcome.height)
        return answer(request, revoked)

    return revoke
