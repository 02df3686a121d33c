"""The Merkle trees of batches, kept while their lines are proved one after another (RFC 6962).

A batch never changes once it is made, so its tree is worked out once: a proof for each of ten
thousand lines would else read all ten thousand every time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import TypedDict

from yilian.ledger import codec, merkle
from yilian.vault import leaves

_KEPT = 8


class Place(TypedDict):
    """Where a line stands in its batch, and the path from its leaf to the root."""

    index: int
    total: int
    path: tuple[str, ...]


class BatchTree:
    """The tree over one batch's leaves, in the order of the ids that they are found by."""

    __slots__ = ("_levels", "_places", "_total")

    def __init__(self, ids: Sequence[str], contents: Sequence[bytes]) -> None:
        """`contents` are the leaves' bytes, not hashed; those behind the last id have none."""
        hashed = tuple(merkle.sha256(b"\x00" + each) for each in contents)
        self._levels = leaves.levels(hashed)
        self._total = len(hashed)
        self._places = {name: index for index, name in enumerate(ids)}

    def place(self, name: str) -> Place:
        """Give a line's place. Raises KeyError for one that is not in the batch."""
        index = self._places[name]
        steps = leaves.steps(self._levels, index)
        path = tuple(codec.to_text(step) for step in steps)
        return Place(index=index, total=self._total, path=path)


class BatchTrees:
    """The trees of the batches that were asked for last. Safe for threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._trees: OrderedDict[str, BatchTree] = OrderedDict()

    def get(self, batch: str, make: Callable[[], BatchTree]) -> BatchTree:
        """Give a batch's tree; `make` reads it where it is not kept."""
        with self._lock:
            found = self._trees.get(batch)
            if found is not None:
                self._trees.move_to_end(batch)
                return found
        made = make()
        with self._lock:
            self._trees[batch] = made
            while len(self._trees) > _KEPT:
                self._trees.popitem(last=False)
        return made
