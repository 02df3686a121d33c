"""Packs go from their maker to a patient; a copy, a warm pallet, a recall and a lie are found."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from cast import decide, room
from stage import (
    NODE,
    Somebody,
    Stage,
    Traders,
    command,
    patiently,
    proof,
    refused,
    require,
    said,
    say,
    tell,
)

from yilian.gateway.epcis.xml_writing import write_xml
from yilian.ledger.modules.supply.numbers import check_digit

PREFIX = "9520001"
"""Company prefixes that begin with 952 are GS1's own, for demonstrations."""

INTERVAL_MS = 1_000
HOUR = 3_600
EXPIRY = "2070-12-31"


def _with_check_digit(digits: str) -> str:
    return digits + check_digit(digits)


GTIN = _with_check_digit(f"0{PREFIX}00001")
GLNS = {
    name: _with_check_digit(f"{PREFIX}{number:05d}")
    for number, name in enumerate(("maker", "wholesaler", "pharmacy"), 1)
}
CASE_A, CASE_B = (f"(00){_with_check_digit(f'0{PREFIX}{number:09d}')}" for number in (1, 2))


def _scanned(lot: str, serial: int) -> str:
    return f"(01){GTIN}(17){EXPIRY[2:].replace('-', '')}(10){lot}(21){serial}"


def play(stage: Stage) -> None:
    """Play the chapter."""
    say(
        "supply: packs from maker to patient; a copy, a warm case, a recall and a lie are found",
        "supply：药盒从药厂到患者；仿冒、超温、召回和篡改逐一查出",
    )
    assert stage.traders is not None
    folder = room("supply")
    _open_trade(stage, stage.traders)
    packs = [_scanned("A1", serial) for serial in range(101, 111)]
    shipped = _make(folder, stage.traders, packs)
    _warm(folder, stage.traders)
    _deliver(stage.traders, shipped, packs)
    event = _sell(stage.traders, packs)
    _copies(stage.traders, packs)
    _recall(stage.traders, packs)
    _lie(folder, stage.traders, event)


def _at(who: Somebody, name: str, verb: str, *words: str | Path) -> tuple[str | Path, ...]:
    """Give an action at the organisation's own place."""
    return ("organisation", "supply", verb, *who.at_home, "--place", GLNS[name], *words)


def _supply(who: Somebody, verb: str, *words: str | Path) -> tuple[str | Path, ...]:
    return ("organisation", "supply", verb, *who.at_home, *words)


def _open_trade(stage: Stage, traders: Traders) -> None:
    tell(
        "titles move with posts, one every ten seconds; for this story the members vote it down "
        "to one second",
        "货权随定期发布转移，每十秒一次；为便于演示，成员投票改为每秒一次",
    )
    decide(
        stage,
        *("--action", "set_parameter", "--name", "supply_interval_ms"),
        *("--value", str(INTERVAL_MS)),
    )
    tell(
        "companies, and a vaccine to be kept at 2 to 8 °C", "登记企业和一种须 2 至 8 °C 保存的疫苗"
    )
    for who, name in zip(traders, GLNS, strict=False):
        prefixes = ("--prefixes", PREFIX) if name == "maker" else ()
        words = ("supply", "register-company", *who.on_chain, "--gln", GLNS[name])
        command(*words, *prefixes)
    command(
        *("supply", "register-product", *traders.maker.on_chain, "--gtin", GTIN),
        *("--kind", "vaccine", "--name", said("Influenza vaccine", "流感疫苗")),
        *("--responder", traders.maker.id, "--lowest", "200", "--highest", "800"),
    )
    command(
        *("supply", "issue-credential", *traders.regulator.on_chain),
        *("--organisation", traders.pharmacy.id, "--role", "dispenser", "--ends", "+365d"),
    )


def _make(folder: Path, traders: Traders, packs: Sequence[str]) -> str:
    """Make ten packs, pack them and ship them; gives the shipment."""
    tell("ten packs are made, packed in a case, and shipped", "十盒赋码、装箱、发货")
    maker, file = traders.maker, folder / "scanned.txt"
    file.write_text("\n".join(packs) + "\n", "utf-8")
    words = ("--lot", "A1", "--expiry", EXPIRY, "--codes", file)
    made = command(*_at(maker, "maker", "commission", *words))
    require(len(made["units"]) == len(packs), "ten packs are made", "已赋码十盒")
    command(*_at(maker, "maker", "aggregate", "--parent", CASE_A, "--codes", file))
    ship = _at(maker, "maker", "ship", "--to", traders.wholesaler.id, CASE_A)
    shipped = patiently(*ship, until=lambda answer: answer["ok"])
    proof(
        "the chain has posts of one size, every second, traded or not: not what, how much, to whom",
        "链上每秒一条同样大小的发布，有无交易都一样：看不出货物、数量和去向",
    )
    return str(shipped["shipment"])


def _warm(folder: Path, traders: Traders) -> None:
    tell(
        "meanwhile another case, with three packs, gets warm; its logger hands in EPCIS XML",
        "与此同时，另一箱三盒超温；温度记录仪提交 EPCIS XML",
    )
    maker, now = traders.maker, time.time()
    packs = [_scanned("B1", serial) for serial in (201, 202, 203)]
    early = ("--at", _moment(now - 3 * HOUR))
    command(*_at(maker, "maker", "commission", *early, "--lot", "B1", "--expiry", EXPIRY, *packs))
    command(*_at(maker, "maker", "aggregate", *early, "--parent", CASE_B, *packs))
    file = folder / "logger.xml"
    degrees = ((2.0, "5.0"), (1.5, "11.5"), (1.0, "5.0"))
    case = f"https://id.gs1.org/00/{CASE_B[4:]}"
    events = [_measured(_moment(now - hours * HOUR), value, case) for hours, value in degrees]
    file.write_bytes(write_xml(events, kind="EPCISDocument", created=_moment(now)))
    command(*_supply(maker, "capture", file))
    stock = patiently(
        *_supply(maker, "stock"),
        until=lambda answer: _standings(answer).get(("B1", "quarantined")) == len(packs),
    )
    require(
        _standings(stock) == {("B1", "quarantined"): len(packs)},
        "exactly the three packs in that case are set aside",
        "恰好隔离该箱中的三盒",
    )
    kept = command(*_supply(maker, "cold", packs[0]))
    require(not kept["conforms"], "the packs were not kept as they must be", "储运不合格")
    proof(
        f"up to {kept['highest'] / 100} °C, {kept['outside'] // 60_000} minutes out of range",
        f"最高 {kept['highest'] / 100} °C，超出 {kept['outside'] // 60_000} 分钟",
    )


def _standings(stock: dict[str, Any]) -> dict[tuple[str, str], int]:
    """Count packs in stock by lot and standing, what is on its way left out."""
    return {
        (each["lot"], each["standing"]): each["packs"]
        for each in stock["lines"]
        if each["standing"] != "in_transit"
    }


def _moment(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _measured(moment: str, celsius: str, unit: str) -> dict[str, Any]:
    report = {"type": "Temperature", "value": Decimal(celsius), "uom": "CEL"}
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "eventTime": moment,
        "eventTimeZoneOffset": "+08:00",
        "bizStep": "sensor_reporting",
        "epcList": [unit],
        "sensorElementList": [{"sensorReport": [report]}],
    }


def _deliver(traders: Traders, shipment: str, packs: Sequence[str]) -> None:
    tell(
        "the wholesaler receives the case with its titles and ships it on to the pharmacy",
        "批发商连同货权收货，再发往药房",
    )
    wholesaler, pharmacy = traders.wholesaler, traders.pharmacy
    _receive(wholesaler, "wholesaler", shipment)
    ship = _at(wholesaler, "wholesaler", "ship", "--to", pharmacy.id, CASE_A)
    onward = patiently(*ship, until=lambda answer: answer["ok"])
    _receive(pharmacy, "pharmacy", str(onward["shipment"]))
    opened = command(*_at(pharmacy, "pharmacy", "disaggregate", "--parent", CASE_A))
    require(len(opened["units"]) == len(packs), "all ten packs arrived", "十盒全部到货")


def _receive(who: Somebody, name: str, shipment: str) -> None:
    waiting = patiently(
        *_supply(who, "shipments"),
        until=lambda answer: any(
            each["shipment"] == shipment and each["checked"] for each in answer["shipments"]
        ),
    )
    (each,) = waiting["shipments"]
    proof(
        f"{each['count']} titles checked back to their maker, without asking anybody",
        f"{each['count']} 盒的货权已逐级核对至药厂，无需询问他人",
    )
    receive = _at(who, name, "receive", "--shipment", shipment, CASE_A)
    patiently(*receive, until=lambda answer: answer["ok"])


def _sell(traders: Traders, packs: Sequence[str]) -> str:
    """Scan and dispense; gives the event of the dispensing."""
    tell("anybody scans a pack; one is handed to a patient", "人人可扫码查验；一盒发给患者")
    found = command("scan", packs[1])
    require(found["colour"] == "green", "the pack is genuine", "药盒为正品")
    proof(
        f"{found['title']}: {found['product']}, {found['maker']}",
        f"{found['title']}：{found['product']}，{found['maker']}",
    )
    dispense = _at(traders.pharmacy, "pharmacy", "dispense", packs[0])
    done = patiently(*dispense, until=lambda answer: answer["ok"])
    return str(done["events"][0])


def _copies(traders: Traders, packs: Sequence[str]) -> None:
    tell(
        "a copy of the dispensed pack, and a number that nobody made",
        "已发药盒的仿冒品，和一个无人生产过的编号",
    )
    pharmacy = traders.pharmacy
    error = refused(*_at(pharmacy, "pharmacy", "dispense", packs[0]))
    require(
        error["code"] == "supply.already_dispensed",
        "one number is not dispensed twice",
        "同一编号不能发药两次",
    )
    fake = command("scan", _scanned("A1", 999), expect=1)
    require(fake["verdict"] == "suspect", "the invented number is named", "查出编造的编号")
    proof(f"{fake['title']}: {fake['why']}", f"{fake['title']}：{fake['why']}")
    alerts = command(*_supply(pharmacy, "alerts"))["alerts"]
    require(
        [each["kind"] for each in alerts] == ["dispensed_twice"],
        "the attempt is an alert of the pharmacy",
        "此次尝试已成为药房的警报",
    )
    proof(f"alert: {alerts[0]['title']}", f"警报：{alerts[0]['title']}")


def _recall(traders: Traders, packs: Sequence[str]) -> None:
    tell("the maker recalls the lot", "药厂召回该批次")
    recalled = command(
        *("supply", "issue-recall", *traders.maker.on_chain, "--gtin", GTIN),
        *("--grade", "1", "--reason", "potency", "--lots", "A1"),
    )
    found = command("scan", packs[1], expect=1)
    require(found["colour"] == "red", "the scan is red", "扫码变红")
    proof(
        f"{found['title']}, since block {recalled['height']}",
        f"{found['title']}，自区块 {recalled['height']} 起",
    )
    error = refused(*_at(traders.pharmacy, "pharmacy", "dispense", packs[1]))
    require(error["code"] == "supply.recalled", "the pharmacy cannot dispense it", "药房不能再发药")
    recall = recalled["new"]["recall"]
    progress = patiently(
        *_supply(traders.maker, "recall-progress", "--", recall),
        until=lambda answer: answer["ok"] and all(each["answer"] for each in answer["members"]),
    )
    for each in progress["members"]:
        held, away, gone = (each["answer"][name] for name in ("held", "away", "dispensed"))
        proof(
            f"{each['organisation']}: {held} here and set aside, {away} passed on, {gone} dispensed",
            f"{each['organisation']}：在库并已隔离 {held}，已转出 {away}，已发药 {gone}",
        )
    _trace(traders, packs[0])


def _trace(traders: Traders, pack: str) -> None:
    tell("the dispensed pack, from member to member", "已发药盒，逐成员追溯")
    found = command(*_supply(traders.pharmacy, "trace", "--members", pack))
    for hop in found["hops"]:
        acts = ", ".join(each["act"] for each in hop["moments"]) or hop["fault"]
        proof(f"{hop['organisation']}: {acts}", f"{hop['organisation']}：{acts}")
    require(
        [each["organisation"] for each in found["hops"]][-1:] == [traders.pharmacy.id],
        "the way ends at the pharmacy",
        "去向止于药房",
    )


def _lie(folder: Path, traders: Traders, event: str) -> None:
    pharmacy = traders.pharmacy
    tell(
        "a stranger checks offline that the pharmacy had the event of the dispensing",
        "陌生人离线核对：发药事件当时确在药房库中",
    )
    evidence, trust = folder / "proof.json", folder / "trust.json"
    patiently(
        *_supply(pharmacy, "proof", event, "--out", evidence, "--save-trust", trust),
        until=lambda answer: answer["ok"],
    )
    held = command("organisation", "supply", "check-proof", evidence, "--trust", trust)
    require(held["event_id"] == event, "the proof holds", "证明成立")
    proof(f"{held['event_hash']}, {held['level']}", f"{held['event_hash']}，{held['level']}")
    tell(
        "then somebody who owns the machine changes that event in the database, and it is found",
        "随后有人在数据库中改动该事件，被查出",
    )
    file = NODE / "organisations" / pharmacy.id / "supply.sqlite"
    before = _changed(file, event, b"dispensing", b"destroying")
    found = command(*_supply(pharmacy, "audit"), expect=1)
    require(
        [each["event"] for each in found["changed"]] == [event],
        "exactly the changed event is named",
        "恰好指出被改动的事件",
    )
    proof(f"named: {event}", f"已指出：{event}")
    _put(file, event, before)
    command(*_supply(pharmacy, "audit"))


def _changed(file: Path, event: str, one: bytes, other: bytes) -> bytes:
    """Change a word of a stored event behind the node's back; gives what it was."""
    database = sqlite3.connect(file, timeout=30)
    query = "SELECT content FROM epcis_events WHERE event_id = ?"
    (before,) = database.execute(query, (event,)).fetchone()
    database.close()
    require(one in before, "the event says so", "事件中有此内容")
    _put(file, event, before.replace(one, other))
    return bytes(before)


def _put(file: Path, event: str, content: bytes) -> None:
    database = sqlite3.connect(file, timeout=30)
    with database:
        update = "UPDATE epcis_events SET content = ? WHERE event_id = ?"
        database.execute(update, (content, event))
    database.close()
