"""What a member's node does between its engine's calls: handing in, sealing, telling, stopping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from tests.chain import MINUTE, Chain, Signer
from tests.consensus.drivers import MILLI
from tests.consensus.simulator import PATIENCE, Network
from tests.consensus.town import Town
from yilian.ledger.block import Validator, ValidatorSet
from yilian.ledger.errors import EXPIRED, InvariantBroken, Refusal
from yilian.node.abci.messages import Decision
from yilian.node.cometbft import Consortium
from yilian.node.engine import NotYet, Stopped, now_ms, write_genesis
from yilian.node.link import EngineAway, Signed
from yilian.sdk import verify


@pytest.fixture
def network() -> Iterator[Network]:
    made = Network()
    yield made
    made.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# -- handing in ------------------------------------------------------------------------------------


class Busy:
    """An engine that answers as a test says, and remembers what it was handed."""

    def __init__(self, *answers: Callable[[Sequence[bytes]], list[str | None]]) -> None:
        self._answers = list(answers)
        self.came: list[bytes] = []
        self.times = 0

    def broadcast(self, raws: Sequence[bytes]) -> list[str | None]:
        self.times += 1
        answer = self._answers.pop(0) if self._answers else taken
        said = answer(raws)
        self.came += raws
        return said

    def signed(self, height: int) -> Signed | None:
        return None

    def validators(self, height: int) -> ValidatorSet:
        raise EngineAway("not asked")

    def close(self) -> None:
        """There is nothing to let go of."""


def taken(raws: Sequence[bytes]) -> list[str | None]:
    return [None for _ in raws]


def away(raws: Sequence[bytes]) -> list[str | None]:
    raise EngineAway("starting")


def full(raws: Sequence[bytes]) -> list[str | None]:
    return ["mempool is full: number of txs 5000"] * len(raws)


def cached(raws: Sequence[bytes]) -> list[str | None]:
    return ["tx already exists in cache"] * len(raws)


@pytest.mark.parametrize("problem", [away, full])
def test_what_the_engine_does_not_take_is_handed_in_again(
    tmp_path: Path, problem: Callable[[Sequence[bytes]], list[str | None]]
) -> None:
    town, link = Town((10,)), Busy(problem)
    write_genesis(tmp_path / "node", town.genesis)
    with Consortium(tmp_path / "node", link) as node:
        raw = town.enrol()
        future = node.submit(raw)
        until(lambda: link.times >= 2)
        assert link.came[-1] == raw
        assert not future.done()
    with pytest.raises(Stopped):
        future.result(timeout=PATIENCE)


def test_what_the_engine_holds_already_is_left_to_it(tmp_path: Path) -> None:
    town, link = Town((10,)), Busy(cached)
    write_genesis(tmp_path / "node", town.genesis)
    with Consortium(tmp_path / "node", link) as node:
        first, second = town.enrol(), town.enrol()
        node.submit(first)
        until(lambda: first in link.came)
        node.submit(second)
        until(lambda: second in link.came)
        assert link.came.count(first) == 1
        assert node.pending() == 2


def test_who_hands_in_twice_waits_for_one_block(network: Network) -> None:
    replica, raw = network.replicas[1], network.town.enrol()
    futures = [replica.node.submit(raw) for _ in range(3)]
    replica.link.handed_in(raw)
    replica.pump()
    assert network.block(1)
    told = [each.result(timeout=PATIENCE) for each in futures]
    assert [(each.height, each.index, each.code) for each in told] == [(1, 0, 0)] * 3


def test_what_came_by_another_member_is_told_to_who_hands_it_in_here(network: Network) -> None:
    raw = network.town.enrol()
    network.send(0, raw)
    network.gossip()
    future = network.replicas[3].node.submit(raw)
    assert network.block(0)
    assert future.result(timeout=PATIENCE).code == 0
    assert network.replicas[3].node.pending() == 0


def test_a_refusal_in_a_block_is_told(network: Network) -> None:
    label = "one person"
    message = Chain.enrol_person(label, Signer(label).key)
    raws = [network.town.sign(network.town.members[0], message) for _ in range(2)]
    futures = [network.replicas[0].node.submit(raw) for raw in raws]
    assert network.block(1, raws)
    codes = [each.result(timeout=PATIENCE).code for each in futures]
    assert codes[0] == 0
    assert codes[1] != 0


def test_what_is_entered_after_its_block_is_told_its_outcome(network: Network) -> None:
    raw, node = network.town.enrol(), network.replicas[0].node
    found: list[object] = []
    checked = threading.Event()

    def late() -> None:
        found.append(node.submit(raw).result(timeout=PATIENCE))

    # The one who hands in is between its check and the queue while the block is written.
    settle, block = node._verdicts.settle, threading.Event()

    def slow(jobs: object) -> object:
        checked.set()
        assert block.wait(PATIENCE)
        return settle(jobs)  # type: ignore[arg-type]

    node._verdicts.settle = slow  # type: ignore[assignment, method-assign]
    thread = threading.Thread(target=late)
    thread.start()
    assert checked.wait(PATIENCE)
    node._verdicts.settle = settle  # type: ignore[method-assign]
    assert network.block(1, [raw])
    block.set()
    thread.join(PATIENCE)
    assert [each.height for each in found] == [1]  # type: ignore[attr-defined]
    assert node.pending() == 0


def test_expiry_is_told_by_the_chains_time_and_not_by_this_machines(tmp_path: Path) -> None:
    town = Town((10,))
    began = now_ms() - MINUTE
    genesis = msgspec.structs.replace(town.genesis, time=began)
    write_genesis(tmp_path / "node", genesis)
    link = Busy()
    with Consortium(tmp_path / "node", link) as node:
        expires = now_ms() + 2_000
        raw = town.anchor(expires=expires)
        future = node.submit(raw)
        until(lambda: now_ms() > expires + 10)
        node.finalize(Decision(1, began * MILLI, b"1" * 32, ()))
        node.commit()
        assert not future.done()
        node.finalize(Decision(2, (began + 1) * MILLI, b"2" * 32, (raw,)))
        node.commit()
        assert future.result(timeout=PATIENCE).code == 0


def test_what_no_block_can_take_any_more_is_told(tmp_path: Path) -> None:
    town = Town((10,))
    write_genesis(tmp_path / "node", town.genesis)
    with Consortium(tmp_path / "node", Busy()) as node:
        future = node.submit(town.anchor(expires=town.time + 1_000))
        node.finalize(Decision(1, (town.time + 1_000) * MILLI, b"1" * 32, ()))
        node.commit()
        with pytest.raises(Refusal) as told:
            future.result(timeout=PATIENCE)
        assert told.value.code is EXPIRED
        assert node.pending() == 0


# -- sealing ---------------------------------------------------------------------------------------


def damaged(signed: Signed, what: str) -> Signed:
    header, commit = signed.header, signed.commit
    if what == "header":
        header = msgspec.structs.replace(header, app_hash=bytes(32))
        return signed._replace(header=header)
    if what == "commit":
        other = msgspec.structs.replace(commit.block_id, hash=bytes(32))
        return signed._replace(commit=msgspec.structs.replace(commit, block_id=other))
    if what == "evidence":
        return signed._replace(evidence=(b"\x0a\x00",))
    last = msgspec.structs.replace(signed.last_commit, round=7)
    return signed._replace(last_commit=last)


@pytest.mark.parametrize("what", ["header", "commit", "evidence", "last commit"])
def test_bytes_that_were_not_signed_stop_the_node(network: Network, what: str) -> None:
    assert network.block()
    replica = network.replicas[2]
    replica.sealed()
    stopped = threading.Event()
    replica.node.when_condemned = stopped.set
    right = replica.link.signed
    replica.link.signed = lambda height: (  # type: ignore[method-assign]
        None if (found := right(height)) is None else damaged(found, what)
    )
    assert network.block(0)
    assert stopped.wait(PATIENCE)
    assert isinstance(replica.node.fault, InvariantBroken)
    assert replica.node.sealed_height == 1
    assert replica.node.store.block(2) is None
    with pytest.raises(Stopped):
        replica.node.submit(network.town.enrol())


def test_validators_that_are_not_those_of_the_header_stop_the_node(network: Network) -> None:
    assert network.block(0, [network.town.rename(1)])
    replica = network.replicas[3]
    replica.sealed()
    stranger = ValidatorSet([Validator(bytes(31) + b"\x01", 10)])
    replica.link.validators = lambda height: stranger  # type: ignore[method-assign]
    stopped = threading.Event()
    replica.node.when_condemned = stopped.set
    assert network.block(0)
    assert network.block(0)
    assert stopped.wait(PATIENCE)
    assert isinstance(replica.node.fault, InvariantBroken)


def test_a_receipt_waits_for_the_height_that_closes_it(network: Network) -> None:
    raw = network.town.enrol()
    network.send(0, raw)
    assert network.block(0)
    replica = network.replicas[0]
    future = replica.node.submit(raw).result(timeout=PATIENCE)
    name = bytes.fromhex(future.hash)
    with pytest.raises(NotYet):
        replica.node.receipt(name, wait=0.05)
    assert network.block(0)
    receipt = replica.node.receipt(name, wait=PATIENCE)
    assert receipt is not None
    for other in network.replicas[1:]:
        given = other.node.receipt(name, wait=PATIENCE)
        assert given is not None
        assert given["transaction"] == receipt["transaction"]
    assert replica.node.receipt(bytes(32)) is None


def test_every_member_gives_receipts_that_verify(network: Network) -> None:
    raws = [network.town.enrol() for _ in range(3)]
    network.send(0, *raws)
    assert network.block(0)
    network.blocks(2)
    for replica in network.replicas:
        replica.sealed()
        trust = msgspec.json.encode(replica.node.trust())
        for raw in raws:
            found = replica.node.submit(raw).result(timeout=PATIENCE)
            receipt = replica.node.receipt(bytes.fromhex(found.hash), wait=PATIENCE)
            assert verify.verify(msgspec.json.encode(receipt), trust)


# -- stopping --------------------------------------------------------------------------------------


def test_who_waits_is_told_when_the_node_stops(network: Network) -> None:
    future = network.replicas[0].node.submit(network.town.enrol())
    network.replicas[0].close()
    with pytest.raises(Stopped):
        future.result(timeout=PATIENCE)


def test_a_stopped_node_works_no_block_out(network: Network) -> None:
    candidate = network.propose(0)
    assert network.decide(candidate)
    node = network.replicas[0].node
    node.condemn(InvariantBroken("found by a test"))
    before = dict(node.store.scan(b""))
    call = candidate.call()
    decision = Decision(call.height, call.time, call.hash, call.txs)
    with pytest.raises(Stopped):
        node.finalize(decision)
    assert dict(node.store.scan(b"")) == before
    assert node.height == 0
