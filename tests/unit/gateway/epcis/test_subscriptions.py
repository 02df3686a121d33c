"""Standing queries against real receivers: in order, at least once, signed, nobody in the way."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.epcis_sample import events
from tests.unit.gateway.epcis.store_builders import Home, declared, simple
from tests.unit.gateway.notices.servers import LOOPBACK, Posted, Receiver, receiving, say
from yilian.gateway.epcis import subscriptions as module
from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.epcis.news import News
from yilian.gateway.epcis.subscriptions import Subscription, Subscriptions, Wanted, find_in
from yilian.gateway.epcis.webhook import SIGNATURE, genuine
from yilian.gateway.notices.webhook import Webhook
from yilian.ledger.errors import Refusal

DEADLINE = 20.0
GLN = "9520001000010"
TOKEN = "13df38d8275b13f05704629e5f1cf3d45d6132d5"


def until(condition: Callable[[], object]) -> None:
    """Wait until something holds; how long is no part of any test."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < DEADLINE, "it did not come"
        time.sleep(0.01)


class Standing:
    """A repository, and the subscriptions to its queries."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.repository = self.home.repository
        self.carrier = Webhook(LOOPBACK, timeout=5.0)
        self.open()
        self.repository.queries.put("all", {}, 1)
        self.repository.queries.put("shipped", {"EQ_bizStep": ["shipping"]}, 1)

    def open(self) -> None:
        self.news = News(self.home.database, self.repository)
        self.subscriptions = Subscriptions(
            self.home.database,
            self.news,
            find_in(self.repository.queries),
            self.carrier,
            self.home.clock,
        )
        self.subscriptions.start()

    def close(self) -> None:
        self.subscriptions.stop()
        self.home.close()

    def restart(self) -> None:
        self.subscriptions.stop()
        self.repository.listeners.clear()
        self.open()

    def add(
        self,
        receiver: Receiver,
        query: str = "all",
        viewer: str | None = None,
        **changes: Any,
    ) -> Subscription:
        wanted = Wanted(receiver.url("/hook"), TOKEN, None, False, None, "Never_Translates")
        return self.subscriptions.add(query, viewer, wanted._replace(**changes))

    def put(self, sample: list[Event]) -> list[str]:
        stored = self.home.put(sample)
        self.repository.tell()
        return [each.event_id for each in stored]

    def state(self, made: Subscription) -> Subscription:
        return self.subscriptions.get(made.query, made.viewer, made.subscription)


@pytest.fixture
def standing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Standing]:
    # The clock of these tests stands until it is moved: look at it often.
    monkeypatch.setattr(module, "LONGEST_WAIT", 0.02)
    monkeypatch.setattr(module, "LONGEST_SLEEP", 0.2)
    made = Standing(tmp_path)
    yield made
    made.close()


def ids_of(posted: Posted) -> list[str]:
    return [str((each or {})["eventID"]) for each in parse_json(posted.body).events]


def all_ids(receiver: Receiver) -> list[str]:
    return [each for posted in receiver.posted for each in ids_of(posted)]


def in_turn(*answers: Callable[[BaseHTTPRequestHandler], None]) -> Any:
    """Answer each request by the next of these, and the rest by the last."""
    left = list(answers)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return answer


def test_a_stream_is_delivered_signed_and_in_order(standing: Standing) -> None:
    standing.put(list(events(1, 5)))
    with receiving(say(200)) as receiver:
        made = standing.add(receiver)
        ids = standing.put(list(events(2, 30)))
        ids += standing.put(list(events(3, 300)))
        until(lambda: len(all_ids(receiver)) >= len(ids))
        until(lambda: standing.state(made).done == standing.repository.newest())
    assert all_ids(receiver) == ids
    for posted in receiver.posted:
        assert len(ids_of(posted)) <= module.MAX_BATCH
        assert genuine(TOKEN, posted.headers[SIGNATURE], posted.body)
        assert not genuine(TOKEN, posted.headers[SIGNATURE], posted.body + b" ")
        assert not genuine("another", posted.headers[SIGNATURE], posted.body)
        results = json.loads(posted.body)["epcisBody"]["queryResults"]
        assert results["subscriptionID"] == made.subscription
        assert results["queryName"] == "all"
    assert standing.state(made).notified is not None
    assert len({posted.headers["idempotency-key"] for posted in receiver.posted}) == len(
        receiver.posted
    )


def test_only_what_matches_is_delivered(standing: Standing) -> None:
    sample = list(events(4, 200))
    with receiving(say(204)) as receiver:
        standing.add(receiver, "shipped", token=None)
        ids = standing.put(sample)
        wanted = [i for i, e in zip(ids, sample, strict=True) if e.get("bizStep") == "shipping"]
        until(lambda: len(all_ids(receiver)) >= len(wanted))
    assert all_ids(receiver) == wanted
    assert SIGNATURE not in receiver.posted[0].headers


def test_what_was_there_before_comes_where_it_is_asked_for(standing: Standing) -> None:
    first = standing.put(list(events(5, 10)))
    standing.home.clock.now += 1_000_000
    moment = standing.home.clock.now
    second = standing.put(list(events(6, 10)))
    with receiving(say(200)) as new, receiving(say(200)) as some, receiving(say(200)) as every:
        standing.add(new)
        standing.add(some, initial=moment)
        standing.add(every, initial=0)
        third = standing.put(list(events(7, 10)))
        until(lambda: len(all_ids(every)) >= 30 and len(all_ids(some)) >= 20)
        until(lambda: len(all_ids(new)) >= 10)
    assert all_ids(every) == first + second + third
    assert all_ids(some) == second + third
    assert all_ids(new) == third


def test_what_is_refused_is_sent_again_and_nothing_lost(standing: Standing) -> None:
    answer = in_turn(say(500), say(302, location="/else"), say(503), say(200))
    with receiving(answer) as receiver:
        made = standing.add(receiver)
        ids = standing.put(list(events(8, 20)))
        for tries in (1, 2, 3):
            until(lambda tries=tries: standing.state(made).attempts == tries)
            kept = standing.state(made)
            assert kept.done == 0
            pause = module.FIRST_PAUSE_MS << (tries - 1)
            assert 0 < kept.due - standing.home.clock.now <= pause
            standing.home.clock.now += pause
        until(lambda: standing.state(made).done == 20)
        more = standing.put(list(events(9, 5)))
        until(lambda: len(receiver.posted) == 5)
    keys = [posted.headers["idempotency-key"] for posted in receiver.posted]
    assert len(set(keys[:4])) == 1
    assert all(ids_of(posted) == ids for posted in receiver.posted[:4])
    assert ids_of(receiver.posted[4]) == more
    assert standing.state(made).attempts == 0


def test_a_dead_receiver_holds_up_no_other(standing: Standing) -> None:
    free = threading.Event()

    def never(handler: BaseHTTPRequestHandler) -> None:
        free.wait(DEADLINE)

    with receiving(never) as dead, receiving(say(200)) as living:
        for _ in range(20):
            standing.add(dead)
        standing.add(living)
        ids = standing.put(list(events(10, 50)))
        began = time.monotonic()
        until(lambda: len(all_ids(living)) == 50)
        print(f"beside 20 dead receivers: {time.monotonic() - began:.2f} s")
        assert all_ids(living) == ids
        free.set()


def test_a_restart_goes_on_where_it_was(standing: Standing) -> None:
    with receiving(say(200)) as receiver:
        made = standing.add(receiver)
        first = standing.put(list(events(11, 10)))
        until(lambda: standing.state(made).done == 10)
        standing.subscriptions.stop()
        second = standing.put(list(events(12, 10)))
        standing.restart()
        until(lambda: standing.state(made).done == 20)
    assert all_ids(receiver) == first + second


def test_what_was_not_answered_comes_again_under_the_same_key(standing: Standing) -> None:
    """A crash between the receiver's answer and our note of it: at least once, and to be known."""
    free = threading.Event()

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        free.wait(DEADLINE)

    with receiving(in_turn(slowly, say(200))) as receiver:
        made = standing.add(receiver)
        ids = standing.put(list(events(13, 10)))
        until(lambda: receiver.posted)
        standing.subscriptions.stop()
        assert standing.state(made).done == 0
        free.set()
        standing.restart()
        until(lambda: standing.state(made).done == 10)
        one, two = receiver.posted
    assert ids_of(one) == ids_of(two) == ids
    assert one.headers["idempotency-key"] == two.headers["idempotency-key"]


def test_a_schedule_reports_at_its_moment(standing: Standing) -> None:
    clock = standing.home.clock
    with receiving(say(200)) as receiver:
        made = standing.add(receiver, schedule={"hour": "1", "minute": "5"})
        assert made.due > clock.now
        ids = standing.put(list(events(14, 250)))
        clock.now = made.due - 10_000
        assert receiver.posted == []
        clock.now = made.due
        until(lambda: standing.state(made).due > made.due)
        kept = standing.state(made)
        assert kept.due == made.due + 86_400_000
        assert kept.done == 250
        # The next day brings nothing, and nothing is said.
        clock.now = kept.due
        until(lambda: standing.state(made).due > kept.due)
    assert all_ids(receiver) == ids
    assert [len(ids_of(posted)) for posted in receiver.posted] == [100, 100, 50]


def test_a_schedule_reports_that_there_is_nothing_where_it_is_asked_to(standing: Standing) -> None:
    clock = standing.home.clock
    with receiving(say(200)) as receiver:
        made = standing.add(receiver, schedule={"minute": "0"}, report_if_empty=True)
        for number in (1, 2):
            clock.now = standing.state(made).due
            until(lambda number=number: len(receiver.posted) == number)
            until(lambda: standing.state(made).due > clock.now)
        ids = standing.put(list(events(15, 3)))
        clock.now = standing.state(made).due
        until(lambda: standing.state(made).done == 3 and not standing.state(made).sent)
    assert [ids_of(posted) for posted in receiver.posted] == [[], [], ids]


def test_a_schedule_that_was_missed_is_made_up_for(standing: Standing) -> None:
    with receiving(say(200)) as receiver:
        made = standing.add(receiver, schedule={"dayOfWeek": "1"})
        standing.subscriptions.stop()
        ids = standing.put(list(events(16, 4)))
        standing.home.clock.now = made.due + 3 * 86_400_000
        standing.restart()
        until(lambda: standing.state(made).done == 4)
    assert all_ids(receiver) == ids


def test_a_receiver_may_want_smaller_batches(standing: Standing) -> None:
    def at_most_ten(handler: BaseHTTPRequestHandler) -> None:
        say(200 if len(ids_of(receiver.posted[-1])) <= 10 else 413)(handler)

    with receiving(at_most_ten) as receiver:
        made = standing.add(receiver)
        ids = standing.put(list(events(17, 50)))

        def all_delivered() -> bool:
            standing.home.clock.now += 1_000
            return standing.state(made).done == 50

        until(all_delivered)
    taken = [
        each for posted in receiver.posted if len(ids_of(posted)) <= 10 for each in ids_of(posted)
    ]
    assert taken == ids


def test_a_receiver_that_is_gone_is_left_alone(standing: Standing) -> None:
    with receiving(say(410)) as receiver, receiving(say(200)) as other:
        made = standing.add(receiver)
        standing.add(other)
        standing.put(list(events(18, 3)))
        until(lambda: standing.state(made).ended == "gone")
        standing.put(list(events(19, 3)))
        standing.restart()
        standing.put(list(events(20, 3)))
        until(lambda: len(all_ids(other)) == 9)
        assert len(receiver.posted) == 1


def test_a_partner_is_told_what_it_is_shown_and_when_it_is(standing: Standing) -> None:
    """Also what came in long before it was shown; and nothing else."""
    sample = list(events(21, 30))
    standing.repository.queries.put("all", {}, 1, GLN)
    standing.repository.queries.put("shipped", {"EQ_bizStep": ["shipping"]}, 1, GLN)
    with receiving(say(200)) as receiver, receiving(say(200)) as shipped:
        standing.add(receiver, viewer=GLN)
        standing.add(shipped, "shipped", viewer=GLN)
        ids = standing.put(sample)
        standing.repository.show(GLN, [20, 21])
        until(lambda: len(all_ids(receiver)) == 2)
        standing.repository.show("AAAAAAAAAAAAAAAAAAAAAA", range(1, 31))
        standing.repository.show(GLN, [5, 20])
        standing.repository.tell()
        until(lambda: len(all_ids(receiver)) == 3)
        assert all_ids(receiver) == [ids[19], ids[20], ids[4]]
        standing.repository.show(GLN, range(1, 31))
        standing.repository.tell()
        until(lambda: len(all_ids(receiver)) == 30)
        wanted = {i for i, e in zip(ids, sample, strict=True) if e.get("bizStep") == "shipping"}
        until(lambda: len(all_ids(shipped)) == len(wanted))
    assert sorted(all_ids(receiver)) == sorted(ids)
    assert set(all_ids(shipped)) == wanted


def test_many_shown_events_are_looked_at_in_pieces(standing: Standing) -> None:
    standing.repository.queries.put("shipped", {"EQ_bizStep": ["shipping"]}, 1, GLN)
    sample = list(events(22, 900))
    ids = standing.put(sample)
    standing.repository.show(GLN, range(1, 901))
    wanted = [i for i, e in zip(ids, sample, strict=True) if e.get("bizStep") == "shipping"]
    query = {"EQ_bizStep": ["shipping"], "orderBy": "eventTime", "eventCountLimit": 1}
    found, after = [], 0
    while True:
        items, reached = standing.news.read(query, GLN, after=after, limit=7)
        assert [each.place for each in items] == sorted(each.place for each in items)
        if not items:
            break
        found += [each.stored.event_id for each in items]
        after = reached
    assert found == wanted
    assert reached == standing.news.newest(GLN) == 900


def test_what_is_removed_is_told_nothing_more(standing: Standing) -> None:
    with receiving(say(200)) as receiver, receiving(say(200)) as other:
        made, second = standing.add(receiver), standing.add(receiver)
        kept = standing.add(other)
        standing.subscriptions.remove("all", None, made.subscription)
        standing.subscriptions.remove_all("shipped", None)
        with pytest.raises(Refusal) as caught:
            standing.subscriptions.remove("all", None, made.subscription)
        assert caught.value.code.name == "epcis.subscription_unknown"
        with pytest.raises(Refusal):
            standing.subscriptions.get("all", GLN, second.subscription)
        names = [each.subscription for each in standing.subscriptions.all("all", None)]
        assert names == [second.subscription, kept.subscription]
        standing.subscriptions.remove("all", None, second.subscription)
        standing.put(list(events(23, 3)))
        until(lambda: len(all_ids(other)) == 3)
        assert receiver.posted == []
        standing.repository.queries.remove("all")
        standing.put(list(events(24, 3)))
        until(lambda: standing.state(kept).ended == "query_removed")
        assert len(all_ids(other)) == 3


@pytest.mark.parametrize(
    ("dest", "reason"),
    [
        ("https://10.0.0.1/hook", "address-refused"),
        ("https://169.254.169.254/latest/meta-data", "address-refused"),
        ("https://[::ffff:10.0.0.1]/", "address-refused"),
        ("http://8.8.8.8/hook", "https-required"),
        ("https://user:pass@8.8.8.8/", "address-refused"),
        ("ftp://8.8.8.8/", "address-refused"),
        ("https://nothing.invalid/hook", "name-unknown"),
    ],
)
def test_where_nothing_is_posted(standing: Standing, dest: str, reason: str) -> None:
    wanted = Wanted(dest, None, None, False, None, "Never_Translates")
    with pytest.raises(Refusal) as caught:
        standing.subscriptions.add("all", None, wanted)
    assert caught.value.code.name == "epcis.destination_refused"
    assert caught.value.parameters == {"reason": reason}
    assert standing.subscriptions.all("all", None) == []


def test_loopback_is_refused_unless_it_is_named(standing: Standing) -> None:
    standing.subscriptions.stop()
    standing.carrier = Webhook()
    standing.open()
    with receiving(say(200)) as receiver, pytest.raises(Refusal) as caught:
        standing.add(receiver)
    assert caught.value.parameters == {"reason": "address-refused"}


def test_there_is_an_end_to_how_many(standing: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SUBSCRIPTIONS", 2)
    with receiving(say(200)) as receiver:
        standing.add(receiver)
        standing.add(receiver, "shipped")
        with pytest.raises(Refusal) as caught:
            standing.add(receiver)
    assert caught.value.code.name == "epcis.too_many_subscriptions"


def test_one_partner_does_not_take_all_places(
    standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_OF_PARTNER", 1)
    with receiving(say(200)) as receiver:
        standing.add(receiver, viewer=GLN)
        with pytest.raises(Refusal) as caught:
            standing.add(receiver, viewer=GLN)
        assert caught.value.parameters == {"limit": 1}
        standing.add(receiver, viewer="AAAAAAAAAAAAAAAAAAAAAA")
        standing.add(receiver)
        standing.add(receiver)


def test_no_secret_shows(standing: Standing) -> None:
    with receiving(say(200)) as receiver:
        made = standing.add(receiver)
    assert TOKEN not in repr(made)
    assert "/hook" not in repr(made)


@pytest.mark.parametrize("viewer", [None, GLN])
def test_an_event_and_the_declaration_under_its_id_are_both_told(
    standing: Standing, viewer: str | None
) -> None:
    """Also where they are shown in another order, or far apart."""
    some = [simple(n) for n in range(450)]
    standing.put([*some, *map(declared, some)])
    if viewer is not None:
        standing.repository.show(viewer, range(700, 901))
        standing.repository.show(viewer, range(1, 901))
    found, after = list[int](), 0
    while True:
        items, after = standing.news.read({}, viewer, after=after, limit=33)
        if not items:
            break
        found += [each.stored.sequence for each in items]
    shown = list(range(700, 901)) if viewer else []
    assert found == shown + list(range(1, 901 - len(shown)))
    only, _ = standing.news.read({"EXISTS_errorDeclaration": True}, viewer, after=0, limit=999)
    assert sorted(each.stored.sequence for each in only) == list(range(451, 901))
