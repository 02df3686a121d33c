"""What every operation of the binding shares: who comes in, versions, formats, headers, pages."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from yilian import __version__
from yilian.gateway import errors
from yilian.gateway.epcis import tokens
from yilian.gateway.epcis.errors import CONTENT_ENCODING
from yilian.gateway.epcis.presentation import DEFAULT_FORMAT, EPC_FORMATS, EpcFormat
from yilian.gateway.epcis.tokens import Right
from yilian.gateway.http.asking import accepted
from yilian.gateway.http.epcis import refusals
from yilian.gateway.http.epcis.resource import BASE
from yilian.gateway.http.epcis.room import Find, Limit, Room, Visit, enter
from yilian.gateway.http.operation import JSON, Answer, Parameter, operation
from yilian.gateway.http.organisation.rooms import ORGANISATION
from yilian.ledger import codec, signed_request
from yilian.ledger.errors import Code, Refusal

JSON_LD = "application/ld+json"
XML = "application/xml"
TEXT_XML = "text/xml"

EPCIS_VERSION = "2.0.0"
CBV_VERSION = "2.0.0"
EPCIS_MIN = "1.2.0"
CBV_MIN = "1.2.0"
"""The oldest that is taken in; what is given out is always 2.0."""

MAX_URI = 16_384
SMALL_BODY = 1_048_576
USED = {
    "GS1-EPCIS-Version": EPCIS_VERSION,
    "GS1-CBV-Version": CBV_VERSION,
    "GS1-Extensions": "",
}
"""The headers of every answer."""
DISCOVERY = {
    **USED,
    "GS1-EPCIS-Min": EPCIS_MIN,
    "GS1-EPCIS-Max": EPCIS_VERSION,
    "GS1-CBV-Min": CBV_MIN,
    "GS1-CBV-Max": CBV_VERSION,
    "GS1-EPC-Format": DEFAULT_FORMAT,
    "GS1-CBV-XML-Format": "Always_Web_URI",
    "GS1-Vendor-Version": f"yilian-{__version__}",
}

SIGNED = Parameter(
    name=signed_request.HEADER,
    where="header",
    schema={"type": "string"},
    description="A signed request, where no bearer token is shown.",
)
COMMON = (ORGANISATION, SIGNED)
_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){0,3}")
_EXTENSION = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=([^\s,]+)")
Handler = Callable[[Request, Visit], Awaitable[Response]]
Served = Callable[[Request], Awaitable[Response]]
_ALWAYS = (
    errors.NOT_FOUND,
    errors.FORBIDDEN,
    refusals.CREDENTIALS_MISSING,
    tokens.TOKEN_REFUSED,
    tokens.TOKEN_EXPIRED,
    refusals.RIGHT_MISSING,
    refusals.URI_TOO_LONG,
    refusals.VERSION_UNKNOWN,
    refusals.HEADER_INVALID,
    CONTENT_ENCODING,
)


def serve(
    find: Find,
    method: str,
    path: str,
    *,
    summary: str,
    right: Right | None = "query",
    status: int = 200,
    said: str = "",
    content: dict[str, Any] | None = None,
    parameters: Sequence[Parameter] = (),
    body: Any = None,
    limit: Limit = lambda _: SMALL_BODY,
    problems: Sequence[Code] = (),
) -> Callable[[Handler], Served]:
    """Mark a handler, and let it see only callers with the right; `path` is below the base."""

    def wrap(handler: Handler) -> Served:
        @operation(
            method,
            BASE + path,
            tag="epcis",
            summary=summary,
            parameters=(*COMMON, *parameters),
            body=body,
            answers=(Answer(status=status, description=said or summary, content=content or {}),),
            problems=(*_ALWAYS, *problems),
        )
        async def served(request: Request) -> Response:
            try:
                if len(request.scope["raw_path"]) + len(request.scope["query_string"]) > MAX_URI:
                    raise refusals.URI_TOO_LONG(limit=MAX_URI)
                visit = await enter(request, find, right, limit)
                require_plain(request)
                require_versions(request)
                return await handler(request, visit)
            except Refusal as refusal:
                too_large = method == "POST" and refusal.code.status == 413
                room = find(request.path_params["organisation"]) if too_large else None
                headers = USED if room is None else {**USED, **capture_limits(room)}
                return refusals.respond(request, refusal, headers)

        return served

    return wrap


def require_plain(request: Request) -> None:
    """Refuse a body that is encoded (RFC 9110, section 8.4.1): `epcis.content_encoding`."""
    lines = request.headers.getlist("content-encoding")
    named = {each.strip().lower() for line in lines for each in line.split(",")}
    if named - {"", "identity"}:
        raise CONTENT_ENCODING()


def capture_limits(room: Room) -> dict[str, str]:
    """Announce what a capture may bring."""
    limits = room.repository.limits
    return {
        "GS1-EPCIS-Capture-Limit": str(limits.events),
        "GS1-EPCIS-Capture-File-Size-Limit": str(limits.bytes),
    }


def require_versions(request: HTTPConnection) -> None:
    """Refuse a request that wants no version spoken here (`epcis.version_unknown`)."""
    for family, least, most in (
        ("EPCIS", EPCIS_MIN, EPCIS_VERSION),
        ("CBV", CBV_MIN, CBV_VERSION),
    ):
        sent = _version(request, f"GS1-{family}-Version")
        if sent is not None and not _parts(least) <= sent <= (*_parts(most)[:2], 9999):
            raise refusals.VERSION_UNKNOWN(header=f"GS1-{family}-Version")
        lowest = _version(request, f"GS1-{family}-Min")
        if lowest is not None and lowest > _parts(most):
            raise refusals.VERSION_UNKNOWN(header=f"GS1-{family}-Min")
        highest = _version(request, f"GS1-{family}-Max")
        if highest is not None and highest < _parts(most)[:2]:
            raise refusals.VERSION_UNKNOWN(header=f"GS1-{family}-Max")


def _version(request: HTTPConnection, header: str) -> tuple[int, ...] | None:
    text = request.headers.get(header)
    if text is None:
        return None
    if not _VERSION.fullmatch(text):
        raise refusals.HEADER_INVALID(header=header)
    return _parts(text)


def _parts(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def choice(request: HTTPConnection, header: str, allowed: Sequence[str], otherwise: str) -> str:
    """Read a header that takes one of some words; refuses `epcis.header_invalid`."""
    text = request.headers.get(header, otherwise)
    if text not in allowed:
        raise refusals.HEADER_INVALID(header=header)
    return text


def epc_format(request: Request) -> EpcFormat:
    """Read `GS1-EPC-Format`."""
    return cast(EpcFormat, choice(request, "GS1-EPC-Format", EPC_FORMATS, DEFAULT_FORMAT))


def extensions(request: Request) -> dict[str, str]:
    """Read `GS1-Extensions`: what the prefixes in a question stand for."""
    found: dict[str, str] = {}
    for line in request.headers.getlist("gs1-extensions"):
        for each in filter(None, map(str.strip, line.split(","))):
            match = _EXTENSION.fullmatch(each)
            if match is None:
                raise refusals.HEADER_INVALID(header="GS1-Extensions")
            found[match[1]] = match[2]
    return found


def media_type(request: Request, *offered: str) -> str:
    """Choose the form of the answer; refuses `not_acceptable`."""
    chosen = accepted(request, *offered)
    if chosen is None:
        raise errors.NOT_ACCEPTABLE(offered=", ".join(offered))
    return chosen


def body_type(request: Request, *taken: str) -> str:
    """Read the type of the body; refuses `unsupported_media_type`."""
    named = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if named not in taken:
        raise errors.UNSUPPORTED_MEDIA_TYPE(expected=", ".join(taken))
    return named


def answer(
    request: Request, content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with JSON."""
    media = media_type(request, JSON, JSON_LD)
    return Response(codec.encode(content), status, {**USED, **(headers or {})}, media)


def address(request: Request, visit: Visit, path: str) -> str:
    """Give the address of a resource, as a path: what stands before a proxy is not ours to say."""
    return BASE.format(organisation=visit.organisation) + path
