"""One timeline of a person: what is kept here and what the caller's sessions elsewhere opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
from yilian.gateway.auth import Caller
from yilian.gateway.content.errors import CONTENT_ASKED
from yilian.gateway.content.extract import Code
from yilian.gateway.content.timeline import Entry, Origin
from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN
from yilian.gateway.http.asking import ID_PATTERN, query, require_id, whole
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, Rooms, answers, path_id
from yilian.gateway.http.organisation.sessions import (
    SESSION_UNKNOWN,
    read_checked,
)
from yilian.gateway.members.errors import ASKING, HOLDER_ELSEWHERE
from yilian.gateway.organisation import (
    CALLER_DIFFERS,
    GRANT_UNKNOWN,
    PERSON_DIFFERS,
    Organisation,
)
from yilian.gateway.practice import timelines
from yilian.gateway.practice.consents import NOT_PERMITTED, require_read
from yilian.gateway.practice.replica_reading import REFUSALS as REPLICA_REFUSALS
from yilian.gateway.practice.timelines import Asked, Given, Shown, Timelines
from yilian.gateway.practice.treatment import show
from yilian.ledger.codec import Id, Name, Whole
from yilian.ledger.modules.consent.state import GRANTS
from yilian.vault.envelope import RecordProof

MAX_SESSIONS = 16
_TYPE = "^[A-Za-z]{1,64}$"


class TimelineCode(msgspec.Struct, frozen=True, kw_only=True):
    """A coding of an entry."""

    system: str
    code: str
    display: str | None


class TimelineMoment(msgspec.Struct, frozen=True, kw_only=True):
    """When it happened: as written, in which element, and as a span of milliseconds of UTC."""

    element: str
    text: str
    end: str | None
    low: int | None
    high: int | None


class TimelineRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A record that says so: whose it is, the proof of it, and the session it was read in.

    `replaced` is the record that corrects it, `redacted` the labels taken out of a copy.
    """

    organisation: Id
    record: Id
    proof: RecordProof | None
    session: Id | None
    replaced: Id | None
    redacted: tuple[Name, ...]


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One happening, and all records that it stands for. `conflicts` are records that disagree.

    `content` is the exact text of the first record, where it was asked for.
    """

    type: str
    status: str | None
    time: TimelineMoment | None
    codes: tuple[TimelineCode, ...]
    display: str | None
    value: str | None
    media_type: str
    content: str | None
    sources: tuple[TimelineRecord, ...]
    conflicts: tuple[Id, ...]


class TimelineSource(msgspec.Struct, frozen=True, kw_only=True):
    """An organisation that was heard; `checked`: its records name the person by a known number."""

    organisation: Id
    session: Id | None
    records: Whole
    checked: bool


class TimelineRefused(msgspec.Struct, frozen=True, kw_only=True):
    """A record elsewhere that was not released, and why as far as the reader may know."""

    record: Id
    reasons: tuple[str, ...]


class PersonTimeline(msgspec.Struct, frozen=True, kw_only=True):
    """A person's timeline in order of time; entries without a time come last."""

    person: Id
    entries: tuple[TimelineEntry, ...]
    sources: tuple[TimelineSource, ...]
    refused: tuple[TimelineRefused, ...]


def _asked(name: str, schema: dict[str, Any], description: str) -> Parameter:
    return Parameter(name=name, where="query", schema=schema, description=description)


_MILLIS = {"type": "integer", "minimum": 0}
_PARAMETERS = (
    *COMMON,
    path_id("person", "The person's id here."),
    _asked("since", _MILLIS, "Only what was at this time or later (ms)."),
    _asked("until", _MILLIS, "Only what was before this time (ms)."),
    _asked("type", {"type": "string", "pattern": _TYPE}, "Only this FHIR resource type."),
    _asked(
        "sessions",
        {"type": "string", "pattern": f"{ID_PATTERN[:-1]}(,{ID_PATTERN[1:-1]})*$"},
        f"Open sessions of the caller to read in too, with commas; at most {MAX_SESSIONS}.",
    ),
    _asked(
        "content",
        {"type": "string", "enum": ["true"]},
        "With the exact text of each entry's first record.",
    ),
)


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_timeline(rooms))


def _timeline(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/timeline",
        tag="organisations",
        summary="Read one timeline of a person from all sources, nothing twice, each with proofs",
        parameters=_PARAMETERS,
        answers=answers(PersonTimeline, "Every reading is journalled before this answer."),
        problems=(
            CONTENT_ASKED,
            PERSON_DIFFERS,
            SESSION_UNKNOWN,
            HOLDER_ELSEWHERE,
            *ASKING,
            *REPLICA_REFUSALS,
            CALLER_DIFFERS,
            GRANT_UNKNOWN,
            NOT_PERMITTED,
            FORBIDDEN,
        ),
    )
    async def timeline(request: Request) -> Response:
        person = request.path_params["person"]
        organisation, caller = await rooms.enter_for(request, person, "practitioner", power="read")
        noting(subjects=(person,))
        given = query(request, "since", "until", "type", "sessions", "content")
        asked, sessions = _read(given)
        noting(sessions=sessions)
        made = await to_thread.run_sync(_join, rooms, organisation, caller, person, asked, sessions)
        return answer(request, _view(person, organisation, made, "content" in given))

    return timeline


def _read(given: dict[str, str]) -> tuple[Asked, tuple[str, ...]]:
    sessions = tuple(given["sessions"].split(",")) if "sessions" in given else ()
    if len(sessions) > MAX_SESSIONS or len(set(sessions)) < len(sessions):
        raise BAD_PARAMETER(name="sessions")
    for each in sessions:
        require_id(each, "sessions")
    type_ = given.get("type")
    if type_ is not None and not (type_.isascii() and type_.isalpha() and len(type_) <= 64):
        raise BAD_PARAMETER(name="type")
    if given.get("content", "true") != "true":
        raise BAD_PARAMETER(name="content")
    times = {name: whole(given[name], name) for name in ("since", "until") if name in given}
    return Asked(type_, times.get("since"), times.get("until")), sessions


def _join(
    rooms: Rooms,
    organisation: Organisation,
    caller: Caller,
    person: str,
    asked: Asked,
    sessions: tuple[str, ...],
) -> Shown:
    reader = timelines.reader(organisation, caller.sender, person)
    given = list(_given(organisation, caller.sender, person, sessions))
    return Timelines(organisation).of(person, reader, asked, given)


def _given(
    organisation: Organisation, reader: str, person: str, names: tuple[str, ...]
) -> Iterator[Given]:
    """Read in sessions of the reader; refuses those of others like those that do not exist."""
    found = [organisation.vault.session(each) for each in names]
    for session in found:
        if session is None or session.terms.reader != reader:
            raise SESSION_UNKNOWN()
        holder_id = organisation.vault.holder_of(session.terms.grant)
        holder = organisation.counterpart(holder_id)
        grant = session.terms.grant
        # Whom an encounter is with is shown where the grant asks for one, and nowhere else.
        asked = "encounter" in organisation.vault.terms_of(grant).conditions
        encounter = show(organisation, person, reader) if asked else None
        answers = holder.release(session, shown=encounter)
        stands = GRANTS.get(organisation.engine.state(), grant)
        require_read(stands, organisation.engine.now(), answers)
        read = read_checked(organisation, holder, session, answers)
        noting(grants=(grant,), records=tuple(read.contents))
        yield Given(session, holder_id, answers, read)


# What is answered


def _view(
    person: str, organisation: Organisation, made: Shown, with_content: bool
) -> PersonTimeline:
    return PersonTimeline(
        person=person,
        entries=tuple(_entry(each, made, with_content) for each in made.entries),
        sources=tuple(
            TimelineSource(
                organisation=each.organisation,
                session=each.session,
                records=each.records,
                checked=each.checked,
            )
            for each in made.sources
        ),
        refused=tuple(
            TimelineRefused(record=each.record, reasons=each.reasons) for each in made.refused
        ),
    )


def _entry(entry: Entry, made: Shown, with_content: bool) -> TimelineEntry:
    said = entry.values
    moment = None
    if said.time is not None:
        moment = TimelineMoment(
            element=said.time.element,
            text=said.time.text,
            end=said.time.end,
            low=said.time.low,
            high=said.time.high,
        )
    return TimelineEntry(
        type=said.type,
        status=said.status,
        time=moment,
        codes=tuple(_code(each) for each in said.codes),
        display=said.display,
        value=said.value,
        media_type=entry.media_type,
        content=_text(entry.content) if with_content else None,
        sources=tuple(_record(each, made) for each in entry.sources),
        conflicts=entry.conflicts,
    )


def _code(code: Code) -> TimelineCode:
    return TimelineCode(system=code.system, code=code.code, display=code.display)


def _record(origin: Origin, made: Shown) -> TimelineRecord:
    return TimelineRecord(
        organisation=origin.organisation,
        record=origin.record,
        proof=origin.proof,
        session=made.sessions.get(origin.record),
        replaced=origin.replaced,
        redacted=made.copies.get(origin.record, ()),
    )


def _text(content: bytes) -> str | None:
    """Give a content as text, None for what is none."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None
