"""Counting what the rows about audit count: the calls that were made, and the entries found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx
import msgspec

from tests.rows.served import Served
from yilian.ledger import codec, merkle
from yilian.ledger.modules.consent.messages import OpenSession
from yilian.node.config import HostedOrganisation
from yilian.sdk.client import Client
from yilian.sdk.signers import Ed25519Signer


class Made(NamedTuple):
    """A call as the client saw it."""

    method: str
    path: str
    status: int
    request: str


class Counting(httpx.BaseTransport):
    """The network, and a list of all audited calls that were answered over it."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport(limits=httpx.Limits(max_connections=100))
        self._lock = Lock()
        self.made: list[Made] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        path = request.url.path
        if path.startswith("/v1/organisations/") or (request.method, path) == (
            "POST",
            "/v1/transactions",
        ):
            with self._lock:
                name = answer.headers["request-id"]
                self.made.append(Made(request.method, path, answer.status_code, name))
        return answer

    def close(self) -> None:
        """Stay open: several clients share this."""

    def end(self) -> None:
        """Give the connections back."""
        self._inner.close()


class Counted:
    """Clients of a served node whose calls are counted."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.transport = Counting()
        self._http = httpx.Client(base_url=served.url, transport=self.transport, timeout=30)

    def operator(self, organisation: HostedOrganisation) -> Client:
        """Speak as an organisation."""
        return self.of(organisation.id, self.served.operator(organisation), organisation)

    def of(self, sender: str, signer: Ed25519Signer, payer: HostedOrganisation) -> Client:
        """Speak as somebody."""
        return Client(
            self.served.url,
            transport=self.transport,
            signer=signer,
            sender=sender,
            payer=payer.id,
            patience=0,
        )

    def raw(
        self, method: str, path: str, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Send bytes with nothing but these headers."""
        return self._http.request(method, path, content=content, headers=headers)

    def entries(
        self, client: Client, organisation: HostedOrganisation, **asked: str | int
    ) -> Iterator[dict[str, Any]]:
        """Go through an organisation's audit trail by the public door."""
        cursor: dict[str, str] = {}
        while True:
            query = urlencode({**asked, "limit": 200, **cursor})
            page = client.request("GET", at(organisation, f"audit?{query}"))
            yield from page["entries"]
            if "next" not in page:
                return
            cursor = {"cursor": page["next"]}


def at(organisation: HostedOrganisation, rest: str) -> str:
    """Give an address below an organisation."""
    return f"/v1/organisations/{organisation.id}/{rest}"


def open_session(
    served: Served, client: Client, organisation: HostedOrganisation, grant: str
) -> str:
    """Prepare a session for the client's sender and open it on the chain."""
    prepared = client.request("POST", at(organisation, "sessions"), {"grant": grant})
    client.send([msgspec.convert(prepared, OpenSession)])
    return str(prepared["session"])


def leads_to(leaf: Any, proof: dict[str, Any], root: str) -> bool:
    """Tell whether a proof leads from a leaf to a root."""
    path = [codec.to_bytes(step) for step in proof["path"]]
    found = merkle.root_from_inclusion(codec.encode(leaf), proof["index"], proof["total"], path)
    return found is not None and codec.to_text(found) == root
