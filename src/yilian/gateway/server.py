"""The HTTP server: uvicorn with limits that it does not have itself.

A connection is cut off where its request line and headers are too large or too slow, and where its
reader takes nothing for a while; so no client can hold memory or a place for long.
"""

from __future__ import annotations

import asyncio
import socket
from asyncio.events import TimerHandle

import httptools
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from yilian.gateway import errors, problems
from yilian.gateway.border import SECURITY_HEADERS
from yilian.ledger.errors import Refusal
from yilian.text import DEFAULT

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8420

MAX_HEAD = 32_768
MAX_HEADERS = 100
HEAD_SECONDS = 10.0
WRITE_SECONDS = 20.0
KEEP_ALIVE_SECONDS = 20
SEND_BUFFER = 262_144
"""What the kernel may hold for one reader, who could else make it hold megabytes."""
MAX_CONNECTIONS = 600
SHUTDOWN_SECONDS = 5
MAX_MESSAGE = 4_096
"""What a client may say over a WebSocket: nothing is asked there."""


class Connection(HttpToolsProtocol):
    """One client's connection, with its limits."""

    head_seconds = HEAD_SECONDS
    write_seconds = WRITE_SECONDS

    _size = 0
    _in_head = False
    _unread = 0
    _refused = False
    _served = False
    _head_timer: TimerHandle | None = None
    _write_timer: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the client a while for its first request."""
        super().connection_made(transport)
        held = transport.get_extra_info("socket")
        if held is not None:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes before the headers are complete."""
        if self._refused:
            return
        if self._in_head or self._head_timer is not None:
            self._unread += len(data)
        super().data_received(data)
        if self._in_head and self._unread > MAX_HEAD and not self._refused:
            self._refuse(errors.HEADERS_TOO_LARGE(limit=MAX_HEAD))

    def on_message_begin(self) -> None:
        """Begin to count a request's head."""
        self._in_head, self._size, self._unread = True, 0, 0
        if self._head_timer is None:
            self._expect_head()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        self._count(len(name) + len(value) + 4)
        if len(self.headers) >= MAX_HEADERS:
            self._size = MAX_HEAD + 1
            self._count(0)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the request in."""
        self._in_head, self._unread, self._served = False, 0, True
        self._stop_head_timer()
        super().on_headers_complete()

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MAX_HEAD:
            # The parser turns this into its own error, which ends in `send_400_response`.
            raise httptools.HttpParserCallbackError("head too large")

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP request, or one with too large a head, and hang up."""
        too_large = self._size > MAX_HEAD
        self._refuse(
            errors.HEADERS_TOO_LARGE(limit=MAX_HEAD) if too_large else errors.BAD_REQUEST()
        )

    def pause_writing(self) -> None:
        """Give a slow reader a while to take what is waiting for it."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Let a reader that reads go on."""
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None
        super().resume_writing()

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._head_too_slow)

    def _head_too_slow(self) -> None:
        self._head_timer = None
        if self._in_head:
            self._refuse(errors.REQUEST_TIMEOUT(seconds=int(self.head_seconds)))
        elif not self._served:
            self.transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        self._refused = True
        self._stop_timers()
        made = problems.answer(refusal, DEFAULT)
        head = [b"HTTP/1.1 %d refused\r\nconnection: close\r\n" % made.status_code]
        for name, value in SECURITY_HEADERS.items():
            made.headers.setdefault(name, value)
        head += [b"%s: %s\r\n" % pair for pair in made.raw_headers if pair[0] != b"connection"]
        if not self.transport.is_closing():
            self.transport.write(b"".join((*head, b"\r\n", bytes(made.body))))
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_timers(self) -> None:
        self._stop_head_timer()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None


def server(app: Starlette, host: str = DEFAULT_HOST, port: int = DEFAULT_PORT) -> uvicorn.Server:
    """Make the server of an application; `run()` serves, `should_exit` ends it."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Connection,
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)
