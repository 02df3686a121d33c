"""The audit trail of a member that trades: after each post a batch of one size, come what may.

Batches at the moment of the calls, as long as there were calls, would tell whoever reads the chain
when a member is at work and how often. So a batch is filled up, goes with the beat of the posts,
and is made one beat before it goes, so that its work does not show in when it comes.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from yilian.ledger.errors import Refusal
from yilian.ledger.modules.supply import state as supply
from yilian.node.engine import Stopped
from yilian.vault.envelope import new_id
from yilian.vault.records import Batch

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation

log = logging.getLogger("yilian.gateway")


class EvenTrail:
    """The beat of one organisation's trail; `posted` belongs to `Poster.on_posted`."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._next: Batch | None = None
        self.held = ""
        """The batch that waits for the next beat, which nobody else may send."""

    def beats(self) -> bool:
        """Tell whether this organisation posts, and its trail with it."""
        return supply.trades(self._organisation.engine.state(), self._organisation.id)

    def posted(self, _interval: int) -> None:
        """Send the batch that was made at the last beat, and make the next."""
        waiting, self._next = self._next, None
        try:
            if waiting is not None:
                self._organisation.anchor(waiting)
            self.held = new_id()
            self._next = self._organisation.vault.audit.even_batch(self.held)
        except (Refusal, Stopped):
            # What was made is sent with all that is left over, and nothing is lost.
            self.held = ""
            log.exception("a batch of the audit trail was not anchored with its post")
