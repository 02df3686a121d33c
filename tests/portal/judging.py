"""The browser's verifier under Node: one process that judges many papers."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.portal.proof_papers import Paper

ROOT = Path(__file__).resolve().parents[2]
PORTAL = ROOT / "portal"


def node() -> str:
    """Find Node, or skip with the reason and what brings it."""
    found = shutil.which("node", path=f"{os.environ['PATH']}:{ROOT / '.venv' / 'node'}")
    if found is None or not (PORTAL / "node_modules").is_dir():
        pytest.skip("the browser's verifier needs Node and its packages: run `make portal`")
    return found


def build(folder: Path) -> Path:
    """Bundle the judge for Node."""
    command = [node(), "node_modules/vite/bin/vite.js", "build"]
    command += ["--config", "src/proof/judge.config.ts"]
    command += ["--outDir", str(folder), "--logLevel", "error"]
    subprocess.run(command, cwd=PORTAL, check=True, capture_output=True, timeout=120)
    made = folder / "judge.js"
    return made.rename(made.with_suffix(".mjs"))


def judge(script: Path, papers: Sequence[Paper]) -> list[dict[str, Any]]:
    """Have the browser's verifier judge papers; one process for all of them."""
    lines = "".join(json.dumps(_asked(each)) + "\n" for each in papers)
    command = [node(), str(script)]
    ran = subprocess.run(
        command, input=lines, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2_000:]
    return [json.loads(line) for line in ran.stdout.splitlines()]


def _asked(paper: Paper) -> dict[str, Any]:
    told: dict[str, Any] = {"paper": _b64(paper.text), "trust": _b64(paper.trust)}
    if paper.log_proofs:
        told["logProofs"] = [_b64(each) for each in paper.log_proofs]
    if paper.content is not None:
        told["record"] = {
            "content": _b64(paper.content),
            "proof": _b64(paper.proof),
            "organisation": paper.organisation,
        }
    return told


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
