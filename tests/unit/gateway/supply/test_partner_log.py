"""What a partner can ask for: of packs that it never got, no number is in any answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.epcis_sample import lgtin, sgtin
from tests.scale import scale
from tests.unit.gateway.epcis.store_builders import Home
from tests.unit.gateway.supply.pack_events import (
    OTHER,
    Room,
    case,
    event,
    made,
    packed,
    party,
    seen,
)
from tests.unit.gateway.supply.pack_shop import Shop
from yilian.gateway.epcis import store
from yilian.gateway.epcis.browse import Tree
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.news import News
from yilian.gateway.epcis.query_sql import PageToken
from yilian.gateway.epcis.repository import Stored

PARTNERS = (party("952000123"), party("95200456"))
PACKS = 7
BOXES = 3
DAY = 86_400_000


def serial(number: int) -> str:
    return f"Q{number}Z"


def pack(number: int, *, link: bool = True) -> str:
    return sgtin("9520001", 1, serial(number), link=link)


def lot(number: int) -> str:
    return lgtin("9520001", 2, f"LOT{number}", link=True)


def mentions(number: int) -> list[str]:
    """A pack's number in the spellings in which a text may have it."""
    gtin = pack(number).split("/")[4]
    return [
        pack(number),
        pack(number, link=False),
        f"see {pack(number)} beside it",
        quote(pack(number), safe=""),
        f"(01){gtin}(21){serial(number)}",
        f"01{gtin}21{serial(number)}",
    ]


class Trade:
    """Packs that move, and what two partners got of them."""

    def __init__(self, folder: Path) -> None:
        self.room = Room(folder)
        self.news = News(self.room.database, self.room.repository)
        self.at = 0
        self.inside: dict[str, str] = {}
        self.consumed: set[int] = set()
        self.had: dict[str, set[int]] = {each: set() for each in PARTNERS}

    def take(self, told: Event) -> Stored:
        self.at += 1000
        return self.room.take(told)[0]

    def loose(self, numbers: Sequence[int]) -> list[int]:
        return [each for each in numbers if pack(each) not in self.inside.keys() | self.gone()]

    def gone(self) -> set[str]:
        return {pack(each) for each in self.consumed}

    def ship(self, numbers: Sequence[int], boxes: Sequence[str], to: str) -> None:
        units = [pack(each) for each in numbers] + list(boxes)
        stored = self.take(
            seen(self.at, units, "shipping", "in_transit", source=party("9520001"), destination=to)
        )
        gone = {*numbers, *(n for n in range(PACKS) if self.inside.get(pack(n)) in boxes)}
        self.had[to] |= gone
        every = [*units, *(pack(each) for each in gone)]
        with self.room.database.write() as connection:
            shown = self.room.packs.sequences(every, connection)
            self.room.repository.show(to, {*shown, stored.sequence}, connection)

    def close(self) -> None:
        self.room.close()


numbers = st.integers(0, PACKS - 1)
some = st.lists(numbers, min_size=1, max_size=PACKS, unique=True)
extras = st.fixed_dictionaries(
    {},
    optional={
        "my:note": st.tuples(numbers, st.integers(0, 5)),
        "bizTransactionList": st.tuples(numbers, st.integers(0, 1)),
        "quantityList": st.integers(0, 2),
    },
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("see"), some, extras),
        st.tuples(st.just("trade"), some, extras),
        st.tuples(st.just("transform"), some, some),
        st.tuples(st.just("pack"), some, st.integers(0, BOXES - 1), extras),
        st.tuples(st.just("unpack"), st.integers(0, BOXES - 1), st.booleans()),
        st.tuples(st.just("ship"), some, st.integers(0, 1)),
        st.tuples(st.just("ship_box"), st.integers(0, BOXES - 1), st.integers(0, 1)),
    ),
    max_size=12,
)


def more(chosen: dict[str, Any], kind: str) -> dict[str, Any]:
    """Fields that tell of more than the packs of an event."""
    found: dict[str, Any] = {}
    if "my:note" in chosen:
        number, form = chosen["my:note"]
        found["@context"] = {"my": "https://ns.example.com/"}
        found["my:note"] = {"my:deep": [mentions(number)[form], "plain"]}
    if "bizTransactionList" in chosen:
        number, form = chosen["bizTransactionList"]
        found["bizTransactionList"] = [{"bizTransaction": mentions(number)[form]}]
    if "quantityList" in chosen:
        field = "childQuantityList" if kind == "AggregationEvent" else "quantityList"
        told = {"epcClass": lot(chosen["quantityList"]), "quantity": 77731}
        found[field] = [told]
    return found


def live(trade: Trade, steps_: Sequence[tuple[Any, ...]]) -> None:
    for kind, *rest in steps_:
        if kind == "see":
            told = seen(trade.at, [pack(each) for each in rest[0]], "inspecting")
            trade.take(told | more(rest[1], "ObjectEvent"))
        elif kind == "trade":
            listed = [pack(each, link=False) for each in rest[0]]
            plain = {"bizTransactionList": [{"bizTransaction": "urn:epcglobal:cbv:bt:1:2"}]}
            told = event("TransactionEvent", trade.at, "accepting", action="ADD", epcList=listed)
            trade.take(told | plain | more(rest[1], "TransactionEvent"))
        elif kind == "transform":
            into, out = map(trade.loose, rest)
            if into and out:
                told = {
                    "inputEPCList": list(map(pack, into)),
                    "outputEPCList": list(map(pack, out)),
                }
                trade.take(event("TransformationEvent", trade.at, **told))
                trade.consumed |= set(into) - set(out)
        elif kind == "pack":
            free = list(map(pack, trade.loose(rest[0])))
            if free:
                box = case(rest[1])
                trade.take(packed(trade.at, box, free) | more(rest[2], "AggregationEvent"))
                trade.inside |= dict.fromkeys(free, box)
        elif kind == "unpack":
            box = case(rest[0])
            inner = [each for each, of in trade.inside.items() if of == box]
            if inner:
                trade.take(packed(trade.at, box, [] if rest[1] else inner, "DELETE"))
                for each in inner:
                    del trade.inside[each]
        elif kind == "ship":
            loose = trade.loose(rest[0])
            if loose:
                trade.ship(loose, [], PARTNERS[rest[1]])
        elif case(rest[0]) in trade.inside.values():
            trade.ship([], [case(rest[0])], PARTNERS[rest[1]])


def pages(trade: Trade, asked: dict[str, Any], viewer: str, limit: int) -> list[Stored]:
    found: list[Stored] = []
    token: PageToken | None = None
    while True:
        page = trade.room.repository.query(asked, page=token, limit=limit, viewer=viewer)
        found += page.events
        if page.next is None:
            return found
        token = PageToken.read(page.next.text())


def names(trade: Trade, viewer: str) -> list[str]:
    found: list[str] = []
    for tree in get_args(Tree):
        page: str | None = None
        while True:
            some_ = trade.room.repository.browse(tree, page, 2, viewer)
            found += some_.names
            page = some_.next
            if page is None:
                break
    return found


@settings(max_examples=scale(40, 400), deadline=None)
@given(steps=steps, limit=st.integers(1, 4))
def test_no_answer_has_a_number_of_a_pack_that_the_partner_never_got(
    steps: list[tuple[Any, ...]], limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    trade = Trade(tmp_path_factory.mktemp("trade"))
    try:
        trade.take(made(0, [pack(each) for each in range(PACKS)]))
        live(trade, steps)
        for viewer in PARTNERS:
            every = pages(trade, {}, viewer, limit)
            told = trade.news.read({}, viewer, after=0, limit=10_000)
            assert [each.stored for each in told.items] == every
            by_time = pages(trade, {"orderBy": "eventTime"}, viewer, limit)
            assert sorted(by_time) == sorted(every)
            texts = [each.content.decode() for each in every]
            texts += [each.event_id for each in every] + names(trade, viewer)
            foreign = set(range(PACKS)) - trade.had[viewer]
            for number in foreign:
                assert not [each for each in texts if serial(number) in each]
                for asked in ({"MATCH_anyEPC": [pack(number)]}, {"MATCH_epc": [pack(number)]}):
                    assert pages(trade, asked, viewer, limit) == []
            for number in trade.had[viewer]:
                assert pages(trade, {"MATCH_anyEPC": [pack(number)]}, viewer, limit)
    finally:
        trade.close()


QUESTIONS: tuple[dict[str, Any], ...] = (
    {"MATCH_anyEPC": [pack(0), pack(3)]},
    {"MATCH_parentID": [case(0)]},
    {"EQ_quantity": 77731},
    {"GT_quantity": 1},
    {"MATCH_anyEPCClass": [lot(1)]},
    {"EQ_destination_owning_party": [PARTNERS[1]]},
    {"EQ_bizStep": ["packing", "inspecting"]},
    {"EQ_disposition": ["in_transit"]},
    {"eventType": ["TransactionEvent", "TransformationEvent"]},
    {"EXISTS_my:note": True, "@context": {"my": "https://ns.example.com/"}},
    {"EXISTS_yilian:redacted": True, "@context": {"yilian": "urn:yilian:supply:"}},
    {"EQ_yilian:others": [6], "@context": {"yilian": "urn:yilian:supply:"}},
    {"LT_eventTime": "2026-05-28T20:26:45Z"},
    {"orderBy": "eventTime", "eventCountLimit": 3},
)


@settings(max_examples=scale(20, 200), deadline=None)
@given(steps=steps, limit=st.integers(1, 4))
def test_a_question_is_answered_from_what_the_partner_sees_and_nothing_else(
    steps: list[tuple[Any, ...]], limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """As a repository answers that has these events and no others."""
    trade = Trade(tmp_path_factory.mktemp("trade"))
    alone = Home(tmp_path_factory.mktemp("alone"))
    try:
        trade.take(made(0, [pack(each) for each in range(PACKS)]))
        live(trade, steps)
        viewer = PARTNERS[0]
        for each in pages(trade, {}, viewer, 100):
            alone.put([store.decode(each.content)])
        for asked in QUESTIONS:
            found = [each.event_id for each in pages(trade, asked, viewer, limit)]
            expected = alone.repository.query(asked, limit=1000).events
            assert found == [each.event_id for each in expected], asked
        for tree in get_args(Tree):
            given_ = trade.room.repository.browse(tree, None, 1000, viewer)
            assert given_ == alone.repository.browse(tree, None, 1000)
    finally:
        trade.close()
        alone.close()


A, B, C = pack(1), pack(2), pack(3)
BOX = case(1)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    found = Shop(tmp_path)
    yield found
    found.room.close()


def seen_by(shop: Shop, partner: str = OTHER) -> list[Event]:
    return [each.event for each in shop.room.repository.query({}, limit=999, viewer=partner).events]


def test_what_was_taken_back_is_there_with_its_declaration_and_the_rest_is_gone(shop: Shop) -> None:
    shop.stock(A, B, C)
    shop.do("aggregate", [A, B, C], parent=BOX)
    shop.do("disaggregate", [], parent=BOX)
    wrong = shop.do("ship", [A, B], to=OTHER)
    before = seen_by(shop)
    assert {len(each["childEPCs"]) for each in before if "childEPCs" in each} == {2}
    news = News(shop.room.database, shop.room.repository)
    place = news.newest(OTHER)
    shop.do("declare_error", [], declares=wrong.key, reason="did_not_occur")
    left = seen_by(shop)
    assert [each["eventID"] for each in left] == list(wrong.events) * 2
    assert ["errorDeclaration" in each for each in left] == [False, True]
    assert shop.room.repository.browse("bizSteps", None, 9, OTHER).names == ["shipping"]
    with shop.room.database.read() as connection:
        orphans = (
            "SELECT COUNT(*) FROM epcis_events WHERE sequence IS NULL",
            "SELECT COUNT(*) FROM epcis_terms WHERE row NOT IN (SELECT row FROM epcis_events)",
        )
        assert [connection.exec_driver_sql(each).scalar() for each in orphans] == [0, 0]
    told = news.read({}, OTHER, after=place, limit=99)
    assert [each.stored.event_id for each in told.items] == list(wrong.events)
    shop.do("ship", [A], to=OTHER)
    assert [each["childEPCs"] for each in seen_by(shop) if "childEPCs" in each] == [[A], [A]]
    # Who follows misses nothing of what comes after.
    after = news.read({}, OTHER, after=told.reached, limit=99)
    assert len(after.items) == len(seen_by(shop)) - 2


def test_a_partners_places_and_tokens_do_not_tell_how_much_others_trade(shop: Shop) -> None:
    shop.stock(*(pack(each) for each in range(5)))
    shop.do("ship", [pack(4)], to="DDDDDDDDDDDDDDDDDDDDDA")
    shop.do("ship", [A], to=OTHER)
    page = shop.room.repository.query({}, limit=1, viewer=OTHER)
    assert page.next is not None
    assert (page.next.snapshot, page.next.place, page.places) == (2, 1, [1])
    assert News(shop.room.database, shop.room.repository).newest(OTHER) == 2


def test_a_part_cannot_be_guessed_by_its_hash(shop: Shop) -> None:
    """The number that is left out is one of few; the hash of the whole would tell which."""
    shop.stock(A, B)
    shop.do("aggregate", [A, B], parent=BOX)
    shop.do("disaggregate", [], parent=BOX)
    shop.do("ship", [A], to=OTHER)
    digests = [each.digest.hex() for each in shop.room.repository.after(0, 99)]
    parts = [each for each in seen_by(shop) if each.get("yilian:redacted")]
    assert len(parts) == 2
    assert not [each for each in parts if any(digest in str(each) for digest in digests)]


def test_what_a_partner_told_of_itself_stays_whole(shop: Shop) -> None:
    shop.stock(A, B)
    stored = shop.room.take(seen(31 * DAY, [A, B], "inspecting"), by="a token")[0]
    shop.room.repository.show_own(OTHER, [stored.sequence])
    shop.room.repository.show_own(OTHER, [stored.sequence])
    shop.room.time += 2 * DAY
    shop.do("ship", [A], to=OTHER)
    found = [each for each in seen_by(shop) if each.get("bizStep") == "inspecting"]
    assert [each["epcList"] for each in found] == [[A, B]]
    assert all(B not in str(each) for each in seen_by(shop) if each not in found)


def test_quantities_go_with_the_case_and_with_nobody_else(shop: Shop) -> None:
    loose = {"childQuantityList": [{"epcClass": lot(1), "quantity": 77731}]}
    shop.stock(A, B)
    shop.room.take(packed(31 * DAY, BOX, [A, B]) | loose)
    shop.room.time = max(shop.room.time, shop.room.time + 2 * DAY)
    shop.do("ship", [BOX], to=OTHER)
    whole = [each for each in seen_by(shop) if "childEPCs" in each]
    assert whole[0]["childQuantityList"][0]["quantity"] == 77731
    shop.do("return", [BOX])
    for each in (A, B, BOX):
        shop.verified.passes[each] = shop.room.time + 10_000
    shop.do("disaggregate", [], parent=BOX)
    shop.do("restock", [A])
    third = "DDDDDDDDDDDDDDDDDDDDDA"
    shop.do("ship", [A], to=third)
    assert "77731" not in str(seen_by(shop, third))
    assert B not in str(seen_by(shop, third))


def test_what_only_looks_like_a_number_leaves_an_event_as_it_is(shop: Shop) -> None:
    shop.stock(A)
    order = {"bizTransactionList": [{"bizTransaction": "https://example.com/orders/21/4"}]}
    told = shop.room.take(seen(31 * DAY, [A], "inspecting") | order)[0]
    shop.room.time += 2 * DAY
    shop.do("ship", [A], to=OTHER)
    assert told.event_id in {each["eventID"] for each in seen_by(shop)}
