"""Inviting to sign in by command line: the link once, the list, taken back, accounts closed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.conftest import Yilian
from tests.rows.served import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node with two hospitals."""
    running = Served(tmp_path_factory.mktemp("node") / "node")
    with running:
        yield running


@pytest.mark.parametrize(
    ("language", "waits", "back"),
    [("en", "waits until", "taken back"), ("zh-CN", "待用", "收回")],
    ids=["en", "zh-CN"],
)
def test_people_are_invited_and_shut_out(
    served: Served, yilian: Yilian, language: str, waits: str, back: str
) -> None:
    person = served.node.organisations[served.a.id].enrol_person("urn:test", f"n-{language}")[0]
    signs = [
        f"--organisation={served.a.id}",
        f"--sender={served.a.id}",
        f"--key={served.folder.operator_key(served.a.id)}",
        f"--node={served.url}",
    ]

    def say(verb: str, *words: str) -> tuple[int, str]:
        said = yilian("--language", language, "organisation", verb, *signs, *words)
        return said.code, said.out + said.err

    code, out = say("invite", f"--subject={person}", "--minutes=15")
    assert code == 0
    link = out.splitlines()[-1]
    assert f"/{language}/join#" in link
    secret = link.rpartition("#")[2]
    made = yilian("organisation", "invite", *signs, f"--subject={person}", "--page=en", "--json")
    name = made.json["invitation"]["invitation"]
    assert "/en/join#" in made.json["link"]

    code, out = say("invitations")
    assert code == 0
    assert secret not in out
    assert any(name in line and waits in line for line in out.splitlines())
    assert say("withdraw-invitation", f"--invitation={name}")[0] == 0
    assert any(name in line and back in line for line in say("invitations")[1].splitlines())
    assert say("close-account", f"--subject={person}")[0] == 0

    assert say("invite", f"--subject={person}", "--minutes=5")[0] == 2
    code, out = say("invite", f"--subject={served.b.id}")
    assert code == 1
    assert (
        "sign_in.not_to_be_invited"
        in yilian("organisation", "invite", *signs, f"--subject={served.b.id}", "--json").err + out
    )
