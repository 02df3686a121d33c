"""Every meeting of two organisations, between nodes of their own."""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest

from tests.unit.gateway.members.world import SYSTEM, House, World, revoke, until
from yilian.gateway.http.organisation.sessions import read_checked
from yilian.gateway.members import counterpart as counterparts
from yilian.gateway.members.formats import PackageSent
from yilian.gateway.members.there import ACCEPT
from yilian.gateway.practice.asks import Asking
from yilian.gateway.practice.audits import Audits
from yilian.gateway.practice.consents import Consents
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.consent import messages as consent
from yilian.ledger.modules.consent.state import GRANTS
from yilian.sdk import drafts
from yilian.sdk.signers import Ed25519Signer
from yilian.vault.asks import AskTerms, ByNumber
from yilian.vault.desk_formats import Staff
from yilian.vault.envelope import Terms
from yilian.vault.receiving import OpenedSession

pytestmark = pytest.mark.slow


def code(refused: pytest.ExceptionInfo[Refusal]) -> str:
    return refused.value.code.name


def terms(a: House, to: House, **more: Any) -> Terms:
    now = a.organisation.engine.now()
    fields: dict[str, Any] = {
        "grantee": to.id,
        "categories": ("allergy",),
        "purposes": ("treat",),
        "starts": now,
        "ends": now + 86_400_000,
    }
    return Terms(**(fields | more))


def read(b: House, a: House, session: OpenedSession) -> dict[str, bytes]:
    holder = b.organisation.counterpart(a.id)
    answers = holder.release(session)
    return dict(read_checked(b.organisation, holder, session, answers).contents)


def reasons(b: House, a: House, session: OpenedSession) -> set[str]:
    answers = b.organisation.counterpart(a.id).release(session)
    return {reason for each in answers for one in each.refused for reason in one.reasons}


def shared(a: House, b: House) -> tuple[str, str, OpenedSession, tuple[str, Ed25519Signer]]:
    """A person at A with a record, a grant to B, and an open session of a doctor at B."""
    person = a.person()
    record = a.keep(person, "penicillin")
    doctor, signer = b.doctor()
    given = Consents(a.organisation).give(person, terms(a, b, practitioner=doctor))
    assert given.package is None
    session = b.session(given.grant, doctor, signer)
    assert read(b, a, session) == {record: b"penicillin"}
    return person, given.grant, session, (doctor, signer)


# Grants and their packages


def test_a_grant_is_delivered_narrowed_and_taken_back(world: World) -> None:
    a, b = world.members
    person, grant, session, _ = shared(a, b)
    kept = b.organisation.vault.terms_of(grant)
    Consents(a.organisation).give(
        person, terms(a, b, practitioner=kept.practitioner, categories=("problem",)), grant
    )
    assert b.organisation.vault.terms_of(grant).categories == ("problem",)
    assert read(b, a, session) == {}
    revoke(a, person, grant)
    record = a.organisation.vault.records_of(person)[0]
    (answer,) = b.organisation.counterpart(a.id).release(session, [record])
    assert "grant_not_active" in answer.refused[0].reasons


def test_rewrapped_keys_reach_the_grants_that_stay(world: World) -> None:
    a, b = world.members
    person, stays, session, _ = shared(a, b)
    other = Consents(a.organisation).give(person, terms(a, world.authority)).grant
    before = len(b.organisation.vault.catalogue.received_keys(stays))
    revoke(a, person, other)
    late = a.keep(person, "latex")
    a.results()
    until(lambda: len(b.organisation.vault.catalogue.received_keys(stays)) > before)
    assert read(b, a, session)[late] == b"latex"


def test_a_grantee_that_is_down_gets_its_package_when_it_is_back(world: World) -> None:
    a, b = world.members
    person = a.person()
    a.keep(person, "penicillin")
    port = b.listener.port
    b.listener.close()
    given = Consents(a.organisation).give(person, terms(a, b))
    assert given.package is not None
    assert a.organisation.vault.parcels.receivers() == [b.id]
    b.listen(port=port)
    until(lambda: b.organisation.vault.catalogue.received(given.grant), 20)
    until(lambda: not a.organisation.vault.parcels.receivers(), 20)


def test_what_waits_outlives_the_process(world: World) -> None:
    a, b = world.members
    person = a.person()
    a.keep(person, "penicillin")
    b.listener.close()
    grant = Consents(a.organisation).give(person, terms(a, b)).grant
    a.close()
    b.listen()
    b.publish()
    a.open()
    a.publish()
    until(lambda: b.organisation.vault.catalogue.received(grant), 20)


def test_a_lost_package_is_made_again_on_reading(world: World) -> None:
    a, b = world.members
    person, _, session, _ = shared(a, b)
    a.organisation.courier.stop()
    late = a.keep(person, "latex", period="2026-10")
    a.results()
    assert read(b, a, session)[late] == b"latex"


def test_packages_of_others_and_for_others_are_refused(world: World) -> None:
    a, b = world.members
    _, grant, _, _ = shared(a, b)
    world.authority.publish()
    package = a.organisation.watch.repackage(grant)
    assert package is not None
    stranger = world.authority.organisation
    with pytest.raises(Refusal) as refused:
        stranger.counterpart(b.id).accept(grant, package)
    assert code(refused) == "members.not_about_caller"
    with pytest.raises(Refusal) as refused:
        stranger.counterpart(a.id).repackage(grant)
    assert code(refused) == "members.not_about_caller"
    with pytest.raises(Refusal) as refused:
        a.organisation.counterpart(b.id).accept(drafts.fresh_id(), package)
    assert code(refused) == "members.not_about_caller"


def test_a_parcel_that_is_refused_for_good_holds_up_nothing(world: World) -> None:
    a, b = world.members
    bad = PackageSent(grant=drafts.fresh_id(), package=b"x")
    a.organisation.courier.send(b.id, ACCEPT, "bad", bad)
    person = a.person()
    a.keep(person, "penicillin")
    grant = a.grant(person, b)
    a.organisation.watch.catch_up()
    until(lambda: b.organisation.vault.catalogue.received(grant))
    until(lambda: not a.organisation.vault.parcels.receivers())


# Sessions


def test_sessions_end_and_replays_are_journalled(world: World) -> None:
    a, b = world.members
    _, _, session, (doctor, signer) = shared(a, b)
    read(b, a, session)
    record = next(iter(read(b, a, session)))
    assert len(a.organisation.vault.journal_about(record)) == 3
    world.send(signer, doctor, consent.CloseSession(session=session.terms.session), payer=b.id)
    assert "session_closed" in reasons(b, a, session)
    assert a.organisation.vault.journal_about(record)[-1].outcome == "deny"


def test_more_than_one_answer_holds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = world.members
    person, _, session, _ = shared(a, b)
    for number in range(4):
        a.keep(person, "x" * 900 + str(number))
    monkeypatch.setattr(counterparts, "PORTION", 1_000)
    assert len(read(b, a, session)) == 5
    record = next(iter(read(b, a, session)))
    assert {each.outcome for each in a.organisation.vault.journal_about(record)} == {"permit"}


def test_a_holder_that_sends_other_bytes_is_found_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = world.members
    _, _, session, _ = shared(a, b)
    held = a.organisation.vault.giver
    sent = held.release

    def lie(*arguments: Any) -> Any:
        made = sent(*arguments)
        (each,) = made.records
        return msgspec.structs.replace(
            made, records=(msgspec.structs.replace(each, ciphertext=b"\1" + bytes(60)),)
        )

    monkeypatch.setattr(held, "release", lie)
    with pytest.raises(Refusal) as refused:
        read(b, a, session)
    assert code(refused) == "payload_damaged"


# Questions and notices


def test_a_question_reaches_the_person_and_its_answer_is_the_same(world: World) -> None:
    a, b = world.members
    person = a.person("N-7")
    doctor, signer = b.doctor()
    for number, there in (("N-7", 1), ("N-8", 0)):
        asked = AskTerms(
            ask=drafts.fresh_id(),
            asker=doctor,
            organisation=b.id,
            holder=a.id,
            whom=ByNumber(system=SYSTEM, number=number),
            categories=("allergy",),
            purposes=("treat",),
            reason="referral",
            days=30,
            ends=b.organisation.engine.now() + 86_400_000,
        )
        asking = Asking(b.organisation)
        kept = asking.prepare(asked)
        message = consent.Ask(ask=asked.ask, terms=kept.commitment, ends=asked.ends)
        world.send(signer, doctor, message, payer=b.id)
        assert asking.deliver(asked.ask, doctor) is True
        found = Asking(a.organisation).of_person(person)
        assert [each.kept.terms.ask for each in found if each.kept.terms.ask == asked.ask] == [
            asked.ask
        ] * there


def test_a_question_waits_for_a_holder_that_is_down(world: World) -> None:
    a, b = world.members
    person = a.person("N-7")
    doctor, signer = b.doctor()
    asked = AskTerms(
        ask=drafts.fresh_id(),
        asker=doctor,
        organisation=b.id,
        holder=a.id,
        whom=ByNumber(system=SYSTEM, number="N-7"),
        categories=("allergy",),
        purposes=("treat",),
        reason="referral",
        days=30,
        ends=b.organisation.engine.now() + 86_400_000,
    )
    asking = Asking(b.organisation)
    kept = asking.prepare(asked)
    message = consent.Ask(ask=asked.ask, terms=kept.commitment, ends=asked.ends)
    world.send(signer, doctor, message, payer=b.id)
    port = a.listener.port
    a.listener.close()
    assert asking.deliver(asked.ask, doctor) is False
    a.listen(port=port)
    until(lambda: Asking(a.organisation).of_person(person), 20)


def test_a_new_result_is_told_at_the_other_node_within_two_seconds(world: World) -> None:
    a, b = world.members
    person, _, session, (doctor, _) = shared(a, b)
    a.results()
    late = a.keep(person, "latex")
    began = time.monotonic()
    a.results()

    def told() -> list[str]:
        notices = b.organisation.vault.outbox.inbox(doctor)
        return [str(each.parameters["record"]) for each in notices]

    until(lambda: late in told(), 2)
    assert time.monotonic() - began < 2
    assert read(b, a, session)[late] == b"latex"


def test_word_is_taken_for_own_readers_from_the_holder_alone(world: World) -> None:
    a, b = world.members
    _, grant, _, (doctor, _) = shared(a, b)
    record, cause = drafts.fresh_id(), drafts.fresh_id()
    good = {"grant": grant, "organisation": a.id, "record": record}
    a.organisation.counterpart(b.id).tell(doctor, "result_shared", good, cause)
    world.authority.publish()
    stranger = world.authority.organisation.counterpart(b.id)
    for at, reader, parameters in (
        (stranger, doctor, good),
        (stranger, doctor, good | {"organisation": world.authority.id}),
        (a.organisation.counterpart(b.id), a.agent.subject, good),
        (a.organisation.counterpart(b.id), doctor, good | {"grant": record}),
    ):
        with pytest.raises(Refusal) as refused:
            at.tell(reader, "result_shared", parameters, drafts.fresh_id())
        assert code(refused) == "members.not_about_caller"


# Studies


def test_a_study_is_read_at_another_node_slice_by_slice(world: World) -> None:
    a, b = world.members
    person = a.person()
    content = bytes(range(256)) * 12 + b"end"
    upload = a.organisation.studies.begin(person, "application/dicom", 1_024)
    a.organisation.studies.append(person, upload.record, 0, content)
    a.organisation.studies.finish(person, upload.record, None, "normal", "inpatient")
    doctor, signer = b.doctor()
    given = Consents(a.organisation).give(person, terms(a, b, categories=("imaging",)))
    session = b.session(given.grant, doctor, signer)
    holder = b.organisation.counterpart(a.id)
    opened = b.organisation.studies.open_shared(session, upload.record, holder)
    assert b"".join(opened.pieces(0, len(content))) == content
    assert b"".join(opened.pieces(1_000, 100)) == content[1_000:1_100]
    with pytest.raises(Refusal) as refused:
        opened.pieces(0, len(content) + 1)
    assert code(refused) == "large_range_refused"
    revoke(a, person, given.grant)
    with pytest.raises(Refusal) as refused:
        list(opened.pieces(0, 10))
    assert code(refused) == "reading.denied"


# Names, referrals, erasures


def test_who_saw_my_data_has_the_names_of_readers_elsewhere(world: World) -> None:
    a, b = world.members
    person, _, _, (doctor, _) = shared(a, b)
    b.organisation.vault.desk.put_staff(Staff(practitioner=doctor, name="李医生", role="physician"))
    (found,) = Audits(a.organisation).disclosures(person, None, None, 10).found
    assert (found.who.name, found.who.organisation) == ("李医生", b.id)
    b.listener.close()
    (found,) = Audits(a.organisation).disclosures(person, None, None, 10).found
    assert (found.who.name, found.who.organisation) == (None, b.id)


def test_a_referral_is_shown_to_its_receiver_alone(world: World) -> None:
    a, b = world.members
    here, there = a.person("N-1"), b.person("N-1")
    made = a.organisation.care.refer(here, b.id, [], "cardiology", 10)
    referral = made.prepared.relation
    shown = b.organisation.counterpart(a.id).referral(referral)
    b.organisation.care.accept(referral, shown, there)
    doctor, _ = b.doctor()
    assert b.organisation.care.treats(there, doctor) == "referral"
    world.authority.publish()
    with pytest.raises(Refusal) as refused:
        world.authority.organisation.counterpart(a.id).referral(referral)
    assert code(refused) == "care.not_your_referral"


def test_readers_elsewhere_are_told_of_an_erasure(world: World) -> None:
    a, b = world.members
    person = a.person()
    note = a.keep(person, "penicillin")
    doctor, signer = b.doctor()
    given = Consents(a.organisation).give(person, terms(a, b))
    session = b.session(given.grant, doctor, signer)
    assert note in read(b, a, session)
    erased = a.organisation.erasures.erase(person, None)
    assert erased.told == (b.id,)
    until(lambda: [e.kind for e in b.organisation.vault.outbox.inbox(doctor)] == ["copies_erased"])
    assert GRANTS.get(a.organisation.engine.state(), given.grant) is not None
