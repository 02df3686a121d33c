"""The portal's addresses: `/`, `/en/...`, `/zh-CN/...`, and the built files below `/portal/`.

    app = gateway.app.build(engine, index, routes=(*others, *serve.routes()))

Every address of a language gives the same page, which finds its way by the address. Where nothing
was built the page says so, with status 503.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from html import escape
from pathlib import Path

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from yilian.gateway.errors import NOT_FOUND
from yilian.portal import plain
from yilian.portal.built import DIST, SERVED, Asset, Built, built
from yilian.text import LANGUAGES, negotiate, say

Handler = Callable[[Request], Awaitable[Response]]

STORY = "/story.json"

FOREVER = "public, max-age=31536000, immutable"
ASK_EACH_TIME = "no-cache"
PAGE = "text/html; charset=utf-8"
WORKER = ".worker-"
WORKER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
"""A worker goes by the policy that its own script is served with (W3C CSP 3, section 4.2.3). So the
one that reads codes may compile WebAssembly, and no page needs to allow any."""

_HEADERS = {
    "Cache-Control": ASK_EACH_TIME,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=(), payment=()",
}


def policy(nonce: str) -> str:
    """Write the content policy of a page (W3C CSP 3): nothing but our own, styles by nonce.

    The components' library adds `<style>` elements; each carries the page's nonce.
    """
    return (
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; "
        f"frame-ancestors 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'"
    )


def routes(folder: Path = DIST, story: Path | None = None) -> tuple[BaseRoute, ...]:
    """Make the routes of the build in `folder`.

    `story` is where a demo leaves what it did, for the page `story`; absent is `not_found`.
    """
    found = built(folder)
    page = _counted("/{language}/{page}", _absent if found is None else _page(found))
    start = _counted("/", _start)
    made: list[BaseRoute] = [Route("/", start)]
    for language in LANGUAGES:
        made += [
            Route(f"/{language}", _counted("/{language}", _slashed)),
            Route(f"/{language}/{{rest:path}}", page),
        ]
    assets = {} if found is None else found.assets
    made.append(Route(f"/{SERVED}/{{name:path}}", _counted("/portal/{name}", _file(assets))))
    made.append(Route(STORY, _counted(STORY, _told(story))))
    return (*made, *plain.routes())


def _told(story: Path | None) -> Handler:
    async def told(request: Request) -> Response:
        try:
            text = None if story is None else await to_thread.run_sync(story.read_bytes)
        except FileNotFoundError:
            text = None
        if text is None:
            raise NOT_FOUND()
        return Response(text, 200, {"Cache-Control": "no-store"}, "application/json")

    return told


def _counted(name: str, handler: Handler) -> Handler:
    """Name what metrics and log lines call an address; the OpenAPI document leaves it out."""
    handler.counted_as = name  # type: ignore[attr-defined]
    return handler


async def _start(request: Request) -> Response:
    language = negotiate(request.headers.get("accept-language"))
    return RedirectResponse(f"/{language}/", 307, {"Vary": "Accept-Language"})


async def _slashed(request: Request) -> Response:
    return RedirectResponse(f"{request.url.path}/", 308)


def _page(found: Built) -> Handler:
    async def page(request: Request) -> Response:
        nonce = secrets.token_urlsafe(18)
        language = language_of(request)
        text = found.page.replace("@NONCE@", nonce)
        text = text.replace('<html lang="en">', f'<html lang="{language}">', 1)
        headers = {
            **_HEADERS,
            "Content-Language": language,
            "Content-Security-Policy": policy(nonce),
        }
        return Response(text, 200, headers, PAGE)

    return page


def language_of(request: Request) -> str:
    """Give the language that an address begins with."""
    return request.url.path.split("/", 2)[1]


async def _absent(request: Request) -> Response:
    """Say in both languages that nothing was built, the reader's own first."""
    own = language_of(request)
    parts = [
        f'<section lang="{each}"><h1>{_word(each, "title")}</h1><p>{_word(each, "detail")}</p>'
        f"<p><strong>{_word(each, 'next')}</strong></p></section>"
        for each in sorted(LANGUAGES, key=lambda each: each != own)
    ]
    text = (
        f'<!doctype html><html lang="{own}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{_word(own, 'title')}</title><main>{''.join(parts)}</main></html>"
    )
    return Response(text, 503, {**_HEADERS, "Content-Language": own, "Retry-After": "60"}, PAGE)


def _word(language: str, key: str) -> str:
    return escape(say(language, "portal", f"not_built/{key}"))


def _file(assets: Mapping[str, Asset]) -> Handler:
    async def file(request: Request) -> Response:
        asset = assets.get(f"{SERVED}/{request.path_params['name']}")
        if asset is None:
            raise NOT_FOUND()
        coding = asset.choose(request.headers.get("accept-encoding", ""))
        # The same file in another coding is another representation (RFC 9110, section 8.8.3).
        tag = f'"{asset.etag}-{coding}"'
        headers = {
            "Cache-Control": FOREVER if asset.hashed else ASK_EACH_TIME,
            "ETag": tag,
            "Vary": "Accept-Encoding",
        }
        if WORKER in request.path_params["name"]:
            headers["Content-Security-Policy"] = WORKER_POLICY
        known = request.headers.get("if-none-match", "")
        if tag in (each.strip().removeprefix("W/") for each in known[:1024].split(",")):
            return Response(None, 304, headers)
        if coding != "identity":
            headers["Content-Encoding"] = coding
        return Response(asset.contents[coding], 200, headers, asset.media_type)

    return file
