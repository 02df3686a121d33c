from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.vault.builders import (
    CLINIC,
    DAY,
    DOCTOR,
    GRANT,
    HOSPITAL,
    MINUTE,
    NOW,
    PATIENT,
    Sharing,
    identifier,
    item,
    open_vault,
    share,
    terms,
)
from yilian.gateway.fhir.redact import redact
from yilian.ledger import codec, merkle
from yilian.ledger.errors import Refusal
from yilian.vault.catalogue import Catalogue
from yilian.vault.envelope import (
    RecordProof,
    new_recipient,
    open_sealed,
    terms_commitment,
    unwrap,
)
from yilian.vault.packages import GrantPackage, Released, ReleasedRecord, Request, ToGrantee
from yilian.vault.records import Opened, content_binding
from yilian.vault.sharing import Given, Holder, Redact, record_key_binding, salt_binding
from yilian.vault.vault import Vault

LABORATORY = [item(number, period=f"2026-0{1 + number}") for number in range(4)]
IMAGING = [item(number, category="imaging") for number in range(10, 13)]
RESTRICTED = [item(20, sensitivity="restricted")]
FOREIGN = [item(30, patient=DOCTOR)]
EVERYTHING = [*LABORATORY, *IMAGING, *RESTRICTED, *FOREIGN]


def refused(call: object, *arguments: object) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments)  # type: ignore[operator]
    return caught.value.code.name


@pytest.fixture
def sharing(hospital: Vault, clinic: Vault) -> Sharing:
    hospital.deposit(EVERYTHING)
    return share(hospital, clinic, terms())


def ask(sharing: Sharing, *records: str) -> Released:
    request = sharing.session.request(records)
    return sharing.holder.release(request, sharing.view, CLINIC)


def names(*items: Any) -> tuple[str, ...]:
    return tuple(each.record for each in items)


def test_a_shared_category_opens_and_nothing_else(sharing: Sharing) -> None:
    released = ask(sharing, *names(*EVERYTHING), identifier("absent"))
    contents = sharing.grantee.read(released, GRANT, sharing.roots)
    assert contents == {each.record: each.content for each in LABORATORY}
    expected = (*names(*IMAGING, *RESTRICTED, *FOREIGN), identifier("absent"))
    assert tuple(each.record for each in released.refused) == expected
    assert {each.reasons for each in released.refused} == {("record_not_open",)}


def test_the_keys_of_a_grant_open_nothing_that_was_not_granted(sharing: Sharing) -> None:
    """Even a grantee that copies the holder's whole store opens only what its keys are for."""
    granted = {row.category_key for row in sharing.grantee._catalogue.received_keys(GRANT)}
    for each in EVERYTHING:
        row = sharing.holder._catalogue.record(each.record)
        assert row is not None
        assert (row.category_key in granted) == (each in LABORATORY)
        if each in LABORATORY:
            continue
        wrapped = sharing.holder._catalogue.batch_key(row.batch, row.category_key)
        assert wrapped is not None
        genuine = ask(sharing, LABORATORY[0].record).records[0]
        stolen = msgspec.structs.replace(
            genuine,
            address=row.address,
            ciphertext=ciphertext(sharing.holder, each.record),
            keys=msgspec.structs.replace(
                genuine.keys,
                category_key=row.category_key,
                batch_key=wrapped,
                data_key=row.data_key,
            ),
            proof=sharing.holder.proof(each.record),
        )
        bundle = released_with(sharing, stolen)
        read = sharing.grantee.read
        assert refused(read, bundle, GRANT, sharing.roots) == "category_key_missing"
        disguised = msgspec.structs.replace(
            stolen, keys=msgspec.structs.replace(stolen.keys, category_key=min(granted))
        )
        bundle = released_with(sharing, disguised)
        assert refused(read, bundle, GRANT, sharing.roots) == "envelope_not_opened"


def ciphertext(holder: Vault, record: str) -> bytes:
    """A record's own ciphertext, as an intruder would have it who has the holder's erasure keys."""
    (opened,) = holder._records.open([holder._records.row(record)])
    assert isinstance(opened, Opened)
    return opened.ciphertext


def released_with(sharing: Sharing, *records: ReleasedRecord) -> Released:
    return Released(
        holder=HOSPITAL,
        grant=GRANT,
        session=sharing.session.terms.session,
        records=records,
        refused=(),
    )


def test_what_is_released_travels_as_json_or_messagepack(sharing: Sharing) -> None:
    released = ask(sharing, *names(*LABORATORY))
    as_json = codec.decode(codec.encode(released), Released)
    packed = msgspec.msgpack.decode(msgspec.msgpack.encode(released), type=Released)
    assert as_json == packed == released
    request = sharing.session.request(names(*LABORATORY))
    assert codec.decode(codec.encode(request), Request) == request


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"grant_active": False}, "grant_not_active"),
        ({"grant_ends": NOW}, "grant_no_longer_valid"),
        ({"grant_patient": DOCTOR}, "record_not_of_patient"),
        ({"grant_commitment": codec.to_text(bytes(32))}, "terms_differ_from_chain"),
        ({"session_open": False}, "session_closed"),
        ({"session_ends": NOW - 1}, "session_ended"),
        ({"session_grant": identifier("other")}, "session_of_other_grant"),
        ({"session_commitment": codec.to_text(bytes(32))}, "session_differs_from_chain"),
        ({"block_time": NOW - MINUTE, "stale_after": 1000}, "chain_outdated"),
    ],
)
def test_what_the_chain_says_is_obeyed_and_journalled(
    sharing: Sharing, changes: dict[str, Any], reason: str
) -> None:
    request = sharing.session.request(names(*LABORATORY))
    released = sharing.holder.release(request, sharing.changed(**changes), CLINIC)
    assert released.records == ()
    assert len(released.refused) == len(LABORATORY)
    for each in LABORATORY:
        (line,) = sharing.holder.journal_about(each.record)
        assert (line.outcome, line.reasons) == ("deny", (reason,))
        assert (line.reader, line.purpose, line.grant) == (DOCTOR, "treatment", GRANT)


def test_another_organisation_cannot_use_the_session(sharing: Sharing) -> None:
    request = sharing.session.request(names(LABORATORY[0]))
    released = sharing.holder.release(request, sharing.view, HOSPITAL)
    assert released.records == ()
    assert released.refused[0].reasons == ("organisation_not_grantee",)


def test_a_session_cannot_be_retold(sharing: Sharing) -> None:
    """Reader and purpose are committed to on chain when the session opens."""
    request = sharing.session.request(names(LABORATORY[0]))
    for changes in ({"reader": PATIENT}, {"role": "nurse"}, {"ends": NOW + DAY}):
        retold = msgspec.structs.replace(
            request, session=msgspec.structs.replace(request.session, **changes)
        )
        released = sharing.holder.release(retold, sharing.view, CLINIC)
        assert released.refused[0].reasons == ("session_differs_from_chain",)
    salted = msgspec.structs.replace(request, salt=codec.to_text(bytes(32)))
    released = sharing.holder.release(salted, sharing.view, CLINIC)
    assert released.refused[0].reasons == ("session_differs_from_chain",)


def test_conditions_must_be_shown_to_be_met(hospital: Vault, clinic: Vault) -> None:
    hospital.deposit(LABORATORY)
    sharing = share(hospital, clinic, terms(conditions=("encounter",)))
    request = sharing.session.request(names(LABORATORY[0]))
    assert hospital.release(request, sharing.view, CLINIC).records == ()
    (line,) = hospital.journal_about(LABORATORY[0].record)
    assert line.reasons == ("condition_not_met.encounter.0",)
    assert len(hospital.release(request, sharing.view, CLINIC, encounter=True).records) == 1


def test_terms_with_a_condition_that_nobody_understands_are_not_given(
    hospital: Vault, clinic: Vault
) -> None:
    moon = terms(conditions=("encounter", "moon:full"))
    key = clinic.service_public_key()
    assert refused(hospital.grant, moon, GRANT, PATIENT, key) == "grant_condition_unknown"
    assert refused(hospital.extend_grant, GRANT) == "grant_not_given_here"


def test_an_unknown_grant_is_refused_and_journalled(sharing: Sharing) -> None:
    other = identifier("unknown grant")
    request = sharing.session.request(names(LABORATORY[0]))
    request = msgspec.structs.replace(
        request, session=msgspec.structs.replace(request.session, grant=other)
    )
    released = sharing.holder.release(request, sharing.view, CLINIC)
    assert released.refused[0].reasons == ("grant_unknown",)
    assert sharing.holder.journal_about(LABORATORY[0].record)[0].grant == other


def test_malformed_requests_are_refused(sharing: Sharing) -> None:
    with pytest.raises(ValueError, match="once"):
        sharing.session.request(names(LABORATORY[0], LABORATORY[0]))
    for records in ((), ("x",), tuple(identifier(number) for number in range(1001))):
        request = sharing.session.request(records)
        assert refused(sharing.holder.release, request, sharing.view, CLINIC) == "malformed"


# The journal comes first


def test_nothing_leaves_if_the_journal_cannot_be_written(
    sharing: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Catalogue, lines: object) -> None:
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(Catalogue, "write_journal", full)
    with pytest.raises(OSError, match="no space"):
        ask(sharing, LABORATORY[0].record)


def test_the_journal_is_written_before_the_answer_exists(
    sharing: Sharing, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    write, init = Catalogue.write_journal, Released

    def noted(self: Catalogue, lines: Any) -> None:
        write(self, lines)
        steps.append("journal")

    def made(**fields: Any) -> Released:
        steps.append("answer")
        return init(**fields)

    monkeypatch.setattr(Catalogue, "write_journal", noted)
    monkeypatch.setattr("yilian.vault.sharing.Released", made)
    ask(sharing, LABORATORY[0].record, IMAGING[0].record)
    assert steps == ["journal", "answer"]


def test_a_damaged_payload_is_refused_journalled_and_hurts_no_other(
    sharing: Sharing, tmp_path: Path
) -> None:
    row = sharing.holder._catalogue.record(LABORATORY[1].record)
    assert row is not None
    (pack,) = (tmp_path / HOSPITAL).rglob("*.pack")
    stored = pack.read_bytes()
    at = stored.index(sharing.holder._payloads.get(row.stored))
    pack.write_bytes(stored[: at + 50] + bytes([stored[at + 50] ^ 1]) + stored[at + 51 :])
    released = ask(sharing, *names(*LABORATORY))
    assert len(released.records) == 3
    assert [(each.record, each.reasons) for each in released.refused] == [
        (LABORATORY[1].record, ("record_not_open",))
    ]
    (line,) = sharing.holder.journal_about(LABORATORY[1].record)
    assert line.reasons == ("payload_unreadable",)


def test_journal_lines_are_batched_anchored_and_proved(sharing: Sharing) -> None:
    holder = sharing.holder
    ask(sharing, *names(*LABORATORY), IMAGING[0].record)
    lines = [
        line for each in (*LABORATORY, IMAGING[0]) for line in holder.journal_about(each.record)
    ]
    assert refused(holder.journal_proof, lines[0].disclosure) == "deposit_batch_not_anchored"
    batch = holder.journal_batch()
    assert batch is not None
    assert (batch.kind, batch.size) == ("journal", 5)
    assert set(batch.records) == {line.disclosure for line in lines}
    assert batch in holder.unanchored()
    assert holder.journal_batch() is None
    holder.anchored(batch.batch, "AB" * 32, 9)
    assert batch not in holder.unanchored()
    for line in lines:
        proof = holder.journal_proof(line.disclosure)
        path = [codec.to_bytes(step) for step in proof.path]
        found = merkle.root_from_inclusion(codec.encode(proof.line), proof.index, proof.total, path)
        assert found is not None
        assert codec.to_text(found) == batch.root
        assert proof.line == line
    assert refused(holder.journal_proof, GRANT) == "disclosure_unknown"


# Packages


def test_a_package_opens_for_the_grantee_organisation_alone(
    hospital: Vault, clinic: Vault, tmp_path: Path
) -> None:
    hospital.deposit(LABORATORY)
    given = hospital.grant(terms(), GRANT, PATIENT, clinic.service_public_key())
    assert b"laboratory" not in given.package
    other = identifier("pharmacy")
    with open_vault(tmp_path, other) as pharmacy:
        assert refused(pharmacy.accept, given.package, given.commitment) == (
            "package_not_for_this_organisation"
        )
        renamed = repackaged(given, grantee=other)
        assert refused(pharmacy.accept, renamed, given.commitment) == "service_key_unknown"
        pharmacy_key = pharmacy.keystore.service_key().public.id
        renamed = repackaged(given, grantee=other, recipient=pharmacy_key)
        assert refused(pharmacy.accept, renamed, given.commitment) == "envelope_not_opened"
        assert refused(pharmacy.terms_of, GRANT) == "grant_not_held_here"


def repackaged(given: Given, **changes: Any) -> bytes:
    package = codec.decode(given.package, GrantPackage)
    return codec.encode(msgspec.structs.replace(package, **changes))


def test_a_package_must_match_the_chain(hospital: Vault, clinic: Vault) -> None:
    hospital.deposit(LABORATORY)
    given = hospital.grant(terms(), GRANT, PATIENT, clinic.service_public_key())
    false = terms_commitment(bytes(32), terms())
    assert refused(clinic.accept, given.package, false) == "grant_differs_from_chain"
    for changes in ({"grant": identifier("g")}, {"holder": identifier("h")}):
        changed = repackaged(given, **changes)
        assert refused(clinic.accept, changed, given.commitment) == "envelope_not_opened"
    for broken in (b"", given.package[:-1], given.package + b" ", b"{}", b"\xff"):
        assert refused(clinic.accept, broken, given.commitment) in {"malformed", "not_canonical"}
    assert refused(clinic.terms_of, GRANT) == "grant_not_held_here"
    assert clinic.accept(given.package, given.commitment).terms == terms()


def test_accepting_twice_changes_nothing(sharing: Sharing) -> None:
    again = sharing.grantee.accept(sharing.given.package, sharing.given.commitment)
    assert (again.keys, again.holder, again.patient) == (len(LABORATORY), HOSPITAL, PATIENT)
    assert sharing.grantee.terms_of(GRANT) == terms()


def test_a_grant_is_given_once_but_its_package_as_often_as_needed(sharing: Sharing) -> None:
    holder, key = sharing.holder, sharing.grantee.service_public_key()
    again = holder.grant(terms(), GRANT, PATIENT, key)
    assert again.commitment == sharing.given.commitment
    assert again.package != sharing.given.package
    assert sharing.grantee.accept(again.package, again.commitment).keys == len(LABORATORY)
    other = terms(purposes=("research",))
    assert refused(holder.grant, other, GRANT, PATIENT, key) == "grant_exists_with_other_terms"
    assert refused(holder.grant, terms(), GRANT, DOCTOR, key) == "grant_exists_with_other_terms"
    assert refused(holder.grant, terms(), identifier("g"), PATIENT, b"\x01" * 9) == (
        "envelope_key_not_accepted"
    )
    malformed = terms(purposes=("Research!",))
    assert refused(holder.grant, malformed, identifier("g"), PATIENT, key) == "malformed"


def test_new_periods_come_by_extension(sharing: Sharing) -> None:
    holder, grantee = sharing.holder, sharing.grantee
    assert holder.extend_grant(GRANT) is None
    later = [item(40, period="2026-08"), item(41, category="imaging", period="2026-08")]
    batch = holder.deposit(later)
    sharing.roots[batch.batch] = batch.root
    content = {later[0].record: later[0].content}
    released = ask(sharing, later[0].record)
    assert {type(each.keys) for each in released.records} == {ToGrantee}
    assert grantee.read(released, GRANT, sharing.roots) == content
    package = holder.extend_grant(GRANT)
    assert package is not None
    released = ask(sharing, later[0].record)
    read: Callable[..., object] = grantee.read
    assert refused(read, released, GRANT, sharing.roots) == "category_key_missing"
    assert grantee.accept(package, sharing.given.commitment).keys == len(LABORATORY) + 1
    assert grantee.read(released, GRANT, sharing.roots) == content
    assert holder.extend_grant(GRANT) is None
    assert refused(holder.extend_grant, identifier("g")) == "grant_not_given_here"


def test_after_a_revocation_old_keys_open_nothing_new(sharing: Sharing) -> None:
    sharing.holder.end_period(PATIENT)
    later = item(50, period=LABORATORY[0].period)
    sharing.holder.deposit([later])
    row = sharing.holder._catalogue.record(later.record)
    assert row is not None
    held = {each.category_key for each in sharing.grantee._catalogue.received_keys(GRANT)}
    assert row.category_key not in held
    assert sharing.holder.read_own([later.record], DOCTOR, "treatment") == {
        later.record: later.content
    }


def test_terms_of_single_records_hand_over_no_category_key(hospital: Vault, clinic: Vault) -> None:
    hospital.deposit(EVERYTHING)
    chosen = sorted(names(LABORATORY[0], RESTRICTED[0]))
    sharing = share(hospital, clinic, terms(categories=(), records=tuple(chosen)))
    assert clinic.accept(sharing.given.package, sharing.given.commitment).keys == 0
    released = ask(sharing, *chosen, LABORATORY[1].record)
    assert {type(each.keys) for each in released.records} == {ToGrantee}
    assert set(clinic.read(released, GRANT, sharing.roots)) == set(chosen)
    assert [each.record for each in released.refused] == [LABORATORY[1].record]
    elsewhere = msgspec.structs.replace(released, session=identifier("other session"))
    assert refused(clinic.read, elsewhere, GRANT, sharing.roots) == "envelope_not_opened"


def test_grants_wrapped_to_an_older_service_key_still_open(sharing: Sharing) -> None:
    sharing.grantee.keystore.rotate_service_key()
    released = ask(sharing, *names(*LABORATORY))
    assert len(sharing.grantee.read(released, GRANT, sharing.roots)) == len(LABORATORY)


def test_sessions_and_grants_survive_a_restart(sharing: Sharing, tmp_path: Path) -> None:
    sharing.holder.close()
    sharing.grantee.close()
    with open_vault(tmp_path, HOSPITAL) as holder, open_vault(tmp_path, CLINIC) as grantee:
        session = grantee.session(sharing.session.terms.session)
        assert session == sharing.session
        assert session is not None
        request = session.request(names(*LABORATORY))
        released = holder.release(request, sharing.view, CLINIC)
        assert len(grantee.read(released, GRANT, sharing.roots)) == len(LABORATORY)
        assert grantee.session(GRANT) is None


def test_malformed_sessions_are_refused(sharing: Sharing) -> None:
    session = sharing.grantee.open_session
    assert refused(session, identifier("g"), DOCTOR, "treatment", NOW) == "grant_not_held_here"
    assert refused(session, GRANT, "me", "treatment", NOW) == "malformed"
    assert refused(session, GRANT, DOCTOR, "TREAT", NOW) == "malformed"
    assert refused(session, GRANT, DOCTOR, "treatment", -1) == "malformed"


# Reading is checking


def changed(released: Released, **changes: Any) -> Released:
    record = msgspec.structs.replace(released.records[0], **changes)
    return msgspec.structs.replace(released, records=(record,))


def test_what_a_lying_holder_sends_is_refused(sharing: Sharing) -> None:
    released = ask(sharing, LABORATORY[0].record)
    other = ask(sharing, LABORATORY[1].record).records[0]
    first, roots = released.records[0], sharing.roots
    read = sharing.grantee.read
    ciphertext = first.ciphertext[:-1] + bytes([first.ciphertext[-1] ^ 1])
    proof: RecordProof = first.proof
    cases = {
        "payload_damaged": changed(released, ciphertext=ciphertext),
        "record_not_in_batch": changed(
            released, proof=msgspec.structs.replace(proof, path=proof.path[:-1])
        ),
        "content_differs": changed(
            released, proof=msgspec.structs.replace(proof, commitment=other.proof.commitment)
        ),
        "category_key_missing": changed(
            released, keys=msgspec.structs.replace(first.keys, category_key=GRANT)
        ),
        "grant_differs_from_chain": msgspec.structs.replace(released, holder=CLINIC),
    }
    for name, false in cases.items():
        assert refused(read, false, GRANT, roots) == name
    for false in (
        changed(released, salt=other.salt),
        changed(released, proof=other.proof),
        changed(released, ciphertext=other.ciphertext, address=other.address),
    ):
        assert refused(read, false, GRANT, roots) == "envelope_not_opened"
    assert refused(read, released, GRANT, {}) == "deposit_batch_not_anchored"
    false_roots = dict.fromkeys(roots, codec.to_text(bytes(32)))
    assert refused(read, released, GRANT, false_roots) == "record_not_in_batch"
    assert refused(read, released, identifier("g"), roots) == "grant_not_held_here"
    assert read(released, GRANT, roots) == {LABORATORY[0].record: LABORATORY[0].content}


def test_a_grantee_cannot_be_handed_a_key_of_another_service(sharing: Sharing) -> None:
    released = ask(sharing, LABORATORY[0].record)
    foreign = ToGrantee(recipient=new_recipient().public.id, data_key=b"\x01" + bytes(1168))
    false = changed(released, keys=foreign)
    assert refused(sharing.grantee.read, false, GRANT, sharing.roots) == "service_key_unknown"


# Redacted copies

REDACTING = terms(redact=("hiv",))


def without_secrets(content: bytes, media_type: str, labels: tuple[str, ...]) -> bytes | None:
    """A redaction for the tests: whatever its label, it takes out one word."""
    assert (media_type, labels) == ("application/fhir+json", ("hiv",))
    return None if b"opaque" in content else content.replace(b"secret", b"")


@pytest.fixture
def copies(hospital: Vault, clinic: Vault) -> Sharing:
    """A grant that asks for redaction, at a holder that can do it."""
    hospital.deposit(
        [item(1, content=b"one secret word"), item(2, content=b"opaque secret"), item(3)]
    )
    redacting(hospital, without_secrets)
    return share(hospital, clinic, REDACTING)


def redacting(vault: Vault, redact: Redact) -> None:
    """Give a vault's holder a redaction, as who wires the vault does."""
    vault._holder = Holder(
        vault.organisation,
        vault.keystore,
        vault._catalogue,
        vault._records,
        vault._journal,
        lambda: NOW,
        redact,
    )


def test_a_redacting_grant_hands_over_a_marked_copy_and_no_key(copies: Sharing) -> None:
    first, opaque, third = (identifier(number) for number in (1, 2, 3))
    assert copies.grantee.accept(copies.given.package, copies.given.commitment).keys == 0
    assert copies.holder.extend_grant(GRANT) is None
    released = ask(copies, first, opaque, third)
    contents = copies.grantee.read(released, GRANT, copies.roots)
    assert contents == {first: b"one  word", third: item(3).content}
    assert contents.copies == {first: ("hiv",), third: ("hiv",)}
    assert [(each.record, each.reasons) for each in released.refused] == [
        (opaque, ("record_not_open",))
    ]
    (line,) = copies.holder.journal_about(opaque)
    assert line.reasons == ("cannot_redact",)
    (line,) = copies.holder.journal_about(first)
    assert line.copy == released.records[0].copy is not None
    assert copies.holder.proof(first).commitment == released.records[0].proof.commitment
    assert released.records[0].proof.salt is None


def test_nothing_that_opens_the_original_leaves_with_a_copy(copies: Sharing) -> None:
    record = identifier(1)
    (released,) = ask(copies, record).records
    (opened,) = copies.holder._records.open([copies.holder._records.row(record)])
    assert isinstance(opened, Opened)
    sent = codec.encode(released)
    assert released.ciphertext != opened.ciphertext
    assert isinstance(released.keys, ToGrantee)
    private = copies.grantee.keystore.service_key()
    key = unwrap(
        private,
        released.keys.data_key,
        record_key_binding(HOSPITAL, GRANT, copies.session.terms.session, record),
    )
    salt = open_sealed(key, released.salt, salt_binding(record))
    assert key != opened.data_key
    assert salt != opened.salt
    for secret in (opened.data_key, opened.salt, opened.row.data_key, opened.ciphertext):
        assert base64.b64encode(secret).strip(b"=") not in sent
    assert refused(open_sealed, key, opened.ciphertext, content_binding(HOSPITAL, record)) == (
        "envelope_not_opened"
    )


def test_what_a_lying_holder_sends_as_a_copy_is_refused(copies: Sharing) -> None:
    first, third = identifier(1), identifier(3)
    released = ask(copies, first)
    (copy,), (other,) = released.records, ask(copies, third).records
    read, roots = copies.grantee.read, copies.roots
    for name, false in {
        "copy_not_agreed": changed(released, redacted=("psy",)),
        "content_differs": changed(released, copy=other.copy),
        "payload_damaged": changed(released, ciphertext=copy.ciphertext + b"!"),
        "envelope_not_opened": changed(
            released, ciphertext=other.ciphertext, address=other.address
        ),
        "record_not_in_batch": changed(
            released, proof=msgspec.structs.replace(copy.proof, index=copy.proof.index ^ 1)
        ),
    }.items():
        assert refused(read, false, GRANT, roots) == name
    assert refused(read, released, GRANT, {}) == "deposit_batch_not_anchored"
    for half in ({"redacted": ()}, {"copy": None}):
        with pytest.raises(ValueError, match="copy"):
            msgspec.structs.replace(copy, **half)
    session = msgspec.structs.replace(released, session=identifier("other session"))
    assert refused(read, session, GRANT, roots) == "envelope_not_opened"


def test_a_copy_is_not_taken_for_a_record_nor_a_record_for_a_copy(sharing: Sharing) -> None:
    released = ask(sharing, LABORATORY[0].record)
    read = sharing.grantee.read
    disguised = changed(released, redacted=("hiv",), copy=released.records[0].proof.commitment)
    assert refused(read, disguised, GRANT, sharing.roots) == "copy_not_agreed"
    assert read(released, GRANT, sharing.roots).copies == {}


def test_without_a_redaction_at_hand_nothing_leaves(hospital: Vault, clinic: Vault) -> None:
    hospital.deposit(LABORATORY)
    sharing = share(hospital, clinic, REDACTING)
    released = ask(sharing, LABORATORY[0].record)
    assert released.records == ()
    (line,) = hospital.journal_about(LABORATORY[0].record)
    assert line.reasons == ("cannot_redact",)


def test_the_vault_redacts_fhir_as_the_gateway_does(hospital: Vault, clinic: Vault) -> None:
    labelled = (
        b'{"resourceType":"Patient","birthDate":"1970-01-01","_birthDate":{"extension":[{"url":'
        b'"http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/'
        b'extension-inline-sec-label","valueCoding":{"code":"HIV"}}]},"gender":"female"}'
    )
    hospital.deposit([item(1, content=labelled)])
    redacting(hospital, redact)
    sharing = share(hospital, clinic, REDACTING)
    released = ask(sharing, identifier(1))
    content = clinic.read(released, GRANT, sharing.roots)[identifier(1)]
    assert b"1970" not in content
    assert b'"gender":"female"' in content
    assert b'"code":"REDACTED"' in content


# Places and deputies


def test_a_session_states_a_place_and_for_whom_it_is(hospital: Vault, clinic: Vault) -> None:
    hospital.deposit(LABORATORY)
    sharing = share(hospital, clinic, terms(conditions=("place:ward-3",)))
    assert ask(sharing, LABORATORY[0].record).records == ()
    session = clinic._grantee.open_session(
        GRANT, DOCTOR, "treatment", NOW + MINUTE, place="ward-3", on_behalf_of=PATIENT
    )
    view = sharing.changed(session_commitment=session.commitment)
    request = session.request(names(LABORATORY[0]))
    assert len(hospital.release(request, view, CLINIC).records) == 1
    denied, permitted = hospital.journal_about(LABORATORY[0].record)
    assert denied.reasons == ("condition_not_met.place.0",)
    assert (permitted.on_behalf_of, permitted.basis) == (PATIENT, "grant")


# Records that are no longer shared


@pytest.mark.parametrize("standing", ["sealed", "erased"])
def test_a_record_that_is_sealed_or_erased_is_denied_and_says_so_in_the_journal(
    sharing: Sharing, standing: str
) -> None:
    record = LABORATORY[0].record
    records, catalogue = sharing.holder._records, sharing.holder._catalogue
    row = records.row(record)
    gone = records.tombstone(row) if standing == "erased" else records.sealed_row(row, NOW + DAY)
    catalogue.put_records([gone])
    released = ask(sharing, record)
    assert released.records == ()
    assert released.refused[0].reasons == ("record_not_open",)
    assert record not in sharing.holder.opened_by(GRANT)
    (line,) = sharing.holder.journal_about(record)
    assert f"record_{standing}" in line.reasons
