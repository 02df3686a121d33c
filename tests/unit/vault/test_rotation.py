"""Keys are renewed once for each cause, whatever comes between."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.vault.builders import HOSPITAL, PATIENT, item, open_vault
from yilian.ledger import codec
from yilian.vault.rotation import Rotation
from yilian.vault.vault import Vault

CAUSE, OTHER = (codec.to_text(bytes((each,)) * 32) for each in (1, 2))


def generations(vault: Vault) -> list[tuple[int, bool]]:
    return [(each.generation, each.ended) for each in vault.keystore.category_keys(PATIENT)]


def test_once_for_a_cause_and_again_for_another(hospital: Vault) -> None:
    hospital.deposit([item(1)])
    first = generations(hospital)
    assert hospital.rotation.renew(PATIENT, CAUSE)
    assert len(generations(hospital)) == len(first) + 1
    assert [ended for _, ended in generations(hospital)] == [True, False]
    assert not hospital.rotation.renew(PATIENT, CAUSE)
    assert len(generations(hospital)) == 2
    assert hospital.rotation.renew(PATIENT, OTHER)
    assert len(generations(hospital)) == 3


@pytest.mark.parametrize("done", [False, True])
def test_a_crash_before_or_after_the_renewing_changes_nothing(tmp_path: Path, done: bool) -> None:
    """The note is on the disk and the process ended, with or without the keys renewed."""

    class Crash(Exception):
        pass

    class Giver:
        def renew(self, patient: str) -> None:
            if done:
                vault.giver.renew(patient)
            raise Crash

    with open_vault(tmp_path, HOSPITAL) as vault:
        vault.deposit([item(1)])
        broken = Rotation(vault.keystore, vault.catalogue, Giver())  # type: ignore[arg-type]
        with pytest.raises(Crash):
            broken.renew(PATIENT, CAUSE)
    with open_vault(tmp_path, HOSPITAL) as vault:
        assert vault.rotation.renew(PATIENT, CAUSE) is not done
        assert [ended for _, ended in generations(vault)] == [True, False]


def test_one_without_keys_is_renewed_to_none(hospital: Vault) -> None:
    assert hospital.rotation.renew(PATIENT, CAUSE)
    assert not hospital.rotation.renew(PATIENT, CAUSE)
    assert generations(hospital) == []


def test_the_place_outlives_a_restart(tmp_path: Path) -> None:
    with open_vault(tmp_path, HOSPITAL) as vault:
        assert vault.rotation.place() == 0
        vault.rotation.move(7)
        vault.rotation.move(9)
    with open_vault(tmp_path, HOSPITAL) as vault:
        assert vault.rotation.place() == 9
