"""Access sessions under a grant: prepared for a reader, opened on the chain, read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.asking import require_id
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    STAFF,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.organisation import CALLER_DIFFERS, GRANT_UNKNOWN, Organisation
from yilian.ledger.codec import Digest, Id, Millis, Name
from yilian.ledger.errors import MALFORMED, code
from yilian.vault.errors import GRANT_NOT_HELD

HOLDER_ELSEWHERE = code(9213, "organisation.holder_elsewhere", 409, "id")
SESSION_UNKNOWN = code(9214, "organisation.session_unknown", 404)


class SessionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Prepare an access session under a grant that this organisation holds."""

    grant: Id
    purpose: Name = "treat"


class PreparedSession(msgspec.Struct, frozen=True, kw_only=True):
    """What the reader signs as `consent.OpenSession` before reading."""

    session: Id
    terms: Digest
    ends: Millis


class ReadRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record, exactly as it was written."""

    record: Id
    content: str


class NotRead(msgspec.Struct, frozen=True, kw_only=True):
    """One record that was not released, and why as far as the reader may know."""

    record: Id
    reasons: tuple[str, ...]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a session gave; each record was checked against the root on the chain."""

    session: Id
    records: tuple[ReadRecord, ...]
    refused: tuple[NotRead, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_prepare(rooms), _read(rooms))


def _prepare(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/sessions",
        tag="organisations",
        summary="Prepare an access session for the caller, to be opened on the chain",
        parameters=COMMON,
        body=SessionRequest,
        answers=answers(PreparedSession, "Sign these as consent.OpenSession, then read."),
        problems=(MALFORMED, GRANT_NOT_HELD, FORBIDDEN),
    )
    async def prepare(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        asked = await body(request, SessionRequest)
        made = await to_thread.run_sync(
            organisation.prepare_session, asked.grant, caller.sender, asked.purpose
        )
        prepared = PreparedSession(
            session=made.terms.session, terms=made.commitment, ends=made.terms.ends
        )
        return answer(request, prepared)

    return prepare


def _read(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/sessions/{session}/read",
        tag="organisations",
        summary="Read all that a session opens; every disclosure is journalled before it leaves",
        parameters=(*COMMON, path_id("session", "The session's id.")),
        answers=answers(Reading, "The records, checked against the chain."),
        problems=(SESSION_UNKNOWN, CALLER_DIFFERS, GRANT_UNKNOWN, HOLDER_ELSEWHERE, FORBIDDEN),
    )
    async def read(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        session = require_id(request.path_params["session"], "session")
        made = await to_thread.run_sync(_open, rooms, organisation, caller.sender, session)
        return answer(request, made)

    return read


def _open(rooms: Rooms, organisation: Organisation, reader: str, name: str) -> Reading:
    session = organisation.vault.session(name)
    if session is None or session.terms.reader != reader:
        raise SESSION_UNKNOWN()
    holder_id = organisation.vault.holder_of(session.terms.grant)
    holder = rooms.hosted(holder_id)
    if holder is None:
        raise HOLDER_ELSEWHERE(id=holder_id)
    found = organisation.read(session, holder.release(session, organisation.id))
    return Reading(
        session=name,
        records=tuple(
            ReadRecord(record=record, content=content.decode("utf-8"))
            for record, content in found.contents.items()
        ),
        refused=tuple(NotRead(record=each.record, reasons=each.reasons) for each in found.refused),
    )
