"""One-time sharing: a person's SMART Health Links made, listed and taken back."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
from yilian.gateway.auth import Caller
from yilian.gateway.auth.accounts import accounts_of
from yilian.gateway.auth.qr import QrCode, qr_code
from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.asking import query, require_id
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
from yilian.gateway.links import errors
from yilian.gateway.links.health_links import (
    DAY_MINUTES,
    MAX_MINUTES,
    MAX_OPENINGS,
    MAX_RECORDS,
    Asked,
    HealthLinks,
    Made,
    Place,
    Shown,
)
from yilian.gateway.links.payload import MAX_LABEL
from yilian.gateway.organisation import Organisation
from yilian.gateway.practice import timelines
from yilian.ledger.codec import Id, Millis, Name, Whole
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.consent.messages import Power
from yilian.ledger.modules.identity.state import SUBJECTS
from yilian.text import negotiate

BASE = "/v1/organisations/{organisation}/persons/{person}/health-links"
PERSON = path_id("person", "The person's id here.")
LINK = path_id("link", "The link's id.")
LOOKING: tuple[Power, ...] = ("grant", "read", "revoke")
ENDING: tuple[Power, ...] = ("grant", "revoke")
State = Literal["erased", "expired", "guessed", "restored", "revoked", "standing", "used"]
Some = Annotated[tuple[Name, ...], msgspec.Meta(max_length=64)]


class HealthLinkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What to share, and how. Nothing is shared but what `categories` and `records` name.

    Of `categories` only records whose sensitivity is named are in it. `openings`: how often it may
    be opened. `direct`: its address gives the one file itself (flag `U`); not with a passcode.
    """

    categories: Some = ()
    sensitivities: Some = ("normal",)
    records: Annotated[tuple[Id, ...], msgspec.Meta(max_length=MAX_RECORDS)] = ()
    label: Annotated[str, msgspec.Meta(max_length=MAX_LABEL)] = ""
    minutes: Annotated[int, msgspec.Meta(ge=1, le=MAX_MINUTES)] = DAY_MINUTES
    passcode: Annotated[str, msgspec.Meta(min_length=4, max_length=64)] | None = None
    openings: Annotated[int, msgspec.Meta(ge=1, le=MAX_OPENINGS)] = 1
    direct: bool = False

    def __repr__(self) -> str:
        return "<HealthLinkRequest>"


class HealthLinkOpening(msgspec.Struct, frozen=True, kw_only=True):
    """An opening. `recipient_unverified` is what the recipient said of themself."""

    opening: Id
    time: Millis
    recipient_unverified: str | None


class HealthLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link as it stands, without its key, which nobody has but who was given the link.

    `label`, `direct` and `records` are empty once a record in it was erased. `session` of a
    disclosure is the link's id.
    """

    link: Id
    state: State
    label: str
    by: Id | None
    made: Millis
    expires: Millis
    ended: Millis | None
    passcode: bool
    direct: bool
    allowed: Whole
    left: Whole
    failures: Whole
    last_opened: Millis | None
    records: tuple[Id, ...]
    openings: tuple[HealthLinkOpening, ...]


class MadeHealthLink(msgspec.Struct, frozen=True, kw_only=True):
    """A new link. `shlink` and `viewer` hold its key and are told this once.

    `left_out`: how many records of the categories were left out for their sensitivity.
    """

    health_link: HealthLink
    shlink: str
    viewer: str
    qr: QrCode
    left_out: Whole


class HealthLinkList(msgspec.Struct, frozen=True, kw_only=True):
    """A person's links, the newest first."""

    person: Id
    health_links: tuple[HealthLink, ...]


_MAKING = (
    MALFORMED,
    errors.NOTHING_CHOSEN,
    errors.NOTHING_TO_SHARE,
    errors.RECORD_NOT_OPEN,
    errors.TOO_MANY_RECORDS,
    errors.TOO_LARGE,
    errors.DIRECT_WITH_PASSCODE,
    errors.TOO_MANY,
    errors.ADDRESS_TOO_LONG,
    FORBIDDEN,
)


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_make(rooms), _all(rooms), _one(rooms), _revoke(rooms))


def _make(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        BASE,
        tag="organisations",
        summary="Share chosen records once, as a SMART Health Link",
        parameters=(*COMMON, PERSON),
        body=HealthLinkRequest,
        answers=answers(MadeHealthLink, "The link, told this once; reading was journalled."),
        problems=_MAKING,
    )
    async def make(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, caller = await rooms.enter_for(request, person, *OPERATORS, power="grant")
        query(request)
        noting(subjects=(person,), purpose="patient-request")
        asked = _asked(await body(request, HealthLinkRequest))
        reader = _reader(organisation, caller, person)
        language = negotiate(request.headers.get("accept-language"))
        place = Place(accounts_of(request).site(request).origin, language)
        made = await to_thread.run_sync(
            HealthLinks(organisation).make, person, reader, asked, place
        )
        noting(records=made.shown.records)
        return answer(request, _made(made))

    return make


def _asked(given: HealthLinkRequest) -> Asked:
    label = unicodedata.normalize("NFC", given.label).strip()
    if label and not label.isprintable():
        raise MALFORMED()
    return Asked(
        categories=given.categories,
        sensitivities=given.sensitivities,
        records=given.records,
        label=label,
        minutes=given.minutes,
        passcode=given.passcode,
        openings=given.openings,
        direct=given.direct,
    )


def _reader(organisation: Organisation, caller: Caller, person: str) -> timelines.Reader:
    """Say as who the caller shares; a program does so for a person in custody alone."""
    if caller.subject.kind in OPERATORS:
        noting(on_behalf_of=person)
        if not SUBJECTS.require(organisation.engine.state(), person).custody:
            raise FORBIDDEN()
    return timelines.reader(organisation, caller.sender, person, "export")


def _made(made: Made) -> MadeHealthLink:
    return MadeHealthLink(
        health_link=_shown(made.shown),
        shlink=made.link,
        viewer=made.viewer,
        qr=qr_code(made.viewer),
        left_out=made.left_out,
    )


def _shown(shown: Shown) -> HealthLink:
    row, facts = shown.row, shown.facts
    return HealthLink(
        link=row.link,
        state=shown.state,  # type: ignore[arg-type]
        label="" if facts is None else facts.label,
        by=None if facts is None else facts.by,
        made=row.made,
        expires=row.expires,
        ended=row.ended,
        passcode=facts is not None and facts.passcode is not None,
        direct=facts is not None and facts.flag == "U",
        allowed=row.allowed,
        left=0 if row.ended is not None else row.allowed - row.opened,
        failures=row.failures,
        last_opened=row.last,
        records=shown.records,
        openings=tuple(
            HealthLinkOpening(
                opening=each.opening, time=each.time, recipient_unverified=each.recipient
            )
            for each in shown.openings
        ),
    )


def _all(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        BASE,
        tag="organisations",
        summary="List a person's SMART Health Links, and who said to have opened them",
        parameters=(*COMMON, PERSON),
        answers=answers(HealthLinkList, "The newest first; none of them with its key."),
        problems=(FORBIDDEN,),
    )
    async def listed(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS, power=LOOKING)
        query(request)
        found = await to_thread.run_sync(HealthLinks(organisation).of, person)
        links = tuple(map(_shown, found))
        return answer(request, HealthLinkList(person=person, health_links=links))

    return listed


def _one(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        BASE + "/{link}",
        tag="organisations",
        summary="Show where a SMART Health Link stands",
        parameters=(*COMMON, PERSON, LINK),
        answers=answers(HealthLink, "The link, without its key."),
        problems=(errors.UNKNOWN, FORBIDDEN),
    )
    async def shown(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS, power=LOOKING)
        query(request)
        link = require_id(request.path_params["link"], "link")
        found = await to_thread.run_sync(HealthLinks(organisation).get, person, link)
        return answer(request, _shown(found))

    return shown


def _revoke(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "DELETE",
        BASE + "/{link}",
        tag="organisations",
        summary="Take a SMART Health Link back, at once",
        parameters=(*COMMON, PERSON, LINK),
        answers=answers(HealthLink, "It opens nothing any more."),
        problems=(errors.UNKNOWN, FORBIDDEN),
    )
    async def revoke(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS, power=ENDING)
        query(request)
        link = require_id(request.path_params["link"], "link")
        found = await to_thread.run_sync(HealthLinks(organisation).revoke, person, link)
        return answer(request, _shown(found))

    return revoke
