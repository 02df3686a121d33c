"""Traffic in packs as a maker hears of it: honest, with the slips of honest people; and with fakes.

Lots are made, packed, carried to wholesalers and pharmacies in cities far apart, verified, handed
out, brought back, sampled, destroyed. Honest slips: clocks differ by minutes, messages come late
and out of order, a counter scans twice, somebody types a lot wrong, a patient brings a pack back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from tests.epcis_sample import check_digit, sscc
from tests.unit.gateway.supply.trade import GTIN
from yilian.gateway.epcis.document import Event
from yilian.gateway.supply.places import Point, distance

HOUR = 3_600_000
DAY = 24 * HOUR
IN_A_LOT = 20

_CITIES = (
    (31_230_000, 121_470_000),
    (39_900_000, 116_400_000),
    (43_830_000, 87_620_000),
    (23_130_000, 113_260_000),
    (30_570_000, 104_070_000),
    (45_800_000, 126_530_000),
    (31_300_000, 120_620_000),
    (1_350_000, 103_820_000),
    (41_010_000, 28_980_000),
)


class Site(NamedTuple):
    """A place with a counter: its location number, where it is, and how wrong its clock goes."""

    gln: str
    point: Point
    wrong: int

    @property
    def uri(self) -> str:
        """The place as events name it."""
        return f"https://id.gs1.org/414/{self.gln}"

    @property
    def party(self) -> str:
        """Who trades there."""
        return f"https://id.gs1.org/417/{self.gln}"


class Pack(NamedTuple):
    """A pack as it is printed."""

    serial: str
    lot: str
    expiry: str

    @property
    def uri(self) -> str:
        """Its canonical id."""
        return f"https://id.gs1.org/01/{GTIN}/21/{self.serial}"


class Told(NamedTuple):
    """An event, who told of it, and when the maker heard (ms)."""

    heard: int
    by: str
    event: Event


class Asked(NamedTuple):
    """A verification: when, by whom, of what, and as which lot and date it was read."""

    heard: int
    by: str
    pack: Pack
    lot: str
    expiry: str


class Fake(NamedTuple):
    """A pack of which something false was shown, and what."""

    pack: Pack
    how: str


class Traffic:
    """Draws traffic from a seed, from a moment on; `items` is all of it, as it is heard."""

    def __init__(self, seed: int, start: int) -> None:
        self.draw = Random(seed)
        self.start = start
        self.maker, self.wholesalers, self.pharmacies = self._sites()
        self.items: list[Told | Asked] = []
        self.packs: list[Pack] = []
        self.shops: dict[str, Site] = {}
        """Where each pack went to be handed out."""
        self.handed_out: dict[str, tuple[Site, int]] = {}
        self._cases = self._ids = 0

    def sites(self) -> Iterator[Site]:
        """Every place."""
        yield self.maker
        yield from self.wholesalers
        yield from self.pharmacies

    def heard(self) -> list[Told | Asked]:
        """All of it in the order in which the maker hears."""
        return sorted(self.items, key=lambda each: each.heard)

    @property
    def events(self) -> int:
        """How many events there are."""
        return sum(isinstance(each, Told) for each in self.items)

    def _sites(self) -> tuple[Site, Sequence[Site], Sequence[Site]]:
        found = []
        for number, place in enumerate((*_CITIES, *_CITIES), 1):
            body = f"9506000{number:05d}"
            # Clocks are some minutes wrong, two of them by less than `SLACK_MS` together.
            wrong = self.draw.randint(-6 * 60_000, 6 * 60_000)
            near = Point(place[0] + number * 2_000, place[1])
            found.append(Site(body + check_digit(body), near, wrong))
        return found[0], found[1:5], found[5:]

    # Honest people

    def lots(self, count: int) -> Traffic:
        """Have so many lots made and traded, one after the other within two months."""
        for _ in range(count):
            self._lot(self.start + self.draw.randrange(60) * DAY)
        return self

    def _lot(self, at: int) -> None:
        draw = self.draw
        lot = "".join(draw.choices("ABCDEFGHJKLMNPQRTUVWXYZ2346789", k=8))
        expiry = date.fromtimestamp(at / 1000) + timedelta(days=draw.randint(400, 1200))
        number = len(self.packs)
        packs = [
            Pack(f"{number + each:07d}{draw.randrange(10**6):06d}", lot, expiry.isoformat())
            for each in range(IN_A_LOT)
        ]
        self.packs += packs
        ilmd = {"cbvmda:lotNumber": lot, "cbvmda:itemExpirationDate": expiry.isoformat()}
        self.seen(self.maker, at, packs, "commissioning", "active", action="ADD", ilmd=ilmd)
        case = self._case()
        self._packed(self.maker, at + HOUR, case, packs, "ADD")
        wholesaler = draw.choice(self.wholesalers)
        at = self._carried(self.maker, wholesaler, at + 3 * HOUR, [case])
        self._packed(wholesaler, at + HOUR, case, packs, "DELETE")
        half = len(packs) // 2
        for some in (packs[:half], packs[half:]):
            shop = draw.choice(self.pharmacies)
            self._ask(wholesaler, at + 2 * HOUR, draw.choice(some))
            there = self._carried(wholesaler, shop, at + 4 * HOUR, [each.uri for each in some])
            for each in some:
                self.shops[each.serial] = shop
                self._counter(each, shop, wholesaler, there + HOUR)

    def _counter(self, pack: Pack, shop: Site, wholesaler: Site, at: int) -> None:
        """What becomes of a pack at a pharmacy."""
        draw = self.draw
        at += draw.randrange(20 * DAY)
        if draw.random() < 0.5:
            self._ask(shop, at, pack)
        fate = draw.random()
        at += 2 * HOUR
        if fate < 0.03:
            at = self._returned(pack, shop, wholesaler, at)
        elif fate < 0.05:
            self.seen(shop, at, [pack], "destroying", "destroyed", action="DELETE")
        elif fate < 0.06:
            self.seen(shop, at, [pack], "sampling", "", action="DELETE")
        elif fate < 0.9:
            self.seen(shop, at, [pack], "dispensing", "dispensed")
            self.handed_out[pack.serial] = (shop, at)
            if draw.random() < 0.01:
                self.seen(shop, at + 20_000, [pack], "dispensing", "dispensed")
            if draw.random() < 0.01:
                # The counter scans the pack once more, to see whether the sale went through.
                self._ask(shop, at + 2 * HOUR, pack)
            if draw.random() < 0.01:
                back = at + 3 * DAY
                self.seen(shop, back, [pack], "receiving", "returned")
                self.seen(shop, back + HOUR, [pack], "destroying", "destroyed", action="DELETE")

    def _returned(self, pack: Pack, shop: Site, wholesaler: Site, at: int) -> int:
        """A pack goes back unopened, is verified there, and may be sold again."""
        at = self._carried(shop, wholesaler, at, [pack.uri], "returned")
        self._ask(wholesaler, at + HOUR, pack)
        self.seen(wholesaler, at + 4 * HOUR, [pack], "stocking", "sellable_accessible")
        return at + 6 * HOUR

    def _carried(
        self, from_: Site, to: Site, at: int, units: Sequence[str], word: str = "in_progress"
    ) -> int:
        """Ship and receive, by lorry or by air; gives when it arrived."""
        source = [{"type": "owning_party", "source": from_.party}]
        destination = [{"type": "owning_party", "destination": to.party}]
        both = {"sourceList": source, "destinationList": destination}
        self.tell(from_, at, _observed(units, "shipping", "in_transit"), **both)
        kilometres = distance(from_.point, to.point)
        hours = 3 + kilometres / self.draw.choice((60, 80, 700)) + self.draw.random() * 24
        at += int(hours * HOUR)
        self.tell(to, at, _observed(units, "receiving", word), **both)
        return at

    def _packed(self, site: Site, at: int, case: str, packs: Sequence[Pack], action: str) -> None:
        told = {
            "type": "AggregationEvent",
            "action": action,
            "bizStep": "packing" if action == "ADD" else "unpacking",
            "parentID": case,
            "childEPCs": [each.uri for each in packs],
        }
        self.tell(site, at, told)

    def _ask(self, site: Site, at: int, pack: Pack) -> None:
        lot, expiry = pack.lot, pack.expiry
        slip = self.draw.random()
        if slip < 0.004:
            lot = lot.lower()
        elif slip < 0.008:
            place = self.draw.randrange(len(lot))
            lot = lot[:place] + lot[place + 1 :]
        elif slip < 0.012:
            expiry = expiry[:8] + "01"
        self.ask(site, at, pack, lot, expiry)

    # Fakes

    def forge(self, count: int) -> list[Fake]:
        """Put so many fakes of each kind into the traffic that there is."""
        draw = self.draw
        found = []
        # Fakes are copies of packs that were handed out, or are on somebody's shelf.
        sold = draw.sample(sorted(self.handed_out), 4 * count)
        by_serial = {each.serial: each for each in self.packs}
        for number, serial in enumerate(sold):
            pack, (shop, at) = by_serial[serial], self.handed_out[serial]
            kind = (self._sold_twice, self._sold_and_shown, self._in_two_cities, self._other_print)
            found.append(kind[number % 4](pack, shop, at))
        return found

    def _other(self, site: Site, least: float = 0) -> Site:
        far = [
            each
            for each in self.pharmacies
            if each != site and distance(each.point, site.point) >= least
        ]
        return self.draw.choice(far)

    def _sold_twice(self, pack: Pack, shop: Site, at: int) -> Fake:
        """A copy is sold elsewhere, before or after, at a time at which a pack could be there."""
        other = self._other(shop)
        at += self.draw.choice((-1, 1)) * self.draw.randint(3 * DAY, 9 * DAY)
        self.ask(other, at - 3 * HOUR, pack, pack.lot, pack.expiry)
        self.seen(other, at, [pack], "dispensing", "dispensed")
        return Fake(pack, "sold twice")

    def _sold_and_shown(self, pack: Pack, shop: Site, at: int) -> Fake:
        """A copy is verified by somebody else after the pack was handed out."""
        at += self.draw.randint(3 * DAY, 30 * DAY)
        self.ask(self._other(shop), at, pack, pack.lot, pack.expiry)
        return Fake(pack, "shown after its end")

    def _in_two_cities(self, pack: Pack, shop: Site, at: int) -> Fake:
        """A copy comes in, in another city, at the hour in which the pack is handed out."""
        other = self._other(shop, 1_500)
        at += self.draw.randint(-HOUR // 2, HOUR // 2)
        self.tell(other, at, _observed([pack.uri], "inspecting", ""))
        return Fake(pack, "in two cities")

    def _other_print(self, pack: Pack, shop: Site, at: int) -> Fake:
        """A serial number of one pack is printed with the lot or the date of another."""
        lot, expiry = pack.lot, pack.expiry
        which = self.draw.randrange(3)
        if which != 0:
            lot = self.draw.choice([each.lot for each in self.packs if each.lot != pack.lot])
        if which != 1:
            # No year ends like this day: a date read the wrong way around would be a slip.
            expiry = f"{int(expiry[:4]) + self.draw.choice((1, 2))}{expiry[4:8]}15"
        self.ask(shop, at - HOUR, pack, lot, expiry)
        return Fake(pack, "printed otherwise")

    def hand_out(self, packs: Sequence[Pack], at: int) -> list[Fake]:
        """Have packs handed out by who has them, as if no recall had been."""
        for each in packs:
            self.seen(self.shops[each.serial], at, [each], "dispensing", "dispensed")
        return [Fake(each, "after a recall") for each in packs]

    # Small things

    def ask(self, site: Site, at: int, pack: Pack, lot: str, expiry: str) -> None:
        """A verification, by the responder's own clock."""
        self.items.append(Asked(at, site.gln, pack, lot, expiry))

    def seen(
        self, site: Site, at: int, packs: Sequence[Pack], step: str, word: str, **more: Any
    ) -> None:
        """Something is done to packs."""
        units = [each.uri for each in packs]
        self.tell(site, at, _observed(units, step, word), **more)

    def tell(self, site: Site, at: int, told: Event, **more: Any) -> None:
        """An event at a place, by the clock there; it is heard at once, or late."""
        self._ids += 1
        moment = datetime.fromtimestamp((at + site.wrong) / 1000, UTC)
        event: Event = {
            "eventID": f"urn:uuid:{self._ids:08x}-0000-4000-8000-000000000000",
            "eventTime": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "eventTimeZoneOffset": "+08:00",
            "readPoint": {"id": site.uri},
            **told,
            **more,
        }
        late = self.draw.randrange(2 * DAY) if self.draw.random() < 0.05 else 0
        self.items.append(Told(at + late, site.gln, event))

    def _case(self) -> str:
        self._cases += 1
        return sscc("9506000", self._cases, link=True)


def _observed(units: Sequence[str], step: str, word: str) -> Event:
    told: Event = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": step,
        "epcList": list(units),
    }
    return told | ({"disposition": word} if word else {})
