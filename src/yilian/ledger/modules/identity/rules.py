"""What then happens in `identity`: one function per message, the only writer of its state."""

from __future__ import annotations

import msgspec

from yilian.ledger import codec, keys
from yilian.ledger.errors import KEY_REFUSED
from yilian.ledger.keys import PublicKey
from yilian.ledger.module import Context
from yilian.ledger.modules.governance import state as governance
from yilian.ledger.modules.identity import errors, events, messages
from yilian.ledger.modules.identity.state import (
    CERTIFICATES,
    ENDPOINTS,
    GUARDIANS,
    KEY_SERVICES,
    KEYS,
    LICENCES,
    LINKS,
    RECOVERIES,
    REGISTRATIONS,
    RUNNING,
    SUBJECTS,
    TAGS,
    Endpoint,
    Guardians,
    Key,
    KeyService,
    Licence,
    Link,
    Mark,
    Recovery,
    Subject,
    SubjectKind,
    require_own_act,
    speaking_for,
    subject,
)

PROOF_DOMAIN = "yilian/key-proof/1"
APPROVAL_DOMAIN = "yilian/recovery-approval/1"
GUARDIAN_DOMAIN = b"yilian/guardian/1\n"


def key_proof(owner: str, key: PublicKey) -> bytes:
    """Give the text that a new key signs to prove that its holder asks for it."""
    text = {"domain": PROOF_DOMAIN, "owner": owner, "public": key.public, "suite": key.suite}
    return codec.encode(text)


def recovery_approval(recovery: str, person: str, key: PublicKey) -> bytes:
    """Give the text that a guardian signs to let `key` take over."""
    text = {
        "domain": APPROVAL_DOMAIN,
        "person": person,
        "public": key.public,
        "recovery": recovery,
        "suite": key.suite,
    }
    return codec.encode(text)


def guardian_commitment(key: PublicKey, salt: str) -> str:
    """Commit to a guardian's key, so that the chain does not show who guards whom."""
    parts = (salt, key.suite, key.public)
    return codec.to_text(keys.sha256(GUARDIAN_DOMAIN + "\n".join(parts).encode("ascii")))


def enrol_organisation(context: Context, message: messages.EnrolOrganisation) -> None:
    """A member brings in an organisation and vouches for it."""
    sponsor = speaking_for(context)
    if not governance.is_member(context.state, sponsor):
        raise errors.NOT_A_MEMBER()
    add_organisation(
        context,
        message.organisation,
        message.kind,
        message.name,
        message.registration,
        message.key,
        sponsor,
    )


def add_organisation(
    context: Context,
    name: str,
    kind: messages.OrganisationKind,
    text: str,
    registration: str,
    key: PublicKey,
    sponsor: str,
) -> None:
    """Write a new organisation; also how genesis writes the first members."""
    if REGISTRATIONS.has(context.state, registration):
        raise errors.ALREADY_ENROLLED()
    record = Subject(
        kind="organisation",
        organisation=sponsor,
        since=context.height,
        organisation_kind=kind,
        name=text,
        registration=registration,
    )
    _enrol(context, name, record, key)
    REGISTRATIONS.put(context.state, registration, Mark(name))


def enrol_person(context: Context, message: messages.EnrolPerson) -> None:
    """An organisation gives a person an id; the same number twice is refused."""
    organisation = speaking_for(context)
    _take_tag(context, organisation, message.tag, message.person)
    record = Subject(
        kind="person",
        organisation=organisation,
        since=context.height,
        custody=message.key is None,
    )
    _enrol(context, message.person, record, message.key)


def enrol_practitioner(context: Context, message: messages.EnrolPractitioner) -> None:
    """An organisation gives an employee an id."""
    _enrol_tagged(context, "practitioner", message.practitioner, message.tag, message.key)


def enrol_device(context: Context, message: messages.EnrolDevice) -> None:
    """An organisation gives a device an id."""
    _enrol_tagged(context, "device", message.device, message.tag, message.key)


def enrol_agent(context: Context, message: messages.EnrolAgent) -> None:
    """An organisation gives a program of its own a key."""
    organisation = speaking_for(context)
    record = Subject(kind="agent", organisation=organisation, since=context.height)
    _enrol(context, message.agent, record, message.key)


def publish_key_service(context: Context, message: messages.PublishKeyService) -> None:
    """An organisation names the key that grants to it are wrapped to, from now on."""
    organisation = speaking_for(context)
    if len(codec.to_bytes(message.public)) != messages.KEM_BYTES[message.kem]:
        raise KEY_REFUSED()
    service = KeyService(kem=message.kem, public=message.public, since=context.height)
    KEY_SERVICES.put(context.state, organisation, service)
    context.emit(events.KeyServicePublished(organisation=organisation))


def add_key(context: Context, message: messages.AddKey) -> None:
    """The sender adds a key of its own."""
    _require_proof(context, context.sender_id, message.key, message.proof)
    _add_key(context, context.sender_id, message.key)


def rotate_key(context: Context, message: messages.RotateKey) -> None:
    """The sender replaces a key; what the old one signed stays valid."""
    _require_own(context, message.old)
    _require_proof(context, context.sender_id, message.key, message.proof)
    _add_key(context, context.sender_id, message.key)
    _end_key(context, message.old)


def revoke_key(context: Context, message: messages.RevokeKey) -> None:
    """The owner kills a key, or the organisation one of its practitioner, device or agent."""
    key = KEYS.get(context.state, message.key)
    if key is None or key.until is not None:
        raise errors.NOT_YOUR_KEY(key=message.key)
    if key.owner == context.sender_id:
        if len(subject(context.state, key.owner).keys) == 1:
            raise errors.LAST_KEY()
    else:
        _require_employed(context, key.owner)
    _end_key(context, message.key)


def revoke_subject(context: Context, message: messages.RevokeSubject) -> None:
    """The organisation ends one of its practitioners, devices or agents."""
    found = _require_employed(context, message.subject)
    if found.status != "active":
        raise errors.ALREADY_REVOKED(id=message.subject)
    end_subject(context, message.subject)


def end_subject(context: Context, name: str) -> None:
    """Write that a subject can act no more; also how governance expels a member."""
    found = subject(context.state, name)
    ended = msgspec.structs.replace(found, status="revoked", ended=context.height)
    SUBJECTS.put(context.state, name, ended)
    if ENDPOINTS.has(context.state, name):
        ENDPOINTS.remove(context.state, name)
    context.emit(events.SubjectRevoked(subject=name))


def hand_over_key(context: Context, message: messages.HandOverKey) -> None:
    """The custodian hands signing over to the person; it cannot be taken back."""
    person = subject(context.state, message.person)
    if person.kind != "person":
        raise errors.NOT_A_PERSON(id=message.person)
    if person.organisation != speaking_for(context):
        raise errors.NOT_YOUR_SUBJECT(id=message.person)
    if not person.custody:
        raise errors.HAS_OWN_KEY(id=message.person)
    _require_proof(context, message.person, message.key, message.proof)
    SUBJECTS.put(context.state, message.person, msgspec.structs.replace(person, custody=False))
    _add_key(context, message.person, message.key)
    context.emit(events.CustodyEnded(person=message.person))


def issue_licence(context: Context, message: messages.IssueLicence) -> None:
    """An authority certifies a practitioner."""
    issuer = speaking_for(context)
    if subject(context.state, issuer).organisation_kind not in ("authority", "regulator"):
        raise errors.NOT_AN_AUTHORITY()
    practitioner = subject(context.state, message.practitioner)
    if practitioner.kind != "practitioner":
        raise errors.NOT_A_PRACTITIONER(id=message.practitioner)
    if LICENCES.has(context.state, message.licence):
        raise errors.ID_TAKEN(id=message.licence)
    if message.ends <= context.time:
        raise errors.BAD_PERIOD()
    licence = Licence(
        practitioner=message.practitioner,
        issuer=issuer,
        profession=message.profession,
        ends=message.ends,
        since=context.height,
    )
    LICENCES.put(context.state, message.licence, licence)
    kept = tuple(name for name in practitioner.licences if _in_force(context, name))
    listed = msgspec.structs.replace(practitioner, licences=(*kept, message.licence))
    SUBJECTS.put(context.state, message.practitioner, listed)
    context.emit(
        events.LicenceIssued(
            licence=message.licence, practitioner=message.practitioner, issuer=issuer
        )
    )


def revoke_licence(context: Context, message: messages.RevokeLicence) -> None:
    """The issuing authority withdraws a licence."""
    licence = LICENCES.get(context.state, message.licence)
    if licence is None:
        raise errors.UNKNOWN_LICENCE(id=message.licence)
    if licence.issuer != speaking_for(context):
        raise errors.NOT_AN_AUTHORITY()
    if licence.revoked is not None:
        raise errors.ALREADY_REVOKED(id=message.licence)
    withdrawn = msgspec.structs.replace(licence, revoked=context.height)
    LICENCES.put(context.state, message.licence, withdrawn)
    context.emit(events.LicenceRevoked(licence=message.licence, practitioner=licence.practitioner))


def set_guardians(context: Context, message: messages.SetGuardians) -> None:
    """A person names or replaces guardians; not while a recovery waits."""
    if context.sender is None or context.sender.kind != "person":
        raise errors.NOT_A_PERSON(id=context.sender_id)
    running = RUNNING.get(context.state, context.sender_id)
    if running is not None:
        raise errors.RECOVERY_RUNNING(id=running.subject)
    named = Guardians(threshold=message.threshold, guardians=tuple(message.guardians))
    GUARDIANS.put(context.state, context.sender_id, named)
    context.emit(
        events.GuardiansSet(
            person=context.sender_id,
            threshold=message.threshold,
            guardians=len(message.guardians),
        )
    )


def propose_recovery(context: Context, message: messages.ProposeRecovery) -> None:
    """Enough guardians let a new key wait to take over."""
    named = GUARDIANS.get(context.state, message.person)
    if named is None:
        raise errors.NO_GUARDIANS(id=message.person)
    if RECOVERIES.has(context.state, message.recovery):
        raise errors.ID_TAKEN(id=message.recovery)
    running = RUNNING.get(context.state, message.person)
    if running is not None:
        raise errors.RECOVERY_RUNNING(id=running.subject)
    _require_proof(context, message.person, message.key, message.proof)
    if KEYS.has(context.state, keys.key_id(message.key)):
        raise errors.KEY_TAKEN(key=keys.key_id(message.key))
    _require_approvals(context, named, message)
    due = context.time + governance.parameters(context.state).recovery_delay_ms
    waiting = Recovery(person=message.person, key=message.key, due=due)
    RECOVERIES.put(context.state, message.recovery, waiting)
    RUNNING.put(context.state, message.person, Mark(message.recovery))
    context.schedule(due, "identity.recover", message.recovery)
    context.emit(events.RecoveryProposed(recovery=message.recovery, person=message.person, due=due))


def cancel_recovery(context: Context, message: messages.CancelRecovery) -> None:
    """The person's old key stops a recovery."""
    recovery = RECOVERIES.get(context.state, message.recovery)
    if recovery is None:
        raise errors.UNKNOWN_RECOVERY(id=message.recovery)
    if recovery.person != context.sender_id:
        raise errors.NOT_YOUR_SUBJECT(id=recovery.person)
    if recovery.status != "waiting":
        raise errors.RECOVERY_ENDED(id=message.recovery)
    stopped = msgspec.structs.replace(recovery, status="cancelled")
    RECOVERIES.put(context.state, message.recovery, stopped)
    RUNNING.remove(context.state, recovery.person)
    context.unschedule(recovery.due, "identity.recover", message.recovery)
    context.emit(events.RecoveryCancelled(recovery=message.recovery, person=recovery.person))


def recover(context: Context, name: str) -> None:
    """Timer: the waiting key replaces all old ones; one that was taken meanwhile cannot."""
    recovery = RECOVERIES.require(context.state, name)
    RUNNING.remove(context.state, recovery.person)
    if KEYS.has(context.state, keys.key_id(recovery.key)):
        stopped = msgspec.structs.replace(recovery, status="cancelled")
        RECOVERIES.put(context.state, name, stopped)
        context.emit(events.RecoveryCancelled(recovery=name, person=recovery.person))
        return
    RECOVERIES.put(context.state, name, msgspec.structs.replace(recovery, status="done"))
    for old in subject(context.state, recovery.person).keys:
        _end_key(context, old)
    _add_key(context, recovery.person, recovery.key)
    person = subject(context.state, recovery.person)
    SUBJECTS.put(context.state, recovery.person, msgspec.structs.replace(person, custody=False))
    context.emit(events.Recovered(recovery=name, person=recovery.person))


def link(context: Context, message: messages.Link) -> None:
    """An organisation says that two ids are one person."""
    organisation = speaking_for(context)
    require_own_act(context)
    if LINKS.has(context.state, message.link):
        raise errors.ID_TAKEN(id=message.link)
    record = Link(organisation=organisation, terms=message.terms, since=context.height)
    LINKS.put(context.state, message.link, record)
    context.emit(events.Linked(link=message.link, organisation=organisation))


def unlink(context: Context, message: messages.Unlink) -> None:
    """The organisation that linked two ids parts them again."""
    organisation = speaking_for(context)
    require_own_act(context)
    found = LINKS.get(context.state, message.link)
    if found is None:
        raise errors.UNKNOWN_LINK(id=message.link)
    if found.organisation != organisation:
        raise errors.NOT_YOUR_LINK(id=message.link)
    if found.ended is not None:
        raise errors.LINK_ENDED(id=message.link)
    LINKS.put(context.state, message.link, msgspec.structs.replace(found, ended=context.height))
    context.emit(events.Unlinked(link=message.link, organisation=organisation))


def publish_endpoint(context: Context, message: messages.PublishEndpoint) -> None:
    """An organisation says where its node is reached; a certificate is of one organisation only."""
    require_own_act(context)
    organisation = speaking_for(context)
    digest = codec.to_text(keys.sha256(codec.to_bytes(message.certificate)))
    taken = CERTIFICATES.get(context.state, digest)
    if taken is not None and taken.subject != organisation:
        raise errors.CERTIFICATE_TAKEN()
    CERTIFICATES.put(context.state, digest, Mark(organisation))
    endpoint = Endpoint(url=message.url, certificate=message.certificate, since=context.height)
    ENDPOINTS.put(context.state, organisation, endpoint)
    context.emit(events.EndpointPublished(organisation=organisation, certificate=digest))


def withdraw_endpoint(context: Context, _: messages.WithdrawEndpoint) -> None:
    """An organisation's node is reached no more."""
    require_own_act(context)
    organisation = speaking_for(context)
    if not ENDPOINTS.has(context.state, organisation):
        raise errors.NO_ENDPOINT(id=organisation)
    ENDPOINTS.remove(context.state, organisation)
    context.emit(events.EndpointWithdrawn(organisation=organisation))


def _enrol(context: Context, name: str, record: Subject, key: PublicKey | None) -> None:
    if SUBJECTS.has(context.state, name):
        raise errors.ID_TAKEN(id=name)
    SUBJECTS.put(context.state, name, record)
    context.emit(events.Enrolled(subject=name, kind=record.kind, organisation=record.organisation))
    if key is not None:
        _add_key(context, name, key)


def _enrol_tagged(context: Context, kind: SubjectKind, name: str, tag: str, key: PublicKey) -> None:
    organisation = speaking_for(context)
    _take_tag(context, organisation, tag, name)
    _enrol(context, name, Subject(kind=kind, organisation=organisation, since=context.height), key)


def _take_tag(context: Context, organisation: str, tag: str, name: str) -> None:
    place = f"{organisation}/{tag}"
    if TAGS.has(context.state, place):
        raise errors.ALREADY_ENROLLED()
    TAGS.put(context.state, place, Mark(name))


def _add_key(context: Context, owner: str, key: PublicKey) -> None:
    context.suites.admit(key)
    name = keys.key_id(key)
    if KEYS.has(context.state, name):
        raise errors.KEY_TAKEN(key=name)
    record = Key(suite=key.suite, public=key.public, owner=owner, since=context.height)
    KEYS.put(context.state, name, record)
    found = subject(context.state, owner)
    SUBJECTS.put(context.state, owner, msgspec.structs.replace(found, keys=(*found.keys, name)))
    context.emit(events.KeyAdded(key=name, owner=owner))


def _end_key(context: Context, name: str) -> None:
    key = KEYS.require(context.state, name)
    KEYS.put(context.state, name, msgspec.structs.replace(key, until=context.height))
    found = subject(context.state, key.owner)
    rest = tuple(each for each in found.keys if each != name)
    SUBJECTS.put(context.state, key.owner, msgspec.structs.replace(found, keys=rest))
    context.emit(events.KeyRevoked(key=name, owner=key.owner))


def _in_force(context: Context, name: str) -> bool:
    licence = LICENCES.require(context.state, name)
    return licence.revoked is None and context.time < licence.ends


def _require_own(context: Context, name: str) -> None:
    key = KEYS.get(context.state, name)
    if key is None or key.owner != context.sender_id or key.until is not None:
        raise errors.NOT_YOUR_KEY(key=name)


def _require_employed(context: Context, name: str) -> Subject:
    found = subject(context.state, name)
    if found.kind not in ("practitioner", "device", "agent"):
        raise errors.CANNOT_REVOKE(id=name)
    if found.organisation != speaking_for(context):
        raise errors.NOT_YOUR_SUBJECT(id=name)
    return found


def _require_proof(context: Context, owner: str, key: PublicKey, proof: str) -> None:
    context.suites.admit(key)
    if not keys.verify(key, key_proof(owner, key), codec.to_bytes(proof)):
        raise errors.BAD_PROOF()


def _require_approvals(
    context: Context, named: Guardians, message: messages.ProposeRecovery
) -> None:
    text = recovery_approval(message.recovery, message.person, message.key)
    approved: list[str] = []
    for approval in message.approvals:
        commitment = guardian_commitment(approval.key, approval.salt)
        context.suites.admit(approval.key)
        if (
            commitment in named.guardians
            and commitment not in approved
            and keys.verify(approval.key, text, codec.to_bytes(approval.signature))
        ):
            approved.append(commitment)
    if len(approved) < named.threshold:
        raise errors.NOT_ENOUGH_GUARDIANS(threshold=named.threshold)
