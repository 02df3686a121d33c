"""Refusals as RFC 9457 problem documents, in the language that the reader asked for."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from yilian.gateway import errors
from yilian.ledger import codec
from yilian.ledger.errors import INTERNAL, Code, Refusal
from yilian.node.engine import NotYet, Stopped
from yilian.node.store import BeforeFirst, StoreDamaged
from yilian.text import negotiate, say

MEDIA_TYPE = "application/problem+json"
URN = "urn:yilian:problem:"

log = logging.getLogger("yilian.gateway")


def document(refusal: Refusal, language: str, **members: Any) -> dict[str, Any]:
    """Write a refusal as a problem document; `members` are added to it."""
    code, parameters = refusal.code, refusal.parameters
    words = {
        part: say(language, "errors", f"{code.name}/{part}", **parameters)
        for part in ("title", "detail", "next")
    }
    return {
        "type": URN + code.name,
        "status": code.status,
        "code": code.name,
        "number": code.number,
        "parameters": parameters,
        **words,
        **members,
    }


def respond(request: Request, refusal: Refusal, **members: Any) -> Response:
    """Answer a request with a problem document."""
    language = negotiate(request.headers.get("accept-language"))
    metrics = getattr(request.app.state, "door", None)
    if metrics is not None:
        metrics.metrics.refused(refusal.code)
    return answer(refusal, language, **members)


def answer(refusal: Refusal, language: str, **members: Any) -> Response:
    """Make the response of a refusal."""
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    if refusal.code.status == 401:
        headers["WWW-Authenticate"] = "Yilian-Request"
    if refusal.code.status in (429, 503):
        headers["Retry-After"] = str(refusal.parameters.get("seconds", 1))
    if refusal.code in (errors.BODY_TOO_LARGE, errors.REQUEST_TIMEOUT):
        headers["Connection"] = "close"
    return Response(
        codec.encode(document(refusal, language, **members)),
        refusal.code.status,
        headers,
        MEDIA_TYPE,
    )


_BY_STATUS: dict[int, Code] = {
    404: errors.NOT_FOUND,
    405: errors.METHOD_NOT_ALLOWED,
    503: errors.UNAVAILABLE,
}


async def on_refusal(request: Request, error: Exception) -> Response:
    """Answer a refusal that a handler raised."""
    assert isinstance(error, Refusal)
    return respond(request, error)


async def on_http(request: Request, error: Exception) -> Response:
    """Answer what the router refuses: unknown addresses and methods."""
    assert isinstance(error, HTTPException)
    made = respond(request, _BY_STATUS.get(error.status_code, errors.BAD_REQUEST)())
    for name, value in (error.headers or {}).items():
        made.headers[name] = value
    return made


async def on_stopped(request: Request, _: Exception) -> Response:
    """Answer while the engine writes no more."""
    return respond(request, errors.ENGINE_STOPPED())


async def on_not_yet(request: Request, _: Exception) -> Response:
    """Answer what needs a later block."""
    return respond(request, errors.NOT_YET())


async def on_before_first(request: Request, error: BeforeFirst) -> Response:
    """Answer what stood in a height that was pruned, or that never came to this node."""
    return respond(request, errors.HEIGHT_NOT_KEPT(height=error.height))


async def on_broken(request: Request, error: Exception) -> Response:
    """Answer while the store or the index cannot be read."""
    log.error("the store or the index cannot be read", exc_info=error)
    return respond(request, errors.UNAVAILABLE())


async def on_gone(request: Request, _: Exception) -> Response:
    """Nobody reads this any more."""
    return respond(request, errors.BAD_REQUEST())


def internal(request: Request) -> Response:
    """Answer a fault of our own; what happened is in the log only."""
    return respond(request, INTERNAL())


HANDLERS: dict[Any, Any] = {
    Refusal: on_refusal,
    HTTPException: on_http,
    Stopped: on_stopped,
    NotYet: on_not_yet,
    BeforeFirst: on_before_first,
    StoreDamaged: on_broken,
    SQLAlchemyError: on_broken,
    ClientDisconnect: on_gone,
}
