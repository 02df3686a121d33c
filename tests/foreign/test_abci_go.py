"""Our ABCI messages and evidence before CometBFT's own types, in Go, in both directions."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.consensus import encoding
from tests.foreign.abci import HERE, golden
from yilian.ledger import evidence
from yilian.node.abci import messages
from yilian.node.abci.messages import Limits, Snapshot, TxResult, ValidatorUpdate
from yilian.node.abci.wire import frame

pytestmark = pytest.mark.slow

Run = Callable[..., list[Any]]
KEY, HASH = b"\x01" * 32, b"\x05" * 32
LIMITS = Limits(4_000_000, 20_000_000, 2)
SNAPSHOT = Snapshot(500, 1, 3, HASH, b"parts")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("go") is None:
        pytest.skip("go is not installed; with it, run: pytest tests/foreign/test_abci_go.py")
    fetch = ["go", "list", "-deps", "."]
    done = subprocess.run(fetch, cwd=HERE, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"the registry is out of reach; try: {' '.join(fetch)}\n{done.stderr[-500:]}")
    path = tmp_path_factory.mktemp("abci") / "abci"
    subprocess.run(
        ["go", "build", "-buildvcs=false", "-o", path, "."], cwd=HERE, check=True, timeout=600
    )
    return path


def run(program: Path, mode: str, *given: bytes) -> list[Any]:
    lines = "".join(each.hex() + "\n" for each in given)
    done = subprocess.run([program, mode], input=lines, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_golden_bytes_are_what_the_engine_writes(program: Path) -> None:
    done = subprocess.run([program, "golden"], capture_output=True, text=True, timeout=120)
    assert json.loads(done.stdout) == golden()


RESPONSES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "exception": (messages.exception("高度不对"), {"exception": {"error": "高度不对"}}),
    "flush": (messages.response("flush"), {"flush": {}}),
    "echo": (
        messages.response("echo", b"\x0a\x01a"),
        {"echo": {"message": "a"}},
    ),
    "info": (
        messages.response("info", messages.info("yilian", "1.0", 2, 7, HASH)),
        {
            "info": {
                "data": "yilian",
                "version": "1.0",
                "app_version": "2",
                "last_block_height": "7",
                "last_block_app_hash": "BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=",
            }
        },
    ),
    "check": (
        messages.check_response(17, 300, "transaction.expired"),
        {"check_tx": {"code": 17, "log": "transaction.expired", "gas_wanted": "300"}},
    ),
    "good check": (messages.check_response(0, 9, ""), {"check_tx": {"gas_wanted": "9"}}),
    "extend": (messages.response("extend_vote"), {"extend_vote": {}}),
    "accept": (
        messages.response("process_proposal", b"\x08\x01"),
        {"process_proposal": {"status": "ACCEPT"}},
    ),
    "reject": (
        messages.response("process_proposal", b"\x08\x02"),
        {"process_proposal": {"status": "REJECT"}},
    ),
    "verify": (
        messages.response("verify_vote_extension", b"\x08\x02"),
        {"verify_vote_extension": {"status": "REJECT"}},
    ),
    "prepare": (
        messages.response("prepare_proposal", b"\x0a\x01a\x0a\x00"),
        {"prepare_proposal": {"txs": ["YQ==", ""]}},
    ),
    "commit": (
        messages.response("commit", b"\x18\x05"),
        {"commit": {"retain_height": "5"}},
    ),
    "snapshots": (
        messages.response("list_snapshots", encoding.write((1, SNAPSHOT.encode()))),
        {},
    ),
    "offer": (
        messages.response("offer_snapshot", bytes((8, messages.SNAPSHOT_REJECT_FORMAT))),
        {"offer_snapshot": {"result": "REJECT_FORMAT"}},
    ),
    "abort": (
        messages.response("offer_snapshot", bytes((8, messages.SNAPSHOT_ABORT))),
        {"offer_snapshot": {"result": "ABORT"}},
    ),
    "retry": (
        messages.response(
            "apply_snapshot_chunk", bytes((8, messages.CHUNK_RETRY)) + b"\x12\x01\x02\x1a\x01p"
        ),
        {
            "apply_snapshot_chunk": {
                "result": "RETRY",
                "refetch_chunks": [2],
                "reject_senders": ["p"],
            }
        },
    ),
    "reject snapshot": (
        messages.response("apply_snapshot_chunk", bytes((8, messages.CHUNK_REJECT_SNAPSHOT))),
        {"apply_snapshot_chunk": {"result": "REJECT_SNAPSHOT"}},
    ),
    "init": (
        messages.response(
            "init_chain", messages.init_chain(LIMITS, [ValidatorUpdate(KEY, 10)], HASH)
        ),
        {},
    ),
    "finalize": (
        messages.response(
            "finalize_block",
            messages.finalize_block(
                [TxResult(0, HASH, 5), TxResult(7, b"", 0), TxResult(0, b"", 1 << 40)],
                [ValidatorUpdate(KEY, 0), ValidatorUpdate(HASH, 1_000_000)],
                LIMITS,
                HASH,
            ),
        ),
        {},
    ),
    "empty block": (
        messages.response("finalize_block", messages.finalize_block([], [], None, HASH)),
        {},
    ),
}


@pytest.fixture(scope="module")
def understood(program: Path) -> dict[str, Any]:
    said = run(program, "read", *[frame(data) for data, _ in RESPONSES.values()])
    return dict(zip(RESPONSES, said, strict=True))


@pytest.mark.parametrize("name", RESPONSES)
def test_the_engine_reads_what_we_write(understood: dict[str, Any], name: str) -> None:
    data, fields = RESPONSES[name]
    said = understood[name]
    assert "error" not in said, said
    # The engine's own writer gives the same bytes, so nothing was passed over or misread.
    assert said["again"] == frame(data).hex()
    if fields:
        assert said["response"] == fields


def test_the_engine_reads_what_finalize_block_means(understood: dict[str, Any]) -> None:
    block = understood["finalize"]["response"]["finalize_block"]
    assert [each.get("code", 0) for each in block["tx_results"]] == [0, 7, 0]
    assert [each.get("gas_used", "0") for each in block["tx_results"]] == ["5", "0", str(1 << 40)]
    assert [each.get("power", "0") for each in block["validator_updates"]] == ["0", "1000000"]
    assert all("ed25519" in each["pub_key"] for each in block["validator_updates"])
    params = block["consensus_param_updates"]
    assert params["block"] == {"max_bytes": "4000000", "max_gas": "20000000"}
    assert params["version"] == {"app": "2"}
    assert "evidence" not in params
    assert "abci" not in params
    snapshot = understood["snapshots"]["response"]["list_snapshots"]["snapshots"][0]
    assert (snapshot["height"], snapshot["format"], snapshot["chunks"]) == ("500", 1, 3)


def test_the_engine_reads_the_evidence_that_we_write(program: Path) -> None:
    pieces = golden()["evidence"]
    made = [evidence.from_json(each["json"]) for each in pieces]
    said = run(program, "read-evidence", *made)
    assert [each["again"] for each in said] == [each["bytes"] for each in pieces]
    leaves = [hashlib.sha256(evidence.bare(each)).hexdigest() for each in made]
    assert [each["hash"] for each in said[:2]] == leaves[:2]
