"""`yilian version`: this program and what decides with it."""

from __future__ import annotations

import platform
from importlib.metadata import version

import yilian
from yilian.cli.console import DONE, Console
from yilian.cli.shape import Command

_CONSENSUS = ("msgspec", "PyNaCl")
"""The packages that decide what a valid transaction is."""


def command(console: Console) -> Command:
    """Make the command."""

    def run() -> int:
        found = {name: version(name) for name in _CONSENSUS}
        result = {"yilian": yilian.__version__, "python": platform.python_version(), **found}
        console.show(result, (f"{name} {value}" for name, value in result.items()))
        return DONE

    return Command(console, "version", console.words("nouns/version"), run)
