"""The verification service of the trade, as its own standard has it, for every product listed.

GS1 Lightweight Messaging Standard for Verification of Product Identifiers 1.1.0, section 4. A node
answers for its own organisations and routes to other members' nodes. Who asks shows by a signed
request (`Yilian-Request`) or a bearer token with a partner that `reqGLN` is theirs.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from yilian.gateway.auth import authenticate
from yilian.gateway.epcis.tokens import TOKEN_EXPIRED
from yilian.gateway.errors import RATE_LIMITED
from yilian.gateway.http.asking import require_acceptable
from yilian.gateway.http.operation import JSON, Answer, Parameter, operation
from yilian.gateway.http.organisation.rooms import SIGNED
from yilian.gateway.meter import Meter
from yilian.gateway.supply.element_strings import date_of
from yilian.gateway.supply.responders import Requester, Responders
from yilian.gateway.supply.scan_errors import (
    GTIN_NOT_LISTED,
    REQUESTER_NOT_ALLOWED,
    REQUESTER_UNKNOWN,
    RESPONDER_UNREACHABLE,
    VERIFICATION_MALFORMED,
)
from yilian.gateway.supply.verdict import Question
from yilian.gateway.supply.verification import message
from yilian.ledger import codec, signed_request
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply.numbers import check_digit

RECEIPT_HEADER = "Yilian-Receipt"
CACHE = {"Cache-Control": "private, no-cache"}
VERIFY = "/verify/gtin/{gtin}/lot/{lot}/ser/{ser}"
CONNECTIVITY = "/checkConnectivity"
_BEARER = re.compile(r"Bearer ([A-Za-z0-9._~+/-]{1,512}=*)", re.IGNORECASE)
_PATH = re.compile(r"/verify/gtin/([^/]*)/lot/([^/]*)/ser/([^/]*)")
_CONTEXT = re.compile(r"[A-Za-z_-]{1,64}")
_GTIN = re.compile(r"[0-9]{14}")
_GLN = re.compile(r"[0-9]{13}")


class VerificationData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the identifiers match a pack that may be sold, and if not, why."""

    verified: bool
    verificationFailureReason: str | None = None  # noqa: N815  # The standard's own names.
    additionalInfo: Literal["recalled"] | None = None  # noqa: N815


class VerificationResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The standard's response message."""

    verificationTimestamp: str  # noqa: N815
    responderGLN: str  # noqa: N815
    data: VerificationData
    corrUUID: str  # noqa: N815


class ConnectivityResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Who would answer."""

    responderGLN: str  # noqa: N815


class _Asked(NamedTuple):
    question: Question
    gln: str
    context: str
    correlation: str


def _text(name: str, where: str, description: str, pattern: str, required: bool) -> Parameter:
    schema = {"type": "string", "pattern": pattern, "maxLength": 64}
    return Parameter(
        name=name, where=where, schema=schema, description=description, required=required
    )


_SIGNED = msgspec.structs.replace(
    SIGNED,
    required=False,
    description="A signed request of the requester's organisation; or a bearer token.",
)
_BEARER_PARAMETER = _text(
    "Authorization", "header", "A bearer token whose partner is the requester.", "^Bearer ", False
)
_REQUESTER = _text("reqGLN", "query", "The requester's GLN.", "^[0-9]{13}$", True)
_WHY = _text("context", "query", "Why it is asked.", "^[A-Za-z_-]{1,64}$", False)
_PROBLEMS = (
    VERIFICATION_MALFORMED,
    REQUESTER_UNKNOWN,
    REQUESTER_NOT_ALLOWED,
    TOKEN_EXPIRED,
    GTIN_NOT_LISTED,
    RESPONDER_UNREACHABLE,
    RATE_LIMITED,
)


def routes(responders: Responders, rate: Meter | None = None) -> tuple[BaseRoute, ...]:
    """Make the routes; `rate` counts each requester (50 a second, 500 at once, unless given)."""
    made = []
    rate = rate or Meter(50, 500)
    for each in (_verify(responders, rate), _connectivity(responders, rate)):
        path: str = each.operation.path  # type: ignore[attr-defined]
        # A lot or serial may hold an escaped slash, which has become one when it is matched.
        for name in ("gtin", "lot", "ser"):
            path = path.replace(f"{{{name}}}", f"{{{name}:path}}")
        made.append(Route(path, each, methods=["GET"]))
    return tuple(made)


def _verify(responders: Responders, rate: Meter) -> Callable[[Request], Any]:
    @operation(
        "GET",
        VERIFY,
        tag="supply",
        summary="Verify a pack's identifiers (GS1 Lightweight Messaging for Verification 1.1)",
        parameters=(
            _text("gtin", "path", "The GTIN, 14 digits.", "^[0-9]{14}$", True),
            _text("lot", "path", "The lot.", "^.{1,20}$", True),
            _text("ser", "path", "The serial number.", "^.{1,20}$", True),
            _text("exp", "query", "The expiry, YYMMDD.", "^[0-9]{6}$", False),
            _text("linkType", "query", "The service.", "^verificationService$", True),
            _WHY,
            _REQUESTER,
            _text("corrUUID", "query", "Comes back in the answer.", "^[0-9a-fA-F-]{36}$", True),
            _SIGNED,
            _BEARER_PARAMETER,
        ),
        answers=(
            Answer(status=200, description="Answered.", content={JSON: VerificationResponse}),
        ),
        problems=_PROBLEMS,
    )
    async def verify(request: Request) -> Response:
        require_acceptable(request, JSON)
        asked = _asked(request)
        requester = await _requester(request, responders, asked.gln)
        rate.count(requester.organisation)
        listing = responders.directory.product(asked.question.gtin)
        if listing is None:
            raise GTIN_NOT_LISTED(gtin=asked.question.gtin)
        made = await to_thread.run_sync(
            responders.answer, listing, asked.question, requester, asked.context
        )
        headers = {**CACHE, **({RECEIPT_HEADER: made.receipt} if made.receipt else {})}
        return Response(codec.encode(message(made, asked.correlation)), 200, headers, JSON)

    return verify


def _connectivity(responders: Responders, rate: Meter) -> Callable[[Request], Any]:
    @operation(
        "GET",
        CONNECTIVITY,
        tag="supply",
        summary="Tell whether a requester would be answered, and by whom",
        parameters=(
            _text("gtin", "query", "The GTIN, 14 digits.", "^[0-9]{14}$", True),
            _REQUESTER,
            _WHY,
            _SIGNED,
            _BEARER_PARAMETER,
        ),
        answers=(
            Answer(status=200, description="Answered.", content={JSON: ConnectivityResponse}),
        ),
        problems=_PROBLEMS,
    )
    async def connectivity(request: Request) -> Response:
        require_acceptable(request, JSON)
        given = _query(request)
        gtin, gln = _gtin(given.get("gtin", "")), _gln(given.get("reqGLN", ""))
        requester = await _requester(request, responders, gln)
        rate.count(requester.organisation)
        listing = responders.directory.product(gtin)
        if listing is None:
            raise GTIN_NOT_LISTED(gtin=gtin)
        responder = responders.directory.gln_of(listing.responder) or listing.gln
        return Response(
            codec.encode(ConnectivityResponse(responderGLN=responder)), 200, CACHE, JSON
        )

    return connectivity


async def _requester(request: Request, responders: Responders, gln: str) -> Requester:
    """Find who asks; refuses `supply.requester_unknown` for who shows nothing."""
    signed = request.headers.getlist(signed_request.HEADER)
    if signed:
        caller = await authenticate(request)
        return responders.requester(caller.organisation, gln, signed[0])
    bearer = _BEARER.fullmatch(request.headers.get("authorization", ""))
    if bearer is None:
        raise REQUESTER_UNKNOWN()
    return await to_thread.run_sync(_by_token, responders, bearer[1], gln)


def _by_token(responders: Responders, text: str, gln: str) -> Requester:
    token = responders.bearer(text)
    if token.partner is None or not token.may("query"):
        raise REQUESTER_NOT_ALLOWED()
    partner = responders.organisation_of(token.partner)
    return responders.requester(partner, gln, f"token {token.token}")


def _asked(request: Request) -> _Asked:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    found = _PATH.fullmatch(raw.split(b"?")[0].decode("latin-1"))
    if found is None:
        raise VERIFICATION_MALFORMED(field="path")
    given = _query(request)
    if given.get("linkType") != "verificationService":
        raise VERIFICATION_MALFORMED(field="linkType")
    context = given.get("context", "")
    if context and not _CONTEXT.fullmatch(context):
        raise VERIFICATION_MALFORMED(field="context")
    asked = {"gtin": _gtin(found[1]), "lot": _plain(found[2]), "serial": _plain(found[3])}
    if "exp" in given:
        asked["expiry"] = _expiry(given["exp"])
    return _Asked(
        _question(asked),
        _gln(given.get("reqGLN", "")),
        context,
        _correlation(given.get("corrUUID", "")),
    )


def _question(asked: dict[str, str]) -> Question:
    for name in ("lot", "serial"):
        try:
            msgspec.convert({"gtin": asked["gtin"], "serial": asked[name]}, Question)
        except msgspec.ValidationError:
            field = "ser" if name == "serial" else name
            raise VERIFICATION_MALFORMED(field=field) from None
    return msgspec.convert(asked, Question)


def _query(request: Request) -> dict[str, str]:
    """Read the query; others' words are let be, the same one twice is not."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in found:
            raise VERIFICATION_MALFORMED(field="query")
        found[name] = value
    return found


def _plain(escaped: str) -> str:
    return unquote_to_bytes(escaped).decode("latin-1")


def _gtin(text: str) -> str:
    if not _GTIN.fullmatch(text) or check_digit(text[:-1]) != text[-1]:
        raise VERIFICATION_MALFORMED(field="gtin")
    return text


def _gln(text: str) -> str:
    if not _GLN.fullmatch(text) or check_digit(text[:-1]) != text[-1]:
        raise VERIFICATION_MALFORMED(field="reqGLN")
    return text


def _expiry(text: str) -> str:
    try:
        if not re.fullmatch(r"[0-9]{6}", text):
            raise VERIFICATION_MALFORMED(field="exp")
        return date_of(text, time.gmtime().tm_year)
    except Refusal:
        raise VERIFICATION_MALFORMED(field="exp") from None


def _correlation(text: str) -> str:
    try:
        if str(uuid.UUID(text)) == text.lower():
            return text
    except ValueError:
        pass
    raise VERIFICATION_MALFORMED(field="corrUUID")
