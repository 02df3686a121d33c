"""The offline verifier on receipts: what holds is told, all else has its own code."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from tests.unit.sdk.receipts import (
    EVENTS,
    FOUR,
    ONE,
    Chain,
    check,
    code_of,
    sha,
    text,
    walk,
    with_,
)
from yilian.ledger import block as b
from yilian.sdk import verify as v

BOTH = pytest.mark.parametrize("chain", [ONE, FOUR], ids=["one", "four"])


@BOTH
def test_a_receipt_holds_for_every_transaction(chain: Chain) -> None:
    for index in range(len(chain.txs)):
        told = check(chain.receipt(index), chain.trust())
        assert sha(chain.txs[index]).hex() in told.proved
        assert "accepted" in told.proved
        assert (told.chain_id, told.height, told.warnings) == ("test-chain", 12, ())
        assert told.time == "2026-03-01T08:00:12.123456789Z"
        assert told.level == ("one signer" if chain is ONE else "agreed")


@BOTH
def test_a_refused_transaction_is_told_with_its_code(chain: Chain) -> None:
    refused = chain.receipt(code=17)
    assert refused["result"]["data"] == ""
    assert "refused with code 17" in check(refused, chain.trust()).proved


def test_a_refused_transaction_has_no_events_and_an_accepted_one_commits_to_them() -> None:
    assert code_of({**ONE.receipt(code=17), "events": EVENTS}, ONE.trust()) == "events_differ"
    bare = ONE.receipt(code=17)
    bare["result"]["code"] = 0
    assert code_of(bare, ONE.trust()) == "result_not_in_block"
    nothing = ONE.receipt(events=[])
    assert check(nothing, ONE.trust())
    assert code_of({**nothing, "events": EVENTS}, ONE.trust()) == "events_differ"


def test_a_block_of_one_transaction() -> None:
    chain = Chain(txs=(b"{}",))
    assert check(chain.receipt(0, events=[]), chain.trust()).height == 12


def test_one_third_may_be_silent_or_vote_for_no_block() -> None:
    for flag in (b.ABSENT, b.NIL):
        chain = Chain((10, 10, 10, 10), flags=[b.COMMIT, flag, b.COMMIT, b.COMMIT])
        assert check(chain.receipt(), chain.trust()).level == "agreed"


def test_a_majority_in_one_hand_is_one_signer() -> None:
    chain = Chain((100, 10, 10, 10))
    assert check(chain.receipt(), chain.trust()).level == "one signer"


def test_pinned_validators_hold_after_the_period_with_a_warning() -> None:
    told = check(FOUR.receipt(), FOUR.trust(now_s=7200))
    assert "trusting period" in told.warnings[0]


def test_the_clock_of_the_machine_is_asked_where_the_trust_file_has_no_now() -> None:
    trust = FOUR.trust()
    del trust["now"]
    trust["time"] = "2001-01-01T00:00:00Z"
    assert check(FOUR.receipt(), trust).warnings


def test_powers_may_be_numbers_in_a_trust_file_and_bytes_are_text() -> None:
    trust = FOUR.trust()
    for each in trust["validators"]:
        each["voting_power"] = int(each["voting_power"])
    assert v.verify(text(FOUR.receipt()).encode(), text(trust).encode()).level == "agreed"


# --- other validators than the pinned ones: the jump rule ---


def jumped(pinned: int, height: int = 1, now_s: int = 60, **told: Any) -> tuple[Any, Any]:
    """A receipt of FOUR, and a trust file that pins `pinned` of its validators among four."""
    trust = FOUR.trust(height, now_s)
    strangers = Chain((10, 10, 10, 10), label="stranger").trust()["validators"]
    trust["validators"] = trust["validators"][:pinned] + strangers[pinned:]
    return FOUR.receipt(), {**trust, **told}


def test_more_than_a_third_of_the_pinned_power_is_enough() -> None:
    assert check(*jumped(2)).level == "agreed"
    assert check(*jumped(3)).level == "agreed"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("unknown_validators", jumped(1)),
        ("unknown_validators", jumped(0)),
        ("trust_expired", jumped(2, now_s=3600)),
        ("height_not_above_trust", jumped(2, height=13)),
        ("time_not_monotone", jumped(2, time="2026-03-01T08:10:00Z")),
        ("header_from_future", jumped(2, now="2026-03-01T08:00:02Z")),
        ("wrong_chain", jumped(2, chain_id="other")),
    ],
)
def test_a_jump_that_must_not_be_made(code: str, told: tuple[Any, Any]) -> None:
    assert code_of(*told) == code


def test_exactly_two_thirds_and_exactly_one_third_are_not_enough() -> None:
    flags = [b.COMMIT, b.COMMIT, b.ABSENT]
    exact = Chain((10, 10, 10), flags=flags)
    assert code_of(exact.receipt(), exact.trust()) == "not_enough_power"
    more = Chain((11, 10, 10), flags=flags)
    assert check(more.receipt(), more.trust()).level == "agreed"
    receipt, trust = jumped(1)
    trust["validators"] = trust["validators"][:3]
    assert code_of(receipt, trust) == "unknown_validators"
    trust["validators"][0]["voting_power"] = "11"
    assert check(receipt, trust).level == "agreed"


def test_a_jump_counts_no_validator_twice() -> None:
    receipt, trust = jumped(2)
    votes = receipt["commit"]["signatures"]
    assert code_of(with_(receipt, "commit", "signatures", 1, to=votes[0]), trust) == "repeated_vote"


# --- every reason has its own code (F7) ---


def forged(change: Callable[[Any], Any], chain: Chain = FOUR) -> tuple[Any, Any]:
    receipt = chain.receipt()
    change(receipt)
    return receipt, chain.trust()


def put(*way: Any, to: Any) -> Callable[[Any], None]:
    def change(receipt: Any) -> None:
        inner = receipt
        for name in way[:-1]:
            inner = inner[name]
        inner[way[-1]] = to

    return change


def swap_votes(receipt: Any) -> None:
    votes = receipt["commit"]["signatures"]
    votes[0], votes[1] = votes[1], votes[0]


def secp256k1(receipt: Any) -> None:
    receipt["validators"][0]["pub_key"]["type"] = "tendermint/PubKeySecp256k1"
    receipt["validators"][0]["pub_key"]["value"] = base64.b64encode(b"\x02" * 33).decode()


def sibling(name: str) -> Callable[[Any], None]:
    return put(name, "path", 0, to="ab" * 32)


def another_height(receipt: Any) -> None:
    other = Chain((10, 10, 10, 10), gap=2)
    receipt.update(other.receipt())


def stand_still(receipt: Any) -> None:
    receipt.update(Chain((10, 10, 10, 10), step=0).receipt())


def another_link(receipt: Any) -> None:
    receipt["header"]["app_hash"] = "AB" * 32


def fewer_votes(receipt: Any) -> None:
    flags = [b.COMMIT, b.COMMIT, b.ABSENT, b.NIL]
    receipt.update(Chain((10, 10, 10, 10), flags=flags).receipt())


def late_vote(receipt: Any) -> None:
    receipt["commit"]["signatures"][0]["timestamp"] = "2026-03-01T08:00:14Z"


def other_events(receipt: Any) -> None:
    receipt["events"] = EVENTS[:1]


REASONS = {
    "transaction_not_in_block": sibling("inclusion"),
    "result_not_in_block": sibling("result_inclusion"),
    "result_of_another": put("result_inclusion", "index", to=1),
    "bad_signature": late_vote,
    "wrong_vote_order": swap_votes,
    "outdated_algorithm": secp256k1,
    "events_differ": other_events,
    "wrong_chain": put("header", "chain_id", to="other-chain"),
    "wrong_height": another_height,
    "time_not_monotone": stand_still,
    "header_not_linked": another_link,
    "wrong_commit_height": put("commit", "height", to="14"),
    "wrong_block": put("commit", "block_id", "hash", to="AB" * 32),
    "wrong_validators": put("validators", 0, "voting_power", to="11"),
    "wrong_vote_count": lambda receipt: receipt["commit"]["signatures"].pop(),
    "not_enough_power": fewer_votes,
    "unsupported_format": put("format", to="yilian-receipt/2"),
    "unsupported_block_version": put("header", "version", "block", to="10"),
    "malformed": put("header", "height", to=12),
}


@pytest.mark.parametrize("code", REASONS)
def test_each_reason_has_its_own_code(code: str) -> None:
    assert code_of(*forged(REASONS[code])) == code


def test_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(v.NotVerified, match="too_large"):
        v.verify("x" * (v.MAX_TEXT + 1), text(ONE.trust()))


# --- no byte and no member can be altered ---


def flipped(value: str, kind: str) -> Iterator[str]:
    data = base64.b64decode(value) if kind == "base64" else bytes.fromhex(value)
    for at in range(len(data)):
        other = data[:at] + bytes((data[at] ^ 1 << at % 8,)) + data[at + 1 :]
        yield base64.b64encode(other).decode() if kind == "base64" else other.hex()


def altered(name: Any, value: Any) -> list[Any]:
    """Other values for one member: every byte flipped, or every neighbouring value."""
    if value is None:
        return ["", {}, 0]
    if isinstance(value, bool | list | dict):
        return [None, "x", 0, [value], {"x": value}]
    if isinstance(value, int):
        return [value + 1, value - 1, -value - 1, str(value), True, None, 2**60]
    if name in ("value", "signature") and len(value) in (44, 88):
        return [*flipped(value, "base64"), value[:-4], value + "AAAA", value.rstrip("="), ""]
    try:
        return [*flipped(value, "hex"), value + "00", value + "0", value[2:], "0x" + value, "zz"]
    except ValueError:
        return [value + "x", value + "1", value[:-1], value[1:], "", " " + value, None, 7, []]


@BOTH
@pytest.mark.parametrize("kind", ["receipt", "present", "absent"])
def test_nothing_in_a_proof_can_be_altered(chain: Chain, kind: str) -> None:
    proofs = {
        "receipt": chain.receipt,
        "present": lambda: chain.state_proof(b"consent/grant/7"),
        "absent": lambda: chain.state_proof(b"none/7"),
    }
    proof, trust = proofs[kind](), text(chain.trust())
    v.verify(text(proof), trust)
    tried = 0
    for way, value in walk(proof):
        if not way:
            continue
        for other in altered(way[-1], value):
            if other == value:
                continue
            tried += 1
            with pytest.raises(v.NotVerified):
                v.verify(text(with_(proof, *way, to=other)), trust)
    assert tried > 500


@BOTH
@pytest.mark.parametrize("kind", ["receipt", "state", "trust"])
def test_no_member_can_be_added_or_left_out(chain: Chain, kind: str) -> None:
    made: Any = {"receipt": chain.receipt(), "state": chain.state_proof(b"none/7")}
    made["trust"] = chain.trust()
    for way, value in walk(made[kind]):
        if not isinstance(value, dict) or (way and way[0] == "events"):
            continue
        others = [{**value, "more": 1}]
        others += [
            {key: value[key] for key in value if key != name}
            for name in value
            if (kind, name) != ("trust", "now")
        ]
        for other in others:
            changed = with_(made[kind], *way, to=other) if way else other
            given = {**made, kind: changed}
            proof = given["receipt" if kind == "trust" else kind]
            with pytest.raises(v.NotVerified):
                check(proof, given["trust"])


def test_lists_cannot_be_lengthened_shortened_or_reordered() -> None:
    proof, trust = FOUR.receipt(), FOUR.trust()
    for name in ("inclusion", "result_inclusion"):
        path = proof[name]["path"]
        for other in (path[:-1], [*path, "00" * 32], path[::-1], path * 200, []):
            assert code_of(with_(proof, name, "path", to=other), trust).endswith("_in_block")
    votes, validators = proof["commit"]["signatures"], proof["validators"]
    for other in (votes[:-1], votes + votes[:1], []):
        changed = with_(proof, "commit", "signatures", to=other)
        assert code_of(changed, trust) == "wrong_vote_count"
    assert code_of(with_(proof, "validators", to=validators[:-1]), trust) == "wrong_validators"
    doubled = with_(proof, "validators", to=[*validators, validators[0]])
    assert code_of(doubled, trust) == "malformed"
    # The set has one order of its own, so the order of the list does not matter.
    assert check(with_(proof, "validators", to=validators[::-1]), trust).level == "agreed"


def test_an_absent_place_holds_nothing() -> None:
    flags = [b.COMMIT, b.COMMIT, b.COMMIT, b.ABSENT]
    chain = Chain((10, 10, 10, 10), flags=flags)
    proof, trust = chain.receipt(), chain.trust()
    check(proof, trust)
    for name, other in (
        ("validator_address", "AB" * 20),
        ("timestamp", "2026-03-01T08:00:14Z"),
        ("signature", base64.b64encode(bytes(64)).decode()),
        ("block_id_flag", 0),
        ("block_id_flag", 4),
    ):
        assert (
            code_of(with_(proof, "commit", "signatures", 3, name, to=other), trust) == "malformed"
        )


@given(st.data())
def test_damaged_text_never_holds_and_never_breaks_the_verifier(data: st.DataObject) -> None:
    whole, trust = text(ONE.receipt()).encode(), text(ONE.trust())
    at = data.draw(st.integers(0, len(whole) - 1))
    wrong = bytearray(whole)
    wrong[at] = data.draw(st.integers(0, 255))
    try:
        v.verify(bytes(wrong), trust)
    except v.NotVerified:
        return
    # What still holds says the same in other white space or in the other case of hexadecimal.
    read = (json.dumps(json.loads(each)) for each in (bytes(wrong), whole))
    first, second = (
        re.sub('"[0-9A-Fa-f]{40,64}"', lambda match: match[0].lower(), each) for each in read
    )
    assert first == second


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff",
        b'"x"',
        b"[" * 100_000,
        b'{"format":1}',
        b'{"format":["yilian-receipt/1"]}',
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"9" * 9_000 + b"}",
        b'{"a":"\\ud800"}',
    ],
)
def test_text_that_is_no_proof_is_refused(wrong: bytes) -> None:
    with pytest.raises(v.NotVerified):
        v.verify(wrong, text(ONE.trust()))


def test_events_are_held_to_their_profile() -> None:
    receipt, trust = text(ONE.receipt()), text(ONE.trust())
    v.verify(receipt, trust)
    for old, new in (('"n": 3', '"n": 3.0'), ('"n": 3', '"n": 3, "n": 3'), ('"n": 3', '"n": 4')):
        assert old in receipt
        with pytest.raises(v.NotVerified):
            v.verify(receipt.replace(old, new), trust)


# --- trust files ---


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("format", "yilian-trust/2"),
        ("validators", []),
        ("validators", [{"pub_key": "AA==", "voting_power": "1"}]),
        ("height", -1),
        ("height", "1"),
        ("time", "yesterday"),
        ("now", "2026-03-01"),
        ("now", 5),
        ("trusting_period_s", "3600"),
        ("chain_id", None),
    ],
)
def test_a_wrong_trust_file_is_refused(name: str, other: Any) -> None:
    assert code_of(ONE.receipt(), {**ONE.trust(), name: other}) in (
        "malformed",
        "unsupported_format",
    )


def test_a_pinned_validator_without_power_or_standing_twice_is_refused() -> None:
    trust = ONE.trust()
    none = with_(trust, "validators", 0, "voting_power", to="0")
    twice = {**trust, "validators": trust["validators"] * 2}
    assert code_of(ONE.receipt(), none) == code_of(ONE.receipt(), twice) == "malformed"


def test_a_stranger_who_signs_for_himself_convinces_nobody() -> None:
    pretender = Chain((10, 10, 10, 10), label="stranger")
    assert code_of(pretender.receipt(), FOUR.trust()) == "unknown_validators"
    # With the true validators' names over it, the signatures are not theirs.
    receipt = FOUR.receipt()
    key = SigningKey(sha(b"stranger"))
    for vote in receipt["commit"]["signatures"]:
        vote["signature"] = base64.b64encode(key.sign(b"x").signature).decode()
    assert code_of(receipt, FOUR.trust()) == "bad_signature"
