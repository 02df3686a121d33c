from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.vault.builders import (
    CLINIC,
    DOCTOR,
    HOSPITAL,
    NOW,
    PATIENT,
    identifier,
    item,
    share,
    terms,
)
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault import erasure, retention
from yilian.vault.bindings import row_binding
from yilian.vault.certificates import Plan
from yilian.vault.envelope import certificate_commitment, check_inclusion
from yilian.vault.vault import Item, Vault

MARY = identifier("mary")
HOLD = identifier("hold")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vault(tmp_path: Path, clock: Clock) -> Iterator[Vault]:
    with Vault.open(tmp_path / HOSPITAL, HOSPITAL, clock=clock) as opened:
        yield opened


def again(tmp_path: Path, clock: Clock) -> Vault:
    return Vault.open(tmp_path / HOSPITAL, HOSPITAL, clock=clock)


def free(number: int, **changes: object) -> Item:
    """A record that nobody must keep."""
    return item(number, **({"retention": "none"} | changes))


def refused(call: object, *arguments: object) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code.name


def read(vault: Vault, number: int, purpose: str = "treatment") -> str:
    """The answer to one read: `content`, or the reason why not."""
    try:
        found = vault.read_own([identifier(number)], DOCTOR, purpose)
    except Refusal as refusal:
        return refusal.code.name
    assert found == {identifier(number): item(number).content}
    return "content"


# Planning


def test_a_plan_splits_by_term_and_hold_and_changes_nothing(vault: Vault) -> None:
    vault.deposit(
        [free(0), item(1), item(2, retention="inpatient"), free(3), free(4, patient=MARY)]
    )
    vault.hold(HOLD, [identifier(3)], "law")
    plan = vault.plan_erasure(PATIENT)
    ends = [retention.ends(name, NOW) for name in ("outpatient", "inpatient")]
    assert [(p.certificate.extent, p.certificate.until) for p in plan.parts] == [
        ("destroyed", None),
        ("sealed", retention.review(NOW)),
        ("sealed", ends[0]),
        ("sealed", ends[1]),
    ]
    assert plan.records("destroyed") == [identifier(0)]
    assert plan.records("sealed") == [identifier(3), identifier(1), identifier(2)]
    assert plan.parts[1].certificate.records[0].grounds == ("law",)
    assert [read(vault, number) for number in range(5)] == ["content"] * 5
    assert vault.certificates() == []
    assert vault.erasure.unfinished() == []


def test_what_is_not_there_cannot_be_planned(vault: Vault) -> None:
    vault.deposit([free(0), item(1), free(2, patient=MARY)])
    assert refused(vault.plan_erasure, PATIENT, [identifier(9)]) == "vault_record_unknown"
    assert refused(vault.plan_erasure, PATIENT, [identifier(2)]) == "vault_record_unknown"
    assert refused(vault.plan_erasure, identifier("nobody")) == "nothing_to_erase"
    vault.erase(vault.plan_erasure(PATIENT))
    assert refused(vault.plan_erasure, PATIENT, [identifier(0)]) == "vault_record_erased"
    assert refused(vault.plan_erasure, PATIENT) == "nothing_to_erase"


def test_a_large_erasure_comes_in_parts(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "MAX_MARKS", 4)
    vault.deposit([free(number) for number in range(10)])
    plan = vault.plan_erasure(PATIENT)
    assert [len(part.marks) for part in plan.parts] == [4, 4, 2]
    assert len({part.certificate.erasure for part in plan.parts}) == 3
    vault.erase(plan)
    assert vault.records_of(PATIENT) == []


def test_marks_are_this_vaults_own(vault: Vault, clinic: Vault) -> None:
    vault.deposit([free(number) for number in range(3)])
    part = vault.plan_erasure(PATIENT).parts[0]
    assert list(part.marks) == sorted(vault.erasure.mark(identifier(n)) for n in range(3))
    assert clinic.erasure.mark(identifier(0)) != vault.erasure.mark(identifier(0))
    assert vault.erasure.mark(identifier(0)) not in codec.encode(part.certificate).decode()


# Destroying


def test_what_is_destroyed_is_gone_and_its_proof_stays(vault: Vault, tmp_path: Path) -> None:
    batch = vault.deposit([free(0), free(1), free(2, patient=MARY), item(3)])
    before = vault._catalogue.records([identifier(0), identifier(1)])
    payloads = {row.stored: vault._payloads.get(row.stored) for row in before}
    certificates = vault.erase(vault.plan_erasure(PATIENT, [identifier(0), identifier(1)]))
    assert [read(vault, number) for number in range(4)] == [
        "vault_record_erased",
        "vault_record_erased",
        "content",
        "content",
    ]
    assert read(vault, 0, "legal") == "vault_record_erased"
    assert refused(vault.deposit, [free(0)]) == "record_exists"
    assert refused(vault.deposit, [free(9, replaces=identifier(0))]) == "vault_record_erased"
    for number in range(4):
        check_inclusion(vault.proof(identifier(number)), batch.root)
    with pytest.raises(Refusal) as caught:
        vault.proof(identifier(0), with_salt=True)
    assert caught.value.code.name == "vault_record_erased"
    assert [each.standing for each in vault.versions(identifier(0))] == ["erased"]
    assert list(vault.integrity()) == []
    assert [each.extent for each in certificates] == ["destroyed"]
    # Nothing of the rows or payloads is left on the disk, free pages and logs included.
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for row in before:
        for hidden in (row.salt, row.data_key, payloads[row.stored], row.address.encode()):
            assert hidden not in written


def test_the_last_record_takes_the_patients_keys_with_it(vault: Vault) -> None:
    vault.deposit([free(0), free(1, category="imaging"), free(2, patient=MARY)])
    vault.erase(vault.plan_erasure(PATIENT, [identifier(0)]))
    assert [key.name.category for key in vault.keystore.category_keys(PATIENT)] == ["imaging"]
    vault.erase(vault.plan_erasure(PATIENT))
    assert vault.keystore.category_keys(PATIENT) == []
    assert len(vault.keystore.category_keys(MARY)) == 1
    assert len(vault.keystore.erasure.batches()) == 1
    vault.erase(vault.plan_erasure(MARY))
    assert vault.keystore.erasure.batches() == []
    assert list(vault._payloads.addresses()) == []
    vault.deposit([free(5)])
    assert read(vault, 5) == "content"


def test_a_deposit_under_way_keeps_its_category_key(vault: Vault) -> None:
    vault.deposit([free(0)])
    name = free(0).name()
    with vault._records._category_keys({name}) as keys:
        vault.erase(vault.plan_erasure(PATIENT))
        assert [key.key for key in vault.keystore.category_keys(PATIENT)] == [keys[name].key]


def test_a_grantee_hears_nothing_of_what_was_erased(vault: Vault, clinic: Vault) -> None:
    vault.deposit([free(0), item(1), item(2)])
    sharing = share(vault, clinic, terms())
    request = sharing.session.request(tuple(identifier(number) for number in range(3)))
    assert len(vault.release(request, sharing.view, CLINIC).records) == 3
    vault.erase(vault.plan_erasure(PATIENT, [identifier(0), identifier(1)]))
    released = vault.release(request, sharing.view, CLINIC)
    assert [each.proof.record for each in released.records] == [identifier(2)]
    assert {each.record for each in released.refused} == {identifier(0), identifier(1)}
    assert vault.opened_by(sharing.given.grant) == [identifier(2)]


# Sealing


def test_what_is_sealed_is_read_for_a_duty_alone(
    vault: Vault, tmp_path: Path, clock: Clock
) -> None:
    vault.deposit([item(1), item(2)])
    vault.erase(vault.plan_erasure(PATIENT, [identifier(1)]))
    assert read(vault, 1) == "vault_record_sealed"
    assert {read(vault, 1, purpose) for purpose in retention.DUTIES} == {"content"}
    assert vault.records_of(PATIENT) == [identifier(2)]
    with pytest.raises(Refusal) as caught:
        vault.proof(identifier(1), with_salt=True)
    assert caught.value.code.name == "vault_record_sealed"
    assert refused(vault.deposit, [item(9, replaces=identifier(1))]) == "vault_record_sealed"
    assert list(vault.integrity()) == []
    vault.close()
    with again(tmp_path, clock) as reopened:
        assert read(reopened, 1) == "vault_record_sealed"
        assert [line.outcome for line in reopened.journal_about(identifier(1))] == [
            "deny",
            "permit",
            "permit",
            "deny",
        ]


def test_after_its_term_what_was_sealed_is_due_and_destroyed(vault: Vault, clock: Clock) -> None:
    vault.deposit([item(1)])
    vault.erase(vault.plan_erasure(PATIENT))
    assert refused(vault.plan_erasure, PATIENT) == "nothing_to_erase"
    assert vault.erasure.due() == {}
    clock.now = retention.ends("outpatient", NOW)
    assert vault.erasure.due() == {PATIENT: [identifier(1)]}
    plan = vault.plan_erasure(PATIENT)
    assert plan.records("destroyed") == [identifier(1)]
    vault.erase(plan)
    assert vault.erasure.due() == {}
    assert read(vault, 1, "legal") == "vault_record_erased"
    assert [each.extent for each in vault.certificates(PATIENT)] == ["sealed", "destroyed"]


# Holds


def test_a_hold_keeps_what_could_go(vault: Vault, clock: Clock) -> None:
    vault.deposit([free(0), free(1)])
    before = vault.plan_erasure(PATIENT)
    vault.erasure.prepare(before)
    held = vault.hold(HOLD, [identifier(0)], "dispute")
    assert refused(vault.erase, before) == "vault_record_on_hold"
    assert [read(vault, number) for number in (0, 1)] == ["content"] * 2
    vault.erase(vault.plan_erasure(PATIENT))
    assert [read(vault, number) for number in (0, 1)] == [
        "vault_record_sealed",
        "vault_record_erased",
    ]
    assert vault.lift(HOLD) == held == vault.lift(HOLD)
    clock.now = retention.review(NOW)
    vault.erase(vault.plan_erasure(PATIENT))
    assert read(vault, 0, "legal") == "vault_record_erased"


def test_holds_are_known_by_their_id(vault: Vault) -> None:
    vault.deposit([free(0), free(1), free(2)])
    held = vault.hold(HOLD, [identifier(1), identifier(0), identifier(1)], "trial")
    assert [each.record for each in held] == sorted([identifier(0), identifier(1)])
    assert len({each.entry for each in held}) == 2
    assert vault.hold(HOLD, [identifier(0), identifier(1)], "trial") == held
    assert refused(vault.hold, HOLD, [identifier(0)], "trial") == "vault_hold_exists"
    assert refused(vault.hold, HOLD, [identifier(0), identifier(1)], "law") == "vault_hold_exists"
    assert refused(vault.hold, identifier(7), [identifier(9)], "law") == "vault_record_unknown"
    assert refused(vault.hold, identifier(7), [identifier(0)], "whim") == "malformed"
    assert refused(vault.hold, "x", [identifier(0)], "law") == "malformed"
    assert refused(vault.hold, identifier(7), [], "law") == "malformed"
    assert refused(vault.lift, identifier(7)) == "vault_hold_unknown"
    vault.lift(HOLD)
    lifted = (HOLD, [identifier(0), identifier(1)], "trial")
    assert refused(vault.hold, *lifted) == "vault_hold_exists"
    vault.erase(vault.plan_erasure(PATIENT, [identifier(2)]))
    assert refused(vault.hold, identifier(7), [identifier(2)], "law") == "vault_record_erased"


def test_two_holds_both_have_to_end(vault: Vault) -> None:
    vault.deposit([free(0)])
    vault.hold(HOLD, [identifier(0)], "law")
    vault.hold(identifier("second"), [identifier(0)], "dispute")
    record = vault.plan_erasure(PATIENT).parts[0].certificate.records[0]
    assert record.grounds == ("dispute", "law")
    vault.lift(HOLD)
    assert vault.plan_erasure(PATIENT).records("destroyed") == []
    vault.lift(identifier("second"))
    assert vault.plan_erasure(PATIENT).records("destroyed") == [identifier(0)]


# Plans and certificates


def test_a_certificate_names_who_had_copies(vault: Vault, clinic: Vault, clock: Clock) -> None:
    vault.deposit([free(0), free(1)])
    sharing = share(vault, clinic, terms())
    request = sharing.session.request((identifier(0), identifier(1)))
    vault.release(request, sharing.view, CLINIC)
    read(vault, 0)
    clock.now += 5000
    read(vault, 0)
    plan = vault.plan_erasure(PATIENT)
    vault.erase(plan)
    (told,) = vault.certificates(PATIENT)
    assert [(c.basis, c.reader, c.grant, c.organisation, c.times) for c in told.copies] == [
        ("grant", DOCTOR, sharing.given.grant, CLINIC, 2),
        ("own", DOCTOR, None, None, 2),
    ]
    assert (told.copies[1].first, told.copies[1].last) == (NOW, NOW + 5000)
    part = plan.parts[0]
    salt = codec.to_bytes(part.salt)
    assert part.commitment == certificate_commitment(salt, codec.encode(told))
    assert vault.certificates(MARY) == []


def test_a_plan_waits_for_the_chain_across_a_restart(
    vault: Vault, tmp_path: Path, clock: Clock
) -> None:
    vault.deposit([free(0), free(1, patient=MARY)])
    plan, other = vault.plan_erasure(PATIENT), vault.plan_erasure(MARY)
    for each in (plan, plan, other):
        vault.erasure.prepare(each)
    vault.erasure.withdraw(other.plan)
    vault.close()
    with again(tmp_path, clock) as reopened:
        assert reopened.erasure.unfinished() == [plan]
        assert read(reopened, 0) == "content"
        told = reopened.erase(reopened.erasure.unfinished()[0])
        assert reopened.erase(plan) == told == reopened.certificates()
        reopened.erasure.withdraw(plan.plan)
        assert reopened.certificates() == told
        assert reopened.erasure.unfinished() == []


def changed(plan: Plan, **changes: object) -> Plan:
    """The plan with its one certificate changed, committed to and all."""
    part = plan.parts[0]
    told = msgspec.structs.replace(part.certificate, **changes)
    committed = certificate_commitment(codec.to_bytes(part.salt), codec.encode(told))
    part = msgspec.structs.replace(part, certificate=told, commitment=committed)
    return msgspec.structs.replace(plan, parts=(part,))


def test_a_plan_that_this_vault_did_not_make_is_refused(vault: Vault, clinic: Vault) -> None:
    vault.deposit([item(1), free(2)])
    plan = vault.plan_erasure(PATIENT, [identifier(1)])
    kept = changed(plan, extent="destroyed", until=None)
    assert refused(vault.erase, kept) == "vault_record_in_retention"
    for wrong in (
        changed(plan, organisation=CLINIC),
        changed(plan, patient=MARY),
        changed(plan, until=None),
        changed(plan, extent="destroyed"),
        msgspec.structs.replace(plan, patient=MARY),
        changed(plan, records=vault.plan_erasure(PATIENT).parts[0].certificate.records),
        msgspec.structs.replace(
            plan, parts=(msgspec.structs.replace(plan.parts[0], salt=codec.to_text(bytes(32))),)
        ),
    ):
        assert refused(vault.erase, wrong) == "erasure_plan_differs"
    assert refused(vault.erase, msgspec.structs.replace(plan, parts=())) == "malformed"
    vault.erasure.prepare(plan)
    assert refused(vault.erase, msgspec.structs.replace(plan, time=1)) == "erasure_plan_differs"
    assert refused(clinic.erase, plan) == "vault_record_unknown"
    assert [read(vault, number) for number in (1, 2)] == ["content"] * 2


def test_indexes_are_told_before_records_go(vault: Vault) -> None:
    vault.deposit([free(0), item(1)])
    heard: list[tuple[list[str], str, str]] = []
    vault.erasure.listeners.append(
        lambda records, extent: heard.append((list(records), extent, read(vault, 0)))
    )
    vault.erase(vault.plan_erasure(PATIENT))
    assert heard == [
        ([identifier(0)], "destroyed", "content"),
        ([identifier(1)], "sealed", "vault_record_erased"),
    ]


def test_a_listener_that_fails_stops_the_erasure_until_it_is_finished(vault: Vault) -> None:
    vault.deposit([free(0)])

    def fails(records: object, extent: object) -> None:
        raise OSError(28, "no space left on device")

    vault.erasure.listeners.append(fails)
    plan = vault.plan_erasure(PATIENT)
    with pytest.raises(OSError, match="no space"):
        vault.erase(plan)
    assert read(vault, 0) == "content"
    vault.erasure.listeners.clear()
    vault.erasure.finish()
    assert read(vault, 0) == "vault_record_erased"
    assert vault.erasure.unfinished() == []


# Damage


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ("UPDATE records SET standing = 'erased' WHERE leaf = 3", 3),
        ("UPDATE records SET standing = 'kept', until = NULL WHERE leaf = 2", 2),
        ("UPDATE records SET until = 1 WHERE leaf = 2", 2),
        ("UPDATE records SET retention = 'none' WHERE leaf = 3", 3),
        ("UPDATE records SET author = 'x' WHERE leaf = 3", 3),
        ("UPDATE records SET deposited = 1 WHERE leaf = 3", 3),
        ("UPDATE records SET salt = zeroblob(29) WHERE leaf = 1", 1),
    ],
)
def test_standings_and_terms_cannot_be_changed_unseen(
    vault: Vault, change: str, number: int
) -> None:
    batch = vault.deposit([free(0), free(1), item(2), item(3)])
    vault.erase(vault.plan_erasure(PATIENT, [identifier(1), identifier(2)]))
    with vault._catalogue.write() as database:
        database.exec_driver_sql(change)
    found = [(each.id, each.batch, each.reason) for each in vault.integrity()]
    assert found == [(identifier(number), batch.batch, "catalogue_row_damaged")]


def test_damage_of_the_outer_layer_is_named(vault: Vault) -> None:
    vault.deposit([item(0)])
    vault.deposit([item(1)])
    first, second = (vault._catalogue.records([identifier(number)])[0] for number in (0, 1))
    key = vault.keystore.erasure.key(first.batch, PATIENT, first.record)
    assert key is not None
    other = replace(first, stored=vault._payloads.put(key.seal(b"another", b"")))
    salt = vault._records.salt(first)
    vault._catalogue.put_records([replace(other, salt=key.seal(salt, row_binding(other)))])
    assert [each.reason for each in vault.integrity()] == ["outer_layer_damaged"]
    vault.keystore.erasure.destroy(second.batch)
    assert [each.reason for each in vault.integrity()] == [
        "outer_layer_damaged",
        "erasure_key_missing",
    ]
    assert read(vault, 0) == "outer_layer_damaged"
    assert read(vault, 1) == "erasure_key_missing"


def test_erasure_goes_on_beside_damaged_keys(vault: Vault, tmp_path: Path, clock: Clock) -> None:
    vault.deposit([free(0), free(1, patient=MARY)])
    vault.deposit([free(2)])
    batch = vault._catalogue.records([identifier(0)])[0].batch
    path = next((tmp_path / HOSPITAL / "erasure").glob(f"*/{batch}.sealed"))
    whole = path.read_bytes()
    vault.close()
    path.write_bytes(whole[:-1])
    with again(tmp_path, clock) as reopened:
        reopened.erase(reopened.plan_erasure(PATIENT))
        assert read(reopened, 2) == read(reopened, 0) == "vault_record_erased"
        assert [plan.patient for plan in reopened.erasure.unfinished()] == [PATIENT]
        assert [(each.id, each.reason) for each in reopened.integrity()] == [
            (identifier(1), "keystore_damaged")
        ]
    path.write_bytes(whole)
    with again(tmp_path, clock) as reopened:
        assert reopened.erasure.unfinished() == []
        assert list(reopened.integrity()) == []
        stored = reopened.keystore.erasure._stored(batch)
        assert stored is not None
        assert list(stored.records) == [identifier(1)]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(gone=st.lists(st.sets(st.integers(0, 7), min_size=1), min_size=1, max_size=4))
def test_exactly_what_is_erased_is_gone(
    tmp_path_factory: pytest.TempPathFactory, gone: list[set[int]]
) -> None:
    with Vault.open(tmp_path_factory.mktemp("v") / HOSPITAL, HOSPITAL) as vault:
        vault.deposit([free(number, patient=(PATIENT, MARY)[number % 2]) for number in range(5)])
        vault.deposit([free(number, patient=(PATIENT, MARY)[number % 2]) for number in range(5, 8)])
        left = set(range(8))
        for numbers in gone:
            for patient, which in ((PATIENT, 0), (MARY, 1)):
                chosen = [identifier(n) for n in sorted(numbers & left) if n % 2 == which]
                if chosen:
                    vault.erase(vault.plan_erasure(patient, chosen))
            left -= numbers
            readable = {number for number in range(8) if read(vault, number) == "content"}
            assert readable == left
            assert list(vault.integrity()) == []
            assert len(list(vault._payloads.addresses())) == len(left)
