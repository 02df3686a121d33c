"""A grant with the purpose `replica` opens nothing, whatever else it says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vault.builders import DOCTOR, identifier, terms
from tests.unit.vault.test_decision import FACTS, SALT
from yilian.ledger.errors import Refusal
from yilian.vault.decision import decide
from yilian.vault.envelope import terms_commitment
from yilian.vault.replica_formats import Item, digest_of, state_of
from yilian.vault.replica_terms import REPLICA, REPLICA_TERMS, allows_replica, check, covers

NAMES = ["allergy", "laboratory", "problem"]
names = st.lists(st.sampled_from(NAMES), unique=True).map(lambda each: tuple(sorted(each)))


def allowance(**more: Any) -> Any:
    """Terms that allow a replica."""
    return terms(**({"purposes": (REPLICA,), "practitioner": None, "role": None} | more))


@given(
    rest=st.lists(st.sampled_from(["pay", "treat"]), unique=True),
    asked=st.sampled_from([REPLICA, "pay", "treat"]),
)
def test_nothing_is_released_under_an_allowance(rest: list[str], asked: str) -> None:
    opened = terms(purposes=tuple(sorted([REPLICA, *rest])))
    grant = FACTS.chain.grant
    assert grant is not None
    committed = terms_commitment(SALT, opened)
    chain = msgspec.structs.replace(
        FACTS.chain, grant=msgspec.structs.replace(grant, commitment=committed)
    )
    session = msgspec.structs.replace(FACTS.session, purpose=asked)
    facts = msgspec.structs.replace(FACTS, chain=chain, terms_commitment=committed, session=session)
    assert "grant_of_replica" in decide(opened, facts).reasons


def test_an_allowance_names_categories_and_a_time() -> None:
    check(allowance())
    check(allowance(denied=("laboratory",)))
    check(terms())
    assert allows_replica(allowance())
    assert not allows_replica(terms())


@pytest.mark.parametrize(
    "more",
    [
        {"purposes": (REPLICA, "treat")},
        {"practitioner": DOCTOR},
        {"team": (DOCTOR,)},
        {"role": "physician"},
        {"records": (identifier("one"),)},
        {"redact": ("psy",)},
        {"conditions": ("encounter",)},
    ],
)
def test_an_allowance_names_nothing_else(more: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        check(allowance(**more))
    assert refused.value.code is REPLICA_TERMS


@given(categories=names, denied=names, sensitivities=names, one=st.sampled_from(NAMES))
def test_what_is_denied_is_never_covered(
    categories: tuple[str, ...], denied: tuple[str, ...], sensitivities: tuple[str, ...], one: str
) -> None:
    opened = allowance(
        categories=categories or ("other",), denied=denied, sensitivities=sensitivities
    )
    for sensitivity in NAMES:
        expected = one in set(categories) - set(denied) and sensitivity in sensitivities
        assert covers(opened, one, sensitivity) == expected


items = st.builds(Item, st.sampled_from(["grant", "record"]), st.text(max_size=3), st.text())


@given(st.sets(items), st.sets(items), st.randoms())
def test_a_digest_is_of_what_is_there_in_whatever_order(
    one: set[Item], other: set[Item], dice: Any
) -> None:
    mixed = sorted(one)
    dice.shuffle(mixed)
    assert digest_of(mixed) == digest_of(one)
    assert (digest_of(one) == digest_of(other)) == (one == other)


def test_a_state_differs_with_each_part() -> None:
    whole = state_of("commitment", "recipient", ("a", "b"), ())
    assert whole != state_of("commitment", "recipient", ("a",), ("b",))
    assert whole != state_of("commitment", "recipient", ("a", "b"), ("c",))
    assert whole == state_of("commitment", "recipient", ("a", "b"), ())
