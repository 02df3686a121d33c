"""State: an overlay that shows its own changes and that a transaction can drop."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chain import Memory
from yilian.ledger.errors import InvariantBroken
from yilian.ledger.state import State, Table, changes_roles

KEY = st.sampled_from([b"a/1", b"a/2", b"a/3", b"a/30", b"b/1", b"a"])
CHANGE = st.tuples(
    st.sampled_from(["put", "remove", "keep", "drop"]), KEY, st.binary(min_size=1, max_size=3)
)


class Note(msgspec.Struct, frozen=True):
    """A small record."""

    text: str


NOTES = Table("a/", Note)


@given(
    st.dictionaries(KEY, st.binary(min_size=1, max_size=3)),
    st.lists(CHANGE, max_size=20),
    st.sampled_from([b"", b"a/", b"a/2", b"b/", b"c"]),
    st.sampled_from([b"", b"a/1", b"a/2", b"a/20", b"z"]),
)
def test_an_overlay_reads_as_the_state_it_will_be(
    held: dict[bytes, bytes],
    changes: list[tuple[str, bytes, bytes]],
    prefix: bytes,
    after: bytes,
) -> None:
    memory = Memory(held)
    state = State(memory)
    kept, now = dict(held), dict(held)
    for what, key, value in changes:
        if what == "put":
            state.put(key, value)
            now[key] = value
        elif what == "remove":
            state.remove(key)
            now.pop(key, None)
        elif what == "keep":
            state.keep()
            kept = dict(now)
        else:
            state.drop()
            now = dict(kept)
    wanted = [(key, now[key]) for key in sorted(now) if key.startswith(prefix) and key > after]
    assert list(state.scan(prefix, after)) == wanted
    assert all(state.get(key) == now.get(key) for key in (b"a/1", b"a/2", b"a/3", b"b/1"))
    memory.write(state.changes())
    assert memory.content == kept


def test_committed_state_is_not_touched() -> None:
    memory = Memory({b"a/1": b"x"})
    state = State(memory)
    state.put(b"a/1", b"y")
    state.keep()
    assert memory.content == {b"a/1": b"x"}


def test_a_table_reads_what_it_wrote() -> None:
    state = State(Memory())
    assert NOTES.get(state, "x") is None
    assert not NOTES.has(state, "x")
    NOTES.put(state, "x", Note("医"))
    assert NOTES.get(state, "x") == NOTES.require(state, "x") == Note("医")
    assert state.get(b"a/x") == '{"text":"医"}'.encode()
    NOTES.remove(state, "x")
    assert not NOTES.has(state, "x")


def test_a_record_that_must_be_there_stops_the_node() -> None:
    with pytest.raises(InvariantBroken):
        NOTES.require(State(Memory()), "x")


@pytest.mark.parametrize("value", [b"", b"{", b'{"text":1}', b"\xff"])
def test_a_damaged_record_is_not_read(value: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        NOTES.get(State(Memory({b"a/x": value})), "x")


def test_a_name_is_ascii() -> None:
    with pytest.raises(UnicodeEncodeError):
        NOTES.key("医")


@pytest.mark.parametrize(
    ("key", "does"),
    [
        (b"identity/key/x", True),
        (b"governance/parameters/current", True),
        (b"consent/custodian/x/y", True),
        (b"consent/custodians/x", False),
        (b"consent/grant/x", False),
        (b"governance/usage/x", False),
        (b"timer/x", False),
    ],
)
def test_who_may_act_is_forgotten_with_what_it_rests_on(key: bytes, does: bool) -> None:
    assert changes_roles({b"a": b"", key: None}) is does
    state = State(Memory())
    state.put(key, b"{}")
    state.keep()
    assert state.roles_changed is does
