"""Whatever the instant of death: what was acknowledged is there, and no batch is there by half."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.unit.vault.builders import DOCTOR, HOSPITAL, PATIENT, identifier, item, open_vault
from tests.unit.vault.crash import BEFORE, DURING

REPOSITORY = Path(__file__).resolve().parents[3]


def test_a_crash_loses_nothing_acknowledged_and_leaves_no_half(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.unit.vault.crash", str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    deaths = sorted(tmp_path.glob("*.said"), key=lambda path: int(path.stem))
    told = [path.read_text().split() for path in deaths]
    assert [] in told
    assert ["deposit"] in told
    assert ["deposit", "read"] in told
    assert told[-1] == ["deposit", "read", "journal", "period"]
    half_done = [check(path.with_suffix(""), said) for path, said in zip(deaths, told, strict=True)]
    # Some deaths fall before the commit and some after it, unsaid: the test reaches both.
    assert {False, True} == set(half_done[: told.index(["deposit"])])


def check(folder: Path, said: list[str]) -> bool:
    """Check a vault after its death; tells whether the second batch is in it."""
    with open_vault(folder, HOSPITAL) as vault:
        assert list(vault.integrity()) == []
        kept = set(vault.records_of(PATIENT))
        before = {identifier(number): item(number).content for number in BEFORE}
        during = {identifier(number): item(number).content for number in DURING}
        assert kept in (set(before), set(before) | set(during))
        whole = set(during) <= kept
        assert whole or "deposit" not in said
        contents = vault.read_own(sorted(kept), DOCTOR, "treatment")
        assert contents == {**before, **(during if whole else {})}
        waiting = [batch.size for batch in vault.unanchored() if batch.kind == "records"]
        assert waiting == [len(before)] + [len(during)] * whole
        lines = vault.journal_about(identifier(0))
        assert len(lines) == 2 or "read" not in said
        assert not list((folder / HOSPITAL).rglob("*.part"))
        if not whole:
            again = vault.deposit([item(number, period="2026-04") for number in DURING])
            assert again.size == len(during)
            assert vault.read_own(sorted(during), DOCTOR, "treatment") == during
    return whole
