"""How much a test does: a part in `make test`, all of it in `make soak` (YILIAN_SCALE=100)."""

from __future__ import annotations

import os

SCALE = max(1, int(os.environ.get("YILIAN_SCALE", "1")))
"""1 in `make check` and `make test`, 100 in `make soak`."""


def scale(count: int, full: int) -> int:
    """Give `count`, or up to `full` where the scale asks for more."""
    return min(full, count * SCALE)
