"""The duplicate check of enrolment: a tag that several members make together, none of them alone.

The number is hidden before it leaves (`duplicates.blind`), so whoever answers learns nothing. One
answer more than needed is asked for where there is a member to give it: two different choices of
answers must lead to the same tag, or a member has answered falsely, or has a share of another key.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from yilian.gateway.members.endpoints import endpoints
from yilian.gateway.members.errors import PARTIALS_DIFFER, PARTIALS_TOO_FEW
from yilian.ledger.errors import Refusal
from yilian.vault import duplicates
from yilian.vault.duplicates import Partial, Share

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

SECONDS = 3.0
MOMENT = 0.3
KEPT = 4_096
AT_ONCE = 16


class Tags:
    """Makes the tags of one organisation. Safe for threads."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._known: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    def tag(self, system: str, number: str) -> str:
        """Make a tag; refuses as `Organisation.tag`."""
        own, name = self._own(), self._organisation.id
        if own is not None and own.threshold == 1:
            return duplicates.tag_alone(own.scalar, name, system, number)
        point = duplicates.point(name, system, number)
        found = self._remembered(point)
        if found is None:
            blinded = duplicates.blind(point)
            partials = self._gather(blinded.point, own)
            found = duplicates.tag(duplicates.unblind(agreed(partials), blinded))
            self._remember(point, found)
        return found

    def _own(self) -> Share | None:
        """Give this member's share; one that came after the founding has none."""
        keystore = self._organisation.vault.keystore
        threshold = keystore.duplicate_threshold()
        return None if threshold is None else Share(*keystore.duplicate_share(), threshold)

    def _gather(self, point: bytes, own: Share | None) -> list[Partial]:
        """Ask the other members until there is one answer more than needed, or time is up."""
        here = self._organisation.id
        names = [name for name in endpoints(self._organisation.engine.state()) if name != here]
        found = {} if own is None else {own.index: duplicates.partial(own, point)}
        until = time.monotonic() + SECONDS
        pool = ThreadPoolExecutor(AT_ONCE, "yilian-partials")
        try:
            waiting = {pool.submit(self._ask, name, point) for name in names}
            while waiting and len(found) <= _needed(found.values()):
                if found and len(found) == _needed(found.values()):
                    # Enough: the one more is waited for a moment only.
                    until = min(until, time.monotonic() + MOMENT)
                left = until - time.monotonic()
                if left <= 0:
                    break
                done, waiting = wait(waiting, left, FIRST_COMPLETED)
                for answer in (each.result() for each in done):
                    # Whoever has a share knows how many are needed, and leaves out who differs.
                    if answer is not None and (own is None or answer.threshold == own.threshold):
                        found.setdefault(answer.index, answer)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return list(found.values())

    def _ask(self, name: str, point: bytes) -> Partial | None:
        try:
            return self._organisation.counterpart(name).partial(point)
        except Refusal:
            return None

    def _remembered(self, point: bytes) -> str | None:
        with self._lock:
            return self._known.get(point)

    def _remember(self, point: bytes, tag: str) -> None:
        with self._lock:
            self._known[point] = tag
            while len(self._known) > KEPT:
                self._known.popitem(last=False)


def agreed(partials: Sequence[Partial]) -> bytes:
    """Combine partials of different shares; with one more than needed, by two choices that agree.

    Refuses `members.partials_too_few`, `members.partials_differ` also where they disagree on how
    many are needed, and `duplicate_partials_refused`.
    """
    needed = _needed(partials)
    if len({each.threshold for each in partials}) > 1:
        raise PARTIALS_DIFFER()
    if len(partials) < needed:
        raise PARTIALS_TOO_FEW(given=len(partials), needed=needed)
    made = duplicates.combine(partials[:needed])
    if len(partials) > needed and duplicates.combine(partials[1 : needed + 1]) != made:
        raise PARTIALS_DIFFER()
    return made


def _needed(partials: Iterable[Partial]) -> int:
    return max((each.threshold for each in partials), default=1)
