"""Reading what a request asks for: query parameters, accepted media types, cursors."""

from __future__ import annotations

import re

from starlette.requests import Request

from yilian.gateway.errors import BAD_PARAMETER, NOT_ACCEPTABLE
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.keys import sha256

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
ID_PATTERN = "^[A-Za-z0-9_-]{21}[AQgw]$"
_ID = re.compile(ID_PATTERN[1:-1])
_WHOLE = re.compile(r"0|[1-9][0-9]{0,15}")
_MEDIA_RANGE = re.compile(r"\s*([A-Za-z0-9!#$&^_.+*-]+)/([A-Za-z0-9!#$&^_.+*-]+)\s*(.*)")

LIMIT_SCHEMA = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
CURSOR_SCHEMA = {"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"}
ID_SCHEMA = {"type": "string", "pattern": ID_PATTERN}


def query(request: Request, *names: str) -> dict[str, str]:
    """Read the query; refuses a parameter that is not one of `names`, or comes twice."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in names or name in found:
            raise BAD_PARAMETER(name=name[:64])
        found[name] = value
    return found


def whole(text: str, name: str, least: int = 0, most: int = codec.MAX_INTEGER) -> int:
    """Read a decimal integer within bounds; refuses anything else as parameter `name`."""
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise BAD_PARAMETER(name=name)
    return int(text)


def limit(asked: dict[str, str]) -> int:
    """Read how many items a page may have."""
    text = asked.get("limit")
    return DEFAULT_LIMIT if text is None else whole(text, "limit", 1, MAX_LIMIT)


def require_id(text: str, name: str = "id") -> str:
    """Refuse what cannot be an id."""
    if not _ID.fullmatch(text):
        raise BAD_PARAMETER(name=name)
    return text


def cursor(seq: int, scope: str) -> str:
    """Write where a listing goes on; it serves the same listing only."""
    return codec.to_text(seq.to_bytes(8, "big") + sha256(scope.encode())[:8])


def read_cursor(text: str | None, scope: str) -> int | None:
    """Read a cursor that `cursor` wrote for the same scope; refuses any other."""
    if text is None:
        return None
    try:
        data = codec.to_bytes(text)
    except Refusal:
        raise BAD_PARAMETER(name="cursor") from None
    if len(data) != 16 or data[8:] != sha256(scope.encode())[:8] or data[0] & 0x80:
        raise BAD_PARAMETER(name="cursor")
    return int.from_bytes(data[:8], "big")


def accepted(request: Request, *offered: str) -> str | None:
    """Choose among offered media types by the `Accept` header (RFC 9110, section 12.5.1).

    The first offered wins where several are wanted alike; None where none is.
    """
    header = ",".join(request.headers.getlist("accept"))
    if not header.strip():
        return offered[0]
    weights = [_quality(header, media) for media in offered]
    best = max(weights)
    return offered[weights.index(best)] if best > 0 else None


def require_acceptable(request: Request, *offered: str) -> str:
    """Choose among offered media types; refuses a request that accepts none of them."""
    chosen = accepted(request, *offered)
    if chosen is None:
        raise NOT_ACCEPTABLE(offered=", ".join(offered))
    return chosen


def _quality(header: str, media: str) -> float:
    """Give the weight of a media type: that of the most specific range that covers it."""
    major, minor = media.split("/")
    best: tuple[int, float] = (-1, 0.0)
    for item in header[:2048].split(","):
        match = _MEDIA_RANGE.fullmatch(item)
        if match is None:
            continue
        wanted = (match[1].lower(), match[2].lower())
        if wanted == (major, minor):
            specific = 2
        elif wanted == (major, "*"):
            specific = 1
        elif wanted == ("*", "*"):
            specific = 0
        else:
            continue
        best = max(best, (specific, _weight(match[3])))
    return best[1]


def _weight(parameters: str) -> float:
    for each in parameters.split(";"):
        name, _, value = each.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
