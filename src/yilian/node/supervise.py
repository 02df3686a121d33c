"""Settings of a process that is a node and nothing else."""

from __future__ import annotations

import gc


def ease_collector() -> None:
    """Make Python's cyclic garbage collector run rarely.

    The state tree makes many small objects that never form a cycle; walking them again and again
    costs several microseconds per state key, with pauses (`bench/tree.py` shows both). Only for a
    process of our own: a library must not change this for its caller.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
