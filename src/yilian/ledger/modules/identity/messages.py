"""What may be asked of `identity`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.keys import PublicKey
from yilian.ledger.module import Message as _Message
from yilian.ledger.module import capability
from yilian.ledger.modules.identity import endpoints
from yilian.ledger.modules.identity.endpoints import MAX_URL
from yilian.ledger.modules.identity.errors import BAD_THRESHOLD

OrganisationKind = Literal[
    "authority",
    "charity",
    "clinic",
    "distributor",
    "hospital",
    "insurer",
    "laboratory",
    "maker",
    "pharmacy",
    "platform",
    "regulator",
    "research",
]
PublicText = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
MAX_GUARDIANS = 15
KEM_BYTES = {"mlkem768-x25519": 1216}
"""Length of a public key: ML-KEM-768 encapsulation key (1,184, FIPS 203) and X25519 (32)."""


class Message(_Message, frozen=True, tag=capability("identity")):
    """A message of this capability."""


class EnrolOrganisation(Message, frozen=True):
    """Bring in an organisation; a member vouches for it until it is voted a member itself.

    `registration` is its public number (in China the unified social credit code, GB 32100).
    """

    organisation: codec.Id
    kind: OrganisationKind
    name: PublicText
    registration: Annotated[str, msgspec.Meta(pattern=r"^[A-Z0-9-]+$(?!\n)", max_length=40)]
    key: PublicKey


class EnrolPerson(Message, frozen=True):
    """Give a person a random id at the organisation that sends this.

    `tag` is the keyed duplicate check of the person's number (`vault/duplicates.py`): equal for the
    same number at the same organisation, and unrelated between organisations. Without `key` the
    organisation keeps the person's key in custody and acts on the person's behalf.
    """

    person: codec.Id
    tag: codec.Digest
    key: PublicKey | None = None


class EnrolPractitioner(Message, frozen=True):
    """Give a doctor, nurse or pharmacist an id at the organisation that employs them."""

    practitioner: codec.Id
    tag: codec.Digest
    key: PublicKey


class EnrolDevice(Message, frozen=True):
    """Give a medical device an id and a key; `tag` is the keyed check of its UDI."""

    device: codec.Id
    tag: codec.Digest
    key: PublicKey


class EnrolAgent(Message, frozen=True):
    """Give a program of the organisation (a gateway, a key service) a key of its own."""

    agent: codec.Id
    key: PublicKey


class PublishKeyService(Message, frozen=True):
    """Publish the HPKE key to which grants to the sending organisation are wrapped (RFC 9180)."""

    machine_only: ClassVar[bool] = True

    kem: Literal["mlkem768-x25519"]
    public: codec.Binary


class AddKey(Message, frozen=True):
    """Add a key, such as a second device; `proof` is the new key's signature on the request."""

    key: PublicKey
    proof: codec.Binary


class RotateKey(Message, frozen=True):
    """Replace one of the sender's own keys; the old one is dead from then on."""

    urgent: ClassVar[bool] = True

    old: codec.Id
    key: PublicKey
    proof: codec.Binary


class RevokeKey(Message, frozen=True):
    """Kill a key: one's own, or one of a practitioner, device or agent of the organisation."""

    urgent: ClassVar[bool] = True

    key: codec.Id


class RevokeSubject(Message, frozen=True):
    """End a practitioner, device or agent of the sending organisation."""

    urgent: ClassVar[bool] = True

    subject: codec.Id


class HandOverKey(Message, frozen=True):
    """End custody: the person takes over with a key of their own, and nobody acts for them."""

    person: codec.Id
    key: PublicKey
    proof: codec.Binary


class IssueLicence(Message, frozen=True):
    """Certify that a practitioner may practise; sent by an authority or regulator."""

    licence: codec.Id
    practitioner: codec.Id
    profession: codec.Name
    ends: codec.Millis


class RevokeLicence(Message, frozen=True):
    """Withdraw a licence at once."""

    urgent: ClassVar[bool] = True

    licence: codec.Id


class SetGuardians(Message, frozen=True):
    """Name guardians by salted commitments to keys made for this purpose, and how many suffice."""

    threshold: Annotated[int, msgspec.Meta(ge=1, le=MAX_GUARDIANS)]
    guardians: Annotated[list[codec.Digest], msgspec.Meta(min_length=1, max_length=MAX_GUARDIANS)]

    def check(self) -> None:
        """Refuse a threshold above the number of guardians, and a guardian named twice."""
        if self.threshold > len(self.guardians) or len(set(self.guardians)) < len(self.guardians):
            raise BAD_THRESHOLD()


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A guardian's consent: the key and salt behind its commitment, and its signature."""

    key: PublicKey
    salt: codec.Digest
    signature: codec.Binary


class ProposeRecovery(Message, frozen=True):
    """Ask that a new key replace all lost ones, with enough guardians' approvals; it then waits."""

    urgent: ClassVar[bool] = True

    recovery: codec.Id
    person: codec.Id
    key: PublicKey
    proof: codec.Binary
    approvals: Annotated[list[Approval], msgspec.Meta(min_length=1, max_length=MAX_GUARDIANS)]


class CancelRecovery(Message, frozen=True):
    """Stop a recovery that the holder of the old key did not ask for."""

    urgent: ClassVar[bool] = True

    recovery: codec.Id


class Link(Message, frozen=True):
    """State that two ids are one person; `terms` commits to the ids and the ground, salted.

    The ids belong to the sending organisation, or one of them to another.
    """

    link: codec.Id
    terms: codec.Digest


class Unlink(Message, frozen=True):
    """Take a link back: the two ids are not, or no longer said to be, one person."""

    link: codec.Id


class PublishEndpoint(Message, frozen=True):
    """Publish where other members reach the organisation's node, and its TLS certificate.

    `url` is `https://host` or `https://host:port` in lower case, without a path; `certificate` is
    the DER of a self-signed X.509 certificate (RFC 5280), at most 2,000 bytes.
    """

    machine_only: ClassVar[bool] = True

    url: Annotated[str, msgspec.Meta(max_length=MAX_URL)]
    certificate: codec.Binary

    def check(self) -> None:
        """Refuse a URL or a certificate of another form."""
        endpoints.require_url(self.url)
        endpoints.require_certificate(codec.to_bytes(self.certificate))


class WithdrawEndpoint(Message, frozen=True):
    """Take the organisation's endpoint away: other members reach its node no more."""

    machine_only: ClassVar[bool] = True


ALL = (
    EnrolOrganisation,
    EnrolPerson,
    EnrolPractitioner,
    EnrolDevice,
    EnrolAgent,
    PublishKeyService,
    AddKey,
    RotateKey,
    RevokeKey,
    RevokeSubject,
    HandOverKey,
    IssueLicence,
    RevokeLicence,
    SetGuardians,
    ProposeRecovery,
    CancelRecovery,
    Link,
    Unlink,
    PublishEndpoint,
    WithdrawEndpoint,
)
