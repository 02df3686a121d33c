"""Traders on one chain in memory, each with its own titles: the law is real, the clock stands."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import sqlalchemy as sql

from tests.chain import Actor, Chain, name_of
from yilian.gateway.supply import title_rows
from yilian.gateway.supply.anchors import Anchors, Log
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.posting import Poster
from yilian.gateway.supply.titles import End, Titles
from yilian.ledger import errors
from yilian.ledger.errors import Refusal
from yilian.ledger.genesis import FirstMember, Genesis
from yilian.ledger.keys import sha256
from yilian.ledger.module import Message
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.supply import messages as supply
from yilian.ledger.modules.supply.numbers import check_digit
from yilian.ledger.modules.supply.state import pace
from yilian.ledger.state import State
from yilian.vault.keystore import Keystore

PREFIX = "6901234"
KINDS: tuple[tuple[str, identity.OrganisationKind], ...] = (
    ("maker", "maker"),
    ("wholesaler", "distributor"),
    ("pharmacy", "pharmacy"),
    ("clinic", "clinic"),
    ("regulator", "regulator"),
)


def gtin(number: int = 1, prefix: str = PREFIX) -> str:
    """Give the GTIN of the maker's product."""
    digits = "0" + prefix + f"{number:0{12 - len(prefix)}d}"
    return digits + check_digit(digits)


def pack(number: int, product: str = gtin()) -> str:
    """Give the id of a pack."""
    return f"https://id.gs1.org/01/{product}/21/S{number:06d}"


def packs(first: int, count: int) -> list[str]:
    """Give the ids of packs with numbers in a row."""
    return [pack(number) for number in range(first, first + count)]


class Market(Chain):
    """The chain: a maker with a product, a wholesaler, a pharmacy, a clinic and a regulator."""

    def __init__(self, slots: int = 8) -> None:
        super().__init__(parameters=Parameters(supply_slots=slots))
        for number, (label, kind) in enumerate(KINDS):
            if kind == "regulator":
                continue
            digits = f"{PREFIX}{number:05d}"
            company = supply.RegisterCompany(
                company=name_of(f"company {label}"),
                gln=digits + check_digit(digits),
                prefixes=[PREFIX] if label == "maker" else [],
            )
            self.must(self.trader(label), company)
        self.product(gtin())

    @property
    def genesis(self) -> Genesis:
        """The genesis, with the traders as members and under the law that knows them."""
        return self._genesis

    @genesis.setter
    def genesis(self, first: Genesis) -> None:
        members = [
            FirstMember(
                organisation=name_of(label),
                kind=kind,
                name=label,
                registration=label.upper(),
                key=self.signer(label).key,
            )
            for label, kind in KINDS
        ]
        self._genesis = msgspec.structs.replace(first, members=[*first.members, *members], law=3)

    def trader(self, label: str) -> Actor:
        """Give a member."""
        return Actor(name_of(label), self.signer(label), name_of(label))

    def product(self, number: str, owner: str = "maker") -> None:
        """Have the maker register a product."""
        message = supply.RegisterProduct(
            gtin=number, kind="medicine", name="阿莫西林胶囊", responder=name_of(owner)
        )
        self.must(self.trader(owner), message)

    def sell(self, number: str, seller: str, buyer: str) -> None:
        """Have a product change hands."""
        self.must(self.trader(seller), supply.OfferProduct(gtin=number, to=name_of(buyer)))
        self.must(self.trader(buyer), supply.AcceptProduct(gtin=number))

    def interval(self) -> int:
        """Give the number of the interval now."""
        return pace(self.state, self.time).at(self.time)

    def go_on(self) -> int:
        """Go on to the next interval; gives its number."""
        rhythm = pace(self.state, self.time)
        self.time = rhythm.begins(rhythm.at(self.time) + 1)
        return self.interval()


class Line:
    """A trader's own node; `cut` is raised by `submit` before or after the block."""

    def __init__(self, market: Market, actor: Actor) -> None:
        self._market = market
        self._actor = actor
        self._outcomes: dict[bytes, tuple[int, dict[str, int | str]]] = {}
        self.cut: str | None = None
        self.raws: list[bytes] = []
        self.reached = threading.Event()

    def state(self) -> State:
        """Give committed state."""
        return self._market.state

    def now(self) -> int:
        """Give the time."""
        return self._market.time

    def block_time(self) -> int:
        """Give the time of the newest block."""
        return self._market.time

    def sign(self, message: Message, expires: int) -> bytes:
        """Sign."""
        return self._market.sign(self._actor, message, expires=expires)

    def submit(self, raw: bytes) -> None:
        """Make a block of it."""
        self.raws.append(raw)
        self.reached.set()
        if self.cut == "before":
            raise ConnectionError
        digest = sha256(raw)
        if digest not in self._outcomes:
            result = self._market.block(raw).results[0]
            self._outcomes[digest] = (result.code, result.parameters)
        if self.cut == "after":
            raise ConnectionError
        number, parameters = self._outcomes[digest]
        if number != errors.OK:
            raise Refusal(errors.by_number(number), parameters)


class Trader:
    """One organisation with its titles, and its way to the others."""

    def __init__(self, world: World, label: str) -> None:
        self.world = world
        self.label = label
        self.id = name_of(label)
        folder = world.folder / label
        folder.mkdir(exist_ok=True)
        self.keystore = Keystore.open(folder / "keys", self.id)
        self.line = Line(world.market, world.market.trader(label))
        self.brought: list[tuple[str, str, bytes]] = []
        self.words: list[tuple[str, str, bytes]] = []
        self.held_back = False
        self.log: Log | None = None
        self.open()

    def open(self) -> None:
        """Open its files, as a process does that begins."""
        self.database = SupplyDatabase(self.world.folder / self.label / "supply.sqlite", self.id)
        self.titles = Titles(self.id, self.database, self.keystore, self.line, self)
        self.anchors: Anchors | None = None
        if self.log is not None:
            self.anchors = Anchors(self.id, self.database, self.log, self.titles.histories)
        self.poster = Poster(self.titles, self.anchors)

    def restart(self) -> None:
        """End without saying so, and begin again."""
        self.database.close()
        self.open()

    # As the others' ways

    def claims(self, organisation: str, count: int) -> Sequence[bytes]:
        """Ask another trader for claims."""
        return self.world.of(organisation).titles.promise(self.id, count)

    def key_service(self, organisation: str) -> bytes:
        """Give another trader's key."""
        return self.world.of(organisation).keystore.service_key().public.data

    def bring(self, organisation: str, shipment: str, package: bytes) -> None:
        """Bring a package at once, and remember it."""
        self.brought.append((organisation, shipment, package))
        if not self.held_back:
            self.world.of(organisation).titles.receive(package, self.id)

    def bring_ends(self, organisation: str, parcel: str, package: bytes) -> None:
        """Remember word of ends."""
        if self.held_back:
            raise ConnectionError
        self.words.append((organisation, parcel, package))

    # In one transaction each

    def commission(self, units: Sequence[str]) -> None:
        """Make packs."""
        with self.database.write() as connection:
            self.titles.commission(units, connection)

    def ship(self, units: Sequence[str], to: Trader) -> str:
        """Ship packs."""
        with self.database.write() as connection:
            return self.titles.ship(units, to.id, connection)

    def finish(self, units: Sequence[str], end: End = "dispensed") -> str:
        """End packs."""
        with self.database.write() as connection:
            return self.titles.finish(units, end, connection)

    def cancel(self, shipment: str) -> None:
        """Call off."""
        with self.database.write() as connection:
            self.titles.cancel(shipment, connection)

    def accept(self, shipment: str, units: Sequence[str] | None = None) -> str | None:
        """Accept."""
        with self.database.write() as connection:
            return self.titles.accept(shipment, units, connection)

    def decline(self, shipment: str) -> str:
        """Decline."""
        with self.database.write() as connection:
            return self.titles.decline(shipment, connection)

    def accept_all(self) -> int:
        """Accept whatever waits; gives how many."""
        waiting = [each for each in self.titles.incoming() if each.checked]
        for each in waiting:
            self.accept(each.shipment)
        return len(waiting)

    def held(self) -> set[str]:
        """Give all packs that are held here, also those on their way out."""
        table = title_rows.units
        with self.database.read() as connection:
            return set(connection.scalars(sql.select(table.c.unit).where(table.c.gone == 0)))

    def nullifiers(self) -> list[list[str]]:
        """Give the nullifiers of all posts that were handed in."""
        return [
            msgspec.json.decode(raw)["body"]["messages"][0]["nullifiers"] for raw in self.line.raws
        ]


class World:
    """Traders on one market."""

    def __init__(self, folder: Path, slots: int = 8) -> None:
        self.folder = folder
        self.market = Market(slots)
        labels = [label for label, kind in KINDS if kind != "regulator"]
        self.traders = [Trader(self, label) for label in labels]
        self.maker, self.wholesaler, self.pharmacy, self.clinic = self.traders
        self._by_id = {each.id: each for each in self.traders}

    def of(self, organisation: str) -> Trader:
        """Find a trader."""
        return self._by_id[organisation]

    def tick(self, *those: Trader, count: int = 1) -> None:
        """Let intervals pass in which the traders (all, unless named) post."""
        for _ in range(count):
            interval = self.market.go_on()
            for each in those or self.traders:
                each.poster.chores()
                each.poster.prepare(interval)
                assert each.poster.send(interval)
            for each in those or self.traders:
                each.poster.chores()

    def move(self, units: Sequence[str], from_: Trader, to: Trader) -> str:
        """Ship packs and have them accepted."""
        shipment = from_.ship(units, to)
        while from_.titles.shipment(shipment).state != "brought":
            self.tick()
        to.accept(shipment)
        return shipment

    def close(self) -> None:
        """Close all files."""
        for each in self.traders:
            each.database.close()
