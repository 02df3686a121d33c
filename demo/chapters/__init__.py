"""The chapters of the demo: what people do with it, each standing alone.

A chapter enrols whom it needs, prints every command, and ends the demo with a message where what it
says does not hold. CHAPTER=name,name chooses some, CHAPTER=none leaves all out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

from stage import Stage

from chapters import (
    ask,
    child,
    consortium,
    correction,
    device,
    emergency,
    erasure,
    revoke,
    seen,
    supply,
)

CHAPTERS: Mapping[str, Callable[[Stage], None]] = {
    "ask": ask.play,
    "seen": seen.play,
    "revoke": revoke.play,
    "emergency": emergency.play,
    "correction": correction.play,
    "child": child.play,
    "device": device.play,
    "erasure": erasure.play,
    "supply": supply.play,
    "consortium": consortium.play,
}
NONE = "none"


def chosen(wanted: str | None) -> tuple[str, ...]:
    """Read CHAPTER; ends the program at once, with the list of names, for one that is unknown."""
    if not wanted:
        return tuple(CHAPTERS)
    names = [each.strip() for each in wanted.split(",") if each.strip()]
    if names == [NONE]:
        return ()
    unknown = [each for each in names if each not in CHAPTERS]
    if unknown or not names:
        listed = ", ".join((*CHAPTERS, NONE))
        sys.exit(f"CHAPTER={wanted}: no such chapter / 没有这一章. {listed}")
    return tuple(each for each in CHAPTERS if each in names)


def play(names: tuple[str, ...], stage: Stage) -> None:
    """Play chapters in the order of the story."""
    for each in names:
        CHAPTERS[each](stage)
