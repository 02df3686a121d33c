"""The engine as a child, through its lives: one that ends, one that hangs, one that is deaf."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from yilian.node import pair
from yilian.node.home import EngineHome
from yilian.node.pair import Pair

PATIENCE = 30.0
HEAD = f"""#!{sys.executable} -IS
import json, os, pathlib, signal, sys, time
note = pathlib.Path("notes")
with note.open("a") as file:
    file.write(json.dumps({{"pid": os.getpid(), "words": sys.argv[1:], "at": os.getcwd()}}) + "\\n")
def say(what, **more):
    print(json.dumps({{"_msg": what, "level": "error", **more}}), flush=True)
"""
STAY = "time.sleep(600)\n"


class Stage:
    """A folder with a program that plays the engine, and what was heard of it."""

    def __init__(self, folder: Path) -> None:
        self.home = EngineHome(folder / "engine")
        self.home.path.mkdir()
        self.program = folder / "cometbft"
        self.told: list[str] = []
        self.heard = threading.Event()

    def play(self, body: str) -> Pair:
        self.program.write_text(HEAD + body, "utf-8")
        self.program.chmod(0o755)
        return Pair(self.program, self.home, self.diverged)

    def diverged(self, words: str) -> None:
        self.told.append(words)
        self.heard.set()

    def lives(self) -> list[dict[str, object]]:
        notes = self.home.path / "notes"
        text = notes.read_text("utf-8") if notes.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line[-1] == "\n"]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def gone(pid: int) -> bool:
    """Tell whether a process is no more, or only its entry until somebody takes note."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state in "ZX"


def test_the_engine_is_started_in_its_folder(stage: Stage) -> None:
    running = stage.play(STAY)
    until(stage.lives)
    life = stage.lives()[0]
    assert life["words"] == ["start", "--home", str(stage.home.path)]
    assert life["at"] == str(stage.home.path)
    assert running.pid == life["pid"]
    running.close()
    assert running.pid is None
    assert gone(int(str(life["pid"])))
    running.close()
    assert stage.told == []


def test_an_engine_that_ends_is_started_again(stage: Stage) -> None:
    running = stage.play("say('out of memory')\nsys.exit(1)\n")
    until(lambda: len(stage.lives()) >= 3)
    running.close()
    assert running.starts >= 3
    assert stage.told == []
    assert "out of memory" in (stage.home.path / "engine.log").read_text("utf-8")


def test_an_engine_that_is_killed_is_started_again(stage: Stage) -> None:
    running = stage.play(STAY)
    until(stage.lives)
    os.kill(int(str(stage.lives()[0]["pid"])), signal.SIGKILL)
    until(lambda: len(stage.lives()) == 2)
    running.close()


def test_the_socket_of_the_one_before_is_taken_away(stage: Stage) -> None:
    stage.home.rpc.touch()
    running = stage.play("assert not os.path.exists('rpc.sock')\nsay('clear')\n" + STAY)
    log = stage.home.path / "engine.log"
    until(lambda: log.exists() and "clear" in log.read_text("utf-8"))
    running.close()
    assert running.starts == 1


STATES_DIFFER = {
    "in consensus": "say('CONSENSUS FAILURE!!!', err='+2/3 committed an invalid block: "
    "wrong Block.Header.AppHash.  Expected 0A, got 0B', stack='...')\n",
    "results": "say('CONSENSUS FAILURE!!!', err='wrong Block.Header.LastResultsHash.  Expected')\n",
    "catching up": "say('Error in validation', err='wrong Block.Header.AppHash.  Expected 0A')\n",
    "at its start": "print('panic: state.AppHash does not match AppHash after replay. Got')\n"
    "sys.stdout.flush()\n",
}


@pytest.mark.parametrize("words", STATES_DIFFER)
def test_an_engine_that_finds_another_state_is_not_started_again(stage: Stage, words: str) -> None:
    running = stage.play(STATES_DIFFER[words] + STAY)
    assert stage.heard.wait(PATIENCE)
    assert len(stage.told) == 1
    assert "AppHash" in stage.told[0] or "LastResultsHash" in stage.told[0]
    assert running.pid is None
    running.close()
    assert running.starts == 1


LIES = [
    "say('prevote step: consensus deems this block invalid', err='wrong Block.Header.AppHash.')\n",
    "say('Error in validation', err='invalid commit')\n",
    "say('peer', peer='CONSENSUS FAILURE!!!', err='wrong Block.Header.AppHash.')\n",
    "print('wrong Block.Header.AppHash. CONSENSUS FAILURE!!!', flush=True)\n",
    "say(['CONSENSUS FAILURE!!!'], err={})\n",
    "print('[1]\\n{}\\nnull', flush=True)\n",
    "sys.stdout.buffer.write(b'\\xff\\xfe{' + b'x' * 100_000 + b'\\n')\nsys.stdout.flush()\n",
]


def test_what_a_peer_may_have_caused_ends_nothing(stage: Stage) -> None:
    running = stage.play("".join(LIES) + "say('end')\n" + STAY)
    log = stage.home.path / "engine.log"
    until(lambda: log.exists() and b'"end"' in log.read_bytes())
    assert running.pid == stage.lives()[0]["pid"]
    running.close()
    assert running.starts == 1
    assert stage.told == []


def test_an_engine_whose_consensus_stands_still_is_started_again(stage: Stage) -> None:
    running = stage.play("say('CONSENSUS FAILURE!!!', err='out of disk')\n" + STAY)
    until(lambda: len(stage.lives()) >= 2)
    running.close()
    assert stage.told == []
    assert all(gone(int(str(each["pid"]))) for each in stage.lives())


def test_an_engine_that_does_not_stop_is_killed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair, "STOP_SECONDS", 0.2)
    running = stage.play("signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsay('deaf')\n" + STAY)
    log = stage.home.path / "engine.log"
    until(lambda: log.exists() and "deaf" in log.read_text("utf-8"))
    running.close()
    assert gone(int(str(stage.lives()[0]["pid"])))


def test_a_program_that_cannot_run_is_tried_again(stage: Stage) -> None:
    stage.program.write_bytes(b"\x7fELF no program")
    stage.program.chmod(0o755)
    running = Pair(stage.program, stage.home, stage.diverged)
    until(lambda: running.starts >= 2)
    running.close()
    assert stage.told == []


NODE = """
import pathlib, sys, time
from yilian.node.home import EngineHome
from yilian.node.pair import Pair
Pair(pathlib.Path(sys.argv[1]), EngineHome(pathlib.Path(sys.argv[2])), print)
time.sleep(600)
"""


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process of its parent's end"
)
def test_a_node_that_is_killed_takes_its_engine_with_it(stage: Stage) -> None:
    stage.program.write_text(HEAD + STAY, "utf-8")
    stage.program.chmod(0o755)
    node = subprocess.Popen([sys.executable, "-c", NODE, stage.program, stage.home.path])
    try:
        until(stage.lives)
        engine = int(str(stage.lives()[0]["pid"]))
        assert not gone(engine)
    finally:
        node.kill()
        node.wait(PATIENCE)
    until(lambda: gone(engine))


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process of its parent's end"
)
def test_an_engine_whose_node_went_before_it_began_does_not_begin(stage: Stage) -> None:
    stage.program.write_text(HEAD + STAY, "utf-8")
    stage.program.chmod(0o755)
    # The parent that it is told is not the one that it has.
    words = [*pair._BECOME, str(os.getppid()), str(stage.program), str(stage.home.path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=stage.home.path)
    assert done.returncode == 1
    assert "the node is gone" in done.stderr
    assert stage.lives() == []
