"""The offline verifier from an old trust file, over changes of validators, to a newer block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.sdk.receipts import ONE, START, Chain, check, code_of, sha, with_
from yilian.ledger import block as b
from yilian.ledger import block_json as bj
from yilian.ledger.receipt import LightBlock

SETS = tuple(Chain((10, 10, 10, 10), label=f"set {index}", height=40) for index in range(4))
"""Four sets of validators without a common member, each in force for ten heights."""


def change(before: Chain, after: Chain, height: int, **told: Any) -> dict[str, Any]:
    """The header at which `before` hands over to `after`, as a receipt carries it."""
    header = before.header(height, next_validators_hash=after.validators.hash(), **told)
    block = LightBlock(header, before.commit(header), before.validators, after.validators)
    return block.to_json()


def history() -> list[dict[str, Any]]:
    return [change(SETS[at], SETS[at + 1], 9 + 10 * at) for at in range(3)]


def receipt(**told: Any) -> dict[str, Any]:
    return {**SETS[3].receipt(), "history": history(), **told}


def test_a_whole_new_set_is_reached_from_the_first() -> None:
    assert code_of(SETS[3].receipt(), SETS[0].trust()) == "unknown_validators"
    told = check(receipt(), SETS[0].trust())
    assert (told.level, told.height) == ("agreed", 40)


def test_a_trust_file_from_between_passes_over_what_is_older() -> None:
    assert check(receipt(), SETS[2].trust(height=25)).level == "agreed"
    assert check(receipt(), SETS[3].trust(height=35)).level == "agreed"
    assert check(receipt(), SETS[3].trust(height=60)).level == "agreed"


def test_a_state_proof_carries_it_too() -> None:
    proof = {**SETS[3].state_proof(b"none"), "history": history()}
    assert check(proof, SETS[0].trust()).level == "agreed"


def test_a_set_that_one_member_rules_is_told_wherever_it_stands() -> None:
    way = [change(ONE, SETS[1], 9), *history()[1:]]
    assert check(receipt(history=way), ONE.trust()).level == "one signer"


def test_adjacent_headers_must_be_linked() -> None:
    first = change(SETS[0], SETS[1], 9)
    named = b.BlockId(bj.header_from_json(first["header"]).hash(), b.PartSetHeader(1, sha(b"p")))
    good = change(SETS[1], SETS[2], 10, last_block_id=named)
    rest = history()[2]
    assert check(receipt(history=[first, good, rest]), SETS[0].trust()).level == "agreed"
    bad = change(SETS[1], SETS[2], 10)
    assert code_of(receipt(history=[first, bad, rest]), SETS[0].trust()) == "header_not_linked"
    other = change(SETS[2], SETS[3], 10, last_block_id=named)
    assert code_of(receipt(history=[first, other]), SETS[0].trust()) == "wrong_validators"


def without_the_middle(way: list[Any]) -> list[Any]:
    return [way[0], way[2]]


def reversed_(way: list[Any]) -> list[Any]:
    return way[::-1]


def twice(way: list[Any]) -> list[Any]:
    return [way[0], *way]


def another_next_set(way: list[Any]) -> list[Any]:
    return [with_(way[0], "next_validators", to=way[0]["validators"]), *way[1:]]


def forged_signature(way: list[Any]) -> list[Any]:
    blank = "A" * 86 + "=="
    return [with_(way[0], "commit", "signatures", 0, "signature", to=blank), *way[1:]]


def of_another_chain(way: list[Any]) -> list[Any]:
    pair = (Chain((10,) * 4, label=f"set {at}", chain_id="other") for at in range(2))
    return [change(*pair, 9), *way[1:]]


def too_few(way: list[Any]) -> list[Any]:
    weak = Chain((10,) * 4, label="set 0", flags=[b.COMMIT, b.COMMIT, b.ABSENT, b.ABSENT])
    return [change(weak, SETS[1], 9), *way[1:]]


def from_the_future(way: list[Any]) -> list[Any]:
    return [change(SETS[0], SETS[1], 9, time=START + 7200 * b.SECOND), *way[1:]]


def back_in_time(way: list[Any]) -> list[Any]:
    return [change(SETS[0], SETS[1], 9, time=START), *way[1:]]


def beyond_the_receipt(way: list[Any]) -> list[Any]:
    return [*way, change(SETS[3], SETS[3], 50)]


@pytest.mark.parametrize(
    ("code", "bend"),
    [
        ("unknown_validators", without_the_middle),
        ("unknown_validators", lambda way: way[1:]),
        ("unknown_validators", reversed_),
        ("height_not_above_trust", twice),
        ("wrong_validators", another_next_set),
        ("bad_signature", forged_signature),
        ("wrong_chain", of_another_chain),
        ("not_enough_power", too_few),
        ("header_from_future", from_the_future),
        ("time_not_monotone", back_in_time),
        ("height_not_above_trust", beyond_the_receipt),
        ("malformed", lambda way: [*way[:2], {**way[2], "more": 1}]),
        ("malformed", lambda way: {"0": way[0]}),
    ],
)
def test_a_history_that_does_not_hold(code: str, bend: Callable[[list[Any]], Any]) -> None:
    found = code_of(receipt(history=bend(history())), SETS[0].trust())
    assert found == code


def test_what_is_passed_over_must_hold_in_itself() -> None:
    bent = receipt(history=forged_signature(history()))
    assert code_of(bent, SETS[3].trust(height=35)) == "bad_signature"


def test_after_the_period_the_first_set_may_hand_over_no_more() -> None:
    assert code_of(receipt(), SETS[0].trust(now_s=7200)) == "trust_expired"
    assert check(receipt(), SETS[3].trust(height=35, now_s=7200)).warnings
