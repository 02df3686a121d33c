"""What a route says about itself, for the router and for the OpenAPI document alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from yilian.gateway import errors
from yilian.gateway.auth.errors import SESSION
from yilian.gateway.http.asking import require_acceptable
from yilian.ledger import codec, signed_request
from yilian.ledger import errors as law
from yilian.ledger.errors import Code

JSON = "application/json"
PROBLEM = "application/problem+json"

SIGNED = (
    errors.BODY_TOO_LARGE,
    errors.REQUEST_TIMEOUT,
    errors.UNAUTHENTICATED,
    errors.REQUEST_STALE,
    errors.REQUEST_DIFFERS,
    errors.REPLAYED_REQUEST,
    errors.RATE_LIMITED,
    law.WRONG_CHAIN,
    law.UNKNOWN_KEY,
    law.KEY_REVOKED,
    law.BAD_SIGNATURE,
    law.SENDER_NOT_SIGNER,
    law.SENDER_INACTIVE,
    *SESSION,
)
"""What judging a signed request may refuse, whichever operation it is for."""

F = TypeVar("F", bound=Callable[..., Any])


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """A path, query or header parameter and its JSON Schema."""

    name: str
    where: str
    schema: dict[str, Any]
    description: str
    required: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: its status, its type by media type, and what it means."""

    status: int
    description: str
    content: dict[str, Any] = {}


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one address."""

    method: str
    path: str
    tag: str
    summary: str
    parameters: tuple[Parameter, ...]
    body: dict[str, Any]
    answers: tuple[Answer, ...]
    problems: tuple[Code, ...]

    @property
    def id(self) -> str:
        """Name the operation, unlike any other."""
        words = self.path.replace("{", "by_").replace("}", "").replace(".", "_").split("/")
        return "_".join([self.method.lower(), *(word for word in words if word)])


def operation(
    method: str,
    path: str,
    *,
    tag: str,
    summary: str,
    answers: Sequence[Answer],
    parameters: Sequence[Parameter] = (),
    body: Any = None,
    problems: Sequence[Code] = (),
) -> Callable[[F], F]:
    """Mark a handler with its address and everything that a caller must know.

    `body` is a type, sent as JSON, or a type for each media type. What follows from the parameters
    and from a signed request is added to `problems`.
    """
    problems = (*problems, errors.UNAVAILABLE)
    if any(each.name == signed_request.HEADER for each in parameters):
        problems = (*problems, *SIGNED)
    if parameters:
        problems = (errors.BAD_PARAMETER, *problems)
    made = Operation(
        method=method,
        path=path,
        tag=tag,
        summary=summary,
        parameters=tuple(parameters),
        body=body if isinstance(body, dict) else {} if body is None else {JSON: body},
        answers=tuple(answers),
        problems=tuple(dict.fromkeys((*problems, errors.NOT_ACCEPTABLE))),
    )

    def mark(handler: F) -> F:
        handler.operation = made  # type: ignore[attr-defined]
        return handler

    return mark


def routes(*handlers: Callable[..., Any]) -> tuple[BaseRoute, ...]:
    """Make the routes of marked handlers. Plain functions run in a thread, coroutines do not."""
    return tuple(
        Route(each.operation.path, each, methods=[each.operation.method])  # type: ignore[attr-defined]
        for each in handlers
    )


def answer(
    request: Request, content: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Answer with canonical JSON; refuses a request that accepts no JSON."""
    require_acceptable(request, JSON)
    return Response(codec.encode(content), status, headers, JSON)
