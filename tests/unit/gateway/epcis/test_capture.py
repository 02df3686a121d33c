from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.shared import shared
from tests.unit.gateway.epcis.store_builders import Home, declared, document, ids, simple
from yilian.gateway.epcis import capture as captures
from yilian.gateway.epcis import store
from yilian.gateway.epcis.capture import Behaviour, Job, Limits
from yilian.gateway.epcis.document import Document, Event, Fault
from yilian.gateway.epcis.json_form import parse_json
from yilian.ledger.errors import Refusal

BOTH: tuple[Behaviour, ...] = ("rollback", "proceed")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path)
    yield made
    made.close()


def done(home: Home, given: Document, behaviour: Behaviour = "rollback", who: str = "wms") -> Job:
    job = home.repository.capture(given, behaviour=behaviour, submitter=who)
    found = home.repository.wait(job.id, 60)
    assert not found.running
    return found


def refused(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments, **named)
    return caught.value.code.name


def nothing_stored(home: Home) -> None:
    assert home.repository.newest() == 0
    assert home.count("epcis_events") == 0
    assert home.count("epcis_terms") == 0


@pytest.mark.parametrize("behaviour", BOTH)
def test_a_capture_stores_its_events_in_their_order(home: Home, behaviour: Behaviour) -> None:
    job = done(home, document([simple(n) for n in range(1, 8)]), behaviour)
    assert (job.success, job.captured, job.faults) == (True, 7, ())
    assert job.finished is not None
    assert job.finished >= job.created
    stored = home.repository.after(0, 100)
    assert ids(stored) == [simple(n)["eventID"] for n in range(1, 8)]
    assert [each.sequence for each in stored] == list(range(1, 8))
    assert {each.submitter for each in stored} == {"wms"}


def test_rollback_stores_nothing_and_tells_every_fault(home: Home) -> None:
    wrong = [simple(2, eventTime="yesterday"), simple(3, action="TAKE")]
    job = done(home, document([simple(1), *wrong, simple(4)]))
    assert not job.success
    assert job.captured == 0
    assert {(each.event, each.path) for each in job.faults} == {(1, "eventTime"), (2, "action")}
    nothing_stored(home)


def test_proceed_keeps_exactly_the_valid_ones(home: Home) -> None:
    job = done(home, document([simple(1), simple(2, eventTime="yesterday"), simple(3)]), "proceed")
    assert (job.success, job.captured) == (False, 2)
    assert [each.event for each in job.faults] == [1]
    assert ids(home.repository.after(0, 9)) == [simple(1)["eventID"], simple(3)["eventID"]]


def test_proceed_with_nothing_valid_stores_nothing(home: Home) -> None:
    job = done(home, document([simple(1, action="TAKE"), simple(2, action="TAKE")]), "proceed")
    assert (job.success, job.captured) == (False, 0)
    assert [(each.event, each.path) for each in job.faults] == [(0, "action"), (1, "action")]
    nothing_stored(home)


@pytest.mark.parametrize("behaviour", BOTH)
def test_what_could_not_be_read_counts_as_a_fault(home: Home, behaviour: Behaviour) -> None:
    given = document([simple(1), None], [Fault(1, "type", "unknown_type")])
    job = done(home, given, behaviour)
    assert not job.success
    assert job.faults == (Fault(1, "type", "unknown_type"),)
    assert home.repository.newest() == (1 if behaviour == "proceed" else 0)


@pytest.mark.parametrize("behaviour", BOTH)
def test_an_event_id_is_taken_once(home: Home, behaviour: Behaviour) -> None:
    done(home, document([simple(1)]))
    job = done(home, document([simple(2), simple(1, bizStep="receiving")]), behaviour)
    assert job.faults == (Fault(1, "eventID", "event_exists"),)
    assert job.captured == (1 if behaviour == "proceed" else 0)
    first = home.repository.event(simple(1)["eventID"])
    assert first is not None
    assert first.event["bizStep"] == "shipping"


def test_an_event_id_twice_in_one_document(home: Home) -> None:
    job = done(home, document([simple(1), simple(1, bizStep="receiving")]))
    assert job.faults == (Fault(1, "eventID", "event_exists"),)
    nothing_stored(home)


def test_an_event_without_an_id_gets_one(home: Home) -> None:
    done(home, document([simple(1, eventID=None), simple(2, eventID=None)]))
    one, other = home.repository.after(0, 9)
    assert one.event["eventID"] == one.event_id
    assert one.event_id.startswith("urn:uuid:")
    assert one.event_id != other.event_id


def test_sent_again_it_is_the_same_job(home: Home) -> None:
    given = document([simple(1, eventID=None)])
    first = done(home, given)
    assert home.repository.capture(given, behaviour="rollback", submitter="wms") == first
    assert home.repository.newest() == 1
    # Another submitter, another behaviour and another content are other captures.
    done(home, given, "rollback", "erp")
    done(home, given, "proceed")
    done(home, document([simple(2, eventID=None)]))
    assert home.repository.newest() == 4
    assert home.count("epcis_jobs") == 4


def test_an_empty_document_is_a_capture_of_nothing(home: Home) -> None:
    job = done(home, document([]))
    assert (job.success, job.captured) == (True, 0)


def test_bounds(tmp_path: Path) -> None:
    home = Home(tmp_path, limits=Limits(events=2, bytes=900))
    send = home.repository.capture
    many = document([simple(n) for n in range(3)])
    assert refused(send, many, behaviour="rollback", submitter="x") == "epcis.too_many_events"
    large = document([simple(1, **{"@context": {"my": "https://x.example/"}, "my:x": "x" * 900})])
    assert refused(send, large, behaviour="rollback", submitter="x") == "epcis.too_large"
    assert home.count("epcis_jobs") == 0
    home.close()


def test_no_more_captures_wait_than_may(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "WAITING", 2)
    monkeypatch.setattr(captures.Capture, "start", lambda _: None)
    for number in (1, 2):
        home.repository.capture(document([simple(number)]), behaviour="rollback", submitter="x")
    third = document([simple(3)])
    code = refused(home.repository.capture, third, behaviour="rollback", submitter="x")
    assert code == "epcis.capture_busy"


def test_jobs_are_listed_newest_first(home: Home) -> None:
    made = [done(home, document([simple(n)]), who="a" if n % 2 else "b") for n in range(5)]
    assert home.repository.jobs(None, 9) == (made[::-1], None)
    first, cursor = home.repository.jobs(None, 2)
    assert first == [made[4], made[3]]
    second, cursor = home.repository.jobs(cursor, 3)
    assert (second, cursor) == ([made[2], made[1], made[0]], None)
    assert home.repository.jobs(None, 9, "b") == ([made[4], made[2], made[0]], None)
    assert refused(home.repository.job, "none") == "epcis.job_unknown"


@pytest.mark.parametrize("size", [1, captures.STEP, captures.STEP + 1, 3 * captures.STEP - 1])
def test_all_sizes_of_steps(home: Home, size: int) -> None:
    told: list[int] = []
    home.repository.listeners.append(told.append)
    job = done(home, document([simple(n) for n in range(size)]))
    assert job.captured == size
    assert [each.sequence for each in home.repository.after(0, size + 9)] == [*range(1, size + 1)]
    home.repository.stop()
    assert told == [size]


def test_a_late_fault_takes_back_many_steps(home: Home) -> None:
    events: list[Event | None] = [simple(n) for n in range(2 * captures.STEP)]
    job = done(home, document([*events, simple(9_999, action="TAKE")]))
    assert [(each.event, each.path) for each in job.faults] == [(2 * captures.STEP, "action")]
    nothing_stored(home)


def test_an_id_that_is_taken_while_a_capture_is_under_way(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 2 * captures.STEP
    step = captures.Capture._step

    def meddle(self: captures.Capture, task: Any, start: int, events: Any) -> None:
        step(self, task, start, events)
        if start == 0:
            # Unseen as yet, and no obstacle to others.
            assert home.repository.newest() == 0
            assert home.repository.event(simple(3)["eventID"]) is None
            assert home.repository.browse("epcs", None, 9).names == []
            home.repository.capture_one(simple(3, bizStep="receiving"), "other")

    monkeypatch.setattr(captures.Capture, "_step", meddle)
    job = done(home, document([simple(n) for n in range(size)]))
    assert job.faults == (Fault(3, "eventID", "event_exists"),)
    assert home.count("epcis_events") == 1
    again = document([simple(n) for n in range(100, 100 + size)])
    monkeypatch.setattr(captures.Capture, "_step", step)
    assert done(home, again, "proceed").captured == size
    stored = home.repository.after(0, 9_999)
    assert [each.sequence for each in stored] == list(range(1, size + 2))


class Crash(BaseException):
    """Ends the capture as a crash would: nothing that comes after it runs."""


@pytest.mark.parametrize("behaviour", BOTH)
@pytest.mark.parametrize("at", ["_step", "_show", "_write_end"])
def test_a_crash_anywhere_loses_and_halves_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour, at: str
) -> None:
    size = captures.STEP + 10
    working = getattr(captures.Capture, at)
    calls = 0

    def crash(self: captures.Capture, *arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1 or at != "_step":
            raise Crash
        return working(self, *arguments)

    monkeypatch.setattr(captures.Capture, at, crash)
    monkeypatch.setattr(captures.Capture, "start", lambda _: None)
    given = document([simple(n) for n in range(size)])
    job = home.repository.capture(given, behaviour=behaviour, submitter="x")
    with pytest.raises(Crash):
        home.repository._capture._run()
    assert home.repository.job(job.id).running
    assert home.repository.newest() == 0
    assert home.repository.query({}, limit=9).events == []
    monkeypatch.undo()
    home.database.close()
    home.open()
    home.repository.start()
    found = home.repository.wait(job.id, 60)
    assert (found.running, found.success, found.captured) == (False, True, size)
    assert [each.sequence for each in home.repository.after(0, 9_999)] == [*range(1, size + 1)]
    assert home.count("epcis_events") == size


def test_stopped_in_the_middle_it_goes_on_later(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = captures.Capture._step

    def stop_after(self: captures.Capture, task: Any, start: int, events: Any) -> None:
        step(self, task, start, events)
        self._stopping = True

    monkeypatch.setattr(captures.Capture, "_step", stop_after)
    given = document([simple(n) for n in range(2 * captures.STEP)])
    job = home.repository.capture(given, behaviour="rollback", submitter="x")
    home.repository.stop()
    monkeypatch.undo()
    assert home.repository.job(job.id).running
    assert home.repository.newest() == 0
    home.database.close()
    home.open()
    home.repository.start()
    assert home.repository.wait(job.id, 60).captured == 2 * captures.STEP


def test_a_job_that_cannot_be_carried_out_can_be_sent_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise sqlite3.OperationalError("disk full")

    monkeypatch.setattr(store, "insert", broken)
    given = document([simple(1)])
    first = done(home, given)
    assert first.faults == (Fault(None, "", "internal"),)
    monkeypatch.undo()
    nothing_stored(home)
    second = done(home, given)
    assert second.id != first.id
    assert second.success


def test_strict_mode_judges_by_its_own_rules(tmp_path: Path) -> None:
    tampered = shared("epcis/semantic/event_hash_id_tampered.json")
    home = Home(tmp_path, mode="strict")
    job = done(home, parse_json(tampered.read_bytes()))
    assert not job.success
    nothing_stored(home)
    home.close()


def test_two_contents_under_one_id_are_refused(home: Home) -> None:
    path = shared("epcis/semantic/two_events_same_id_different_content.json")
    job = done(home, parse_json(path.read_bytes()))
    assert [each.reason for each in job.faults] == ["event_exists"]
    nothing_stored(home)


@pytest.mark.parametrize("behaviour", BOTH)
def test_an_error_is_declared_under_the_events_own_id(home: Home, behaviour: Behaviour) -> None:
    done(home, document([simple(1)]))
    job = done(home, document([simple(2), declared(simple(1)), declared(simple(2))]), behaviour)
    assert (job.success, job.captured) == (True, 3)
    stored = home.repository.after(0, 9)
    assert ids(stored) == [simple(n)["eventID"] for n in (1, 2, 1, 2)]
    assert ["errorDeclaration" in each.event for each in stored] == [False, False, True, True]
    # Once and no more, whatever comes with it.
    job = done(home, document([simple(3), declared(simple(1))]), behaviour)
    assert job.faults == (Fault(1, "eventID", "event_exists"),)
    assert job.captured == (1 if behaviour == "proceed" else 0)


@pytest.mark.parametrize("behaviour", BOTH)
@pytest.mark.parametrize(
    "wrong",
    [
        declared(simple(1), bizStep="receiving"),
        simple(1),
        declared(simple(2), errorDeclaration={"declarationTime": "2026-05-01T00:00:00.000Z"}),
        simple(2),
    ],
    ids=["another content", "no declaration", "a second declaration", "after a declaration"],
)
def test_nothing_else_comes_twice(home: Home, behaviour: Behaviour, wrong: Event) -> None:
    done(home, document([simple(1), simple(2), declared(simple(2))]))
    job = done(home, document([simple(3), wrong]), behaviour)
    assert job.faults == (Fault(1, "eventID", "event_exists"),)
    assert job.captured == (1 if behaviour == "proceed" else 0)
    # Nor within one document.
    given = [each | {"eventID": each["eventID"] + "0"} for each in (simple(1), simple(2), wrong)]
    given.insert(2, declared(given[1]))
    job = done(home, document(given), behaviour)
    assert job.faults == (Fault(3, "eventID", "event_exists"),)
    assert job.captured == (3 if behaviour == "proceed" else 0)


def test_a_declaration_before_its_event_takes_the_id(home: Home) -> None:
    job = done(home, document([declared(simple(1)), simple(1)]), "proceed")
    assert (job.captured, job.faults) == (1, (Fault(1, "eventID", "event_exists"),))


def test_a_declaration_follows_its_event_over_steps(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "STEP", 10)
    some = [simple(n) for n in range(1, 26)]
    job = done(home, document([*some, *map(declared, some)]))
    assert (job.success, job.captured) == (True, 50)
    again = document([simple(30), *map(declared, some), *some])
    assert done(home, again).captured == 0
    assert done(home, again, "proceed").captured == 1
    assert home.repository.newest() == 51


def test_a_declaration_that_came_meanwhile_is_seen(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events captured one by one while a document is under way: each id is judged at its end."""
    home.repository.capture_one(simple(1), "us")
    insert = store.insert

    def late(connection: Any, prepared: Any, submitter: str, job: str | None) -> list[int]:
        if job is not None:
            monkeypatch.setattr(store, "insert", insert)
            home.repository.put([declared(simple(1)), simple(2)], "us", connection)
        return insert(connection, prepared, submitter, job)

    monkeypatch.setattr(store, "insert", late)
    given = [declared(simple(1)), simple(2), declared(simple(2)), simple(3)]
    job = done(home, document(given), "proceed")
    taken = (Fault(0, "eventID", "event_exists"), Fault(1, "eventID", "event_exists"))
    assert (job.faults, job.captured) == (taken, 2)
    # The declaration is of the event that came first, which is the very same.
    assert ids(home.repository.after(3, 9)) == [simple(n)["eventID"] for n in (2, 3)]
    assert home.count("epcis_events") == home.repository.newest() == 5
