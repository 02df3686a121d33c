"""What the rows about packs share: a maker and two pharmacies at a served node."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.epcis_sample import check_digit, sgln, sgtin
from tests.rows.desk import at
from tests.rows.served import FOUNDERS, Served
from yilian.bootstrap import Founder
from yilian.ledger.modules.governance.messages import SetParameter
from yilian.node.config import HostedOrganisation
from yilian.sdk import drafts
from yilian.sdk.client import Client
from yilian.sdk.errors import ProblemError

PREFIX = "9520001"
INTERVAL_MS = 1_000
PATIENCE = 60.0


def pack(number: int, item: int = 1) -> str:
    """A pack's canonical id."""
    return sgtin(PREFIX, item, f"S{number}", link=True)


def gtin(item: int = 1) -> str:
    """A product of the maker."""
    return pack(0, item).split("/")[4]


def place(number: int) -> str:
    """A place's canonical id."""
    return sgln(PREFIX, number, "0", link=True)


class Trading:
    """What traders do with packs, each by its own client; `places` has where each is."""

    places: dict[str, str]

    def client(self, organisation: HostedOrganisation) -> Client:
        """Speak as an organisation."""
        raise NotImplementedError

    def do(
        self, who: HostedOrganisation, action: str, units: Sequence[str], **more: Any
    ) -> dict[str, Any]:
        """Carry an action out, at the organisation's own place."""
        order = {
            "key": drafts.fresh_id(),
            "units": [{"code": each} for each in units],
            "place": self.places[who.id],
            **more,
        }
        with self.client(who) as client:
            done: dict[str, Any] = client.request("POST", path(who, f"actions/{action}"), order)
        return done

    def refused(
        self, who: HostedOrganisation, action: str, units: Sequence[str], **more: Any
    ) -> str:
        """The code with which an action is refused."""
        try:
            self.do(who, action, units, **more)
        except ProblemError as problem:
            return str(problem.code)
        raise AssertionError(f"{action} was carried out")

    def until_done(
        self, who: HostedOrganisation, action: str, units: Sequence[str], **more: Any
    ) -> dict[str, Any]:
        """Carry an action out as soon as the titles are there."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self.do(who, action, units, **more)
            except ProblemError as problem:
                waits = ("supply.not_yours", "supply.title_moving", "supply.title_not_held")
                if problem.code not in waits or time.monotonic() > end:
                    raise
            time.sleep(0.2)

    def incoming(self, who: HostedOrganisation) -> dict[str, Any]:
        """Wait for a shipment that was checked."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with self.client(who) as client:
                for each in client.request("GET", path(who, "shipments"))["shipments"]:
                    assert not each["fault"], each
                    if each["checked"]:
                        return dict(each)
            time.sleep(0.2)
        raise AssertionError("nothing came in")

    def unit(self, who: HostedOrganisation, code: str) -> dict[str, Any]:
        """What an organisation knows of a unit."""
        with self.client(who) as client:
            return shown(client, who, code)


class Traders(Served, Trading):
    """A maker and two pharmacies, registered; titles move every second."""

    def __init__(self, path: Path) -> None:
        founders = (
            Founder("云溪制药", "maker", "M-0004"),
            Founder("Hillside Pharmacy", "pharmacy", "P-0005"),
            Founder("河滨药房", "pharmacy", "P-0006"),
            Founder("云溪市药品监督管理局", "regulator", "R-0007"),
        )
        super().__init__(path, (*FOUNDERS, *founders))
        self.maker, self.shop, self.other, self.regulator = self.more
        self.traders = (self.maker, self.shop, self.other)
        self.places = {each.id: place(number) for number, each in enumerate(self.traders, 1)}

    def open_trade(self) -> None:
        """Register companies and products, and have titles move quickly."""
        proposal = drafts.fresh_id()
        for number, each in enumerate((self.a, self.b, self.authority, *self.more)):
            with self.client(each) as client:
                if number == 0:
                    action = SetParameter(name="supply_interval_ms", value=INTERVAL_MS)
                    client.governance.propose(proposal=proposal, action=action)
                elif number < 5:
                    client.governance.vote(proposal=proposal, approve=True)
        for number, each in enumerate(self.traders, 1):
            body = f"{PREFIX}{number:05d}"
            prefixes = [PREFIX] if each is self.maker else []
            with self.client(each) as client:
                client.supply.register_company(
                    company=drafts.fresh_id(), gln=body + check_digit(body), prefixes=prefixes
                )
        with self.client(self.regulator) as client:
            client.supply.issue_credential(
                credential=drafts.fresh_id(),
                organisation=self.shop.id,
                role="trading_partner",
                ends=time.time_ns() // 1_000_000 + 86_400_000,
            )
        with self.client(self.maker) as client:
            client.supply.register_product(
                gtin=gtin(1), kind="medicine", name="阿莫西林胶囊", responder=self.maker.id
            )
            client.supply.register_product(
                gtin=gtin(2),
                kind="device",
                name="Syringe",
                responder=self.maker.id,
                single_use=True,
            )
            client.supply.register_product(
                gtin=gtin(3), kind="device", name="Scissors", responder=self.maker.id, cycles=2
            )


def shown(client: Client, who: HostedOrganisation, code: str) -> dict[str, Any]:
    found: dict[str, Any] = client.request("GET", path(who, f"units?code={quote(code, safe='')}"))
    return found


def path(who: HostedOrganisation, rest: str) -> str:
    """An address of an organisation's supply chain."""
    return at(who, "supply/" + rest)
