"""F40: a pack that somebody only says to have is neither passed on nor handed out by them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.rows.supplied import PATIENCE, Traders, pack
from tests.rows.verifying import report
from yilian.gateway.epcis.document import Event
from yilian.node.config import HostedOrganisation
from yilian.sdk.errors import ProblemError

PACK = pack(1)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Traders]:
    """Traders who are registered."""
    with Traders(tmp_path / "node") as running:
        running.open_trade()
        yield running


def said_to_be_here(served: Traders, who: HostedOrganisation) -> Event:
    """What a pharmacy's own program says of a pack that nobody gave it."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    where = {"id": served.places[who.id]}
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "receiving",
        "disposition": "in_progress",
        "eventTime": moment,
        "eventTimeZoneOffset": "+08:00",
        "epcList": [PACK],
        "readPoint": where,
        "bizLocation": where,
    }


def known(served: Traders, who: HostedOrganisation) -> None:
    """Wait until the event was followed."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            served.unit(who, PACK)
        except ProblemError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the event was not followed")


def test_an_event_makes_nobody_an_owner(served: Traders) -> None:
    maker, shop, other = served.traders
    served.do(maker, "commission", [PACK], lot="L1", expiry="2070-12-31")
    report(served, other, [said_to_be_here(served, other)], None)
    known(served, other)
    assert served.refused(other, "dispense", [PACK]) == "supply.not_yours"
    assert served.refused(other, "ship", [PACK], to=shop.id) == "supply.not_yours"
    assert served.refused(other, "destroy", [PACK]) == "supply.not_yours"
    # The maker has it still, gives it once, and not a second time.
    served.until_done(maker, "ship", [PACK], to=shop.id)
    assert served.refused(maker, "ship", [PACK], to=other.id) == "supply.wrong_standing"
    came = served.incoming(shop)
    served.until_done(shop, "receive", [PACK], shipment=came["shipment"])
    served.until_done(shop, "dispense", [PACK])
