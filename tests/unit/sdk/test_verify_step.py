"""The offline verifier as a light client, and the trees and signatures below it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.shared import shared
from tests.unit.sdk.receipts import (
    FOUR,
    START,
    Chain,
    sha,
)
from yilian.ledger import block as b
from yilian.ledger import block_json as bj
from yilian.ledger import merkle
from yilian.sdk import verify as v

ROOT = Path(__file__).parents[3]


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


@given(st.lists(st.binary(max_size=5), min_size=1, max_size=40), st.data())
def test_paths_agree_with_the_ledgers(leaves: list[bytes], data: st.DataObject) -> None:
    total = len(leaves)
    index = data.draw(st.integers(0, total - 1))
    path = merkle.inclusion(leaves, index)
    assert v._tree_root(leaves) == merkle.root(leaves)
    assert v.path_root(leaves[index], index, total, path) == merkle.root(leaves)
    index, total = data.draw(st.integers(-2, 50)), data.draw(st.integers(-2, 50))
    found = v.path_root(leaves[0], index, total, path)
    assert found == merkle.root_from_inclusion(leaves[0], index, total, path)


def test_crafted_signatures_are_judged_as_cometbft_judges_them() -> None:
    file = ROOT / "vectors" / "ed25519" / "verdicts.json"
    for case in json.loads(file.read_text())["cases"]:
        told = (bytes.fromhex(case[name]) for name in ("public_key", "message", "signature"))
        assert v.verify_signature(*told) is case["vote"], case["case"]
