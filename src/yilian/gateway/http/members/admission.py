"""Who may call: the member whose certificate the chain holds, at each request anew."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from starlette.requests import Request

from yilian.gateway.audit import noting
from yilian.gateway.body import read_body, require_media_type
from yilian.gateway.errors import NOT_FOUND
from yilian.gateway.members.counterpart import Here
from yilian.gateway.members.endpoints import is_member
from yilian.gateway.members.errors import BEHIND, CALLER_UNKNOWN, TOO_MANY
from yilian.gateway.members.peers import (
    CATCH_UP_SECONDS,
    CHAIN_HEADER,
    FAR_AHEAD,
    HEIGHT_HEADER,
    MEDIA_TYPE,
    MEMBER_HEADER,
    wait_for,
)
from yilian.gateway.meter import Meter
from yilian.ledger.errors import MALFORMED
from yilian.node.engine import Engine

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

CERTIFICATE = "yilian.certificate"
"""Where a scope has the certificate (DER) that its connection was made with."""

T = TypeVar("T")

_ID = re.compile("[A-Za-z0-9_-]{21}[AQgw]")
_HEIGHT = re.compile("0|[1-9][0-9]{0,14}")


class Admission:
    """Judges the requests of a listener for members. Safe for threads."""

    def __init__(self, engine: Engine, organisations: Mapping[str, Organisation]) -> None:
        self.engine = engine
        self._organisations = organisations
        self._calls = Meter(rate=500, burst=2_000, refuse=TOO_MANY)

    def caller(self, request: Request) -> str:
        """Name the member who calls; refuses `members.caller_unknown`."""
        headers, engine = request.headers, self.engine
        named = headers.get(MEMBER_HEADER, "")
        if not _ID.fullmatch(named) or headers.get(CHAIN_HEADER) != engine.genesis.chain:
            raise CALLER_UNKNOWN()
        if not is_member(engine.state(), named, request.scope.get(CERTIFICATE)):
            raise CALLER_UNKNOWN()
        return named

    async def enter(self, request: Request, limit: int) -> tuple[Organisation, str]:
        """Let a member in and read the body, of at most `limit` bytes.

        Refuses `members.caller_unknown`, `not_found`, `members.too_many_requests`,
        `unsupported_media_type`, `body_too_large`.
        """
        caller = self.caller(request)
        noting(actor=caller)
        self._calls.count(caller)
        organisation = self._organisations.get(request.path_params["organisation"])
        if organisation is None:
            raise NOT_FOUND()
        require_media_type(request, MEDIA_TYPE)
        await read_body(request, limit)
        return organisation, caller

    def catch_up(self, request: Request) -> None:
        """Wait for the block that the caller has; refuses `members.behind`."""
        text = request.headers.get(HEIGHT_HEADER, "0")
        if not _HEIGHT.fullmatch(text):
            raise MALFORMED()
        height = int(text)
        if height > self.engine.height + FAR_AHEAD:
            raise BEHIND(height=self.engine.height)
        if not wait_for(self.engine, height, CATCH_UP_SECONDS):
            raise BEHIND(height=self.engine.height)

    def here(self, request: Request, organisation: Organisation, caller: str) -> Here:
        """Give the organisation as the caller may ask it; who has ended meanwhile is refused."""
        self.catch_up(request)
        if self.caller(request) != caller:
            raise CALLER_UNKNOWN()
        return Here(organisation, caller)


def read(body: bytes, type_: Any) -> Any:
    """Read a question; refuses `malformed`."""
    try:
        return msgspec.msgpack.decode(body, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MALFORMED() from None
