"""The public scan: one word and its colour, what the chain alone knows, and nobody's name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple, get_args

import httpx
import pytest

from tests.chain import DAY, name_of
from tests.http.node import problem
from tests.unit.gateway.supply.asking import Gateway
from tests.unit.gateway.supply.trade import (
    DRUG_CODE,
    EXPIRY,
    GTIN,
    LOT,
    OTHER_GTIN,
    PRODUCT,
    SHOP_GLN,
    Desk,
    Trade,
)
from yilian.gateway.errors import RATE_LIMITED
from yilian.gateway.http.supply_page import degrees
from yilian.gateway.meter import KEPT, Meter
from yilian.gateway.supply.public_way import SHOWN, PackWays
from yilian.gateway.supply.scan import COLOURS, Kept, RouteStep, Word
from yilian.gateway.supply.verdict import Concern, Reason
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity.messages import OrganisationKind
from yilian.ledger.modules.supply.messages import Reason as RecallReason
from yilian.text import LANGUAGES, say

CODE = f"(01){GTIN}(21)A1(17)700331(10){LOT}"
START = 1_767_225_600_000


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


@pytest.fixture
def gateway(trade: Trade, desk: Desk) -> Iterator[Gateway]:
    """The shop's node; the maker has one of its own."""
    desks = {trade.maker.id: desk, trade.shop.id: trade.desk(trade.shop)}
    made = Gateway(trade, desks, [trade.shop.id])
    yield made
    made.close()


def scan(gateway: Gateway, code: str = CODE, **headers: str) -> httpx.Response:
    """Scan without login."""
    return gateway.get(str(httpx.URL("/v1/supply/scan", params={"code": code})), **headers)


def shown(answer: httpx.Response) -> dict[str, Any]:
    """Read what is shown."""
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert COLOURS[body["verdict"]] == body["colour"]
    return body


def test_a_genuine_pack(gateway: Gateway) -> None:
    """Product, maker, lot, expiry and what to do, in the reader's language."""
    body = shown(scan(gateway))
    assert (body["verdict"], body["colour"], body["reason"]) == ("genuine", "green", "verified")
    assert (body["product"], body["maker"], body["gtin"]) == (PRODUCT, "云溪市 maker", GTIN)
    assert (body["serial"], body["lot"], body["expiry"]) == ("A1", LOT, EXPIRY)
    assert body["responder"] == "answered"
    chinese = scan(gateway, accept_language="zh-CN,zh;q=0.9")
    assert shown(chinese)["title"] == "正品"
    assert chinese.headers["content-language"] == "zh-CN"


@pytest.mark.parametrize(
    ("standing", "word", "colour"),
    [
        ("active", "genuine", "green"),
        ("in_transit", "genuine", "green"),
        ("dispensed", "dispensed", "blue"),
        ("partially_dispensed", "dispensed", "blue"),
        ("returned", "on_hold", "amber"),
        ("quarantined", "on_hold", "amber"),
        ("recalled", "recalled", "red"),
        ("destroyed", "suspect", "red"),
        ("stolen", "suspect", "red"),
        ("lost", "suspect", "red"),
        ("sampled", "suspect", "red"),
        ("exported", "suspect", "red"),
        ("decommissioned", "suspect", "red"),
    ],
)
def test_the_word_of_each_standing(
    gateway: Gateway, desk: Desk, standing: Any, word: str, colour: str
) -> None:
    """One word, one colour."""
    desk.packs.put("A1", standing)
    body = shown(scan(gateway))
    assert (body["verdict"], body["colour"]) == (word, colour)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (f"(01){GTIN}(21)A2", "suspect"),
        (f"(01){GTIN}(21)a1", "check"),
        (f"(01){GTIN}(21)A1(10)X9", "suspect"),
        (f"(01){GTIN}(21)A1(10)L7A0123", "check"),
        (f"(01){GTIN}(21)A1(17)700330", "check"),
        (f"(01){GTIN}", "not_verified"),
        (f"(01){GTIN}(10){LOT}", "not_verified"),
    ],
)
def test_numbers_that_do_not_fit(gateway: Gateway, desk: Desk, code: str, word: str) -> None:
    """Of such a pack nothing is told but that."""
    desk.packs.route = (RouteStep(step="ship", day="2026-01-01", party="maker"),)
    body = shown(scan(gateway, code))
    assert body["verdict"] == word
    assert "route" not in body
    assert EXPIRY not in json.dumps(body)


def test_a_trace_code_finds_the_pack(gateway: Gateway, desk: Desk) -> None:
    """The Chinese code has no lot or date: those are the responder's."""
    desk.packs.put("0123456789012")
    body = shown(scan(gateway, DRUG_CODE + "0123456789012"))
    assert (body["verdict"], body["lot"], body["expiry"]) == ("genuine", LOT, EXPIRY)


def test_an_expired_pack(gateway: Gateway, desk: Desk) -> None:
    """Amber."""
    desk.packs.put("A1", expiry="2020-01-31")
    body = shown(scan(gateway, f"(01){GTIN}(21)A1"))
    assert (body["verdict"], body["colour"]) == ("expired", "amber")


def test_a_recall_is_red(trade: Trade, gateway: Gateway, desk: Desk) -> None:
    """For its lot alone, a dispensed pack of it too; with its grade and reason."""
    recall = trade.recall("lots", LOT)
    body = shown(scan(gateway))
    assert (body["verdict"], body["colour"]) == ("recalled", "red")
    assert body["recall"]["id"] == recall
    assert (body["recall"]["grade"], body["recall"]["reason"]) == (1, "contamination")
    desk.packs.put("A1", "dispensed")
    assert shown(scan(gateway))["verdict"] == "recalled"
    desk.packs.put("A9", lot="L8")
    assert shown(scan(gateway, f"(01){GTIN}(21)A9"))["verdict"] == "genuine"
    # A fake is one whatever is recalled.
    assert shown(scan(gateway, f"(01){GTIN}(21)A2(10){LOT}"))["verdict"] == "suspect"


def test_without_the_responder_the_chain_still_knows(trade: Trade, gateway: Gateway) -> None:
    """Product, maker, and a recall of the lot that the code names."""
    gateway.down.add(trade.maker.id)
    body = shown(scan(gateway))
    assert (body["verdict"], body["reason"]) == ("not_verified", "responder_unreachable")
    assert body["responder"] == "supply.responder_unreachable"
    assert (body["product"], body["lot"]) == (PRODUCT, LOT)
    trade.recall("lots", LOT)
    body = shown(scan(gateway))
    assert (body["verdict"], body["colour"]) == ("recalled", "red")
    assert body["responder"] == "supply.responder_unreachable"


def test_a_node_without_organisations_shows_the_chain(trade: Trade) -> None:
    """It has nobody to ask by."""
    gateway = Gateway(trade, {}, [])
    try:
        assert shown(scan(gateway))["verdict"] == "not_verified"
    finally:
        gateway.close()


@pytest.mark.parametrize(
    ("code", "refusal", "status"),
    [
        ("hello", "supply.code_unreadable", 400),
        ("", "supply.code_unreadable", 400),
        (f"(01){OTHER_GTIN}(21)A1", "supply.gtin_not_listed", 404),
        ("8" * 20, "supply.drug_code_not_listed", 404),
        ("+A123BJC5D6E71G", "supply.no_serial", 400),
        ("(00)106141412345678908", "supply.no_serial", 400),
    ],
)
def test_codes_that_show_nothing(gateway: Gateway, code: str, refusal: str, status: int) -> None:
    """Each with its own refusal; the code is not repeated in it."""
    body = problem(scan(gateway, code), refusal, status)
    assert not code or code not in json.dumps(body) or code[:7] == DRUG_CODE


def test_unknown_and_repeated_parameters_are_refused(gateway: Gateway) -> None:
    """As everywhere."""
    problem(gateway.get("/v1/supply/scan?code=1&code=1"), "bad_parameter", 400)
    problem(gateway.get("/v1/supply/scan?kode=1"), "bad_parameter", 400)


def test_the_page_has_no_script_and_no_cookie(gateway: Gateway, desk: Desk) -> None:
    """Server-rendered, escaped, styled from its own address."""
    desk.packs.route = (
        RouteStep(step="ship", day="2026-01-01", party="maker", name="<b>A & B</b>"),
        RouteStep(step="<i>", day="2026-01-02", party="<i>"),
    )
    answer = scan(gateway, accept="text/html", accept_language="zh")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "set-cookie" not in answer.headers
    page = answer.text
    assert '<html lang="zh-CN">' in page
    assert "正品" in page
    assert "<script" not in page
    assert "style=" not in page
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in page
    assert "<i>" not in page
    assert not re.search(r'(?:src|href)="(?!/v1/supply/scan)', page)
    style = gateway.get("/v1/supply/scan.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"


def test_the_page_asks_for_a_code(gateway: Gateway) -> None:
    """Without one, for people; a program is refused."""
    page = gateway.get("/v1/supply/scan", accept="text/html")
    assert '<input id="code" name="code"' in page.text
    assert scan(gateway, accept="image/png").status_code == 406
    refused = scan(gateway, "hello", accept="text/html", accept_language="zh")
    assert refused.status_code == 400
    assert "无法识别该码" in refused.text


def test_nobody_asks_without_end(trade: Trade, desk: Desk) -> None:
    """Each address has a bucket; the page that asks costs nothing."""
    gateway = Gateway(trade, {trade.maker.id: desk}, [trade.maker.id], Meter(0, 2))
    try:
        assert [scan(gateway).status_code for _ in range(3)] == [200, 200, 429]
        assert gateway.get("/v1/supply/scan", accept="text/html").status_code == 200
    finally:
        gateway.close()


def test_a_bucket_refills_and_is_forgotten() -> None:
    """By time; and no more callers are remembered than fit."""
    now = [0.0]
    rate = Meter(1, 1, lambda: now[0])
    rate.count("one")
    with pytest.raises(Refusal) as caught:
        rate.count("one")
    assert caught.value.code is RATE_LIMITED
    now[0] = 1.0
    rate.count("one")
    for number in range(KEPT):
        rate.count(f"other {number}")
    rate.count("one")


# The way and the temperatures -----------------------------------------------------------------


class Line(NamedTuple):
    """A line of a unit's life."""

    act: str
    at: int
    holder: str


class Lives:
    """The life of every unit."""

    def __init__(self, *lines: Line) -> None:
        self._lines = lines

    def history(self, unit: str) -> tuple[Line, ...]:
        """Tell it."""
        return self._lines


def test_the_way_names_kinds_and_days_alone(trade: Trade, desk: Desk) -> None:
    """The maker by name; others only where they chose to."""
    lines = (
        Line("commission", START, trade.maker.id),
        Line("observe", START, trade.maker.id),
        Line("ship", START + DAY, trade.maker.id),
        Line("ship", START + DAY + 5, trade.maker.id),
        Line("receive", START + 2 * DAY, f"https://id.gs1.org/417/{SHOP_GLN}"),
        Line("dispense", START + 3 * DAY, f"https://id.gs1.org/414/{SHOP_GLN}"),
        Line("return", START + 4 * DAY, "https://id.gs1.org/417/9506000400006"),
        Line("receive", START + 4 * DAY, name_of("nobody")),
        Line("receive", START + 4 * DAY, "https://example.com/x"),
        Line("steal", START + 5 * DAY, trade.shop.id),
    )
    listing = desk.directory.product(GTIN)
    assert listing is not None
    steps = PackWays(Lives(*lines), desk.directory).steps("unit", listing)
    assert [(each.step, each.day, each.party, each.name) for each in steps] == [
        ("commission", "2026-01-01", "maker", "云溪市 maker"),
        ("ship", "2026-01-02", "maker", "云溪市 maker"),
        ("receive", "2026-01-03", "pharmacy", ""),
        ("dispense", "2026-01-04", "pharmacy", ""),
        ("return", "2026-01-05", "other", ""),
        ("receive", "2026-01-05", "other", ""),
    ]
    named = PackWays(Lives(*lines), desk.directory, {trade.shop.id: "云溪药店"}.__getitem__)
    with pytest.raises(KeyError):
        named.steps("unit", listing)
    names = {trade.shop.id: "云溪药店"}
    named = PackWays(Lives(*lines), desk.directory, lambda each: names.get(each, ""))
    assert "云溪药店" in [each.name for each in named.steps("unit", listing)]


def test_no_id_of_a_party_leaves(trade: Trade, gateway: Gateway, desk: Desk) -> None:
    """Neither ids nor location numbers stand in what the public gets."""
    lines = (Line("receive", START, trade.shop.id), Line("ship", START, trade.hospital.id))
    desk.public.ways = PackWays(Lives(*lines), desk.directory)
    text = scan(gateway).text
    assert shown(scan(gateway))["route"]
    for each in (trade.shop.id, trade.hospital.id, trade.maker.id, SHOP_GLN, "云溪市 pharmacy"):
        assert each not in text


class Loggers:
    """How every unit was kept."""

    def kept(self, unit: str) -> Kept:
        """Sum it up."""
        return Kept(readings=3, lowest=-45, highest=812, mean_kinetic=500, minutes_outside=7)


def test_the_temperatures_are_shown(gateway: Gateway, desk: Desk) -> None:
    """In JSON as hundredths, on the page in degrees."""
    desk.public.temperatures = Loggers()
    assert shown(scan(gateway))["temperature"] == {
        "readings": 3,
        "lowest": -45,
        "highest": 812,
        "mean_kinetic": 500,
        "minutes_outside": 7,
    }
    page = scan(gateway, accept="text/html").text
    assert "-0.5 and 8.1 °C" in page
    assert "5.0 °C" in page


@pytest.mark.parametrize(
    ("hundredths", "text"),
    [(0, "0.0"), (4, "0.0"), (-4, "0.0"), (5, "0.1"), (-5, "-0.1"), (-2000, "-20.0"), (799, "8.0")],
)
def test_degrees(hundredths: int, text: str) -> None:
    """One decimal, half away from zero."""
    assert degrees(hundredths) == text


def test_every_word_is_said_in_both_languages() -> None:
    """And both files have the same keys."""
    for language in LANGUAGES:
        for kind, words in {
            "verdict/{}/title": get_args(Word),
            "verdict/{}/do": get_args(Word),
            "reason/{}": (*get_args(Reason), "responder_unreachable", "product_only"),
            "concern/{}/title": get_args(Concern),
            "concern/{}/do": get_args(Concern),
            "step/{}": (*sorted(SHOWN), "other"),
            "party/{}": (*get_args(OrganisationKind), "other"),
            "recall/{}": get_args(RecallReason),
        }.items():
            for word in words:
                assert say(language, "scan", kind.format(word))
    files = [
        json.loads((resources.files("yilian.text") / name / "scan.json").read_text("utf-8"))
        for name in LANGUAGES
    ]
    assert _keys(files[0]) == _keys(files[1])


def _keys(words: Any) -> Any:
    return {name: _keys(each) for name, each in words.items()} if isinstance(words, dict) else ""
