"""What an observer makes of numbers: learns from a half, guesses the other, and is it luck?

A label must be drawn by itself and not from what is seen. Then, if what is seen says nothing, each
guess is right by chance alone, however much the rows depend on each other: the number of right
guesses is a binomial one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

import msgspec

from yilian.ledger import codec

C = TypeVar("C")
Row = Sequence[float]


class Guessed(NamedTuple):
    """How many guesses of how many were right; `chance` of each by always saying the commonest.

    `luck` is how likely that many or more are right by luck.
    """

    right: int
    of: int
    chance: float
    luck: float

    def __str__(self) -> str:
        share = self.right / self.of
        return f"{share:.1%} of {self.of} (chance {self.chance:.1%}, luck {self.luck:.2g})"


def guessed(
    cases: Sequence[C], label: Callable[[C], int | None], shown: Callable[[C], Row]
) -> Guessed:
    """Learn from the first half of the cases, and guess the other: the better of two observers.

    One weighs all numbers (Gaussian naive Bayes), the other looks at the one number, and at the
    threshold, that told most. `luck` is doubled for there being two.
    """
    half = len(cases) // 2
    learn = [(shown(each), label(each)) for each in cases[:half]]
    rows = [shown(each) for each in cases[half:]]
    truth = [label(each) for each in cases[half:]]
    kinds = sorted({kind for _, kind in learn}, key=str)
    chance = max(truth.count(kind) for kind in kinds) / len(truth)
    right = max(
        sum(one == two for one, two in zip(found, truth, strict=True))
        for found in (_weighed(learn, rows, kinds), _cut(learn, rows, kinds))
    )
    return Guessed(right, len(truth), chance, min(1.0, 2 * tail(right, len(truth), chance)))


def tail(right: int, count: int, chance: float) -> float:
    """Give how likely so many or more right guesses are, each right with a chance (binomial)."""
    if not 0 < chance < 1:
        return 1.0
    no, yes = math.log1p(-chance), math.log(chance)
    return sum(
        math.exp(
            math.lgamma(count + 1)
            - math.lgamma(k + 1)
            - math.lgamma(count - k + 1)
            + k * yes
            + (count - k) * no
        )
        for k in range(right, count + 1)
    )


def features(raw: bytes) -> list[float]:
    """Say in numbers what a post looks like: its length, and its root's and nullifiers' bytes."""
    message = msgspec.json.decode(raw)["body"]["messages"][0]
    values = [codec.to_bytes(each) for each in (message["root"], *message["nullifiers"])]
    joined = b"".join(values)
    ranks = [sorted(values).index(each) for each in values]
    return [
        float(len(raw)),
        *(float(each[0]) for each in values),
        *(float(each.count(0)) for each in values),
        *(float(sum(byte.bit_count() for byte in each)) for each in values),
        *map(float, ranks),
        float(len(set(joined))),
        float(min(joined)),
    ]


Learned = Sequence[tuple[Row, int | None]]


def _weighed(learn: Learned, rows: Iterable[Row], kinds: Sequence[int | None]) -> list[int | None]:
    """Guess by Gaussian naive Bayes."""
    model = []
    for kind in kinds:
        columns = list(zip(*(row for row, each in learn if each == kind), strict=True))
        count = len(columns[0])
        means = [sum(each) / count for each in columns]
        spreads = [
            max(1e-3, sum((value - mean) ** 2 for value in each) / count)
            for each, mean in zip(columns, means, strict=True)
        ]
        model.append((math.log(count / len(learn)), means, spreads))
    found = []
    for row in rows:
        scores = [
            (
                prior
                - sum(
                    (value - mean) ** 2 / (2 * spread) + math.log(spread) / 2
                    for value, mean, spread in zip(row, means, spreads, strict=True)
                ),
                at,
            )
            for at, (prior, means, spreads) in enumerate(model)
        ]
        found.append(kinds[max(scores)[1]])
    return found


def _cut(learn: Learned, rows: Iterable[Row], kinds: Sequence[int | None]) -> list[int | None]:
    """Guess by the number and threshold that told most; below and above each have their guess."""
    total = [sum(each == kind for _, each in learn) for kind in kinds]
    common = max(range(len(kinds)), key=total.__getitem__)
    best = (max(total), 0, -math.inf, common, common)
    for place in range(len(learn[0][0])):
        ordered = sorted((row[place], kinds.index(kind)) for row, kind in learn)
        below = [0] * len(kinds)
        for (value, kind), (after, _) in pairwise(ordered):
            below[kind] += 1
            if value == after:
                continue
            above = [every - under for every, under in zip(total, below, strict=True)]
            low = max(range(len(kinds)), key=below.__getitem__)
            high = max(range(len(kinds)), key=above.__getitem__)
            best = max(best, (below[low] + above[high], place, (value + after) / 2, low, high))
    _, place, threshold, low, high = best
    return [kinds[low if row[place] <= threshold else high] for row in rows]
