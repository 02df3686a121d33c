"""Tests that bring up networks share one worker: pytest-xdist's groups are in force."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.xdist_group("network")


def test_the_group_is_in_the_name_that_work_is_dealt_out_by(
    request: pytest.FixtureRequest,
) -> None:
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("one process, or another way to deal out work")
    assert request.node.nodeid.endswith("@network")
