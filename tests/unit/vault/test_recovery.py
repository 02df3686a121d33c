from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from tests.unit.vault.builders import NOW, PATIENT, identifier, item
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault import recovery, shares
from yilian.vault.envelope import PrivateKey, new_recipient, open_sealed, unwrap
from yilian.vault.keystore import CategoryKey
from yilian.vault.packages import UnderCategory
from yilian.vault.records import batch_key_binding, content_binding, open_data_key
from yilian.vault.recovery import GuardianShare, Made, Recovery, RecoveryBundle, Standing
from yilian.vault.shares import Keeper, Keepers
from yilian.vault.vault import Vault

GUARDIANS = {identifier(f"guardian {number}"): new_recipient() for number in range(3)}
NAMES = tuple(GUARDIANS)
NEW = new_recipient()


def keepers(threshold: int = 2, names: tuple[str, ...] = NAMES) -> Keepers:
    members = [Keeper(name, GUARDIANS[name].public.data) for name in names]
    return Keepers(threshold, tuple(members))


def fill(hospital: Vault) -> None:
    hospital.deposit([item(1), item(2, category="allergy"), item(3, period="2020-05")])


def answers(
    given: list[GuardianShare] | tuple[GuardianShare, ...], recipient: PrivateKey = NEW
) -> list[GuardianShare]:
    """Guardians hand back what they were given, each with their own key."""
    return [
        recovery.hand_back(each, GUARDIANS[each.guardian], recipient.public.data) for each in given
    ]


def made(number: int = 1, threshold: int = 2, **changes: Any) -> Made:
    device = b"secret of a device key, sealed only here"
    return recovery.make_bundle(PATIENT, number, [], keepers(threshold), device, **changes)


def standing(bundle: RecoveryBundle) -> Standing:
    return Standing(bundle.number, bundle.set)


def refused(call: Any, *arguments: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        call(*arguments)
    return refusal.value.code.name


@pytest.fixture
def kept(hospital: Vault) -> Recovery:
    fill(hospital)
    return Recovery(hospital.keystore, hospital._catalogue, lambda: NOW)


def deliver(kept: Recovery, given: list[GuardianShare]) -> None:
    for each in given:
        kept.delivered(each)


# A bundle


def test_any_two_of_three_guardians_open_a_bundle_and_one_does_not() -> None:
    bundle, given = made()
    for chosen in itertools.permutations(answers(given), 2):
        content = recovery.open_bundle(bundle, chosen, NEW, standing(bundle))
        assert content.device.startswith(b"secret of a device")
    for one in answers(given):
        assert refused(recovery.open_bundle, bundle, [one], NEW, standing(bundle)) == (
            "shares_too_few"
        )
        assert refused(recovery.open_bundle, bundle, [one, one], NEW, standing(bundle)) == (
            "share_repeated"
        )


def test_one_guardian_cannot_open_the_share_of_another() -> None:
    _, given = made()
    other = GUARDIANS[NAMES[1]]
    assert refused(recovery.hand_back, given[0], other, NEW.public.data) == "envelope_not_opened"


def test_who_is_no_guardian_is_named() -> None:
    bundle, given = made()
    first, second = answers(given)[:2]
    stranger = msgspec.structs.replace(second, guardian=identifier("stranger"))
    with pytest.raises(Refusal) as refusal:
        recovery.open_bundle(bundle, [first, stranger], NEW, standing(bundle))
    assert refusal.value.code is recovery.GUARDIAN_UNKNOWN
    assert refusal.value.parameters == {"guardian": identifier("stranger")}


def test_an_answer_in_another_guardians_name_does_not_open() -> None:
    bundle, given = made()
    first, second, _ = answers(given)
    renamed = msgspec.structs.replace(second, guardian=NAMES[2])
    call = (recovery.open_bundle, bundle, [first, renamed], NEW, standing(bundle))
    assert refused(*call) == "envelope_not_opened"


def test_a_guardian_who_sends_another_guardians_share_is_named() -> None:
    """Two guardians together: the second wraps the first's share again, in its own name."""
    bundle, given = made()
    first, second, _ = answers(given)
    share = recovery._unwrapped(given[0], GUARDIANS[NAMES[0]])
    cheated = recovery._wrapped(bundle, NAMES[1], NEW.public, share)
    call = (recovery.open_bundle, bundle, [first, cheated], NEW, standing(bundle))
    assert refused(*call) == "recovery_share_differs"
    assert second.guardian == NAMES[1]


def test_a_wrong_value_is_named_also_by_the_guardian_that_holds_it() -> None:
    bundle, given = made()
    share = recovery._unwrapped(given[0], GUARDIANS[NAMES[0]])
    wrong = msgspec.structs.replace(share, value=bytes(33))
    sent = recovery._wrapped(bundle, NAMES[0], NEW.public, wrong)
    call = (recovery.open_bundle, bundle, [sent, answers(given)[1]], NEW, standing(bundle))
    assert refused(*call) == "share_wrong"
    held = recovery._wrapped(bundle, NAMES[0], GUARDIANS[NAMES[0]].public, wrong)
    assert refused(recovery.hand_back, held, GUARDIANS[NAMES[0]], NEW.public.data) == "share_wrong"


def test_sets_do_not_mix() -> None:
    (old, old_given), (new, new_given) = made(1), made(2)
    mixed = [answers(old_given)[0], answers(new_given)[1]]
    for bundle in (old, new):
        call = (recovery.open_bundle, bundle, mixed, NEW, standing(bundle))
        assert refused(*call) == "recovery_share_differs"
    disguised = msgspec.structs.replace(mixed[0], number=2, set=new.set)
    call = (recovery.open_bundle, new, [disguised, mixed[1]], NEW, standing(new))
    assert refused(*call) == "envelope_not_opened"
    share = recovery._unwrapped(old_given[0], GUARDIANS[NAMES[0]])
    wrapped = recovery._wrapped(new, NAMES[0], NEW.public, share)
    call = (recovery.open_bundle, new, [wrapped, mixed[1]], NEW, standing(new))
    assert refused(*call) == "share_of_other_set"


def test_an_old_bundle_is_refused_once_a_newer_stands() -> None:
    (old, old_given), (new, _) = made(1), made(2)
    call = (recovery.open_bundle, old, answers(old_given), NEW, standing(new))
    assert refused(*call) == "recovery_bundle_outdated"
    renumbered = msgspec.structs.replace(old, number=2)
    call = (recovery.open_bundle, renumbered, answers(old_given), NEW, standing(new))
    assert refused(*call) == "recovery_bundle_outdated"


def test_a_changed_bundle_does_not_open() -> None:
    bundle, given = made()
    flipped = bytes([*bundle.sealed[:-1], bundle.sealed[-1] ^ 1])
    for fields, name in (
        ({"sealed": flipped}, "envelope_not_opened"),
        ({"owner": identifier("other")}, "recovery_share_differs"),
        ({"guardians": NAMES[::-1]}, "recovery_share_differs"),
        ({"guardians": ()}, "malformed"),
    ):
        broken = msgspec.structs.replace(bundle, **fields)
        call = (recovery.open_bundle, broken, answers(given), NEW, standing(bundle))
        assert refused(*call) == name


def test_an_answer_opens_with_the_persons_new_key_alone() -> None:
    bundle, given = made()
    call = (recovery.open_bundle, bundle, answers(given), new_recipient(), standing(bundle))
    assert refused(*call) == "envelope_not_opened"


def test_no_secret_shows() -> None:
    bundle, given = made()
    content = recovery.open_bundle(bundle, answers(given), NEW, standing(bundle))
    key = recovery.BundleKey(
        key=identifier("key"), name=item(1).name(), generation=0, ended=False, private=b"secret"
    )
    assert b"secret".decode() not in repr(content) + repr(key)
    assert b"secret of a device" not in codec.encode(bundle)


@pytest.mark.parametrize("bad", [keepers(4), keepers(0), keepers(1, NAMES[:1] * 2)])
def test_guardians_that_do_not_go_together_are_refused(bad: Keepers) -> None:
    with pytest.raises(Refusal) as refusal:
        recovery.make_bundle(PATIENT, 1, [], bad)
    assert refusal.value.code is shares.KEEPERS_REFUSED


# At the holder


def opens(hospital: Vault, keys: list[CategoryKey]) -> dict[str, bytes]:
    """What recovered category keys open of the holder's ciphertexts, every one tried."""
    found: dict[str, bytes] = {}
    known = {each.key: each.private for each in keys}
    rows = [hospital._records.row(record) for record in hospital.records_of(PATIENT)]
    for row, opened in zip(rows, hospital._records.open(rows), strict=True):
        assert not isinstance(opened, Refusal)
        if row.category_key in known:
            released = UnderCategory(
                category_key=row.category_key, batch_key=opened.batch_key, data_key=row.data_key
            )
            info = batch_key_binding(hospital.organisation, row.batch, row.category_key)
            batch_key = unwrap(known[row.category_key], released.batch_key, info)
            data_key = open_data_key(batch_key, released.data_key, row.batch, row.record)
            bound = content_binding(hospital.organisation, row.record)
            found[row.record] = open_sealed(data_key, opened.ciphertext, bound)
    return found


def test_recovered_keys_open_every_record_of_the_person(hospital: Vault, kept: Recovery) -> None:
    given = kept.make(PATIENT, keepers())
    deliver(kept, given)
    keys = kept.open(kept.standing(PATIENT), answers(given)[1:], NEW)
    assert opens(hospital, keys) == {
        each.record: each.content
        for each in (item(1), item(2, category="allergy"), item(3, period="2020-05"))
    }
    assert kept.complete(PATIENT)


def test_a_new_bundle_is_due_when_keys_appear(hospital: Vault, kept: Recovery) -> None:
    assert not kept.complete(PATIENT)
    deliver(kept, kept.make(PATIENT, keepers()))
    assert kept.complete(PATIENT)
    hospital.deposit([item(4, period="2026-07")])
    assert not kept.complete(PATIENT)
    given = kept.make(PATIENT, keepers())
    deliver(kept, given)
    assert kept.complete(PATIENT)
    assert identifier(4) in opens(hospital, kept.open(kept.standing(PATIENT), answers(given), NEW))


def test_a_new_bundle_replaces_the_old_when_enough_guardians_have_it(kept: Recovery) -> None:
    first = kept.make(PATIENT, keepers())
    assert refused(kept.standing, PATIENT) == "recovery_bundle_unknown"
    deliver(kept, first)
    old = kept.standing(PATIENT)
    second = kept.make(PATIENT, keepers())
    assert kept.standing(PATIENT) == old
    deliver(kept, second[:1])
    assert len(kept.open(old, answers(first), NEW)) == 3
    deliver(kept, second[1:2])
    new = kept.standing(PATIENT)
    assert (old.number, new.number) == (1, 2)
    assert refused(kept.open, old, answers(first), NEW) == "recovery_bundle_outdated"
    assert refused(kept.open, new, answers(first), NEW) == "recovery_share_differs"
    assert len(kept.open(new, answers(second), NEW)) == 3


def test_shares_survive_a_crash_until_they_are_handed_over(hospital: Vault, kept: Recovery) -> None:
    given = kept.make(PATIENT, keepers())
    again = Recovery(hospital.keystore, hospital._catalogue, lambda: NOW)
    assert again.outgoing(PATIENT) == given
    deliver(again, given)
    deliver(again, given)
    assert again.outgoing(PATIENT) == []
    assert again.standing(PATIENT).number == 1


def test_a_bundle_made_twice_before_delivery_leaves_the_last(kept: Recovery) -> None:
    lost = kept.make(PATIENT, keepers())
    given = kept.make(PATIENT, keepers())
    assert kept.outgoing(PATIENT) == given
    deliver(kept, lost)
    assert kept.outgoing(PATIENT) == given
    assert refused(kept.standing, PATIENT) == "recovery_bundle_unknown"
    deliver(kept, given)
    deliver(kept, lost)
    assert kept.standing(PATIENT).set == given[0].set
    assert len(kept.open(kept.standing(PATIENT), answers(given), NEW)) == 3


def test_guardians_refused_change_nothing(kept: Recovery) -> None:
    deliver(kept, kept.make(PATIENT, keepers()))
    before = kept.standing(PATIENT)
    assert refused(kept.make, PATIENT, keepers(4)) == "share_keepers_refused"
    assert kept.standing(PATIENT) == before
    assert kept.outgoing(PATIENT) == []


def test_a_forgotten_person_has_no_bundle(kept: Recovery) -> None:
    deliver(kept, kept.make(PATIENT, keepers())[:2])
    kept.forget(PATIENT)
    assert kept.outgoing(PATIENT) == []
    assert refused(kept.standing, PATIENT) == "recovery_bundle_unknown"
