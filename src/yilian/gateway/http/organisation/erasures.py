"""Erasing a person's records on request, and holding records that must stay."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

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
    Rooms,
    answers,
    body,
    path_id,
    require_for,
)
from yilian.gateway.organisation import Organisation
from yilian.gateway.practice.erasures import ERASURE_UNKNOWN, HeldRecords
from yilian.ledger.codec import Digest, Id, Whole
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.identity.state import SUBJECTS
from yilian.ledger.modules.records.errors import ALREADY_DESTROYED, IN_RETENTION, ON_HOLD
from yilian.vault.certificates import Certificate, Plan
from yilian.vault.erasure import IN_RETENTION as KEPT_BY_LAW
from yilian.vault.erasure import NOTHING_TO_ERASE
from yilian.vault.erasure import ON_HOLD as KEPT_BY_HOLD
from yilian.vault.errors import RECORD_ERASED, RECORD_UNKNOWN
from yilian.vault.holds import HOLD_EXISTS, HOLD_UNKNOWN

Some = Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=1000)]


class ErasureRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Erase these records of a person; without `records`, all of them."""

    person: Id
    records: Some | None = None


class ErasurePart(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate, the salt of its commitment on the chain, and where the chain has it."""

    certificate: Certificate
    salt: Digest
    commitment: Digest
    height: Whole | None


class ErasureDone(msgspec.Struct, frozen=True, kw_only=True):
    """What was destroyed and what is sealed. `told`: the organisations whose readers were told."""

    erasure: Id
    person: Id
    parts: tuple[ErasurePart, ...]
    told: tuple[Id, ...] | None = None


class HoldRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Forbid the destruction of records; the same `hold` again finishes what was interrupted."""

    records: Some
    ground: Literal["dispute", "law", "trial"]
    hold: Id | None = None


class HoldEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A record of a hold, and the id of its own hold on the chain."""

    entry: Id
    record: Id


class HoldDone(msgspec.Struct, frozen=True, kw_only=True):
    """A hold that was set or lifted; the chain has all of it at `height`."""

    hold: Id
    entries: tuple[HoldEntry, ...]
    height: Whole


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_erase(rooms), _show(rooms), _hold(rooms), _lift(rooms))


def _done(
    organisation: Organisation, plan: Plan, told: tuple[str, ...] | None = None
) -> ErasureDone:
    return ErasureDone(
        erasure=plan.plan,
        person=plan.patient,
        parts=tuple(
            ErasurePart(
                certificate=part.certificate,
                salt=part.salt,
                commitment=part.commitment,
                height=organisation.erasures.height(part),
            )
            for part in plan.parts
        ),
        told=told,
    )


def _require_own(organisation: Organisation, caller: Caller, person: str) -> None:
    """Let in the person, and the organisation for one in its custody who cannot ask themself."""
    if caller.sender == person:
        return
    subject = SUBJECTS.get(organisation.engine.state(), person)
    custody = subject is not None and subject.custody
    if caller.subject.kind not in OPERATORS or not custody:
        raise FORBIDDEN()


def _erase(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/erasures",
        tag="organisations",
        summary="Erase a person's records: destroy what may go, seal what must be kept",
        parameters=COMMON,
        body=ErasureRequest,
        answers=answers(ErasureDone, "It is on the chain and carried out."),
        problems=(
            MALFORMED,
            RECORD_UNKNOWN,
            RECORD_ERASED,
            NOTHING_TO_ERASE,
            KEPT_BY_HOLD,
            KEPT_BY_LAW,
            ON_HOLD,
            IN_RETENTION,
            ALREADY_DESTROYED,
            FORBIDDEN,
        ),
    )
    async def erase(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *OPERATORS, "person")
        asked = await body(request, ErasureRequest)
        require_for(organisation, caller, asked.person, *OPERATORS)
        _require_own(organisation, caller, asked.person)
        noting(subjects=(asked.person,))

        def work() -> ErasureDone:
            chosen = None if asked.records is None else sorted(set(asked.records))
            made = organisation.erasures.erase(asked.person, chosen)
            return _done(organisation, made.plan, made.told)

        return answer(request, await to_thread.run_sync(work))

    return erase


def _show(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/erasures/{erasure}",
        tag="organisations",
        summary="Show the certificates of an erasure, with the salts of their commitments",
        parameters=(*COMMON, path_id("erasure", "The erasure's id, or that of a certificate.")),
        answers=answers(ErasureDone, "What was destroyed and sealed, and who had copies."),
        problems=(ERASURE_UNKNOWN, FORBIDDEN),
    )
    async def show(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *OPERATORS, "person")
        name = require_id(request.path_params["erasure"], "erasure")

        def work() -> ErasureDone:
            plan = organisation.erasures.find(name)
            # Another person's is one that is not there.
            if caller.subject.kind == "person" and caller.sender != plan.patient:
                raise ERASURE_UNKNOWN()
            return _done(organisation, plan)

        return answer(request, await to_thread.run_sync(work))

    return show


def _held(made: HeldRecords) -> HoldDone:
    entries = tuple(HoldEntry(entry=each.entry, record=each.record) for each in made.entries)
    return HoldDone(hold=made.hold, entries=entries, height=made.height)


def _hold(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/holds",
        tag="organisations",
        summary="Forbid the destruction of records for a dispute, a law or a trial",
        parameters=COMMON,
        body=HoldRequest,
        answers=answers(HoldDone, "The vault and the chain forbid it now."),
        problems=(MALFORMED, RECORD_UNKNOWN, RECORD_ERASED, HOLD_EXISTS, FORBIDDEN),
    )
    async def hold(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        asked = await body(request, HoldRequest)
        made = await to_thread.run_sync(
            organisation.erasures.hold, asked.records, asked.ground, asked.hold
        )
        return answer(request, _held(made))

    return hold


def _lift(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/holds/{hold}/lift",
        tag="organisations",
        summary="End a hold",
        parameters=(*COMMON, path_id("hold", "The hold's id.")),
        answers=answers(HoldDone, "It forbids nothing any more."),
        problems=(HOLD_UNKNOWN, FORBIDDEN),
    )
    async def lift(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        name = require_id(request.path_params["hold"], "hold")
        made = await to_thread.run_sync(organisation.erasures.lift, name)
        return answer(request, _held(made))

    return lift
