"""The front door of the vault: one organisation's payloads, keys, grants and journal in a folder.

    <folder>/catalogue.sqlite   what is held (`catalogue.py`)
    <folder>/payloads/          ciphertexts (`payloads.py`)
    <folder>/keys/              secret keys, sealed (`keystore.py`)
    <folder>/lock               one process at a time

Facts from the chain are handed in; the vault knows no node. The organisation that keeps a record
holds its category keys itself, for treatment and for its duty to keep; its reads are journalled
like any other. Not here yet: erasure keys, guardians, escrow, redaction, chunks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from yilian.ledger import codec
from yilian.ledger.codec import Id
from yilian.ledger.errors import Refusal
from yilian.vault import durable
from yilian.vault.catalogue import Catalogue
from yilian.vault.decision import ChainView
from yilian.vault.envelope import (
    JournalLine,
    JournalProof,
    RecordProof,
    Terms,
    new_id,
)
from yilian.vault.journal import Journal
from yilian.vault.keystore import Keystore
from yilian.vault.packages import Released, Request
from yilian.vault.payloads import FolderStore
from yilian.vault.receiving import Accepted, Grantee, OpenedSession
from yilian.vault.records import Batch, Damage, Item, Records, batch_of
from yilian.vault.sharing import Given, Holder

__all__ = ["Batch", "Damage", "Given", "Item", "Vault"]

_id_decoder = codec.decoder(Id)


def utc_now() -> int:
    """Read this machine's UTC clock, in milliseconds."""
    return time.time_ns() // 1_000_000


class Vault:
    """One organisation's vault. Safe for threads; open in one process at a time."""

    def __init__(
        self,
        organisation: str,
        lock: durable.Lock,
        keystore: Keystore,
        payloads: FolderStore,
        catalogue: Catalogue,
        clock: Callable[[], int],
    ) -> None:
        self.organisation = organisation
        self.keystore = keystore
        self._lock = lock
        self._payloads = payloads
        self._catalogue = catalogue
        self._clock = clock
        self._records = Records(organisation, keystore, payloads, catalogue)
        self._journal = Journal(keystore, catalogue)
        self._holder = Holder(
            organisation, keystore, catalogue, self._records, self._journal, clock
        )
        self._grantee = Grantee(organisation, keystore, catalogue)

    @classmethod
    def open(
        cls,
        folder: Path,
        organisation: str,
        *,
        master_key_file: Path | None = None,
        clock: Callable[[], int] = utc_now,
    ) -> Vault:
        """Open an organisation's vault, or start one in an empty or absent folder.

        `clock` gives milliseconds of UTC. The master key: see `Keystore.open`. Refuses
        `vault_in_use`, `vault_of_other_organisation`, and as the key store does.
        """
        codec.decode_with(_id_decoder, codec.encode(organisation))
        durable.make_folder(folder)
        lock = durable.Lock(folder / "lock")
        catalogue: Catalogue | None = None
        try:
            catalogue = Catalogue(folder / "catalogue.sqlite", organisation)
            keystore = Keystore.open(folder / "keys", organisation, master_key_file)
            payloads = FolderStore(folder / "payloads")
        except BaseException:
            if catalogue is not None:
                catalogue.close()
            lock.release()
            raise
        return cls(organisation, lock, keystore, payloads, catalogue, clock)

    def close(self) -> None:
        """Close the vault and give the folder back."""
        self._payloads.close()
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

    def records_of(self, patient: str) -> list[str]:
        """List the ids of a patient's records."""
        return self._catalogue.records_of_patient(patient)

    def proof(self, record: str, *, with_salt: bool = False) -> RecordProof:
        """Prove that a record is in its batch; check with `envelope.check_record`."""
        return self._records.proof(record, with_salt=with_salt)

    def read_own(self, records: Sequence[str], reader: str, purpose: str) -> dict[str, bytes]:
        """Read records this organisation keeps, journalled durably before they are returned.

        `reader` is the subject id of the person or service that reads. Refuses
        `vault_record_unknown`, and the reason why a record does not open; nothing is returned
        then, and the failed reading is journalled.
        """
        rows = [self._records.row(record) for record in records]
        found = list(self._records.open(rows))
        lines = [
            JournalLine(
                disclosure=new_id(),
                session=None,
                grant=None,
                record=row.record,
                reader=reader,
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

    def end_period(self, patient: str) -> None:
        """End a patient's category keys, for a revocation: later deposits go under new ones.

        Extend the grants that stay; what the revoked grantee holds opens nothing new.
        """
        self.keystore.end_category_keys(patient)

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

    def opened_by(self, grant: str) -> list[str]:
        """List the records that a grant given here opens now."""
        return self._holder.opened_by(grant)

    def release(
        self, request: Request, view: ChainView, caller: str, met: frozenset[str] = frozenset()
    ) -> Released:
        """Release records inside an open session, journalled before they leave."""
        return self._holder.release(request, view, caller, met)

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
        self, grant: str, reader: str, purpose: str, ends: int, role: str | None = None
    ) -> OpenedSession:
        """Prepare an access session under a grant held here; `ends` in milliseconds."""
        return self._grantee.open_session(grant, reader, purpose, ends, role)

    def session(self, session: str) -> OpenedSession | None:
        """Find a session prepared here."""
        return self._grantee.session(session)

    def read(self, released: Released, grant: str, roots: Mapping[str, str]) -> dict[str, bytes]:
        """Open and check released records; `roots` maps batch ids to the chain's roots."""
        return self._grantee.read(released, grant, roots)

    # Journal

    def journal_batch(self) -> Batch | None:
        """Put journal lines that are in no batch yet into one; None when there are none."""
        return self._journal.batch()

    def journal_about(self, record: str) -> list[JournalLine]:
        """List all journal lines about a record, oldest first."""
        return self._journal.about(record)

    def journal_proof(self, disclosure: str) -> JournalProof:
        """Prove that a journal line is in its disclosure batch."""
        return self._journal.proof(disclosure)

    # Integrity

    def integrity(self) -> Iterator[Damage]:
        """Walk every payload, row and journal line; yield what is damaged, by id."""
        yield from self._records.damaged()
        yield from self._journal.damaged()
