"""Check a Yilian receipt or state proof offline. This one file is the whole verifier.

    python verify.py receipt.json --trust trust.json [--json]

needs Python >= 3.11 and PyNaCl, nothing of this project: copy it, read it in a sitting, run it. It
repeats on purpose what the ledger does (protobuf, Merkle trees, block hashes, signatures), because
a verifier that shares code with the prover repeats its mistakes. Exit code: 0 verified, 1 not
verified, 2 usage or unreadable file.

What is checked, from the bottom up: the transaction is under `data_hash` of header H; header H is
named by `last_block_id` of header H+1; the transaction's result is under `last_results_hash` of
H+1, and its data is the hash of the events shown; more than two thirds of the voting power signed
H+1; and those validators are the ones that the trust file pins or that a history of signed headers
leads to, or more than a third of that power signed too, within the trusting period. A state proof
is one key, present or absent, under `app_hash`. The level says what the signatures are worth: `one
signer`, or `agreed`. `verify_log.py` builds on this file: witnesses (`archived`), and promotions.

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

MAX_TEXT, MAX_ITEMS, MAX_PATH = 16 * 2**20, 10_000, 256
EMPTY, SECOND = bytes(32), 10**9
DRIFT = 10 * SECOND
"""How far ahead of the reader's clock a newly trusted header may be (CometBFT's default)."""
ABSENT, COMMIT, NIL = 1, 2, 3
SUCCESS, NOT_ENOUGH_TRUST, INVALID = "SUCCESS", "NOT_ENOUGH_TRUST", "INVALID"
TRUST_OLD = "the trusting period is over: the pinned keys may have leaked since"
Json = dict[str, Any]
Hash = Callable[[bytes], bytes]


class NotVerified(Exception):
    """Raised where a proof does not hold: `code` is stable and says why, `detail` says what."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


class Verified(NamedTuple):
    """What was proved, in plain words, and about which block of which chain."""

    proved: str
    chain_id: str
    height: int
    time: str
    level: str
    warnings: tuple[str, ...] = ()
    witnessed: str = ""
    witnesses: tuple[str, ...] = ()


def require(holds: bool, code: str, detail: str) -> None:
    if not holds:
        raise NotVerified(code, detail)


# --- the formats: one spelling per value, no unknown member, everything bounded ---


def _moment(text: str) -> int:
    """An RFC 3339 moment in UTC, as nanoseconds since 1970."""
    elapsed = datetime.fromisoformat(text[:19] + "+00:00") - datetime(1970, 1, 1, tzinfo=UTC)
    return elapsed // timedelta(seconds=1) * SECOND + int(text[20:-1].ljust(9, "0"))


# fmt: off
_SCALARS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "text": ("(?s:.*)", str),
    "utf8": ("(?s:.*)", str.encode),
    "int64": ("0|[1-9][0-9]{0,18}", int),
    "power": ("0|[1-9][0-9]{0,18}", int),
    "hex": ("([0-9a-f]{2})*", bytes.fromhex), "HEX": ("([0-9A-F]{2})*", bytes.fromhex),
    "hash": ("[0-9a-f]{64}", bytes.fromhex),
    "hash?": ("([0-9A-F]{64})?", bytes.fromhex),
    "address": ("[0-9A-F]{40}", bytes.fromhex),
    "address?": ("([0-9A-F]{40})?", bytes.fromhex),
    "key": ("[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", base64.b64decode),
    "signature?": ("([A-Za-z0-9+/]{85}[AQgw]==)?", base64.b64decode),
    "time": ("[0-9-]{10}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z", _moment),
}
_BLOCK_ID = {"hash": "hash?", "parts": {"total": "int", "hash": "hash?"}}
_DIGESTS = {
    "last_commit_hash": "hash?", "data_hash": "hash?", "validators_hash": "hash?",
    "next_validators_hash": "hash?", "consensus_hash": "hash?", "app_hash": "HEX",
    "last_results_hash": "hash?", "evidence_hash": "hash?", "proposer_address": "address",
}
HEADER = {
    "version": {"block": "int64", "app": "int64"}, "chain_id": "text", "height": "int64",
    "time": "time", "last_block_id": _BLOCK_ID, **_DIGESTS,
}
_VOTE = {
    "block_id_flag": "int", "validator_address": "address?", "timestamp": "time",
    "signature": "signature?",
}
_COMMIT = {"height": "int64", "round": "int", "block_id": _BLOCK_ID, "signatures": [_VOTE]}
_VALIDATOR = {
    "address": "address", "pub_key": {"type": "text", "value": "text"}, "voting_power": "int64",
}
_SIGNED = {"header": HEADER, "commit": _COMMIT, "validators": [_VALIDATOR]}
LIGHT_BLOCK = {**_SIGNED, "next_validators": [_VALIDATOR]}
_PLACE = {"index": "int", "total": "int", "path": ["hash"]}
_RESULT = {"code": "int", "data": "hex", "gas_wanted": "int", "gas_used": "int"}
_WAY = {"history?": [LIGHT_BLOCK], "promotions?": ["any"]}
_RECEIPT = {
    **_WAY, "format": "text", "transaction": "text", "inclusion": _PLACE, "result": _RESULT,
    "result_inclusion": _PLACE, "events": ["any"], "next_header": HEADER, **_SIGNED,
}
_EXIST = {"key": "utf8", "value": "utf8", "path": [{"prefix": "hex", "suffix": "hex"}]}
_NEIGHBOURS = {"nonexist": {"left": (_EXIST,), "right": (_EXIST,)}}
_STATE_PROOF = {
    **_WAY, "format": "text", "key": "utf8", "value": ("utf8",), "proof": "any", **_SIGNED,
}
_PINNED = {"pub_key": "key", "voting_power": "power"}
_TRUST = {
    "format": "text", "chain_id": "text", "validators": [_PINNED], "height": "int",
    "time": "time", "trusting_period_s": "int",
    "witnesses?": ["text"], "witness_threshold?": "int", "log_keys?": ["text"],
}
# fmt: on


def shaped(value: Any, shape: Any, where: str) -> Any:
    """Read a JSON value of a shape above; (shape,) may be null, [shape] is a list of them.

    A member whose name ends in `?` may be missing: it is then None.
    """
    value = str(value) if shape == "power" and type(value) is int else value
    if isinstance(shape, tuple):
        return None if value is None else shaped(value, shape[0], where)
    if isinstance(shape, dict) and isinstance(value, dict):
        most = {name.rstrip("?"): name for name in shape}
        if value.keys() <= most.keys() and {n for n in shape if n[-1] != "?"} <= value.keys():
            return {
                plain: shaped(value[plain], shape[name], f"{where}.{plain}")
                if plain in value
                else None
                for plain, name in most.items()
            }
    if isinstance(shape, list) and isinstance(value, list) and len(value) <= MAX_ITEMS:
        return [shaped(item, shape[0], where) for item in value]
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


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def _integer(text: str) -> int:
    if not re.fullmatch("-?[0-9]{1,16}", text) or not -(2**53) < int(text) < 2**53:
        raise ValueError("a number must be an integer within 2^53 - 1")
    return int(text)


def load(text: str | bytes) -> Json:
    require(len(text) <= MAX_TEXT, "too_large", f"more than {MAX_TEXT} bytes")
    hooks: Json = dict.fromkeys(("parse_int", "parse_float", "parse_constant"), _integer)
    try:
        plain = text.decode() if isinstance(text, bytes) else text
        value = json.loads(plain, object_pairs_hook=_unique, **hooks)
        canonical(value)
    except (ValueError, RecursionError) as reason:
        raise NotVerified("malformed", f"not JSON of the profile: {reason}") from None
    require(isinstance(value, dict), "malformed", "not a JSON object")
    return dict(value)


def canonical(value: Any) -> bytes:
    """RFC 8785 for values without floats; raises ValueError on text that is not Unicode."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


# --- protobuf and Merkle trees ---


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


_STATE_HASHES = {"sha256": sha256, "sha3-256": lambda data: hashlib.sha3_256(data).digest()}


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
        return sha256(b"\x00" + leaves[0]) if leaves else sha256(b"")
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + _tree_root(leaves[:split]) + _tree_root(leaves[split:]))


def path_root(leaf: bytes, index: int, total: int, path: Sequence[bytes]) -> bytes | None:
    """RFC 6962, section 2.1.1, backwards: the root that an audit path leads to, or None."""
    if not 0 <= index < total or (total == 1) == bool(path):
        return None
    if total == 1:
        return sha256(b"\x00" + leaf)
    split = 1 << (total - 1).bit_length() - 1
    right = index >= split
    inner = (index - split, total - split) if right else (index, split)
    below = path_root(leaf, *inner, path[:-1])
    if below is None:
        return None
    return sha256(b"\x01" + (path[-1] + below if right else below + path[-1]))


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
    """A consensus key (Ed25519) and its voting power."""

    key: bytes
    power: int
    address: bytes


def _block_id(value: Json) -> bytes:
    parts = _int_field(1, value["parts"]["total"]) + _bytes_field(2, value["parts"]["hash"])
    return _bytes_field(1, value["hash"]) + _message_field(2, parts)


def header_hash(header: Json) -> bytes:
    block, app = header["version"].values()
    require(block == 11, "unsupported_block_version", "only block protocol 11 is known")
    version, chain_id = _int_field(1, block) + _int_field(2, app), header["chain_id"].encode()
    leaves = [version, _bytes_field(1, chain_id), _int_field(1, header["height"])]
    leaves += [_timestamp(header["time"]), _block_id(header["last_block_id"])]
    return _tree_root(leaves + [_bytes_field(1, header[name]) for name in _DIGESTS])


def _validators(values: list[Json]) -> list[Validator]:
    for each in values:
        ed25519 = each["pub_key"]["type"] == "tendermint/PubKeyEd25519"
        require(ed25519, "outdated_algorithm", "a validator key is not Ed25519")
    pairs = [(shaped(each["pub_key"]["value"], "key", "pub_key"), each) for each in values]
    own = all(sha256(key)[:20] == each["address"] for key, each in pairs)
    require(own, "malformed", "a validator's address is not that of its key")
    return ordered([(key, each["voting_power"]) for key, each in pairs])


def ordered(pairs: list[tuple[bytes, int]]) -> list[Validator]:
    """The order of hashes and commits: most power first, then by address SHA-256(key)[:20]."""
    require(len({key for key, _ in pairs}) == len(pairs), "malformed", "a validator stands twice")
    require(all(power for _, power in pairs), "malformed", "a validator without voting power")
    found = [Validator(key, power, sha256(key)[:20]) for key, power in pairs]
    return sorted(found, key=lambda each: (-each.power, each.address))


def _validators_hash(validators: list[Validator]) -> bytes:
    keys = [_message_field(1, _message_field(1, each.key)) for each in validators]
    powers = [_int_field(2, each.power) for each in validators]
    return _tree_root([key + power for key, power in zip(keys, powers, strict=True)])


# --- signatures ---


def _check_vote(chain_id: str, commit: Json, vote: Json, key: bytes) -> None:
    """A vote signs the length-prefixed CanonicalVote (a precommit) of CometBFT."""
    body = _int_field(1, 2)
    for tag, number in ((b"\x11", commit["height"]), (b"\x19", commit["round"])):
        body += tag + number.to_bytes(8, "little") if number else b""
    if vote["block_id_flag"] == COMMIT:
        body += _message_field(4, _block_id(commit["block_id"]))
    body += _message_field(5, _timestamp(vote["timestamp"])) + _bytes_field(6, chain_id.encode())
    valid = verify_signature(key, _varint(len(body)) + body, vote["signature"])
    require(valid, "bad_signature", f"not signed by {vote['validator_address'].hex()}")


def _check_binding(header: Json, commit: Json, validators: list[Validator]) -> None:
    """The commit must speak of this header, and the header of these validators."""
    require(commit["height"] == header["height"], "wrong_commit_height", "of another height")
    same = commit["block_id"]["hash"] == header_hash(header)
    require(same, "wrong_block", "the commit names another block")
    same = _validators_hash(validators) == header["validators_hash"]
    require(same, "wrong_validators", "the validators are not those that the header names")


def _check_commit(header: Json, commit: Json, validators: list[Validator]) -> None:
    """More than two thirds of the power voted for it; every vote given, NIL too, is valid."""
    places = commit["signatures"]
    require(len(places) == len(validators), "wrong_vote_count", "not one place per validator")
    signed = 0
    for vote, validator in zip(places, validators, strict=True):
        flag, address, moment, signature = vote.values()
        require(flag in (ABSENT, COMMIT, NIL), "malformed", "block_id_flag must be 1, 2 or 3")
        if flag == ABSENT:
            blank = not address and not signature and moment in (0, -62_135_596_800 * SECOND)
            require(blank, "malformed", "the place of an absent vote must be empty")
            continue
        require(address == validator.address, "wrong_vote_order", "in another validator's place")
        _check_vote(header["chain_id"], commit, vote, validator.key)
        signed += validator.power if flag == COMMIT else 0
    total = sum(each.power for each in validators)
    require(3 * signed > 2 * total, "not_enough_power", f"{signed} of {total} power signed")


def _check_overlap(chain_id: str, commit: Json, trusted: list[Validator]) -> None:
    """The jump rule: more than a third of the power trusted so far voted for the block too."""
    given = [vote for vote in commit["signatures"] if vote["block_id_flag"] == COMMIT]
    votes = {vote["validator_address"]: vote for vote in given}
    require(len(votes) == len(given), "repeated_vote", "a validator voted twice")
    known = [each for each in trusted if each.address in votes]
    for each in known:
        _check_vote(chain_id, commit, votes[each.address], each.key)
    signed, total = (sum(each.power for each in group) for group in (known, trusted))
    require(3 * signed > total, "unknown_validators", f"{signed} of {total} trusted power signed")


def check_newer(trusted: Json, header: Json, now: int, period: int, drift: int) -> None:
    require(trusted["time"] + period > now, "trust_expired", "the trusting period is over")
    require(header["chain_id"] == trusted["chain_id"], "wrong_chain", "of another chain")
    require(header["height"] > trusted["height"], "height_not_above_trust", "not above trust")
    require(header["time"] > trusted["time"], "time_not_monotone", "not later than trust")
    require(header["time"] < now + drift, "header_from_future", "ahead of the reader's clock")


def light_block(value: Any) -> Json:
    """Read header, commit, validators, next_validators in the RPC's JSON, for `verify_step`.

    Raises NotVerified. A block that was judged SUCCESS is the next step's trusted one.
    """
    block: Json = shaped(value, LIGHT_BLOCK, "light block")
    return block | {name: _validators(block[name]) for name in ("validators", "next_validators")}


def verify_step(trusted: Json, block: Json, now_ns: int, period_ns: int, drift_ns: int = 0) -> str:
    """Judge one step of a light client, from one `light_block` to a later one, as CometBFT does.

    SUCCESS: trust the block. NOT_ENOUGH_TRUST: perhaps valid, fetch a header between. INVALID: no.
    """
    header, commit, validators, following = block.values()
    try:
        check_newer(trusted["header"], header, now_ns, period_ns, drift_ns)
        _check_binding(header, commit, validators)
        if header["height"] != trusted["header"]["height"] + 1:
            _check_overlap(header["chain_id"], commit, trusted["next_validators"])
        elif header["validators_hash"] != trusted["header"]["next_validators_hash"]:
            return INVALID
        _check_commit(header, commit, validators)
    except NotVerified as reason:
        return NOT_ENOUGH_TRUST if reason.code == "unknown_validators" else INVALID
    return SUCCESS if _validators_hash(following) == header["next_validators_hash"] else INVALID


# --- the way from the trust file to a header: is it agreed, and by whom? ---


def follow(trusted: Json, blocks: list[Json]) -> Json:
    """Walk headers at which the validators change, by height; returns what is trusted after them.

    `trusted` is of `parse_trust`. Headers at and below the trusted one are passed over, but must
    hold in themselves. Raises NotVerified.
    """
    start, last = trusted["height"], 0
    for block in blocks:
        header, commit = block["header"], block["commit"]
        validators, following = map(_validators, (block["validators"], block["next_validators"]))
        _check_binding(header, commit, validators)
        _check_commit(header, commit, validators)
        same = _validators_hash(following) == header["next_validators_hash"]
        require(same, "wrong_validators", "the next validators are not those that are named")
        require(header["height"] > last, "height_not_above_trust", "the history is not in order")
        last = header["height"]
        if last > start:
            _check_step(trusted, header, commit, validators)
            walked = {"height": last, "time": header["time"], "block": commit["block_id"]["hash"]}
            trusted = trusted | walked | {"pinned": following, "walked": True}
            trusted["sets"] = [*trusted["sets"], following]
    return trusted


def _check_step(trusted: Json, header: Json, commit: Json, validators: list[Validator]) -> None:
    """From a trusted header to a later one: adjacent, or a jump."""
    check_newer(trusted, header, trusted["now"], trusted["trusting_period_s"] * SECOND, DRIFT)
    same = validators == trusted["pinned"]
    if trusted["block"] and header["height"] == trusted["height"] + 1:
        require(same, "wrong_validators", "not those that the header before names")
        linked = header["last_block_id"]["hash"] == trusted["block"]
        require(linked, "header_not_linked", "it follows another block")
    elif not same:
        _check_overlap(header["chain_id"], commit, trusted["pinned"])


def _check_agreed(header: Json, proof: Json, trust: Json) -> tuple[str, tuple[str, ...]]:
    """Check the commit on `header` against the trust file; returns level and warnings."""
    commit, validators = proof["commit"], _validators(proof["validators"])
    require(header["chain_id"] == trust["chain_id"], "wrong_chain", "of another chain")
    trusted = follow(trust, proof["history"] or [])
    _check_binding(header, commit, validators)
    # The file's own validators hold below its height and after its period too, with a warning.
    if trusted["walked"] or validators != trusted["pinned"]:
        _check_step(trusted, header, commit, validators)
    _check_commit(header, commit, validators)
    period = trust["trusting_period_s"] * SECOND
    warnings = (TRUST_OLD,) if trust["time"] + period <= trust["now"] else ()
    # Whoever holds more than two thirds decides alone, whatever the number of validators.
    sets = (validators, *trusted["sets"])
    alone = any(3 * each[0].power > 2 * sum(v.power for v in each) for each in sets)
    return "one signer" if alone else "agreed", warnings


# --- receipts ---


def _check_receipt(value: Json, trust: Json) -> Verified:
    """A transaction is recorded, with this result and these events.

    Index and total are not stated in the answer: a root binds the way to a leaf, not the two
    numbers. Equal ways in two trees of one length are the same place, and that is what is used.
    """
    receipt = shaped(value, _RECEIPT, "receipt")
    header, following = receipt["header"], receipt["next_header"]
    same = header["chain_id"] == following["chain_id"]
    require(same, "wrong_chain", "the two headers are of two chains")
    require(following["height"] == header["height"] + 1, "wrong_height", "not consecutive")
    later = following["time"] > header["time"]
    require(later, "time_not_monotone", "the next header is not later")
    linked = following["last_block_id"]["hash"] == header_hash(header)
    require(linked, "header_not_linked", "the next header follows another block")
    index, total, path = receipt["inclusion"].values()
    *other, result_path = receipt["result_inclusion"].values()
    require([index, total] == other, "result_of_another", "the result is at another place")
    digest = sha256(receipt["transaction"].encode())
    held = path_root(digest, index, total, path) == header["data_hash"]
    require(held, "transaction_not_in_block", "the path does not lead to the data hash")
    code, data, wanted, used = receipt["result"].values()
    leaf = _int_field(1, code) + _bytes_field(2, data) + _int_field(5, wanted) + _int_field(6, used)
    held = path_root(leaf, index, total, result_path) == following["last_results_hash"]
    require(held, "result_not_in_block", "the path does not lead to the results hash")
    nothing = code != 0 and (receipt["events"], data) == ([], b"")
    held = nothing or sha256(canonical(receipt["events"])) == data
    require(held, "events_differ", "the events are not those that the result commits to")
    outcome = f"refused with code {code}" if code else "accepted, with the events shown"
    proved = f"transaction {digest.hex()} is recorded and was {outcome}"
    level = _check_agreed(following, receipt, trust)
    return Verified(proved, header["chain_id"], header["height"], value["header"]["time"], *level)


# --- state proofs: ICS-23 with the SmtSpec ---


def _check_state(value: Json, trust: Json) -> Verified:
    """A key's value or absence after the block below `header`; the time told is `header`'s."""
    proof = shaped(value, _STATE_PROOF, "state proof")
    header, key, held = proof["header"], proof["key"], proof["value"]
    if held is None:
        absent = shaped(proof["proof"], _NEIGHBOURS, "proof")["nonexist"]
        _check_absent(key, absent["left"], absent["right"], header["app_hash"], trust["hash"])
    else:
        exist = shaped(proof["proof"], {"exist": _EXIST}, "proof")["exist"]
        same = (exist["key"], exist["value"]) == (key, held)
        require(same, "proof_of_another", "the proof speaks of another key or value")
        _check_exist(exist, header["app_hash"], trust["hash"])
    outcome = "is absent" if held is None else f"has the value {value['value']}"
    proved = f"state key {value['key']} {outcome}"
    level, below = _check_agreed(header, proof, trust), header["height"] - 1
    return Verified(proved, header["chain_id"], below, value["header"]["time"], *level)


def _check_exist(exist: Json, root: bytes, h: Hash = sha256) -> None:
    """Leaf H(0x00 | H(key) | H(value)), then H(prefix | child | suffix) up; H is the profile's."""
    require(len(exist["path"]) <= MAX_PATH, "malformed", "the path is too long")
    key, value, path = exist.values()
    digest = h(b"\x00" + h(key) + h(value))
    for prefix, suffix in (step.values() for step in path):
        inner = prefix[:1] == b"\x01" and (len(prefix), len(suffix)) in ((1, 32), (33, 0))
        require(inner, "malformed", "a step is not of the SmtSpec")
        digest = h(prefix + digest + suffix)
    require(digest == root, "value_not_in_state", "the path does not lead to the app hash")


def _check_absent(
    key: bytes, left: Json | None, right: Json | None, root: bytes, h: Hash = sha256
) -> None:
    """The key lies between two true neighbours, or beyond the outermost leaf on one side."""
    require(bool(left or right) or root == EMPTY, "not_absent", "no neighbours, but a state")
    for side in filter(None, (left, right)):
        _check_exist(side, root, h)
    lower = not left or h(left["key"]) < h(key)
    upper = not right or h(key) < h(right["key"])
    require(lower and upper, "not_absent", "the key does not lie between the neighbours")
    below = left["path"] if left else []
    above = right["path"] if right else []
    if left and right:
        # Drop the way that both share, from the root down; then they part, left from right.
        while below and above and below[-1] == above[-1]:
            below, above = below[:-1], above[:-1]
        parted = below and above and below[-1]["suffix"] and not above[-1]["suffix"]
        require(bool(parted), "not_absent", "the neighbours do not part left from right")
        below, above = below[:-1], above[:-1]
    # The prefix of a step holds the branch to the left, its suffix the one to the right.
    between = [step["suffix"] for step in below] + [step["prefix"][1:] for step in above]
    adjacent = all(branch in (b"", EMPTY) for branch in between)
    require(adjacent, "not_absent", "the neighbours are not next to each other")


# --- the front door, and the command ---


def parse_trust(text: str | bytes) -> Json:
    """Read a `yilian-trust/1` file; without `now` the machine's clock is asked."""
    value = load(text)
    now = shaped(value.pop("now", None), ("time",), "trust.now")
    hashing = _STATE_HASHES.get(str(value.pop("state_hash", "sha256")))
    require(hashing is not None, "unsupported_format", "an unknown hash of the state tree")
    trust: Json = shaped(value, _TRUST, "trust")
    trust["hash"] = hashing
    require(trust["format"] == "yilian-trust/1", "unsupported_format", "not a yilian-trust/1")
    trust["pinned"] = ordered([tuple(each.values()) for each in trust["validators"]])
    require(bool(trust["pinned"]), "malformed", "trust without validators")
    trust |= {"block": b"", "walked": False, "sets": [trust["pinned"]]}
    trust["now"] = time.time_ns() if now is None else now
    return trust


def verify(text: str | bytes, trust: str | bytes) -> Verified:
    """Check a receipt or a state proof against a trust file (all JSON). Raises NotVerified."""
    return judge(load(text), parse_trust(trust))


def judge(value: Json, trust: Json) -> Verified:
    """Check a receipt or a state proof that is read already. Raises NotVerified."""
    checks = {"yilian-receipt/1": _check_receipt, "yilian-state-proof/1": _check_state}
    check = checks.get(str(value.get("format")))
    if check is None:
        raise NotVerified("unsupported_format", f"known are {', '.join(checks)}")
    return check(value, trust)


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
    return tell(lambda: verify(text, trust), options.json)


def tell(check: Callable[[], Verified], as_json: bool) -> int:
    """Print what a check found; returns the exit code."""
    try:
        answer: Json = {"verified": True, **check()._asdict()}
    except NotVerified as reason:
        answer = {"verified": False, "code": reason.code, "detail": reason.detail}
    if as_json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        print("VERIFIED" if answer.pop("verified") else "NOT VERIFIED")
        print("\n".join(f"  {name}: {value}" for name, value in answer.items() if value))
    return 1 if "code" in answer else 0


if __name__ == "__main__":
    sys.exit(main())
