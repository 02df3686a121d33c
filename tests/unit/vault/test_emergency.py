from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.vault.builders import (
    CLINIC,
    DOCTOR,
    GRANT,
    HOSPITAL,
    MINUTE,
    NOW,
    PATIENT,
    identifier,
    item,
    terms,
)
from tests.unit.vault.emergencies import (
    ALLERGY,
    KEEPERS,
    LABORATORY,
    MEDICATION,
    MONTH,
    OLD_PROBLEM,
    OPENS,
    SECRET_PROBLEM,
    World,
    Worlds,
    changed,
    contents,
    world,
)
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.vault import shares
from yilian.vault.emergency import REFUSED
from yilian.vault.emergency_access import (
    EmergencyFacts,
    EmergencyRequest,
    EmergencyState,
    EmergencyView,
    EscrowAnswer,
    decide_emergency,
    decide_record,
    told,
)
from yilian.vault.emergency_keys import DEFAULT, DROP, KEEP, Pair, _pair_binding
from yilian.vault.envelope import EmergencyTerms, JournalLine, emergency_commitment
from yilian.vault.shares import Keepers


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Worlds:
    return Worlds(tmp_path_factory.mktemp("worlds"))


@pytest.fixture
def there(worlds: Worlds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with worlds.copy(tmp_path, monkeypatch) as made:
        yield made


def lines(there: World, record: str) -> list[JournalLine]:
    return there.hospital.journal_about(record)


# From end to end


def test_two_of_three_keepers_open_the_emergency_set_and_nothing_else(there: World) -> None:
    opened, view = there.prepare()
    released = there.emergency.release(opened.request(), view, CLINIC)
    assert (released.threshold, released.keepers, released.alone) == (2, KEEPERS, False)
    assert released.more == released.refused == ()
    for chosen in (KEEPERS[:2], KEEPERS[1:], KEEPERS):
        answers = there.ask(opened, view, released, chosen)
        sent = [codec.decode(codec.encode(each), EscrowAnswer) for each in answers]
        found = there.requester.open(released, sent, there.roots())
        assert found == contents(*OPENS)


def test_one_keeper_alone_opens_nothing_where_two_are_needed(there: World) -> None:
    opened, view = there.prepare()
    released = there.emergency.release(opened.request(), view, CLINIC)
    with pytest.raises(Refusal) as refusal:
        there.requester.open(
            released, there.ask(opened, view, released, KEEPERS[:1]), there.roots()
        )
    assert refusal.value.code is shares.TOO_FEW


def test_embedded_one_of_one_says_so(tmp_path: Path) -> None:
    with world(tmp_path, members=1, threshold=1) as there:
        assert there.keepers.alone
        opened, view = there.prepare()
        released = there.emergency.release(opened.request(), view, CLINIC)
        assert released.alone
        answers = there.ask(opened, view, released, KEEPERS[:1])
        found = there.requester.open(released, answers, there.roots())
        assert found == contents(*OPENS)


def test_each_record_is_journalled_before_it_leaves_with_its_basis(there: World) -> None:
    opened, view = there.prepare()
    there.emergency.release(opened.request(), view, CLINIC)
    for number in OPENS:
        (line,) = lines(there, identifier(number))
        assert (line.basis, line.outcome, line.purpose) == ("emergency", "permit", "emergency")
        assert (line.session, line.reader, line.grant) == (opened.terms.access, DOCTOR, None)
    assert lines(there, identifier(LABORATORY)) == []


def test_a_journal_that_cannot_be_written_lets_nothing_out(there: World) -> None:
    opened, view = there.prepare()
    there.hospital._catalogue.close()
    with there.hospital._catalogue.write() as database:
        database.exec_driver_sql("DROP TABLE journal")
    with pytest.raises(Exception, match="journal"):
        there.emergency.release(opened.request(), view, CLINIC)


def test_the_words_stay_out_of_every_repr(there: World) -> None:
    opened, _ = there.prepare()
    for shown in (repr(opened), repr(opened.request()), repr(opened.share("x"))):
        assert "昏迷" not in shown


# Who may


REASONS: list[tuple[dict[str, Any], str]] = [
    ({"open": False}, "emergency_closed"),
    ({"standing": False}, "reader_not_standing"),
    ({"licensed": False}, "reader_not_licensed"),
    ({"ends": NOW}, "emergency_ended"),
    ({"reader": CLINIC}, "reader_differs"),
    ({"organisation": HOSPITAL}, "reader_differs"),
    ({"commitment": codec.to_text(bytes(32))}, "emergency_differs_from_chain"),
]


@pytest.mark.parametrize(("fields", "reason"), REASONS)
def test_what_the_own_node_says_decides(there: World, fields: dict[str, Any], reason: str) -> None:
    opened, view = there.prepare()
    released = there.emergency.release(opened.request(), changed(view, **fields), CLINIC)
    assert released.reasons == (reason,)
    assert (released.keys, released.records, released.pair) == ((), (), None)
    (line,) = lines(there, PATIENT)
    assert (line.outcome, line.reasons, line.basis) == ("deny", (reason,), "emergency")


def test_every_reason_is_listed_at_once(there: World) -> None:
    opened, view = there.prepare(holder=CLINIC)
    view = changed(
        view,
        open=False,
        standing=False,
        licensed=False,
        ends=NOW,
        reader=HOSPITAL,
        commitment=codec.to_text(bytes(32)),
    )
    view = msgspec.structs.replace(view, recipient=None, block_time=NOW - 3 * MINUTE)
    released = there.emergency.release(opened.request(), view, KEEPERS[0])
    assert released.reasons == (
        "chain_outdated",
        "organisation_not_requester",
        "holder_differs",
        "key_service_unknown",
        "emergency_ended",
        "emergency_differs_from_chain",
        "emergency_closed",
        "reader_differs",
        "reader_not_standing",
        "reader_not_licensed",
    )


def test_an_emergency_that_is_not_on_chain_opens_nothing(there: World) -> None:
    opened, view = there.prepare()
    nothing = msgspec.structs.replace(view, emergency=None)
    released = there.emergency.release(opened.request(), nothing, CLINIC)
    assert released.reasons == ("emergency_not_on_chain",)


def test_the_later_of_block_time_and_clock_ends_it(there: World) -> None:
    opened, view = there.prepare()
    last = opened.terms.ends
    ahead = msgspec.structs.replace(view, block_time=last)
    assert there.emergency.release(opened.request(), ahead, CLINIC).reasons == ("emergency_ended",)
    there.clock.now = last
    fresh = there.view(opened)
    assert there.emergency.release(opened.request(), fresh, CLINIC).reasons == ("emergency_ended",)
    there.clock.now = last - 1
    assert there.emergency.release(opened.request(), there.view(opened), CLINIC).reasons == ()


def test_words_changed_afterwards_differ_from_the_chain(there: World) -> None:
    opened, view = there.prepare()
    other = msgspec.structs.replace(opened.terms, text="another reason")
    request = EmergencyRequest(terms=other, salt=opened.salt)
    released = there.emergency.release(request, view, CLINIC)
    assert released.reasons == ("emergency_differs_from_chain",)


def test_a_permit_implies_each_single_requirement() -> None:
    """All combinations of eleven facts; the permit is restated as one conjunction."""
    agreed = EmergencyTerms(
        access=identifier("access"),
        patient=PATIENT,
        holder=HOSPITAL,
        reader=DOCTOR,
        organisation=CLINIC,
        reason="other",
        text="words",
        ends=NOW + 1,
    )
    committed = emergency_commitment(bytes(32), agreed)
    full = EmergencyState(
        reader=DOCTOR,
        organisation=CLINIC,
        open=True,
        ends=NOW + 1,
        commitment=committed,
        standing=True,
        licensed=True,
    )
    permits = 0
    for bits in range(2**11):
        no = [bool(bits >> place & 1) for place in range(11)]
        state = msgspec.structs.replace(
            full,
            reader=KEEPERS[0] if no[0] else DOCTOR,
            organisation=KEEPERS[0] if no[1] else CLINIC,
            open=not no[2],
            ends=NOW if no[3] else NOW + 1,
            commitment=codec.to_text(bytes(32)) if no[4] else committed,
            standing=not no[5],
            licensed=not no[6],
        )
        view = EmergencyView(
            emergency=None if no[7] else state,
            recipient=None if no[8] else b"key",
            block_time=NOW,
        )
        facts = EmergencyFacts(
            view=view,
            clock=NOW - 1,
            caller=KEEPERS[1] if no[9] else CLINIC,
            commitment=committed,
            here=KEEPERS[1] if no[10] else HOSPITAL,
        )
        decision = decide_emergency(agreed, facts)
        own = no[9] and no[10]
        assert decision.permit == (not any(no)), no
        assert decision.permit == (decision.reasons == ())
        assert ("key_service_unknown" in decision.reasons) == (no[8] and not own)
        permits += decision.permit
    assert permits == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"text": ""},
        {"text": "  \n "},
        {"text": "x" * 501},
        {"reason": "curiosity"},
        {"patient": "nobody"},
        {"ends": -1},
        {"place": "Ward 3"},
    ],
)
def test_malformed_terms_are_refused_before_they_are_kept(
    there: World, fields: dict[str, Any]
) -> None:
    with pytest.raises(Refusal) as refusal:
        there.prepare(**fields)
    assert refusal.value.code.name == "malformed"


def test_a_malformed_request_is_refused(there: World) -> None:
    opened, view = there.prepare()
    request = msgspec.structs.replace(opened.request(), salt="short")
    with pytest.raises(Refusal) as refusal:
        there.emergency.release(request, view, CLINIC)
    assert refusal.value.code.name == "malformed"
    with pytest.raises(ValueError, match="each record once"):
        opened.request((identifier(1), identifier(1)))


def test_a_prepared_emergency_is_found_again(there: World) -> None:
    opened, _ = there.prepare()
    assert there.requester.prepared(opened.terms.access) == opened
    assert there.requester.prepared(identifier("nothing")) is None


# Which records


def test_records_by_name_are_decided_one_by_one_and_told_alike(there: World) -> None:
    other = item(200, patient=identifier("another"), category="allergy")
    there.hospital.deposit([other])
    opened, view = there.prepare()
    asked = (
        identifier(ALLERGY),
        identifier(LABORATORY),
        identifier(SECRET_PROBLEM),
        other.record,
        identifier("no such record"),
    )
    released = there.emergency.release(opened.request(asked), view, CLINIC)
    assert [each.proof.record for each in released.records] == [identifier(ALLERGY)]
    assert {each.record for each in released.refused} == set(asked[1:])
    assert {each.reasons for each in released.refused} == {("record_not_open",)}
    why = {record: lines(there, record)[0].reasons for record in asked}
    assert why == {
        asked[0]: (),
        asked[1]: ("not_in_emergency_set",),
        asked[2]: ("not_in_emergency_set",),
        asked[3]: ("record_not_of_patient",),
        asked[4]: ("record_not_of_patient",),
    }
    assert told(("not_in_emergency_set", "chain_outdated")) == ("record_not_open", "chain_outdated")


def test_what_an_erasure_has_sealed_or_destroyed_stays_shut(there: World) -> None:
    row = there.hospital._records.row(identifier(ALLERGY))
    there.hospital._catalogue.put_records([replace(row, standing="sealed")])
    opened, view = there.prepare()
    released = there.emergency.release(opened.request((row.record,)), view, CLINIC)
    assert released.records == released.keys == ()
    assert released.refused[0].reasons == ("record_not_open",)
    assert lines(there, row.record)[0].reasons == ("record_sealed",)
    assert there.use() == contents(MEDICATION, OLD_PROBLEM)
    name = item(ALLERGY, category="allergy").name()
    assert decide_record(PATIENT, DEFAULT, name).permit
    assert decide_record(PATIENT, DEFAULT, name, "erased").reasons == ("record_erased",)


def test_only_the_category_keys_of_what_is_released_go_along(there: World) -> None:
    opened, view = there.prepare()
    released = there.emergency.release(opened.request((identifier(ALLERGY),)), view, CLINIC)
    assert [each.name.category for each in released.keys] == ["allergy"]


def test_a_patient_widens_narrows_and_closes_the_set(there: World) -> None:
    assert there.keys.categories(PATIENT) == DEFAULT
    there.keys.set_emergency_categories(PATIENT, ["laboratory", "problem"], ["normal", "psy"])
    assert there.use() == contents(LABORATORY, SECRET_PROBLEM, OLD_PROBLEM)
    there.keys.set_emergency_categories(PATIENT, ["allergy"])
    assert there.use() == contents(ALLERGY)
    there.keys.set_emergency_categories(PATIENT, [])
    opened, view = there.prepare()
    released = there.emergency.release(opened.request(), view, CLINIC)
    assert released.reasons == ("emergency_set_closed",)
    there.deliver()
    assert [each.held(HOSPITAL) for each in there.escrows.values()] == [[], [], []]
    assert there.keys.refresh(PATIENT, there.keepers) == []
    there.keys.set_emergency_categories(PATIENT, ["allergy"])
    there.keys.refresh(PATIENT, there.keepers)
    there.deliver()
    assert there.use() == contents(ALLERGY)


@pytest.mark.parametrize("categories", ["allergy", ["Not A Name"], ["x"] * 2 + [1]])
def test_a_malformed_set_is_refused_and_changes_nothing(there: World, categories: Any) -> None:
    with pytest.raises((Refusal, TypeError)):
        there.keys.set_emergency_categories(PATIENT, categories)
    assert there.keys.categories(PATIENT) == DEFAULT


def test_a_closed_set_is_told_only_for_an_access_that_stands(there: World) -> None:
    there.keys.set_emergency_categories(PATIENT, [])
    opened, view = there.prepare()
    released = there.emergency.release(opened.request(), changed(view, open=False), CLINIC)
    assert released.reasons == ("emergency_closed",)


def test_later_deposits_open_after_a_refresh_without_any_keeper(there: World) -> None:
    there.hospital.deposit([item(300, category="immunization", period="2026-10")])
    assert there.keys.refresh(PATIENT, there.keepers) == []
    assert there.use() == contents(*OPENS, 300)


def test_a_corrected_version_is_not_shown_unless_asked_for(there: World) -> None:
    there.hospital.deposit([item(301, category="allergy", replaces=identifier(ALLERGY))])
    there.keys.refresh(PATIENT, there.keepers)
    assert there.use() == contents(301, MEDICATION, OLD_PROBLEM)
    opened, view = there.prepare()
    released = there.emergency.release(opened.request((identifier(ALLERGY),)), view, CLINIC)
    assert len(released.records) == 1


def test_a_damaged_payload_keeps_no_other_back(there: World, tmp_path: Path) -> None:
    row = there.hospital._records.row(identifier(ALLERGY))
    (pack,) = (tmp_path / "copy" / HOSPITAL).rglob("*.pack")
    stored = pack.read_bytes()
    at = stored.index(there.hospital._payloads.get(row.stored)) + 50
    pack.write_bytes(stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :])
    opened, view = there.prepare()
    released = there.emergency.release(opened.request(), view, CLINIC)
    assert len(released.records) == 2
    (refused,) = released.refused
    assert (refused.record, refused.reasons) == (row.record, ("record_not_open",))
    assert lines(there, row.record)[0].reasons == ("payload_unreadable",)


def test_a_patient_without_shares_is_not_prepared(there: World) -> None:
    opened, view = there.prepare(patient=identifier("stranger"))
    released = there.emergency.release(opened.request(), view, CLINIC)
    assert released.reasons == ("emergency_not_prepared",)


# What the requester checks


def test_an_answer_to_another_access_or_pair_is_refused(there: World) -> None:
    opened, view = there.prepare()
    released = there.emergency.release(opened.request(), view, CLINIC)
    answers = there.ask(opened, view, released)
    for fields in ({"access": identifier("x")}, {"pair": identifier("x")}):
        other = msgspec.structs.replace(answers[1], **fields)
        with pytest.raises(Refusal) as refusal:
            there.requester.open(released, [answers[0], other], there.roots())
        assert refusal.value.code.name == "emergency_access_differs"
    moved = msgspec.structs.replace(answers[1], keeper=KEEPERS[2])
    with pytest.raises(Refusal) as refusal:
        there.requester.open(released, [answers[0], moved], there.roots())
    assert refusal.value.code.name == "envelope_not_opened"
    bare = msgspec.structs.replace(answers[1], recipient=None)
    with pytest.raises(Refusal) as refusal:
        there.requester.open(released, [answers[0], bare], there.roots())
    assert refusal.value.code.name == "malformed"


def test_a_denied_release_opens_nothing(there: World) -> None:
    opened, view = there.prepare()
    released = there.emergency.release(opened.request(), changed(view, open=False), CLINIC)
    with pytest.raises(Refusal) as refusal:
        there.requester.open(released, [], there.roots())
    assert refusal.value.code.name == "emergency_access_differs"


def test_what_the_holder_sends_is_held_against_the_chain(there: World) -> None:
    opened, view = there.prepare()
    released = there.emergency.release(opened.request(), view, CLINIC)
    answers = there.ask(opened, view, released)
    first = released.records[0]
    broken: list[tuple[Any, str]] = [
        ({"key": identifier("x")}, "emergency_key_differs"),
        ({"patient": identifier("x")}, "emergency_key_differs"),
        ({"keys": ()}, "category_key_missing"),
        ({"set": identifier("x")}, "share_of_other_set"),
        (
            {"records": (msgspec.structs.replace(first, ciphertext=first.ciphertext + b"x"),)},
            "payload_damaged",
        ),
        (
            {"records": (msgspec.structs.replace(first, salt=released.records[1].salt),)},
            "envelope_not_opened",
        ),
    ]
    for fields, name in broken:
        with pytest.raises(Refusal) as refusal:
            there.requester.open(
                msgspec.structs.replace(released, **fields), answers, there.roots()
            )
        assert refusal.value.code.name == name
    with pytest.raises(Refusal) as refusal:
        there.requester.open(released, answers, {})
    assert refusal.value.code.name == "deposit_batch_not_anchored"
    other = dict.fromkeys(there.roots(), codec.to_text(bytes(32)))
    with pytest.raises(Refusal) as refusal:
        there.requester.open(released, answers, other)
    assert refusal.value.code.name == "record_not_in_batch"


# At home


def test_the_hospitals_own_doctor_breaks_the_glass_at_home(there: World) -> None:
    opened, _ = there.prepare()
    mine = msgspec.structs.replace(opened.terms, organisation=HOSPITAL)
    committed = emergency_commitment(codec.to_bytes(opened.salt), mine)
    here = msgspec.structs.replace(opened, terms=mine, commitment=committed)
    view = msgspec.structs.replace(there.view(here), recipient=None)
    found = there.emergency.read_own(here.request(), view)
    assert found.contents == contents(*OPENS)
    assert (found.refused, found.more) == ((), ())
    assert lines(there, identifier(ALLERGY))[0].basis == "emergency"
    with pytest.raises(Refusal) as refusal:
        there.emergency.read_own(here.request(), changed(view, open=False, licensed=False))
    assert refusal.value.code is REFUSED
    assert refusal.value.parameters == {"reasons": "emergency_closed, reader_not_licensed"}
    assert lines(there, PATIENT)[0].outcome == "deny"
    there.keys.set_emergency_categories(PATIENT, [])
    with pytest.raises(Refusal) as refusal:
        there.emergency.read_own(here.request(), view)
    assert refusal.value.parameters == {"reasons": "emergency_set_closed"}


# Pairs: months, rotation, crashes


def test_the_holder_keeps_no_copy_of_the_secret(there: World) -> None:
    """With the whole of the holder's disk and all its keys, no share and no secret comes out."""
    pair = there.keys.standing(PATIENT)
    assert pair is not None
    kept = there.hospital._catalogue
    with kept.read() as database:
        rows = database.exec_driver_sql("SELECT * FROM emergency_outgoing").all()
        assert rows == []
        (sealed,) = database.exec_driver_sql("SELECT sealed FROM emergency_pairs").scalars()
    row = pair[0]
    data = there.hospital.keystore.sealer("emergency-pairs").open(
        sealed, _pair_binding(row.pair, row.patient, row.period)
    )
    assert set(msgspec.json.decode(data)) - {"format"} == set(Pair.__struct_fields__)
    assert set(Pair.__struct_fields__) == {"key", "public", "set", "threshold", "keepers"}


def test_a_new_month_brings_a_new_pair_and_the_old_stands_until_enough_have_it(
    there: World,
) -> None:
    before = there.keys.standing(PATIENT)
    assert before is not None
    assert there.keys.due() == []
    there.clock.now = NOW + MONTH
    assert there.keys.due() == [PATIENT]
    told_now = there.keys.refresh(PATIENT, there.keepers)
    assert [each.act for each in told_now] == [KEEP] * 3
    assert there.keys.due() == []
    there.deliver(told_now[:1])
    assert there.keys.standing(PATIENT) == before
    assert there.use(ends=there.clock.now + MINUTE) == contents(*OPENS)
    there.deliver(told_now[1:2])
    after = there.keys.standing(PATIENT)
    assert after is not None
    assert after[0].pair != before[0].pair
    assert {each.act for each in there.keys.outgoing()} == {KEEP, DROP}
    there.deliver()
    assert there.keys.outgoing() == []
    assert [each.held(HOSPITAL) for each in there.escrows.values()] == [[after[0].pair]] * 3
    assert there.use(ends=there.clock.now + MINUTE) == contents(*OPENS)


def test_after_a_use_shares_rotate_and_later_records_are_out_of_reach(there: World) -> None:
    before = {each.key for each in there.hospital.keystore.category_keys(PATIENT)}
    opened, view = there.prepare()
    released = there.emergency.release(opened.request(), view, CLINIC)
    answers = there.ask(opened, view, released)
    assert there.keys.due() == []
    there.clock.now = opened.terms.ends
    assert there.keys.due() == [PATIENT]
    there.keys.refresh(PATIENT, there.keepers)
    there.deliver()
    assert there.keys.due() == []
    there.hospital.deposit([item(400, category="allergy")])
    row = there.hospital._records.row(identifier(400))
    assert row.category_key not in before
    # What was released opens as before: nobody can take that back. The pair itself is gone.
    assert there.requester.open(released, answers, there.roots()) == contents(*OPENS)
    denied = there.ask(opened, there.view(opened), released)
    assert {each.reasons for each in denied} == {("emergency_ended",)}
    there.keys.refresh(PATIENT, there.keepers)
    assert there.use(ends=there.clock.now + MINUTE) == contents(*OPENS, 400)


def test_grants_that_stay_are_extended_after_a_rotation(there: World) -> None:
    there.hospital.grant(terms(), GRANT, PATIENT, there.clinic.service_public_key())
    there.use()
    there.keys.rotate(PATIENT, there.keepers)
    there.deliver()
    there.hospital.deposit([item(401)])
    assert there.hospital.extend_grant(GRANT) is not None


def test_rotations_in_a_row_leave_one_pair_waiting(there: World) -> None:
    for _ in range(3):
        there.keys.rotate(PATIENT, there.keepers)
    waiting = {each.pair for each in there.keys.outgoing() if each.act == KEEP}
    assert len(waiting) == 1
    there.deliver()
    standing = there.keys.standing(PATIENT)
    assert standing is not None
    assert {standing[0].pair} == waiting
    assert [each.held(HOSPITAL) for each in there.escrows.values()] == [list(waiting)] * 3
    assert there.use() == contents(*OPENS)


def test_other_keepers_or_keys_bring_a_new_pair(there: World) -> None:
    assert there.keys.refresh(PATIENT, there.keepers) == []
    fewer = Keepers(2, there.keepers.members[:2])
    assert len(there.keys.refresh(PATIENT, fewer)) == 2
    there.deliver()
    there.members[KEEPERS[0]].keystore.rotate_service_key()
    again = Keepers(2, there.keepers.members[:2])
    assert [each.act for each in there.keys.refresh(PATIENT, again)].count(KEEP) == 2


def test_keepers_that_do_not_go_together_change_nothing(there: World) -> None:
    before = there.keys.standing(PATIENT)
    with pytest.raises(Refusal) as refusal:
        there.keys.rotate(PATIENT, Keepers(4, there.keepers.members))
    assert refusal.value.code is shares.KEEPERS_REFUSED
    assert there.keys.standing(PATIENT) == before
    assert there.keys.outgoing() == []


def test_a_crash_between_a_keeper_and_its_note_is_made_good_by_repeating(there: World) -> None:
    told_now = there.keys.rotate(PATIENT, there.keepers)
    for each in told_now:
        there.escrows[each.keeper].keep(each.package, HOSPITAL)
    again = type(there.keys)(
        HOSPITAL, there.hospital.keystore, there.hospital._catalogue, there.clock
    )
    assert again.outgoing() == told_now
    there.deliver()
    there.deliver(told_now)
    assert there.use() == contents(*OPENS)


def test_a_pair_that_cannot_be_written_leaves_the_old_one(there: World, tmp_path: Path) -> None:
    """The pair and its shares are written, then the category keys turn out unreadable: nothing."""
    before = there.keys.standing(PATIENT)
    keystore = there.hospital.keystore
    (path,) = (tmp_path / "copy" / HOSPITAL / "keys" / "patients").rglob("*.sealed")
    kept = path.read_bytes()
    path.write_bytes(b"damaged")
    keystore._recent.clear()
    with pytest.raises(Refusal) as refusal:
        there.keys.rotate(PATIENT, there.keepers)
    assert refusal.value.code.name == "keystore_damaged"
    path.write_bytes(kept)
    assert there.keys.standing(PATIENT) == before
    assert there.keys.outgoing() == []
    assert there.use() == contents(*OPENS)


def test_whatever_the_order_a_standing_pair_opens_exactly_the_set(there: World) -> None:
    """A seeded walk: deposits, changes of the set, months, uses, rotations, deliveries by half."""
    drawn = random.Random(20_260_922)
    categories = ("allergy", "laboratory", "medication", "problem")
    deposited = {ALLERGY: "allergy", MEDICATION: "medication", LABORATORY: "laboratory"}
    deposited |= {OLD_PROBLEM: "problem"}
    opens = set(DEFAULT.categories)
    for step in range(40):
        act = drawn.choice(["deposit", "set", "month", "rotate", "half", "all", "use"])
        if act == "deposit":
            deposited[500 + step] = category = drawn.choice(categories)
            there.hospital.deposit([item(500 + step, category=category)])
        elif act == "set":
            opens = set(drawn.sample(categories, drawn.randint(0, 4)))
            there.keys.set_emergency_categories(PATIENT, opens)
        elif act == "month":
            there.clock.now += MONTH
        elif act == "rotate":
            there.keys.rotate(PATIENT, there.keepers)
        elif act == "half":
            told_now = there.keys.outgoing()
            there.deliver(drawn.sample(told_now, len(told_now) // 2))
        elif act == "all":
            there.deliver()
        there.keys.refresh(PATIENT, there.keepers)
        expected = {number for number, name in deposited.items() if name in opens}
        opened, view = there.prepare(ends=there.clock.now + MINUTE)
        released = there.emergency.release(opened.request(), view, CLINIC)
        if not opens:
            assert released.reasons == ("emergency_set_closed",)
        elif there.keys.standing(PATIENT) is None:
            assert released.reasons == ("emergency_not_prepared",)
        elif act == "use":
            answers = there.ask(opened, view, released)
            found = there.requester.open(released, answers, there.roots())
            assert found == contents(*expected)
        pairs = there.keys._of(PATIENT)
        assert sum(row.stands is not None for row in pairs) <= 1
        assert sum(row.stands is None for row in pairs) <= 1
    there.keys.set_emergency_categories(PATIENT, categories)
    there.keys.refresh(PATIENT, there.keepers)
    there.deliver()
    assert there.use(ends=there.clock.now + MINUTE) == contents(*deposited)
    standing = there.keys.standing(PATIENT)
    assert standing is not None
    held = [each.held(HOSPITAL) for each in there.escrows.values()]
    assert held == [[standing[0].pair]] * 3


def test_a_forgotten_patient_has_nothing_left(there: World) -> None:
    there.keys.set_emergency_categories(PATIENT, ["allergy"])
    told_now = there.keys.forget(PATIENT)
    assert [each.act for each in told_now] == [DROP] * 3
    there.deliver()
    with there.hospital._catalogue.read() as database:
        for name in ("pairs", "wraps", "outgoing", "sets"):
            assert database.exec_driver_sql(f"SELECT * FROM emergency_{name}").all() == []
    assert [each.held(HOSPITAL) for each in there.escrows.values()] == [[], [], []]
