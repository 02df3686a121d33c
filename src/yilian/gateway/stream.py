"""Live events: Server-Sent Events out of the chain index, and the waking of those who wait.

A stream holds no queue. It reads a page behind its own place, writes it, and only then reads the
next one; so a slow reader costs a page of memory, and one that reads nothing is cut off. Streams
that stand at the same place share one reading of the index.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence

import msgspec
from anyio import to_thread
from starlette.types import Receive, Scope, Send

from yilian.gateway.index import Advance, ChainIndex
from yilian.gateway.index.reading import IndexedEvent
from yilian.ledger import codec

PAGE = 200
KEEP_ALIVE_SECONDS = 15.0
SLOW_READER_SECONDS = 30.0
MAX_STREAMS = 500

_Asked = tuple[int, str | None, str | None]


class _Page(msgspec.Struct):
    """Frames ready to be sent, and the sequence number that they reach."""

    frames: bytes
    last: int
    full: bool


class Feed:
    """Who waits for new events, and the pages that they share."""

    def __init__(self, index: ChainIndex) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.AbstractEventLoop, set[asyncio.Event]] = {}
        self._pages: dict[_Asked, _Page] = {}
        self.streams = 0
        index.listen(self._advanced)

    @contextlib.contextmanager
    def waiting(self) -> Iterator[asyncio.Event]:
        """Give an event that is set, in this loop, whenever the index has moved."""
        loop, moved = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._waiting.setdefault(loop, set()).add(moved)
        try:
            yield moved
        finally:
            with self._lock:
                self._waiting[loop].discard(moved)
                if not self._waiting[loop]:
                    del self._waiting[loop]

    def page(self, after: int, capability: str | None, name: str | None) -> _Page:
        """Read the frames behind a sequence number; blocks while the index is read."""
        asked = (after, capability, name)
        page = self._pages.get(asked)
        if page is None:
            height = self._index.height
            found = self._index.read.events(after, PAGE, capability, name)
            last = found[-1].seq if found else after
            page = _Page(b"".join(map(frame, found)), last, len(found) == PAGE)
            with self._lock:
                if not page.full and height == self._index.height:
                    self._pages[asked] = page
        return page

    def _advanced(self, _: Advance) -> None:
        with self._lock:
            self._pages.clear()
            waiting = [(loop, list(events)) for loop, events in self._waiting.items()]
        for loop, events in waiting:
            with contextlib.suppress(RuntimeError):  # a loop that has ended waits no more
                loop.call_soon_threadsafe(_set_all, events)


def _set_all(events: Sequence[asyncio.Event]) -> None:
    for each in events:
        each.set()


def view(event: IndexedEvent) -> dict[str, object]:
    """Give an event as streams and pages show it, without its id."""
    return {
        "height": event.at.height,
        "time": event.time,
        "transaction": event.transaction,
        "event": msgspec.Raw(event.text.encode()),
    }


def frame(event: IndexedEvent) -> bytes:
    """Write an event as a Server-Sent Event (WHATWG HTML, section 9.2)."""
    head = f"id: {event.at}\nevent: {event.type}\ndata: ".encode("ascii")
    return head + codec.encode(view(event)) + b"\n\n"


class EventStream:
    """The response of a live stream, as an ASGI application."""

    def __init__(self, feed: Feed, after: int, capability: str | None, name: str | None) -> None:
        self._feed = feed
        self._after = after
        self._capability = capability
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        gone = asyncio.ensure_future(_disconnected(receive))
        self._feed.streams += 1
        try:
            with self._feed.waiting() as moved:
                await self._pump(send, moved, gone)
        except TimeoutError:
            return
        finally:
            self._feed.streams -= 1
            gone.cancel()

    async def _pump(self, send: Send, moved: asyncio.Event, gone: asyncio.Future[None]) -> None:
        await _write(send, b": open\n\n")
        while not gone.done():
            moved.clear()
            page = await to_thread.run_sync(
                self._feed.page, self._after, self._capability, self._name
            )
            if page.frames:
                self._after = page.last
                await _write(send, page.frames)
            if page.full:
                continue
            waiter = asyncio.ensure_future(moved.wait())
            await asyncio.wait(
                (waiter, gone), timeout=KEEP_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if not waiter.done():
                waiter.cancel()
                await _write(send, b": still here\n\n")


async def _write(send: Send, text: bytes) -> None:
    async with asyncio.timeout(SLOW_READER_SECONDS):
        await send({"type": "http.response.body", "body": text, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
