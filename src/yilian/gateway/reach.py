"""Which addresses this node goes to when somebody else names them: public ones, and those allowed.

A name that others say must not become a way into this network: it is resolved once, every address
found must be public, and the connection goes to the address that was checked (a name that changes
its answer in between gains nothing).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_MAX_PORT = 65535
# Public by `is_global`, but an IPv4 address inside need not be (IPv4-compatible, NAT64, 6to4), or
# meant for one site (RFC 3879).
_NOT_PUBLIC = tuple(
    ip_network(each)
    for each in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "fec0::/10")
)


class NotReachable(Exception):
    """An address that this node does not go to: `reason` is a word; `final`: it never will."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect: the checked address, and what must be said there (`Host`, SNI)."""

    url: httpx.URL
    host: str
    address: Address

    @property
    def pinned(self) -> httpx.URL:
        """Give the URL with the checked address in the place of the name."""
        return self.url.copy_with(host=str(self.address))


class Reach:
    """Judges addresses. `allowed` lists networks that are not public and may be reached.

    Plain http is for loopback alone, and only where `allowed` names it; with `plain`, for every
    network that `allowed` names.
    """

    def __init__(self, allowed: Sequence[str] = (), *, plain: bool = False) -> None:
        """Raises ValueError for what is no network."""
        self._allowed = tuple(ip_network(each) for each in allowed)
        self._plain = plain

    async def find(self, url: str) -> Target:
        """Resolve and check a URL; raises `NotReachable`."""
        try:
            parsed = httpx.URL(url)
            host = parsed.raw_host.decode("ascii")
        except (httpx.InvalidURL, UnicodeDecodeError):
            raise NotReachable("address-refused", final=True) from None
        if not host or parsed.userinfo or parsed.scheme not in ("http", "https"):
            raise NotReachable("address-refused", final=True)
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        if port > _MAX_PORT:
            raise NotReachable("address-refused", final=True)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError):
            raise NotReachable("name-unknown") from None
        addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
        for address in addresses:
            if not self._may_reach(address):
                raise NotReachable("address-refused", final=True)
            if parsed.scheme == "http" and not (address.is_loopback or self._may_plainly(address)):
                raise NotReachable("https-required", final=True)
        if not addresses:
            raise NotReachable("name-unknown")
        return Target(parsed, host, addresses[0])

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
