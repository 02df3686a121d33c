"""Rounds of SIGKILL under load: commits go on, who was killed follows, nothing told is lost."""

from __future__ import annotations

import random

import httpx
import pytest

from tests.network.members import Load, Running, kill, require_all, wait_for
from tests.scale import scale

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

ROUNDS = scale(10, 100)


@pytest.mark.timeout(0 if ROUNDS > 10 else 300)
def test_random_processes_are_killed_under_load(running: Running) -> None:
    draw = random.Random(4)
    with Load(running, clients=2, seed=4) as load, httpx.Client(timeout=5) as http:
        load.wait_more(5)
        for _ in range(ROUNDS):
            victim = draw.choice(list(running))
            which = draw.choice(["application", "engine"])
            before = len(victim.news)
            kill(victim.pid if which == "application" else victim.engine_pid)
            load.wait_more(5)
            newest = running.overview().height
            if which == "application":
                wait_for(
                    f"{victim.name} serves again",
                    60,
                    lambda at=victim, was=before: any(  # type: ignore[misc]
                        each.step == "serving" for each in at.news[was:]
                    ),
                )
            wait_for(
                f"{victim.name} has followed",
                60,
                lambda at=victim, to=newest: (  # type: ignore[misc]
                    (at.status(http) or {"height": 0})["height"] >= to
                ),
            )
    running.agreed(max(each.height for each in load.sent))
    require_all(running, load.sent)
