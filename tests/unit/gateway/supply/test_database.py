from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Barrier, Thread

import pytest
import sqlalchemy as sql

from tests.unit.gateway.epcis.store_builders import ORGANISATION, Home, simple
from tests.unit.vault.builders import HOSPITAL, NOW
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.supply.database import FILE, SupplyDatabase
from yilian.ledger.errors import Refusal
from yilian.vault.backup import restore
from yilian.vault.vault import Vault


def tables(path: Path) -> set[str]:
    with sqlite3.connect(path) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def test_the_file_has_its_own_tables_and_no_others(tmp_path: Path) -> None:
    SupplyDatabase(tmp_path / FILE, ORGANISATION).close()
    found = tables(tmp_path / FILE)
    assert {"epcis_events", "epcis_terms", "epcis_jobs", "meta"} <= found
    assert "records" not in found
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    with Vault.open(tmp_path / "vault", HOSPITAL, clock=lambda: NOW):
        assert "epcis_events" not in tables(tmp_path / "vault" / "catalogue.sqlite")


def test_a_commit_is_synced_before_it_returns(tmp_path: Path) -> None:
    database = SupplyDatabase(tmp_path / FILE, ORGANISATION)
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    database.close()


def test_another_organisations_file_and_another_format_are_refused(tmp_path: Path) -> None:
    SupplyDatabase(tmp_path / FILE, ORGANISATION).close()
    with pytest.raises(Refusal) as caught:
        SupplyDatabase(tmp_path / FILE, "B" * 22)
    assert caught.value.code.name == "vault_of_other_organisation"
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'format'")
    with pytest.raises(Refusal) as caught:
        SupplyDatabase(tmp_path / FILE, ORGANISATION)
    assert caught.value.code.name == "vault_format_unknown"


def test_writers_wait_for_each_other_and_lose_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    start = Barrier(4)

    def write(first: int) -> None:
        start.wait()
        for number in range(first, first + 25):
            home.repository.capture_one(simple(number), "us")

    threads = [Thread(target=write, args=(1000 * n,)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [each.sequence for each in home.repository.after(0, 999)] == list(range(1, 101))
    home.close()


def opened(folder: Path) -> tuple[SupplyDatabase, Repository]:
    database = SupplyDatabase(folder / FILE, HOSPITAL)
    return database, Repository(database, now=lambda: NOW)


def test_a_backup_of_the_vault_takes_it_along(tmp_path: Path) -> None:
    with Vault.open(tmp_path / "live", HOSPITAL, clock=lambda: NOW) as vault:
        database, repository = opened(tmp_path / "live")
        before = [repository.capture_one(simple(n), "us") for n in range(20)]
        vault.backup(tmp_path / "plain", tmp_path / "expiring")
        repository.capture_one(simple(99), "us")
        database.close()
    assert not list(tmp_path.glob("plain/*-wal"))
    assert (tmp_path / "plain" / FILE).stat().st_mode & 0o777 == 0o600
    restored(tmp_path)
    database, repository = opened(tmp_path / "back")
    assert repository.after(0, 99) == before
    with database.read() as connection:
        assert connection.execute(sql.text("PRAGMA integrity_check")).scalar() == "ok"
    database.close()


def test_a_backup_without_it_restores_without_it(tmp_path: Path) -> None:
    with Vault.open(tmp_path / "live", HOSPITAL, clock=lambda: NOW) as vault:
        vault.backup(tmp_path / "plain", tmp_path / "expiring")
    assert not (tmp_path / "plain" / FILE).exists()
    restored(tmp_path)
    assert not (tmp_path / "back" / FILE).exists()


def restored(folder: Path) -> None:
    restore(
        folder / "plain",
        folder / "expiring",
        folder / "back",
        {},
        organisation=HOSPITAL,
        master_key_file=folder / "live.master-key",
        clock=lambda: NOW,
    )
