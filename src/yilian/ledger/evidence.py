"""Evidence of misbehaviour: from the RPC's JSON to a block's bytes, and to what the law is told.

Source: CometBFT v0.38, `tendermint/types/evidence.proto`, `types/evidence.go` (JSON and `ABCI()`).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from yilian.ledger import block_json, proto
from yilian.ledger.block import decode_time, encode_time
from yilian.ledger.errors import MALFORMED
from yilian.ledger.module import Misbehaviour

_DUPLICATE = "tendermint/DuplicateVoteEvidence"
_ATTACK = "tendermint/LightClientAttackEvidence"
_MILLI = 1_000_000


def from_json(value: Any) -> bytes:
    """Give the `tendermint.types.Evidence` that the RPC shows as JSON; refuses `malformed`."""
    try:
        kind, inner = value["type"], value["value"]
        if kind == _DUPLICATE:
            return proto.message(1, _duplicate(inner))
        if kind == _ATTACK:
            return proto.message(2, _attack(inner))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError, binascii.Error):
        pass
    raise MALFORMED()


def with_absent(commit: Any) -> dict[str, Any]:
    """Give a commit of the RPC's JSON with text where it has null: the signature of no vote."""
    places = [{**each, "signature": each["signature"] or ""} for each in commit["signatures"]]
    return {**commit, "signatures": places}


def bare(evidence: bytes) -> bytes:
    """Take the envelope off: the leaf under a header's `evidence_hash`."""
    fields = proto.Fields(evidence)
    return fields.chunk(1) if fields.has(1) else fields.chunk(2)


def misbehaviour(evidence: Iterable[bytes]) -> list[Misbehaviour]:
    """Give what an engine tells the law of a block's evidence; refuses `malformed`."""
    found = []
    for each in evidence:
        fields = proto.Fields(each)
        if fields.has(1):
            found.append(_proved_twice(proto.Fields(fields.chunk(1))))
        elif fields.has(2):
            found.extend(_proved_attack(proto.Fields(fields.chunk(2))))
        else:
            raise MALFORMED()
    return found


def _proved_twice(fields: proto.Fields) -> Misbehaviour:
    vote = proto.Fields(fields.chunk(1))
    return Misbehaviour(
        kind="duplicate_vote",
        address=vote.chunk(6),
        height=vote.number(2, proto.INT64),
        time=decode_time(fields.chunk(5)) // _MILLI,
        power=fields.number(4, proto.INT64),
    )


def _proved_attack(fields: proto.Fields) -> Iterable[Misbehaviour]:
    for each in fields.every(3):
        validator = proto.Fields(each)
        yield Misbehaviour(
            kind="light_client_attack",
            address=validator.chunk(1),
            height=fields.number(2, proto.INT64),
            time=decode_time(fields.chunk(5)) // _MILLI,
            power=validator.number(3, proto.INT64),
        )


def _duplicate(value: Any) -> bytes:
    return b"".join(
        (
            proto.message(1, _vote(value["vote_a"])),
            proto.message(2, _vote(value["vote_b"])),
            proto.number(3, int(value["TotalVotingPower"])),
            proto.number(4, int(value["ValidatorPower"])),
            proto.message(5, encode_time(block_json.time_from_text(value["Timestamp"]))),
        )
    )


def _vote(value: Any) -> bytes:
    return b"".join(
        (
            proto.number(1, value["type"]),
            proto.number(2, int(value["height"])),
            proto.number(3, value["round"]),
            proto.message(4, block_json.block_id_from_json(value["block_id"]).encode()),
            proto.message(5, encode_time(block_json.time_from_text(value["timestamp"]))),
            proto.chunk(6, bytes.fromhex(value["validator_address"])),
            proto.number(7, value["validator_index"]),
            proto.chunk(8, _bytes(value["signature"])),
            proto.chunk(9, _bytes(value.get("extension"))),
            proto.chunk(10, _bytes(value.get("extension_signature"))),
        )
    )


def _attack(value: Any) -> bytes:
    block = value["ConflictingBlock"]
    signed = block["signed_header"]
    header = block_json.header_from_json(signed["header"]).encode()
    commit = block_json.commit_from_json(with_absent(signed["commit"])).encode()
    validators = block["validator_set"]
    members = b"".join(proto.message(1, _validator(each)) for each in validators["validators"])
    members += proto.message(2, _validator(validators["proposer"]))
    light = proto.message(1, proto.message(1, header) + proto.message(2, commit))
    light += proto.message(2, members)
    moment = encode_time(block_json.time_from_text(value["Timestamp"]))
    return b"".join(
        (
            proto.message(1, light),
            proto.number(2, int(value["CommonHeight"])),
            *(proto.message(3, _validator(each)) for each in value["ByzantineValidators"] or ()),
            proto.number(4, int(value["TotalVotingPower"])),
            proto.message(5, moment),
        )
    )


def _validator(value: Any) -> bytes:
    key = proto.message(1, _bytes(value["pub_key"]["value"]))
    return b"".join(
        (
            proto.chunk(1, bytes.fromhex(value["address"])),
            proto.message(2, key),
            proto.number(3, int(value["voting_power"])),
            proto.number(4, int(value["proposer_priority"])),
        )
    )


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value or "", validate=True)
