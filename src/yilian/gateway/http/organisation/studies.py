"""Imaging studies and other large objects: taken in piece by piece, read whole or in ranges.

The offset of a piece stands in the address, not in a `Content-Range` header: a signed request
vouches for its address and its body, and for no other header. `Range` need not be vouched for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Annotated, Any, NamedTuple

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute

from yilian.gateway import problems
from yilian.gateway.audit import noting
from yilian.gateway.auth import Caller
from yilian.gateway.body import require_media_type
from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN, UNSUPPORTED_MEDIA_TYPE
from yilian.gateway.http.asking import ID_SCHEMA, query, require_id, whole
from yilian.gateway.http.operation import Answer, Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.readings import ALL, DEFAULTS, PURPOSE, RECORD
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.http.organisation.sessions import SESSION_UNKNOWN
from yilian.gateway.members.errors import ASKING, HOLDER_ELSEWHERE
from yilian.gateway.organisation import CALLER_DIFFERS, GRANT_UNKNOWN, Organisation
from yilian.gateway.practice.records import DENIED, Asker
from yilian.gateway.practice.replica_reading import REFUSALS as REPLICA_REFUSALS
from yilian.gateway.practice.studies import Opened, Upload
from yilian.ledger.codec import Digest, Id, Name, Whole
from yilian.ledger.errors import MALFORMED, Refusal
from yilian.ledger.modules.identity.state import SUBJECTS
from yilian.vault.envelope import MediaType
from yilian.vault.errors import RECORD_ERASED, RECORD_SEALED, RECORD_UNKNOWN, RETENTION_UNKNOWN
from yilian.vault.large import (
    CHUNK_SIZE_REFUSED,
    LARGE_DIFFERS,
    LARGE_EXISTS,
    LARGE_OFFSET,
    LARGE_TOO_LARGE,
    LARGE_UNKNOWN,
    RANGE_REFUSED,
)
from yilian.vault.large_manifest import CHUNK, CHUNK_DAMAGED, LEAST_CHUNK
from yilian.vault.policy import PURPOSES

OCTETS = "application/octet-stream"
MAX_PIECE = 8 * 1024 * 1024
"""Bytes of one piece; so a slice cannot be larger either."""
_RANGE = re.compile(r"bytes=([0-9]{0,16})-([0-9]{0,16})")

_AT = "/v1/organisations/{organisation}/persons/{person}/studies"
_PERSON = path_id("person", "The person's id here.")
_OFFSET = Parameter(
    name="offset",
    where="query",
    schema={"type": "integer", "minimum": 0},
    description="Where the piece begins: the number of bytes that were received before.",
    required=True,
)
_SESSION = Parameter(
    name="session",
    where="query",
    schema=ID_SCHEMA,
    description="An open session of the caller, for a study that another organisation keeps.",
)
_BYTES = Parameter(
    name="Range",
    where="header",
    schema={"type": "string", "pattern": "^bytes=[0-9]*-[0-9]*$"},
    description="One range of bytes (RFC 9110, section 14); anything else gives the whole.",
)
_Bytes = Annotated[msgspec.Raw, msgspec.Meta(description="Bytes as they are.")]


class NewStudy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Begin the upload of a large object, in slices of `chunk` bytes."""

    media_type: MediaType
    chunk: Annotated[int, msgspec.Meta(ge=LEAST_CHUNK, le=MAX_PIECE)] = CHUNK


class StudyUpload(msgspec.Struct, frozen=True, kw_only=True):
    """How far an upload is: go on at `received`, with whole slices of `chunk` bytes.

    Only the last piece may end in a shorter slice.
    """

    record: Id
    person: Id
    media_type: str
    received: Whole
    chunk: Whole
    finished: bool


class StudyEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All is sent: `sha256` is the digest of the whole content, as the sender has it."""

    sha256: Digest | None = None
    sensitivity: Name = "normal"
    retention: Name = "imaging"


class DepositedStudy(msgspec.Struct, frozen=True, kw_only=True):
    """A study that became a record; `root` is over the commitments to its slices."""

    record: Id
    person: Id
    size: Whole
    slices: Whole
    root: Digest
    sha256: Digest
    batch: Id
    transaction: str
    height: Whole


class Span(NamedTuple):
    """Which bytes are asked for; `part` tells whether it was a range."""

    start: int
    length: int
    part: bool


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    made = (_begin, _append, _received, _finish, _give_up, _read)
    return routes_of(*(each(rooms) for each in made))


async def _enter(
    rooms: Rooms, request: Request, limit: int = 1_048_576
) -> tuple[Organisation, str]:
    """Let the organisation in, for a person at home here; refuses all others alike."""
    organisation, _ = await rooms.enter(request, *OPERATORS, limit=limit)
    person = require_id(request.path_params["person"], "person")
    found = SUBJECTS.get(organisation.engine.state(), person)
    if found is None or (found.kind, found.organisation) != ("person", organisation.id):
        raise FORBIDDEN()
    return organisation, person


def _record(request: Request) -> str:
    return require_id(request.path_params["record"], "record")


def _begin(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        _AT,
        tag="organisations",
        summary="Begin the upload of an imaging study or another large object",
        parameters=(*COMMON, _PERSON),
        body=NewStudy,
        answers=answers(StudyUpload, "Send pieces now; the record's id is fixed."),
        problems=(MALFORMED, CHUNK_SIZE_REFUSED, FORBIDDEN),
    )
    async def begin(request: Request) -> Response:
        organisation, person = await _enter(rooms, request)
        query(request)
        asked = await body(request, NewStudy)
        made = await to_thread.run_sync(
            organisation.studies.begin, person, asked.media_type, asked.chunk
        )
        return _upload(request, made)

    return begin


def _upload(request: Request, made: Upload) -> Response:
    noting(records=(made.record,))
    return answer(request, StudyUpload(**made._asdict()))


def _append(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        _AT + "/{record}/pieces",
        tag="organisations",
        summary="Send the next piece of an upload: whole slices, durable when this is answered",
        parameters=(*COMMON, _PERSON, RECORD, _OFFSET),
        body={OCTETS: _Bytes},
        answers=answers(StudyUpload, "The piece is kept; go on at `received`."),
        problems=(
            LARGE_UNKNOWN,
            LARGE_OFFSET,
            LARGE_EXISTS,
            LARGE_TOO_LARGE,
            UNSUPPORTED_MEDIA_TYPE,
            FORBIDDEN,
        ),
    )
    async def append(request: Request) -> Response:
        organisation, person = await _enter(rooms, request, MAX_PIECE)
        require_media_type(request, OCTETS)
        offset = whole(query(request, "offset").get("offset", ""), "offset")
        data = await request.body()
        made = await to_thread.run_sync(
            organisation.studies.append, person, _record(request), offset, data
        )
        return _upload(request, made)

    return append


def _received(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        _AT + "/{record}",
        tag="organisations",
        summary="Ask how far an upload is, to go on after a break",
        parameters=(*COMMON, _PERSON, RECORD),
        answers=answers(StudyUpload, "Where to go on."),
        problems=(LARGE_UNKNOWN, FORBIDDEN),
    )
    async def received(request: Request) -> Response:
        organisation, person = await _enter(rooms, request)
        query(request)
        found = await to_thread.run_sync(organisation.studies.upload, person, _record(request))
        return _upload(request, found)

    return received


def _finish(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        _AT + "/{record}/finish",
        tag="organisations",
        summary="End an upload: read it back, keep its manifest as a record, anchor it",
        parameters=(*COMMON, _PERSON, RECORD),
        body=StudyEnd,
        answers=answers(DepositedStudy, "The study is a record and anchored."),
        problems=(
            MALFORMED,
            LARGE_UNKNOWN,
            LARGE_EXISTS,
            LARGE_DIFFERS,
            CHUNK_DAMAGED,
            RETENTION_UNKNOWN,
            FORBIDDEN,
        ),
    )
    async def finish(request: Request) -> Response:
        organisation, person = await _enter(rooms, request)
        query(request)
        asked = await body(request, StudyEnd)
        made = await to_thread.run_sync(
            organisation.studies.finish,
            person,
            _record(request),
            asked.sha256,
            asked.sensitivity,
            asked.retention,
        )
        noting(transaction=made.outcome.hash)
        shown = DepositedStudy(
            record=made.manifest.record,
            person=person,
            size=made.manifest.size,
            slices=made.manifest.count,
            root=made.manifest.root,
            sha256=made.manifest.sha256,
            batch=made.batch,
            transaction=made.outcome.hash,
            height=made.outcome.height,
        )
        return answer(request, shown)

    return finish


def _give_up(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "DELETE",
        _AT + "/{record}",
        tag="organisations",
        summary="Give an upload up and delete what was sent",
        parameters=(*COMMON, _PERSON, RECORD),
        answers=[Answer(status=204, description="Nothing of it is left.")],
        problems=(LARGE_UNKNOWN, LARGE_EXISTS, FORBIDDEN),
    )
    async def give_up(request: Request) -> Response:
        organisation, person = await _enter(rooms, request)
        query(request)
        await to_thread.run_sync(organisation.studies.give_up, person, _record(request))
        return Response(status_code=204)

    return give_up


def _read(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/records/{record}/object",
        tag="organisations",
        summary="Read a study's content, whole or a range, under the same policy as its record",
        parameters=(*COMMON, RECORD, PURPOSE, _SESSION, _BYTES),
        answers=[
            Answer(
                status=200,
                description="The whole; each slice is checked before it leaves.",
                content={OCTETS: _Bytes},
            ),
            Answer(status=206, description="The range.", content={OCTETS: _Bytes}),
        ],
        problems=(
            DENIED,
            RECORD_UNKNOWN,
            RECORD_SEALED,
            RECORD_ERASED,
            LARGE_UNKNOWN,
            RANGE_REFUSED,
            CHUNK_DAMAGED,
            SESSION_UNKNOWN,
            HOLDER_ELSEWHERE,
            *ASKING,
            *REPLICA_REFUSALS,
            CALLER_DIFFERS,
            GRANT_UNKNOWN,
            FORBIDDEN,
        ),
    )
    async def read(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, *ALL)
        given = query(request, "purpose", "session")
        found = await to_thread.run_sync(_open, organisation, caller, _record(request), given)
        try:
            return await _stream(request, found)
        except Refusal as refusal:
            if refusal.code is not RANGE_REFUSED:
                raise
            made = problems.respond(request, refusal)
            made.headers["Content-Range"] = f"bytes */{found.manifest.size}"
            return made

    return read


def _open(organisation: Organisation, caller: Caller, record: str, given: dict[str, str]) -> Opened:
    if "session" in given:
        if "purpose" in given:
            raise BAD_PARAMETER(name="purpose")
        return _open_shared(organisation, caller, record, given["session"])
    purpose = given.get("purpose", DEFAULTS.get(caller.subject.kind, "operate"))
    if purpose not in PURPOSES:
        raise BAD_PARAMETER(name="purpose")
    noting(purpose=purpose)
    asker = Asker(caller.sender, caller.subject, "read", purpose)
    found = organisation.studies.open(asker, record)
    noting(subjects=(found.person,))
    return found


def _open_shared(organisation: Organisation, caller: Caller, record: str, name: str) -> Opened:
    session = organisation.vault.session(require_id(name, "session"))
    noting(sessions=(name,))
    if session is None or session.terms.reader != caller.sender:
        raise SESSION_UNKNOWN()
    noting(grants=(session.terms.grant,), purpose=session.terms.purpose)
    holder = organisation.counterpart(organisation.vault.holder_of(session.terms.grant))
    return organisation.studies.open_shared(session, record, holder)


async def _stream(request: Request, found: Opened) -> Response:
    span = _span(request.headers.get("range"), found.manifest.size)
    pieces = await to_thread.run_sync(found.pieces, span.start, span.length)
    # What is refused before the first piece is refused with a problem document.
    first = await to_thread.run_sync(next, pieces, b"")
    last = span.start + span.length - 1
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": "attachment",
        "Content-Length": str(span.length),
        "ETag": f'"{found.manifest.sha256}"',
    }
    if span.part:
        headers["Content-Range"] = f"bytes {span.start}-{last}/{found.manifest.size}"
    content: Iterator[bytes] = chain([first], pieces)
    status = 206 if span.part else 200
    return StreamingResponse(content, status, headers, found.manifest.media_type)


def _span(header: str | None, size: int) -> Span:
    """Read `Range` (RFC 9110, section 14.2); what is no single range of bytes is passed over.

    Refuses `large_range_refused` for a range that begins behind the end.
    """
    asked = None if header is None else _RANGE.fullmatch(header.strip())
    if asked is None or asked[1] == asked[2] == "":
        return Span(0, size, False)
    if asked[1] == "":
        length = min(int(asked[2]), size)
        if length == 0:
            raise RANGE_REFUSED(size=size)
        return Span(size - length, length, True)
    start = int(asked[1])
    last = int(asked[2]) if asked[2] else size - 1
    if asked[2] and last < start:
        return Span(0, size, False)
    if start >= size:
        raise RANGE_REFUSED(size=size)
    return Span(start, min(last, size - 1) - start + 1, True)
