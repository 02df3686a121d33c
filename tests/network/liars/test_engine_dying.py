"""A member's engine is killed at steps of a block -> its node starts it again, and it follows."""

from __future__ import annotations

import random

import httpx
import pytest

from tests.network.liars.dying import MODULE
from tests.network.liars.lies import run
from tests.network.members import Load, Running, require_all, wait_for
from tests.rows.served import yilian
from tests.scale import scale

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("network"),
    pytest.mark.timeout(3_600),
]

STEPS = ("after finalize", "before write", "after write", "after commit")
TAKEN = scale(2, 40)


def test_an_engine_killed_at_each_step_is_started_again(running: Running) -> None:
    draw = random.Random(9)
    victim = running["D"]
    running.agreed(3)
    victim.stop()
    with Load(running, clients=1) as load, httpx.Client(timeout=5) as http:
        for _ in range(TAKEN):
            step = draw.choice(STEPS)
            with run(victim, MODULE, step, "engine", str(draw.randint(1, 3))) as process:
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
