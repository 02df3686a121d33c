"""What may be deposited: the form of an item, and the corrections that are accepted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from yilian.ledger import codec
from yilian.ledger.codec import Id, Name
from yilian.ledger.errors import MALFORMED
from yilian.vault import retention
from yilian.vault.catalogue import ERASED, KEPT, SEALED, Catalogue
from yilian.vault.envelope import Format, KeyName, MediaType, Period
from yilian.vault.errors import (
    DEPOSIT_EMPTY,
    DEPOSIT_TOO_LARGE,
    NOTE_MAY_NOT_REPLACE,
    RECORD_ERASED,
    RECORD_EXISTS,
    RECORD_REPLACED,
    RECORD_SEALED,
    RECORD_UNKNOWN,
    REPLACES_OTHER_PATIENT,
)
from yilian.vault.payloads import MAX_PAYLOAD

MAX_BATCH = 10_000
MAX_BATCH_BYTES = MAX_PAYLOAD
Kind = Literal["record", "note"]


class Item(Format, frozen=True, kw_only=True):
    """A content to deposit, exactly as it arrived. `period` is its month, YYYY-MM.

    A `note` is what a patient (or who acts for them) writes beside the records; it names its
    author and is kept only as long as wanted. `replaces`: the record that this one corrects, which
    stays provable. `retention`: a class of `retention.py`; a note has its own, whatever this says.
    """

    record: Id
    patient: Id
    category: Name
    sensitivity: Name
    period: Period
    media_type: MediaType
    content: bytes
    kind: Kind = "record"
    author: Id | None = None
    replaces: Id | None = None
    retention: Name = retention.DEFAULT

    def name(self) -> KeyName:
        """Say which category key the item goes under."""
        return KeyName(
            patient=self.patient,
            category=self.category,
            sensitivity=self.sensitivity,
            period=self.period,
        )


class _Labels(Format, frozen=True, kw_only=True):
    record: Id
    name: KeyName
    media_type: MediaType
    kind: Kind
    author: Id | None
    replaces: Id | None
    retention: Name


_labels_decoder = codec.decoder(_Labels)


class _Earlier(NamedTuple):
    """What a correction must agree with."""

    patient: str
    kind: str
    author: str | None
    standing: str


def checked(items: Iterable[Item]) -> list[Item]:
    """Refuse an empty, oversized, malformed or repetitive batch before anything is written."""
    taken: list[Item] = []
    seen: set[str] = set()
    total = 0
    for item in items:
        codec.decode_with(_labels_decoder, codec.encode(_labels(item)))
        if type(item.content) is not bytes or (item.kind == "note" and item.author is None):
            raise MALFORMED()
        retention.require_class(item.retention)
        if item.record in seen:
            raise RECORD_EXISTS(record=item.record)
        seen.add(item.record)
        total += len(item.content)
        if len(taken) == MAX_BATCH:
            raise DEPOSIT_TOO_LARGE(limit=MAX_BATCH)
        if total > MAX_BATCH_BYTES:
            raise DEPOSIT_TOO_LARGE(limit=MAX_BATCH_BYTES)
        taken.append(item)
    if not taken:
        raise DEPOSIT_EMPTY()
    return taken


def check_corrections(taken: Sequence[Item], catalogue: Catalogue) -> None:
    """Refuse a correction of what is not here, not this patient's, or corrected already.

    What stands earlier in the same batch may be corrected. Two deposits at once are told apart by
    the catalogue.
    """
    asked = [each.replaces for each in taken if each.replaces is not None]
    if not asked:
        return
    replaced = set(catalogue.replaced(asked))
    earlier = {
        row.record: _Earlier(row.patient, row.kind, row.author, row.standing)
        for row in catalogue.records(asked)
    }
    for item in taken:
        if item.replaces is not None:
            _check_correction(item, item.replaces, earlier.get(item.replaces))
            if item.replaces in replaced:
                raise RECORD_REPLACED(record=item.replaces)
            replaced.add(item.replaces)
        earlier[item.record] = _Earlier(item.patient, item.kind, item.author, KEPT)


def _check_correction(item: Item, replaced: str, earlier: _Earlier | None) -> None:
    """A note corrects its author's own notes and nothing else; nothing else corrects a note."""
    if earlier is None:
        raise RECORD_UNKNOWN(record=replaced)
    if earlier.standing == ERASED:
        raise RECORD_ERASED(record=replaced)
    if earlier.standing == SEALED:
        raise RECORD_SEALED(record=replaced)
    if earlier.patient != item.patient:
        raise REPLACES_OTHER_PATIENT(record=replaced)
    if earlier.kind != item.kind or (item.kind == "note" and earlier.author != item.author):
        raise NOTE_MAY_NOT_REPLACE(record=replaced)


def _labels(item: Item) -> _Labels:
    return _Labels(
        record=item.record,
        name=item.name(),
        media_type=item.media_type,
        kind=item.kind,
        author=item.author,
        replaces=item.replaces,
        retention=item.retention,
    )
