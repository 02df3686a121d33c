"""Ends that members tell a responder of, each proved by the pack's pedigree up to it.

What is proved is noted as an event in the responder's own repository, told by who ended the packs:
so whatever follows events knows of it, and answers, alerts and recalls need no other way. The table
of ends says which of the events are proved (`end_rows.py`), and that none is noted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import uuid4

import sqlalchemy as sql

from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.repository import Repository, Stored
from yilian.gateway.members.errors import NOT_ABOUT_YOU
from yilian.gateway.supply import end_rows, pedigree, shipments, steps
from yilian.gateway.supply.action_events import WORDS
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.end_rows import EndedRow
from yilian.gateway.supply.on_chain import TitleView, responder_of
from yilian.gateway.supply.orders import ActionName
from yilian.gateway.supply.pedigree import EndWord
from yilian.gateway.supply.steps import END, NAMESPACE, PARTY, PREFIX
from yilian.gateway.supply.title_errors import (
    END_BY_ANOTHER,
    END_NOT_ANSWERED,
    PROOF_MALFORMED,
    TITLE_UNPOSTED,
)
from yilian.ledger.modules.supply import state as supply
from yilian.ledger.state import State
from yilian.vault.database import values
from yilian.vault.keystore import Keystore

ACTS: Mapping[EndWord, ActionName] = {
    "dispensed": "dispense",
    "destroyed": "destroy",
    "exported": "export",
    "sampled": "sample",
    "stolen": "report_stolen",
    "lost": "report_lost",
    "decommissioned": "decommission",
}
"""The action of our own people by which packs end so: its event says the same."""


class Following(Protocol):
    """What works events out (`packs.Packs`)."""

    def apply(self, stored: Stored, connection: sql.Connection) -> object:
        """Take one event, inside the caller's transaction."""


class Ends:
    """The ends that one organisation was told of, as responder. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        database: SupplyDatabase,
        keystore: Keystore,
        repository: Repository,
        packs: Following,
        state: Callable[[], State],
    ) -> None:
        """`state` gives the committed state of this organisation's own node."""
        self._organisation = organisation
        self._database = database
        self._keystore = keystore
        self._repository = repository
        self._packs = packs
        self._state = state

    def take(self, package: bytes, caller: str) -> int:
        """Take a member's word of packs that ended at it; tells how many are new. Again is fine.

        All of a package counts, or nothing of it. Refuses `malformed`, what `shipments.open_ends`
        and `pedigree.check_ended` refuse, `members.not_about_caller` for another's package,
        `supply.end_by_another` for a pack that somebody else ended, `supply.end_not_answered` for
        one that this organisation does not answer for.
        """
        outer = shipments.outer_ends(package)
        if outer.sender != caller:
            raise NOT_ABOUT_YOU()
        document = shipments.open_ends(outer, self._organisation, self._keystore)
        state = self._state()
        found = pedigree.check_ended(document, TitleView(state))
        rows: dict[tuple[int, EndWord], list[str]] = {}
        for unit, ending in found.items():
            organisation, interval = ending.place
            if organisation != caller:
                raise END_BY_ANOTHER(unit=unit)
            if steps.unit_id(unit) != unit:
                raise PROOF_MALFORMED()
            if responder_of(state, unit) != self._organisation:
                raise END_NOT_ANSWERED(unit=unit)
            rows.setdefault((interval, ending.end.word), []).append(unit)
        with self._database.write() as connection:
            count = sum(
                self._note(connection, state, caller, interval, word, units)
                for (interval, word), units in sorted(rows.items())
            )
        if count:
            self._repository.tell()
        return count

    def of(self, unit: str) -> list[EndedRow]:
        """List the proved ends of a pack, in the order of the posts."""
        table = end_rows.ended_table
        query = sql.select(table).where(table.c.unit == unit).order_by(table.c.at)
        return self._database.rows(EndedRow, query)

    def _note(
        self,
        connection: sql.Connection,
        state: State,
        caller: str,
        interval: int,
        word: EndWord,
        units: Sequence[str],
    ) -> int:
        known = end_rows.known(connection, units, caller)
        fresh = [each for each in units if (each, interval) not in known]
        if not fresh:
            return 0
        at = supply.posted_at(state, caller, interval)
        if at is None:
            raise TITLE_UNPOSTED(unit=fresh[0])
        event = event_of(word, caller, at, fresh)
        (stored,) = self._repository.put([event], caller, connection)
        rows = [
            values(EndedRow(each, caller, interval, word, at, stored.sequence)) for each in fresh
        ]
        connection.execute(sql.insert(end_rows.ended_table), rows)
        self._packs.apply(stored, connection)
        return len(fresh)


def event_of(word: EndWord, organisation: str, at: int, units: Sequence[str]) -> Event:
    """Write the event of an end, at the time of the block that has the post, and at no place.

    The event of who ended the packs knows both better, where that comes as well.
    """
    words = WORDS[ACTS[word]]
    moment = datetime.fromtimestamp(at // 1000, UTC).replace(microsecond=at % 1000 * 1000)
    event: Event = {
        "type": "ObjectEvent",
        # Nobody can capture another event under an id that nobody knows before.
        "eventID": f"urn:uuid:{uuid4()}",
        "eventTime": moment.isoformat(timespec="milliseconds"),
        "eventTimeZoneOffset": "+00:00",
        "action": words.action,
        "epcList": list(units),
        "bizStep": words.step,
        "disposition": words.disposition,
        "sourceList": [{"type": "possessing_party", "source": PARTY + organisation}],
    }
    if word == "exported":
        event["@context"] = {PREFIX: NAMESPACE}
        event[END] = "exported"
    return event
