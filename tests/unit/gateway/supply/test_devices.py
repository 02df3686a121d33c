"""Devices: single use, cycles, sterilising between uses; nobody is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.gateway.supply.pack_events import OWN, pack
from tests.unit.gateway.supply.pack_shop import Shop
from yilian.gateway.supply import action_errors as errors
from yilian.gateway.supply.outside import ProductFacts
from yilian.ledger.errors import Refusal
from yilian.vault.envelope import new_id

SCISSORS, SECOND = pack(1), pack(2)
SYRINGE = pack(1, 2)
TRAY = "https://id.gs1.org/8003/095200010000105"


class Instruments:
    """Scissors for three uses, syringes for one."""

    def product(self, gtin: str) -> ProductFacts | None:
        single = gtin == SYRINGE.split("/")[4]
        return ProductFacts(OWN, single_use=single, cycles=None if single else 3)

    def by_drug_code(self, drug_code: str) -> str | None:
        return None


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    found = Shop(tmp_path)
    found.products = Instruments()  # type: ignore[assignment]
    found.actions._products = found.products
    found.actions.devices._products = found.products
    yield found
    found.room.close()


def test_a_single_use_item_is_used_once(shop: Shop) -> None:
    shop.stock(SYRINGE)
    reference = new_id()
    done = shop.do("use", [SYRINGE], reference=reference)
    assert done.units[0].standing == "dispensed"
    assert shop.titles.asked[-1] == ("dispensed", SYRINGE)
    assert shop.refused("use", [SYRINGE]) is errors.SINGLE_USE
    assert shop.refused("sterilise", [SYRINGE]) is errors.SINGLE_USE
    assert shop.room.kinds() == ["reused", "reused"]
    device = shop.actions.devices.find(SYRINGE)
    assert (device.single_use, device.uses, device.left) == (True, 1, 0)
    assert [each.mark for each in device.cycles] == ["use"]
    assert device.cycles[0].reference.startswith("urn:uuid:")


def test_no_second_use_without_sterilising(shop: Shop) -> None:
    shop.stock(SCISSORS)
    shop.do("use", [SCISSORS])
    assert not shop.actions.devices.find(SCISSORS).sterile
    assert shop.refused("use", [SCISSORS]) is errors.NOT_STERILE
    shop.do("sterilise", [SCISSORS])
    assert shop.actions.devices.find(SCISSORS).sterile
    shop.do("use", [SCISSORS])
    assert shop.room.broken() == []


def test_a_limit_of_cycles_ends_a_device(shop: Shop) -> None:
    shop.stock(SCISSORS, SECOND)
    for left in (2, 1):
        shop.do("use", [SCISSORS])
        assert shop.actions.devices.find(SCISSORS).left == left
        shop.do("sterilise", [SCISSORS])
    done = shop.do("use", [SCISSORS, SECOND])
    assert {each.unit: each.standing for each in done.units} == {
        SCISSORS: "dispensed",
        SECOND: "active",
    }
    assert shop.refused("use", [SCISSORS]) is errors.CYCLES_USED_UP
    assert shop.refused("sterilise", [SCISSORS]) is errors.CYCLES_USED_UP


def test_a_tray_is_sterilised_with_what_is_in_it(shop: Shop) -> None:
    shop.stock(SCISSORS, SECOND)
    shop.do("use", [SCISSORS, SECOND])
    shop.do("aggregate", [SCISSORS, SECOND], parent=TRAY)
    assert shop.refused("use", [TRAY]) is errors.NOT_A_DEVICE
    shop.do("sterilise", [TRAY])
    shop.do("disaggregate", [], parent=TRAY)
    shop.do("use", [SCISSORS, SECOND])
    assert [each.mark for each in shop.actions.devices.find(SECOND).cycles] == [
        "use",
        "sterilise",
        "use",
    ]


def test_an_unknown_device_has_no_life(shop: Shop) -> None:
    with pytest.raises(Refusal) as refusal:
        shop.actions.devices.find(SCISSORS)
    assert refusal.value.code is errors.UNIT_UNKNOWN


def test_two_uses_of_one_patient_cannot_be_told(shop: Shop) -> None:
    """Each use has a name of its own, so that no two events tell of one person."""
    shop.stock(SCISSORS, SECOND)
    shop.do("use", [SCISSORS])
    shop.do("use", [SECOND])
    names = {shop.actions.devices.find(each).cycles[0].reference for each in (SCISSORS, SECOND)}
    assert len(names) == 2
