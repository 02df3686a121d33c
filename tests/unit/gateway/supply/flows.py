"""A random trade in packs, and the plain truth about each pack, kept beside and without the code.

Packs are made in lots, packed at four levels, shipped, received, unpacked, repacked, sent back, put
into others (transformation), handed out and destroyed. `told` is what each member told of it, in
order; `Truth` is kept by hand: no table of steps, no order of arrival, no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

from tests.epcis_sample import sgtin
from tests.unit.gateway.supply.pack_events import case, event, made, packed, party, seen, site
from yilian.gateway.epcis.document import Event
from yilian.gateway.supply.steps import PARTY

KINDS = ("maker", "wholesale", "other", "repack", "shop", "corner")
MEMBERS = tuple(f"{name:A<21}A" for name in KINDS)
MAKER, REPACK = MEMBERS[0], MEMBERS[3]
LEVELS = (10, 5, 4)
"""How many packs a box takes, boxes a case, and cases a pallet."""

ITEM, REPACKED = 1, 2
STEP = 1000


class Told(NamedTuple):
    """An event that a member tells; with it a receiver sees what the sender knows of packs."""

    by: str
    event: Event
    sender: str = ""
    units: tuple[str, ...] = ()


class Truth:
    """What is so: by pack, its lot, who has it, where it goes, and how it ended."""

    def __init__(self) -> None:
        self.lot: dict[str, str] = {}
        self.holder: dict[str, str] = {}
        self.to: dict[str, str] = {}
        self.ended: dict[str, str] = {}
        self.parent: dict[str, str] = {}
        self.made_from: dict[str, list[str]] = {}

    def of_lot(self, lot: str) -> set[str]:
        """All packs of a lot, and all that has any of them in it."""
        found = {pack for pack, each in self.lot.items() if each == lot}
        while True:
            more = {
                pack
                for pack, given in self.made_from.items()
                if pack not in found and not found.isdisjoint(given)
            }
            if not more:
                return found
            found |= more

    def holders(self, lot: str) -> dict[str, str]:
        """Who has each of them; what is on its way counts for whom it goes to."""
        return {pack: self.to.get(pack, self.holder[pack]) for pack in self.of_lot(lot)}

    def inside(self, unit: str) -> list[str]:
        """All that is in a unit, at every level: a walk over everything."""
        return [each for each in self.parent if unit in self.above(each)]

    def above(self, unit: str) -> list[str]:
        """The cases around a unit, the nearest first."""
        found = []
        while unit in self.parent:
            unit = self.parent[unit]
            found.append(unit)
        return found


class Flow:
    """Plays a trade from a seed."""

    def __init__(self, seed: int, lots: int = 3, pallets: int = 2) -> None:
        """So many lots of so many pallets with 200 packs each."""
        self.draw = Random(seed)
        self.truth = Truth()
        self.told: list[Told] = []
        self.contents: dict[str, list[str]] = {}
        self.tops: dict[str, dict[str, None]] = {each: {} for each in MEMBERS}
        self.moving: dict[str, tuple[str, str]] = {}
        self._cases = self._packs = 0
        for number in range(lots):
            for _ in range(pallets):
                self._make(f"L{number}")

    def play(self, moves: int) -> Flow:
        """Let so many things happen; some leave nothing to do."""
        for _ in range(moves):
            kind = self.draw.choices(
                (self.ship, self.receive, self.back, self.open, self.repack, self.mix, self.end),
                (6, 6, 1, 4, 2, 2, 2),
            )[0]
            kind()
        return self

    # Things that happen

    def _make(self, lot: str) -> None:
        box, boxes, cases = LEVELS
        packs = [self._pack(ITEM, lot, MAKER) for _ in range(box * boxes * cases)]
        self._tell(MAKER, made(self._now(), packs, lot))
        layer = packs
        for size in LEVELS:
            above = []
            for at in range(0, len(layer), size):
                above.append(self._case(MAKER))
                self._into(MAKER, above[-1], layer[at : at + size])
            layer = above

    def ship(self) -> None:
        """A top unit goes to another member."""
        by = self._somebody()
        if by is not None:
            self._send(by, self.draw.choice([each for each in MEMBERS if each != by]))

    def _send(self, by: str, to: str) -> None:
        unit = self._own(by)
        sent = seen(self._now(), [unit], "shipping", "in_transit", source=_party(by))
        self._tell(by, sent | {"destinationList": _list("destination", to)})
        del self.tops[by][unit]
        self.moving[unit] = (by, to)
        for each in self._all(unit):
            self.truth.to[each] = to

    def receive(self, word: str = "in_progress") -> None:
        """What is on its way arrives; the receiver sees what the sender knows of it."""
        if not self.moving:
            return
        unit = self.draw.choice(sorted(self.moving))
        by, to = self.moving.pop(unit)
        told = seen(self._now(), [unit], "receiving", word, destination=_party(to))
        units = tuple(self._all(unit))
        self._tell(to, told, by, units)
        self.tops[to][unit] = None
        for each in units:
            del self.truth.to[each]
            self.truth.holder[each] = to

    def back(self) -> None:
        """Something goes back to where it came from, and is taken in as returned."""
        by = self._somebody()
        if by is None or self.moving:
            return
        self._send(by, self.draw.choice([each for each in MEMBERS if each != by]))
        self.receive("returned")

    def open(self) -> None:
        """A case is unpacked."""
        by = self._somebody(full=True)
        if by is not None:
            self._unpack(by, self._own(by, full=True))

    def _unpack(self, by: str, unit: str) -> None:
        inside = list(self.contents[unit])
        self._tell(by, packed(self._now(), unit, inside, "DELETE", place=2))
        for each in inside:
            self._out(each, by)

    def repack(self) -> None:
        """Loose packs and cases go into a new case."""
        by = self._somebody()
        if by is None:
            return
        some = self._some(by, 6)
        self._into(by, self._case(by), some)

    def mix(self) -> None:
        """Loose packs become others, with another product's number and lot."""
        by = self.draw.choice(MEMBERS)
        packs = [each for each in self._some(by, 5) if "/01/" in each]
        if not packs:
            return
        lot = f"R{self.draw.randrange(3)}"
        new = [self._pack(REPACKED, lot, by) for _ in range(self.draw.randint(1, 4))]
        told = event("TransformationEvent", self._now(), "commissioning", place=3)
        lots = {"cbvmda:lotNumber": lot, "cbvmda:itemExpirationDate": "2027-12-31"}
        told |= {"inputEPCList": packs, "outputEPCList": new, "ilmd": lots}
        self._tell(by, told)
        for each in packs:
            del self.tops[by][each]
            self.truth.ended[each] = "decommissioned"
        for each in new:
            self.tops[by][each] = None
            self.truth.made_from[each] = packs

    def end(self) -> None:
        """Packs are handed out or destroyed."""
        by = self.draw.choice(MEMBERS)
        packs = [each for each in self._some(by, 3) if "/01/" in each]
        if not packs:
            return
        step, word, action = self.draw.choice(
            (("dispensing", "dispensed", "OBSERVE"), ("destroying", "destroyed", "DELETE"))
        )
        self._tell(by, seen(self._now(), packs, step, word, action=action, place=4))
        for each in packs:
            del self.tops[by][each]
            self.truth.ended[each] = word

    # Small things

    def _now(self) -> int:
        return STEP * (len(self.told) + 1)

    def _tell(self, by: str, told: Event, sender: str = "", units: Sequence[str] = ()) -> None:
        named = {"eventID": f"urn:yilian:test:{len(self.told)}"}
        self.told.append(Told(by, told | named, sender, tuple(units)))

    def _pack(self, item: int, lot: str, by: str) -> str:
        self._packs += 1
        name = sgtin("9520001", item, f"S{self._packs}", link=True)
        self.truth.lot[name], self.truth.holder[name] = lot, by
        return name

    def _case(self, by: str) -> str:
        self._cases += 1
        name = case(self._cases)
        self.truth.holder[name] = by
        return name

    def _into(self, by: str, parent: str, units: Sequence[str]) -> None:
        self._tell(by, packed(self._now(), parent, units, place=2))
        for each in units:
            self.tops[by].pop(each, None)
            self.truth.parent[each] = parent
        self.contents[parent] = list(units)
        self.tops[by][parent] = None

    def _out(self, unit: str, by: str) -> None:
        parent = self.truth.parent.pop(unit)
        self.contents[parent].remove(unit)
        self.tops[by][unit] = None

    def _all(self, unit: str) -> list[str]:
        found = [unit]
        for each in found:
            found += self.contents.get(each, ())
        return found

    def _somebody(self, *, full: bool = False) -> str | None:
        able = [each for each in MEMBERS if self._list(each, full=full)]
        return self.draw.choice(able) if able else None

    def _own(self, by: str, *, full: bool = False) -> str:
        return self.draw.choice(self._list(by, full=full))

    def _list(self, by: str, *, full: bool = False) -> list[str]:
        return [each for each in self.tops[by] if not full or self.contents.get(each)]

    def _some(self, by: str, count: int) -> list[str]:
        own = self._list(by)
        return self.draw.sample(own, min(len(own), self.draw.randint(1, count)))


def _party(member: str) -> str:
    return PARTY + member


def _list(name: str, member: str) -> list[dict[str, str]]:
    return [{"type": "owning_party", name: _party(member)}]


def lots(flow: Flow) -> list[str]:
    """The lots that there are."""
    return sorted(set(flow.truth.lot.values()))


def gtin_of(lot: str) -> str:
    """The product of a lot."""
    item = REPACKED if lot.startswith("R") else ITEM
    return sgtin("9520001", item, "S", link=True).split("/")[4]


def events(told: Iterable[Told]) -> list[Event]:
    """All that was told, by whoever."""
    return [each.event for each in told]


__all__ = ["ITEM", "MAKER", "MEMBERS", "REPACK", "Flow", "Told", "Truth", "party", "site"]
