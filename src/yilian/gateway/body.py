"""Reading a request's body: counted while it arrives, never more of it than allowed."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from yilian.gateway.errors import BODY_TOO_LARGE, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE

BODY_SECONDS = 30


def require_media_type(request: Request, expected: str) -> None:
    """Refuse a body that does not say it is of the expected media type."""
    named = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if named != expected:
        raise UNSUPPORTED_MEDIA_TYPE(expected=expected)


async def read_body(request: Request, limit: int, seconds: float | None = None) -> bytes:
    """Read a body of at most `limit` bytes that arrives within `seconds` (30 by default).

    A longer one is refused before it is read where its length is declared, else once it is seen to
    be longer. The body is kept for `request.body()`.
    """
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 15 or int(declared) > limit):
        raise BODY_TOO_LARGE(limit=limit)
    seconds = BODY_SECONDS if seconds is None else seconds
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise BODY_TOO_LARGE(limit=limit)
                chunks.append(chunk)
    except TimeoutError:
        raise REQUEST_TIMEOUT(seconds=int(seconds)) from None
    body = b"".join(chunks)
    request._body = body  # so that `request.body()` finds it read
    return body
