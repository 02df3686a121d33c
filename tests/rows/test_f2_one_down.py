"""F2: one of four is killed under load -> commits go on; restarted, it comes to the same root."""

from __future__ import annotations

import httpx
import pytest

from tests.network.members import Load, Running, kill, require_all, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]


def test_one_of_four_is_killed_under_load(running: Running) -> None:
    victim = running["B"]
    with Load(running) as load:
        load.wait_more(10)
        kill(victim.pid)
        victim.stop()
        height = running.overview().height
        load.wait_more(20)
        seen = running.overview()
        assert seen.height > height
        assert {each.name for each in seen.members if each.height is None} == {"B"}
        assert seen.agree

        victim.start()
        victim.wait_serving()
        with httpx.Client(timeout=5) as http:
            wait_for(
                "B has followed",
                60,
                lambda: (victim.status(http) or {"height": 0})["height"] > seen.height,
            )
        load.wait_more(10)
    done = running.agreed(max(each.height for each in load.sent))
    assert {each.app_hash for each in done.members} == {done.members[0].app_hash}
    require_all(running, load.sent)


def test_all_four_are_stopped_and_go_on(running: Running) -> None:
    before = running.agreed()
    running.stop()
    for each in running:
        each.start()
    for each in running:
        each.wait_serving()
    with Load(running, clients=1) as load:
        load.wait_more(3, 60)
    after = running.agreed(before.height + 1)
    assert after.height > before.height
    root = running.blocks(running["A"], range(before.height, before.height + 1))
    for each in running:
        assert running.blocks(each, range(before.height, before.height + 1)) == root
