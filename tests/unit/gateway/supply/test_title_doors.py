"""Titles between nodes: claims, shipments and openings over the members' door, posts by threads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest

from tests.unit.gateway.members import world as members
from tests.unit.gateway.members.world import House, World, until
from tests.unit.gateway.supply.market import PREFIX, gtin, packs
from yilian.gateway.members import there
from yilian.gateway.supply.openings import Viewer
from yilian.gateway.supply.supply import Supply
from yilian.gateway.supply.titles import check
from yilian.ledger.errors import Refusal
from yilian.ledger.genesis import Genesis
from yilian.ledger.modules.governance.state import Parameters
from yilian.ledger.modules.supply import messages as supply
from yilian.ledger.modules.supply.numbers import check_digit
from yilian.ledger.modules.supply.state import last_post, posted
from yilian.sdk import drafts

# One story in order, with one set of members: its tests belong on one worker.
pytestmark = pytest.mark.xdist_group("title_doors")

UNITS = packs(0, 6)


def genesis(**fields: Any) -> Genesis:
    """Begin with the law of the trade, short intervals, and a regulator for the authority."""
    fields["members"] = [
        msgspec.structs.replace(each, kind="regulator" if each.kind == "authority" else each.kind)
        for each in fields["members"]
    ]
    fields["parameters"] = Parameters(supply_interval_ms=1_000)
    return Genesis(law=3, **fields)


@pytest.fixture(scope="module")
def traders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "Genesis", genesis)
        made = World(tmp_path_factory.mktemp("traders"), count=2)
    made.authority.publish()
    for number, each in enumerate(made.members):
        digits = f"{PREFIX}{number:05d}"
        each.organisation.write(
            supply.RegisterCompany(
                company=drafts.fresh_id(),
                gln=digits + check_digit(digits),
                prefixes=[] if number else [PREFIX],
            )
        )
        each.organisation.supply = Supply(each.organisation, each.path)
    maker = made.members[0]
    product = supply.RegisterProduct(
        gtin=gtin(), kind="medicine", name="阿莫西林胶囊", responder=maker.id
    )
    maker.organisation.write(product)
    for each in made.members:
        of(each).start()
    yield made
    for each in made.members:
        of(each).stop()
    made.close()


def of(house: House) -> Supply:
    assert house.organisation.supply is not None
    return house.organisation.supply


def held(house: House, units: Sequence[str]) -> bool:
    return all(of(house).titles.holds(units).values())


def ship(from_: House, to: House, units: Sequence[str]) -> str:
    with of(from_).database.write() as connection:
        shipment = of(from_).titles.ship(units, to.id, connection)
    of(from_).poster.wake()
    return shipment


def arrived(house: House, shipment: str) -> bool:
    return any(each.shipment == shipment for each in of(house).titles.incoming())


def commission(house: House, units: Sequence[str]) -> None:
    with of(house).database.write() as connection:
        of(house).titles.commission(units, connection)


def test_packs_go_from_node_to_node(traders: World) -> None:
    maker, pharmacy = traders.members
    commission(maker, UNITS)
    shipment = ship(maker, pharmacy, UNITS[:2])
    until(lambda: arrived(pharmacy, shipment), 30)
    with of(pharmacy).database.write() as connection:
        of(pharmacy).titles.accept(shipment, None, connection)
    assert held(pharmacy, UNITS[:2])
    assert not held(maker, UNITS[:1])
    course = check(of(pharmacy).titles.proof(UNITS[0]), traders.engine.state())[UNITS[0]]
    assert course.note.holder == pharmacy.id
    assert course.holders[0][0] == maker.id


def test_who_is_down_gets_the_shipment_when_back(traders: World) -> None:
    maker, pharmacy = traders.members
    more = packs(100, 3)
    commission(maker, more)
    until(lambda: held(maker, more))
    # Claims are there from before, so the post needs nobody's answer.
    port = pharmacy.listener.port
    pharmacy.listener.close()
    shipment = ship(maker, pharmacy, more)
    until(lambda: of(maker).titles.shipment(shipment).state == "brought", 30)
    assert not arrived(pharmacy, shipment)
    pharmacy.listen(port=port)
    until(lambda: arrived(pharmacy, shipment), 30)


def test_a_regulator_opens_what_members_posted(traders: World) -> None:
    maker, pharmacy = traders.members
    regulator = traders.authority.organisation

    def ask(organisation: str, intervals: Sequence[int]) -> Sequence[bytes]:
        return regulator.counterpart(organisation).openings(intervals)

    regulator.peers = until(lambda: regulator.peers)
    viewer = Viewer(regulator.id, regulator.vault.keystore, regulator.engine.state, ask)
    regulator.write(viewer.publish())
    for house in (maker, pharmacy):
        for message in of(house).openings.grants():
            house.organisation.write(message)
    with of(maker).database.read() as connection:
        query = "SELECT interval FROM title_posts WHERE state = 'posted' ORDER BY interval"
        intervals = [row[0] for row in connection.exec_driver_sql(query)]
    found = list(viewer.open_many(maker.id, intervals))
    assert [each.fault for each in found] == [""] * len(intervals)
    given = [one for each in found for one in each.movements if one.kind == "given"]
    assert set(UNITS[:2]) in [set(each.units) for each in given]
    assert {each.holder for each in given} == {pharmacy.id}
    # A quiet interval opens as quiet, and other members see nothing.
    quiet = until(lambda: _quiet(traders, pharmacy))
    assert viewer.open(pharmacy.id, quiet).movements == ()
    with pytest.raises(Refusal) as refused:
        pharmacy.organisation.counterpart(maker.id).openings(intervals)
    assert refused.value.code.name == "members.not_about_caller"


def _quiet(traders: World, house: House) -> int | None:
    state = traders.engine.state()
    last = last_post(state, house.id)
    if last is None or posted(state, house.id, last) is None:
        return None
    with of(house).database.read() as connection:
        query = "SELECT count(*) FROM title_posts WHERE interval = ?"
        busy = connection.exec_driver_sql(query, (last,)).scalar()
    return None if busy else last


def test_questions_out_of_bounds_are_refused(traders: World) -> None:
    maker, pharmacy = traders.members
    peers = maker.organisation.peers
    assert peers is not None
    small = drafts.fresh_id()
    for house, operation, asked, expected in (
        (pharmacy, there.SUPPLY_CLAIMS, {"count": 0}, "malformed"),
        (pharmacy, there.SUPPLY_CLAIMS, {"count": 65}, "malformed"),
        (pharmacy, there.SUPPLY_CLAIMS, {"count": 1, "more": 1}, "malformed"),
        (pharmacy, there.SUPPLY_OPENING, {"intervals": []}, "malformed"),
        (pharmacy, there.SUPPLY_OPENING, {"intervals": list(range(101))}, "malformed"),
        (pharmacy, there.SUPPLY_SHIPMENT, {"shipment": "short", "package": b"1"}, "malformed"),
        (pharmacy, there.SUPPLY_SHIPMENT, {"shipment": small, "package": b"1"}, "malformed"),
        # An organisation without a part in the trade has no such questions.
        (traders.authority, there.SUPPLY_CLAIMS, {"count": 1}, "not_found"),
        (traders.authority, there.SUPPLY_OPENING, {"intervals": [1]}, "not_found"),
    ):
        data = msgspec.msgpack.encode(asked)
        with pytest.raises(Refusal) as refused:
            peers.call(maker.id, house.id, operation.name, data, operation.bounds, patient=True)
        assert refused.value.parameters == {"id": house.id, "refusal": expected}
