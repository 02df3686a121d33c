"""Reading `governance`: members, validators, proposals, parameters, quotas and the law."""

from __future__ import annotations

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway.door import Door, door
from yilian.gateway.http import asking
from yilian.gateway.http.operation import JSON, Answer, answer, operation, routes
from yilian.gateway.http.tables import Kind, table_routes
from yilian.gateway.index import tables
from yilian.ledger.modules.governance import state


class Validators(msgspec.Struct, frozen=True, kw_only=True):
    """All validators with power, by key: as many as there are, in one page."""

    items: list[state.ActiveValidator]


@operation(
    "GET",
    "/v1/governance/validators",
    tag="governance",
    summary="List the validators that have power, by key.",
    answers=(
        Answer(status=200, description="All of them, on one page.", content={JSON: Validators}),
    ),
)
async def validators(request: Request) -> Response:
    """Read the validators from committed state."""
    asking.query(request)
    return answer(request, await to_thread.run_sync(_validators, door(request)))


def _validators(at: Door) -> Validators:
    while True:
        height = at.engine.height
        found = state.active_validators(at.engine.state())
        if at.engine.height == height:
            return Validators(items=list(found))


ROUTES = (
    *routes(validators),
    *table_routes(
        Kind(capability="governance", plural="members", table=state.MEMBERS, listed=tables.MEMBERS),
        Kind(
            capability="governance",
            plural="proposals",
            table=state.PROPOSALS,
            listed=tables.PROPOSALS,
        ),
        Kind(
            capability="governance", plural="parameters", table=state.PARAMETERS, names="^current$"
        ),
        Kind(capability="governance", plural="quotas", table=state.QUOTAS),
        Kind(
            capability="governance",
            plural="validators",
            table=state.VALIDATORS,
            names="^[0-9a-f]{64}$",
        ),
        Kind(capability="governance", plural="law", table=state.LAW, names="^current$"),
    ),
)
