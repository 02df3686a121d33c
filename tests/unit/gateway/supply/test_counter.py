"""A counter whose connection is down: in order, once, and nothing changed on the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from nacl.signing import SigningKey

from tests.unit.gateway.supply.pack_events import DAY, OWN, START, pack, site
from tests.unit.gateway.supply.pack_shop import Shop, order
from yilian.gateway.supply import action_errors as errors
from yilian.gateway.supply.counter import CounterFile, Queue, SignedLine
from yilian.gateway.supply.orders import ActionName
from yilian.ledger import codec, keys
from yilian.ledger.errors import MALFORMED, Code, Refusal

A, B, C = pack(1), pack(2), pack(3)


class Till:
    """A counter, its file, and the shop it belongs to."""

    def __init__(self, folder: Path) -> None:
        self.shop = Shop(folder)
        self.secret = SigningKey(bytes(range(32)))
        self.key = keys.PublicKey("ed25519", codec.to_text(bytes(self.secret.verify_key)))
        self.counter = keys.key_id(self.key)
        self.path = folder / "queue.jsonl"
        self.file = self.open()
        self.enrolled: dict[str, keys.PublicKey] = {self.counter: self.key}
        self.queue = Queue(
            self.shop.room.database, self.shop.actions, self.shop.room.alerts, self.enrolled.get
        )

    def open(self) -> CounterFile:
        return CounterFile(self.path, self.counter, self.sign)

    def sign(self, message: bytes) -> bytes:
        return bytes(self.secret.sign(message).signature)

    def scan(self, action: ActionName, units: Sequence[str], **more: Any) -> SignedLine:
        self.shop.room.time += 1000
        return self.file.add(action, order(units, **{"at": self.shop.room.time} | more))

    def refused(self, lines: Sequence[SignedLine]) -> Code:
        before = self.shop.room.tables()
        with pytest.raises(Refusal) as refusal:
            self.queue.hand_in(lines, OWN)
        assert self.shop.room.tables() == before
        return refusal.value.code


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Till]:
    found = Till(tmp_path)
    found.shop.stock(A, B, C)
    yield found
    found.shop.room.close()


def test_a_queue_is_carried_out_in_order_with_its_own_times(till: Till) -> None:
    first = till.scan("dispense", [A], part=True)
    till.scan("dispense", [A])
    till.scan("dispense", [pack(99)])
    till.scan("quarantine", [B], reason="damaged")
    till.shop.room.time += DAY
    answers = till.queue.hand_in(till.file.lines(), OWN)
    assert [each.refused for each in answers] == [None, None, "supply.unit_unknown", None]
    assert till.shop.room.standing(A) == "dispensed"
    assert [each.at for each in till.shop.room.packs.history(A)][1] == first.line.order.at
    assert till.queue.expected(till.counter) == 5


def test_a_queue_handed_in_again_changes_nothing(till: Till) -> None:
    till.scan("dispense", [A])
    till.scan("dispense", [A])
    first = till.queue.hand_in(till.file.lines(), OWN)
    before = till.shop.room.tables(), till.shop.room.broken()
    again = till.queue.hand_in(till.file.lines(), OWN)
    assert (till.shop.room.tables(), till.shop.room.broken()) == before
    assert all(each.replayed for each in again)
    assert [(each.done, each.refused) for each in again] == [
        (each.done, each.refused) for each in first
    ]
    till.scan("dispense", [B])
    assert [each.replayed for each in till.queue.hand_in(till.file.lines()[1:], OWN)] == [
        True,
        False,
    ]


def test_what_happened_elsewhere_meanwhile_is_for_people(till: Till) -> None:
    till.scan("dispense", [A])
    till.shop.stock(pack(7), place=site(2))
    till.shop.do("dispense", [A])
    (answer,) = till.queue.hand_in(till.file.lines(), OWN)
    assert (answer.refused, answer.units) == (
        "supply.already_dispensed",
        ((A, "supply.already_dispensed"),),
    )
    assert ("queue_conflict", "error", A) in till.shop.room.broken()


def test_an_action_from_before_what_happened_since_is_for_people(till: Till) -> None:
    line = till.scan("dispense", [A])
    till.shop.do("quarantine", [A], reason="damaged")
    till.shop.do("release", [A])
    (answer,) = till.queue.hand_in([line], OWN)
    assert answer.refused == "supply.changed_since"
    assert till.shop.room.standing(A) == "active"
    assert till.shop.room.kinds() == ["queue_conflict"]


def test_lines_that_were_tampered_with_are_refused(till: Till) -> None:
    lines = [till.scan("dispense", [each]) for each in (A, B, C)]
    other = SigningKey(bytes(32))
    changed = msgspec.structs.replace(lines[0].line, order=order([C], at=START))
    unsigned = SignedLine(line=changed, signature=lines[0].signature)
    forged = SignedLine(
        line=changed, signature=codec.to_text(bytes(other.sign(b"anything").signature))
    )
    assert till.refused([unsigned]) is errors.QUEUE_UNSIGNED
    assert till.refused([forged]) is errors.QUEUE_UNSIGNED
    assert till.refused([SignedLine(line=changed, signature="AAAA")]) is errors.QUEUE_UNSIGNED
    assert till.refused([lines[1]]) is errors.QUEUE_GAP
    assert till.refused([lines[0], lines[2]]) is errors.QUEUE_GAP
    assert till.refused([lines[1], lines[0]]) is errors.QUEUE_GAP
    assert till.refused([]) is MALFORMED
    assert till.queue.expected(till.counter) == 1


def test_a_second_history_under_the_same_key_is_refused(till: Till, tmp_path: Path) -> None:
    till.queue.hand_in([till.scan("dispense", [A])], OWN)
    other = CounterFile(tmp_path / "other.jsonl", till.counter, till.sign)
    first = other.add("dispense", order([B], at=START))
    second = other.add("dispense", order([C], at=START))
    assert till.refused([first]) is errors.QUEUE_FORKED
    assert till.refused([second]) is errors.QUEUE_FORKED


def test_a_key_that_is_not_ours_signs_nothing(till: Till) -> None:
    line = till.scan("dispense", [A])
    till.enrolled.clear()
    assert till.refused([line]) is errors.QUEUE_UNSIGNED


def test_what_only_a_recall_does_is_not_queued(till: Till) -> None:
    assert till.refused([till.scan("recall", [A])]) is MALFORMED


def test_lines_of_two_counters_are_not_one_queue(till: Till, tmp_path: Path) -> None:
    other = CounterFile(tmp_path / "other.jsonl", "x" * 21 + "A", till.sign)
    lines = [till.scan("dispense", [A]), other.add("dispense", order([B], at=START))]
    assert till.refused(lines) is MALFORMED


def test_the_file_goes_on_after_a_crash(till: Till) -> None:
    till.scan("dispense", [A])
    with till.path.open("ab") as file:
        file.write(b'{"line":{"action":"disp')
    till.file = till.open()
    assert [each.line.number for each in till.file.lines()] == [1]
    till.scan("dispense", [B])
    answers = till.queue.hand_in(till.open().lines(), OWN)
    assert [each.refused for each in answers] == [None, None]


def test_an_action_without_a_time_is_not_queued(till: Till) -> None:
    with pytest.raises(ValueError, match="time"):
        till.file.add("dispense", order([A]))


def test_a_crash_between_the_action_and_its_answer_is_harmless(till: Till) -> None:
    line = till.scan("dispense", [A])
    till.shop.actions.carry_out(line.line.action, line.line.order, OWN)
    (answer,) = till.queue.hand_in([line], OWN)
    assert answer.done is not None
    assert answer.done.replayed
    assert till.shop.room.broken() == []
