"""A person's own records as ciphertexts, for whoever holds the person's category keys.

Nothing here opens without those keys: they come out of a recovery bundle (`recovery.py`), so a
person reads again with the guardians' help and without the holder's. Every copy is journalled
before it leaves, with basis `own` and the person as its reader.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from yilian.ledger.errors import Refusal
from yilian.vault.catalogue import Catalogue
from yilian.vault.envelope import (
    JournalLine,
    PrivateKey,
    address,
    check_record,
    new_id,
    open_sealed,
    seal,
    unwrap,
)
from yilian.vault.errors import BATCH_NOT_ANCHORED, CATEGORY_KEY_MISSING, PAYLOAD_DAMAGED
from yilian.vault.keystore import CategoryKey
from yilian.vault.packages import MAX_RECORDS, ReleasedRecord, UnderCategory
from yilian.vault.records import (
    Opened,
    Records,
    batch_key_binding,
    content_binding,
    open_data_key,
)
from yilian.vault.sharing import salt_binding

PURPOSE = "patient-request"


class Copies(NamedTuple):
    """Ciphertexts of a patient's records; `more` is the id to go on behind, None: no more."""

    records: tuple[ReleasedRecord, ...]
    more: str | None


class OwnCopies:
    """Gives the patients of one organisation their own ciphertexts."""

    def __init__(
        self,
        catalogue: Catalogue,
        records: Records,
        journal: Callable[[Sequence[JournalLine]], None],
        clock: Callable[[], int],
    ) -> None:
        self._catalogue = catalogue
        self._records = records
        self._journal = journal
        self._clock = clock

    def of(self, patient: str, reader: str, after: str = "", limit: int = MAX_RECORDS) -> Copies:
        """Give ciphertexts of a patient's records, by id, at most `limit` behind `after`.

        `reader` is who asks: the patient, or who acts for them. A damaged record is left out, and
        journalled as denied.
        """
        held = self._catalogue.records_of_patient(patient)
        names = sorted(each for each in held if each > after)
        rows = self._catalogue.records(names[:limit])
        made: list[ReleasedRecord] = []
        lines: list[JournalLine] = []
        for row, found in zip(rows, self._records.open(rows), strict=True):
            reasons = ("payload_unreadable",) if isinstance(found, Refusal) else ()
            lines.append(_line(row.record, patient, reader, self._clock(), reasons))
            if not isinstance(found, Refusal):
                made.append(self._copy(found))
        self._journal(lines)
        made.sort(key=lambda each: each.proof.record)
        return Copies(tuple(made), names[limit - 1] if len(names) > limit else None)

    def _copy(self, found: Opened) -> ReleasedRecord:
        row = found.row
        return ReleasedRecord(
            media_type=row.media_type,
            address=row.address,
            ciphertext=found.ciphertext,
            keys=UnderCategory(
                category_key=row.category_key, batch_key=found.batch_key, data_key=row.data_key
            ),
            salt=seal(found.data_key, found.salt, salt_binding(row.record)),
            proof=self._records.proof_of(row),
        )


def open_copies(
    holder: str,
    copies: Sequence[ReleasedRecord],
    keys: Sequence[CategoryKey],
    roots: Mapping[str, str],
) -> dict[str, bytes]:
    """Open one's own ciphertexts with one's category keys; exact bytes by record id. Pure.

    `roots`: batch id -> root, from the chain. Refuses `category_key_missing`, `payload_damaged`,
    `envelope_not_opened`, `content_differs`, `record_not_in_batch`, `deposit_batch_not_anchored`.
    """
    private = {each.key: each.private for each in keys}
    return {each.proof.record: _open(holder, each, private, roots) for each in copies}


def _open(
    holder: str, each: ReleasedRecord, keys: Mapping[str, PrivateKey], roots: Mapping[str, str]
) -> bytes:
    record, batch, path = each.proof.record, each.proof.batch, each.keys
    if not isinstance(path, UnderCategory) or path.category_key not in keys:
        raise CATEGORY_KEY_MISSING(key=getattr(path, "category_key", record))
    if address(each.ciphertext) != each.address:
        raise PAYLOAD_DAMAGED(address=each.address)
    info = batch_key_binding(holder, batch, path.category_key)
    batch_key = unwrap(keys[path.category_key], path.batch_key, info)
    data_key = open_data_key(batch_key, path.data_key, batch, record)
    content = open_sealed(data_key, each.ciphertext, content_binding(holder, record))
    salt = open_sealed(data_key, each.salt, salt_binding(record))
    if batch not in roots:
        raise BATCH_NOT_ANCHORED(batch=batch)
    check_record(content, salt, each.proof, roots[batch])
    return content


def _line(
    record: str, patient: str, reader: str, now: int, reasons: tuple[str, ...]
) -> JournalLine:
    return JournalLine(
        disclosure=new_id(),
        basis="own",
        session=None,
        grant=None,
        record=record,
        reader=reader,
        on_behalf_of=None if reader == patient else patient,
        purpose=PURPOSE,
        time=now,
        outcome="deny" if reasons else "permit",
        reasons=reasons,
    )
