"""`yilian network up` as people run it: ready, watched over, and stopped however they stop it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.network.calls import PROGRAM, yilian
from tests.network.members import children, free_ports, kill, require_engine, wait_for
from yilian.bootstrap.overview import get

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that was made and does not run."""
    require_engine()
    path = tmp_path_factory.mktemp("up") / "net"
    port = str(free_ports(40))
    told = yilian("network", "init", path, "--port", port, "--empty-blocks", "2")
    assert [each["name"] for each in told["members"]] == ["A", "B", "C", "D"]
    return path


@contextlib.contextmanager
def up(path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run it; ends by force what a test leaves."""
    with (path / "up.log").open("ab") as log:
        process = subprocess.Popen(
            [*PROGRAM, "network", "up", str(path), "--json", *words],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
            # In the background of a shell the tests have SIGINT ignored, and so would this.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for the one object that says that all is ready."""
    assert process.stdout is not None
    told: dict[str, Any] = json.loads(process.stdout.readline())
    assert told["ok"], told
    return told


def below(pid: int) -> set[int]:
    """Name all processes below one."""
    found = set()
    for each in children(pid):
        found |= {each} | below(each)
    return found


def gone(pids: set[int]) -> bool:
    """Tell whether none of these processes runs any more."""
    return not any(Path(f"/proc/{each}").exists() for each in pids)


def test_it_is_ready_comes_back_by_itself_and_stops_twice(made: Path) -> None:
    with up(made) as process:
        told = ready(process)
        addresses = {each["name"]: each["address"] for each in told["members"]}
        with httpx.Client(timeout=5) as http:
            # Ready means that every organisation has settled in.
            for each in told["members"]:
                path = f"/v1/identity/endpoints/{each['organisation']}"
                assert get(http, each["address"], path) is not None

            application, engine = told["members"][1]["pid"], children(told["members"][2]["pid"])
            kill(application)
            for each in engine:
                kill(each)
            wait_for("B is gone", 10, lambda: get(http, addresses["B"], "/livez") is None)
            for each in addresses.values():
                wait_for("all answer", 60, lambda at=each: get(http, at, "/readyz"))
        seen = yilian("network", "status", made)
        assert seen["agree"]
        assert len(seen["members"]) == 4

        mine = below(process.pid)
        assert len(mine) >= 8
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert time.monotonic() - began < 30
        wait_for("all have stopped", 5, lambda: gone(mine))


@pytest.mark.parametrize("delay", [0.0, 0.3, 1.5, 3.0])
def test_it_stops_in_its_first_moments(made: Path, delay: float) -> None:
    with up(made) as process:
        time.sleep(delay)
        mine = below(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(30) in (0, 130, -signal.SIGINT)
        wait_for("all have stopped", 5, lambda: gone(mine))


def test_members_stop_when_whoever_watches_is_killed(made: Path) -> None:
    with up(made, "--only", "A,B") as process:
        assert {each["name"] for each in ready(process)["members"]} == {"A", "B"}
        mine = below(process.pid)
        assert mine
        kill(process.pid)
        process.wait()
        wait_for("the members have stopped", 30, lambda: gone(mine))


def test_a_taken_port_and_an_unknown_member_are_said(made: Path) -> None:
    assert yilian("network", "up", made, "--only", "A,Z", code=2)["error"]["code"] == "usage"
    with up(made, "--only", "A") as first:
        ready(first)
        said = yilian("network", "up", made, "--only", "A", code=2)["error"]
        assert said["code"] == "member_down"
        assert said["parameters"]["name"] == "A"
