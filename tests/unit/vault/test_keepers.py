"""Emergency keys with several keepers: who is told, who refuses, and who comes or goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from yilian.vault.emergency_keys import DROP, KEEP, EmergencyKeys
from yilian.vault.envelope import PrivateKey, new_id, new_recipient
from yilian.vault.shares import Keeper, Keepers
from yilian.vault.vault import Vault

PATIENT = new_id()


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[EmergencyKeys]:
    with Vault.open(tmp_path / "vault", new_id()) as made:
        yield made.emergencies.keys


def keepers(count: int, threshold: int) -> Keepers:
    made: list[PrivateKey] = [new_recipient() for _ in range(count)]
    return Keepers(threshold, tuple(Keeper(new_id(), each.public.data) for each in made))


def test_a_pair_stands_with_those_who_took_their_shares(keys: EmergencyKeys) -> None:
    of = keepers(3, 2)
    first, second, third = (each.id for each in of.members)
    keys.refresh(PATIENT, of)
    assert keys.receivers() == sorted((first, second, third))
    (refused,) = keys.outgoing(first)
    keys.refused(refused)
    assert keys.receivers() == sorted((second, third))
    (told,) = keys.outgoing(second)
    keys.delivered(told)
    assert keys.standing(PATIENT) is None
    (told,) = keys.outgoing(third, limit=1)
    keys.delivered(told)
    assert keys.standing(PATIENT) is not None
    assert keys.outgoing() == []


def test_too_many_refusals_leave_the_pair_before_standing(keys: EmergencyKeys) -> None:
    alone = keepers(1, 1)
    keys.refresh(PATIENT, alone)
    keys.delivered(keys.outgoing()[0])
    before = keys.standing(PATIENT)
    assert before is not None
    keys.refresh(PATIENT, keepers(3, 2))
    first, second, third = keys.outgoing()
    keys.refused(first)
    keys.refused(second)
    keys.delivered(third)
    now = keys.standing(PATIENT)
    assert now is not None
    assert now[0].pair == before[0].pair


def test_a_refused_drop_is_forgotten(keys: EmergencyKeys) -> None:
    keys.refresh(PATIENT, keepers(2, 2))
    keys.forget(PATIENT)
    assert {each.act for each in keys.outgoing()} == {DROP}
    for each in keys.outgoing():
        keys.refused(each)
    assert keys.outgoing() == []


def test_pairs_that_others_keep_are_found_in_portions(keys: EmergencyKeys) -> None:
    old, new = keepers(2, 2), keepers(3, 2)
    patients = [new_id() for _ in range(5)]
    for each in patients:
        keys.refresh(each, old)
    assert keys.kept_otherwise(old, 0, 10) == ([], None)
    keys.refresh(patients[0], new)
    found: list[str] = []
    place: int | None = 0
    while place is not None:
        some, place = keys.kept_otherwise(new, place, 2)
        found += some
    assert found == patients[1:]
    assert {each.act for each in keys.outgoing()} == {KEEP, DROP}
