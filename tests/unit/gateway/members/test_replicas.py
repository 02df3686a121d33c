"""A replica that the patient allowed answers while the holder is down, and can read nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
import sqlalchemy as sql

from tests.unit.gateway.members.world import House, World, revoke, until
from yilian.gateway.http.organisation.sessions import read_checked
from yilian.gateway.members.errors import NOT_ABOUT_YOU, UNREACHABLE
from yilian.gateway.organisation import CALLER_DIFFERS, Read
from yilian.gateway.practice.consents import NOT_PERMITTED, require_read
from yilian.gateway.practice.erasures import marks_of
from yilian.gateway.practice.replica_reading import ALL_DOWN
from yilian.gateway.practice.replicas import LINES_REFUSED
from yilian.ledger.errors import MALFORMED, Code, Refusal
from yilian.ledger.modules.consent.messages import Change
from yilian.ledger.modules.consent.state import GRANTS
from yilian.sdk.signers import Ed25519Signer
from yilian.vault import backup
from yilian.vault.envelope import PrivateKey, Terms, binding, new_id, unwrap
from yilian.vault.errors import NOT_OPENED
from yilian.vault.packages import GrantPackage, Released, ReleasedRecord, UnderCategory
from yilian.vault.receiving import OpenedSession
from yilian.vault.records import batch_key_binding
from yilian.vault.replica_formats import (
    REPLICA_NOT_ALLOWED,
    REPLICA_NOT_POSSIBLE,
    REPLICA_TOO_OLD,
    Changes,
    ReplicaGrant,
    ReplicaRecord,
)
from yilian.vault.replica_terms import REPLICA, REPLICA_TERMS
from yilian.vault.vault import Vault


class Town(NamedTuple):
    """A holder, a reader's house and a house that keeps replicas; a patient and a doctor."""

    world: World
    a: House
    b: House
    r: House
    person: str
    doctor: str
    signer: Ed25519Signer

    def allow(self, **more: Any) -> str:
        """Allow R a replica, for the patient in custody."""
        made = self.a.grant(self.person, self.r, **({"purposes": (REPLICA,)} | more))
        self.a.organisation.watch.catch_up()
        return made

    def grant(self, **more: Any) -> str:
        """Let B read."""
        made = self.a.grant(self.person, self.b, **more)
        self.a.organisation.watch.catch_up()
        until(lambda: self.b.organisation.vault.catalogue.received(made))
        return made

    def known(self, grant: str) -> None:
        """Wait until B knows that R has a complete replica for a grant."""
        until(lambda: self.b.organisation.vault.replicas.known.members(grant))
        self.settled()

    def settled(self) -> None:
        """Wait until A has nothing to bring, and R has all of it."""
        replicas = self.a.organisation.replicas
        # Reaching into it: nothing outside tells that nothing waits.
        until(lambda: not replicas._changed and not replicas._again)
        given = self.a.organisation.vault.replicas.given
        until(lambda: all(each.fresh or each.dropped for each in given.allowed()))
        kept = self.r.organisation.vault.replicas.kept

        def same() -> bool:
            live = [each.allowance for each in given.allowed() if each.dropped is None]
            return all(given.digest(each) == kept.digest(each) for each in live)

        until(same)

    def down(self) -> None:
        """Take A away."""
        self.a.listener.close()

    def session(self, grant: str) -> OpenedSession:
        return self.b.session(grant, self.doctor, self.signer)

    def read(
        self, session: OpenedSession, wanted: list[str] | None = None
    ) -> tuple[Read, Released]:
        """Read as a route does: from A, or where A is down from R."""
        organisation = self.b.organisation
        holder = organisation.counterpart(self.a.id)
        answers = holder.release(session, wanted)
        stands = GRANTS.get(self.world.engine.state(), session.terms.grant)
        require_read(stands, self.world.engine.now(), answers)
        return read_checked(organisation, holder, session, answers), answers[0]

    def refused(self, session: OpenedSession) -> Refusal:
        with pytest.raises(Refusal) as caught:
            self.read(session)
        return caught.value

    def code(self, session: OpenedSession) -> Code:
        return self.refused(session).code


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with World(tmp_path, 3) as world:
        a, b, r = world.members
        yield Town(world, a, b, r, a.person(), *b.doctor())


def copies(town: Town) -> list[str]:
    """List the records that R keeps."""
    kept = town.r.organisation.vault.replicas.kept
    return sorted(name for row in kept.rows() for name in kept.marks(row.allowance))


# -- reading while the holder is down --------------------------------------------------------------


def test_the_replica_answers_and_the_holder_hears_of_it_once(town: Town) -> None:
    record = town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.grant()
    town.known(grant)
    session = town.session(grant)
    town.down()
    found, answer = town.read(session)
    assert found.contents == {record: b"penicillin"}
    assert answer.replica == town.r.id
    assert answer.as_of is not None
    (line,) = town.r.organisation.vault.journal_about(record)
    assert (line.reader, line.outcome, line.session) == (
        town.doctor,
        "permit",
        session.terms.session,
    )
    assert town.a.organisation.vault.journal_about(record) == []
    town.a.listen()
    town.a.publish()
    brought = until(lambda: town.a.organisation.vault.journal_about(record))
    assert brought == [line]
    town.read(session)
    both = town.a.organisation.vault.journal_about(record)
    assert [each.disclosure for each in both][:1] == [line.disclosure]
    assert len(both) == 2
    # The holder tells the patient who answered in its place.
    told = town.a.organisation.vault.replicas.given.reporters([each.disclosure for each in both])
    assert told == {line.disclosure: town.r.id}
    town.a.organisation.anchor_all()
    town.a.organisation.vault.journal_proof(line.disclosure)


def test_without_allowance_nobody_answers_for_the_holder(town: Town) -> None:
    town.a.keep(town.person, "penicillin")
    session = town.session(town.grant())
    town.down()
    assert town.code(session) is UNREACHABLE


def test_what_comes_later_is_brought_and_what_is_not_covered_is_not(town: Town) -> None:
    first = town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.grant(categories=("allergy", "problem"))
    town.known(grant)
    town.a.keep(town.person, "asthma", category="problem")
    second = town.a.keep(town.person, "nuts", replaces=first)
    until(lambda: second in copies(town))
    town.settled()
    session = town.session(grant)
    town.down()
    found, _ = town.read(session)
    assert found.contents == {first: b"penicillin", second: b"nuts"}


def test_a_lost_package_comes_from_the_replica(town: Town) -> None:
    record = town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.grant()
    town.known(grant)
    session = town.session(grant)
    received = town.b.organisation.vault.catalogue
    with received.write() as database:
        database.execute(sql.text("DELETE FROM keys_received"))
    town.down()
    assert town.read(session)[0].contents == {record: b"penicillin"}
    assert received.received_keys(grant)


def test_single_records_are_read_by_keys_that_only_the_grantee_opens(town: Town) -> None:
    one, other = (town.a.keep(town.person, each) for each in ("penicillin", "nuts"))
    town.allow()
    grant = town.grant(categories=(), records=(one,))
    town.known(grant)
    session = town.session(grant)
    town.down()
    found, _ = town.read(session)
    assert found.contents == {one: b"penicillin"}
    found, answer = town.read(session, [one, other])
    assert set(found.contents) == {one}
    assert [each.record for each in answer.refused] == [other]


def test_who_keeps_a_replica_and_was_granted_too_reads_its_own(town: Town) -> None:
    record = town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.a.grant(town.person, town.r)
    town.a.organisation.watch.catch_up()
    known = town.r.organisation.vault.replicas.known
    until(lambda: known.members(grant) == [town.r.id])
    town.settled()
    doctor, signer = town.r.doctor()
    session = town.r.session(grant, doctor, signer)
    town.down()
    holder = town.r.organisation.counterpart(town.a.id)
    answers = holder.release(session)
    found = read_checked(town.r.organisation, holder, session, answers)
    assert found.contents == {record: b"penicillin"}


# -- refusals --------------------------------------------------------------------------------------


def test_a_grant_taken_back_is_refused_by_the_chain_though_the_holder_told_nobody(
    town: Town,
) -> None:
    record = town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.grant()
    town.known(grant)
    session = town.session(grant)
    town.down()
    revoke(town.a, town.person, grant)
    refusal = town.refused(session)
    assert refusal.code is NOT_PERMITTED
    assert refusal.parameters["reasons"] == "grant_not_active"
    (line,) = town.r.organisation.vault.journal_about(record)
    assert (line.outcome, line.reasons) == ("deny", ("grant_not_active",))
    town.a.listen()
    town.a.publish()
    assert until(lambda: town.a.organisation.vault.journal_about(record)) == [line]
    until(lambda: not town.b.organisation.vault.replicas.known.members(grant))
    town.down()
    assert town.code(session) is NOT_PERMITTED


def test_an_allowance_taken_back_ends_the_replica_though_the_holder_is_down(town: Town) -> None:
    town.a.keep(town.person, "penicillin")
    allowance = town.allow()
    grant = town.grant()
    town.known(grant)
    session = town.session(grant)
    town.down()
    revoke(town.a, town.person, allowance)
    assert town.code(session) is UNREACHABLE
    assert copies(town)
    town.r.organisation.replicas.keeping.tend()
    assert copies(town) == []
    (shown,) = town.a.organisation.replicas.of_person(town.person)
    assert (shown.status, shown.dropped) == ("ended", None)
    town.a.listen()
    town.a.publish()
    until(lambda: town.a.organisation.replicas.of_person(town.person)[0].dropped)
    until(lambda: not town.b.organisation.vault.replicas.known.members(grant))
    # It is remembered over a restart, and nothing is brought again.
    town.a.close()
    town.a.open()
    town.a.publish()
    (shown,) = town.a.organisation.replicas.of_person(town.person)
    assert (shown.status, shown.member, shown.records) == ("dropped", town.r.id, 0)
    assert town.a.organisation.replicas.to_tell() == set()


def test_an_erased_record_is_gone_from_the_replica(town: Town) -> None:
    record = town.a.keep(town.person, "penicillin", retention="none")
    stays = town.a.keep(town.person, "nuts", retention="none")
    town.allow()
    grant = town.grant()
    town.known(grant)
    town.a.organisation.erasures.erase(town.person, [record])
    until(lambda: copies(town) == [stays])


def test_an_erasure_on_the_chain_is_kept_though_the_holder_is_down(town: Town) -> None:
    record = town.a.keep(town.person, "penicillin", retention="none")
    stays = town.a.keep(town.person, "nuts", retention="none")
    town.allow()
    grant = town.grant()
    town.known(grant)
    session = town.session(grant)
    town.down()
    town.a.organisation.erasures.erase(town.person, [record])
    found, answer = town.read(session)
    assert set(found.contents) == {stays}
    assert [(each.record, each.reasons) for each in answer.refused] == [
        (record, ("record_not_open",))
    ]
    (line,) = town.r.organisation.vault.journal_about(record)
    assert "record_erased" in line.reasons
    # What a restore of R does before it serves, and R from time to time.
    town.r.close()
    town.r.open()
    town.r.publish()
    until(lambda: copies(town) == [stays])


def test_a_replica_from_a_backup_loses_again_what_was_erased_since(
    town: Town, tmp_path: Path
) -> None:
    record = town.a.keep(town.person, "penicillin", retention="none")
    stays = town.a.keep(town.person, "nuts", retention="none")
    town.allow()
    grant = town.grant()
    town.known(grant)
    session = town.session(grant)
    folders = (tmp_path / "backup", tmp_path / "apart")
    town.r.organisation.vault.backup(*folders)
    town.a.organisation.erasures.erase(town.person, [record])
    until(lambda: copies(town) == [stays])
    town.down()
    town.r.close()
    shutil.rmtree(town.r.path)
    marks = marks_of(town.world.engine.state(), town.r.id)
    backup.restore(*folders, town.r.path, marks, organisation=town.r.id)
    before = Vault.open(town.r.path, town.r.id)
    kept = before.replicas.kept
    assert {record, stays} <= {name for row in kept.rows() for name in kept.marks(row.allowance)}
    before.close()
    town.r.open()
    town.r.publish()
    until(lambda: copies(town) == [stays])
    assert set(town.read(session)[0].contents) == {stays}


def test_what_is_dropped_opens_from_no_copy_of_the_database(town: Town) -> None:
    record = town.a.keep(town.person, "penicillin")
    other = town.a.keep(town.person, "nuts")
    allowance = town.allow()
    grant = town.grant()
    town.known(grant)
    kept = town.r.organisation.vault.replicas.kept
    found = kept.find(town.a.id, grant, lambda _: True)
    rows = {row.record: row for row in kept.records(allowance, None)}
    assert all(kept.content(found, row) for row in rows.values())
    kept.remove(allowance, [record])
    assert kept.content(found, rows[record]) is None
    assert kept.content(found, rows[other]) is not None
    kept.drop(allowance)
    assert kept.content(found, rows[other]) is None
    assert list((town.r.path / "erasure").glob("*/*.sealed")) == []


def test_changed_terms_make_the_replica_too_old(town: Town) -> None:
    town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.grant()
    town.known(grant)
    session = town.session(grant)
    town.down()
    terms: Terms = town.a.organisation.vault.given_to(town.person)[grant][1]
    terms = msgspec.structs.replace(terms, purposes=("pay", "treat"))
    made = town.a.organisation.vault.giver.change(grant, terms)
    change = Change(grant=grant, terms=made.given.commitment, starts=terms.starts, ends=terms.ends)
    town.a.organisation.write(change, on_behalf_of=town.person)
    refusal = town.refused(session)
    assert refusal.code is REPLICA_TOO_OLD
    assert int(refusal.parameters["as_of"]) > 0


def test_a_replica_that_was_never_complete_is_too_old(town: Town) -> None:
    town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.grant()
    town.known(grant)
    session = town.session(grant)
    town.down()
    with town.r.organisation.vault.catalogue.write() as database:
        database.execute(sql.text("UPDATE replicas_kept SET fresh = NULL"))
    assert town.code(session) is REPLICA_TOO_OLD


def test_terms_with_labels_taken_out_need_the_holder(town: Town) -> None:
    town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.grant(redact=("psy",))
    town.known(grant)
    session = town.session(grant)
    town.down()
    assert town.code(session) is REPLICA_NOT_POSSIBLE


def test_a_session_that_is_not_on_the_chain_opens_nothing(town: Town) -> None:
    record = town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.grant()
    town.known(grant)
    prepared = town.b.organisation.prepare_session(grant, town.doctor, "treat")
    town.down()
    refusal = town.refused(prepared)
    assert "session_not_on_chain" in str(refusal.parameters["reasons"])
    # Nothing proves who asked, so the patient's journal is not told.
    assert town.r.organisation.vault.parcels.receivers() == []
    assert town.r.organisation.vault.journal_about(record)


def test_both_down_is_said_so(town: Town) -> None:
    town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.grant()
    town.known(grant)
    session = town.session(grant)
    town.down()
    town.r.listener.close()
    assert town.code(session) is ALL_DOWN


def test_another_member_gets_nothing_from_a_replica(town: Town) -> None:
    town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.grant()
    town.known(grant)
    session = town.session(grant)
    town.world.authority.publish()
    other = town.world.authority.organisation.counterpart(town.r.id)
    with pytest.raises(Refusal) as refused:
        other.replica_read(town.a.id, session)
    assert refused.value.code is NOT_ABOUT_YOU
    with pytest.raises(Refusal) as refused:
        other.replica_package(town.a.id, grant)
    assert refused.value.code is NOT_ABOUT_YOU


def test_a_session_of_anothers_reader_is_refused(town: Town) -> None:
    town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.grant()
    town.known(grant)
    doctor, signer = town.r.doctor()
    made = town.b.organisation.prepare_session(grant, doctor, "treat")
    town.world.send(signer, doctor, town.b.organisation.open_messages(made), payer=town.r.id)
    town.down()
    assert town.code(made) is CALLER_DIFFERS


def test_a_record_named_twice_is_malformed(town: Town) -> None:
    record = town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.grant()
    town.known(grant)
    session = town.session(grant)
    with pytest.raises(Refusal) as refused:
        town.r.organisation.replicas.keeping.portion(
            town.b.id, town.a.id, session, [record, record], None
        )
    assert refused.value.code is MALFORMED


# -- the allowance ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {"purposes": (REPLICA, "treat")},
        {"redact": ("psy",)},
        {"role": "physician"},
        {"records": ("A" * 22,), "categories": ()},
        {"conditions": ("encounter",)},
        {"team": ("A" * 22,)},
    ],
)
def test_an_allowance_says_nothing_that_no_replica_could_keep(
    town: Town, more: dict[str, Any]
) -> None:
    with pytest.raises(Refusal) as refused:
        town.allow(**more)
    assert refused.value.code is REPLICA_TERMS


def test_an_allowance_hands_over_no_key_and_opens_nothing(town: Town) -> None:
    record = town.a.keep(town.person, "penicillin")
    allowance = town.allow()
    held = until(lambda: town.r.organisation.vault.catalogue.received(allowance))
    assert town.r.organisation.vault.catalogue.received_keys(allowance) == []
    doctor, signer = town.r.doctor()
    made = town.r.organisation.prepare_session(held.grant_id, doctor, REPLICA)
    town.world.send(signer, doctor, town.r.organisation.open_messages(made), payer=town.r.id)
    answers = town.r.organisation.counterpart(town.a.id).release(made, [record])
    assert [each.records for each in answers] == [()]
    assert [each.reasons for each in answers[0].refused] == [("grant_of_replica",)]


def test_the_patient_is_told_of_a_replica_as_what_it_is(town: Town) -> None:
    allowance = town.allow()
    revoke(town.a, town.person, allowance)
    told = town.a.organisation.vault.outbox.inbox(town.person)
    kinds = [each.kind for each in told]
    assert sorted(kinds) == ["replica_allowed", "replica_ended"]


def test_an_allowance_that_ends_ends_the_replica(town: Town) -> None:
    town.a.keep(town.person, "penicillin")
    now = town.a.organisation.engine.now()
    town.allow(starts=now, ends=now + 2_500)
    until(lambda: copies(town))
    until(lambda: town.a.organisation.engine.now() >= now + 2_500)
    town.r.organisation.replicas.keeping.tend()
    assert copies(town) == []


# -- what a holder may not do ----------------------------------------------------------------------


def _made(town: Town, record: str, **more: Any) -> ReplicaRecord:
    given = town.a.organisation.vault.replicas.given
    row = town.a.organisation.vault.catalogue.record(record)
    assert row is not None
    terms = Terms(
        grantee=town.r.id, categories=(row.category,), purposes=(REPLICA,), starts=0, ends=1
    )
    wanted = given.wanted(town.person, terms, {})
    (made,) = given.records(wanted, [record])
    return msgspec.structs.replace(made, **more)


def test_a_replica_takes_only_what_was_allowed(town: Town) -> None:
    record = town.a.keep(town.person, "penicillin")
    closed = town.a.keep(town.person, "asthma", category="problem")
    allowance = town.allow()
    grant = town.grant()
    town.known(grant)
    there = town.a.organisation.counterpart(town.r.id)
    cases = [
        (new_id(), Changes(anew=True), REPLICA_NOT_ALLOWED),
        (grant, Changes(anew=True), REPLICA_NOT_ALLOWED),
        (allowance, Changes(records=(_made(town, closed),)), REPLICA_NOT_ALLOWED),
    ]
    for named, changes, code in cases:
        with pytest.raises(Refusal) as refused:
            there.replica_put(named, changes)
        assert refused.value.code is code
    made = _made(town, record)
    other = msgspec.structs.replace(made.released, ciphertext=b"x" * 40)
    with pytest.raises(Refusal) as refused:
        there.replica_put(allowance, Changes(records=(_made(town, record, released=other),)))
    assert refused.value.parameters.get("refusal") == "malformed"
    town.world.authority.publish()
    with pytest.raises(Refusal) as refused:
        town.world.authority.organisation.counterpart(town.r.id).replica_put(
            allowance, Changes(anew=True)
        )
    assert refused.value.code is REPLICA_NOT_ALLOWED
    with pytest.raises(Refusal) as refused:
        town.world.authority.organisation.counterpart(town.r.id).replica_drop(allowance)
    assert refused.value.code is NOT_ABOUT_YOU
    assert copies(town) == [record]


def test_nobody_is_told_of_replicas_of_anothers_patients(town: Town) -> None:
    grant = town.grant()
    with pytest.raises(Refusal) as refused:
        town.b.organisation.replicas.reading.hear(town.r.id, grant, [town.r.id])
    assert refused.value.code is NOT_ABOUT_YOU


# -- what a replica may not say --------------------------------------------------------------------


def test_lines_that_the_chain_does_not_bear_out_are_refused(town: Town) -> None:
    record = town.a.keep(town.person, "penicillin")
    town.allow()
    grant = town.grant()
    town.known(grant)
    session = town.session(grant)
    town.down()
    town.read(session)
    (line,) = town.r.organisation.vault.journal_about(record)
    replicas = town.a.organisation.replicas
    wrong: list[dict[str, Any]] = [
        {"reader": new_id()},
        {"purpose": "pay"},
        {"grant": new_id()},
        {"record": new_id()},
        {"basis": "own"},
        {"on_behalf_of": new_id()},
        {"time": line.time - 3_600_000},
        {"time": session.terms.ends},
    ]
    for each in wrong:
        forged = msgspec.structs.replace(line, **each)
        with pytest.raises(Refusal) as refused:
            replicas.report(town.r.id, session, [forged])
        assert refused.value.code is LINES_REFUSED, each
    unopened = town.b.organisation.prepare_session(grant, town.doctor, "treat")
    with pytest.raises(Refusal) as refused:
        replicas.report(town.r.id, unopened, [line])
    assert refused.value.code is LINES_REFUSED
    # B has no replica: it tells nothing of the patient's journal.
    with pytest.raises(Refusal) as refused:
        replicas.report(town.b.id, session, [line])
    assert refused.value.code is NOT_ABOUT_YOU
    assert town.a.organisation.vault.journal_about(record) == []
    for _ in range(2):
        replicas.report(town.r.id, session, [line])
    assert town.a.organisation.vault.journal_about(record) == [line]


# -- copies that went apart ------------------------------------------------------------------------


def test_a_replica_that_lost_something_is_filled_anew(town: Town) -> None:
    record = town.a.keep(town.person, "penicillin")
    allowance = town.allow()
    grant = town.grant()
    town.known(grant)
    town.r.organisation.vault.replicas.kept.remove(allowance, [record])
    replicas = town.a.organisation.replicas
    replicas._due.clear()
    replicas._freshen(town.r.id, town.a.organisation.engine.now())
    assert set(replicas._again) == {allowance}
    replicas._again[allowance] = 0.0
    town.a.organisation.courier.wake()
    until(lambda: copies(town) == [record])


# -- who keeps it can read nothing -----------------------------------------------------------------


def _private_keys(house: House) -> list[PrivateKey]:
    """Give every key of a vault that something could be wrapped to."""
    keystore = house.organisation.vault.keystore
    keys = [keystore.service_key()]
    for path in (house.path / "keys" / "patients").glob("*/*.sealed"):
        keys += [each.private for each in keystore.category_keys(path.stem)]
    return keys


def test_no_key_of_who_keeps_a_replica_opens_anything_of_it(town: Town) -> None:
    text = "penicillin makes her very ill"
    record = town.a.keep(town.person, text)
    single = town.a.keep(town.person, "and nuts do too")
    # R has a patient of its own, and so category keys.
    town.r.keep(town.r.person(), "other")
    town.allow()
    grant, named = town.grant(), town.grant(categories=(), records=(single,))
    town.known(grant)
    town.known(named)
    vault = town.r.organisation.vault
    kept = vault.replicas.kept
    keys = _private_keys(town.r)
    assert len(keys) > 1
    rows = kept.records(kept.rows()[0].allowance, None)
    assert {row.record for row in rows} == {record, single}
    opened = kept.find(town.a.id, grant, lambda _: True)
    for row in rows:
        found = kept.content(opened, row)
        assert isinstance(found, ReleasedRecord)
        assert isinstance(found.keys, UnderCategory)
        info = batch_key_binding(town.a.id, found.proof.batch, found.keys.category_key)
        _opens_for_nobody(keys, found.keys.batch_key, info)
    for each in (grant, named):
        held: ReplicaGrant = kept.find(town.a.id, each, lambda _: True).grant
        assert held.package is not None
        package = msgspec.json.decode(held.package, type=GrantPackage)
        ids = {"grant": each, "grantee": town.b.id, "holder": town.a.id}
        _opens_for_nobody(keys, package.sealed, binding("grant-package", **ids))
        for key in held.keys:
            info = binding("replica-record-key", grant=each, holder=town.a.id, record=key.record)
            _opens_for_nobody(keys, key.data_key, info)
    assert kept.find(town.a.id, named, lambda _: True).grant.keys
    for path in town.r.path.rglob("*"):
        if path.is_file():
            assert text.encode()[:12] not in path.read_bytes(), path


def _opens_for_nobody(keys: list[PrivateKey], wrapped: bytes, info: bytes) -> None:
    for key in keys:
        with pytest.raises(Refusal) as refused:
            unwrap(key, wrapped, info)
        assert refused.value.code is NOT_OPENED
