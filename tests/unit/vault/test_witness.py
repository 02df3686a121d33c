"""Witnessed consent: two different members of staff, sealed, and it opens its commitment."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.vault.builders import identifier, terms
from tests.unit.vault.deskroom import CLERK, NURSE, STRANGER, WANG, Room, hire, open_room, wang
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault.envelope import terms_commitment
from yilian.vault.witness import Witnessed, check_witness

TERMS = terms_commitment(bytes(32), terms())
SCAN = codec.to_text(bytes(range(32)))
SAID = "我同意社区医院看我的化验单，一个月。"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with open_room(tmp_path) as opened:
        hire(opened.desk)
        opened.desk.put_person(wang())
        yield opened


def witnessed(room: Room, **changes: Any) -> Witnessed:
    fields: dict[str, Any] = {
        "person": WANG,
        "terms": TERMS,
        "witnesses": (NURSE, CLERK),
        "method": "interpreter",
        "language": "yue",
        "statement": SAID,
        "scan": SCAN,
    }
    return room.desk.witnessing.witness(**(fields | changes))


def test_evidence_is_kept_and_opens_its_commitment(room: Room) -> None:
    made = witnessed(room)
    assert made.evidence.witnesses == tuple(sorted((NURSE, CLERK)))
    assert room.desk.witnessing.evidence(made.evidence.evidence) == made
    check_witness(made.evidence, made.salt, made.commitment)
    room.clock.now += 1
    second = witnessed(room, method="in-person", scan=None)
    assert room.desk.witnessing.of(WANG) == [made, second]
    assert room.desk.witnessing.of(STRANGER) == []


def test_other_evidence_or_salt_does_not_open_it(room: Room) -> None:
    made = witnessed(room)
    longer = msgspec.structs.replace(made.evidence, statement=SAID + "永远。")
    for evidence, salt, code in (
        (longer, made.salt, "desk_evidence_differs"),
        (made.evidence, bytes(32), "desk_evidence_differs"),
        (made.evidence, b"", "malformed"),
    ):
        with pytest.raises(Refusal) as caught:
            check_witness(evidence, salt, made.commitment)
        assert caught.value.code.name == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"person": STRANGER}, "desk_person_unknown"),
        ({"witnesses": (NURSE, STRANGER)}, "desk_staff_unknown"),
        ({"witnesses": (NURSE, NURSE)}, "desk_witnesses_not_two"),
        ({"witnesses": (NURSE,)}, "desk_witnesses_not_two"),
        ({"witnesses": ()}, "desk_witnesses_not_two"),
        ({"witnesses": (NURSE, CLERK, NURSE)}, "desk_witnesses_not_two"),
        ({"method": "a nod"}, "malformed"),
        ({"language": "我"}, "malformed"),
        ({"statement": ""}, "malformed"),
        ({"statement": "x" * 8001}, "malformed"),
        ({"terms": identifier("no digest")}, "malformed"),
        ({"scan": "x"}, "malformed"),
    ],
)
def test_what_is_refused_is_not_kept(room: Room, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as caught:
        witnessed(room, **changes)
    assert caught.value.code.name == code
    assert room.desk.witnessing.of(WANG) == []


def test_a_person_is_no_witness_of_their_own_consent(room: Room) -> None:
    room.desk.put_person(msgspec.structs.replace(wang(), person=identifier("zhao")))
    room.desk.put_staff(
        msgspec.structs.replace(room.desk.staff(CLERK), practitioner=identifier("zhao"))
    )
    # One id stands for one subject, so the desk has an entry of each kind under it here.
    with pytest.raises(Refusal) as caught:
        witnessed(room, person=identifier("zhao"), witnesses=(NURSE, identifier("zhao")))
    assert caught.value.code.name == "desk_witnesses_not_two"


def test_what_was_said_is_sealed_and_a_change_is_named(room: Room) -> None:
    made = witnessed(room)
    with sqlite3.connect(room.folder / "catalogue.sqlite") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = (room.folder / "catalogue.sqlite").read_bytes()
    assert SAID.encode() not in kept
    assert TERMS.encode() not in kept
    with sqlite3.connect(room.folder / "catalogue.sqlite") as connection:
        connection.execute("UPDATE desk_evidence SET time = time + 1")
    assert [each.id for each in room.desk.damaged()] == [made.evidence.evidence]
    with pytest.raises(Refusal) as caught:
        room.desk.witnessing.evidence(made.evidence.evidence)
    assert caught.value.code.name == "desk_row_damaged"
    with pytest.raises(Refusal) as caught:
        room.desk.witnessing.evidence(STRANGER)
    assert caught.value.code.name == "desk_evidence_unknown"
