"""A tiny chain for the verifier's tests: signed blocks, receipts, state proofs and trust files.

It is built with `ledger/block.py`, and its state tree is the definition written out, so nothing
that it makes comes from the verifier.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from nacl.signing import SigningKey

from yilian.ledger import block as b
from yilian.ledger import block_json as bj
from yilian.ledger import merkle
from yilian.sdk import verify as v

START = bj.time_from_text("2026-03-01T08:00:00.123456789Z")
EVENTS = [{"kind": "consent.Granted", "id": "AAAAAAAAAAAAAAAAAAAAAA", "n": 3}, {"名": "é\n"}]
EMPTY = bytes(32)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def canonical(value: Any) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def state_root(items: Mapping[bytes, bytes]) -> bytes:
    """The root of a state: a leaf for one item, a node for more, all bits from the top."""
    return _subtree([(sha(key), _leaf(key, value)) for key, value in items.items()], 0)


def _leaf(key: bytes, value: bytes) -> bytes:
    return sha(b"\x00" + sha(key) + sha(value))


def _subtree(leaves: list[tuple[bytes, bytes]], depth: int) -> bytes:
    if len(leaves) < 2:
        return leaves[0][1] if leaves else EMPTY
    sides = _split(leaves, depth)
    return sha(b"\x01" + _subtree(sides[0], depth + 1) + _subtree(sides[1], depth + 1))


def _split(leaves: list[tuple[bytes, bytes]], depth: int) -> tuple[list, list]:
    sides: tuple[list, list] = ([], [])
    for leaf in leaves:
        sides[leaf[0][depth // 8] >> (7 - depth % 8) & 1].append(leaf)
    return sides


def exist(items: Mapping[bytes, bytes], key: bytes) -> dict[str, Any]:
    """The existence proof of a key that is in the state."""
    leaves = [(sha(each), _leaf(each, value)) for each, value in items.items()]
    path: list[dict[str, str]] = []
    depth, hashed = 0, sha(key)
    while len(leaves) > 1:
        side = hashed[depth // 8] >> (7 - depth % 8) & 1
        sides = _split(leaves, depth)
        sibling = _subtree(sides[1 - side], depth + 1).hex()
        step = {"prefix": "01" + sibling, "suffix": ""} if side else {"prefix": "01"}
        path.append({"suffix": sibling, **step})
        leaves, depth = sides[side], depth + 1
    return {"key": key.decode(), "value": items[key].decode(), "path": path[::-1]}


def absent(items: Mapping[bytes, bytes], key: bytes) -> dict[str, Any]:
    """The absence proof of a key that is not in the state."""
    below = [each for each in items if sha(each) < sha(key)]
    above = [each for each in items if sha(each) > sha(key)]
    left = exist(items, max(below, key=sha)) if below else None
    right = exist(items, min(above, key=sha)) if above else None
    return {"nonexist": {"left": left, "right": right}}


@dataclass
class Chain:
    """Validators, the state, and everything a test wants to bend before it is signed."""

    powers: Sequence[int] = (10,)
    label: str = "validator"
    chain_id: str = "test-chain"
    height: int = 12
    step: int = 1_000_000_000
    txs: Sequence[bytes] = tuple(f'{{"n":{index}}}'.encode() for index in range(5))
    flags: Sequence[int] = ()
    state: Mapping[bytes, bytes] = field(default_factory=dict)
    gap: int = 1
    key_of: Mapping[bytes, SigningKey] = field(init=False)
    validators: b.ValidatorSet = field(init=False)

    def __post_init__(self) -> None:
        names = [f"{self.label} {index}".encode() for index in range(len(self.powers))]
        keys = [SigningKey(sha(name)) for name in names]
        self.key_of = {bytes(key.verify_key): key for key in keys}
        self.validators = b.ValidatorSet(map(b.Validator, self.key_of, self.powers))

    def header(self, height: int, **told: Any) -> b.Header:
        return b.Header(
            **{
                "chain_id": self.chain_id,
                "height": height,
                "time": START + height * self.step,
                "last_block_id": b.BlockId(sha(b"before"), b.PartSetHeader(1, sha(b"parts"))),
                "last_commit_hash": sha(b"last commit"),
                "data_hash": b.data_hash([]),
                "validators_hash": self.validators.hash(),
                "next_validators_hash": self.validators.hash(),
                "consensus_hash": b.consensus_hash(22_020_096, -1),
                "app_hash": state_root(self.state),
                "last_results_hash": b.results_hash([]),
                "evidence_hash": b.evidence_hash([]),
                "proposer_address": self.validators.validators[0].address,
                **told,
            }
        )

    def commit(self, header: b.Header) -> b.Commit:
        named = b.BlockId(header.hash(), b.PartSetHeader(1, sha(header.hash())))
        votes = []
        flags = self.flags or [b.COMMIT] * len(self.powers)
        for place, each in enumerate(self.validators.validators):
            if flags[place] == b.ABSENT:
                votes.append(b.CommitSig())
                continue
            time = header.time + 1_000 + place
            voted = named if flags[place] == b.COMMIT else None
            message = b.vote_sign_bytes(self.chain_id, header.height, 2, voted, time)
            signature = self.key_of[each.public_key].sign(message).signature
            votes.append(b.CommitSig(flags[place], each.address, time, signature))
        return b.Commit(header.height, 2, named, tuple(votes))

    def signed(self, header: b.Header) -> dict[str, Any]:
        return {
            "commit": bj.commit_to_json(self.commit(header)),
            "validators": bj.validators_to_json(self.validators),
        }

    def receipt(self, index: int = 2, code: int = 0, events: Any = EVENTS) -> dict[str, Any]:
        """A receipt of transaction `index`; a refused one has no events and no data."""
        events = [] if code else events
        results = [b.TxResult(0, bytes((place,)), 5, 5) for place in range(len(self.txs))]
        results[index] = b.TxResult(code, b"" if code else sha(canonical(events)), 100, 90)
        header = self.header(self.height, data_hash=b.data_hash(self.txs))
        following = self.header(
            self.height + self.gap,
            last_block_id=b.BlockId(header.hash(), b.PartSetHeader(1, sha(b"its parts"))),
            last_results_hash=b.results_hash(results),
        )
        result = results[index]
        return {
            "format": "yilian-receipt/1",
            "transaction": self.txs[index].decode(),
            "inclusion": self.place(b.data_leaves(self.txs), index),
            "result": {
                "code": result.code,
                "data": result.data.hex(),
                "gas_wanted": result.gas_wanted,
                "gas_used": result.gas_used,
            },
            "result_inclusion": self.place([each.encode() for each in results], index),
            "events": events,
            "header": bj.header_to_json(header),
            "next_header": bj.header_to_json(following),
            **self.signed(following),
        }

    def place(self, leaves: Sequence[bytes], index: int) -> dict[str, Any]:
        path = [step.hex() for step in merkle.inclusion(leaves, index)]
        return {"index": index, "total": len(leaves), "path": path}

    def state_proof(self, key: bytes) -> dict[str, Any]:
        """A proof of what a key held, or that it held nothing."""
        header = self.header(self.height)
        there = key in self.state
        return {
            "format": "yilian-state-proof/1",
            "key": key.decode(),
            "value": self.state[key].decode() if there else None,
            "proof": {"exist": exist(self.state, key)} if there else absent(self.state, key),
            "header": bj.header_to_json(header),
            **self.signed(header),
        }

    def trust(self, height: int = 1, now_s: int = 60, period_s: int = 3600) -> dict[str, Any]:
        """A trust file that pins this chain's validators at `height`, read `now_s` later."""
        told = bj.validators_to_json(self.validators)
        time = START + height * self.step
        return {
            "format": "yilian-trust/1",
            "chain_id": self.chain_id,
            "validators": [
                {"pub_key": each["pub_key"]["value"], "voting_power": each["voting_power"]}
                for each in told
            ],
            "height": height,
            "time": bj.time_to_text(time),
            "trusting_period_s": period_s,
            "now": bj.time_to_text(time + now_s * b.SECOND),
        }


STATE = {f"consent/grant/{index}".encode(): f'{{"n":{index}}}'.encode() for index in range(30)}
ONE = Chain((10,), state=STATE)
FOUR = Chain((10, 10, 10, 10), state=STATE)


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
