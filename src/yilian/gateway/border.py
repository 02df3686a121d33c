"""What every request passes: security headers, a request id, one log line, one count."""

from __future__ import annotations

import itertools
import logging
import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from yilian.gateway import problems
from yilian.ledger import codec

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
UNMATCHED = "unmatched"

log = logging.getLogger("yilian.gateway")


class Border:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        # Drawing random bytes for every request would give the interpreter lock away each time.
        self._prefix = secrets.token_hex(4)
        self._count = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        number = f"{self._prefix}{next(self._count) & 0xFFFFFFFF:08x}"
        status = 0

        async def dress(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers["Request-Id"] = number
            await send(message)

        try:
            await self._app(scope, receive, dress)
        except Exception:
            log.exception("request %s failed", number)
            if status == 0:
                await problems.internal(Request(scope))(scope, receive, dress)
            else:
                raise
        finally:
            self._note(scope, status, began, number)

    @staticmethod
    def _note(scope: Scope, status: int, began: float, number: str) -> None:
        """Count and log by the route's template: no id, query or body gets into either."""
        endpoint = scope.get("endpoint")
        operation = getattr(endpoint, "operation", None)
        named: str = getattr(endpoint, "counted_as", UNMATCHED)
        route = named if operation is None else operation.path
        scope["app"].state.door.metrics.answered(scope["method"], route, status)
        if log.isEnabledFor(logging.INFO):
            line = {
                "method": scope["method"],
                "route": route,
                "status": status,
                "ms": int((time.perf_counter() - began) * 1000),
                "request": number,
            }
            log.info(codec.encode(line).decode())
