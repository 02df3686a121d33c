"""F43: a pack that came back is sold again only after a verification that passed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rows.supplied import Traders, gtin, pack, path

PACK = pack(1)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Traders]:
    """Traders who are registered."""
    with Traders(tmp_path / "node") as running:
        running.open_trade()
        yield running


def verify(served: Traders, code: str) -> bool:
    """A wholesaler asks the maker about a pack that lies before it, as before a resale."""
    asked = {"code": code, "context": "dscsaSaleableReturn"}
    with served.client(served.shop) as client:
        answer = client.request("POST", path(served.shop, "verifications"), asked)
        return bool(answer["verified"])


def pass_on(served: Traders, giver: Any, taker: Any, action: str, **more: Any) -> None:
    """A pack goes from one to another."""
    served.until_done(giver, "ship", [PACK], to=taker.id, **more)
    came = served.incoming(taker)
    served.until_done(taker, action, [PACK], shipment=came["shipment"])


def test_a_return_is_restocked_only_after_it_was_verified(served: Traders) -> None:
    maker, wholesaler, pharmacy = served.traders
    code = f"(01){gtin()}(17)701231(10)L1(21)S1"
    served.do(maker, "commission", [PACK], lot="L1", expiry="2070-12-31")
    pass_on(served, maker, wholesaler, "receive")
    pass_on(served, wholesaler, pharmacy, "receive")
    # A verification from before it came back counts for nothing.
    assert verify(served, code)
    pass_on(served, pharmacy, wholesaler, "return", returning=True)
    assert served.unit(wholesaler, PACK)["unit"]["standing"] == "returned"
    for action in ("dispense", "ship"):
        more = {"to": pharmacy.id} if action == "ship" else {}
        assert served.refused(wholesaler, action, [PACK], **more) == "supply.wrong_standing"
    assert served.refused(wholesaler, "restock", [PACK]) == "supply.not_verified"
    # What is printed on it is not what it was made with: the verification fails.
    assert not verify(served, code.replace("L1", "L2"))
    assert served.refused(wholesaler, "restock", [PACK]) == "supply.not_verified"
    assert verify(served, code)
    served.until_done(wholesaler, "restock", [PACK])
    assert served.unit(wholesaler, PACK)["unit"]["standing"] == "active"
    served.until_done(wholesaler, "dispense", [PACK])
