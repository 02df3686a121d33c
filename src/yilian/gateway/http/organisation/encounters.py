"""Encounters and referrals: who treats a person, opened, answered and ended.

The organisation itself and its agents have the agent sign; a practitioner is given what to sign
with a key of their own (`care.OpenEncounter`, `care.Refer`, `care.AcceptReferral`) and stands in
the team.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
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
from yilian.gateway.members.errors import ELSEWHERE
from yilian.gateway.organisation import Organisation
from yilian.gateway.practice.care import (
    OTHER_PERSON,
    PERSON_ELSEWHERE,
    TEAM_ELSEWHERE,
    TERMS_NEEDED,
    Attended,
    Care,
    Made,
    Opened,
    Relation,
)
from yilian.ledger.codec import Digest, Id, Millis, Name, Whole
from yilian.ledger.errors import MALFORMED, Refusal
from yilian.ledger.modules.care.errors import (
    CANNOT_RECEIVE,
    ENCOUNTER_ENDED,
    NOT_YOUR_ENCOUNTER,
    NOT_YOUR_REFERRAL,
    REFERRAL_ANSWERED,
    REFERRAL_ENDED,
    UNKNOWN_ENCOUNTER,
    UNKNOWN_REFERRAL,
)
from yilian.node.history import Outcome
from yilian.vault.audit import MAX_IDS
from yilian.vault.desk_formats import Person
from yilian.vault.relations import RELATION_DIFFERS, RELATION_UNKNOWN, ReferralTerms, Team

PERSON = path_id("person", "The person's id here.")
ENCOUNTER = path_id("encounter", "The encounter's id.")
REFERRAL = path_id("referral", "The referral's id.")


class EncounterRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Begin an encounter with a person; the team is who treats them (none: anybody here)."""

    person: Id
    team: Team = ()


class ReferralRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Ask another organisation to go on with a person's care; `reason` is a code."""

    person: Id
    to: Id
    team: Team = ()
    reason: Name
    days: Annotated[int, msgspec.Meta(ge=1, le=366)] = 30


class AcceptanceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Say which person here is meant; terms and salt where the sender's node is not this one."""

    person: Id
    terms: ReferralTerms | None = None
    salt: Digest | None = None


class OpenedRelation(msgspec.Struct, frozen=True, kw_only=True):
    """A relation; without `transaction` it is prepared, and the caller signs what is told here."""

    relation: Id
    terms: Digest
    ends: Millis | None = None
    transaction: str | None = None
    height: Whole | None = None


class AcceptedReferral(msgspec.Struct, frozen=True, kw_only=True):
    """A referral that came in; without `transaction` the caller signs `care.AcceptReferral`."""

    referral: Id
    transaction: str | None = None
    height: Whole | None = None


class ChangedRelation(msgspec.Struct, frozen=True, kw_only=True):
    """From which height on an encounter or referral stands otherwise."""

    relation: Id
    transaction: str
    height: Whole


class ShownRelation(msgspec.Struct, frozen=True, kw_only=True):
    """A relation as it stands; `stands`: it lets its team (none: anybody) treat now."""

    kind: Name
    relation: Id
    status: Name
    stands: bool
    organisation: Id
    to: Id | None
    team: tuple[Id, ...]
    reason: Name | None
    opened: Millis | None
    ends: Millis | None


class PersonRelations(msgspec.Struct, frozen=True, kw_only=True):
    """Who treats a person here, and who did; the newest last."""

    person: Id
    relations: tuple[ShownRelation, ...]


class AttendedPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is being treated; name and birth date as the desk has them, null where not."""

    person: Id
    name: str | None
    born: str | None
    provisional: bool
    relation: ShownRelation


class AttendedPersons(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the asker treats now, one entry for each relation; who came first is first."""

    persons: tuple[AttendedPerson, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(
        _open(rooms),
        _attended(rooms),
        _finish(rooms, "close"),
        _finish(rooms, "cancel"),
        _refer(rooms),
        _accept(rooms),
        _answer(rooms, "decline"),
        _answer(rooms, "end"),
        _relations(rooms),
    )


def _own_team(caller: Caller, team: Team) -> Team:
    """Put a practitioner in the team: nobody prepares a relation for others alone."""
    if caller.subject.kind != "practitioner" or caller.sender in team:
        return team
    return (*team, caller.sender)


def _opened(made: Made) -> OpenedRelation:
    return OpenedRelation(
        relation=made.prepared.relation,
        terms=made.prepared.commitment,
        ends=made.ends,
        transaction=None if made.outcome is None else made.outcome.hash,
        height=None if made.outcome is None else made.outcome.height,
    )


def _open(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/encounters",
        tag="organisations",
        summary="Begin an encounter with a person, or prepare it for a practitioner to sign",
        parameters=COMMON,
        body=EncounterRequest,
        answers=answers(OpenedRelation, "It is on the chain, or is to be signed by the caller."),
        problems=(MALFORMED, PERSON_ELSEWHERE, TEAM_ELSEWHERE, FORBIDDEN),
    )
    async def open_(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        asked = await body(request, EncounterRequest)
        by_agent = caller.subject.kind != "practitioner"

        def work() -> Made:
            team = _own_team(caller, asked.team)
            return organisation.care.open_encounter(asked.person, team, by_agent=by_agent)

        return answer(request, _opened(await to_thread.run_sync(work)))

    return open_


def _attended(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/encounters",
        tag="organisations",
        summary="List whom the asker treats now: by open encounters and accepted referrals",
        parameters=COMMON,
        answers=answers(AttendedPersons, "Who came first is first."),
        problems=(FORBIDDEN,),
    )
    async def attended(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        practitioner = caller.sender if caller.subject.kind == "practitioner" else None

        def work() -> tuple[AttendedPerson, ...]:
            desk = organisation.vault.desk
            return tuple(
                _shown_person(each, desk.find(each.person))
                for each in organisation.care.waiting(practitioner)
            )

        shown = await to_thread.run_sync(work)
        noting(subjects=tuple(sorted({each.person for each in shown})[:MAX_IDS]))
        return answer(request, AttendedPersons(persons=shown))

    return attended


def _shown_person(attended: Attended, known: Person | None) -> AttendedPerson:
    return AttendedPerson(
        person=attended.person,
        name=None if known is None else known.name,
        born=None if known is None else known.born,
        provisional=known is not None and known.provisional,
        relation=ShownRelation(**attended.relation._asdict()),
    )


def _finish(rooms: Rooms, how: str) -> Callable[[Request], Any]:
    does: Callable[[Care, str], Outcome] = (
        Care.close_encounter if how == "close" else Care.cancel_encounter
    )

    @operation(
        "POST",
        f"/v1/organisations/{{organisation}}/encounters/{{encounter}}/{how}",
        tag="organisations",
        summary="End an encounter"
        if how == "close"
        else "Take back an encounter that was opened by mistake",
        parameters=(*COMMON, ENCOUNTER),
        answers=answers(ChangedRelation, "No access rests on it from this height on."),
        problems=(UNKNOWN_ENCOUNTER, NOT_YOUR_ENCOUNTER, ENCOUNTER_ENDED, FORBIDDEN),
    )
    async def finish(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        name = require_id(request.path_params["encounter"], "encounter")
        outcome = await to_thread.run_sync(does, organisation.care, name)
        return answer(
            request,
            ChangedRelation(relation=name, transaction=outcome.hash, height=outcome.height),
        )

    return finish


def _refer(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/referrals",
        tag="organisations",
        summary="Refer a person to another organisation, or prepare it for a practitioner to sign",
        parameters=COMMON,
        body=ReferralRequest,
        answers=answers(OpenedRelation, "It is on the chain, or is to be signed by the caller."),
        problems=(MALFORMED, PERSON_ELSEWHERE, TEAM_ELSEWHERE, CANNOT_RECEIVE, FORBIDDEN),
    )
    async def refer(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        asked = await body(request, ReferralRequest)
        by_agent = caller.subject.kind != "practitioner"
        if not by_agent:
            await to_thread.run_sync(_require_treating, organisation, asked.person, caller)

        def work() -> Made:
            return organisation.care.refer(
                asked.person, asked.to, asked.team, asked.reason, asked.days, by_agent=by_agent
            )

        return answer(request, _opened(await to_thread.run_sync(work)))

    return refer


def _require_treating(organisation: Organisation, person: str, caller: Caller) -> None:
    """Refuse a practitioner without a relation to the person, as for a person who is not here."""
    if organisation.care.treats(person, caller.sender) is None:
        raise FORBIDDEN()


def _accept(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/referrals/{referral}/accept",
        tag="organisations",
        summary="Take a referral on for a person of this organisation",
        parameters=(*COMMON, REFERRAL),
        body=AcceptanceRequest,
        answers=answers(AcceptedReferral, "It is accepted, or is to be signed by the caller."),
        problems=(
            MALFORMED,
            UNKNOWN_REFERRAL,
            NOT_YOUR_REFERRAL,
            REFERRAL_ANSWERED,
            REFERRAL_ENDED,
            RELATION_UNKNOWN,
            RELATION_DIFFERS,
            PERSON_ELSEWHERE,
            OTHER_PERSON,
            TERMS_NEEDED,
            FORBIDDEN,
        ),
    )
    async def accept(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        name = require_id(request.path_params["referral"], "referral")
        asked = await body(request, AcceptanceRequest)
        by_agent = caller.subject.kind != "practitioner"

        def work() -> AcceptedReferral:
            shown = _shown(organisation, name, asked)
            if not by_agent:
                if shown.terms.team and caller.sender not in shown.terms.team:
                    raise FORBIDDEN()
                organisation.care.take_in(name, shown, asked.person)
                return AcceptedReferral(referral=name)
            outcome = organisation.care.accept(name, shown, asked.person)
            return AcceptedReferral(referral=name, transaction=outcome.hash, height=outcome.height)

        return answer(request, await to_thread.run_sync(work))

    return accept


def _shown(organisation: Organisation, referral: str, asked: AcceptanceRequest) -> Opened:
    """Have the sender show the terms where it can be asked; else they come along."""
    if asked.terms is not None and asked.salt is not None:
        return Opened(asked.terms, asked.salt)
    sender_id = organisation.care.sender(referral)
    try:
        return organisation.counterpart(sender_id).referral(referral)
    except Refusal as refusal:
        if refusal.code not in ELSEWHERE:
            raise
        # They can come by another way: handed over with the request.
        raise TERMS_NEEDED(id=sender_id) from None


def _answer(rooms: Rooms, how: str) -> Callable[[Request], Any]:
    does: Callable[[Care, str], Outcome] = Care.decline if how == "decline" else Care.end

    @operation(
        "POST",
        f"/v1/organisations/{{organisation}}/referrals/{{referral}}/{how}",
        tag="organisations",
        summary="Say that a referral is not taken on"
        if how == "decline"
        else "End a referral early, from either side",
        parameters=(*COMMON, REFERRAL),
        answers=answers(ChangedRelation, "No access rests on it from this height on."),
        problems=(
            UNKNOWN_REFERRAL,
            NOT_YOUR_REFERRAL,
            REFERRAL_ANSWERED,
            REFERRAL_ENDED,
            FORBIDDEN,
        ),
    )
    async def reply(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        name = require_id(request.path_params["referral"], "referral")
        outcome = await to_thread.run_sync(does, organisation.care, name)
        return answer(
            request,
            ChangedRelation(relation=name, transaction=outcome.hash, height=outcome.height),
        )

    return reply


def _relations(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/relations",
        tag="organisations",
        summary="List who treats a person here: encounters and referrals",
        parameters=(*COMMON, PERSON),
        answers=answers(PersonRelations, "Standing or not, the newest last."),
        problems=(FORBIDDEN,),
    )
    async def relations(request: Request) -> Response:
        person = require_id(request.path_params["person"], "person")
        organisation, caller = await rooms.enter_for(request, person, *STAFF, power="read")

        def work() -> list[Relation]:
            if caller.subject.kind == "practitioner":
                _require_treating(organisation, person, caller)
            return organisation.care.of_person(person)

        found = await to_thread.run_sync(work)
        shown = tuple(ShownRelation(**each._asdict()) for each in found)
        return answer(request, PersonRelations(person=person, relations=shown))

    return relations
