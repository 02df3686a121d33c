"""Shipments that come in: claims given for them, their checks, and what people decide.

The notes of a shipment are this organisation's from the moment the sender's post is on the chain.
What it does not accept it sends back, by a shipment of its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sql

from yilian.gateway.members.errors import NOT_ABOUT_YOU
from yilian.gateway.supply import pedigree, shipments, title_rows
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.pedigree import Document, Note
from yilian.gateway.supply.title_errors import (
    CLAIM_USED,
    CLAIMS_EXHAUSTED,
    PROOF_MALFORMED,
    SHIPMENT_DECIDED,
    SHIPMENT_DIFFERS,
    SHIPMENT_UNKNOWN,
    TITLE_DOUBLE,
    TITLE_NOT_HELD,
    TITLE_NOT_OURS,
)
from yilian.gateway.supply.title_rows import (
    ACCEPTED,
    DECLINED,
    REFUSED,
    WAITING,
    ArrivalRow,
    EdgeRow,
    NoteRow,
    PromiseRow,
    UnitRow,
)
from yilian.gateway.supply.title_secrets import TitleSecrets
from yilian.ledger.errors import Refusal
from yilian.vault.database import values
from yilian.vault.keystore import Keystore

MAX_CLAIMS = 64
"""Claims given at once."""

OUTSTANDING = 4_096
"""Claims that one giver may have and not have used."""

KEPT_REFUSED = 1_000


class Incoming(NamedTuple):
    """A shipment that came in; `fault` is the code of what was wrong with one that was refused."""

    shipment: str
    sender: str
    units: tuple[str, ...]
    checked: bool
    fault: str
    at: int


class Arrivals:
    """What comes in to one organisation. Safe for threads."""

    def __init__(
        self,
        database: SupplyDatabase,
        keystore: Keystore,
        secrets: TitleSecrets,
        view: Callable[[], pedigree.View],
        now: Callable[[], int],
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._secrets = secrets
        self._organisation = secrets.organisation
        self._view = view
        self._now = now
        self.listeners: list[Callable[[], object]] = []
        """Told after a shipment was taken in."""

    # Claims

    def promise(self, giver: str, count: int) -> list[bytes]:
        """Make holder keys for notes that another organisation will give to this one.

        Refuses `supply.claims_exhausted` for more than `MAX_CLAIMS`, and where the giver has
        `OUTSTANDING` that it never used.
        """
        table = title_rows.promises
        unused = sql.select(sql.func.count()).where(
            table.c.giver == giver, table.c.shipment.is_(None)
        )
        with self._database.write() as connection:
            had = int(connection.scalar(unused) or 0)
            if not 1 <= count <= MAX_CLAIMS or had + count > OUTSTANDING:
                raise CLAIMS_EXHAUSTED(limit=MAX_CLAIMS)
            made = [self._secrets.new() for _ in range(count)]
            rows = [values(PromiseRow(key, secret, giver, None)) for key, secret in made]
            connection.execute(sql.insert(table), rows)
        return [key for key, _ in made]

    # Receiving

    def receive(self, package: bytes, caller: str) -> str:
        """Take a shipment in and check it; gives its id. Again is fine.

        Refuses as `shipments.open_package` and `pedigree.check`, and `members.not_about_caller`,
        `supply.shipment_differs`, `supply.title_not_ours`, `supply.title_claim_used`,
        `supply.title_double`. A refused one is listed with its fault, and may come again.
        """
        outer = shipments.outer(package)
        if outer.sender != caller:
            raise NOT_ABOUT_YOU()
        with self._database.read() as connection:
            known = _arrival(connection, outer.shipment)
        if known is not None and known.sender != caller:
            raise SHIPMENT_DIFFERS(shipment=outer.shipment)
        if known is not None and known.state != REFUSED:
            return outer.shipment
        try:
            document = shipments.open_package(outer, self._organisation, self._keystore)
            found = pedigree.check(document, self._view())
        except Refusal as refusal:
            self._note(outer.shipment, caller, refusal)
            raise
        try:
            self._take(outer.shipment, caller, document, found)
        except Refusal as refusal:
            self._note(outer.shipment, caller, refusal)
            raise
        for call in self.listeners:
            call()
        return outer.shipment

    def _take(
        self, shipment: str, sender: str, document: Document, found: pedigree.Pedigree
    ) -> None:
        data = zlib.compress(msgspec.msgpack.encode(document), 1)
        row = ArrivalRow(shipment, sender, WAITING, "", len(found), self._now(), data)
        with self._database.write() as connection:
            known = _arrival(connection, shipment)
            if known is not None and known.state != REFUSED:
                return
            self._require_promised(connection, sender, document, found)
            _require_strange(connection, list(found))
            keys = sorted({each.note.key for each in document.lines})
            for part in title_rows.some(keys):
                named = title_rows.promises.c.key.in_(part)
                connection.execute(
                    sql.update(title_rows.promises).where(named).values(shipment=shipment)
                )
            _put(connection, row)

    def _require_promised(
        self,
        connection: sql.Connection,
        sender: str,
        document: Document,
        found: pedigree.Pedigree,
    ) -> None:
        """Refuse notes that are not to claims which the sender was given, each for one note."""
        notes: dict[bytes, Note] = {}
        for line in document.lines:
            unit, note = line.units[0], line.note
            last = document.spends[line.chain[-1]].organisation
            if note.holder != self._organisation or last != sender:
                raise TITLE_NOT_OURS(unit=unit)
            if notes.setdefault(note.key, note) != note:
                raise CLAIM_USED(unit=unit)
        example = {course.note.key: unit for unit, course in found.items()}
        promised = _promises(connection, sorted(notes))
        for key in notes:
            promise = promised.get(key)
            if promise is None or promise.giver != sender:
                raise TITLE_NOT_OURS(unit=example[key])
            if promise.shipment is not None:
                raise CLAIM_USED(unit=example[key])

    def _note(self, shipment: str, sender: str, refusal: Refusal) -> None:
        """List a shipment that was refused, for people to see; the oldest such are forgotten."""
        row = ArrivalRow(shipment, sender, REFUSED, refusal.code.name, 0, self._now(), b"")
        table = title_rows.arrivals
        refused = (
            sql.select(table.c.position)
            .where(table.c.state == REFUSED)
            .order_by(table.c.position.desc())
        )
        with self._database.write() as connection:
            known = _arrival(connection, shipment)
            if known is not None and known.state != REFUSED:
                return
            _put(connection, row)
            over = list(connection.scalars(refused.offset(KEPT_REFUSED)))
            for part in title_rows.some(over):
                connection.execute(sql.delete(table).where(table.c.position.in_(part)))

    # Deciding

    def incoming(self) -> list[Incoming]:
        """List what waits for a decision, and what was refused, oldest first."""
        table = title_rows.arrivals
        query = sql.select(table).where(table.c.state.in_((WAITING, REFUSED)))
        with self._database.read() as connection:
            rows = title_rows.found(connection, ArrivalRow, query.order_by(table.c.position))
        return [
            Incoming(
                each.shipment,
                each.sender,
                tuple(units_of(each)) if each.state == WAITING else (),
                each.state == WAITING,
                each.fault,
                each.at,
            )
            for each in rows
        ]

    def take_over(
        self,
        shipment: str,
        units: Collection[str] | None,
        connection: sql.Connection,
    ) -> tuple[str, list[str]]:
        """Enter a shipment's notes, checked once more; gives its sender and what is not accepted.

        Without `units` all are accepted; none of them is a decline. Refuses
        `supply.shipment_unknown`, `supply.shipment_decided`, `supply.title_not_held` for a unit
        that is not in it, `supply.title_double` for one that is held here already.
        """
        row = _arrival(connection, shipment)
        if row is None or row.state == REFUSED:
            raise SHIPMENT_UNKNOWN(shipment=shipment)
        if row.state != WAITING:
            raise SHIPMENT_DECIDED(shipment=shipment)
        document = read_document(row)
        found = pedigree.check(document, self._view())
        accepted = set(found) if units is None else set(units)
        for each in sorted(accepted - set(found)):
            raise TITLE_NOT_HELD(unit=each)
        _require_strange(connection, list(found))
        self._enter(connection, shipment, document)
        state = ACCEPTED if accepted else DECLINED
        connection.execute(
            sql.update(title_rows.arrivals)
            .where(title_rows.arrivals.c.shipment == shipment)
            .values(state=state)
        )
        return row.sender, [each for each in found if each not in accepted]

    def _enter(self, connection: sql.Connection, shipment: str, document: Document) -> None:
        grouped: dict[Note, list[str]] = {}
        for line in document.lines:
            grouped.setdefault(line.note, []).extend(line.units)
        promised = _promises(connection, sorted(each.key for each in grouped))
        for note, names in grouped.items():
            promise = promised.get(note.key)
            if promise is None or promise.shipment != shipment:
                raise TITLE_NOT_OURS(unit=names[0])
            number = title_rows.next_key(connection, title_rows.notes.c.note)
            secret = promise.secret
            row = NoteRow(
                number, note.holder, secret, note.key, note.salt, "", None, None, shipment
            )
            edge = title_rows.next_key(connection, title_rows.edges.c.edge)
            packed = title_rows.pack(names)
            connection.execute(sql.insert(title_rows.notes), [values(row)])
            connection.execute(
                sql.insert(title_rows.edges), [values(EdgeRow(edge, None, None, number, packed))]
            )
            back = list(title_rows.units_named(connection, names))
            title_rows.change_units(connection, back, note=number, move=None, gone=0)
            fresh = [each for each in names if each not in set(back)]
            if fresh:
                rows = [values(UnitRow(each, number, None, 0)) for each in fresh]
                connection.execute(sql.insert(title_rows.units), rows)


def _arrival(connection: sql.Connection, shipment: str) -> ArrivalRow | None:
    table = title_rows.arrivals
    query = sql.select(table).where(table.c.shipment == shipment)
    return next(iter(title_rows.found(connection, ArrivalRow, query)), None)


def _put(connection: sql.Connection, row: ArrivalRow) -> None:
    table = title_rows.arrivals
    connection.execute(sql.delete(table).where(table.c.shipment == row.shipment))
    connection.execute(sql.insert(table), [values(row)])


def _promises(connection: sql.Connection, keys: Sequence[bytes]) -> dict[bytes, PromiseRow]:
    found: dict[bytes, PromiseRow] = {}
    for part in title_rows.some(keys):
        query = sql.select(title_rows.promises).where(title_rows.promises.c.key.in_(part))
        found.update((each.key, each) for each in title_rows.found(connection, PromiseRow, query))
    return found


def _require_strange(connection: sql.Connection, units: Sequence[str]) -> None:
    """Refuse packs that are here already: two of them are on their way under one number."""
    for name, row in title_rows.units_named(connection, units).items():
        if not row.gone:
            raise TITLE_DOUBLE(unit=name)


def read_document(row: ArrivalRow) -> Document:
    """Read the pedigree that a shipment came with; refuses `supply.proof_malformed`."""
    try:
        return msgspec.msgpack.decode(zlib.decompress(row.document), type=Document)
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise PROOF_MALFORMED() from None


def units_of(row: ArrivalRow) -> list[str]:
    """List the packs of a shipment that came in."""
    return [unit for line in read_document(row).lines for unit in line.units]
