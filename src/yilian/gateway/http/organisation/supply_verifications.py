"""Whether a pack in hand is real, asked by an organisation's own people; and the proof of answers.

What a scanner read goes to the responder that the directory names, here or at its own node.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.auth import credential
from yilian.gateway.errors import FORBIDDEN, NOT_FOUND
from yilian.gateway.http.operation import answer, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.organisation.rooms import (
    COMMON,
    OPERATORS,
    STAFF,
    Rooms,
    answers,
    body,
    path_id,
)
from yilian.gateway.supply import codes
from yilian.gateway.supply.code_form import CODE_UNREADABLE
from yilian.gateway.supply.responders import Responders, Word
from yilian.gateway.supply.scan_errors import (
    DRUG_CODE_NOT_LISTED,
    EVIDENCE_UNKNOWN,
    GTIN_NOT_LISTED,
    NO_SERIAL,
    REQUESTER_NOT_ALLOWED,
    REQUESTER_UNKNOWN,
    RESPONDER_UNREACHABLE,
)
from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id, Millis
from yilian.ledger.errors import MALFORMED
from yilian.text import negotiate, say

ROOM = "/v1/organisations/{organisation}/supply/verifications"
VERIFICATION = path_id("verification", "The id of an answer, from its receipt.")


class VerificationRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a scanner read; `context` is why it is asked, in the words of the trade's standard."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=codes.MAX_LENGTH)]
    context: Word = ""


class PackVerified(msgspec.Struct, frozen=True, kw_only=True):
    """What the responder said; `why`, `title` and `do` in the reader's language."""

    check: Id
    at: Millis
    gtin: str
    serial: str
    product: str
    verified: bool
    reason: str
    concern: str
    why: str
    title: str
    do: str
    recall: Id | None
    responder: str
    receipt: str


class ShownEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of this organisation as it was kept; `digest` covers `salt` and `content`."""

    verification: Id
    at: Millis
    requester: str
    content: codec.Binary
    salt: Digest
    digest: Digest


def routes(rooms: Rooms) -> tuple[BaseRoute, ...]:
    """Make the routes."""
    return routes_of(_verify(rooms), _evidence(rooms))


def _verify(rooms: Rooms) -> Any:
    @operation(
        "POST",
        ROOM,
        tag="organisations",
        summary="Ask the responder whether a scanned pack is real, and keep its answer",
        parameters=COMMON,
        body=VerificationRequest,
        answers=answers(PackVerified, "What the responder said."),
        problems=(
            MALFORMED,
            FORBIDDEN,
            NOT_FOUND,
            CODE_UNREADABLE,
            NO_SERIAL,
            GTIN_NOT_LISTED,
            DRUG_CODE_NOT_LISTED,
            REQUESTER_UNKNOWN,
            REQUESTER_NOT_ALLOWED,
            RESPONDER_UNREACHABLE,
        ),
    )
    async def verify(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *STAFF)
        asked = await body(request, VerificationRequest)
        desk = organisation.trade()
        responders = Responders(desk.directory, {each.id: each for each in rooms.all()})
        asked_by = credential(request) or ""
        language = negotiate(request.headers.get("accept-language"))

        def work() -> PackVerified:
            code = codes.read(asked.code)
            check, made = desk.checks.ask(
                responders, code, context=asked.context, asked_by=asked_by
            )
            verdict = made.verdict
            return PackVerified(
                check=check.check,
                at=check.at,
                gtin=check.gtin,
                serial=check.serial,
                product=made.listing.name,
                verified=verdict.verified,
                reason=verdict.reason,
                concern=verdict.concern,
                why=say(language, "scan", f"reason/{verdict.reason}"),
                title=say(language, "scan", f"concern/{verdict.concern}/title"),
                do=say(language, "scan", f"concern/{verdict.concern}/do"),
                recall=verdict.recall,
                responder=check.responder,
                receipt=check.receipt,
            )

        made = await to_thread.run_sync(work)
        headers = {"Content-Language": language, "Vary": "Accept-Language"}
        return answer(request, made, headers=headers)

    return verify


def _evidence(rooms: Rooms) -> Any:
    @operation(
        "GET",
        ROOM + "/{verification}",
        tag="organisations",
        summary="Show an answer that this organisation gave, as it was kept",
        parameters=(*COMMON, VERIFICATION),
        answers=answers(ShownEvidence, "The question, the answer and its digest."),
        problems=(FORBIDDEN, NOT_FOUND, EVIDENCE_UNKNOWN),
    )
    async def evidence(request: Request) -> Response:
        organisation, _ = await rooms.enter(request, *OPERATORS)
        name = request.path_params["verification"]
        kept = await to_thread.run_sync(organisation.trade().verification.evidence, name)
        shown = ShownEvidence(
            verification=kept.verification,
            at=kept.at,
            requester=kept.requester,
            content=codec.to_text(kept.content),
            salt=codec.to_text(kept.salt),
            digest=codec.to_text(kept.digest),
        )
        return answer(request, shown)

    return evidence
