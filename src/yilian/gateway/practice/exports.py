"""A person's whole record taken out with its proofs, and taken in from another instance.

Out: everything that waits goes on the chain first, then one ZIP is made while it is sent
(`content/bundle.py` has its form). In: every proof is checked against a trust file that the
organisation vouches for, and that the export is of this person, before anything is kept.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from yilian.gateway.content.bundle import Holder, Origin, Source
from yilian.gateway.content.check import Report, Verify, verify_export
from yilian.gateway.content.export import About, batch_proofs, gather, gather_journal, pieces
from yilian.gateway.content.extract import extract
from yilian.gateway.content.origins import import_items, read_export
from yilian.gateway.fhir.intake import FHIR_JSON, IDENTITY_SYSTEMS, read_resource, stricter
from yilian.gateway.organisation import Organisation
from yilian.gateway.practice.records import OwnRecords
from yilian.gateway.practice.timelines import Reader, same_person
from yilian.ledger.errors import Refusal, code
from yilian.node.history import Outcome
from yilian.vault.envelope import new_id
from yilian.vault.items import MAX_BATCH, MAX_BATCH_BYTES
from yilian.vault.records import Batch, Item

NOT_VERIFIED = code(9450, "import.not_verified", 409, "count", "items")
NO_PATIENT = code(9451, "import.no_patient", 409)
PATIENTS_DIFFER = code(9452, "import.patients_differ", 409)

NAMED = 20
"""How many bad items the refusal itself names; the report has all."""


class Imported(NamedTuple):
    """What an import brought: whose, how many records, those that were here, and where they are.

    `origins` counts the places that records can be traced to, `unchecked` those on further chains.
    """

    person: str
    enrolled: bool
    records: int
    skipped: int
    origins: int
    unchecked: int
    anchored: tuple[tuple[Batch, Outcome], ...]


class NotVerified(Exception):
    """An export that does not check; `report.bad` names every bad item."""

    def __init__(self, report: Report) -> None:
        super().__init__("the export does not verify")
        self.report = report

    def refusal(self) -> Refusal:
        """Say it as a refusal that names the first items."""
        bad = self.report.bad
        named = "; ".join(f"{each.subject} {each.id} ({each.reason})" for each in bad[:NAMED])
        return NOT_VERIFIED(count=len(bad), items=named)


class Exports:
    """Export and import of one organisation's patients."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation

    # -- out -----------------------------------------------------------------------------------

    def pieces(self, person: str, reader: Reader) -> Iterator[bytes]:
        """Give a person's export as the policy lets the reader have it, piece by piece.

        Who has read what is in it up to now, all on the chain. Nothing of it is told before the
        first piece; refuses as `content.export.pieces`.
        """
        organisation = self._organisation
        vault = organisation.vault
        records = [row.record for row in OwnRecords(organisation).listed(reader.asker, person)]
        organisation.anchor_all()
        journal, pending = gather_journal(vault, records)
        about = About(
            chain=organisation.engine.genesis.chain,
            time=organisation.engine.now(),
            holders=(Holder(organisation=organisation.id, patient=person),),
            pending=pending,
        )
        gathered = gather(
            vault,
            vault.catalogue,
            person,
            reader.subject,
            reader.asker.purpose,
            organisation.content.origins,
            records,
            basis=reader.basis,
            on_behalf_of=reader.on_behalf_of,
        )
        yield from pieces(about, gathered, journal, batch_proofs(organisation.engine))

    # -- in ------------------------------------------------------------------------------------

    def take_in(
        self, source: Source, trust: bytes, verify: Verify, person: str | None = None
    ) -> Imported:
        """Keep what an export holds, with where it came from; everything is checked first.

        Without `person` who it is about is enrolled here, by the number in the Patient resource;
        with it, the number must be theirs. Records that were imported before, or are this
        organisation's own, are passed over, so that the same export may come twice. Categories and
        months are the other organisation's word. Raises `NotVerified`; refuses
        `import.no_patient`, `import.patients_differ`, `organisation.person_differs`,
        `identity.already_enrolled`, and as `verify_export`, `import_items` and `Vault.deposit` do.
        """
        report = verify_export(source, trust, verify)
        if report.bad:
            raise NotVerified(report)
        patients = _patients(source)
        if not patients:
            raise NO_PATIENT()
        # Whatever the file itself would be refused for must come before anybody is enrolled.
        deque(import_items(source, new_id()), maxlen=0)
        enrolled = person is None
        if person is None:
            person, _ = self._organisation.enrol_person(*_number(patients))
        else:
            same_person(self._organisation, person, patients)
        with self._organisation.content.quiet():
            kept, origins, skipped = self._keep(source, person)
        return Imported(
            person=person,
            enrolled=enrolled,
            records=sum(batch.size for batch, _ in kept),
            skipped=skipped,
            origins=origins,
            unchecked=report.unchecked,
            anchored=tuple(kept),
        )

    def _keep(self, source: Source, person: str) -> tuple[list[tuple[Batch, Outcome]], int, int]:
        organisation = self._organisation
        here = self._known(person)
        names: dict[str, str] = {}
        found: list[Item] = []
        origins: dict[str, tuple[Origin, ...]] = {}
        for item, traced in import_items(source, person):
            known = next((here[each] for each in map(_place, traced) if each in here), None)
            if known is not None:
                names[item.record] = known
                continue
            replaces = item.replaces and names.get(item.replaces, item.replaces)
            found.append(_classified(msgspec.structs.replace(item, replaces=replaces)))
            origins[item.record] = traced
        if not found:
            return [], 0, len(names)
        organisation.content.origins.keep(person, origins)
        kept = []
        try:
            for some in _batches(found):
                batch = organisation.deposit(some)
                kept.append((batch, organisation.anchor(batch)))
        except Refusal:
            held = {record for batch, _ in kept for record in batch.records}
            organisation.content.origins.forget(origins.keys() - held)
            raise
        return kept, sum(len(each) for each in origins.values()), len(names)

    def _known(self, person: str) -> dict[tuple[str, str, str], str]:
        """Map the places that this person's records here are, or came from, to their ids here."""
        organisation = self._organisation
        chain, known = organisation.engine.genesis.chain, {}
        for record in organisation.vault.records_of(person):
            known[chain, organisation.id, record] = record
            for each in organisation.content.origins.of(person, record):
                known[_place(each)] = record
        return known


def _place(origin: Origin) -> tuple[str, str, str]:
    return origin.chain, origin.organisation, origin.proof.record


def _patients(source: Source) -> list[tuple[str, bytes]]:
    """Read the Patient resources of an export: media type and content, whatever their labels."""
    found = []
    for each in read_export(source):
        with contextlib.suppress(Refusal):
            if extract(each.labels.media_type, each.content).type == "Patient":
                found.append((each.labels.media_type, each.content))
    return found


def _number(patients: Sequence[tuple[str, bytes]]) -> tuple[str, str]:
    """Choose the number that all Patient resources name, a national one where there is one.

    Refuses `import.patients_differ`, and `import.no_patient` where none has a number.
    """
    named = [
        [(each.system, each.value) for each in extract(*patient).identifiers if each.system]
        for patient in patients
    ]
    if not all(named):
        raise NO_PATIENT()
    shared = [each for each in named[0] if all(each in others for others in named)]
    if not shared:
        raise PATIENTS_DIFFER()
    systems = {each[0]: each for each in reversed(shared)}
    return next((systems[each] for each in IDENTITY_SYSTEMS if each in systems), shared[0])


def _classified(item: Item) -> Item:
    """Keep a record by its label or its own content, whichever is stricter: a label is no proof."""
    if item.media_type != FHIR_JSON:
        return item
    try:
        found = read_resource(item.content)
    except Refusal:
        return item
    strictest = stricter(item.sensitivity, found.sensitivity)
    return msgspec.structs.replace(item, sensitivity=strictest)


def _batches(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Cut items into batches that a vault takes, in order."""
    some: list[Item] = []
    size = 0
    for each in items:
        if some and (len(some) == MAX_BATCH or size + len(each.content) > MAX_BATCH_BYTES):
            yield some
            some, size = [], 0
        some.append(each)
        size += len(each.content)
    yield some
