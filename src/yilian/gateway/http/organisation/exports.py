"""A person's whole record with its proofs: out as one file, in from another instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from yilian.gateway import problems
from yilian.gateway.audit import noting
from yilian.gateway.auth import Caller
from yilian.gateway.body import require_media_type
from yilian.gateway.content.errors import (
    EXPORT_DAMAGED,
    EXPORT_EXPANDS,
    EXPORT_MALFORMED,
    EXPORT_NAME,
    EXPORT_REPEATED,
    EXPORT_TOO_LARGE,
    EXPORT_TRUST,
    EXPORT_WRONG_CHAIN,
    ORIGIN_DIFFERS,
)
from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN, UNSUPPORTED_MEDIA_TYPE
from yilian.gateway.fhir.intake import MAX_BUNDLE_BYTES
from yilian.gateway.http.asking import ID_SCHEMA, query, require_acceptable, require_id
from yilian.gateway.http.operation import Answer, Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, OPERATORS, Rooms, answers, path_id
from yilian.gateway.organisation import PERSON_DIFFERS, Organisation
from yilian.gateway.practice import timelines
from yilian.gateway.practice.exports import (
    NO_PATIENT,
    NOT_VERIFIED,
    PATIENTS_DIFFER,
    Exports,
    Imported,
    NotVerified,
)
from yilian.gateway.practice.timelines import Reader
from yilian.ledger import codec
from yilian.ledger.codec import Id, Whole
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity.errors import ALREADY_ENROLLED
from yilian.ledger.modules.identity.state import SUBJECTS

ZIP = "application/zip"
MAX_IMPORT = MAX_BUNDLE_BYTES
MAX_TRUST = 24_576
"""How long a trust file may be, as it is sent: it stands in the address, and a head is limited."""

_Zip = Annotated[msgspec.Raw, msgspec.Meta(description="An export file, yilian-export/1.")]


class ImportedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch of imported records, and the transaction that anchored it."""

    batch: Id
    records: Whole
    transaction: str
    height: Whole


class ImportedExport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import brought. `skipped` counts records that were here already.

    `origins` counts the places that records can be traced to, `unchecked` those on chains that no
    trust file was given for.
    """

    person: Id
    enrolled: bool
    records: Whole
    skipped: Whole
    origins: Whole
    unchecked: Whole
    batches: tuple[ImportedBatch, ...]


_TRUST = Parameter(
    name="trust",
    where="query",
    schema={"type": "string", "pattern": "^[A-Za-z0-9_-]+$", "maxLength": MAX_TRUST},
    description=(
        "The trust file of the chain that the export is of: its JSON in unpadded base64url. It "
        "stands in the address so that the request's signature covers it."
    ),
    required=True,
)
_PERSON = Parameter(
    name="person",
    where="query",
    schema=ID_SCHEMA,
    description="Whose records these are, where the person is enrolled here already.",
)


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_export(rooms), _import(rooms))


def _export(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/export",
        tag="organisations",
        summary="Take out a person's whole record with its proofs and its readers, as one file",
        parameters=(*COMMON, path_id("person", "The person's id here.")),
        answers=[
            Answer(
                status=200,
                description="The file; every reading is journalled before it leaves.",
                content={ZIP: _Zip},
            )
        ],
        problems=(EXPORT_TOO_LARGE, FORBIDDEN),
    )
    async def export(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, caller = await rooms.enter_for(request, person, *OPERATORS, power="read")
        noting(subjects=(person,), purpose="patient-request")
        query(request)
        require_acceptable(request, ZIP)
        reader = _reader(organisation, caller, person)
        pieces = Exports(organisation).pieces(person, reader)
        # What is refused before the first piece is refused with a problem document.
        first = await to_thread.run_sync(next, pieces)
        headers = {"Content-Disposition": f'attachment; filename="{person}.zip"'}
        whole: Iterator[bytes] = chain([first], pieces)
        return StreamingResponse(whole, 200, headers, ZIP)

    return export


def _reader(organisation: Organisation, caller: Caller, person: str) -> Reader:
    """Say as who the caller exports; a program does so for a person in custody alone."""
    if caller.subject.kind in OPERATORS:
        subject = SUBJECTS.require(organisation.engine.state(), person)
        if not subject.custody:
            raise FORBIDDEN()
    return timelines.reader(organisation, caller.sender, person, "export")


def _import(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/imports",
        tag="organisations",
        summary="Take in an export of another instance after checking every proof in it",
        parameters=(*COMMON, _TRUST, _PERSON),
        body={ZIP: _Zip},
        answers=answers(ImportedExport, "All records are stored and anchored here."),
        problems=(
            NOT_VERIFIED,
            NO_PATIENT,
            PATIENTS_DIFFER,
            PERSON_DIFFERS,
            ALREADY_ENROLLED,
            EXPORT_TRUST,
            EXPORT_WRONG_CHAIN,
            EXPORT_MALFORMED,
            EXPORT_TOO_LARGE,
            EXPORT_EXPANDS,
            EXPORT_NAME,
            EXPORT_REPEATED,
            EXPORT_DAMAGED,
            ORIGIN_DIFFERS,
            UNSUPPORTED_MEDIA_TYPE,
            FORBIDDEN,
        ),
    )
    async def take_in(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS, limit=MAX_IMPORT)
        require_media_type(request, ZIP)
        given = query(request, "trust", "person")
        trust = _trust(given.get("trust", ""))
        person = given.get("person")
        if person is not None:
            require_id(person, "person")
        content = await request.body()
        try:
            made = await to_thread.run_sync(_take_in, rooms, organisation, content, trust, person)
        except NotVerified as found:
            items = [each._asdict() for each in found.report.bad]
            return problems.respond(request, found.refusal(), items=items)
        noting(subjects=(made.person,))
        return answer(request, _view(made))

    return take_in


def _trust(text: str) -> bytes:
    """Read the trust file out of the address; refuses a parameter that is none."""
    try:
        return codec.to_bytes(text) if 0 < len(text) <= MAX_TRUST else b""
    except Refusal:
        raise BAD_PARAMETER(name="trust") from None


def _take_in(
    rooms: Rooms, organisation: Organisation, content: bytes, trust: bytes, person: str | None
) -> Imported:
    return Exports(organisation).take_in(content, trust, rooms.verify, person)


def _view(made: Imported) -> ImportedExport:
    return ImportedExport(
        person=made.person,
        enrolled=made.enrolled,
        records=made.records,
        skipped=made.skipped,
        origins=made.origins,
        unchecked=made.unchecked,
        batches=tuple(
            ImportedBatch(
                batch=batch.batch,
                records=batch.size,
                transaction=outcome.hash,
                height=outcome.height,
            )
            for batch, outcome in made.anchored
        ),
    )
