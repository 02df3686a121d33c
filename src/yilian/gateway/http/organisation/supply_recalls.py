"""Recalls: what an organisation has of them, what it answered, and the table of who issued one.

The recall itself is a message on the chain (`supply.IssueRecall`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import FORBIDDEN, NOT_FOUND
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.desk import PERSON
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.http.organisation.supply import ROOM, enter_supply
from yilian.gateway.supply.action_errors import UNIT_UNKNOWN
from yilian.gateway.supply.code_form import CODE_UNREADABLE
from yilian.gateway.supply.orders import Scanned
from yilian.gateway.supply.patients import NOT_AGREED, NOT_HANDED_OUT
from yilian.gateway.supply.recall_answers import RecallAnswer
from yilian.gateway.supply.recall_progress import Row
from yilian.gateway.supply.recall_room import RecallRoom
from yilian.gateway.supply.recalls import Finding
from yilian.ledger.codec import Id, Millis, Whole
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.identity.errors import LICENCE_NOT_IN_FORCE
from yilian.ledger.modules.supply.errors import NOT_YOUR_RECALL, RECALL_ENDED, UNKNOWN_RECALL
from yilian.ledger.modules.supply.state import Recall

RECALL = path_id("recall", "The recall's id.")
MOST_SHOWN = 1_000
"""Packs that are listed."""

Enter = (FORBIDDEN, NOT_FOUND, LICENCE_NOT_IN_FORCE)


class SaidOfRecall(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a recall: packs, counted by where they are.

    `held`: here, and set aside. `away`, `coming`: on their way from here, or to here. `derived`:
    how many of all were made of recalled ones. `persons`: people who were told that a pack was
    handed to them. `confirmed`: that people have looked. `number` counts a member's answers.
    """

    number: Whole
    at: Millis
    held: Whole
    away: Whole
    coming: Whole
    dispensed: Whole
    ended: Whole
    derived: Whole
    persons: Whole
    confirmed: bool


class ListedRecall(msgspec.Struct, frozen=True, kw_only=True):
    """A recall on the chain, and this organisation's newest answer; `ended` in ms."""

    recall: Id
    gtin: str
    issuer: Id
    grade: Whole
    reason: str
    issued: Millis
    lots: tuple[str, ...]
    serials: Whole
    ended: Millis | None
    answer: SaidOfRecall | None


class ListedRecalls(msgspec.Struct, frozen=True, kw_only=True):
    """The recalls that were followed here, newest first."""

    recalls: tuple[ListedRecall, ...]


class RecalledUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A pack that a recall concerns; `derived`: it was made of recalled ones."""

    unit: str
    lot: str
    standing: str
    where: str
    place: str
    derived: bool


class RecallFinding(msgspec.Struct, frozen=True, kw_only=True):
    """What a recall concerns here; `more`: not all packs are listed."""

    recall: ListedRecall
    confirmed_by: str
    units: tuple[RecalledUnit, ...]
    more: bool


class ConfirmedRecall(msgspec.Struct, frozen=True, kw_only=True):
    """The answer that goes to who issued the recall."""

    recall: Id
    answer: SaidOfRecall


class HeardOf(msgspec.Struct, frozen=True, kw_only=True):
    """A member in the table; `anchored` is the interval of the post that has its newest answer."""

    organisation: Id
    heard: Literal["silent", "told", "answered"]
    first: Millis | None
    answer: SaidOfRecall | None
    anchored: Whole | None


class RecallProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a recall is: every member that trades."""

    recall: Id
    members: tuple[HeardOf, ...]


class ToldPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who was told; the notice's proofs show that and when."""

    person: Id
    notice: Id
    units: tuple[str, ...]


class ToldPersons(msgspec.Struct, frozen=True, kw_only=True):
    """Who was told of a recall by this organisation."""

    recall: Id
    persons: tuple[ToldPerson, ...]


class RecallNoticesRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether a person wishes to be told when a pack is recalled that was handed to them."""

    agreed: bool


class RecallNotices(msgspec.Struct, frozen=True, kw_only=True):
    """What holds from now on."""

    person: Id
    agreed: bool


class LinkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Link a pack that was handed out to the person who got it."""

    code: str
    person: Id


class LinkedPack(msgspec.Struct, frozen=True, kw_only=True):
    """A random id; whose it is stays sealed here."""

    link: Id


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    makers = (_list, _finding, _confirm, _progress, _told, _agree, _link)
    return routes_of(*(each(rooms) for each in makers))


def _list(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/recalls",
        tag="organisations",
        summary="List the recalls that were followed here, with what was answered",
        parameters=COMMON,
        answers=answers(ListedRecalls, "Newest first."),
        problems=Enter,
    )
    async def listed(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        found = await to_thread.run_sync(supply.recalling.recalls.every)
        return answer(request, ListedRecalls(recalls=tuple(_listed(*each) for each in found)))

    return listed


def _finding(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/recalls/{recall}",
        tag="organisations",
        summary="Show what a recall concerns here, pack by pack",
        parameters=(*COMMON, RECALL),
        answers=answers(RecallFinding, "The packs, and where they are."),
        problems=(*Enter, UNKNOWN_RECALL),
    )
    async def finding(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        name = _recall(request)
        found = await to_thread.run_sync(supply.recalling.recalls.finding, name)
        return answer(request, _found(found))

    return finding


def _confirm(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        ROOM + "/recalls/{recall}/confirm",
        tag="organisations",
        summary="Confirm that people have looked for the packs and set them apart",
        parameters=(*COMMON, RECALL),
        answers=answers(ConfirmedRecall, "The answer that goes to who issued the recall."),
        problems=(*Enter, UNKNOWN_RECALL, RECALL_ENDED),
    )
    async def confirm(request: Request) -> Response:
        _, caller, supply = await enter_supply(rooms, request)
        name = _recall(request)
        made = await to_thread.run_sync(supply.recalling.recalls.confirm, name, caller.sender)
        said = _said(made)
        assert said is not None
        return answer(request, ConfirmedRecall(recall=name, answer=said))

    return confirm


def _progress(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/recalls/{recall}/progress",
        tag="organisations",
        summary="Show who issued a recall which members have answered, and what",
        parameters=(*COMMON, RECALL),
        answers=answers(RecallProgress, "Every member that trades, by id."),
        problems=(*Enter, UNKNOWN_RECALL, NOT_YOUR_RECALL),
    )
    async def progress(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        name = _recall(request)
        found = await to_thread.run_sync(supply.recalling.progress.table, name)
        return answer(request, RecallProgress(recall=name, members=tuple(map(_heard, found))))

    return progress


def _told(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        ROOM + "/recalls/{recall}/persons",
        tag="organisations",
        summary="List who was told of a recall because a pack was handed to them here",
        parameters=(*COMMON, RECALL),
        answers=answers(ToldPersons, "Each with the notice, whose proofs show it."),
        problems=Enter,
    )
    async def told(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        name = _recall(request)
        found = await to_thread.run_sync(supply.recalling.patients.told, name)
        shown = tuple(
            ToldPerson(person=each.person, notice=each.notice, units=each.units) for each in found
        )
        return answer(request, ToldPersons(recall=name, persons=shown))

    return told


def _agree(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "PUT",
        "/v1/organisations/{organisation}/persons/{person}/recall-notices",
        tag="organisations",
        summary="Say whether a person wishes to be told of recalls of packs handed to them",
        parameters=(*COMMON, PERSON),
        body=RecallNoticesRequest,
        answers=answers(RecallNotices, "What holds from now on; taken back, all links end."),
        problems=(MALFORMED, FORBIDDEN, NOT_FOUND),
    )
    async def agree(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, power="change")
        asked = await body(request, RecallNoticesRequest)
        patients = organisation.trade().recalling.patients
        await to_thread.run_sync(patients.agree, person, asked.agreed)
        return answer(request, RecallNotices(person=person, agreed=asked.agreed))

    return agree


def _link(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        ROOM + "/handed-out",
        tag="organisations",
        summary="Link a pack that was handed out to a person who agreed to be told of recalls",
        parameters=COMMON,
        body=LinkRequest,
        answers=answers(LinkedPack, "The link; again the same one."),
        problems=(*Enter, MALFORMED, CODE_UNREADABLE, UNIT_UNKNOWN, NOT_AGREED, NOT_HANDED_OUT),
    )
    async def link(request: Request) -> Response:
        _, _, supply = await enter_supply(rooms, request)
        asked = await body(request, LinkRequest)
        if not 0 < len(asked.code) <= 512:
            raise MALFORMED()
        unit = supply.actions.read(Scanned(code=asked.code)).unit
        made = await to_thread.run_sync(_linked, supply.recalling, unit, asked.person)
        return answer(request, LinkedPack(link=made))

    return link


def _linked(recalling: RecallRoom, unit: str, person: str) -> str:
    """Link, and tell at once of what stands already."""
    made = recalling.patients.link(unit, person)
    for each in recalling.recalls.concerning(unit):
        recalling.patients.tell(each, [unit])
    return made


def _recall(request: Request) -> str:
    return require_id(request.path_params["recall"], "recall")


def _said(made: RecallAnswer | None) -> SaidOfRecall | None:
    if made is None:
        return None
    return SaidOfRecall(**{name: getattr(made, name) for name in SaidOfRecall.__struct_fields__})


def _listed(name: str, terms: Recall, said: RecallAnswer | None) -> ListedRecall:
    return ListedRecall(
        recall=name,
        gtin=terms.gtin,
        issuer=terms.issuer,
        grade=terms.grade,
        reason=terms.reason,
        issued=terms.issued,
        lots=terms.lots,
        serials=len(terms.serials),
        ended=terms.ended,
        answer=_said(said),
    )


def _found(finding: Finding) -> RecallFinding:
    units = [each for each in finding.found if each.where != "elsewhere"]
    return RecallFinding(
        recall=_listed(finding.recall, finding.terms, finding.answer),
        confirmed_by=finding.confirmed_by,
        units=tuple(
            RecalledUnit(
                unit=each.place.row.id,
                lot=each.place.row.lot,
                standing=each.place.row.standing,
                where=each.where,
                place=each.place.row.place,
                derived=each.derived,
            )
            for each in units[:MOST_SHOWN]
        ),
        more=len(units) > MOST_SHOWN,
    )


def _heard(row: Row) -> HeardOf:
    return HeardOf(
        organisation=row.organisation,
        heard=row.heard,
        first=row.first,
        answer=_said(row.answer),
        anchored=row.interval,
    )
