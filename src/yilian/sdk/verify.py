"""Check a Yilian receipt or state proof offline. This one file is the whole verifier.

    python verify.py receipt.json --trust trust.json [--json]

needs Python >= 3.11, the standard library and PyNaCl, and nothing else of this project: it may be
copied, read in a sitting and run by a third party. It repeats on purpose what the ledger does
(protobuf, Merkle trees, block hashes, signatures), because a verifier that shares code with the
prover repeats its mistakes. Exit code: 0 verified, 1 not verified, 2 usage or unreadable file.

What is checked, from the bottom up: the transaction is under `data_hash` of header H; header H is
named by `last_block_id` of header H+1; the transaction's result is under `last_results_hash` of
H+1, and its data is the hash of the events shown; more than two thirds of the voting power signed
H+1; and those validators are the ones the trust file pins, or more than a third of the pinned power
signed too, within the trusting period. A state proof is one key, present or absent, under
`app_hash`. The level says what the signatures are worth: `one signer`, or `agreed`.

Sources: CometBFT v0.38 (types, light client), RFC 6962 and RFC 9162 (trees), ICS-23 with its
SmtSpec (state), RFC 8032 and ZIP-215 (signatures), RFC 8785 without floats (events).
"""

from __future__ import annotations

import argparse
import base64
import functools
import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

MAX_TEXT = 16 * 2**20
MAX_ITEMS = 10_000
MAX_PATH = 256
SECOND = 10**9
DRIFT = 10 * SECOND
"""How far ahead of the reader's clock a newly trusted header may be (CometBFT's default)."""
ABSENT, COMMIT, NIL = 1, 2, 3
EMPTY = bytes(32)
ED25519 = "tendermint/PubKeyEd25519"
SUCCESS, NOT_ENOUGH_TRUST, INVALID = "SUCCESS", "NOT_ENOUGH_TRUST", "INVALID"


class NotVerified(Exception):
    """Raised where a proof does not hold: `code` is stable and says why, `detail` says what."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Verified(NamedTuple):
    """What was proved, in plain words, and about which block of which chain."""

    proved: str
    chain_id: str
    height: int
    time: str
    level: str
    warnings: tuple[str, ...] = ()


def _require(holds: bool, code: str, detail: str) -> None:
    if not holds:
        raise NotVerified(code, detail)


# --- the formats: one spelling per value, no unknown member, everything bounded ---


def _base64(text: str) -> bytes:
    data = base64.b64decode(text)
    if base64.b64encode(data).decode() != text:
        raise ValueError
    return data


def _moment(text: str) -> int:
    """An RFC 3339 moment in UTC, as nanoseconds since 1970."""
    elapsed = datetime.fromisoformat(text[:19] + "+00:00") - datetime(1970, 1, 1, tzinfo=UTC)
    return elapsed // timedelta(seconds=1) * SECOND + int(text[20:-1].ljust(9, "0"))


_SCALARS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "text": ("(?s:.*)", str),
    "int64": ("0|[1-9][0-9]{0,18}", int),
    "hex": ("([0-9A-Fa-f]{2})*", bytes.fromhex),
    "hash": ("[0-9A-Fa-f]{64}", bytes.fromhex),
    "hash?": ("([0-9A-Fa-f]{64})?", bytes.fromhex),
    "address": ("[0-9A-Fa-f]{40}", bytes.fromhex),
    "address?": ("([0-9A-Fa-f]{40})?", bytes.fromhex),
    "base64": ("[A-Za-z0-9+/]*={0,2}", _base64),
    "time": ("[0-9-]{10}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z", _moment),
}
_BLOCK_ID = {"hash": "hash?", "parts": {"total": "int", "hash": "hash?"}}
_DIGESTS = (
    "last_commit_hash data_hash validators_hash next_validators_hash consensus_hash app_hash "
    "last_results_hash evidence_hash proposer_address"
).split()
_HEADER = {
    "version": {"block": "int64", "app": "int64"},
    "chain_id": "text",
    "height": "int64",
    "time": "time",
    "last_block_id": _BLOCK_ID,
    **dict.fromkeys(_DIGESTS, "hash?"),
    "app_hash": "hex",
    "proposer_address": "address",
}
_VOTE = {
    "block_id_flag": "int",
    "validator_address": "address?",
    "timestamp": "time",
    "signature": "base64",
}
_COMMIT = {"height": "int64", "round": "int", "block_id": _BLOCK_ID, "signatures": [_VOTE]}
_VALIDATOR = {
    "address": "address",
    "pub_key": {"type": "text", "value": "base64"},
    "voting_power": "int64",
}
_SIGNED = {"header": _HEADER, "commit": _COMMIT, "validators": [_VALIDATOR]}
_LIGHT_BLOCK = {**_SIGNED, "next_validators": [_VALIDATOR]}
_PLACE = {"index": "int", "total": "int", "path": ["hash"]}
_RECEIPT = {
    "format": "text",
    "transaction": "text",
    "inclusion": _PLACE,
    "result": {"code": "int", "data": "hex", "gas_wanted": "int", "gas_used": "int"},
    "result_inclusion": _PLACE,
    "events": ["any"],
    "next_header": _HEADER,
    **_SIGNED,
}
_EXIST = {"key": "text", "value": "text", "path": [{"prefix": "hex", "suffix": "hex"}]}
_PRESENT = {"exist": _EXIST}
_ABSENT = {"nonexist": {"left": (_EXIST,), "right": (_EXIST,)}}
_STATE_PROOF = {"format": "text", "key": "text", "value": ("text",), "proof": "any", **_SIGNED}
_TRUST = {
    "format": "text",
    "chain_id": "text",
    "validators": [{"pub_key": "base64", "voting_power": "int"}],
    "height": "int",
    "time": "time",
    "trusting_period_s": "int",
}


def _shaped(value: Any, shape: Any, where: str) -> Any:
    """Read a JSON value of a shape above; (shape,) may be null, [shape] is a list of them."""
    if isinstance(shape, tuple):
        return None if value is None else _shaped(value, shape[0], where)
    if isinstance(shape, dict) and isinstance(value, dict) and value.keys() == shape.keys():
        return {name: _shaped(value[name], shape[name], f"{where}.{name}") for name in shape}
    if isinstance(shape, list) and isinstance(value, list) and len(value) <= MAX_ITEMS:
        return [_shaped(item, shape[0], where) for item in value]
    if shape == "any" or (shape == "int" and type(value) is int and value >= 0):
        return value
    if isinstance(shape, str) and shape != "int" and isinstance(value, str):
        pattern, convert = _SCALARS[shape]
        try:
            if re.fullmatch(pattern, value):
                return convert(value)
        except ValueError:
            pass
    raise NotVerified("malformed", f"{where} is not of the shape that the format prescribes")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def _integer(text: str) -> int:
    if not re.fullmatch("-?[0-9]{1,16}", text) or not -(2**53) < int(text) < 2**53:
        raise ValueError("a number must be an integer within 2^53 - 1")
    return int(text)


def _load(text: str | bytes) -> dict[str, Any]:
    _require(len(text) <= MAX_TEXT, "too_large", f"more than {MAX_TEXT} bytes")
    hooks: dict[str, Any] = dict.fromkeys(("parse_int", "parse_float", "parse_constant"), _integer)
    try:
        plain = text.decode() if isinstance(text, bytes) else text
        value = json.loads(plain, object_pairs_hook=_unique, **hooks)
        _canonical(value)
    except (ValueError, RecursionError) as reason:
        raise NotVerified("malformed", f"not JSON of the profile: {reason}") from None
    _require(isinstance(value, dict), "malformed", "not a JSON object")
    return dict(value)


def _canonical(value: Any) -> bytes:
    """RFC 8785 for values without floats; raises ValueError on text that is not Unicode."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


# --- protobuf and Merkle trees ---


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _varint(number: int) -> bytes:
    number %= 2**64
    out = b""
    while number > 0x7F:
        out += bytes((number & 0x7F | 0x80,))
        number >>= 7
    return out + bytes((number,))


def _int_field(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number) if number else b""


def _message_field(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _bytes_field(field: int, data: bytes) -> bytes:
    return _message_field(field, data) if data else b""


def _timestamp(moment: int) -> bytes:
    return _int_field(1, moment // SECOND) + _int_field(2, moment % SECOND)


def _tree_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written there: split at the largest power of two below n."""
    if len(leaves) < 2:
        return _sha256(b"\x00" + leaves[0]) if leaves else _sha256(b"")
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return _sha256(b"\x01" + _tree_root(leaves[:split]) + _tree_root(leaves[split:]))


def _path_root(leaf: bytes, index: int, total: int, path: Sequence[bytes]) -> bytes | None:
    """RFC 6962, section 2.1.1, backwards: the root that an audit path leads to, or None."""
    if not 0 <= index < total or (total == 1) == bool(path):
        return None
    if total == 1:
        return _sha256(b"\x00" + leaf)
    split = 1 << (total - 1).bit_length() - 1
    right = index >= split
    inner = (index - split, total - split) if right else (index, split)
    below = _path_root(leaf, *inner, path[:-1])
    if below is None:
        return None
    return _sha256(b"\x01" + (path[-1] + below if right else below + path[-1]))


# --- Ed25519 under ZIP-215, the rule of CometBFT's votes ---

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_Point = tuple[int, int, int]
"""Projective coordinates (X, Y, Z): x = X/Z, y = Y/Z."""


def _point(encoding: bytes) -> _Point | None:
    """Decode without canonicity checks: y >= p is reduced, and x = 0 may carry the sign bit."""
    number = int.from_bytes(encoding, "little")
    y = number % 2**255 % _P
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if x * x % _P != square:
        return None
    return (x if x % 2 == number >> 255 else -x % _P), y, 1


def _sum(one: _Point, other: _Point) -> _Point:
    x1, y1, z1 = one
    x2, y2, z2 = other
    a = z1 * z2 % _P
    b, c, d = a * a % _P, x1 * x2 % _P, y1 * y2 % _P
    e = _D * c * d % _P
    f, g = b - e, b + e
    return a * f * ((x1 + y1) * (x2 + y2) - c - d) % _P, a * g * (d + c) % _P, f * g % _P


def _times(scalar: int, point: _Point) -> _Point:
    total = (0, 1, 1)
    for bit in f"{scalar:b}":
        total = _sum(total, total)
        total = _sum(total, point) if bit == "1" else total
    return total


@functools.lru_cache(maxsize=20_000)
def verify_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Judge an Ed25519 signature under ZIP-215. What libsodium accepts, ZIP-215 accepts too."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
        return True
    except BadSignatureError:
        pass
    key, commitment, base = map(_point, (public_key, signature[:32], b"\x58" + b"\x66" * 31))
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or base is None or scalar >= _L:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    challenge = int.from_bytes(digest, "little") % _L
    left = _times(8, _times(scalar, base))
    right = _times(8, _sum(commitment, _times(challenge, key)))
    return not any((left[i] * right[2] - right[i] * left[2]) % _P for i in (0, 1))


# --- headers, commits and validators, as CometBFT hashes and signs them ---


class Validator(NamedTuple):
    """A consensus key (Ed25519), its voting power, and its address: SHA-256(key)[:20]."""

    key: bytes
    power: int
    address: bytes


def _block_id(value: dict[str, Any]) -> bytes:
    parts = _int_field(1, value["parts"]["total"]) + _bytes_field(2, value["parts"]["hash"])
    return _bytes_field(1, value["hash"]) + _message_field(2, parts)


def _header_hash(header: dict[str, Any]) -> bytes:
    version = header["version"]
    _require(version["block"] == 11, "unsupported_block_version", "only block protocol 11 is known")
    leaves = [
        _int_field(1, 11) + _int_field(2, version["app"]),
        _bytes_field(1, header["chain_id"].encode()),
        _int_field(1, header["height"]),
        _timestamp(header["time"]),
        _block_id(header["last_block_id"]),
        *(_bytes_field(1, header[name]) for name in _DIGESTS),
    ]
    return _tree_root(leaves)


def _validator(value: dict[str, Any]) -> Validator:
    key = value["pub_key"]
    _require(key["type"] == ED25519, "outdated_algorithm", "a validator key is not Ed25519")
    own = _sha256(key["value"])[:20]
    _require(value["address"] == own, "malformed", "a validator's address is not its key's")
    return Validator(key["value"], value["voting_power"], own)


def _in_order(validators: Sequence[Validator]) -> list[Validator]:
    """The order of hashes and commits: most power first, then by address."""
    usable = all(len(each.key) == 32 and each.power > 0 for each in validators)
    _require(usable, "malformed", "a validator needs a key of 32 bytes and voting power")
    distinct = len({each.key for each in validators}) == len(validators)
    _require(distinct, "malformed", "a validator stands twice")
    return sorted(validators, key=lambda each: (-each.power, each.address))


def _validators_hash(validators: Sequence[Validator]) -> bytes:
    return _tree_root(
        [
            _message_field(1, _message_field(1, each.key)) + _int_field(2, each.power)
            for each in validators
        ]
    )


def _power(validators: Sequence[Validator]) -> int:
    return sum(each.power for each in validators)


def light_block(value: Any) -> dict[str, Any]:
    """Read what a light client fetches: header, commit, validators and next_validators.

    All in the JSON of CometBFT's RPC. Raises NotVerified. What comes back goes to `verify_step`,
    as the block to judge and later as the state that is trusted.
    """
    block: dict[str, Any] = _shaped(value, _LIGHT_BLOCK, "light block")
    for name in ("validators", "next_validators"):
        block[name] = _in_order([_validator(each) for each in block[name]])
    return block


# --- signatures: is this header agreed, and by whom? ---


def _check_vote(chain_id: str, commit: dict[str, Any], vote: dict[str, Any], key: bytes) -> None:
    """A vote signs the length-prefixed CanonicalVote (a precommit) of CometBFT."""
    body = _int_field(1, 2)
    for tag, number in ((b"\x11", commit["height"]), (b"\x19", commit["round"])):
        body += tag + number.to_bytes(8, "little") if number else b""
    if vote["block_id_flag"] == COMMIT:
        body += _message_field(4, _block_id(commit["block_id"]))
    body += _message_field(5, _timestamp(vote["timestamp"])) + _bytes_field(6, chain_id.encode())
    valid = verify_signature(key, _varint(len(body)) + body, vote["signature"])
    _require(valid, "bad_signature", f"not signed by {vote['validator_address'].hex()}")


def _check_commit(
    header: dict[str, Any], commit: dict[str, Any], validators: Sequence[Validator]
) -> None:
    """The header's own validators voted for it with more than two thirds of their power.

    Every vote given must be valid, those for no block (NIL) too; nobody signs an absent place.
    """
    places = commit["signatures"]
    _require(len(places) == len(validators), "wrong_vote_count", "not one place per validator")
    signed = 0
    for vote, validator in zip(places, validators, strict=True):
        flag, address = vote["block_id_flag"], vote["validator_address"]
        _require(flag in (ABSENT, COMMIT, NIL), "malformed", "block_id_flag must be 1, 2 or 3")
        if flag == ABSENT:
            blank = vote["timestamp"] in (0, -62_135_596_800 * SECOND)
            blank = blank and not address and not vote["signature"]
            _require(blank, "malformed", "the place of an absent vote must be empty")
            continue
        own = address == validator.address
        _require(own, "wrong_vote_order", "a vote stands in another validator's place")
        _check_vote(header["chain_id"], commit, vote, validator.key)
        signed += validator.power if flag == COMMIT else 0
    total = _power(validators)
    _require(3 * signed > 2 * total, "not_enough_power", f"{signed} of {total} power signed")


def _check_overlap(chain_id: str, commit: dict[str, Any], trusted: Sequence[Validator]) -> None:
    """The jump rule: more than a third of the power trusted so far voted for the block too."""
    given = [vote for vote in commit["signatures"] if vote["block_id_flag"] == COMMIT]
    votes = {vote["validator_address"]: vote for vote in given}
    _require(len(votes) == len(given), "repeated_vote", "a validator voted twice")
    known = [each for each in trusted if each.address in votes]
    for each in known:
        _check_vote(chain_id, commit, votes[each.address], each.key)
    signed, total = _power(known), _power(trusted)
    _require(3 * signed > total, "unknown_validators", f"{signed} of {total} trusted power signed")


def _check_binding(
    header: dict[str, Any], commit: dict[str, Any], validators: Sequence[Validator]
) -> None:
    """The commit must speak of this header, and the header of these validators."""
    same = commit["height"] == header["height"]
    _require(same, "wrong_commit_height", "the commit is of another height")
    same = commit["block_id"]["hash"] == _header_hash(header)
    _require(same, "wrong_block", "the commit names another block")
    same = _validators_hash(validators) == header["validators_hash"]
    _require(same, "wrong_validators", "the validators are not those that the header names")


def _check_newer(
    trusted: dict[str, Any], header: dict[str, Any], now: int, period: int, drift: int
) -> None:
    _require(trusted["time"] + period > now, "trust_expired", "the trusting period is over")
    same = header["chain_id"] == trusted["chain_id"]
    _require(same, "wrong_chain", "a header of another chain")
    above = header["height"] > trusted["height"]
    _require(above, "height_not_above_trust", "not above the trusted height")
    later = header["time"] > trusted["time"]
    _require(later, "time_not_monotone", "not later than the trusted header")
    _require(header["time"] < now + drift, "header_from_future", "ahead of the reader's clock")


def check_step(
    trusted: dict[str, Any],
    block: dict[str, Any],
    now_ns: int,
    trusting_period_ns: int,
    drift_ns: int = 0,
) -> None:
    """Make one step of a CometBFT light client, from one `light_block` to a later one.

    Raises NotVerified. `unknown_validators` alone means: perhaps valid, fetch a header between.
    """
    header, commit, validators = block["header"], block["commit"], block["validators"]
    _check_newer(trusted["header"], header, now_ns, trusting_period_ns, drift_ns)
    _check_binding(header, commit, validators)
    if header["height"] == trusted["header"]["height"] + 1:
        same = header["validators_hash"] == trusted["header"]["next_validators_hash"]
        _require(same, "wrong_validators", "not the validators that the last header announced")
    else:
        _check_overlap(header["chain_id"], commit, trusted["next_validators"])
    _check_commit(header, commit, validators)
    same = _validators_hash(block["next_validators"]) == header["next_validators_hash"]
    _require(same, "wrong_validators", "the next validators are not those of the header")


def verify_step(
    trusted: dict[str, Any],
    block: dict[str, Any],
    now_ns: int,
    trusting_period_ns: int,
    drift_ns: int = 0,
) -> str:
    """Say SUCCESS, NOT_ENOUGH_TRUST or INVALID: the verdict of a CometBFT light client."""
    try:
        check_step(trusted, block, now_ns, trusting_period_ns, drift_ns)
    except NotVerified as reason:
        return NOT_ENOUGH_TRUST if reason.code == "unknown_validators" else INVALID
    return SUCCESS


class Trust(NamedTuple):
    """What the reader believes beforehand: a chain's validators at a height, and for how long."""

    chain_id: str
    validators: list[Validator]
    height: int
    time: int
    period: int
    now: int


def parse_trust(text: str | bytes) -> Trust:
    """Read a `yilian-trust/1` file. Raises NotVerified: its validators can be no proof of others.

    Without `now` in it, the machine's clock decides whether the trusting period is over.
    """
    value = _load(text)
    now = _shaped(value.pop("now", None), ("time",), "trust.now")
    trust = _shaped(value, _TRUST, "trust")
    _require(trust["format"] == "yilian-trust/1", "unsupported_format", "not a yilian-trust/1")
    pinned = [
        Validator(each["pub_key"], each["voting_power"], _sha256(each["pub_key"])[:20])
        for each in trust["validators"]
    ]
    _require(bool(pinned), "malformed", "trust without validators")
    return Trust(
        trust["chain_id"],
        _in_order(pinned),
        trust["height"],
        trust["time"],
        trust["trusting_period_s"] * SECOND,
        time.time_ns() if now is None else now,
    )


def _check_agreed(
    header: dict[str, Any], proof: dict[str, Any], trust: Trust
) -> tuple[str, tuple[str, ...]]:
    """Check the commit on `header` against the trust file; returns level and warnings."""
    validators = _in_order([_validator(each) for each in proof["validators"]])
    _require(header["chain_id"] == trust.chain_id, "wrong_chain", "a header of another chain")
    _check_binding(header, proof["commit"], validators)
    warnings: tuple[str, ...] = ()
    if validators != trust.validators:
        trusted = {"chain_id": trust.chain_id, "height": trust.height, "time": trust.time}
        _check_newer(trusted, header, trust.now, trust.period, DRIFT)
        _check_overlap(trust.chain_id, proof["commit"], trust.validators)
    elif trust.time + trust.period <= trust.now:
        warnings = ("the trusting period is over: the pinned keys may have leaked since",)
    _check_commit(header, proof["commit"], validators)
    # Whoever holds more than two thirds decides alone, whatever the number of validators.
    alone = any(3 * each[0].power > 2 * _power(each) for each in (validators, trust.validators))
    return "one signer" if alone else "agreed", warnings


# --- receipts ---


def verify_receipt(text: str | bytes, trust: Trust) -> Verified:
    """Check that a transaction is recorded, with this result and these events.

    Index and total are not stated in the answer: a root binds the way to a leaf, not the two
    numbers. Equal ways in two trees of one length are the same place, and that is what is used.
    """
    value = _load(text)
    known = value.get("format") == "yilian-receipt/1"
    _require(known, "unsupported_format", "not a yilian-receipt/1")
    receipt = _shaped(value, _RECEIPT, "receipt")
    header, following = receipt["header"], receipt["next_header"]
    _require(header["chain_id"] == trust.chain_id, "wrong_chain", "a header of another chain")
    above = following["height"] == header["height"] + 1
    _require(above, "wrong_height", "the headers are not of consecutive heights")
    later = following["time"] > header["time"]
    _require(later, "time_not_monotone", "the next header is not later")
    linked = following["last_block_id"]["hash"] == _header_hash(header)
    _require(linked, "header_not_linked", "the next header follows another block")
    _check_result(receipt)
    level, warnings = _check_agreed(following, receipt, trust)
    digest, result = _sha256(receipt["transaction"].encode()).hex(), receipt["result"]
    outcome = f"refused with code {result['code']}" if result["code"] else "accepted"
    proved = f"transaction {digest} is recorded and was {outcome}, with the events shown"
    return _verified(proved, header, header["height"], level, warnings)


def _check_result(receipt: dict[str, Any]) -> None:
    place, other = receipt["inclusion"], receipt["result_inclusion"]
    same = (place["index"], place["total"]) == (other["index"], other["total"])
    _require(same, "result_of_another", "transaction and result stand at different places")
    leaf = _sha256(receipt["transaction"].encode())
    held = _at(leaf, place) == receipt["header"]["data_hash"]
    _require(held, "transaction_not_in_block", "the path does not lead to the block's data hash")
    result = receipt["result"]
    leaf = _int_field(1, result["code"]) + _bytes_field(2, result["data"])
    leaf += _int_field(5, result["gas_wanted"]) + _int_field(6, result["gas_used"])
    held = _at(leaf, other) == receipt["next_header"]["last_results_hash"]
    _require(held, "result_not_in_block", "the path does not lead to the results hash")
    held = _sha256(_canonical(receipt["events"])) == result["data"]
    _require(held, "events_differ", "the events are not those that the result commits to")


def _at(leaf: bytes, place: dict[str, Any]) -> bytes | None:
    _require(len(place["path"]) <= MAX_PATH, "malformed", "the path is too long")
    return _path_root(leaf, place["index"], place["total"], place["path"])


def _verified(
    proved: str, header: dict[str, Any], height: int, level: str, warnings: tuple[str, ...]
) -> Verified:
    seconds, nanos = divmod(header["time"], SECOND)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    written = f"{moment:%Y-%m-%dT%H:%M:%S}.{nanos:09}Z"
    return Verified(proved, header["chain_id"], height, written, level, warnings)


# --- state proofs: ICS-23 with the SmtSpec ---


def verify_state(text: str | bytes, trust: Trust) -> Verified:
    """Check that a key has a value, or is absent, in the state after the block below `header`."""
    value = _load(text)
    known = value.get("format") == "yilian-state-proof/1"
    _require(known, "unsupported_format", "not a yilian-state-proof/1")
    proof = _shaped(value, _STATE_PROOF, "state proof")
    header, key = proof["header"], proof["key"]
    root, hashed = header["app_hash"], _sha256(key.encode())
    if proof["value"] is None:
        absent = _shaped(proof["proof"], _ABSENT, "proof")["nonexist"]
        _check_absent(hashed, absent["left"], absent["right"], root)
        proved = f"state key {key} is absent"
    else:
        exist = _shaped(proof["proof"], _PRESENT, "proof")["exist"]
        same = exist["key"] == key and exist["value"] == proof["value"]
        _require(same, "proof_of_another", "the proof speaks of another key or value")
        _check_exist(exist, root)
        proved = f"state key {key} has the value {proof['value']}"
    level, warnings = _check_agreed(header, proof, trust)
    return _verified(proved, header, header["height"] - 1, level, warnings)


def _check_exist(exist: dict[str, Any], root: bytes) -> None:
    """Leaf H(0x00 | H(key) | H(value)), then H(prefix | child | suffix) up to the root."""
    _require(len(exist["path"]) <= MAX_PATH, "malformed", "the path is too long")
    key, value = exist["key"].encode(), exist["value"].encode()
    digest = _sha256(b"\x00" + _sha256(key) + _sha256(value))
    for step in exist["path"]:
        prefix, suffix = step["prefix"], step["suffix"]
        inner = prefix[:1] == b"\x01" and (len(prefix), len(suffix)) in ((1, 32), (33, 0))
        _require(inner, "malformed", "a step is not of the SmtSpec")
        digest = _sha256(prefix + digest + suffix)
    _require(digest == root, "value_not_in_state", "the path does not lead to the app hash")


def _is_edge(path: Sequence[dict[str, Any]], left: bool) -> bool:
    """Is this the leftmost (rightmost) way down? Empty branches beside it do not count."""
    return all(
        not step["prefix" if left else "suffix"][1 if left else 0 :]
        or step["prefix"][1:] + step["suffix"] == EMPTY
        for step in path
    )


def _check_absent(
    hashed: bytes, left: dict[str, Any] | None, right: dict[str, Any] | None, root: bytes
) -> None:
    """No leaf stands between two true neighbours; at an end, one neighbour is the outermost."""
    if left is None and right is None:
        _require(root == EMPTY, "not_absent", "only an empty state proves absence by itself")
        return
    for side in (left, right):
        if side is not None:
            _check_exist(side, root)
    lower = left is None or _sha256(left["key"].encode()) < hashed
    upper = right is None or hashed < _sha256(right["key"].encode())
    _require(lower and upper, "not_absent", "the key does not lie between the neighbours")
    below = list(left["path"]) if left else []
    above = list(right["path"]) if right else []
    adjacent = True
    if left and right:
        # Drop the way that both share, from the root down; then they part, left from right.
        while below and above and below[-1] == above[-1]:
            below.pop()
            above.pop()
        adjacent = bool(below and above)
        adjacent = adjacent and bool(below.pop()["suffix"]) and not above.pop()["suffix"]
    adjacent = adjacent and _is_edge(below, left=False) and _is_edge(above, left=True)
    _require(adjacent, "not_absent", "the neighbours are not next to each other")


# --- the front door, and the command ---


def verify(text: str | bytes, trust: str | bytes) -> Verified:
    """Check a receipt or a state proof, whichever the text is. Raises NotVerified."""
    pinned = parse_trust(trust)
    check = verify_state if _load(text).get("format") == "yilian-state-proof/1" else verify_receipt
    return check(text, pinned)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description="Check a Yilian receipt or state proof offline.")
    parser.add_argument("proof", type=Path, help="the receipt or state proof (JSON)")
    parser.add_argument("--trust", type=Path, required=True, help="the trust file (JSON)")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    options = parser.parse_args(arguments)
    try:
        text, trust = options.proof.read_bytes(), options.trust.read_bytes()
        parse_trust(trust)
    except (OSError, NotVerified) as reason:
        print(f"unreadable: {reason}", file=sys.stderr)
        return 2
    try:
        answer = {"verified": True, **verify(text, trust)._asdict()}
    except NotVerified as reason:
        answer = {"verified": False, "code": reason.code, "detail": reason.detail}
    if options.json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        print("VERIFIED" if answer["verified"] else "NOT VERIFIED")
        print("\n".join(f"  {name}: {value}" for name, value in answer.items() if value))
    return 0 if answer["verified"] else 1


if __name__ == "__main__":
    sys.exit(main())
