"""`yilian network doctor` names what is wrong, and the next command, in both languages."""

from __future__ import annotations

import json
import os
import signal
import socket
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.network.calls import yilian
from tests.network.members import FOUNDERS, free_ports, require_engine
from yilian.bootstrap import diagnosis, make_network
from yilian.bootstrap.diagnosis import diagnose
from yilian.node.binary import VARIABLE
from yilian.node.store import Store
from yilian.text import say

pytestmark = pytest.mark.xdist_group("network")


@pytest.fixture
def member(tmp_path: Path) -> Path:
    """A member's folder; nothing runs."""
    require_engine()
    make_network(tmp_path / "net", "net", FOUNDERS[:2], port=free_ports(20))
    return tmp_path / "net" / "A"


def found(path: Path) -> dict[str, str]:
    """Give the word and the mark of each finding; every one has its words in both languages."""
    told = {}
    for each in diagnose(path):
        for language in ("en", "zh-CN"):
            for part in ("text", "next") if each.state != "good" else ("text",):
                words = say(language, "network", f"doctor/{each.code}/{part}", **each.parameters)
                assert "{" not in words
        told[each.code] = each.state
    return told


def test_a_node_that_is_whole_and_does_not_run(member: Path) -> None:
    told = found(member)
    assert {each for each, mark in told.items() if mark == "bad"} == {"stopped", "peers_all_away"}
    assert told["ports"] == told["store"] == told["folder"] == told["key_files"] == "good"


def _port(member: Path) -> Callable[[], None]:
    made = socket.create_server(("127.0.0.1", _consensus_port(member)))
    return made.close


def _consensus_port(member: Path) -> int:
    return int(json.loads((member / "node.json").read_text())["consensus"]["port"])


def _open_key(member: Path) -> None:
    (member / "validator.key").chmod(0o644)


def _no_key(member: Path) -> None:
    (member / "validator.key").unlink()


def _no_engine(member: Path) -> None:
    (member / "engine" / "config" / "node_key.json").unlink()


def _bad_json(member: Path) -> None:
    (member / "node.json").write_text("{")


def _damaged(member: Path) -> None:
    (member / "chain" / "CURRENT").write_text("nothing\n")


def _busy(member: Path) -> Callable[[], None]:
    return Store(member / "chain").close


def _following(member: Path) -> None:
    (member / "validator.key.next").write_text("A" * 43)
    (member / "validator.key.next").chmod(0o600)


def _said(words: str) -> Callable[[Path], None]:
    return lambda member: (member / "engine" / "engine.log").write_text(words) and None


@pytest.mark.parametrize(
    ("break_it", "code"),
    [
        (_port, "port_taken"),
        (_open_key, "key_open"),
        (_no_key, "key_missing"),
        (_no_engine, "folder_parts"),
        (_bad_json, "configuration"),
        (_damaged, "store_damaged"),
        (_busy, "store_busy"),
        (_following, "rotation_unfinished"),
        (
            _said("ERROR: failed to start node: listen tcp: bind: address already in use"),
            "engine_port",
        ),
        (_said("ERROR: panic: wrong Block.Header.AppHash. Expected 00, got 01"), "engine_diverged"),
        (_said("ERROR: app block height (9) is higher than core (8)"), "engine_behind_node"),
        (_said("ERROR: write: no space left on device"), "disk_out"),
        (_said('{"_msg":"CONSENSUS FAILURE!!!","err":"odd","level":"error"}'), "engine_said"),
    ],
)
def test_what_is_broken_is_named(member: Path, break_it: Any, code: str) -> None:
    undo = break_it(member)
    try:
        told = found(member)
    finally:
        if undo is not None:
            undo()
    assert told[code] in ("bad", "warning")


@pytest.mark.parametrize(("retries", "mark"), [("15\n", "warning"), ("5\n", "good")])
def test_cut_lines_are_held_for_long(
    member: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, retries: str, mark: str
) -> None:
    assert "cut_lines" not in found(member), "all members on one machine: no line to cut"
    told = member / "node.json"
    document = json.loads(told.read_text())
    for each in document["consensus"]["peers"]:
        each["host"] = "192.0.2.7"
    told.write_text(json.dumps(document))
    setting = tmp_path / "tcp_retries2"
    setting.write_text(retries)
    monkeypatch.setattr(diagnosis, "RETRIES", setting)
    code = "cut_lines_held" if mark == "warning" else "cut_lines"
    assert found(member)[code] == mark


def test_a_missing_and_a_wrong_engine(
    member: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    assert found(member)["binary_missing"] == "bad"
    wrong = tmp_path / "cometbft"
    wrong.write_text("#!/bin/sh\n")
    wrong.chmod(0o755)
    monkeypatch.setenv(VARIABLE, str(wrong))
    assert found(member)["binary_differs"] == "bad"


def test_every_finding_has_its_words_in_both_languages() -> None:
    from importlib import import_module

    import msgspec

    source = "".join(
        Path(str(import_module(f"yilian.bootstrap.{each}").__file__)).read_text("utf-8")
        for each in ("diagnosis", "outside_diagnosis")
    )
    for language in ("en", "zh-CN"):
        folder = Path(str(import_module("yilian.text").__file__)).parent
        words = msgspec.json.decode((folder / language / "network.json").read_bytes())["doctor"]
        for code, told in words.items():
            assert f'"{code}"' in source, code
            names = {name for _, name, _, _ in string.Formatter().parse(told["text"]) if name}
            assert all(f'"{name}"' in source for name in names), code


def test_a_node_that_is_held_still_is_told_from_one_that_is_down(running: Any) -> None:
    member = running["A"]
    engine = member.engine_pid
    assert engine is not None
    for pid in (member.pid, engine):
        os.kill(pid, signal.SIGSTOP)
    try:
        told = yilian("network", "doctor", member.path, code=1)["findings"]
        assert "frozen" in {each["check"] for each in told}
        shown = next(each for each in told if each["check"] == "frozen")
        assert f"kill -CONT {engine} {member.pid}" in shown["next"]
    finally:
        for pid in (engine, member.pid):
            os.kill(pid, signal.SIGCONT)
    running.agreed()
    good = yilian("network", "doctor", member.path)
    assert {"runs", "height", "peers", "clock", "binary"} <= {
        each["check"] for each in good["findings"] if each["state"] == "good"
    }
