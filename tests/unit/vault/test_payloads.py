from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yilian.ledger.errors import Refusal
from yilian.vault import payloads
from yilian.vault.envelope import address
from yilian.vault.payloads import FolderStore

CONTENTS = [random.Random(number).randbytes(number * 37 % 500) for number in range(40)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FolderStore]:
    made = FolderStore(tmp_path / "p")
    yield made
    made.close()


def packs(folder: Path) -> list[Path]:
    return sorted((folder / "p" / "packs").glob("*/*.pack"))


def refused(call: object, *arguments: object) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code.name


def test_payloads_come_back_by_address(store: FolderStore, tmp_path: Path) -> None:
    names = store.put_many(CONTENTS)
    assert names == [address(content) for content in CONTENTS]
    assert [store.get(name) for name in names] == CONTENTS
    assert list(store.addresses()) == sorted(set(names))
    assert len(packs(tmp_path)) == 1


def test_the_same_bytes_are_kept_once(store: FolderStore, tmp_path: Path) -> None:
    first = store.put(b"x")
    assert store.put(b"x") == first
    assert store.put_many([b"x", b"y", b"y"]) == [first, address(b"y"), address(b"y")]
    assert store.put_many([]) == []
    assert len(packs(tmp_path)) == 2
    assert sum(b"x" in path.read_bytes()[40:] for path in packs(tmp_path)) == 1


def test_each_payload_is_deleted_alone(store: FolderStore, tmp_path: Path) -> None:
    names = store.put_many(CONTENTS[:5])
    store.delete(names[2])
    assert CONTENTS[2] not in packs(tmp_path)[0].read_bytes()
    assert refused(store.get, names[2]) == "payload_missing"
    assert refused(store.delete, names[2]) == "payload_missing"
    for at in (0, 1, 3, 4):
        assert store.get(names[at]) == CONTENTS[at]
        store.delete(names[at])
    assert packs(tmp_path) == []
    assert list(store.addresses()) == []


def test_a_flipped_byte_is_refused_and_hurts_no_other(store: FolderStore, tmp_path: Path) -> None:
    names = store.put_many(CONTENTS[1:6])
    path = packs(tmp_path)[0]
    kept = path.read_bytes()
    at = kept.index(CONTENTS[3]) + 10
    path.write_bytes(kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :])
    with pytest.raises(Refusal) as caught:
        store.get(names[2])
    assert caught.value.code.name == "payload_damaged"
    assert caught.value.parameters == {"address": names[2]}
    for at in (0, 1, 3, 4):
        assert store.get(names[at]) == CONTENTS[1 + at]


def test_unknown_or_absurd_addresses_are_missing(store: FolderStore) -> None:
    for name in ("", "../../x", address(b"absent"), "' OR 1=1"):
        assert refused(store.get, name) == "payload_missing"


def test_the_index_is_rebuilt_from_the_packs(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "p")
    names = store.put_many(CONTENTS[:20]) + store.put_many(CONTENTS[20:])
    store.close()
    for damage in ("gone", "garbage"):
        for path in (tmp_path / "p").glob("index.sqlite*"):
            path.unlink() if damage == "gone" else path.write_bytes(b"not a database" * 500)
        again = FolderStore(tmp_path / "p")
        assert [again.get(name) for name in names] == CONTENTS
        again.close()


def test_an_index_older_than_its_packs_is_brought_up_to_date(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "p")
    names = store.put_many(CONTENTS[:5])
    store.close()
    index = (tmp_path / "p" / "index.sqlite").read_bytes()
    store = FolderStore(tmp_path / "p")
    store.delete(names[0])
    late = store.put(b"late")
    store.close()
    (tmp_path / "p" / "index.sqlite").write_bytes(index)
    for suffix in ("-wal", "-shm"):
        (tmp_path / "p" / f"index.sqlite{suffix}").unlink(missing_ok=True)
    store = FolderStore(tmp_path / "p")
    assert store.get(late) == b"late"
    assert [store.get(name) for name in names[1:]] == CONTENTS[1:5]
    assert refused(store.get, names[0]) == "payload_missing"
    store.close()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=300))
def test_a_pack_of_any_bytes_never_stops_the_store(tmp_path: Path, junk: bytes) -> None:
    folder = tmp_path / "junk" / "packs" / "00"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "x.pack").write_bytes(junk)
    store = FolderStore(tmp_path / "junk")
    name = store.put(b"good")
    assert store.get(name) == b"good"
    store.close()


def test_a_truncated_pack_loses_its_tail_only(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "p")
    names = store.put_many(CONTENTS[1:4])
    store.close()
    path = packs(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:-1])
    store = FolderStore(tmp_path / "p")
    assert store.get(names[0]) == CONTENTS[1]
    assert refused(store.get, names[2]) == "payload_missing"
    store.close()


def test_files_are_the_owners_alone(store: FolderStore, tmp_path: Path) -> None:
    store.put(b"x")
    paths = [tmp_path / "p", *(tmp_path / "p").rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_dir()} == {0o700}


def test_oversized_payloads_are_refused_before_anything_is_written(
    store: FolderStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payloads, "MAX_PAYLOAD", 10)
    assert refused(store.put_many, [b"small", b"x" * 11]) == "payload_too_large"
    assert packs(tmp_path) == []
