"""Snapshots: true ones make the same store anywhere, false ones write nothing."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chain import PROFILES, SECOND, genesis
from tests.unit.node.states import change, content, empty, filled
from yilian.ledger.keys import HASHES, Profile, sha256
from yilian.node import snapshot as snapshots
from yilian.node.engine import write_genesis
from yilian.node.snapshot import NotAtHeight, Restore, SnapshotRefused, Snapshots, Verdict, abandon
from yilian.node.snapshot.form import MAGIC, MAX_CHUNK, MAX_METADATA, decode_metadata
from yilian.node.store import Store, StoreDamaged

SMALL = 400
ENTRIES = {f"identity/subject/{each:05}".encode(): b"v" * (each % 90 + 1) for each in range(300)}

keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200)
states = st.dictionaries(
    keys.map(str.encode), st.binary(min_size=1, max_size=300), min_size=1, max_size=60
)


@contextmanager
def made(
    state: dict[bytes, bytes], largest: int = SMALL, profile: Profile = PROFILES["first"]
) -> Iterator[tuple[Store, Snapshots, Path]]:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        store = filled(folder / "chain", state, 10, profile)
        kept = Snapshots(folder / "snapshots", store, HASHES[profile.hash], largest)
        try:
            yield store, kept, folder
        finally:
            kept.close()
            store.close()


def chunks(kept: Snapshots, offer: snapshots.Snapshot) -> list[bytes]:
    found = [kept.chunk(offer.height, offer.format, index) for index in range(offer.chunks)]
    return [each for each in found if each is not None]


def root(store: Store) -> bytes:
    tip = store.tip()
    assert tip is not None
    return tip.app_hash


@settings(max_examples=12, deadline=None)
@given(states, st.integers(1, 3000), st.sampled_from(sorted(PROFILES)), st.randoms())
def test_any_state_comes_back_byte_for_byte_from_chunks_in_any_order(
    state: dict[bytes, bytes], largest: int, name: str, dice: Random
) -> None:
    profile = PROFILES[name]
    with made(state, largest, profile) as (store, kept, folder):
        offer = kept.make(10)
        parts = list(enumerate(chunks(kept, offer)))
        assert len(parts) == offer.chunks
        dice.shuffle(parts)
        other = empty(folder / "other", profile)
        restore = Restore(offer, root(store), other)
        for index, chunk in parts:
            assert restore.apply(index, chunk) is Verdict.ACCEPTED
        tip = restore.finish()
        assert (tip.height, tip.app_hash, other.base()) == (10, root(store), 11)
        assert content(other) == content(store)
        assert not other.unfinished()
        other.close()


@settings(max_examples=8, deadline=None)
@given(states, st.integers(1, 2000), st.randoms())
def test_every_node_makes_the_same_bytes_whatever_way_it_came_to_the_state(
    state: dict[bytes, bytes], largest: int, dice: Random
) -> None:
    with made(state, largest) as (_, kept, folder):
        offer = kept.make(10)
        other = empty(folder / "other")
        passing = {b"gone/" + key[:150]: b"x" for key in state}
        change(other, passing, 3)
        keys = list(state)
        dice.shuffle(keys)
        for height, key in enumerate(keys[:5], 4):
            change(other, {key: state[key]}, height)
        change(other, {**state, **dict.fromkeys(passing)}, 10)
        again = Snapshots(folder / "again", other, HASHES["sha256"], largest)
        assert again.make(10) == offer
        assert chunks(again, offer) == chunks(kept, offer)
        other.close()


def test_chunks_and_metadata_keep_below_what_the_engine_carries(tmp_path: Path) -> None:
    big = {f"k{each}".encode(): sha256(b"%d" % each) * 6_000 for each in range(120)}
    store = filled(tmp_path / "chain", big)
    kept = Snapshots(tmp_path / "snapshots", store, sha256)
    offer = kept.make(10)
    parts = chunks(kept, offer)
    assert offer.chunks > 1
    assert max(map(len, parts)) < MAX_CHUNK
    assert sum(map(len, parts)) > sum(map(len, big.values()))
    assert len(offer.metadata) < MAX_METADATA
    store.close()


def test_blocks_go_on_while_a_snapshot_of_the_height_before_is_made(tmp_path: Path) -> None:
    store = filled(tmp_path / "chain", ENTRIES)
    before = content(store)
    expected = root(store)
    kept = Snapshots(tmp_path / "snapshots", store, sha256, SMALL)
    assert kept.start(10)
    for height in range(11, 40):
        change(store, {f"new/{height}".encode(): b"x", b"identity/subject/00001": None}, height)
    kept.wait()
    (offer,) = kept.list()
    other = empty(tmp_path / "other")
    restore = Restore(offer, expected, other)
    for index, chunk in enumerate(chunks(kept, offer)):
        restore.apply(index, chunk)
    restore.finish()
    assert content(other) == before
    for each in (other, store):
        each.close()


def test_a_frozen_view_sees_nothing_that_is_written_later(tmp_path: Path) -> None:
    store = filled(tmp_path / "chain", ENTRIES)
    moment, tops, tip = store.frozen(), list(store.tiles(b"\x10")), store.tip()
    for height in range(11, 20):
        gone = f"identity/subject/{height:05}".encode()
        change(store, {f"new/{height}".encode(): b"x", gone: None}, height)
    assert list(moment.tops()) == tops != list(store.tiles(b"\x10"))
    assert moment.tip() == tip != store.tip()
    assert (moment.get(b"new/11"), store.get(b"new/11")) == (None, b"x")
    assert moment.get(b"identity/subject/00012") == ENTRIES[b"identity/subject/00012"]
    moment.close()
    with pytest.raises(ValueError, match="closed"):
        moment.tip()
    store.close()


def test_only_the_height_at_hand_can_be_begun(tmp_path: Path) -> None:
    store = filled(tmp_path / "chain", ENTRIES)
    kept = Snapshots(tmp_path / "snapshots", store, sha256)
    for height in (0, 9, 11):
        with pytest.raises(NotAtHeight):
            kept.make(height)
        with pytest.raises(NotAtHeight):
            kept.start(height)
    assert kept.list() == []
    store.close()


def test_the_newest_two_stay_and_outlive_the_process(tmp_path: Path) -> None:
    store = filled(tmp_path / "chain", ENTRIES)
    kept = Snapshots(tmp_path / "snapshots", store, sha256, SMALL)
    for height in (10, 11, 12):
        if height > 10:
            change(store, {b"k": b"%d" % height}, height)
        kept.make(height)
    assert [each.height for each in kept.list()] == [11, 12]
    again = Snapshots(tmp_path / "snapshots", store, sha256, SMALL)
    assert again.list() == kept.list()
    assert chunks(again, again.list()[0]) == chunks(kept, kept.list()[0])
    assert sorted(each.name for each in (tmp_path / "snapshots").iterdir()) == ["11-1", "12-1"]
    store.close()


def test_half_made_and_spoiled_snapshots_are_not_handed_out(tmp_path: Path) -> None:
    store = filled(tmp_path / "chain", ENTRIES)
    folder = tmp_path / "snapshots"
    offer = Snapshots(folder, store, sha256, SMALL).make(10)
    (folder / "11-1.part").mkdir()
    (folder / "11-1.part" / "chunks").write_bytes(b"x")
    (folder / "12-1").mkdir()
    (folder / "13-1").mkdir()
    (folder / "13-1" / "metadata").write_bytes(b"x")
    (folder / "13-1" / "manifest").write_bytes(b"{")
    path = folder / "10-1" / "chunks"
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)
    kept = Snapshots(folder, store, sha256, SMALL)
    assert kept.list() == [offer]
    assert [each.name for each in folder.iterdir()] == ["10-1"]
    assert kept.chunk(10, 1, 0) is None
    assert kept.chunk(10, 1, 1) is not None
    for wrong in ((9, 1, 0), (10, 2, 0), (10, 1, -1), (10, 1, offer.chunks)):
        assert kept.chunk(*wrong) is None
    store.close()


def test_a_store_that_was_damaged_gives_no_snapshot(tmp_path: Path) -> None:
    store = filled(tmp_path / "chain", ENTRIES)
    store.put_part({b"identity/subject/00007": b"other"}, {})
    kept = Snapshots(tmp_path / "snapshots", store, sha256, SMALL)
    with pytest.raises(StoreDamaged, match="identity/subject/00007"):
        kept.make(10)
    assert list((tmp_path / "snapshots").iterdir()) == []
    store.close()


# -- lies ------------------------------------------------------------------------------------------


def lies(offer: snapshots.Snapshot) -> Iterator[snapshots.Snapshot]:
    """Offers that are no snapshot of the state, each with a hash that fits its metadata."""
    data = offer.metadata
    body = data[len(MAGIC) :]
    bodies = [
        b"",
        body[:-1],
        body + b"\0\0",
        body + body,
        body[34:],
        body[:40] + bytes((body[40] ^ 1,)) + body[41:],
        bytes((body[0] + 1,)) + body[1:],
        body[:1] + b"\3" + body[2:],
        b"\0\2" + bytes(32),
        b"\xff\0" * 40,
    ]
    for each in bodies:
        lie = MAGIC + each
        yield offer._replace(metadata=lie, hash=sha256(lie))
    for lie in (data[1:], b"", b"x" * (MAX_METADATA + 1), data + bytes(MAX_METADATA)):
        yield offer._replace(metadata=lie, hash=sha256(lie))
    yield offer._replace(hash=bytes(32))
    for number in (0, offer.chunks - 1, offer.chunks + 1):
        yield offer._replace(chunks=number)


def test_lying_metadata_is_refused_and_nothing_is_written() -> None:
    with made(ENTRIES) as (store, kept, folder):
        offer = kept.make(10)
        other = empty(folder / "other")
        change(other, {}, 0)
        before = (content(other), other.tip())
        for lie in lies(offer):
            with pytest.raises(SnapshotRefused) as refused:
                Restore(lie, root(store), other)
            assert refused.value.why == "metadata"
        for lie in (offer._replace(format=2), offer._replace(height=0)):
            with pytest.raises(SnapshotRefused) as refused:
                Restore(lie, root(store), other)
            assert refused.value.why == "format"
        with pytest.raises(SnapshotRefused):
            Restore(offer, sha256(b"another state"), other)
        assert (content(other), other.tip()) == before
        assert not other.unfinished()
        other.close()


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=400))
def test_any_metadata_is_read_or_refused(data: bytes) -> None:
    try:
        parts, root_ = decode_metadata(MAGIC + data, sha256)
    except ValueError:
        return
    assert sum(1 << (256 - each.depth) for each in parts) == 1 << 256
    assert len(root_) == 32


def test_lying_chunks_are_refused_and_nothing_is_written() -> None:
    with made(ENTRIES) as (store, kept, folder):
        offer = kept.make(10)
        true = chunks(kept, offer)
        other = empty(folder / "other")
        restore = Restore(offer, root(store), other)
        first = true[0]
        size = 5 + first[0] + int.from_bytes(first[1:5], "big")
        false = [
            b"",
            b"\0",
            first[:-1],
            first + b"\0",
            first + first,
            first[size:],
            first[size:] + first[:size],
            first[:7] + bytes((first[7] ^ 1,)) + first[8:],
            first[:-1] + bytes((first[-1] ^ 1,)),
            true[1],
            first + true[1],
            b"\xff" * 300,
            bytes(MAX_CHUNK + 1),
            first + b"\x01\0\0\0\0k",
            first + b"\x01\0\0\0\x01\xffv",
        ]
        before = content(other)
        for each in false:
            assert restore.apply(0, each) is Verdict.REJECTED
        for index in (-1, offer.chunks, 1 << 40):
            assert restore.apply(index, first) is Verdict.REJECTED
        assert content(other) == before
        assert restore.missing() == list(range(offer.chunks))
        for index, chunk in enumerate(true):
            assert restore.apply(index, chunk) is Verdict.ACCEPTED
            assert restore.apply(index, chunk) is Verdict.ACCEPTED
            assert restore.apply(index, chunk + b"\0") is Verdict.REJECTED
        restore.finish()
        assert content(other) == content(store)
        other.close()


def test_a_chunk_with_one_bit_changed_is_refused() -> None:
    with made(dict(list(ENTRIES.items())[:20]), 200) as (store, kept, folder):
        offer = kept.make(10)
        true = chunks(kept, offer)
        other = empty(folder / "other")
        restore = Restore(offer, root(store), other)
        for index, chunk in enumerate(true):
            for bit in range(8 * len(chunk)):
                lie = bytearray(chunk)
                lie[bit >> 3] ^= 1 << (bit & 7)
                assert restore.apply(index, bytes(lie)) is Verdict.REJECTED
        assert content(other)[0] == {}
        other.close()


def test_a_restore_that_lacks_chunks_does_not_end() -> None:
    with made(ENTRIES) as (store, kept, folder):
        offer = kept.make(10)
        other = empty(folder / "other")
        restore = Restore(offer, root(store), other)
        restore.apply(0, chunks(kept, offer)[0])
        with pytest.raises(SnapshotRefused) as refused:
            restore.finish()
        assert refused.value.why == "incomplete"
        assert other.tip() is None
        other.close()


def test_a_store_with_blocks_is_not_written_over() -> None:
    with made(ENTRIES) as (store, kept, folder):
        offer = kept.make(10)
        other = filled(folder / "other", {b"k": b"v"}, 1)
        before = content(other)
        with pytest.raises(ValueError, match="height 1"):
            Restore(offer, root(store), other)
        assert content(other) == before
        other.close()


def test_what_was_restored_by_half_is_thrown_away(tmp_path: Path) -> None:
    store = filled(tmp_path / "chain", ENTRIES, profile=SECOND)
    kept = Snapshots(tmp_path / "snapshots", store, HASHES[SECOND.hash], SMALL)
    offer = kept.make(10)
    write_genesis(tmp_path / "other", genesis(SECOND))
    other = Store(tmp_path / "other")
    before = (content(other), other.tip())
    restore = Restore(offer, root(store), other)
    restore.apply(0, chunks(kept, offer)[0])
    other.close()
    other = Store(tmp_path / "other")
    assert other.unfinished()
    assert other.tip() is None
    assert abandon(other)
    assert not other.unfinished()
    assert not abandon(other)
    assert (content(other), other.tip()) == before
    restore = Restore(offer, root(store), other)
    for index, chunk in enumerate(chunks(kept, offer)):
        assert restore.apply(index, chunk) is Verdict.ACCEPTED
    assert restore.finish().app_hash == root(store)
    for each in (store, other):
        each.close()


def test_closing_gives_up_what_is_being_made_and_frees_the_store(tmp_path: Path) -> None:
    many = {f"k{each}".encode(): b"v" * 50 for each in range(20_000)}
    store = filled(tmp_path / "chain", many)
    kept = Snapshots(tmp_path / "snapshots", store, sha256)
    before = set(threading.enumerate())
    assert kept.start(10)
    assert not kept.start(10)
    kept.close()
    store.close()
    assert "yilian-snapshot" not in [each.name for each in set(threading.enumerate()) - before]
    Store(tmp_path / "chain").close()
    assert not [each for each in (tmp_path / "snapshots").iterdir() if each.suffix]
