"""The audit trail for the organisation; for a person, who saw their records and who asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import as_audit_events
from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN
from yilian.gateway.http import asking
from yilian.gateway.http.asking import ID_SCHEMA, require_acceptable, require_id, whole
from yilian.gateway.http.operation import JSON, Answer, Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    Rooms,
    answers,
    path_id,
)
from yilian.gateway.organisation import Organisation
from yilian.gateway.practice.audits import Asked, Audits, Disclosure, Line, Who
from yilian.ledger import codec
from yilian.ledger.codec import Id, Millis, Name, Whole
from yilian.vault.audit import ANONYMOUS, Actor, AuditEntry, OperationId
from yilian.vault.envelope import Basis, JournalProof, MerklePath
from yilian.vault.errors import BATCH_NOT_ANCHORED, DISCLOSURE_UNKNOWN

FHIR_JSON = "application/fhir+json"

_HASH = re.compile("[0-9a-f]{64}")
_OPERATION = re.compile("[a-z][a-z0-9_-]{0,127}")


class AnchoredAt(msgspec.Struct, frozen=True, kw_only=True):
    """Where a batch stands on the chain."""

    transaction: str
    height: Whole


class AuditPath(msgspec.Struct, frozen=True, kw_only=True):
    """The way from an entry to the root of its batch (RFC 6962), and where that root stands.

    The leaf is the entry's canonical JSON.
    """

    batch: Id
    index: Whole
    total: Whole
    path: MerklePath
    anchored: AnchoredAt


class AuditLine(msgspec.Struct, frozen=True, kw_only=True):
    """An audit entry; once its batch is on the chain, also the proof that it is in the batch."""

    entry: AuditEntry
    proof: AuditPath | None


class AuditPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Audit entries, oldest first; `next` is the cursor of the next page."""

    entries: tuple[AuditLine, ...]
    next: str | None = None


class AuditedSubject(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody by id: kind and home as the chain has them, name where a staff directory has it."""

    id: Actor
    kind: str | None
    organisation: Id | None
    organisation_name: str | None
    name: str | None


class DisclosureLine(msgspec.Struct, frozen=True, kw_only=True):
    """Who asked for records, when, what for, on what ground, and how that was answered.

    `lines` are the journal lines, one for each of `records` and in the same order; once `anchored`
    each can be proved. `replica` is the member that answered from a replica, while this
    organisation's node was down.
    """

    time: Millis
    reader: AuditedSubject
    on_behalf_of: Id | None
    purpose: Name
    basis: Basis
    session: Id | None
    grant: Id | None
    outcome: str
    reasons: tuple[Name, ...]
    records: tuple[Id, ...]
    lines: tuple[Id, ...]
    anchored: bool
    replica: Id | None = None


class DisclosurePage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Disclosures of a person's records, oldest first; `next` is the cursor of the next page."""

    person: Id
    disclosures: tuple[DisclosureLine, ...]
    next: str | None = None


class ProvedDisclosure(msgspec.Struct, frozen=True, kw_only=True):
    """A journal line with its path to a root that the chain holds."""

    proof: JournalProof
    anchored: AnchoredAt


class CallLine(msgspec.Struct, frozen=True, kw_only=True):
    """One call about a person, refused or not: who, when, which operation, what for, the answer."""

    entry: Id
    time: Millis
    actor: AuditedSubject
    for_the_person: bool
    operation: OperationId
    purpose: Name | None
    outcome: str
    status: int
    refusal: Name | None
    transaction: str | None


class CallPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Calls about a person, oldest first; `next` is the cursor of the next page."""

    person: Id
    calls: tuple[CallLine, ...]
    next: str | None = None


def _asked(name: str, schema: dict[str, Any], description: str) -> Parameter:
    return Parameter(name=name, where="query", schema=schema, description=description)


_MILLIS = {"type": "integer", "minimum": 0}
_SINCE = _asked("since", _MILLIS, "Only from this moment (ms) on.")
_UNTIL = _asked("until", _MILLIS, "Only before this moment (ms).")
_LIMIT = _asked("limit", asking.LIMIT_SCHEMA, "How many at most.")
_CURSOR = _asked("cursor", asking.CURSOR_SCHEMA, "Where an earlier page said that the next begins.")
_FILTERS = (
    _asked("subject", ID_SCHEMA, "Only about this person."),
    _asked("actor", {"type": "string"}, "Only by this subject, or `anonymous`."),
    _asked("transaction", {"type": "string", "pattern": "^[0-9a-f]{64}$"}, "Only with this hash."),
    _asked("operation", {"type": "string"}, "Only this `operationId`."),
    _SINCE,
    _UNTIL,
)
_FORMAT = _asked("format", {"type": "string", "enum": ["fhir"]}, "`fhir`: AuditEvents (IHE BALP).")
_PERSON = path_id("person", "The person's id here.")


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_audit(rooms), _disclosures(rooms), _proof(rooms), _calls(rooms))


def _audit(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/audit",
        tag="organisations",
        summary="Search the audit trail: one entry for every call, with its proof once anchored",
        parameters=(*COMMON, *_FILTERS, _LIMIT, _CURSOR, _FORMAT),
        answers=[
            Answer(
                status=200,
                description="The entries that fit, as a page or as a searchset of AuditEvents.",
                content={JSON: AuditPage, FHIR_JSON: dict[str, Any]},
            )
        ],
        problems=(FORBIDDEN,),
    )
    async def audit(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        names = [each.name for each in (*_FILTERS, _LIMIT, _CURSOR, _FORMAT)]
        given = asking.query(request, *names)
        wanted, limit = _wanted(given), asking.limit(given)
        scope = "audit " + repr(wanted)
        after = asking.read_cursor(given.get("cursor"), scope) or 0
        audits = Audits(organisation)
        found = await to_thread.run_sync(audits.entries, wanted, after, limit + 1)
        page = found[:limit]
        following = asking.cursor(page[-1].entry.number, scope) if len(found) > limit else None
        if "format" in given:
            return _searchset(request, page, following)
        return answer(request, AuditPage(entries=tuple(map(_line, page)), next=following))

    return audit


def _wanted(given: dict[str, str]) -> Asked:
    for name, pattern in (("transaction", _HASH), ("operation", _OPERATION)):
        if name in given and not pattern.fullmatch(given[name]):
            raise BAD_PARAMETER(name=name)
    for name in ("subject", "actor"):
        if name in given and (name, given[name]) != ("actor", ANONYMOUS):
            require_id(given[name], name)
    if given.get("format", "fhir") != "fhir":
        raise BAD_PARAMETER(name="format")
    return Asked(
        subject=given.get("subject"),
        actor=given.get("actor"),
        transaction=given.get("transaction"),
        operation=given.get("operation"),
        **_span(given),
    )


def _span(given: dict[str, str]) -> dict[str, int | None]:
    return {
        name: whole(given[name], name) if name in given else None for name in ("since", "until")
    }


def _searchset(request: Request, page: Sequence[Line], following: str | None) -> Response:
    """Answer a FHIR R4 Bundle of type searchset; one entry may be several AuditEvents."""
    require_acceptable(request, FHIR_JSON)
    made: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": "self", "url": str(request.url)}],
        "entry": [
            {
                "fullUrl": f"urn:yilian:audit-event:{event['id']}",
                "resource": event,
                "search": {"mode": "match"},
            }
            for line in page
            for event in as_audit_events(line.entry)
        ],
    }
    if following is not None:
        url = request.url.include_query_params(cursor=following)
        made["link"].append({"relation": "next", "url": str(url)})
    if not made["entry"]:
        del made["entry"]  # FHIR has no empty lists
    return Response(codec.encode(made), 200, None, FHIR_JSON)


def _line(line: Line) -> AuditLine:
    if line.proof is None or line.anchor is None:
        return AuditLine(entry=line.entry, proof=None)
    path = AuditPath(
        batch=line.proof.batch,
        index=line.proof.index,
        total=line.proof.total,
        path=line.proof.path,
        anchored=AnchoredAt(**line.anchor._asdict()),
    )
    return AuditLine(entry=line.entry, proof=path)


def _disclosures(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/disclosures",
        tag="organisations",
        summary="List who saw a person's records, and who was denied them, with name and purpose",
        parameters=(*COMMON, _PERSON, _SINCE, _UNTIL, _LIMIT, _CURSOR),
        answers=answers(DisclosurePage, "All that the disclosure journal says, oldest first."),
        problems=(FORBIDDEN,),
    )
    async def disclosures(request: Request) -> Response:
        organisation, person = await _enter(rooms, request)
        given = asking.query(request, "since", "until", "limit", "cursor")
        span = _span(given)
        scope = f"disclosures {person} {span}"
        since = asking.read_cursor(given.get("cursor"), scope)
        found = await to_thread.run_sync(
            Audits(organisation).disclosures,
            person,
            span["since"] if since is None else since,
            span["until"],
            asking.limit(given),
        )
        following = None if found.following is None else asking.cursor(found.following, scope)
        lines = tuple(map(_disclosure, found.found))
        return answer(request, DisclosurePage(person=person, disclosures=lines, next=following))

    return disclosures


async def _enter(rooms: Rooms, request: Request) -> tuple[Organisation, str]:
    """Let in the person themself, a custodian who may read, and the organisation."""
    person = request.path_params["person"]
    organisation, _ = await rooms.enter_for(request, person, *OPERATORS, power="read")
    return organisation, person


def _disclosure(each: Disclosure) -> DisclosureLine:
    first = each.lines[0]
    return DisclosureLine(
        time=first.time,
        reader=_subject(each.who),
        on_behalf_of=first.on_behalf_of,
        purpose=first.purpose,
        basis=first.basis,
        session=first.session,
        grant=first.grant,
        outcome=first.outcome,
        reasons=first.reasons,
        records=tuple(line.record for line in each.lines),
        lines=tuple(line.disclosure for line in each.lines),
        anchored=each.anchored,
        replica=each.replica,
    )


def _subject(who: Who) -> AuditedSubject:
    return AuditedSubject(
        id=who.subject,
        kind=who.kind,
        organisation=who.organisation,
        organisation_name=who.organisation_name,
        name=who.name,
    )


def _proof(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/disclosures/{disclosure}/proof",
        tag="organisations",
        summary="Prove that a line of the disclosure journal is in a batch on the chain",
        parameters=(*COMMON, _PERSON, path_id("disclosure", "The journal line's id.")),
        answers=answers(ProvedDisclosure, "The line and its path to the root."),
        problems=(DISCLOSURE_UNKNOWN, BATCH_NOT_ANCHORED, FORBIDDEN),
    )
    async def proof(request: Request) -> Response:
        organisation, person = await _enter(rooms, request)
        asking.query(request)
        disclosure = require_id(request.path_params["disclosure"], "disclosure")
        audits = Audits(organisation)
        found, anchor = await to_thread.run_sync(audits.proof, person, disclosure)
        return answer(
            request, ProvedDisclosure(proof=found, anchored=AnchoredAt(**anchor._asdict()))
        )

    return proof


def _calls(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/persons/{person}/calls",
        tag="organisations",
        summary="List every call about a person, refused ones too, as the person may see it",
        parameters=(*COMMON, _PERSON, _LIMIT, _CURSOR),
        answers=answers(CallPage, "Calls about the person, oldest first."),
        problems=(FORBIDDEN,),
    )
    async def calls(request: Request) -> Response:
        organisation, person = await _enter(rooms, request)
        given = asking.query(request, "limit", "cursor")
        scope, limit = f"calls {person}", asking.limit(given)
        after = asking.read_cursor(given.get("cursor"), scope) or 0
        audits = Audits(organisation)
        found = await to_thread.run_sync(audits.calls, person, after, limit + 1)
        page = found[:limit]
        people = audits.who(each.actor for each in page)
        following = asking.cursor(page[-1].number, scope) if len(found) > limit else None
        lines = tuple(_call(each, person, people[each.actor]) for each in page)
        return answer(request, CallPage(person=person, calls=lines, next=following))

    return calls


def _call(entry: AuditEntry, person: str, who: Who) -> CallLine:
    """Show of an entry what is about this person: one call may have been about others too."""
    return CallLine(
        entry=entry.entry,
        time=entry.time,
        actor=_subject(who),
        for_the_person=entry.on_behalf_of == person,
        operation=entry.operation,
        purpose=entry.purpose,
        outcome=entry.outcome,
        status=entry.status,
        refusal=entry.refusal,
        transaction=entry.transaction,
    )
