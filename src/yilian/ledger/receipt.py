"""Receipts, state proofs and trust: what a stranger takes away and checks without us.

They are plain JSON objects, described field by field in `docs/formats/receipt.md` and checked by
`sdk/verify.py`, which shares no code with this file.

Receipts and state proofs may carry the way from an old trust file to the block that they prove:

- `history`: every `LightBlock` of the chain, from its first height on and below the header that the
  proof's own commit signs, whose header names other validators for the next height than for its
  own (`validators_hash` differs from `next_validators_hash`), by height. The set that a reader
  trusts signed such a header, and the header names the set that follows. In JSON each is
  `{"header", "commit", "validators", "next_validators"}`; the member is left out where there is
  none. A reader passes over those at and below its trust file's height.
- `promotions`: for a chain that goes on from another one, oldest first, each `Promoted`: the signed
  record out of the new chain's genesis and the old chain's `history` up to the record's height. In
  JSON each is `{"record", "history"}`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from yilian.ledger import block_json, merkle
from yilian.ledger.block import Block, Commit, Header, TxResult, ValidatorSet, data_leaves
from yilian.ledger.machine import Result
from yilian.ledger.promotion import Promotion
from yilian.ledger.tree import View

RECEIPT = "yilian-receipt/1"
STATE_PROOF = "yilian-state-proof/1"
TRUST = "yilian-trust/1"


class LightBlock(msgspec.Struct, frozen=True):
    """A header with the commit that signed it, and the validators of its height and of the next."""

    header: Header
    commit: Commit
    validators: ValidatorSet
    next_validators: ValidatorSet

    def to_json(self) -> dict[str, Any]:
        """Write it as CometBFT's RPC writes its parts."""
        return {
            "header": block_json.header_to_json(self.header),
            "commit": block_json.commit_to_json(self.commit),
            "validators": block_json.validators_to_json(self.validators),
            "next_validators": block_json.validators_to_json(self.next_validators),
        }


class Promoted(msgspec.Struct, frozen=True):
    """Where a chain comes from: the record in its genesis, and the older chain's history to it."""

    record: Promotion
    history: tuple[LightBlock, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Write it for a receipt or a state proof."""
        return {
            "record": msgspec.to_builtins(self.record),
            "history": [each.to_json() for each in self.history],
        }


def tx_result(result: Result) -> TxResult:
    """Give the part of a result that the next header commits to."""
    return TxResult(result.code, result.data(), result.gas, result.gas)


def receipt(
    index: int,
    block: Block,
    results: list[Result],
    next_header: Header,
    commit: Commit,
    validators: ValidatorSet,
    history: Sequence[LightBlock] = (),
    promotions: Sequence[Promoted] = (),
) -> dict[str, Any]:
    """Put together the receipt of transaction `index` of a block that the next header closed."""
    leaves = [tx_result(each).encode() for each in results]
    result = results[index]
    return {
        "format": RECEIPT,
        "transaction": block.txs[index].decode("utf-8"),
        "inclusion": _inclusion(data_leaves(block.txs), index),
        "result": {
            "code": result.code,
            "data": result.data().hex(),
            "gas_wanted": result.gas,
            "gas_used": result.gas,
        },
        "result_inclusion": _inclusion(leaves, index),
        "events": msgspec.json.decode(result.events),
        "header": block_json.header_to_json(block.header),
        "next_header": block_json.header_to_json(next_header),
        "commit": block_json.commit_to_json(commit),
        "validators": block_json.validators_to_json(validators),
        **_way(history, promotions),
    }


def state_proof(
    key: bytes,
    value_of: Callable[[bytes], bytes | None],
    view: View,
    header: Header,
    commit: Commit,
    validators: ValidatorSet,
    history: Sequence[LightBlock] = (),
    promotions: Sequence[Promoted] = (),
) -> dict[str, Any]:
    """Prove what a state key held, or that it held nothing, against a header's `app_hash`."""
    value = value_of(key)
    return {
        "format": STATE_PROOF,
        "key": key.decode("ascii"),
        "value": None if value is None else value.decode("utf-8"),
        "proof": view.prove(key, value_of),
        "header": block_json.header_to_json(header),
        "commit": block_json.commit_to_json(commit),
        "validators": block_json.validators_to_json(validators),
        **_way(history, promotions),
    }


def trust(
    header: Header, validators: ValidatorSet, period_seconds: int, state_hash: str = "sha256"
) -> dict[str, Any]:
    """Give what a verifier must be handed by a way it trusts: the validators of one height.

    `state_hash` is the profile's, under which state proofs are checked; it is left out if SHA-256.
    """
    hashing = {} if state_hash == "sha256" else {"state_hash": state_hash}
    return {
        "format": TRUST,
        "chain_id": header.chain_id,
        "validators": [
            {"pub_key": each["pub_key"]["value"], "voting_power": each["voting_power"]}
            for each in block_json.validators_to_json(validators)
        ],
        "height": header.height,
        "time": block_json.time_to_text(header.time),
        "trusting_period_s": period_seconds,
        **hashing,
    }


def _way(history: Sequence[LightBlock], promotions: Sequence[Promoted]) -> dict[str, Any]:
    way = {
        "history": [each.to_json() for each in history],
        "promotions": [each.to_json() for each in promotions],
    }
    return {name: value for name, value in way.items() if value}


def _inclusion(leaves: list[bytes], index: int) -> dict[str, Any]:
    path = merkle.inclusion(leaves, index)
    return {"index": index, "total": len(leaves), "path": [each.hex() for each in path]}
