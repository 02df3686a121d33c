"""`yilian organisation supply`: packs, cases and devices in an organisation's hands."""

from __future__ import annotations

import click

from yilian.cli.console import Console
from yilian.cli.organisation import (
    supply_actions,
    supply_events,
    supply_packs,
    supply_proofs,
    supply_recalls,
    supply_temperatures,
    supply_tokens,
    supply_view,
)
from yilian.cli.shape import Group

PARTS = (
    supply_actions,
    supply_packs,
    supply_temperatures,
    supply_events,
    supply_proofs,
    supply_recalls,
    supply_tokens,
    supply_view,
)


def commands(console: Console) -> list[click.Command]:
    """Make the noun."""
    made = [each for part in PARTS for each in part.commands(console)]
    return [Group(console, "supply", console.of("trade", "about"), made)]
