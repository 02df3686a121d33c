"""Verification: each reason, its class, its evidence, and the standard's messages over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chain import DAY, Actor
from tests.http.node import problem
from tests.unit.gateway.supply.asking import CORRELATION, Gateway, verify_path
from tests.unit.gateway.supply.trade import (
    DRUG_CODE,
    EXPIRY,
    GTIN,
    HOSPITAL_GLN,
    LOT,
    MAKER_GLN,
    OTHER_GTIN,
    SHOP_GLN,
    Desk,
    Table,
    Trade,
)
from yilian.gateway.supply import codes
from yilian.gateway.supply.scan_errors import EVIDENCE_UNKNOWN, NOT_RESPONDER
from yilian.gateway.supply.unit import Standing, Unit
from yilian.gateway.supply.verdict import Concern, Question, Reason, judge
from yilian.gateway.supply.verification import RECEIPT_DOMAIN, RETURN, Seen, leaf, message
from yilian.ledger import codec, keys, signed_request
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply import messages as supply
from yilian.ledger.modules.supply.numbers import check_digit

TODAY = "2026-11-22"


class Recalls:
    """Lots that are recalled."""

    def __init__(self, *lots: str) -> None:
        self._lots = lots

    def recalled(self, gtin: str, lot: str, serial: str) -> str | None:
        """Name the recall."""
        return "recall" if lot in self._lots else None


def asked(**fields: Any) -> Question:
    """Ask about the pack that every table has."""
    return Question(**{"gtin": GTIN, "serial": "A1", "lot": LOT, "expiry": EXPIRY, **fields})


def table(standing: Standing = "active", **fields: str) -> Table:
    """Have that pack."""
    made = Table()
    made.put("A1", standing, **fields)
    return made


@pytest.mark.parametrize(
    ("standing", "reason", "concern"),
    [
        ("active", "verified", "none"),
        ("in_transit", "verified", "none"),
        ("dispensed", "dispensed", "suspected_fake"),
        ("partially_dispensed", "partially_dispensed", "not_for_sale"),
        ("returned", "returned", "not_for_sale"),
        ("quarantined", "quarantined", "not_for_sale"),
        ("recalled", "recalled", "not_for_sale"),
        ("destroyed", "destroyed", "suspected_fake"),
        ("stolen", "stolen", "suspected_fake"),
        ("lost", "lost", "suspected_fake"),
        ("sampled", "sampled", "suspected_fake"),
        ("exported", "exported", "suspected_fake"),
        ("decommissioned", "decommissioned", "suspected_fake"),
    ],
)
def test_each_standing_gives_its_reason(
    standing: Standing, reason: Reason, concern: Concern
) -> None:
    """And only what may be sold is verified."""
    verdict = judge(asked(), table(standing), Recalls(), TODAY)
    assert (verdict.reason, verdict.concern) == (reason, concern)
    assert verdict.verified == (concern == "none")


@pytest.mark.parametrize(
    ("fields", "reason", "concern"),
    [
        ({}, "verified", "none"),
        ({"lot": None, "expiry": None}, "verified", "none"),
        ({"serial": "A2"}, "serial_unknown", "suspected_fake"),
        ({"serial": "a1"}, "serial_unknown", "data_error"),
        ({"gtin": OTHER_GTIN}, "serial_unknown", "suspected_fake"),
        ({"lot": "X9"}, "lot_differs", "suspected_fake"),
        ({"lot": "l7-a0123"}, "lot_differs", "data_error"),
        ({"lot": "L7A0123"}, "lot_differs", "data_error"),
        ({"lot": "L7-AO123"}, "lot_differs", "data_error"),
        ({"lot": "L7-A0124"}, "lot_differs", "data_error"),
        ({"lot": "L7-A1023"}, "lot_differs", "data_error"),
        ({"lot": "L7-A012"}, "lot_differs", "data_error"),
        ({"lot": "L7-A01233"}, "lot_differs", "data_error"),
        ({"lot": "L7-A1024"}, "lot_differs", "suspected_fake"),
        ({"expiry": "2070-03-30"}, "expiry_differs", "data_error"),
        ({"expiry": "2031-03-30"}, "expiry_differs", "suspected_fake"),
        ({"expiry": "2069-03-31"}, "expiry_differs", "suspected_fake"),
        ({"lot": "L7-A0124", "expiry": "2070-03-30"}, "lot_and_expiry_differ", "suspected_fake"),
    ],
)
def test_numbers_that_differ(fields: dict[str, Any], reason: str, concern: str) -> None:
    """A slip of reading or typing is told from another pack's numbers."""
    verdict = judge(asked(**fields), table(), Recalls(), TODAY)
    assert (verdict.reason, verdict.concern) == (reason, concern)


@pytest.mark.parametrize(
    ("known", "given_", "concern"),
    [
        ("2027-05-11", "2011-05-27", "data_error"),
        ("2027-05-11", "2027-11-05", "data_error"),
        ("2027-05-11", "2011-05-28", "suspected_fake"),
        ("2027-05-31", "2027-05-01", "data_error"),
    ],
)
def test_dates_that_were_turned(known: str, given_: str, concern: str) -> None:
    """Day first, or month and day turned: an error of data."""
    verdict = judge(asked(expiry=given_), table(expiry=known), Recalls(), TODAY)
    assert (verdict.reason, verdict.concern) == ("expiry_differs", concern)


def test_a_short_lot_is_never_nearly_another() -> None:
    """In four characters one more or less is another lot."""
    verdict = judge(asked(lot="B124"), table(lot="B123"), Recalls(), TODAY)
    assert verdict.concern == "suspected_fake"


def test_expiry_is_judged_by_the_day() -> None:
    """Good until the end of its last day."""
    assert judge(asked(expiry=TODAY), table(expiry=TODAY), Recalls(), TODAY).verified
    before = judge(asked(expiry="2026-11-21"), table(expiry="2026-11-21"), Recalls(), TODAY)
    assert (before.reason, before.concern) == ("expired", "not_for_sale")


def test_where_nobody_knows_the_date_the_print_counts() -> None:
    """A pack that came without its expiry is not good for ever."""
    past = judge(asked(expiry="2026-11-21"), table(expiry=""), Recalls(), TODAY)
    assert (past.reason, past.concern) == ("expired", "not_for_sale")
    assert judge(asked(expiry=TODAY), table(expiry=""), Recalls(), TODAY).verified


def test_a_recall_outweighs_standing_and_expiry() -> None:
    """Who has used the pack wants to know of the recall first."""
    for standing in ("active", "dispensed", "destroyed"):
        verdict = judge(asked(), table(standing), Recalls(LOT), TODAY)
        assert (verdict.reason, verdict.recall) == ("recalled", "recall")
    other = judge(asked(serial="A2"), table(), Recalls(LOT), TODAY)
    assert (other.reason, other.recall) == ("serial_unknown", "recall")
    # The lot is the one that the responder knows, whatever the code says.
    assert judge(asked(lot=None), table(), Recalls(LOT), TODAY).reason == "recalled"


@given(
    st.text("ABC01-", min_size=1, max_size=8),
    st.text("ABC01-", min_size=1, max_size=8),
)
def test_slips_are_alike_in_both_directions(one: str, two: str) -> None:
    """And a lot is verified exactly where it is equal."""
    ours = judge(asked(lot=one), table(lot=two), Recalls(), TODAY)
    theirs = judge(asked(lot=two), table(lot=one), Recalls(), TODAY)
    assert ours == theirs
    assert ours.verified == (one == two)


# Evidence -------------------------------------------------------------------------------------


@pytest.fixture
def trade(tmp_path: Path) -> Iterator[Trade]:
    """A chain with a product."""
    made = Trade(tmp_path)
    yield made
    made.close()


@pytest.fixture
def desk(trade: Trade) -> Desk:
    """The maker's desk with one pack."""
    made = trade.desk(trade.maker)
    made.packs.put("A1")
    return made


def test_an_answer_is_kept_with_its_digest(trade: Trade, desk: Desk) -> None:
    """Who asked, what, and what was answered; salted, and signed for the requester."""
    answer = desk.verification.answer(
        asked(), SHOP_GLN, context="dscsaSaleableReturn", asked_by="signed"
    )
    kept = desk.verification.evidence(answer.verification)
    content = json.loads(kept.content)
    assert content["requester"] == kept.requester == SHOP_GLN
    assert content["question"] == {"gtin": GTIN, "serial": "A1", "lot": LOT, "expiry": EXPIRY}
    assert content["answer"] == {"verified": True, "reason": "verified", "concern": "none"}
    assert (content["asked_by"], content["context"]) == ("signed", "dscsaSaleableReturn")
    assert kept.digest == leaf(kept.salt, kept.content)
    assert kept.digest != leaf(bytes(32), kept.content)
    text, signature = answer.receipt.split(".")
    public = trade.maker.signer.key
    assert codec.to_bytes(text) == kept.content
    signed = RECEIPT_DOMAIN + kept.content
    assert keys.verify(public, signed, codec.to_bytes(signature))
    assert not keys.verify(public, signed + b" ", codec.to_bytes(signature))


def test_leaves_come_in_order_and_once(desk: Desk) -> None:
    """For the tree that is anchored."""
    made = [desk.verification.answer(asked(), SHOP_GLN) for _ in range(3)]
    found = desk.verification.leaves(0, 2)
    found += desk.verification.leaves(found[-1][0], 10)
    kept = [desk.verification.evidence(each.verification) for each in made]
    assert [each for _, each in found] == [each.salt + each.digest for each in kept]
    assert len({each.salt for each in kept}) == 3


def test_the_public_leaves_no_evidence(desk: Desk) -> None:
    """Nothing is kept of a scan without login; listeners hear of it."""
    seen: list[Seen] = []
    desk.verification.listeners.append(seen.append)
    assert desk.verification.look(asked()).verdict.verified
    assert desk.verification.leaves(0, 10) == []
    assert [each.requester for each in seen] == [""]


def test_an_unknown_answer_is_refused(desk: Desk) -> None:
    """By its id."""
    with pytest.raises(Refusal) as caught:
        desk.verification.evidence("nothing")
    assert caught.value.code is EVIDENCE_UNKNOWN


def test_another_responder_does_not_answer(trade: Trade, desk: Desk) -> None:
    """After a transfer the former one refuses."""
    trade.transfer(trade.shop)
    with pytest.raises(Refusal) as caught:
        desk.verification.answer(asked(), SHOP_GLN)
    assert caught.value.code is NOT_RESPONDER


def test_a_refused_question_leaves_nothing(trade: Trade, desk: Desk) -> None:
    """No evidence of what was not answered."""
    trade.transfer(trade.shop)
    with pytest.raises(Refusal):
        desk.verification.answer(asked(), SHOP_GLN)
    assert desk.verification.leaves(0, 10) == []


# What an organisation asked of others -----------------------------------------------------------


CODE = f"(01){GTIN}(21)A1(17)700331(10){LOT}"


def unit(desk: Desk, serial: str = "A1") -> Unit:
    """The pack in hand."""
    found = desk.packs.find_serial(GTIN, serial)
    assert found is not None
    return found


def test_a_check_is_kept_and_counts(trade: Trade, desk: Desk, gateway: Gateway) -> None:
    """The newest answer about a pack counts, from when it was given."""
    checks = trade.desk(trade.shop).checks
    before = trade.engine.now() - 1
    assert not checks.passed(unit(desk), before)
    check, answer = checks.ask(gateway.responders, codes.read(CODE))
    assert (check.verified, check.reason, check.responder) == (1, "verified", MAKER_GLN)
    assert check.receipt == answer.receipt != ""
    assert checks.passed(unit(desk), before)
    assert not checks.passed(unit(desk), check.at)
    desk.packs.put("A1", "stolen")
    checks.ask(gateway.responders, codes.read(CODE))
    assert not checks.passed(unit(desk), before)


def test_a_pack_that_came_back_may_be_asked_for(trade: Trade, desk: Desk, gateway: Gateway) -> None:
    """That it came back speaks against it, unless it is asked for that very reason."""
    checks = trade.desk(trade.shop).checks
    desk.packs.put("A1", "returned")
    plain, _ = checks.ask(gateway.responders, codes.read(CODE))
    returned, _ = checks.ask(gateway.responders, codes.read(CODE), context=RETURN)
    assert (plain.reason, returned.reason) == ("returned", "verified")
    desk.packs.put("A1", "returned", expiry="2020-01-31")
    late = codes.read(f"(01){GTIN}(21)A1")
    expired, _ = checks.ask(gateway.responders, late, context=RETURN)
    assert expired.reason == "expired"


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        (f"(01){GTIN}(10){LOT}", "supply.no_serial"),
        ("(00)106141412345678908", "supply.no_serial"),
        (f"(01){OTHER_GTIN}(21)A1", "supply.gtin_not_listed"),
    ],
)
def test_checks_that_cannot_be_made(
    trade: Trade, gateway: Gateway, code: str, refusal: str
) -> None:
    """Nothing is kept then."""
    checks = trade.desk(trade.shop).checks
    with pytest.raises(Refusal) as caught:
        checks.ask(gateway.responders, codes.read(code))
    assert caught.value.code.name == refusal


def test_who_has_no_number_or_credential_cannot_check(
    trade: Trade, desk: Desk, gateway: Gateway
) -> None:
    """A regulator that does not trade; a hospital without a credential."""
    for actor, refusal in (
        (trade.regulator, "supply.requester_unknown"),
        (trade.hospital, "supply.requester_not_allowed"),
    ):
        with pytest.raises(Refusal) as caught:
            trade.desk(actor).checks.ask(gateway.responders, codes.read(CODE))
        assert caught.value.code.name == refusal
    assert desk.verification.leaves(0, 10) == []


def test_the_facts_of_a_product(trade: Trade, desk: Desk) -> None:
    """As actions at packs ask for them."""
    facts = desk.directory
    assert facts.facts(GTIN) == (trade.maker.id, False, None)
    assert facts.facts(OTHER_GTIN) is None
    assert facts.by_drug_code(DRUG_CODE) == GTIN
    assert facts.by_drug_code("0000000") is None


# The standard's messages ----------------------------------------------------------------------


@pytest.fixture
def gateway(trade: Trade, desk: Desk) -> Iterator[Gateway]:
    """A node for maker and shop."""
    desks = {trade.maker.id: desk, trade.shop.id: trade.desk(trade.shop)}
    made = Gateway(trade, desks, [trade.maker.id, trade.shop.id])
    yield made
    made.close()


def data(answer: httpx.Response) -> dict[str, Any]:
    """Check the envelope of an answer to the letter; give what it holds."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["content-type"] == "application/json"
    body: dict[str, Any] = answer.json()
    assert set(body) == {"verificationTimestamp", "responderGLN", "data", "corrUUID"}
    assert (body["responderGLN"], body["corrUUID"]) == (MAKER_GLN, CORRELATION)
    assert body["verificationTimestamp"].endswith("Z")
    held: dict[str, Any] = body["data"]
    return held


def failed(reason: str, **more: str) -> dict[str, Any]:
    """Write what a failure holds."""
    return {"verified": False, "verificationFailureReason": reason, **more}


def test_the_eight_cases(trade: Trade, desk: Desk, gateway: Gateway) -> None:
    """Match; serial, lot or expiry of another; unknown GTIN; recalled; 401; 403; 400."""

    def ask(lot: str = LOT, serial: str = "A1", gtin: str = GTIN, **query: str) -> httpx.Response:
        return gateway.signed(trade.shop, verify_path(gtin, lot, serial, SHOP_GLN, **query))

    assert data(ask()) == {"verified": True}
    assert data(ask(serial="A2")) == failed("No_match_GTIN_Serial")
    assert data(ask(lot="X9")) == failed("No_match_GTIN_Serial_Lot")
    assert data(ask(exp="690331")) == failed("No_match_GTIN_Serial_Expiry")
    assert data(ask(lot="X9", exp="690331")) == failed("No_match_GTIN_Serial_Lot_Expiry")
    problem(ask(gtin=OTHER_GTIN), "supply.gtin_not_listed", 404)
    desk.packs.put("A3", "stolen")
    assert data(ask(serial="A3")) == failed("No_reason_provided")
    trade.recall("lots", LOT)
    assert data(ask()) == failed("No_reason_provided", additionalInfo="recalled")
    assert data(ask(serial="A2")) == failed("No_match_GTIN_Serial", additionalInfo="recalled")
    nobody = gateway.get(verify_path(GTIN, LOT, "A1", SHOP_GLN))
    problem(nobody, "supply.requester_unknown", 401)
    uncredited = gateway.signed(trade.hospital, verify_path(GTIN, LOT, "A1", HOSPITAL_GLN))
    problem(uncredited, "supply.requester_not_allowed", 403)
    problem(ask(corrUUID="1234"), "supply.verification_malformed", 400)


@pytest.mark.parametrize(
    ("gtin", "lot", "serial", "query", "field"),
    [
        (GTIN[1:], LOT, "A1", {}, "gtin"),
        (GTIN[:-1] + "0", LOT, "A1", {}, "gtin"),
        (GTIN, "L" * 21, "A1", {}, "lot"),
        (GTIN, "%E6%89%B9", "A1", {}, "lot"),
        (GTIN, LOT, "%20", {}, "ser"),
        (GTIN, LOT, "A" * 21, {}, "ser"),
        (GTIN, LOT, "A%0A", {}, "ser"),
        (GTIN, LOT, "A1", {"exp": "701331"}, "exp"),
        (GTIN, LOT, "A1", {"exp": "70033"}, "exp"),
        (GTIN, LOT, "A1", {"linkType": ""}, "linkType"),
        (GTIN, LOT, "A1", {"linkType": "pip"}, "linkType"),
        (GTIN, LOT, "A1", {"context": "a%20b"}, "context"),
        (GTIN, LOT, "A1", {"reqGLN": ""}, "reqGLN"),
        (GTIN, LOT, "A1", {"reqGLN": SHOP_GLN[:-1] + "0"}, "reqGLN"),
        (GTIN, LOT, "A1", {"corrUUID": ""}, "corrUUID"),
        (GTIN, LOT, "A1", {"corrUUID": CORRELATION.replace("-", "")}, "corrUUID"),
        (GTIN, LOT, "A1", {"exp": "700331&exp=700331"}, "query"),
    ],
)
def test_malformed_requests_name_the_field(
    trade: Trade, gateway: Gateway, gtin: str, lot: str, serial: str, query: Any, field: str
) -> None:
    """Before anything else is looked at."""
    path = verify_path(gtin, lot, serial, SHOP_GLN, **query)
    body = problem(gateway.signed(trade.shop, path), "supply.verification_malformed", 400)
    assert body["parameters"] == {"field": field}


def test_every_character_of_a_serial_passes(trade: Trade, desk: Desk, gateway: Gateway) -> None:
    """A slash and a percent sign among them; without an expiry, with others' parameters."""
    serial, lot = "A/B%C", "L/1?"
    desk.packs.put(serial, lot=lot)
    path = verify_path(GTIN, "L%2F1%3F", "A%2FB%25C", SHOP_GLN, exp="", reqName="x")
    assert data(gateway.signed(trade.shop, path)) == {"verified": True}


def test_who_may_not_ask(trade: Trade, gateway: Gateway) -> None:
    """Another's number, a number of nobody, a revoked credential, a replayed request."""
    foreign = gateway.signed(trade.shop, verify_path(GTIN, LOT, "A1", HOSPITAL_GLN))
    problem(foreign, "supply.requester_not_allowed", 403)
    unknown = "950600040000" + check_digit("950600040000")
    nobody = gateway.signed(trade.shop, verify_path(GTIN, LOT, "A1", unknown))
    problem(nobody, "supply.requester_unknown", 401)
    trade.must(trade.regulator, supply.RevokeCredential(credential=trade.shop_credential))
    revoked = gateway.signed(trade.shop, verify_path(GTIN, LOT, "A1", SHOP_GLN))
    problem(revoked, "supply.requester_not_allowed", 403)


def test_a_bearer_token_of_a_partner(trade: Trade, desk: Desk, gateway: Gateway) -> None:
    """By GLN or by organisation; not without partner, not revoked, not another's, not invented."""
    path = verify_path(GTIN, LOT, "A1", SHOP_GLN)
    later = trade.engine.now() + DAY

    def bearer(text: str) -> httpx.Response:
        return gateway.get(path, Authorization=f"Bearer {text}")

    for partner in (SHOP_GLN, trade.shop.id):
        issued = desk.tokens.issue("warehouse", ["query"], partner, later)
        assert data(bearer(issued.text)) == {"verified": True}
    desk.tokens.revoke(issued.token.token)
    assert bearer(issued.text).status_code == 401
    captures = desk.tokens.issue("warehouse", ["capture"], SHOP_GLN, later)
    problem(bearer(captures.text), "supply.requester_not_allowed", 403)
    own = desk.tokens.issue("warehouse", ["query"], None, later)
    problem(bearer(own.text), "supply.requester_not_allowed", 403)
    hospital = desk.tokens.issue("ward", ["query"], HOSPITAL_GLN, later)
    problem(bearer(hospital.text), "supply.requester_not_allowed", 403)
    assert bearer("nonsense").status_code == 401
    assert gateway.get(path, Authorization="Basic eDp5").status_code == 401


def test_the_receipt_comes_with_the_answer(trade: Trade, desk: Desk, gateway: Gateway) -> None:
    """And the evidence holds the signed question."""
    made = gateway.signed(trade.shop, verify_path(GTIN, LOT, "A1", SHOP_GLN))
    content = json.loads(codec.to_bytes(made.headers["yilian-receipt"].split(".")[0]))
    assert content["requester"] == SHOP_GLN
    claim, _ = signed_request.read(content["asked_by"])
    assert claim.sender == trade.shop.id
    assert len(desk.verification.leaves(0, 10)) == 1


def test_connectivity(trade: Trade, gateway: Gateway) -> None:
    """Who would answer, told only to who may ask."""
    path = f"/checkConnectivity?gtin={GTIN}&reqGLN={SHOP_GLN}&context=dscsaSaleableReturn"
    made = gateway.signed(trade.shop, path)
    assert made.json() == {"responderGLN": MAKER_GLN}
    assert made.headers["cache-control"] == "private, no-cache"
    problem(gateway.get(path), "supply.requester_unknown", 401)
    other = path.replace(GTIN, OTHER_GTIN)
    problem(gateway.signed(trade.shop, other), "supply.gtin_not_listed", 404)
    bad = path.replace(GTIN, "1")
    problem(gateway.signed(trade.shop, bad), "supply.verification_malformed", 400)


def test_a_node_routes_to_the_responders_node(trade: Trade, desk: Desk) -> None:
    """The responder judges the requester itself; down, it is refused as such."""
    desks = {trade.maker.id: desk, trade.shop.id: trade.desk(trade.shop)}
    gateway = Gateway(trade, desks, [trade.shop.id])
    try:
        path = verify_path(GTIN, LOT, "A1", SHOP_GLN)
        assert data(gateway.signed(trade.shop, path)) == {"verified": True}
        assert json.loads(desk.verification.evidence(_last(desk)).content)["asked_by"] == (
            f"member {trade.shop.id}"
        )
        gateway.down.add(trade.maker.id)
        body = problem(gateway.signed(trade.shop, path), "supply.responder_unreachable", 503)
        assert body["parameters"] == {"id": trade.maker.id}
        # Another member's own node is the way to ask for it.
        gateway.down.clear()
        trade.credential("hospital", trade.hospital.id)
        foreign = gateway.signed(trade.hospital, verify_path(GTIN, LOT, "A1", HOSPITAL_GLN))
        problem(foreign, "supply.responder_unreachable", 503)
    finally:
        gateway.close()


def _last(desk: Desk) -> str:
    with desk.database.read() as connection:
        found = connection.exec_driver_sql(
            "SELECT verification FROM supply_verifications ORDER BY position DESC"
        ).first()
    assert found is not None
    return str(found[0])


def test_the_message_of_each_reason(trade: Trade, desk: Desk) -> None:
    """No reason but the standard's own words."""
    answer = desk.verification.look(asked())
    words = {"No_match_GTIN_Serial", "No_match_GTIN_Serial_Lot", "No_match_GTIN_Serial_Expiry"}
    words |= {"No_match_GTIN_Serial_Lot_Expiry", "No_reason_provided"}
    for reason in get_args(Reason):
        verdict = answer.verdict._replace(verified=reason == "verified", reason=reason)
        held = message(answer._replace(verdict=verdict), CORRELATION)["data"]
        if reason == "verified":
            assert held == {"verified": True}
        else:
            assert held["verificationFailureReason"] in words
            assert ("additionalInfo" in held) == (reason == "recalled")


# An organisation's own people -----------------------------------------------------------------


def room(actor: Actor, rest: str) -> str:
    """Write the address of an organisation's own matter."""
    return f"/v1/organisations/{actor.id}/supply/{rest}"


def test_the_shops_people_ask_with_a_scanner(trade: Trade, desk: Desk, gateway: Gateway) -> None:
    """In their language; both sides keep the answer."""
    path = room(trade.shop, "verifications")
    made = gateway.call(trade.shop, "POST", path, {"code": CODE}, accept_language="zh-CN")
    assert made.status_code == 200, made.text
    body = made.json()
    assert (body["verified"], body["title"], body["why"]) == (True, "未见异常", "各项信息一致。")
    assert (body["gtin"], body["serial"], body["responder"]) == (GTIN, "A1", MAKER_GLN)
    content = json.loads(codec.to_bytes(body["receipt"].split(".")[0]))
    assert content["requester"] == SHOP_GLN
    desk.packs.put("A1", "stolen")
    body = gateway.call(trade.shop, "POST", path, {"code": CODE}).json()
    assert (body["verified"], body["reason"], body["concern"]) == (
        False,
        "stolen",
        "suspected_fake",
    )
    assert body["do"].startswith("Do not sell it.")
    kept = gateway.call(
        trade.maker, "GET", room(trade.maker, f"verifications/{_last(desk)}")
    ).json()
    assert kept["requester"] == SHOP_GLN
    salt, content = codec.to_bytes(kept["salt"]), codec.to_bytes(kept["content"])
    assert codec.to_bytes(kept["digest"]) == leaf(salt, content)


@pytest.mark.parametrize(
    ("asked", "code", "status"),
    [
        ({"code": "hello"}, "supply.code_unreadable", 400),
        ({"code": f"(01){GTIN}"}, "supply.no_serial", 400),
        ({"code": f"(01){OTHER_GTIN}(21)A"}, "supply.gtin_not_listed", 404),
        ({"code": ""}, "malformed", 400),
        ({"code": "1" * 600}, "malformed", 400),
        ({"code": CODE, "context": "a b"}, "malformed", 400),
        ({"code": CODE, "more": 1}, "malformed", 400),
        ({}, "malformed", 400),
    ],
)
def test_questions_that_are_refused(
    trade: Trade, gateway: Gateway, asked: dict[str, Any], code: str, status: int
) -> None:
    """Each with its own code."""
    path = room(trade.shop, "verifications")
    problem(gateway.call(trade.shop, "POST", path, asked), code, status)


def test_only_its_own_people(trade: Trade, desk: Desk, gateway: Gateway) -> None:
    """Neither questions nor evidence nor places of another organisation."""
    desk.verification.answer(asked(), SHOP_GLN)
    for method, path, body in (
        ("POST", room(trade.shop, "verifications"), {"code": CODE}),
        ("GET", room(trade.maker, f"verifications/{_last(desk)}"), None),
        ("GET", room(trade.maker, "places"), None),
        ("PUT", room(trade.maker, f"places/{SHOP_GLN}"), {"latitude": 0, "longitude": 0}),
        ("DELETE", room(trade.maker, f"places/{SHOP_GLN}"), None),
    ):
        problem(gateway.call(trade.hospital, method, path, body), "forbidden", 403)
    unknown = gateway.call(trade.maker, "GET", room(trade.maker, "verifications/nothing"))
    problem(unknown, "supply.evidence_unknown", 404)


def test_places_are_entered_and_forgotten(trade: Trade, gateway: Gateway) -> None:
    """By operators, within the bounds of the earth."""
    place = {"latitude": 31_230_000, "longitude": 121_470_000}
    path = room(trade.maker, f"places/{SHOP_GLN}")
    shown = {"gln": SHOP_GLN, **place}
    assert gateway.call(trade.maker, "PUT", path, place).json() == shown
    listed = gateway.call(trade.maker, "GET", room(trade.maker, "places")).json()
    assert listed == {"places": [shown]}
    for wrong in (
        {"latitude": 90_000_001, "longitude": 0},
        {"latitude": 0, "longitude": -180_000_001},
        {"latitude": 0.5, "longitude": 0},
        {"latitude": 0},
    ):
        problem(gateway.call(trade.maker, "PUT", path, wrong), "malformed", 400)
    bad = room(trade.maker, f"places/{SHOP_GLN[:-1]}0")
    problem(gateway.call(trade.maker, "PUT", bad, place), "bad_parameter", 400)
    assert gateway.call(trade.maker, "DELETE", path).json() == {"places": []}
    problem(gateway.call(trade.maker, "DELETE", path), "supply.place_unknown", 404)
