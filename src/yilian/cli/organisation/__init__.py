"""`yilian organisation`: what an organisation's people and programs do, one file per matter.

Each file has `commands(console)`.
"""

from __future__ import annotations

import click

from yilian.cli.console import Console
from yilian.cli.organisation import (
    audits,
    care,
    consents,
    desk,
    emergencies,
    erasures,
    exports,
    health_links,
    invitations,
    notices,
    private,
    readings,
    records,
    recoveries,
    studies,
    supply,
    timeline,
)
from yilian.cli.shape import Group

MATTERS = (
    records,
    consents,
    readings,
    erasures,
    care,
    emergencies,
    recoveries,
    timeline,
    exports,
    health_links,
    desk,
    invitations,
    notices,
    audits,
    studies,
    private,
    supply,
)


def command(console: Console) -> Group:
    """Make the noun."""
    about = console.words("nouns/organisation")
    made: list[click.Command] = [each for matter in MATTERS for each in matter.commands(console)]
    return Group(console, "organisation", about, made)
