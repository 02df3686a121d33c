"""The supply chain by command line: packs, shipments, queue, events, proofs, tokens, a scan."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest

from tests.cli.conftest import Said, Yilian
from tests.epcis_sample import sscc
from tests.rows.supplied import PATIENCE, PREFIX, Traders, gtin, pack, place
from yilian.cli.organisation import supply_packs
from yilian.gateway.epcis.xml_writing import write_xml
from yilian.gateway.supply.alerts import Finding
from yilian.node.config import HostedOrganisation

PREFIXED = ("organisation", "supply")
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def traders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traders]:
    """A maker and two pharmacies."""
    running = Traders(tmp_path_factory.mktemp("node") / "node")
    with running:
        running.open_trade()
        yield running


class Desk:
    """The command line of one organisation."""

    def __init__(self, traders: Traders, who: HostedOrganisation, yilian: Yilian) -> None:
        self.traders = traders
        self.id = who.id
        self.place = traders.places[who.id].rpartition("/")[2]
        self._yilian = yilian
        key = traders.folder.operator_key(who.id)
        self.signs = [
            f"--organisation={who.id}",
            f"--sender={who.id}",
            f"--key={key}",
            f"--node={traders.url}",
        ]

    def say(self, verb: str, *words: str | Path) -> Said:
        """Run a command."""
        return self._yilian(*PREFIXED, verb, *self.signs, *words)

    def do(self, action: str, *words: str | Path) -> Said:
        """Run an action at the organisation's own place."""
        return self.say(action, f"--place={self.place}", *words)

    def json(self, verb: str, *words: str | Path, code: int = 0) -> dict[str, Any]:
        """Run a command with `--json`, which must end with a code."""
        said = self.say(verb, *words, "--json")
        assert said.code == code, said
        return said.json

    def until(self, verb: str, *words: str | Path) -> dict[str, Any]:
        """Run an action as soon as the titles are there."""
        end = time.monotonic() + PATIENCE
        while True:
            said = self.do(verb, *words, "--json")
            if said.code == 0:
                return said.json
            assert "supply.title" in said.out or "supply.not_yours" in said.out, said
            assert time.monotonic() < end, said
            time.sleep(0.2)


@pytest.fixture
def maker(traders: Traders, yilian: Yilian) -> Desk:
    """The maker's desk."""
    return Desk(traders, traders.maker, yilian)


@pytest.fixture
def shop(traders: Traders, yilian: Yilian) -> Desk:
    """A pharmacy's desk."""
    return Desk(traders, traders.shop, yilian)


@pytest.fixture
def other(traders: Traders, yilian: Yilian) -> Desk:
    """Another pharmacy's desk."""
    return Desk(traders, traders.other, yilian)


def made(maker: Desk, *numbers: int, lot: str = "L1") -> list[str]:
    """Commission packs."""
    packs = [pack(each) for each in numbers]
    said = maker.do("commission", f"--lot={lot}", "--expiry=2070-12-31", *packs)
    assert said.code == 0, said
    return packs


def test_a_case_goes_from_maker_to_shop_and_a_pack_to_a_patient(
    maker: Desk, shop: Desk, other: Desk
) -> None:
    packs = made(maker, 1, 2, 3)
    case = sscc(PREFIX, 1, link=True)
    assert maker.do("aggregate", f"--parent={case}", *packs).code == 0
    sent = maker.until("ship", f"--to={shop.id}", case)
    state = maker.say("shipments", f"--shipment={sent['shipment']}")
    assert (state.code, sent["shipment"] in state.out) == (0, True)
    end = time.monotonic() + PATIENCE
    while not (waiting := shop.json("shipments")["shipments"]) or not waiting[0]["checked"]:
        assert time.monotonic() < end
        time.sleep(0.2)
    assert "titles checked" in shop.say("shipments").out
    shop.until("receive", f"--shipment={sent['shipment']}", case)
    assert shop.do("disaggregate", f"--parent={case}").code == 0
    scanned = f"(01){gtin()}(17)701231(10)L1(21)S1"
    shop.until("dispense", scanned)
    life = shop.say("unit", scanned)
    assert life.code == 0
    assert f"{packs[0]}: dispensed" in life.out
    again = shop.do("dispense", scanned)
    assert (again.code, again.out) == (1, "")
    assert "supply.already_dispensed" in again.err
    stock = shop.json("stock", f"--gtin={gtin()}")
    assert [(each["packs"], each["lot"]) for each in stock["lines"]] == [(2, "L1")]
    assert "2 packs" in shop.say("stock").out
    (alert,) = shop.json("alerts", "--severity=error")["alerts"]
    assert alert["kind"] == "dispensed_twice"
    assert "重复" in shop.say("alerts", "--language=zh-CN").out
    closed = shop.say("close-alert", f"--alert={alert['alert']}", "--finding=data_error")
    assert (closed.code, shop.json("alerts")["alerts"]) == (0, [])
    assert "data_error" in shop.say("alerts", "--closed").out
    shop.until("ship", f"--to={other.id}", packs[1])
    end = time.monotonic() + PATIENCE
    while not (waiting := other.json("shipments")["shipments"]) or not waiting[0]["checked"]:
        assert time.monotonic() < end
        time.sleep(0.2)
    other.until("receive", f"--shipment={waiting[0]['shipment']}", packs[1])
    # Who told of the maker's events was the shop, and that is nothing to be alarmed of.
    assert other.json("alerts", "--severity=suspect")["alerts"] == []
    low = shop.say("minimum", f"--gtin={gtin()}", f"--place={shop.place}", "--least=5")
    assert (low.code, shop.json("stock")["short"][0]["least"]) == (0, 5)
    assert "Runs out" in shop.say("stock").out


def test_codes_come_from_a_file_or_are_piped_in_with_their_separators(
    maker: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = gtin()
    lines = f"01{product}10LX\x1d21T1\r\n\n  01{product}10LX\x1d21T2 \n"
    file = tmp_path / "codes.txt"
    file.write_bytes(lines.encode())
    said = maker.do("commission", "--lot=LX", "--codes", file, f"(01){product}(21)T3", "--json")
    assert said.code == 0, said
    units = [each["unit"].rpartition("/")[2] for each in said.json["units"]]
    assert units == ["T1", "T2", "T3"]
    typed = io.TextIOWrapper(io.BytesIO(lines.encode()))
    monkeypatch.setattr(sys, "stdin", typed)
    held = maker.do("quarantine", "--reason=damaged", "--json")
    assert [each["standing"] for each in held.json["units"]] == ["quarantined"] * 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert maker.do("release").code == 2
    missing = maker.do("release", "--codes", tmp_path / "none")
    assert (missing.code, "cannot be read" in missing.err) == (2, True)


def test_every_unit_that_is_refused_is_named(maker: Desk) -> None:
    packs = made(maker, 11)
    order = ("--lot=L1", *packs, pack(12))
    said = maker.do("commission", *order)
    assert said.code == 1
    assert f"  {packs[0]}: supply.unit_exists" in said.err
    error = maker.do("release", packs[0], pack(19), "--json").json["error"]
    assert {each["unit"]: each["code"] for each in error["units"]} == {
        packs[0]: "supply.wrong_standing",
        pack(19): "supply.unit_unknown",
    }


def test_what_was_entered_by_mistake_is_taken_back(maker: Desk) -> None:
    packs = made(maker, 23, 24)
    held = maker.do("quarantine", "--reason=damaged", *packs)
    order = held.out.rpartition("(order ")[2].partition(")")[0]
    wrong = (f"--declares={order}", "--reason=did_not_occur")
    taken = maker.do("declare-error", *wrong, "--corrective=urn:uuid:1", "--json")
    assert taken.code == 0, taken
    assert {each["unit"]: each["standing"] for each in taken.json["units"]} == dict.fromkeys(
        packs, "active"
    )
    again = maker.do("declare-error", *wrong)
    assert (again.code, "supply.action_taken_back" in again.err) == (1, True)
    lost = maker.until("lose", packs[0])
    assert [each["standing"] for each in lost["units"]] == ["lost"]
    assert maker.do("destroy", packs[0]).code == 0
    built = maker.do("declare-error", f"--declares={lost['key']}", "--reason=incorrect_data")
    assert (built.code, f"{packs[0]}: supply.action_built_on" in built.err) == (1, True)
    for words in (("--reason=damaged", f"--declares={order}"), (f"--declares={order}",)):
        assert maker.do("declare-error", *words).code == 2


def test_an_order_that_was_sent_before_is_done_once(maker: Desk) -> None:
    order = f"--order={'A' * 22}"
    first = maker.do("commission", order, "--lot=L1", "--at=2026-01-31T09:00:00Z", pack(21))
    again = maker.do("commission", order, "--lot=L1", "--at=2026-01-31T09:00:00Z", pack(21))
    assert (first.code, again.code) == (0, 0)
    assert "nothing was done now" in again.out
    other = maker.do("commission", order, "--lot=L1", pack(22))
    assert (other.code, "supply.action_key_reused" in other.err) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ("--place=123", "--lot=L1", "x"),
        ("--place=x", "--lot=L1", "--expiry=31.12.2070", "x"),
        ("--place=x", "--lot=L1", "--offset=8", "x"),
        ("--place=x", "--lot=L1", "x" * 513),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    maker: Desk, words: tuple[str, ...]
) -> None:
    said = maker.say("commission", "--node=http://127.0.0.1:9", *words)
    assert (said.code, said.out) == (2, "")
    assert "expects" in said.err


def test_nobody_answers_and_the_same_order_can_be_sent_again(maker: Desk) -> None:
    said = maker.do("release", "--node=http://127.0.0.1:9", "--patience=0.1", pack(1))
    assert said.code == 3
    assert "--order " in said.err


def test_a_counter_without_a_connection_keeps_its_actions(maker: Desk, tmp_path: Path) -> None:
    packs = made(maker, 31, 32)
    queue = tmp_path / "counter.queue"
    nowhere = "--node=http://127.0.0.1:9"
    for words in ((packs[0],), (packs[0],), (packs[1],)):
        kept = maker.do("quarantine", "--reason=damaged", f"--queue={queue}", nowhere, *words)
        assert kept.code == 0, kept
    handed = maker.say("queue", queue)
    assert handed.code == 1
    assert "3 lines were handed in; 1 were refused" in handed.out
    assert f"2: refused, supply.quarantined ({packs[0]})" in handed.out
    assert maker.json("queue", queue)["answers"] == []
    queue.write_bytes(b"no\n")
    assert maker.say("queue", queue).code == 2


def test_a_document_is_captured_and_each_fault_is_told(maker: Desk, tmp_path: Path) -> None:
    event = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": "2026-03-01T06:00:00.000Z",
        "eventTimeZoneOffset": "+00:00",
        "epcList": [pack(41)],
        "bizStep": "storing",
        "eventID": "urn:uuid:00000000-0000-4000-8000-000000000041",
    }
    file = tmp_path / "events"
    file.write_bytes(write_xml([event], kind="EPCISDocument", created="2026-03-02T00:00:00Z"))
    captured = maker.say("capture", file)
    assert (captured.code, "Captured" in captured.out) == (0, True)
    query = (f"--query=MATCH_epc={pack(41)}", "--query=EQ_bizStep=storing")
    (found,) = maker.json("events", *query)["events"]
    assert found["eventID"] == event["eventID"]
    assert "1 events." in maker.say("events", *query).out
    other = event | {"eventID": None, "eventTime": "2026-03-01T07:00:00.000Z"}
    wrong = event | {"bizStep": "flying", "eventID": None}
    body = {"eventList": [drop(other), drop(wrong)]}
    document = {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-02T00:00:00Z",
        "epcisBody": body,
    }
    file.write_text(json.dumps(document))
    none = maker.say("capture", file)
    assert none.code == 1
    assert "event 1, " in none.out
    assert "bizStep" in none.out
    assert "Nothing was captured" in none.out
    assert len(maker.json("events", *query)["events"]) == 1
    rest = maker.json("capture", file, "--proceed", code=1)
    assert [each["event"] for each in rest["errors"]] == [1]
    pages = maker.json("events", *query, "--most=1")
    assert (len(pages["events"]), pages["more"]) == (1, True)
    assert maker.say("events", "--query=EQ_nothing").code == 2
    assert maker.say("events", "--query=EQ_nothing=1").code == 1
    file.write_text("{")
    assert "epcis.unreadable" in maker.say("capture", file).err


def drop(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if value is not None}


def test_a_stranger_checks_the_proof_of_an_event(
    maker: Desk, traders: Traders, yilian: Yilian, tmp_path: Path
) -> None:
    done = maker.do("commission", "--lot=L1", pack(51), "--json").json
    (event,) = done["events"]
    proof, trust, own = (tmp_path / each for each in ("proof.json", "trust.json", "event.json"))
    end = time.monotonic() + PATIENCE
    while (said := maker.say("proof", event, f"--out={proof}")).code:
        assert "supply.event_not_anchored" in said.err
        assert time.monotonic() < end
        time.sleep(0.2)
    trust.write_text(json.dumps(httpx.get(f"{traders.url}/v1/trust").json()))
    (shown,) = maker.json("events", f"--query=EQ_eventID={event}")["events"]
    own.write_text(json.dumps(shown))
    check = (*PREFIXED, "check-proof", proof, "--trust", trust)
    assert "one signer" in yilian(*check).out
    whole = yilian(*check, "--event", own, "--json").json
    assert (whole["event_id"], whole["organisation"]) == (event, maker.id)
    own.write_text(json.dumps(shown | {"eventTime": "2026-01-01T00:00:00.000Z"}))
    assert "supply.event_differs" in yilian(*check, "--event", own).err
    evidence = json.loads(proof.read_text())
    for place_, name, value, code in (
        ("proof", "salt", evidence["proof"]["titles_root"], "supply.event_differs"),
        ("proof", "interval", evidence["proof"]["interval"] + 1, "supply.event_not_anchored"),
        ("post", "value", '{"root":"' + "A" * 43 + '"}', "proof_of_another"),
        ("post", "key", None, "supply.proof_malformed"),
    ):
        changed = evidence | {place_: evidence[place_] | {name: value}}
        proof.write_text(json.dumps(changed))
        said = yilian(*check, "--json")
        assert (said.code, said.json["error"]["code"]) == (1, code)
    proof.write_text("[]")
    assert yilian(*check).code == 1
    assert yilian(*check[:-1], tmp_path / "none").code == 2
    assert maker.json("audit") == {"ok": True, "changed": [], "more": False}


def test_tokens_are_made_listed_and_revoked(maker: Desk, traders: Traders) -> None:
    made = maker.json("token", "--rights=query", "--days=1", "scales")
    url = f"{traders.url}/epcis/{maker.id}/events"
    headers = {"Authorization": f"Bearer {made['bearer']}"}
    assert httpx.get(url, headers=headers).status_code == 200
    listed = maker.say("tokens")
    assert (made["token"]["token"] in listed.out, made["bearer"] in listed.out) == (True, False)
    assert maker.say("revoke-token", f"--token={made['token']['token']}").code == 0
    assert httpx.get(url, headers=headers).status_code == 401
    assert maker.say("token", "--rights=all", "scales").code == 2


def test_temperatures_budgets_and_sites_are_read_and_set(maker: Desk) -> None:
    (unit,) = made(maker, 61)
    assert "No temperature" in maker.say("cold", unit).out
    assert "supply.unit_not_measured" in maker.say("cold", pack(69)).err
    said = maker.say("budget", gtin(), "--minutes=90", "--floor=-0.5", "--ceiling=25")
    assert "90 minutes" in said.out
    assert maker.json("budget", gtin()) | {"ok": 1} == {
        "ok": 1,
        "gtin": gtin(),
        "outside": 90 * 60_000,
        "floor": -50,
        "ceiling": 2500,
    }
    assert maker.say("budget", gtin(), "--minutes=90", "--floor=0.001").code == 2
    assert maker.say("budget", gtin(), "--floor=1").code == 2
    gln = place(1).rpartition("/")[2]
    assert "Nothing is known" in maker.say("site", gln).out
    assert maker.say("site", gln, "--latitude=31.2304", "--longitude=121.4737").code == 0
    assert "31.2304, 121.4737" in maker.say("site", gln).out


def test_a_regulator_opens_what_a_member_posted(
    maker: Desk, shop: Desk, traders: Traders, yilian: Yilian, tmp_path: Path
) -> None:
    proof = tmp_path / "proof.json"
    done = maker.do("commission", "--lot=L1", pack(81), "--json").json
    end = time.monotonic() + PATIENCE
    while maker.say("proof", done["events"][0], f"--out={proof}").code:
        assert time.monotonic() < end
        time.sleep(0.2)
    interval = json.loads(proof.read_text())["proof"]["interval"]
    agency = Desk.__new__(Desk)
    agency.traders, agency._yilian, agency.id = traders, yilian, traders.regulator.id
    agency.signs = [
        f"--organisation={agency.id}",
        f"--sender={agency.id}",
        f"--key={traders.folder.operator_key(agency.id)}",
        f"--node={traders.url}",
    ]
    # Events and titles of one action may go with different posts.
    span = (f"--first={interval - 5}", f"--last={interval + 5}")
    while f"made 1: {pack(81)}" not in (said := agency.say("openings", *span, "--", maker.id)).out:
        assert time.monotonic() < end, said
        time.sleep(0.2)
    assert said.code == 0, said
    assert "forbidden" in shop.say("openings", *span, "--", maker.id).err


def test_a_recall_is_followed_confirmed_and_seen_by_its_issuer(maker: Desk, yilian: Yilian) -> None:
    held = made(maker, 91, 92, lot="R1")
    other = made(maker, 93, lot="R2")
    chain = [each for each in maker.signs if not each.startswith("--organisation")]
    issued = yilian(
        *("supply", "issue-recall", *chain, f"--gtin={gtin()}", "--grade=1"),
        *("--reason=potency", "--lots=R1", "--json"),
    )
    recall = issued.json["new"]["recall"]
    end = time.monotonic() + PATIENCE
    while recall not in (listed := maker.say("recalls")).out or "2 here" not in listed.out:
        assert time.monotonic() < end, listed
        time.sleep(0.2)
    found = maker.say("recall", "--", recall)
    assert all(each in found.out for each in held)
    assert other[0] not in found.out
    assert "supply.recalled" in maker.do("dispense", held[0]).err
    confirmed = maker.say("confirm-recall", "--", recall)
    assert (confirmed.code, "looked for by people" in confirmed.out) == (0, True)
    progress = maker.say("recall-progress", "--", recall)
    assert (progress.code, f"{maker.id}:" in progress.out) == (0, True)
    assert "已人工查找" in maker.say("recall-progress", "--language=zh-CN", "--", recall).out


def test_a_pack_and_a_lot_are_traced(maker: Desk) -> None:
    packs = made(maker, 95, 96, lot="T1")
    case = sscc(PREFIX, 9, link=True)
    assert maker.do("aggregate", f"--parent={case}", *packs).code == 0
    one = maker.say("trace", packs[0])
    assert one.code == 0
    assert f"{packs[0]}: here" in one.out
    assert "commission" in one.out
    assert case in one.out
    lot = maker.say("trace", f"--gtin={gtin()}", "--lot=T1")
    assert all(each in lot.out for each in packs)
    across = maker.say("trace", "--members", packs[0])
    assert (across.code, maker.id in across.out) == (0, True)
    for words in ((), (packs[0], "--gtin=1", "--lot=x"), ("--members", "--gtin=1", "--lot=x")):
        assert maker.say("trace", *words).code == 2
    assert maker.say("trace", pack(99)).code == 1


def test_a_device_is_counted(maker: Desk) -> None:
    scissors = pack(1, item=3)
    assert maker.do("commission", "--lot=L1", scissors).code == 0
    assert maker.do("sterilise", scissors).code == 0
    assert maker.do("use", f"--reference={'A' * 22}", scissors).code == 0
    said = maker.say("device", scissors)
    assert (said.code, "Used 1 times" in said.out, "Not sterile" in said.out) == (0, True, True)


def test_anybody_scans_and_the_trade_verifies(
    maker: Desk, shop: Desk, traders: Traders, yilian: Yilian
) -> None:
    made(maker, 71)
    node = f"--node={traders.url}"
    code = f"(01){gtin()}(17)701231(10)L1(21)S71"
    genuine = yilian("scan", code, node)
    assert genuine.code == 0
    assert genuine.out.splitlines()[0] == "Genuine"
    assert "云溪制药" in genuine.out
    assert "\x1b" not in genuine.out
    fake = yilian("scan", f"(01){gtin()}(21)NEVER", node, "--json")
    assert (fake.code, fake.json["verdict"], fake.json["ok"]) == (1, "suspect", False)
    unread = yilian("scan", "nonsense", node)
    assert (unread.code, "supply.code_unreadable" in unread.err) == (1, True)
    assert yilian("scan", code, node, "--language=zh-CN").out.startswith("正品")
    said = shop.say("verify", code)
    assert (said.code, said.out.startswith("Verified")) == (0, True)
    wrong = shop.say("verify", f"(01){gtin()}(21)NEVER")
    assert wrong.out.startswith("NOT verified")


def test_the_words_that_are_offered_are_those_of_the_rules() -> None:
    assert get_args(Finding) == supply_packs.FINDINGS
