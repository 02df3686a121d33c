"""Repeatable chance: the same label gives the same draws on every machine and Python version.

SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014), seeded
from SHA-256 of a label. `random` is not used: its derived methods changed between Python versions.
For invented data only, never for keys, salts or nonces.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_WORD = (1 << 64) - 1
_VERSION_4 = 0x4 << 76
_VARIANT = 0x8 << 60


class Draw:
    """A stream of draws named by a label; streams of different labels are unrelated."""

    __slots__ = ("_state",)

    def __init__(self, label: str) -> None:
        digest = hashlib.sha256(label.encode("utf-8")).digest()
        self._state = int.from_bytes(digest[:8], "big")

    def word(self) -> int:
        """Draw 64 bits."""
        self._state = state = (self._state + 0x9E3779B97F4A7C15) & _WORD
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _WORD
        return state ^ (state >> 31)

    def below(self, limit: int) -> int:
        """Draw a whole number from 0 up to and without `limit` (> 0)."""
        return (self.word() * limit) >> 64

    def between(self, low: int, high: int) -> int:
        """Draw a whole number from `low` to `high`, both included."""
        return low + ((self.word() * (high - low + 1)) >> 64)

    def chance(self, permille: int) -> bool:
        """Answer yes `permille` times in a thousand."""
        return self.below(1000) < permille

    def pick(self, choices: Sequence[T]) -> T:
        """Draw one of `choices` (not empty)."""
        return choices[self.below(len(choices))]

    def around(self, spread: int) -> int:
        """Draw from -spread to +spread, near zero most often (sum of three uniform draws)."""
        if spread <= 0:
            return 0
        word = self.word()
        width = 2 * spread + 1
        parts = ((word & 0x1FFFFF), (word >> 21) & 0x1FFFFF, (word >> 42) & 0x1FFFFF)
        return (sum(parts) * width) // (3 << 21) - spread

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """List `items` in a drawn order (Fisher and Yates)."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order

    def uuid(self) -> str:
        """Draw a version 4 UUID in the usual text form (RFC 9562, section 5.4)."""
        bits = (self.word() << 64) | self.word()
        bits = bits & ~(0xF << 76) | _VERSION_4
        bits = bits & ~(0xC << 60) | _VARIANT
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
