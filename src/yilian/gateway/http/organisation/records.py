"""Records of an organisation's patients: taken in, listed, proved, checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN
from yilian.gateway.fhir.errors import BUNDLE_MALFORMED, BUNDLE_PATIENTS, BUNDLE_TOO_LARGE
from yilian.gateway.fhir.intake import FHIR_JSON, MAX_BUNDLE_BYTES
from yilian.gateway.http.asking import ID_SCHEMA, query, require_id
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    STAFF,
    Rooms,
    answers,
    path_id,
)
from yilian.gateway.organisation import PERSON_DIFFERS
from yilian.ledger.codec import Id, Name, Whole
from yilian.ledger.modules.identity.errors import ALREADY_ENROLLED
from yilian.vault.envelope import RecordProof
from yilian.vault.errors import RECORD_UNKNOWN
from yilian.vault.retention import CLASSES, DEFAULT


class LoadedBundle(msgspec.Struct, frozen=True, kw_only=True):
    """Where a bundle's records stand: whose they are, and the transaction that anchored them."""

    person: Id
    enrolled: bool
    batch: Id
    records: Whole
    transaction: str
    height: Whole


class Damaged(msgspec.Struct, frozen=True, kw_only=True):
    """Something in the vault that is not as it was: what, its id, its batch, and why."""

    subject: Name
    id: str
    batch: str
    reason: Name


class IntegrityReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the integrity check of a vault found; empty where all is well."""

    damaged: tuple[Damaged, ...]


_PERSON = Parameter(
    name="person",
    where="query",
    schema=ID_SCHEMA,
    description="Whose records these are, where the person is enrolled here already.",
)
_RETENTION = Parameter(
    name="retention",
    where="query",
    schema={"type": "string", "enum": sorted(CLASSES), "default": DEFAULT},
    description="How long the organisation must keep it, as a class; `none` for no duty to keep.",
)


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_load(rooms), _proof(rooms), _integrity(rooms))


def _load(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/bundles",
        tag="organisations",
        summary="Take in a FHIR R4 bundle of one patient: encrypt and anchor every resource",
        parameters=(*COMMON, _PERSON, _RETENTION),
        body={FHIR_JSON: dict[str, Any]},
        answers=answers(LoadedBundle, "All records are stored and anchored."),
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
        organisation, _ = await rooms.enter(request, *OPERATORS, limit=MAX_BUNDLE_BYTES)
        asked = query(request, "person", "retention")
        person, retention = asked.get("person"), asked.get("retention", DEFAULT)
        if retention not in CLASSES:
            raise BAD_PARAMETER(name="retention")
        if person is not None:
            require_id(person, "person")
        content = await request.body()
        loaded = await to_thread.run_sync(organisation.load, content, person, retention)
        noting(subjects=(loaded.person,), transaction=loaded.outcome.hash)
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


def _proof(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/records/{record}/proof",
        tag="organisations",
        summary="Prove that a record is in a batch whose root the chain holds",
        parameters=(*COMMON, path_id("record", "The record's id.")),
        answers=answers(RecordProof, "The record's commitment and its path to the root."),
        problems=(RECORD_UNKNOWN, FORBIDDEN),
    )
    async def proof(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *STAFF)
        record = require_id(request.path_params["record"], "record")
        return answer(request, await to_thread.run_sync(organisation.vault.proof, record))

    return proof


def _integrity(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/integrity",
        tag="organisations",
        summary="Check every payload, catalogue row and journal line of the organisation's vault",
        parameters=COMMON,
        answers=answers(IntegrityReport, "What is damaged, by id; empty where all is well."),
        problems=(FORBIDDEN,),
    )
    async def integrity(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        found = await to_thread.run_sync(lambda: list(organisation.vault.integrity()))
        damaged = tuple(
            Damaged(subject=each.subject, id=each.id, batch=each.batch, reason=each.reason)
            for each in found
        )
        return answer(request, IntegrityReport(damaged=damaged))

    return integrity
