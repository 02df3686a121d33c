"""Pages of a listing: `perPage`, `nextPageToken`, the header `Link`. EPCIS 2.0, section 12.6.

A token holds where the listing goes on and when it expires; nothing is kept for it, so nothing can
be released (`DELETE /nextPageToken/{token}` is not implemented). It serves the same listing only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from starlette.requests import Request

from yilian.gateway.epcis.errors import PAGE_TOKEN
from yilian.gateway.epcis.store import timestamp
from yilian.gateway.errors import BAD_PARAMETER
from yilian.gateway.http.epcis.room import Visit
from yilian.gateway.http.operation import Parameter
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.keys import sha256

PER_PAGE = 30
MAX_PER_PAGE = 1_000
LIFE_MS = 3_600_000
RESERVED = ("perPage", "nextPageToken")

PARAMETERS = (
    Parameter(
        name="perPage",
        where="query",
        schema={"type": "integer", "minimum": 1, "default": PER_PAGE},
        description=f"How many on a page; more than {MAX_PER_PAGE} are {MAX_PER_PAGE}.",
    ),
    Parameter(
        name="nextPageToken",
        where="query",
        schema={"type": "string"},
        description="Where the listing goes on: from `Link` of the page before.",
    ),
)


class _Token(msgspec.Struct, array_like=True, frozen=True):
    scope: bytes
    expires: int
    place: Any


class Asked(NamedTuple):
    """Which page is asked for: how many, and the place where it begins."""

    limit: int
    place: Any


def read(request: Request, visit: Visit) -> Asked:
    """Read which page is asked for. Refuses `bad_parameter` and `epcis.page_token`."""
    size, token = PER_PAGE, None
    for name, value in parse_qsl(_query(request), keep_blank_values=True):
        if name == "perPage":
            if not (value.isascii() and value.isdigit() and 0 < len(value) < 10 and int(value)):
                raise BAD_PARAMETER(name=name)
            size = min(int(value), MAX_PER_PAGE)
        elif name == "nextPageToken":
            token = value
    return Asked(size, None if token is None else _read(token, _scope(request, visit), visit))


def _read(text: str, scope: bytes, visit: Visit) -> Any:
    try:
        token = msgspec.json.decode(codec.to_bytes(text), type=_Token)
    except (Refusal, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise PAGE_TOKEN() from None
    if token.scope != scope or token.expires <= visit.room.now():
        raise PAGE_TOKEN()
    return token.place


def following(request: Request, visit: Visit, place: Any) -> Mapping[str, str]:
    """Give the headers that lead to the next page; none where `place` is None."""
    if place is None:
        return {}
    expires = visit.room.now() + LIFE_MS
    token = codec.to_text(msgspec.json.encode(_Token(_scope(request, visit), expires, place)))
    kept = [pair for pair in _pairs(request) if pair[0] != "nextPageToken"]
    query = urlencode([*kept, ("nextPageToken", token)])
    path = request.scope["raw_path"].partition(b"?")[0].decode("latin-1")
    return {
        "Link": f'<{quote(path, safe="/%:;=@!$&()*+,~-._")}?{query}>; rel="next"',
        "GS1-Next-Page-Token-Expires": timestamp(expires),
    }


def _pairs(request: Request) -> list[tuple[str, str]]:
    return parse_qsl(_query(request), keep_blank_values=True)


def _query(request: Request) -> str:
    query: bytes = request.scope["query_string"]
    return query.decode("latin-1")


def _scope(request: Request, visit: Visit) -> bytes:
    """Name the listing that a token serves: the resource, the question, and who asks."""
    kept = sorted(pair for pair in _pairs(request) if pair[0] not in RESERVED)
    whole = [request.path_params, visit.viewer, visit.jobs, request.url.path, kept]
    return sha256(msgspec.json.encode(whole))[:12]
