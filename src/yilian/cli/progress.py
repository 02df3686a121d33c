"""Progress on long work: one line on stderr, rewritten, and only where a person looks on."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from yilian.cli.console import Console

EVERY = 0.2
"""Seconds between two writings."""


class Progress:
    """A count that grows; `key` is a sentence of `node` with the places {done} and {total}."""

    def __init__(self, console: Console, key: str) -> None:
        self._console = console
        self._key = key
        self._shown = 0.0
        self._wrote = False
        self._quiet = console.as_json or not sys.stderr.isatty()

    def of(self, done: int, total: int) -> None:
        """Say how far the work is."""
        now = time.monotonic()
        if self._quiet or now - self._shown < EVERY:
            return
        self._shown = now
        self._wrote = True
        text = self._console.of("node", self._key, done=done, total=total or "…")
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._wrote:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
