"""Notices by webhook: signed as Standard Webhooks 1.0.0 says, to public addresses only.

    webhook-id: <notice>        webhook-timestamp: <seconds>        idempotency-key: <notice>
    webhook-signature: v1,<base64 of HMAC-SHA256(secret, id "." timestamp "." body)>

The notice's id is the idempotency key: a crash between sending and noting it sends the same notice
again, and the receiver drops it. The address is a person's own word, so `gateway/reach.py` judges
it first.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ssl
import time
from collections.abc import Callable, Mapping, Sequence

import httpx

from yilian.gateway.notices.senders import NotSent, Outgoing
from yilian.gateway.reach import NotReachable, Reach, Target
from yilian.ledger import codec

MAX_BODY = 4096
MAX_ANSWER = 4096
TIMEOUT = 10.0
"""Seconds for all of it, however slowly the other side answers."""

TOLERANCE = 300
"""Seconds by which a receiver may find a timestamp off (Standard Webhooks)."""


class Webhook:
    """Posts notices. `allowed` lists networks that are not public and may be reached all the same.

    Plain http is for loopback alone, and only where `allowed` names it; with `plain`, for every
    network that `allowed` names.
    """

    channel = "webhook"

    def __init__(
        self,
        allowed: Sequence[str] = (),
        *,
        context: ssl.SSLContext | None = None,
        timeout: float = TIMEOUT,
        clock: Callable[[], float] = time.time,
        plain: bool = False,
    ) -> None:
        """`clock` gives seconds of UTC. Raises ValueError for what is no network."""
        self._reach = Reach(allowed, plain=plain)
        self._context = context or ssl.create_default_context()
        self._timeout = timeout
        self._clock = clock

    def send(self, outgoing: Outgoing) -> str | None:
        """Post a notice; a 2xx answer is a delivery, and its digest the proof.

        Raises `NotSent`: final for an address that may never be used and for 410 (gone). It runs
        its own event loop, so it is called from a thread that has none.
        """
        if outgoing.secret is None:
            raise NotSent("no-secret", final=True)
        data = body(outgoing)
        if len(data) > MAX_BODY:
            raise NotSent("too-large", final=True)
        headers = signed(outgoing.secret, outgoing.notice, int(self._clock()), data)
        return asyncio.run(self.post(outgoing.address, data, headers))

    async def post(self, address: str, data: bytes, headers: Mapping[str, str]) -> str:
        """Post JSON to an address under the same rules; gives the digest of a 2xx answer.

        Raises `NotSent`, as `send` does.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(address, data, headers)
        except (TimeoutError, httpx.TimeoutException):
            raise NotSent("timeout") from None
        except (httpx.HTTPError, OSError):
            raise NotSent("unreachable") from None

    async def check(self, address: str) -> None:
        """Raise `NotSent` for an address that may never be posted to, or whose name is unknown."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._find(address)
        except TimeoutError:
            raise NotSent("timeout") from None

    async def _post(self, address: str, data: bytes, headers: Mapping[str, str]) -> str:
        target = await self._find(address)
        sent = {
            **headers,
            "host": target.url.netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": "yilian",
            "accept-encoding": "identity",
        }
        async with (
            # No proxy and no credentials from the environment.
            httpx.AsyncClient(
                verify=self._context, trust_env=False, timeout=self._timeout
            ) as client,
            client.stream(
                "POST",
                target.pinned,
                content=data,
                headers=sent,
                follow_redirects=False,
                extensions={"sni_hostname": target.host},
            ) as answer,
        ):
            return await _judge(answer)

    async def _find(self, url: str) -> Target:
        try:
            return await self._reach.find(url)
        except NotReachable as refused:
            raise NotSent(refused.reason, final=refused.final) from None


async def _judge(answer: httpx.Response) -> str:
    status = answer.status_code
    if 300 <= status < 400:
        raise NotSent("redirected")
    if status == 410:
        raise NotSent("gone", final=True)
    if not 200 <= status < 300:
        raise NotSent(f"status-{status}")
    read = bytearray()
    async for piece in answer.aiter_raw():
        read += piece
        if len(read) >= MAX_ANSWER:
            break
    proof = str(status).encode() + b"\0" + bytes(read[:MAX_ANSWER])
    return codec.to_text(hashlib.sha256(proof).digest())


def body(outgoing: Outgoing) -> bytes:
    """Write a notice's body, canonical JSON; it is the same each time the notice is sent."""
    return codec.encode(
        {
            "type": outgoing.kind,
            "notice": outgoing.notice,
            "at": outgoing.at,
            "language": outgoing.language,
            "title": outgoing.title,
            "text": outgoing.text,
        }
    )


def signed(secret: bytes, notice: str, seconds: int, data: bytes) -> dict[str, str]:
    """Give the headers that sign a body under a subscription's secret."""
    text = f"{notice}.{seconds}.".encode() + data
    signature = base64.b64encode(hmac.digest(secret, text, hashlib.sha256)).decode("ascii")
    return {
        "webhook-id": notice,
        "webhook-timestamp": str(seconds),
        "webhook-signature": "v1," + signature,
        "idempotency-key": notice,
    }


def genuine(secret: bytes, headers: httpx.Headers, data: bytes, now: float) -> bool:
    """Tell, as a receiver, whether a body was signed under the secret and lately (seconds)."""
    stamp = headers.get("webhook-timestamp", "")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 15:
        return False
    if abs(now - int(stamp)) > TOLERANCE:
        return False
    expected = signed(secret, headers.get("webhook-id", ""), int(stamp), data)
    given = headers.get("webhook-signature", "").encode()
    return hmac.compare_digest(given, expected["webhook-signature"].encode())
