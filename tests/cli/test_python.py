"""`--python`: what a command tells a program to write does what the command did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Said, Yilian
from tests.rows.desk import at
from tests.rows.served import Served
from yilian.sdk.errors import RefusedError
from yilian.sdk.signers import Ed25519Signer
from yilian.text import LANGUAGES


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node for the whole file."""
    with Served(tmp_path_factory.mktemp("python") / "node") as node:
        yield node


def program(said: Said) -> str:
    """The lines that were told."""
    lines = said.err.splitlines()
    assert lines
    assert all(line.startswith(">>> ") for line in lines if line[:4].strip(">") == " "), said.err
    return "\n".join(line[4:] for line in lines if line.startswith(">>> "))


def run(source: str) -> dict[str, Any]:
    """Run a program that a reader would have copied."""
    names: dict[str, Any] = {}
    exec(compile(source, "told", "exec"), names)
    return names


def signing(served: Served, who: Any) -> tuple[str | Path, ...]:
    return ("--key", served.folder.operator_key(who.id), "--sender", who.id, "--node", served.url)


def test_a_sharing_told_as_python_shares_again(served: Served, yilian: Yilian) -> None:
    person = str(served.load(served.a)["person"])
    said = yilian(
        *("organisation", "share", *signing(served, served.a), "--organisation", served.a.id),
        *("--person", person, "--grantee", served.b.id, "--categories", "laboratory"),
        *("--days", "30", "--python", "--json"),
    )
    assert said.code == 0, said
    assert said.json["ok"]
    run(program(said))
    with served.client(served.a) as client:
        grants = client.request("GET", at(served.a, f"persons/{person}/grants"))["grants"]
    first, second = (each["terms"] for each in grants)
    for each in ("starts", "ends"):
        first.pop(each, None), second.pop(each, None)
    assert first == second
    assert said.json["grant"] in {each["grant"] for each in grants}


def test_a_message_told_as_python_is_the_message(
    served: Served, yilian: Yilian, tmp_path: Path
) -> None:
    key = tmp_path / "doctor.key"
    Ed25519Signer.generate().write(key, None)
    words = ("identity", "enrol-practitioner", *signing(served, served.a), "--payer", served.a.id)
    tag = "A" * 43
    rehearsed = yilian(*words, "--new-key", key, "--tag", tag, "--dry-run", "--python", "--json")
    assert rehearsed.code == 0, rehearsed
    practitioner = rehearsed.json["new"]["practitioner"]
    made = run(program(rehearsed))
    found = made["client"].get("identity", "subjects", practitioner).value
    assert found["kind"] == "practitioner"
    with pytest.raises(RefusedError, match="identity"):
        run(program(rehearsed))


def test_a_passphrase_is_named_by_its_file(served: Served, yilian: Yilian, tmp_path: Path) -> None:
    sealed, file = tmp_path / "sealed.key", tmp_path / "passphrase"
    file.write_text("correct horse battery\n", "utf-8")
    file.chmod(0o600)
    Ed25519Signer.read(served.folder.operator_key(served.a.id)).write(
        sealed, lambda: b"correct horse battery"
    )
    said = yilian(
        *("governance", "propose", "--key", sealed, "--passphrase-file", file),
        *("--sender", served.a.id, "--node", served.url, "--python", "--json"),
        *("--action", "set_parameter", "--name", "person_quota", "--value", "70000"),
    )
    assert said.code == 0, said
    assert "correct horse" not in said.err + said.out
    source = program(said)
    assert "passphrase_file(Path(" in source
    with pytest.raises(RefusedError):
        run(source)


@pytest.mark.parametrize("language", LANGUAGES)
def test_many_calls_are_told_in_short(
    served: Served, yilian: Yilian, tmp_path: Path, language: str
) -> None:
    from yilian.gateway.fhir import sample

    sample.write(tmp_path, seed=3 + len(language), count=8, language="mixed")
    said = yilian(
        *("organisation", "load", tmp_path, *signing(served, served.a)),
        *("--organisation", served.a.id, "--python", "--json", "--language", language),
    )
    assert said.code == 0, said
    told = program(said).splitlines()
    assert sum(line.startswith("client.") for line in told) == 6
    assert told[-1].startswith("# ")
    compile("\n".join(told), "told", "exec")
    assert max(map(len, told)) < 4_000


def test_without_it_nothing_is_told(served: Served, yilian: Yilian) -> None:
    assert ">>>" not in yilian("status", "--node", served.url).err
    told = yilian("status", "--node", served.url, "--python")
    assert run(program(told))["client"].status().height >= 1
