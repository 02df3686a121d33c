"""`kill -9` at random moments under load, and a crash at each step of the commit."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash.judge import judge, kill_after, start
from tests.crash.writer import POINTS
from tests.scale import scale

ROUNDS = 30
"""Of the 300 that `make soak` asks for."""


@pytest.mark.slow
def test_killed_at_random_moments_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    draw = random.Random(1)
    acknowledged: list[str] = []
    height = 0
    for seed in range(scale(ROUNDS, 300)):
        writer = start(tmp_path, seed)
        acknowledged += kill_after(writer, draw.randrange(1, 80), draw.random() * 0.05)
        if seed % 10 == 9:
            reached = judge(tmp_path, acknowledged)
            assert reached > height
            height = reached
    judge(tmp_path, acknowledged)
    assert len(acknowledged) >= scale(ROUNDS, 300)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_crash_at_each_step_of_the_commit(tmp_path: Path, point: str) -> None:
    acknowledged: list[str] = []
    for seed in range(3):
        writer = start(tmp_path, seed, point)
        assert writer.stdout is not None
        lines = writer.stdout.read().splitlines()
        assert writer.wait() == 9, "the crash point was not reached"
        acknowledged += [line for line in lines if len(line) == 64]
    judge(tmp_path, acknowledged)
