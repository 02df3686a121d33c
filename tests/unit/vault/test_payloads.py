from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.stores.places import Place, place, s3
from yilian.ledger.errors import Refusal
from yilian.vault import payloads
from yilian.vault.envelope import address
from yilian.vault.payloads import PackStore
from yilian.vault.payloads import place as pack_place

__all__ = ["place", "s3"]

CONTENTS = [random.Random(number).randbytes(number * 37 % 500) for number in range(40)]


@pytest.fixture
def store(place: Place) -> Iterator[PackStore]:
    made = place.open()
    yield made
    made.close()


def refused(call: object, *arguments: object) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code.name


def test_payloads_come_back_by_address(store: PackStore, place: Place) -> None:
    names = store.put_many(CONTENTS)
    assert names == [address(content) for content in CONTENTS]
    assert [store.get(name) for name in names] == CONTENTS
    assert list(store.addresses()) == sorted(set(names))
    assert len(place.packs()) == 1


def test_the_same_bytes_are_kept_once(store: PackStore, place: Place) -> None:
    first = store.put(b"x")
    assert store.put(b"x") == first
    assert store.put_many([b"x", b"y", b"y"]) == [first, address(b"y"), address(b"y")]
    assert store.put_many([]) == []
    assert len(place.packs()) == 2
    assert sum(b"x" in path.read_bytes()[40:] for path in place.packs()) == 1


def test_each_payload_is_deleted_alone(store: PackStore, place: Place) -> None:
    names = store.put_many(CONTENTS[:5])
    store.delete(names[2])
    assert CONTENTS[2] not in place.packs()[0].read_bytes()
    assert refused(store.get, names[2]) == "payload_missing"
    assert refused(store.delete, names[2]) == "payload_missing"
    for at in (0, 1, 3, 4):
        assert store.get(names[at]) == CONTENTS[at]
        store.delete(names[at])
    assert place.packs() == []
    assert list(store.addresses()) == []


def test_a_flipped_byte_is_refused_and_hurts_no_other(store: PackStore, place: Place) -> None:
    names = store.put_many(CONTENTS[1:6])
    path = place.packs()[0]
    kept = path.read_bytes()
    at = kept.index(CONTENTS[3]) + 10
    path.write_bytes(kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :])
    with pytest.raises(Refusal) as caught:
        store.get(names[2])
    assert caught.value.code.name == "payload_damaged"
    assert caught.value.parameters == {"address": names[2]}
    for at in (0, 1, 3, 4):
        assert store.get(names[at]) == CONTENTS[1 + at]


def test_unknown_or_absurd_addresses_are_missing(store: PackStore) -> None:
    for name in ("", "../../x", address(b"absent"), "' OR 1=1"):
        assert refused(store.get, name) == "payload_missing"


def test_the_index_is_rebuilt_from_the_packs(place: Place, tmp_path: Path) -> None:
    store = place.open()
    names = store.put_many(CONTENTS[:20]) + store.put_many(CONTENTS[20:])
    store.close()
    for damage in ("gone", "garbage"):
        for path in (tmp_path / "p").glob("index.sqlite*"):
            path.unlink() if damage == "gone" else path.write_bytes(b"not a database" * 500)
        again = place.open()
        assert [again.get(name) for name in names] == CONTENTS
        again.close()


def test_an_index_older_than_its_packs_is_brought_up_to_date(place: Place, tmp_path: Path) -> None:
    store = place.open()
    names = store.put_many(CONTENTS[:5])
    store.close()
    index = (tmp_path / "p" / "index.sqlite").read_bytes()
    store = place.open()
    store.delete(names[0])
    late = store.put(b"late")
    store.close()
    (tmp_path / "p" / "index.sqlite").write_bytes(index)
    for suffix in ("-wal", "-shm"):
        (tmp_path / "p" / f"index.sqlite{suffix}").unlink(missing_ok=True)
    store = place.open()
    assert store.get(late) == b"late"
    assert [store.get(name) for name in names[1:]] == CONTENTS[1:5]
    assert refused(store.get, names[0]) == "payload_missing"
    store.close()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300))
def test_a_pack_of_any_bytes_never_stops_the_store(place: Place, junk: bytes) -> None:
    path = place.root("junk") / "packs" / pack_place("x")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(junk)
    store = place.open("junk")
    name = store.put(b"good")
    assert store.get(name) == b"good"
    store.close()


def test_a_truncated_pack_loses_its_tail_only(place: Place) -> None:
    store = place.open()
    names = store.put_many(CONTENTS[1:4])
    store.close()
    path = place.packs()[0]
    path.write_bytes(path.read_bytes()[:-1])
    store = place.open()
    assert store.get(names[0]) == CONTENTS[1]
    assert refused(store.get, names[2]) == "payload_missing"
    store.close()


@pytest.mark.parametrize("place", ["folder"], indirect=True)
def test_files_are_the_owners_alone(store: PackStore, place: Place, tmp_path: Path) -> None:
    store.put(b"x")
    paths = [tmp_path / "p", *(tmp_path / "p").rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {0o700}


def test_oversized_payloads_are_refused_before_anything_is_written(
    store: PackStore, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payloads, "MAX_PAYLOAD", 10)
    assert refused(store.put_many, [b"small", b"x" * 11]) == "payload_too_large"
    assert place.packs() == []


def test_many_threads_put_and_delete_at_once(store: PackStore) -> None:
    """Equal bytes are kept once, whoever is first; each pack keeps what others need."""
    shared = [b"shared %d" % number for number in range(4)]
    own = [[b"own %d %d" % (worker, number) for number in range(6)] for worker in range(6)]

    def work(worker: int) -> None:
        names = store.put_many(own[worker] + shared)
        store.delete_many(names[:3])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    left = shared + [each for some in own for each in some[3:]]
    assert list(store.addresses()) == sorted(map(address, left))
    for content in left:
        assert store.get(address(content)) == content
