"""Imaging studies and other large objects: taken in by pieces, read under their record's rules.

The record of a study is its manifest (`vault/large_manifest.py`). Whoever may read the record may
read the object, and every reading of the object is journalled as a reading of the record, one line
for each range that is asked for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakValueDictionary

from yilian.gateway.practice.records import DENIED, Asker
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.consent.state import GRANTS, SESSIONS
from yilian.node.history import Outcome
from yilian.vault.envelope import new_id
from yilian.vault.errors import CATEGORY_KEY_MISSING
from yilian.vault.items import Item
from yilian.vault.large import LARGE_EXISTS, LARGE_UNKNOWN, MEDIA_TYPE
from yilian.vault.large_manifest import CHUNK, Manifest, SealedChunk, read_manifest
from yilian.vault.receiving import OpenedSession

if TYPE_CHECKING:
    from yilian.gateway.members.counterpart import Counterpart
    from yilian.gateway.organisation import Organisation

CATEGORY = "imaging"


class Upload(NamedTuple):
    """How far an upload is: `received` says where to go on, in bytes; `chunk` is a slice's size.

    A piece is any number of whole slices; only the last may end in a shorter one.
    """

    record: str
    person: str
    media_type: str
    received: int
    chunk: int
    finished: bool


class Deposited(NamedTuple):
    """A study that became a record: its manifest, its batch, and its place on the chain."""

    manifest: Manifest
    batch: str
    outcome: Outcome


Reading = Callable[[bytes, int, int], Iterator[bytes]]
"""Gives a range of the object of a manifest, in checked pieces."""


class Opened(NamedTuple):
    """A study opened for a reader: whose it is here, its manifest, and how its slices are read."""

    person: str
    manifest: Manifest
    content: bytes
    reading: Reading

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        """Give a range in slices, each checked; refuses as `LargeObjects.read`."""
        return self.reading(self.content, start, length)


class _Admitted(NamedTuple):
    grant: str
    ends: int


class Studies:
    """The large objects of one organisation's patients. Safe for threads."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._vault = organisation.vault
        self._large = organisation.vault.large
        self._turns: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._turns_lock = threading.Lock()
        self._admitted: dict[tuple[str, str, str], _Admitted] = {}

    # Taking in

    def begin(self, person: str, media_type: str, chunk: int = CHUNK) -> Upload:
        """Begin an upload; refuses `malformed` and `large_chunk_size_refused`."""
        record = new_id()
        self._large.begin(record, person, media_type, chunk)
        return self.upload(person, record)

    def upload(self, person: str, record: str) -> Upload:
        """Tell how far an upload is; refuses `large_object_unknown`, for another person's too."""
        row = self._large.upload(record)
        if row.patient != person:
            raise LARGE_UNKNOWN(record=record)
        finished = not row.key or self._vault.catalogue.record(record) is not None
        return Upload(record, person, row.media_type, row.size, row.chunk, finished)

    def append(self, person: str, record: str, offset: int, data: bytes) -> Upload:
        """Take the bytes at `offset`, durable on return; refuses as `LargeObjects.append`."""
        with self._turn(record):
            self._require_open(person, record)
            self._large.append(record, offset, data)
            return self.upload(person, record)

    def finish(
        self, person: str, record: str, sha256: str | None, sensitivity: str, retention: str
    ) -> Deposited:
        """Make an upload a record and anchor it; what broke in between is simply asked again.

        Refuses `large_object_unknown`, `large_object_exists` for one that is finished,
        `large_content_differs` where `sha256` is another, `large_chunk_damaged`,
        `retention_class_unknown`, and as a deposit is refused.
        """
        with self._turn(record):
            upload = self._require_open(person, record)
            stored = self._large.sum_up(record, sha256)
            item = Item(
                record=record,
                patient=person,
                category=CATEGORY,
                sensitivity=sensitivity,
                period=time.strftime("%Y-%m", time.gmtime(self._organisation.engine.now() / 1000)),
                media_type=MEDIA_TYPE,
                content=stored.manifest,
                retention=retention,
            )
            batch = self._organisation.deposit([item])
            self._large.end(upload.record, stored)
        outcome = self._organisation.anchor(batch)
        return Deposited(read_manifest(stored.manifest), batch.batch, outcome)

    def give_up(self, person: str, record: str) -> None:
        """Delete an upload that is not finished; refuses `large_object_exists` for one that is."""
        with self._turn(record):
            self._require_open(person, record)
            self._large.delete(record)

    def _require_open(self, person: str, record: str) -> Upload:
        upload = self.upload(person, record)
        if upload.finished:
            raise LARGE_EXISTS(record=record)
        return upload

    def _turn(self, record: str) -> threading.Lock:
        """Give an upload's lock: a piece must not come in while the upload is summed up."""
        with self._turns_lock:
            turn = self._turns.get(record)
            if turn is None:
                turn = self._turns[record] = threading.Lock()
            return turn

    # Reading

    def open(self, asker: Asker, record: str) -> Opened:
        """Open a study that is kept here, decided and journalled like its record.

        Refuses as `OwnRecords.read`, and `large_object_unknown` for a record of another kind.
        """
        read = self._organisation.own_records.read(asker, record)
        return _opened(read.row.patient, record, read.content, self._large.read)

    def open_shared(self, session: OpenedSession, record: str, holder: Counterpart) -> Opened:
        """Open a study that another organisation keeps, inside a session under its grant.

        The manifest is held against the chain like every record. Refuses `reading.denied` with
        the reasons that the reader may hear, and as `Organisation.release` does.
        """
        answers = holder.release(session, [record])
        try:
            found = self._organisation.read(session, answers)
        except Refusal as refusal:
            # A package may have been lost on the way; the holder makes it whole again, once.
            if refusal.code is not CATEGORY_KEY_MISSING:
                raise
            package = holder.repackage(session.terms.grant)
            if package is None:
                raise
            self._organisation.accept(session.terms.grant, package)
            found = self._organisation.read(session, answers)
        if record not in found.contents:
            reasons = [reason for each in found.refused for reason in each.reasons]
            raise DENIED(reasons=", ".join(reasons))
        return _opened("", record, found.contents[record], partial(holder.slices, session))

    # Slices for readers elsewhere

    def admit(self, caller: str, session: OpenedSession, record: str) -> None:
        """Note that a session released a study, so that its slices may follow until it ends."""
        terms, now = session.terms, self._organisation.engine.now()
        with self._turns_lock:
            over = [key for key, each in self._admitted.items() if now >= each.ends]
            for key in over:
                del self._admitted[key]
            self._admitted[caller, terms.session, record] = _Admitted(terms.grant, terms.ends)

    def slice(self, caller: str, session: str, manifest: bytes, index: int) -> SealedChunk:
        """Give a slice of a study that a session released; the reading was journalled with it.

        Refuses `reading.denied` where nothing was released or what allowed it stands no more, and
        as `LargeObjects.sealed`.
        """
        record = read_manifest(manifest).record
        with self._turns_lock:
            admitted = self._admitted.get((caller, session, record))
        engine = self._organisation.engine
        opened, now = SESSIONS.get(engine.state(), session), engine.now()
        if admitted is None or opened is None or not opened.open_at(now) or now >= admitted.ends:
            raise DENIED(reasons="session_not_open")
        grant = GRANTS.get(engine.state(), admitted.grant)
        if grant is None or not grant.valid(now):
            raise DENIED(reasons="grant_not_active")
        return self._large.sealed(manifest, index)


def _opened(person: str, record: str, content: bytes, reading: Reading) -> Opened:
    try:
        manifest = read_manifest(content)
    except Refusal:
        raise LARGE_UNKNOWN(record=record) from None
    if manifest.record != record:
        raise LARGE_UNKNOWN(record=record)
    return Opened(person, manifest, content, reading)
