"""The registration desk: who is who here, cards, and looking a person up.

Names, contacts and birth dates are sealed, one derived key per row; in clear stand random ids,
times and keyed marks. A look-up answers "not found" alike for a person who is not here, one who may
not be looked up so, and a card that was made up; and each caller has a measured number of tries.
Putting an older copy of a row back is not detected here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.errors import Refusal, code
from yilian.vault.database import Database, table, values
from yilian.vault.desk_formats import (
    DESK_ROW_DAMAGED,
    Language,
    Person,
    Staff,
    check_person,
    check_staff,
    checked_digest,
    checked_id,
    written,
)
from yilian.vault.envelope import Format, binding, new_id, new_key
from yilian.vault.keystore import Keystore
from yilian.vault.links import Links
from yilian.vault.marks import Marks
from yilian.vault.records import Damage
from yilian.vault.witness import Witnessing

PERSON_UNKNOWN = code(9350, "desk_person_unknown", 404, "person")
STAFF_UNKNOWN = code(9351, "desk_staff_unknown", 404, "practitioner")
NOT_FOUND = code(9352, "desk_not_found", 404)
TOO_MANY = code(9353, "desk_too_many_look_ups", 429, "wait")
CARD_UNKNOWN = code(9354, "desk_card_unknown", 404, "card")

CARD = "yilian:card:"
"""What the text of a card's QR code begins with; 43 letters of base64url follow."""

Way = Literal["card", "number"]


class Rate(NamedTuple):
    """So many look-ups at once, and afterwards one in each `interval` (ms)."""

    burst: int
    interval: int


RATES: dict[Way, Rate] = {"card": Rate(30, 2_000), "number": Rate(10, 30_000)}
"""A number can be guessed from a list of people, so it has the smaller allowance."""


class Provisional(NamedTuple):
    """An identity for somebody who cannot be identified yet: enrol `person` with `tag`."""

    person: str
    tag: str


class Card(NamedTuple):
    """A new card: its id, and the text for the QR code, which is shown once and not kept."""

    card: str
    text: str

    def __repr__(self) -> str:
        return f"<Card {self.card}>"


@dataclass(frozen=True, slots=True)
class CardRow:
    """A card that was given out; `mark` is the keyed digest of its token."""

    card: str
    mark: str
    person: str
    issued: int
    ended: int | None


@dataclass(frozen=True, slots=True)
class _EntryRow:
    """A person or a member of staff, sealed."""

    kind: str
    id: str
    changed: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class _NumberRow:
    mark: str
    person: str


@dataclass(frozen=True, slots=True)
class _TriesRow:
    """`level` is the moment (ms) at which the caller's allowance is whole again."""

    caller: str
    way: str
    level: int


class _Entry(Format, frozen=True, kw_only=True):
    """What is sealed: the person or member of staff, and a subscription's secret."""

    entry: Person | Staff
    secret: codec.Digest | None = None


_entries = table("desk_entries", _EntryRow, ["kind", "id"])
_cards = table("desk_cards", CardRow, ["card"], sql.UniqueConstraint("mark"))
_numbers = table("desk_numbers", _NumberRow, ["mark"])
_tries = table("desk_tries", _TriesRow, ["caller", "way"])
_entry_decoder = codec.decoder(_Entry)
_OR_REPLACE = "OR REPLACE"


class Desk:
    """One organisation's registration desk. Safe for threads.

    `links` says which ids are one person; `witnessing` keeps consent given without a device.
    """

    def __init__(
        self,
        organisation: str,
        keystore: Keystore,
        database: Database,
        clock: Callable[[], int],
        rates: dict[Way, Rate] | None = None,
    ) -> None:
        """`clock` gives milliseconds of UTC."""
        self.organisation = organisation
        self._keystore = keystore
        self._database = database
        self._clock = clock
        self._rates = rates or RATES
        self._marks = Marks("desk", keystore, database)
        self.links = Links(keystore, database, self._marks, clock, self.staff)
        self.witnessing = Witnessing(
            keystore, database, self._marks, clock, self.person, self.staff
        )

    def __repr__(self) -> str:
        return f"<Desk of {self.organisation}>"

    # Persons and staff

    def put_person(self, person: Person) -> None:
        """Keep or replace what the desk knows of a person; refuses `malformed`.

        A new webhook address gets a new secret (`webhook_secret`); an unchanged one keeps its own.
        """
        with self._database.write() as connection:
            known = self._entry("person", person.person)
            secret = None
            if person.contacts.webhook is not None:
                secret = codec.to_text(new_key())
                before = known.entry if known else None
                if (
                    isinstance(before, Person)
                    and before.contacts.webhook == person.contacts.webhook
                ):
                    assert known is not None
                    secret = known.secret
            row = self._sealed("person", person.person, _Entry(entry=person, secret=secret))
            connection.execute(sql.insert(_entries).prefix_with(_OR_REPLACE).values(**values(row)))

    def person(self, person: str) -> Person:
        """Give what the desk knows of a person; refuses `desk_person_unknown`."""
        found = self.find(person)
        if found is None:
            raise PERSON_UNKNOWN(person=checked_id(person))
        return found

    def find(self, person: str) -> Person | None:
        """Give what the desk knows of a person, or None."""
        found = self._entry("person", person)
        return found.entry if found and isinstance(found.entry, Person) else None

    def webhook_secret(self, person: str) -> bytes | None:
        """Give the 32-byte secret of a person's webhook subscription; None without one.

        It signs what is sent there, so it is shown to the subscriber alone.
        Refuses `desk_person_unknown`.
        """
        self.person(person)
        found = self._entry("person", person)
        return codec.to_bytes(found.secret) if found and found.secret else None

    def channels(self, person: str) -> tuple[str, ...]:
        """Name the channels besides the inbox that have an address for a person; none if unknown.

        `webhook`, `smtp`, `sms`, `wechat`.
        """
        found = self.find(person)
        if found is None:
            return ()
        contacts = found.contacts
        addresses = (
            ("webhook", contacts.webhook),
            ("smtp", contacts.email),
            ("sms", contacts.phone),
            ("wechat", contacts.wechat),
        )
        return tuple(channel for channel, address in addresses if address is not None)

    def remove_person(self, person: str) -> None:
        """Forget a person's fields, cards and numbers, for an erasure; again is fine.

        Links and witnessed consent stay: they are the organisation's evidence.
        """
        checked_id(person)
        with self._database.write() as connection:
            connection.execute(
                sql.delete(_entries).where(_entries.c.kind == "person", _entries.c.id == person)
            )
            connection.execute(sql.delete(_cards).where(_cards.c.person == person))
            connection.execute(sql.delete(_numbers).where(_numbers.c.person == person))

    def provisional(self, label: str, language: Language = "zh-CN") -> Provisional:
        """Make an identity for somebody who cannot be identified yet; refuses `malformed`.

        `label` is what the ward calls them and is sealed like a name. The tag is random, so that
        it says nothing; once the person is known, `links.link` joins the two identities.
        """
        made = Provisional(new_id(), codec.to_text(new_key()))
        self.put_person(Person(person=made.person, name=label, language=language, provisional=True))
        return made

    def put_staff(self, staff: Staff) -> None:
        """Keep or replace a member of staff; refuses `malformed`."""
        row = self._sealed("staff", staff.practitioner, _Entry(entry=staff))
        with self._database.write() as connection:
            connection.execute(sql.insert(_entries).prefix_with(_OR_REPLACE).values(**values(row)))

    def staff(self, practitioner: str) -> Staff:
        """Give a member of staff; refuses `desk_staff_unknown`."""
        found = self._entry("staff", practitioner)
        if found is None or not isinstance(found.entry, Staff):
            raise STAFF_UNKNOWN(practitioner=checked_id(practitioner))
        return found.entry

    def all_staff(self) -> list[Staff]:
        """List the staff directory by practitioner id."""
        entries = (self._opened(row).entry for row in self._rows("staff"))
        return [each for each in entries if isinstance(each, Staff)]

    def teams(self) -> dict[str, tuple[str, ...]]:
        """List all teams by id, each with its members' practitioner ids, in order."""
        found: dict[str, list[str]] = {}
        for row in self._rows("staff"):
            entry = self._opened(row).entry
            assert isinstance(entry, Staff)
            for team in entry.teams:
                found.setdefault(team, []).append(entry.practitioner)
        return {team: tuple(sorted(found[team])) for team in sorted(found)}

    # Cards and numbers

    def issue_card(self, person: str) -> Card:
        """Make a card for a person; refuses `desk_person_unknown`.

        The text is random, says nothing of the person, and is not kept: only its keyed mark is.
        """
        self.person(person)
        token = codec.to_text(new_key())
        row = CardRow(new_id(), self._marks.of("card", token), person, self._clock(), None)
        with self._database.write() as connection:
            connection.execute(sql.insert(_cards).values(**values(row)))
        return Card(row.card, CARD + token)

    def revoke_card(self, card: str) -> None:
        """End a card, lost or stolen; again is fine. Refuses `desk_card_unknown`."""
        checked_id(card)
        with self._database.write() as connection:
            if self._database.one(CardRow, sql.select(_cards).where(_cards.c.card == card)) is None:
                raise CARD_UNKNOWN(card=card)
            change = sql.update(_cards).where(_cards.c.card == card, _cards.c.ended.is_(None))
            connection.execute(change.values(ended=self._clock()))

    def cards(self, person: str) -> list[CardRow]:
        """List a person's cards, ended ones too, oldest first."""
        query = sql.select(_cards).where(_cards.c.person == person)
        return self._database.rows(CardRow, query.order_by(_cards.c.issued, _cards.c.card))

    def put_number(self, person: str, tag: str) -> None:
        """Let a person be found by the keyed tag of their number (`duplicates`).

        The tag itself is not kept. Refuses `desk_person_unknown`, `malformed`.
        """
        self.person(person)
        row = _NumberRow(self._marks.of("number", checked_digest(tag)), person)
        with self._database.write() as connection:
            connection.execute(sql.insert(_numbers).prefix_with(_OR_REPLACE).values(**values(row)))

    def look_up_card(self, text: str, caller: str) -> str:
        """Find a person's id by the text of a card, shown by the person.

        `caller` is the subject id of whoever asks. Refuses `desk_not_found` (no such card, an
        ended one, no card at all: one answer) and `desk_too_many_look_ups`; both count as a try.
        """
        self._try("card", caller)
        if not text.startswith(CARD):
            raise NOT_FOUND()
        try:
            token = checked_digest(text.removeprefix(CARD))
        except Refusal:
            raise NOT_FOUND() from None
        query = sql.select(_cards).where(_cards.c.mark == self._marks.of("card", token))
        found = self._database.one(CardRow, query)
        if found is None or found.ended is not None:
            raise NOT_FOUND()
        return found.person

    def look_up_number(self, tag: str, caller: str, *, open_encounter: bool) -> str:
        """Find a person's id by the keyed tag of their number, during an open encounter only.

        `open_encounter` is a fact from the chain: that the caller's encounter stands. Refuses
        `desk_not_found` (nobody, or no encounter: one answer), `desk_too_many_look_ups`,
        `malformed`.
        """
        mark = self._marks.of("number", checked_digest(tag))
        self._try("number", caller)
        # Asked in both cases, so that the time taken does not tell them apart.
        query = sql.select(_numbers).where(_numbers.c.mark == mark)
        found = self._database.one(_NumberRow, query)
        if found is None or not open_encounter:
            raise NOT_FOUND()
        return found.person

    def _try(self, way: Way, caller: str) -> None:
        """Count one try (GCRA, a leaky bucket as a meter); refuses `desk_too_many_look_ups`."""
        checked_id(caller)
        burst, interval = self._rates[way]
        with self._database.write() as connection:
            now = self._clock()
            query = sql.select(_tries).where(_tries.c.caller == caller, _tries.c.way == way)
            row = self._database.one(_TriesRow, query)
            level = max(row.level, now) if row else now
            # A clock that was set back must not lock anybody out for longer than a whole burst;
            # kept although it is refused, or the wait would not end.
            level = min(level, now + burst * interval)
            wait = level - now - (burst - 1) * interval
            counted = _TriesRow(caller, way, level if wait > 0 else level + interval)
            connection.execute(
                sql.insert(_tries).prefix_with(_OR_REPLACE).values(**values(counted))
            )
        if wait > 0:
            raise TOO_MANY(wait=wait)

    # Rows

    def damaged(self) -> Iterator[Damage]:
        """Walk persons, staff, links and evidence; name what does not open."""
        for kind in ("person", "staff"):
            for row in self._rows(kind):
                try:
                    self._opened(row)
                except Refusal as refusal:
                    yield Damage(kind, row.id, "", refusal.code.name)
        yield from self.links.damaged()
        yield from self.witnessing.damaged()

    def _rows(self, kind: str) -> list[_EntryRow]:
        query = sql.select(_entries).where(_entries.c.kind == kind).order_by(_entries.c.id)
        return self._database.rows(_EntryRow, query)

    def _entry(self, kind: str, name: str) -> _Entry | None:
        query = sql.select(_entries).where(_entries.c.kind == kind, _entries.c.id == name)
        row = self._database.one(_EntryRow, query)
        return self._opened(row) if row else None

    def _sealed(self, kind: str, name: str, entry: _Entry) -> _EntryRow:
        data = written(_entry_decoder, entry)
        if isinstance(entry.entry, Person):
            check_person(entry.entry)
        else:
            check_staff(entry.entry)
        row = _EntryRow(kind, name, self._clock(), b"")
        sealer = self._keystore.sealer("desk-" + kind, name)
        return replace(row, sealed=sealer.seal(data, _bound(row)))

    def _opened(self, row: _EntryRow) -> _Entry:
        try:
            sealer = self._keystore.sealer("desk-" + row.kind, row.id)
            found = codec.decode_with(_entry_decoder, sealer.open(row.sealed, _bound(row)))
        except Refusal:
            raise DESK_ROW_DAMAGED(row=row.id) from None
        assert isinstance(found, _Entry)
        return found


def _bound(row: _EntryRow) -> bytes:
    """The seal vouches for the columns the row is found by."""
    return binding("desk-entry", kind=row.kind, id=row.id, changed=row.changed)
