"""The register of emergency accesses: those this organisation's readers made, and those to its own.

It says nothing about whether an access stands; that is on the chain (or in the outage log). It is
there for the review and for the patient: the opened terms with their words, sealed. Beside it lie
signed transactions that wait for a chain that is away, and the words of reviews.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.codec import Digest
from yilian.vault.database import Database, table, values
from yilian.vault.emergency_access import OpenedEmergency
from yilian.vault.envelope import Format, binding, commitment, new_salt
from yilian.vault.keystore import Keystore

Side = Literal["reader", "holder"]


class Review(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-review/1"):
    """Why an access was judged as it was; the chain has the commitment of these bytes."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)]
    salt: Digest


class Entry(NamedTuple):
    """An access in the register; `settled`: the keys that it used were replaced after it."""

    opened: OpenedEmergency
    side: Side
    time: int
    settled: bool


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An access of one side: since when (ms) it is known here, with its sealed terms."""

    access: str
    side: str
    patient: str
    time: int
    settled: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A reader's signed transaction that is handed in when the chain is back."""

    access: str
    transaction: bytes


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """The words of a review, found by their commitment."""

    access: str
    commitment: str
    sealed: bytes


_entries = table("emergency_register", EntryRow, ["access", "side"])
_waiting = table("emergency_transactions", WaitingRow, ["access"])
_reviews = table("emergency_reviews", ReviewRow, ["access", "commitment"])


class Register:
    """The register of one organisation. Safe for threads."""

    def __init__(self, keystore: Keystore, database: Database) -> None:
        self._keystore = keystore
        self._database = database

    def note(self, opened: OpenedEmergency, side: Side, time: int) -> bool:
        """Note an access durably; tells whether it is new here."""
        access = opened.terms.access
        sealer = self._keystore.sealer("emergency-register")
        row = EntryRow(
            access=access,
            side=side,
            patient=opened.terms.patient,
            time=time,
            settled=0,
            sealed=sealer.seal(codec.encode(opened), _entry_binding(access, side)),
        )
        with self._database.write() as database:
            added = database.execute(
                sql.insert(_entries).prefix_with("OR IGNORE"), [values(row)]
            ).rowcount
        return bool(added)

    def find(self, access: str, side: Side) -> Entry | None:
        """Find an access of one side."""
        query = sql.select(_entries).where(_entries.c.access == access, _entries.c.side == side)
        row = self._database.one(EntryRow, query)
        return None if row is None else self._opened(row)

    def entries(self, side: Side, patient: str | None = None) -> list[Entry]:
        """List the accesses of one side, newest first; of one patient where named."""
        query = sql.select(_entries).where(_entries.c.side == side)
        if patient is not None:
            query = query.where(_entries.c.patient == patient)
        ordered = query.order_by(_entries.c.time.desc(), _entries.c.access)
        return [self._opened(row) for row in self._database.rows(EntryRow, ordered)]

    def unsettled(self) -> list[Entry]:
        """List accesses to this organisation's patients whose keys were not replaced after."""
        query = sql.select(_entries).where(_entries.c.side == "holder", _entries.c.settled == 0)
        rows = self._database.rows(EntryRow, query.order_by(_entries.c.time, _entries.c.access))
        return [self._opened(row) for row in rows]

    def settle(self, access: str) -> None:
        """Note that the keys which an access used were replaced."""
        with self._database.write() as database:
            mine = (_entries.c.access == access, _entries.c.side == "holder")
            database.execute(sql.update(_entries).where(*mine).values(settled=1))

    def forget(self, patient: str) -> None:
        """Delete the accesses to a patient whose records are erased, with their words."""
        with self._database.write() as database:
            named = sql.select(_entries.c.access).where(
                _entries.c.patient == patient, _entries.c.side == "holder"
            )
            found = list(database.execute(named).scalars())
            database.execute(sql.delete(_reviews).where(_reviews.c.access.in_(found)))
            database.execute(sql.delete(_entries).where(_entries.c.patient == patient))

    # Transactions that wait for the chain

    def keep(self, access: str, transaction: bytes) -> None:
        """Keep a reader's signed transaction until the chain is back; a newer one replaces it."""
        row = WaitingRow(access, transaction)
        with self._database.write() as database:
            database.execute(sql.insert(_waiting).prefix_with("OR REPLACE"), [values(row)])

    def kept(self) -> list[WaitingRow]:
        """List the transactions that wait, by access."""
        return self._database.rows(WaitingRow, sql.select(_waiting).order_by(_waiting.c.access))

    def handed_in(self, access: str) -> None:
        """Note that the chain answered; the transaction is deleted here."""
        with self._database.write() as database:
            database.execute(sql.delete(_waiting).where(_waiting.c.access == access))

    # Reviews

    def write_review(self, access: str, text: str) -> str:
        """Keep the words of a review, sealed; gives the commitment for the chain.

        Refuses `malformed`: no words, or too many.
        """
        salt = new_salt()
        data = codec.encode(Review(text=text, salt=codec.to_text(salt)))
        codec.decode(data, Review)
        committed = review_commitment(salt, text)
        sealer = self._keystore.sealer("emergency-reviews")
        sealed = sealer.seal(data, _review_binding(access, committed))
        row = ReviewRow(access, committed, sealed)
        with self._database.write() as database:
            database.execute(sql.insert(_reviews), [values(row)])
        return committed

    def review(self, access: str, committed: str) -> str | None:
        """Give the words behind a review's commitment, where they were written here."""
        query = sql.select(_reviews).where(
            _reviews.c.access == access, _reviews.c.commitment == committed
        )
        row = self._database.one(ReviewRow, query)
        if row is None:
            return None
        sealer = self._keystore.sealer("emergency-reviews")
        data = sealer.open(row.sealed, _review_binding(access, committed))
        return codec.decode(data, Review).text

    def _opened(self, row: EntryRow) -> Entry:
        side: Side = "reader" if row.side == "reader" else "holder"
        sealer = self._keystore.sealer("emergency-register")
        data = sealer.open(row.sealed, _entry_binding(row.access, side))
        return Entry(codec.decode(data, OpenedEmergency), side, row.time, bool(row.settled))


def review_commitment(salt: bytes, text: str) -> str:
    """Commit to the words of a review (`envelope.commitment` over their UTF-8 bytes)."""
    return commitment(salt, text.encode("utf-8"))


def _entry_binding(access: str, side: Side) -> bytes:
    return binding("emergency-register", access=access, side=side)


def _review_binding(access: str, committed: str) -> bytes:
    return binding("emergency-review", access=access, commitment=committed)
