"""Word of ends: whoever answers for a product is told of its packs that ended, by their pedigree.

A pack's end stands on the chain, where nobody can read it. Its responder is sealed the pack's whole
way, with the end opened, as soon as the post is there; until it has that, it may answer that the
pack is good.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

import sqlalchemy as sql

from yilian.gateway.supply import shipments, title_rows
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.histories import Histories
from yilian.gateway.supply.on_chain import Chain, responder_of
from yilian.gateway.supply.pedigree import MAX_SPENDS, Ended
from yilian.gateway.supply.title_errors import SHIPMENT_TOO_LARGE
from yilian.gateway.supply.title_rows import EndRow
from yilian.ledger import codec
from yilian.ledger.errors import Refusal
from yilian.ledger.keys import sha256
from yilian.vault.database import values

AT_ONCE = 500
"""Packs in one parcel."""

log = logging.getLogger("yilian.gateway")


class Ways(Protocol):
    """The ways to responders; see `titles.Partners`."""

    def key_service(self, organisation: str) -> bytes:
        """Give the key that packages for an organisation are sealed to; may refuse."""

    def bring_ends(self, organisation: str, parcel: str, package: bytes) -> None:
        """Have word of ends brought; durable when it returns, again is fine."""


class Telling:
    """What one organisation tells responders of packs that ended there. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        database: SupplyDatabase,
        histories: Histories,
        chain: Chain,
        ways: Ways,
    ) -> None:
        self._organisation = organisation
        self._database = database
        self._histories = histories
        self._chain = chain
        self._ways = ways

    def send(self) -> None:
        """Have responders told of all ends that are posted. Raises the first refusal, at last.

        One whose key is not to be had holds up nobody else.
        """
        self._address()
        failed: Exception | None = None
        for responder in self._responders():
            try:
                while self._tell(responder):
                    pass
            except Exception as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def _address(self) -> None:
        """Ask the chain who is to be told; of own products, and where nobody answers, nobody."""
        table, state = title_rows.ends, self._chain.state()
        query = sql.select(table).where(table.c.responder == "").order_by(table.c.position)
        with self._database.write() as connection:
            rows: list[EndRow] = []
            for row in title_rows.found(connection, EndRow, query):
                by: dict[str, list[str]] = {}
                for unit in title_rows.unpack(row.units):
                    responder = responder_of(state, unit)
                    if responder is not None and responder != self._organisation:
                        by.setdefault(responder, []).append(unit)
                rows += [
                    EndRow(row.note, each, title_rows.pack(units)) for each, units in by.items()
                ]
            connection.execute(sql.delete(table).where(table.c.responder == ""))
            if rows:
                connection.execute(sql.insert(table), [values(each) for each in rows])

    def _responders(self) -> list[str]:
        column = title_rows.ends.c.responder
        with self._database.read() as connection:
            return sorted(connection.scalars(sql.select(column).distinct()))

    def _tell(self, responder: str) -> bool:
        """Have a parcel brought to a responder; tells whether there was anything to tell."""
        table = title_rows.ends
        query = sql.select(table.c.position, table.c.note, table.c.units).where(
            table.c.responder == responder
        )
        wanted: dict[int, list[str]] = {}
        left: dict[int, list[str]] = {}
        room = AT_ONCE
        with self._database.read() as connection:
            for position, note, packed in connection.execute(query.order_by(table.c.position)):
                if not room:
                    break
                units = title_rows.unpack(packed)
                wanted.setdefault(note, []).extend(units[:room])
                left[position] = units[room:]
                room -= min(room, len(units))
        if not wanted:
            return False
        self._bring(responder, [(note, each) for note in wanted for each in wanted[note]])
        with self._database.write() as connection:
            for position, rest in left.items():
                of = table.c.position == position
                if rest:
                    packed = title_rows.pack(rest)
                    connection.execute(sql.update(table).where(of).values(units=packed))
                else:
                    connection.execute(sql.delete(table).where(of))
        return True

    def _bring(self, responder: str, ended: Sequence[tuple[int, str]]) -> None:
        """Seal packs, each with the number of its end, and have them brought; in halves if need be.

        The same packs make the same parcel, so that a crash behind this tells of nothing twice.
        """
        lines = [self._organisation, responder, *(f"{note} {unit}" for note, unit in ended)]
        parcel = codec.to_text(sha256("\n".join(lines).encode("utf-8"))[:16])
        public = self._ways.key_service(responder)
        try:
            document = self._document(ended)
            package = shipments.close_ends(parcel, self._organisation, responder, public, document)
        except Refusal as refusal:
            if refusal.code is not SHIPMENT_TOO_LARGE:
                raise
            if len(ended) == 1:
                log.error("a pack's end cannot be told of: its pedigree is too large")
                return
            half = len(ended) // 2
            self._bring(responder, ended[:half])
            self._bring(responder, ended[half:])
            return
        self._ways.bring_ends(responder, parcel, package)

    def _document(self, ended: Sequence[tuple[int, str]]) -> Ended:
        wanted: dict[int, list[str]] = {}
        for note, unit in ended:
            wanted.setdefault(note, []).append(unit)
        with self._database.read() as connection:
            document = self._histories.compose_ended(connection, wanted)
        if len(document.spends) > MAX_SPENDS:
            raise SHIPMENT_TOO_LARGE(limit=shipments.MAX_ENDS)
        return document
