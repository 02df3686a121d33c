"""Clones: what cannot be one pack is on the chain in a block; clean traffic is left alone."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chain import Actor
from tests.scale import scale
from tests.unit.gateway.supply.pack_events import made, seen, undone
from tests.unit.gateway.supply.trade import (
    GTIN,
    HOSPITAL_GLN,
    LOT,
    MAKER_GLN,
    SHOP_GLN,
    Trade,
    Working,
)
from yilian.gateway.epcis.document import Event
from yilian.gateway.supply.alerts import Alerts
from yilian.gateway.supply.clones import Clones, commitment
from yilian.gateway.supply.directory import Directory
from yilian.gateway.supply.places import (
    MICRO,
    PLACE_UNKNOWN,
    Place,
    Places,
    Point,
    distance,
    gln_of,
    read_geo,
)
from yilian.gateway.supply.presentations import SLACK_MS
from yilian.gateway.supply.verdict import Concern, Question, Reason, Verdict
from yilian.gateway.supply.verification import Seen
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply import messages as supply
from yilian.ledger.modules.supply.state import ALERTS, Alert
from yilian.vault.envelope import new_id

START = 1_780_000_000_000
HOUR = 3_600_000
EXPIRY = "2070-03-31"
SHANGHAI = Point(31_230_000, 121_470_000)
URUMQI = Point(43_830_000, 87_620_000)
SUZHOU = Point(31_300_000, 120_620_000)
GOOD = Verdict(True, "verified", "none")


def pack(serial: str) -> str:
    """A pack's id."""
    return f"https://id.gs1.org/01/{GTIN}/21/{serial}"


class Watch:
    """The maker's room with what it notices; `submit` hands alerts to the chain."""

    def __init__(self, trade: Trade, *, submit: bool = True) -> None:
        self.trade = trade
        self.room = trade.working(trade.maker)
        self.places = Places(self.room.database)
        self.alerts = Alerts(self.room.database, trade.engine.now)
        self.told: list[supply.RaiseAlert] = []
        self.submit = submit
        self.clones = self.make(self.room)
        self._number = 0

    def make(self, room: Working) -> Clones:
        """Watch a room's packs."""
        return Clones(
            self.trade.maker.id,
            room.database,
            Directory(self.trade.engine),
            room.packs,
            self.alerts,
            self.places,
            now=self.trade.engine.now,
            announce=self._announce,
        )

    def _announce(self, message: supply.RaiseAlert) -> None:
        self.told.append(message)
        if self.submit:
            self.trade.must(self.trade.maker, message)

    def place(self, gln: str, point: Point) -> None:
        """Say where a site is."""
        self.places.put(Place(gln, *point))

    def ask(
        self,
        gln: str,
        hours: float,
        serial: str = "A1",
        reason: Reason = "verified",
        concern: Concern = "none",
    ) -> None:
        """Have a pack verified from a site."""
        self._number += 1
        verdict = GOOD._replace(verified=reason == "verified", reason=reason, concern=concern)
        question = Question(gtin=GTIN, serial=serial)
        at = START + int(hours * HOUR)
        self.clones.seen(Seen(question, gln, verdict, at, f"{self._number:022d}"))

    def take(self, *events: Event) -> None:
        """Capture events and look at them."""
        self.room.take(*events)
        self.clones.follow(self.room.repository)

    def kinds(self) -> list[str]:
        """What the chain was told, in order."""
        return [each.kind for each in self.told]

    def local(self) -> list[tuple[str, str]]:
        """Kind and severity of what our own people see, without what packs alone raise."""
        return sorted(
            (each.kind, each.severity)
            for each in self.alerts.list(limit=10_000)
            if each.kind not in ("never_commissioned", "dispensed_twice", "not_shipped")
        )

    def on_chain(self) -> list[Alert]:
        """The alerts as the chain has them."""
        state = self.trade.engine.state()
        return [ALERTS.require(state, each.alert) for each in self.told]


@pytest.fixture
def trade(tmp_path: Path) -> Iterator[Trade]:
    """A chain with a product."""
    running = Trade(tmp_path)
    yield running
    running.close()


@pytest.fixture
def watch(trade: Trade) -> Watch:
    """The maker's watch, with two sites far apart."""
    made_ = Watch(trade)
    made_.place(SHOP_GLN, SHANGHAI)
    made_.place(HOSPITAL_GLN, URUMQI)
    return made_


# The earth ------------------------------------------------------------------------------------


def test_distances() -> None:
    """Against known great circles: a degree of the equator, a quarter of a meridian, two cities."""
    degree = distance(Point(0, 0), Point(0, MICRO))
    assert abs(degree - 111.195) < 0.01
    assert abs(distance(Point(0, 0), Point(90 * MICRO, 0)) - 10007.557) < 0.01
    assert abs(distance(Point(0, 179 * MICRO), Point(0, -179 * MICRO)) - 2 * degree) < 0.01
    assert 3200 < distance(SHANGHAI, URUMQI) < 3300


@given(
    st.builds(
        Point,
        st.integers(-90 * MICRO, 90 * MICRO),
        st.integers(-180 * MICRO, 180 * MICRO),
    ),
    st.builds(
        Point,
        st.integers(-90 * MICRO, 90 * MICRO),
        st.integers(-180 * MICRO, 180 * MICRO),
    ),
)
def test_distance_is_a_metric(one: Point, two: Point) -> None:
    """Alike both ways, nothing to itself, and at most half around."""
    assert distance(one, one) == 0
    assert abs(distance(one, two) - distance(two, one)) < 1e-6
    assert 0 <= distance(one, two) <= 20016


@pytest.mark.parametrize(
    ("uri", "point"),
    [
        ("geo:31.23,121.47", SHANGHAI),
        ("GEO:31.23,121.47,4.5;u=35", SHANGHAI),
        ("geo:31.23,121.47;crs=wgs84", SHANGHAI),
        ("geo:-33.5,-70", Point(-33_500_000, -70_000_000)),
        ("geo:31.23,121.47;crs=moon", None),
        ("geo:91,0", None),
        ("geo:0,181", None),
        ("geo:31.23", None),
        ("geo:north,east", None),
    ],
)
def test_geo_uris(uri: str, point: Point | None) -> None:
    """RFC 5870; another coordinate system says nothing."""
    assert read_geo(uri) == point


def test_places_are_kept_by_location_number(trade: Trade) -> None:
    """Written as a number, as a place's URI, or as a party's."""
    places = Places(trade.working(trade.maker).database)
    places.put(Place(SHOP_GLN, *URUMQI))
    places.put(Place(SHOP_GLN, *SHANGHAI))
    for written in (SHOP_GLN, f"https://id.gs1.org/414/{SHOP_GLN}/254/3"):
        assert places.find(written) == SHANGHAI
    assert places.find(f"https://id.gs1.org/417/{SHOP_GLN}") == SHANGHAI
    assert places.find("https://example.com/site") is None
    assert places.find("geo:43.83,87.62") == URUMQI
    assert gln_of(pack("A1")) == ""
    assert [each.gln for each in places.all()] == [SHOP_GLN]
    places.remove(SHOP_GLN)
    with pytest.raises(Refusal) as caught:
        places.remove(SHOP_GLN)
    assert caught.value.code is PLACE_UNKNOWN


# What is caught -------------------------------------------------------------------------------


def test_a_leap_is_on_the_chain_in_one_block(watch: Watch) -> None:
    """Two sites 3,250 km apart within an hour: neither number nor place stands on the chain."""
    watch.ask(SHOP_GLN, 0)
    height = watch.trade.engine.height
    watch.ask(HOSPITAL_GLN, 1)
    assert watch.kinds() == ["clone"]
    (alert,) = watch.on_chain()
    assert (alert.gtin, alert.kind) == (GTIN, "clone")
    assert alert.since == watch.trade.first_block_after(height)
    kept = watch.clones.suspicion(watch.told[0].alert)
    assert kept is not None
    assert alert.commitment == commitment(kept.salt, kept.content)
    content = json.loads(kept.content)
    assert content["pack"] == pack("A1")
    assert [each["site"] for each in content["seen"]] == [SHOP_GLN, HOSPITAL_GLN]
    assert watch.local() == [("clone", "suspect")]


@pytest.mark.parametrize(
    ("hours", "caught"),
    [(1, True), (2.9, True), (3.1, False), (30, False), (-1, True), (-5, False)],
)
def test_how_fast_is_too_fast(watch: Watch, hours: float, caught: bool) -> None:
    """An aircraft's speed, whichever was told first; clocks may differ by a quarter of an hour."""
    watch.ask(SHOP_GLN, 0)
    watch.ask(HOSPITAL_GLN, hours)
    assert watch.kinds() == (["clone"] if caught else [])


def test_one_town_is_not_far(watch: Watch) -> None:
    """Nor is the same place, nor one that nobody knows."""
    watch.place(MAKER_GLN, Point(SHANGHAI.latitude + 200_000, SHANGHAI.longitude))
    watch.ask(SHOP_GLN, 0)
    watch.ask(MAKER_GLN, 0)
    watch.ask(SHOP_GLN, 0)
    watch.ask("9506000400006", 0)
    assert watch.local() == []


def test_what_comes_late_is_put_where_it_belongs(watch: Watch) -> None:
    """Between two that fit, a third does not."""
    watch.ask(SHOP_GLN, 0)
    watch.ask(SHOP_GLN, 4)
    watch.ask(HOSPITAL_GLN, 2)
    assert watch.kinds() == ["clone"]


def test_events_count_like_verifications(watch: Watch) -> None:
    """A receipt in one city, a sale in another; by number or `geo:`."""
    place = {"readPoint": {"id": f"https://id.gs1.org/414/{SHOP_GLN}"}}
    far = {"readPoint": {"id": "geo:43.83,87.62"}}
    watch.take(made(0, [pack("A1"), pack("A2")], LOT, EXPIRY))
    watch.take(seen(1, [pack("A1"), pack("A2")], "receiving", "in_progress", **place))
    watch.take(seen(HOUR, [pack("A1")], "dispensing", "dispensed", **far))
    assert watch.kinds() == ["clone"]
    assert watch.clones.follow(watch.room.repository) == 3
    assert watch.kinds() == ["clone"]


def test_a_declared_error_counts_no_more(watch: Watch) -> None:
    """The event did not happen: nobody was there."""
    place = {"readPoint": {"id": f"https://id.gs1.org/414/{SHOP_GLN}"}}
    wrong = seen(1, [pack("A1")], "receiving", "in_progress", **place)
    watch.take(made(0, [pack("A1")], LOT, EXPIRY), wrong, undone(wrong))
    watch.ask(HOSPITAL_GLN, 0)
    assert watch.kinds() == []


def test_a_pack_handed_out_at_two_places(watch: Watch) -> None:
    """Whether anybody knows where they are; one counter that scans twice has one pack."""
    there = {"readPoint": {"id": "https://id.gs1.org/414/9506000400006"}}
    room = {"readPoint": {"id": "https://id.gs1.org/414/9506000400006/254/2"}}
    other = {"readPoint": {"id": "https://id.gs1.org/414/9506000500003"}}
    watch.take(made(0, [pack("A1"), pack("A2")], LOT, EXPIRY))
    watch.take(seen(1, [pack("A1"), pack("A2")], "dispensing", "dispensed", **there))
    watch.take(seen(2, [pack("A1")], "dispensing", "dispensed", **room))
    assert watch.kinds() == []
    watch.take(seen(3, [pack("A1")], "dispensing", "dispensed", **other))
    assert watch.kinds() == ["clone"]


def test_a_pack_that_came_back_may_be_handed_out_again(watch: Watch) -> None:
    """Elsewhere too."""
    there = {"readPoint": {"id": "https://id.gs1.org/414/9506000400006"}}
    other = {"readPoint": {"id": "https://id.gs1.org/414/9506000500003"}}
    watch.take(
        made(0, [pack("A1")], LOT, EXPIRY),
        seen(1, [pack("A1")], "dispensing", "dispensed", **there),
        seen(2, [pack("A1")], "receiving", "returned"),
        seen(3, [pack("A1")], "dispensing", "dispensed", **other),
    )
    assert watch.kinds() == []


def test_handed_out_after_its_recall(watch: Watch) -> None:
    """Told to our own people; before the recall it was no fault."""
    now = watch.trade.engine.now() - START
    watch.take(made(now - 10, [pack("A1"), pack("A2")], LOT, EXPIRY))
    watch.trade.recall("lot", LOT)
    watch.take(seen(now - 5, [pack("A2")], "dispensing", "dispensed"))
    assert watch.local() == []
    late = watch.trade.engine.now() - START + 1
    watch.take(seen(late, [pack("A1")], "dispensing", "dispensed"))
    assert watch.local() == [("dispensed_recalled", "suspect")]
    assert watch.kinds() == []


@pytest.mark.parametrize(
    ("reason", "concern", "local", "chain"),
    [
        ("lot_differs", "suspected_fake", ("wrong_lot", "suspect"), ["wrong_lot"]),
        ("lot_differs", "data_error", ("wrong_lot", "error"), []),
        ("lot_and_expiry_differ", "suspected_fake", ("wrong_lot", "suspect"), ["wrong_lot"]),
        ("expiry_differs", "suspected_fake", ("wrong_expiry", "suspect"), ["wrong_expiry"]),
        ("expiry_differs", "data_error", ("wrong_expiry", "error"), []),
        ("serial_unknown", "suspected_fake", ("unknown_serial", "suspect"), []),
        ("serial_unknown", "data_error", ("unknown_serial", "error"), []),
        ("dispensed", "suspected_fake", ("clone", "suspect"), ["clone"]),
        ("destroyed", "suspected_fake", ("clone", "suspect"), ["clone"]),
        ("stolen", "suspected_fake", ("after_end", "suspect"), []),
        ("recalled", "not_for_sale", None, []),
        ("expired", "not_for_sale", None, []),
        ("verified", "none", None, []),
    ],
)
def test_each_verdict_raises_what_it_should(
    watch: Watch,
    reason: Reason,
    concern: Concern,
    local: tuple[str, str] | None,
    chain: list[str],
) -> None:
    """Errors of data never reach the chain."""
    watch.ask(SHOP_GLN, 0, reason=reason, concern=concern)
    assert watch.local() == ([] if local is None else [local])
    assert watch.kinds() == chain


def test_who_handed_it_out_and_scans_again_has_no_clone(watch: Watch) -> None:
    """A pharmacy that checks its own sale made a slip."""
    place = {"readPoint": {"id": f"https://id.gs1.org/414/{SHOP_GLN}"}}
    party = {"type": "owning_party", "destination": f"https://id.gs1.org/417/{SHOP_GLN}"}
    watch.take(
        made(0, [pack("A1")], LOT, EXPIRY),
        seen(1, [pack("A1")], "shipping", "in_transit", destinationList=[party]),
        seen(2, [pack("A1")], "receiving", "in_progress", destinationList=[party], **place),
        seen(3, [pack("A1")], "dispensing", "dispensed", **place),
    )
    watch.ask(SHOP_GLN, 1, reason="dispensed", concern="suspected_fake")
    assert ("after_end", "error") in watch.local()
    assert watch.kinds() == []
    watch.ask(HOSPITAL_GLN, 30, reason="dispensed", concern="suspected_fake")
    assert watch.kinds() == ["clone"]


def test_who_handed_it_out_before_its_receipt_came_has_no_clone(watch: Watch) -> None:
    """The message that is missing is the receipt; that others show the pack stays a suspicion."""
    place = {"readPoint": {"id": f"https://id.gs1.org/414/{SHOP_GLN}"}}
    sold = seen(3, [pack("A1"), pack("A2")], "dispensing", "dispensed", **place)
    watch.take(made(0, [pack("A1"), pack("A2")], LOT, EXPIRY), sold)
    watch.ask(SHOP_GLN, 1, reason="dispensed", concern="suspected_fake")
    assert watch.local() == [("after_end", "error")]
    watch.ask(HOSPITAL_GLN, 30, reason="dispensed", concern="suspected_fake")
    watch.ask(SHOP_GLN, 60, "A2", reason="stolen", concern="suspected_fake")
    assert watch.local() == [("after_end", "error"), ("after_end", "suspect"), ("clone", "suspect")]
    assert watch.kinds() == ["clone"]


def test_a_late_message_explains_no_clone(watch: Watch) -> None:
    """It mends an order that was broken; that a pack was in two cities at once, it does not."""
    there = {"readPoint": {"id": f"https://id.gs1.org/414/{SHOP_GLN}"}}
    far = {"readPoint": {"id": f"https://id.gs1.org/414/{HOSPITAL_GLN}"}}
    shown = seen(4, [pack("A1")], "inspecting", "", **far)
    watch.take(
        made(0, [pack("A1")], LOT, EXPIRY),
        seen(1, [pack("A1")], "shipping", "in_transit"),
        seen(3, [pack("A1")], "dispensing", "dispensed", **there),
        shown,
    )
    kinds = {each.kind: each.finding for each in watch.alerts.list(unit=pack("A1"))}
    assert kinds == {"clone": "", "not_received": "", "after_end": ""}
    watch.take(seen(2, [pack("A1")], "receiving", "in_progress", **there))
    left = {each.kind for each in watch.alerts.list(unit=pack("A1"))}
    assert left == {"clone", "after_end"}
    watch.take(undone(shown))
    assert watch.alerts.list(unit=pack("A1")) == []


def test_made_up_serials_are_told_from_slips(watch: Watch) -> None:
    """Three of a product within a day, and more than one in a hundred; or one at two parties."""
    for number in range(400):
        watch.ask(SHOP_GLN, number / 100, f"G{number}")
    for number in range(3):
        watch.ask(SHOP_GLN, 4, f"U{number}", "serial_unknown", "suspected_fake")
    assert watch.kinds() == []
    for number in range(3, 6):
        watch.ask(SHOP_GLN, 5, f"U{number}", "serial_unknown", "suspected_fake")
    assert watch.kinds() == ["unknown_serial"]
    kept = watch.clones.suspicion(watch.told[0].alert)
    assert kept is not None
    assert kept.pack == f"https://id.gs1.org/01/{GTIN}"
    watch.ask(HOSPITAL_GLN, 40, "U0", "serial_unknown", "suspected_fake")
    assert watch.kinds() == ["unknown_serial"]
    watch.ask(SHOP_GLN, 50, "U0", "serial_unknown", "suspected_fake")
    assert watch.kinds() == ["unknown_serial", "unknown_serial"]


# How it is told -------------------------------------------------------------------------------


def test_one_suspicion_is_raised_once_until_it_is_closed(watch: Watch) -> None:
    """And again if it happens after a finding."""
    for hours in (0, 1, 2, 3):
        watch.ask((SHOP_GLN, HOSPITAL_GLN)[hours % 2], hours)
    assert watch.kinds() == ["clone"]
    closing = supply.CloseAlert(alert=watch.told[0].alert, finding="confirmed")
    watch.trade.must(watch.trade.maker, closing)
    watch.ask(SHOP_GLN, 4)
    assert watch.kinds() == ["clone", "clone"]


def test_the_public_raises_nothing(watch: Watch) -> None:
    """Else anybody could cry wolf."""
    verdict = Verdict(False, "serial_unknown", "suspected_fake")
    for number in range(9):
        question = Question(gtin=GTIN, serial=f"U{number}")
        watch.clones.seen(Seen(question, "", verdict, START))
    assert watch.local() == []
    assert watch.kinds() == []


def test_only_the_responder_or_owner_raises_on_the_chain(watch: Watch) -> None:
    """After a transfer our own people are still told."""
    watch.trade.transfer(watch.trade.shop)
    watch.ask(SHOP_GLN, 0)
    watch.ask(HOSPITAL_GLN, 1)
    assert watch.local() == [("clone", "suspect")]
    assert watch.kinds() == []


def test_what_was_not_announced_is_announced_later(trade: Trade) -> None:
    """A crash between keeping and telling loses nothing, and tells nothing twice."""
    watch = Watch(trade, submit=False)
    watch.place(SHOP_GLN, SHANGHAI)
    watch.place(HOSPITAL_GLN, URUMQI)
    watch.ask(SHOP_GLN, 0)
    watch.ask(HOSPITAL_GLN, 1)
    assert watch.clones.suspicion(watch.told[0].alert) is not None
    watch.submit = True
    again = watch.make(watch.room)
    assert again.resume() == 1
    assert watch.told[0] == watch.told[1]
    assert again.resume() == 0
    assert watch.clones.suspicion(new_id()) is None


def test_a_chain_that_refuses_stops_no_answer(trade: Trade) -> None:
    """Who asks about a pack gets the answer all the same."""
    watch = Watch(trade)
    watch.place(SHOP_GLN, SHANGHAI)
    watch.place(HOSPITAL_GLN, URUMQI)
    watch.trade.maker = Actor(trade.maker.id, trade.cast.signer("stranger"), trade.maker.id)
    watch.ask(SHOP_GLN, 0)
    watch.ask(HOSPITAL_GLN, 1)
    assert watch.local() == [("clone", "suspect")]
    assert watch.clones.resume() == 1


def test_the_same_verification_counts_once(watch: Watch) -> None:
    """Told again, it raises nothing more."""
    watch.ask(SHOP_GLN, 0, reason="lot_differs", concern="suspected_fake")
    watch._number -= 1
    watch.ask(SHOP_GLN, 0, reason="lot_differs", concern="suspected_fake")
    assert len(watch.alerts.list()) == 1


# Clean and dirty traffic ----------------------------------------------------------------------


SITES = {
    "9506000210001": SHANGHAI,
    "9506000210018": SUZHOU,
    "9506000210025": URUMQI,
    "9506000210032": Point(39_900_000, 116_400_000),
    "9506000210049": Point(23_130_000, 113_260_000),
    "9506000210056": Point(1_350_000, 103_820_000),
}


def way(draw: random.Random, hours: float) -> list[tuple[str, float]]:
    """A pack's way: from site to site by lorry or aircraft, scanned a few times at each."""
    found = []
    here = draw.choice(sorted(SITES))
    for _ in range(draw.randint(2, 5)):
        for _ in range(draw.randint(1, 3)):
            # The clocks of sites differ by minutes.
            found.append((here, hours + draw.uniform(-0.1, 0.1)))
            hours += draw.uniform(0.2, 20)
        there = draw.choice(sorted(SITES))
        hours += distance(SITES[here], SITES[there]) / draw.choice((70, 90, 850))
        here = there
    return found


def test_clean_traffic_is_left_alone_and_clones_are_not(trade: Trade) -> None:
    """At most 0.05 % false alerts of clean packs; each of the injected clones is caught."""
    watch = Watch(trade, submit=False)
    for gln, point in SITES.items():
        watch.place(gln, point)
    draw = random.Random(48)
    clean = scale(300, 20_000)
    for number in range(clean):
        for gln, hours in way(draw, draw.uniform(0, 1000)):
            watch.ask(gln, hours, f"C{number}")
    assert SLACK_MS > 0.2 * HOUR
    assert len(watch.local()) * 2_000 <= clean
    raised = len(watch.told)
    cloned = scale(30, 1_000)
    for number in range(cloned):
        real = way(draw, 0)
        for gln, hours in real:
            watch.ask(gln, hours, f"D{number}")
        gln, hours = draw.choice(real)
        far = [each for each in SITES if distance(SITES[each], SITES[gln]) > 900]
        watch.ask(draw.choice(far), hours + 0.1, f"D{number}")
    packs = {
        json.loads(kept.content)["pack"]
        for kept in map(watch.clones.suspicion, [each.alert for each in watch.told[raised:]])
        if kept is not None
    }
    assert packs == {pack(f"D{number}") for number in range(cloned)}
