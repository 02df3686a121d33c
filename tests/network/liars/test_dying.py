"""One of four is killed at each step of a block, many times -> it ends with the same hash."""

from __future__ import annotations

import random
import signal

import httpx
import pytest

from tests.network.liars.dying import MODULE, STEPS
from tests.network.liars.lies import run
from tests.network.members import Load, Running, require_all, wait_for
from tests.scale import scale

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("network"),
    pytest.mark.timeout(3_600),
]

ROUNDS = scale(1, 20)
SOME = ("before finalize", "after finalize", "before write", "after write", "before seal")
TAKEN = SOME if ROUNDS == 1 else tuple(STEPS)
"""Every step in `make soak`; in `make test` those that differ in what is on the disk."""


def test_killed_at_each_step_it_comes_back_to_the_same_hash(running: Running) -> None:
    draw = random.Random(8)
    victim = running["D"]
    running.agreed(3)
    victim.stop()
    with Load(running, clients=1) as load:
        for _ in range(ROUNDS):
            for step in TAKEN:
                with run(victim, MODULE, step, "node", str(draw.randint(1, 3))) as process:
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
