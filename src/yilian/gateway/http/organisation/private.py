"""Documents for named members: sent, listed, read, and proved to a third party."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import BAD_PARAMETER, FORBIDDEN
from yilian.gateway.http import asking
from yilian.gateway.http.asking import CURSOR_SCHEMA, LIMIT_SCHEMA, require_id
from yilian.gateway.http.operation import Answer, Parameter, answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import COMMON, OPERATORS, Rooms, answers, path_id
from yilian.gateway.members.errors import NO_ENDPOINT, UNKNOWN
from yilian.gateway.organisation import KEY_SERVICE_UNKNOWN
from yilian.ledger.codec import Digest, Id, Millis, Whole
from yilian.ledger.errors import MALFORMED
from yilian.vault.errors import BATCH_NOT_ANCHORED
from yilian.vault.private_documents import (
    MAX_CONTENT,
    PRIVATE_TOO_LARGE,
    PRIVATE_UNKNOWN,
    Document,
    PrivateProof,
)

OCTETS = "application/octet-stream"
DOCUMENT = path_id("document", "The document's id.")
RECIPIENTS = Parameter(
    name="recipients",
    where="query",
    schema={"type": "string"},
    description="Ids of the members that it is for, separated by commas.",
    required=True,
)
_BINARY = dict[str, Any]


class PrivateDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient, and when its node took the document; null while it waits."""

    recipient: Id
    delivered: Millis | None


class PrivateDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document between organisations; `anchored`: the chain has its commitment.

    `deliveries` is there for a document that was sent from here.
    """

    document: Id
    side: Literal["sent", "received"]
    sender: Id
    recipients: tuple[Id, ...]
    media_type: str
    size: Whole
    sha256: Digest
    sent: Millis
    commitment: Digest
    anchored: bool
    deliveries: tuple[PrivateDelivery, ...]


class PrivatePage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Documents, newest first; `next` is the cursor of the next page."""

    documents: tuple[PrivateDocument, ...]
    next: str | None = None


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_send(rooms), _all(rooms), _read(rooms), _proof(rooms))


def _shown(found: Document) -> PrivateDocument:
    said = found.statement
    return PrivateDocument(
        document=said.document,
        side="sent" if found.side == "sent" else "received",
        sender=said.sender,
        recipients=said.recipients,
        media_type=said.media_type,
        size=said.size,
        sha256=said.sha256,
        sent=said.sent,
        commitment=found.commitment,
        anchored=found.proof is not None,
        deliveries=tuple(
            PrivateDelivery(recipient=each.recipient, delivered=each.delivered)
            for each in found.deliveries
        ),
    )


def _send(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "POST",
        "/v1/organisations/{organisation}/private",
        tag="organisations",
        summary="Send a document to named members; all others see a commitment in a batch",
        parameters=(*COMMON, RECIPIENTS),
        body={OCTETS: _BINARY},
        answers=answers(PrivateDocument, "It is on the chain, and on its way."),
        problems=(
            MALFORMED,
            UNKNOWN,
            NO_ENDPOINT,
            KEY_SERVICE_UNKNOWN,
            PRIVATE_TOO_LARGE,
            FORBIDDEN,
        ),
    )
    async def send(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS, limit=MAX_CONTENT)
        named = asking.query(request, "recipients").get("recipients", "")
        recipients = [require_id(each, "recipients") for each in named.split(",")]
        if len(set(recipients)) < len(recipients):
            raise BAD_PARAMETER(name="recipients")
        media_type = request.headers.get("content-type", OCTETS)
        content = await request.body()
        made = await to_thread.run_sync(organisation.private.send, recipients, media_type, content)
        return answer(request, _shown(made))

    return send


def _all(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/private",
        tag="organisations",
        summary="List the documents that were sent to and by other members",
        parameters=(
            *COMMON,
            Parameter(
                name="limit", where="query", schema=LIMIT_SCHEMA, description="At most so many."
            ),
            Parameter(
                name="cursor", where="query", schema=CURSOR_SCHEMA, description="The next page."
            ),
        ),
        answers=answers(PrivatePage, "Newest first."),
        problems=(FORBIDDEN,),
    )
    async def listed(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        given = asking.query(request, "limit", "cursor")
        limit = asking.limit(given)
        before = asking.read_cursor(given.get("cursor"), "private")
        found = await to_thread.run_sync(organisation.vault.private.all, before, limit + 1)
        page = found[:limit]
        more = asking.cursor(page[-1].position, "private") if len(found) > limit else None
        return answer(request, PrivatePage(documents=tuple(map(_shown, page)), next=more))

    return listed


def _read(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/private/{document}",
        tag="organisations",
        summary="Read a document's content, exactly as it was sent",
        parameters=(*COMMON, DOCUMENT),
        answers=[Answer(status=200, description="The content.", content={OCTETS: _BINARY})],
        problems=(PRIVATE_UNKNOWN, FORBIDDEN),
    )
    async def read(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        document = require_id(request.path_params["document"], "document")
        private = organisation.vault.private
        found = await to_thread.run_sync(private.get, document)
        content = await to_thread.run_sync(private.content, document)
        headers = {"Content-Disposition": "attachment"}
        return Response(content, 200, headers, found.statement.media_type)

    return read


def _proof(rooms: Rooms) -> Callable[[Request], Any]:
    @operation(
        "GET",
        "/v1/organisations/{organisation}/private/{document}/proof",
        tag="organisations",
        summary="Open a document's commitment, with its path to a root on the chain",
        parameters=(*COMMON, DOCUMENT),
        answers=answers(PrivateProof, "Who is shown this sees who sent what to whom, and when."),
        problems=(PRIVATE_UNKNOWN, BATCH_NOT_ANCHORED, FORBIDDEN),
    )
    async def proof(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        document = require_id(request.path_params["document"], "document")
        found = await to_thread.run_sync(organisation.vault.private.get, document)
        if found.proof is None:
            raise BATCH_NOT_ANCHORED(batch=document)
        return answer(request, found.proof)

    return proof
