"""`yilian verify`: works with no node, and says in both languages why a proof does not hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import pytest

from tests.chain import digest_of, name_of
from tests.cli.conftest import Served, Yilian
from tests.unit.sdk.running import FAR
from yilian.cli import verify
from yilian.cli.console import Console
from yilian.text import LANGUAGES, say

Proofs = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def proofs(node: Served) -> Proofs:
    """A receipt, state proofs of what is and is not there, and the trust file."""
    with node.node.client("alice") as client:
        outcome = client.consent.grant(grant=name_of("g"), terms=digest_of("t"), starts=1, ends=FAR)
        return {
            "receipt": client.receipt(outcome.hash),
            "present": client.state_proof(f"consent/grant/{name_of('g')}"),
            "absent": client.state_proof(f"consent/grant/{name_of('none')}"),
            "trust": client.trust(),
        }


def write(folder: Path, name: str, document: Any) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document, ensure_ascii=False))
    return path


def test_several_files_are_verified_at_once(yilian: Yilian, tmp_path: Path, proofs: Proofs) -> None:
    files = [write(tmp_path, name, proofs[name]) for name in ("receipt", "present", "absent")]
    trust = write(tmp_path, "trust", proofs["trust"])
    said = yilian("verify", *files, "--trust", trust)
    assert said.code == 0
    assert said.out.count(": VERIFIED") == 3
    assert "held nothing" in said.out
    told = yilian("verify", *files, "--trust", trust, "--json").json
    assert told["verified"] is True
    assert [each["about"]["kind"] for each in told["files"]] == ["accepted", "present", "absent"]
    assert {each["level"] for each in told["files"]} == {"one signer"}
    chinese = yilian("verify", *files, "--trust", trust, "--language=zh-CN")
    assert chinese.out.count("验证通过") == 3
    assert "级别：单一签名者" in chinese.out


def forged(proofs: Proofs, how: str) -> dict[str, Any]:
    receipt = json.loads(json.dumps(proofs["receipt"]))
    if how == "transaction":
        receipt["transaction"] = receipt["transaction"].replace("consent.Grant", "consent.Grunt")
    elif how == "event":
        receipt["events"][0]["ends"] += 1
    elif how == "code":
        receipt["result"]["code"] = 1
    elif how == "header":
        receipt["header"]["app_hash"] = "00" * 32
    elif how == "signature":
        receipt["commit"]["signatures"][0]["signature"] = "A" * 86 + "=="
    elif how == "field":
        receipt["more"] = 1
    elif how == "state":
        receipt = json.loads(json.dumps(proofs["present"]))
        receipt["value"] = receipt["value"].replace("4", "5", 1)
    return receipt


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize(
    "how", ["transaction", "event", "code", "header", "signature", "field", "state"]
)
def test_a_forged_proof_is_named_and_why(
    yilian: Yilian, tmp_path: Path, proofs: Proofs, how: str, language: str
) -> None:
    good = write(tmp_path, "good", proofs["receipt"])
    bad = write(tmp_path, "bad", forged(proofs, how))
    trust = write(tmp_path, "trust", proofs["trust"])
    said = yilian("verify", good, bad, "--trust", trust, "--language", language)
    assert said.code == 1
    words = {"en": ("VERIFIED", "NOT VERIFIED"), "zh-CN": ("验证通过", "验证未通过")}[language]
    assert f"{good}" in said.out
    assert words[0] in said.out.splitlines()[0]
    assert words[1] in said.out
    told = yilian("verify", good, bad, "--trust", trust, "--json")
    assert told.code == 1
    verdicts = [each["verified"] for each in told.json["files"]]
    assert verdicts == [True, False]
    assert told.json["files"][1]["code"] in said.out


def test_another_chain_s_trust_does_not_do(yilian: Yilian, tmp_path: Path, proofs: Proofs) -> None:
    receipt = write(tmp_path, "receipt", proofs["receipt"])
    other = write(tmp_path, "trust", {**proofs["trust"], "chain_id": "other"})
    said = yilian("verify", receipt, "--trust", other)
    assert said.code == 1
    assert "wrong_chain" in said.out


def test_what_cannot_be_read_is_usage(yilian: Yilian, tmp_path: Path, proofs: Proofs) -> None:
    receipt = write(tmp_path, "receipt", proofs["receipt"])
    trust = write(tmp_path, "trust", proofs["trust"])
    nothing = tmp_path / "nothing"
    assert yilian("verify", nothing, "--trust", trust).code == 2
    assert yilian("verify", receipt, "--trust", nothing).code == 2
    assert yilian("verify", receipt, "--trust", receipt).code == 2
    assert yilian("verify", tmp_path, "--trust", trust).code == 2
    assert yilian("verify", receipt).code == 2


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"\xff", b"nonsense", b'{"a":1,"a":1}'])
def test_a_file_that_is_no_proof_is_not_verified(
    yilian: Yilian, tmp_path: Path, proofs: Proofs, text: bytes
) -> None:
    path = tmp_path / "proof"
    path.write_bytes(text)
    said = yilian("verify", path, "--trust", write(tmp_path, "trust", proofs["trust"]))
    assert said.code == 1
    assert "NOT VERIFIED" in said.out


def test_a_node_s_folder_can_be_checked_by_whoever_brings_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console("en", as_json=False)
    asked: list[Path] = []

    def check(given: Console, folder: Path) -> int:
        assert given is console
        asked.append(folder)
        return 4

    command = verify.command(console, check)

    def run(*arguments: str) -> int:
        return int(command.main(list(arguments), standalone_mode=False))

    assert run("--node", str(tmp_path)) == 4
    assert asked == [tmp_path]
    for wrong in (["file", "--node", "x"], ["--trust", "t", "--node", "x"], ["file"], []):
        with pytest.raises(click.UsageError):
            run(*wrong)
    with pytest.raises(click.UsageError):
        verify.command(console).main(["--node", "x"], standalone_mode=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_number_by_which_trust_is_compared(
    yilian: Yilian, tmp_path: Path, proofs: Proofs, language: str
) -> None:
    """It names the chain and its validators, whatever the height; another set is another number."""
    said = yilian("trust", write(tmp_path, "trust", proofs["trust"]), "--language", language)
    assert said.code == 0, said
    number = said.out.splitlines()[1]
    assert re.fullmatch(r"(\d{4} ){7}\d{4}", number)
    later = {**proofs["trust"], "trusting_period_s": 7}
    told = yilian("trust", write(tmp_path, "later", later), "--json").json
    assert (told["check_number"], told["chain_id"]) == (number, proofs["trust"]["chain_id"])
    other = {**proofs["trust"], "chain_id": "other"}
    told = yilian("trust", write(tmp_path, "other", other), "--json").json
    assert told["check_number"] != number
    none = yilian("trust", write(tmp_path, "none", {}), "--language", language)
    assert (none.code, none.out) == (2, "")


def test_the_number_of_a_node_is_its_own_word(yilian: Yilian, node: Served) -> None:
    said = yilian("trust", "--node", node.url)
    assert said.code == 0, said
    assert say("en", "cli", "trust_number_is_theirs") in said.err
