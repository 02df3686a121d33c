"""`yilian network`: several members that share one chain, one file per matter.

Each file has `commands(console)`.
"""

from __future__ import annotations

from yilian.cli.console import Console
from yilian.cli.network import (
    doctor,
    joining,
    keeping,
    making,
    promoting,
    running,
    saving,
    seeing,
    voting,
)
from yilian.cli.shape import Group

MATTERS = (making, promoting, running, seeing, doctor, joining, voting, keeping, saving)


def command(console: Console) -> Group:
    """Make the noun."""
    about = console.words("nouns/network")
    made = [each for matter in MATTERS for each in matter.commands(console)]
    return Group(console, "network", about, made)
