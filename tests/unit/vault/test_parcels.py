from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from yilian.vault.envelope import new_id
from yilian.vault.vault import Vault

SECRET = b"resident number 11010119900307001X"


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with Vault.open(tmp_path / "vault", new_id()) as made:
        yield made


def test_parcels_are_in_order_for_each_receiver(vault: Vault) -> None:
    for mark in ("1", "2", "3"):
        for receiver in ("a", "b"):
            vault.parcels.put(receiver, "tell", mark, mark.encode(), 5)
    assert vault.parcels.receivers() == ["a", "b"]
    found = vault.parcels.waiting("a")
    assert [(each.mark, each.body, each.since) for each in found] == [
        ("1", b"1", 5),
        ("2", b"2", 5),
        ("3", b"3", 5),
    ]
    assert len(vault.parcels.waiting("a", limit=2)) == 2
    vault.parcels.done(found[0].position)
    vault.parcels.done(found[0].position)
    assert [each.mark for each in vault.parcels.waiting("a")] == ["2", "3"]
    vault.parcels.forget("a")
    assert vault.parcels.receivers() == ["b"]


def test_the_same_mark_waits_once_until_it_is_done(vault: Vault) -> None:
    vault.parcels.put("a", "tell", "m", b"first", 1)
    vault.parcels.put("a", "tell", "m", b"second", 2)
    vault.parcels.put("a", "ask", "m", b"other", 3)
    assert [each.body for each in vault.parcels.waiting("a")] == [b"first", b"other"]
    vault.parcels.done(vault.parcels.waiting("a")[0].position)
    vault.parcels.put("a", "tell", "m", b"third", 4)
    assert [each.body for each in vault.parcels.waiting("a")] == [b"other", b"third"]


def test_what_waits_is_sealed_and_an_altered_parcel_is_none(vault: Vault, tmp_path: Path) -> None:
    vault.parcels.put("a", "ask", "m", SECRET, 1)
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or SECRET[:15] not in path.read_bytes()
    with vault.catalogue.write() as database:
        database.exec_driver_sql("UPDATE parcels SET receiver = 'b'")
    (found,) = vault.parcels.waiting("b")
    assert (found.operation, found.body) == ("", b"")
