"""Ways to a node: over the network with httpx, or to an ASGI application in this process.

A client takes any `httpx` transport. `InProcess` and `AsyncInProcess` call an application directly
and, unlike `httpx.ASGITransport`, hand on each piece of an answer as it comes, so that the live
event stream works without a socket. They also run the application's lifespan.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from types import TracebackType
from typing import Any, TypeVar

import httpx

from yilian.sdk.errors import UnreachableError

MAX_ANSWER = 32 * 2**20
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 45.0
"""Longer than the longest `Prefer: wait` (30 s) and than two silences of an event stream (15 s)."""

_GRACE_SECONDS = 0.25

T = TypeVar("T")
App = Any
"""An ASGI 3 application: an async callable of (scope, receive, send)."""


def timeouts() -> httpx.Timeout:
    """Give the time limits of every call, in seconds."""
    return httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)


class AsyncInProcess(httpx.AsyncBaseTransport):
    """Call an ASGI application within the running event loop."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lifespan: _Lifespan | None = None
        self._starting = asyncio.Lock()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Run one request; the answer's body streams."""
        async with self._starting:
            if self._lifespan is None:
                lifespan = _Lifespan(self._app)
                await lifespan.start()
                self._lifespan = lifespan
        scope = _scope(request, self._lifespan.state)
        call = _Call(self._app, scope, await _body_of(request))
        status, headers = await call.start()
        return httpx.Response(status, headers=headers, stream=call)

    async def aclose(self) -> None:
        """Shut the application down."""
        if self._lifespan is not None:
            await self._lifespan.stop()
            self._lifespan = None


class InProcess(httpx.BaseTransport):
    """Call an ASGI application from plain code: it runs in an event loop of its own thread."""

    def __init__(self, app: App) -> None:
        self._inner = AsyncInProcess(app)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="yilian-in-process", daemon=True
        )
        self._thread.start()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Run one request; the answer's body streams."""
        answer = self.wait(self._inner.handle_async_request(request))
        return httpx.Response(
            answer.status_code, headers=answer.headers, stream=_Bridge(self, answer)
        )

    def close(self) -> None:
        """Shut the application and its loop down."""
        if self._loop.is_closed():
            return
        self.wait(self._inner.aclose())
        self.wait(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the application's loop. Raises httpx.ReadError once that is closed."""
        if self._loop.is_closed():
            work.close()
            raise httpx.ReadError("the application in this process was shut down")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        value: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        self.close()


class _Bridge(httpx.SyncByteStream):
    def __init__(self, home: InProcess, answer: httpx.Response) -> None:
        self._home = home
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        pieces = self._answer.aiter_raw()
        while True:
            piece = self._home.wait(_next(pieces))
            if piece is None:
                return
            yield piece

    def close(self) -> None:
        # A stream may be forgotten and closed only after its application is gone.
        with contextlib.suppress(httpx.ReadError):
            self._home.wait(self._answer.aclose())


async def _cancel_all() -> None:
    """End what the application left running, as `asyncio.run` does."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for each in rest:
        each.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)


async def _body_of(request: httpx.Request) -> bytes:
    if isinstance(request.stream, httpx.AsyncByteStream):
        return await request.aread()
    return request.read()


class _Call(httpx.AsyncByteStream):
    """One request to the application: its task, and the pieces that it sent so far."""

    def __init__(self, app: App, scope: dict[str, Any], body: bytes) -> None:
        self._sent: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(maxsize=64)
        self._gone = asyncio.Event()
        self._incoming: list[dict[str, Any]] = [
            {"type": "http.request", "body": body, "more_body": False}
        ]
        self._task = asyncio.create_task(self._run(app, scope))

    async def start(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Wait for the status and headers."""
        first = await self._sent.get()
        if first is None or first["type"] != "http.response.start":
            raise httpx.RemoteProtocolError("the application gave no answer")
        return first["status"], list(first.get("headers", []))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self._sent.get()) is not None:
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body", False):
                return
        raise httpx.RemoteProtocolError("the application broke off its answer")

    async def aclose(self) -> None:
        """Tell the application that the reader is gone; cancel it where it does not listen."""
        self._gone.set()
        while not self._sent.empty():
            self._sent.get_nowait()
        await asyncio.wait([self._task], timeout=_GRACE_SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, app: App, scope: dict[str, Any]) -> None:
        # The application logs its own faults; the reader sees a connection that broke off.
        with contextlib.suppress(Exception):
            await app(scope, self._receive, self._send)
        if not self._gone.is_set():
            await self._sent.put(None)

    async def _send(self, message: dict[str, Any]) -> None:
        if not self._gone.is_set():
            await self._sent.put(message)

    async def _receive(self) -> dict[str, Any]:
        if self._incoming:
            return self._incoming.pop()
        await self._gone.wait()
        return {"type": "http.disconnect"}


def _scope(request: httpx.Request, state: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "server": (request.url.host, request.url.port or 80),
        "client": ("127.0.0.1", 0),
        "root_path": "",
        "state": dict(state),
    }


class _Lifespan:
    """The application's start and end (ASGI lifespan 2.0); one without it is left alone."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.state: dict[str, Any] = {}
        self._in: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._out: asyncio.Queue[str] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the application. Raises UnreachableError where it says that it cannot."""
        self._task = asyncio.create_task(self._run())
        await self._in.put({"type": "lifespan.startup"})
        if await self._out.get() == "lifespan.startup.failed":
            raise UnreachableError("the application in this process", "it did not start")

    async def stop(self) -> None:
        """End the application."""
        if self._task is not None and not self._task.done():
            await self._in.put({"type": "lifespan.shutdown"})
            await self._task

    async def _run(self) -> None:
        asgi = {"version": "3.0", "spec_version": "2.0"}
        scope = {"type": "lifespan", "asgi": asgi, "state": self.state}
        try:
            await self._app(scope, self._in.get, self._send)
        except Exception:
            # By the specification an application without lifespan raises: it is then left alone.
            await self._out.put("unsupported")
        await self._out.put("ended")

    async def _send(self, message: dict[str, Any]) -> None:
        await self._out.put(str(message["type"]))
