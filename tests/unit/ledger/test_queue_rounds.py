"""The queue of a proposer among others: what is given back, what others took, and who is next."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.chain import Actor, Cast, digest_of, name_of
from tests.scale import scale
from yilian.ledger import transaction
from yilian.ledger.modules.consent.messages import Revoke
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.records.messages import Anchor
from yilian.ledger.queue import Queue, urgent
from yilian.ledger.transaction import Envelope

CAST = Cast()
PAYERS = [CAST.hospital, CAST.insurer, CAST.authority]
ANCHOR = Anchor(record=name_of("record"), commitment=digest_of("record"))
REVOKE = Revoke(grant=name_of("grant"))
RULE = Parameters()


def made(payer: Actor, press: bool = False) -> Envelope:
    return transaction.decode(CAST.sign(payer, REVOKE if press else ANCHOR))


POOL = [made(payer, press) for payer in PAYERS for press in [False] * 9 + [True] * 3]


def queue_of(*envelopes: Envelope) -> Queue:
    queue = Queue()
    for each in envelopes:
        queue.add(each, 1_000)
    return queue


def test_what_is_given_back_comes_again_in_the_same_order() -> None:
    queue = queue_of(*POOL)
    first = queue.take(RULE, 20)
    for _ in range(3):
        queue.give_back(first)
        assert queue.take(RULE, 20) == first


def test_what_is_given_back_comes_before_what_came_later() -> None:
    early = [made(CAST.hospital) for _ in range(3)]
    queue = queue_of(*early)
    taken = queue.take(RULE, 3)
    late = [made(CAST.hospital), made(CAST.insurer)]
    for each in late:
        queue.add(each, 10)
    queue.give_back(taken)
    again = queue.take(RULE, 10)
    assert [each for each in again if each.body.payer == CAST.hospital.id] == [*early, late[0]]


def test_what_others_took_never_comes_out() -> None:
    queue = queue_of(*POOL)
    gone = POOL[::2]
    queue.settle(gone)
    came = queue.take(RULE, 100)
    assert sorted(each.hash for each in came) == sorted(each.hash for each in POOL[1::2])
    assert not queue.has_waiting()


def test_what_others_took_meanwhile_is_not_given_back() -> None:
    queue = queue_of(*POOL)
    taken = queue.take(RULE, 10)
    queue.settle(taken[:4])
    queue.give_back(taken)
    came = queue.take(RULE, 100)
    assert not {each.hash for each in taken[:4]} & {each.hash for each in came}
    assert [each for each in came if not urgent(each)][:6] == taken[4:]
    assert len(came) == len(POOL) - 4


def test_to_settle_a_stranger_changes_nothing() -> None:
    queue = queue_of(POOL[0])
    queue.settle(POOL[1:])
    queue.settle(POOL[1:])
    assert (len(queue), queue.pending_of(POOL[0].body.payer)) == (1, 1)
    queue.settle(POOL[:1])
    queue.settle(POOL[:1])
    assert (len(queue), queue.pending_of(POOL[0].body.payer)) == (0, 0)
    assert queue.take(RULE, 5) == []


def test_settled_text_may_wait_again_and_comes_once() -> None:
    queue = queue_of(POOL[0])
    queue.settle(POOL[:1])
    again = transaction.decode(POOL[0].raw)
    queue.add(again, 10)
    queue.give_back(POOL[:1])
    assert queue.take(RULE, 5) == [again]
    queue.give_back(POOL[:1])
    assert not queue.has_waiting()


def test_several_proposers_serve_a_small_payer_in_every_turn() -> None:
    flood = [made(CAST.hospital) for _ in range(60)]
    small = [made(CAST.insurer) for _ in range(6)]
    queues = [queue_of(*flood, *small) for _ in range(4)]
    came: list[Envelope] = []
    for turn in range(6):
        proposers = [queues[turn % 4], queues[(turn + 1) % 4]]
        offered = proposers[0].take(RULE, 4)
        proposers[0].give_back(offered)
        block = proposers[1].take(RULE, 4)
        assert CAST.insurer.id in {each.body.payer for each in block} or not small
        for queue in queues:
            queue.settle(block)
        came += block
        small = [each for each in small if each not in block]
    assert len({each.hash for each in came}) == len(came) == 24
    assert small == []


class Proposers(RuleBasedStateMachine):
    """Two members' queues, filled and emptied by either's proposals."""

    def __init__(self) -> None:
        super().__init__()
        self.queues = [Queue(), Queue()]
        self.offered: list[list[Envelope]] = [[], []]
        self.held: list[set[bytes]] = [set(), set()]
        self.decided: set[bytes] = set()

    @rule(index=st.integers(0, len(POOL) - 1), which=st.integers(0, 1))
    def add(self, index: int, which: int) -> None:
        each = transaction.decode(POOL[index].raw)
        if each.hash not in self.decided and each.hash not in self.queues[which]:
            self.queues[which].add(each, 100)
            self.held[which].add(each.hash)

    @rule(which=st.integers(0, 1), most=st.integers(1, 9))
    def propose(self, which: int, most: int) -> None:
        queue = self.queues[which]
        queue.give_back(self.offered[which])
        self.offered[which] = queue.take(RULE, most)
        hashes = [each.hash for each in self.offered[which]]
        assert len(set(hashes)) == len(hashes)
        assert set(hashes) <= self.held[which]
        assert len(hashes) == min(most, len(self.held[which]))

    @rule(which=st.integers(0, 1), part=st.integers(0, 9))
    def decide(self, which: int, part: int) -> None:
        block = self.offered[which][:part]
        self.decided |= {each.hash for each in block}
        for index, queue in enumerate(self.queues):
            queue.give_back([each for each in self.offered[index] if each not in block])
            self.offered[index] = []
            queue.settle(block)
            self.held[index] -= {each.hash for each in block}

    @rule(which=st.integers(0, 1), index=st.integers(0, len(POOL) - 1))
    def expire(self, which: int, index: int) -> None:
        self.queues[which].settle([POOL[index]])
        self.held[which].discard(POOL[index].hash)

    @invariant()
    def what_waits_is_what_was_added(self) -> None:
        for queue, held in zip(self.queues, self.held, strict=True):
            assert {each.hash for each in queue.waiting()} == held
            assert len(queue) == len(held)
            counted = sum(queue.pending_of(payer.id) for payer in PAYERS)
            assert counted == len(held)


Proposers.TestCase.settings = settings(
    max_examples=scale(60, 3_000), stateful_step_count=40, deadline=None
)
test_any_proposals_leave_what_was_not_decided = Proposers.TestCase


def test_the_urgent_that_are_given_back_stay_first() -> None:
    press = made(CAST.insurer, True)
    queue = queue_of(*[made(CAST.hospital) for _ in range(30)], press)
    taken = queue.take(RULE, 10)
    queue.give_back(taken)
    assert queue.take(RULE, 10)[0] is press
    assert urgent(press)
