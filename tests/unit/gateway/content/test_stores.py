"""Index and origins follow the vault: filed at a deposit, gone with an erasure, after any crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.gateway.content.builders import PATIENT, generated, identifier
from tests.unit.gateway.content.instance import NOW, READER, Instance
from yilian.gateway.content.origins import read_export
from yilian.gateway.content.stores import FOLDER, ContentStores
from yilian.vault.backup import restore
from yilian.vault.records import Item
from yilian.vault.vault import Vault

RESOURCES = generated(3)[:12]
OTHER = identifier("other person")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Instance]:
    with Instance(tmp_path / "home") as made:
        yield made


def item(number: int, patient: str = PATIENT, retention: str = "none") -> Item:
    return Item(
        record=identifier(("stores", patient, number)),
        patient=patient,
        category="laboratory",
        sensitivity="normal",
        period="2026-03",
        media_type="application/fhir+json",
        content=RESOURCES[number],
        retention=retention,
    )


def filled(home: Instance) -> ContentStores:
    """Three records of one person and one of another, filed; the first came from elsewhere."""
    items = [item(0), item(1), item(2), item(3, OTHER)]
    home.vault.deposit(items)
    home.anchor()
    stores = ContentStores(home.vault)
    stores.deposited(items)
    taken = home.export(PATIENT, home.vault.folder / "export.zip")
    (first, *_) = read_export(taken)
    stores.origins.keep(PATIENT, {items[0].record: first.origins})
    return stores


def erase(home: Instance, patient: str, *records: str) -> None:
    plan = home.vault.plan_erasure(patient, list(records) or None)
    home.vault.erasure.prepare(plan)
    home.vault.erase(plan)


def found(stores: ContentStores, patient: str) -> set[str]:
    return {each.record for each in stores.index.find(patient)}


def test_a_deposit_is_filed_person_by_person(home: Instance) -> None:
    stores = filled(home)
    assert found(stores, PATIENT) == {item(number).record for number in range(3)}
    assert found(stores, OTHER) == {item(3, OTHER).record}


def test_what_a_crash_left_out_is_filed_when_it_is_asked_for(home: Instance) -> None:
    home.vault.deposit([item(0), item(1)])
    stores = ContentStores(home.vault)
    stores.deposited([item(0)])
    assert found(stores, PATIENT) == {item(0).record}
    stores.complete(PATIENT, READER)
    assert found(stores, PATIENT) == {item(0).record, item(1).record}
    (line,) = home.vault.journal_about(item(1).record)
    assert (line.reader, line.purpose) == (READER, "operate")
    assert home.vault.journal_about(item(0).record) == []


def test_an_erasure_takes_out_what_it_erased_and_nothing_else(home: Instance) -> None:
    stores = filled(home)
    assert stores.origins.of(PATIENT, item(0).record)
    erase(home, PATIENT, item(0).record)
    stores.settle(PATIENT)
    assert found(stores, PATIENT) == {item(1).record, item(2).record}
    assert stores.origins.of(PATIENT, item(0).record) == ()
    assert found(stores, OTHER) == {item(3, OTHER).record}
    assert stores.keys.persons() == sorted([PATIENT, OTHER])


def test_the_last_record_takes_the_key_along(home: Instance) -> None:
    stores = filled(home)
    erase(home, PATIENT)
    stores.settle(PATIENT)
    assert found(stores, PATIENT) == set()
    assert stores.keys.persons() == [OTHER]


def test_a_sealed_record_is_found_by_nothing_and_its_origin_stays(home: Instance) -> None:
    kept = item(5, retention="inpatient")
    stores = filled(home)
    home.vault.deposit([kept])
    stores.deposited([kept])
    origins = stores.origins.of(PATIENT, item(0).record)
    stores.origins.keep(PATIENT, {kept.record: origins})
    erase(home, PATIENT)
    stores.settle(PATIENT)
    assert found(stores, PATIENT) == set()
    assert stores.origins.of(PATIENT, item(0).record) == ()
    assert stores.origins.of(PATIENT, kept.record) == origins


def test_every_start_finishes_what_a_crash_left(home: Instance) -> None:
    filled(home)
    erase(home, PATIENT)
    stores = ContentStores(home.vault)
    assert stores.keys.persons() == [OTHER]
    assert found(stores, OTHER) == {item(3, OTHER).record}


def test_forgetting_by_name_does_not_need_the_vault(home: Instance) -> None:
    stores = filled(home)
    stores.forget([item(0).record, identifier("unknown")])
    assert found(stores, PATIENT) == {item(1).record, item(2).record}
    assert stores.origins.of(PATIENT, item(0).record) == ()
    stores.forget_person(PATIENT)
    assert found(stores, PATIENT) == set()
    stores.forget_person(PATIENT)


def test_keys_go_into_the_expiring_backup_alone_and_come_back_with_it(
    home: Instance, tmp_path: Path
) -> None:
    stores = filled(home)
    plain, expiring = tmp_path / "plain", tmp_path / "expiring"
    home.vault.backup(plain, expiring)
    assert not (plain / FOLDER).exists()
    assert len(list((expiring / FOLDER).rglob("*.sealed"))) == 2
    # Erased after the backup: the chain says so, and a restore must not bring it back.
    plan = home.vault.plan_erasure(PATIENT)
    home.vault.erasure.prepare(plan)
    marks = {mark: ("destroyed", None) for part in plan.parts for mark in part.marks}
    home.vault.erase(plan)
    stores.settle(PATIENT)
    master = tmp_path / "home" / "outside" / "master.key"
    organisation = home.vault.organisation
    home.vault.close()
    restore(
        plain,
        expiring,
        tmp_path / "restored",
        marks,
        organisation=organisation,
        master_key_file=master,
        clock=lambda: NOW,
    )
    with Vault.open(
        tmp_path / "restored", organisation, master_key_file=master, clock=lambda: NOW
    ) as vault:
        again = ContentStores(vault)
        assert again.keys.persons() == [OTHER]
        assert found(again, OTHER) == {item(3, OTHER).record}
        assert found(again, PATIENT) == set()
        assert vault.records_of(PATIENT) == []
