"""Whatever the instant of death in an erasure: not begun, or finished at the next opening."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.vault.builders import DOCTOR, HOSPITAL, PATIENT, identifier, item, open_vault
from tests.unit.vault.erasing import DESTROYED, ITEMS, MARY, SEALED, STAYING
from yilian.ledger.errors import Refusal
from yilian.vault.envelope import check_inclusion
from yilian.vault.vault import Vault

REPOSITORY = Path(__file__).resolve().parents[3]


def test_a_crash_leaves_no_half_of_an_erasure(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.unit.vault.erasing", str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr.decode()
    deaths = sorted(tmp_path.glob("*.said"), key=lambda path: int(path.stem))
    told = [path.read_text().split() for path in deaths]
    assert [] in told
    assert ["prepared"] in told
    assert told[-1] == ["prepared", "erased"]
    erased = [check(path.with_suffix(""), said) for path, said in zip(deaths, told, strict=True)]
    # Some deaths fall before the plan is begun and some after it: the test reaches both.
    assert {False, True} == {done for done, said in zip(erased, told, strict=True) if len(said) < 2}


def check(folder: Path, said: list[str]) -> bool:
    """Check a vault after its death; tells whether the erasure was done."""
    with open_vault(folder, HOSPITAL) as vault:
        assert list(vault.integrity()) == []
        waiting = {batch.batch: batch.root for batch in vault.unanchored()}
        for each in ITEMS:
            proof = vault.proof(each.record)
            check_inclusion(proof, waiting[proof.batch])
        contents = {each.record: each.content for each in ITEMS}
        kept = {record: contents[record] for record in STAYING}
        assert vault.read_own(STAYING, DOCTOR, "treatment") == kept
        done = bool(vault.certificates())
        assert done or "erased" not in said
        assert len(vault.erasure.unfinished()) <= 1
        assert done or "prepared" not in said or len(vault.erasure.unfinished()) == 1
        if not done:
            plan = vault.plan_erasure(PATIENT, [*DESTROYED, *SEALED])
            vault.erase(plan)
        require_erased(vault)
    return done


def require_erased(vault: Vault) -> None:
    assert list(vault.integrity()) == []
    for record in (*DESTROYED, *SEALED):
        with pytest.raises(Refusal):
            vault.read_own([record], DOCTOR, "treatment")
    sealed = vault.read_own(SEALED, DOCTOR, "legal")
    assert sealed == {identifier(2): item(2).content}
    # Nothing is left over: a payload for each record that stays, and keys for no others.
    assert len(list(vault._payloads.addresses())) == 3
    batch = vault._catalogue.records(STAYING)[0].batch
    stored = vault.keystore.erasure._stored(batch)
    assert stored is not None
    assert stored.patients == {}
    assert sorted(stored.records) == sorted([*STAYING, *SEALED])
    assert {key.name.category for key in vault.keystore.category_keys(PATIENT)} == {"laboratory"}
    assert len(vault.keystore.category_keys(MARY)) == 1
