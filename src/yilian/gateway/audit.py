"""The audit at the border: one entry for every audited call, on the disk before its answer leaves.

    app = build(engine, index, routes=...)
    app.add_middleware(Audit, trails=trails, audited=audited_by(tuple(trails)))

`Audit` stands outside of every other layer, so that it sees answers as they would leave: refusals
of the border, faults, and what no route matches. It holds an answer back until its entry is
written, and answers `audit_not_written` where it cannot be. What only a handler knows (who signed,
about whom, which transaction) the handler adds by `noting`.

`as_audit_events` shows an entry to readers of FHIR, by the profiles of IHE BALP 1.1.5.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from anyio import CancelScope, CapacityLimiter, to_thread
from starlette.datastructures import Headers, QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from yilian.gateway import problems
from yilian.gateway.border import SECURITY_HEADERS, UNMATCHED
from yilian.ledger import codec, transaction
from yilian.ledger.codec import Id, Name
from yilian.ledger.errors import INTERNAL
from yilian.ledger.keys import sha256
from yilian.text import negotiate
from yilian.vault.audit import (
    ANONYMOUS,
    AUDIT_NOT_WRITTEN,
    MAX_IDS,
    AuditEntry,
    AuditTrail,
    Call,
    TransactionHash,
)

WRITERS = 64
"""Threads that may wait for a sync at once; they share it."""
ORGANISATIONS = "/v1/organisations/"
TRANSACTIONS = "/v1/transactions"
SIGN_IN = "/v1/sign-in/"
HEALTH_LINKS = "/shl/"

_ID = re.compile(r"[A-Za-z0-9_-]{21}[AQgw]")
_PROBLEM_BYTES = 65_536
_PLACES = {"person": "subjects", "session": "sessions", "grant": "grants", "record": "records"}

log = logging.getLogger("yilian.gateway")

Audited = Callable[[Scope], str | None]
"""Says to which organisation's trail a request belongs; None for one that is not audited."""


def audited_by(organisations: Sequence[str]) -> Audited:
    """Say which requests concern the organisations that this node works for.

    All below `/v1/organisations/` and `/v1/sign-in/`, health links that somebody opens, and
    transactions handed in. One that names no organisation of this node (an unknown id or link, a
    transaction whose payer is not known yet, somebody who signs in and is not known yet) goes to
    the first.
    """
    names = frozenset(organisations)

    def audited(scope: Scope) -> str | None:
        path: str = scope["path"]
        if not organisations:
            return None
        if path.startswith(ORGANISATIONS):
            named = path.removeprefix(ORGANISATIONS).partition("/")[0]
            return named if named in names else organisations[0]
        if path.startswith(SIGN_IN):
            return organisations[0]
        if path.startswith(HEALTH_LINKS) and scope["method"] != "OPTIONS":
            return organisations[0]
        return organisations[0] if (scope["method"], path) == ("POST", TRANSACTIONS) else None

    return audited


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    organisation: Id | None
    actor: Id | None
    on_behalf_of: Id | None
    transaction: TransactionHash | None
    purpose: Name | None
    subjects: tuple[Id, ...]
    sessions: tuple[Id, ...]
    grants: tuple[Id, ...]
    records: tuple[Id, ...]


@dataclass
class _Notes:
    """What is known of a call so far. The ids are keys, so that each is kept once and in order."""

    organisation: str | None = None
    actor: str | None = None
    on_behalf_of: str | None = None
    transaction: str | None = None
    purpose: str | None = None
    subjects: dict[str, None] = field(default_factory=dict)
    sessions: dict[str, None] = field(default_factory=dict)
    grants: dict[str, None] = field(default_factory=dict)
    records: dict[str, None] = field(default_factory=dict)


_notes: ContextVar[_Notes | None] = ContextVar("yilian_audit_notes", default=None)


def noting(
    *,
    organisation: str | None = None,
    actor: str | None = None,
    on_behalf_of: str | None = None,
    transaction: str | None = None,
    purpose: str | None = None,
    subjects: Sequence[str] = (),
    sessions: Sequence[str] = (),
    grants: Sequence[str] = (),
    records: Sequence[str] = (),
) -> None:
    """Add to the entry of the call that is being handled; outside of an audited call, do nothing.

    Single values replace, lists grow; safe in the threads that plain handlers run in. Note `actor`
    only once a signature proved it. Raises ValueError for anything but ids, a transaction hash in
    hex and a purpose's code, and for more than `MAX_IDS` subjects, sessions or grants: nothing that
    cannot be in an entry gets as far as one.
    """
    notes = _notes.get()
    if notes is None:
        return
    try:
        facts = msgspec.convert(
            {
                "organisation": organisation,
                "actor": actor,
                "on_behalf_of": on_behalf_of,
                "transaction": transaction,
                "purpose": purpose,
                "subjects": tuple(subjects),
                "sessions": tuple(sessions),
                "grants": tuple(grants),
                "records": tuple(records),
            },
            _Facts,
        )
    except msgspec.ValidationError:
        raise ValueError("an audit entry holds ids and codes alone") from None
    for name in ("organisation", "actor", "on_behalf_of", "transaction", "purpose"):
        value = getattr(facts, name)
        if value is not None:
            setattr(notes, name, value)
    for name in ("subjects", "sessions", "grants", "records"):
        known = getattr(notes, name)
        known.update(dict.fromkeys(getattr(facts, name)))
        if len(known) > MAX_IDS and name != "records":
            raise ValueError(f"an audit entry holds at most {MAX_IDS} {name}")


def noting_transaction(raw: bytes, *, proved: bool) -> None:
    """Note a transaction: its hash, its payer, and, once its signatures are `proved`, its sender.

    Bytes that are no transaction have a hash all the same.
    """
    if _notes.get() is None:
        return
    noting(transaction=sha256(raw).hex())
    if not proved:
        return
    body = transaction.decode(raw).body
    noting(organisation=body.payer, actor=body.sender, on_behalf_of=body.on_behalf_of)


class Audit:
    """The layer that writes one entry for each audited call before its answer leaves."""

    def __init__(self, app: ASGIApp, trails: Mapping[str, AuditTrail], audited: Audited) -> None:
        """`trails` by organisation id; `audited` names one of them for each audited request."""
        self._app = app
        self._trails = trails
        self._audited = audited
        # Threads of their own: handlers that fill the common ones must not keep entries waiting.
        self._limiter = CapacityLimiter(WRITERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        organisation = self._audited(scope) if scope["type"] == "http" else None
        if organisation is None:
            await self._app(scope, receive, send)
            return
        notes = _Notes()
        answer = _Answer(self, scope, organisation, notes, send)
        token = _notes.set(notes)
        try:
            await self._app(scope, receive, answer.send)
        finally:
            _notes.reset(token)
            with CancelScope(shield=True):
                await answer.end()

    async def write(self, organisation: str, call: Call) -> bool:
        """Write an entry; tells whether it is on the disk."""
        trail = self._trails[organisation]
        try:
            await to_thread.run_sync(trail.write, call, limiter=self._limiter)
        except Exception:
            log.exception("no audit entry of request %s; it is not answered", call.request)
            return False
        return True

    def trail_of(self, noted: str | None, named: str) -> str:
        """Choose the trail: the organisation a handler noted, where it is one of this node."""
        return noted if noted is not None and noted in self._trails else named


class _Answer:
    """One answer on its way out."""

    def __init__(
        self, audit: Audit, scope: Scope, organisation: str, notes: _Notes, send: Send
    ) -> None:
        self._audit = audit
        self._scope = scope
        self._organisation = organisation
        self._notes = notes
        self._send = send
        self._start: Message | None = None
        self._body = b""
        self._writing: asyncio.Task[bool] | None = None
        self._released = False
        self._withheld = False

    async def send(self, message: Message) -> None:
        """Let a message out once the entry is written; a problem's code is read first."""
        if self._withheld:
            return
        if self._released:
            await self._send(message)
        elif message["type"] == "http.response.start":
            self._start = message
            media_type = Headers(raw=message["headers"]).get("content-type", "")
            if media_type != problems.MEDIA_TYPE:
                await self._release(b"", more=True)
        elif self._start is not None:
            self._body += message.get("body", b"")
            more = message.get("more_body", False)
            if not more or len(self._body) > _PROBLEM_BYTES:
                await self._release(self._body, more=more)

    async def _release(self, body: bytes, *, more: bool) -> None:
        assert self._start is not None
        if not await self._write(self._start["status"], _code(body)):
            await self._refuse()
            return
        self._released = True
        await self._send(self._start)
        if body or not more:
            await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def end(self) -> None:
        """Write the entry of a call that ended without an answer: it may have done something."""
        await self._write(INTERNAL.status, INTERNAL.name)

    async def _write(self, status: int, refusal: str | None) -> bool:
        """Write the entry, once; a call that is cancelled meanwhile has it all the same."""
        if self._writing is None:
            organisation = self._audit.trail_of(self._notes.organisation, self._organisation)
            call = self._call(status, refusal)
            self._writing = asyncio.create_task(self._audit.write(organisation, call))
        return await asyncio.shield(self._writing)

    async def _refuse(self) -> None:
        self._withheld = True
        self._scope["app"].state.door.metrics.refused(AUDIT_NOT_WRITTEN)
        language = negotiate(Headers(scope=self._scope).get("accept-language"))
        made = problems.answer(AUDIT_NOT_WRITTEN(), language)
        for name, value in SECURITY_HEADERS.items():
            made.headers.setdefault(name, value)
        made.headers["Request-Id"] = self._request()
        await made(self._scope, _nothing, self._send)

    def _request(self) -> str:
        headers = [] if self._start is None else self._start["headers"]
        return Headers(raw=headers).get("request-id", "0")

    def _call(self, status: int, refusal: str | None) -> Call:
        notes = self._notes
        self._note_place()
        records = tuple(notes.records)
        return Call(
            actor=notes.actor or ANONYMOUS,
            on_behalf_of=notes.on_behalf_of,
            operation=self._operation(),
            subjects=tuple(notes.subjects)[:MAX_IDS],
            transaction=notes.transaction,
            sessions=tuple(notes.sessions)[:MAX_IDS],
            grants=tuple(notes.grants)[:MAX_IDS],
            records=records[:MAX_IDS],
            others=max(0, len(records) - MAX_IDS),
            purpose=notes.purpose,
            outcome="permit" if status < 400 else "deny" if status < 500 else "error",
            status=status,
            refusal=refusal,
            request=self._request(),
        )

    def _operation(self) -> str:
        """Name the operation; a method that its address does not have is none of it."""
        found = getattr(self._scope.get("endpoint"), "operation", None)
        method = self._scope["method"]
        if found is None or found.method != ("GET" if method == "HEAD" else method):
            return UNMATCHED
        return str(found.id)

    def _note_place(self) -> None:
        """Note the ids that the address names, asked for in vain or not."""
        named = dict(self._scope.get("path_params") or {})
        named.update(person=named.get("person") or self._asked_person())
        for name, notes in _PLACES.items():
            value = str(named.get(name) or "")
            if _ID.fullmatch(value):
                getattr(self._notes, notes).setdefault(value)

    def _asked_person(self) -> str | None:
        return QueryParams(self._scope["query_string"]).get("person")


class _Problem(msgspec.Struct):
    code: Name


def _code(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=_Problem).code
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


# FHIR R4 AuditEvent, by IHE Basic Audit Log Patterns (BALP) 1.1.5

BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_BALP_CODES = "https://profiles.ihe.net/ITI/BALP/CodeSystem/"
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
_OURS = "urn:yilian:"

_READ = ("Read", "R", "read", "110152", "110153")
_QUERY = ("Query", "E", "search", "110153", "110152")
_CREATE = ("Create", "C", "create", "110153", "110152")
"""Profile, action, restful interaction, and the DICOM roles of client and server: who reads is the
destination of what is read, who asks or writes is the source of the question or the content."""

_READ_WORDS = frozenset({"read", "proof", "receipt", "integrity", "content", "certificate"})
_OUTCOMES = {"permit": "0", "deny": "4", "error": "8"}
_PURPOSES = {
    "treat": "TREAT",
    "treatment": "TREAT",
    "emergency": "BTG",
    "payment": "HPAYMT",
    "operations": "HOPERAT",
    "research": "HRESCH",
    "request": "PATRQT",
}


def as_audit_events(entry: AuditEntry) -> list[dict[str, Any]]:
    """Show an entry as FHIR R4 AuditEvents: one for each person it is about, or a single one.

    The first has the entry's id in hex, the others `.1`, `.2`, ... behind it.
    """
    made = [as_audit_event(entry, each) for each in entry.subjects] or [as_audit_event(entry)]
    for number, event in enumerate(made[1:], 1):
        event["id"] += f".{number}"
    return made


def as_audit_event(entry: AuditEntry, subject: str | None = None) -> dict[str, Any]:
    """Show an entry as one FHIR R4 AuditEvent about `subject`, or about its first person.

    A permitted call follows BALP's Read, Query or Create (`Patient...` where there is a person), a
    denial under a grant AuthZconsent; these profiles know no other outcome, so other refusals and
    faults name none. A Query's `query` is the operation's id in base64: queries are not kept. Nor
    are addresses of clients, which `data-absent-reason` says.
    """
    if subject is None and entry.subjects:
        subject = entry.subjects[0]
    if entry.outcome == "deny" and entry.grants and subject is not None:
        shown = _consent_denied(entry)
    else:
        shown = _rest(entry, subject)
    about = [] if subject is None else [_entity(_coding("1"), _named(subject, "Patient"), "1")]
    event = {
        "resourceType": "AuditEvent",
        "id": codec.to_bytes(entry.entry).hex(),
        **shown,
        "recorded": _instant(entry.time),
        "outcome": _OUTCOMES[entry.outcome],
        "source": {
            "observer": _named(entry.organisation),
            "type": [{"system": _TERMINOLOGY + "security-source-type", "code": "4"}],
        },
    }
    event["entity"] = [*shown["entity"], *about, *_others(entry)]
    if entry.refusal is not None:
        event["outcomeDesc"] = entry.refusal
    return event


def _rest(entry: AuditEntry, subject: str | None) -> dict[str, Any]:
    profile, action, interaction, client, server = _interaction(entry.operation)
    shown: dict[str, Any] = {
        "type": {"system": _TERMINOLOGY + "audit-event-type", "code": "rest"},
        "subtype": [
            {"system": "http://hl7.org/fhir/restful-interaction", "code": interaction},
        ],
        "action": action,
        "agent": [
            _client(entry, client),
            _agent(_DCM, server, _named(entry.organisation), _address(entry)),
            _user(entry, "AUT" if profile == "Create" else "IRCP"),
        ],
        "entity": [_asked(entry) if profile == "Query" else _data(entry)],
    }
    if entry.outcome == "permit":
        twin = "" if subject is None else "Patient"
        shown["meta"] = {"profile": [BALP + twin + profile]}
    return shown


def _consent_denied(entry: AuditEntry) -> dict[str, Any]:
    consent = {"system": "http://hl7.org/fhir/resource-types", "code": "Consent"}
    organisation = _named(entry.organisation)
    return {
        "meta": {"profile": [BALP + "AuthZconsent"]},
        "type": {"system": _DCM, "code": "110113"},
        "subtype": [{"system": _BALP_CODES + "AuthZsubType", "code": "AuthZ-Consent"}],
        "action": "E",
        "agent": [
            _client(entry, "110150"),
            _user(entry, "IRCP"),
            _agent(_TERMINOLOGY + "v3-RoleClass", "PROV", organisation),
            _agent(_TERMINOLOGY + "extra-security-role-type", "authserver", organisation),
        ],
        "entity": [_entity(consent, _named(each, kind="grant")) for each in entry.grants],
    }


def _interaction(operation: str) -> tuple[str, str, str, str, str]:
    words = operation.split("_")
    reads = words[-1] in _READ_WORDS or (len(words) > 1 and words[-2] == "by")
    if words[0] == "post":
        return _READ if words[-1] == "read" else _CREATE
    return _READ if reads else _QUERY


def _agent(system: str, code: str, who: dict[str, Any], *network: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": {"coding": [{"system": system, "code": code}]},
        "who": who,
        "requestor": False,
    }
    if network:
        made["network"] = network[0]
    return made


def _client(entry: AuditEntry, code: str) -> dict[str, Any]:
    absent = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
    return _agent(
        _DCM, code, _actor(entry), {"extension": [{"url": absent, "valueCode": "masked"}]}
    )


def _address(entry: AuditEntry) -> dict[str, Any]:
    return {"address": f"{_OURS}organisation:{entry.organisation}", "type": "5"}


def _user(entry: AuditEntry, code: str) -> dict[str, Any]:
    made = _agent(_TERMINOLOGY + "v3-ParticipationType", code, _actor(entry))
    made["requestor"] = True
    if entry.purpose is not None:
        known = _PURPOSES.get(entry.purpose)
        system = _OURS + "purpose" if known is None else _TERMINOLOGY + "v3-ActReason"
        made["purposeOfUse"] = [{"coding": [{"system": system, "code": known or entry.purpose}]}]
    return made


def _actor(entry: AuditEntry) -> dict[str, Any]:
    return {"display": ANONYMOUS} if entry.actor == ANONYMOUS else _named(entry.actor)


def _named(value: str, type_: str | None = None, kind: str = "subject") -> dict[str, Any]:
    """Refer by identifier: our ids have letters that FHIR's ids do not."""
    made: dict[str, Any] = {"identifier": {"system": _OURS + kind, "value": value}}
    return made if type_ is None else {"type": type_, **made}


def _coding(code: str) -> dict[str, str]:
    return {"system": _TERMINOLOGY + "audit-entity-type", "code": code}


def _entity(type_: dict[str, str], what: dict[str, Any], role: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"what": what, "type": type_}
    if role is not None:
        made["role"] = {"system": _TERMINOLOGY + "object-role", "code": role}
    return made


def _asked(entry: AuditEntry) -> dict[str, Any]:
    return {
        "type": _coding("2"),
        "role": {"system": _TERMINOLOGY + "object-role", "code": "24"},
        "query": base64.b64encode(entry.operation.encode()).decode("ascii"),
    }


def _data(entry: AuditEntry) -> dict[str, Any]:
    """Name the one thing that was read or written: a record, else a session, else the request."""
    for kind, named in (("record", entry.records), ("session", entry.sessions)):
        if len(named) == 1:
            return _entity(_coding("2"), _named(named[0], kind=kind), "4")
    if entry.transaction is not None:
        return _entity(_coding("2"), _named(entry.transaction, kind="transaction"), "4")
    return _entity(_coding("2"), _named(entry.request, kind="request"), "4")


def _others(entry: AuditEntry) -> list[dict[str, Any]]:
    """Name all else that the entry holds, each as an entity of a type of ours."""
    found = [("record", each) for each in entry.records]
    found += [("session", each) for each in entry.sessions]
    found += [("grant", each) for each in entry.grants]
    found += [] if entry.transaction is None else [("transaction", entry.transaction)]
    found += [] if entry.on_behalf_of is None else [("on-behalf-of", entry.on_behalf_of)]
    made = [
        _entity({"system": _OURS + "audit-entity", "code": kind}, _named(value, kind=kind))
        for kind, value in found
    ]
    request = {"system": _BALP_CODES + "BasicAuditEntityType", "code": "XrequestId"}
    return [*made, _entity(request, {"identifier": {"value": entry.request}})]


def _instant(time: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
