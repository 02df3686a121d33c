"""Emergencies: break the glass, read the emergency set, review afterwards, choose what opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

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
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    STAFF,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.members.errors import ASKING, HOLDER_ELSEWHERE
from yilian.gateway.organisation import Organisation
from yilian.gateway.practice.emergencies import (
    TRANSACTION_DIFFERS,
    UNKNOWN,
    Asked,
    Found,
    Listed,
)
from yilian.gateway.practice.finality import NO_FINALITY
from yilian.ledger import codec
from yilian.ledger.codec import Binary, Digest, Id, Millis, Name
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.consent.errors import ALREADY_REVIEWED, MAY_NOT_REVIEW
from yilian.ledger.modules.consent.messages import Finding
from yilian.ledger.modules.consent.state import EMERGENCIES
from yilian.ledger.modules.identity.errors import LICENCE_NOT_IN_FORCE
from yilian.ledger.modules.identity.state import SUBJECTS, licensed
from yilian.vault.emergency import REFUSED
from yilian.vault.envelope import EmergencyReason, Names
from yilian.vault.outage import OUTAGE_REFUSED

Words = Annotated[str, msgspec.Meta(min_length=1, max_length=500)]


class EmergencyAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Open a person's emergency set at a holder, by the holder's id or by `system` and `number`.

    `text` says why in words, for the review and for the patient. At most 240 minutes.
    """

    holder: Id
    person: Id | None = None
    system: Words | None = None
    number: Words | None = None
    reason: EmergencyReason
    text: Words
    place: Name | None = None
    minutes: Annotated[int, msgspec.Meta(ge=1, le=240)] = 60


class PreparedEmergency(msgspec.Struct, frozen=True, kw_only=True):
    """What the practitioner signs as `consent.BreakGlass`.

    `finality` is false where the chain takes nothing now: then hand the signed transaction in with
    the reading, and it goes on the chain when that is back.
    """

    access: Id
    terms: Digest
    ends: Millis
    finality: bool


class EmergencyReadRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Read; `transaction` is the signed `consent.BreakGlass` if it is not on the chain yet."""

    transaction: Binary | None = None


class EmergencyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record, exactly as it was written: text, or base64url where it is no UTF-8."""

    record: Id
    encoding: Literal["utf-8", "base64url"]
    content: str


class EmergencyNotRead(msgspec.Struct, frozen=True, kw_only=True):
    """One record that was not released, and why as far as the reader may know."""

    record: Id
    reasons: tuple[str, ...]


class EmergencyReading(msgspec.Struct, frozen=True, kw_only=True):
    """What an emergency opened; nothing, too, for a person whom the holder does not know.

    `alone`: one keeper's share opens the set. `anchored` is false while the chain is away.
    """

    access: Id
    records: tuple[EmergencyRecord, ...]
    refused: tuple[EmergencyNotRead, ...]
    alone: bool
    anchored: bool


class EmergencyAccess(msgspec.Struct, frozen=True, kw_only=True):
    """An access that was made; `person` is the holder's id, `finding` null until the review.

    `review` are the reviewer's words, where they were written here. `outage`: it was made while
    the chain was away; `anchored`: the chain has it by now.
    """

    access: Id
    person: Id
    holder: Id
    organisation: Id
    reader: Id
    reason: EmergencyReason
    text: str
    place: Name | None
    time: Millis
    ends: Millis
    status: Literal["open", "closed", "ended"]
    finding: Finding | None
    reviewer: Id | None
    review: str | None
    anchored: bool
    outage: bool


class EmergencyAccesses(msgspec.Struct, frozen=True, kw_only=True):
    """Accesses, newest first."""

    accesses: tuple[EmergencyAccess, ...]


class ReviewRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Judge an access; `text` says why and stays here, sealed."""

    finding: Finding
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]


class PreparedReview(msgspec.Struct, frozen=True, kw_only=True):
    """What the reviewer signs as `consent.ReviewBreakGlass`."""

    access: Id
    finding: Finding
    reasons: Digest


class EmergencyCategories(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of a person opens in an emergency; without categories nothing does."""

    categories: Names
    sensitivities: Names = ("normal",)


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(
        _prepare(rooms),
        _read(rooms),
        _queue(rooms),
        _review(rooms),
        _of_person(rooms),
        _categories(rooms),
        _set_categories(rooms),
    )


_ACCESS = path_id("access", "The emergency access's id.")
_PERSON = path_id("person", "The person's id here.")


def _prepare(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/emergencies",
        tag="organisations",
        summary="Prepare to break the glass, for a licensed practitioner of the organisation",
        parameters=COMMON,
        body=EmergencyAsked,
        answers=answers(PreparedEmergency, "Sign these as consent.BreakGlass, then read."),
        problems=(
            MALFORMED,
            LICENCE_NOT_IN_FORCE,
            HOLDER_ELSEWHERE,
            *ASKING,
            NO_FINALITY,
            FORBIDDEN,
        ),
    )
    async def prepare(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, "practitioner")
        asked = await body(request, EmergencyAsked)
        made = await to_thread.run_sync(_make, organisation, caller, asked)
        return answer(request, made)

    return prepare


def _make(organisation: Organisation, caller: Caller, asked: EmergencyAsked) -> PreparedEmergency:
    number = None
    if asked.system is not None and asked.number is not None:
        number = (asked.system, asked.number)
    elif asked.system is not None or asked.number is not None:
        raise MALFORMED()
    if (asked.person is None) == (number is None):
        raise MALFORMED()
    own = organisation.emergencies
    opened = own.prepare(
        asked.holder,
        caller.sender,
        Asked(asked.person, number, asked.reason, asked.text, asked.place, asked.minutes),
    )
    return PreparedEmergency(
        access=opened.terms.access,
        terms=opened.commitment,
        ends=opened.terms.ends,
        finality=not own.finality.lost(),
    )


def _read(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/emergencies/{access}/read",
        tag="organisations",
        summary="Read the emergency set, and nothing else; the patient is told",
        parameters=(*COMMON, _ACCESS),
        body=EmergencyReadRequest,
        answers=answers(EmergencyReading, "The records, each checked against the chain."),
        problems=(
            MALFORMED,
            UNKNOWN,
            TRANSACTION_DIFFERS,
            REFUSED,
            OUTAGE_REFUSED,
            NO_FINALITY,
            HOLDER_ELSEWHERE,
            *ASKING,
            FORBIDDEN,
        ),
    )
    async def read(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, "practitioner")
        access = require_id(request.path_params["access"], "access")
        asked = EmergencyReadRequest()
        if await request.body():
            asked = await body(request, EmergencyReadRequest)
        raw = None if asked.transaction is None else codec.to_bytes(asked.transaction)
        own = organisation.emergencies
        opened = await to_thread.run_sync(own.prepared, access, caller.sender)
        found = await to_thread.run_sync(own.read, opened, raw)
        return answer(request, _reading(access, found))

    return read


def _reading(access: str, found: Found) -> EmergencyReading:
    return EmergencyReading(
        access=access,
        records=tuple(_record(name, content) for name, content in found.contents.items()),
        refused=tuple(
            EmergencyNotRead(record=each.record, reasons=each.reasons) for each in found.refused
        ),
        alone=found.alone,
        anchored=found.anchored,
    )


def _record(name: str, content: bytes) -> EmergencyRecord:
    try:
        return EmergencyRecord(record=name, encoding="utf-8", content=content.decode("utf-8"))
    except UnicodeDecodeError:
        return EmergencyRecord(record=name, encoding="base64url", content=codec.to_text(content))


def _queue(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/emergencies",
        tag="organisations",
        summary="List emergency accesses for review: by our staff, and to our patients",
        parameters=COMMON,
        answers=answers(
            EmergencyAccesses,
            "Newest first, with their findings; a practitioner sees those of the own staff.",
        ),
        problems=(LICENCE_NOT_IN_FORCE, FORBIDDEN),
    )
    async def queue(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        _require_licence(organisation, caller)
        return answer(request, await to_thread.run_sync(_list, organisation, caller))

    return queue


def _require_licence(organisation: Organisation, caller: Caller) -> None:
    engine = organisation.engine
    if caller.subject.kind == "practitioner" and not licensed(
        engine.state(), caller.sender, engine.now()
    ):
        raise LICENCE_NOT_IN_FORCE()


def _list(organisation: Organisation, caller: Caller) -> EmergencyAccesses:
    found = organisation.emergencies.accesses("reader")
    if caller.subject.kind in OPERATORS:
        known = {each.entry.opened.terms.access for each in found}
        others = organisation.emergencies.accesses("holder")
        found += [each for each in others if each.entry.opened.terms.access not in known]
        found.sort(key=lambda each: (-each.entry.time, each.entry.opened.terms.access))
    return EmergencyAccesses(accesses=tuple(_shown(each) for each in found))


def _shown(each: Listed) -> EmergencyAccess:
    terms = each.entry.opened.terms
    return EmergencyAccess(
        access=terms.access,
        person=terms.patient,
        holder=terms.holder,
        organisation=terms.organisation,
        reader=terms.reader,
        reason=terms.reason,
        text=terms.text,
        place=terms.place,
        time=each.entry.time,
        ends=each.ends,
        status=each.status,
        finding=each.finding,
        reviewer=each.reviewer,
        review=each.review,
        anchored=each.anchored,
        outage=each.outage,
    )


def _review(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/emergencies/{access}/review",
        tag="organisations",
        summary="Write why an emergency access was justified or not; never by its reader",
        parameters=(*COMMON, _ACCESS),
        body=ReviewRequest,
        answers=answers(PreparedReview, "Sign these as consent.ReviewBreakGlass."),
        problems=(
            MALFORMED,
            UNKNOWN,
            MAY_NOT_REVIEW,
            ALREADY_REVIEWED,
            LICENCE_NOT_IN_FORCE,
            FORBIDDEN,
        ),
    )
    async def review(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        _require_licence(organisation, caller)
        access = require_id(request.path_params["access"], "access")
        asked = await body(request, ReviewRequest)
        found = EMERGENCIES.get(organisation.engine.state(), access)
        if found is None or found.organisation != organisation.id:
            raise UNKNOWN()
        if found.reader == caller.sender:
            raise MAY_NOT_REVIEW(id=access)
        if found.finding is not None:
            raise ALREADY_REVIEWED(id=access)
        write = organisation.emergencies.write_review
        reasons = await to_thread.run_sync(write, access, asked.text)
        made = PreparedReview(access=access, finding=asked.finding, reasons=reasons)
        return answer(request, made)

    return review


def _of_person(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/emergencies",
        tag="organisations",
        summary="List the emergency accesses to a person's records here, with their findings",
        parameters=(*COMMON, _PERSON),
        answers=answers(EmergencyAccesses, "Newest first: who, where from, why, until when."),
        problems=(FORBIDDEN,),
    )
    async def of_person(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS, power="read")
        found = await to_thread.run_sync(organisation.emergencies.accesses, "holder", person)
        return answer(request, EmergencyAccesses(accesses=tuple(_shown(each) for each in found)))

    return of_person


def _categories(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/emergency-categories",
        tag="organisations",
        summary="Say what of a person opens in an emergency",
        parameters=(*COMMON, _PERSON),
        answers=answers(EmergencyCategories, "Without categories nothing opens."),
        problems=(FORBIDDEN,),
    )
    async def categories(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS, power="read")
        found = await to_thread.run_sync(organisation.emergencies.categories, person)
        made = EmergencyCategories(categories=found.categories, sensitivities=found.sensitivities)
        return answer(request, made)

    return categories


def _set_categories(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "PUT",
        "/v1/organisations/{organisation}/persons/{person}/emergency-categories",
        tag="organisations",
        summary="Widen, narrow or close what of a person opens in an emergency",
        parameters=(*COMMON, _PERSON),
        body=EmergencyCategories,
        answers=answers(EmergencyCategories, "What opens from now on."),
        problems=(MALFORMED, FORBIDDEN),
    )
    async def set_categories(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, caller = await rooms.enter_for(request, person, *OPERATORS, power="change")
        require_custody(organisation, caller, person)
        asked = await body(request, EmergencyCategories)
        found = await to_thread.run_sync(
            organisation.emergencies.set_categories, person, asked.categories, asked.sensitivities
        )
        made = EmergencyCategories(categories=found.categories, sensitivities=found.sensitivities)
        return answer(request, made)

    return set_categories


def require_custody(organisation: Organisation, caller: Caller, person: str) -> None:
    """Refuse the organisation's programs for a person who holds a key of their own."""
    subject = SUBJECTS.require(organisation.engine.state(), person)
    if caller.subject.kind in OPERATORS and not subject.custody:
        raise FORBIDDEN()
