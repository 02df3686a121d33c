"""A named query followed over a WebSocket: at once (`stream=true`), or by a schedule.

EPCIS 2.0, section 12.8: `GET /queries/{name}/events?stream=true` with an upgrade. Each message is a
query document. Nothing is kept for it: who comes back says `initialRecordTime`. It ends when the
query is removed, when the reader reads nothing, or when the token that opened it ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from anyio import to_thread
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from yilian.gateway import problems
from yilian.gateway.epcis import schedule as schedules
from yilian.gateway.epcis.news import Found
from yilian.gateway.epcis.presentation import EPC_FORMATS, EpcFormat, query_document, translated
from yilian.gateway.epcis.schedule import Schedule
from yilian.gateway.epcis.store import timestamp
from yilian.gateway.epcis.subscription_errors import SUBSCRIPTION_CONTROLS
from yilian.gateway.http.epcis import refusals
from yilian.gateway.http.epcis.answering import choice, require_versions
from yilian.gateway.http.epcis.queries import LIVE, owner
from yilian.gateway.http.epcis.resource import BASE, LiveResource
from yilian.gateway.http.epcis.room import Find, Visit, enter_live
from yilian.gateway.http.epcis.subscriptions import moment, require_one
from yilian.gateway.http.operation import Operation
from yilian.ledger.errors import Refusal
from yilian.text import negotiate

MAX_LIVE = 100
"""WebSockets of this node at once."""
BATCH = 100
LONGEST_SLEEP = 5.0
WRITE_SECONDS = 20.0
GONE = 1001
POLICY = 1008


class _Asked(NamedTuple):
    schedule: Schedule | None
    report_if_empty: bool
    initial: int | None
    spelt: EpcFormat


class Live:
    """The WebSockets of one node."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._open = 0

    def route(self, described: Operation) -> LiveResource:
        """Make the route; it is described as that of plain HTTP is."""

        async def live(socket: WebSocket) -> None:
            await self.serve(socket)

        live.operation = described  # type: ignore[attr-defined]
        return LiveResource(BASE + "/queries/{queryName}/events", live)

    async def serve(self, socket: WebSocket) -> None:
        """Let a caller in, and send until it goes."""
        try:
            if self._open >= MAX_LIVE:
                raise refusals.TOO_MANY_LIVE(limit=MAX_LIVE)
            visit = await enter_live(socket, self._find)
            require_versions(socket)
            asked = _read(socket)
            parameters = await to_thread.run_sync(_parameters, visit, socket)
            # Before the handshake is answered: what comes in after it is not missed.
            done = 0
            if asked.initial is None:
                done = await to_thread.run_sync(visit.room.news.newest, visit.viewer)
        except Refusal as refusal:
            await socket.send_denial_response(_denial(socket, refusal))
            return
        await socket.accept()
        self._open += 1
        try:
            await self._until_gone(socket, _Following(socket, visit, asked, parameters, done))
        finally:
            self._open -= 1

    async def _until_gone(self, socket: WebSocket, following: _Following) -> None:
        sending = asyncio.create_task(following.run())
        gone = asyncio.create_task(_disconnected(socket))
        done, waiting = await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if gone in done:
            return
        code = GONE if sending.exception() is None else POLICY
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(code)


class _Following:
    """One reader: where it stands, and what is sent to it."""

    def __init__(
        self,
        socket: WebSocket,
        visit: Visit,
        asked: _Asked,
        parameters: Mapping[str, Any],
        done: int,
    ) -> None:
        self._socket = socket
        self._visit = visit
        self._asked = asked
        self._parameters = parameters
        self._done = done

    async def run(self) -> None:
        """Send what comes, until the query is removed."""
        with self._visit.room.news.waiting() as grown:
            streams = self._asked.schedule is None
            pause = self._by_stream(grown) if streams else self._by_schedule
            while True:
                await pause()
                if not await self._still_there():
                    return
                await self._send()

    def _by_stream(self, grown: asyncio.Event) -> Callable[[], Awaitable[None]]:
        first = True

        async def pause() -> None:
            nonlocal first
            if not first:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LONGEST_SLEEP):
                        await grown.wait()
            first = False
            grown.clear()

        return pause

    async def _by_schedule(self) -> None:
        assert self._asked.schedule is not None
        due = self._asked.schedule.next_after(self._visit.room.now())
        while due is not None and (left := due - self._visit.room.now()) > 0:
            await asyncio.sleep(min(left / 1000, LONGEST_SLEEP))
            if not await self._still_there():
                return

    async def _still_there(self) -> bool:
        """Tell whether query and token still are as they were when the reader came."""
        try:
            await enter_again(self._visit)
            found = await to_thread.run_sync(_parameters, self._visit, self._socket)
        except Refusal:
            return False
        return found == self._parameters

    async def _send(self) -> None:
        empty = self._asked.schedule is not None and self._asked.report_if_empty
        while True:
            found = await to_thread.run_sync(self._read)
            if found.items or empty:
                await _write(self._socket, await to_thread.run_sync(self._document, found))
            self._done, empty = found.reached, False
            if len(found.items) < BATCH:
                return

    def _read(self) -> Found:
        return self._visit.room.news.read(
            self._parameters,
            self._visit.viewer,
            after=self._done,
            limit=BATCH,
            since=self._asked.initial or 0,
        )

    def _document(self, found: Found) -> str:
        room, spelt = self._visit.room, self._asked.spelt
        shown = (translated(each.stored.event, spelt, room.prefix_length) for each in found.items)
        name = self._socket.path_params["queryName"]
        return query_document(shown, query=name, created=timestamp(room.now())).decode()


async def enter_again(visit: Visit) -> None:
    """Refuse where the token that somebody came in by has expired or was revoked since."""
    if visit.token is not None:
        await to_thread.run_sync(visit.room.tokens.require_living, visit.token)


def _read(socket: WebSocket) -> _Asked:
    asked = dict(socket.query_params)
    unknown = sorted(set(asked) - set(LIVE))
    if unknown or len(asked) < len(socket.query_params.multi_items()):
        raise SUBSCRIPTION_CONTROLS(field=(unknown or ["query"])[0][:64], reason="unknown")
    fields = {name: asked[name] for name in schedules.FIELDS if name in asked}
    require_one(streams=_flag(asked, "stream"), scheduled=bool(fields))
    initial = asked.get("initialRecordTime")
    return _Asked(
        schedules.read(fields) if fields else None,
        _flag(asked, "reportIfEmpty"),
        None if initial is None else moment(initial.replace(" ", "+")),
        _spelt(socket),
    )


def _spelt(socket: WebSocket) -> EpcFormat:
    chosen = choice(socket, "GS1-EPC-Format", EPC_FORMATS, "Always_GS1_Digital_Link")
    return next(each for each in EPC_FORMATS if each == chosen)


def _flag(asked: Mapping[str, str], name: str) -> bool:
    value = asked.get(name, "false").lower()
    if value not in ("true", "false"):
        raise SUBSCRIPTION_CONTROLS(field=name, reason="malformed")
    return value == "true"


def _parameters(visit: Visit, socket: HTTPConnection) -> Mapping[str, Any]:
    """Read the query that a path names; refuses `epcis.query_unknown`."""
    name = socket.path_params["queryName"]
    return visit.room.repository.queries.get(name, owner(visit)).parameters


async def _write(socket: WebSocket, text: str) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await socket.send_text(text)


async def _disconnected(socket: WebSocket) -> None:
    """Wait until the reader goes; what it says meanwhile is of no account."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass


def _denial(socket: WebSocket, refusal: Refusal) -> Response:
    language = negotiate(socket.headers.get("accept-language"))
    return problems.answer(refusal, language, type=refusals.exception(refusal))
