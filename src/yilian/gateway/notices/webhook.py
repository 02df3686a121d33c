"""Notices by webhook: signed as Standard Webhooks 1.0.0 says, to public addresses only.

    webhook-id: <notice>        webhook-timestamp: <seconds>        idempotency-key: <notice>
    webhook-signature: v1,<base64 of HMAC-SHA256(secret, id "." timestamp "." body)>

The notice's id is the idempotency key: a crash between sending and noting it sends the same notice
again, and the receiver drops it. The address is a person's own word, so it must not become a way
into this network: names are resolved once, every address found must be public, and the connection
goes to the address that was checked (a name that changes its answer in between gains nothing).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

from yilian.gateway.notices.senders import NotSent, Outgoing
from yilian.ledger import codec

MAX_BODY = 4096
MAX_ANSWER = 4096
_MAX_PORT = 65535
TIMEOUT = 10.0
"""Seconds for all of it, however slowly the other side answers."""

TOLERANCE = 300
"""Seconds by which a receiver may find a timestamp off (Standard Webhooks)."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
# Public by `is_global`, but an IPv4 address inside need not be (IPv4-compatible, NAT64, 6to4), or
# meant for one site (RFC 3879).
_NOT_PUBLIC = tuple(
    ip_network(each)
    for each in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "fec0::/10")
)


@dataclass(frozen=True, slots=True)
class _Target:
    url: httpx.URL
    host: str
    address: Address


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
        self._allowed = tuple(ip_network(each) for each in allowed)
        self._context = context or ssl.create_default_context()
        self._timeout = timeout
        self._clock = clock
        self._plain = plain

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
                await self._resolve(address)
        except TimeoutError:
            raise NotSent("timeout") from None

    async def _post(self, address: str, data: bytes, headers: Mapping[str, str]) -> str:
        target = await self._resolve(address)
        sent = {
            **headers,
            "host": target.url.netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": "yilian",
            "accept-encoding": "identity",
        }
        pinned = target.url.copy_with(host=str(target.address))
        async with (
            # No proxy and no credentials from the environment.
            httpx.AsyncClient(
                verify=self._context, trust_env=False, timeout=self._timeout
            ) as client,
            client.stream(
                "POST",
                pinned,
                content=data,
                headers=sent,
                follow_redirects=False,
                extensions={"sni_hostname": target.host},
            ) as answer,
        ):
            return await _judge(answer)

    async def _resolve(self, url: str) -> _Target:
        try:
            parsed = httpx.URL(url)
            host = parsed.raw_host.decode("ascii")
        except (httpx.InvalidURL, UnicodeDecodeError):
            raise NotSent("address-refused", final=True) from None
        if not host or parsed.userinfo or parsed.scheme not in ("http", "https"):
            raise NotSent("address-refused", final=True)
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        if port > _MAX_PORT:
            raise NotSent("address-refused", final=True)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError):
            raise NotSent("name-unknown") from None
        addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
        for address in addresses:
            if not self._may_reach(address):
                raise NotSent("address-refused", final=True)
            if parsed.scheme == "http" and not (address.is_loopback or self._may_plainly(address)):
                raise NotSent("https-required", final=True)
        if not addresses:
            raise NotSent("name-unknown")
        return _Target(parsed, host, addresses[0])

    def _may_plainly(self, address: Address) -> bool:
        return self._plain and self._is_named(address)

    def _is_named(self, address: Address) -> bool:
        return any(_unmapped(address) in network for network in self._allowed)

    def _may_reach(self, address: Address) -> bool:
        if self._is_named(address):
            return True
        address = _unmapped(address)
        hidden = any(address in network for network in _NOT_PUBLIC)
        return address.is_global and not address.is_multicast and not hidden


def _unmapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


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
