"""Waiting for what a node does in a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], tries: int = 1_000) -> T:
    """Look again and again until something is found; give what was found last."""
    found = look()
    for _ in range(tries):
        if found:
            break
        time.sleep(0.02)
        found = look()
    return found
