"""The records of a chain whose first blocks are not here: read from the state that stands.

A node that began from a snapshot, from an older chain's state, or that dropped old blocks, has no
events for what happened before. Its lists of records are filled from the state instead, each record
as it stands; `seq` follows their order there, and `time` is that of the newest block, because the
state keeps no more. What is listed of blocks, transactions and events begins with the node's first
block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from yilian.gateway.index import tables
from yilian.gateway.index.rows import Book
from yilian.gateway.index.supply_rows import NOBODY
from yilian.ledger.modules.care import state as care
from yilian.ledger.modules.consent import state as consent
from yilian.ledger.modules.governance import state as governance
from yilian.ledger.modules.identity import state as identity
from yilian.ledger.modules.records import state as records
from yilian.ledger.modules.supply import state as supply
from yilian.ledger.state import Reader, Table

PART = 5_000
"""Records between two writes."""

_Taken = Callable[[Book, str, Any], None]


def take_over(reader: Reader, book: Callable[[], Book]) -> Iterator[Book]:
    """Give books with all records of a state, part by part; `book` begins each, behind the last."""
    made = book()
    count = 0
    for table, taken in TAKEN:
        for name, record in table.scan(reader):
            made.events += 1
            taken(made, name, record)
            count += 1
            if count == PART:
                yield made
                made, count = book(), 0
    yield made


def _status(ended: object, before: str, after: str) -> str:
    return before if ended is None else after


def _subject(book: Book, name: str, it: identity.Subject) -> None:
    book.add(tables.SUBJECTS, name, it.kind, it.organisation, it.status, it.ended)


def _key(book: Book, name: str, it: identity.Key) -> None:
    status = _status(it.until, "active", "revoked")
    book.add(tables.KEYS, name, it.owner, status, it.until)


def _licence(book: Book, name: str, it: identity.Licence) -> None:
    status = _status(it.revoked, "issued", "revoked")
    book.add(tables.LICENCES, name, it.practitioner, it.issuer, status, it.revoked)


def _recovery(book: Book, name: str, it: identity.Recovery) -> None:
    ended = None if it.status == "waiting" else book.height
    book.add(tables.RECOVERIES, name, it.person, it.due, it.status, ended)


def _link(book: Book, name: str, it: identity.Link) -> None:
    status = _status(it.ended, "standing", "ended")
    book.add(tables.LINKS, name, it.organisation, status, it.ended)


def _member(book: Book, name: str, it: governance.Member) -> None:
    book.add(tables.MEMBERS, name, "member", None)


def _proposal(book: Book, name: str, it: governance.Proposal) -> None:
    action = str(it.action.__struct_config__.tag)
    ended = None if it.status == "open" else book.height
    book.add(tables.PROPOSALS, name, it.proposer, action, it.status, ended)


def _grant(book: Book, name: str, it: consent.Grant) -> None:
    status = _status(it.revoked, "given", "revoked")
    book.add(tables.GRANTS, name, it.person, it.starts, it.ends, status, it.revoked)


def _session(book: Book, name: str, it: consent.Session) -> None:
    book.add(tables.SESSIONS, name, it.ends, _status(it.closed, "open", "closed"), it.closed)


def _ask(book: Book, name: str, it: consent.Ask) -> None:
    status = _status(it.withdrawn, "open", "withdrawn")
    book.add(tables.ASKS, name, it.ends, status, it.withdrawn)


def _emergency(book: Book, name: str, it: consent.Emergency) -> None:
    status = _status(it.closed, "open", "ended")
    finding = it.finding or "waiting"
    row = (it.reader, it.organisation, it.ends, finding, status, it.closed)
    book.add(tables.EMERGENCIES, name, *row)


def _anchor(book: Book, name: str, it: records.Anchor) -> None:
    book.add(tables.ANCHORS, name, it.organisation)


def _batch(book: Book, name: str, it: records.Batch) -> None:
    book.add(tables.BATCHES, name, it.of, it.organisation, it.size)


def _hold(book: Book, name: str, it: records.Hold) -> None:
    status = _status(it.lifted, "standing", "lifted")
    book.add(tables.HOLDS, name, it.organisation, it.ground, status, it.lifted)


def _erasure(book: Book, name: str, it: records.Erasure) -> None:
    book.add(tables.ERASURES, name, it.organisation, it.extent, it.size)


def _encounter(book: Book, name: str, it: care.Encounter) -> None:
    ended = None if it.status == "open" else book.height
    book.add(tables.ENCOUNTERS, name, it.organisation, it.status, ended)


def _referral(book: Book, name: str, it: care.Referral) -> None:
    ended = book.height if it.status in ("declined", "ended") else None
    book.add(tables.REFERRALS, name, it.organisation, it.to, it.ends, it.status, ended)


def _company(book: Book, name: str, it: supply.Company) -> None:
    status = _status(it.ended, "registered", "ended")
    book.add(tables.COMPANIES, name, it.organisation, it.gln, status, it.ended)


def _product(book: Book, name: str, it: supply.Product) -> None:
    status = _status(it.ended, "registered", "ended")
    row = (it.kind, it.owner, it.responder, it.offered or NOBODY, status, it.ended)
    book.add(tables.PRODUCTS, name, *row)


def _credential(book: Book, name: str, it: supply.Credential) -> None:
    status = _status(it.revoked, "issued", "revoked")
    row = (it.organisation, it.issuer, it.role, it.ends, status, it.revoked)
    book.add(tables.CREDENTIALS, name, *row)


def _recall(book: Book, name: str, it: supply.Recall) -> None:
    status = _status(it.ended, "standing", "ended")
    ended = None if it.ended is None else book.height
    row = (it.gtin, it.issuer, it.grade, it.reason, it.ends, status, ended)
    book.add(tables.RECALLS, name, *row)


def _alert(book: Book, name: str, it: supply.Alert) -> None:
    ended = None if it.finding is None else book.height
    row = (it.gtin, it.kind, it.organisation, it.finding or "waiting", it.status, ended)
    book.add(tables.ALERTS, name, *row)


TAKEN: tuple[tuple[Table[Any], _Taken], ...] = (
    (identity.SUBJECTS, _subject),
    (identity.KEYS, _key),
    (identity.LICENCES, _licence),
    (identity.RECOVERIES, _recovery),
    (identity.LINKS, _link),
    (governance.MEMBERS, _member),
    (governance.PROPOSALS, _proposal),
    (consent.GRANTS, _grant),
    (consent.SESSIONS, _session),
    (consent.ASKS, _ask),
    (consent.EMERGENCIES, _emergency),
    (records.ANCHORS, _anchor),
    (records.BATCHES, _batch),
    (records.HOLDS, _hold),
    (records.ERASURES, _erasure),
    (care.ENCOUNTERS, _encounter),
    (care.REFERRALS, _referral),
    (supply.COMPANIES, _company),
    (supply.PRODUCTS, _product),
    (supply.CREDENTIALS, _credential),
    (supply.RECALLS, _recall),
    (supply.ALERTS, _alert),
)
"""Each table of records and how the state fills it; `rows.PROJECTIONS` does so from events."""
