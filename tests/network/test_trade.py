"""F40, F42, F44, F46 across members: packs from the factory to the counter, each at its own node.

The tests are one story in order, with one set of members: none can be left out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from tests.network.calls import yilian
from tests.network.members import Running, kill, require_engine
from tests.network.story.cast import files
from tests.network.story.trade import (
    BOX,
    CALLED_BACK,
    DAY_MS,
    EXPIRY,
    FOUNDERS,
    LOT,
    Trade,
    packs,
    serial,
    until,
)
from tests.rows.supplied import gtin
from yilian.gateway.members import formats, there
from yilian.ledger import transaction
from yilian.ledger.modules.supply.messages import Post
from yilian.node.store import Store
from yilian.sdk import drafts
from yilian.sdk.errors import ProblemError

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network")]

SENT = packs(0, 4)
"""What goes to the pharmacy in a case; the first is dispensed."""

LEFT = packs(4, 2)
"""What the wholesaler keeps, and is dishonest with."""

SOLD, GOOD, QUIET = SENT[:3]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A maker, a wholesaler, a pharmacy and a regulator, each with its own process."""
    require_engine()
    made = Running(tmp_path_factory.mktemp("trade") / "net", FOUNDERS)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def trade(running: Running) -> Trade:
    """The trade among them."""
    return Trade(running)


def test_a_receiver_takes_in_what_came_while_its_sender_is_down(trade: Trade) -> None:
    """Its node fetched the packs' history before; scans say what the chain alone knows."""
    maker, wholesaler = trade.maker, trade.wholesaler
    trade.do(maker, "commission", [*SENT, *LEFT], lot=LOT, expiry=EXPIRY)
    trade.do(maker, "aggregate", SENT, parent=BOX)
    sent = trade.until_done(maker, "ship", [BOX, *LEFT], to=wholesaler.id)
    came = trade.incoming(wholesaler)
    assert (came["shipment"], came["sender"]) == (sent["shipment"], maker.id)
    assert sorted(came["units"]) == sorted([*SENT, *LEFT])
    kept = "SELECT shipment FROM supply_ahead"
    until("the history is fetched", lambda: trade.rows(wholesaler, kept) == [(came["shipment"],)])
    # Nobody has decided yet: nothing of it is in the repository.
    assert trade.refused(wholesaler, "dispense", SENT[:1]) == "supply.unit_unknown"
    with trade.stopped(maker):
        trade.do(wholesaler, "receive", [BOX, *LEFT], shipment=came["shipment"])
        life = trade.unit(wholesaler, GOOD)
        acts = [each["act"] for each in life["history"]]
        assert acts == ["commission", "observe", "ship", "receive"]
        assert (life["unit"]["lot"], life["unit"]["expiry"]) == (LOT, EXPIRY)
        with trade.client(trade.regulator) as client:
            client.supply.issue_recall(
                recall=drafts.fresh_id(),
                gtin=gtin(),
                grade=1,
                reason="contamination",
                lots=[CALLED_BACK],
                serials=[],
            )
        for each in (trade.pharmacy, trade.regulator):
            seen = trade.scan(each, GOOD)
            assert (seen["verdict"], seen["responder"]) == (
                "not_verified",
                "supply.responder_unreachable",
            )
            assert (seen["maker"], seen["product"]) == ("云溪制药", "阿莫西林胶囊")

            def called_back(at: Any = each) -> bool:
                found = trade.scan(at, packs(99, 1)[0], CALLED_BACK)
                return (found["verdict"], found["colour"]) == ("recalled", "red")

            until("a recall is seen though the responder is down", called_back)


def test_a_wholesaler_that_is_killed_while_it_ships_loses_nothing(trade: Trade) -> None:
    wholesaler, pharmacy = trade.wholesaler, trade.pharmacy
    member = trade.member(wholesaler)
    sent = trade.until_done(wholesaler, "ship", [BOX], to=pharmacy.id)
    before = len(member.news)
    kill(member.pid)
    until(
        "the wholesaler serves again",
        lambda: any(each.step == "serving" for each in member.news[before:]),
    )
    came = trade.incoming(pharmacy)
    assert (came["shipment"], sorted(came["units"])) == (sent["shipment"], sorted(SENT))
    trade.until_done(pharmacy, "receive", [BOX], shipment=came["shipment"])
    life = trade.unit(pharmacy, GOOD)
    acts = [each["act"] for each in life["history"]]
    assert acts == ["commission", "observe", "ship", "receive", "ship", "receive"]
    assert trade.ask(wholesaler, "audit") == {"changed": [], "more": False}
    assert trade.refused(wholesaler, "ship", [BOX], to=trade.maker.id) in (
        "supply.wrong_standing",
        "supply.not_yours",
    )
    held = "SELECT unit FROM title_units WHERE gone = 0 AND move IS NULL ORDER BY unit"
    assert trade.rows(wholesaler, held) == [(each,) for each in sorted(LEFT)]
    assert trade.rows(pharmacy, held) == [(each,) for each in sorted(SENT)]


def test_a_pack_is_dispensed_and_anybody_sees_it_at_any_node(trade: Trade) -> None:
    maker, pharmacy = trade.maker, trade.pharmacy
    trade.do(pharmacy, "disaggregate", [], parent=BOX)
    code = f"(01){gtin()}(17)701231(10){LOT}(21){serial(SOLD)}"
    trade.until_done(pharmacy, "dispense", [code])
    assert trade.refused(pharmacy, "dispense", [code]) == "supply.already_dispensed"
    for each in (maker, trade.wholesaler, pharmacy, trade.regulator):
        sold = until(
            "a dispensed pack is seen", lambda at=each: _says(trade, at, SOLD, "dispensed")
        )
        assert (sold["colour"], sold["lot"], sold["expiry"]) == ("blue", LOT, EXPIRY)
        good = trade.scan(each, GOOD)
        assert (good["verdict"], good["colour"], good["responder"]) == (
            "genuine",
            "green",
            "answered",
        )
        assert [each["step"] for each in good["route"]] == ["commission", "ship"]
        assert "Eastgate" not in json.dumps(good, ensure_ascii=False)
        assert trade.scan(each, packs(98, 1)[0])["verdict"] == "suspect"
    assert trade.verify(pharmacy, 3, GOOD)["data"] == {"verified": True}
    found = trade.verify(pharmacy, 3, SOLD)
    assert found["data"] == {
        "verified": False,
        "verificationFailureReason": "No_reason_provided",
    }
    # The wholesaler has no credential: the responder's directory lets nobody ask without one.
    with pytest.raises(ProblemError) as caught:
        trade.verify(trade.wholesaler, 2, GOOD)
    assert caught.value.code == "supply.requester_not_allowed"


def test_a_responder_hears_of_a_dispensing_and_notices_a_second_presentation(
    trade: Trade,
) -> None:
    """The maker's node is shown how the pack's title ended: no token, no event, no report."""
    maker, wholesaler, pharmacy = trade.maker, trade.wholesaler, trade.pharmacy
    done = trade.until_done(pharmacy, "dispense", [QUIET])
    for each in (maker, wholesaler, pharmacy, trade.regulator):
        until("the end is known", lambda at=each: _says(trade, at, QUIET, "dispensed"))
    assert _alerts(trade, maker, QUIET) == set()
    before = _on_chain(trade)
    # Who handed it out scans it once more: a slip. The end that an event tells of is the same one.
    assert trade.verify(pharmacy, 3, QUIET)["data"]["verified"] is False
    _report(trade, done["events"][0])
    captured = "SELECT count(*) FROM epcis_events WHERE event_id = ?"
    until(
        "the event is captured",
        lambda: trade.rows(maker, captured, done["events"][0]) == [(1,)],
    )
    assert _alerts(trade, maker, QUIET) == {"after_end"}
    assert _on_chain(trade) == before
    with trade.client(trade.regulator) as client:
        client.supply.issue_credential(
            credential=drafts.fresh_id(),
            organisation=wholesaler.id,
            role="logistics_provider",
            ends=time.time_ns() // 1_000_000 + DAY_MS,
        )

    def presented() -> bool:
        try:
            data = trade.verify(wholesaler, 2, QUIET)["data"]
        except ProblemError as problem:
            if problem.code != "supply.requester_not_allowed":
                raise
            return False
        assert data["verified"] is False
        return True

    until("the wholesaler may ask", presented)
    assert _alerts(trade, maker, QUIET) == {"after_end", "clone"}
    until("all members see the alert", lambda: _on_chain(trade) == [*before, "clone"])


def _on_chain(trade: Trade) -> list[str]:
    """The kinds of alerts that all members see."""
    with trade.client(trade.regulator) as client:
        return [each["kind"] for each in client.list("supply", "alerts")]


def _alerts(trade: Trade, who: Any, unit: str) -> set[str]:
    """The kinds of alerts that an organisation has of a pack."""
    found = trade.ask(who, "alerts")["alerts"]
    return {each["kind"] for each in found if each["unit"] == unit}


def _says(trade: Trade, at: Any, unit: str, verdict: str) -> dict[str, Any] | None:
    found = trade.scan(at, unit)
    return found if found["verdict"] == verdict else None


def _report(trade: Trade, event: str) -> None:
    """The pharmacy tells the product's responder what it dispensed, by the open interface."""
    maker, pharmacy = trade.maker, trade.pharmacy
    asked = {
        "name": "河滨药房",
        "rights": ["capture"],
        "partner": pharmacy.id,
        "expires": time.time_ns() // 1_000_000 + DAY_MS,
    }
    with trade.client(maker) as client:
        bearer = client.request("POST", f"/v1/organisations/{maker.id}/epcis/tokens", asked)
    with trade.client(pharmacy) as client:
        told = client.request("GET", f"/epcis/{pharmacy.id}/events/{quote(event, safe='')}")
    answer = httpx.post(
        f"{trade.member(maker).url}/epcis/{maker.id}/capture",
        json=told,
        headers={"Authorization": f"Bearer {bearer['bearer']}"},
    )
    assert answer.status_code == 202, answer.text


def test_a_regulator_opens_what_the_maker_posted_over_the_members_door(trade: Trade) -> None:
    maker, wholesaler = trade.maker, trade.wholesaler
    given = ("given", wholesaler.id, tuple(sorted([*SENT, *LEFT])))
    until("the regulator sees the maker's", lambda: given in _moves(trade, maker))
    ended = ("ended", "dispensed", (SOLD,))
    until("the regulator sees the pharmacy's", lambda: ended in _moves(trade, trade.pharmacy))
    for asker in (wholesaler, trade.pharmacy):
        asked = formats.OpeningsAsked(intervals=(1,))
        answer = trade.knock(asker, maker, there.SUPPLY_OPENING, asked)
        assert (answer.status_code, answer.json()["code"]) == (403, "members.not_about_caller")


def _moves(trade: Trade, member: Any) -> set[tuple[str, str, tuple[str, ...]]]:
    """Open all posts of a member that moved something, by the regulator's node."""
    query = "SELECT min(interval), max(interval) FROM title_posts WHERE state = 'posted'"
    ((first, last),) = trade.rows(member, query)
    found = []
    for at in range(first, last + 1, 200):
        where = f"openings/{member.id}?first={at}&last={min(at + 199, last)}"
        found += trade.ask(trade.regulator, where)["intervals"]
    assert {each["fault"] for each in found} <= {"", "silent"}
    return {
        (
            each["kind"],
            each.get("holder", "") or each.get("word", ""),
            tuple(sorted(each["units"])),
        )
        for interval in found
        for each in interval["movements"]
    }


def test_a_member_that_holds_nothing_learns_nothing(trade: Trade) -> None:
    """The regulator was asked for scans, and opened posts; of the trade it keeps nothing."""
    maker, regulator = trade.maker, trade.regulator
    assert trade.shipments(regulator) == []
    for table in ("supply_units", "title_units", "title_arrivals", "supply_ahead"):
        assert trade.rows(regulator, f"SELECT count(*) FROM {table}") == [(0,)], table
    foreign = "SELECT count(*) FROM epcis_events WHERE submitter != ?"
    assert trade.rows(regulator, foreign, regulator.id) == [(0,)]
    ((shipment,),) = trade.rows(maker, "SELECT action FROM title_actions WHERE kind = 'ship'")
    asked = formats.HistoryAsked(shipment=shipment, after=0)
    answer = trade.knock(regulator, maker, there.SUPPLY_HISTORY, asked)
    assert (answer.status_code, answer.json()["code"]) == (403, "members.not_about_caller")
    # The pharmacy got packs of it by another hand, and it is not its shipment either.
    answer = trade.knock(trade.pharmacy, maker, there.SUPPLY_HISTORY, asked)
    assert (answer.status_code, answer.json()["code"]) == (403, "members.not_about_caller")
    answer = trade.knock(trade.wholesaler, maker, there.SUPPLY_HISTORY, asked)
    assert answer.status_code == 200
    wanted = [serial(each).encode() for each in (*SENT, *LEFT)]
    there_ = {path for path, data in files(trade.member(maker).path) if wanted[0] in data}
    assert there_, "the search finds what is there"
    for path, data in files(trade.member(regulator).path):
        assert not [each for each in wanted if each in data], path


def test_a_regulator_follows_a_pack_that_it_never_had(trade: Trade) -> None:
    """From who answers for the product to where the pack was dispensed; nobody else may."""
    maker, regulator = trade.maker, trade.regulator
    code = f"(01){gtin()}(21){serial(SOLD)}"
    where = f"trace/members?code={quote(code)}"
    hops = trade.ask(regulator, where)["hops"]
    assert (hops[0]["organisation"], hops[-1]["organisation"]) == (maker.id, trade.pharmacy.id)
    assert {each["fault"] for each in hops} == {""}
    assert [each["act"] for each in hops[-1]["moments"]][-1] == "dispense"
    never = f"trace/members?code={quote(f'(01){gtin()}(21)NEVER1')}"
    kept = f"trace/members?code={quote(f'(01){gtin()}(21){serial(LEFT[0])}')}"
    for asker, asked in ((regulator, never), (trade.pharmacy, kept)):
        with pytest.raises(ProblemError) as caught:
            trade.ask(asker, asked)
        assert caught.value.code == "supply.nothing_to_trace"


def test_who_gives_one_pack_to_two_is_refused_by_the_chain_and_by_the_second_receiver(
    trade: Trade, tmp_path: Path
) -> None:
    """The wholesaler ships a pack, then brings an older copy of its database, and a false one.

    In that copy the pack was never shipped; and what went to the pharmacy has gone to the maker.
    """
    maker, wholesaler, pharmacy = trade.maker, trade.wholesaler, trade.pharmacy
    unit = LEFT[0]
    older = trade.copy(wholesaler, tmp_path / "older")
    trade.until_done(wholesaler, "ship", [unit], to=pharmacy.id)
    came = trade.incoming(pharmacy)
    assert came["units"] == [unit]
    with trade.stopped(wholesaler):
        trade.put_back(wholesaler, older)
        shipment = _turn(trade)
    again = trade.do(wholesaler, "ship", [unit], to=maker.id)["shipment"]

    def at_the_maker(name: str) -> list[dict[str, Any]]:
        return [each for each in trade.shipments(maker) if each["shipment"] == name]

    (found,) = until("the second receiver got it", lambda: at_the_maker(shipment))
    assert (found["sender"], found["checked"], found["units"]) == (wholesaler.id, False, [])
    assert found["fault"] == "supply.title_path"
    assert trade.refused(maker, "receive", [BOX], shipment=shipment) == "supply.shipment_unknown"
    log = trade.member(wholesaler).path / "node.log"
    until("the chain refuses", lambda: "a post is refused: supply.spent" in log.read_text())
    gone = "SELECT gone FROM title_units WHERE unit = ?"
    until("it learns that it was spent", lambda: trade.rows(wholesaler, gone, unit) == [(1,)])
    assert trade.ask(wholesaler, f"shipments/{again}")["state"] not in ("done", "brought")
    assert at_the_maker(again) == []
    trade.until_done(pharmacy, "receive", [unit], shipment=came["shipment"])


def _turn(trade: Trade) -> str:
    """Have the wholesaler's stopped node give the pharmacy's note to the maker as well.

    The maker promised a claim for it, as for any other note.
    """
    maker, wholesaler = trade.maker, trade.wholesaler
    answer = trade.knock(wholesaler, maker, there.SUPPLY_CLAIMS, formats.ClaimsAsked(count=1))
    claim = msgspec.msgpack.decode(answer.content, type=formats.ClaimsAnswer).keys[0]
    with trade.writing(wholesaler) as connection:
        query = "SELECT action FROM title_actions WHERE kind = 'ship' AND state = 'brought'"
        ((shipment,),) = connection.execute(query).fetchall()
        sent = "UPDATE title_actions SET \"to\" = ?, state = 'done' WHERE action = ?"
        connection.execute(sent, (maker.id, shipment))
        given = "UPDATE title_notes SET holder = ?, key = ? WHERE shipment = ? AND made IS NOT NULL"
        assert connection.execute(given, (maker.id, claim, shipment)).rowcount == 1
    return str(shipment)


def test_no_nullifier_was_posted_twice(trade: Trade, tmp_path: Path) -> None:
    """All blocks of the whole story, as the regulator has them."""
    member, copy = trade.member(trade.regulator), tmp_path / "copy"
    yilian("network", "backup", member.path, "--to", copy, "--erasure-to", tmp_path / "apart")
    seen: dict[tuple[str, str], int] = {}
    store = Store(copy / "chain")
    try:
        for height in range(1, store.sealed() + 1):
            block = store.block(height)
            outcomes = store.outcomes(height)
            assert block is not None
            assert outcomes is not None
            for raw, outcome in zip(block.txs, outcomes.results, strict=True):
                body = transaction.decode(raw).body
                for message in body.messages:
                    if isinstance(message, Post) and outcome.code == 0:
                        for each in message.nullifiers:
                            assert (body.payer, each) not in seen
                            seen[body.payer, each] = height
    finally:
        store.close()
    assert {payer for payer, _ in seen} == {each.id for each in trade.traders}
