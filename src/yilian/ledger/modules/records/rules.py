"""What then happens in `records`: one function per message, the only writer of its state."""

from __future__ import annotations

from typing import Literal

from yilian.ledger.module import Context
from yilian.ledger.modules.identity.state import speaking_for
from yilian.ledger.modules.records import errors, events, messages
from yilian.ledger.modules.records.state import ANCHORS, BATCHES, Anchor, Batch


def anchor(context: Context, message: messages.Anchor) -> None:
    """An organisation anchors one record."""
    organisation = speaking_for(context)
    if ANCHORS.has(context.state, message.record):
        raise errors.ID_TAKEN(id=message.record)
    record = Anchor(
        organisation=organisation,
        commitment=message.commitment,
        since=context.height,
        time=context.time,
    )
    ANCHORS.put(context.state, message.record, record)
    context.emit(events.Anchored(record=message.record, organisation=organisation))


def anchor_batch(context: Context, message: messages.AnchorBatch) -> None:
    """An organisation anchors many records under one root."""
    organisation = _put_batch(context, "records", message.batch, message.root, message.size)
    context.emit(
        events.BatchAnchored(batch=message.batch, organisation=organisation, size=message.size)
    )


def anchor_disclosures(context: Context, message: messages.AnchorDisclosures) -> None:
    """An organisation anchors lines of its disclosure journal under one root."""
    organisation = _put_batch(context, "disclosures", message.batch, message.root, message.size)
    context.emit(
        events.DisclosuresAnchored(
            batch=message.batch, organisation=organisation, size=message.size
        )
    )


def _put_batch(
    context: Context, of: Literal["records", "disclosures"], name: str, root: str, size: int
) -> str:
    organisation = speaking_for(context)
    if BATCHES.has(context.state, name):
        raise errors.ID_TAKEN(id=name)
    record = Batch(
        organisation=organisation,
        of=of,
        root=root,
        size=size,
        since=context.height,
        time=context.time,
    )
    BATCHES.put(context.state, name, record)
    return organisation
