"""`yilian supply`: a command per message of the capability, and its records."""

from __future__ import annotations

from yilian.cli.capability import group
from yilian.cli.console import Console
from yilian.cli.shape import Group


def command(console: Console) -> Group:
    """Make the noun."""
    return group(console, "supply")
