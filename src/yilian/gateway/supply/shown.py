"""The events of the packs in a shipment: shown by who ships them, taken in by who receives them.

A title says whose a pack is; its lot, expiry and what happened to it stand in events. They go from
node to node a page at a time, and only those that the sender's repository shows to the receiver.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from yilian.gateway.epcis import json_form
from yilian.gateway.epcis.document import Event, Unreadable
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.members.errors import ANSWER_REFUSED, NOT_ABOUT_YOU
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.titles import Titles

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

AT_ONCE = 500
MOST = 8 * 1024 * 1024
"""Bytes of events in one page, unless a single event has more."""

MOST_IN_ALL = 512 * 1024 * 1024
"""Bytes of the events of one shipment."""


class Page(NamedTuple):
    """Events as they are kept; `next` is where to go on, 0 after the last."""

    events: tuple[bytes, ...]
    next: int


class Showing:
    """What one organisation shows of the packs that it ships. Safe for threads."""

    def __init__(
        self,
        database: SupplyDatabase,
        repository: Repository,
        packs: Packs,
        titles: Titles,
    ) -> None:
        self._database = database
        self._repository = repository
        self._packs = packs
        self._titles = titles

    def page(self, shipment: str, caller: str, after: int) -> Page:
        """Give the next events of a shipment's packs, as the caller sees them.

        Refuses `members.not_about_caller` for one that is not for the caller, and
        `supply.shipment_unknown`.
        """
        if self._titles.shipment(shipment).to != caller:
            raise NOT_ABOUT_YOU()
        units = self._titles.shipped(shipment)
        with self._database.read() as connection:
            every = self._packs.sequences(units, connection)
            wanted = sorted(each for each in every if each > after)
            seen = self._repository.seen(caller, wanted[:AT_ONCE], connection)
        found, size = list[bytes](), 0
        for sequence, of_event in groupby(seen, key=lambda each: each.sequence):
            parts = [each.content for each in of_event]
            length = sum(map(len, parts))
            if found and size + length > MOST:
                return Page(tuple(found), sequence - 1)
            found += parts
            size += length
        return Page(tuple(found), wanted[AT_ONCE - 1] if len(wanted) > AT_ONCE else 0)


class Fetching:
    """Asks senders for the events of what they ship (`outside.Histories`). Holds nothing."""

    def __init__(self, organisation: Organisation, titles: Titles) -> None:
        self._organisation = organisation
        self._titles = titles

    def of(self, shipment: str) -> tuple[str, Sequence[Event]]:
        """Give the sender's id and the events; nothing for one that does not wait.

        Refuses as the way to the sender does, such as `members.unreachable`; what nobody can read,
        or is more than `MOST_IN_ALL`, with `members.answer_refused`.
        """
        waiting = (each for each in self._titles.incoming() if each.checked)
        sender = next((each.sender for each in waiting if each.shipment == shipment), "")
        if not sender:
            return "", ()
        counterpart = self._organisation.counterpart(sender)
        found: list[Event] = []
        after, size = -1, 0
        while after:
            page = counterpart.history(shipment, max(after, 0))
            size += sum(map(len, page.events))
            if size > MOST_IN_ALL:
                raise ANSWER_REFUSED(id=sender)
            try:
                for content in page.events:
                    document = json_form.parse_json(content)
                    found += [each for each in document.events if each is not None]
            except Unreadable:
                raise ANSWER_REFUSED(id=sender) from None
            if 0 < page.next <= after:
                break
            after = page.next
        return sender, found
