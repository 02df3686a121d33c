"""Lies of validators, signed and told to an engine by a Go program with CometBFT's own types."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from tests.network.members import Member, Running, wait_for
from yilian.ledger.block import Validator
from yilian.node.embedded import validator_public
from yilian.node.home import EngineHome
from yilian.node.store import Store

SOURCE = Path(__file__).resolve().parents[2] / "foreign" / "liar"


class Told(NamedTuple):
    """What an engine said to a proof: it holds `evidence` now, or `refused` it."""

    evidence: bytes
    refused: str


Tell = Callable[..., Told]
"""`tell(to, do, liars, height, spoil="")`: see `tests/foreign/liar/main.go`."""


def build(folder: Path) -> Tell:
    """Build the Go program into `folder`; skips the test where that is not possible here."""
    if shutil.which("go") is None:
        pytest.skip("go is not installed: nothing signs what a validator's key must not sign")
    fetch = ["go", "list", "-deps", "."]
    done = subprocess.run(fetch, cwd=SOURCE, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"the registry is out of reach; try: {' '.join(fetch)}\n{done.stderr[-500:]}")
    program = folder / "liar"
    subprocess.run(
        ["go", "build", "-buildvcs=false", "-o", program, "."], cwd=SOURCE, check=True, timeout=600
    )

    def tell(to: Member, do: str, liars: Sequence[Member], height: int, spoil: str = "") -> Told:
        keys = [str(EngineHome(each.folder.engine).validator_key.resolve()) for each in liars]
        order: dict[str, Any] = {"do": do, "keys": keys, "height": height, "spoil": spoil}
        said = subprocess.run(
            [program],
            input=json.dumps(order),
            cwd=to.folder.engine,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert said.returncode == 0, said.stderr
        answer = json.loads(said.stdout)
        return Told(base64.b64decode(answer["evidence"]), answer["refused"])

    return tell


def powers(member: Member) -> dict[str, int]:
    """Who votes, as a member has it: power by organisation."""
    found = httpx.get(f"{member.url}/v1/governance/validators", timeout=10).raise_for_status()
    return {each["organisation"]: each["power"] for each in found.json()["items"]}


def address(member: Member) -> bytes:
    """The address of a member's validator."""
    seed = member.folder.validator_seed()
    return Validator(validator_public(seed), 1).address


def wait_punished(running: Running, *liars: Member) -> int:
    """Wait until no member counts the liars' votes; gives the height where all stand."""
    gone = {each.seat.organisation for each in liars}
    for each in running:
        wait_for(f"{each.name} saw it", 30, lambda: not gone & powers(each).keys())  # noqa: B023
    return running.agreed().height


def found_in(store: Store) -> tuple[int, bytes]:
    """Find the one block with evidence in a store."""
    tip = store.tip()
    assert tip is not None
    held = {}
    for height in range(1, store.newest_sealed(tip) + 1):
        block = store.block(height)
        assert block is not None
        if block.evidence:
            held[height] = block.evidence
    ((height, (only,)),) = held.items()
    return height, only
