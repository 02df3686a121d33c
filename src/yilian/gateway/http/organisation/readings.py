"""An organisation's own records, one by one: read, listed, corrected, noted, told by version.

Who sees what is the policy's to say (`practice/records.py`): a practitioner by licence and
relation, the person themself, a custodian with the power, the organisation for its duties. Programs
read nothing. Each answer about a record is journalled, denials too.
"""

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
from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN
from yilian.gateway.fhir.errors import BUNDLE_MALFORMED, BUNDLE_TOO_LARGE
from yilian.gateway.fhir.intake import FHIR_JSON, MAX_BUNDLE_BYTES
from yilian.gateway.http.asking import query, require_id
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, STAFF, Rooms, answers, body, path_id
from yilian.gateway.organisation import Organisation
from yilian.gateway.practice.records import (
    CORRECTION_DIFFERS,
    DENIED,
    Asker,
    Written,
)
from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis, Name, Whole
from yilian.ledger.errors import MALFORMED
from yilian.vault.envelope import RecordProof
from yilian.vault.errors import (
    NOTE_MAY_NOT_REPLACE,
    RECORD_ERASED,
    RECORD_REPLACED,
    RECORD_SEALED,
    RECORD_UNKNOWN,
    REPLACES_OTHER_PATIENT,
)
from yilian.vault.policy import PURPOSES

ALL = (*STAFF, "person")
DEFAULTS = {"practitioner": "treat", "person": "patient-request"}
"""What each kind of subject asks for where it does not say."""

RECORD = path_id("record", "The record's id.")
PERSON = path_id("person", "The person's id here.")
PURPOSE = Parameter(
    name="purpose",
    where="query",
    schema={"type": "string", "enum": list(PURPOSES)},
    description="What it is for: `treat` for a practitioner, `patient-request` for the person.",
)


class OwnRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record, exactly as it was taken in; `encoding` is that of `content` in this answer."""

    record: Id
    person: Id
    kind: Name
    category: Name
    sensitivity: Name
    month: str
    media_type: str
    author: Id | None
    replaces: Id | None
    status: Name
    encoding: Literal["utf-8", "base64url"]
    content: str


class RecordEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What there is, without its content. `status` is `kept` or `sealed`."""

    record: Id
    kind: Name
    category: Name
    sensitivity: Name
    month: str
    author: Id | None
    replaces: Id | None
    status: Name


class PersonRecords(msgspec.Struct, frozen=True, kw_only=True):
    """A person's records that the asker may know of; for programs here their ids alone."""

    person: Id
    records: tuple[Id, ...]
    entries: tuple[RecordEntry, ...]


class WrittenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that was taken in and anchored."""

    record: Id
    batch: Id
    replaces: Id | None
    transaction: str
    height: Whole


class NoteRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a person writes beside their records; `replaces` names an earlier note of theirs."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
    replaces: Id | None = None


class RecordVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version. Hold `proof` against `root`, which the chain has at `height`."""

    record: Id
    kind: str
    author: Id | None
    deposited: Millis
    status: Name
    proof: RecordProof
    root: Digest | None
    height: Whole | None


class RecordVersions(msgspec.Struct, frozen=True, kw_only=True):
    """All versions of a record, oldest first."""

    record: Id
    versions: tuple[RecordVersion, ...]


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_read(rooms), _list(rooms), _correct(rooms), _note(rooms), _versions(rooms))


def asking(request: Request, caller: Caller, action: str) -> Asker:
    """Read who asks for what purpose; refuses `bad_parameter` for one that is not known."""
    default = DEFAULTS.get(caller.subject.kind, "operate")
    purpose = query(request, "purpose").get("purpose", default)
    if purpose not in PURPOSES:
        raise BAD_PARAMETER(name="purpose")
    noting(purpose=purpose)
    return Asker(caller.sender, caller.subject, action, purpose)


def _written(made: Written) -> WrittenRecord:
    noting(records=(made.record,), transaction=made.outcome.hash)
    return WrittenRecord(
        record=made.record,
        batch=made.batch,
        replaces=made.replaces,
        transaction=made.outcome.hash,
        height=made.outcome.height,
    )


async def _noted(organisation: Organisation, record: str) -> None:
    """Note a record and whose it is before anything is decided, so that denials are found too."""
    held = await to_thread.run_sync(organisation.vault.catalogue.record, record)
    noting(records=(record,), subjects=(held.patient,) if held is not None and held.patient else ())


def _read(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/records/{record}",
        tag="organisations",
        summary="Read one record of this organisation; journalled before it leaves",
        parameters=(*COMMON, RECORD, PURPOSE),
        answers=answers(OwnRecord, "The record's exact content."),
        problems=(DENIED, RECORD_UNKNOWN, RECORD_SEALED, RECORD_ERASED, FORBIDDEN),
    )
    async def read(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *ALL)
        record = require_id(request.path_params["record"], "record")
        asker = asking(request, caller, "read")
        await _noted(organisation, record)
        found = await to_thread.run_sync(organisation.own_records.read, asker, record)
        row = found.row
        encoding, content = _text(found.content)
        shown = OwnRecord(
            record=record,
            person=row.patient,
            kind=row.kind,
            category=row.category,
            sensitivity=row.sensitivity,
            month=row.period,
            media_type=row.media_type,
            author=row.author,
            replaces=row.replaces,
            status=row.standing,
            encoding=encoding,
            content=content,
        )
        return answer(request, shown)

    return read


def _text(content: bytes) -> tuple[Literal["utf-8", "base64url"], str]:
    try:
        return "utf-8", content.decode("utf-8")
    except UnicodeDecodeError:
        return "base64url", codec.to_text(content)


def _list(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/records",
        tag="organisations",
        summary="List a person's records here, as far as the policy lets the asker know of them",
        parameters=(*COMMON, PERSON, PURPOSE),
        answers=answers(PersonRecords, "No contents; none for a stranger."),
        problems=(FORBIDDEN,),
    )
    async def records(request: Request) -> Response:
        person = require_id(request.path_params["person"], "person")
        organisation, caller = await rooms.enter_for(request, person, *STAFF, power="read")
        asker = asking(request, caller, "read")
        noting(subjects=(person,))
        found = await to_thread.run_sync(organisation.own_records.listed, asker, person)
        entries = tuple(
            RecordEntry(
                record=row.record,
                kind=row.kind,
                category=row.category,
                sensitivity=row.sensitivity,
                month=row.period,
                author=row.author,
                replaces=row.replaces,
                status=row.standing,
            )
            for row in found
        )
        names = [row.record for row in found]
        if caller.subject.kind in ("organisation", "agent"):
            names = await to_thread.run_sync(organisation.vault.records_of, person)
        return answer(request, PersonRecords(person=person, records=tuple(names), entries=entries))

    return records


def _correct(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/records/{record}/corrections",
        tag="organisations",
        summary="Put a new version of a record beside the old one, which stays provable",
        parameters=(*COMMON, RECORD, PURPOSE),
        body={FHIR_JSON: dict[str, Any]},
        answers=answers(WrittenRecord, "The new version is stored and anchored."),
        problems=(
            DENIED,
            RECORD_UNKNOWN,
            RECORD_SEALED,
            RECORD_ERASED,
            RECORD_REPLACED,
            CORRECTION_DIFFERS,
            BUNDLE_MALFORMED,
            BUNDLE_TOO_LARGE,
            FORBIDDEN,
        ),
    )
    async def correct(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *ALL, limit=MAX_BUNDLE_BYTES)
        record = require_id(request.path_params["record"], "record")
        asker = asking(request, caller, "correct")
        await _noted(organisation, record)
        content = await request.body()
        made = await to_thread.run_sync(organisation.own_records.correct, asker, record, content)
        return answer(request, _written(made))

    return correct


def _note(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/persons/{person}/notes",
        tag="organisations",
        summary="Keep a note of the person, or of their custodian, beside the records",
        parameters=(*COMMON, PERSON),
        body=NoteRequest,
        answers=answers(WrittenRecord, "The note is stored and anchored."),
        problems=(
            MALFORMED,
            DENIED,
            RECORD_UNKNOWN,
            RECORD_ERASED,
            RECORD_REPLACED,
            NOTE_MAY_NOT_REPLACE,
            REPLACES_OTHER_PATIENT,
            FORBIDDEN,
        ),
    )
    async def note(request: Request) -> Response:
        person = require_id(request.path_params["person"], "person")
        organisation, caller = await rooms.enter_for(request, person, power="read")
        asked = await body(request, NoteRequest)
        asker = Asker(caller.sender, caller.subject, "note", "patient-request")
        noting(subjects=(person,), purpose=asker.purpose)
        made = await to_thread.run_sync(
            organisation.own_records.note, asker, person, asked.text, asked.replaces
        )
        return answer(request, _written(made))

    return note


def _versions(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/records/{record}/versions",
        tag="organisations",
        summary="List all versions of a record, each with the proof that the chain has it",
        parameters=(*COMMON, RECORD, PURPOSE),
        answers=answers(RecordVersions, "Oldest first, whichever of them is named."),
        problems=(DENIED, RECORD_UNKNOWN, FORBIDDEN),
    )
    async def versions(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *ALL)
        record = require_id(request.path_params["record"], "record")
        asker = asking(request, caller, "read")
        await _noted(organisation, record)
        found = await to_thread.run_sync(organisation.own_records.versions, asker, record)
        shown = tuple(
            RecordVersion(
                record=each.record,
                kind=each.kind,
                author=each.author,
                deposited=each.deposited,
                status=each.standing,
                proof=each.proof,
                root=each.root,
                height=each.height,
            )
            for each in found
        )
        return answer(request, RecordVersions(record=record, versions=shown))

    return versions
