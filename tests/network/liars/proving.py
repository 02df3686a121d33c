"""Lies of validators, signed and told to an engine by a Go program with CometBFT's own types."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.network.members import Member
from yilian.node.home import EngineHome

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
