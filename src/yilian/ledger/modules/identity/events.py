"""What `identity` announces."""

from __future__ import annotations

from yilian.ledger import codec
from yilian.ledger.module import Event as _Event
from yilian.ledger.module import capability


class Event(_Event, frozen=True, tag=capability("identity")):
    """An event of this capability."""


class Enrolled(Event, frozen=True):
    """A subject of some kind has an id at an organisation."""

    subject: codec.Id
    kind: codec.Name
    organisation: codec.Id


class KeyServicePublished(Event, frozen=True):
    """An organisation changed the key that grants to it are wrapped to."""

    organisation: codec.Id


class KeyAdded(Event, frozen=True):
    """A key signs for its owner from now on."""

    key: codec.Id
    owner: codec.Id


class KeyRevoked(Event, frozen=True):
    """A key signs no more."""

    key: codec.Id
    owner: codec.Id


class SubjectRevoked(Event, frozen=True):
    """A practitioner, device, agent or organisation can act no more."""

    subject: codec.Id


class CustodyEnded(Event, frozen=True):
    """A person holds their own key; nobody acts for them any more."""

    person: codec.Id


class LicenceIssued(Event, frozen=True):
    """A practitioner may practise."""

    licence: codec.Id
    practitioner: codec.Id
    issuer: codec.Id


class LicenceRevoked(Event, frozen=True):
    """A licence is withdrawn."""

    licence: codec.Id
    practitioner: codec.Id


class GuardiansSet(Event, frozen=True):
    """A person named guardians."""

    person: codec.Id
    threshold: int
    guardians: int


class RecoveryProposed(Event, frozen=True):
    """A new key waits to take over; the old one can still cancel."""

    recovery: codec.Id
    person: codec.Id
    due: codec.Millis


class RecoveryCancelled(Event, frozen=True):
    """The old key stopped a recovery."""

    recovery: codec.Id
    person: codec.Id


class Recovered(Event, frozen=True):
    """The new key has replaced all old ones."""

    recovery: codec.Id
    person: codec.Id


class Linked(Event, frozen=True):
    """An organisation said that two ids are one person."""

    link: codec.Id
    organisation: codec.Id


class Unlinked(Event, frozen=True):
    """An organisation took a link back."""

    link: codec.Id
    organisation: codec.Id


class EndpointPublished(Event, frozen=True):
    """An organisation's node is reached elsewhere; `certificate` is the SHA-256 of the new DER."""

    organisation: codec.Id
    certificate: codec.Digest


class EndpointWithdrawn(Event, frozen=True):
    """An organisation's node is reached no more."""

    organisation: codec.Id


ALL = (
    Enrolled,
    KeyServicePublished,
    KeyAdded,
    KeyRevoked,
    SubjectRevoked,
    CustodyEnded,
    LicenceIssued,
    LicenceRevoked,
    GuardiansSet,
    RecoveryProposed,
    RecoveryCancelled,
    Recovered,
    Linked,
    Unlinked,
    EndpointPublished,
    EndpointWithdrawn,
)
