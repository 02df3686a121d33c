"""At which address people sign in: WebAuthn's origin and relying-party id (Level 3, section 4)."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request

from yilian.gateway.auth.errors import ORIGIN_DIFFERS
from yilian.ledger.keys import sha256

LOCALHOST = "localhost"


class Site(NamedTuple):
    """The portal's address: scheme, host and port, and the host that passkeys are bound to."""

    origin: str
    rp_id: str

    @property
    def rp_id_hash(self) -> bytes:
        """Give the hash that authenticators put into what they sign."""
        return sha256(self.rp_id.encode())

    def require_origin(self, origin: str) -> None:
        """Refuse `sign_in.origin_differs` for a page of another address."""
        if origin != self.origin:
            raise ORIGIN_DIFFERS(expected=self.origin)


def site_of(public_url: str | None, request: Request) -> Site:
    """Give the address: `public_url` of `node.json`, else localhost at the port that listens.

    What the request says of itself (`Host`) is not asked: a page elsewhere could choose it.
    """
    if public_url is None:
        _, port = request.scope.get("server") or (LOCALHOST, None)
        return Site(f"http://{LOCALHOST}" + ("" if port in (None, 80) else f":{port}"), LOCALHOST)
    found = urlsplit(public_url)
    host = (found.hostname or "").lower()
    default = {"https": 443, "http": 80}.get(found.scheme)
    port = "" if found.port in (None, default) else f":{found.port}"
    return Site(f"{found.scheme}://{host}{port}", host)


def require_same_origin(site: Site, request: Request) -> None:
    """Refuse a request that a browser sends for a page of another address (`Origin`, RFC 6454)."""
    for origin in request.headers.getlist("origin"):
        site.require_origin(origin)
