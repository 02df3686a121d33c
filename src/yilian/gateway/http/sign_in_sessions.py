"""One's own sessions and passkeys: seen, and ended."""

from __future__ import annotations

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.auth import authenticate_session
from yilian.gateway.auth import errors as refusals
from yilian.gateway.auth.accounts import Accounts, accounts_of
from yilian.gateway.auth.claim import HEADER
from yilian.gateway.auth.database import Session
from yilian.gateway.auth.sessions import IN
from yilian.gateway.errors import NOT_FOUND
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.operation import SIGNED, Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import path_id
from yilian.gateway.http.sign_in_steps import MAX_BODY, TAG, SignedIn, one, shown_session
from yilian.ledger.codec import Id, Millis, Whole

IN_SESSION = Parameter(
    name=HEADER,
    where="header",
    schema={"type": "string"},
    description="The claim of a session, signed by its key.",
    required=True,
)
OF_SESSION = (*SIGNED, NOT_FOUND)
SESSION_ID = path_id("session", "A session's id.")


class OwnSession(msgspec.Struct, frozen=True, kw_only=True):
    """One of one's sessions: `seen` is when it was last used, to the minute; `own`: this one."""

    session: Id
    way: str
    created: Millis
    seen: Millis
    expires: Millis
    own: bool


class OwnPasskey(msgspec.Struct, frozen=True, kw_only=True):
    """One of one's passkeys: when it was made, and when it last signed in."""

    passkey: str
    created: Millis
    used: Millis | None


class OwnAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One's living sessions, passkeys, and whether one-time codes are set up."""

    sessions: tuple[OwnSession, ...]
    passkeys: tuple[OwnPasskey, ...]
    codes: bool


class EndedSessions(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions ended."""

    ended: Whole


def routes() -> tuple[BaseRoute, ...]:
    """Make the routes of one's own sessions."""
    return routes_of(own, every, end, end_one, end_others)


async def _enter(request: Request) -> tuple[Accounts, Session]:
    session, _ = await authenticate_session(request, MAX_BODY)
    if session.level < IN:
        raise refusals.SECOND_FACTOR_NEEDED()
    return accounts_of(request), session


@operation(
    "GET",
    "/v1/sign-in/session",
    tag=TAG,
    summary="Show the session that asks",
    parameters=(IN_SESSION,),
    answers=one(SignedIn, "Whose it is, and whether it is in."),
    problems=OF_SESSION,
)
async def own(request: Request) -> Response:
    """Show the session that asks, in or not."""
    session, _ = await authenticate_session(request, MAX_BODY)
    return answer(request, shown_session(accounts_of(request), session))


@operation(
    "GET",
    "/v1/sign-in/sessions",
    tag=TAG,
    summary="Show one's own sessions and passkeys",
    parameters=(IN_SESSION,),
    answers=one(OwnAccount, "Living sessions, the last one used first."),
    problems=OF_SESSION,
)
async def every(request: Request) -> Response:
    """Show what somebody could be signed in by."""
    accounts, session = await _enter(request)
    return answer(request, await to_thread.run_sync(_account, accounts, session))


def _account(accounts: Accounts, session: Session) -> OwnAccount:
    factor = accounts.factors.find(session.subject)
    return OwnAccount(
        sessions=tuple(
            OwnSession(
                session=each.session,
                way=each.way,
                created=each.created,
                seen=each.seen,
                expires=each.expires,
                own=each.session == session.session,
            )
            for each in accounts.sessions.of(session.subject, accounts.now())
        ),
        passkeys=tuple(
            OwnPasskey(passkey=each.credential[:8], created=each.created, used=each.used)
            for each in accounts.passkeys.of(session.subject)
        ),
        codes=factor is not None and factor.confirmed is not None,
    )


@operation(
    "POST",
    "/v1/sign-in/end",
    tag=TAG,
    summary="Sign out",
    parameters=(IN_SESSION,),
    answers=one(EndedSessions, "The session ended."),
    problems=OF_SESSION,
)
async def end(request: Request) -> Response:
    """End the session that asks, in or not."""
    session, _ = await authenticate_session(request, MAX_BODY)
    await to_thread.run_sync(accounts_of(request).end, session, session.session)
    return answer(request, EndedSessions(ended=1))


@operation(
    "DELETE",
    "/v1/sign-in/sessions/{session}",
    tag=TAG,
    summary="End one of one's own sessions",
    parameters=(IN_SESSION, SESSION_ID),
    answers=one(EndedSessions, "It ended."),
    problems=OF_SESSION,
)
async def end_one(request: Request) -> Response:
    """End a session of the same account."""
    accounts, session = await _enter(request)
    named = require_id(request.path_params["session"], "session")
    await to_thread.run_sync(accounts.end, session, named)
    return answer(request, EndedSessions(ended=1))


@operation(
    "POST",
    "/v1/sign-in/sessions/end-others",
    tag=TAG,
    summary="End all other sessions of one's own",
    parameters=(IN_SESSION,),
    answers=one(EndedSessions, "Only this one goes on."),
    problems=OF_SESSION,
)
async def end_others(request: Request) -> Response:
    """End all but the session that asks."""
    accounts, session = await _enter(request)
    ended = await to_thread.run_sync(accounts.end_others, session)
    return answer(request, EndedSessions(ended=ended))
