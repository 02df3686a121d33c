"""Stored tiles: what a scan accepts, and that it accepts nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ledger.test_tree import Store, crowded, seeded
from yilian.ledger.errors import InvariantBroken
from yilian.ledger.keys import sha256
from yilian.ledger.tree import TOP, check_tile
from yilian.ledger.tree_tile import child_id, decode, entries, slot_of, stated

DEEP = crowded(240)


def entries_tile() -> tuple[bytes, bytes]:
    store = Store(hashing=DEEP)
    store.write(seeded(5))
    return next(iter(store.tiles.items()))


def branches_tile() -> tuple[bytes, bytes]:
    store = Store(hashing=DEEP)
    store.write(seeded(100))
    name = bytes((TOP, 0, 0))
    return name, store.tiles[name]


def test_a_scan_gives_the_root_of_every_tile() -> None:
    store = Store(hashing=crowded(244), split=2)
    root = store.write(seeded(60))
    roots = {
        name: check_tile(name, data, hashing=crowded(244)) for name, data in store.tiles.items()
    }
    assert roots[bytes((TOP, 0, 0))] != root
    for name, data in store.tiles.items():
        assert roots[name] == data[1:33] == stated(name, data)[:32]
        if data[0] == 1:
            for slot in range(16):
                child = child_id(name, name[0], slot)
                assert roots.get(child, bytes(32)) == data[169 + 32 * slot :][:32]


def test_a_tile_of_many_entries_alone_under_the_root() -> None:
    store = Store(hashing=crowded(240))
    store.write(seeded(5))
    ((name, data),) = store.tiles.items()
    # Sixteen levels of nodes with an empty left side... or right: the path is all zero bits.
    above = check_tile(name, data, hashing=DEEP)
    for _ in range(16):
        above = DEEP(b"\x01" + above + bytes(32))
    assert above == store.tree.root


def test_every_flipped_byte_of_a_tile_of_entries_is_found() -> None:
    name, data = entries_tile()
    check_tile(name, data, hashing=DEEP)
    for at in range(len(data)):
        for bit in (1, 128):
            broken = bytearray(data)
            broken[at] ^= bit
            with pytest.raises(InvariantBroken):
                check_tile(name, bytes(broken), hashing=DEEP)


def test_every_flipped_byte_of_a_tile_of_branches_is_found() -> None:
    name, data = branches_tile()
    check_tile(name, data, hashing=DEEP)
    for at in range(len(data)):
        for bit in (1, 128):
            broken = bytearray(data)
            broken[at] ^= bit
            with pytest.raises(InvariantBroken):
                check_tile(name, bytes(broken), hashing=DEEP)


@pytest.mark.parametrize("made", [entries_tile, branches_tile])
def test_a_tile_cut_short_or_grown_is_found(made: object) -> None:
    assert callable(made)
    name, data = made()
    for broken in [data[:cut] for cut in range(len(data))] + [data + b"\x00", data + data]:
        with pytest.raises(InvariantBroken):
            check_tile(name, broken, hashing=DEEP)
        with pytest.raises(InvariantBroken):
            decode(name, broken, DEEP)


@given(st.binary(max_size=800))
def test_noise_is_no_tile(data: bytes) -> None:
    with pytest.raises(InvariantBroken):
        check_tile(bytes((TOP, 0, 0)), data)
    with pytest.raises(InvariantBroken):
        check_tile(bytes((TOP, 0, 0)), b"\x00" + data)


@pytest.mark.parametrize(
    "name",
    [b"", b"\x10", b"\x10\x00\x01", b"\x14\x00\x00\x10", b"\x0c\x00\x00", b"\x11\x00\x00\x00",
     b"\x10\x00\x00\x00", b"\xff" * 33],
)  # fmt: skip
def test_a_tile_in_a_wrong_place_is_found(name: bytes) -> None:
    _, data = entries_tile()
    with pytest.raises(InvariantBroken):
        check_tile(name, data, hashing=DEEP)


def test_entries_out_of_order_or_twice_are_found() -> None:
    name, data = entries_tile()
    count, keys = data[33], data[34 + 37 * data[33] :]
    columns = [data[34 + 4 * n : 38 + 4 * n] for n in range(count)]
    hashes = [data[34 + 4 * count + 32 * n :][:32] for n in range(count)]
    assert {len(key) for key in keys.split(b"seed/")} == {0, 1}
    names = [keys[6 * n : 6 * n + 6] for n in range(count)]
    swapped = [1, 0, *range(2, count)]
    for order in (swapped, [0, 0, *range(2, count)]):
        broken = b"".join(
            (
                data[:34],
                *(columns[n] for n in order),
                *(hashes[n] for n in order),
                data[34 + 36 * count : 34 + 37 * count],
                *(names[n] for n in order),
            )
        )
        with pytest.raises(InvariantBroken):
            check_tile(name, broken, hashing=DEEP)


def test_names_of_deeper_tiles_follow_the_path() -> None:
    path = sha256(b"any")
    name = bytes((TOP,)) + path[:2]
    depth = TOP
    while depth < 252:
        name = child_id(name, depth, slot_of(path, depth))
        depth += 4
        bits = int.from_bytes(path, "big") >> 256 - depth << (-depth % 8)
        assert name == bytes((depth,)) + bits.to_bytes((depth + 7) // 8, "big")


def test_keys_that_share_a_fragment_are_told_apart_by_their_hashes() -> None:
    hashing = crowded(200)
    store = Store(hashing=hashing)
    store.write(seeded(20))
    (data,) = store.tiles.values()
    assert data[34:114] == bytes(80)
    for n in range(20):
        store.write({b"seed/%d" % n: b"new"})
        store.reopen()
    fresh = Store(hashing=hashing)
    fresh.write(dict.fromkeys(seeded(20), b"new"))
    assert fresh.tiles == store.tiles


def test_keys_with_one_hash_stop_the_node() -> None:
    store = Store(hashing=crowded(0))
    store.write({b"a": b"1"})
    with pytest.raises(InvariantBroken):
        store.write({b"b": b"1"})


def test_entries_swapped_between_slots_stop_the_node() -> None:
    store = Store()
    keys = [b"k/%d" % n for n in range(200_000)]
    shared = sha256(keys[0])[:2]
    pair = sorted((key for key in keys if sha256(key)[:2] == shared), key=sha256)
    first, last = pair[0], pair[-1]
    assert sha256(first)[2] >> 4 != sha256(last)[2] >> 4
    store.write({first: b"1", last: b"2"})
    name = bytes((TOP,)) + shared
    (a, b) = decode(name, store.tiles[name], sha256).entries()  # type: ignore[union-attr]
    swapped = entries([(sha256(a[1]), a), (sha256(b[1]), b)], TOP, sha256).data
    assert swapped == store.tiles[name]
    at = [(34, 38), (38, 42), (42, 74), (74, 106), (106, 107), (107, 108)]
    cut = [swapped[x:y] for x, y in at]
    keys_at = 108 + len(a[1])
    broken = b"".join(
        (swapped[:34], cut[1], cut[0], cut[3], cut[2], cut[5], cut[4],
         swapped[keys_at:], swapped[108:keys_at])
    )  # fmt: skip
    with pytest.raises(InvariantBroken):
        decode(name, broken, sha256)
