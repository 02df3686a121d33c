"""Handing in transactions: requests that arrive together go to the engine together.

One worker thread takes whatever waits and hands it to the engine as one list, so that its fixed
costs (locks, verification in processes) are paid once for many. Whoever waits for a block is woken
once per block, when the index shows it; any event loop may wait.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from yilian.gateway.errors import UNAVAILABLE
from yilian.gateway.index import Advance, ChainIndex
from yilian.ledger.errors import INTERNAL, Refusal
from yilian.ledger.keys import sha256
from yilian.node.engine import Engine, Stopped
from yilian.node.history import Outcome
from yilian.node.store import StoreDamaged

BATCH = 512
BACKLOG = 20_000
"""How many may wait for the worker; whoever comes then is told to come again."""

log = logging.getLogger("yilian.gateway")

_T = TypeVar("_T")
_Committing = Future[Outcome]


class _Ticket:
    """One request's transaction on its way to the engine."""

    __slots__ = ("accepted", "loop", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.loop = asyncio.get_running_loop()
        self.accepted: asyncio.Future[_Committing] = self.loop.create_future()


class Submissions:
    """The transactions that came in by this gateway and are not in a block yet."""

    def __init__(self, engine: Engine, index: ChainIndex) -> None:
        self._engine = engine
        self._index = index
        self._waiting: SimpleQueue[_Ticket | None] = SimpleQueue()
        self._pending: dict[bytes, _Committing] = {}
        self._committed: deque[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = (
            deque()
        )
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._closed = False
        index.listen(self._visible)

    async def hand_in(self, raw: bytes) -> _Committing:
        """Hand in a transaction; gives the future of its block. Raises what `check` refuses."""
        if self._waiting.qsize() >= BACKLOG:
            raise UNAVAILABLE()
        self._start()
        ticket = _Ticket(raw)
        self._waiting.put(ticket)
        return await ticket.accepted

    def pending(self, transaction_hash: bytes) -> _Committing | None:
        """Find a transaction that came in here and waits for its block."""
        return self._pending.get(transaction_hash)

    async def visible(self, committing: _Committing, seconds: float) -> Outcome | None:
        """Wait until a transaction is committed and in the index; None where it took longer.

        Raises the refusal of a transaction that was thrown out before any block.
        """
        loop = asyncio.get_running_loop()
        shown: asyncio.Future[None] = loop.create_future()

        def decided(done: _Committing) -> None:
            outcome = None if done.exception() is not None else done.result()
            if outcome is None or outcome.height <= self._index.height:
                _wake(loop, [shown])
                return
            with self._lock:
                self._committed.append((outcome.height, loop, shown))
            if outcome.height <= self._index.height:
                self._show(self._index.height)

        committing.add_done_callback(decided)
        try:
            async with asyncio.timeout(seconds):
                await shown
        except TimeoutError:
            shown.cancel()
            return None
        return committing.result()

    def close(self) -> None:
        """End the worker; what it holds is refused."""
        with self._lock:
            self._closed = True
            worker, self._worker = self._worker, None
        if worker is not None:
            self._waiting.put(None)
            worker.join()

    # -- the worker ----------------------------------------------------------------------------

    def _start(self) -> None:
        with self._lock:
            if self._closed:
                raise Stopped("the gateway is closed")
            if self._worker is None:
                self._worker = threading.Thread(
                    target=self._work, name="yilian-submissions", daemon=True
                )
                self._worker.start()

    def _work(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            tickets = [first]
            while len(tickets) < BATCH and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    self._waiting.put(None)
                    break
                tickets.append(following)
            answers = self._submit([each.raw for each in tickets])
            self._note(tickets, answers)
            self._answer(tickets, answers)

    def _submit(self, raws: Sequence[bytes]) -> list[_Committing | Exception]:
        try:
            return list(self._engine.submit_many(raws))
        except (Refusal, Stopped, StoreDamaged) as error:
            return [error] * len(raws)
        except Exception as fault:
            if len(raws) == 1:
                log.error("a hand-in failed", exc_info=fault)
                return [INTERNAL()]
            # One of them is at fault: the others must not suffer for it.
            return [answer for raw in raws for answer in self._submit([raw])]

    def _note(self, tickets: Sequence[_Ticket], answers: Sequence[_Committing | Exception]) -> None:
        for ticket, answer in zip(tickets, answers, strict=True):
            if isinstance(answer, Future) and not answer.done():
                name = sha256(ticket.raw)
                self._pending[name] = answer
                answer.add_done_callback(partial(self._settled, name))

    def _settled(self, name: bytes, _: _Committing) -> None:
        self._pending.pop(name, None)

    def _answer(
        self, tickets: Sequence[_Ticket], answers: Sequence[_Committing | Exception]
    ) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Ticket, _Committing | Exception]]] = {}
        for ticket, answer in zip(tickets, answers, strict=True):
            by_loop.setdefault(ticket.loop, []).append((ticket, answer))
        for loop, pairs in by_loop.items():
            _call(loop, _accept, pairs)

    # -- waking --------------------------------------------------------------------------------

    def _visible(self, moved: Advance) -> None:
        self._show(moved.height)

    def _show(self, height: int) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        with self._lock:
            while self._committed and self._committed[0][0] <= height:
                _, loop, shown = self._committed.popleft()
                by_loop.setdefault(loop, []).append(shown)
        for loop, waiting in by_loop.items():
            _wake(loop, waiting)


def _accept(pairs: list[tuple[_Ticket, _Committing | Exception]]) -> None:
    for ticket, answer in pairs:
        if ticket.accepted.done():
            continue
        refused = answer if isinstance(answer, Exception) else _refusal(answer)
        if refused is not None:
            ticket.accepted.set_exception(refused)
        elif isinstance(answer, Future):
            ticket.accepted.set_result(answer)


def _refusal(answer: _Committing) -> BaseException | None:
    return answer.exception() if answer.done() else None


def _wake(loop: asyncio.AbstractEventLoop, waiting: list[asyncio.Future[None]]) -> None:
    _call(loop, _finish, waiting)


def _finish(waiting: list[asyncio.Future[None]]) -> None:
    for each in waiting:
        if not each.done():
            each.set_result(None)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[_T], None], value: _T) -> None:
    try:
        loop.call_soon_threadsafe(function, value)
    except RuntimeError:
        log.debug("a waiting event loop has ended")
