"""What the members of a simulated consortium agreed on: blocks, votes, and what must follow.

The headers, commits and evidence are real ones. What a block must do is worked out here by the bare
law in memory, apart from any node: that is what every replica is judged against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import nacl.bindings

from tests.chain import Memory
from tests.consensus import encoding
from tests.consensus.drivers import MILLI, Call, Finalized
from tests.consensus.encoding import Fault
from tests.consensus.town import Town
from yilian.ledger import block as blocks
from yilian.ledger import evidence, keys
from yilian.ledger.block import (
    ABSENT,
    COMMIT,
    NIL,
    Block,
    BlockId,
    Commit,
    CommitSig,
    Header,
    PartSetHeader,
    TxResult,
    Validator,
    ValidatorSet,
    Version,
)
from yilian.ledger.genesis import Genesis
from yilian.ledger.machine import Applied, Machine
from yilian.ledger.module import Misbehaviour
from yilian.ledger.tree import Tree

DUPLICATE = 1


class Law:
    """The bare law on a state in memory."""

    def __init__(self, genesis: Genesis) -> None:
        self.memory = Memory()
        self._tiles: dict[bytes, bytes] = {}
        tree = Tree(self._tiles.get, hashing=keys.HASHES[genesis.profile.hash])
        self._machine = Machine(genesis, self.memory, tree, _raise)
        first = self._machine.first_state()
        self._adopt(first)
        self.first_hash = first.app_hash

    def run(self, height: int, time: int, call: Call) -> Applied:
        """Apply a block and keep what it did."""
        applied = self._machine.apply_block(height, time, call.txs, told(call.faults))
        self._adopt(applied)
        return applied

    def _adopt(self, applied: Applied) -> None:
        for tile, data in applied.view.tiles.items():
            if data is None:
                self._tiles.pop(tile, None)
            else:
                self._tiles[tile] = data
        self.memory.write(applied.changes)
        self._machine.adopt(applied)


class Candidate(NamedTuple):
    """A block that was proposed: its bytes, its name, and what it tells of misdeeds."""

    block: Block
    encoded: bytes
    block_id: BlockId
    faults: tuple[Fault, ...]

    @property
    def height(self) -> int:
        return self.block.header.height

    def call(self) -> Call:
        """Give what FinalizeBlock asks if this is decided."""
        header = self.block.header
        return Call(
            header.height,
            header.time,
            self.block_id.hash,
            self.block.txs,
            self.faults,
            header.next_validators_hash,
            header.proposer_address,
        )


class Height(NamedTuple):
    """A decided block, all votes for it, and what it must do."""

    candidate: Candidate
    commit: Commit
    expected: Finalized


class Agreed:
    """The chain as consensus has it: `heights[0]` is the first block."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.law = Law(town.genesis)
        self.heights: list[Height] = []
        rule = town.genesis.parameters
        first = town.genesis.validator_set()
        self._sets = {1: first, 2: first}
        self._limits = {1: (rule.block_max_bytes, rule.block_max_gas, 1)}

    @property
    def height(self) -> int:
        """The newest decided height."""
        return len(self.heights)

    def at(self, height: int) -> Height:
        """Give a decided height."""
        return self.heights[height - 1]

    def validators(self, height: int) -> ValidatorSet:
        """Give who votes at a height, up to the one after the next."""
        return self._sets[height]

    def limits(self, height: int) -> tuple[int, int, int]:
        """Give a block's limits in bytes and gas, and the version of the law."""
        return self._limits[height]

    def app_hash(self, height: int) -> bytes:
        """Give the state's root after a height."""
        return self.at(height).expected.app_hash if height else self.law.first_hash

    # -- proposals -----------------------------------------------------------------------------

    def propose(
        self,
        proposer: bytes,
        txs: Sequence[bytes],
        last: Commit,
        proofs: Sequence[tuple[Fault, bytes]] = (),
    ) -> Candidate:
        """Make the next block as its proposer does; `last` is the commit that it saw."""
        height = self.height + 1
        max_bytes, max_gas, app = self._limits[height]
        leaves = [evidence.bare(each) for _, each in proofs]
        header = Header(
            version=Version(app=app),
            chain_id=self.town.genesis.chain,
            height=height,
            time=self._time(height, last),
            last_block_id=last.block_id,
            last_commit_hash=last.hash(),
            data_hash=blocks.data_hash(txs),
            validators_hash=self._sets[height].hash(),
            next_validators_hash=self._sets[height + 1].hash(),
            consensus_hash=blocks.consensus_hash(max_bytes, max_gas),
            app_hash=self.app_hash(height - 1),
            last_results_hash=self._results_hash(height - 1),
            evidence_hash=blocks.evidence_hash(leaves),
            proposer_address=proposer,
        )
        block = Block(header, tuple(txs), last, tuple(each for _, each in proofs))
        encoded = block.encode()
        block_id = BlockId(header.hash(), blocks.part_set_header(encoded))
        return Candidate(block, encoded, block_id, tuple(fault for fault, _ in proofs))

    def _time(self, height: int, last: Commit) -> int:
        """Block time is the median of the votes' times by power, as in `types/time/time.go`."""
        if height == 1:
            return self.town.genesis.time * MILLI
        weighted = sorted(
            (place.time, each.power)
            for place, each in zip(last.signatures, self._sets[height - 1].validators, strict=True)
            if place.flag != ABSENT
        )
        left = sum(power for _, power in weighted) // 2
        for time, power in weighted:
            if left <= power:
                return time
            left -= power
        raise AssertionError("nobody voted")

    def _results_hash(self, height: int) -> bytes:
        results = self.at(height).expected.results if height else ()
        return blocks.results_hash([TxResult(*each) for each in results])

    # -- votes ---------------------------------------------------------------------------------

    def vote(
        self, candidate: Candidate, voters: dict[int, int], clock: dict[int, int], round_: int
    ) -> Commit:
        """Collect votes: `voters` maps seats to COMMIT or NIL, `clock` to their time in ns."""
        places = []
        for each in self._sets[candidate.height].validators:
            seat = self.town.seat[each.public_key]
            flag = voters.get(seat, ABSENT)
            if flag == ABSENT:
                places.append(CommitSig())
                continue
            time = max(clock[seat], candidate.block.header.time + MILLI)
            named = candidate.block_id if flag == COMMIT else None
            text = blocks.vote_sign_bytes(
                self.town.genesis.chain, candidate.height, round_, named, time
            )
            signature = nacl.bindings.crypto_sign(text, self.town.secrets[each.public_key])[:64]
            places.append(CommitSig(flag, each.address, time, signature))
        return Commit(candidate.height, round_, candidate.block_id, tuple(places))

    def decides(self, commit: Commit) -> bool:
        """Tell whether more than two thirds of the power voted for the block."""
        validators = self._sets[commit.height]
        signed = validators.signed_power(self.town.genesis.chain, commit)
        return signed * 3 > validators.total_power * 2

    def seen(self, height: int, seat: int) -> Commit:
        """Give the commit that a member saw: one vote that came late is not in it."""
        commit = self.at(height).commit
        places = list(commit.signatures)
        places[seat % len(places)] = CommitSig()
        fewer = Commit(commit.height, commit.round, commit.block_id, tuple(places))
        return fewer if self.decides(fewer) else commit

    def canonical(self, height: int) -> Commit:
        """Give the commit of a height that the block after it holds."""
        last = self.at(height + 1).candidate.block.last_commit
        assert last is not None
        return last

    def decide(self, candidate: Candidate, commit: Commit) -> Height:
        """Add a block that was voted for, and work out what it must do."""
        assert self.decides(commit)
        call, height = candidate.call(), candidate.height
        assert evidence.misbehaviour(candidate.block.evidence) == told(call.faults)
        applied = self.law.run(height, call.time // MILLI, call)
        change = applied.consensus
        expected = Finalized(
            applied.app_hash,
            tuple((each.code, each.data(), each.gas, each.gas) for each in applied.results),
            tuple(applied.validators),
            None
            if change is None
            else (change.block_max_bytes, change.block_max_gas, change.app_version),
        )
        decided = Height(candidate, commit, expected)
        self.heights.append(decided)
        self._sets[height + 2] = changed(self._sets[height + 1], expected.validators)
        self._limits[height + 1] = expected.limits or self._limits[height]
        return decided

    # -- misdeeds ------------------------------------------------------------------------------

    def voted_twice(self, height: int, place: int) -> tuple[Fault, bytes]:
        """Prove that a validator of a decided height voted for two blocks."""
        validators = self._sets[height]
        index = place % len(validators)
        each = validators.validators[index]
        made = []
        for label in (b"one", b"two"):
            named = BlockId(keys.sha256(label), PartSetHeader(1, keys.sha256(b"part " + label)))
            time = self.at(height).candidate.block.header.time + 5 * MILLI
            text = blocks.vote_sign_bytes(self.town.genesis.chain, height, 7, named, time)
            signature = nacl.bindings.crypto_sign(text, self.town.secrets[each.public_key])[:64]
            vote = encoding.vote(2, height, 7, named.hash, (named.parts.total, named.parts.hash))
            made.append((named, encoding.signed_vote(vote, time, each.address, index, signature)))
        # The engine orders the two votes by the blocks that they name.
        one, two = (vote for _, vote in sorted(made, key=lambda pair: pair[0].hash))
        moment = self.at(height).candidate.block.header.time
        total = validators.total_power
        fault = Fault(DUPLICATE, each.address, height, moment, each.power, total)
        return fault, encoding.duplicate_vote(one, two, total, each.power, moment)


def told(faults: Sequence[Fault]) -> list[Misbehaviour]:
    """Give misdeeds as the law takes them, with times in ms."""
    return [
        Misbehaviour("duplicate_vote", each.address, each.height, each.time // MILLI, each.power)
        for each in faults
    ]


def changed(validators: ValidatorSet, updates: Sequence[tuple[bytes, int]]) -> ValidatorSet:
    """Change a set as `types/validator_set.go` does; raises AssertionError where it would stop."""
    held = {each.public_key: each.power for each in validators.validators}
    assert len({key for key, _ in updates}) == len(updates), "a key twice stops the chain"
    for key, power in updates:
        if power:
            held[key] = power
        else:
            assert key in held, "the removal of a stranger stops the chain"
            del held[key]
    assert held, "an empty set stops the chain"
    return ValidatorSet(Validator(*each) for each in held.items())


def _raise(fault: BaseException) -> None:
    raise AssertionError("a rule raised something that is no refusal") from fault


__all__ = ["COMMIT", "NIL", "Agreed", "Candidate", "Height", "changed"]
