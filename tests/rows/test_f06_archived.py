"""F6: what witnesses signed is verified with every node switched off, and years later."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.rows.served import Served, yilian
from yilian.sdk import drafts, verify, verify_log


class Archive:
    """A chain that two witnesses saw, and then no node any more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.witnesses = [path / f"witness-{name}" for name in "ab"]
        self.media = [path / f"medium-{name}" for name in "ab"]
        with Served(path / "node") as served, served.client(served.a) as client:
            first = client.records.anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
            (path / "receipt.json").write_text(json.dumps(client.receipt(first.hash)))
            absent = client.state_proof(f"records/anchor/{drafts.fresh_id()}")
            (path / "absent.json").write_text(json.dumps(absent))
            (path / "trust.json").write_text(json.dumps(client.trust()))
            log_key = served.node.log.key.encode() if served.node.log else ""
            keys: list[str] = []
            for at in range(2):
                name = f"witness.example/{at}"
                code, made = yilian(
                    "witness", "init", self.witnesses[at], "--name", name, "--log-key", log_key
                )
                assert code == 0
                words: list[str | Path] = [
                    "--log",
                    served.url,
                    "--publish",
                    self.media[at],
                    "--once",
                ]
                assert yilian("witness", "run", self.witnesses[at], *words)[0] == 0
                keys += made["witness"]
            later = client.records.anchor(record=drafts.fresh_id(), commitment=drafts.fresh_salt())
            (path / "later.json").write_text(json.dumps(client.receipt(later.hash)))
        shutil.rmtree(path / "node")
        options = [word for key in keys for word in ("--key", key)]
        pinned: list[str | Path] = [
            "--threshold",
            "2",
            "--log-key",
            log_key,
            "--out",
            path / "pinned.json",
        ]
        assert yilian("witness", "trust", path / "trust.json", *options, *pinned)[0] == 0

    def verify(self, *words: str | Path, paper: str = "receipt") -> tuple[int, dict[str, Any]]:
        code, told = yilian(
            "verify", self.path / f"{paper}.json", "--trust", self.path / "pinned.json", *words
        )
        return code, told["files"][0]

    def published(self, *media: Path) -> list[str | Path]:
        return [word for each in media or self.media for word in ("--published", each)]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return Archive(tmp_path_factory.mktemp("f06"))


@pytest.mark.parametrize("paper", ["receipt", "absent"])
def test_archived_by_two_witnesses_with_every_node_off(archive: Archive, paper: str) -> None:
    assert archive.verify(paper=paper)[1]["level"] == "one signer"
    code, told = archive.verify(*archive.published(), paper=paper)
    assert (code, told["level"]) == (0, "archived")
    assert told["witnesses"] == ["witness.example/0", "witness.example/1"]
    assert told["witnessed"].endswith("Z")
    assert told["warnings"] == [verify_log.ONE_SIGNER]


def test_a_proof_kept_beside_the_receipt_is_enough(archive: Archive, tmp_path: Path) -> None:
    words: list[str | Path] = []
    for at, medium in enumerate(archive.media):
        kept = tmp_path / f"{at}.tlog-proof"
        receipt = archive.path / "receipt.json"
        assert yilian("witness", "prove", medium, receipt, "--out", kept)[0] == 0
        words += ["--log-proof", kept]
    assert archive.verify(*words)[1]["level"] == "archived"
    assert archive.verify(words[0], words[1], *archive.published(archive.media[1]))[0] == 0
    code, told = archive.verify(*words[:2])
    assert (code, told["code"]) == (1, "too_few_witnesses")


def test_a_block_that_no_witness_saw_is_not_archived(archive: Archive) -> None:
    assert archive.verify(paper="later")[0] == 0
    code, told = archive.verify(*archive.published(), paper="later")
    assert (code, told["code"]) == (1, "not_in_log")


def test_years_later_the_trusting_period_is_judged_at_the_witnesses_time(
    archive: Archive, tmp_path: Path
) -> None:
    trust = json.loads((archive.path / "pinned.json").read_text())
    old = {**trust, "trusting_period_s": 86_400, "now": "2099-01-01T00:00:00Z"}
    (tmp_path / "old.json").write_text(json.dumps(old))
    receipt = archive.path / "receipt.json"
    plain = ("verify", receipt, "--trust", tmp_path / "old.json")
    assert yilian(*plain)[1]["files"][0]["warnings"] == [verify.TRUST_OLD]
    told = yilian(*plain, *archive.published())[1]["files"][0]
    assert (told["level"], told["warnings"]) == ("archived", [verify_log.ONE_SIGNER])


def test_a_stranger_copies_two_files_and_runs_them(archive: Archive, tmp_path: Path) -> None:
    for module in (verify, verify_log):
        shutil.copy(str(module.__file__), tmp_path)
    words = [str(each) for each in archive.published()]
    command = [sys.executable, "-I", "verify_log.py", str(archive.path / "receipt.json")]
    command += ["--trust", str(archive.path / "pinned.json"), "--json", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["level"] == "archived"
