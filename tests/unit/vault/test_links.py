"""Links: reversible, a forest, and known to nobody who has the database alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.vault.builders import identifier
from tests.unit.vault.deskroom import CLERK, NURSE, STRANGER, WANG, Room, hire, open_room
from yilian.ledger.errors import Refusal
from yilian.vault.links import MAX_ASKED, link_commitment

ELSEWHERE = identifier("wang at the clinic")
THIRD = identifier("wang in the ambulance")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with open_room(tmp_path) as opened:
        hire(opened.desk)
        yield opened


def refused(call: Any, *arguments: Any) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments)
    return caught.value.code.name


def test_a_link_joins_is_shown_and_ends(room: Room) -> None:
    links = room.desk.links
    made = links.link(WANG, ELSEWHERE, "card", CLERK)
    assert made.commitment == link_commitment(made.salt, made.terms)
    assert links.of(WANG) == links.of(ELSEWHERE) == [made]
    assert links.one_person([ELSEWHERE]) == tuple(sorted((WANG, ELSEWHERE)))
    room.clock.now += 5
    ended = links.unlink(made.terms.link, NURSE)
    assert (ended.ended, ended.ended_by) == (room.clock.now, NURSE)
    assert ended.commitment == made.commitment
    assert links.of(WANG) == [ended]
    assert links.one_person([WANG]) == (WANG,)
    again = links.link(ELSEWHERE, WANG, "document", CLERK)
    assert links.of(WANG) == [ended, again]


def test_what_is_refused_changes_nothing(room: Room) -> None:
    links = room.desk.links
    first = links.link(WANG, ELSEWHERE, "document", CLERK).terms.link
    second = links.link(THIRD, ELSEWHERE, "document", CLERK).terms.link
    before = links.of(ELSEWHERE)
    assert refused(links.link, WANG, WANG, "card", CLERK) == "desk_link_to_itself"
    assert refused(links.link, WANG, ELSEWHERE, "card", CLERK) == "desk_link_stands"
    assert refused(links.link, ELSEWHERE, WANG, "card", CLERK) == "desk_link_stands"
    assert refused(links.link, WANG, THIRD, "card", CLERK) == "desk_link_makes_a_circle"
    assert refused(links.link, WANG, STRANGER, "card", STRANGER) == "desk_staff_unknown"
    assert refused(links.link, WANG, "Wang", "card", CLERK) == "malformed"
    assert refused(links.link, WANG, STRANGER, "a feeling", CLERK) == "malformed"
    assert refused(links.unlink, STRANGER, CLERK) == "desk_link_unknown"
    assert refused(links.unlink, first, STRANGER) == "desk_staff_unknown"
    assert refused(links.one_person, [WANG] * (MAX_ASKED + 1)) == "malformed"
    assert links.of(ELSEWHERE) == before
    links.unlink(second, CLERK)
    assert refused(links.unlink, second, CLERK) == "desk_link_ended"
    links.link(WANG, THIRD, "card", CLERK)


def test_the_database_alone_joins_nobody(room: Room) -> None:
    made = room.desk.links.link(WANG, ELSEWHERE, "document", CLERK)
    with sqlite3.connect(room.folder / "catalogue.sqlite") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = (room.folder / "catalogue.sqlite").read_bytes()
    assert made.terms.link.encode() in kept
    assert ELSEWHERE.encode() not in kept


@pytest.mark.parametrize("change", ["ended = since", "sealed = x'00'", "kept = other"])
def test_a_changed_link_is_named(room: Room, change: str) -> None:
    made = room.desk.links.link(WANG, ELSEWHERE, "document", CLERK)
    with sqlite3.connect(room.folder / "catalogue.sqlite") as connection:
        connection.execute(f"UPDATE desk_links SET {change}")
    assert [each.id for each in room.desk.damaged()] == [made.terms.link]
    assert refused(room.desk.links.of, ELSEWHERE) == "desk_row_damaged"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("link"), st.integers(0, 6), st.integers(0, 6)),
        st.tuples(st.just("unlink"), st.integers(0, 20), st.just(0)),
    ),
    max_size=25,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_one_person_is_a_component_of_the_standing_links(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    """Against a plain model; and each link that ends takes its two ids apart."""
    names = [identifier(f"id {number}") for number in range(7)]
    standing: dict[str, tuple[str, str]] = {}

    def component(start: str) -> set[str]:
        found = {start}
        for _ in names:
            for pair in standing.values():
                if found & set(pair):
                    found |= set(pair)
        return found

    with open_room(tmp_path_factory.mktemp("links")) as room:
        hire(room.desk)
        links = room.desk.links
        for what, first, second in steps:
            if what == "link":
                kept, other = names[first], names[second]
                allowed = other not in component(kept)
                try:
                    made = links.link(kept, other, "duplicate", CLERK)
                except Refusal:
                    assert not allowed
                else:
                    assert allowed
                    standing[made.terms.link] = (kept, other)
            elif standing:
                link = sorted(standing)[first % len(standing)]
                kept, other = standing.pop(link)
                links.unlink(link, CLERK)
                assert other not in links.one_person([kept])
        for name in names:
            assert set(links.one_person([name])) == component(name)
