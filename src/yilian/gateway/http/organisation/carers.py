"""Carers: who may act for a person, named for those in custody, and for whom somebody acts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
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
from yilian.gateway.practice.carers import NO_OWN_KEY, Carers, Tie
from yilian.ledger.codec import Id, Millis, Whole
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.consent.errors import (
    ALREADY_SWITCHED,
    BAD_PERIOD,
    BAD_POWERS,
    NOT_A_CUSTODIAN,
    TOO_MANY_CUSTODIANS,
    UNKNOWN_CUSTODIAN,
)
from yilian.ledger.modules.consent.messages import NameCustodian, Power
from yilian.ledger.modules.identity.errors import NOT_CUSTODIAN
from yilian.node.history import Outcome
from yilian.text import negotiate
from yilian.vault.introductions import INTRODUCTION_UNKNOWN

BASE = "/v1/organisations/{organisation}/persons/{person}"
PERSON = path_id("person", "The person's id here.")
Powers = Annotated[tuple[Power, ...], msgspec.Meta(min_length=1, max_length=4)]


class CarerCode(msgspec.Struct, frozen=True, kw_only=True):
    """A code by which a person makes themself known until `ends` (ms); `link` opens a page with it.

    `qr` is the link as a QR code.
    """

    code: str
    ends: Millis
    link: str
    qr: QrCode


class MeetingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The code that somebody handed over."""

    code: Annotated[str, msgspec.Meta(max_length=200)]


class MetCarer(msgspec.Struct, frozen=True, kw_only=True):
    """Who made a code; `name` is null where none is known here."""

    custodian: Id
    name: str | None


class CarerRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For a person in custody: let somebody act for them until `ends` (ms)."""

    custodian: Id
    powers: Powers
    ends: Millis


class SwitchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Whether the custodian may act."""

    on: bool


class CarerChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Where the chain has it."""

    custodian: Id
    transaction: str
    height: Whole


class Carer(msgspec.Struct, frozen=True, kw_only=True):
    """One who may act for the person, or once might; `name` is null for one not known to them."""

    custodian: Id
    name: str | None
    powers: tuple[Power, ...]
    ends: Millis
    on: bool
    since: Whole
    changed: Whole


class PersonCarers(msgspec.Struct, frozen=True, kw_only=True):
    """Who may act for a person, the last that was changed first."""

    person: Id
    carers: tuple[Carer, ...]


class Ward(msgspec.Struct, frozen=True, kw_only=True):
    """One for whom the person may act now, and what for; `custody`: the organisation signs."""

    person: Id
    name: str | None
    custody: bool
    powers: tuple[Power, ...]
    ends: Millis


class PersonWards(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a person may act, by name."""

    person: Id
    wards: tuple[Ward, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(
        _introduce(rooms), _meet(rooms), _carers(rooms), _name(rooms), _switch(rooms), _wards(rooms)
    )


def _introduce(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        BASE + "/carer-codes",
        tag="organisations",
        summary="Make a code by which the person can be named as somebody's custodian",
        parameters=(*COMMON, PERSON),
        answers=answers(CarerCode, "Hand it over yourself; who brings it sees your name."),
        problems=(NO_OWN_KEY, FORBIDDEN),
    )
    async def introduce(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person)
        query(request)
        noting(subjects=(person,))
        made = await to_thread.run_sync(Carers(organisation).introduce, person)
        language = negotiate(request.headers.get("accept-language"))
        # Behind the `#`, so that it is in no log.
        link = f"{accounts_of(request).site(request).origin}/{language}/my/carers#{made.code}"
        shown = CarerCode(code=made.code, ends=made.ends, link=link, qr=qr_code(link))
        return answer(request, shown)

    return introduce


def _meet(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        BASE + "/carers/met",
        tag="organisations",
        summary="Find who made a code, to name them as custodian of the person",
        parameters=(*COMMON, PERSON),
        body=MeetingRequest,
        answers=answers(MetCarer, "They are known to the person from now on."),
        problems=(MALFORMED, INTRODUCTION_UNKNOWN, FORBIDDEN),
    )
    async def meet(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS)
        query(request)
        noting(subjects=(person,))
        asked = await body(request, MeetingRequest)
        other, name = await to_thread.run_sync(Carers(organisation).meet, person, asked.code)
        noting(subjects=(other,))
        return answer(request, MetCarer(custodian=other, name=name))

    return meet


def _carers(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        BASE + "/carers",
        tag="organisations",
        summary="List who may act for a person, or once might",
        parameters=(*COMMON, PERSON),
        answers=answers(PersonCarers, "As the chain has them, with the names of those known."),
        problems=(FORBIDDEN,),
    )
    async def carers(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS)
        query(request)
        noting(subjects=(person,))
        found = await to_thread.run_sync(Carers(organisation).of, person)
        shown = tuple(map(_carer, found))
        return answer(request, PersonCarers(person=person, carers=shown))

    return carers


def _carer(tie: Tie) -> Carer:
    entry = tie.entry
    return Carer(
        custodian=tie.other,
        name=tie.name,
        powers=entry.powers,
        ends=entry.ends,
        on=entry.on,
        since=entry.since,
        changed=entry.changed,
    )


def _name(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        BASE + "/carers",
        tag="organisations",
        summary="Name a custodian for a person in custody: the person asks, or the organisation",
        parameters=(*COMMON, PERSON),
        body=CarerRequest,
        answers=answers(CarerChanged, "The custodian may act from this height on."),
        problems=(
            MALFORMED,
            NOT_CUSTODIAN,
            NOT_A_CUSTODIAN,
            TOO_MANY_CUSTODIANS,
            BAD_PERIOD,
            BAD_POWERS,
            FORBIDDEN,
        ),
    )
    async def name(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS)
        query(request)
        asked = await body(request, CarerRequest)
        message = NameCustodian(
            custodian=asked.custodian, ends=asked.ends, powers=sorted(set(asked.powers))
        )
        noting(subjects=(person, asked.custodian), on_behalf_of=person)
        outcome = await to_thread.run_sync(Carers(organisation).name, person, message)
        noting(transaction=outcome.hash)
        return answer(request, _changed(asked.custodian, outcome))

    return name


def _changed(custodian: str, outcome: Outcome) -> CarerChanged:
    return CarerChanged(custodian=custodian, transaction=outcome.hash, height=outcome.height)


def _switch(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "PUT",
        BASE + "/carers/{custodian}",
        tag="organisations",
        summary="Let a custodian of a person in custody act, or act no more, at once",
        parameters=(*COMMON, PERSON, path_id("custodian", "The custodian's id.")),
        body=SwitchRequest,
        answers=answers(CarerChanged, "It holds from this height on."),
        problems=(
            MALFORMED,
            NOT_CUSTODIAN,
            UNKNOWN_CUSTODIAN,
            ALREADY_SWITCHED,
            NOT_A_CUSTODIAN,
            TOO_MANY_CUSTODIANS,
            BAD_PERIOD,
            FORBIDDEN,
        ),
    )
    async def switch(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person, *OPERATORS)
        query(request)
        custodian = require_id(request.path_params["custodian"], "custodian")
        asked = await body(request, SwitchRequest)
        noting(subjects=(person, custodian), on_behalf_of=person)
        outcome = await to_thread.run_sync(
            lambda: Carers(organisation).switch(person, custodian, on=asked.on)
        )
        noting(transaction=outcome.hash)
        return answer(request, _changed(custodian, outcome))

    return switch


def _wards(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        BASE + "/wards",
        tag="organisations",
        summary="List for whom the person may act now, and what for",
        parameters=(*COMMON, PERSON),
        answers=answers(PersonWards, "Only who asks is told, and nobody for them."),
        problems=(FORBIDDEN,),
    )
    async def wards(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, _ = await rooms.enter_for(request, person)
        query(request)
        noting(subjects=(person,))
        found = await to_thread.run_sync(Carers(organisation).wards, person)
        shown = tuple(
            Ward(
                person=each.other,
                name=each.name,
                custody=each.custody,
                powers=each.entry.powers,
                ends=each.entry.ends,
            )
            for each in found
        )
        return answer(request, PersonWards(person=person, wards=shown))

    return wards
