"""Passkeys: what a browser's authenticator made is checked, and kept to check what it signs later.

WebAuthn Level 3, sections 7.1 (registering) and 7.2 (signing in), without attestation: which make
of authenticator somebody has is nobody's business here. User verification is always wanted. CBOR
and COSE are read by Yubico's `fido2`.
"""

from __future__ import annotations

import hmac
import struct
from typing import NamedTuple

import sqlalchemy as sql
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from fido2 import cbor
from fido2.cose import CoseKey
from fido2.webauthn import AttestationObject, AuthenticatorData, CollectedClientData

from yilian.gateway.auth.challenges import Begun
from yilian.gateway.auth.database import PASSKEYS, AccountsDatabase, Passkey
from yilian.gateway.auth.errors import (
    CHALLENGE_DIFFERS,
    COUNTER_REGRESSED,
    ORIGIN_DIFFERS,
    PASSKEY_REFUSED,
    PASSKEY_TAKEN,
    SIGN_IN_REFUSED,
    TOO_MANY,
)
from yilian.gateway.auth.site import Site
from yilian.ledger import codec
from yilian.ledger.errors import Code
from yilian.vault.database import values

ALGORITHMS = (-8, -7, -257)
"""EdDSA, ES256, RS256 (RFC 9053, RFC 8812): what every platform offers at least one of."""
MAX_PASSKEYS = 10
MAX_CREDENTIAL = 1023

_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    AssertionError,
    NotImplementedError,
    struct.error,
    InvalidSignature,
    UnsupportedAlgorithm,
)
"""How the library says that bytes are not what they should be."""


class Shown(NamedTuple):
    """What an authenticator answered at a sign-in (`AuthenticatorAssertionResponse`)."""

    credential: str
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    handle: bytes | None


class Made(NamedTuple):
    """A new credential: its id, its COSE key, and its signature counter."""

    credential: str
    public: bytes
    counter: int


class Passkeys:
    """The passkeys of all accounts. Safe for threads."""

    def __init__(self, database: AccountsDatabase) -> None:
        self._database = database

    def find(self, credential: str) -> Passkey | None:
        """Find a passkey by its credential id."""
        query = sql.select(PASSKEYS).where(PASSKEYS.c.credential == credential)
        return self._database.one(Passkey, query)

    def of(self, subject: str) -> list[Passkey]:
        """List the passkeys of an account, the oldest first."""
        query = sql.select(PASSKEYS).where(PASSKEYS.c.subject == subject)
        return self._database.rows(Passkey, query.order_by(PASSKEYS.c.created))

    def add(self, connection: sql.Connection, passkey: Passkey) -> None:
        """Keep a passkey; refuses `sign_in.passkey_taken` and `sign_in.too_many`."""
        named = sql.select(PASSKEYS.c.subject).where(PASSKEYS.c.credential == passkey.credential)
        if connection.execute(named).first() is not None:
            raise PASSKEY_TAKEN()
        count = sql.select(sql.func.count()).where(PASSKEYS.c.subject == passkey.subject)
        if connection.execute(count).scalar_one() >= MAX_PASSKEYS:
            raise TOO_MANY(limit=MAX_PASSKEYS)
        connection.execute(sql.insert(PASSKEYS).values(**values(passkey)))

    def use(self, connection: sql.Connection, passkey: Passkey, counter: int, now: int) -> None:
        """Note that a passkey signed; refuses `sign_in.counter_regressed`.

        A counter that does not grow is the mark of a copied authenticator (section 6.1.1); those
        that do not count say 0 always.
        """
        this = PASSKEYS.c.credential == passkey.credential
        kept = connection.execute(sql.select(PASSKEYS.c.counter).where(this)).scalar_one_or_none()
        if kept is None:
            raise SIGN_IN_REFUSED()
        if (counter or kept) and counter <= kept:
            raise COUNTER_REGRESSED()
        connection.execute(sql.update(PASSKEYS).where(this).values(counter=counter, used=now))

    def remove_all(self, connection: sql.Connection, subject: str) -> None:
        """Forget all passkeys of an account."""
        connection.execute(sql.delete(PASSKEYS).where(PASSKEYS.c.subject == subject))


def registered(begun: Begun, site: Site, client_data: bytes, attestation: bytes) -> Made:
    """Check a new credential (section 7.1).

    Refuses `sign_in.challenge_differs`, `sign_in.origin_differs`, `sign_in.passkey_refused`.
    """
    _require_client_data(client_data, "webauthn.create", begun, site, PASSKEY_REFUSED)
    try:
        data = AttestationObject(attestation).auth_data
        _require_flags(data, site)
        made = data.credential_data
        if made is None or not 0 < len(made.credential_id) <= MAX_CREDENTIAL:
            raise ValueError("no credential")
        if made.public_key.get(3) not in ALGORITHMS:
            raise ValueError("another algorithm")
        _require_usable(made.public_key)
        public = cbor.encode(dict(made.public_key))
        return Made(codec.to_text(made.credential_id), public, data.counter)
    except _UNREADABLE:
        raise PASSKEY_REFUSED() from None


def verified(passkey: Passkey, begun: Begun, site: Site, shown: Shown) -> int:
    """Check what a passkey signed (section 7.2); gives its signature counter.

    Refuses `sign_in.challenge_differs`, `sign_in.origin_differs`, `sign_in.refused`.
    """
    client_hash = _require_client_data(
        shown.client_data, "webauthn.get", begun, site, SIGN_IN_REFUSED
    )
    try:
        data = AuthenticatorData(shown.authenticator_data)
        _require_flags(data, site)
        if shown.handle not in (None, passkey.handle):
            raise ValueError("another user handle")
        key = CoseKey.parse(cbor.decode(passkey.public))  # type: ignore[arg-type]
        key.verify(shown.authenticator_data + client_hash, shown.signature)
        return int(data.counter)
    except _UNREADABLE:
        raise SIGN_IN_REFUSED() from None


def _require_client_data(raw: bytes, kind: str, begun: Begun, site: Site, refusal: Code) -> bytes:
    """Check what the browser says of the page; gives the hash that the authenticator signed."""
    try:
        data = CollectedClientData(raw)
        fits = data.type == kind and isinstance(data.origin, str)
        same = hmac.compare_digest(data.challenge, begun.challenge)
    except _UNREADABLE:
        raise refusal() from None
    if not fits:
        raise refusal()
    if not same:
        raise CHALLENGE_DIFFERS()
    site.require_origin(data.origin)
    if data.cross_origin:
        raise ORIGIN_DIFFERS(expected=site.origin)
    return data.hash


def _require_flags(data: AuthenticatorData, site: Site) -> None:
    if not hmac.compare_digest(data.rp_id_hash, site.rp_id_hash):
        raise ValueError("another relying party")
    if not data.is_user_present() or not data.is_user_verified():
        raise ValueError("nobody was verified")
    if data.is_backed_up() and not data.is_backup_eligible():
        raise ValueError("backed up, and not to be backed up")


def _require_usable(key: CoseKey) -> None:
    """Refuse a key that can verify nothing: a wrong signature must be what it finds."""
    try:
        key.verify(b"", bytes(64))
    except InvalidSignature:
        return
    raise ValueError("no key")
