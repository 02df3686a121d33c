"""The offline verifier on state proofs: ICS-23 with the SmtSpec, present and absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sdk.receipts import (
    EMPTY,
    FOUR,
    ONE,
    STATE,
    Chain,
    absent,
    check,
    code_of,
    exist,
    sha,
    state_root,
    with_,
)
from yilian.sdk import verify as v

ADOPTED = Path(__file__).parents[2] / "adopted"
BOTH = pytest.mark.parametrize("chain", [ONE, FOUR], ids=["one", "four"])


@BOTH
def test_state_proofs_hold_for_every_key_and_for_absent_ones(chain: Chain) -> None:
    for key in STATE:
        told = check(chain.state_proof(key), chain.trust())
        assert STATE[key].decode() in told.proved
        assert told.height == 11
    for index in range(200):
        told = check(chain.state_proof(f"none/{index}".encode()), chain.trust())
        assert told.proved == f"state key none/{index} is absent"


def test_everything_is_absent_from_an_empty_state() -> None:
    chain = Chain()
    proof = chain.state_proof(b"any")
    assert proof["proof"] == {"nonexist": {"left": None, "right": None}}
    assert "is absent" in check(proof, chain.trust()).proved


@given(st.dictionaries(st.text("abc/", min_size=1, max_size=6), st.text(max_size=6), max_size=12))
def test_any_state_proves_each_key_present_or_absent(items: dict[str, str]) -> None:
    chain = Chain(state={key.encode(): value.encode() for key, value in items.items()})
    for key in [*items, "x", "y", "abc"]:
        told = check(chain.state_proof(key.encode()), chain.trust())
        assert ("is absent" in told.proved) is (key not in items)


@pytest.mark.parametrize(
    "case",
    json.loads((ADOPTED / "ics23_smt.json").read_text())["cases"],
    ids=lambda case: case["name"],
)
def test_published_ics23_proofs(case: dict[str, Any]) -> None:
    def raw(told: Any) -> Any:
        return {
            "key": bytes.fromhex(told["key"]),
            "value": bytes.fromhex(told["value"]),
            "path": [
                {name: bytes.fromhex(step[name]) for name in ("prefix", "suffix")}
                for step in told["path"]
            ],
        }

    root, key = bytes.fromhex(case["root"]), bytes.fromhex(case["key"])
    if "exist" in case:
        v._check_exist(raw(case["exist"]), root)
        with pytest.raises(v.NotVerified, match="value_not_in_state"):
            v._check_exist(raw(case["exist"]) | {"value": b"other"}, root)
        return
    left, right = (raw(case[side]) if case[side] else None for side in ("left", "right"))
    v._check_absent(key, left, right, root)
    present = next(side for side in (left, right) if side)
    with pytest.raises(v.NotVerified, match="not_absent"):
        v._check_absent(present["key"], left, right, root)
    with pytest.raises(v.NotVerified, match="not_absent"):
        v._check_absent(key, None, None, root)


def claim(key: bytes, left: bytes | None, right: bytes | None) -> tuple[Any, Any]:
    proof = FOUR.state_proof(b"none")
    sides = {"left": left, "right": right}
    told = {side: exist(STATE, each) if each else None for side, each in sides.items()}
    return {**proof, "key": key.decode(), "proof": {"nonexist": told}}, FOUR.trust()


def test_only_true_neighbours_prove_absence() -> None:
    order = sorted(STATE, key=sha)
    for place in range(1, len(order) - 1):
        before, key, after = order[place - 1 : place + 2]
        assert code_of(*claim(key, before, after)) == "not_absent"
        assert code_of(*claim(key, before, key)) == "not_absent"
        assert code_of(*claim(key, key, after)) == "not_absent"
    first, last = order[0], order[-1]
    for key in (f"none/{index}".encode() for index in range(40)):
        true = absent(STATE, key)["nonexist"]
        for left in (None, first, order[5], last):
            for right in (None, first, order[6], last):
                sides = (exist(STATE, each) if each else None for each in (left, right))
                if tuple(sides) == (true["left"], true["right"]):
                    continue
                assert code_of(*claim(key, left, right)) == "not_absent"


def test_neighbours_on_the_wrong_sides_of_each_other_prove_nothing() -> None:
    # No honest tree looks like this: its left leaf has the larger hashed key.
    small, key, large = sorted((b"a", b"b", b"c"), key=sha)
    leaves = {each: sha(b"\x00" + sha(each) + sha(b"v")) for each in (small, large)}
    root = sha(b"\x01" + leaves[large] + leaves[small])
    left = {"prefix": b"\x01" + leaves[large], "suffix": b""}
    right = {"prefix": b"\x01", "suffix": leaves[small]}
    sides = [
        {"key": each, "value": b"v", "path": [step]}
        for each, step in ((small, left), (large, right))
    ]
    with pytest.raises(v.NotVerified, match="not_absent"):
        v._check_absent(key, *sides, root)
    with pytest.raises(v.NotVerified, match="not_absent"):
        v._check_absent(key, sides[0], sides[0], root)


def test_a_present_key_is_not_absent_and_an_absent_one_not_present() -> None:
    present, trust = FOUR.state_proof(b"consent/grant/7"), FOUR.trust()
    missing = FOUR.state_proof(b"none")
    assert code_of({**present, "proof": missing["proof"]}, trust) == "malformed"
    assert code_of({**present, "value": None}, trust) == "malformed"
    assert code_of({**present, "value": "other"}, trust) == "proof_of_another"
    other = exist(STATE, b"consent/grant/8")
    assert code_of({**present, "proof": {"exist": other}}, trust) == "proof_of_another"
    forged = with_(present, "proof", "exist", "value", to="other") | {"value": "other"}
    assert code_of(forged, trust) == "value_not_in_state"


def test_a_step_that_is_not_of_the_spec_is_malformed() -> None:
    proof, trust = FOUR.state_proof(b"consent/grant/7"), FOUR.trust()
    side = "ab" * 32
    for prefix, suffix in (
        ("", side),
        ("00", side),
        ("02", side),
        ("01", ""),
        ("01" + side, side),
        ("0101", side),
        ("01", side + "00"),
        ("01" + side + "00", ""),
    ):
        step = {"prefix": prefix, "suffix": suffix}
        assert code_of(with_(proof, "proof", "exist", "path", 0, to=step), trust) == "malformed"
    deep = [{"prefix": "01", "suffix": side}] * 257
    assert code_of(with_(proof, "proof", "exist", "path", to=deep), trust) == "malformed"


def test_an_empty_state_has_a_root_of_zeros() -> None:
    assert state_root({}) == EMPTY
    chain = Chain(state=STATE)
    nothing = {"nonexist": {"left": None, "right": None}}
    assert code_of({**chain.state_proof(b"none"), "proof": nothing}, chain.trust()) == "not_absent"
