"""What `identity` remembers, and what other capabilities may read of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.keys import PublicKey
from yilian.ledger.module import Context
from yilian.ledger.modules.identity.errors import (
    LICENCE_NOT_IN_FORCE,
    NOT_AN_ORGANISATION,
    NOT_ON_BEHALF,
    NOT_STAFF,
    UNKNOWN_SUBJECT,
)
from yilian.ledger.modules.identity.messages import OrganisationKind
from yilian.ledger.state import State, Table

SubjectKind = Literal["organisation", "person", "practitioner", "device", "agent"]
Status = Literal["active", "revoked"]
_MAX_VOUCHING = 3


class Subject(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Anyone who can be named. `organisation` is the home of a person, practitioner, device or
    agent; for an organisation it is the member that vouches for it, or itself once a member.
    """

    kind: SubjectKind
    organisation: codec.Id
    since: codec.Whole
    status: Status = "active"
    ended: codec.Whole | None = None
    custody: bool = False
    keys: tuple[codec.Id, ...] = ()
    organisation_kind: OrganisationKind | None = None
    name: str | None = None
    registration: str | None = None
    licences: tuple[codec.Id, ...] = ()


class Key(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A key and whose it is; heights say from when and until when it signs."""

    suite: codec.Name
    public: codec.Binary
    owner: codec.Id
    since: codec.Whole
    until: codec.Whole | None = None

    def public_key(self) -> PublicKey:
        """Give the key as signature suites read it."""
        return PublicKey(self.suite, self.public)


class KeyService(msgspec.Struct, frozen=True, kw_only=True):
    """The HPKE public key of an organisation's key service, since a height."""

    kem: codec.Name
    public: codec.Binary
    since: codec.Whole


class Licence(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A practitioner's right to practise, until `ends` (ms) or its revocation."""

    practitioner: codec.Id
    issuer: codec.Id
    profession: codec.Name
    ends: codec.Millis
    since: codec.Whole
    revoked: codec.Whole | None = None


class Guardians(msgspec.Struct, frozen=True, kw_only=True):
    """Who may recover a person's signing key: commitments, and how many suffice."""

    threshold: int
    guardians: tuple[codec.Digest, ...]


class Recovery(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A key waiting to take over at `due` (ms) unless the old key cancels."""

    person: codec.Id
    key: PublicKey
    due: codec.Millis
    status: Literal["waiting", "done", "cancelled"] = "waiting"


class Link(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """That two ids are one person, as `organisation` says since a height and until another.

    `terms` is a salted commitment: which ids they are, the chain does not tell.
    """

    organisation: codec.Id
    terms: codec.Digest
    since: codec.Whole
    ended: codec.Whole | None = None


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where an organisation's node is reached, and its TLS certificate (DER), since a height."""

    url: str
    certificate: codec.Binary
    since: codec.Whole


class Mark(msgspec.Struct, frozen=True):
    """That a tag or registration is taken, and by whom."""

    subject: codec.Id


SUBJECTS = Table("identity/subject/", Subject)
KEYS = Table("identity/key/", Key)
TAGS = Table("identity/tag/", Mark)
REGISTRATIONS = Table("identity/registration/", Mark)
LICENCES = Table("identity/licence/", Licence)
GUARDIANS = Table("identity/guardians/", Guardians)
RECOVERIES = Table("identity/recovery/", Recovery)
RUNNING = Table("identity/running/", Mark)
KEY_SERVICES = Table("identity/keyservice/", KeyService)
LINKS = Table("identity/link/", Link)
ENDPOINTS = Table("identity/endpoint/", Endpoint)
"""By organisation."""

CERTIFICATES = Table("identity/certificate/", Mark)
"""By the SHA-256 of the DER: who published it first; it stays that organisation's."""

TABLES = (
    SUBJECTS,
    KEYS,
    KEY_SERVICES,
    TAGS,
    REGISTRATIONS,
    LICENCES,
    GUARDIANS,
    RECOVERIES,
    RUNNING,
    LINKS,
    ENDPOINTS,
    CERTIFICATES,
)


def subject(state: State, name: str) -> Subject:
    """Read a subject; refuses an unknown id."""
    found = SUBJECTS.get(state, name)
    if found is None:
        raise UNKNOWN_SUBJECT(id=name)
    return found


def standing(state: State, name: str) -> Subject | None:
    """Read a subject that may act now: itself active, and so is all that vouches for it."""
    found = SUBJECTS.get(state, name)
    if found is None or found.status != "active":
        return None
    here, answerable = name, found
    for _ in range(_MAX_VOUCHING):
        if answerable.organisation == here:
            return found
        here = answerable.organisation
        above = SUBJECTS.get(state, here)
        if above is None or above.status != "active":
            return None
        answerable = above
    return None


def home(sender_id: str, sender: Subject) -> str:
    """Name the organisation that a sender speaks for: itself, or where it is at home."""
    return sender_id if sender.kind == "organisation" else sender.organisation


def speaking_for(context: Context) -> str:
    """Name the organisation that sends; refuses persons, practitioners and devices."""
    sender = context.sender
    if sender is None or sender.kind not in ("organisation", "agent"):
        raise NOT_AN_ORGANISATION()
    return home(context.sender_id, sender)


def licences_in_force(state: State, practitioner: str, time: int) -> list[Licence]:
    """List a practitioner's licences in force at `time` (ms), in the order they were issued."""
    found = SUBJECTS.get(state, practitioner)
    issued = () if found is None else (LICENCES.get(state, name) for name in found.licences)
    return [
        each
        for each in issued
        if each is not None
        and each.revoked is None
        and time < each.ends
        and standing(state, each.issuer) is not None
    ]


def licensed(state: State, practitioner: str, time: int) -> bool:
    """Tell whether a practitioner holds a licence in force at `time` (ms)."""
    return bool(licences_in_force(state, practitioner, time))


def require_licence(context: Context) -> None:
    """Refuse a practitioner without a licence in force; others need none."""
    sender = context.sender
    if (
        sender is not None
        and sender.kind == "practitioner"
        and not licensed(context.state, context.sender_id, context.time)
    ):
        raise LICENCE_NOT_IN_FORCE()


def require_own_act(context: Context) -> None:
    """Refuse what is sent on behalf of a person: the chain would tie it to that person's id."""
    if context.actor != context.sender_id:
        raise NOT_ON_BEHALF()


def practising_for(context: Context) -> str:
    """Name the organisation for which it, its agent or a licensed practitioner of it sends.

    Refuses persons, devices, practitioners without a licence in force, and acting for a person.
    """
    sender = context.sender
    if sender is None or sender.kind in ("person", "device"):
        raise NOT_STAFF()
    require_own_act(context)
    require_licence(context)
    return home(context.sender_id, sender)
