"""A consensus simulator: members of a consortium, driven as CometBFT v0.38 drives an application.

The law behind each member is the real one, on a real store; the engine is played here, by the
grammar of `spec/abci/abci++_comet_expected_behavior.md`: clean start and recovery, rounds with
other proposers, candidates that are not decided, catching up without rounds, a height that is
finalized again after a crash, and checks of the mempool after each block. What each call must
answer is known from the bare law (`agreed.py`).

A crash is a copy of the store's files as they are on the disk at that moment, opened as a new node.
"""

from __future__ import annotations

import atexit
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from tests.consensus.agreed import Agreed, Candidate
from tests.consensus.drivers import MILLI, NEW, RECHECK, Bytes, Call, Direct, Driver
from tests.consensus.town import Town
from yilian.ledger.block import COMMIT, NIL, Commit, ValidatorSet
from yilian.ledger.keys import sha256
from yilian.node.abci.application import Application
from yilian.node.cometbft import Consortium
from yilian.node.engine import write_genesis
from yilian.node.link import EngineAway, Signed

PATIENCE = 20.0
MEMORY = 4 << 30
"""What must be free in memory: each store sets room aside for its log."""
OVERHEAD = 4_000
"""What a block's header, commit and evidence may take of its bytes."""

Crash = Literal["before", "between", "after", "sealing"]
CRASHES: tuple[Crash, ...] = ("before", "between", "after", "sealing")


class Link:
    """A member's engine as the member's node may ask it: what it stores, and its mempool."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._lock = threading.Condition()
        self._handed_in: list[bytes] = []
        self.away = False
        self.shown: int | None = None
        self.when_asked: Callable[[int], None] = lambda height: None

    def broadcast(self, raws: Sequence[bytes]) -> list[str | None]:
        self._require()
        with self._lock:
            self._handed_in += raws
            self._lock.notify_all()
        return [None] * len(raws)

    def handed_in(self, raw: bytes) -> None:
        """Wait until a transaction was handed in."""
        with self._lock:
            assert self._lock.wait_for(lambda: raw in self._handed_in, PATIENCE)

    def take(self) -> list[bytes]:
        """Take what was handed in."""
        with self._lock:
            taken, self._handed_in = self._handed_in, []
            return taken

    def signed(self, height: int) -> Signed | None:
        self._require()
        replica = self._replica
        if height > (replica.stored if self.shown is None else self.shown):
            return None
        self.when_asked(height)
        block = replica.agreed.at(height).candidate.block
        last = block.last_commit
        assert last is not None
        newest = height == replica.stored
        commit = (
            replica.agreed.seen(height, replica.seat)
            if newest
            else replica.agreed.canonical(height)
        )
        return Signed(block.header, last, block.evidence, commit)

    def validators(self, height: int) -> ValidatorSet:
        self._require()
        return self._replica.agreed.validators(height)

    def close(self) -> None:
        """There is nothing to let go of."""

    def _require(self) -> None:
        if self.away:
            raise EngineAway("the engine is down")


class Replica:
    """One member: its node, and the part of its engine that the node can notice."""

    def __init__(self, seat: int, folder: Path, agreed: Agreed, by_bytes: bool) -> None:
        self.seat = seat
        self.agreed = agreed
        self.folder = folder / "0"
        self.stored = 0
        self.mempool: list[bytes] = []
        self.known: set[bytes] = set()
        self.link = Link(self)
        self.engine: Consortium | None = None
        self.snapshot_every = 0
        self._by_bytes = by_bytes
        self._lives = 0
        write_genesis(self.folder, agreed.town.genesis)

    # -- life ----------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Whether the node runs."""
        return self.engine is not None

    @property
    def node(self) -> Consortium:
        """The running node."""
        assert self.engine is not None
        return self.engine

    def start(self) -> None:
        """Start node and engine: handshake, and what the engine stores is replayed."""
        assert self.engine is None
        self._open()
        self._handshake()

    def _open(self) -> None:
        self.link = Link(self)
        self.engine = Consortium(self.folder, self.link, self.snapshot_every)
        self._application = Application(self.engine)
        self.call: Driver = Bytes(self._application) if self._by_bytes else Direct(self.engine)

    def start_empty(self) -> Bytes:
        """Start node and engine as for a snapshot: without a handshake; gives the calls."""
        assert self.engine is None
        self._open()
        self._application.connected()
        return Bytes(self._application)

    def restart_engine(self) -> None:
        """Let the engine alone die and come again: its mempool is gone, the node lives on."""
        self.mempool, self.known = [], set()
        self._handshake()

    def _handshake(self) -> None:
        self._application.connected()
        height, app_hash = self.call.info()
        agreed = self.agreed
        assert height <= self.stored, "a node must never be ahead of its engine"
        if height == 0:
            genesis = agreed.town.genesis
            validators = [(v.public_key, v.power) for v in agreed.validators(1).validators]
            began = self.call.init_chain(genesis.chain, genesis.time * MILLI, 1, validators)
            assert began.limits == agreed.limits(1)
            assert sorted(began.validators) == sorted(validators)
            app_hash = began.app_hash
        assert app_hash == agreed.app_hash(height)
        self.deliver(self.stored)

    def crash(self) -> None:
        """Lose the process: what is on the disk now is all that a new one will find."""
        life = self._freeze()
        self._abandon()
        self.folder = life

    def _freeze(self) -> Path:
        self._lives += 1
        life = self.folder.with_name(str(self._lives))
        shutil.copytree(self.folder, life)
        return life

    def _abandon(self) -> None:
        self.link.away = True
        node, self.engine = self.node, None
        self.mempool, self.known = [], set()
        node.close()

    def close(self) -> None:
        """Stop in good order."""
        if self.engine is not None:
            self._abandon()

    # -- blocks --------------------------------------------------------------------------------

    def deliver(self, height: int, crash: Crash | None = None) -> None:
        """Have all heights up to one finalized and committed; with a crash, at the last of them."""
        self.stored = max(self.stored, height)
        for each in range(self.node.height + 1, height + 1):
            self._deliver(each, crash if each == height else None)
            if self.engine is None:
                return

    def _deliver(self, height: int, crash: Crash | None) -> None:
        agreed = self.agreed.at(height)
        call = agreed.candidate.call()
        if crash in ("after", "sealing"):
            self._stop_sealing(height, crash)
        if crash == "before":
            self.crash()
            return
        assert self.call.finalize(call) == agreed.expected
        if crash == "between":
            self.crash()
            return
        assert self.node.height == height - 1, "nothing is written before commit"
        self.call.commit()
        assert self.call.info() == (height, agreed.expected.app_hash)
        if crash == "after":
            self.crash()
        elif crash == "sealing":
            self._crash_while_sealing()
        else:
            self._settle(call)

    def _stop_sealing(self, height: int, crash: Crash) -> None:
        """Keep a height from being sealed, or leave the crash to the moment when it is."""
        self._asked = threading.Event()
        self._frozen: Path | None = None
        if crash == "after":
            self.link.shown = height - 1
            return

        def freeze(asked: int) -> None:
            if asked == height and self._frozen is None:
                self._frozen = self._freeze()
                self._asked.set()

        self.link.when_asked = freeze

    def _crash_while_sealing(self) -> None:
        assert self._asked.wait(PATIENCE)
        assert self._frozen is not None
        self._abandon()
        self.folder = self._frozen

    def _settle(self, call: Call) -> None:
        """Take the block's transactions out of the mempool, and check the rest again."""
        taken = set(call.txs)
        self.known |= taken
        rest = [each for each in self.mempool if each not in taken]
        codes = self.call.check(rest, RECHECK) if rest else []
        self.mempool = [raw for raw, code in zip(rest, codes, strict=True) if code == 0]

    def sealed(self) -> None:
        """Wait until all that the engine stores is sealed."""
        deadline = time.monotonic() + PATIENCE
        while self.node.sealed_height < self.stored:
            assert self.node.fault is None, self.node.fault
            assert time.monotonic() < deadline, "sealing takes too long"
            time.sleep(0.002)

    # -- the mempool ---------------------------------------------------------------------------

    def receive(self, raws: Iterable[bytes]) -> list[int | None]:
        """Have transactions checked that the mempool has not seen; gives the codes."""
        codes: list[int | None] = []
        for raw in raws:
            if raw in self.known:
                codes.append(None)
                continue
            (code,) = self.call.check([raw], NEW)
            codes.append(code)
            if code == 0:
                self.known.add(raw)
                self.mempool.append(raw)
        return codes

    def pump(self) -> None:
        """Have checked what the node itself handed in."""
        self.receive(self.link.take())


class Network:
    """All members, and the rounds between them. Everything that varies is drawn from `dice`."""

    def __init__(self, powers: Sequence[int] = (10, 10, 10, 10), seed: int = 0) -> None:
        self.folder = _folder()
        self.town = Town(powers)
        self.agreed = Agreed(self.town)
        self.dice = random.Random(seed)
        self.replicas = [
            Replica(seat, self.folder / f"member-{seat}", self.agreed, by_bytes=seat % 2 == 0)
            for seat in range(len(powers))
        ]
        self.round = 0
        for each in self.replicas:
            each.start()

    def close(self) -> None:
        """Stop all members and remove what they wrote."""
        for each in self.replicas:
            each.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def running(self) -> list[Replica]:
        """Those that run and are at the newest height."""
        newest = self.agreed.height
        return [each for each in self.replicas if each.up and each.node.height == newest]

    def wait(self, ms: int) -> None:
        """Let time pass."""
        self.town.time += ms

    # -- rounds --------------------------------------------------------------------------------

    def propose(
        self, seat: int, txs: Sequence[bytes] | None = None, misdeeds: Sequence[int] = ()
    ) -> Candidate:
        """Have a member propose the next block: what its node prepares, or what it makes up."""
        agreed, replica = self.agreed, self.replicas[seat]
        height = agreed.height + 1
        last = agreed.seen(height - 1, seat) if height > 1 else Commit()
        proofs = [agreed.voted_twice(height - 1, place) for place in misdeeds]
        address = self._address(seat)
        empty = agreed.propose(address, (), last, proofs)
        if txs is None:
            most = agreed.limits(height)[0] - OVERHEAD
            time_ = empty.block.header.time
            txs = replica.call.prepare(replica.mempool, most, height, time_)
            assert sum(map(len, txs)) <= most
            assert replica.call.prepare(replica.mempool, most, height, time_) == txs
        return agreed.propose(address, txs, last, proofs)

    def _address(self, seat: int) -> bytes:
        validators = self.agreed.validators(self.agreed.height + 1).validators
        own = [each for each in validators if self.town.seat[each.public_key] == seat]
        return (own or validators)[0].address

    def judged(self, candidate: Candidate, hearing: Iterable[int] | None = None) -> bool:
        """Have the members that hear a proposal judge it: all must say the same."""
        heard = self.running if hearing is None else [self.replicas[seat] for seat in hearing]
        header = candidate.block.header
        said = {
            each.seat: each.call.process(candidate.block.txs, header.height, header.time)
            for each in heard
        }
        assert len(set(said.values())) <= 1, said
        return all(said.values())

    def fail_round(self, seat: int, txs: Sequence[bytes] | None = None) -> None:
        """Have a proposal made and judged that is not decided."""
        self.judged(self.propose(seat, txs))
        self.round += 1

    def decide(
        self, candidate: Candidate, silent: Iterable[int] = (), against: Iterable[int] = ()
    ) -> bool:
        """Vote for a candidate; gives False where too few members run or vote for it."""
        voters = {each.seat: COMMIT for each in self.running}
        voters |= dict.fromkeys(set(against) & set(voters), NIL)
        for seat in silent:
            voters.pop(seat, None)
        now = self.town.time * MILLI
        clock = {each.seat: now + each.seat * 7_000_001 for each in self.replicas}
        commit = self.agreed.vote(candidate, voters, clock, self.round)
        if not self.agreed.decides(commit):
            return False
        self.agreed.decide(candidate, commit)
        self.round = 0
        return True

    def deliver(self, crashes: Mapping[int, Crash] | None = None, late: Iterable[int] = ()) -> None:
        """Bring all running members to the newest height, but for those that hear of it late."""
        crashes = crashes or {}
        for each in self.dice.sample(self.replicas, len(self.replicas)):
            if each.up and each.seat not in set(late):
                each.deliver(self.agreed.height, crashes.get(each.seat))

    def block(
        self,
        seat: int | None = None,
        txs: Sequence[bytes] | None = None,
        crashes: Mapping[int, Crash] | None = None,
        misdeeds: Sequence[int] = (),
    ) -> bool:
        """Make the next height in one round; gives False where too few members run."""
        self.wait(1_000)
        if not self.running:
            return False
        proposer = self.dice.choice(self.running).seat if seat is None else seat
        candidate = self.propose(proposer, txs, misdeeds)
        if not self.judged(candidate) or not self.decide(candidate):
            self.round += 1
            return False
        self.deliver(crashes)
        return True

    def blocks(self, count: int) -> None:
        """Make some heights."""
        for _ in range(count):
            assert self.block()

    # -- the mempool ---------------------------------------------------------------------------

    def send(self, seat: int, *raws: bytes) -> list[int | None]:
        """Hand transactions to a member's engine; gives the codes of CheckTx."""
        return self.replicas[seat].receive(raws)

    def gossip(self, lost: float = 0.0) -> None:
        """Have members pass on what they hold, each in an order of its own; some of it is lost."""
        for source in self.dice.sample(self.replicas, len(self.replicas)):
            for target in self.replicas:
                if source is not target and source.up and target.up:
                    held = self.dice.sample(source.mempool, len(source.mempool))
                    target.receive(raw for raw in held if self.dice.random() >= lost)

    # -- judgement -----------------------------------------------------------------------------

    def whole(self) -> None:
        """Start whoever is down, bring all to the newest height and wait until all is sealed."""
        for each in self.replicas:
            if not each.up:
                each.start()
            each.deliver(self.agreed.height)
            each.sealed()

    def hashes(self) -> list[bytes]:
        """Give the hash of every transaction that was decided, in order, repeated ones too."""
        return [sha256(raw) for height in self.agreed.heights for raw in height.candidate.block.txs]


def _folder() -> Path:
    """Make a folder in memory where there is room: a crash here is a copy, so no disk is needed."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > MEMORY
    made = tempfile.mkdtemp(prefix="yilian-consensus-", dir=memory if roomy else None)
    # A test that fails before its network stands does not close it.
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


__all__ = ["CRASHES", "Crash", "Network", "Replica"]
