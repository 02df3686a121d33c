"""The way of a pack for the public: kinds of parties and days, and no name but the maker's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from yilian.gateway.epcis import identifiers
from yilian.gateway.supply.directory import Directory, Listing
from yilian.gateway.supply.scan import RouteStep
from yilian.gateway.supply.verification import day

SHOWN = frozenset(
    {
        "commission",
        "ship",
        "receive",
        "dispense",
        "dispense_part",
        "return",
        "destroy",
        "hold",
        "release",
        "recall",
        "export",
    }
)
"""What the public is told; the rest is of the trade alone."""
_PARTIES = ("414", "417")


class Line(Protocol):
    """One line of a unit's life (`packs.Moment`)."""

    @property
    def act(self) -> str:
        """What was done."""

    @property
    def at(self) -> int:
        """When, in ms of UTC."""

    @property
    def holder(self) -> str:
        """Who had it then: an organisation's id, or the URI of its location number."""


class Histories(Protocol):
    """Where the lives of units are kept (`packs.Packs`)."""

    def history(self, unit: str) -> Sequence[Line]:
        """Tell the life of a unit in order."""


def nobody(_organisation: str) -> str:
    """Give no name: no member chose to show its own."""
    return ""


class PackWays:
    """The ways of an organisation's packs."""

    def __init__(
        self,
        packs: Histories,
        directory: Directory,
        name_of: Callable[[str], str] = nobody,
    ) -> None:
        """`name_of` gives the name that an organisation chose to show, or the empty text."""
        self._packs = packs
        self._directory = directory
        self._name_of = name_of

    def steps(self, unit: str, listing: Listing) -> list[RouteStep]:
        """List the steps of a unit's way, the oldest first; what was said twice once."""
        found: list[RouteStep] = []
        for each in self._packs.history(unit):
            if each.act not in SHOWN:
                continue
            party = self._party(each.holder)
            name = listing.maker if party == listing.owner else self._name_of(party)
            step = RouteStep(
                step=each.act, day=day(each.at), party=self._kind(party, listing), name=name
            )
            if step not in found[-1:]:
                found.append(step)
        return found

    def _kind(self, party: str, listing: Listing) -> str:
        return "maker" if party == listing.owner else self._directory.kind_of(party)

    def _party(self, holder: str) -> str:
        """Give the organisation behind a holder, where the chain knows it."""
        if not holder.startswith("http"):
            return holder
        try:
            parts = identifiers.parts(holder)
        except ValueError:
            return ""
        if parts.key not in _PARTIES:
            return ""
        return self._directory.organisation_of(parts.value) or ""
