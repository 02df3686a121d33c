"""A chain with a maker's product, those who may ask about it, and packs in a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from tests.chain import DAY, Actor, Cast, engine, name_of
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.epcis.tokens import Tokens
from yilian.gateway.supply.alerts import Alerts
from yilian.gateway.supply.checks import Checks
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.directory import Directory
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.places import Places
from yilian.gateway.supply.public_way import PackWays
from yilian.gateway.supply.scan import PublicAnswers, RouteStep
from yilian.gateway.supply.unit import Standing, Unit
from yilian.gateway.supply.verification import Verification
from yilian.ledger import codec, errors
from yilian.ledger.genesis import FirstMember
from yilian.ledger.module import Message
from yilian.ledger.modules.identity import messages as identity
from yilian.ledger.modules.supply import messages as supply
from yilian.ledger.modules.supply.numbers import serial_digest
from yilian.node.embedded import Embedded

GTIN = "09506000134352"
OTHER_GTIN = "09506000134369"
DRUG_CODE = "8123456"
MAKER_GLN = "9506000100005"
SHOP_GLN = "9506000200002"
HOSPITAL_GLN = "9506000300009"
LOT, EXPIRY = "L7-A0123", "2070-03-31"
PRODUCT = "阿莫西林胶囊 0.25 g"
LAW = 3


class Table:
    """Packs by GTIN and serial number, as a responder finds them."""

    def __init__(self) -> None:
        self.units: dict[tuple[str, str], Unit] = {}
        self.route: tuple[RouteStep, ...] = ()

    def put(self, serial: str, standing: Standing = "active", **fields: str) -> None:
        """Have a pack."""
        gtin = fields.pop("gtin", GTIN)
        self.units[(gtin, serial)] = Unit(
            id=f"https://id.gs1.org/01/{gtin}/21/{serial}",
            gtin=gtin,
            serial=serial,
            lot=fields.get("lot", LOT),
            expiry=fields.get("expiry", EXPIRY),
            standing=standing,
            parent=None,
            holder="",
            place="",
            since=0,
        )

    def find_serial(self, gtin14: str, serial: str) -> Unit | None:
        """Find a pack."""
        return self.units.get((gtin14, serial))

    def steps(self, unit: str, listing: Any) -> Sequence[RouteStep]:
        """Give the way that the test set."""
        return self.route


class Desk:
    """What an organisation needs to answer, over one supply file."""

    def __init__(
        self,
        folder: Path,
        organisation: str,
        running: Embedded,
        sign: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.database = SupplyDatabase(folder / f"{organisation}.sqlite", organisation)
        self.directory = Directory(running)
        self.packs = Table()
        self.verification = Verification(
            organisation, self.database, self.directory, self.packs, now=running.now, sign=sign
        )
        self.public = PublicAnswers(self.verification, self.packs, self.packs)
        self.places = Places(self.database)
        self.tokens = Tokens(self.database, running.now)
        self.checks = Checks(organisation, self.database, running.now)


class Working:
    """The same desk over an event repository: packs are what its events say."""

    def __init__(self, folder: Path, organisation: str, running: Embedded) -> None:
        self.id = organisation
        self.database = SupplyDatabase(folder / f"{organisation}.sqlite", organisation)
        self.directory = Directory(running)
        self.repository = Repository(self.database, now=running.now)
        self.packs = Packs(self.database, self.repository, Alerts(self.database, running.now))
        self.verification = Verification(
            organisation, self.database, self.directory, self.packs, now=running.now
        )
        ways = PackWays(self.packs, self.directory)
        self.public = PublicAnswers(self.verification, self.packs, ways)
        self.places = Places(self.database)
        self.tokens = Tokens(self.database, running.now)
        self.checks = Checks(organisation, self.database, running.now)

    def take(self, *events: Event) -> None:
        """Capture events and follow."""
        with self.database.write() as connection:
            self.repository.put(events, self.id, connection)
        self.packs.catch_up()


class Trade:
    """The chain and its people: `maker` owns the product, `shop` may ask, `hospital` may not."""

    def __init__(self, folder: Path) -> None:
        cast = Cast()
        self.maker = self._member(cast, "maker")
        self.shop = self._member(cast, "pharmacy")
        self.regulator = self._member(cast, "regulator")
        cast.genesis = msgspec.structs.replace(cast.genesis, law=LAW)
        self.engine, self.cast = engine(folder / "chain", cast)
        self.hospital = cast.hospital
        self.folder = folder
        self.company(self.maker, MAKER_GLN, "950600013")
        self.company(self.shop, SHOP_GLN)
        self.company(self.hospital, HOSPITAL_GLN)
        self.must(
            self.maker,
            supply.RegisterProduct(
                gtin=GTIN,
                kind="medicine",
                name=PRODUCT,
                responder=self.maker.id,
                drug_code=DRUG_CODE,
                lowest=200,
                highest=800,
            ),
        )
        self.shop_credential = self.credential("shop", self.shop.id)

    @staticmethod
    def _member(cast: Cast, kind: identity.OrganisationKind) -> Actor:
        made = Actor(name_of(kind), cast.signer(kind), name_of(kind))
        member = FirstMember(
            organisation=made.id,
            kind=kind,
            name=f"云溪市 {kind}",
            registration=kind.upper(),
            key=made.signer.key,
        )
        cast.genesis = msgspec.structs.replace(
            cast.genesis, members=[*cast.genesis.members, member]
        )
        return made

    def close(self) -> None:
        """Stop the chain."""
        self.engine.close()

    def must(self, actor: Actor, *messages: Message) -> None:
        """Have messages accepted."""
        outcome = self.engine.submit(self.cast.sign(actor, *messages)).result()
        assert outcome.code == errors.OK, errors.by_number(outcome.code).name

    def first_block_after(self, height: int) -> int:
        """Give the first block after a height that holds a transaction; an empty one proves it."""
        for each in range(height + 1, self.engine.height + 1):
            decided = self.engine.store.decided(each)
            if decided is not None and decided.txs:
                return each
        raise AssertionError("no block holds a transaction")

    def company(self, actor: Actor, gln: str, *prefixes: str) -> None:
        """Register a company."""
        name = name_of(f"company {gln}")
        self.must(actor, supply.RegisterCompany(company=name, gln=gln, prefixes=list(prefixes)))

    def credential(self, label: str, organisation: str, ends: int | None = None) -> str:
        """Have the regulator issue a credential."""
        name = name_of(f"credential {label}")
        message = supply.IssueCredential(
            credential=name,
            organisation=organisation,
            role="dispenser",
            ends=ends or self.engine.now() + 30 * DAY,
        )
        self.must(self.regulator, message)
        return name

    def recall(self, label: str, *lots: str, serials: Sequence[str] = ()) -> str:
        """Have the maker recall lots, serial numbers, or all."""
        name = name_of(label)
        digests = sorted(serial_digest(GTIN, each) for each in serials)
        message = supply.IssueRecall(
            recall=name,
            gtin=GTIN,
            grade=1,
            reason="contamination",
            lots=sorted(lots),
            serials=digests,
        )
        self.must(self.maker, message)
        return name

    def transfer(self, to: Actor) -> None:
        """Have the product change its owner."""
        self.must(self.maker, supply.OfferProduct(gtin=GTIN, to=to.id))
        self.must(to, supply.AcceptProduct(gtin=GTIN))

    def working(self, actor: Actor) -> Working:
        """Open an organisation's desk over a repository of its own."""
        return Working(self.folder, actor.id, self.engine)

    def desk(self, actor: Actor) -> Desk:
        """Open an organisation's desk; its receipts are signed by its own key."""

        def sign(data: bytes) -> bytes:
            return codec.to_bytes(actor.signer.sign(data))

        return Desk(self.folder, actor.id, self.engine, sign)
