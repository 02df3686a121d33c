"""Titles: which packs an organisation holds, by notes that nobody else can read.

What is asked for here is written down at once and done by the organisation's next posts
(`posting.py`); until then a pack that leaves is neither held nor gone. Methods that are given a
connection write in the caller's transaction, with the events that belong to them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias, get_args

import sqlalchemy as sql

from yilian.gateway.supply import notes, pedigree, shipments, title_rows
from yilian.gateway.supply.arrivals import Arrivals, Incoming
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.histories import Histories
from yilian.gateway.supply.on_chain import Chain, TitleView
from yilian.gateway.supply.pedigree import EndWord, Pedigree
from yilian.gateway.supply.plans import Plans, claims_needed, count_claims, open_actions
from yilian.gateway.supply.telling import Telling
from yilian.gateway.supply.title_errors import (
    CANNOT_SHIP,
    PROOF_MALFORMED,
    SHIPMENT_POSTING,
    SHIPMENT_TOO_LARGE,
    SHIPMENT_UNKNOWN,
    TITLE_EXISTS,
    TITLE_MOVING,
    TITLE_NOT_HELD,
)
from yilian.gateway.supply.title_rows import (
    BROUGHT,
    CANCELLED,
    DONE,
    END,
    QUEUED,
    SHIP,
    ActionRow,
    NoteRow,
    UnitRow,
)
from yilian.gateway.supply.title_secrets import TitleSecrets
from yilian.ledger.errors import MALFORMED
from yilian.ledger.modules.identity.state import standing
from yilian.ledger.state import State
from yilian.vault.database import values
from yilian.vault.envelope import new_id
from yilian.vault.keystore import Keystore

End: TypeAlias = EndWord
MAX_SHIPMENT = 10_000
"""Packs in one shipment."""

SPARE_CLAIMS = 4
"""Claims kept ready for each organisation that something is being shipped to."""


class Partners(Protocol):
    """The ways to other organisations."""

    def claims(self, organisation: str, count: int) -> Sequence[bytes]:
        """Ask for holder keys, for notes to an organisation; may refuse."""

    def key_service(self, organisation: str) -> bytes:
        """Give the key that packages for an organisation are sealed to; may refuse."""

    def bring(self, organisation: str, shipment: str, package: bytes) -> None:
        """Have a package brought; durable when it returns, again is fine."""

    def bring_ends(self, organisation: str, parcel: str, package: bytes) -> None:
        """Have word of ends brought to a responder; durable when it returns, again is fine."""


class Shipment(NamedTuple):
    """A shipment that goes out: `state` is queued, posting, done (posted), brought or cancelled."""

    shipment: str
    to: str
    state: str
    units: int
    left: int
    at: int


class Titles:
    """The titles of one organisation. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        database: SupplyDatabase,
        keystore: Keystore,
        chain: Chain,
        partners: Partners,
    ) -> None:
        self.organisation = organisation
        self.database = database
        self.chain = chain
        self.secrets = TitleSecrets(organisation, keystore)
        self.plans = Plans(self.secrets)
        self.histories = Histories(self.secrets)
        self._partners = partners
        self.telling = Telling(organisation, database, self.histories, chain, partners)
        self.arrivals = Arrivals(database, keystore, self.secrets, self._view, chain.now)

    def _view(self) -> TitleView:
        return TitleView(self.chain.state())

    # What leaves

    def commission(self, units: Sequence[str], connection: sql.Connection) -> None:
        """Enter packs that were made here; the next post commits to them.

        Refuses `supply.title_exists` for one that was ever held here. That a pack's number is this
        organisation's to give is checked by whoever gets it.
        """
        for name in title_rows.units_named(connection, units):
            raise TITLE_EXISTS(unit=name)
        if len(set(units)) < len(units):
            raise TITLE_EXISTS(unit=_repeated(units))
        rows = [values(UnitRow(each, None, None, 0)) for each in units]
        if rows:
            connection.execute(sql.insert(title_rows.units), rows)

    def ship(self, units: Sequence[str], to: str, connection: sql.Connection) -> str:
        """Have packs given to another organisation; gives the shipment's id.

        Refuses `supply.title_not_held`, `supply.title_moving`, `supply.shipment_too_large`,
        `supply.cannot_ship_there` for this organisation itself and for what is none.
        """
        found = standing(self.chain.state(), to)
        if to == self.organisation or found is None or found.kind != "organisation":
            raise CANNOT_SHIP(id=to)
        if len(units) > MAX_SHIPMENT:
            raise SHIPMENT_TOO_LARGE(limit=MAX_SHIPMENT)
        return self._move(SHIP, to, units, connection)

    def finish(self, units: Sequence[str], end: End, connection: sql.Connection) -> str:
        """Have packs leave the trade for good; gives an id to `cancel` it by, until it is posted.

        Refuses `supply.title_not_held`, `supply.title_moving`, `malformed` for another word.
        """
        if end not in get_args(End):
            raise MALFORMED()
        return self._move(END, end, units, connection)

    def _move(self, kind: str, to: str, units: Sequence[str], connection: sql.Connection) -> str:
        found = title_rows.units_named(connection, units)
        if not units or len(set(units)) < len(units):
            raise TITLE_NOT_HELD(unit=_repeated(units))
        for each in units:
            row = found.get(each)
            if row is None or row.gone:
                raise TITLE_NOT_HELD(unit=each)
            if row.move is not None:
                raise TITLE_MOVING(unit=each)
        action = new_id()
        count = len(units)
        row_ = ActionRow(action, kind, to, QUEUED, count, count, self.chain.now())
        connection.execute(sql.insert(title_rows.actions), [values(row_)])
        title_rows.change_units(connection, units, move=action)
        return action

    def cancel(self, shipment: str, connection: sql.Connection) -> None:
        """Call a shipment or an end off; refuses `supply.shipment_unknown`, `_posting`."""
        found = _action(connection, shipment)
        if found is None or found.state == CANCELLED:
            raise SHIPMENT_UNKNOWN(shipment=shipment)
        if found.state != QUEUED:
            raise SHIPMENT_POSTING(shipment=shipment)
        table = title_rows.units
        connection.execute(sql.update(table).where(table.c.move == shipment).values(move=None))
        _set_action(connection, shipment, CANCELLED)

    def shipment(self, shipment: str) -> Shipment:
        """Tell where a shipment stands; refuses `supply.shipment_unknown`."""
        with self.database.read() as connection:
            found = _action(connection, shipment)
        if found is None or found.kind != SHIP:
            raise SHIPMENT_UNKNOWN(shipment=shipment)
        return Shipment(shipment, found.to, found.state, found.units, found.left, found.at)

    def shipped(self, shipment: str) -> list[str]:
        """List the packs of a shipment that goes out, once it is posted."""
        with self.database.read() as connection:
            given = _given_units(connection, shipment)
        return sorted({each for units in given.values() for each in units})

    # What comes in

    def promise(self, giver: str, count: int) -> list[bytes]:
        """Give another organisation holder keys, for notes to this one; see `Arrivals.promise`."""
        return self.arrivals.promise(giver, count)

    def receive(self, package: bytes, caller: str) -> str:
        """Take a shipment in; see `Arrivals.receive`."""
        return self.arrivals.receive(package, caller)

    def incoming(self) -> list[Incoming]:
        """List shipments that wait for a decision, and those that were refused."""
        return self.arrivals.incoming()

    def accept(
        self, shipment: str, units: Collection[str] | None, connection: sql.Connection
    ) -> str | None:
        """Accept a shipment, or some of its packs; gives the shipment that takes back the others.

        Refuses as `Arrivals.take_over`.
        """
        sender, back = self.arrivals.take_over(shipment, units, connection)
        return self.ship(back, sender, connection) if back else None

    def decline(self, shipment: str, connection: sql.Connection) -> str:
        """Send a whole shipment back; gives the shipment by which it goes.

        Refuses as `Arrivals.take_over`.
        """
        sender, back = self.arrivals.take_over(shipment, (), connection)
        return self.ship(back, sender, connection)

    # What is held

    def holds(
        self, units: Sequence[str], connection: sql.Connection | None = None
    ) -> dict[str, bool]:
        """Tell which packs this organisation has and may give; not those on their way out."""
        if connection is None:
            with self.database.read() as own:
                return self.holds(units, own)
        found = title_rows.units_named(connection, units)
        return {
            each: (row := found.get(each)) is not None and not row.gone and row.move is None
            for each in units
        }

    def proof(self, unit: str) -> bytes:
        """Write the pedigree of a pack that is held here; refuses `supply.title_not_held`.

        One whose commissioning no post has yet is not held yet.
        """
        with self.database.read() as connection:
            row = title_rows.units_named(connection, [unit]).get(unit)
            if row is None or row.gone or row.note is None:
                raise TITLE_NOT_HELD(unit=unit)
            return pedigree.encode(self.histories.compose(connection, {row.note: [unit]}))

    def check(self, document: bytes, state: State | None = None) -> Pedigree:
        """Check a pedigree against the chain; refuses as `pedigree.decode` and `check`."""
        return check(document, self.chain.state() if state is None else state)

    # What is done between posts

    def fetch_claims(self) -> None:
        """Ask receivers for the claims that shipments wait for. Raises the first refusal, at last.

        One who does not answer holds up nobody else.
        """
        failed: Exception | None = None
        for organisation, count in self._wanted_claims().items():
            try:
                keys = self._partners.claims(organisation, count)
            except Exception as error:
                failed = failed or error
                continue
            rows = [
                {"holder": organisation, "key": bytes(each)} for each in keys if len(each) == 32
            ]
            with self.database.write() as connection:
                if rows:
                    connection.execute(sql.insert(title_rows.claims).prefix_with("OR IGNORE"), rows)
        if failed is not None:
            raise failed

    def _wanted_claims(self) -> dict[str, int]:
        wanted: dict[str, int] = {}
        with self.database.read() as connection:
            for each in open_actions(connection):
                if each.kind == SHIP:
                    wanted[each.to] = wanted.get(each.to, 0) + claims_needed(each.left)
            short = {
                each: count + SPARE_CLAIMS - count_claims(connection, each)
                for each, count in wanted.items()
            }
        return {each: min(count, 64) for each, count in short.items() if count > 0}

    def send_off(self) -> None:
        """Have packages brought for shipments that are wholly posted; again is fine."""
        with self.database.read() as connection:
            table = title_rows.actions
            query = sql.select(table).where(table.c.state == DONE, table.c.kind == SHIP)
            waiting = title_rows.found(connection, ActionRow, query.order_by(table.c.position))
        failed: Exception | None = None
        for each in waiting:
            try:
                self._partners.bring(each.to, each.action, self.package(each.action))
            except Exception as error:
                failed = failed or error
                continue
            with self.database.write() as connection:
                _set_action(connection, each.action, BROUGHT)
        if failed is not None:
            raise failed

    def package(self, shipment: str) -> bytes:
        """Seal a posted shipment for its receiver; refuses `supply.shipment_unknown`."""
        with self.database.read() as connection:
            found = _action(connection, shipment)
            if found is None or found.kind != SHIP or found.state not in (DONE, BROUGHT):
                raise SHIPMENT_UNKNOWN(shipment=shipment)
            document = self.histories.compose(connection, _given_units(connection, shipment))
        public = self._partners.key_service(found.to)
        return shipments.close(shipment, self.organisation, found.to, public, document)

    def spent_elsewhere(self) -> list[int]:
        """Give up notes that the chain says were spent, and that are held by what is kept here.

        So after a restore of an old backup. Gives the notes; their packs are gone.
        """
        view, lost = self._view(), []
        table = title_rows.notes
        query = sql.select(table).where(
            table.c.holder == self.organisation, table.c.spent.is_(None)
        )
        with self.database.write() as connection:
            planned = sql.select(title_rows.spends.c.note)
            held = query.where(table.c.note.not_in(planned.where(sql.column("note").is_not(None))))
            for row in title_rows.found(connection, NoteRow, held):
                secret = self.secrets.open(row.key, row.secret)
                nullifier = notes.nullifier(self.organisation, secret)
                if view.spent(self.organisation, nullifier) is not None:
                    lost.append(row.note)
                    _give_up(connection, row.note)
        return lost


def check(document: bytes, state: State) -> Pedigree:
    """Check a pedigree (JSON) against a state; refuses as `pedigree.decode` and `check`."""
    if len(document) > shipments.MAX_INSIDE:
        raise PROOF_MALFORMED()
    return pedigree.check(pedigree.decode(document), TitleView(state))


def _give_up(connection: sql.Connection, note: int) -> None:
    units, table = title_rows.units, title_rows.notes
    connection.execute(
        sql.update(units).where(units.c.note == note, units.c.gone == 0).values(gone=1, move=None)
    )
    connection.execute(sql.update(table).where(table.c.note == note).values(spent=0))


def _given_units(connection: sql.Connection, shipment: str) -> Mapping[int, Sequence[str]]:
    """List the packs of a shipment that goes out, by its notes."""
    table, wanted = title_rows.notes, dict[int, list[str]]()
    made = sql.select(table).where(table.c.shipment == shipment, table.c.made.is_not(None))
    for note in title_rows.found(connection, NoteRow, made):
        edges = title_rows.edges
        query = sql.select(edges.c.units).where(edges.c.note == note.note)
        for packed in connection.scalars(query):
            wanted.setdefault(note.note, []).extend(title_rows.unpack(packed))
    return wanted


def _action(connection: sql.Connection, action: str) -> ActionRow | None:
    query = sql.select(title_rows.actions).where(title_rows.actions.c.action == action)
    return next(iter(title_rows.found(connection, ActionRow, query)), None)


def _set_action(connection: sql.Connection, action: str, state: str) -> None:
    table = title_rows.actions
    connection.execute(sql.update(table).where(table.c.action == action).values(state=state))


def _repeated(units: Iterable[str]) -> str:
    seen: set[str] = set()
    for each in units:
        if each in seen:
            return each
        seen.add(each)
    return ""


__all__ = ["End", "Incoming", "Partners", "Shipment", "Titles", "check"]
