"""Keys, seals, commitments, wraps and the formats that travel with them. Pure: no I/O.

Seals are AES-256-GCM (NIST SP 800-38D). Wraps are HPKE base mode (RFC 9180) with the hybrid
post-quantum KEM MLKEM768_X25519, HKDF-SHA256 and AES-256-GCM. Base mode does not authenticate the
sender: a package is believed because it opens a commitment that the chain holds. Every format names
its version, and `binding` ties each seal and wrap to the ids it is for.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from yilian.ledger import codec, merkle
from yilian.ledger.codec import Digest, Id, Millis, Name, Whole
from yilian.ledger.errors import MALFORMED
from yilian.vault.errors import (
    CONTENT_DIFFERS,
    FORMAT_UNKNOWN,
    KEY_NOT_ACCEPTED,
    NOT_IN_BATCH,
    NOT_OPENED,
)

KEY_BYTES = 32
SALT_BYTES = 32
OVERHEAD = 1 + 12 + 16
"""Bytes a seal adds: version, nonce, tag."""

Period = Annotated[
    str, msgspec.Meta(pattern="^[0-9]{4}-(0[1-9]|1[0-2])$", min_length=7, max_length=7)
]
"""A calendar month, YYYY-MM: category keys change with it."""

MediaType = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z0-9!#$&^_.+-]+/[ -~]+$(?!\n)", min_length=3, max_length=128)
]

Condition = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9._:+-]*$(?!\n)", min_length=1, max_length=128)
]
"""A condition of a grant, in the grammar of `vault/conditions.py`; an unknown one denies."""

Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=256)]

_VERSION = b"\x01"
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_MLKEM_PUBLIC = 1184
_MLKEM_SEED = 64
_X25519 = 32
_CONTENT = b"yilian/commitment/content/1"
_COPY = b"yilian/commitment/copy/1"
_TERMS = b"yilian/commitment/terms/1"
_SESSION = b"yilian/commitment/session/1"
_CERTIFICATE = b"yilian/commitment/certificate/1"
_EMERGENCY = b"yilian/commitment/emergency/1"


def new_id() -> str:
    """Draw a random id: 16 bytes (127 random bits) in base64url, never beginning with "-".

    An id that did would look like an option where a person types it.
    """
    drawn = secrets.token_bytes(16)
    return codec.to_text(bytes((drawn[0] & 0x7F,)) + drawn[1:])


def new_key() -> bytes:
    """Draw a 32-byte key for `seal`."""
    return secrets.token_bytes(KEY_BYTES)


def new_salt() -> bytes:
    """Draw a 32-byte salt for a commitment."""
    return secrets.token_bytes(SALT_BYTES)


def binding(purpose: str, **ids: str | int) -> bytes:
    """Write what a seal or wrap is for: canonical JSON of its purpose and the ids it belongs to.

    Used as associated data and as HPKE `info`, so that a ciphertext moved to another record, grant
    or use does not open. Canonical JSON, because joined text would let two id lists collide.
    """
    return codec.encode({"purpose": purpose, **ids})


def seal(key: bytes, content: bytes, associated: bytes) -> bytes:
    """Encrypt: version byte, 12-byte random nonce, AES-256-GCM ciphertext and tag.

    One key seals at most 2^32 contents (random nonces); ours seal one content or one batch.
    Raises ValueError for a key that is not 32 bytes.
    """
    if len(key) != KEY_BYTES:
        raise ValueError("a seal needs a key of 32 bytes")
    nonce = secrets.token_bytes(12)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, content, _VERSION + associated)


def open_sealed(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """Decrypt what `seal` made; refuses `envelope_not_opened` if key, bytes or ids differ."""
    if len(key) != KEY_BYTES or len(sealed) < OVERHEAD:
        raise NOT_OPENED()
    if sealed[:1] != _VERSION:
        raise FORMAT_UNKNOWN(format=sealed[0])
    try:
        return AESGCM(key).decrypt(sealed[1:13], sealed[13:], _VERSION + associated)
    except InvalidTag:
        raise NOT_OPENED() from None


def address(ciphertext: bytes) -> str:
    """Name a ciphertext by its content: SHA-256 in base64url."""
    return codec.to_text(hashlib.sha256(ciphertext).digest())


def commitment(salt: bytes, content: bytes) -> str:
    """Commit to a content: SHA-256(domain | 0x00 | salt | SHA-256(content)), base64url.

    Hiding: without the 32-byte random salt no guess of the content can be confirmed, however short
    the content. Binding: another content for the same commitment is a SHA-256 collision. The bare
    hash of a plaintext is never published, since a small resource could be found by dictionary.
    """
    return _commit(_CONTENT, salt, content)


def _commit(domain: bytes, salt: bytes, content: bytes) -> str:
    if len(salt) != SALT_BYTES:
        raise ValueError("a commitment needs a salt of 32 bytes")
    inner = hashlib.sha256(content).digest()
    return codec.to_text(hashlib.sha256(domain + b"\0" + salt + inner).digest())


def copy_commitment(salt: bytes, copy: bytes) -> str:
    """Commit to a redacted copy; as `commitment`, own domain: no copy is taken for a record."""
    return _commit(_COPY, salt, copy)


class PublicKey:
    """A recipient of wraps: suite byte, ML-KEM-768 key (1,184 bytes), X25519 key (32 bytes)."""

    __slots__ = ("_key", "data", "id")

    def __init__(self, data: bytes) -> None:
        """Parse; refuses `envelope_key_not_accepted` for a key of another form."""
        _check_key(data, _MLKEM_PUBLIC + _X25519)
        try:
            self._key = hpke.MLKEM768X25519PublicKey(
                mlkem.MLKEM768PublicKey.from_public_bytes(data[1 : 1 + _MLKEM_PUBLIC]),
                x25519.X25519PublicKey.from_public_bytes(data[1 + _MLKEM_PUBLIC :]),
            )
        except ValueError:
            raise KEY_NOT_ACCEPTED() from None
        self.data = data
        self.id = codec.to_text(hashlib.sha256(data).digest()[:16])
        """The key's id: the first 16 bytes of the SHA-256 of its bytes."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and other.data == self.data

    def __hash__(self) -> int:
        return int.from_bytes(self.data[-8:], "big")

    def __repr__(self) -> str:
        return f"<PublicKey {self.id}>"

    def _wrap(self, content: bytes, info: bytes) -> bytes:
        return _SUITE.encrypt(content, self._key, info=info)


class PrivateKey:
    """The other half: suite byte, ML-KEM-768 seed (64 bytes), X25519 key (32 bytes).

    `repr` and `str` never show it; `export` is the only way out, for sealing and wrapping.
    """

    __slots__ = ("_data", "_halves", "_key", "_public")

    def __init__(self, data: bytes) -> None:
        """Parse; refuses `envelope_key_not_accepted` for a key of another form."""
        _check_key(data, _MLKEM_SEED + _X25519)
        lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(data[1 : 1 + _MLKEM_SEED])
        curve = x25519.X25519PrivateKey.from_private_bytes(data[1 + _MLKEM_SEED :])
        self._data = data
        self._halves = (lattice, curve)
        self._key = hpke.MLKEM768X25519PrivateKey(lattice, curve)
        self._public: PublicKey | None = None

    @property
    def public(self) -> PublicKey:
        """The key that wraps are addressed to; worked out when first asked for."""
        if self._public is None:
            halves = [each.public_key().public_bytes_raw() for each in self._halves]
            self._public = PublicKey(_VERSION + b"".join(halves))
        return self._public

    def export(self) -> bytes:
        """Write the secret bytes, 97 of them."""
        return self._data

    def __repr__(self) -> str:
        return f"<PrivateKey of {self.public.id}>"

    def _unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        return _SUITE.decrypt(wrapped, self._key, info=info)


def _check_key(data: bytes, length: int) -> None:
    if not data:
        raise KEY_NOT_ACCEPTED()
    if data[:1] != _VERSION:
        raise FORMAT_UNKNOWN(format=data[0])
    if len(data) != 1 + length:
        raise KEY_NOT_ACCEPTED()


def new_recipient() -> PrivateKey:
    """Make a key pair that wraps can be addressed to."""
    return PrivateKey(_VERSION + secrets.token_bytes(_MLKEM_SEED + _X25519))


def derived_recipient(secret: bytes, info: bytes) -> PrivateKey:
    """Make a key pair from a 32-byte secret (HKDF-SHA256, RFC 5869); `info` is a `binding`.

    So that the pair can be had again from the secret alone, and only the secret is split. X-Wing
    (draft-connolly-cfrg-xwing-kem) makes its 96 bytes from a 32-byte seed likewise, by SHAKE-256.
    """
    if len(secret) != KEY_BYTES:
        raise ValueError("a key pair is derived from 32 bytes")
    return PrivateKey(_VERSION + HKDF(SHA256(), _MLKEM_SEED + _X25519, None, info).derive(secret))


def wrap(public: PublicKey, content: bytes, info: bytes) -> bytes:
    """Encrypt a key (or a small package) to a recipient: suite byte, encapsulation, ciphertext.

    `info` is a `binding`. Refuses `envelope_key_not_accepted` for a key of small order.
    """
    try:
        return _VERSION + public._wrap(content, info)
    except ValueError:
        raise KEY_NOT_ACCEPTED() from None


def unwrap(private: PrivateKey, wrapped: bytes, info: bytes) -> bytes:
    """Decrypt what `wrap` made; refuses `envelope_not_opened` if key, bytes or `info` differ."""
    if wrapped[:1] != _VERSION:
        if wrapped:
            raise FORMAT_UNKNOWN(format=wrapped[0])
        raise NOT_OPENED()
    try:
        return private._unwrap(wrapped[1:], info)
    except (InvalidTag, ValueError):
        raise NOT_OPENED() from None


class Format(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all formats here share: read-only, fields by name, unknown fields refused."""


class Terms(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-terms/2"):
    """What a grant opens, to whom, for what and when. Off chain; the chain has its commitment.

    Lists are sorted and free of repeats. A record is opened if its category and sensitivity are
    named (or, where `records` is given, if its id is), and never if its category is denied.
    `practitioner` and `team` name who may read; with neither, anybody of the grantee (`role`).
    `redact` names labels: what carries one is taken out, and the grantee gets a copy and no key.
    `conditions`: see `vault/conditions.py`. `starts` and `ends` are milliseconds; `ends` is the
    first moment that is no longer valid.
    """

    grantee: Id
    practitioner: Id | None = None
    team: Annotated[tuple[Id, ...], msgspec.Meta(max_length=200)] = ()
    role: Name | None = None
    categories: Names = ()
    sensitivities: Names = ("normal",)
    denied: Names = ()
    redact: Names = ()
    purposes: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=64)]
    starts: Millis
    ends: Millis
    conditions: Annotated[tuple[Condition, ...], msgspec.Meta(max_length=64)] = ()
    records: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=1000)] | None = None

    def __post_init__(self) -> None:
        lists = (self.categories, self.sensitivities, self.denied, self.purposes, self.conditions)
        for names in (*lists, self.team, self.redact, self.records or ()):
            if any(first >= second for first, second in itertools.pairwise(names)):
                raise ValueError("lists of terms are sorted and free of repeats")
        if self.starts >= self.ends:
            raise ValueError("terms end after they start")
        if not self.categories and self.records is None:
            raise ValueError("terms open categories or records")


class SessionTerms(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-session/2"):
    """Who reads under which grant, for what, until when. The chain has its commitment.

    `place` is where the reader is, as the reader's organisation states it. `on_behalf_of` is for
    whom the reader asks (a program for a practitioner, a deputy); the grant must name the reader.
    """

    session: Id
    grant: Id
    reader: Id
    on_behalf_of: Id | None = None
    role: Name | None = None
    place: Name | None = None
    purpose: Name
    ends: Millis


def checked(value: Terms | SessionTerms) -> bytes:
    """Write terms as canonical bytes; refuses `malformed` where a value breaks its format.

    A struct built in Python is not checked by msgspec until it is decoded.
    """
    data = codec.encode(value)
    codec.decode(data, type(value))
    return data


def terms_commitment(salt: bytes, terms: Terms) -> str:
    """Commit to a grant's terms; as `commitment`, over their canonical bytes, own domain."""
    return _commit(_TERMS, salt, checked(terms))


def session_commitment(salt: bytes, terms: SessionTerms) -> str:
    """Commit to a session's terms; as `commitment`, over their canonical bytes, own domain."""
    return _commit(_SESSION, salt, checked(terms))


def certificate_commitment(salt: bytes, certificate: bytes) -> str:
    """Commit to an erasure certificate's canonical bytes; as `commitment`, own domain."""
    return _commit(_CERTIFICATE, salt, certificate)


class KeyName(Format, frozen=True, kw_only=True, order=True):
    """Which records a category key covers."""

    patient: Id
    category: Name
    sensitivity: Name
    period: Period


class WrappedCategoryKey(Format, frozen=True, kw_only=True):
    """A category's private key, wrapped to one grantee organisation's key service.

    `key` is the id of the category's public key, `recipient` that of the key service's.
    `generation` counts the keys of one name: it grows when a revocation ends a period early.
    """

    key: Id
    name: KeyName
    generation: Whole
    recipient: Id
    wrapped: bytes


class RecordLeaf(Format, frozen=True, kw_only=True, omit_defaults=True):
    """The leaf of a batch of records; its canonical JSON bytes are what the tree hashes.

    A correction names the record that it replaces; other leaves have no such field.
    """

    record: Id
    commitment: Digest
    replaces: Id | None = None


def leaf(record: str, committed: str, replaces: str | None = None) -> bytes:
    """Write the leaf of one record: canonical JSON `{"commitment":...,"record":...}`.

    A correction has `"replaces"` after them.
    """
    return codec.encode(RecordLeaf(record=record, commitment=committed, replaces=replaces))


MerklePath = Annotated[tuple[Digest, ...], msgspec.Meta(max_length=64)]


class RecordProof(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-record-proof/1"
):
    """That a record's commitment is in a batch; with the salt, also that a content is the record.

    The path runs from leaf to root (RFC 6962). Give the salt only to whoever may see the content.
    """

    record: Id
    commitment: Digest
    batch: Id
    index: Whole
    total: Whole
    path: MerklePath
    salt: Digest | None = None
    replaces: Id | None = None


def check_inclusion(proof: RecordProof, root: str) -> None:
    """Check that the commitment is in the batch with this root; refuses `record_not_in_batch`."""
    path = [codec.to_bytes(step) for step in proof.path]
    found = merkle.root_from_inclusion(
        leaf(proof.record, proof.commitment, proof.replaces), proof.index, proof.total, path
    )
    if found is None or codec.to_text(found) != root:
        raise NOT_IN_BATCH(record=proof.record)


def check_record(content: bytes, salt: bytes, proof: RecordProof, root: str) -> None:
    """Check that a content is the record whose batch root the chain holds.

    Refuses `content_differs` if the commitment does not open to it, then as `check_inclusion`.
    """
    if len(salt) != SALT_BYTES:
        raise MALFORMED()
    if commitment(salt, content) != proof.commitment:
        raise CONTENT_DIFFERS(record=proof.record)
    check_inclusion(proof, root)


Basis = Literal["grant", "own", "emergency", "patient"]
"""Why a reader was answered: a grant, an organisation's own custody, an emergency, the patient."""


class JournalLine(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-disclosure/2"):
    """One answer about one record: who asked, when, what for, permitted or not, and why not.

    Its canonical JSON bytes are the leaf of a disclosure batch. The random disclosure id hides the
    line from whoever sees only hashes of it. Reads of the organisation that wrote the record have
    neither session nor grant; an emergency has the access id as its session. `copy` is the salted
    commitment of a redacted copy, where one was sent in the record's place.
    """

    disclosure: Id
    basis: Basis
    session: Id | None
    grant: Id | None
    record: Id
    reader: Id
    on_behalf_of: Id | None = None
    purpose: Name
    time: Millis
    outcome: Literal["permit", "deny"]
    reasons: Names
    copy: Digest | None = None


class JournalProof(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-disclosure-proof/1"
):
    """That a journal line is in a disclosure batch (RFC 6962 path, leaf to root)."""

    line: JournalLine
    batch: Id
    index: Whole
    total: Whole
    path: MerklePath


EmergencyReason = Literal["life_threatening", "unable_to_consent", "public_health", "other"]
"""Why the glass was broken, by code; the words beside it say the rest."""


class EmergencyTerms(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-emergency/1"
):
    """Who breaks the glass for whose emergency set, and why. The chain has its commitment.

    `patient` is the holder's id of the person. `text` is for the review and for the patient; it
    never leaves sealed places in clear. `ends` in milliseconds, the first moment no longer open.
    """

    access: Id
    patient: Id
    holder: Id
    reader: Id
    organisation: Id
    reason: EmergencyReason
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=500)]
    place: Name | None = None
    ends: Millis

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError("breaking the glass needs words")

    def __repr__(self) -> str:
        return f"<EmergencyTerms {self.access}>"


def emergency_commitment(salt: bytes, terms: EmergencyTerms) -> str:
    """Commit to an emergency's terms; as `commitment`, over their canonical bytes, own domain."""
    data = codec.encode(terms)
    codec.decode(data, EmergencyTerms)
    return _commit(_EMERGENCY, salt, data)
