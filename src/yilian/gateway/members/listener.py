"""The way in for other members: a listener of its own, TLS 1.3 with the chain's certificates.

It serves `/members/v1/` and nothing of the public gateway. The certificate that a connection was
made with goes into the scope of each of its requests, and is held against the chain at each: who
ends on the chain is out with that block, on an open connection too.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import uvicorn
from starlette.applications import Starlette

from yilian.gateway.http import members as members_http
from yilian.gateway.members import certificates
from yilian.gateway.members.peers import Peers
from yilian.gateway.server import Connection
from yilian.node.engine import Engine

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

START_SECONDS = 10.0
MAX_CONNECTIONS = 400
KEEP_ALIVE_SECONDS = 20
SHUTDOWN_SECONDS = 2


class MemberConnection(Connection):
    """A member's connection; its requests know the certificate it was made with."""

    _certificate: bytes | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember who it is."""
        held = transport.get_extra_info("ssl_object")
        self._certificate = None if held is None else held.getpeercert(True)
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """Put the certificate into the scope of the next request."""
        super().on_message_begin()
        self.scope[members_http.CERTIFICATE] = self._certificate  # type: ignore[literal-required]

    def shutdown(self) -> None:
        """Hang up where nothing is being answered: a client does not read while it is idle."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()
        else:
            super().shutdown()


class Listener:
    """A node's door for other members, and what brings its own word to them."""

    def __init__(
        self,
        engine: Engine,
        organisations: Mapping[str, Organisation],
        certificate: bytes,
        key: bytes,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Give the organisations their way to other members, too (`Organisation.peers`).

        `certificate` in DER, `key` in PEM. `port` 0: a free one. Nothing is bound before `start`.
        """
        self.peers = Peers(engine, certificate, key)
        self._organisations = organisations
        self._first = next(iter(sorted(organisations)), "")
        self._place = (host, port)
        self._app: Starlette = members_http.application(engine, organisations)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.port = port
        for each in organisations.values():
            each.peers = self.peers

    def start(self) -> None:
        """Listen, and begin to bring what waits. Raises OSError where the place is taken."""
        host, port = self._place
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        held = socket.create_server((host, port), family=family, backlog=256)
        self.port = held.getsockname()[1]
        self._server = uvicorn.Server(self._configuration())
        run = self._server.run
        self._thread = threading.Thread(
            target=run, kwargs={"sockets": [held]}, name="yilian-members", daemon=True
        )
        self._thread.start()
        self._wait()
        for each in self._organisations.values():
            each.courier.start()

    def _wait(self) -> None:
        assert self._server is not None
        assert self._thread is not None
        ticks = threading.Event()
        for _ in range(int(START_SECONDS / 0.005)):
            if self._server.started:
                return
            if not self._thread.is_alive():
                break
            ticks.wait(0.005)
        raise OSError("the listener for members did not start")

    def _configuration(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._app,
            http=MemberConnection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            ssl_context_factory=lambda *_: self._context(),
        )

    def _context(self) -> ssl.SSLContext:
        """Make the context that each handshake begins with, and leaves for the client's own."""
        first = certificates.context(True, self.peers.credentials(self._first), [])

        def choose(held: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: object) -> None:
            held.context = self.peers.server_context(self._first, name)

        first.sni_callback = choose
        return first

    def close(self) -> None:
        """Stop bringing and listening, and close all connections; again is fine."""
        for each in self._organisations.values():
            each.courier.stop()
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
            self._server = self._thread = None
        self.peers.close()


__all__: Sequence[str] = ("Listener", "MemberConnection")
