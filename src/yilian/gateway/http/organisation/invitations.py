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
from yilian.gateway.auth.accounts import Accounts, accounts_of
from yilian.gateway.auth.database import Invitation
from yilian.gateway.auth.invitations import LEAST_MINUTES, MOST_MINUTES, Issued
from yilian.gateway.auth.newcomers import Newcomer
from yilian.gateway.auth.qr import QrCode, qr_code
from yilian.gateway.errors import FORBIDDEN, NOT_FOUND
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.desk import Text
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.organisation import Organisation
from yilian.ledger.codec import Id, Millis, Name
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.identity.errors import ALREADY_ENROLLED
from yilian.vault.errors import NUMBER_REFUSED

ROOT = "/v1/organisations/{organisation}/invitations"
INVITATION = path_id("invitation", "The invitation's id.")
SUBJECT = path_id("subject", "The id of somebody of the organisation.")


class NewPractitioner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A practitioner who gets a key on the chain at joining: their staff number, name and role."""

    number: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    name: Text
    role: Name


class NewInvitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Invite `subject`, or a `newcomer` who is not on the chain yet, for `minutes` (a day without).

    `language` is that of the page that the link opens. `renews`: who joins by it starts anew, and
    all passkeys, one-time codes and sessions from before end then: for a lost device.
    """

    subject: Id | None = None
    newcomer: NewPractitioner | None = None
    minutes: Annotated[int, msgspec.Meta(ge=LEAST_MINUTES, le=MOST_MINUTES)] = 1440
    language: Literal["en", "zh-CN"] = "zh-CN"
    renews: bool = False


class ShownInvitation(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation without its code; times in ms. `name` is that of a newcomer."""

    invitation: Id
    subject: Id
    name: str | None
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
            NUMBER_REFUSED,
            ALREADY_ENROLLED,
        ),
    )
    async def issue(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *OPERATORS)
        asked = await body(request, NewInvitation)
        accounts = accounts_of(request)
        origin = accounts.site(request).origin

        def run() -> IssuedInvitation:
            made = _issued(accounts, organisation, caller.sender, asked)
            link = f"{origin}/{asked.language}/join#{made.code}"
            shown = _shown(accounts, made.invitation)
            return IssuedInvitation(invitation=shown, link=link, qr=qr_code(link))

        return answer(request, await to_thread.run_sync(run))

    return issue


def _issued(
    accounts: Accounts, organisation: Organisation, by: str, asked: NewInvitation
) -> Issued:
    if asked.newcomer is None and asked.subject is not None:
        return accounts.invite(
            organisation.id, asked.subject, by, asked.minutes, renews=asked.renews
        )
    if asked.newcomer is None or asked.subject is not None or asked.renews:
        raise MALFORMED()
    newcomer = Newcomer(
        name=asked.newcomer.name,
        role=asked.newcomer.role,
        language=asked.language,
        tag=organisation.desks.staff_tag(asked.newcomer.number),
    )
    return accounts.invite_newcomer(organisation.id, newcomer, by, asked.minutes)


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
        accounts = accounts_of(request)

        def run() -> InvitationList:
            found = accounts.invitations.of(organisation.id)
            return InvitationList(invitations=tuple(_shown(accounts, each) for each in found))

        return answer(request, await to_thread.run_sync(run))

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
        return answer(request, await to_thread.run_sync(_shown, accounts, found))

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


def _shown(accounts: Accounts, invitation: Invitation) -> ShownInvitation:
    newcomer = accounts.newcomers.find(invitation)
    return ShownInvitation(
        invitation=invitation.invitation,
        subject=invitation.subject,
        name=None if newcomer is None else newcomer.name,
        by=invitation.by,
        renews=bool(invitation.renews),
        created=invitation.created,
        expires=invitation.expires,
        used=invitation.used,
        revoked=invitation.revoked,
    )
