"""Evidence from the RPC's JSON: the bytes are those of CometBFT's own types, or it is refused."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import raises
from tests.consensus import encoding
from tests.consensus.encoding import chunk, integer
from tests.foreign.abci import golden
from yilian.ledger import evidence
from yilian.ledger.errors import MALFORMED, Refusal
from yilian.ledger.module import Misbehaviour

MILLI = 10**6
PIECES = golden()["evidence"]
NAMES = [each["name"] for each in PIECES]
KINDS = {1: "duplicate_vote", 2: "light_client_attack"}


def told(text: str) -> Misbehaviour:
    """Read a `tendermint.abci.Misbehavior` as the engine's `ABCI()` gave it."""
    found = encoding.parse(bytes.fromhex(text))
    validator = encoding.parse(chunk(found, 2))
    moment = encoding.parse(chunk(found, 4))
    time = integer(moment, 1) * 10**9 + integer(moment, 2)
    kind: Any = KINDS[integer(found, 1)]
    return Misbehaviour(
        kind, chunk(validator, 1), integer(found, 3), time // MILLI, integer(validator, 3)
    )


@pytest.mark.parametrize("piece", PIECES, ids=NAMES)
def test_json_gives_the_engines_own_bytes(piece: dict[str, Any]) -> None:
    made = evidence.from_json(piece["json"])
    assert made.hex() == piece["bytes"]
    assert evidence.bare(made).hex() == piece["bare"]


@pytest.mark.parametrize("piece", PIECES, ids=NAMES)
def test_the_law_is_told_what_the_engine_tells(piece: dict[str, Any]) -> None:
    found = evidence.misbehaviour([bytes.fromhex(piece["bytes"])])
    assert found == [told(each) for each in piece["misbehavior"] or ()]


def test_pieces_are_told_in_their_order() -> None:
    found = evidence.misbehaviour(bytes.fromhex(each["bytes"]) for each in PIECES)
    kinds = ["duplicate_vote"] * 2 + ["light_client_attack"] * 2
    assert [each.kind for each in found] == kinds


@pytest.mark.parametrize(
    "value",
    [None, [], {}, "", 5, {"type": "tendermint/Other", "value": {}}, {"type": [], "value": 1}],
)
def test_what_is_no_evidence_is_refused(value: object) -> None:
    with pytest.raises(Refusal) as refused:
        evidence.from_json(value)
    assert refused.value.code is MALFORMED


@raises(MALFORMED)
def test_evidence_of_a_later_engine_is_refused() -> None:
    evidence.misbehaviour([encoding.write((3, b""))])


@raises(MALFORMED)
def test_bytes_that_are_no_message_are_refused() -> None:
    evidence.misbehaviour([b"\x0a\x7f"])


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List the ways to every value inside a piece."""
    if path:
        yield path
    if isinstance(value, dict):
        for name in value:
            yield from places(value[name], (*path, name))
    if isinstance(value, list):
        for at, each in enumerate(value):
            yield from places(each, (*path, at))


PLACES = [(index, way) for index, each in enumerate(PIECES) for way in places(each["json"])]


def at(index: int, way: tuple[Any, ...]) -> tuple[Any, Any]:
    """Give a copy of a piece, and the holder of one of its values."""
    made = copy.deepcopy(PIECES[index]["json"])
    holder = made
    for each in way[:-1]:
        holder = holder[each]
    return made, holder


def test_a_piece_that_lacks_anything_is_refused_or_another() -> None:
    for index, way in PLACES:
        made, holder = at(index, way)
        del holder[way[-1]]
        if way[-1] in ("extension", "extension_signature"):
            assert evidence.from_json(made).hex() == PIECES[index]["bytes"]
        else:
            refused_or_another(made, index)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.sampled_from(["9" * 5_000, "-1", "1e3", "0x10", "２", float("inf"), 10**30]),
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), JUNK)
def test_a_piece_with_anything_in_it_is_refused_or_another(
    place: tuple[int, tuple[Any, ...]], junk: object
) -> None:
    index, way = place
    made, holder = at(index, way)
    holder[way[-1]] = junk
    refused_or_another(made, index)


def refused_or_another(value: object, index: int) -> None:
    """Nothing but `malformed` is raised, and what passes is evidence of the same kind."""
    try:
        made = evidence.from_json(value)
    except Refusal as refusal:
        if refusal.code is not MALFORMED:
            raise
        return
    right = bytes.fromhex(PIECES[index]["bytes"])
    assert made[0] == right[0]
    assert set(encoding.parse(evidence.bare(made))) <= set(range(1, 6))
