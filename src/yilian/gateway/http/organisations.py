"""What an organisation's own people and programs do here: take in, share, open, read, check.

Every route wants a signed request from somebody at home in the organisation. Only the organisation
itself and its agents take in records and share; a practitioner reads, in a session of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.auth import Caller, authenticate
from yilian.gateway.errors import FORBIDDEN, NOT_FOUND
from yilian.gateway.fhir.errors import BUNDLE_MALFORMED, BUNDLE_PATIENTS, BUNDLE_TOO_LARGE
from yilian.gateway.fhir.intake import FHIR_JSON, MAX_BUNDLE_BYTES
from yilian.gateway.http.asking import ID_SCHEMA, query, require_id
from yilian.gateway.http.operation import JSON, Answer, Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.organisation import (
    CALLER_DIFFERS,
    GRANT_UNKNOWN,
    KEY_SERVICE_UNKNOWN,
    PERSON_DIFFERS,
    Organisation,
)
from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis, Name, Whole
from yilian.ledger.errors import MALFORMED, code
from yilian.ledger.modules.identity.errors import ALREADY_ENROLLED
from yilian.vault.envelope import RecordProof, Terms
from yilian.vault.errors import GRANT_NOT_HELD, RECORD_UNKNOWN

HOLDER_ELSEWHERE = code(9213, "organisation.holder_elsewhere", 409, "id")
SESSION_UNKNOWN = code(9214, "organisation.session_unknown", 404)

DAY_MS = 86_400_000
T = TypeVar("T")
Names = Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=64)]


class LoadedBundle(msgspec.Struct, frozen=True, kw_only=True):
    """Where a bundle's records stand: whose they are, and the transaction that anchored them."""

    person: Id
    enrolled: bool
    batch: Id
    records: Whole
    transaction: str
    height: Whole


class GrantRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For a person in custody: let an organisation read categories of records for some days."""

    person: Id
    grantee: Id
    categories: Names
    purposes: Names = ("treat",)
    days: Annotated[int, msgspec.Meta(ge=1, le=3660)] = 30
    practitioner: Id | None = None


class GivenGrant(msgspec.Struct, frozen=True, kw_only=True):
    """A grant: its place on the chain, and the sealed package where we could not deliver it."""

    grant: Id
    transaction: str
    height: Whole
    ends: Millis
    delivered: bool
    package: str | None


class RevocationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """For a person in custody: take a grant back."""

    person: Id
    grant: Id


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """From which height on the grant opens nothing."""

    grant: Id
    transaction: str
    height: Whole


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


class PersonRecords(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of a person's records here."""

    person: Id
    records: tuple[Id, ...]


class Damaged(msgspec.Struct, frozen=True, kw_only=True):
    """Something in the vault that is not as it was: what, its id, its batch, and why."""

    subject: Name
    id: str
    batch: str
    reason: Name


class IntegrityReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the integrity check of a vault found; empty where all is well."""

    damaged: tuple[Damaged, ...]


_ORGANISATION = Parameter(
    name="organisation",
    where="path",
    schema=ID_SCHEMA,
    description="The organisation's id.",
    required=True,
)
_SIGNED = Parameter(
    name="Yilian-Request",
    where="header",
    schema={"type": "string"},
    description="The signed request of somebody at home in the organisation.",
    required=True,
)
_COMMON = (_ORGANISATION, _SIGNED)
_PERSON = Parameter(
    name="person",
    where="query",
    schema=ID_SCHEMA,
    description="Whose records these are, where the person is enrolled here already.",
)


def _path(name: str, description: str) -> Parameter:
    return Parameter(
        name=name, where="path", schema=ID_SCHEMA, description=description, required=True
    )


def _answers(type_: Any, description: str) -> list[Answer]:
    return [Answer(status=200, description=description, content={JSON: type_})]


def routes(organisations: Mapping[str, Organisation]) -> tuple[BaseRoute, ...]:
    """Make the routes of the organisations that this node works for."""
    rooms = _Rooms(organisations)
    return routes_of(
        rooms.load, rooms.grant, rooms.revoke, rooms.prepare, rooms.read,
        rooms.records, rooms.proof, rooms.integrity,
    )  # fmt: skip


class _Rooms:
    """The handlers, with what they work on."""

    def __init__(self, organisations: Mapping[str, Organisation]) -> None:
        self._organisations = organisations
        self.load = _load(self)
        self.grant = _grant(self)
        self.revoke = _revoke(self)
        self.prepare = _prepare(self)
        self.read = _read(self)
        self.records = _records(self)
        self.proof = _proof(self)
        self.integrity = _integrity(self)

    def find(self, name: str) -> Organisation:
        """Find an organisation of this node; refuses `not_found`."""
        found = self._organisations.get(require_id(name, "organisation"))
        if found is None:
            raise NOT_FOUND()
        return found

    def hosted(self, name: str) -> Organisation | None:
        """Find an organisation if this node works for it."""
        return self._organisations.get(name)

    async def enter(
        self, request: Request, *kinds: str, limit: int = 1_048_576
    ) -> tuple[Organisation, Caller]:
        """Let somebody of the organisation in, of one of the kinds; refuses all others."""
        caller = await authenticate(request, limit)
        organisation = self.find(request.path_params["organisation"])
        if caller.organisation != organisation.id or caller.subject.kind not in kinds:
            raise FORBIDDEN()
        return organisation, caller


async def _body(request: Request, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(await request.body(), type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MALFORMED() from None


def _load(rooms: _Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/bundles",
        tag="organisations",
        summary="Take in a FHIR R4 bundle of one patient: encrypt and anchor every resource",
        parameters=(*_COMMON, _PERSON),
        body={FHIR_JSON: dict[str, Any]},
        answers=_answers(LoadedBundle, "All records are stored and anchored."),
        problems=(
            PERSON_DIFFERS,
            BUNDLE_MALFORMED,
            BUNDLE_TOO_LARGE,
            BUNDLE_PATIENTS,
            ALREADY_ENROLLED,
            FORBIDDEN,
        ),
    )
    async def load(request: Request) -> Response:
        organisation, _ = await rooms.enter(
            request, "organisation", "agent", limit=MAX_BUNDLE_BYTES
        )
        person = query(request, "person").get("person")
        if person is not None:
            require_id(person, "person")
        content = await request.body()
        loaded = await to_thread.run_sync(organisation.load, content, person)
        return answer(
            request,
            LoadedBundle(
                person=loaded.person,
                enrolled=loaded.enrolled,
                batch=loaded.batch,
                records=loaded.size,
                transaction=loaded.outcome.hash,
                height=loaded.outcome.height,
            ),
        )

    return load


def _grant(rooms: _Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/grants",
        tag="organisations",
        summary="Give a grant for a person in custody and deliver its keys to the grantee",
        parameters=_COMMON,
        body=GrantRequest,
        answers=_answers(GivenGrant, "The grant is on the chain."),
        problems=(MALFORMED, KEY_SERVICE_UNKNOWN, FORBIDDEN),
    )
    async def grant(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, "organisation", "agent")
        asked = await _body(request, GrantRequest)
        return answer(request, await to_thread.run_sync(_give, rooms, organisation, asked))

    return grant


def _give(rooms: _Rooms, organisation: Organisation, asked: GrantRequest) -> GivenGrant:
    now = organisation.engine.now()
    terms = Terms(
        grantee=asked.grantee,
        practitioner=asked.practitioner,
        categories=tuple(sorted(set(asked.categories))),
        purposes=tuple(sorted(set(asked.purposes))),
        starts=now,
        ends=now + asked.days * DAY_MS,
    )
    shared = organisation.grant(asked.person, terms)
    grantee = rooms.hosted(asked.grantee)
    if grantee is not None:
        grantee.accept(shared.grant, shared.package)
    return GivenGrant(
        grant=shared.grant,
        transaction=shared.outcome.hash,
        height=shared.outcome.height,
        ends=terms.ends,
        delivered=grantee is not None,
        package=None if grantee is not None else codec.to_text(shared.package),
    )


def _revoke(rooms: _Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/revocations",
        tag="organisations",
        summary="Take a grant back for a person in custody",
        parameters=_COMMON,
        body=RevocationRequest,
        answers=_answers(Revocation, "The grant opens nothing from this height on."),
        problems=(MALFORMED, FORBIDDEN),
    )
    async def revoke(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, "organisation", "agent")
        asked = await _body(request, RevocationRequest)
        outcome = await to_thread.run_sync(organisation.revoke, asked.person, asked.grant)
        revoked = Revocation(grant=asked.grant, transaction=outcome.hash, height=outcome.height)
        return answer(request, revoked)

    return revoke


def _prepare(rooms: _Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/sessions",
        tag="organisations",
        summary="Prepare an access session for the caller, to be opened on the chain",
        parameters=_COMMON,
        body=SessionRequest,
        answers=_answers(PreparedSession, "Sign these as consent.OpenSession, then read."),
        problems=(MALFORMED, GRANT_NOT_HELD, FORBIDDEN),
    )
    async def prepare(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, "organisation", "agent", "practitioner")
        asked = await _body(request, SessionRequest)
        made = await to_thread.run_sync(
            organisation.prepare_session, asked.grant, caller.sender, asked.purpose
        )
        prepared = PreparedSession(
            session=made.terms.session, terms=made.commitment, ends=made.terms.ends
        )
        return answer(request, prepared)

    return prepare


def _read(rooms: _Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/sessions/{session}/read",
        tag="organisations",
        summary="Read all that a session opens; every disclosure is journalled before it leaves",
        parameters=(*_COMMON, _path("session", "The session's id.")),
        answers=_answers(Reading, "The records, checked against the chain."),
        problems=(SESSION_UNKNOWN, CALLER_DIFFERS, GRANT_UNKNOWN, HOLDER_ELSEWHERE, FORBIDDEN),
    )
    async def read(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, "organisation", "agent", "practitioner")
        session = require_id(request.path_params["session"], "session")
        made = await to_thread.run_sync(_open, rooms, organisation, caller.sender, session)
        return answer(request, made)

    return read


def _open(rooms: _Rooms, organisation: Organisation, reader: str, name: str) -> Reading:
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


def _records(rooms: _Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/records",
        tag="organisations",
        summary="List the ids of a person's records here",
        parameters=(*_COMMON, _path("person", "The person's id here.")),
        answers=_answers(PersonRecords, "Ids only; none for a person without records."),
        problems=(FORBIDDEN,),
    )
    async def records(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, "organisation", "agent", "practitioner")
        person = require_id(request.path_params["person"], "person")
        found = await to_thread.run_sync(organisation.vault.records_of, person)
        return answer(request, PersonRecords(person=person, records=tuple(found)))

    return records


def _proof(rooms: _Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/records/{record}/proof",
        tag="organisations",
        summary="Prove that a record is in a batch whose root the chain holds",
        parameters=(*_COMMON, _path("record", "The record's id.")),
        answers=_answers(RecordProof, "The record's commitment and its path to the root."),
        problems=(RECORD_UNKNOWN, FORBIDDEN),
    )
    async def proof(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, "organisation", "agent", "practitioner")
        record = require_id(request.path_params["record"], "record")
        return answer(request, await to_thread.run_sync(organisation.vault.proof, record))

    return proof


def _integrity(rooms: _Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/integrity",
        tag="organisations",
        summary="Check every payload, catalogue row and journal line of the organisation's vault",
        parameters=_COMMON,
        answers=_answers(IntegrityReport, "What is damaged, by id; empty where all is well."),
        problems=(FORBIDDEN,),
    )
    async def integrity(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, "organisation", "agent")
        found = await to_thread.run_sync(lambda: list(organisation.vault.integrity()))
        damaged = tuple(
            Damaged(subject=each.subject, id=each.id, batch=each.batch, reason=each.reason)
            for each in found
        )
        return answer(request, IntegrityReport(damaged=damaged))

    return integrity
