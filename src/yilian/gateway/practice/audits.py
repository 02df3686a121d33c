"""What was done and who saw what: the audit trail, and a person's disclosures, with proofs.

Two books, each complete by itself. The audit trail has one entry for every call that concerned the
organisation. The disclosure journal has one line for every answer about a record, denials too,
whoever's call it was; so what an organisation elsewhere read stands in the journal of who keeps the
record. A person reads both about themself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity.state import SUBJECTS, home
from yilian.vault.audit import AuditEntry, AuditProof
from yilian.vault.envelope import JournalLine, JournalProof
from yilian.vault.errors import BATCH_NOT_ANCHORED, DISCLOSURE_UNKNOWN

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

MAX_LINES = 5_000
"""Journal lines read for one page."""


class Asked(NamedTuple):
    """What entries of the trail are looked for; times in milliseconds, `until` not included."""

    subject: str | None = None
    actor: str | None = None
    transaction: str | None = None
    operation: str | None = None
    since: int | None = None
    until: int | None = None


class Anchor(NamedTuple):
    """Where on the chain a batch is: the transaction's hash, and its height."""

    transaction: str
    height: int


class Line(NamedTuple):
    """An audit entry; its proof and its place on the chain once its batch is there."""

    entry: AuditEntry
    proof: AuditProof | None
    anchor: Anchor | None


class Who(NamedTuple):
    """Somebody by id: kind and home by the chain, name by the staff directory of their home."""

    subject: str
    kind: str | None
    organisation: str | None
    organisation_name: str | None
    name: str | None


class Disclosure(NamedTuple):
    """One answer about records of a person: the journal lines that differ in the record alone.

    `replica` is the member that answered in this organisation's place, where one did.
    """

    who: Who
    lines: tuple[JournalLine, ...]
    anchored: bool
    replica: str | None


class Disclosures(NamedTuple):
    """A page of disclosures, oldest first; `following` (ms) is where the next one begins."""

    found: tuple[Disclosure, ...]
    following: int | None


class Audits:
    """The two books of one organisation. For one page of one of them."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._vault = organisation.vault
        self._silent: set[str] = set()

    # The trail

    def entries(self, asked: Asked, after: int, limit: int) -> list[Line]:
        """List entries with numbers above `after`, oldest first, each with its proof if it has one.

        Refuses `catalogue_row_damaged` for an entry that cannot be read; `integrity` names it.
        """
        found = self._vault.audit.search(**asked._asdict(), after=after, limit=limit)
        return [self._line(entry) for entry in found]

    def calls(self, person: str, after: int, limit: int) -> list[AuditEntry]:
        """List the calls that were about a person, refused ones too, oldest first."""
        return self._vault.audit.search(subject=person, after=after, limit=limit)

    def _line(self, entry: AuditEntry) -> Line:
        try:
            proof = self._vault.audit.proof(entry.entry)
        except Refusal:
            # In no batch yet, or another entry of its batch is damaged, which `integrity` names.
            return Line(entry, None, None)
        anchor = self._anchor(proof.batch)
        return Line(entry, proof if anchor else None, anchor)

    def _anchor(self, batch: str) -> Anchor | None:
        found = self._vault.place_of(batch)
        return None if found is None else Anchor(*found)

    # The journal

    def disclosures(
        self, person: str, since: int | None, until: int | None, limit: int
    ) -> Disclosures:
        """List who asked for a person's records and how they were answered, oldest first.

        What was answered in one millisecond is never torn apart by the end of a page.
        """
        lines, following = self._lines(person, since, until)
        groups = _grouped(lines)
        if len(groups) > limit:
            following = groups[limit][0].time
            if groups[0][0].time == following:
                groups = [each for each in groups if each[0].time == following]
                following += 1
            else:
                groups = [each for each in groups[:limit] if each[0].time < following]
        named = [each.disclosure for group in groups for each in group]
        anchored = self._vault.journal_anchored(named)
        reporters = self._vault.replicas.given.reporters(named)
        people: dict[str, Who] = {}
        return Disclosures(
            tuple(
                Disclosure(
                    self._remembered(group[0].reader, people),
                    tuple(group),
                    all(each.disclosure in anchored for each in group),
                    reporters.get(group[0].disclosure),
                )
                for group in groups
            ),
            following,
        )

    def _lines(
        self, person: str, since: int | None, until: int | None
    ) -> tuple[list[JournalLine], int | None]:
        lines = self._vault.journal_about_patient(person, since, until, MAX_LINES + 1)
        if len(lines) <= MAX_LINES:
            return lines, None
        last = lines[-1].time
        whole = [each for each in lines if each.time < last]
        if whole:
            return whole, last
        return self._vault.journal_about_patient(person, last, last + 1), last + 1

    def proof(self, person: str, disclosure: str) -> tuple[JournalProof, Anchor]:
        """Prove a journal line about a person's record, with its place on the chain.

        Refuses `disclosure_unknown`, for one about somebody else too, and
        `deposit_batch_not_anchored`.
        """
        row = self._vault.catalogue.line(disclosure)
        if row is None or not self._vault.is_record_of(row.record, person):
            raise DISCLOSURE_UNKNOWN(disclosure=disclosure)
        proof = self._vault.journal_proof(disclosure)
        anchor = self._anchor(proof.batch)
        if anchor is None:
            raise BATCH_NOT_ANCHORED(batch=proof.batch)
        return proof, anchor

    # People

    def who(self, names: Iterable[str]) -> dict[str, Who]:
        """Tell who subjects are, as far as chain and staff directories here know."""
        people: dict[str, Who] = {}
        for name in names:
            self._remembered(name, people)
        return people

    def _remembered(self, name: str, people: dict[str, Who]) -> Who:
        if name not in people:
            people[name] = self._who(name)
        return people[name]

    def _who(self, name: str) -> Who:
        state = self._organisation.engine.state()
        subject = SUBJECTS.get(state, name)
        if subject is None:
            return Who(name, None, None, None, None)
        at = home(name, subject)
        house = SUBJECTS.get(state, at)
        return Who(
            name, subject.kind, at, None if house is None else house.name, self._staff(name, at)
        )

    def _staff(self, name: str, at: str) -> str | None:
        if at not in self._silent:
            try:
                return self._organisation.counterpart(at).staff([name]).get(name)
            except Refusal:
                # One that cannot be asked now is not waited for again on this page.
                self._silent.add(at)
        return None


def _grouped(lines: Sequence[JournalLine]) -> list[list[JournalLine]]:
    """Bring together the lines of one answer: alike in all but the record."""
    groups: dict[tuple[object, ...], list[JournalLine]] = {}
    for line in lines:
        alike = (
            line.time,
            line.basis,
            line.session,
            line.grant,
            line.reader,
            line.on_behalf_of,
            line.purpose,
            line.outcome,
            line.reasons,
        )
        groups.setdefault(alike, []).append(line)
    return list(groups.values())
