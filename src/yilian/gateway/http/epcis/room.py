"""Who may come in to an organisation's repository: its own people by signature, others by token."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

from anyio import to_thread
from starlette.requests import Request
from starlette.websockets import WebSocket

from yilian.gateway.auth import Caller, authenticate, credential
from yilian.gateway.auth.signed import judge, target
from yilian.gateway.body import read_body
from yilian.gateway.door import Door
from yilian.gateway.epcis.news import News
from yilian.gateway.epcis.presentation import PrefixLength, unknown_prefix
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.epcis.subscriptions import Subscriptions
from yilian.gateway.epcis.tokens import TOKEN_REFUSED, Right, Tokens
from yilian.gateway.errors import FORBIDDEN, NOT_FOUND, UNAUTHENTICATED
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.epcis.refusals import CREDENTIALS_MISSING, RIGHT_MISSING
from yilian.gateway.http.organisation.rooms import STAFF
from yilian.ledger import signed_request

BODY_SECONDS = 120.0
"""How long the body of a capture may take to arrive."""


class Room(NamedTuple):
    """What stands behind the binding, for one organisation.

    `behind` names the organisation that has a GLN, or gives the GLN again.
    """

    repository: Repository
    tokens: Tokens
    subscriptions: Subscriptions
    news: News
    now: Callable[[], int]
    prefix_length: PrefixLength = unknown_prefix
    behind: Callable[[str], str] = str


class Visit(NamedTuple):
    """Somebody who was let in: as whom events are captured, and whose view it is.

    `viewer` is None for the organisation itself, else the partner; `jobs` names the submitter whose
    captures may be looked at, None for all; `token` is that of a caller who showed one.
    """

    organisation: str
    room: Room
    submitter: str
    viewer: str | None
    jobs: str | None
    token: str | None = None


Find = Callable[[str], Room | None]
"""Finds the room of an organisation; None for one that is not hosted here."""


Limit = Callable[[Room], int]
"""Says how many bytes a body may have."""


async def enter(request: Request, find: Find, right: Right | None, limit: Limit) -> Visit:
    """Let a caller in who has a right, or any; reads the body.

    Refuses `not_found`, `epcis.credentials_missing`, `forbidden`, `epcis.token_refused`,
    `epcis.token_expired`, `epcis.right_missing`, and what judging a signed request refuses.
    """
    organisation, room = _room(request.path_params["organisation"], find)
    if credential(request) is not None:
        return _own(organisation, room, await authenticate(request, limit(room)))
    visit = await to_thread.run_sync(
        _by_token, organisation, room, request.headers.getlist("authorization"), right
    )
    await read_body(request, limit(room), BODY_SECONDS)
    return visit


async def enter_live(socket: WebSocket, find: Find) -> Visit:
    """Let a caller in who opens a WebSocket and may query; refuses as `enter` does."""
    organisation, room = _room(socket.path_params["organisation"], find)
    shown = socket.headers.getlist(signed_request.HEADER)
    if not shown:
        return await to_thread.run_sync(
            _by_token, organisation, room, socket.headers.getlist("authorization"), "query"
        )
    if len(shown) != 1:
        raise UNAUTHENTICATED()
    door: Door = socket.app.state.door
    caller = judge(
        shown[0],
        "GET",
        target(cast(Request, socket)),  # both have the scope that it reads
        b"",
        chain=door.chain,
        state=door.engine.state(),
        now=door.engine.now(),
        nonces=door.nonces,
    )
    return _own(organisation, room, caller)


def _room(name: str, find: Find) -> tuple[str, Room]:
    organisation = require_id(name, "organisation")
    room = find(organisation)
    if room is None:
        raise NOT_FOUND()
    return organisation, room


def _own(organisation: str, room: Room, caller: Caller) -> Visit:
    if caller.organisation != organisation or caller.subject.kind not in STAFF:
        raise FORBIDDEN()
    return Visit(organisation, room, caller.sender, None, None)


def _by_token(organisation: str, room: Room, shown: list[str], right: Right | None) -> Visit:
    if not shown:
        raise CREDENTIALS_MISSING()
    scheme, _, text = shown[0].partition(" ")
    if len(shown) != 1 or scheme.lower() != "bearer":
        raise TOKEN_REFUSED()
    token = room.tokens.judge(text.strip(" "))
    if right is not None and not token.may(right):
        raise RIGHT_MISSING(right=right)
    if token.partner is None:
        return Visit(organisation, room, token.token, None, None, token.token)
    viewer = room.behind(token.partner)
    return Visit(organisation, room, token.token, viewer, token.token, token.token)
