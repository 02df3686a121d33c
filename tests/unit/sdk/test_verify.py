"""The offline verifier: what holds is told, and everything else is refused with its own code."""

from __future__ import annotations

import ast
import base64
import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import _cffi_backend
import nacl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from tests.shared import shared
from tests.unit.sdk.receipts import EMPTY, EVENTS, START, Chain, absent, exist, sha, state_root
from yilian.ledger import block as b
from yilian.ledger import block_json as bj
from yilian.ledger import merkle
from yilian.sdk import verify as v

ROOT = Path(__file__).parents[3]
ADOPTED = ROOT / "tests" / "adopted"
FILE = Path(v.__file__)
STATE = {f"consent/grant/{index}".encode(): f'{{"n":{index}}}'.encode() for index in range(30)}
ONE = Chain((10,), state=STATE)
FOUR = Chain((10, 10, 10, 10), state=STATE)
BOTH = pytest.mark.parametrize("chain", [ONE, FOUR], ids=["one", "four"])


def text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def check(value: Any, trust: Any) -> v.Verified:
    return v.verify(text(value), text(trust))


def code_of(value: Any, trust: Any) -> str:
    """The code of the refusal; a proof that holds is a failure of the test."""
    with pytest.raises(v.NotVerified) as caught:
        check(value, trust)
    assert caught.value.detail
    return caught.value.code


def walk(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield way, value
    items: Any = value.items() if isinstance(value, dict) else ()
    for name, item in enumerate(value) if isinstance(value, list) else items:
        yield from walk(item, (*way, name))


def with_(value: Any, *way: Any, to: Any) -> Any:
    """A copy in which one place holds something else."""
    made = copy.deepcopy(value)
    inner = made
    for name in way[:-1]:
        inner = inner[name]
    inner[way[-1]] = to
    return made


# --- what holds ---


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
    assert "refused with code 17" in check(chain.receipt(code=17), chain.trust()).proved


def test_a_block_of_one_transaction() -> None:
    chain = Chain(txs=(b"{}",))
    assert check(chain.receipt(0, events=[]), chain.trust()).height == 12


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
    if isinstance(value, bool) or isinstance(value, list | dict):
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
    same = [json.dumps(json.loads(each)).lower() for each in (bytes(wrong), whole)]
    assert same[0] == same[1]


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


# --- ICS-23 ---


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
    v._check_absent(sha(key), left, right, root)
    present = next(side for side in (left, right) if side)
    with pytest.raises(v.NotVerified, match="not_absent"):
        v._check_absent(sha(present["key"]), left, right, root)
    with pytest.raises(v.NotVerified, match="not_absent"):
        v._check_absent(sha(key), None, None, root)


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


# --- trees, signatures ---


@given(st.lists(st.binary(max_size=5), min_size=1, max_size=40), st.data())
def test_paths_agree_with_the_ledgers(leaves: list[bytes], data: st.DataObject) -> None:
    total = len(leaves)
    index = data.draw(st.integers(0, total - 1))
    path = merkle.inclusion(leaves, index)
    assert v._tree_root(leaves) == merkle.root(leaves)
    assert v._path_root(leaves[index], index, total, path) == merkle.root(leaves)
    index, total = data.draw(st.integers(-2, 50)), data.draw(st.integers(-2, 50))
    found = v._path_root(leaves[0], index, total, path)
    assert found == merkle.root_from_inclusion(leaves[0], index, total, path)


def test_crafted_signatures_are_judged_as_cometbft_judges_them() -> None:
    file = ROOT / "vectors" / "ed25519" / "verdicts.json"
    for case in json.loads(file.read_text())["cases"]:
        told = (bytes.fromhex(case[name]) for name in ("public_key", "message", "signature"))
        assert v.verify_signature(*told) is case["vote"], case["case"]


# --- a light client's steps ---


def light(chain: Chain, height: int, **told: Any) -> dict[str, Any]:
    header = chain.header(height, **told)
    return {
        "header": bj.header_to_json(header),
        **chain.signed(header),
        "next_validators": bj.validators_to_json(chain.validators),
    }


NOW = START + 100 * b.SECOND
HOUR = 3600 * b.SECOND


def verdict(trusted: Any, block: Any, now: int = NOW, period: int = HOUR, drift: int = 0) -> str:
    return v.verify_step(v.light_block(trusted), v.light_block(block), now, period, drift)


def test_steps_of_our_own_chain() -> None:
    first, later = light(FOUR, 1), light(FOUR, 9)
    assert verdict(first, light(FOUR, 2)) == verdict(first, later) == v.SUCCESS
    assert verdict(later, first) == verdict(first, first) == v.INVALID
    assert verdict(first, later, now=NOW + HOUR) == v.INVALID
    assert verdict(first, later, now=START + 8 * b.SECOND) == v.INVALID
    assert verdict(first, later, now=START + 8 * b.SECOND, drift=2 * b.SECOND) == v.SUCCESS
    assert verdict(first, light(Chain((10,) * 4, chain_id="other"), 9)) == v.INVALID
    strangers = Chain((10, 10, 10, 10), label="stranger")
    assert verdict(first, light(strangers, 9)) == v.NOT_ENOUGH_TRUST
    assert verdict(first, light(strangers, 2)) == v.INVALID
    silent = Chain((10, 10, 10, 10), flags=[b.COMMIT, b.COMMIT, b.ABSENT, b.ABSENT])
    assert verdict(first, light(silent, 9)) == v.INVALID
    assert verdict(first, light(FOUR, 9, next_validators_hash=sha(b"others"))) == v.INVALID


def from_tendermint_rs(told: Any) -> Any:
    """The files' spelling of a light block, in the RPC's."""

    def rename(value: Any) -> Any:
        if isinstance(value, list):
            return [rename(item) for item in value]
        if not isinstance(value, dict):
            return value
        renamed = {"part_set_header": "parts"}
        made = {renamed.get(name, name): rename(item) for name, item in value.items()}
        if made.get("last_block_id", 0) is None:
            made["last_block_id"] = {"hash": "", "parts": {"total": 0, "hash": ""}}
        return made

    signed = rename(told["signed_header"])
    commit = {name: signed["commit"][name] for name in ("height", "round", "block_id")}
    validators = told.get("validator_set", {"validators": []})["validators"]
    return {
        "header": signed["header"],
        "commit": {**commit, "signatures": signed["commit"]["signatures"] or []},
        "validators": validators or [],
        "next_validators": told["next_validator_set"]["validators"] or [],
    }


def test_every_step_of_the_light_client_files_has_its_verdict() -> None:
    files = sorted(shared("light-client").glob("*.json"))
    seen = set()
    for file in files:
        case = json.loads(file.read_text())
        trusted = v.light_block(from_tendermint_rs(case["initial"]))
        period = int(case["initial"]["trusting_period"])
        for place, step in enumerate(case["input"]):
            block = v.light_block(from_tendermint_rs(step["block"]))
            now = bj.time_from_text(step["now"])
            told = v.verify_step(trusted, block, now, period)
            assert told == step["verdict"], (file.name, place)
            trusted = block if told == v.SUCCESS else trusted
            seen.add(told)
    assert seen == {v.SUCCESS, v.NOT_ENOUGH_TRUST, v.INVALID}


# --- one file, for a stranger ---


def test_it_imports_only_the_standard_library_and_pynacl() -> None:
    found = set()
    for node in ast.walk(ast.parse(FILE.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(str(node.module).split(".")[0])
    assert found - set(sys.stdlib_module_names) == {"nacl"}


def test_it_is_short_enough_to_be_read_in_a_sitting() -> None:
    assert len(FILE.read_text().splitlines()) <= 600


@pytest.fixture
def alone(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the file by itself, where nothing but PyNaCl and what it needs can be imported."""
    (tmp_path / "verify.py").write_bytes(FILE.read_bytes())
    site = tmp_path / "site"
    site.mkdir()
    for needed in (Path(nacl.__file__).parent, Path(_cffi_backend.__file__)):
        (site / needed.name).symlink_to(needed)
    start = f"import sys, runpy; sys.path.append({str(site)!r}); "
    start += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "-c", start, "verify.py", *arguments]
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
        )

    (tmp_path / "receipt.json").write_text(text(FOUR.receipt()), encoding="utf-8")
    (tmp_path / "state.json").write_text(text(FOUR.state_proof(b"none")), encoding="utf-8")
    wrong = with_(FOUR.receipt(), "events", to=[])
    (tmp_path / "wrong.json").write_text(text(wrong), encoding="utf-8")
    (tmp_path / "trust.json").write_text(text(FOUR.trust()), encoding="utf-8")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    return run


def test_it_runs_alone(alone: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = alone("receipt.json", "--trust", "trust.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("VERIFIED\n")
    assert "level: agreed" in done.stdout
    told = json.loads(alone("state.json", "--trust", "trust.json", "--json").stdout)
    assert (told["verified"], told["height"], told["level"]) == (True, 11, "agreed")
    refused = alone("wrong.json", "--trust", "trust.json", "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["code"] == "events_differ"
    plain = alone("wrong.json", "--trust", "trust.json")
    assert plain.returncode == 1
    assert plain.stdout.startswith("NOT VERIFIED\n")
    assert alone("broken.json", "--trust", "trust.json").returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("receipt.json",),
        ("receipt.json", "--trust", "absent.json"),
        ("absent.json", "--trust", "trust.json"),
        ("receipt.json", "--trust", "broken.json"),
        ("receipt.json", "--trust", "receipt.json"),
    ],
)
def test_usage_and_unreadable_files_end_with_two(
    arguments: tuple[str, ...], alone: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = alone(*arguments)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_is_the_function(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proof, trust = tmp_path / "receipt.json", tmp_path / "trust.json"
    proof.write_text(text(ONE.receipt()), encoding="utf-8")
    trust.write_text(text(ONE.trust()), encoding="utf-8")
    assert v.main([str(proof), "--trust", str(trust), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["level"] == "one signer"


def test_a_stranger_who_signs_for_himself_convinces_nobody() -> None:
    pretender = Chain((10, 10, 10, 10), label="stranger")
    assert code_of(pretender.receipt(), FOUR.trust()) == "unknown_validators"
    # With the true validators' names over it, the signatures are not theirs.
    receipt = FOUR.receipt()
    key = SigningKey(sha(b"stranger"))
    for vote in receipt["commit"]["signatures"]:
        vote["signature"] = base64.b64encode(key.sign(b"x").signature).decode()
    assert code_of(receipt, FOUR.trust()) == "bad_signature"
