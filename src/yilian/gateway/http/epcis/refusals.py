"""Refusals of the REST binding: numbers 9624 to 9629 and 9636 to 9639, and the names GS1 gave them.

Each is a problem document as everywhere, but its `type` is the exception of EPCIS 2.0 (section
12.2), so that a client of another repository understands it; ours are `code` and `number`.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from yilian.gateway import problems
from yilian.gateway.epcis.errors import QUERY_PARAMETER
from yilian.ledger.errors import Refusal, code

RIGHT_MISSING = code(9624, "epcis.right_missing", 403, "right")
URI_TOO_LONG = code(9625, "epcis.uri_too_long", 414, "limit")
VERSION_UNKNOWN = code(9626, "epcis.version_unknown", 406, "header")
HEADER_INVALID = code(9627, "epcis.header_invalid", 400, "header")
RESOURCE_UNKNOWN = code(9628, "epcis.resource_unknown", 404)
NOT_IMPLEMENTED = code(9629, "epcis.not_implemented", 501)
CREDENTIALS_MISSING = code(9637, "epcis.credentials_missing", 401)
TOO_MANY_LIVE = code(9636, "epcis.too_many_live", 429, "limit")

_BY_NAME = {
    QUERY_PARAMETER.name: "QueryParameterException",
    "bad_parameter": "QueryParameterException",
    "epcis.page_token": "QueryParameterException",
    "epcis.query_too_large": "QueryTooLargeException",
    "epcis.query_too_complex": "QueryTooComplexException",
    "epcis.query_unknown": "NoSuchNameException",
    "epcis.subscription_unknown": "NoSuchNameException",
    "epcis.subscription_controls": "SubscriptionControlsException",
    "epcis.destination_refused": "SubscriptionControlsException",
}
_BY_STATUS = {
    400: "ValidationException",
    401: "SecurityException",
    403: "SecurityException",
    404: "NoSuchResourceException",
    406: "NotAcceptableException",
    409: "ResourceAlreadyExistsException",
    413: "CaptureLimitExceededException",
    414: "URITooLongException",
    415: "UnsupportedMediaTypeException",
}


def exception(refusal: Refusal) -> str:
    """Name the exception of EPCIS that a refusal is."""
    code = refusal.code
    name = _BY_NAME.get(code.name) or _BY_STATUS.get(code.status) or "ImplementationException"
    return "epcisException:" + name


def respond(request: Request, refusal: Refusal, headers: dict[str, str]) -> Response:
    """Answer with the problem document of a refusal."""
    made = problems.respond(request, refusal, type=exception(refusal))
    for name, value in headers.items():
        made.headers[name] = value
    if refusal.code.status == 401:
        made.headers["WWW-Authenticate"] = 'Yilian-Request, Bearer realm="epcis"'
    return made


def document(refusal: Refusal, language: str, **members: Any) -> dict[str, Any]:
    """Write a refusal where it is part of another answer."""
    return problems.document(refusal, language, type=exception(refusal), **members)
