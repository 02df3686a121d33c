"""The requester's side of an emergency: prepare it, and open what was released with the shares.

The emergency key and the category keys live in one call and are never stored on this side; that a
requester could keep them is why the holder ends them after a use (`emergency_keys.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.errors import MALFORMED, code
from yilian.vault import shares
from yilian.vault.database import Database, table, values
from yilian.vault.emergency_access import (
    EmergencyReleased,
    EscrowAnswer,
    OpenedEmergency,
    answer_binding,
    emergency_key_binding,
    pair_binding,
)
from yilian.vault.envelope import (
    EmergencyReason,
    EmergencyTerms,
    PrivateKey,
    address,
    binding,
    check_record,
    derived_recipient,
    emergency_commitment,
    new_id,
    new_salt,
    open_sealed,
    unwrap,
)
from yilian.vault.errors import BATCH_NOT_ANCHORED, CATEGORY_KEY_MISSING, PAYLOAD_DAMAGED
from yilian.vault.keystore import Keystore
from yilian.vault.packages import ReleasedRecord, UnderCategory
from yilian.vault.records import batch_key_binding, content_binding, open_data_key
from yilian.vault.shares import Share
from yilian.vault.sharing import salt_binding

KEY_DIFFERS = code(9342, "emergency_key_differs", 409, "pair")
ACCESS_DIFFERS = code(9343, "emergency_access_differs", 409, "access")


@dataclass(frozen=True, slots=True)
class EmergencyRow:
    """An emergency that this organisation's reader prepared; terms and salt are sealed."""

    access: str
    ends: int
    commitment: str
    opened: bytes


_prepared = table("emergencies_prepared", EmergencyRow, ["access"])


class Requester:
    """The requester's side of emergencies of one organisation."""

    def __init__(self, organisation: str, keystore: Keystore, database: Database) -> None:
        self._organisation = organisation
        self._keystore = keystore
        self._database = database

    def prepare(
        self,
        *,
        patient: str,
        holder: str,
        reader: str,
        reason: EmergencyReason,
        text: str,
        ends: int,
        place: str | None = None,
    ) -> OpenedEmergency:
        """Prepare an emergency and keep it; its commitment must be on chain before it works.

        `patient` is the holder's id, `ends` milliseconds. Refuses `malformed`: no words, an
        unknown reason code, an id of another form.
        """
        try:
            terms = EmergencyTerms(
                access=new_id(),
                patient=patient,
                holder=holder,
                reader=reader,
                organisation=self._organisation,
                reason=reason,
                text=text,
                place=place,
                ends=ends,
            )
        except ValueError:
            raise MALFORMED() from None
        salt = new_salt()
        opened = OpenedEmergency(
            terms=terms, salt=codec.to_text(salt), commitment=emergency_commitment(salt, terms)
        )
        sealed = self._keystore.sealer("emergencies").seal(
            codec.encode(opened), _prepared_binding(terms.access, opened.commitment)
        )
        row = EmergencyRow(terms.access, ends, opened.commitment, sealed)
        with self._database.write() as database:
            database.execute(sql.insert(_prepared), [values(row)])
        return opened

    def prepared(self, access: str) -> OpenedEmergency | None:
        """Find an emergency prepared here, after a restart for instance."""
        query = sql.select(_prepared).where(_prepared.c.access == access)
        row = self._database.one(EmergencyRow, query)
        if row is None:
            return None
        associated = _prepared_binding(row.access, row.commitment)
        data = self._keystore.sealer("emergencies").open(row.opened, associated)
        return codec.decode(data, OpenedEmergency)

    def open(
        self,
        released: EmergencyReleased,
        answers: Sequence[EscrowAnswer],
        roots: Mapping[str, str],
    ) -> dict[str, bytes]:
        """Open what was released with the shares of enough keepers; exact bytes by record id.

        `roots`: batch id -> root, from this organisation's own node. Refuses
        `emergency_access_differs` for an answer to another access or pair, as `shares.combine`,
        `emergency_key_differs` where the secret is not the pair's, `service_key_unknown`,
        `envelope_not_opened`, `category_key_missing`, `payload_damaged`, `content_differs`,
        `record_not_in_batch`, `deposit_batch_not_anchored`.
        """
        codec.decode(codec.encode(released), EmergencyReleased)
        found = [self._share(each, released) for each in answers if not each.reasons]
        return open_emergency(released, found, roots)

    def _share(self, answer: EscrowAnswer, released: EmergencyReleased) -> Share:
        codec.decode(codec.encode(answer), EscrowAnswer)
        if (answer.access, answer.pair) != (released.access, released.pair):
            raise ACCESS_DIFFERS(access=answer.access)
        if answer.recipient is None:
            raise MALFORMED()
        private = self._keystore.service_key_by_id(answer.recipient)
        data = unwrap(private, answer.wrapped, answer_binding(answer, self._organisation))
        return codec.decode(data, Share)


def open_emergency(
    released: EmergencyReleased, found: Sequence[Share], roots: Mapping[str, str]
) -> dict[str, bytes]:
    """Open released records with shares: secret, pair, category keys, batch keys, contents.

    Refuses as `Requester.open`; nothing is returned when one record does not check.
    """
    if released.pair is None or released.set is None:
        raise ACCESS_DIFFERS(access=released.access)
    secret = shares.combine(found, released.set)
    pair = derived_recipient(secret, pair_binding(released.holder, released.patient, released.pair))
    if pair.public.id != released.key:
        raise KEY_DIFFERS(pair=released.pair)
    opener = _Opener(released, pair)
    return {each.proof.record: opener.open(each, roots) for each in released.records}


class _Opener:
    """Opens each category key and batch key once, however many records are under it."""

    def __init__(self, released: EmergencyReleased, pair: PrivateKey) -> None:
        self._released = released
        self._pair = pair
        self._wrapped = {each.key: each.wrapped for each in released.keys}
        self._categories: dict[str, PrivateKey] = {}
        self._batches: dict[tuple[str, str], bytes] = {}

    def open(self, each: ReleasedRecord, roots: Mapping[str, str]) -> bytes:
        record, batch, holder = each.proof.record, each.proof.batch, self._released.holder
        if not isinstance(each.keys, UnderCategory):
            raise MALFORMED()
        if address(each.ciphertext) != each.address:
            raise PAYLOAD_DAMAGED(address=each.address)
        data_key = open_data_key(self._batch(batch, each.keys), each.keys.data_key, batch, record)
        content = open_sealed(data_key, each.ciphertext, content_binding(holder, record))
        salt = open_sealed(data_key, each.salt, salt_binding(record))
        if batch not in roots:
            raise BATCH_NOT_ANCHORED(batch=batch)
        check_record(content, salt, each.proof, roots[batch])
        return content

    def _batch(self, batch: str, keys: UnderCategory) -> bytes:
        at = (batch, keys.category_key)
        if at not in self._batches:
            info = batch_key_binding(self._released.holder, batch, keys.category_key)
            self._batches[at] = unwrap(self._category(keys.category_key), keys.batch_key, info)
        return self._batches[at]

    def _category(self, key: str) -> PrivateKey:
        if key not in self._categories:
            if key not in self._wrapped:
                raise CATEGORY_KEY_MISSING(key=key)
            info = emergency_key_binding(self._released.holder, self._released.pair or "", key)
            self._categories[key] = PrivateKey(unwrap(self._pair, self._wrapped[key], info))
        return self._categories[key]


def _prepared_binding(access: str, committed: str) -> bytes:
    return binding("emergency-prepared", access=access, commitment=committed)
