"""What a consortium's node needs of the consensus engine beside it, besides being called by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from yilian.ledger.block import Commit, Header, ValidatorSet


class EngineAway(Exception):
    """The consensus engine does not answer now; it may be starting."""


class NotTaken(Exception):
    """The consensus engine did not take a transaction; `reason` is its own text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Signed(NamedTuple):
    """A block's header and surroundings as the engine holds them; transactions are the node's."""

    header: Header
    last_commit: Commit
    evidence: tuple[bytes, ...]
    commit: Commit


class Link(Protocol):
    """One consensus engine. Every method raises EngineAway while it does not answer."""

    def broadcast(self, raws: Sequence[bytes]) -> list[str | None]:
        """Hand transactions in; gives for each None or the reason why it was not taken."""

    def signed(self, height: int) -> Signed | None:
        """Give a decided block's header and commits; None where the engine has no such block."""

    def validators(self, height: int) -> ValidatorSet:
        """Give the validators of a height."""

    def close(self) -> None:
        """Let go of connections."""
