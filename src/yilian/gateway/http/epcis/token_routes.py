"""Bearer tokens for programs that cannot sign: made, listed and revoked by the organisation.

Below `/v1/organisations/`, so that each of these calls is an entry of the audit trail.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.auth import authenticate
from yilian.gateway.epcis.tokens import (
    MAX_NAME,
    TOKEN_UNKNOWN,
    TOO_MANY_TOKENS,
    Right,
    Token,
)
from yilian.gateway.errors import FORBIDDEN, NOT_FOUND
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.epcis.room import Find, Room
from yilian.gateway.http.operation import JSON, Answer, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, OPERATORS, body, path_id
from yilian.ledger.codec import Id, Millis
from yilian.ledger.errors import MALFORMED

ROOT = "/v1/organisations/{organisation}/epcis/tokens"
TOKEN = path_id("token", "The token's id: what stands before its first dot.")


class TokenRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a new token may do, and until when (ms).

    `partner` is the id or the GLN of the partner whose view the bearer has; without it the bearer
    sees all that the organisation does.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
    rights: Annotated[list[Right], msgspec.Meta(min_length=1)]
    expires: Millis
    partner: Annotated[str, msgspec.Meta(max_length=22)] | None = None


class ShownToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token without its secret; times in ms."""

    token: Id
    name: str
    rights: tuple[str, ...]
    partner: str | None
    created: Millis
    expires: Millis
    revoked: Millis | None


class IssuedToken(msgspec.Struct, frozen=True, kw_only=True):
    """A new token; `bearer` is what its bearer shows, and is told only this once."""

    token: ShownToken
    bearer: str


class TokenList(msgspec.Struct, frozen=True, kw_only=True):
    """All tokens, the newest first, those that ended too."""

    tokens: tuple[ShownToken, ...]


def routes(find: Find) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_issue(find), _list(find), _revoke(find))


async def _enter(request: Request, find: Find) -> Room:
    caller = await authenticate(request)
    name = require_id(request.path_params["organisation"], "organisation")
    room = find(name)
    if room is None:
        raise NOT_FOUND()
    if caller.organisation != name or caller.subject.kind not in OPERATORS:
        raise FORBIDDEN()
    return room


def _issue(find: Find) -> Any:
    @operation(
        "POST",
        ROOT,
        tag="epcis",
        summary="Make a bearer token for a program that cannot sign",
        parameters=COMMON,
        body=TokenRequest,
        answers=[Answer(status=201, description="The token.", content={JSON: IssuedToken})],
        problems=(MALFORMED, NOT_FOUND, FORBIDDEN, TOO_MANY_TOKENS),
    )
    async def issue(request: Request) -> Response:
        room = await _enter(request, find)
        asked = await body(request, TokenRequest)
        made = await to_thread.run_sync(
            room.tokens.issue, asked.name, asked.rights, asked.partner, asked.expires
        )
        return answer(request, IssuedToken(token=_shown(made.token), bearer=made.text), 201)

    return issue


def _list(find: Find) -> Any:
    @operation(
        "GET",
        ROOT,
        tag="epcis",
        summary="List the bearer tokens, without their secrets",
        parameters=COMMON,
        answers=[Answer(status=200, description="All of them.", content={JSON: TokenList})],
        problems=(NOT_FOUND, FORBIDDEN),
    )
    async def every(request: Request) -> Response:
        room = await _enter(request, find)
        found = await to_thread.run_sync(room.tokens.all)
        return answer(request, TokenList(tokens=tuple(map(_shown, found))))

    return every


def _revoke(find: Find) -> Any:
    @operation(
        "DELETE",
        ROOT + "/{token}",
        tag="epcis",
        summary="Revoke a bearer token, at once and for good",
        parameters=(*COMMON, TOKEN),
        answers=[Answer(status=200, description="It ended.", content={JSON: ShownToken})],
        problems=(NOT_FOUND, FORBIDDEN, TOKEN_UNKNOWN),
    )
    async def revoke(request: Request) -> Response:
        room = await _enter(request, find)
        name = require_id(request.path_params["token"], "token")
        return answer(request, _shown(await to_thread.run_sync(room.tokens.revoke, name)))

    return revoke


def _shown(token: Token) -> ShownToken:
    return ShownToken(
        token=token.token,
        name=token.name,
        rights=tuple(token.rights.split()),
        partner=token.partner,
        created=token.created,
        expires=token.expires,
        revoked=token.revoked,
    )
