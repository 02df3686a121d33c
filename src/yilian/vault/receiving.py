"""The grantee's side of sharing: accept grants, open sessions, read what was released.

Category keys stay at rest as they came, wrapped to this organisation's key service: the catalogue
alone opens nothing. Nothing is believed because a holder says so: terms are held against the
chain's commitment, contents against the batch root that the chain has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Digest
from yilian.ledger.errors import MALFORMED, code
from yilian.vault.catalogue import Catalogue, ReceivedKeyRow, ReceivedRow, SessionRow
from yilian.vault.database import metadata, values
from yilian.vault.envelope import (
    Format,
    Names,
    PrivateKey,
    SessionTerms,
    Terms,
    WrappedCategoryKey,
    address,
    binding,
    check_inclusion,
    check_record,
    copy_commitment,
    new_id,
    new_salt,
    open_sealed,
    session_commitment,
    terms_commitment,
    unwrap,
)
from yilian.vault.errors import (
    BATCH_NOT_ANCHORED,
    CATEGORY_KEY_MISSING,
    CONTENT_DIFFERS,
    GRANT_DIFFERS,
    GRANT_EXISTS,
    GRANT_NOT_HELD,
    NOT_FOR_US,
    PAYLOAD_DAMAGED,
)
from yilian.vault.giving import OpenedTerms
from yilian.vault.keystore import Keystore
from yilian.vault.packages import (
    ByReplica,
    GrantContent,
    GrantPackage,
    Released,
    ReleasedRecord,
    Request,
    UnderCategory,
)
from yilian.vault.records import batch_key_binding, content_binding, open_data_key
from yilian.vault.replica_formats import replica_key_binding
from yilian.vault.sharing import copy_binding, record_key_binding, salt_binding

COPY_NOT_AGREED = code(9322, "copy_not_agreed", 409, "record")
"""A record came as a copy that the grant's terms do not ask for, or an original where they do."""

_received = metadata.tables["grants_received"]
_received_keys = metadata.tables["keys_received"]


class Accepted(NamedTuple):
    """A grant accepted: its opened terms, the holder, and how many keys of it are held now."""

    grant: str
    holder: str
    patient: str
    terms: Terms
    keys: int


class Contents(dict[str, bytes]):
    """Contents by record id; what is in `copies` is a redacted copy, the rest exact bytes.

    `copies` names for each the labels that were taken out. Its bytes differ from what the chain's
    commitment is of; see `packages.ReleasedRecord` for what can be proved about a copy.
    """

    def __init__(self) -> None:
        super().__init__()
        self.copies: dict[str, Names] = {}


class OpenedSession(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-opened-session/2"
):
    """A session to be opened on chain by its commitment, and shown opened to the holder."""

    terms: SessionTerms
    salt: Digest
    commitment: Digest

    def request(self, records: tuple[str, ...]) -> Request:
        """Ask for records inside this session."""
        return Request(session=self.terms, salt=self.salt, records=records)


class Grantee:
    """The grantee's side of one organisation's vault."""

    def __init__(self, organisation: str, keystore: Keystore, catalogue: Catalogue) -> None:
        self._organisation = organisation
        self._keystore = keystore
        self._catalogue = catalogue

    def accept(self, package: bytes, commitment: str) -> Accepted:
        """Open a grant package, hold its terms against the chain's commitment, keep it.

        Packages of one grant may come twice and in any order; keys add up. With the commitment of
        changed terms, these take the place of the terms before, and the package's keys that of
        all keys before: what is granted no more is forgotten. Refuses
        `package_not_for_this_organisation`, `service_key_unknown`, `envelope_not_opened`,
        `grant_differs_from_chain`, and `grant_exists_with_other_terms` for another holder's grant
        of the same id.
        """
        outer = codec.decode(package, GrantPackage)
        if outer.grantee != self._organisation:
            raise NOT_FOR_US()
        ids = {"grant": outer.grant, "grantee": outer.grantee, "holder": outer.holder}
        private = self._keystore.service_key_by_id(outer.recipient)
        data = unwrap(private, outer.sealed, binding("grant-package", **ids))
        content = codec.decode(data, GrantContent)
        salt = codec.to_bytes(content.salt)
        if (
            content.terms.grantee != self._organisation
            or terms_commitment(salt, content.terms) != commitment
        ):
            raise GRANT_DIFFERS(grant=outer.grant)
        self._keep(outer, content, commitment)
        return Accepted(
            grant=outer.grant,
            holder=outer.holder,
            patient=content.patient,
            terms=content.terms,
            keys=len(self._catalogue.received_keys(outer.grant)),
        )

    def _keep(self, outer: GrantPackage, content: GrantContent, commitment: str) -> None:
        known = self._catalogue.received(outer.grant)
        if known is not None and (known.holder, known.patient) != (outer.holder, content.patient):
            raise GRANT_EXISTS(grant=outer.grant)
        opened = OpenedTerms(salt=content.salt, terms=content.terms)
        associated = _terms_binding(outer.grant, outer.holder, content.patient, commitment)
        sealed = self._keystore.sealer("grants").seal(codec.encode(opened), associated)
        row = ReceivedRow(outer.grant, outer.holder, content.patient, sealed, commitment)
        keys = [ReceivedKeyRow(outer.grant, each.key, codec.encode(each)) for each in content.keys]
        if known is not None and known.commitment != commitment:
            self._replace(row, keys)
        else:
            self._catalogue.receive(None if known else row, keys)

    def _replace(self, row: ReceivedRow, keys: list[ReceivedKeyRow]) -> None:
        with self._catalogue.write() as database:
            database.execute(sql.insert(_received).prefix_with("OR REPLACE"), [values(row)])
            of_grant = _received_keys.c.grant_id == row.grant_id
            database.execute(sql.delete(_received_keys).where(of_grant))
            if keys:
                database.execute(sql.insert(_received_keys), [values(each) for each in keys])

    def terms(self, grant: str) -> Terms:
        """Give the opened terms of a grant held here; refuses `grant_not_held_here`."""
        row = self._held(grant)
        associated = _terms_binding(grant, row.holder, row.patient, row.commitment)
        data = self._keystore.sealer("grants").open(row.terms, associated)
        return codec.decode(data, OpenedTerms).terms

    def holder(self, grant: str) -> str:
        """Name the organisation that gave a grant held here; refuses `grant_not_held_here`."""
        return self._held(grant).holder

    def _held(self, grant: str) -> ReceivedRow:
        row = self._catalogue.received(grant)
        if row is None:
            raise GRANT_NOT_HELD(grant=grant)
        return row

    # Sessions

    def open_session(
        self,
        grant: str,
        reader: str,
        purpose: str,
        ends: int,
        role: str | None = None,
        *,
        place: str | None = None,
        on_behalf_of: str | None = None,
    ) -> OpenedSession:
        """Prepare an access session and keep it; its commitment must be on chain before it works.

        `ends` in milliseconds; `place` for terms that ask for one. Refuses `grant_not_held_here`,
        and `malformed`.
        """
        self._held(grant)
        terms = SessionTerms(
            session=new_id(),
            grant=grant,
            reader=reader,
            on_behalf_of=on_behalf_of,
            role=role,
            place=place,
            purpose=purpose,
            ends=ends,
        )
        salt = new_salt()
        opened = OpenedSession(
            terms=terms, salt=codec.to_text(salt), commitment=session_commitment(salt, terms)
        )
        associated = binding("session", session=terms.session, grant=grant)
        sealed = self._keystore.sealer("sessions").seal(codec.encode(opened), associated)
        row = SessionRow(terms.session, grant, sealed, opened.commitment, ends)
        self._catalogue.open_session(row)
        return opened

    def session(self, session: str) -> OpenedSession | None:
        """Find a session opened here, after a restart for instance."""
        row = self._catalogue.session(session)
        if row is None:
            return None
        associated = binding("session", session=row.session, grant=row.grant_id)
        data = self._keystore.sealer("sessions").open(row.terms, associated)
        return codec.decode(data, OpenedSession)

    # Reading

    def read(self, released: Released, grant: str, roots: Mapping[str, str]) -> Contents:
        """Open released records and check each; gives exact bytes, or marked copies, by record id.

        `roots`: batch id -> root, from this organisation's own node. Refuses at the first record
        that does not check: `payload_damaged`, `category_key_missing`, `envelope_not_opened`,
        `content_differs`, `record_not_in_batch`, `deposit_batch_not_anchored`, and
        `copy_not_agreed` for a copy with other labels taken out than the grant's terms say.
        """
        held = self._held(grant)
        if (released.grant, released.holder) != (grant, held.holder):
            raise GRANT_DIFFERS(grant=grant)
        codec.decode(codec.encode(released), Released)
        labels = self.terms(grant).redact
        batch_keys: dict[tuple[str, str], bytes] = {}
        contents = Contents()
        for each in released.records:
            record = each.proof.record
            if each.redacted != labels:
                raise COPY_NOT_AGREED(record=record)
            data_key = self._data_key(each, released, batch_keys)
            contents[record] = _opened(each, released, data_key, roots)
            if each.redacted:
                contents.copies[record] = each.redacted
        return contents

    def _data_key(
        self, each: ReleasedRecord, released: Released, batch_keys: dict[tuple[str, str], bytes]
    ) -> bytes:
        record, batch = each.proof.record, each.proof.batch
        if isinstance(each.keys, ByReplica):
            private = self._keystore.service_key_by_id(each.keys.recipient)
            info = replica_key_binding(released.holder, released.grant, record)
            return unwrap(private, each.keys.data_key, info)
        if not isinstance(each.keys, UnderCategory):
            private = self._keystore.service_key_by_id(each.keys.recipient)
            info = record_key_binding(released.holder, released.grant, released.session, record)
            return unwrap(private, each.keys.data_key, info)
        at = (batch, each.keys.category_key)
        if at not in batch_keys:
            category = self._category_key(released, each.keys.category_key)
            info = batch_key_binding(released.holder, batch, each.keys.category_key)
            batch_keys[at] = unwrap(category, each.keys.batch_key, info)
        return open_data_key(batch_keys[at], each.keys.data_key, batch, record)

    def _category_key(self, released: Released, key: str) -> PrivateKey:
        for row in self._catalogue.received_keys(released.grant):
            if row.category_key == key:
                wrapped = codec.decode(row.wrapped, WrappedCategoryKey)
                info = binding(
                    "category-key",
                    category_key=key,
                    grant=released.grant,
                    grantee=self._organisation,
                    holder=released.holder,
                )
                private = self._keystore.service_key_by_id(wrapped.recipient)
                return PrivateKey(unwrap(private, wrapped.wrapped, info))
        raise CATEGORY_KEY_MISSING(key=key)


def _opened(
    each: ReleasedRecord, released: Released, key: bytes, roots: Mapping[str, str]
) -> bytes:
    holder, record = released.holder, each.proof.record
    if address(each.ciphertext) != each.address:
        raise PAYLOAD_DAMAGED(address=each.address)
    info = content_binding(holder, record)
    if each.copy is not None:
        info = copy_binding(holder, released.grant, released.session, record)
    content = open_sealed(key, each.ciphertext, info)
    salt = open_sealed(key, each.salt, salt_binding(record))
    root = roots.get(each.proof.batch)
    if root is None:
        raise BATCH_NOT_ANCHORED(batch=each.proof.batch)
    if len(salt) != len(codec.to_bytes(each.proof.commitment)):
        raise MALFORMED()
    if each.copy is None:
        check_record(content, salt, each.proof, root)
        return content
    if copy_commitment(salt, content) != each.copy:
        raise CONTENT_DIFFERS(record=record)
    check_inclusion(each.proof, root)
    return content


def _terms_binding(grant: str, holder: str, patient: str, committed: str) -> bytes:
    return binding(
        "terms-received", grant=grant, holder=holder, patient=patient, commitment=committed
    )
