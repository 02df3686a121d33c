"""Routes whose path names are URIs: matched on the path as it was sent, before it was decoded.

`/epcs/https%3A%2F%2Fid.gs1.org%2F01%2F...` is one name. A name whose slashes arrive bare, as some
proxies leave them, is put together again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from starlette.routing import Match, Route, WebSocketRoute
from starlette.types import Scope

BASE = "/epcis/{organisation}"


def _raw_path(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    return raw.partition(b"?")[0].decode("latin-1")


def match(template: tuple[str, ...], path: str) -> dict[str, str] | None:
    """Find what the names of a template stand for in a path; None where it does not match."""
    parts = path.split("/")
    if not template[-1] and parts[-1]:
        parts.append("")  # the base, with or without the slash at its end
    extra = len(parts) - len(template)
    if extra < 0:
        return None
    if extra:
        names = [place for place, each in enumerate(template) if each.startswith("{")]
        last = names[-1]
        if last < 3:  # the organisation's own name has no slashes
            return None
        parts[last : last + extra + 1] = ["/".join(parts[last : last + extra + 1])]
    found: dict[str, str] = {}
    for wanted, part in zip(template, parts, strict=True):
        if wanted.startswith("{"):
            if not part:
                return None
            found[wanted[1:-1]] = unquote(part, errors="replace")
        elif wanted != part:
            return None
    return found


class Resource(Route):
    """One method of one resource; its handler is marked with `operation`."""

    def __init__(self, endpoint: Callable[..., Any]) -> None:
        marked = endpoint.operation  # type: ignore[attr-defined]
        super().__init__(marked.path, endpoint, methods=[marked.method])
        self._template = tuple(marked.path.split("/"))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path as it was sent."""
        if scope["type"] != "http" or not scope["path"].startswith("/epcis/"):
            return Match.NONE, {}
        found = match(self._template, _raw_path(scope))
        if found is None:
            return Match.NONE, {}
        matched: Scope = {"endpoint": self.endpoint, "path_params": found}
        fits = self.methods is None or scope["method"] in self.methods
        return (Match.FULL if fits else Match.PARTIAL), matched


class LiveResource(WebSocketRoute):
    """The same for a WebSocket."""

    def __init__(self, path: str, endpoint: Callable[..., Any]) -> None:
        super().__init__(path, endpoint)
        self._template = tuple(path.split("/"))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match the path as it was sent."""
        if scope["type"] != "websocket" or not scope["path"].startswith("/epcis/"):
            return Match.NONE, {}
        found = match(self._template, _raw_path(scope))
        if found is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self.endpoint, "path_params": found}
