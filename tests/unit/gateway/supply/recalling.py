"""Members that trade and recall, each at its own node over TLS, on one chain in one process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.gateway.members import world as members
from tests.unit.gateway.members.world import House, World
from tests.unit.gateway.supply.market import PREFIX, gtin, pack
from yilian.gateway.supply.orders import ActionName, Done, Order, Scanned
from yilian.gateway.supply.supply import Supply
from yilian.ledger.genesis import Genesis
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.supply import messages as supply
from yilian.ledger.modules.supply.numbers import check_digit
from yilian.sdk import drafts
from yilian.vault.envelope import new_id


def genesis(**fields: Any) -> Genesis:
    """Begin with the law of the trade, short intervals, and a regulator for the authority."""
    fields["members"] = [
        msgspec.structs.replace(each, kind="regulator" if each.kind == "authority" else each.kind)
        for each in fields["members"]
    ]
    fields["parameters"] = Parameters(supply_interval_ms=1_000)
    return Genesis(law=3, **fields)


class Chain:
    """A maker, and others that trade; all follow and post as nodes do."""

    def __init__(self, folder: Path, count: int = 3) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(members, "Genesis", genesis)
            self.world = World(folder, count=count)
        self.world.authority.publish()
        self.maker, *self.others = self.world.members
        self.glns: dict[str, str] = {}
        for number, each in enumerate(self.world.members):
            digits = f"{PREFIX}{number:05d}"
            self.glns[each.id] = digits + check_digit(digits)
            each.organisation.write(
                supply.RegisterCompany(
                    company=drafts.fresh_id(),
                    gln=self.glns[each.id],
                    prefixes=[] if number else [PREFIX],
                )
            )
        self.maker.organisation.write(
            *(
                supply.RegisterProduct(
                    gtin=each, kind="medicine", name="阿莫西林胶囊", responder=self.maker.id
                )
                for each in (gtin(), gtin(2))
            )
        )
        for each in self.world.members:
            each.organisation.supply = Supply(each.organisation, each.path)
            of(each).start()

    def close(self) -> None:
        for each in self.world.members:
            of(each).stop()
        self.world.close()

    def place(self, house: House) -> str:
        return f"https://id.gs1.org/414/{self.glns[house.id]}"

    def do(self, house: House, action: ActionName, units: Sequence[str], **more: Any) -> Done:
        """Do an action at a member's own place."""
        order = Order(
            key=new_id(),
            units=tuple(Scanned(code=each) for each in units),
            place=self.place(house),
            **more,
        )
        return of(house).actions.carry_out(action, order, house.id)

    def sent(self, from_: House, to: House, units: Sequence[str]) -> str:
        """Ship packs; gives the shipment once it has arrived."""
        shipment = self.do(from_, "ship", units, to=to.id).shipment
        assert shipment is not None
        of(from_).poster.wake()
        members.until(
            lambda: any(each.shipment == shipment for each in of(to).titles.incoming()), 40
        )
        return shipment

    def give(self, from_: House, to: House, units: Sequence[str]) -> None:
        """Ship packs and have them received."""
        shipment = self.sent(from_, to, units)
        self.do(to, "receive", units, shipment=shipment)

    def held(self, house: House, units: Sequence[str]) -> None:
        """Wait until titles to packs are on the chain."""
        members.until(lambda: all(of(house).titles.holds(units).values()), 30)

    def recall(self, **fields: Any) -> str:
        """Issue a recall by the maker."""
        name = drafts.fresh_id()
        named: dict[str, Any] = {
            "gtin": gtin(),
            "grade": 1,
            "reason": "contamination",
            "lots": [],
            "serials": [],
        }
        self.maker.organisation.write(supply.IssueRecall(recall=name, **(named | fields)))
        return name


def of(house: House) -> Supply:
    assert house.organisation.supply is not None
    return house.organisation.supply


__all__ = ["Chain", "gtin", "of", "pack"]
