"""The engine `embedded`: one process, a one-validator chain, the same blocks as CometBFT's.

One thread writes. Transactions that arrive while a block is being written share the next one.
Without work there are no blocks, but for the proof block that lets the last receipts close and the
one a due timer asks for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import nacl.bindings

from yilian.ledger import block as blocks
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
from yilian.ledger.machine import Applied
from yilian.ledger.modules.governance.state import parameters
from yilian.ledger.state import State
from yilian.ledger.transaction import Envelope
from yilian.node.engine import Engine, Stopped, now_ms, write_genesis
from yilian.node.history import Outcome
from yilian.node.store import StoreDamaged, tip_after

APP_VERSION = 1
BLOCK_TRANSACTIONS = 2_000
BLOCK_LEAST = 100
BLOCK_SECONDS = 0.25
"""What is urgent waits for the block being written and its own: so blocks are kept this short."""
PROOF_DELAY = 0.05
WARM_AT_ONCE = 32
"""Tiles loaded in one idle step: a transaction may have to wait for it, some two milliseconds."""
_MILLI = 1_000_000

log = logging.getLogger("yilian.node")


class Embedded(Engine):
    """A chain of one organisation in one process."""

    kind = "embedded"

    def __init__(self, folder: Path, validator_seed: bytes, *, ended: bool = False) -> None:
        """Open a chain that `create` made. Raises StoreDamaged where it must not be served.

        A chain that has `ended` (a consortium goes on from it) is read and never written again.
        """
        super().__init__(folder)
        self._ended = ended
        try:
            self._take_up(validator_seed)
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

    def _take_up(self, validator_seed: bytes) -> None:
        self._public, self._secret = nacl.bindings.crypto_sign_seed_keypair(validator_seed)
        self.validators = self.genesis.validator_set()
        if [each.public_key for each in self.validators.validators] != [self._public]:
            raise StoreDamaged("the validator key is not the one that genesis names")
        self._proof_wanted = False
        self._cold = True
        self._most = BLOCK_TRANSACTIONS

    # -- writing -------------------------------------------------------------------------------

    def submit_many(self, raws: Sequence[bytes]) -> list[Future[Outcome]]:
        """Hand in transactions; raises Stopped where the chain has ended."""
        if self._ended:
            raise Stopped("the chain has ended: a consortium goes on from it")
        return super().submit_many(raws)

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
            if self._ended:
                self._wake.wait()
                continue
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
        self._expire(late)
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
        self.machine.forget(hashes)
        with self._wake:
            self._proof_wanted = False
        self._answer(taken, applied)
        self._tell(tip.height)

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
            consensus_hash=self._consensus_hash(),
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

    def _consensus_hash(self) -> bytes:
        rule = parameters(State(self.store))
        return blocks.consensus_hash(rule.block_max_bytes, rule.block_max_gas)

    def _entered(self, envelopes: list[Envelope]) -> None:
        """The writer looks at the queue itself."""

    def _want_proof(self) -> None:
        self._proof_wanted = True
        self._wake.notify_all()

    @property
    def sealed_height(self) -> int:
        """The newest height: this engine signs a block as it writes it."""
        return self._tip.height

    @property
    def warm(self) -> bool:
        """Whether the tree's cache is filled as far as idle moments fill it."""
        return not self._cold

    def _end(self) -> None:
        self._thread.join()


def validator_public(seed: bytes) -> bytes:
    """Give the public key (32 bytes) of a validator's Ed25519 seed."""
    public, _ = nacl.bindings.crypto_sign_seed_keypair(seed)
    return bytes(public)
