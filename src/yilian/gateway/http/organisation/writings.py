"""A practitioner writes a new record during an encounter of theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.audit import noting
from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN
from yilian.gateway.fhir.errors import BUNDLE_MALFORMED
from yilian.gateway.fhir.intake import FHIR_JSON
from yilian.gateway.http.asking import ID_SCHEMA, query, require_id
from yilian.gateway.http.operation import Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.encounters import ENCOUNTER
from yilian.gateway.http.organisation.readings import RECORD, WrittenRecord
from yilian.gateway.http.organisation.rooms import COMMON, Rooms, answers
from yilian.gateway.practice.records import DENIED, Asker
from yilian.gateway.practice.writing import KIND_NOT_WRITTEN, OTHER_PERSON, Order, write
from yilian.ledger.modules.care.errors import ENCOUNTER_ENDED, UNKNOWN_ENCOUNTER
from yilian.vault.errors import RECORD_ERASED, RECORD_EXISTS, RECORD_SEALED

_PERSON = Parameter(
    name="person",
    where="query",
    schema=ID_SCHEMA,
    description="Whom the writer means; it must be the person of the encounter.",
    required=True,
)


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_write(rooms))


def _write(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "PUT",
        "/v1/organisations/{organisation}/encounters/{encounter}/records/{record}",
        tag="organisations",
        summary="Write a new record during one's own encounter: once for each record id",
        parameters=(*COMMON, ENCOUNTER, RECORD, _PERSON),
        body={FHIR_JSON: dict[str, Any]},
        answers=answers(WrittenRecord, "The record is stored and anchored; again is the same."),
        problems=(
            UNKNOWN_ENCOUNTER,
            ENCOUNTER_ENDED,
            OTHER_PERSON,
            KIND_NOT_WRITTEN,
            BUNDLE_MALFORMED,
            DENIED,
            RECORD_EXISTS,
            RECORD_SEALED,
            RECORD_ERASED,
            FORBIDDEN,
        ),
    )
    async def put(request: Request) -> Response:
        organisation, caller = await rooms.enter(request, "practitioner")
        record = require_id(request.path_params["record"], "record")
        encounter = require_id(request.path_params["encounter"], "encounter")
        person = query(request, "person").get("person")
        if person is None:
            raise BAD_PARAMETER(name="person")
        order = Order(record, encounter, require_id(person, "person"), await request.body())
        asker = Asker(caller.sender, caller.subject, "write", "treat")
        noting(purpose=asker.purpose)
        made = await to_thread.run_sync(write, organisation, asker, order)
        noting(subjects=(person,), records=(record,), transaction=made.outcome.hash)
        written = WrittenRecord(
            record=made.record,
            batch=made.batch,
            replaces=None,
            transaction=made.outcome.hash,
            height=made.outcome.height,
        )
        return answer(request, written)

    return put
