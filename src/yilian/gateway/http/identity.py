"""Reading `identity`: subjects, keys, licences, recoveries, links, endpoints, and DID documents."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway import errors
from yilian.gateway.door import door
from yilian.gateway.http import asking, did
from yilian.gateway.http.operation import JSON, Answer, Parameter, operation, routes
from yilian.gateway.http.tables import Kind, table_routes
from yilian.gateway.index import tables
from yilian.ledger import codec
from yilian.ledger.modules.identity import state


@operation(
    "GET",
    "/v1/identity/did/{id}",
    tag="identity",
    summary="Resolve did:yilian:<chain>:<id>; the document alone for an Accept of application/did.",
    parameters=(
        Parameter(
            name="id",
            where="path",
            schema=asking.ID_SCHEMA,
            description="The id of an organisation, practitioner, device or agent.",
            required=True,
        ),
    ),
    answers=(
        Answer(
            status=200,
            description="The resolution result, or the DID document.",
            content={JSON: dict[str, Any], **dict.fromkeys(did.DOCUMENT_TYPES, dict[str, Any])},
        ),
    ),
    problems=(errors.NOT_FOUND,),
)
def resolve_did(request: Request) -> Response:
    """Resolve a DID of this chain."""
    asking.query(request)
    media = asking.require_acceptable(request, JSON, *did.DOCUMENT_TYPES)
    at = door(request)
    name = asking.require_id(request.path_params["id"])
    found = did.resolve(at.chain, name, at.engine.state())
    if found is None:
        raise errors.NOT_FOUND()
    content = found if media == JSON else found["didDocument"]
    return Response(codec.encode(content), 200, {"Vary": "Accept"}, media)


ROUTES = (
    *routes(resolve_did),
    *table_routes(
        Kind(
            capability="identity",
            plural="subjects",
            table=state.SUBJECTS,
            listed=tables.SUBJECTS,
        ),
        Kind(capability="identity", plural="keys", table=state.KEYS, listed=tables.KEYS),
        Kind(
            capability="identity",
            plural="licences",
            table=state.LICENCES,
            listed=tables.LICENCES,
        ),
        Kind(
            capability="identity",
            plural="recoveries",
            table=state.RECOVERIES,
            listed=tables.RECOVERIES,
        ),
        Kind(capability="identity", plural="key-services", table=state.KEY_SERVICES),
        Kind(capability="identity", plural="links", table=state.LINKS, listed=tables.LINKS),
        Kind(capability="identity", plural="endpoints", table=state.ENDPOINTS),
    ),
)
