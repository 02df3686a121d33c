"""Pages without script: looking things up on the chain, help, and what is kept.

`/plain/en/...` and `/plain/zh-CN/...` have the words of the portal's own pages. A pack is checked
without script at `/v1/supply/scan`. Nothing here is about persons.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import escape
from typing import Any, NoReturn
from urllib.parse import quote

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from yilian.gateway.door import Door, door
from yilian.gateway.errors import NOT_FOUND
from yilian.gateway.http import asking
from yilian.gateway.index.reading import IndexedEvent
from yilian.ledger.errors import OK, Refusal, by_number
from yilian.ledger.module import snake_case
from yilian.ledger.modules.consent.state import GRANTS
from yilian.ledger.modules.identity.state import SUBJECTS
from yilian.ledger.modules.supply.state import PRODUCTS
from yilian.portal.plain_page import STYLE, STYLE_PATH, Html, Writer
from yilian.text import LANGUAGES, say

SHOWN = 20
_HASH = re.compile("[0-9a-f]{64}")
_ID = re.compile(asking.ID_PATTERN[1:-1])
_DIGITS = re.compile("[0-9]{1,15}")
_GTIN = re.compile("[0-9]{14}")

Made = tuple[str, Html, str]
"""A page's head line, its body, and its address in the portal."""


def routes() -> tuple[BaseRoute, ...]:
    """Make the routes."""
    pages: dict[str, Callable[[Writer, Door, Request], Made]] = {
        "": _newest,
        "blocks/{height}": _block,
        "transactions/{hash}": _transaction,
        "subjects/{id}": _subject,
        "products/{gtin}": _product,
        "grants/{id}": _grant,
        "help": _help,
        "privacy": _privacy,
    }
    made: list[BaseRoute] = [Route(STYLE_PATH, _style)]
    for language in LANGUAGES:
        base = f"/plain/{language}/"
        made.append(Route(base + "find", _finder(language)))
        made += [Route(base + path, _shower(language, path, page)) for path, page in pages.items()]
    return tuple(made)


def _shower(
    language: str, path: str, make: Callable[[Writer, Door, Request], Made]
) -> Callable[[Request], Any]:
    async def show(request: Request) -> Response:
        asking.query(request)
        writer = Writer(language)
        here = request.url.path.split("/", 3)[3]
        status = 200
        try:
            made = await to_thread.run_sync(make, writer, door(request), request)
        except Refusal as refusal:
            made, status = _refused(writer, refusal), refusal.code.status
        text = writer.page(made[0], made[1], made[2], here)
        headers = {"Content-Language": language}
        return Response(text, status, headers, "text/html; charset=utf-8")

    show.counted_as = f"/plain/{{language}}/{path}"  # type: ignore[attr-defined]
    return show


def _finder(language: str) -> Callable[[Request], Any]:
    async def find(request: Request) -> Response:
        typed = asking.query(request, "find").get("find", "").strip()
        found = await to_thread.run_sync(_place, door(request), typed[:200])
        if found is not None:
            return RedirectResponse(f"/plain/{language}/{found}", 303)
        writer = Writer(language)
        head = say(language, "portal_public", "explorer/nothing", wanted=typed[:200])
        body = f"<p>{writer.word('explorer/nothing_next')}</p>{writer.search()}"
        text = writer.page(head, body, "explorer", "")
        headers = {"Content-Language": language}
        return Response(text, 404, headers, "text/html; charset=utf-8")

    find.counted_as = "/plain/{language}/find"  # type: ignore[attr-defined]
    return find


async def _style(_: Request) -> Response:
    return Response(STYLE, 200, {"Cache-Control": "no-cache"}, "text/css; charset=utf-8")


def _place(at: Door, typed: str) -> str | None:
    """Give the page of what was typed, or None."""
    state = at.engine.state()
    digits = typed.removeprefix("#")
    if _HASH.fullmatch(typed.lower()) and at.engine.store.where(bytes.fromhex(typed)) is not None:
        return f"transactions/{typed.lower()}"
    if _DIGITS.fullmatch(digits):
        if PRODUCTS.get(state, digits.zfill(14)) is not None:
            return f"products/{digits.zfill(14)}"
        if 1 <= int(digits) <= at.engine.sealed_height:
            return f"blocks/{int(digits)}"
    if _ID.fullmatch(typed):
        if SUBJECTS.get(state, typed) is not None:
            return f"subjects/{typed}"
        if GRANTS.get(state, typed) is not None:
            return f"grants/{typed}"
    return None


def _absent() -> NoReturn:
    raise NOT_FOUND()


def _refused(writer: Writer, refusal: Refusal) -> Made:
    name, places = refusal.code.name, refusal.parameters
    head = say(writer.language, "errors", f"{name}/title", **places)
    parts = [writer.word(f"{name}/{part}", "errors", **places) for part in ("detail", "next")]
    return head, "".join(f"<p>{each}</p>" for each in parts) + writer.search(), "explorer"


def _head(writer: Writer, key: str, **places: int | str) -> str:
    return say(writer.language, "portal_public", key, **places)


def _lines(writer: Writer, events: list[IndexedEvent]) -> Html:
    def line(event: IndexedEvent) -> Html:
        block = writer.word("block", "portal_values", height=event.at.height)
        beside = [writer.moment(event.time), writer.link(f"blocks/{event.at.height}", block)]
        if event.transaction is not None:
            details = writer.word("details", "portal_values")
            beside.append(writer.link(f"transactions/{event.transaction}", details))
        said = writer.sentence(json.loads(event.text))
        return f"{said}<small>{' · '.join(beside)}</small>"

    return writer.items(line(each) for each in reversed(events))


def _newest(writer: Writer, at: Door, _: Request) -> Made:
    last = at.index.read.newest()
    events = at.index.read.events(max(0, last - SHOWN), SHOWN)
    blocks = [
        writer.link(f"blocks/{each.height}", writer.word("explorer/block", height=each.height))
        + f"<small>{writer.moment(each.time)} · "
        + f"{writer.counted('explorer/transactions', each.transactions)}</small>"
        for each in at.index.read.blocks(None, SHOWN)
    ]
    body = (
        f"<p>{writer.word('start/about')}</p>{writer.search()}"
        f"<h2>{writer.word('explorer/events')}</h2>{_lines(writer, events)}"
        f"<h2>{writer.word('explorer/blocks')}</h2>{writer.items(blocks)}"
    )
    return _head(writer, "explorer/title"), body, "explorer"


def _block(writer: Writer, at: Door, request: Request) -> Made:
    text = request.path_params["height"]
    height = int(text) if _DIGITS.fullmatch(text) else 0
    found = at.index.read.blocks(height + 1, 1) if height else []
    if not found or found[0].height != height:
        _absent()
    block = found[0]
    inside = [
        writer.link(f"transactions/{each.hash}", "<br>".join(_about(writer, each.types)))
        + f"<small>{writer.word(_judged(each.code))}</small>"
        for each in at.index.read.transactions(height)
    ]
    facts = [("explorer/time", writer.moment(block.time)), ("explorer/hash", block.hash)]
    body = f"{writer.facts(facts)}<h2>{writer.word('explorer/inside')}</h2>{writer.items(inside)}"
    return _head(writer, "explorer/block", height=height), body, f"explorer/blocks/{height}"


def _judged(code: int) -> str:
    return "explorer/accepted" if code == OK else "explorer/refused"


def _about(writer: Writer, types: list[str]) -> list[Html]:
    """Give what messages ask for, by their types."""
    made = []
    for each in types:
        capability, _, name = each.partition(".")
        key = f"{capability}.{snake_case(name)}/about"
        try:
            made.append(writer.word(key, capability))
        except KeyError:
            made.append(f"<code>{each}</code>")
    return made


def _transaction(writer: Writer, at: Door, request: Request) -> Made:
    name = request.path_params["hash"]
    place = at.engine.store.where(bytes.fromhex(name)) if _HASH.fullmatch(name) else None
    found = None if place is None else at.index.read.transaction(*place)
    if place is None or found is None:
        _absent()
    events = [json.loads(bytes(each)) for each in at.index.read.events_of(*place)]
    caused = writer.items(writer.sentence(each) for each in events)
    block = writer.word("explorer/block", height=place[0])
    judged = writer.word(_judged(found.code))
    if found.code != OK:
        refusal = Refusal(by_number(found.code), found.parameters)
        judged += f": {writer.word(f'{refusal.code.name}/detail', 'errors', **found.parameters)}"
    facts = [
        ("explorer/status", judged),
        ("explorer/block_name", writer.link(f"blocks/{place[0]}", block)),
        ("explorer/time", writer.moment(found.time)),
        ("explorer/number", f"<code>{name}</code>"),
    ]
    receipt = f'<a href="/v1/transactions/{name}/receipt" download>'
    body = (
        f"<h2>{writer.word('explorer/asked')}</h2>{writer.items(_about(writer, found.types))}"
        f"<h2>{writer.word('explorer/caused')}</h2>{caused}"
        f"<h2>{writer.word('explorer/where')}</h2>{writer.facts(facts)}"
        f"<p>{receipt}{writer.word('explorer/receipt')}</a></p>"
    )
    return _head(writer, "explorer/transaction"), body, f"explorer/transactions/{name}"


def _subject(writer: Writer, at: Door, request: Request) -> Made:
    name = request.path_params["id"]
    subject = SUBJECTS.get(at.engine.state(), name) if _ID.fullmatch(name) else None
    if subject is None:
        _absent()
    full = f"explorer/subjects/{name}"
    kind = say(writer.language, "portal_values", f"words/{subject.kind}")
    if subject.kind == "person":
        return kind, f"<p>{writer.word('explorer/person')}</p>", full
    facts = [
        ("explorer/kind", writer.named(subject.organisation_kind or subject.kind)),
        ("explorer/status", writer.named(subject.status)),
        ("explorer/since", writer.word("explorer/block", height=subject.since)),
        ("explorer/number", f"<code>{name}</code>"),
    ]
    events = at.index.read.events(0, asking.MAX_LIMIT, None, name)[-SHOWN:]
    about = f"<h2>{writer.word('explorer/about_it')}</h2>{_lines(writer, events)}"
    return subject.name or kind, writer.facts(facts) + about, full


def _product(writer: Writer, at: Door, request: Request) -> Made:
    gtin = request.path_params["gtin"]
    product = PRODUCTS.get(at.engine.state(), gtin) if _GTIN.fullmatch(gtin) else None
    if product is None:
        _absent()
    state = at.engine.state()

    def named(organisation: str) -> Html:
        subject = SUBJECTS.get(state, organisation)
        shown = organisation if subject is None or subject.name is None else subject.name
        return writer.link(f"subjects/{quote(organisation)}", _bare(shown))

    ended = product.ended
    facts = [
        ("explorer/kind", writer.named(product.kind)),
        ("explorer/gtin", gtin),
        ("explorer/owner", named(product.owner)),
        ("explorer/responder", named(product.responder)),
        ("explorer/status", "" if ended is None else writer.word("explorer/ended", height=ended)),
    ]
    check = f'<p><a href="/v1/supply/scan">{writer.word("explorer/check_pack")}</a></p>'
    return product.name, writer.facts(facts) + check, f"explorer/products/{gtin}"


def _bare(name: str) -> Html:
    return f'<bdi translate="no">{escape(name)}</bdi>'


def _grant(writer: Writer, at: Door, request: Request) -> Made:
    name = request.path_params["id"]
    grant = GRANTS.get(at.engine.state(), name) if _ID.fullmatch(name) else None
    if grant is None:
        _absent()
    now = at.engine.now()
    stands = "stands" if grant.valid(now) else "waits" if now < grant.starts else "over"
    state = "revoked" if grant.revoked is not None else stands
    facts = [
        ("explorer/status", writer.word(f"explorer/grant_state/{state}")),
        ("explorer/starts", writer.moment(grant.starts)),
        ("explorer/ends", writer.moment(grant.ends)),
    ]
    body = f"<p>{writer.word('explorer/grant_about')}</p>{writer.facts(facts)}"
    return _head(writer, "explorer/grant"), body, f"explorer/grants/{name}"


def _sections(writer: Writer, page: str, *parts: str) -> Made:
    body = "".join(
        f"<h2>{writer.word(f'{page}/{each}/title')}</h2><p>{writer.word(f'{page}/{each}/text')}</p>"
        for each in parts
    )
    return _head(writer, f"{page}/title"), body, page


def _help(writer: Writer, _: Door, __: Request) -> Made:
    return _sections(writer, "help", "scan", "explorer", "refused", "no_script", "ask")


def _privacy(writer: Writer, _: Door, __: Request) -> Made:
    return _sections(writer, "privacy", "ledger", "browser", "node", "trial")
