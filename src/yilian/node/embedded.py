"""The engine `embedded`: one process, a one-validator chain, the same blocks as CometBFT's.

One thread writes. Whoever submits pays for decoding and signature checks in its own thread, so a
flood by one payer waits in that payer's own line (`ledger/queue.py`) and delays nobody else.
Transactions that arrive while a block is being written share the next one. Without work there are
no blocks, but for the proof block that lets the last receipts close and the one a due timer asks
for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import nacl.bindings

from yilian.ledger import block as blocks
from yilian.ledger import codec
from yilian.ledger import genesis as geneses
from yilian.ledger.block import (
    COMMIT,
    Block,
    BlockId,
    Commit,
    CommitSig,
    Header,
    Version,
)
from yilian.ledger.errors import EXPIRED, Refusal
from yilian.ledger.keys import Suites, sha256
from yilian.ledger.machine import Applied, Machine
from yilian.ledger.modules.governance.state import parameters
from yilian.ledger.queue import Queue
from yilian.ledger.state import State
from yilian.ledger.transaction import Envelope
from yilian.ledger.tree import TOP, Tree
from yilian.node.history import History, Outcome
from yilian.node.store import Store, StoreDamaged, Tip, tip_after
from yilian.node.verdicts import Verdicts

APP_VERSION = 1
BLOCK_TRANSACTIONS = 2_000
BLOCK_LEAST = 100
BLOCK_SECONDS = 0.25
"""What is urgent waits for the block being written and its own: so blocks are kept this short."""
ENTER_AT_ONCE = 256
PROOF_DELAY = 0.05
WARM_AT_ONCE = 32
"""Tiles loaded in one idle step: a transaction may have to wait for it, some two milliseconds."""
_MILLI = 1_000_000

log = logging.getLogger("yilian.node")

Listener = Callable[[int], None]


class NotYet(Exception):
    """What was asked for needs a later block."""


class Stopped(Exception):
    """The engine is closed, or stopped because its store or an invariant broke."""


class Embedded:
    """A chain of one organisation in one process."""

    def __init__(self, folder: Path, validator_seed: bytes) -> None:
        """Open a chain that `create` made. Raises StoreDamaged where it must not be served."""
        self.store = Store(folder)
        try:
            self._open(validator_seed)
        except BaseException:
            self.store.close()
            raise
        self._thread = threading.Thread(target=self._run, name="yilian-writer", daemon=True)
        self._thread.start()

    @classmethod
    def create(cls, folder: Path, genesis: geneses.Genesis, validator_seed: bytes) -> Embedded:
        """Make a new chain from a genesis document and open it; its first block is empty."""
        write_genesis(folder, genesis)
        engine = cls(folder, validator_seed)
        engine._first_block()
        return engine

    def _open(self, validator_seed: bytes) -> None:
        document = self.store.genesis()
        tip = self.store.tip()
        if document is None or tip is None:
            raise StoreDamaged("the folder holds no chain: make one first")
        self.genesis = geneses.read(document)
        self._tip = tip
        self.tree = load_tree(self.store, Suites(self.genesis.profile))
        if self.tree.root != tip.app_hash:
            raise StoreDamaged(
                f"the state does not have the root of height {tip.height}", tip.height
            )
        self.machine = Machine(self.genesis, self.store, self.tree, _log_fault)
        self._public, self._secret = nacl.bindings.crypto_sign_seed_keypair(validator_seed)
        self.validators = self.genesis.validator_set()
        if [each.public_key for each in self.validators.validators] != [self._public]:
            raise StoreDamaged("the validator key is not the one that genesis names")
        self.history = History(self.store, self.tree, self.validators, self.genesis.profile.hash)
        rule = parameters(State(self.store))
        self._consensus_hash = blocks.consensus_hash(rule.block_max_bytes, rule.block_max_gas)
        self._verdicts = Verdicts()
        self._queue = Queue()
        self._futures: dict[bytes, Future[Outcome]] = {}
        self._listeners: list[Listener] = []
        self._wake = threading.Condition()
        self._commit_lock = threading.Lock()
        self._proof_wanted = False
        self._cold = True
        self._most = BLOCK_TRANSACTIONS
        self._closing = self._closed = False
        self._fault: BaseException | None = None

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
        with self._wake:
            self._require_running()
            for (envelope, future), refusal in zip(checked, refused, strict=True):
                if refusal is not None:
                    future.set_exception(refusal)
                    continue
                self.machine.remember(envelope)
                try:
                    self._queue.add(envelope, limit)
                except Refusal as again:
                    first = self._futures.get(envelope.hash)
                    if first is None:
                        future.set_exception(again)
                    else:
                        _follow(first, future)
                    continue
                self._futures[envelope.hash] = future
            self._wake.notify_all()

    def _run(self) -> None:
        try:
            while self._step():
                pass
        except BaseException as fault:
            log.exception("the writer stopped")
            with self._wake:
                self._fault = fault
        self._release_waiting()

    def _step(self) -> bool:
        """Wait for work and write one block; gives False once the engine is closing."""
        with self._wake:
            kind = self._wait_for_work()
            if kind == "close":
                return False
            rule = parameters(State(self.store))
            taken = self._queue.take(rule, self._most) if kind == "transactions" else []
        if kind == "warm":
            with self._commit_lock:
                self._cold = self.tree.warm(WARM_AT_ONCE)
            return True
        first, began = kind == "first", time.monotonic()
        now = self.genesis.time if first else max(now_ms(), self._tip.time + 1)
        taken = self._throw_out_expired(taken, now)
        if kind == "transactions" and not taken:
            return True
        self._write_block(taken, now)
        self._pace(len(taken), time.monotonic() - began)
        return True

    def _pace(self, count: int, seconds: float) -> None:
        """Size the next block by what the last one took; one that was not full tells only if slow.

        A busy machine makes smaller blocks, and grows them again by doubling at most.
        """
        if count >= self._most or seconds > BLOCK_SECONDS:
            fits = int(count * BLOCK_SECONDS / max(seconds, 0.001))
            self._most = min(BLOCK_TRANSACTIONS, max(BLOCK_LEAST, min(fits, 2 * self._most)))

    def _wait_for_work(self) -> str:
        while True:
            if self._closing:
                return "close"
            if self._tip.height == 0:
                return "first"
            if self._queue.has_waiting():
                return "transactions"
            patience = None
            if not self._tip.empty:
                if self._proof_wanted or not self._wake.wait(PROOF_DELAY):
                    return "proof"
                continue
            due = self.machine.next_due()
            if due is not None:
                patience = (due - now_ms()) / 1000
                if patience <= 0:
                    return "timer"
            if self._cold:
                return "warm"
            self._wake.wait(None if patience is None else min(patience, 3600))

    def _throw_out_expired(self, taken: list[Envelope], now: int) -> list[Envelope]:
        late = [each for each in taken if each.body.expires <= now]
        if not late:
            return taken
        with self._wake:
            self._queue.settle(late)
            for each in late:
                future = self._futures.pop(each.hash)
                future.set_exception(EXPIRED(expires=each.body.expires))
        return [each for each in taken if each.body.expires > now]

    def _write_block(self, taken: list[Envelope], now: int) -> None:
        raws = tuple(each.raw for each in taken)
        hashes = [each.hash for each in taken]
        # The tree is one thread's at a time: a proof waits until the block at hand is written.
        with self._commit_lock:
            applied = self.machine.apply_block(self._tip.height + 1, now, raws)
            block, encoded, commit = self._make_block(applied, raws)
            tip = tip_after(applied, block, commit)
            self.store.write_height(applied, encoded, commit.encode(), hashes, tip)
            self.machine.adopt(applied)
            self._tip = tip
        height = tip.height
        self.machine.forget(hashes)
        self._answer(taken, applied)
        for listener in list(self._listeners):
            listener(height)

    def _answer(self, taken: list[Envelope], applied: Applied) -> None:
        with self._wake:
            self._proof_wanted = False
            self._queue.settle(taken)
            futures = [self._futures.pop(each.hash) for each in taken]
            self._wake.notify_all()
        for index, (envelope, future) in enumerate(zip(taken, futures, strict=True)):
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

    def _make_block(self, applied: Applied, raws: tuple[bytes, ...]) -> tuple[Block, bytes, Commit]:
        tip = self._tip
        last_commit = self.store.commit(tip.height) or Commit()
        set_hash = self.validators.hash()
        header = Header(
            version=Version(app=APP_VERSION),
            chain_id=self.genesis.chain,
            height=applied.height,
            time=applied.time * _MILLI,
            last_block_id=tip.block_id() if tip.block_hash else BlockId(),
            last_commit_hash=last_commit.hash(),
            data_hash=blocks.data_hash(raws),
            validators_hash=set_hash,
            next_validators_hash=set_hash,
            consensus_hash=self._consensus_hash,
            app_hash=tip.app_hash,
            last_results_hash=tip.results_hash,
            evidence_hash=blocks.evidence_hash(()),
            proposer_address=self.validators.validators[0].address,
        )
        block = Block(header, raws, last_commit)
        encoded = block.encode()
        block_id = BlockId(header.hash(), blocks.part_set_header(encoded))
        return block, encoded, self._sign(applied, block_id)

    def _sign(self, applied: Applied, block_id: BlockId) -> Commit:
        moment = applied.time * _MILLI
        text = blocks.vote_sign_bytes(self.genesis.chain, applied.height, 0, block_id, moment)
        signature = nacl.bindings.crypto_sign(text, self._secret)[:64]
        place = CommitSig(COMMIT, self.validators.validators[0].address, moment, signature)
        return Commit(applied.height, 0, block_id, (place,))

    def _first_block(self) -> None:
        with self._wake:
            while self._tip.height == 0 and self._fault is None:
                self._wake.wait(0.01)
        self._require_running()

    # -- reading -------------------------------------------------------------------------------

    @property
    def height(self) -> int:
        """The newest height."""
        return self._tip.height

    @property
    def tip(self) -> Tip:
        """The newest height with its time and hashes."""
        return self._tip

    def now(self) -> int:
        """The later of the last block's time and this machine's clock, in ms."""
        return max(now_ms(), self._tip.time + 1)

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
        """Give a committed transaction's receipt; asks for the proof block where it is missing.

        None where the chain does not hold it; raises NotYet where no block closed it in time.
        """
        place = self.store.where(transaction_hash)
        if place is None:
            return None
        self._wait_height(place[0] + 1, wait)
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
        self._wait_height(height + 1, wait)
        with self._commit_lock:
            return self.history.state_proof(key, height)

    def trust(self) -> dict[str, Any]:
        """Give the trust file of this chain: its validator as of the first block."""
        return self.history.trust()

    def _wait_height(self, height: int, wait: float) -> None:
        deadline = time.monotonic() + wait
        with self._wake:
            while self._tip.height < height:
                self._require_running()
                left = deadline - time.monotonic()
                if left <= 0:
                    raise NotYet(height)
                self._proof_wanted = True
                self._wake.notify_all()
                self._wake.wait(left)

    @property
    def warm(self) -> bool:
        """Whether the tree's cache is filled as far as idle moments fill it."""
        return not self._cold

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

    # -- life ----------------------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        """Have `listener(height)` called in the writer's thread after each committed block."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Stop writing and close the store; what waits is refused with `Stopped`."""
        with self._wake:
            if self._closed:
                return
            self._closed = self._closing = True
            self._wake.notify_all()
        self._thread.join()
        self._verdicts.close()
        self.store.close()

    def __enter__(self) -> Embedded:
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
        tip = Tip(0, genesis.time, applied.app_hash, blocks.results_hash(()), b"", 0, b"", False)
        store.write_first(document, applied, tip)
    finally:
        store.close()


def load_tree(store: Store, suites: Suites) -> Tree:
    """Build the state tree's top levels from the stored tiles."""
    return Tree(store.tile, store.tiles(bytes([TOP])), hashing=suites.hashing)


def validator_public(seed: bytes) -> bytes:
    """Give the public key (32 bytes) of a validator's Ed25519 seed."""
    public, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
    return bytes(public)


def _follow(first: Future[Outcome], second: Future[Outcome]) -> None:
    def pass_on(done: Future[Outcome]) -> None:
        error = done.exception()
        if error is not None:
            second.set_exception(error)
        else:
            second.set_result(done.result())

    first.add_done_callback(pass_on)


def now_ms() -> int:
    """Read this machine's UTC clock, in milliseconds."""
    return time.time_ns() // _MILLI


def _log_fault(fault: BaseException) -> None:
    log.error("a rule failed; its transaction is answered `internal`", exc_info=fault)
