"""Notices: where they go, the inbox of a person or practitioner, and the proof of being told.

A person's are open to the person, to a custodian with the power, and to the organisation; those of
a practitioner to the practitioner and the organisation. Only whose inbox it is says "read".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.auth import Caller
from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.desk import PERSON, Addresses, Language
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    STAFF,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.http.organisation.staff import PRACTITIONER
from yilian.gateway.organisation import Organisation
from yilian.gateway.practice import notices
from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis, Name
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.consent.messages import Power
from yilian.vault.desk import PERSON_UNKNOWN
from yilian.vault.notice_history import NoticeProof
from yilian.vault.outbox import NOTICE_UNKNOWN

NOTICE = path_id("notice", "The notice's id.")
ROOM = "/v1/organisations/{organisation}"
Enter = Callable[..., Any]


class ContactsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say where notices go from now on, and in which language; the inbox is always one."""

    contacts: Addresses
    language: Language | None = None


class KeptContacts(msgspec.Struct, frozen=True, kw_only=True):
    """Contacts that are kept; `webhook_secret` signs what is posted, for the subscriber alone."""

    id: Id
    webhook_secret: Digest | None


class ShownDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """Where a notice stands in one channel: `waiting`, `delivered` or `given_up`, since (ms)."""

    channel: Name
    state: Name
    changed: Millis


class ShownNotice(msgspec.Struct, frozen=True, kw_only=True):
    """A notice in the reader's language; `at` and `read` in ms."""

    notice: Id
    kind: Name
    parameters: dict[str, str | int]
    title: str
    body: str
    at: Millis
    read: Millis | None
    deliveries: tuple[ShownDelivery, ...]


class InboxContent(msgspec.Struct, frozen=True, kw_only=True):
    """The newest notices, the newest first."""

    id: Id
    notices: tuple[ShownNotice, ...]


class NoticeRead(msgspec.Struct, frozen=True, kw_only=True):
    """When (ms) a notice was first read."""

    notice: Id
    read: Millis


class NoticeProofs(msgspec.Struct, frozen=True, kw_only=True):
    """The steps of a notice that the chain has, each with its path to a batch's root."""

    notice: Id
    proofs: tuple[NoticeProof, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes: of a person, and the same of a practitioner."""
    return routes_of(
        *(
            make(place, enter)
            for place, enter in ((_OF_PERSON, _person(rooms)), (_OF_STAFF, _practitioner(rooms)))
            for make in (_contacts, _inbox, _read, _proofs)
        )
    )


_OF_PERSON = ("persons/{person}", PERSON, "a person")
_OF_STAFF = ("staff/{practitioner}", PRACTITIONER, "a practitioner")
Place = tuple[str, Any, str]


def _person(rooms: Rooms) -> Enter:
    """Let in the person, a custodian with the power, and, where they may, the organisation."""

    async def enter(
        request: Request, power: Power, *kinds: str
    ) -> tuple[Organisation, Caller, str]:
        person = request.path_params["person"]
        organisation, caller = await rooms.enter_for(request, person, *kinds, power=power)
        return organisation, caller, person

    return enter


def _practitioner(rooms: Rooms) -> Enter:
    """Let in the practitioner, and, where they may, the organisation."""

    async def enter(
        request: Request, power: Power, *kinds: str
    ) -> tuple[Organisation, Caller, str]:
        practitioner = require_id(request.path_params["practitioner"], "practitioner")
        organisation, caller = await rooms.enter(request, *STAFF)
        if caller.sender != practitioner and caller.subject.kind not in kinds:
            raise FORBIDDEN()
        return organisation, caller, practitioner

    return enter


def _contacts(place: Place, enter: Enter) -> Callable[[Request], Any]:
    at, parameter, whose = place

    @operation(
        "PUT",
        f"{ROOM}/{at}/contacts",
        tag="organisations",
        summary=f"Say where the notices of {whose} go",
        parameters=(*COMMON, parameter),
        body=ContactsRequest,
        answers=answers(KeptContacts, "They count for every notice from now on."),
        problems=(MALFORMED, PERSON_UNKNOWN, FORBIDDEN),
    )
    async def contacts(request: Request) -> Response:
        organisation, caller, name = await enter(request, "change", *OPERATORS)
        asked = await body(request, ContactsRequest)
        secret = await to_thread.run_sync(
            organisation.desks.set_contacts, name, asked.contacts.contacts(), asked.language
        )
        shown = codec.to_text(secret) if secret is not None and caller.sender == name else None
        return answer(request, KeptContacts(id=name, webhook_secret=shown))

    return contacts


def _inbox(place: Place, enter: Enter) -> Callable[[Request], Any]:
    at, parameter, whose = place

    @operation(
        "GET",
        f"{ROOM}/{at}/notices",
        tag="organisations",
        summary=f"List the newest notices of {whose}",
        parameters=(*COMMON, parameter),
        answers=answers(InboxContent, "At most 100, the newest first."),
        problems=(FORBIDDEN,),
    )
    async def inbox(request: Request) -> Response:
        organisation, _, name = await enter(request, "read", *OPERATORS)
        found = await to_thread.run_sync(notices.inbox, organisation, name)
        return answer(request, InboxContent(id=name, notices=tuple(map(_shown, found))))

    return inbox


def _read(place: Place, enter: Enter) -> Callable[[Request], Any]:
    at, parameter, whose = place

    @operation(
        "POST",
        f"{ROOM}/{at}/notices/{{notice}}/read",
        tag="organisations",
        summary=f"Record that a notice of {whose} was read",
        parameters=(*COMMON, parameter, NOTICE),
        answers=answers(NoticeRead, "When it was first read."),
        problems=(NOTICE_UNKNOWN, FORBIDDEN),
    )
    async def read(request: Request) -> Response:
        organisation, _, name = await enter(request, "read")
        notice = require_id(request.path_params["notice"], "notice")
        outbox = organisation.vault.outbox
        await to_thread.run_sync(outbox.read, notice, name)
        found = await to_thread.run_sync(outbox.notice, notice)
        return answer(request, NoticeRead(notice=notice, read=found.read or found.at))

    return read


def _proofs(place: Place, enter: Enter) -> Callable[[Request], Any]:
    at, parameter, whose = place

    @operation(
        "GET",
        f"{ROOM}/{at}/notices/{{notice}}/proofs",
        tag="organisations",
        summary=f"Prove the steps of a notice of {whose}: queued, delivered, read",
        parameters=(*COMMON, parameter, NOTICE),
        answers=answers(NoticeProofs, "Hold each against the root of its batch on the chain."),
        problems=(NOTICE_UNKNOWN, FORBIDDEN),
    )
    async def proofs(request: Request) -> Response:
        organisation, _, name = await enter(request, "read", *OPERATORS)
        notice = require_id(request.path_params["notice"], "notice")
        found = await to_thread.run_sync(notices.proofs, organisation, name, notice)
        return answer(request, NoticeProofs(notice=notice, proofs=tuple(found)))

    return proofs


def _shown(shown: notices.Shown) -> ShownNotice:
    notice = shown.notice
    return ShownNotice(
        notice=notice.notice,
        kind=notice.kind,
        parameters=notice.parameters,
        title=shown.title,
        body=shown.body,
        at=notice.at,
        read=notice.read,
        deliveries=tuple(
            ShownDelivery(channel=each.channel, state=each.state, changed=each.changed)
            for each in shown.deliveries
        ),
    )
