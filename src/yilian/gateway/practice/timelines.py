"""One timeline of a person: what this organisation keeps, joined with what sessions elsewhere gave.

Only what the policy lets the reader see is read at all, and every reading is journalled: the
person's own as `patient`, a custodian's on behalf of the person, a practitioner's for treatment
with a relation that stands on the chain. Programs read nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from yilian.gateway.content.extract import extract
from yilian.gateway.content.timeline import Entry, Source, SourceRecord, timeline
from yilian.gateway.errors import FORBIDDEN
from yilian.gateway.organisation import PERSON_DIFFERS, Organisation, Read
from yilian.gateway.practice.records import Asker, OwnRecords
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity.state import SUBJECTS, TAGS
from yilian.vault.catalogue import RecordRow
from yilian.vault.envelope import Basis
from yilian.vault.packages import NotReleased, Released
from yilian.vault.receiving import OpenedSession

_AT_ONCE = 200


class Reader(NamedTuple):
    """Who reads a person's records: the journal's reader, and as whom the policy judges.

    They differ where a program acts in the place of a person in custody.
    """

    subject: str
    asker: Asker
    basis: Basis = "own"
    on_behalf_of: str | None = None


def reader(organisation: Organisation, name: str, person: str, action: str = "read") -> Reader:
    """Say how a subject reads: the person, a custodian, a practitioner, or a program for them.

    A program stands for a person in custody alone; that the caller checks, and the custodian's
    power by the way in.
    """
    state = organisation.engine.state()
    subject = SUBJECTS.require(state, name)
    if subject.kind == "practitioner":
        return Reader(name, Asker(name, subject, action, "treat"))
    if name == person or subject.kind == "person":
        asker = Asker(name, subject, action, "patient-request")
        return Reader(name, asker, "patient", None if name == person else person)
    asker = Asker(person, SUBJECTS.require(state, person), action, "patient-request")
    return Reader(name, asker, "patient", person)


class Given(NamedTuple):
    """What an open session gave: who holds the records, the holder's answers, what they say."""

    session: OpenedSession
    holder: str
    answers: Sequence[Released]
    read: Read


class Heard(NamedTuple):
    """A source of a timeline. `checked`: its records name the person by a number known here.

    Without a Patient resource among them, nothing but the reader's word says whose they are.
    """

    organisation: str
    session: str | None
    records: int
    checked: bool


class Shown(NamedTuple):
    """A timeline: its entries, its sources, and what was refused.

    By record id: in which session a record was read, and for a copy the labels taken out of it.
    """

    entries: list[Entry]
    sources: list[Heard]
    refused: list[NotReleased]
    sessions: dict[str, str]
    copies: dict[str, tuple[str, ...]]


class Asked(NamedTuple):
    """What of a timeline is wanted: a FHIR type, and a time in milliseconds of UTC."""

    type: str | None = None
    since: int | None = None
    until: int | None = None


class Timelines:
    """The timelines of one organisation's patients."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation

    def of(self, person: str, reader: Reader, asked: Asked, given: Iterable[Given] = ()) -> Shown:
        """Join what is kept here with what sessions gave, nothing twice.

        Refuses `forbidden` for a practitioner who neither treats the person nor may read anything
        of theirs, `content.asked` for a time that ends before it begins,
        `organisation.person_differs` where a session's records are another person's, and as the
        records' own reading.
        """
        own = self._own(person, reader, asked)
        shown = Shown([], [Heard(own.organisation, None, len(own.records), True)], [], {}, {})
        sources = [own]
        for each in given:
            sources.append(self._given(person, each, shown))
        offset = self._organisation.content.offset
        shown.entries.extend(each for each in timeline(sources, offset) if _fits(each, asked))
        return shown

    def _own(self, person: str, reader: Reader, asked: Asked) -> Source:
        organisation = self._organisation
        listed = OwnRecords(organisation).listed(reader.asker, person)
        stranger = not listed and reader.asker.subject.kind == "practitioner"
        if stranger and organisation.care.treats(person, reader.subject) is None:
            raise FORBIDDEN()
        organisation.content.complete(person, organisation.agent.subject)
        found = organisation.content.index.find(
            person, type=asked.type, since=asked.since, until=asked.until
        )
        rows = _with_corrections(listed, {each.record for each in found})
        records = [
            SourceRecord(
                row.record,
                row.media_type,
                content,
                organisation.vault.proof(row.record, with_salt=True),
                row.replaces,
            )
            for row, content in self._read(rows, reader)
        ]
        return Source(organisation.id, person, records)

    def _read(self, rows: Sequence[RecordRow], reader: Reader) -> Iterator[tuple[RecordRow, bytes]]:
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            contents = self._organisation.vault.read_own(
                [row.record for row in some],
                reader.subject,
                reader.asker.purpose,
                basis=reader.basis,
                on_behalf_of=reader.on_behalf_of,
            )
            yield from ((row, contents[row.record]) for row in some)

    def _given(self, person: str, given: Given, shown: Shown) -> Source:
        released = [each for answer in given.answers for each in answer.records]
        records = [
            SourceRecord(
                each.proof.record,
                each.media_type,
                given.read.contents[each.proof.record],
                each.proof,
                each.proof.replaces,
            )
            for each in released
        ]
        checked = same_person(
            self._organisation,
            person,
            ((each.media_type, each.content) for each in records),
        )
        shown.refused.extend(given.read.refused)
        shown.copies.update(
            {each.proof.record: each.redacted for each in released if each.redacted}
        )
        terms = given.session.terms
        shown.sources.append(Heard(given.holder, terms.session, len(records), checked))
        shown.sessions.update({each.record: terms.session for each in records})
        held = self._organisation.vault.catalogue.received(terms.grant)
        return Source(given.holder, "" if held is None else held.patient, records)


def same_person(
    organisation: Organisation, person: str, contents: Iterable[tuple[str, bytes]]
) -> bool:
    """Tell whether Patient resources name a number that the person is enrolled by here.

    False where there is no Patient resource; refuses `organisation.person_differs` where one names
    no number of this person.
    """
    state, found = organisation.engine.state(), False
    for media_type, content in contents:
        try:
            said = extract(media_type, content)
        except Refusal:
            continue
        if said.type != "Patient":
            continue
        found = True
        for each in said.identifiers:
            if not each.system:
                continue
            place = f"{organisation.id}/{organisation.tag(each.system, each.value)}"
            mark = TAGS.get(state, place)
            if mark is not None and mark.subject == person:
                break
        else:
            raise PERSON_DIFFERS(id=person)
    return found


def _with_corrections(rows: Sequence[RecordRow], wanted: set[str]) -> list[RecordRow]:
    """Add what corrects a wanted record, whatever its own time, so that this can be said."""
    size = -1
    while size < len(wanted):
        size = len(wanted)
        wanted |= {row.record for row in rows if row.replaces in wanted}
    return [row for row in rows if row.record in wanted]


def _fits(entry: Entry, asked: Asked) -> bool:
    if asked.type is not None and entry.values.type != asked.type:
        return False
    if asked.since is None and asked.until is None:
        return True
    time = entry.values.time
    if time is None or time.low is None or time.high is None:
        return False
    return (asked.since is None or time.high > asked.since) and (
        asked.until is None or time.low < asked.until
    )
