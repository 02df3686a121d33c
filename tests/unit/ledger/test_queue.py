"""The queue: fair between payers, with a share for the urgent, and no text in it twice."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import raises
from tests.chain import Actor, Cast, digest_of, name_of
from yilian.ledger import transaction
from yilian.ledger.errors import ALREADY_PENDING, NONCE_SPENT, TOO_MANY_PENDING
from yilian.ledger.module import Message
from yilian.ledger.modules.consent.messages import Revoke
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.records.messages import Anchor
from yilian.ledger.queue import Queue, urgent
from yilian.ledger.transaction import Envelope

CAST = Cast()
ANCHOR = Anchor(record=name_of("record"), commitment=digest_of("record"))
REVOKE = Revoke(grant=name_of("grant"))
RULE = Parameters()
PAYERS = [CAST.hospital, CAST.insurer, CAST.authority]


def _envelope(actor: Actor = CAST.hospital, *messages: Message) -> Envelope:
    return transaction.decode(CAST.sign(actor, *(messages or (ANCHOR,))))


def _queue(*envelopes: Envelope) -> Queue:
    queue = Queue()
    for each in envelopes:
        queue.add(each, 1_000)
    return queue


def _payers(taken: list[Envelope]) -> list[str]:
    return [each.body.payer for each in taken]


@raises(ALREADY_PENDING)
def test_the_same_text_waits_once() -> None:
    envelope = _envelope()
    _queue(envelope, envelope)


@raises(NONCE_SPENT)
def test_a_nonce_waits_once() -> None:
    one = transaction.decode(CAST.sign(CAST.hospital, ANCHOR, nonce=name_of("nonce")))
    two = transaction.decode(CAST.sign(CAST.hospital, REVOKE, nonce=name_of("nonce")))
    _queue(one, two)


@raises(TOO_MANY_PENDING)
def test_a_payer_has_a_limit() -> None:
    queue = Queue()
    for _ in range(3):
        queue.add(_envelope(), 3)
    queue.add(_envelope(CAST.insurer), 3)
    queue.add(_envelope(), 3)


def test_a_refused_text_leaves_no_trace() -> None:
    queue = _queue(_envelope())
    late = _envelope()
    with pytest.raises(Exception, match="too_many_pending"):
        queue.add(late, 1)
    assert (len(queue), queue.pending_of(CAST.hospital.id)) == (1, 1)
    assert late.hash not in queue
    queue.add(late, 2)


def test_payers_take_turns() -> None:
    flood = [_envelope() for _ in range(50)]
    queue = _queue(*flood, *[_envelope(CAST.insurer) for _ in range(3)])
    taken = _payers(queue.take(RULE, 8))
    assert taken[:6] == [CAST.hospital.id, CAST.insurer.id] * 3


def test_a_payers_own_order_is_kept() -> None:
    made = [_envelope() for _ in range(20)]
    assert _queue(*made).take(RULE, 100) == made


def test_a_flood_has_its_share_and_leaves_the_rest_to_others() -> None:
    rule = msgspec.structs.replace(RULE, block_payer_share_percent=30)
    flood = [_envelope() for _ in range(40)]
    others = [_envelope(CAST.insurer) for _ in range(40)]
    taken = _payers(_queue(*flood, *others).take(rule, 20))
    assert len(taken) == 20
    assert taken[:12].count(CAST.hospital.id) == taken[:12].count(CAST.insurer.id) == 6


def test_alone_a_payer_fills_the_block() -> None:
    rule = msgspec.structs.replace(RULE, block_payer_share_percent=10)
    assert len(_queue(*[_envelope() for _ in range(40)]).take(rule, 30)) == 30


def test_the_urgent_pass_a_flood() -> None:
    flood = [_envelope() for _ in range(200)]
    press = _envelope(CAST.insurer, REVOKE)
    assert _queue(*flood, press).take(RULE, 20)[0] is press


def test_the_urgent_have_a_share_and_not_the_block() -> None:
    rule = msgspec.structs.replace(RULE, urgent_share_percent=10)
    press = [_envelope(CAST.insurer, REVOKE) for _ in range(100)]
    taken = _queue(*press, *[_envelope() for _ in range(100)]).take(rule, 20)
    assert [urgent(each) for each in taken[:2]] == [True, True]
    assert sum(1 for each in taken if urgent(each)) < 20
    assert CAST.hospital.id in _payers(taken)


def test_mixing_does_not_jump_the_queue() -> None:
    assert urgent(_envelope(CAST.hospital, REVOKE, REVOKE))
    assert not urgent(_envelope(CAST.hospital, REVOKE, ANCHOR))


def test_what_is_taken_is_pending_until_it_is_settled() -> None:
    envelope = _envelope()
    queue = _queue(envelope)
    taken = queue.take(RULE, 10)
    assert not queue.has_waiting()
    assert envelope.hash in queue
    with pytest.raises(Exception, match="already_pending"):
        queue.add(envelope, 10)
    queue.settle(taken)
    assert (len(queue), queue.pending_of(CAST.hospital.id)) == (0, 0)
    queue.add(envelope, 10)


POOL = [_envelope(payer, each) for payer in PAYERS for each in [ANCHOR] * 12 + [REVOKE] * 4]


@settings(max_examples=100, deadline=None)
@given(
    st.permutations(range(len(POOL))),
    st.integers(1, 20),
    st.integers(1, 100),
    st.integers(5, 50),
    st.integers(0, 3),
)
def test_everything_comes_once_and_within_the_limits(
    order: list[int], most: int, share: int, press: int, tight: int
) -> None:
    largest = max(each.gas for each in POOL)
    rule = msgspec.structs.replace(
        RULE,
        block_payer_share_percent=share,
        urgent_share_percent=press,
        block_max_bytes=(1_000, 3_000, 10_000, 4_000_000)[tight],
        block_max_gas=(largest, 2 * largest, 9 * largest, 20_000_000)[tight],
    )
    queue = _queue(*[POOL[each] for each in order])
    came: list[Envelope] = []
    while queue.has_waiting():
        taken = queue.take(rule, most)
        assert 0 < len(taken) <= most
        assert sum(len(each.raw) for each in taken) <= rule.block_max_bytes
        assert sum(each.gas for each in taken) <= rule.block_max_gas
        queue.settle(taken)
        came += taken
    assert sorted(each.hash for each in came) == sorted(each.hash for each in POOL)
    assert len(queue) == 0
