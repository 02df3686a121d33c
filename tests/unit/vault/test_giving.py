"""Giving, changing and renewing: which keys leave, when, and what the chain's version decides."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from tests.unit.vault.builders import (
    CLINIC,
    DAY,
    DOCTOR,
    GRANT,
    HOSPITAL,
    NOW,
    PATIENT,
    Sharing,
    identifier,
    item,
    open_vault,
    share,
    terms,
)
from yilian.ledger.errors import Refusal
from yilian.vault.catalogue import Catalogue
from yilian.vault.giving import Changed, Rewrapped
from yilian.vault.packages import ToGrantee
from yilian.vault.sharing import Holder
from yilian.vault.vault import Vault

BOTH = ("imaging", "laboratory")
RECORDS = [
    item(1),
    item(2, category="imaging"),
    item(3, period="2026-04"),
    item(4, category="imaging", sensitivity="restricted"),
]


def refused(call: object, *arguments: object) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code.name


@pytest.fixture
def sharing(hospital: Vault, clinic: Vault) -> Sharing:
    hospital.deposit(RECORDS)
    return share(hospital, clinic, terms())


@pytest.fixture
def pharmacy(tmp_path: Path) -> Iterator[Vault]:
    with open_vault(tmp_path, identifier("pharmacy")) as vault:
        yield vault


def change(sharing: Sharing, standing: tuple[str, ...] = (), **changes: Any) -> Changed:
    return sharing.holder._holder.change(GRANT, terms(**changes), standing)


def on_chain(sharing: Sharing, changed: Changed) -> None:
    """The chain takes the change, the grantee its package."""
    sharing.view = sharing.changed(grant_commitment=changed.given.commitment, grant_version=2)
    sharing.grantee.accept(changed.given.package, changed.given.commitment)


def read(sharing: Sharing, *records: str) -> dict[str, bytes]:
    request = sharing.session.request(records)
    released = sharing.holder.release(request, sharing.view, CLINIC)
    sharing.roots.update({each.batch: each.root for each in sharing.holder.unanchored()})
    return sharing.grantee.read(released, GRANT, sharing.roots)


def keys(sharing: Sharing) -> set[str]:
    return {each.category_key for each in sharing.grantee._catalogue.received_keys(GRANT)}


def of(sharing: Sharing, *records: str) -> set[str]:
    found = sharing.holder._catalogue.records(records)
    return {each.category_key for each in found}


ALL = tuple(each.record for each in RECORDS)
LAB = (ALL[0], ALL[2])


# Before and after


def test_keys_leave_while_a_grant_is_valid_and_not_before(tmp_path: Path) -> None:
    time = [NOW]
    holder = Vault.open(tmp_path / HOSPITAL, HOSPITAL, clock=lambda: time[0])
    with holder, open_vault(tmp_path, CLINIC) as clinic:
        holder.deposit(RECORDS)
        later = terms(starts=NOW + 10, ends=NOW + 20)
        given = holder.grant(later, GRANT, PATIENT, clinic.service_public_key())
        assert clinic.accept(given.package, given.commitment).keys == 0
        assert holder.extend_grant(GRANT) is None
        time[0] = NOW + 10
        package = holder.extend_grant(GRANT)
        assert package is not None
        assert clinic.accept(package, given.commitment).keys == 2
        holder.deposit([item(9, period="2026-05")])
        time[0] = NOW + 20
        assert holder.extend_grant(GRANT) is None
        assert holder._holder.after_revocation(PATIENT, [GRANT]) == []


# Change


def test_wider_terms_send_the_further_keys_and_renew_none(sharing: Sharing) -> None:
    current = [each.key for each in sharing.holder.keystore.category_keys(PATIENT)]
    changed = change(sharing, categories=BOTH)
    assert changed.given.commitment != sharing.given.commitment
    assert (changed.version, changed.rewrapped) == (2, ())
    assert sharing.holder._holder.version(GRANT) == 2
    on_chain(sharing, changed)
    assert keys(sharing) == of(sharing, *ALL[:3])
    assert set(read(sharing, *ALL)) == set(ALL[:3])
    assert [each.key for each in sharing.holder.keystore.category_keys(PATIENT)] == current


@pytest.mark.parametrize(
    "changes",
    [
        {"categories": ("imaging",)},
        {"denied": ("laboratory",), "categories": BOTH},
        {"sensitivities": ("restricted",)},
        {"redact": ("hiv",)},
        {"categories": (), "records": (min(LAB),)},
    ],
)
def test_narrower_terms_renew_the_keys(sharing: Sharing, changes: dict[str, Any]) -> None:
    before = keys(sharing)
    changed = change(sharing, **changes)
    on_chain(sharing, changed)
    later = item(10)
    sharing.holder.deposit([later])
    assert of(sharing, later.record).isdisjoint(before)
    assert keys(sharing).isdisjoint(before)
    if not changes.get("redact"):
        assert later.record not in read(sharing, later.record)


@pytest.mark.parametrize(
    "changes",
    [
        {"practitioner": DOCTOR},
        {"purposes": ("research", "treatment")},
        {"ends": NOW + DAY},
        {"conditions": ("encounter",)},
        {"team": (DOCTOR,), "role": "nurse"},
    ],
)
def test_terms_that_open_the_same_keys_renew_none(
    sharing: Sharing, changes: dict[str, Any]
) -> None:
    before = keys(sharing)
    on_chain(sharing, change(sharing, **changes))
    sharing.holder.deposit([item(10)])
    assert keys(sharing) == before == of(sharing, *LAB, identifier(10))


def test_the_chain_says_which_version_stands(sharing: Sharing) -> None:
    """A change that the chain has not taken, or never takes, changes nothing yet."""
    narrower = change(sharing, categories=("imaging",))
    assert set(read(sharing, *ALL)) == set(LAB)
    widest = change(sharing, categories=BOTH, sensitivities=("normal", "restricted"))
    assert widest.version == 3
    assert set(read(sharing, *ALL)) == set(LAB)
    on_chain(sharing, narrower)
    assert set(read(sharing, *ALL)) == {ALL[1]}
    on_chain(sharing, widest)
    assert set(read(sharing, *ALL)) == set(ALL)
    sharing.view = sharing.changed(grant_commitment="A" * 43)
    assert read(sharing, *ALL) == {}


def test_what_was_not_sent_with_a_package_is_wrapped_for_its_session(sharing: Sharing) -> None:
    change(sharing, categories=("imaging",))
    request = sharing.session.request(LAB)
    released = sharing.holder.release(request, sharing.view, CLINIC)
    assert {type(each.keys) for each in released.records} == {ToGrantee}


def test_changing_to_the_current_terms_makes_their_package_anew(sharing: Sharing) -> None:
    again = change(sharing)
    assert (again.version, again.given.commitment) == (1, sharing.given.commitment)
    assert again.given.package != sharing.given.package
    first = change(sharing, categories=BOTH)
    again = change(sharing, categories=BOTH)
    assert (again.version, again.given.commitment) == (2, first.given.commitment)


def test_former_terms_come_back_under_a_new_commitment(sharing: Sharing) -> None:
    first = change(sharing, categories=BOTH)
    back = change(sharing)
    made = {sharing.given.commitment, first.given.commitment, back.given.commitment}
    assert (back.version, len(made)) == (3, 3)


def test_a_grantee_refuses_older_terms_and_takes_the_new_ones(sharing: Sharing) -> None:
    changed = change(sharing, categories=BOTH)
    accept = sharing.grantee.accept
    assert refused(accept, changed.given.package, sharing.given.commitment) == (
        "grant_differs_from_chain"
    )
    assert sharing.grantee.terms_of(GRANT) == terms()
    on_chain(sharing, changed)
    assert sharing.grantee.terms_of(GRANT) == terms(categories=BOTH)
    assert refused(accept, sharing.given.package, changed.given.commitment) == (
        "grant_differs_from_chain"
    )


def test_changes_that_are_refused_leave_everything_as_it_was(sharing: Sharing) -> None:
    holder = sharing.holder._holder
    before = sharing.holder.keystore.category_keys(PATIENT)
    assert refused(holder.change, identifier("g"), terms()) == "grant_not_given_here"
    assert refused(holder.change, GRANT, terms(grantee=HOSPITAL)) == "grantee_may_not_change"
    moon = terms(conditions=("moon",), categories=("imaging",))
    assert refused(holder.change, GRANT, moon) == "grant_condition_unknown"
    malformed = terms(purposes=("Research!",))
    assert refused(holder.change, GRANT, malformed) == "malformed"
    assert holder.version(GRANT) == 1
    after = sharing.holder.keystore.category_keys(PATIENT)
    assert [each.key for each in after] == [each.key for each in before]
    assert set(read(sharing, *ALL)) == set(LAB)


def test_a_change_that_cannot_be_written_can_be_made_again(
    sharing: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Catalogue.write

    def full(self: Catalogue) -> Any:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(Catalogue, "write", full)
    with pytest.raises(OSError, match="no space"):
        change(sharing, categories=("imaging",))
    monkeypatch.setattr(Catalogue, "write", write)
    assert sharing.holder._holder.version(GRANT) == 1
    assert set(read(sharing, *ALL)) == set(LAB)
    on_chain(sharing, change(sharing, categories=("imaging",)))
    assert set(read(sharing, *ALL)) == {ALL[1]}


def test_earlier_terms_stand_on_the_disk_sealed(sharing: Sharing, tmp_path: Path) -> None:
    change(sharing, purposes=("a-purpose-to-look-for",))
    change(sharing, categories=BOTH)
    query = sql.text("select version, until from grants_earlier order by version")
    with sharing.holder._catalogue.read() as database:
        assert [tuple(row) for row in database.execute(query)] == [(1, NOW), (2, NOW)]
    files = [path for path in (tmp_path / HOSPITAL).rglob("*") if path.is_file()]
    assert all(b"a-purpose-to-look-for" not in path.read_bytes() for path in files)


# Revocation


def second(sharing: Sharing, pharmacy: Vault, **changes: Any) -> str:
    """A second grant, to the pharmacy."""
    grant = identifier("second grant")
    opened = terms(grantee=pharmacy.organisation, **changes)
    key = pharmacy.service_public_key()
    given = sharing.holder.grant(opened, grant, PATIENT, key)
    pharmacy.accept(given.package, given.commitment)
    return grant


def test_after_a_revocation_the_grants_that_stay_have_the_new_keys(
    sharing: Sharing, pharmacy: Vault
) -> None:
    grant = second(sharing, pharmacy, categories=BOTH)
    given = sharing.holder._catalogue.given(grant)
    assert given is not None
    (made,) = sharing.holder._holder.after_revocation(PATIENT, [grant])
    later = [item(10, period="2026-04"), item(11, category="imaging"), item(12, category="other")]
    sharing.holder.deposit(later)
    before = {each.category_key for each in pharmacy._catalogue.received_keys(grant)}
    assert of(sharing, *(each.record for each in later)).isdisjoint(before | keys(sharing))
    pharmacy.accept(made.package, given.commitment)
    after = {each.category_key for each in pharmacy._catalogue.received_keys(grant)}
    assert of(sharing, identifier(10), identifier(11)) <= after
    assert of(sharing, identifier(12)).isdisjoint(after)
    assert sharing.holder.extend_grant(grant) is None


def test_new_keys_are_made_for_the_newest_period_alone(sharing: Sharing) -> None:
    sharing.holder._holder.after_revocation(PATIENT, [])
    current = [each for each in sharing.holder.keystore.category_keys(PATIENT) if not each.ended]
    assert [(each.name.category, each.name.sensitivity, each.name.period) for each in current] == [
        ("imaging", "normal", "2026-03"),
        ("imaging", "restricted", "2026-03"),
        ("laboratory", "normal", "2026-04"),
    ]
    late = item(10, period="2026-03")
    sharing.holder.deposit([late])
    assert of(sharing, late.record).isdisjoint(keys(sharing))


def test_grants_that_open_no_key_get_no_package(sharing: Sharing, pharmacy: Vault) -> None:
    grant = second(sharing, pharmacy, redact=("hiv",))
    made = sharing.holder._holder.after_revocation(PATIENT, [GRANT, grant, GRANT])
    assert [each.grant for each in made] == [GRANT]
    assert sharing.grantee.accept(made[0].package, sharing.given.commitment).keys == 3


def test_the_keys_are_renewed_even_if_a_grant_is_named_that_is_not_the_patients(
    sharing: Sharing, pharmacy: Vault
) -> None:
    holder = sharing.holder._holder
    other = identifier("of another")
    sharing.holder.grant(terms(), other, DOCTOR, pharmacy.service_public_key())
    before = keys(sharing)
    for wrong in (other, identifier("unknown")):
        assert refused(holder.after_revocation, PATIENT, [GRANT, wrong]) == "grant_not_given_here"
        sharing.holder.deposit([item(f"after {wrong}")])
        assert of(sharing, identifier(f"after {wrong}")).isdisjoint(before)
    assert [each.grant for each in holder.after_revocation(PATIENT, [GRANT])] == [GRANT]
    assert holder.after_revocation(identifier("nobody"), []) == []


def test_a_narrower_change_renews_for_the_grants_that_stay(
    sharing: Sharing, pharmacy: Vault
) -> None:
    grant = second(sharing, pharmacy)
    changed = change(sharing, (GRANT, grant), categories=("imaging",))
    assert [each.grant for each in changed.rewrapped] == [grant]
    wider = change(sharing, (GRANT, grant), categories=BOTH)
    assert wider.rewrapped == ()


def test_the_work_of_a_revocation_grows_with_the_standing_grants_alone(
    sharing: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, public = sharing.holder._holder, sharing.grantee.service_public_key()
    for at in range(20):
        sharing.holder.grant(terms(), identifier(f"grant {at}"), PATIENT, public)
    counted = {"package": 0, "write": 0}
    package, write = Holder._package, Catalogue.write

    def packaged(self: Holder, *arguments: Any) -> bytes:
        counted["package"] += 1
        return package(self, *arguments)

    def written(self: Catalogue) -> Any:
        counted["write"] += 1
        return write(self)

    monkeypatch.setattr(Holder, "_package", packaged)
    monkeypatch.setattr(Catalogue, "write", written)
    standing = [identifier(f"grant {at}") for at in range(5)]
    made: list[Rewrapped] = holder.after_revocation(PATIENT, standing)
    assert [each.grant for each in made] == standing
    assert counted == {"package": 5, "write": 1}


def test_the_commitment_decides_and_not_the_chains_count(sharing: Sharing) -> None:
    sharing.view = sharing.changed(grant_version=9)
    assert set(read(sharing, *LAB)) == set(LAB)
