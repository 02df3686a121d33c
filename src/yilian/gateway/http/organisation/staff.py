"""The staff directory, and consent of people without a device, given before two of the staff."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.auth import authenticate
from yilian.gateway.errors import FORBIDDEN, NOT_FOUND
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.desk import PERSON, Language, Text
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    STAFF,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.organisation import Organisation
from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis, Name, Whole
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.identity.state import licensed, standing
from yilian.ledger.modules.records.state import ANCHORS
from yilian.vault.desk import PERSON_UNKNOWN, STAFF_UNKNOWN
from yilian.vault.desk_formats import Staff
from yilian.vault.witness import WITNESSES_NOT_TWO, Method, Witnessed

PRACTITIONER = path_id("practitioner", "The practitioner's id here.")


class StaffEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who a practitioner is here: name, role, and the ids of the teams; `language` of notices."""

    name: Text
    role: Name
    teams: Annotated[tuple[Id, ...], msgspec.Meta(max_length=64)] = ()
    language: Language = "zh-CN"


class StaffMember(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the staff directory."""

    practitioner: Id
    name: str
    role: Name
    teams: tuple[Id, ...]


class StaffDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """Who works here, by id."""

    staff: tuple[StaffMember, ...]


class DirectoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who practises at an organisation, as it publishes them."""

    practitioner: Id
    name: str
    role: Name


class Directory(msgspec.Struct, frozen=True, kw_only=True):
    """Who practises at an organisation now, by name."""

    practitioners: tuple[DirectoryLine, ...]


class NewEvidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A person agreed to a grant's terms before two members of staff.

    `terms` is the commitment of those terms, `language` the one spoken (BCP 47), `statement` what
    was said, and `scan` the SHA-256 of a signed form's picture.
    """

    terms: Digest
    witnesses: tuple[Id, Id]
    method: Method
    language: Annotated[str, msgspec.Meta(max_length=35)]
    statement: Annotated[str, msgspec.Meta(min_length=1, max_length=8000)]
    scan: Digest | None = None


class MadeEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence that is kept, and the block that has its commitment."""

    evidence: Id
    commitment: Digest
    transaction: str
    height: Whole


class ShownEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """Evidence in full with the salt that opens its commitment; `anchored`: the chain has it."""

    evidence: Id
    terms: Digest
    witnesses: tuple[Id, ...]
    method: Method
    language: str
    statement: str
    scan: Digest | None
    time: Millis
    salt: Digest
    commitment: Digest
    anchored: bool


class PersonEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a person agreed to before witnesses, oldest first."""

    person: Id
    evidence: tuple[ShownEvidence, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(
        _put(rooms), _list(rooms), _directory(rooms), _witness(rooms), _evidence(rooms)
    )


def _put(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "PUT",
        "/v1/organisations/{organisation}/staff/{practitioner}",
        tag="organisations",
        summary="Keep or replace a practitioner's line in the staff directory",
        parameters=(*COMMON, PRACTITIONER),
        body=StaffEntry,
        answers=answers(StaffMember, "The line as it is kept."),
        problems=(MALFORMED, STAFF_UNKNOWN, FORBIDDEN),
    )
    async def put(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        practitioner = require_id(request.path_params["practitioner"], "practitioner")
        asked = await body(request, StaffEntry)
        staff = Staff(
            practitioner=practitioner,
            name=asked.name,
            role=asked.role,
            teams=tuple(sorted(set(asked.teams))),
        )
        await to_thread.run_sync(organisation.desks.put_staff, staff, asked.language)
        return answer(request, _line(staff))

    return put


def _list(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/staff",
        tag="organisations",
        summary="List the staff directory",
        parameters=COMMON,
        answers=answers(StaffDirectory, "By practitioner id."),
        problems=(FORBIDDEN,),
    )
    async def directory(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *STAFF)
        found = await to_thread.run_sync(organisation.vault.desk.all_staff)
        return answer(request, StaffDirectory(staff=tuple(map(_line, found))))

    return directory


def _directory(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/directory",
        tag="organisations",
        summary="List who practises here, for anybody who signed in at this node",
        parameters=COMMON,
        answers=answers(Directory, "Names and roles of practitioners with a licence in force."),
        problems=(NOT_FOUND,),
    )
    async def directory(request: Request) -> Response:
        await authenticate(request)
        organisation = rooms.find(request.path_params["organisation"])
        return answer(request, await to_thread.run_sync(_practising, organisation))

    return directory


def _practising(organisation: Organisation) -> Directory:
    state, now = organisation.engine.state(), organisation.engine.now()
    found = (
        each
        for each in organisation.vault.desk.all_staff()
        if standing(state, each.practitioner) is not None
        and licensed(state, each.practitioner, now)
    )
    lines = (
        DirectoryLine(practitioner=each.practitioner, name=each.name, role=each.role)
        for each in found
    )
    return Directory(
        practitioners=tuple(sorted(lines, key=lambda each: (each.name, each.practitioner)))
    )


def _line(staff: Staff) -> StaffMember:
    return StaffMember(
        practitioner=staff.practitioner, name=staff.name, role=staff.role, teams=staff.teams
    )


def _witness(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/persons/{person}/witnessed-consents",
        tag="organisations",
        summary="Keep that a person without a device agreed before two witnesses",
        parameters=(*COMMON, PERSON),
        body=NewEvidence,
        answers=answers(MadeEvidence, "The evidence's commitment is on the chain."),
        problems=(MALFORMED, PERSON_UNKNOWN, STAFF_UNKNOWN, WITNESSES_NOT_TWO, FORBIDDEN),
    )
    async def witness(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        person = require_id(request.path_params["person"], "person")
        asked = await body(request, NewEvidence)
        made = await to_thread.run_sync(
            organisation.desks.witness,
            person,
            asked.terms,
            asked.witnesses,
            asked.method,
            asked.language,
            asked.statement,
            asked.scan,
        )
        kept = MadeEvidence(
            evidence=made.witnessed.evidence.evidence,
            commitment=made.witnessed.commitment,
            transaction=made.outcome.hash,
            height=made.outcome.height,
        )
        return answer(request, kept)

    return witness


def _evidence(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/witnessed-consents",
        tag="organisations",
        summary="Show what a person agreed to before witnesses, for review",
        parameters=(*COMMON, PERSON),
        answers=answers(PersonEvidence, "Each with what opens its commitment."),
        problems=(FORBIDDEN,),
    )
    async def evidence(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS, power="read")
        found = await to_thread.run_sync(organisation.vault.desk.witnessing.of, person)
        shown = tuple(_shown(organisation, each) for each in found)
        return answer(request, PersonEvidence(person=person, evidence=shown))

    return evidence


def _shown(organisation: Organisation, witnessed: Witnessed) -> ShownEvidence:
    kept = witnessed.evidence
    anchor = ANCHORS.get(organisation.engine.state(), kept.evidence)
    return ShownEvidence(
        evidence=kept.evidence,
        terms=kept.terms,
        witnesses=kept.witnesses,
        method=kept.method,
        language=kept.language,
        statement=kept.statement,
        scan=kept.scan,
        time=kept.time,
        salt=codec.to_text(witnessed.salt),
        commitment=witnessed.commitment,
        anchored=anchor is not None and anchor.commitment == witnessed.commitment,
    )
