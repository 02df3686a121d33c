"""Taking back what was entered by mistake, as long as nothing is built on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.gateway.supply.pack_events import MAKER, OTHER, OWN, START, case, made, pack, seen
from tests.unit.gateway.supply.pack_shop import Ledger, Shop, order
from yilian.gateway.epcis.validation import validate
from yilian.gateway.supply import action_errors as errors
from yilian.gateway.supply.orders import ActionName, Done
from yilian.gateway.supply.steps import PARTY
from yilian.gateway.supply.title_errors import SHIPMENT_POSTING
from yilian.ledger.errors import Refusal
from yilian.vault.envelope import new_id

A, B, C = pack(1), pack(2), pack(3)
BOX = case(1)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    found = Shop(tmp_path)
    yield found
    found.room.close()


def take_back(shop: Shop, done: Done, **more: Any) -> Done:
    said = {"declares": done.key, "reason": "did_not_occur"} | more
    return shop.do("declare_error", [], **said)


def lives(shop: Shop) -> list[Any]:
    """Units and their histories, as far as they do not count what was written."""
    tables = shop.room.tables()
    return [tables["supply_units"], tables["supply_history"]]


ACTIONS: list[tuple[ActionName, dict[str, Any]]] = [
    ("aggregate", {"parent": BOX}),
    ("ship", {"to": OTHER}),
    ("ship", {"to": OWN}),
    ("dispense", {}),
    ("dispense", {"part": True}),
    ("decommission", {}),
    ("destroy", {}),
    ("report_stolen", {}),
    ("report_lost", {}),
    ("sample", {}),
    ("export", {}),
    ("quarantine", {"reason": "damaged"}),
    ("use", {}),
    ("sterilise", {}),
]


@pytest.mark.parametrize(("action", "more"), ACTIONS)
def test_every_action_is_taken_back_whole(
    shop: Shop, action: ActionName, more: dict[str, Any]
) -> None:
    shop.stock(A, B, C)
    before = lives(shop)
    done = shop.do(action, [A, B], **more)
    assert lives(shop) != before
    taken = take_back(shop, done, corrective=["urn:uuid:00000000-0000-4000-8000-000000000000"])
    assert lives(shop) == before
    assert sorted(taken.events) == sorted(done.events)
    leaving = done.shipment or done.ending
    assert shop.titles.called_off == ([leaving] if leaving else [])
    for each in done.events:
        plain, declared = shop.room.repository.events(each)
        said = declared.event.pop("errorDeclaration")
        assert said["reason"] == "did_not_occur"
        assert said["correctiveEventIDs"] == ["urn:uuid:00000000-0000-4000-8000-000000000000"]
        assert validate(declared.event, "default") == []
        assert plain.digest == declared.digest
    assert shop.room.broken() == []
    assert not shop.do(action, [A, B], **more).replayed


def test_a_receipt_is_taken_back_and_the_title_stays(shop: Shop) -> None:
    shipment = new_id()
    shop.told.shipments[shipment] = (
        MAKER,
        [made(0, [A]), seen(2, [A], "shipping", "in_transit")],
    )
    done = shop.do("receive", [A], shipment=shipment)
    take_back(shop, done)
    assert shop.room.standing(A) == "in_transit"
    assert shop.titles.called_off == []
    shop.do("receive", [A])
    assert shop.room.standing(A) == "active"


def test_a_wrong_lot_is_corrected_under_the_same_number(shop: Shop) -> None:
    class Made(Ledger):
        def holds(
            self, units: Sequence[str], connection: sql.Connection | None = None
        ) -> dict[str, bool]:
            begun = {unit for word, *made in self.asked if word == "commission" for unit in made}
            return {unit: unit in begun for unit in units}

    titles = Made(shop.site.mine)
    shop.actions._titles._holding = titles
    wrong = shop.do("commission", [A, B], lot="L9", expiry="2027-12-31")
    taken = take_back(shop, wrong, reason="incorrect_data")
    assert (taken.units, shop.room.packs.find(A)) == ((), None)
    shop.do("commission", [A, B], lot="L1", expiry="2027-12-31")
    assert shop.room.unit(A).lot == "L1"
    assert titles.asked == [("commission", A, B)]


def refusal(shop: Shop, **more: Any) -> Refusal:
    before = lives(shop), shop.room.repository.newest(), shop.titles.called_off[:]
    with pytest.raises(Refusal) as found:
        shop.do("declare_error", [], **more)
    assert (lives(shop), shop.room.repository.newest(), shop.titles.called_off) == before
    return found.value


def test_what_something_is_built_on_stands(shop: Shop) -> None:
    shop.stock(A, B)
    packed = shop.do("aggregate", [A, B], parent=BOX)
    shipped = shop.do("ship", [BOX], to=OTHER)
    found = refusal(shop, declares=packed.key, reason="did_not_occur")
    assert found.code is errors.ACTION_BUILT_ON
    assert found.parameters["event"] == shipped.events[0]
    assert isinstance(found, errors.UnitsRefused)
    assert [each.parameters["unit"] for each in found.refused] == sorted([A, B, BOX])
    take_back(shop, shipped)
    take_back(shop, packed)
    assert shop.room.unit(A).parent is None


def test_what_another_organisation_did_since_is_built_on_it(shop: Shop) -> None:
    shop.stock(A)
    shipped = shop.do("ship", [A], to=OTHER)
    at = shop.room.time - START
    shop.room.take(seen(at + 1, [A], "receiving", destination=PARTY + OTHER), by=OTHER)
    found = refusal(shop, declares=shipped.key, reason="did_not_occur")
    assert found.code is errors.ACTION_BUILT_ON


def test_what_only_saw_a_pack_builds_on_nothing(shop: Shop) -> None:
    shop.stock(A)
    held = shop.do("quarantine", [A], reason="damaged")
    at = shop.room.time - START
    shop.room.take(seen(at + 1, [A], "sensor_reporting"))
    take_back(shop, held)
    assert shop.room.standing(A) == "active"


def test_titles_that_stand_in_a_post_are_not_called_back(shop: Shop) -> None:
    class Posted(Ledger):
        def cancel(self, shipment: str, connection: sql.Connection) -> None:
            raise SHIPMENT_POSTING(shipment=shipment)

    shop.stock(A, B)
    shop.actions._corrections._holding = Posted(shop.site.mine)
    shipped = shop.do("ship", [A], to=OTHER)
    dispensed = shop.do("dispense", [B])
    for each in (shipped, dispensed):
        found = refusal(shop, declares=each.key, reason="did_not_occur")
        assert (found.code, found.parameters) == (errors.ACTION_POSTED, {"key": each.key})
    assert shop.room.standing(B) == "dispensed"


def test_each_other_reason_has_its_code(shop: Shop) -> None:
    shop.stock(A)
    held = shop.do("quarantine", [A], reason="damaged")
    assert refusal(shop, reason="did_not_occur").code is errors.FIELD_NEEDED
    assert refusal(shop, declares=held.key).code is errors.FIELD_NEEDED
    assert refusal(shop, declares=held.key, reason="damaged").code is errors.FIELD_NEEDED
    strange = refusal(shop, declares=new_id(), reason="did_not_occur")
    assert strange.code is errors.ACTION_UNKNOWN
    taken = take_back(shop, held)
    again = refusal(shop, declares=held.key, reason="did_not_occur")
    assert again.code is errors.ACTION_TAKEN_BACK
    both = refusal(shop, declares=taken.key, reason="did_not_occur")
    assert both.code is errors.ACTION_STANDS
    recall = shop.do("recall", [A])
    assert refusal(shop, declares=recall.key, reason="did_not_occur").code is errors.ACTION_STANDS


def test_the_same_declaration_again_is_answered(shop: Shop) -> None:
    shop.stock(A)
    held = shop.do("quarantine", [A], reason="damaged")
    asked = order([], declares=held.key, reason="did_not_occur")
    first = shop.actions.carry_out("declare_error", asked, OWN)
    newest = shop.room.repository.newest()
    again = shop.actions.carry_out("declare_error", asked, OWN)
    assert (first.replayed, again.replayed, again.events) == (False, True, first.events)
    assert shop.room.repository.newest() == newest


def test_what_is_declared_at_the_very_same_time_is_not_done_again(shop: Shop) -> None:
    shop.stock(A)
    at = shop.room.time + 1
    done = shop.do("dispense", [A], at=at)
    take_back(shop, done)
    assert shop.refused("dispense", [A], at=at) is errors.CHANGED_SINCE
    shop.do("dispense", [A], at=at + 1)
    assert shop.room.standing(A) == "dispensed"


def test_who_saw_the_event_sees_what_was_declared_of_it(shop: Shop) -> None:
    shop.stock(A)
    shipped = shop.do("ship", [A], to=OTHER)
    take_back(shop, shipped)
    plain, declared = shop.room.repository.events(shipped.events[0], OTHER)
    assert "errorDeclaration" not in plain.event
    assert "errorDeclaration" in declared.event
    assert shop.room.repository.events(shipped.events[0], MAKER) == []


@settings(max_examples=25, deadline=None)
@given(
    acts=st.lists(
        st.tuples(
            st.sampled_from(["aggregate", "quarantine", "sterilise", "use", "dispense", "lose"]),
            st.sets(st.integers(1, 3), min_size=1),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_taken_back_from_the_last_all_is_as_it_was(
    acts: list[tuple[str, set[int]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    try:
        shop.stock(A, B, C)
        states, dones = [lives(shop)], list[Done]()
        more = {"aggregate": {"parent": BOX}, "quarantine": {"reason": "damaged"}}
        for act, numbers in acts:
            action: Any = "report_lost" if act == "lose" else act
            try:
                dones.append(shop.do(action, sorted(map(pack, numbers)), **more.get(act, {})))
            except Refusal:
                continue
            states.append(lives(shop))
        for done in reversed(dones):
            assert lives(shop) == states.pop()
            take_back(shop, done)
        assert lives(shop) == states.pop()
    finally:
        shop.room.close()
