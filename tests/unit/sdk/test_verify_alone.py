"""The offline verifier as one file in the hands of a stranger."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import _cffi_backend
import nacl
import pytest

from tests.unit.sdk.archives import A, B, log_of, pinned
from tests.unit.sdk.receipts import (
    FOUR,
    ONE,
    text,
    with_,
)
from yilian.sdk import verify as v
from yilian.sdk import verify_log

FILE, BESIDE = Path(v.__file__), Path(verify_log.__file__)


def imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            found.add(str(node.module).split(".")[0])
    return found - set(sys.stdlib_module_names)


def test_it_imports_only_the_standard_library_and_pynacl() -> None:
    assert imported(FILE) == {"nacl"}
    # `yilian` is the file beside it, by its name within the package; the other is optional.
    assert imported(BESIDE) == {"nacl", "verify", "yilian", "cryptography"}


def test_it_is_short_enough_to_be_read_in_a_sitting() -> None:
    assert len(FILE.read_text().splitlines()) <= 700
    assert len(BESIDE.read_text().splitlines()) <= 500


@pytest.fixture
def alone(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the file by itself, where nothing but PyNaCl and what it needs can be imported."""
    for each in (FILE, BESIDE):
        (tmp_path / each.name).write_bytes(each.read_bytes())
    site = tmp_path / "site"
    site.mkdir()
    for needed in (Path(nacl.__file__).parent, Path(_cffi_backend.__file__)):
        (site / needed.name).symlink_to(needed)
    start = f"import sys, runpy; sys.path.append({str(site)!r}); "
    start += "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"

    def run(*arguments: str, file: str = "verify.py") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "-c", start, file, *arguments]
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            command, cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
        )

    (tmp_path / "receipt.json").write_text(text(FOUR.receipt()), encoding="utf-8")
    (tmp_path / "state.json").write_text(text(FOUR.state_proof(b"none")), encoding="utf-8")
    wrong = with_(FOUR.receipt(), "events", to=[])
    (tmp_path / "wrong.json").write_text(text(wrong), encoding="utf-8")
    (tmp_path / "trust.json").write_text(text(FOUR.trust()), encoding="utf-8")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    return run


def test_it_runs_alone(alone: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = alone("receipt.json", "--trust", "trust.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("VERIFIED\n")
    assert "level: agreed" in done.stdout
    told = json.loads(alone("state.json", "--trust", "trust.json", "--json").stdout)
    assert (told["verified"], told["height"], told["level"]) == (True, 11, "agreed")
    refused = alone("wrong.json", "--trust", "trust.json", "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["code"] == "events_differ"
    plain = alone("wrong.json", "--trust", "trust.json")
    assert plain.returncode == 1
    assert plain.stdout.startswith("NOT VERIFIED\n")
    assert alone("broken.json", "--trust", "trust.json").returncode == 1


def test_with_the_other_file_beside_it_checks_witnesses_too(
    alone: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    log = log_of(FOUR.receipt())
    (tmp_path / "pinned.json").write_text(text(pinned(FOUR.trust(), A, B, threshold=2)))
    classic, _ = A.lines(log.point)
    other, modern = B.lines(log.point)
    (tmp_path / "good.tlog-proof").write_bytes(log.proof(classic, other))
    (tmp_path / "modern.tlog-proof").write_bytes(log.proof(classic, modern))
    words = ("receipt.json", "--trust", "pinned.json", "--json", "--log-proof")
    done = alone(*words, "good.tlog-proof", file="verify_log.py")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["level"] == "archived"
    # There is no `cryptography` here: the newer kind of cosignature is an unknown one.
    told = alone(*words, "modern.tlog-proof", file="verify_log.py")
    assert json.loads(told.stdout)["code"] == "too_few_witnesses"
    assert alone(*words, "absent", file="verify_log.py").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("receipt.json",),
        ("receipt.json", "--trust", "absent.json"),
        ("absent.json", "--trust", "trust.json"),
        ("receipt.json", "--trust", "broken.json"),
        ("receipt.json", "--trust", "receipt.json"),
    ],
)
def test_usage_and_unreadable_files_end_with_two(
    arguments: tuple[str, ...], alone: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    done = alone(*arguments)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_is_the_function(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    proof, trust = tmp_path / "receipt.json", tmp_path / "trust.json"
    proof.write_text(text(ONE.receipt()), encoding="utf-8")
    trust.write_text(text(ONE.trust()), encoding="utf-8")
    assert v.main([str(proof), "--trust", str(trust), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["level"] == "one signer"
