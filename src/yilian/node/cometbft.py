"""The engine `cometbft`: the same law, told by consensus what each block is.

The calls of ABCI 2.0 (`abci/application.py` brings them here) come from one engine on several
connections. What a block does is worked out in `finalize` and written in `commit`, so a height that
was not committed leaves no trace and may come again. Header and commit are not part of ABCI: the
sealer fetches them from the engine a moment later, checks that they are the bytes that were signed,
and adds them; then receipts are made as the embedded engine makes them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from yilian.ledger import block as blocks
from yilian.ledger import evidence
from yilian.ledger.block import Block
from yilian.ledger.errors import EXPIRED, OK, InvariantBroken, Refusal
from yilian.ledger.keys import Suites, sha256
from yilian.ledger.machine import Applied
from yilian.ledger.module import Misbehaviour
from yilian.ledger.modules.governance.state import law, parameters
from yilian.ledger.receipt import tx_result
from yilian.ledger.state import State
from yilian.ledger.transaction import Envelope, decode
from yilian.node.abci.messages import (
    CHUNK_ABORT,
    CHUNK_ACCEPT,
    CHUNK_REJECT_SNAPSHOT,
    CHUNK_RETRY,
    SNAPSHOT_ABORT,
    SNAPSHOT_ACCEPT,
    SNAPSHOT_REJECT,
    SNAPSHOT_REJECT_FORMAT,
    Decision,
    Limits,
    Snapshot,
    TxResult,
    ValidatorUpdate,
)
from yilian.node.engine import Engine, now_ms
from yilian.node.home import EVIDENCE_BLOCKS
from yilian.node.link import EngineAway, Link
from yilian.node.snapshot import Restore, SnapshotRefused, Snapshots, Verdict, abandon
from yilian.node.store import Decided, StoreDamaged, Tip
from yilian.node.verdicts import Verdicts

BLOCK_TRANSACTIONS = 4_000
SEAL_AGAIN = 0.5
SEND_AGAIN = 0.5
SWEEP_EVERY_MS = 5_000
AGREES_IN_MS = 5_000
"""How long members may take to agree before a copy counts as out of date."""
WARM_AT_ONCE = 32
_MILLI = 1_000_000

log = logging.getLogger("yilian.node")


class Checked(NamedTuple):
    """What CheckTx answers: 0 or a refusal's number, its name, and the gas wanted."""

    code: int
    name: str
    gas: int


class _Staged(NamedTuple):
    decision: Decision
    applied: Applied


class OutOfTurn(Exception):
    """Consensus called what does not follow from the height that is committed here."""


class Consortium(Engine):
    """A member's copy of a chain that several members agree on."""

    kind = "cometbft"

    def __init__(
        self,
        folder: Path,
        link: Link,
        snapshot_every: int = 0,
        empty_blocks_ms: int = 0,
        keep_blocks: int = 0,
    ) -> None:
        """Open a chain that `write_genesis` made. Raises StoreDamaged.

        Every so many heights a snapshot is kept beside the store; 0 for none. `empty_blocks_ms` is
        the longest time without a block, from which `behind` is judged; 0 where none is promised.
        `keep_blocks` is how many heights the engine keeps of its own copy; 0 for all.
        """
        super().__init__(folder)
        self._keep_blocks = max(keep_blocks, EVIDENCE_BLOCKS) if keep_blocks else 0
        # The engine hands in a few at a time, and has cores of its own to use.
        self._verdicts = Verdicts(workers=0)
        self._link = link
        self._quiet_ms = empty_blocks_ms
        self._arrived = time.monotonic()
        hashing = Suites(self.genesis.profile).hashing
        self._snapshots = Snapshots(folder.with_name("snapshots"), self.store, hashing)
        self._snapshot_every = snapshot_every
        self._restore: Restore | None = None
        self._offered: list[Envelope] = []
        self._staged: _Staged | None = None
        self._unsent: list[Envelope] = []
        self._sending = threading.Condition()
        self._seal_work = threading.Event()
        self._sealed = self._first_unsealed() - 1
        self._swept = 0
        self._threads = [
            threading.Thread(target=run, name=f"yilian-{name}", daemon=True)
            for name, run in (("sealer", self._keep_sealing), ("sender", self._keep_sending))
        ]
        for each in self._threads:
            each.start()

    # -- what consensus asks: info and the first block -----------------------------------------

    def info(self) -> tuple[int, bytes, int]:
        """Give the last committed height, its app hash, and the version of the law."""
        if self._tip.height < self.genesis.first_height():
            return 0, b"", self._version()
        return self._tip.height, self._tip.app_hash, self._version()

    def init_chain(
        self, chain: str, initial_height: int, validators: Sequence[ValidatorUpdate]
    ) -> tuple[Limits, bytes]:
        """Begin the chain; raises OutOfTurn where the engine's genesis is not this store's."""
        if self._restore is not None:
            self._give_up_restore()
        tip = self._tip
        first = sorted((each.public_key, each.power) for each in validators)
        own = [(each.public_key, each.power) for each in self.genesis.validator_set().validators]
        if chain != self.genesis.chain or first != sorted(own):
            raise OutOfTurn("the engine's genesis names another chain or other validators")
        if self.genesis.promoted_from() is not None and tip.height == 0:
            raise OutOfTurn("the older chain's state is not here: begin from a snapshot")
        if initial_height != self._next_height() or tip.block_hash:
            raise OutOfTurn(f"the engine begins at {initial_height}, the store is at {tip.height}")
        return self.limits(), tip.app_hash

    def limits(self) -> Limits:
        """Give the limits in force for the next block."""
        rule = parameters(State(self.store))
        return Limits(rule.block_max_bytes, rule.block_max_gas, self._version())

    # -- what consensus asks: the mempool ------------------------------------------------------

    def check(self, raws: Sequence[bytes], *, again: bool = False) -> list[Checked]:
        """Judge transactions for the mempool; with `again` those that it holds already."""
        now = self.now()
        answers: dict[int, Checked] = {}
        jobs = []
        for index, raw in enumerate(raws):
            known = self._queue.find(sha256(raw))
            if known is not None and known.body.expires > now:
                answers[index] = Checked(OK, "", known.gas)
            elif again:
                answers[index] = Checked(EXPIRED.number, EXPIRED.name, len(raw))
            else:
                try:
                    jobs.append((index, *self.machine.precheck(raw, now)))
                except Refusal as refusal:
                    answers[index] = _refused(refusal, len(raw))
        refusals = self._verdicts.settle([(envelope, keys) for _, envelope, keys in jobs])
        limit = parameters(State(self.store)).pending_per_payer if jobs else 0
        with self._wake:
            for (index, envelope, _), found in zip(jobs, refusals, strict=True):
                answers[index] = self._admit(envelope, found, limit)
        return [answers[index] for index in range(len(raws))]

    def _admit(self, envelope: Envelope, refusal: Refusal | None, limit: int) -> Checked:
        try:
            if refusal is not None:
                raise refusal
            self.machine.remember(envelope)
            if envelope.hash not in self._queue:
                self._queue.add(envelope, limit)
        except Refusal as refused:
            return _refused(refused, envelope.gas)
        return Checked(OK, "", envelope.gas)

    # -- what consensus asks: proposals --------------------------------------------------------

    def prepare(self, max_bytes: int, moment: int) -> list[bytes]:
        """Choose the next block's transactions: fair between payers, urgent ones first."""
        rule = parameters(State(self.store))
        with self._wake:
            self._queue.give_back(self._offered)
            taken = self._drop_committed(self._queue.take(rule, BLOCK_TRANSACTIONS))
            self._offered = taken
        chosen, left = [], max_bytes
        for each in taken:
            # A transaction in a block is a chunk of protobuf: a tag, a length and its bytes.
            size = len(each.raw) + 6
            if size <= left and each.body.expires > moment // _MILLI:
                chosen.append(each.raw)
                left -= size
        return chosen

    def _drop_committed(self, taken: list[Envelope]) -> list[Envelope]:
        """Leave out what a block took while it was on its way into the queue."""
        late = [each for each in taken if self.store.where(each.hash) is not None]
        if not late:
            return taken
        self._queue.settle(late)
        for each in late:
            future = self._futures.pop(each.hash, None)
            found = self.outcome(each.hash)
            if future is not None and found is not None:
                future.set_result(found)
        return [each for each in taken if each.hash in self._queue]

    def process(self, txs: Sequence[bytes]) -> bool:
        """Judge another's proposal by its size alone: what is wrong inside fails in the block."""
        rule = parameters(State(self.store))
        if len(txs) > BLOCK_TRANSACTIONS or sum(map(len, txs)) > rule.block_max_bytes:
            return False
        return sum(self._gas(raw) for raw in txs) <= rule.block_max_gas

    def _gas(self, raw: bytes) -> int:
        known = self._queue.find(sha256(raw))
        if known is not None:
            return known.gas
        try:
            return decode(raw, self._version()).gas
        except Refusal:
            return len(raw)

    # -- what consensus asks: blocks -----------------------------------------------------------

    def finalize(self, decision: Decision) -> Applied:
        """Work out what a decided block does, without writing; it may be asked again."""
        if decision.height != self._next_height():
            raise OutOfTurn(f"height {decision.height} does not follow {self._tip.height}")
        if self._restore is not None:
            raise OutOfTurn("a block while a snapshot is half restored")
        self._require_running()
        proved = [
            Misbehaviour(each.kind, each.address, each.height, each.time // _MILLI, each.power)
            for each in decision.misbehaviour
        ]
        with self._commit_lock:
            applied = self.machine.apply_block(
                decision.height, decision.time // _MILLI, decision.txs, proved
            )
        self._staged = _Staged(decision, applied)
        return applied

    def commit(self) -> int:
        """Write the finalized height durably; gives the lowest height that must be kept."""
        staged = self._staged
        if staged is None:
            raise OutOfTurn("commit without a finalized block")
        self._staged = None
        decision, applied = staged
        before = self._tip
        tip = Tip(
            height=decision.height,
            time=applied.time,
            app_hash=applied.app_hash,
            results_hash=blocks.results_hash([tx_result(each) for each in applied.results]),
            block_hash=decision.hash,
            parts_total=0,
            parts_hash=b"",
            empty=not decision.txs and applied.app_hash == before.app_hash,
        )
        hashes = [sha256(raw) for raw in decision.txs]
        decided = Decided(decision.time, decision.hash, decision.txs)
        with self._commit_lock:
            self.store.write_decided(applied, decided, hashes, tip)
            self.machine.adopt(applied)
            self._tip = tip
            self._arrived = time.monotonic()
        self.machine.forget(hashes)
        with self._wake:
            taken = set(hashes)
            self._queue.give_back([each for each in self._offered if each.hash not in taken])
            self._offered = []
        if self._snapshot_every and tip.height % self._snapshot_every == 0:
            self._snapshots.start(tip.height)
        # Some may have come in only after the block was worked out.
        self._answer([self._queue.find(each) for each in hashes], applied)
        self._sweep()
        self._tell(tip.height)
        self._seal_work.set()
        return self.retain_height()

    def retain_height(self) -> int:
        """Give the lowest height that the engine must keep of its own blocks; 0 keeps all.

        The node has every sealed block itself, so the engine keeps those that evidence may speak
        of, what is not sealed yet, and nothing that the node moved to an archive.
        """
        base = self.store.base()
        pruned = base if base > self.genesis.first_height() else 0
        old = self._tip.height - self._keep_blocks if self._keep_blocks else 0
        return max(0, min(max(pruned, old), self._sealed))

    def changes(self, applied: Applied) -> tuple[list[ValidatorUpdate], Limits | None]:
        """Give what a block changes for consensus: validators, and limits where they differ."""
        changed = applied.validators if self.genesis.governed() else ()
        updates = [ValidatorUpdate(*each) for each in changed]
        change = applied.consensus
        if change is None:
            return updates, None
        return updates, Limits(change.block_max_bytes, change.block_max_gas, change.app_version)

    @staticmethod
    def results(applied: Applied) -> list[TxResult]:
        """Give the results as `last_results_hash` covers them."""
        return [TxResult(each.code, each.data(), each.gas) for each in applied.results]

    def _sweep(self) -> None:
        """Throw out what expired while it waited, now and then.

        The chain's time decides, and not this machine's: until it has passed, another member's
        proposal may still bring what was thrown out here.
        """
        passed = self._tip.time
        if passed - self._swept < SWEEP_EVERY_MS:
            return
        self._swept = passed
        with self._wake:
            late = [each for each in self._queue.waiting() if each.body.expires <= passed]
        if late:
            self._expire(late)

    # -- what consensus asks: snapshots --------------------------------------------------------

    def snapshots(self) -> list[Snapshot]:
        """List the snapshots that a new member may begin from."""
        return self._snapshots.list()

    def chunk(self, height: int, form: int, index: int) -> bytes:
        """Give a chunk of a snapshot; empty where there is none."""
        return self._snapshots.chunk(height, form, index) or b""

    def offer(self, snapshot: Snapshot, app_hash: bytes) -> int:
        """Begin from a snapshot if it proves itself; gives ABCI's answer to an offer."""
        if self._tip.height >= self.genesis.first_height():
            return SNAPSHOT_ABORT
        try:
            with self._commit_lock:
                self._restore = Restore(snapshot, app_hash, self.store)
        except SnapshotRefused as refused:
            return SNAPSHOT_REJECT_FORMAT if refused.why == "format" else SNAPSHOT_REJECT
        log.info("beginning from a snapshot of height %d", snapshot.height)
        return SNAPSHOT_ACCEPT

    def take_chunk(self, index: int, chunk: bytes) -> int:
        """Take a chunk of the snapshot at hand; gives ABCI's answer to a chunk."""
        restore = self._restore
        if restore is None:
            return CHUNK_ABORT
        with self._commit_lock:
            if restore.apply(index, chunk) is not Verdict.ACCEPTED:
                return CHUNK_RETRY
            if restore.missing():
                return CHUNK_ACCEPT
            try:
                restore.finish()
            except SnapshotRefused:
                return CHUNK_REJECT_SNAPSHOT
            self._restore = None
            self._take_up_state()
        with self._wake:
            self._sealed = self._tip.height
            self._wake.notify_all()
        self._tell(self._tip.height)
        return CHUNK_ACCEPT

    def behind(self) -> bool:
        """Tell whether this copy may be out of date (architecture, section 6, time).

        A block carries the time of the votes before it, so an idle chain's newest is up to two
        empty-block intervals old; a third one is for what consensus itself takes.
        """
        if not self._quiet_ms:
            return False
        waited = (time.monotonic() - self._arrived) * 1000 - AGREES_IN_MS
        age = now_ms() - self._tip.time - AGREES_IN_MS
        return waited > 2 * self._quiet_ms or age > 3 * self._quiet_ms

    def _give_up_restore(self) -> None:
        """Go back to the first state: the engine begins without the snapshot that it offered."""
        self._restore = None
        with self._commit_lock:
            abandon(self.store)
            self._take_up_state()

    # -- sending -------------------------------------------------------------------------------

    def connected(self) -> None:
        """Be told that an engine has connected: its mempool is empty, whatever it held before."""
        self._staged = None
        with self._wake:
            waiting = self._queue.waiting()
        with self._sending:
            self._unsent = waiting
            self._sending.notify_all()
        self._seal_work.set()

    def _entered(self, envelopes: list[Envelope]) -> None:
        if envelopes:
            with self._sending:
                self._unsent.extend(envelopes)
                self._sending.notify_all()

    def _keep_sending(self) -> None:
        """Hand what came in here to the engine, in order; what it does not take waits its turn."""
        while True:
            with self._sending:
                while not self._unsent and not self._closing:
                    self._sending.wait()
                if self._closing:
                    return
                part, self._unsent = self._unsent, []
            left = self._send(part)
            if left:
                with self._sending:
                    self._unsent = left + self._unsent
                    if not self._closing:
                        self._sending.wait(SEND_AGAIN)

    def _send(self, envelopes: list[Envelope]) -> list[Envelope]:
        now = now_ms()
        due = [each for each in envelopes if each.hash in self._queue and each.body.expires > now]
        try:
            said = self._link.broadcast([each.raw for each in due])
        except EngineAway:
            return due
        left = []
        for each, reason in zip(due, said, strict=True):
            # "Already in cache": it waits there, or a block has it; the queue knows which.
            if reason is not None and "already exists in cache" not in reason:
                left.append(each)
        return left

    # -- sealing -------------------------------------------------------------------------------

    @property
    def sealed_height(self) -> int:
        """The newest height whose header and commit are stored."""
        return self._sealed

    def _first_unsealed(self) -> int:
        first = max(self.genesis.first_height(), self.store.base() if self._tip.height else 1)
        return max(self.store.sealed() + 1, first)

    def _next_height(self) -> int:
        return max(self._tip.height + 1, self.genesis.first_height())

    def _keep_sealing(self) -> None:
        cold = True
        while not self._closing:
            self._seal_work.clear()
            try:
                while not self._closing and self._sealed < self._tip.height:
                    if not self._seal(self._sealed + 1):
                        break
            except EngineAway:
                pass
            except (InvariantBroken, StoreDamaged, Refusal) as fault:
                self.condemn(fault)
                return
            behind = self._sealed < self._tip.height
            if cold and not behind:
                with self._commit_lock:
                    cold = self.tree.warm(WARM_AT_ONCE)
                self._seal_work.wait(0.01)
            else:
                self._seal_work.wait(SEAL_AGAIN if behind else None)

    def _seal(self, height: int) -> bool:
        decided = self.store.decided(height)
        if decided is None:
            raise StoreDamaged(f"block {height} is missing", height)
        signed = self._link.signed(height)
        if signed is None:
            return False
        last = signed.last_commit
        block = Block(signed.header, decided.txs, last, signed.evidence)
        encoded = block.encode()
        named = signed.commit.block_id
        if (
            named.hash != decided.hash
            or signed.header.hash() != decided.hash
            or blocks.part_set_header(encoded) != named.parts
            or blocks.evidence_hash([evidence.bare(each) for each in signed.evidence])
            != signed.header.evidence_hash
        ):
            raise InvariantBroken(f"block {height} does not have the bytes that were signed")
        self._keep_validators(signed.header.validators_hash, height)
        if signed.header.next_validators_hash != signed.header.validators_hash:
            self.store.keep_turn(signed.header, signed.commit)
        self.store.seal(height, encoded, signed.commit.encode())
        with self._wake:
            self._sealed = height
            self._wake.notify_all()
        return True

    def _keep_validators(self, set_hash: bytes, height: int) -> None:
        if self.history.knows_validators(set_hash):
            return
        found = self._link.validators(height)
        if found.hash() != set_hash:
            raise InvariantBroken(f"the validators of height {height} are not those it names")
        self.store.keep_validators(found)

    def _want_proof(self) -> None:
        """The engine makes the block that closes the newest one by itself."""

    # -- life ----------------------------------------------------------------------------------

    def failed(self, fault: BaseException) -> None:
        """Be told that a call of consensus failed; what breaks the law's ground stops the node."""
        if isinstance(fault, (StoreDamaged, InvariantBroken, MemoryError, RecursionError, OSError)):
            self.condemn(fault)

    def _version(self) -> int:
        return law(State(self.store)).at(self._next_height())

    def _end(self) -> None:
        with self._sending:
            self._sending.notify_all()
        self._seal_work.set()
        for each in self._threads:
            each.join()
        self._snapshots.close()
        self._link.close()


def _refused(refusal: Refusal, gas: int) -> Checked:
    return Checked(refusal.code.number, refusal.code.name, gas)
