"""F42: verify serial, lot and expiry; each thing that is wrong gives its own reason, in time."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.rows.supplied import Traders, gtin, pack, path
from tests.rows.verifying import address, credential, gln, report, verify
from yilian.gateway.epcis.document import Event
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError

ASKED = 40
GOOD, OLD, BACK, SOLD, GONE, TOLD, UNMADE = range(7)
Case = tuple[int, str, str, str, str, dict[str, Any]]
NO_MATCH = "No_match_GTIN_Serial"
NO_REASON = "No_reason_provided"
CASES: tuple[Case, ...] = (
    (GOOD, "L1", "701231", "verified", "none", {"verified": True}),
    (UNMADE, "L1", "701231", "serial_unknown", "suspected_fake", {"why": NO_MATCH}),
    (GOOD, "X9", "701231", "lot_differs", "suspected_fake", {"why": f"{NO_MATCH}_Lot"}),
    (GOOD, "L1", "710331", "expiry_differs", "suspected_fake", {"why": f"{NO_MATCH}_Expiry"}),
    (
        GOOD,
        "X9",
        "710331",
        "lot_and_expiry_differ",
        "suspected_fake",
        {"why": f"{NO_MATCH}_Lot_Expiry"},
    ),
    (OLD, "L0", "200131", "expired", "not_for_sale", {"why": NO_REASON}),
    (BACK, "L9", "701231", "recalled", "not_for_sale", {"why": NO_REASON, "recalled": True}),
    (SOLD, "L1", "701231", "dispensed", "suspected_fake", {"why": NO_REASON}),
    (TOLD, "L1", "701231", "dispensed", "suspected_fake", {"why": NO_REASON}),
    (GONE, "L1", "701231", "destroyed", "suspected_fake", {"why": NO_REASON}),
)
NAMES = [f"{each[3]}-{each[0]}" for each in CASES]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traders]:
    """Traders, and packs that went different ways."""
    with Traders(tmp_path_factory.mktemp("f42") / "node") as running:
        running.open_trade()
        maker = running.maker
        running.do(maker, "commission", [pack(GOOD)], lot="L1", expiry="2070-12-31")
        running.do(maker, "commission", [pack(OLD)], lot="L0", expiry="2020-01-31")
        running.do(maker, "commission", [pack(BACK)], lot="L9", expiry="2070-12-31")
        away = [pack(SOLD), pack(GONE), pack(TOLD)]
        running.do(maker, "commission", away, lot="L1", expiry="2070-12-31")
        with running.client(maker) as client:
            client.supply.issue_recall(
                recall=drafts.fresh_id(),
                gtin=gtin(),
                grade=2,
                reason="potency",
                lots=["L9"],
                serials=[],
            )
        running.until_done(maker, "dispense", [pack(SOLD)])
        running.until_done(maker, "destroy", [pack(GONE)])
        report(running, maker, [handed_out(running)], running.shop)
        yield running


def handed_out(served: Traders) -> Event:
    """What a pharmacy's program tells the maker: the maker knows of no pack what nobody told it."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "dispensing",
        "disposition": "dispensed",
        "eventTime": moment,
        "eventTimeZoneOffset": "+08:00",
        "epcList": [pack(TOLD)],
        "readPoint": {"id": served.places[served.shop.id]},
        "bizLocation": {"id": served.places[served.shop.id]},
    }


@pytest.mark.parametrize(("number", "lot", "expiry", "reason", "concern", "data"), CASES, ids=NAMES)
def test_each_fault_gives_its_reason_at_the_trades_door(
    served: Traders,
    number: int,
    lot: str,
    expiry: str,
    reason: str,
    concern: str,
    data: dict[str, Any],
) -> None:
    """By the trade's own standard; the signed receipt has the reason in full."""
    answer = verify(served, served.shop, f"S{number}", lot, expiry)
    wanted: dict[str, Any] = {"verified": reason == "verified"}
    if "why" in data:
        wanted["verificationFailureReason"] = data["why"]
    if "recalled" in data:
        wanted["additionalInfo"] = "recalled"
    assert answer.said == wanted
    assert answer.body["responderGLN"] == gln(served, served.maker)
    assert answer.headers["cache-control"] == "private, no-cache"
    content = answer.headers["yilian-receipt"].partition(".")[0]
    kept = json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
    assert (kept["answer"]["reason"], kept["answer"]["concern"]) == (reason, concern)
    assert kept["requester"] == gln(served, served.shop)


@pytest.mark.parametrize(("number", "lot", "expiry", "reason", "concern", "data"), CASES, ids=NAMES)
def test_each_fault_gives_its_reason_to_a_counter(
    served: Traders,
    number: int,
    lot: str,
    expiry: str,
    reason: str,
    concern: str,
    data: dict[str, Any],
) -> None:
    """Asked by the shop's people with what the scanner read, in words that they can act on."""
    code = f"(01){gtin()}(17){expiry}(10){lot}(21)S{number}"
    with served.client(served.shop) as client:
        found = client.request("POST", path(served.shop, "verifications"), {"code": code})
    assert (found["reason"], found["concern"]) == (reason, concern)
    assert found["verified"] is (reason == "verified")
    assert found["responder"] == gln(served, served.maker)
    assert (found["recall"] is None) is (reason != "recalled")
    assert found["why"]
    assert found["do"]


def test_who_may_not_ask_hears_nothing(served: Traders) -> None:
    """Nobody, somebody without a credential, and another one's number."""
    assert httpx.get(served.url + address(served, served.shop, "S0", "L1")).status_code == 401
    without = verify(served, served.other, "S0", "L1")
    assert (without.status, without.body["code"]) == (403, "supply.requester_not_allowed")
    posing = verify(served, served.shop, "S0", "L1", signed_by=served.other)
    assert (posing.status, posing.body["code"]) == (403, "supply.requester_not_allowed")
    asked = {"code": f"(01){gtin()}(21)S0"}
    with served.client(served.other) as client, pytest.raises(ProblemError) as problem:
        client.request("POST", path(served.other, "verifications"), asked)
    assert problem.value.code == "supply.requester_not_allowed"
    credential(served, served.other)
    assert verify(served, served.other, "S0", "L1").said == {"verified": True}


def test_an_answer_takes_less_than_a_second(served: Traders) -> None:
    """The 95th percentile of whole requests; `bench/verification.py` has a million packs."""
    took = []
    for _ in range(ASKED):
        began = time.perf_counter()
        assert verify(served, served.shop, "S0", "L1").said == {"verified": True}
        took.append(time.perf_counter() - began)
    print(f"p95 {sorted(took)[ASKED * 95 // 100] * 1000:.1f} ms")
