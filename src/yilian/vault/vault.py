"""The front door of the vault: one organisation's payloads, keys, grants and journal in a folder.

    <folder>/catalogue.sqlite   what is held (`catalogue.py`)
    <folder>/payloads/          ciphertexts (`payloads.py`)
    <folder>/large/             slices of large objects (`large.py`)
    <folder>/keys/              secret keys, sealed (`keystore.py`)
    <folder>/erasure/           erasure keys, sealed (`erasure_keys.py`)
    <folder>/lock               one process at a time

Facts from the chain are handed in; the vault knows no node. The organisation that keeps a record
holds its category keys itself, for treatment and for its duty to keep; its reads are journalled
like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from yilian.ledger import codec
from yilian.ledger.codec import Id
from yilian.ledger.errors import Refusal
from yilian.vault import backup, durable
from yilian.vault.announcing import Announcing
from yilian.vault.asks import Asks
from yilian.vault.audit import AuditTrail
from yilian.vault.catalogue import ERASED, KEPT, SEALED, Catalogue
from yilian.vault.certificates import Certificate, Plan
from yilian.vault.clock import utc_now
from yilian.vault.decision import ChainView
from yilian.vault.desk import Desk
from yilian.vault.emergency_parts import emergency_parts
from yilian.vault.envelope import (
    Basis,
    JournalLine,
    JournalProof,
    RecordProof,
    Terms,
    new_id,
)
from yilian.vault.erasure import Erasure
from yilian.vault.giving import Giver
from yilian.vault.holds import Ground, Held
from yilian.vault.introductions import Introductions
from yilian.vault.journal import Journal
from yilian.vault.key_requests import KeyRequests
from yilian.vault.keystore import Keystore
from yilian.vault.large_records import damaged_slices, open_large
from yilian.vault.outbox import Outbox
from yilian.vault.packages import Released, Request
from yilian.vault.parcels import Parcels
from yilian.vault.payload_stores import PayloadStores
from yilian.vault.payloads import PackStore
from yilian.vault.private_documents import PrivateDocuments
from yilian.vault.receiving import Accepted, Grantee, OpenedSession
from yilian.vault.records import Batch, Damage, Item, Records, Version, batch_of
from yilian.vault.relations import Relations
from yilian.vault.replica_giving import ReplicasGiven
from yilian.vault.replica_serving import ReplicaParts, ReplicasServed
from yilian.vault.replicas import ReplicasKept, ReplicasKnown
from yilian.vault.retention import DUTIES
from yilian.vault.rotation import Rotation
from yilian.vault.sharing import Given, Holder, Redact, no_copies

__all__ = ["Batch", "Damage", "Given", "Item", "Vault"]

_id_decoder = codec.decoder(Id)


class Vault:
    """One organisation's vault. Safe for threads; open in one process at a time."""

    def __init__(
        self,
        organisation: str,
        lock: durable.Lock,
        keystore: Keystore,
        stores: PayloadStores,
        payloads: PackStore,
        catalogue: Catalogue,
        clock: Callable[[], int],
        folder: Path,
        redact: Redact = no_copies,
    ) -> None:
        self.organisation = organisation
        self._folder = folder
        self.keystore = keystore
        self._lock = lock
        self._stores = stores
        self._payloads = payloads
        self._catalogue = catalogue
        self._clock = clock
        self._records = Records(organisation, keystore, payloads, catalogue, clock)
        self._journal = Journal(keystore, catalogue)
        self._holder = Holder(
            organisation, keystore, catalogue, self._records, self._journal, clock, redact
        )
        self.giver: Giver = self._holder
        self.rotation = Rotation(keystore, catalogue, self._holder)
        self.asks = Asks(organisation, keystore, catalogue)
        self.introductions = Introductions(keystore, catalogue)
        self.key_requests = KeyRequests(keystore, catalogue)
        self._grantee = Grantee(organisation, keystore, catalogue)
        self.desk = Desk(organisation, keystore, catalogue, clock)
        self.outbox = Outbox(keystore, catalogue, clock, channels=self.desk.channels)
        self.announcing = Announcing(catalogue)
        self.parcels = Parcels(keystore, catalogue)
        self.private = PrivateDocuments(organisation, keystore, catalogue, clock)
        self.relations = Relations(organisation, keystore, catalogue, clock)
        self.emergencies = emergency_parts(
            organisation, keystore, catalogue, self._records, self._journal.write, clock
        )
        self.audit = AuditTrail(organisation, keystore, catalogue, clock)
        self.erasure = Erasure(
            organisation,
            keystore,
            payloads,
            catalogue,
            self._records,
            self._journal,
            clock,
            self._holder.grantee,
        )
        kept = ReplicasKept(keystore, catalogue, clock)
        self.replicas = ReplicaParts(
            ReplicasGiven(organisation, catalogue, self._records, self._holder, self.erasure.mark),
            kept,
            ReplicasServed(organisation, kept, self._journal.write, clock),
            ReplicasKnown(catalogue),
        )
        self.large = open_large(stores, keystore, catalogue, clock)
        self.erasure.listeners.append(self.large.erased)

    @classmethod
    def open(
        cls,
        folder: Path,
        organisation: str,
        *,
        master_key_file: Path | None = None,
        clock: Callable[[], int] = utc_now,
        redact: Redact = no_copies,
        payloads_url: str | None = None,
        base: Path = Path(),
    ) -> Vault:
        """Open an organisation's vault, or start one in an empty or absent folder.

        `clock` gives milliseconds of UTC; `redact` makes copies with labels taken out, without it
        none leave. The master key: see `Keystore.open`. `payloads_url`: an S3 bucket for the
        payloads, if they are not to stand in the folder (`payload_stores.py`); relative paths in it
        begin at `base`. An erasure that a crash interrupted is finished first. Refuses
        `vault_in_use`, `vault_of_other_organisation`, `vault_restore_unfinished`, and as the key
        store and `PayloadStores` do.
        """
        codec.decode_with(_id_decoder, codec.encode(organisation))
        durable.make_folder(folder)
        lock = durable.Lock(folder / "lock")
        catalogue: Catalogue | None = None
        payloads: PackStore | None = None
        stores: PayloadStores | None = None
        try:
            backup.require_restored(folder)
            stores = PayloadStores(folder, organisation, payloads_url, base)
            stores.claim()
            catalogue = Catalogue(folder / "catalogue.sqlite", organisation)
            keystore = Keystore.open(folder / "keys", organisation, master_key_file)
            payloads = stores.open("payloads")
            vault = cls(
                organisation, lock, keystore, stores, payloads, catalogue, clock, folder, redact
            )
            vault.erasure.finish()
        except BaseException:
            for opened in (payloads, catalogue, stores):
                if opened is not None:
                    opened.close()
            lock.release()
            raise
        return vault

    def close(self) -> None:
        """Close the vault and give the folder back."""
        self.large.close()
        self._payloads.close()
        self._stores.close()
        self._catalogue.close()
        self._lock.release()

    def __enter__(self) -> Vault:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Vault of {self.organisation}>"

    @property
    def folder(self) -> Path:
        """Give the vault's folder; what else belongs to the organisation's data stands below it."""
        return self._folder

    @property
    def catalogue(self) -> Catalogue:
        """Give the catalogue, for what is worked out from records and erased with them."""
        return self._catalogue

    # Records

    def deposit(self, items: Iterable[Item]) -> Batch:
        """Take in records as one batch, all or nothing, durable on return.

        Refuses `record_exists` for an id that is held or comes twice (nothing is stored then),
        `deposit_empty`, `deposit_too_large`, `malformed`.
        """
        return self._records.deposit(items)

    def anchored(self, batch: str, transaction_hash: str, height: int) -> None:
        """Note that the chain took a batch of records or of journal lines; repeating is fine."""
        self._catalogue.anchored(batch, transaction_hash, height)

    def unanchored(self) -> list[Batch]:
        """List batches that the chain has not taken yet, oldest first; complete after a crash."""
        return [batch_of(row) for row in self._catalogue.unanchored()]

    def unanchor_above(self, height: int) -> int:
        """Forget anchors above a height that the chain was rolled back to; gives how many."""
        return self._catalogue.unanchor_above(height)

    def records_of(self, patient: str) -> list[str]:
        """List the ids of a patient's records, without those that are sealed or erased."""
        return self._catalogue.records_of_patient(patient)

    def proof(self, record: str, *, with_salt: bool = False) -> RecordProof:
        """Prove that a record is in its batch; check with `envelope.check_record`."""
        return self._records.proof(record, with_salt=with_salt)

    def read_own(
        self,
        records: Sequence[str],
        reader: str,
        purpose: str,
        *,
        basis: Basis = "own",
        on_behalf_of: str | None = None,
    ) -> dict[str, bytes]:
        """Read records this organisation keeps, journalled durably before they are returned.

        `reader` is the subject id of the person or service that reads; `basis` is `patient` where
        the person themself asks, or `on_behalf_of` them another. Sealed records open for
        `retention-duty` and `legal` alone. Refuses `vault_record_unknown`, and the reason why a
        record does not open; nothing is returned then, and the failed reading is journalled.
        """
        rows = [self._records.row(record) for record in records]
        found = list(self._records.open(rows, sealed=purpose in DUTIES))
        lines = [
            JournalLine(
                disclosure=new_id(),
                basis=basis,
                session=None,
                grant=None,
                record=row.record,
                reader=reader,
                on_behalf_of=on_behalf_of,
                purpose=purpose,
                time=self._clock(),
                outcome="deny" if isinstance(each, Refusal) else "permit",
                reasons=(each.code.name,) if isinstance(each, Refusal) else (),
            )
            for row, each in zip(rows, found, strict=True)
        ]
        self._journal.write(lines)
        contents: dict[str, bytes] = {}
        for each in found:
            if isinstance(each, Refusal):
                raise each
            contents[each.row.record] = each.content
        return contents

    def deny_own(
        self,
        records: Sequence[str],
        reader: str,
        purpose: str,
        reasons: Sequence[str],
        *,
        basis: Basis = "own",
        on_behalf_of: str | None = None,
    ) -> None:
        """Journal that a reading of records kept here was denied, with all its reasons.

        As `read_own`, for who decided that it is not called.
        """
        self._journal.write(
            [
                JournalLine(
                    disclosure=new_id(),
                    basis=basis,
                    session=None,
                    grant=None,
                    record=record,
                    reader=reader,
                    on_behalf_of=on_behalf_of,
                    purpose=purpose,
                    time=self._clock(),
                    outcome="deny",
                    reasons=tuple(reasons),
                )
                for record in records
            ]
        )

    def end_period(self, patient: str) -> None:
        """End a patient's category keys, for a revocation: later deposits go under new ones.

        Extend the grants that stay; what the revoked grantee holds opens nothing new.
        """
        self.keystore.end_category_keys(patient)

    def versions(self, record: str) -> list[Version]:
        """List all versions of a record, oldest first, whichever of them is named."""
        return self._records.versions(record)

    # Retention, erasure, backup

    def hold(self, hold: str, records: Sequence[str], ground: Ground) -> list[Held]:
        """Forbid the destruction of records; `Held.entry` and `erasure.mark` go on the chain."""
        return self.erasure.hold(hold, records, ground)

    def lift(self, hold: str) -> list[Held]:
        """End a hold; the answer names each record's own hold on the chain."""
        return self.erasure.lift(hold)

    def plan_erasure(self, patient: str, records: Sequence[str] | None = None) -> Plan:
        """Say which of a patient's records would be destroyed and which sealed; changes nothing.

        `erasure.prepare` keeps it before its commitments go on the chain.
        """
        return self.erasure.plan(patient, records)

    def erase(self, plan: Plan) -> list[Certificate]:
        """Carry out a plan, durable on return; again is fine. See `Erasure.carry_out`."""
        return self.erasure.carry_out(plan)

    def certificates(self, patient: str | None = None) -> list[Certificate]:
        """List the certificates of what was erased, by time."""
        return self.erasure.certificates(patient)

    def backup(self, folder: Path, erasure_folder: Path, days: int = backup.DAYS) -> backup.Made:
        """Copy the vault while it serves, its erasure keys apart for `days`; see `backup.py`."""
        parts = backup.Parts(
            self._folder,
            self.organisation,
            self.keystore,
            self._stores,
            self._catalogue,
            self.erasure,
        )
        return backup.backup(parts, folder, erasure_folder, days=days, now=self._clock())

    # Grants: the holder's side

    def grant(self, terms: Terms, grant: str, patient: str, recipient: bytes) -> Given:
        """Give a grant: package every category key that the terms open, for the grantee alone.

        `recipient` is the public key of the grantee organisation's key service. New months come
        by `extend_grant`. See `Holder.give`.
        """
        return self._holder.give(terms, grant, patient, recipient)

    def extend_grant(self, grant: str) -> bytes | None:
        """Package the keys made since the last package of a grant; None when there are none."""
        return self._holder.extend(grant)

    def given_to(self, patient: str) -> dict[str, tuple[str, Terms]]:
        """Give every grant given here for a patient: its current commitment and opened terms."""
        return self._holder.of_patient(patient)

    def opened_by(self, grant: str, commitment: str | None = None) -> list[str]:
        """List the records that a grant given here opens now; `commitment` names the version."""
        return self._holder.opened_by(grant, commitment)

    def release(
        self, request: Request, view: ChainView, caller: str, encounter: bool = False
    ) -> Released:
        """Release records inside an open session, journalled before they leave."""
        return self._holder.release(request, view, caller, encounter)

    # Grants: the grantee's side

    def service_public_key(self) -> bytes:
        """Give the public key that grants to this organisation are wrapped to."""
        return self.keystore.service_key().public.data

    def accept(self, package: bytes, commitment: str) -> Accepted:
        """Accept a grant package against the commitment that the chain has."""
        return self._grantee.accept(package, commitment)

    def terms_of(self, grant: str) -> Terms:
        """Give the opened terms of a grant held here."""
        return self._grantee.terms(grant)

    def holder_of(self, grant: str) -> str:
        """Name the organisation that gave a grant held here."""
        return self._grantee.holder(grant)

    def open_session(
        self,
        grant: str,
        reader: str,
        purpose: str,
        ends: int,
        role: str | None = None,
        *,
        place: str | None = None,
        on_behalf_of: str | None = None,
    ) -> OpenedSession:
        """Prepare an access session under a grant held here; `ends` in milliseconds."""
        return self._grantee.open_session(
            grant, reader, purpose, ends, role, place=place, on_behalf_of=on_behalf_of
        )

    def holds_grant(self, grant: str, commitment: str) -> bool:
        """Tell whether the package of a grant was accepted here, with the terms of `commitment`."""
        row = self._catalogue.received(grant)
        return row is not None and row.commitment == commitment

    def session(self, session: str) -> OpenedSession | None:
        """Find a session prepared here."""
        return self._grantee.session(session)

    def read(self, released: Released, grant: str, roots: Mapping[str, str]) -> dict[str, bytes]:
        """Open and check released records; `roots` maps batch ids to the chain's roots."""
        return self._grantee.read(released, grant, roots)

    # Journal

    def journal_write(self, lines: Sequence[JournalLine]) -> None:
        """Keep journal lines of who answered in this organisation's place, durable on return."""
        self._journal.write(lines)

    def journal_batch(self) -> Batch | None:
        """Put journal lines that are in no batch yet into one; None when there are none."""
        return self._journal.batch()

    def journal_about(self, record: str) -> list[JournalLine]:
        """List all journal lines about a record, oldest first."""
        return self._journal.about(record)

    def journal_proof(self, disclosure: str) -> JournalProof:
        """Prove that a journal line is in its disclosure batch."""
        return self._journal.proof(disclosure)

    def journal_about_patient(
        self,
        patient: str,
        since: int | None = None,
        until: int | None = None,
        limit: int | None = None,
    ) -> list[JournalLine]:
        """List the journal lines about a patient's records, erased ones too, oldest first.

        Times in milliseconds, `until` not included.
        """
        records = sorted(self._ever_of(patient))
        return self._journal.about_patient(records, since, until, limit)

    def journal_anchored(self, disclosures: Sequence[str]) -> frozenset[str]:
        """Tell which of these journal lines are in a batch that the chain has."""
        return self._journal.anchored(disclosures)

    def is_record_of(self, record: str, patient: str) -> bool:
        """Tell whether a record is, or was until its erasure, a patient's."""
        return record in self._ever_of(patient)

    def _ever_of(self, patient: str) -> set[str]:
        records = set(self._catalogue.records_of_patient(patient, (KEPT, SEALED, ERASED)))
        for certificate in self.certificates(patient):
            records.update(each.record for each in certificate.records)
        return records

    def place_of(self, batch: str) -> tuple[str, int] | None:
        """Tell in which transaction and at which height a batch is on the chain, if it is yet."""
        row = self._catalogue.batch(batch)
        if row is None or row.transaction_hash is None or row.height is None:
            return None
        return row.transaction_hash, row.height

    def sweep(self, before: int) -> int:
        """Remove uploads of large objects that began before a moment (ms) and were given up.

        For the start of a node, when nothing is being deposited. Gives how many objects and
        slices.
        """
        return self.large.sweep(before, self._catalogue.present)

    # Integrity

    def integrity(self) -> Iterator[Damage]:
        """Walk every payload, slice, row, journal line and audit entry; yield what is damaged."""
        yield from self._records.damaged()
        yield from self._journal.damaged()
        yield from self.audit.damaged()
        yield from damaged_slices(self.large, self._records, self._catalogue)
        yield from self.emergencies.outage.damaged()
        yield from self.private.damaged()
