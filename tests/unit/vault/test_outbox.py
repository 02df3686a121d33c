"""The outbox: durable, each channel tried until taken or given up, each step provable."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.vault.builders import HOSPITAL, MINUTE, NOW, identifier
from tests.unit.vault.deskroom import EMAIL, STRANGER, URL, WANG, Clock, Room, open_room, wang
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.notice_history import START, check_line, line_digest
from yilian.vault.outbox import (
    DELIVERED,
    FIRST_WAIT,
    GIVEN_UP,
    LONGEST_WAIT,
    MAX_ATTEMPTS,
    WAITING,
    told,
)

GRANT: dict[str, str | int] = {
    "grant": identifier("grant"),
    "organisation": HOSPITAL,
    "ends": NOW + 30 * MINUTE,
}
CAUSE = codec.to_text(bytes(range(32)))
PROOF = codec.to_text(b"\1" * 32)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with open_room(tmp_path) as opened:
        yield opened


def put(room: Room, **changes: Any) -> str:
    fields: dict[str, Any] = {"person": WANG, "kind": "grant_given", "parameters": GRANT, "at": NOW}
    return room.outbox.put(**(fields | changes))


def refused(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments, **named)
    return caught.value.code.name


def events(room: Room, notice: str) -> list[tuple[str, str | None]]:
    return [(line.event, line.channel) for line in room.outbox.history.of(notice)]


def test_a_notice_goes_to_every_channel_the_person_has(room: Room) -> None:
    alone = put(room, person=STRANGER)
    room.desk.put_person(wang(email=EMAIL, webhook=URL))
    notice = put(room)
    assert [
        (due.notice.notice, due.channel, due.attempt) for due in room.outbox.due(NOW)
    ] == sorted([(alone, "inbox", 1), *((notice, way, 1) for way in ("inbox", "smtp", "webhook"))])
    assert room.outbox.notice(notice).parameters == GRANT
    assert room.outbox.inbox(WANG) == [room.outbox.notice(notice)]


def test_it_survives_a_restart(tmp_path: Path) -> None:
    with open_room(tmp_path) as room:
        notice = put(room)
    with open_room(tmp_path) as room:
        assert [due.notice.notice for due in room.outbox.due(NOW)] == [notice]
        room.outbox.delivered(notice, "inbox")
    with open_room(tmp_path) as room:
        assert room.outbox.due(NOW) == []
        assert events(room, notice) == [("queued", None), ("delivered", "inbox")]


def test_the_same_cause_is_told_once(tmp_path: Path) -> None:
    with open_room(tmp_path) as room:
        notice = put(room, cause=CAUSE)
    with open_room(tmp_path) as room:
        assert put(room, cause=CAUSE) == notice
        assert len(room.outbox.due(NOW)) == 1
        assert put(room, cause=CAUSE, person=STRANGER) != notice
        assert put(room, cause=identifier("other")) != notice
        assert put(room) != put(room)


def test_a_notice_waits_for_its_time(room: Room) -> None:
    assert room.outbox.next_due() is None
    notice = put(room, at=NOW + MINUTE)
    assert room.outbox.due(NOW) == []
    assert room.outbox.inbox(WANG) == []
    assert room.outbox.next_due() == NOW + MINUTE
    assert refused(room.outbox.read, notice, WANG) == "notice_unknown"
    room.clock.now += MINUTE
    assert len(room.outbox.due(room.clock.now)) == 1
    assert len(room.outbox.inbox(WANG)) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "illness"}, "notice_kind_unknown"),
        ({"parameters": {}}, "notice_parameters_differ"),
        ({"parameters": GRANT | {"note": "positive"}}, "notice_parameters_differ"),
        ({"parameters": GRANT | {"organisation": "Cancer Hospital"}}, "notice_parameters_differ"),
        ({"person": "Wang"}, "malformed"),
        ({"at": -1}, "malformed"),
        ({"at": 2**53}, "malformed"),
        ({"at": "now"}, "malformed"),
        ({"cause": "because"}, "malformed"),
    ],
)
def test_what_is_refused_is_not_queued(room: Room, changes: dict[str, Any], code: str) -> None:
    assert refused(put, room, **changes) == code
    assert room.outbox.next_due() is None
    assert room.outbox.history.lines_for_anchor() == []


def test_failures_wait_longer_each_time_and_then_end(room: Room) -> None:
    notice = put(room)
    waits: list[int] = []
    for _ in range(MAX_ATTEMPTS):
        (due,) = room.outbox.due(room.clock.now)
        assert due.attempt == len(waits) + 1
        delivery = room.outbox.failed(notice, "inbox", "unreachable")
        waits.append(delivery.due - room.clock.now)
        assert room.outbox.due(delivery.due - 1) == []
        room.clock.now = delivery.due
    assert waits[:3] == [FIRST_WAIT, 4 * FIRST_WAIT, 16 * FIRST_WAIT]
    assert waits[-1] == LONGEST_WAIT
    assert delivery.state == GIVEN_UP
    assert room.outbox.due(room.clock.now) == []
    assert events(room, notice)[-1] == ("given_up", "inbox")
    assert refused(room.outbox.failed, notice, "inbox", "again") == "notice_delivery_closed"
    assert refused(room.outbox.delivered, notice, "inbox") == "notice_delivery_closed"


def test_a_final_failure_ends_one_channel_alone(room: Room) -> None:
    room.desk.put_person(wang(email=EMAIL))
    notice = put(room)
    room.outbox.failed(notice, "smtp", "no-address", final=True)
    assert [each.state for each in room.outbox.deliveries(notice)] == [WAITING, GIVEN_UP]
    room.outbox.delivered(notice, "inbox")
    assert [each.state for each in room.outbox.deliveries(notice)] == [DELIVERED, GIVEN_UP]


def test_delivered_and_read_are_recorded_once_with_their_time(room: Room) -> None:
    notice = put(room)
    room.clock.now += 1
    room.outbox.delivered(notice, "inbox", PROOF)
    room.outbox.delivered(notice, "inbox", PROOF)
    room.clock.now += 1
    room.outbox.read(notice, WANG)
    room.clock.now += 1
    room.outbox.read(notice, WANG)
    assert room.outbox.notice(notice).read == NOW + 2
    lines = room.outbox.history.of(notice)
    assert [(line.event, line.time, line.proof) for line in lines] == [
        ("queued", NOW, None),
        ("delivered", NOW + 1, PROOF),
        ("read", NOW + 2, None),
    ]
    assert lines[0].told == told("grant_given", GRANT)


def test_wrong_parties_and_unknown_ids(room: Room) -> None:
    notice = put(room)
    before = events(room, notice)
    box = room.outbox
    assert refused(box.read, notice, STRANGER) == "notice_unknown"
    assert refused(box.read, STRANGER, WANG) == "notice_unknown"
    assert refused(box.notice, STRANGER) == "notice_unknown"
    assert refused(box.deliveries, STRANGER) == "notice_unknown"
    assert refused(box.delivered, notice, "smtp") == "notice_delivery_unknown"
    assert refused(box.delivered, STRANGER, "inbox") == "notice_delivery_unknown"
    assert refused(box.delivered, "x", "inbox") == "malformed"
    assert refused(box.delivered, notice, "inbox", "it was seen by Wang") == "malformed"
    assert refused(box.failed, notice, "inbox", "Wang did not answer") == "malformed"
    assert events(room, notice) == before


def test_steps_are_chained_batched_and_proved(room: Room) -> None:
    first, second = put(room), put(room)
    history = room.outbox.history
    (batch,) = history.lines_for_anchor()
    room.outbox.read(first, WANG)
    assert [each.size for each in history.lines_for_anchor()] == [2, 1]
    later = history.lines_for_anchor()[1]
    lines = [*history.of(first), *history.of(second)]
    lines.sort(key=lambda line: line.number)
    assert [line.previous for line in lines] == [START, *(line_digest(each) for each in lines[:-1])]
    proofs = history.proofs(first)
    assert [proof.line for proof in proofs] == history.of(first)
    assert check_line(proofs[0], batch.root)
    assert check_line(proofs[1], later.root)
    assert not check_line(proofs[1], batch.root)
    changed = msgspec.structs.replace(proofs[0].line, time=NOW - 1)
    assert not check_line(msgspec.structs.replace(proofs[0], line=changed), batch.root)
    history.anchored(batch.batch, PROOF, 7)
    history.anchored(batch.batch, PROOF, 7)
    assert history.lines_for_anchor() == [later]
    assert refused(history.anchored, batch.batch, PROOF, 8) == "notice_batch_refused"
    assert refused(history.anchored, STRANGER, PROOF, 8) == "notice_batch_refused"
    assert list(room.outbox.damaged()) == []


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ("UPDATE notice_lines SET sealed = x'00' WHERE number = 1", {"desk_row_damaged"}),
        ("DELETE FROM notice_lines WHERE number = 1", {"chain_broken", "root_differs"}),
        ("DELETE FROM notice_lines WHERE number = 2", {"root_differs"}),
        ("DELETE FROM notice_lines", {"root_differs"}),
        ("UPDATE notices SET kind = 'grant_revoked'", {"desk_row_damaged"}),
        ("UPDATE notices SET kind = 'nothing'", {"desk_row_damaged"}),
    ],
)
def test_what_was_changed_or_left_out_is_named(room: Room, change: str, reasons: set[str]) -> None:
    put(room)
    put(room)
    put(room)
    room.outbox.history.lines_for_anchor()
    with sqlite3.connect(room.folder / "catalogue.sqlite") as connection:
        connection.execute(change)
    assert {each.reason for each in room.outbox.damaged()} >= reasons


def test_a_damaged_notice_holds_up_no_other(room: Room) -> None:
    damaged = put(room, at=NOW - 1)
    notice = put(room)
    with sqlite3.connect(room.folder / "catalogue.sqlite") as connection:
        connection.execute("UPDATE notices SET sealed = x'00' WHERE notice = ?", [damaged])
    assert [due.notice.notice for due in room.outbox.due(NOW, limit=1)] == []
    assert [due.notice.notice for due in room.outbox.due(NOW, limit=1)] == [notice]
    assert room.outbox.history.of(damaged)[-1].reason == "row-damaged"


def test_nothing_of_a_notice_stands_in_clear_but_ids_codes_and_times(tmp_path: Path) -> None:
    with open_room(tmp_path, Clock()) as room:
        put(room)
        with sqlite3.connect(room.folder / "catalogue.sqlite") as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        kept = (room.folder / "catalogue.sqlite").read_bytes()
    assert WANG.encode() in kept
    assert str(GRANT["grant"]).encode() not in kept
