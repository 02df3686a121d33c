"""F44: a regulator opens what members posted, exactly; nobody else is let in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rows.supplied import PATIENCE, Traders, pack, path
from yilian.ledger.modules.supply.state import last_post
from yilian.node.config import HostedOrganisation
from yilian.sdk.errors import ProblemError

Moves = set[tuple[str, str, tuple[str, ...]]]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Traders]:
    """Traders who are registered."""
    with Traders(tmp_path / "node") as running:
        running.open_trade()
        yield running


def opened(served: Traders, asker: HostedOrganisation, member: HostedOrganisation) -> Any:
    """Open the newest posts of a member."""
    last = last_post(served.node.engine.state(), member.id)
    assert last is not None
    where = f"openings/{member.id}?first={max(0, last - 150)}&last={last}"
    with served.client(asker) as client:
        return client.request("GET", path(asker, where))


def moves(found: Any) -> Moves:
    assert {each["fault"] for each in found["intervals"]} <= {"", "silent"}
    return {
        (each["kind"], each.get("holder", "") or each.get("word", ""), tuple(each["units"]))
        for interval in found["intervals"]
        for each in interval["movements"]
        if each["kind"] != "kept"
    }


def wait_for(served: Traders, member: HostedOrganisation, move: tuple[str, str, Any]) -> Moves:
    """Wait until the regulator sees a move of a member's."""
    end = time.monotonic() + PATIENCE
    while True:
        found = moves(opened(served, served.regulator, member))
        if move in found or time.monotonic() > end:
            assert move in found
            return found
        time.sleep(0.3)


def test_a_regulator_sees_who_gave_what_to_whom(served: Traders) -> None:
    maker, shop = served.maker, served.shop
    packs = [pack(number) for number in range(3)]
    served.do(maker, "commission", packs, lot="L1", expiry="2070-12-31")
    served.until_done(maker, "ship", packs[:2], to=shop.id)
    came = served.incoming(shop)
    served.until_done(shop, "receive", packs[:2], shipment=came["shipment"])
    served.until_done(shop, "dispense", packs[:1])
    given = wait_for(served, maker, ("given", shop.id, tuple(packs[:2])))
    assert given == {("given", shop.id, tuple(packs[:2]))}
    ended = wait_for(served, shop, ("ended", "dispensed", (packs[0],)))
    assert ended == {("ended", "dispensed", (packs[0],))}
    assert moves(opened(served, served.regulator, served.other)) == set()


def test_others_open_nothing(served: Traders) -> None:
    while last_post(served.node.engine.state(), served.maker.id) is None:
        time.sleep(0.1)
    for asker in (served.maker, served.shop, served.authority):
        with pytest.raises(ProblemError) as problem:
            opened(served, asker, served.maker)
        assert problem.value.code == "forbidden"
    for where in ("first=0&last=5000", "first=5&last=4", "first=x&last=4", "last=4"):
        with pytest.raises(ProblemError) as problem, served.client(served.regulator) as client:
            client.request("GET", path(served.regulator, f"openings/{served.maker.id}?{where}"))
        assert problem.value.code == "bad_parameter"
