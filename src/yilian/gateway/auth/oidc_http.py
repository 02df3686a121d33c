"""Calls from this node to an identity provider: few, short, bounded, and only where it may go.

The issuer is the operator's word; the other addresses are the provider's, so each is judged anew
by `gateway/reach.py`. No redirects, no proxy and no credentials of the environment.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

import httpx

from yilian.gateway.reach import NotReachable, Reach

SECONDS = 10.0
"""For all of one call, however slowly the other side answers."""


class Away(Exception):
    """No answer that can be used; `reason` is a word for the operator."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Said(NamedTuple):
    """What a provider answered: the status, what its clock says (`Date`), and the body."""

    status: int
    date: str | None
    body: bytes


class Line:
    """The way to one provider. Safe for threads and event loops."""

    def __init__(
        self, networks: Sequence[str], context: ssl.SSLContext, seconds: float = SECONDS
    ) -> None:
        """`networks` that are not public and may be reached. Raises ValueError for others."""
        self._reach = Reach(networks)
        self._context = context
        self._seconds = seconds

    async def call(
        self,
        url: str,
        most: int,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Said:
        """Get a URL, or post a form to it, and read at most `most` bytes; raises `Away`."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._call(url, most, form, headers or {})
        except (TimeoutError, httpx.TimeoutException):
            raise Away("timeout") from None
        except NotReachable as refused:
            raise Away(refused.reason) from None
        except (httpx.HTTPError, OSError):
            raise Away("unreachable") from None

    async def _call(
        self, url: str, most: int, form: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> Said:
        target = await self._reach.find(url)
        sent = {
            **headers,
            "host": target.url.netloc.decode("ascii"),
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": "yilian",
        }
        content = None
        if form is not None:
            content = urlencode(form).encode("ascii")
            sent["content-type"] = "application/x-www-form-urlencoded"
        async with (
            httpx.AsyncClient(
                verify=self._context, trust_env=False, timeout=self._seconds
            ) as client,
            client.stream(
                "GET" if form is None else "POST",
                target.pinned,
                content=content,
                headers=sent,
                follow_redirects=False,
                extensions={"sni_hostname": target.host},
            ) as answer,
        ):
            read = bytearray()
            async for piece in answer.aiter_raw():
                read += piece
                if len(read) > most:
                    raise Away("too-large")
            if 300 <= answer.status_code < 400:
                raise Away("redirected")
            return Said(answer.status_code, answer.headers.get("date"), bytes(read))
