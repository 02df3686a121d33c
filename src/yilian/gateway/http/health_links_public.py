"""Opening a SMART Health Link, without login, from any page of any site.

The three addresses of the specification (HL7 SMART Health Cards and Links 1.0.0): the manifest, the
file of a manifest, and the one file of a link with flag `U`. Readers run in browsers at other
addresses, so these routes alone allow other origins (CORS, Fetch Standard); nothing in them depends
on who a browser is, there are no cookies, and nothing else is opened by it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway import problems
from yilian.gateway.auth.accounts import accounts_of
from yilian.gateway.body import read_body, require_media_type
from yilian.gateway.errors import (
    BODY_TOO_LARGE,
    METHOD_NOT_ALLOWED,
    RATE_LIMITED,
    REQUEST_TIMEOUT,
    UNSUPPORTED_MEDIA_TYPE,
)
from yilian.gateway.http.operation import JSON, Answer, Parameter, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.links.bundle import FHIR_VERSION, instant
from yilian.gateway.links.errors import NOT_THERE, PASSCODE_WRONG, RECIPIENT_MISSING
from yilian.gateway.links.facts import MAX_RECIPIENT, words_of
from yilian.gateway.links.health_links import HealthLinks
from yilian.gateway.links.jwe import FHIR_JSON, JOSE
from yilian.gateway.links.opening import Given, open_direct, open_file, open_manifest
from yilian.gateway.links.payload import PATH
from yilian.gateway.meter import Meter
from yilian.gateway.organisation import Organisation
from yilian.ledger import codec
from yilian.ledger.errors import MALFORMED, Refusal

MAX_BODY = 8_192
_OTHERS = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_ASKED = {
    **_OTHERS,
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "600",
}
_ADDRESS = "^[A-Za-z0-9_-]{43}$"
Handler = Callable[[Request], Awaitable[Response]]


class ManifestRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who opens a link, the passcode where it has one, and how long an embedded file may be."""

    recipient: Annotated[str, msgspec.Meta(max_length=MAX_RECIPIENT)] = ""
    passcode: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    embedded_length_max: Annotated[int, msgspec.Meta(ge=0)] | None = None

    def __repr__(self) -> str:
        return "<ManifestRequest>"


class ManifestFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A file of a link: embedded, or at an address that serves once, for five minutes."""

    content_type: str
    embedded: str | None = None
    location: str | None = None
    last_updated: str
    status: str
    fhir_version: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a link resolves to."""

    files: tuple[ManifestFile, ...]


def _address(name: str, description: str) -> Parameter:
    schema = {"type": "string", "pattern": _ADDRESS}
    return Parameter(name=name, where="path", schema=schema, description=description, required=True)


_LINK = _address("address", "What makes the link's address unguessable.")
_TICKET = _address("ticket", "What makes the file's address unguessable.")
_RECIPIENT = Parameter(
    name="recipient",
    where="query",
    schema={"type": "string", "minLength": 1, "maxLength": MAX_RECIPIENT},
    description="Who opens it, in words; the person is shown them as unverified.",
    required=True,
)


def routes(
    organisations: Mapping[str, Organisation], rate: Meter | None = None
) -> tuple[BaseRoute, ...]:
    """Make the routes; `rate` counts each network address (2 a second, 30 at once)."""
    meter = rate or Meter(2, 30)

    def houses() -> list[HealthLinks]:
        return [HealthLinks(organisations[name]) for name in sorted(organisations)]

    return routes_of(
        _manifest(houses, meter),
        _direct(houses, meter),
        _file(houses, meter),
        _preflight(PATH + "{address}", (_LINK,)),
        _preflight(PATH + "{address}/file/{ticket}", (_LINK, _TICKET)),
    )


Houses = Callable[[], list[HealthLinks]]


def _open(meter: Meter, handler: Handler) -> Handler:
    """Count the caller, and let pages of other origins read whatever the answer is."""

    async def opened(request: Request) -> Response:
        try:
            # A check for the head alone, by whoever shows previews, must not use an opening up.
            if request.method == "HEAD":
                raise METHOD_NOT_ALLOWED()
            meter.count(request.client.host if request.client else "")
            made = await handler(request)
        except Refusal as refusal:
            left = refusal.parameters.get("left")
            more = {"remainingAttempts": left} if refusal.code is PASSCODE_WRONG else {}
            made = problems.respond(request, refusal, **more)
        made.headers.update(_OTHERS)
        return made

    return opened


def _manifest(houses: Houses, meter: Meter) -> Callable[[Request], Any]:
    async def manifest(request: Request) -> Response:
        await read_body(request, MAX_BODY)
        require_media_type(request, JSON)
        asked = _read(await request.body())
        address = request.path_params["address"]
        given = await to_thread.run_sync(
            open_manifest,
            houses(),
            address,
            _recipient(asked.recipient),
            asked.passcode,
            asked.embedded_length_max,
        )
        origin = accounts_of(request).site(request).origin
        return Response(codec.encode(_file_of(given, f"{origin}{PATH}{address}")), 200, None, JSON)

    return operation(
        "POST",
        PATH + "{address}",
        tag="links",
        summary="Open a SMART Health Link: its manifest",
        parameters=(_LINK,),
        body=ManifestRequest,
        answers=(
            Answer(
                status=200,
                description="The manifest; the opening was journalled before.",
                content={JSON: Manifest},
            ),
        ),
        problems=(
            MALFORMED,
            NOT_THERE,
            PASSCODE_WRONG,
            RECIPIENT_MISSING,
            BODY_TOO_LARGE,
            REQUEST_TIMEOUT,
            UNSUPPORTED_MEDIA_TYPE,
            RATE_LIMITED,
        ),
    )(_open(meter, manifest))


def _read(body: bytes) -> ManifestRequest:
    """Read a manifest request; members that nobody knows are passed over, as the rules ask."""
    try:
        return msgspec.json.decode(body, type=ManifestRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MALFORMED() from None


def _recipient(said: str) -> str:
    words = words_of(said)
    if not words:
        raise RECIPIENT_MISSING()
    return words


def _file_of(given: Given, url: str) -> Manifest:
    made = ManifestFile(
        content_type=FHIR_JSON,
        embedded=given.content,
        location=None if given.ticket is None else f"{url}/file/{given.ticket}",
        last_updated=instant(given.made),
        status="finalized",
        fhir_version=FHIR_VERSION,
    )
    return Manifest(files=(made,))


def _direct(houses: Houses, meter: Meter) -> Callable[[Request], Any]:
    async def direct(request: Request) -> Response:
        said = request.query_params.getlist("recipient")
        if len(said) != 1 or len(said[0]) > MAX_RECIPIENT:
            raise RECIPIENT_MISSING()
        content = await to_thread.run_sync(
            open_direct, houses(), request.path_params["address"], _recipient(said[0])
        )
        return Response(content, 200, None, JOSE)

    return operation(
        "GET",
        PATH + "{address}",
        tag="links",
        summary="Open a SMART Health Link with flag U: its one file",
        parameters=(_LINK, _RECIPIENT),
        answers=(Answer(status=200, description="A JWE.", content={JOSE: str}),),
        problems=(NOT_THERE, RECIPIENT_MISSING, METHOD_NOT_ALLOWED, RATE_LIMITED),
    )(_open(meter, direct))


def _file(houses: Houses, meter: Meter) -> Callable[[Request], Any]:
    async def file(request: Request) -> Response:
        named = request.path_params
        content = await to_thread.run_sync(open_file, houses(), named["address"], named["ticket"])
        return Response(content, 200, None, JOSE)

    return operation(
        "GET",
        PATH + "{address}/file/{ticket}",
        tag="links",
        summary="Give the file that a manifest named, once",
        parameters=(_LINK, _TICKET),
        answers=(Answer(status=200, description="A JWE.", content={JOSE: str}),),
        problems=(NOT_THERE, METHOD_NOT_ALLOWED, RATE_LIMITED),
    )(_open(meter, file))


def _preflight(path: str, parameters: tuple[Parameter, ...]) -> Callable[[Request], Any]:
    async def preflight(_: Request) -> Response:
        return Response(None, 204, _ASKED)

    return operation(
        "OPTIONS",
        path,
        tag="links",
        summary="Tell a browser that pages of other sites may open a link",
        parameters=parameters,
        answers=(Answer(status=204, description="What is allowed, in headers."),),
    )(preflight)
