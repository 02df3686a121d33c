from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chain import engine
from yilian.gateway.practice.finality import Finality, Wait, watched
from yilian.ledger.errors import Refusal
from yilian.node.embedded import Embedded
from yilian.vault.outage import FINALITY_MS


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Embedded]:
    made, _ = engine(tmp_path / "chain")
    with made:
        yield made


def test_a_wait_lasts_while_no_block_comes_and_something_waits() -> None:
    looks = [(7, 0, 100), (7, 2, 200), (7, 1, 300), (7, 5, 900), (8, 4, 1000), (8, 0, 1100)]
    seen: list[Wait | None] = [None]
    for height, pending, now in looks:
        seen.append(watched(seen[-1], height, pending, now))
    since = Wait(7, 200)
    assert seen[1:] == [None, since, since, since, Wait(8, 1000), None]
    assert all(a is b for a, b in itertools.pairwise(seen[2:5]))


def test_a_chain_on_which_nothing_waits_has_finality(running: Embedded) -> None:
    seen = Finality(running)
    assert seen.waiting_since() is None
    assert not seen.lost()
    seen.require()


def test_a_stopped_engine_takes_nothing_since_its_newest_block(running: Embedded) -> None:
    seen = Finality(running)
    running.condemn(RuntimeError("stopped"))
    assert seen.waiting_since() == running.tip.time
    while running.now() - running.tip.time < FINALITY_MS:
        time.sleep(0.1)
    assert seen.lost()
    with pytest.raises(Refusal) as refusal:
        seen.require()
    assert refusal.value.code.name == "emergencies.no_finality"
