"""A grant for a person in custody that two witnesses heard them agree to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.desk import PERSON
from yilian.gateway.http.organisation.rooms import COMMON, OPERATORS, Rooms, answers, path_id
from yilian.gateway.organisation import GRANT_UNKNOWN, KEY_SERVICE_UNKNOWN
from yilian.gateway.practice.consents import GRANT_OVER, TO_ITSELF
from yilian.gateway.practice.witnessed import NOT_WITNESSED, give_witnessed
from yilian.ledger.codec import Id, Millis, Whole


class WitnessedGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant on the chain and the evidence of its consent; no `transaction` where it stood."""

    grant: Id
    evidence: Id
    transaction: str | None
    height: Whole
    ends: Millis
    delivered: bool


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_give(rooms))


def _give(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/persons/{person}/grants/{grant}/witnessed",
        tag="organisations",
        summary="Give a prepared grant for a person in custody who agreed before two witnesses",
        parameters=(*COMMON, PERSON, path_id("grant", "The id that it was prepared under.")),
        answers=answers(WitnessedGrant, "The grant is on the chain; again is the same."),
        problems=(
            GRANT_UNKNOWN,
            NOT_WITNESSED,
            TO_ITSELF,
            GRANT_OVER,
            KEY_SERVICE_UNKNOWN,
            FORBIDDEN,
        ),
    )
    async def give(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter(request, *OPERATORS)
        require_id(person, "person")
        grant = require_id(request.path_params["grant"], "grant")
        noting(subjects=(person,), grants=(grant,), on_behalf_of=person)
        made = await to_thread.run_sync(give_witnessed, organisation, person, grant)
        outcome = made.given.outcome
        shown = WitnessedGrant(
            grant=grant,
            evidence=made.evidence,
            transaction=None if outcome is None else outcome.hash,
            height=made.height,
            ends=made.given.ends,
            delivered=made.given.package is None,
        )
        if shown.transaction is not None:
            noting(transaction=shown.transaction)
        return answer(request, shown)

    return give
