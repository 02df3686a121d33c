"""The front door: check, apply, timers, the sweep, and what may never stop the node."""

from __future__ import annotations

import msgspec
import pytest

from tests.cases import answers, raises
from tests.chain import DAY, MINUTE, STEP, Chain, Memory, digest_of, name_of
from yilian.ledger.errors import (
    BAD_SIGNATURE,
    INTERNAL,
    NONCE_SPENT,
    OK,
    OUT_OF_GAS,
    InvariantBroken,
    Refusal,
)
from yilian.ledger.machine import TIMERS_PER_BLOCK, Machine, Result
from yilian.ledger.module import timer_key
from yilian.ledger.modules.consent.messages import Grant, Revoke
from yilian.ledger.modules.consent.state import GRANTS
from yilian.ledger.modules.governance.messages import Propose, SetQuota
from yilian.ledger.modules.governance.state import (
    PARAMETERS,
    PROPOSALS,
    USAGE,
    Parameters,
    Proposal,
)
from yilian.ledger.modules.identity.messages import EnrolPerson
from yilian.ledger.modules.records.messages import Anchor
from yilian.ledger.modules.records.state import ANCHORS


def _anchor(label: str = "record") -> Anchor:
    return Anchor(record=name_of(label), commitment=digest_of(label))


def _damaged(faults: list[BaseException]) -> Chain:
    """Give a chain on which one record of state cannot be read."""
    chain = Chain(on_fault=faults.append)
    chain.person()
    chain.memory.write({GRANTS.key(name_of("damaged")): b'{"person":1}'})
    return chain


@answers(INTERNAL)
def test_a_rule_that_fails_is_rolled_back_and_told_to_the_log() -> Result:
    faults: list[BaseException] = []
    chain = _damaged(faults)
    alice = chain.actor("alice", chain.hospital)
    grant = Grant(
        grant=name_of("g"), terms=digest_of("g"), starts=chain.time, ends=chain.time + DAY
    )
    raw = chain.sign(alice, grant, Revoke(grant=name_of("damaged")))
    after = chain.sign(chain.hospital, _anchor())
    applied = chain.block(raw, after, raw)
    assert [type(each) for each in faults] == [msgspec.ValidationError]
    assert not GRANTS.has(chain.state, name_of("g"))
    assert ANCHORS.has(chain.state, name_of("record"))
    assert [each.code for each in applied.results[1:]] == [OK, NONCE_SPENT.number]
    assert applied.results[0].parameters == {}
    assert applied.results[0].data() == b""
    return applied.results[0]


@pytest.mark.parametrize("fault", [MemoryError, RecursionError, OSError, InvariantBroken])
def test_what_must_stop_the_node_is_raised(fault: type[BaseException]) -> None:
    class Failing(Memory):
        def get(self, key: bytes) -> bytes | None:
            if key == ANCHORS.key(name_of("record")):
                raise fault
            return super().get(key)

    chain = Chain()
    chain.machine.reader = Failing(chain.memory.content)
    raw = chain.sign(chain.hospital, _anchor())
    before = chain.app_hash
    with pytest.raises(fault):
        chain.apply(raw)
    assert chain.app_hash == before


@raises(OUT_OF_GAS)
def test_what_fits_no_block_is_not_let_wait() -> None:
    chain = Chain()
    small = msgspec.json.encode(Parameters(block_max_gas=1_000), order="sorted")
    chain.memory.write({PARAMETERS.key("current"): small})
    chain.machine.check(chain.sign(chain.hospital, _anchor()), chain.time)


@raises(BAD_SIGNATURE)
def test_check_judges_signatures_last() -> None:
    chain = Chain()
    raw = chain.sign(chain.hospital._replace(), _anchor()).replace(b'"signatures":["', b"#")
    text, rest = raw.split(b"#")
    forged = text + b'"signatures":["' + (b"B" if rest[:1] == b"A" else b"A") + rest[1:]
    chain.machine.check(forged, chain.time)


def test_check_changes_nothing() -> None:
    chain = Chain()
    before = dict(chain.memory.content)
    for each in range(5):
        chain.machine.check(chain.sign(chain.hospital, _anchor(f"record {each}")), chain.time)
    assert chain.memory.content == before


@pytest.mark.parametrize("remembered", [False, True])
def test_a_remembered_transaction_gives_the_same_block(remembered: bool) -> None:
    one, two = Chain(), Chain()
    raws = [one.sign(one.hospital, _anchor(f"record {each}")) for each in range(10)]
    if remembered:
        for raw in raws:
            one.machine.check(raw, one.time)
    assert one.block(*raws).app_hash == two.block(*raws).app_hash
    one.machine.forget(name.encode() for name in ("unknown",))


def test_a_remembered_key_is_looked_up_again_at_apply() -> None:
    chain = Chain()
    doctor = chain.practitioner()
    raw = chain.sign(doctor, _anchor(), expires=chain.time + MINUTE)
    chain.machine.check(raw, chain.time)
    chain.wait(2 * MINUTE)
    assert chain.block(raw).results[0].code != OK


def test_gas_and_results_do_not_depend_on_what_else_is_in_the_block() -> None:
    chain = Chain()
    raws = [chain.sign(chain.hospital, _anchor(f"record {each}")) for each in range(3)]
    whole = chain.apply(*raws).results
    assert whole == [chain.apply(raw).results[0] for raw in raws]


def test_the_order_of_a_block_decides() -> None:
    chain = Chain()
    one = chain.sign(chain.hospital, _anchor())
    two = chain.sign(chain.insurer, _anchor())
    first, second = chain.apply(one, two), chain.apply(two, one)
    assert [each.code == OK for each in first.results] == [True, False]
    assert [each.code == OK for each in second.results] == [True, False]
    assert first.app_hash != second.app_hash


def test_a_later_transaction_sees_an_earlier_one() -> None:
    chain = Chain()
    alice = chain.actor("alice", chain.hospital)
    enrol = chain.sign(chain.hospital, chain.enrol_person("alice", alice.signer.key))
    grant = Grant(
        grant=name_of("g"), terms=digest_of("g"), starts=chain.time, ends=chain.time + DAY
    )
    assert [each.code for each in chain.block(enrol, chain.sign(alice, grant)).results] == [OK, OK]


def test_an_empty_block_changes_nothing() -> None:
    chain = Chain()
    applied = chain.block()
    assert (applied.changes, applied.results, applied.timer_events) == ({}, [], b"[]")
    assert applied.app_hash == chain.app_hash


def test_usage_is_counted_by_day() -> None:
    chain = Chain()
    chain.block(*[chain.sign(chain.hospital, _anchor(f"record {each}")) for each in range(4)])
    found = USAGE.require(chain.state, chain.hospital.id)
    assert (found.used, found.day) == (4, chain.time // DAY)
    chain.wait(DAY)
    chain.must(chain.hospital, _anchor("next day"))
    again = USAGE.require(chain.state, chain.hospital.id)
    assert (again.used, again.day) == (1, found.day + 1)


# -- spent nonces ------------------------------------------------------------------------------


def _spent(chain: Chain) -> int:
    return sum(1 for key in chain.memory.content if key.startswith(b"spent/nonce/"))


def test_a_spent_nonce_is_held_until_its_transaction_has_expired() -> None:
    chain = Chain()
    raw = chain.sign(chain.hospital, _anchor(), expires=chain.time + 10 * MINUTE)
    chain.block(raw)
    for _ in range(12):
        chain.wait(MINUTE - STEP)
        result = chain.block(raw).results[0]
        assert result.code != OK
    assert _spent(chain) == 0


def test_the_sweep_goes_round_all_spent_nonces() -> None:
    chain = Chain()
    for each in range(0, 100, 10):
        chain.block(*[chain.sign(chain.hospital, _anchor(f"r {each + i}")) for i in range(10)])
    assert _spent(chain) == 100
    chain.wait(DAY)
    blocks = 0
    while _spent(chain) > 1:
        chain.must(chain.hospital, _anchor(f"later {blocks}"))
        blocks += 1
        assert blocks < 40
        chain.wait(11 * MINUTE)


def test_an_idle_chain_sweeps_nothing() -> None:
    chain = Chain()
    chain.must(chain.hospital, _anchor())
    chain.wait(2 * DAY)
    assert chain.block().changes == {}


# -- timers ------------------------------------------------------------------------------------


def _timers(chain: Chain, count: int) -> None:
    """Put many proposals into committed state that all lapse at one moment."""
    due = chain.time + DAY
    changes: dict[bytes, bytes | None] = {}
    for each in range(count):
        name = name_of(f"proposal {each}")
        held = Proposal(action=SetQuota(name_of("x"), 1), proposer=name_of("x"), closes=due)
        changes[PROPOSALS.key(name)] = msgspec.json.encode(held, order="sorted")
        changes[timer_key(due, "governance.close", name)] = b"{}"
    chain.memory.write(changes)


def test_many_timers_are_shared_between_blocks() -> None:
    chain = Chain()
    _timers(chain, TIMERS_PER_BLOCK + 5)
    assert chain.machine.next_due() == chain.time + DAY
    chain.wait(DAY)
    assert len(msgspec.json.decode(chain.block().timer_events)) == TIMERS_PER_BLOCK
    assert len(msgspec.json.decode(chain.block().timer_events)) == 5
    assert chain.machine.next_due() is None


def test_a_timer_runs_at_its_moment_and_once() -> None:
    chain = Chain()
    action = SetQuota(chain.insurer.id, 7)
    chain.must(chain.hospital, Propose(proposal=name_of("p"), action=action))
    due = chain.machine.next_due()
    assert due is not None
    chain.time = due - 1 - STEP
    assert chain.block().timer_events == b"[]"
    chain.time = due - STEP
    assert b"lapsed" in chain.block().timer_events
    assert chain.block().timer_events == b"[]"


def test_a_timer_that_fails_is_dropped_and_told_to_the_log() -> None:
    faults: list[BaseException] = []
    chain = Chain(on_fault=faults.append)
    _timers(chain, 3)
    chain.memory.write({PROPOSALS.key(name_of("proposal 1")): b'{"action":1}'})
    chain.wait(DAY)
    assert len(msgspec.json.decode(chain.block().timer_events)) == 2
    assert [type(each) for each in faults] == [msgspec.ValidationError]
    assert chain.machine.next_due() is None


def test_a_timer_whose_record_is_gone_stops_the_node() -> None:
    chain = Chain()
    chain.memory.write({timer_key(chain.time, "governance.close", name_of("gone")): b"{}"})
    with pytest.raises(InvariantBroken):
        chain.block()


# -- two machines ------------------------------------------------------------------------------


def test_a_machine_on_the_same_state_gives_the_same_block() -> None:
    one = Chain()
    one.person()
    other = Machine(one.genesis, one.memory, one.tree)
    raw = one.sign(one.hospital, _anchor())
    applied = one.apply(raw)
    again = other.apply_block(applied.height, applied.time, [raw])
    assert (again.app_hash, again.changes) == (applied.app_hash, applied.changes)


def test_another_chain_refuses_what_this_one_signed() -> None:
    chain = Chain()
    other = Machine(msgspec.structs.replace(chain.genesis, chain="other"), chain.memory, chain.tree)
    with pytest.raises(Refusal) as caught:
        other.check(chain.sign(chain.hospital, _anchor()), chain.time)
    assert (caught.value.code.name, caught.value.parameters) == ("wrong_chain", {"chain": "other"})


def test_a_person_in_two_places_is_two_subjects() -> None:
    chain = Chain()
    for home, label in ((chain.hospital, "here"), (chain.insurer, "there")):
        chain.must(home, EnrolPerson(person=name_of(label), tag=digest_of("alice")))
    shared = [key for key in chain.memory.content if digest_of("alice").encode() in key]
    assert len(shared) == 2
