"""An event with its proof, for a browser that works it out again; and the event behind an alert."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.rows.desk import refused
from tests.rows.supplied import PATIENCE, Traders, pack, path
from yilian.gateway.supply.anchors import verify
from yilian.node.config import HostedOrganisation


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traders]:
    """Traders who are registered."""
    with Traders(tmp_path_factory.mktemp("trade") / "node") as running:
        running.open_trade()
        yield running


def address(who: HostedOrganisation, event: str) -> str:
    return path(who, f"recorded?event={quote(event, safe='')}")


def ask(served: Traders, who: HostedOrganisation, event: str) -> dict[str, Any]:
    with served.client(who) as client:
        return dict(client.request("GET", address(who, event)))


def test_an_event_leads_to_its_post_by_its_own_text(served: Traders) -> None:
    done = served.do(served.maker, "commission", [pack(1)], lot="L1", expiry="2070-12-31")
    (event,) = done["events"]
    end = time.monotonic() + PATIENCE
    while (found := ask(served, served.maker, event))["proof"] is None:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert found["event"] == event
    assert json.loads(found["content"])["eventID"] == event
    said = verify(json.dumps(found["proof"]).encode(), served.node.engine.state())
    assert said.text == hashlib.sha256(found["content"].encode()).digest()
    assert (said.organisation, said.event_id) == (served.maker.id, event)


def test_nobody_else_sees_it_and_what_is_not_here_is_refused(served: Traders) -> None:
    done = served.do(served.maker, "commission", [pack(2)], lot="L1", expiry="2070-12-31")
    (event,) = done["events"]
    with served.client(served.shop) as client:
        assert refused(client, "GET", address(served.maker, event)) == "forbidden"
        assert refused(client, "GET", address(served.shop, event)) == "supply.event_not_anchored"
    with served.client(served.maker) as client:
        nothing = path(served.maker, "recorded")
        assert refused(client, "GET", nothing) == "bad_parameter"
