"""Opening a link: judged, used up, journalled, told to the person, and only then given.

The order, so that a crash at any moment gives nothing away twice or unrecorded:

    judge     there, standing, not over; the passcode, each guess counted before it is judged
    claim     one opening is used up, durably: from here on a crash costs an opening, not a secret
    journal   a line for each record, durably
    notice    the person is told
    give      the ciphertext, in the manifest or at an address that serves once

Unknown, expired, used, taken back, shut: all of these are one answer, `links.not_there`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from yilian.gateway.audit import noting
from yilian.gateway.links import epoch, passcodes, payload
from yilian.gateway.links.errors import NOT_THERE, PASSCODE_WRONG
from yilian.gateway.links.facts import Facts, seal_said
from yilian.gateway.links.health_links import HealthLinks
from yilian.gateway.links.store import MAX_FAILURES
from yilian.gateway.links.tables import LinkRow, OpeningRow
from yilian.gateway.practice import notices
from yilian.ledger import codec
from yilian.vault.envelope import JournalLine, new_id

TICKET_MS = 300_000
"""How long the address of a file serves, once. The specification allows an hour."""
NOTICE = "health_link_opened"
PURPOSE = "patient-request"


class Found(NamedTuple):
    """A link that may be opened now, and whose it is."""

    links: HealthLinks
    row: LinkRow
    facts: Facts
    content: str


class Given(NamedTuple):
    """What an opening gives: the file itself, or the ticket of its address; `made` in ms."""

    content: str | None
    ticket: str | None
    made: int


def open_manifest(
    houses: Iterable[HealthLinks],
    address: str,
    recipient: str,
    passcode: str | None,
    longest: int | None,
) -> Given:
    """Open a link by its manifest; a file longer than `longest` letters gets an address.

    Refuses `links.not_there` and `links.passcode_wrong`.
    """
    found = _found(houses, address)
    if found.facts.flag == "U":
        raise NOT_THERE()
    guessed = _judge(found, passcode)
    ticket = None
    if longest is not None and len(found.content) > longest:
        ticket = payload.new_address()
    _record(found, recipient, ticket, guessed=guessed)
    return Given(None if ticket else found.content, ticket, found.row.made)


def open_direct(houses: Iterable[HealthLinks], address: str, recipient: str) -> str:
    """Open a link whose address gives its one file; refuses `links.not_there`."""
    found = _found(houses, address)
    if found.facts.flag != "U":
        raise NOT_THERE()
    _record(found, recipient, None, guessed=False)
    return found.content


def open_file(houses: Iterable[HealthLinks], address: str, ticket: str) -> str:
    """Give the file at an address that a manifest named, once; refuses `links.not_there`.

    The opening was journalled with the manifest. A link that was taken back or erased since gives
    nothing more.
    """
    links, row = _at(houses, address)
    opening = links.store.ticket(links.mark(ticket))
    if opening is None or opening.link != row.link or row.why not in (None, "used"):
        raise NOT_THERE()
    content = links.content(row)
    if content is None or not links.store.take(links.mark(ticket), links.now()):
        raise NOT_THERE()
    links.tidy()
    return content


def _at(houses: Iterable[HealthLinks], address: str) -> tuple[HealthLinks, LinkRow]:
    for links in houses:
        row = links.store.at(links.mark(address))
        if row is not None and row.epoch == epoch.current(links.vault.folder):
            # The person finds it among the calls about them; neither address nor link is noted.
            noting(organisation=links.organisation.id, subjects=(row.person,), purpose=PURPOSE)
            return links, row
    raise NOT_THERE()


def _found(houses: Iterable[HealthLinks], address: str) -> Found:
    links, row = _at(houses, address)
    if row.ended is not None or row.opened >= row.allowed or row.expires <= links.now():
        raise NOT_THERE()
    facts, content = links.facts(row), links.content(row)
    if facts is None or content is None:
        links.store.end(row.link, "erased", links.now())
        raise NOT_THERE()
    return Found(links, row, facts, content)


def _judge(found: Found, passcode: str | None) -> bool:
    """Judge the passcode; tells whether a guess was counted, which the claim gives back."""
    kept, store, link = found.facts.passcode, found.links.store, found.row.link
    if kept is None:
        return False
    if passcode is None:
        raise PASSCODE_WRONG(left=max(0, MAX_FAILURES - found.row.failures))
    if not store.guess(link):
        raise NOT_THERE()
    if passcodes.matches(codec.to_bytes(kept), passcode):
        return True
    row = store.find(link)
    left = 0 if row is None else max(0, MAX_FAILURES - row.failures)
    if left == 0:
        store.end(link, "guessed", found.links.now())
    raise PASSCODE_WRONG(left=left)


def _record(found: Found, recipient: str, ticket: str | None, *, guessed: bool) -> None:
    """Use an opening up, journal it, tell the person; refuses `links.not_there`."""
    links, link = found.links, found.row.link
    now, opening = links.now(), new_id()
    made = OpeningRow(
        opening=opening,
        link=link,
        time=now,
        said=seal_said(links.vault.keystore, link, opening, recipient),
        ticket=None if ticket is None else links.mark(ticket),
        until=0 if ticket is None else now + TICKET_MS,
    )
    # An erasure comes before all of this or after it, never between.
    with links.vault.erasure.quiet():
        if not links.store.claim(made, guessed=guessed):
            raise NOT_THERE()
        records = [each.record for each in links.store.records(link)]
        links.vault.journal_write(_lines(link, found.row.person, records, now))
    parameters: dict[str, str | int] = {
        "link": link,
        "organisation": links.organisation.id,
        "time": now,
    }
    notices.tell(links.organisation, found.row.person, NOTICE, parameters, cause=opening)
    row = links.store.find(link)
    if row is not None and row.opened >= row.allowed:
        links.store.end(link, "used", now, content=ticket is None)


def _lines(link: str, person: str, records: Iterable[str], now: int) -> list[JournalLine]:
    return [
        JournalLine(
            disclosure=new_id(),
            basis="patient",
            session=link,
            grant=None,
            record=record,
            reader=link,
            on_behalf_of=person,
            purpose=PURPOSE,
            time=now,
            outcome="permit",
            reasons=(),
        )
        for record in records
    ]
