"""New records brought to whoever may read them: keys first, then word of it.

A batch of records that the chain took is gone through once: each standing grant whose terms open
something of it is extended, its package delivered to the grantee, and who may read under it is
told (`result_shared`); the person is told too (`result_ready`). The place in the row of batches is
durable (`vault/announcing.py`), so a crash tells nothing twice and forgets nothing. To a grantee at
another node package and word are brought in this order (`members/courier.py`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from yilian.gateway.practice.notices import tell, tell_at
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.consent.state import GRANTS
from yilian.ledger.modules.records.state import BATCHES
from yilian.node.engine import Stopped
from yilian.node.store import StoreDamaged
from yilian.vault.announcing import NewBatch, NewRecord
from yilian.vault.envelope import Terms

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

LONGEST_SLEEP = 30.0

log = logging.getLogger("yilian.gateway")


class Results:
    """Brings the new records of one organisation to others. For one thread."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._repairing = True

    def run_once(self) -> int:
        """Go through the batches that the chain has taken; gives how many.

        The first time after a start keys are packaged whole: a package that was made before the
        last stop may not have arrived.
        """
        vault, state = self._organisation.vault, self._organisation.engine.state()
        done = 0
        for batch in vault.announcing.pending():
            if BATCHES.get(state, batch.batch) is None:
                # The place cannot pass it; what comes after it is looked at once it is anchored.
                break
            self._announce(batch)
            vault.announcing.done(batch.position)
            done += 1
        self._repairing = False
        return done

    def _announce(self, batch: NewBatch) -> None:
        for patient, records in self._organisation.vault.announcing.records(batch.batch).items():
            self._guarded(batch.batch, self._tell_grantees, batch.batch, patient, records)
            self._guarded(batch.batch, self._tell_person, batch.batch, patient, records)

    def _guarded(self, batch: str, step: Callable[..., None], *arguments: Any) -> None:
        """A damaged row must not hold up everybody else's records; `integrity` names it."""
        try:
            step(*arguments)
        except Refusal as refusal:
            log.error("batch %s: not announced: %s", batch, refusal.code.name)

    def _tell_grantees(self, batch: str, patient: str, records: Sequence[NewRecord]) -> None:
        engine = self._organisation.engine
        for grant, (commitment, terms) in self._organisation.vault.given_to(patient).items():
            stands = GRANTS.get(engine.state(), grant)
            if stands is None or not stands.valid(engine.now()) or stands.terms != commitment:
                continue
            # Keys that nobody can be brought are not noted as sent: each record's key goes alone.
            if self._organisation.reaches(terms.grantee):
                self._guarded(batch, self._share, batch, grant, terms, records)

    def _share(
        self,
        batch: str,
        grant: str,
        terms: Terms,
        records: Sequence[NewRecord],
    ) -> None:
        """Extend one grant by what is new, and tell who may read under it."""
        may_read = set(self._organisation.vault.opened_by(grant))
        opened = [each for each in records if each.record in may_read]
        if not opened:
            return
        self._deliver(grant)
        parameters = {
            "grant": grant,
            "organisation": self._organisation.id,
            "record": opened[0].record,
        }
        for reader in dict.fromkeys((terms.practitioner, *terms.team)):
            if reader is not None:
                tell_at(
                    self._organisation, terms.grantee, reader, "result_shared", parameters, batch
                )

    def _deliver(self, grant: str) -> None:
        watch = self._organisation.watch
        if self._repairing:
            watch.redeliver(grant)
            return
        package = self._organisation.vault.extend_grant(grant)
        if package is not None:
            watch.deliver(grant, package)

    def _tell_person(self, batch: str, patient: str, records: Sequence[NewRecord]) -> None:
        """Tell the person of results, not of their own notes nor of what came at enrolment."""
        new = [each for each in records if each.author != patient and each.replaces is None]
        vault = self._organisation.vault
        if not new or len(vault.records_of(patient)) == len(records):
            return
        parameters = {"organisation": self._organisation.id, "record": new[0].record}
        tell(self._organisation, patient, "result_ready", parameters, cause=batch)


class Announcer:
    """Runs the results of all organisations of a node in a thread, woken by new blocks."""

    def __init__(self, results: Sequence[Results]) -> None:
        self._results = tuple(results)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; again is fine."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="yilian-results", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop after the batch that is being announced; again is fine."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def wake(self, _height: int = 0) -> None:
        """Tell the thread that there is a new block; it is a listener of the engine."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            more = False
            for each in self._results:
                try:
                    more = each.run_once() > 0 or more
                except (Stopped, StoreDamaged) as stopped:
                    log.warning("new records are not announced: %s", type(stopped).__name__)
                except Exception:
                    # A full disk must not end the thread: what was not done is done again.
                    log.exception("new records could not be announced; trying again")
            if not more:
                self._wake.wait(LONGEST_SLEEP)
