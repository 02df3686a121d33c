"""Blocks in the JSON of CometBFT's RPC: the spelling that receipts carry.

64-bit integers are decimal text, hashes and addresses upper-case hexadecimal, keys and signatures
base64, times RFC 3339 in UTC with up to nine decimals. Readers raise the refusal `malformed` and
nothing else: for unknown and missing fields, for another spelling of a value, for a wrong range.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from yilian.ledger import proto
from yilian.ledger.block import (
    MAX_TOTAL_POWER,
    NIL,
    SECOND,
    BlockId,
    Commit,
    CommitSig,
    Header,
    PartSetHeader,
    Time,
    Validator,
    ValidatorSet,
    Version,
)
from yilian.ledger.errors import MALFORMED

ED25519_TYPE = "tendermint/PubKeyEd25519"


def _members(value: object, *names: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or sorted(value) != sorted(names):
        raise MALFORMED()
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise MALFORMED()
    return value


def _int(value: object, most: int) -> int:
    """A 64-bit integer, which the RPC writes as decimal text."""
    if not isinstance(value, str) or not re.fullmatch("0|[1-9][0-9]{0,19}", value):
        raise MALFORMED()
    return _small(int(value), most)


def _small(value: object, most: int) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise MALFORMED()
    return value


def _text(value: object) -> str:
    try:
        if isinstance(value, str) and value.encode():
            return value
    except UnicodeEncodeError:
        pass
    raise MALFORMED()


def _hex(value: object) -> bytes:
    if not isinstance(value, str) or not re.fullmatch("([0-9A-F]{2})*", value):
        raise MALFORMED()
    return bytes.fromhex(value)


def _hash(value: object) -> bytes:
    return _check_hash(_hex(value))


def _check_hash(data: bytes) -> bytes:
    if len(data) not in (0, 32):
        raise MALFORMED()
    return data


def _base64(value: object) -> bytes:
    try:
        data = base64.b64decode(value if isinstance(value, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise MALFORMED() from None
    if base64.b64encode(data).decode("ascii") != value:
        raise MALFORMED()
    return data


def _days_before(year: int) -> int:
    past = year - 1
    return past * 365 + past // 4 - past // 100 + past // 400


def _month_lengths(year: int) -> tuple[int, ...]:
    leap = _days_before(year + 1) - _days_before(year) == 366
    return (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


_EPOCH_DAYS = _days_before(1970)
_TIME = re.compile(
    "([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})([.][0-9]{1,9})?Z"
)


def time_to_text(time: Time) -> str:
    """Write a moment in RFC 3339, UTC, with the fraction that it needs (up to nanoseconds)."""
    seconds, nanos = divmod(time, SECOND)
    days, second = divmod(seconds, 86_400)
    days += _EPOCH_DAYS
    year = days * 400 // 146_097 + 1
    year += (_days_before(year + 1) <= days) - (_days_before(year) > days)
    day = days - _days_before(year)
    month = 0
    lengths = _month_lengths(year)
    while day >= lengths[month]:
        day -= lengths[month]
        month += 1
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}{fraction}"
    return f"{year:04}-{month + 1:02}-{day + 1:02}T{clock}Z"


def time_from_text(value: object) -> Time:
    """Read an RFC 3339 moment in UTC (`Z`); refuses `malformed`, leap seconds too."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise MALFORMED()
    year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
    if not (year >= 1 and 1 <= month <= 12 and hour < 24 and minute < 60 and second < 60):
        raise MALFORMED()
    lengths = _month_lengths(year)
    if not 1 <= day <= lengths[month - 1]:
        raise MALFORMED()
    days = _days_before(year) - _EPOCH_DAYS + sum(lengths[: month - 1]) + day - 1
    nanos = int((match[7] or ".0")[1:].ljust(9, "0"))
    return (days * 86_400 + hour * 3600 + minute * 60 + second) * SECOND + nanos


def block_id_to_json(block_id: BlockId) -> dict[str, Any]:
    """Write a block id as the RPC does."""
    parts = {"total": block_id.parts.total, "hash": block_id.parts.hash.hex().upper()}
    return {"hash": block_id.hash.hex().upper(), "parts": parts}


def block_id_from_json(value: object) -> BlockId:
    """Read a block id; refuses `malformed`."""
    members = _members(value, "hash", "parts")
    parts = _members(members["parts"], "total", "hash")
    header = PartSetHeader(_small(parts["total"], proto.UINT32), _hash(parts["hash"]))
    return BlockId(_hash(members["hash"]), header)


_TAIL_NAMES = Header.__struct_fields__[5:]


def header_to_json(header: Header) -> dict[str, Any]:
    """Write a header as the RPC does."""
    return {
        "version": {"block": str(header.version.block), "app": str(header.version.app)},
        "chain_id": header.chain_id,
        "height": str(header.height),
        "time": time_to_text(header.time),
        "last_block_id": block_id_to_json(header.last_block_id),
        **{name: getattr(header, name).hex().upper() for name in _TAIL_NAMES},
    }


def _with_app(version: object) -> object:
    """The RPC leaves an application version of zero out; ours is always written."""
    return {"app": "0", **version} if isinstance(version, dict) else version


def header_from_json(value: object) -> Header:
    """Read a header; refuses `malformed`, unknown and missing fields included."""
    members = _members(value, *Header.__struct_fields__)
    version = _members(_with_app(members["version"]), "block", "app")
    tail = {name: _hex(members[name]) for name in _TAIL_NAMES}
    for name, data in tail.items():
        if name.endswith("_hash") and name != "app_hash":
            _check_hash(data)
    return Header(
        version=Version(_int(version["block"], proto.UINT64), _int(version["app"], proto.UINT64)),
        chain_id=_text(members["chain_id"]),
        height=_int(members["height"], proto.INT64),
        time=time_from_text(members["time"]),
        last_block_id=block_id_from_json(members["last_block_id"]),
        **tail,
    )


def commit_to_json(commit: Commit) -> dict[str, Any]:
    """Write a commit as the RPC does."""
    return {
        "height": str(commit.height),
        "round": commit.round,
        "block_id": block_id_to_json(commit.block_id),
        "signatures": [
            {
                "block_id_flag": each.flag,
                "validator_address": each.address.hex().upper(),
                "timestamp": time_to_text(each.time),
                "signature": base64.b64encode(each.signature).decode("ascii"),
            }
            for each in commit.signatures
        ],
    }


def commit_from_json(value: object) -> Commit:
    """Read a commit; refuses `malformed`."""
    members = _members(value, "height", "round", "block_id", "signatures")
    places = []
    for item in _list(members["signatures"]):
        place = _members(item, "block_id_flag", "validator_address", "timestamp", "signature")
        places.append(
            CommitSig(
                _small(place["block_id_flag"], NIL),
                _hex(place["validator_address"]),
                time_from_text(place["timestamp"]),
                _base64(place["signature"]),
            )
        )
    return Commit(
        _int(members["height"], proto.INT64),
        _small(members["round"], proto.INT32),
        block_id_from_json(members["block_id"]),
        tuple(places),
    )


def validators_to_json(validators: ValidatorSet) -> list[dict[str, Any]]:
    """Write a validator set as the RPC does, without the proposer priorities."""
    return [
        {
            "address": each.address.hex().upper(),
            "pub_key": {
                "type": ED25519_TYPE,
                "value": base64.b64encode(each.public_key).decode("ascii"),
            },
            "voting_power": str(each.power),
        }
        for each in validators.validators
    ]


def validators_from_json(value: object) -> ValidatorSet:
    """Read a validator set; refuses `malformed`, also where an address is not its key's.

    `proposer_priority`, which the RPC adds, is dropped: no hash covers it.
    """
    validators = []
    for item in _list(value):
        kept = dict(item) if isinstance(item, dict) else {}
        kept.pop("proposer_priority", None)
        members = _members(kept, "address", "pub_key", "voting_power")
        key = _members(members["pub_key"], "type", "value")
        if key["type"] != ED25519_TYPE:
            raise MALFORMED()
        power = _int(members["voting_power"], MAX_TOTAL_POWER)
        validator = Validator(_base64(key["value"]), power)
        if validator.address != _hex(members["address"]):
            raise MALFORMED()
        validators.append(validator)
    return ValidatorSet(validators)
