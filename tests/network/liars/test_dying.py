"""One of four is killed at each step of a block, many times -> it ends with the same hash."""

from __future__ import annotations

import random
import signal

import httpx
import pytest

from tests.network.liars.dying import STEPS
from tests.network.liars.lies import run
from tests.network.members import Load, Running, require_all, wait_for
from tests.rows.served import yilian
from tests.scale import scale

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("network"),
    pytest.mark.timeout(3_600),
]

ROUNDS = scale(1, 20)
ENGINE_STEPS = ("after finalize", "before write", "after write", "after commit")
DYING = "tests.network.liars.dying"


def test_killed_at_each_step_it_comes_back_to_the_same_hash(running: Running) -> None:
    draw = random.Random(8)
    victim = running["D"]
    running.agreed(3)
    victim.stop()
    with Load(running, clients=1) as load:
        for _ in range(ROUNDS):
            for step in STEPS:
                with run(victim, DYING, step, "node", str(draw.randint(1, 4))) as process:
                    assert process.ended(60) == -signal.SIGKILL, step
        load.wait_more(1)
        victim.start()
        victim.wait_serving()
        height = running.overview().height
        with httpx.Client(timeout=5) as http:
            wait_for(
                "D has followed",
                60,
                lambda: (victim.status(http) or {"height": 0})["height"] >= height,
            )
    seen = running.agreed(height)
    first, *others = [running.blocks(each, range(1, seen.height + 1)) for each in running]
    assert all(each == first for each in others)
    require_all(running, load.sent)


def test_an_engine_killed_at_each_step_is_started_again(running: Running) -> None:
    draw = random.Random(9)
    victim = running["D"]
    running.agreed(3)
    victim.stop()
    with Load(running, clients=1) as load, httpx.Client(timeout=5) as http:
        for _ in range(ROUNDS):
            for step in draw.sample(ENGINE_STEPS, len(ENGINE_STEPS) if ROUNDS > 1 else 2):
                with run(victim, DYING, step, "engine", str(draw.randint(1, 3))) as process:
                    height = running.overview().height
                    wait_for(
                        f"D follows after {step}",
                        60,
                        lambda: (victim.status(http) or {"height": 0})["height"] > height + 3,  # noqa: B023
                    )
                    assert process.process.poll() is None
    victim.start()
    victim.wait_serving()
    seen = running.agreed(max(each.height for each in load.sent))
    first, *others = [running.blocks(each, range(1, seen.height + 1)) for each in running]
    assert all(each == first for each in others)
    require_all(running, load.sent)
    victim.stop()
    assert yilian("node", "check", victim.path)[0] == 0
    victim.start()
