"""A node for tests of the HTTP border: engine, index, application and a real server."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from starlette.routing import BaseRoute

from tests.chain import Actor, Cast, Chain, Signer, engine, name_of
from yilian.gateway.app import build
from yilian.gateway.index import ChainIndex
from yilian.gateway.server import Connection, server
from yilian.ledger import codec, signed_request
from yilian.ledger.module import Message
from yilian.ledger.signed_request import SignedRequest

JSON = {"Content-Type": "application/json"}
WAIT = {**JSON, "Prefer": "wait"}


class Node:
    """A running node and a client that speaks to it over a socket."""

    def __init__(
        self,
        folder: Path,
        routes: Sequence[BaseRoute] = (),
        connection: type[Connection] = Connection,
        cast: Cast | None = None,
    ) -> None:
        self.engine, self.cast = engine(folder / "chain", cast)
        self.index = ChainIndex(f"sqlite:///{folder / 'index.db'}", self.engine)
        self.app = build(self.engine, self.index, routes=routes)
        self.server: uvicorn.Server = server(self.app, port=0)
        self.server.config.http = connection
        self._thread = threading.Thread(target=self.server.run, daemon=True)
        self._thread.start()
        while not self.server.started:
            time.sleep(0.005)
        self.port = int(self.server.servers[0].sockets[0].getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=30)

    def close(self) -> None:
        """Stop the server, then what is behind it."""
        self.client.close()
        self.server.should_exit = True
        self._thread.join()
        self.app.state.door.close()
        self.index.close()
        self.engine.close()

    def post(self, raw: bytes, headers: dict[str, str] = WAIT) -> httpx.Response:
        """Hand in a transaction."""
        return self.client.post("/v1/transactions", content=raw, headers=headers)

    def must(self, actor: Actor, *messages: Message) -> dict[str, Any]:
        """Have messages accepted; gives the answer."""
        made = self.post(self.cast.sign(actor, *messages))
        assert made.status_code == 200, made.text
        answer: dict[str, Any] = made.json()
        return answer

    def person(self, label: str = "alice") -> Actor:
        """Enrol a person with a key at the hospital."""
        made = self.cast.actor(label, self.cast.hospital)
        self.must(self.cast.hospital, enrol(label, made.signer))
        return made

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Read an address."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(path, headers=named)


def enrol(label: str, signer: Signer) -> Message:
    """Make the message that enrols a person."""
    return Chain.enrol_person(label, signer.key)


def claim(
    cast: Cast, actor: Actor, path: str, method: str = "GET", body: bytes = b"", /, **fields: Any
) -> SignedRequest:
    """Make a request to be signed; `fields` override what follows from the actor."""
    own: dict[str, Any] = {
        "chain": cast.genesis.chain,
        "sender": actor.id,
        "key": actor.signer.id,
        "method": method,
        "path": path,
        "body": signed_request.body_digest(body),
        "nonce": cast.nonce(),
        "expires": cast.clock() + 30_000,
    }
    return SignedRequest(**{**own, **fields})


def sign(request: SignedRequest, signer: Signer) -> str:
    """Write the header of a signed request."""
    signature = codec.to_bytes(signer.sign(signed_request.text(request)))
    return signed_request.header(request, signature)


def problem(answer: httpx.Response, code: str, status: int | None = None) -> dict[str, Any]:
    """Check that an answer is a whole problem document of a code; gives it."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body: dict[str, Any] = answer.json()
    assert body["code"] == code, body
    assert body["status"] == answer.status_code == (status or answer.status_code)
    assert body["type"] == f"urn:yilian:problem:{code}"
    for part in ("title", "detail", "next"):
        assert body[part]
        assert "{" not in body[part]
    return body


UNKNOWN = name_of("nobody")
