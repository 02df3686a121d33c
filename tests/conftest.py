"""What holds for all tests: which of them get a second try, and that it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_ONCE = ("consensus", "crash", "fuzz", "laws", "rules", "unit/ledger")
"""Tests of what every member must compute alike: there, one failure in a thousand runs is a fault.

All others talk to processes and threads whose timing is the machine's. They are run again once
where they fail; the summary names each (RERUN), and each is a defect of the test or of the code.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    once = tuple(_HERE / each for each in _ONCE)
    for item in items:
        if not any(item.path.is_relative_to(each) for each in once):
            item.add_marker(pytest.mark.flaky(reruns=1))
