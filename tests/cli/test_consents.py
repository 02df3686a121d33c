"""`yilian organisation`: asked, granted with one's own key, read, listed, taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rows.consenting import SYSTEM, Actor, doctor, keep, person
from tests.rows.served import Served, yilian


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node for the whole file."""
    with Served(tmp_path_factory.mktemp("consents") / "node") as node:
        yield node


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A folder for key files."""
    return tmp_path


def run(
    served: Served, keys: Path, who: Actor, at: Any, *words: str | Path
) -> tuple[int, dict[str, Any]]:
    file = keys / f"{who.id}.key"
    if not file.exists():
        who.signer.write(file, None)
    signing = ("--key", file, "--sender", who.id, "--organisation", at.id, "--node", served.url)
    return yilian("organisation", *words, *signing)


def test_asked_given_read_listed_and_taken_back(served: Served, keys: Path) -> None:
    patient, reader = person(served, served.a, "cli"), doctor(served, served.b)
    keep(served, served.a, patient.id, "laboratory", "result")
    code, asked = run(
        served, keys, reader, served.b, "ask", "--holder", served.a.id, "--system", SYSTEM,
        "--number", "cli", "--categories", "laboratory", "--reason", "follow-up",
    )  # fmt: skip
    assert (code, asked["delivered"]) == (0, True)
    whose = ("--person", patient.id)
    code, listed = run(served, keys, patient, served.a, "asks", *whose)
    assert (code, [each["ask"] for each in listed["asks"]]) == (0, [asked["ask"]])
    code, given = run(
        served, keys, patient, served.a, "give", *whose, "--grantee", served.b.id,
        "--categories", "laboratory", "--member", reader.id, "--condition", "place:ward-3",
        "--ends", "+1d", "--answers", asked["ask"],
    )  # fmt: skip
    assert (code, given["delivered"], given["version"]) == (0, True, 1)
    reading = ("read", "--grant", given["grant"], "--place")
    code, answer = run(served, keys, reader, served.b, *reading, "ward-3")
    assert (code, [each["content"] for each in answer["records"]]) == (0, ["result"])
    code, answer = run(served, keys, reader, served.b, *reading, "ward-4")
    assert (code, answer["error"]["code"]) == (1, "consents.not_permitted")
    code, changed = run(
        served, keys, patient, served.a, "give", *whose, "--grantee", served.b.id,
        "--categories", "laboratory", "--days", "3", "--change", given["grant"],
    )  # fmt: skip
    assert (code, changed["version"]) == (0, 2)
    code, answer = run(served, keys, reader, served.b, *reading, "ward-4")
    assert (code, len(answer["records"])) == (0, 1)
    code, answer = run(served, keys, patient, served.a, "grants", *whose)
    assert (code, [each["status"] for each in answer["grants"]]) == (0, ["standing"])
    # What belongs to others is refused, with its code.
    code, answer = run(served, keys, reader, served.b, "grants", *whose)
    assert (code, answer["error"]["code"]) == (1, "forbidden")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_what_is_said_to_a_person(
    served: Served, keys: Path, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from yilian import cli

    patient = person(served, served.a, language)
    file = keys / "patient.key"
    patient.signer.write(file, None)
    signing = [
        "--key", str(file), "--sender", patient.id, "--organisation", served.a.id,
        "--node", served.url, "--language", language, "--person", patient.id,
    ]  # fmt: skip
    assert cli.main(["organisation", "grants", *signing]) == 0
    assert cli.main(["organisation", "asks", *signing]) == 0
    empty = capsys.readouterr().out
    words = ["--grantee", served.b.id, "--categories", "laboratory"]
    assert cli.main(["organisation", "give", *words, *signing]) == 0
    capsys.readouterr()
    assert cli.main(["organisation", "grants", *signing]) == 0
    line = capsys.readouterr().out
    assert served.b.id in line
    assert "laboratory" in line
    assert line not in empty
    assert ("有效" in line) == (language == "zh-CN")
