"""What both engines are: one chain's store, law and history, a line of transactions, and answers.

Whoever submits pays for decoding and signature checks in its own thread, so a flood by one payer
waits in that payer's own line (`ledger/queue.py`) and delays nobody else. How blocks come about is
the engine's own: `embedded.py` writes them itself, `cometbft.py` is told them.
"""

from __future__ import annotations

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import msgspec

from yilian.ledger import codec
from yilian.ledger import genesis as geneses
from yilian.ledger.block import results_hash
from yilian.ledger.errors import EXPIRED, Refusal
from yilian.ledger.keys import Suites, sha256
from yilian.ledger.machine import Applied, Machine
from yilian.ledger.modules.governance.state import parameters
from yilian.ledger.queue import Queue
from yilian.ledger.state import State
from yilian.ledger.transaction import Envelope
from yilian.ledger.tree import TOP, Tree
from yilian.node.history import History, Outcome
from yilian.node.snapshot import abandon
from yilian.node.store import Store, StoreDamaged, Tip
from yilian.node.verdicts import Verdicts

ENTER_AT_ONCE = 256
_MILLI = 1_000_000

log = logging.getLogger("yilian.node")

Listener = Callable[[int], None]


class NotYet(Exception):
    """What was asked for needs a later block."""


class Stopped(Exception):
    """The engine is closed, or stopped because its store or an invariant broke."""


class Engine(ABC):
    """One chain, run by one of the two engines; nothing above tells which one it is."""

    kind: ClassVar[str]
    """The engine's name, for a person who asks."""

    def __init__(self, folder: Path) -> None:
        """Open a chain's store. Raises StoreDamaged where it must not be served."""
        self.store = Store(folder)
        try:
            self._open()
        except BaseException:
            self.store.close()
            raise

    def _open(self) -> None:
        abandon(self.store)
        document = self.store.genesis()
        if document is None:
            raise StoreDamaged("the folder holds no chain: make one first")
        self.genesis = geneses.read(document)
        self._take_up_state()
        self._verdicts = Verdicts()
        self._queue = Queue()
        self._futures: dict[bytes, Future[Outcome]] = {}
        self._listeners: list[Listener] = []
        self._wake = threading.Condition()
        self._commit_lock = threading.Lock()
        self._closing = self._closed = False
        self._fault: BaseException | None = None
        self.when_condemned: Callable[[], None] = lambda: None

    def _take_up_state(self) -> None:
        """Begin from what the store holds now; raises StoreDamaged where it must not be served."""
        tip = self.store.tip()
        if tip is None:
            raise StoreDamaged("the folder holds no chain: make one first")
        self._tip = tip
        self.tree = load_tree(self.store, Suites(self.genesis.profile))
        if self.tree.root != tip.app_hash:
            raise StoreDamaged(
                f"the state does not have the root of height {tip.height}", tip.height
            )
        self.machine = Machine(self.genesis, self.store, self.tree, _log_fault)
        self.history = History(self.store, self.tree, self.genesis)

    # -- writing -------------------------------------------------------------------------------

    def submit(self, raw: bytes) -> Future[Outcome]:
        """Hand in a transaction; the future ends when its block is durable.

        Raises the `Refusal` of `Machine.check` at once. The same bytes again give the same answer.
        """
        return self.submit_many([raw])[0]

    def submit_many(self, raws: Sequence[bytes]) -> list[Future[Outcome]]:
        """Hand in many transactions at once; each has its own future, refused ones fail in it.

        For a single transaction the refusal is raised instead.
        """
        now = self.now()
        answers: list[Future[Outcome]] = []
        checked: list[tuple[Envelope, Future[Outcome]]] = []
        jobs = []
        for raw in raws:
            known = self._known(sha256(raw))
            if known is not None:
                answers.append(known)
                continue
            future: Future[Outcome] = Future()
            answers.append(future)
            try:
                envelope, signing = self.machine.precheck(raw, now)
            except Refusal as refusal:
                future.set_exception(refusal)
                continue
            jobs.append((envelope, signing))
            checked.append((envelope, future))
        refused = self._verdicts.settle(jobs)
        self._enter(checked, refused)
        if len(raws) == 1 and answers[0].done():
            answers[0].result()
        return answers

    def _known(self, transaction_hash: bytes) -> Future[Outcome] | None:
        with self._wake:
            self._require_running()
            pending = self._futures.get(transaction_hash)
        if pending is not None:
            return pending
        found = self.outcome(transaction_hash)
        if found is None:
            return None
        future: Future[Outcome] = Future()
        future.set_result(found)
        return future

    def _enter(
        self, checked: list[tuple[Envelope, Future[Outcome]]], refused: list[Refusal | None]
    ) -> None:
        limit = parameters(State(self.store)).pending_per_payer
        # An empty hand-in still has to tell whether the engine runs.
        for at in range(0, max(1, len(checked)), ENTER_AT_ONCE):
            if at:
                time.sleep(0)  # Else this thread has the lock again before whoever waits for it.
            part = slice(at, at + ENTER_AT_ONCE)
            self._enter_some(checked[part], refused[part], limit)

    def _enter_some(
        self,
        checked: list[tuple[Envelope, Future[Outcome]]],
        refused: list[Refusal | None],
        limit: int,
    ) -> None:
        entered = []
        with self._wake:
            self._require_running()
            for (envelope, future), refusal in zip(checked, refused, strict=True):
                if refusal is not None:
                    future.set_exception(refusal)
                    continue
                self.machine.remember(envelope)
                first = self._futures.get(envelope.hash)
                if first is not None:
                    _follow(first, future)
                    continue
                try:
                    # What came in by another member already waits, but nobody here waits for it.
                    if envelope.hash not in self._queue:
                        # A block may have taken it since it was looked for.
                        taken = self.outcome(envelope.hash)
                        if taken is not None:
                            future.set_result(taken)
                            continue
                        self._queue.add(envelope, limit)
                except Refusal as again:
                    future.set_exception(again)
                    continue
                self._futures[envelope.hash] = future
                entered.append(envelope)
            self._entered(entered)
            self._wake.notify_all()

    @abstractmethod
    def _entered(self, envelopes: list[Envelope]) -> None:
        """Be told of transactions that wait now; called with the lock `_wake` held."""

    def _expire(self, late: Sequence[Envelope]) -> None:
        """Throw out what has expired before any block took it."""
        with self._wake:
            self._queue.settle(late)
            futures = [(each, self._futures.pop(each.hash, None)) for each in late]
        for each, future in futures:
            if future is not None:
                future.set_exception(EXPIRED(expires=each.body.expires))

    def _answer(self, envelopes: Sequence[Envelope | None], applied: Applied) -> None:
        """Tell whoever waits what became of a block's transactions, None for foreign text."""
        known = [each for each in envelopes if each is not None]
        with self._wake:
            self._queue.settle(known)
            futures = [
                None if each is None else self._futures.pop(each.hash, None) for each in envelopes
            ]
            self._wake.notify_all()
        for index, (envelope, future) in enumerate(zip(envelopes, futures, strict=True)):
            if future is None or envelope is None:
                continue
            result = applied.results[index]
            future.set_result(
                Outcome(
                    hash=envelope.hash.hex(),
                    height=applied.height,
                    index=index,
                    time=applied.time,
                    code=result.code,
                    parameters=result.parameters,
                    events=msgspec.json.decode(result.events),
                )
            )

    def _tell(self, height: int) -> None:
        for listener in list(self._listeners):
            listener(height)

    # -- reading -------------------------------------------------------------------------------

    @property
    def height(self) -> int:
        """The newest height."""
        return self._tip.height

    @property
    def tip(self) -> Tip:
        """The newest height with its time and hashes."""
        return self._tip

    @property
    @abstractmethod
    def sealed_height(self) -> int:
        """The newest height whose header and commit are stored."""

    def now(self) -> int:
        """The later of the last block's time and this machine's clock, in ms."""
        return max(now_ms(), self._tip.time + 1)

    @contextmanager
    def still(self) -> Iterator[None]:
        """Keep heights from being written meanwhile: for whoever must read all of one state."""
        with self._commit_lock:
            yield

    def behind(self) -> bool:
        """Tell whether this copy may be out of date: no block came for longer than it ever takes.

        A chain of one's own is never behind.
        """
        return False

    def pending(self) -> int:
        """Count the transactions that wait for a block."""
        return len(self._queue)

    def state(self) -> State:
        """Give committed state for typed reads."""
        return State(self.store)

    def outcome(self, transaction_hash: bytes) -> Outcome | None:
        """Find what became of a transaction; None where the chain does not hold it."""
        return self.history.outcome(transaction_hash)

    def receipt(self, transaction_hash: bytes, wait: float = 5.0) -> dict[str, Any] | None:
        """Give a committed transaction's receipt; waits for the height that closes it.

        None where the chain does not hold it; raises NotYet where no block closed it in time.
        """
        place = self.store.where(transaction_hash)
        if place is None:
            return None
        self._wait_sealed(place[0] + 1, wait)
        return self.history.receipt(*place)

    def state_proof(
        self, key: bytes, height: int | None = None, wait: float = 5.0
    ) -> dict[str, Any]:
        """Prove what a state key held after a height (the newest one by default).

        Raises NotYet for a height to come and KeyError for one older than the last 100.
        """
        if height is None:
            with self._commit_lock:
                height = self._tip.height - 1 if self._tip.empty else self._tip.height
        self._wait_sealed(height + 1, wait)
        with self._commit_lock:
            return self.history.state_proof(key, height)

    def trust(self) -> dict[str, Any]:
        """Give the trust file of this chain: its validators as of the first block."""
        return self.history.trust()

    def _wait_sealed(self, height: int, wait: float) -> None:
        deadline = time.monotonic() + wait
        with self._wake:
            while self.sealed_height < height:
                self._require_running()
                left = deadline - time.monotonic()
                if left <= 0:
                    raise NotYet(height)
                self._want_proof()
                self._wake.wait(left)

    @abstractmethod
    def _want_proof(self) -> None:
        """Ask for the block that closes the newest one; called with the lock `_wake` held."""

    @property
    def fault(self) -> BaseException | None:
        """What stopped the engine, or None while it runs."""
        return self._fault

    def condemn(self, fault: BaseException) -> None:
        """Stop writing and answering because the store was found to be damaged."""
        log.error("the engine is stopped: %s", fault)
        with self._wake:
            self._fault = self._fault or fault
            self._closing = True
            self._wake.notify_all()
        self.when_condemned()

    # -- life ----------------------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        """Have `listener(height)` called in the writer's thread after each committed block."""
        self._listeners.append(listener)

    def let_go(self) -> None:
        """Take nothing more, and tell whoever waits that no block is waited for."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._release_waiting()

    def close(self) -> None:
        """Stop writing and close the store; what waits is refused with `Stopped`."""
        with self._wake:
            if self._closed:
                return
            self._closed = self._closing = True
            self._wake.notify_all()
        self._end()
        self._release_waiting()
        self._verdicts.close()
        self.store.close()

    @abstractmethod
    def _end(self) -> None:
        """Wait until nothing of this engine writes any more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_running(self) -> None:
        if self._closing or self._fault is not None:
            raise Stopped("the engine is closed" if self._closing else "the engine stopped")

    def _release_waiting(self) -> None:
        with self._wake:
            waiting = list(self._futures.values())
            self._futures.clear()
            self._wake.notify_all()
        for future in waiting:
            future.set_exception(Stopped("the engine closed before the transaction's block"))


def write_genesis(folder: Path, genesis: geneses.Genesis) -> None:
    """Write a new chain's first state into an empty folder. Raises FileExistsError."""
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(folder)
    folder.mkdir(parents=True, exist_ok=True)
    document = codec.encode(genesis)
    store = Store(folder, create=True)
    try:
        suites = Suites(genesis.profile)
        tree = load_tree(store, suites)
        applied = Machine(genesis, store, tree).first_state()
        tip = Tip(0, genesis.time, applied.app_hash, results_hash(()), b"", 0, b"", False)
        store.write_first(document, applied, tip)
    finally:
        store.close()


def load_tree(store: Store, suites: Suites) -> Tree:
    """Build the state tree's top levels from the stored tiles."""
    return Tree(store.tile, store.tiles(bytes([TOP])), hashing=suites.hashing)


def now_ms() -> int:
    """Read this machine's UTC clock, in milliseconds."""
    return time.time_ns() // _MILLI


def _follow(first: Future[Outcome], second: Future[Outcome]) -> None:
    def pass_on(done: Future[Outcome]) -> None:
        error = done.exception()
        if error is not None:
            second.set_exception(error)
        else:
            second.set_result(done.result())

    first.add_done_callback(pass_on)


def _log_fault(fault: BaseException) -> None:
    log.error("a rule failed; its transaction is answered `internal`", exc_info=fault)
