"""Scanning a pack without login: JSON for programs, a page without script for people.

No cookie, no login, nothing kept about who looks. How often one address may ask is counted in
memory alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from yilian.gateway.errors import BAD_PARAMETER, RATE_LIMITED
from yilian.gateway.http import asking
from yilian.gateway.http.operation import JSON, Answer, Parameter, operation
from yilian.gateway.http.operation import routes as routes_of
from yilian.gateway.http.supply_page import (
    STYLE,
    STYLE_PATH,
    ask_page,
    refused_page,
    show_page,
)
from yilian.gateway.meter import Meter
from yilian.gateway.supply import codes
from yilian.gateway.supply.code_form import CODE_UNREADABLE
from yilian.gateway.supply.responders import Responders
from yilian.gateway.supply.scan import Colour, Kept, RouteStep, Scanning, View, Word
from yilian.gateway.supply.scan_errors import (
    DRUG_CODE_NOT_LISTED,
    GTIN_NOT_LISTED,
    NO_SERIAL,
)
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.text import negotiate, say

HTML = "text/html"
CSS = "text/css"
PATH = "/v1/supply/scan"


class ShownRecall(msgspec.Struct, frozen=True, kw_only=True):
    """A recall on the chain: grade 1 is the gravest, `issued` in ms."""

    id: str
    grade: int
    reason: str
    issued: int


class Scanned(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a pack. `title`, `do` and `why` are sentences in the reader's language.

    `responder` is `answered`, or the code of the refusal; then only what the chain knows is shown.
    """

    verdict: Word
    colour: Colour
    reason: str
    title: str
    do: str
    why: str
    product: str
    maker: str
    gtin: str
    responder: str
    kind: Literal["gs1", "sscc", "trace_code", "hibc", "isbt128"]
    serial: str = ""
    lot: str = ""
    expiry: str = ""
    recall: ShownRecall | None = None
    route: tuple[RouteStep, ...] = ()
    temperature: Kept | None = None


def routes(responders: Responders, rate: Meter | None = None) -> tuple[BaseRoute, ...]:
    """Make the routes; `rate` counts each address (2 a second, 30 at once, unless given)."""
    scanning = Scanning(responders.directory, responders.show)
    return routes_of(_scan(responders, scanning, rate or Meter(2, 30)), _style)


def _scan(responders: Responders, scanning: Scanning, rate: Meter) -> Callable[[Request], Any]:
    @operation(
        "GET",
        PATH,
        tag="supply",
        summary="Check the code on a pack, without login",
        parameters=(
            Parameter(
                name="code",
                where="query",
                schema={"type": "string", "minLength": 1, "maxLength": codes.MAX_LENGTH},
                description="What the scanner read; without it the page asks for it.",
                required=True,
            ),
        ),
        answers=(
            Answer(
                status=200,
                description="What is known of the pack.",
                content={JSON: Scanned, HTML: str},
            ),
        ),
        problems=(
            CODE_UNREADABLE,
            GTIN_NOT_LISTED,
            DRUG_CODE_NOT_LISTED,
            NO_SERIAL,
            RATE_LIMITED,
        ),
    )
    async def scan(request: Request) -> Response:
        media = asking.require_acceptable(request, JSON, HTML)
        language = negotiate(request.headers.get("accept-language"))
        headers = {"Content-Language": language, "Vary": "Accept, Accept-Language"}
        text = asking.query(request, "code").get("code", "")
        if media == HTML and not text:
            return Response(ask_page(language), 200, headers, "text/html; charset=utf-8")
        try:
            rate.count(request.client.host if request.client else "")
            view = await to_thread.run_sync(lambda: scanning.look(codes.read(text)))
        except Refusal as refusal:
            if media != HTML:
                raise
            page = refused_page(refusal, language)
            return Response(page, refusal.code.status, headers, "text/html; charset=utf-8")
        shown = _shown(view, responders, language)
        if media == HTML:
            return Response(show_page(shown, language), 200, headers, "text/html; charset=utf-8")
        return Response(codec.encode(shown), 200, headers, JSON)

    return scan


def _shown(view: View, responders: Responders, language: str) -> Scanned:
    """Put a view in words."""
    recall = responders.directory.recall(view.recall) if view.recall else None
    said = view.responder
    return Scanned(
        verdict=view.word,
        colour=view.colour,
        reason=view.reason,
        title=say(language, "scan", f"verdict/{view.word}/title"),
        do=say(language, "scan", f"verdict/{view.word}/do"),
        why=say(language, "scan", f"reason/{view.reason}"),
        product=view.listing.name,
        maker=view.listing.maker,
        gtin=view.listing.gtin,
        responder="answered" if view.why is None else view.why.code.name,
        kind=view.code.kind,
        serial=view.code.serial,
        lot=view.lot,
        expiry=view.expiry,
        recall=None
        if recall is None
        else ShownRecall(
            id=recall.recall, grade=recall.grade, reason=recall.reason, issued=recall.issued
        ),
        route=() if said is None else said.route,
        temperature=None if said is None else said.kept,
    )


@operation(
    "GET",
    STYLE_PATH,
    tag="supply",
    summary="Give the style sheet of the page that shows a pack",
    answers=(Answer(status=200, description="The style sheet.", content={CSS: str}),),
    problems=(BAD_PARAMETER,),
)
def _style(request: Request) -> Response:
    """Give the style sheet."""
    asking.query(request)
    return Response(STYLE, 200, None, "text/css; charset=utf-8")
