"""Light blocks of any engine before CometBFT's own light client, and ways to spoil them.

    judge = build(folder)                               # skips where Go or its registry is missing
    verdict, = judge([claim(light_blocks(engine, range(1, 10)))])
    assert verdict.accepted

A light block is `{"header", "commit", "validators"}` in the JSON of CometBFT's RPC.
"""

from __future__ import annotations

import base64
import copy
import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from yilian.ledger import block_json
from yilian.ledger.block import SECOND, Commit, Header, ValidatorSet

HERE = Path(__file__).resolve().parent
SUCCESS = "SUCCESS"
YEAR = 365 * 86_400

Json = dict[str, Any]


class Verdict(NamedTuple):
    """What the light client said: of each step, and as a whole client, in both of its ways.

    `steps` ends with the first refusal. `sequential` is empty where a height was left out.
    """

    steps: list[str]
    sequential: str
    skipping: str

    @property
    def accepted(self) -> bool:
        """Whether every step and every whole run was accepted."""
        return {*self.steps, self.sequential or SUCCESS, self.skipping} == {SUCCESS}

    @property
    def refused(self) -> bool:
        """Whether neither the steps nor any whole run reached the last block."""
        return SUCCESS not in (self.steps[-1], self.sequential, self.skipping)


Judge = Callable[[list[Json]], list[Verdict]]


def build(folder: Path) -> Judge:
    """Build the Go program into `folder`; skips the test where that is not possible here."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed; with it, run: pytest test_light_client_go.py")
    # Unlike `go mod download` this fetches what is built, and not what only others' tests use.
    fetch = ["go", "list", "-deps", "."]
    done = subprocess.run(fetch, cwd=HERE, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"the registry is out of reach; try: {' '.join(fetch)}\n{done.stderr[-500:]}")
    program = folder / "judge"
    subprocess.run(
        ["go", "build", "-buildvcs=false", "-o", program, "."], cwd=HERE, check=True, timeout=600
    )

    def judge(claims: list[Json]) -> list[Verdict]:
        lines = "".join(json.dumps(each) + "\n" for each in claims)
        done = subprocess.run([program], input=lines, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        given = [Verdict(**json.loads(line)) for line in done.stdout.splitlines()]
        assert len(given) == len(claims)
        return given

    return judge


def light_block(header: Header, commit: Commit, validators: ValidatorSet) -> Json:
    """Write a light block."""
    return {
        "header": block_json.header_to_json(header),
        "commit": block_json.commit_to_json(commit),
        "validators": block_json.validators_to_json(validators),
    }


def light_blocks(engine: Any, heights: Iterable[int]) -> list[Json]:
    """Read light blocks from an engine of either kind; every height must be sealed."""
    made = []
    for height in heights:
        header = engine.store.block(height).header
        validators = engine.history.validators(header.validators_hash)
        made.append(light_block(header, engine.store.commit(height), validators))
    return made


def claim(
    blocks: list[Json],
    trusted: Json | None = None,
    now: int | None = None,
    period: int = YEAR,
) -> Json:
    """Ask whether the client follows from the first block to the last.

    `trusted`: the block whose hash and chain the reader holds (the first one given). `now` is in
    ns, by default a second after the last block; `period` in seconds.
    """
    header = block_json.header_from_json((trusted or blocks[0])["header"])
    if now is None:
        now = block_json.time_from_text(blocks[-1]["header"]["time"]) + SECOND
    return {
        "chain_id": header.chain_id,
        "trusted_hash": header.hash().hex(),
        "period": period,
        "now": block_json.time_to_text(now),
        "blocks": blocks,
    }


def alterations(block: Json, seed: str) -> Iterator[tuple[str, Json]]:
    """Give every way to spoil a light block, one change at a time, each with its name.

    A block without one validator's vote may still be a good one, if the others suffice; so a change
    to votes is a change to every one of them.
    """
    dice = random.Random(seed)
    yield from _changed(block, "header", _spoiled_members(block["header"], dice))
    for name, header in _spoiled_members(block["header"], dice):
        yield f"{name}, renamed", _renamed({**block, "header": header})
    members = {name: block["commit"][name] for name in ("height", "round", "block_id")}
    for name, spoiled in _spoiled_members(members, dice):
        yield f"commit.{name}", {**block, "commit": {**block["commit"], **spoiled}}
    for name, votes in _spoiled_votes(block["commit"]["signatures"], dice):
        yield f"commit.{name}", {**block, "commit": {**block["commit"], "signatures": votes}}
    yield from _changed(block, "validators", _spoiled_validators(block["validators"], dice))


def _changed(
    block: Json, part: str, spoiled: Iterable[tuple[str, Any]]
) -> Iterator[tuple[str, Json]]:
    for name, value in spoiled:
        yield f"{part}.{name}", {**block, part: value}


def _renamed(block: Json) -> Json:
    """Have the commit name the header's new hash: now only the signatures can tell."""
    block = copy.deepcopy(block)
    header = block_json.header_from_json(block["header"])
    block["commit"]["height"] = block["header"]["height"]
    block["commit"]["block_id"]["hash"] = header.hash().hex().upper()
    return block


def _spoiled_members(value: Json, dice: random.Random) -> Iterator[tuple[str, Json]]:
    for name, member in value.items():
        if isinstance(member, dict):
            for inner, spoiled in _spoiled_members(member, dice):
                yield f"{name}.{inner}", {**value, name: spoiled}
        else:
            yield name, {**value, name: _spoiled(name, member, dice)}


def _spoiled(name: str, member: Any, dice: random.Random) -> Any:
    if name == "time":
        return block_json.time_to_text(block_json.time_from_text(member) + 1)
    if name == "chain_id":
        return member + "-"
    if isinstance(member, int):
        return member + 1
    if name in ("height", "block", "app"):
        return str(int(member) + 1)
    return flipped(bytes.fromhex(member) or bytes(32), dice.randrange(256)).hex().upper()


def flipped(data: bytes, bit: int) -> bytes:
    """Flip one bit; `bit` counts on from the start again where it is beyond the end."""
    out = bytearray(data)
    out[bit // 8 % len(out)] ^= 1 << bit % 8
    return bytes(out)


def _spoiled_votes(votes: list[Json], dice: random.Random) -> Iterator[tuple[str, list[Json]]]:
    def each(name: str, change: Callable[[Json], Json]) -> tuple[str, list[Json]]:
        return name, [{**vote, **change(vote)} for vote in votes]

    for byte in range(64):
        bit = 8 * byte + dice.randrange(8)
        yield each(f"signature bit {bit}", lambda vote, bit=bit: _with_signature(vote, bit))
    yield each("no signature", lambda vote: {"signature": ""})
    yield each("half a signature", lambda vote: {"signature": vote["signature"][:44]})
    absent = {"block_id_flag": 1, "validator_address": "", "signature": ""}
    yield each("absent", lambda vote: {**absent, "timestamp": "0001-01-01T00:00:00Z"})
    for flag in (0, 1, 3, 4):
        yield each(f"flag {flag}", lambda vote, flag=flag: {"block_id_flag": flag})
    yield each("timestamp", lambda vote: {"timestamp": _spoiled("time", vote["timestamp"], dice)})
    yield each(
        "address",
        lambda vote: {"validator_address": _spoiled("address", vote["validator_address"], dice)},
    )
    yield "no votes", []
    yield "a vote too many", [*votes, votes[0]]
    if len(votes) > 1:
        yield "a vote too few", votes[:-1]
        yield "votes in another order", votes[::-1]
        yield "one vote for all", [votes[0]] * len(votes)


def _with_signature(vote: Json, bit: int) -> Json:
    signature = base64.b64decode(vote["signature"])
    if not signature:
        return {}
    return {"signature": base64.b64encode(flipped(signature, bit)).decode()}


def _spoiled_validators(
    validators: list[Json], dice: random.Random
) -> Iterator[tuple[str, list[Json]]]:
    first, *rest = validators
    key = base64.b64decode(first["pub_key"]["value"])
    spoiled = base64.b64encode(flipped(key, dice.randrange(256))).decode()
    more = str(int(first["voting_power"]) + 1)
    yield "power", [{**first, "voting_power": more}, *rest]
    yield "no power", [{**first, "voting_power": "0"}, *rest]
    yield "negative power", [{**first, "voting_power": "-1"}, *rest]
    yield "key", [{**first, "pub_key": {**first["pub_key"], "value": spoiled}}, *rest]
    yield "address", [{**first, "address": _spoiled("address", first["address"], dice)}, *rest]
    yield (
        "kind of key",
        [
            {**first, "pub_key": {**first["pub_key"], "type": "tendermint/PubKeySecp256k1"}},
            *rest,
        ],
    )
    yield "nobody", []
    yield "one too many", [*validators, first]
    if rest:
        yield "one too few", rest
