"""The registration desk: sealed entries, cards, look-ups with one answer and a measured rate."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.vault.builders import identifier
from tests.unit.vault.deskroom import (
    CLERK,
    EMAIL,
    NURSE,
    STRANGER,
    TEAM,
    URL,
    WANG,
    Clock,
    Room,
    hire,
    open_room,
    wang,
)
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.desk import CARD, RATES
from yilian.vault.desk_formats import Contacts, Person, Staff

TAG = codec.to_text(bytes(range(32)))
OTHER_TAG = codec.to_text(bytes(32))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with open_room(tmp_path) as opened:
        yield opened


def refused(call: Any, *arguments: Any, **named: Any) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments, **named)
    return caught.value.code.name


def test_a_person_is_kept_and_replaced(room: Room) -> None:
    assert room.desk.find(WANG) is None
    room.desk.put_person(wang())
    assert room.desk.person(WANG) == wang()
    room.desk.put_person(wang(email=EMAIL))
    assert room.desk.person(WANG).contacts.email == EMAIL
    room.desk.remove_person(WANG)
    assert refused(room.desk.person, WANG) == "desk_person_unknown"


def test_nothing_personal_stands_in_the_files(room: Room) -> None:
    """Not a name, not an address, not a birth date, not a number's tag, not a card's token."""
    room.desk.put_person(wang(email=EMAIL, webhook=URL, phone="+8613800138000"))
    hire(room.desk)
    card = room.desk.issue_card(WANG)
    room.desk.put_number(WANG, TAG)
    room.desk.provisional("unknown man, bed 3")
    secret = room.desk.webhook_secret(WANG)
    assert secret is not None
    with sqlite3.connect(room.folder / "catalogue.sqlite") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = b"".join(each.read_bytes() for each in room.folder.rglob("*") if each.is_file())
    assert WANG.encode() in kept
    personal = ["王秀英", EMAIL, URL, "13800138000", "1958-02-28", "李护士", "bed 3", TAG]
    for text in [*personal, card.text.removeprefix(CARD), codec.to_text(secret)]:
        assert text.encode() not in kept, text
    shown = f"{room.desk!r} {room.desk.person(WANG)!r} {card!r} {room.desk.staff(NURSE)!r}"
    assert not any(text in shown for text in [*personal, card.text])


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "x" * 201},
        {"name": "two\nlines"},
        {"name": "tur\u202ened"},
        {"name": "half \ud800"},
        {"name": " "},
        {"name": 7},
        {"born": "1958-02-30"},
        {"born": "58-2-3"},
        {"language": "de"},
        {"person": "wang"},
        {"contacts": Contacts(email="a@b.cn\nBcc: c@d.cn")},
        {"contacts": Contacts(email="王@例子.cn")},
        {"contacts": Contacts(email="a" * 65 + "@b.cn")},
        {"contacts": Contacts(webhook="ftp://x.cn")},
        {"contacts": Contacts(webhook="https://x.cn/" + "y" * 1000)},
        {"contacts": Contacts(phone="13800138000")},
    ],
)
def test_a_bad_person_is_refused_and_the_old_stays(room: Room, change: dict[str, Any]) -> None:
    room.desk.put_person(wang())
    assert refused(room.desk.put_person, msgspec.structs.replace(wang(), **change)) == "malformed"
    assert room.desk.person(WANG) == wang()


def test_staff_and_teams(room: Room) -> None:
    hire(room.desk)
    assert room.desk.staff(CLERK).role == "registrar"
    assert room.desk.teams() == {TEAM: (NURSE,)}
    room.desk.put_staff(Staff(practitioner=CLERK, name="Zhao", role="registrar", teams=(TEAM,)))
    assert room.desk.teams() == {TEAM: tuple(sorted((NURSE, CLERK)))}
    assert refused(room.desk.staff, STRANGER) == "desk_staff_unknown"
    twice = Staff(practitioner=CLERK, name="Zhao", role="registrar", teams=(TEAM, TEAM))
    assert refused(room.desk.put_staff, twice) == "malformed"
    assert refused(room.desk.staff, "Dr Zhao") == "malformed"


def test_a_member_of_staff_is_no_person(room: Room) -> None:
    hire(room.desk)
    assert room.desk.find(NURSE) is None


def test_a_subscription_keeps_its_secret_until_its_address_changes(room: Room) -> None:
    room.desk.put_person(wang())
    assert room.desk.webhook_secret(WANG) is None
    assert room.desk.channels(WANG) == ()
    room.desk.put_person(wang(webhook=URL))
    first = room.desk.webhook_secret(WANG)
    assert first is not None
    assert len(first) == 32
    room.desk.put_person(wang(webhook=URL, email=EMAIL))
    assert room.desk.webhook_secret(WANG) == first
    assert room.desk.channels(WANG) == ("webhook", "smtp")
    room.desk.put_person(wang(webhook=URL + "/new"))
    assert room.desk.webhook_secret(WANG) not in (None, first)
    assert refused(room.desk.webhook_secret, STRANGER) == "desk_person_unknown"


def test_a_card_finds_its_person_until_it_is_revoked(room: Room) -> None:
    room.desk.put_person(wang())
    card = room.desk.issue_card(WANG)
    second = room.desk.issue_card(WANG)
    assert room.desk.look_up_card(card.text, CLERK) == WANG
    room.desk.revoke_card(card.card)
    room.desk.revoke_card(card.card)
    assert refused(room.desk.look_up_card, card.text, CLERK) == "desk_not_found"
    assert room.desk.look_up_card(second.text, CLERK) == WANG
    assert {each.card: each.ended is None for each in room.desk.cards(WANG)} == {
        card.card: False,
        second.card: True,
    }
    assert refused(room.desk.revoke_card, STRANGER) == "desk_card_unknown"
    assert refused(room.desk.issue_card, STRANGER) == "desk_person_unknown"


@pytest.mark.parametrize("text", ["", CARD, CARD + "x", TAG, CARD + TAG, CARD + "\ud800", WANG])
def test_what_is_no_card_of_ours_is_not_found(room: Room, text: str) -> None:
    assert refused(room.desk.look_up_card, text, CLERK) == "desk_not_found"


def test_a_number_needs_an_open_encounter_and_says_no_alike(room: Room) -> None:
    room.desk.put_person(wang())
    room.desk.put_number(WANG, TAG)
    assert room.desk.look_up_number(TAG, CLERK, open_encounter=True) == WANG
    answers = []
    for tag, encounter in ((TAG, False), (OTHER_TAG, True), (OTHER_TAG, False)):
        with pytest.raises(Refusal) as caught:
            room.desk.look_up_number(tag, CLERK, open_encounter=encounter)
        answers.append((caught.value.code.name, caught.value.parameters))
    assert answers == [("desk_not_found", {})] * 3
    room.desk.remove_person(WANG)
    assert refused(room.desk.look_up_number, TAG, CLERK, open_encounter=True) == "desk_not_found"
    assert refused(room.desk.put_number, WANG, TAG) == "desk_person_unknown"


def test_look_ups_are_rated_per_caller_and_a_restart_gives_none_back(tmp_path: Path) -> None:
    clock = Clock()
    burst, interval = RATES["number"]

    def look(room: Room, caller: str) -> str:
        return refused(room.desk.look_up_number, OTHER_TAG, caller, open_encounter=True)

    with open_room(tmp_path, clock) as room:
        assert {look(room, CLERK) for _ in range(burst)} == {"desk_not_found"}
        assert look(room, CLERK) == "desk_too_many_look_ups"
        assert look(room, NURSE) == "desk_not_found"
        assert refused(room.desk.look_up_card, "x", CLERK) == "desk_not_found"
    with open_room(tmp_path, clock) as room:
        with pytest.raises(Refusal) as caught:
            room.desk.look_up_number(OTHER_TAG, CLERK, open_encounter=True)
        assert caught.value.parameters == {"wait": interval}
        clock.now += interval
        assert look(room, CLERK) == "desk_not_found"
        assert look(room, CLERK) == "desk_too_many_look_ups"
        clock.now += burst * interval
        assert {look(room, CLERK) for _ in range(burst)} == {"desk_not_found"}
        assert look(room, CLERK) == "desk_too_many_look_ups"


def test_a_clock_set_back_locks_out_for_one_burst_at_most(room: Room) -> None:
    burst, interval = RATES["card"]
    for _ in range(burst):
        refused(room.desk.look_up_card, "x", CLERK)
    room.clock.now -= 1000 * 86_400_000
    assert refused(room.desk.look_up_card, "x", CLERK) == "desk_too_many_look_ups"
    room.clock.now += burst * interval
    assert refused(room.desk.look_up_card, "x", CLERK) == "desk_not_found"


def test_a_caller_is_an_id(room: Room) -> None:
    assert refused(room.desk.look_up_card, "x", "Dr Zhao") == "malformed"


def test_a_provisional_identity_says_nothing_and_can_be_joined_later(room: Room) -> None:
    hire(room.desk)
    room.desk.put_person(wang())
    first, second = room.desk.provisional("无名氏"), room.desk.provisional("无名氏")
    assert len({first.tag, second.tag}) == 2
    kept = room.desk.person(first.person)
    assert kept == Person(person=first.person, name="无名氏", language="zh-CN", provisional=True)
    room.desk.links.link(WANG, first.person, "provisional", CLERK)
    assert room.desk.links.one_person([first.person]) == tuple(sorted((WANG, first.person)))


@pytest.mark.parametrize("change", ["sealed = x'00'", "changed = changed + 1"])
def test_a_changed_row_is_named(room: Room, change: str) -> None:
    room.desk.put_person(wang())
    hire(room.desk)
    assert list(room.desk.damaged()) == []
    with sqlite3.connect(room.folder / "catalogue.sqlite") as connection:
        connection.execute(f"UPDATE desk_entries SET {change} WHERE id = ?", [WANG])
    assert refused(room.desk.person, WANG) == "desk_row_damaged"
    assert [(each.subject, each.id) for each in room.desk.damaged()] == [("person", WANG)]


def test_rows_cannot_be_exchanged(room: Room) -> None:
    other = identifier("other")
    room.desk.put_person(wang())
    room.desk.put_person(msgspec.structs.replace(wang(), person=other))
    with sqlite3.connect(room.folder / "catalogue.sqlite") as connection:
        connection.execute(
            "UPDATE desk_entries SET sealed = (SELECT sealed FROM desk_entries WHERE id = ?)"
            " WHERE id = ?",
            [other, WANG],
        )
    assert refused(room.desk.person, WANG) == "desk_row_damaged"
