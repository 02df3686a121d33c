"""F5: a proof checked offline; any flipped bit makes it false. F7: each breakage has its code."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rows.served import Served, yilian
from tests.scale import scale
from yilian.sdk import drafts, verify


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, bytes]]:
    """A receipt, proofs that a record is there and that one is not, and the trust file."""
    with (
        Served(tmp_path_factory.mktemp("f05") / "node") as served,
        served.client(served.a) as client,
    ):
        record = drafts.fresh_id()
        done = client.records.anchor(record=record, commitment=drafts.fresh_salt())
        found = client.get("records", "anchors", record, proof=True)
        absent = client.state_proof(f"records/anchor/{drafts.fresh_id()}")
        yield {
            "receipt": json.dumps(client.receipt(done.hash)).encode(),
            "there": json.dumps(found.proof).encode(),
            "absent": json.dumps(absent).encode(),
            "trust": json.dumps(client.trust()).encode(),
        }


@pytest.mark.parametrize("paper", ["receipt", "there", "absent"])
def test_verified_offline_by_a_separate_process_without_this_package(
    papers: dict[str, bytes], tmp_path: Path, paper: str
) -> None:
    alone = tmp_path / "verify.py"
    alone.write_bytes(Path(verify.__file__).read_bytes())
    (tmp_path / "paper.json").write_bytes(papers[paper])
    (tmp_path / "trust.json").write_bytes(papers["trust"])
    command = [sys.executable, "-I", str(alone), "paper.json", "--trust", "trust.json", "--json"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert yilian("verify", tmp_path / "paper.json", "--trust", tmp_path / "trust.json")[0] == 0


@pytest.mark.parametrize("paper", ["receipt", "there", "absent"])
def test_any_flipped_bit_is_refused_with_a_code(papers: dict[str, bytes], paper: str) -> None:
    text = papers[paper]
    meaning = json.loads(text)
    original = verify.verify(text, papers["trust"]).proved
    draw = random.Random(5)
    places = [(at, bit) for at in range(len(text)) for bit in range(8)]
    for at, bit in draw.sample(places, min(len(places), scale(1_500, len(places)))):
        changed = bytearray(text)
        changed[at] ^= 1 << bit
        try:
            if json.loads(changed) == meaning:
                continue
        except ValueError:
            pass
        proved = _proved(bytes(changed), papers["trust"])
        if proved is not None:
            # The proof that one key is absent is, truthfully, a proof that its neighbour is.
            assert paper == "absent"
            assert json.loads(changed) == {**meaning, "key": json.loads(changed)["key"]}
            assert proved != original


def _proved(paper: bytes, trust: bytes) -> str | None:
    """Say what a paper proves; None where it is refused."""
    try:
        return verify.verify(paper, trust).proved
    except verify.NotVerified:
        return None


def _sibling(paper: dict[str, Any]) -> None:
    paper["inclusion"]["path"] = ["00" * 32, *paper["inclusion"]["path"][1:]]
    paper["inclusion"]["total"] = max(2, paper["inclusion"]["total"])


def _time(paper: dict[str, Any]) -> None:
    paper["commit"]["signatures"][0]["timestamp"] = "2020-01-01T00:00:00Z"


def _header_time(paper: dict[str, Any]) -> None:
    paper["header"]["time"] = "2020-01-01T00:00:00Z"


def _order(paper: dict[str, Any]) -> None:
    paper["header"], paper["next_header"] = paper["next_header"], paper["header"]


def _algorithm(paper: dict[str, Any]) -> None:
    paper["validators"][0]["pub_key"]["type"] = "tendermint/PubKeySecp256k1"


def _signature(paper: dict[str, Any]) -> None:
    place = paper["commit"]["signatures"][0]
    place["signature"] = base64.b64encode(bytes(64)).decode()


def _result(paper: dict[str, Any]) -> None:
    paper["result"]["gas_used"] += 1


def _events(paper: dict[str, Any]) -> None:
    paper["events"][0]["record"] = "A" * 22


def _chain(paper: dict[str, Any]) -> None:
    paper["header"]["chain_id"] = "other"
    paper["next_header"]["chain_id"] = "other"


def _commit_height(paper: dict[str, Any]) -> None:
    paper["commit"]["height"] = "99"


def _absent_vote(paper: dict[str, Any]) -> None:
    paper["commit"]["signatures"][0].update(
        block_id_flag=1, validator_address="", timestamp="0001-01-01T00:00:00Z", signature=""
    )


BROKEN: dict[str, Callable[[dict[str, Any]], None]] = {
    "wrong sibling": _sibling,
    "wrong vote time": _time,
    "wrong header time": _header_time,
    "wrong order": _order,
    "outdated algorithm": _algorithm,
    "wrong signature": _signature,
    "wrong result": _result,
    "wrong events": _events,
    "wrong chain": _chain,
    "wrong commit height": _commit_height,
    "absent vote": _absent_vote,
}


def test_each_breakage_is_refused_with_its_own_code(papers: dict[str, bytes]) -> None:
    codes = {}
    for name, break_it in BROKEN.items():
        paper = json.loads(papers["receipt"])
        break_it(paper)
        with pytest.raises(verify.NotVerified) as refused:
            verify.verify(json.dumps(paper).encode(), papers["trust"])
        codes[name] = refused.value.code
    named = ("wrong sibling", "wrong vote time", "wrong order", "outdated algorithm")
    assert len({codes[each] for each in named}) == len(named), codes
    assert len(set(codes.values())) >= 8, codes


def test_verify_command_says_no_with_exit_code_1(papers: dict[str, bytes], tmp_path: Path) -> None:
    paper = json.loads(papers["receipt"])
    _events(paper)
    (tmp_path / "paper.json").write_text(json.dumps(paper))
    (tmp_path / "trust.json").write_bytes(papers["trust"])
    code, answer = yilian("verify", tmp_path / "paper.json", "--trust", tmp_path / "trust.json")
    assert code == 1
    assert "events_differ" in json.dumps(answer)
