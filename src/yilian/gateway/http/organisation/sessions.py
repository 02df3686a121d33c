"""Access sessions under a grant: prepared for a reader, opened on the chain, read."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.http.asking import ID_SCHEMA, query, require_id
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    STAFF,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.members.counterpart import Counterpart
from yilian.gateway.members.errors import ASKING, HOLDER_ELSEWHERE
from yilian.gateway.organisation import CALLER_DIFFERS, GRANT_UNKNOWN, Organisation, Read
from yilian.gateway.practice.consents import (
    NOT_PERMITTED,
    NOT_STAFF_HERE,
    ROLE_NOT_HELD,
    Consents,
    require_read,
)
from yilian.gateway.practice.finality import NO_FINALITY
from yilian.gateway.practice.replica_reading import REFUSALS as REPLICA_REFUSALS
from yilian.gateway.practice.treatment import show
from yilian.ledger.codec import Digest, Id, Millis, Name
from yilian.ledger.errors import MALFORMED, Refusal, code
from yilian.ledger.modules.consent.state import GRANTS
from yilian.vault.errors import CATEGORY_KEY_MISSING, GRANT_NOT_HELD
from yilian.vault.packages import Released, ReleasedRecord
from yilian.vault.receiving import OpenedSession

SESSION_UNKNOWN = code(9214, "organisation.session_unknown", 404)


class SessionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Prepare an access session under a grant that this organisation holds.

    `role`: a profession of the caller's, for terms that ask for one; `place`: where the caller is;
    `on_behalf_of`: the practitioner of this organisation for whom the caller reads.
    """

    grant: Id
    purpose: Name = "treat"
    role: Name | None = None
    place: Name | None = None
    on_behalf_of: Id | None = None


class PreparedSession(msgspec.Struct, frozen=True, kw_only=True):
    """What the reader signs as `consent.OpenSession` before reading."""

    session: Id
    terms: Digest
    ends: Millis


class ReadRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record, exactly as it was written, or a copy with the labels of `redacted` taken out.

    What is not UTF-8 is written as base64.
    """

    record: Id
    media_type: str
    encoding: Literal["utf-8", "base64"]
    content: str
    redacted: tuple[Name, ...]


class NotRead(msgspec.Struct, frozen=True, kw_only=True):
    """One record that was not released, and why as far as the reader may know."""

    record: Id
    reasons: tuple[str, ...]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a session gave; each record was checked against the root on the chain.

    Where the holder was down, `replica` names the member that answered in its place, from a copy
    that was complete at `as_of` (ms): what came later is missing.
    """

    session: Id
    records: tuple[ReadRecord, ...]
    refused: tuple[NotRead, ...]
    replica: Id | None = None
    as_of: Millis | None = None


_PERSON = Parameter(
    name="person",
    where="query",
    schema=ID_SCHEMA,
    description="The patient's id at the caller's organisation, to show an open encounter there.",
)


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
        problems=(
            MALFORMED,
            GRANT_NOT_HELD,
            NO_FINALITY,
            ROLE_NOT_HELD,
            NOT_STAFF_HERE,
            FORBIDDEN,
        ),
    )
    async def prepare(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        asked = await body(request, SessionRequest)
        organisation.emergencies.finality.require()
        noting(grants=(asked.grant,), purpose=asked.purpose)
        made = await to_thread.run_sync(_made, organisation, caller.sender, asked)
        prepared = PreparedSession(
            session=made.terms.session, terms=made.commitment, ends=made.terms.ends
        )
        noting(sessions=(prepared.session,))
        return answer(request, prepared)

    return prepare


def _made(organisation: Organisation, reader: str, asked: SessionRequest) -> OpenedSession:
    consents = Consents(organisation)
    consents.require_role(reader, asked.role)
    consents.require_staff(asked.on_behalf_of)
    return organisation.prepare_session(
        asked.grant,
        reader,
        asked.purpose,
        role=asked.role,
        place=asked.place,
        on_behalf_of=asked.on_behalf_of,
    )


def _read(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/sessions/{session}/read",
        tag="organisations",
        summary="Read all that a session opens; every disclosure is journalled before it leaves",
        parameters=(*COMMON, path_id("session", "The session's id."), _PERSON),
        answers=answers(Reading, "The records, checked against the chain."),
        problems=(
            SESSION_UNKNOWN,
            CALLER_DIFFERS,
            GRANT_UNKNOWN,
            HOLDER_ELSEWHERE,
            *ASKING,
            *REPLICA_REFUSALS,
            NOT_PERMITTED,
            FORBIDDEN,
        ),
    )
    async def read(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *STAFF)
        session = require_id(request.path_params["session"], "session")
        person = query(request, "person").get("person")
        if person is not None:
            require_id(person, "person")
        made = await to_thread.run_sync(_open, organisation, caller.sender, session, person)
        return answer(request, made)

    return read


def _open(organisation: Organisation, reader: str, name: str, person: str | None) -> Reading:
    session = organisation.vault.session(name)
    if session is None or session.terms.reader != reader:
        raise SESSION_UNKNOWN()
    grant = session.terms.grant
    noting(grants=(grant,), purpose=session.terms.purpose)
    if session.terms.on_behalf_of is not None:
        noting(on_behalf_of=session.terms.on_behalf_of)
    holder = organisation.counterpart(organisation.vault.holder_of(grant))
    shown = None if person is None else show(organisation, person, reader)
    released = holder.release(session, shown=shown)
    noting(records=tuple(each.record for answer in released for each in answer.refused))
    stands = GRANTS.get(organisation.engine.state(), grant)
    require_read(stands, organisation.engine.now(), released)
    found = read_checked(organisation, holder, session, released)
    noting(records=tuple(found.contents))
    return Reading(
        session=name,
        records=tuple(
            _shown(each, found.contents[each.proof.record])
            for answer in released
            for each in answer.records
        ),
        refused=tuple(NotRead(record=each.record, reasons=each.reasons) for each in found.refused),
        replica=released[0].replica if released else None,
        as_of=released[0].as_of if released else None,
    )


def _shown(released: ReleasedRecord, content: bytes) -> ReadRecord:
    encoding: Literal["utf-8", "base64"] = "utf-8"
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        encoding, text = "base64", base64.b64encode(content).decode("ascii")
    return ReadRecord(
        record=released.proof.record,
        media_type=released.media_type,
        encoding=encoding,
        content=text,
        redacted=released.redacted,
    )


def read_checked(
    organisation: Organisation,
    holder: Counterpart,
    session: OpenedSession,
    released: list[Released],
) -> Read:
    """Open what was released and check it against the chain, with a lost package sent again."""
    try:
        return organisation.read(session, released)
    except Refusal as refusal:
        # A package may have been lost on the way; the holder makes it whole again, once.
        if refusal.code is not CATEGORY_KEY_MISSING:
            raise
        package = holder.repackage(session.terms.grant)
        if package is None:
            raise
        organisation.accept(session.terms.grant, package)
        return organisation.read(session, released)
