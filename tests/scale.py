"""How much a randomised test does: `YILIAN_SCALE` (1: seconds; 100 and more: a soak)."""

from __future__ import annotations

import os


def scale() -> int:
    """Give the factor, at least 1."""
    return max(1, int(os.environ.get("YILIAN_SCALE", "1")))
