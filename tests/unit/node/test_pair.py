"""What the node makes of its engine's words: a program that says them stands in for the engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.rows.patience import until
from yilian.node.home import EngineHome
from yilian.node.pair import Pair

WRONG = "wrong Block.Header.AppHash.  Expected AA, got BB"
FAILED = "CONSENSUS FAILURE!!!"


def log_line(message: str, error: object = "") -> str:
    return json.dumps({"_msg": message, "err": error, "level": "error"})


@pytest.fixture
def start(tmp_path: Path) -> Callable[[str, bool], tuple[Pair, list[str]]]:
    """Make a pair whose engine says a line, and then stands still or ends."""

    def make(line: str, stands: bool) -> tuple[Pair, list[str]]:
        program = tmp_path / "engine.sh"
        after = "exec sleep 600" if stands else "exit 1"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{line}\nEND\n{after}\n")
        program.chmod(0o700)
        (tmp_path / "home").mkdir()
        told: list[str] = []
        return Pair(program, EngineHome(tmp_path / "home"), told.append), told

    return make


Start = Callable[[str, bool], tuple[Pair, list[str]]]


@pytest.mark.parametrize(
    "line",
    [
        log_line(FAILED, f"+2/3 committed an invalid block: {WRONG}"),
        log_line(FAILED, "precommit step; +2/3 prevoted for an invalid block: " + WRONG),
        log_line("Error in validation", "wrong Block.Header.LastResultsHash.  Expected A, got B"),
        log_line("Error in validation", "wrong Block.Header.NextValidatorsHash.  Expected A"),
        "panic: state.AppHash does not match AppHash after replay. Got",
    ],
)
def test_what_others_agreed_on_and_is_not_ours_stops_the_node(start: Start, line: str) -> None:
    pair, told = start(line, True)
    try:
        assert until(lambda: told) == [line]
        assert pair.pid is None
        assert pair.starts == 1
    finally:
        pair.close()


@pytest.mark.parametrize(
    "line",
    [
        log_line("prevote step: consensus deems this block invalid; prevoting nil", WRONG),
        log_line("Stopping peer for error", f"Error in validation {WRONG} {FAILED}"),
        log_line("Error in validation", "wrong signature (#2): AA"),
        log_line("Error in validation", None),
        "AppHash does not match AppHash after replay",
        json.dumps([FAILED, WRONG]),
        json.dumps({"err": WRONG}),
        "{",
        "",
    ],
)
def test_a_liars_proposal_or_a_strangers_words_stop_nobody(start: Start, line: str) -> None:
    pair, told = start(line, False)
    try:
        until(lambda: pair.starts > 1)
        assert pair.starts > 1
        assert told == []
    finally:
        pair.close()


def test_an_engine_whose_consensus_stands_still_is_started_again(start: Start) -> None:
    pair, told = start(log_line(FAILED, "failed to write the log: no space left"), True)
    try:
        until(lambda: pair.starts > 1)
        assert pair.starts > 1
        assert told == []
    finally:
        pair.close()
