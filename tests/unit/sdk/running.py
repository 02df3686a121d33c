"""A real node for tests of the doors: engine, index, gateway, and clients of all four kinds.

`Breaking` stands in the way of a client and breaks its connections on purpose: the requests that
pass still reach the real application.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import uvicorn

from tests.chain import CHAIN_ID, Cast, digest_of, engine, name_of
from yilian.gateway.app import build
from yilian.gateway.index import ChainIndex
from yilian.sdk.client import AsyncClient, Client
from yilian.sdk.signers import Ed25519Signer
from yilian.sdk.transport import AsyncInProcess, InProcess

FAR = 4_000_000_000_000
"""A time (ms) long after any test."""

_SHORT = 20
"""Below this a piece is a comment of the event stream; tearing it would tear no event."""


def signer_of(label: str) -> Ed25519Signer:
    """Give the key of a label, the same as `tests.chain.Signer` makes."""
    return Ed25519Signer(sha256(b"key " + label.encode()).digest())


class Running:
    """A node in a folder, with three members, and a person `alice` and a device at the hospital."""

    def __init__(self, folder: Path, cast: Cast | None = None) -> None:
        self.engine, self.cast = engine(folder / "chain", cast)
        self.index = ChainIndex(f"sqlite:///{folder / 'index.db'}", self.engine)
        self.app = build(self.engine, self.index)

    def client(self, label: str = "hospital", **settings: Any) -> Client:
        """Give a client in this process, for one of the cast."""
        settings.setdefault("transport", InProcess(self.app))
        return Client(**self._settings(label, settings))

    def async_client(self, label: str = "hospital", **settings: Any) -> AsyncClient:
        """Give an asynchronous client in this process, for one of the cast."""
        settings.setdefault("transport", AsyncInProcess(self.app))
        return AsyncClient(**self._settings(label, settings))

    @staticmethod
    def _settings(label: str, settings: dict[str, Any]) -> dict[str, Any]:
        own = {"signer": signer_of(label), "sender": name_of(label), "payer": name_of("hospital")}
        return {**own, "patience": 10.0, **settings}

    def enrol(self, label: str = "alice") -> None:
        """Enrol a person with a key of their own at the hospital."""
        with self.client() as client:
            client.identity.enrol_person(
                person=name_of(label), tag=digest_of(label), key=signer_of(label).key
            )

    def close(self) -> None:
        """Stop everything."""
        self.app.state.door.close()
        self.index.close()
        self.engine.close()

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def served(app: Any, port: int = 0) -> Iterator[str]:
    """Serve an application on a free port of this machine; gives its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error")
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    sockets = [config.bind_socket()]
    thread = threading.Thread(target=server.run, kwargs={"sockets": sockets}, daemon=True)
    thread.start()
    started = threading.Event()
    while not server.started and thread.is_alive():
        started.wait(0.01)
    try:
        yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


class Breaking(httpx.BaseTransport):
    """Break calls by plan: before they arrive, after they arrived, or in the midst of an answer.

    `plan` is asked with the number of each call (from 0) and says `pass`, `before`, `after`,
    `midst`, or gives a ready answer.
    """

    def __init__(
        self, inner: httpx.BaseTransport, plan: Callable[[int], str | httpx.Response]
    ) -> None:
        self._inner = inner
        self._plan = plan
        self.bodies: list[bytes] = []
        self.headers: list[httpx.Headers] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass the request on, or break it."""
        verdict = self._plan(len(self.bodies))
        self.bodies.append(request.read())
        self.headers.append(request.headers)
        if isinstance(verdict, httpx.Response):
            return verdict
        if verdict == "before":
            raise httpx.ConnectError("planned")
        answer = self._inner.handle_request(request)
        if verdict == "after":
            answer.read()
            answer.close()
            raise httpx.ReadError("planned")
        if verdict == "midst":
            return httpx.Response(200, headers=answer.headers, stream=_Torn(answer))
        return answer

    def close(self) -> None:
        """Close what stands behind."""
        self._inner.close()


class _Torn(httpx.SyncByteStream):
    def __init__(self, answer: httpx.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._answer.iter_raw():
            if len(piece) < _SHORT:
                yield piece
                continue
            yield piece[: len(piece) // 2 + 1]
            raise httpx.ReadError("planned")

    def close(self) -> None:
        self._answer.close()


def run(work: Any) -> Any:
    """Run a coroutine to its end."""
    return asyncio.run(work)


__all__ = ["CHAIN_ID", "FAR", "Breaking", "Running", "run", "served", "signer_of"]
