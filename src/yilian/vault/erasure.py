"""Erasure: what may go is destroyed, what must be kept is sealed, and a certificate says which.

The order, so that a crash at any moment loses no promise and keeps no secret:

    plan        reads only: which records go, which are sealed and until when, who had copies
    prepare     the plan with its certificates is on the disk; its commitments go on the chain
    carry_out   the plan is begun (from here it is always finished, at the next opening if need be);
                rows become tombstones or are sealed; erasure keys go; payload bytes, wrapped keys
                and category keys go; the database's log is emptied; the plan is done

Destroyed means: the erasure key is gone, so no copy of the payload or of the salt opens again,
wherever it is kept. The tombstone keeps what the batch's leaf says, so old proofs still verify, and
the commitment tells nobody anything, since its salt is gone. Sealed means: nobody is given the
record any more, and who keeps it reads it for a duty alone (`retention.DUTIES`).

What this cannot do: take back copies that others received. The certificate names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import RLock
from typing import NamedTuple

import sqlalchemy as sql

from yilian.ledger import codec
from yilian.ledger.errors import Refusal, code
from yilian.vault import retention
from yilian.vault.catalogue import ERASED, KEPT, SEALED, Catalogue, RecordRow
from yilian.vault.certificates import MAX_MARKS, Certificate, Copy, ErasedRecord, Extent, Part, Plan
from yilian.vault.database import table, values
from yilian.vault.envelope import binding, certificate_commitment, new_id, new_salt
from yilian.vault.errors import RECORD_ERASED, RECORD_UNKNOWN
from yilian.vault.holds import Ground, Held, Holds
from yilian.vault.journal import Journal
from yilian.vault.keystore import Keystore
from yilian.vault.payloads import PackStore
from yilian.vault.records import Records
from yilian.vault.sealer import Sealer

ON_HOLD = code(9310, "vault_record_on_hold", 409, "record")
IN_RETENTION = code(9311, "vault_record_in_retention", 409, "record", "until")
NOTHING_TO_ERASE = code(9312, "nothing_to_erase", 409)
PLAN_DIFFERS = code(9313, "erasure_plan_differs", 409, "plan")

_PREPARED, _BEGUN, _DONE = "prepared", "begun", "done"
_CHUNK = 1000


_plan_decoder = codec.decoder(Plan)


class Replayed(NamedTuple):
    """How many records a replay destroyed and sealed."""

    destroyed: int
    sealed: int


@dataclass(frozen=True, slots=True)
class ErasureRow:
    """A plan: sealed, with how far it has come."""

    plan: str
    patient: str
    state: str
    content: bytes


class _Fate(NamedTuple):
    row: RecordRow
    ends: int
    grounds: tuple[str, ...]
    until: int | None
    """None: nothing keeps it."""


_erasures = table("erasures", ErasureRow, ["plan"])
sql.Index("erasures_unfinished", _erasures.c.state, sqlite_where=_erasures.c.state != _DONE)
sql.Index("erasures_of_patient", _erasures.c.patient)


class Erasure:
    """The erasures and holds of one organisation. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        keystore: Keystore,
        payloads: PackStore,
        catalogue: Catalogue,
        records: Records,
        journal: Journal,
        clock: Callable[[], int],
        grantee: Callable[[str], str | None] = lambda grant: None,
    ) -> None:
        """`grantee` names the organisation that a grant was given to."""
        self._organisation = organisation
        self._keystore = keystore
        self._payloads = payloads
        self._catalogue = catalogue
        self._records = records
        self._journal = journal
        self._clock = clock
        self._grantee = grantee
        self._lock = RLock()
        self._holds = Holds(catalogue, clock)
        self.listeners: list[Callable[[Sequence[str], Extent], None]] = []
        """Called with records before they go, so that an index or chunks go with them.

        A call may come again for the same records. One that fails stops the erasure, which is
        then begun again.
        """

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Hold off erasures, for a backup that must not see half of one."""
        with self._lock:
            yield

    def mark(self, record: str) -> str:
        """Name a record for the chain: HMAC-SHA256 under a key derived from the master key.

        It tells nobody else anything, and a restored vault recognises its own.
        """
        return codec.to_text(self._keystore.mac("erasure-mark", record.encode("utf-8")))

    # Holds

    def hold(self, hold: str, records: Sequence[str], ground: Ground) -> list[Held]:
        """Forbid the destruction of records; the answer has each record's own hold for the chain.

        Refuses `vault_record_unknown`, `vault_record_erased`, and as `Holds.add`.
        """
        with self._lock:
            self._rows(records)
            return self._holds.add(hold, records, ground)

    def lift(self, hold: str) -> list[Held]:
        """End a hold; again is fine. Refuses `vault_hold_unknown`."""
        return self._holds.lift(hold)

    # Planning

    def plan(
        self, patient: str, records: Sequence[str] | None = None, now: int | None = None
    ) -> Plan:
        """Say what an erasure of a patient's records (None: all) would do; changes nothing.

        What no retention and no hold keeps would be destroyed, the rest sealed. What is sealed
        already, and still has to be, is left out. Refuses `nothing_to_erase`,
        `vault_record_unknown` (also for another patient's) and `vault_record_erased`.
        """
        now = self._clock() if now is None else now
        if records is None:
            records = self._catalogue.records_of_patient(patient, (KEPT, SEALED))
        rows = self._rows(records)
        for row in rows:
            if row.patient != patient:
                raise RECORD_UNKNOWN(record=row.record)
        groups: dict[int | None, list[_Fate]] = {}
        for fate in self._fates(rows, now):
            sealed_until = fate.row.until
            if fate.until is None or sealed_until is None or sealed_until < fate.until:
                groups.setdefault(fate.until, []).append(fate)
        parts = [
            self._part(patient, now, until, fates[start : start + MAX_MARKS])
            for until, fates in sorted(groups.items(), key=lambda each: each[0] or 0)
            for start in range(0, len(fates), MAX_MARKS)
        ]
        if not parts:
            raise NOTHING_TO_ERASE()
        return Plan(plan=new_id(), patient=patient, time=now, parts=tuple(parts))

    def _rows(self, records: Sequence[str]) -> list[RecordRow]:
        found = {row.record: row for row in self._catalogue.records(sorted(set(records)))}
        for record in records:
            if record not in found:
                raise RECORD_UNKNOWN(record=record)
            if found[record].standing == ERASED:
                raise RECORD_ERASED(record=record)
        return [found[record] for record in sorted(found)]

    def _fates(self, rows: Sequence[RecordRow], now: int) -> list[_Fate]:
        held = self._holds.grounds([row.record for row in rows])
        fates: list[_Fate] = []
        for row in rows:
            ends = retention.ends(row.retention, row.deposited)
            grounds = held.get(row.record, ())
            reasons = [ends, row.until or 0, retention.review(now) if grounds else 0]
            until = max(reasons)
            fates.append(_Fate(row, ends, grounds, until if until > now else None))
        return fates

    def _part(self, patient: str, now: int, until: int | None, fates: Sequence[_Fate]) -> Part:
        certificate = Certificate(
            erasure=new_id(),
            organisation=self._organisation,
            patient=patient,
            time=now,
            extent="destroyed" if until is None else "sealed",
            until=until,
            records=tuple(_erased(each) for each in fates),
            copies=self._copies([each.row.record for each in fates]),
        )
        salt = new_salt()
        return Part(
            marks=self._marks(certificate),
            salt=codec.to_text(salt),
            commitment=certificate_commitment(salt, codec.encode(certificate)),
            certificate=certificate,
        )

    def _marks(self, certificate: Certificate) -> tuple[str, ...]:
        return tuple(sorted(self.mark(each.record) for each in certificate.records))

    def _copies(self, records: Sequence[str]) -> tuple[Copy, ...]:
        times: dict[tuple[str, str, str], list[int]] = {}
        for record in records:
            for line in self._journal.about(record):
                if line.outcome == "permit":
                    at = (line.basis, line.reader, line.grant or "")
                    times.setdefault(at, []).append(line.time)
        return tuple(
            Copy(
                basis=basis,
                reader=reader,
                grant=grant or None,
                organisation=self._grantee(grant) if grant else None,
                first=min(seen),
                last=max(seen),
                times=len(seen),
            )
            for (basis, reader, grant), seen in sorted(times.items())
        )

    # Carrying out

    def prepare(self, plan: Plan) -> None:
        """Keep a plan durably before its commitments go on the chain; again is fine.

        Refuses a plan that is not this vault's or was changed (`erasure_plan_differs`), or that
        holds or terms forbid by now (`vault_record_on_hold`, `vault_record_in_retention`).
        """
        data = codec.encode(plan)
        codec.decode_with(_plan_decoder, data)
        with self._lock:
            known = self._row(plan.plan)
            if known is None:
                self._check(plan)
                sealed = self._sealer().seal(data, _plan_binding(plan.plan, plan.patient))
                row = ErasureRow(plan.plan, plan.patient, _PREPARED, sealed)
                with self._catalogue.write() as database:
                    database.execute(sql.insert(_erasures), [values(row)])
            elif codec.encode(self._opened(known)) != data:
                raise PLAN_DIFFERS(plan=plan.plan)

    def withdraw(self, plan: str) -> None:
        """Forget a plan that was prepared and not carried out; none there is fine."""
        gone = sql.delete(_erasures).where(_erasures.c.plan == plan, _erasures.c.state == _PREPARED)
        with self._lock, self._catalogue.write() as database:
            database.execute(gone)

    def carry_out(self, plan: Plan) -> list[Certificate]:
        """Do what a plan says, durable on return; again is fine. Refuses as `prepare` does."""
        with self._lock:
            self.prepare(plan)
            known = self._row(plan.plan)
            if known is not None and known.state == _PREPARED:
                self._check(plan)
                self._set(plan.plan, _BEGUN)
            if known is not None and known.state != _DONE:
                self._act(plan)
        return [part.certificate for part in plan.parts]

    def finish(self) -> None:
        """Finish what a crash interrupted; called before a vault serves."""
        with self._lock:
            begun = sql.select(_erasures).where(_erasures.c.state == _BEGUN)
            for row in self._catalogue.rows(ErasureRow, begun):
                self._act(self._opened(row))
            self._settle()

    def replay(self, marks: Mapping[str, tuple[str, int | None]]) -> Replayed:
        """Do again all erasures that the chain has: mark -> (extent, until).

        For a vault restored from a backup, before it serves, and harmless at any other time. What
        the chain says destroyed is destroyed, whatever a hold of the backup says. Marks of records
        that are not here are passed over. Plans that were begun are finished too.
        """
        destroyed = sealed = 0
        with self._lock:
            last = ""
            while rows := self._catalogue.after(last, _CHUNK):
                last = rows[-1].record
                gone: list[RecordRow] = []
                for row in rows:
                    extent, until = marks.get(self.mark(row.record), ("", None))
                    if extent == "destroyed":
                        gone.append(row)
                    elif extent == "sealed" and until is not None and (row.until or 0) < until:
                        self._seal([row], until)
                        sealed += 1
                self._destroy(gone)
                destroyed += len(gone)
            self.finish()
        return Replayed(destroyed, sealed)

    def _check(self, plan: Plan) -> None:
        """Hold a plan against the rows, terms and holds of now."""
        now = self._clock()
        for part in plan.parts:
            told = part.certificate
            rows = self._rows([each.record for each in told.records])
            fates = {fate.row.record: fate for fate in self._fates(rows, now)}
            salt = codec.to_bytes(part.salt)
            if (
                (told.organisation, told.patient) != (self._organisation, plan.patient)
                or any(row.patient != plan.patient for row in rows)
                or (told.extent == "destroyed") != (told.until is None)
                or part.marks != self._marks(told)
                or part.commitment != certificate_commitment(salt, codec.encode(told))
            ):
                raise PLAN_DIFFERS(plan=plan.plan)
            if told.extent == "destroyed":
                _require_free(fates.values())

    def _act(self, plan: Plan) -> None:
        for part in plan.parts:
            told = part.certificate
            rows = self._catalogue.records([each.record for each in told.records])
            left = [row for row in rows if row.standing != ERASED]
            if told.until is None:
                self._destroy(left)
            else:
                self._seal([row for row in left if (row.until or 0) < told.until], told.until)
        if self._settle():
            self._set(plan.plan, _DONE)

    def _seal(self, rows: Sequence[RecordRow], until: int) -> None:
        self._tell(rows, "sealed")
        self._catalogue.put_records([self._records.sealed_row(row, until) for row in rows])

    def _destroy(self, rows: Sequence[RecordRow]) -> None:
        self._tell(rows, "destroyed")
        self._catalogue.put_records([self._records.tombstone(row) for row in rows])

    def _tell(self, rows: Sequence[RecordRow], extent: Extent) -> None:
        if rows:
            for listener in self.listeners:
                listener([row.record for row in rows], extent)

    def _settle(self) -> bool:
        """Make what the tombstones say true, from the tombstones alone; tells whether it is.

        Each step may be repeated, and the tombstones say what is left to do until all is done. A
        file of keys that is damaged is left for the next time, and the rest is done.
        """
        rows = self._catalogue.unsettled()
        stuck = {batch for batch in {row.batch for row in rows} if not self._settle_batch(batch)}
        self._payloads.delete_many(row.stored for row in rows)
        under: dict[str, set[str]] = {}
        for row in rows:
            under.setdefault(row.patient, set()).add(row.category_key)
        locked = {
            patient for patient, keys in under.items() if not self._settle_patient(patient, keys)
        }
        settled = [row for row in rows if row.batch not in stuck and row.patient not in locked]
        self._catalogue.put_records([_settled(row) for row in settled])
        return self._catalogue.empty_log() and len(settled) == len(rows)

    def _settle_batch(self, batch: str) -> bool:
        self._catalogue.drop_batch_keys(batch)
        live = [
            (row.patient, row.record)
            for row in self._catalogue.records_of_batch(batch)
            if row.standing != ERASED
        ]
        if not live:
            self._keystore.erasure.destroy(batch)
            return True
        try:
            self._keystore.erasure.keep_only(batch, live)
        except Refusal:
            return False
        return True

    def _settle_patient(self, patient: str, keys: Iterable[str]) -> bool:
        try:
            self._records.drop_category_keys(patient, sorted(keys))
        except Refusal:
            return False
        return True

    # Certificates

    def certificates(self, patient: str | None = None) -> list[Certificate]:
        """List the certificates of what was carried out, of one patient or of all, by time."""
        plans = self._plans(_erasures.c.state == _DONE, patient)
        return [part.certificate for plan in plans for part in plan.parts]

    def done(self) -> list[Plan]:
        """List the plans that were carried out, by time."""
        return self._plans(_erasures.c.state == _DONE, None)

    def unfinished(self) -> list[Plan]:
        """List the plans that are prepared or begun, and not done."""
        return self._plans(_erasures.c.state != _DONE, None)

    def due(self, now: int | None = None) -> dict[str, list[str]]:
        """List sealed records that have to be kept no longer, by patient, for a plan to destroy."""
        due: dict[str, list[str]] = {}
        for row in self._catalogue.sealed_until(self._clock() if now is None else now):
            due.setdefault(row.patient, []).append(row.record)
        return due

    def _plans(self, which: sql.ColumnElement[bool], patient: str | None) -> list[Plan]:
        query = sql.select(_erasures).where(which)
        if patient is not None:
            query = query.where(_erasures.c.patient == patient)
        found = [self._opened(row) for row in self._catalogue.rows(ErasureRow, query)]
        return sorted(found, key=lambda plan: (plan.time, plan.plan))

    def _row(self, plan: str) -> ErasureRow | None:
        query = sql.select(_erasures).where(_erasures.c.plan == plan)
        return self._catalogue.one(ErasureRow, query)

    def _set(self, plan: str, state: str) -> None:
        with self._catalogue.write() as database:
            change = sql.update(_erasures).where(_erasures.c.plan == plan)
            database.execute(change.values(state=state))

    def _opened(self, row: ErasureRow) -> Plan:
        data = self._sealer().open(row.content, _plan_binding(row.plan, row.patient))
        return codec.decode(data, Plan)

    def _sealer(self) -> Sealer:
        return self._keystore.sealer("erasures")


def _erased(fate: _Fate) -> ErasedRecord:
    return ErasedRecord(
        record=fate.row.record,
        batch=fate.row.batch,
        commitment=fate.row.commitment,
        retention=fate.row.retention,
        ends=fate.ends,
        grounds=fate.grounds,  # type: ignore[arg-type]
    )


def _require_free(fates: Iterable[_Fate]) -> None:
    for fate in fates:
        if fate.grounds:
            raise ON_HOLD(record=fate.row.record)
        if fate.until is not None:
            raise IN_RETENTION(record=fate.row.record, until=fate.until)


def _settled(row: RecordRow) -> RecordRow:
    return replace(row, patient="", stored="", category_key="")


def _plan_binding(plan: str, patient: str) -> bytes:
    return binding("erasure-plan", plan=plan, patient=patient)
