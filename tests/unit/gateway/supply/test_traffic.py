"""Months of traffic through capture, verification and alerts: honest packs raise no suspicion.

What a maker hears of its packs, in the order in which it hears it: documents go in by capture, and
are judged; verifications are asked by the parties' location numbers; alerts are those that people
would see. Beside: 0.21 % of packs raised an alert in Europe's system in its first years.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.epcis.place import document
from tests.scale import scale
from tests.unit.gateway.supply.trade import GTIN, Trade
from tests.unit.gateway.supply.traffic import DAY, HOUR, Asked, Fake, Told, Traffic
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.supply.alerts import Alert, Alerts
from yilian.gateway.supply.clones import Clones
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.directory import Directory
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.places import Place, Places
from yilian.gateway.supply.verification import Question, Verification
from yilian.ledger.modules.supply import messages as supply

LOTS = scale(70, 700)
"""31 events each, about: 2,000 in `make test`, more than 20,000 in full."""

FORGED = scale(20, 400)
AT_ONCE = 8 * HOUR
"""What is heard within eight hours is handed in as documents, and then asked about."""


class Hearing:
    """The maker's repository, packs, answers and alerts; its clock is that of the traffic."""

    def __init__(self, trade: Trade, traffic: Traffic) -> None:
        self.trade = trade
        self.time = traffic.start
        self.told: list[supply.RaiseAlert] = []
        self.database = SupplyDatabase(trade.folder / "hearing.sqlite", trade.maker.id)
        directory, places = Directory(trade.engine), Places(self.database)
        for each in traffic.sites():
            places.put(Place(each.gln, *each.point))
        self.repository = Repository(self.database, now=self.now)
        self.repository.start()
        self.alerts = Alerts(self.database, self.now)
        packs = self.packs = Packs(self.database, self.repository, self.alerts)
        maker = trade.maker.id
        self.verification = Verification(maker, self.database, directory, packs, now=self.now)
        self.clones = Clones(
            maker,
            self.database,
            directory,
            packs,
            self.alerts,
            places,
            now=self.now,
            announce=self.told.append,
        )
        self.verification.listeners.append(self.clones.seen)

    def now(self) -> int:
        """The time in the traffic."""
        return self.time

    def hear(self, items: list[Told | Asked]) -> None:
        """Take in what is new, some hours at a time."""
        waiting: list[Told | Asked] = []
        for each in items:
            if waiting and each.heard // AT_ONCE != waiting[0].heard // AT_ONCE:
                self._take(waiting)
                waiting = []
            waiting.append(each)
        self._take(waiting)

    def _take(self, items: list[Told | Asked]) -> None:
        self.time = items[-1].heard
        by: dict[str, list[Event]] = {}
        for each in items:
            if isinstance(each, Told):
                by.setdefault(each.by, []).append(each.event)
        jobs = [
            self.repository.capture(
                parse_json(document(events)), behaviour="rollback", submitter=who
            )
            for who, events in by.items()
        ]
        for job in jobs:
            assert self.repository.wait(job.id, 60).success
        self.packs.catch_up()
        self.clones.follow(self.repository)
        for each in items:
            if isinstance(each, Asked):
                self.time = each.heard
                question = Question(
                    gtin=GTIN, serial=each.pack.serial, lot=each.lot, expiry=each.expiry
                )
                self.verification.answer(question, each.by)

    def suspected(self) -> list[Alert]:
        """What looks like a fake."""
        return self.alerts.list(severity="suspect", limit=100_000)

    def close(self) -> None:
        """Stop."""
        self.repository.stop()
        self.database.close()


@pytest.fixture
def trade(tmp_path: Path) -> Iterator[Trade]:
    """A chain with a product."""
    running = Trade(tmp_path)
    yield running
    running.close()


@pytest.mark.slow
def test_honest_traffic_is_left_alone_and_fakes_are_caught(trade: Trade) -> None:
    """In one market: suspicions of packs that nobody copied are false alarms."""
    traffic = Traffic(10, trade.engine.now()).lots(LOTS)
    assert traffic.events >= 28 * LOTS
    fakes = traffic.forge(FORGED)
    hearing = Hearing(trade, traffic)
    try:
        hearing.hear(traffic.heard())
        fakes += after_recall(trade, traffic, hearing)
        found = hearing.suspected()
        slips = hearing.alerts.list(severity="error", limit=100_000)
    finally:
        hearing.close()
    copied = {each.pack.uri for each in fakes}
    false = [each for each in found if each.unit not in copied]
    missed = copied - {each.unit for each in found}
    counted = Counter(each.how for each in fakes)
    print(f"{traffic.events} events, {len(traffic.packs)} packs, {len(slips)} slips told apart")
    print(f"{len(false)} false alarms, {len(missed)} missed of {dict(counted)}")
    assert len(counted) == 5
    assert not missed, Counter(each.how for each in fakes if each.pack.uri in missed)
    honest = len(traffic.packs) - len(copied)
    assert 2_000 * len(false) <= honest, Counter((each.kind, each.act) for each in false)
    # There was something to be seen that is no fake: late messages, packs that came back.
    assert len(slips) > LOTS // 10


def after_recall(trade: Trade, traffic: Traffic, hearing: Hearing) -> list[Fake]:
    """Recall the lots of packs that are on shelves yet, and have these handed out."""
    ended = {
        each.event["epcList"][0].rpartition("/")[2]
        for each in traffic.items
        if isinstance(each, Told)
        and each.event.get("bizStep") in ("dispensing", "destroying", "sampling")
    }
    left = [each for each in traffic.packs if each.serial not in ended]
    lots = sorted({each.lot for each in left})[: FORGED // 4]
    trade.recall("recall", *lots)
    before = len(traffic.items)
    recalled = [each for each in left if each.lot in lots]
    fakes = traffic.hand_out(recalled, traffic.start + 200 * DAY)
    hearing.hear(sorted(traffic.items[before:], key=lambda each: each.heard))
    return fakes
