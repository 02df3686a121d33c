"""`yilian verify-export`: what a person reads about an export, good and bad, in both languages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.gateway.content.builders import PATIENT, generated
from tests.unit.gateway.content.instance import Instance, edited, forged, opened
from yilian import cli


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An export, a tampered one, and the trust file."""
    path = tmp_path_factory.mktemp("verify-export")
    with Instance(path / "home") as home:
        home.deposit(PATIENT, generated(3)[:3])
        home.anchor()
        home.export(PATIENT, path / "good.zip")
        forged(path / "good.zip", path / "bad.zip", proofs=edited(path=[]))
        (path / "trust.json").write_bytes(home.trust())
        yield path


def test_a_good_export_says_what_is_in_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(folder / "good.zip")
    assert cli.main(["verify-export", file, "--trust", str(folder / "trust.json")]) == 0
    out = capsys.readouterr().out
    assert f"{file}: VERIFIED" in out
    assert "3 records and 0 readings, on chain test" in out
    assert "one signer" in out


@pytest.mark.parametrize(
    ("language", "words"), [("en", "does not check (record_not_in_batch)"), ("zh-CN", "未通过核验")]
)
def test_a_bad_one_names_the_item(
    folder: Path, capsys: pytest.CaptureFixture[str], language: str, words: str
) -> None:
    file = folder / "bad.zip"
    record = next(each[7:29] for each in opened(file) if each.startswith("proofs/"))
    trust = str(folder / "trust.json")
    asked = ["verify-export", str(file), "--trust", trust, "--language", language]
    assert cli.main(asked) == 1
    out = capsys.readouterr().out
    assert record in out
    assert words in out


def test_json_has_every_part(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["verify-export", str(folder / "bad.zip"), "--trust", str(folder / "trust.json")]
    assert cli.main([*asked, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["verified"] is False
    (bad,) = told["bad"]
    assert (bad["subject"], bad["reason"]) == ("record", "record_not_in_batch")


@pytest.mark.parametrize("content", [b"", b"PK", b"\0" * 500])
def test_what_is_no_export_is_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(content)
    assert cli.main(["verify-export", str(path), "--trust", str(folder / "trust.json")]) == 1
    assert "export.malformed" in capsys.readouterr().err


def test_files_that_are_not_there_are_usage(folder: Path, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    good, trust = str(folder / "good.zip"), str(folder / "trust.json")
    assert cli.main(["verify-export", missing, "--trust", trust]) == 2
    assert cli.main(["verify-export", good, "--trust", missing]) == 2
    assert cli.main(["verify-export", good, "--trust", good]) == 2
    assert cli.main(["verify-export", good, "--trust", trust, "--origin-trust", missing]) == 2
    assert cli.main(["verify-export", good]) == 2
