"""Documents for named members alone: kept, anchored, brought to each of them, checked on arrival.

send     sealed and durable; its commitment goes on the chain in a batch
bring    once the chain has the batch, a package for each recipient's own key service leaves
receive  opened, held against the root that this organisation's own node has, and kept
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from yilian.gateway.members.errors import NO_ENDPOINT, NOT_ABOUT_YOU, UNKNOWN
from yilian.gateway.members.formats import PrivateSent
from yilian.gateway.members.there import PRIVATE
from yilian.ledger.errors import Refusal
from yilian.ledger.modules.identity.state import standing
from yilian.ledger.modules.records.state import BATCHES
from yilian.vault.errors import BATCH_NOT_ANCHORED
from yilian.vault.private_documents import PRIVATE_DIFFERS, Document, check_private
from yilian.vault.records import Batch

if TYPE_CHECKING:
    from yilian.gateway.organisation import Organisation


class Private:
    """The documents of one organisation to and from others. Safe for threads."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._documents = organisation.vault.private
        self._lock = threading.Lock()

    def send(self, recipients: Sequence[str], media_type: str, content: bytes) -> Document:
        """Send a document to members; the chain has its commitment when this returns.

        Recipients that are down get it when they are back. Refuses `members.unknown` and
        `organisation.key_service_unknown` for any of them, `members.no_endpoint` for one that
        cannot be reached at all, and as `PrivateDocuments.write`.
        """
        state = self._organisation.engine.state()
        for each in recipients:
            found = standing(state, each)
            if found is None or found.kind != "organisation":
                raise UNKNOWN(id=each)
            self._organisation.key_service(each)
            if not self._organisation.reaches(each):
                raise NO_ENDPOINT(id=each)
        made = self._documents.write(recipients, media_type, content)
        self.anchor()
        return self._documents.get(made.statement.document)

    def anchor(self) -> None:
        """Put on the chain what is not there, then send off what is; again is fine."""
        with self._lock:
            for each in self._documents.batches():
                batch = Batch(each.batch, "journal", each.root, each.size, (), ())
                self._organisation.anchor(batch, self._documents.anchored)
            for waiting in self._documents.unsent():
                self._send_off(waiting.document, waiting.recipient)

    def _send_off(self, document: str, recipient: str) -> None:
        organisation = self._organisation
        try:
            public = organisation.key_service(recipient)
        except Refusal:
            # It has left meanwhile, and its key with it.
            self._documents.queued(document, recipient)
            return
        package = self._documents.package(document, recipient, public)
        here = organisation.hosted(recipient)
        if here is not None:
            here.private.receive(package, organisation.id)
            self._documents.delivered(document, recipient)
        else:
            sent = PrivateSent(document=document, package=package)
            organisation.courier.send(recipient, PRIVATE, document, sent)
        self._documents.queued(document, recipient)

    def receive(self, package: bytes, caller: str) -> str:
        """Take a document from another organisation; gives its id. Again is fine.

        Refuses `members.not_about_caller` for another sender's, `deposit_batch_not_anchored`,
        `private_document_differs` for what the chain has not committed to, and as
        `PrivateDocuments.open` and `keep`.
        """
        proof, content = self._documents.open(package)
        if proof.statement.sender != caller:
            raise NOT_ABOUT_YOU()
        batch = BATCHES.get(self._organisation.engine.state(), proof.batch)
        if batch is None:
            raise BATCH_NOT_ANCHORED(batch=proof.batch)
        if not check_private(proof, batch.root):
            raise PRIVATE_DIFFERS(document=proof.statement.document)
        self._documents.keep(proof, content)
        return proof.statement.document
