"""Validators as state: genesis, misbehaviour, what a block tells the engine, limits of the set."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.cases import raises
from tests.chain import FIRST, SECOND, STEP, Cast, Chain, Memory, genesis, name_of
from tests.rules.governance.voting import (
    address_of,
    approvals,
    key_of,
    named,
    naming,
    validating,
)
from yilian.ledger import codec
from yilian.ledger.block import MAX_TOTAL_POWER, ValidatorSet
from yilian.ledger.errors import KEY_REFUSED, MALFORMED, OK, Refusal
from yilian.ledger.genesis import FirstValidator
from yilian.ledger.machine import Applied, Machine
from yilian.ledger.module import Misbehaviour
from yilian.ledger.modules.governance import errors, messages
from yilian.ledger.modules.governance.state import (
    MISDEEDS,
    NAMED_VALIDATORS,
    VALIDATOR_KEYS,
    VALIDATORS,
    ActiveValidator,
    Parameters,
    active_validators,
    validators,
)
from yilian.ledger.modules.governance.updates import ConsensusChange
from yilian.ledger.modules.governance.validators import (
    MOST_VALIDATORS,
    key_proof,
    require_possible,
)
from yilian.ledger.modules.identity.errors import BAD_PROOF
from yilian.ledger.state import State
from yilian.ledger.tree import Tree

NOBODYS = codec.to_bytes(genesis().validators[0].public)


def _powers(chain: Chain) -> dict[bytes, int]:
    return {each.public_key: each.power for each in validators(chain.state)}


def _proved(label: str, height: int = 3, power: int = 9) -> Misbehaviour:
    return Misbehaviour("duplicate_vote", address_of(label), height, 1_000, power)


def _told(applied: Applied) -> list[dict[str, object]]:
    events: list[dict[str, object]] = msgspec.json.decode(applied.timer_events)
    return [each for each in events if each["type"] == "governance.Misbehaved"]


def _two() -> Chain:
    """Give a chain on which hospital and insurer validate beside nobody's validator."""
    chain = Chain()
    validating(chain, chain.hospital, "one", 7)
    validating(chain, chain.insurer, "two", 9)
    return chain


# -- genesis -----------------------------------------------------------------------------------


def _founded(*first: FirstValidator) -> Applied:
    made = msgspec.structs.replace(genesis(), validators=list(first))
    return Machine(made, Memory(), Tree(lambda _: None)).first_state()


def _first(label: str, power: int = 5, organisation: str | None = None) -> FirstValidator:
    public = codec.to_text(key_of(label))
    return FirstValidator(public=public, power=power, organisation=organisation)


def test_the_first_validators_are_state() -> None:
    members = [each.organisation for each in genesis().members]
    applied = _founded(_first("one", 5, members[0]), _first("two", 6), _first("three", 7))
    state = State(Memory({k: v for k, v in applied.changes.items() if v is not None}))
    assert {each.public_key: each.power for each in validators(state)} == {
        key_of("one"): 5,
        key_of("two"): 6,
        key_of("three"): 7,
    }
    assert list(validators(state)) == sorted(validators(state), key=lambda each: each.public_key)
    assert applied.validators == tuple((x.public_key, x.power) for x in validators(state))
    whose = {codec.to_bytes(each.public): each.organisation for each in active_validators(state)}
    assert whose == {key_of("one"): members[0], key_of("two"): None, key_of("three"): None}
    assert NAMED_VALIDATORS.has(state, members[0])
    assert VALIDATOR_KEYS.has(state, address_of("two").hex())


def test_the_first_limits_are_told() -> None:
    rule = Parameters()
    told = ConsensusChange(rule.block_max_bytes, rule.block_max_gas, 1)
    assert _founded(_first("one")).consensus == told


def test_a_genesis_without_organisations_keeps_its_bytes() -> None:
    text = codec.encode(genesis())
    assert b'"validators":[{"power":10,"public":"' in text
    own = msgspec.structs.replace(genesis().validators[0], organisation=name_of("hospital"))
    assert b'"organisation"' in codec.encode(own)


def test_the_validators_of_genesis_are_a_set_of_blocks() -> None:
    chain = Chain()
    assert ValidatorSet(validators(chain.state)) == chain.genesis.validator_set()


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ([_first("one"), _first("one")], MALFORMED),
        ([_first("one", organisation=name_of("nobody"))], errors.UNKNOWN_ORGANISATION),
        ([_first(each, organisation=name_of("hospital")) for each in ("one", "two")], MALFORMED),
        ([FirstValidator(public="AAAA", power=1)], MALFORMED),
        ([FirstValidator(public=codec.to_text(bytes(32)), power=1)], KEY_REFUSED),
    ],
)
def test_validators_that_genesis_may_not_have(first: list[FirstValidator], code: object) -> None:
    with pytest.raises(Refusal) as caught:
        _founded(*first)
    assert caught.value.code is code


# -- what a block tells the engine -------------------------------------------------------------


def test_a_block_without_changes_tells_nothing() -> None:
    chain = Chain()
    applied = chain.block(naming(chain, chain.hospital, "one"))
    assert (applied.validators, applied.consensus) == ((), None)


def test_a_key_that_comes_and_goes_within_a_block_is_not_told() -> None:
    chain = _two()
    raws = [naming(chain, chain.hospital, label) for label in ("1a", "1b", "1c")]
    applied = chain.block(*raws)
    assert applied.validators == tuple(sorted([(key_of("one"), 0), (key_of("1c"), 7)]))


def test_powers_of_several_members_are_told_in_order_of_key() -> None:
    chain = _two()
    raws = [naming(chain, chain.hospital, "1a"), naming(chain, chain.insurer, "2a")]
    told = chain.apply(*raws).validators
    assert told == chain.apply(*raws[::-1]).validators
    assert list(told) == sorted(told)
    assert dict(told) == {key_of("one"): 0, key_of("1a"): 7, key_of("two"): 0, key_of("2a"): 9}


def test_a_refused_transaction_changes_no_validator() -> None:
    chain = _two()
    rotation = named(chain, chain.hospital, "1a")
    refused = messages.Withdraw(proposal=name_of("no such proposal"))
    applied = chain.block(chain.sign(chain.hospital, rotation, refused))
    assert applied.results[0].code != OK
    assert applied.validators == ()
    assert _powers(chain)[key_of("one")] == 7
    assert not VALIDATOR_KEYS.has(chain.state, address_of("1a").hex())
    assert chain.block(naming(chain, chain.hospital, "1a")).results[0].code == OK


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("name"), st.integers(0, 2), st.integers(0, 5)),
        st.tuples(st.just("vote"), st.integers(0, 2), st.sampled_from([0, 1, 5, 1_000_000])),
        st.tuples(st.just("misdeed"), st.integers(-1, 7), st.integers(1, 3)),
        st.tuples(st.just("keeps"), st.sampled_from([0, 50, 100]), st.just(0)),
        st.tuples(st.just("expel"), st.integers(0, 2), st.just(0)),
    ),
    max_size=14,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
@example(
    [
        ("name", 0, 0),
        ("vote", 0, 5),
        ("name", 0, 1),
        ("misdeed", -1, 1),
        ("misdeed", 1, 1),
        ("vote", 0, 0),
        ("expel", 0, 0),
        ("name", 1, 2),
        ("vote", 1, 1),
        ("misdeed", 1, 2),
        ("name", 0, 3),
    ]
)
def test_whatever_happens_the_engine_is_told_what_it_can_follow(
    steps: list[tuple[str, int, int]],
) -> None:
    """Each change, put on top of what the engine has, gives the set that state says.

    No key is told that it does not have or had before, and the set is never empty.
    """
    chain = Chain()
    validating(chain, chain.hospital, "key 6", 7)
    validating(chain, chain.insurer, "key 7", 9)
    told = {each.public_key: each.power for each in validators(chain.state)}
    seen = set(told)
    for step in steps:
        for applied in _done(chain, *step):
            for key, power in applied.validators:
                if power:
                    assert key in told or key not in seen, "a key must never come twice"
                    told[key] = power
                else:
                    del told[key]
                seen.add(key)
            assert len(told) > 0
        assert told == _powers(chain)
        assert len(ValidatorSet(validators(chain.state))) > 0


def _done(chain: Chain, kind: str, one: int, two: int) -> list[Applied]:
    organisations = (chain.hospital, chain.insurer, chain.authority)
    if kind == "name":
        return [chain.block(naming(chain, organisations[one], f"key {two}"))]
    if kind == "misdeed":
        address = address_of(f"key {one}") if one >= 0 else _address(NOBODYS)
        return [chain.block(misbehaviour=[Misbehaviour("duplicate_vote", address, two, 1, 1)])]
    if kind == "vote":
        return _voted(chain, messages.SetValidator(organisations[one].id, two))
    if kind == "keeps":
        return _voted(chain, messages.SetParameter("misbehaviour_keeps_percent", one))
    return _voted(chain, messages.RemoveMember(organisations[one].id))


def _voted(
    chain: Chain, action: messages.SetValidator | messages.SetParameter | messages.RemoveMember
) -> list[Applied]:
    """Have all propose and vote, a block each; who is no member any more is refused."""
    name = name_of(f"vote {chain.height}")
    done = []
    for each in (chain.hospital, chain.insurer, chain.authority):
        done.append(chain.block(chain.sign(each, messages.Propose(proposal=name, action=action))))
        vote = messages.Vote(proposal=name, approve=True)
        done.append(chain.block(chain.sign(each, vote)))
    return done


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("block_max_bytes", 100_000, ConsensusChange(100_000, 20_000_000, 1)),
        ("block_max_gas", 1_000_000, ConsensusChange(4_000_000, 1_000_000, 1)),
        ("person_quota", 77, None),
        ("block_max_bytes", 4_000_000, None),
    ],
)
def test_changed_limits_are_told(name: str, value: int, told: ConsensusChange | None) -> None:
    chain = Chain()
    action = messages.SetParameter(name, value)
    chain.must(chain.hospital, messages.Propose(proposal=name_of("proposal"), action=action))
    assert chain.block(*approvals(chain)).consensus == told


# -- limits ------------------------------------------------------------------------------------


def _many(count: int, power: int) -> Chain:
    chain = Chain()
    chain.block(naming(chain, chain.hospital, "one"))
    for each in range(count - 1):
        public = codec.to_text(key_of(f"validator {each}"))
        record = ActiveValidator(organisation=None, public=public, power=power, since=0)
        place = VALIDATORS.key(key_of(f"validator {each}").hex())
        chain.memory.write({place: codec.encode(record)})
    return chain


@raises(errors.TOO_MANY_VALIDATORS)
def test_there_are_not_too_many_validators() -> None:
    chain = _many(MOST_VALIDATORS - 1, 1)
    require_possible(chain.state, chain.hospital.id, 1)
    require_possible(_many(MOST_VALIDATORS, 1).state, chain.hospital.id, 1)


@raises(errors.TOO_MUCH_POWER)
def test_all_power_together_can_be_counted() -> None:
    chain = _many(128, codec.MAX_INTEGER)
    room = MAX_TOTAL_POWER - sum(each.power for each in validators(chain.state))
    require_possible(chain.state, chain.hospital.id, min(room, 1_000_000))
    full = _many(129, codec.MAX_INTEGER)
    require_possible(full.state, full.hospital.id, 1_000_000)


def test_a_weak_key_is_refused_on_every_profile() -> None:
    chain = Chain(SECOND)
    weak = msgspec.structs.replace(
        named(chain, chain.hospital, "one"), public=codec.to_text(bytes(32))
    )
    result = chain.block(chain.sign(chain.hospital, weak)).results[0]
    assert result.code == KEY_REFUSED.number


# -- misbehaviour ------------------------------------------------------------------------------


def test_a_misdeed_costs_all_power_and_the_key() -> None:
    chain = _two()
    applied = chain.block(misbehaviour=[_proved("one")])
    assert applied.validators == ((key_of("one"), 0),)
    assert _powers(chain) == {NOBODYS: 10, key_of("two"): 9}
    assert _told(applied) == [
        {
            "type": "governance.Misbehaved",
            "organisation": chain.hospital.id,
            "address": codec.to_text(address_of("one")),
            "height": 3,
            "kind": "duplicate_vote",
            "outcome": "removed",
            "power": 0,
        }
    ]
    again = chain.block(naming(chain, chain.hospital, "one"))
    assert again.results[0].code == errors.VALIDATOR_KEY_USED.number
    ask = messages.Propose(
        proposal=name_of("p"), action=messages.SetValidator(chain.hospital.id, 7)
    )
    refused = chain.block(chain.sign(chain.hospital, ask))
    assert refused.results[0].code == errors.NO_VALIDATOR_KEY.number


def test_who_misbehaved_comes_back_with_a_new_key_and_a_vote() -> None:
    chain = _two()
    chain.block(misbehaviour=[_proved("one")])
    validating(chain, chain.hospital, "one again", 3)
    assert _powers(chain)[key_of("one again")] == 3


def test_a_misdeed_is_recorded_once() -> None:
    chain = _two()
    chain.carried(messages.SetParameter("misbehaviour_keeps_percent", 50), "half")
    first = chain.block(misbehaviour=[_proved("two"), _proved("two")])
    assert [each["outcome"] for each in _told(first)] == ["reduced"]
    assert _powers(chain)[key_of("two")] == 4
    second = chain.block(misbehaviour=[_proved("two")])
    assert (second.changes, second.timer_events) == ({}, b"[]")
    third = chain.block(misbehaviour=[_proved("two", height=4)])
    assert third.validators == ((key_of("two"), 2),)
    other = Misbehaviour("light_client_attack", address_of("two"), 3, 1_000, 9)
    assert chain.block(misbehaviour=[other]).validators == ((key_of("two"), 1),)
    assert chain.block(misbehaviour=[_proved("two", height=5)]).validators == ((key_of("two"), 0),)


def test_what_is_recorded() -> None:
    chain = _two()
    chain.block(misbehaviour=[_proved("one", height=12, power=7)])
    place = f"{address_of('one').hex()}/0000000000000012/duplicate_vote"
    found = MISDEEDS.require(chain.state, place)
    assert (found.organisation, found.time, found.power) == (chain.hospital.id, 1_000, 7)
    assert (found.recorded, found.outcome) == (chain.height, "removed")


def test_the_last_validator_is_spared_and_told() -> None:
    chain = Chain()
    address = chain.genesis.validator_set().validators[0].address
    applied = chain.block(misbehaviour=[Misbehaviour("duplicate_vote", address, 1, 1, 10)])
    (told,) = _told(applied)
    assert (told["organisation"], told["outcome"], told["power"]) == (None, "spared", 10)
    assert (applied.validators, _powers(chain)) == ((), {NOBODYS: 10})


def test_of_two_that_misbehave_in_one_block_one_stays() -> None:
    chain = _two()
    proved = Misbehaviour("duplicate_vote", _address(NOBODYS), 3, 1, 10)
    applied = chain.block(misbehaviour=[proved, _proved("one"), _proved("two")])
    assert [each["outcome"] for each in _told(applied)] == ["removed", "removed", "spared"]
    assert dict(applied.validators) == {NOBODYS: 0, key_of("one"): 0}
    assert _powers(chain) == {key_of("two"): 9}


def _address(key: bytes) -> bytes:
    (found,) = ValidatorSet(
        each for each in validators(Chain().state) if each.public_key == key
    ).validators
    return found.address


def test_nobodys_validator_loses_a_part_too() -> None:
    chain = _two()
    chain.carried(messages.SetParameter("misbehaviour_keeps_percent", 25), "quarter")
    proved = Misbehaviour("duplicate_vote", _address(NOBODYS), 3, 1, 10)
    assert chain.block(misbehaviour=[proved]).validators == ((NOBODYS, 2),)


def test_members_may_let_misdeeds_cost_nothing() -> None:
    chain = _two()
    chain.carried(messages.SetParameter("misbehaviour_keeps_percent", 100), "all")
    applied = chain.block(misbehaviour=[_proved("one")])
    assert applied.validators == ()
    assert [(each["outcome"], each["power"]) for each in _told(applied)] == [("kept", 7)]


@pytest.mark.parametrize("known", [True, False])
def test_who_validates_no_more_is_recorded_and_nobody_pays(known: bool) -> None:
    chain = _two()
    chain.block(naming(chain, chain.hospital, "one, later"))
    before = _powers(chain)
    applied = chain.block(misbehaviour=[_proved("one" if known else "stranger")])
    (told,) = _told(applied)
    assert (told["outcome"], told["power"]) == ("past", 0)
    assert told["organisation"] == (chain.hospital.id if known else None)
    assert (applied.validators, _powers(chain)) == ((), before)


def test_misbehaviour_comes_before_timers_and_transactions() -> None:
    chain = _two()
    ask = messages.Propose(
        proposal=name_of("p"), action=messages.SetValidator(chain.hospital.id, 0)
    )
    chain.must(chain.hospital, ask)
    due = chain.machine.next_due()
    assert due is not None
    chain.time = due - STEP
    raw = naming(chain, chain.hospital, "new")
    applied = chain.block(raw, misbehaviour=[_proved("one")])
    kinds = [each["type"] for each in msgspec.json.decode(applied.timer_events)]
    assert kinds == ["governance.ValidatorChanged", "governance.Misbehaved", "governance.Closed"]
    assert b"ValidatorChanged" not in applied.results[0].events
    assert applied.validators == ((key_of("one"), 0),)


def test_a_misdeed_whose_record_is_damaged_is_dropped_and_told_to_the_log() -> None:
    faults: list[BaseException] = []
    chain = Chain(on_fault=faults.append)
    validating(chain, chain.hospital, "one", 7)
    validating(chain, chain.insurer, "two", 9)
    chain.memory.write({VALIDATOR_KEYS.key(address_of("one").hex()): b'{"public":1}'})
    applied = chain.block(misbehaviour=[_proved("one"), _proved("two")])
    assert [type(each) for each in faults] == [msgspec.ValidationError]
    assert applied.validators == ((key_of("two"), 0),)
    assert len(_told(applied)) == 1


def test_two_machines_punish_alike() -> None:
    one, two = _two(), _two()
    proved = [_proved("two"), _proved("one"), _proved("stranger")]
    first, second = one.block(misbehaviour=proved), two.block(misbehaviour=proved)
    assert first.app_hash == second.app_hash
    assert first.timer_events == second.timer_events
    other = _two().block(misbehaviour=proved[::-1])
    assert other.app_hash == first.app_hash, "what is punished does not hang on the order"


def test_a_proof_is_for_one_chain() -> None:
    chain = Chain()
    elsewhere = Cast(FIRST)
    elsewhere.genesis = msgspec.structs.replace(chain.genesis, chain="elsewhere")
    message = named(elsewhere, elsewhere.hospital, "one")
    result = chain.block(chain.sign(chain.hospital, message)).results[0]
    assert result.code == BAD_PROOF.number


def test_the_form_of_a_proof_is_pinned() -> None:
    assert key_proof("test", "o", "p") == (
        b'{"chain":"test","domain":"yilian/validator-proof/1","organisation":"o","public":"p"}'
    )
