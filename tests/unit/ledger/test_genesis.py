"""Genesis: canonical, hashed whole, and written as the first state."""

from __future__ import annotations

import json

import msgspec
import pytest

from tests.chain import FIRST, PROFILES, SECOND, START, Chain, Memory, genesis, name_of
from yilian.ledger import codec, keys
from yilian.ledger import genesis as geneses
from yilian.ledger.errors import MALFORMED, NOT_CANONICAL, LawUnknown, Refusal
from yilian.ledger.genesis import Genesis
from yilian.ledger.keys import Profile
from yilian.ledger.machine import Machine
from yilian.ledger.modules.governance.errors import OUT_OF_BOUNDS, UNKNOWN_PARAMETER
from yilian.ledger.modules.governance.state import (
    BOUNDS,
    LAW_OF_PARAMETER,
    LAWS_KNOWN,
    Law,
    Parameters,
    law,
    members,
    parameters,
)
from yilian.ledger.modules.identity.state import SUBJECTS, standing
from yilian.ledger.state import State
from yilian.ledger.tree import Tree

TEXT = codec.encode(genesis())


def _first(made: Genesis) -> Machine:
    machine = Machine(made, Memory(), Tree(lambda _: None))
    machine.first_state()
    return machine


def test_it_reads_what_it_wrote() -> None:
    assert geneses.read(TEXT) == genesis()
    assert geneses.read(TEXT).hash() == keys.sha256(TEXT)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_first_members_stand(profile: str) -> None:
    chain = Chain(PROFILES[profile])
    names = ("hospital", "insurer", "authority")
    assert members(chain.state) == tuple(sorted(name_of(each) for each in names))
    for each in names:
        found = standing(chain.state, name_of(each))
        assert found is not None
        assert (found.kind, found.since, found.organisation) == ("organisation", 0, name_of(each))
    assert parameters(chain.state) == Parameters()


def test_every_member_of_the_document_is_in_its_hash() -> None:
    base = genesis()
    changed = [
        msgspec.structs.replace(base, chain="other"),
        msgspec.structs.replace(base, time=START + 1),
        msgspec.structs.replace(base, members=base.members[:2]),
        msgspec.structs.replace(base, members=base.members[::-1]),
        genesis(SECOND),
        genesis(FIRST, Parameters(person_quota=501)),
        msgspec.structs.replace(base, law=1),
        msgspec.structs.replace(base, law=3),
        msgspec.structs.replace(
            base, validators=[msgspec.structs.replace(base.validators[0], power=11)]
        ),
    ]
    assert len({each.hash() for each in (base, *changed)}) == len(changed) + 1


@pytest.mark.parametrize(
    "change",
    [
        {"chain": ""},
        {"chain": "Has Space"},
        {"chain": "line\n"},
        {"chain": "x" * 51},
        {"time": -1},
        {"time": 1.5},
        {"members": []},
        {"validators": []},
        {"format": "yilian-genesis/2"},
        {"more": 1},
        {"parameters": {}},
    ],
)
def test_a_bad_document_is_refused(change: dict[str, object]) -> None:
    found = {**json.loads(TEXT), **change}
    with pytest.raises(Refusal) as caught:
        geneses.read(codec.encode(found))
    assert caught.value.code in (MALFORMED, NOT_CANONICAL)


def test_another_spelling_is_refused() -> None:
    with pytest.raises(Refusal) as caught:
        geneses.read(json.dumps(json.loads(TEXT)).encode())
    assert caught.value.code is NOT_CANONICAL


@pytest.mark.parametrize("field", ["organisation", "registration", "key"])
def test_a_member_is_not_listed_twice(field: str) -> None:
    base = genesis()
    one, two, *_ = base.members
    twice = msgspec.structs.replace(two, **{field: getattr(one, field)})
    with pytest.raises(Refusal):
        _first(msgspec.structs.replace(base, members=[one, twice]))


def test_a_member_has_a_key_of_the_profile() -> None:
    with pytest.raises(Refusal) as caught:
        _first(msgspec.structs.replace(genesis(), profile=SECOND))
    assert caught.value.code.name == "suite_not_allowed"


def test_a_profile_names_suites_that_exist() -> None:
    with pytest.raises(Refusal) as caught:
        _first(msgspec.structs.replace(genesis(), profile=Profile(hash="md5")))
    assert caught.value.parameters == {"suite": "md5"}


def _newest(rule: Parameters) -> Genesis:
    return msgspec.structs.replace(genesis(FIRST, rule), law=max(LAWS_KNOWN))


@pytest.mark.parametrize("name", sorted(LAW_OF_PARAMETER))
def test_a_parameter_of_a_later_law_is_no_earlier_chains(name: str) -> None:
    edge = BOUNDS[name][0]
    base = genesis(FIRST, Parameters(**{name: edge}))
    for earlier in (msgspec.UNSET, LAW_OF_PARAMETER[name] - 1):
        with pytest.raises(Refusal) as caught:
            _first(msgspec.structs.replace(base, law=earlier))
        assert caught.value.code is UNKNOWN_PARAMETER
        assert caught.value.parameters == {"name": name}


def test_what_a_later_law_brought_is_not_written_before_it_is_set() -> None:
    """A chain that began under law 1 keeps the bytes that its first release wrote."""
    assert b"supply" not in codec.encode(Parameters())
    assert b'"law"' not in TEXT
    assert codec.encode(Parameters(supply_slots=4)).count(b"supply") == 1


def test_a_chain_may_begin_under_a_later_law() -> None:
    for version in LAWS_KNOWN:
        made = msgspec.structs.replace(genesis(), law=version)
        assert geneses.read(codec.encode(made)) == made
        written = Machine(made, Memory(), Tree(lambda _: None)).first_state().changes
        held = Memory({key: value for key, value in written.items() if value is not None})
        assert law(State(held)) == Law(version=version)


def test_a_chain_of_an_unknown_law_does_not_begin() -> None:
    made = msgspec.structs.replace(genesis(), law=max(LAWS_KNOWN) + 1)
    with pytest.raises(LawUnknown) as caught:
        _first(made)
    assert (caught.value.version, caught.value.height) == (max(LAWS_KNOWN) + 1, 1)


@pytest.mark.parametrize("name", sorted(BOUNDS))
@pytest.mark.parametrize("end", [0, 1])
def test_parameters_are_within_the_bounds_of_a_vote(name: str, end: int) -> None:
    least, most = BOUNDS[name]
    edge = BOUNDS[name][end]
    within = _newest(Parameters(**{name: edge}))
    written = Machine(within, Memory(), Tree(lambda _: None)).first_state().changes
    held = Memory({key: value for key, value in written.items() if value is not None})
    assert getattr(parameters(State(held)), name) == edge
    outside = Parameters(**{name: edge + (-1, 1)[end]})
    with pytest.raises(Refusal) as caught:
        _first(_newest(outside))
    assert caught.value.code is OUT_OF_BOUNDS
    assert caught.value.parameters == {"name": name, "least": least, "most": most}


@pytest.mark.parametrize(
    ("numerator", "denominator", "allowed"),
    [(1, 2, True), (2, 3, True), (99, 100, True), (1, 3, False), (3, 3, False), (4, 3, False)],
)
def test_more_than_half_and_less_than_all_carry(
    numerator: int, denominator: int, allowed: bool
) -> None:
    rule = Parameters(vote_numerator=numerator, vote_denominator=denominator)
    if allowed:
        assert parameters(Chain(parameters=rule).state) == rule
        return
    with pytest.raises(Refusal) as caught:
        _first(genesis(FIRST, rule))
    assert caught.value.parameters["name"] == "vote_numerator"


def test_names_keep_their_characters() -> None:
    chain = Chain()
    assert SUBJECTS.require(chain.state, name_of("hospital")).name == "云溪市 hospital"
