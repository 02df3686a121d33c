"""Brings to other members what they could not be told at once, in order, until they have it.

One thread looks what waits; each receiver is served by itself, so that one that is down or slow
holds up nobody else. What waits lies in the vault (`vault/parcels.py`) and outlives the process. A
parcel that its receiver refuses for good is given up and logged by the refusal's code.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from yilian.gateway.members import there
from yilian.gateway.members.errors import (
    ANSWER_REFUSED,
    NO_ENDPOINT,
    NOT_THE_MEMBER,
    UNKNOWN,
)
from yilian.gateway.members.problem import passing
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity.state import standing
from yilian.node.engine import Stopped
from yilian.node.store import StoreDamaged
from yilian.vault.parcels import Parcel

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
AT_ONCE = 8
GIVEN_UP_MS = 30 * 86_400_000
"""After so long a parcel is given up: what it would tell has long been told in other ways."""

_BOUNDS = {
    each.name: each
    for each in (
        there.ACCEPT,
        there.ASK,
        there.PRIVATE,
        there.REPLICA_LINES,
        there.REPLICA_TELL,
        there.SUPPLY_ENDED,
        there.SUPPLY_RECALL,
        there.SUPPLY_RECALLED,
        there.SUPPLY_SHIPMENT,
        there.TELL,
    )
}
_LATER = frozenset({ANSWER_REFUSED, NO_ENDPOINT, NOT_THE_MEMBER})
"""Besides what passes by itself: the other's operator has something to put right."""

_NEVER_OLD = frozenset({there.REPLICA_LINES.name, there.SUPPLY_ENDED.name})
"""Whoever's records were read is told of it, however long the holder was away; and a responder
hears of every end, or it would answer for good that the pack may be sold."""

log = logging.getLogger("yilian.gateway")


class Courier:
    """Brings one organisation's parcels. `start` and `stop` once; without them nothing leaves."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pauses: dict[str, tuple[float, float]] = {}
        self._running: dict[str, Future[None]] = {}
        self._lock = threading.Lock()

    def send(self, receiver: str, operation: there.Operation, mark: str, asked: object) -> None:
        """Have something brought; durable on return. The same `mark` again is brought once."""
        organisation = self._organisation
        organisation.vault.parcels.put(
            receiver, operation.name, mark, there.encode(asked), organisation.engine.now()
        )
        self.wake()

    def wake(self) -> None:
        """Look now what waits."""
        self._wake.set()

    def start(self) -> None:
        """Start; again is fine."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="yilian-courier", daemon=True)
            self._thread.start()
            self.wake()

    def stop(self) -> None:
        """Stop after what is on its way; again is fine."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        with ThreadPoolExecutor(AT_ONCE, "yilian-courier") as pool:
            while not self._stopping.is_set():
                self._wake.clear()
                try:
                    pause = self._look(pool)
                except (Stopped, StoreDamaged) as stopped:
                    log.warning("nothing is brought: %s", type(stopped).__name__)
                    pause = LONGEST_PAUSE
                except Exception:
                    log.exception("parcels could not be read; trying again")
                    pause = LONGEST_PAUSE
                self._wake.wait(pause)

    def _look(self, pool: ThreadPoolExecutor) -> float:
        """Set going what is due; gives how long there is nothing else to do."""
        now, pause = time.monotonic(), LONGEST_PAUSE
        for receiver in self._receivers():
            with self._lock:
                due = self._pauses.get(receiver, (0.0, 0.0))[1]
                if receiver in self._running:
                    continue
                if due > now:
                    pause = min(pause, due - now)
                    continue
                self._running[receiver] = pool.submit(self._serve, receiver)
        return min(pause, self._organisation.replicas.wait())

    def _receivers(self) -> list[str]:
        organisation = self._organisation
        found = {*organisation.vault.parcels.receivers(), *organisation.emergencies.to_tell()}
        found |= organisation.replicas.to_tell()
        return sorted(found)

    def _serve(self, receiver: str) -> None:
        try:
            self._bring(receiver)
        except Exception:
            log.exception("a parcel could not be brought; trying again")
            self._pause(receiver)
        finally:
            with self._lock:
                self._running.pop(receiver, None)
            # Something may have come in while this ran.
            self._wake.set()

    def _bring(self, receiver: str) -> None:
        """Bring what waits for one receiver, in order, up to what cannot be brought now."""
        organisation = self._organisation
        state = organisation.engine.state()
        if standing(state, receiver) is None:
            organisation.vault.parcels.forget(receiver)
            organisation.emergencies.give_up(receiver)
            organisation.replicas.give_up(receiver)
            return
        try:
            while parcels := organisation.vault.parcels.waiting(receiver):
                for each in parcels:
                    if self._stopping.is_set():
                        return
                    if self._bring_one(each) and each.operation == there.PRIVATE.name:
                        organisation.vault.private.delivered(each.mark, receiver)
                    organisation.vault.parcels.done(each.position)
            organisation.emergencies.carry(receiver)
            organisation.replicas.carry(receiver)
        except Refusal as refusal:
            log.info("a member is not reached: %s", refusal.code.name)
            self._pause(receiver)
            return
        with self._lock:
            self._pauses.pop(receiver, None)

    def _bring_one(self, parcel: Parcel) -> bool:
        """Bring one parcel; tells whether it was taken. Raises a refusal that may be over later."""
        organisation, receiver, operation = self._organisation, parcel.receiver, parcel.operation
        peers, known = organisation.peers, _BOUNDS.get(operation)
        if peers is None:
            raise NO_ENDPOINT(id=receiver)
        if known is None:
            log.error("a parcel cannot be read; it is given up")
            return False
        try:
            peers.call(
                organisation.id, receiver, operation, parcel.body, known.bounds, patient=True
            )
        except Refusal as refusal:
            old = organisation.engine.now() - parcel.since > GIVEN_UP_MS
            old = old and operation not in _NEVER_OLD
            if not old and later(refusal):
                raise
            log.warning("%s is given up: %s", operation, refusal.code.name)
            return False
        return True

    def _pause(self, receiver: str) -> None:
        with self._lock:
            last = self._pauses.get(receiver, (0.0, 0.0))[0]
            pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, last * 2))
            self._pauses[receiver] = (pause, time.monotonic() + pause)


def later(refusal: Refusal) -> bool:
    """Tell whether what was refused is to be tried again."""
    return passing(refusal) or (refusal.code in _LATER and refusal.code is not UNKNOWN)
