"""Invitations to sign in: made, listed and revoked by the organisation; and accounts closed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.auth import errors as refusals
from yilian.gateway.auth.accounts import accounts_of
from yilian.gateway.auth.database import Invitation
from yilian.gateway.auth.invitations import LEAST_MINUTES, MOST_MINUTES
from yilian.gateway.auth.qr import QrCode, qr_code
from yilian.gateway.errors import FORBIDDEN, NOT_FOUND
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.ledger.codec import Id, Millis
from yilian.ledger.errors import MALFORMED

ROOT = "/v1/organisations/{organisation}/invitations"
INVITATION = path_id("invitation", "The invitation's id.")
SUBJECT = path_id("subject", "The id of somebody of the organisation.")


class NewInvitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Invite `subject` to sign in, for `minutes` (a day without).

    `language` is that of the page that the link opens. `renews`: who joins by it starts anew, and
    all passkeys, one-time codes and sessions from before end then: for a lost device.
    """

    subject: Id
    minutes: Annotated[int, msgspec.Meta(ge=LEAST_MINUTES, le=MOST_MINUTES)] = 1440
    language: Literal["en", "zh-CN"] = "zh-CN"
    renews: bool = False


class ShownInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation without its code; times in ms."""

    invitation: Id
    subject: Id
    by: Id
    renews: bool
    created: Millis
    expires: Millis
    used: Millis | None
    revoked: Millis | None


class IssuedInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """A new invitation; `link` holds its code, as does `qr`, and is told only this once."""

    invitation: ShownInvitation
    link: str
    qr: QrCode


class InvitationList(msgspec.Struct, frozen=True, kw_only=True):
    """The newest invitations, those that ended too."""

    invitations: tuple[ShownInvitation, ...]


class ClosedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody can sign in as `subject` until they are invited anew."""

    subject: Id


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_issue(rooms), _list(rooms), _revoke(rooms), _close(rooms))


def _issue(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        ROOT,
        tag="organisations",
        summary="Invite somebody of the organisation to sign in",
        parameters=COMMON,
        body=NewInvitation,
        answers=answers(IssuedInvitation, "Give the link to that person and to nobody else."),
        problems=(
            MALFORMED,
            FORBIDDEN,
            NOT_FOUND,
            refusals.NOT_TO_BE_INVITED,
            refusals.TOO_MANY,
        ),
    )
    async def issue(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *OPERATORS)
        asked = await body(request, NewInvitation)
        accounts = accounts_of(request)
        origin = accounts.site(request).origin

        def run() -> IssuedInvitation:
            made = accounts.invite(
                organisation.id, asked.subject, caller.sender, asked.minutes, renews=asked.renews
            )
            link = f"{origin}/{asked.language}/join#{made.code}"
            return IssuedInvitation(invitation=_shown(made.invitation), link=link, qr=qr_code(link))

        return answer(request, await to_thread.run_sync(run))

    return issue


def _list(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOT,
        tag="organisations",
        summary="List the newest invitations to sign in, without their codes",
        parameters=COMMON,
        answers=answers(InvitationList, "The newest first."),
        problems=(FORBIDDEN, NOT_FOUND),
    )
    async def every(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        found = await to_thread.run_sync(accounts_of(request).invitations.of, organisation.id)
        return answer(request, InvitationList(invitations=tuple(map(_shown, found))))

    return every


def _revoke(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "DELETE",
        ROOT + "/{invitation}",
        tag="organisations",
        summary="Take an invitation back",
        parameters=(*COMMON, INVITATION),
        answers=answers(ShownInvitation, "It lets nobody in any more; again is fine."),
        problems=(
            FORBIDDEN,
            NOT_FOUND,
            refusals.INVITATION_UNKNOWN,
            refusals.INVITATION_USED,
        ),
    )
    async def revoke(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        named = require_id(request.path_params["invitation"], "invitation")
        accounts = accounts_of(request)
        found = await to_thread.run_sync(
            accounts.invitations.revoke, organisation.id, named, accounts.now()
        )
        return answer(request, _shown(found))

    return revoke


def _close(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "DELETE",
        "/v1/organisations/{organisation}/accounts/{subject}",
        tag="organisations",
        summary="End all that somebody of the organisation could sign in by",
        parameters=(*COMMON, SUBJECT),
        answers=answers(ClosedAccount, "Passkeys, one-time codes, sessions, invitations ended."),
        problems=(FORBIDDEN, NOT_FOUND),
    )
    async def close(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        named = require_id(request.path_params["subject"], "subject")
        await to_thread.run_sync(accounts_of(request).close_account, organisation.id, named)
        return answer(request, ClosedAccount(subject=named))

    return close


def _shown(invitation: Invitation) -> ShownInvitation:
    return ShownInvitation(
        invitation=invitation.invitation,
        subject=invitation.subject,
        by=invitation.by,
        renews=bool(invitation.renews),
        created=invitation.created,
        expires=invitation.expires,
        used=invitation.used,
        revoked=invitation.revoked,
    )
