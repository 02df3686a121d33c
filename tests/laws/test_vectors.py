"""The rule vectors are what the cases make, and the law gives their results from them alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tools import vectors

from tests.cases import name
from tests.chain import Memory, genesis
from yilian.ledger import codec, keys
from yilian.ledger.keys import Profile
from yilian.ledger.machine import Machine
from yilian.ledger.modules import RULES
from yilian.ledger.tree import Tree

WANTED = {path: vectors.render(vectors.vector(case)) for path, case in vectors.cases().items()}


def _file(path: str) -> Path:
    return vectors.FOLDER / path


def test_no_file_is_left_over() -> None:
    assert vectors.stale(WANTED) == []


@pytest.mark.parametrize("path", sorted(WANTED))
def test_a_file_is_what_its_case_makes(path: str) -> None:
    assert _file(path).is_file(), "run: python tools/vectors.py"
    assert _file(path).read_text("utf-8") == WANTED[path], "run: python tools/vectors.py"


def test_every_message_has_an_accepted_and_a_refused_vector() -> None:
    seen = {(case.message, case.code == 0) for case in vectors.cases().values()}
    for message in RULES:
        tag = str(message.__struct_config__.tag)
        assert (tag, True) in seen, f"{tag} has no accepted case"
        assert (tag, False) in seen, f"{tag} has no refused case"


def _replay(content: dict[str, Any]) -> dict[str, Any]:
    profile = Profile(
        hash=content["profile"]["hash"],
        signatures=tuple(content["profile"]["signatures"]),
        cipher=content["profile"]["cipher"],
    )
    state = Memory({key.encode(): value.encode() for key, value in content["state"].items()})
    tree = Tree(lambda _: None, hashing=keys.HASHES[profile.hash])
    machine = Machine(genesis(profile), state, tree)
    raw = codec.to_bytes(content["transaction"])
    applied = machine.apply_block(content["height"], content["time"], [raw])
    result = applied.results[0]
    return {
        "result": {
            "code": result.code,
            "name": name(result),
            "gas": result.gas,
            "parameters": result.parameters,
            "data": result.data().hex(),
        },
        "events": json.loads(result.events),
        "timer_events": json.loads(applied.timer_events),
        "writes": {
            key.decode(): None if value is None else value.decode()
            for key, value in applied.changes.items()
        },
    }


@pytest.mark.parametrize("path", sorted(WANTED))
def test_the_law_gives_what_the_file_says(path: str) -> None:
    content = json.loads(_file(path).read_text("utf-8"))
    again = _replay(content)
    assert again == {each: content[each] for each in again}


def test_a_changed_state_changes_what_is_given() -> None:
    path = "consent/revoke/the_person_takes_it_back.json"
    content = json.loads(_file(path).read_text("utf-8"))
    gone = {key: value for key, value in content["state"].items() if "consent/grant/" not in key}
    assert _replay({**content, "state": gone})["result"]["name"] == "consent.unknown_grant"
