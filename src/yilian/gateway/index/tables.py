"""The tables of the chain index. `seq` counts events from 1: it is age, and the order of lists."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text

FORMAT = 4
"""Raise it with every change of these tables: an index of another format is filled anew."""

_BIG = BigInteger().with_variant(Integer, "sqlite")

METADATA = MetaData()

CURSOR = Table(
    "cursor",
    METADATA,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("format", Integer, nullable=False),
    Column("chain", Text, nullable=False),
    Column("genesis", Text, nullable=False),
    Column("height", _BIG, nullable=False),
    Column("block", Text, nullable=False),
    Column("events", _BIG, nullable=False),
)
"""One row: which chain, up to which block, and how many events so far."""

BLOCKS = Table(
    "blocks",
    METADATA,
    Column("height", _BIG, primary_key=True, autoincrement=False),
    Column("time", _BIG, nullable=False),
    Column("hash", Text, nullable=False),
    Column("transactions", Integer, nullable=False),
    Column("first_event", _BIG, nullable=False),
    Column("events", Integer, nullable=False),
)
"""Height 0 is genesis: its events are those that its members would have caused."""

TRANSACTIONS = Table(
    "transactions",
    METADATA,
    Column("height", _BIG, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False),
    Column("code", Integer, nullable=False),
    Column("types", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    sqlite_with_rowid=False,
)

EVENTS = Table(
    "events",
    METADATA,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    Column("height", _BIG, nullable=False),
    Column("position", Integer, nullable=False),
    Column("place", Integer, nullable=False),
    Column("capability", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("text", Text, nullable=False),
)
"""`position` is that of the transaction, -1 for a timer's events; `place` counts within it."""
Index("events_by_capability", EVENTS.c.capability, EVENTS.c.seq)

EVENT_IDS = Table(
    "event_ids",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)


def _records(name: str, *columns: Column[Any], by: tuple[str, ...] = ()) -> Table:
    """A table of one kind of record: first `seq` and `id`, last the height and time (ms) of it."""
    table = Table(
        name,
        METADATA,
        Column("seq", _BIG, primary_key=True, autoincrement=False),
        Column("id", Text, nullable=False, unique=True),
        *columns,
        Column("since", _BIG, nullable=False),
        Column("time", _BIG, nullable=False),
    )
    for column in by:
        Index(f"{name}_by_{column}", table.c[column], table.c.seq)
    return table


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _number(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, _BIG, nullable=nullable)


SUBJECTS = _records(
    "subjects",
    _text("kind"),
    _text("organisation"),
    _text("status"),
    _number("ended", nullable=True),
    by=("organisation",),
)
KEYS = _records(
    "keys", _text("owner"), _text("status"), _number("ended", nullable=True), by=("owner",)
)
LICENCES = _records(
    "licences",
    _text("practitioner"),
    _text("issuer"),
    _text("status"),
    _number("ended", nullable=True),
    by=("practitioner", "issuer"),
)
RECOVERIES = _records(
    "recoveries",
    _text("person"),
    _number("due"),
    _text("status"),
    _number("ended", nullable=True),
    by=("person",),
)
MEMBERS = _records("members", _text("status"), _number("ended", nullable=True))
PROPOSALS = _records(
    "proposals",
    _text("proposer"),
    _text("action"),
    _text("status"),
    _number("ended", nullable=True),
    by=("proposer",),
)
GRANTS = _records(
    "grants",
    _text("person"),
    _number("starts"),
    _number("ends"),
    _text("status"),
    _number("ended", nullable=True),
    by=("person",),
)
SESSIONS = _records("sessions", _number("ends"), _text("status"), _number("ended", nullable=True))
ASKS = _records("asks", _number("ends"), _text("status"), _number("ended", nullable=True))
EMERGENCIES = _records(
    "emergencies",
    _text("reader"),
    _text("organisation"),
    _number("ends"),
    _text("finding"),
    _text("status"),
    _number("ended", nullable=True),
    by=("organisation",),
)
"""`finding` is `waiting` until the review; an access whose time ran out keeps its status."""

ANCHORS = _records("anchors", _text("organisation"), by=("organisation",))
BATCHES = _records(
    "batches", _text("of"), _text("organisation"), _number("size"), by=("organisation",)
)
HOLDS = _records(
    "holds",
    _text("organisation"),
    _text("ground"),
    _text("status"),
    _number("ended", nullable=True),
    by=("organisation",),
)
ERASURES = _records(
    "erasures", _text("organisation"), _text("extent"), _number("size"), by=("organisation",)
)
LINKS = _records(
    "links",
    _text("organisation"),
    _text("status"),
    _number("ended", nullable=True),
    by=("organisation",),
)
ENCOUNTERS = _records(
    "encounters",
    _text("organisation"),
    _text("status"),
    _number("ended", nullable=True),
    by=("organisation",),
)
REFERRALS = _records(
    "referrals",
    _text("organisation"),
    _text("to"),
    _number("ends"),
    _text("status"),
    _number("ended", nullable=True),
    by=("organisation", "to"),
)
COMPANIES = _records(
    "companies",
    _text("organisation"),
    _text("gln"),
    _text("status"),
    _number("ended", nullable=True),
    by=("organisation", "gln"),
)
PRODUCTS = _records(
    "products",
    _text("kind"),
    _text("owner"),
    _text("responder"),
    _text("offered"),
    _text("status"),
    _number("ended", nullable=True),
    by=("owner", "responder", "offered"),
)
"""By GTIN; `offered` is empty where a product is on offer to nobody."""
CREDENTIALS = _records(
    "credentials",
    _text("organisation"),
    _text("issuer"),
    _text("role"),
    _number("ends"),
    _text("status"),
    _number("ended", nullable=True),
    by=("organisation", "issuer"),
)
RECALLS = _records(
    "recalls",
    _text("gtin"),
    _text("issuer"),
    _number("grade"),
    _text("reason"),
    _number("ends", nullable=True),
    _text("status"),
    _number("ended", nullable=True),
    by=("gtin", "issuer"),
)
ALERTS = _records(
    "alerts",
    _text("gtin"),
    _text("kind"),
    _text("organisation"),
    _text("finding"),
    _text("status"),
    _number("ended", nullable=True),
    by=("gtin", "organisation"),
)
RECORDS = (
    SUBJECTS,
    KEYS,
    LICENCES,
    RECOVERIES,
    MEMBERS,
    PROPOSALS,
    GRANTS,
    SESSIONS,
    ASKS,
    EMERGENCIES,
    ANCHORS,
    BATCHES,
    HOLDS,
    ERASURES,
    LINKS,
    ENCOUNTERS,
    REFERRALS,
    COMPANIES,
    PRODUCTS,
    CREDENTIALS,
    RECALLS,
    ALERTS,
)
