"""A pack, case, pallet or device as one organisation knows it, whoever asks."""

from __future__ import annotations

from typing import Literal, NamedTuple

Standing = Literal[
    "active",  # commissioned and in the trade
    "in_transit",  # shipped, and not yet received
    "dispensed",
    "partially_dispensed",
    "returned",  # came back; not for sale until it is verified
    "quarantined",
    "recalled",
    "destroyed",
    "stolen",
    "lost",
    "sampled",
    "exported",
    "decommissioned",
]
"""Expiry is no standing: it is judged when it is asked."""

TERMINAL: frozenset[Standing] = frozenset(
    ("dispensed", "destroyed", "stolen", "sampled", "exported", "decommissioned")
)
"""From these nothing leads back, except what undoes a data-entry error."""


class Unit(NamedTuple):
    """A unit with a number of its own.

    `id` is its canonical Digital Link (`https://id.gs1.org/01/.../21/...`, `.../00/...`); `gtin`
    has 14 digits and is empty for a logistic unit; `expiry` is `YYYY-MM-DD`; `parent` is the unit
    that holds it; `holder` is the organisation's id or the GLN of who has it, as far as known here.
    """

    id: str
    gtin: str
    serial: str
    lot: str
    expiry: str
    standing: Standing
    parent: str | None
    holder: str
    place: str
    since: int
