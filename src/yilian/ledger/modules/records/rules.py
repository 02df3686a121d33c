"""What then happens in `records`: one function per message, the only writer of its state."""

from __future__ import annotations

from typing import Literal

import msgspec

from yilian.ledger.module import Context
from yilian.ledger.modules.identity.state import require_own_act, speaking_for
from yilian.ledger.modules.records import errors, events, messages
from yilian.ledger.modules.records.state import (
    ANCHORS,
    BATCHES,
    ERASURES,
    HOLDS,
    MARKS,
    Anchor,
    Batch,
    Erasure,
    Hold,
    Marked,
    marked,
)


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


def hold(context: Context, message: messages.Hold) -> None:
    """The keeper of a record binds itself not to destroy it."""
    organisation = _keeper(context)
    if HOLDS.has(context.state, message.hold):
        raise errors.ID_TAKEN(id=message.hold)
    found = marked(context.state, organisation, message.mark)
    if found.extent == "destroyed":
        raise errors.ALREADY_DESTROYED(mark=message.mark)
    record = Hold(
        organisation=organisation,
        mark=message.mark,
        ground=message.ground,
        since=context.height,
        time=context.time,
    )
    HOLDS.put(context.state, message.hold, record)
    held = msgspec.structs.replace(found, holds=found.holds + 1)
    MARKS.put(context.state, f"{organisation}/{message.mark}", held)
    context.emit(events.Held(hold=message.hold, organisation=organisation, ground=message.ground))


def lift_hold(context: Context, message: messages.LiftHold) -> None:
    """The keeper that holds a record ends the hold."""
    organisation = _keeper(context)
    found = HOLDS.get(context.state, message.hold)
    if found is None:
        raise errors.UNKNOWN_HOLD(id=message.hold)
    if found.organisation != organisation:
        raise errors.NOT_YOUR_HOLD(id=message.hold)
    if found.lifted is not None:
        raise errors.HOLD_LIFTED(id=message.hold)
    HOLDS.put(context.state, message.hold, msgspec.structs.replace(found, lifted=context.height))
    place = f"{organisation}/{found.mark}"
    held = MARKS.require(context.state, place)
    MARKS.put(context.state, place, msgspec.structs.replace(held, holds=held.holds - 1))
    context.emit(events.HoldLifted(hold=message.hold, organisation=organisation))


def erase(context: Context, message: messages.Erase) -> None:
    """The keeper destroys records that nothing holds, or seals them until their time is over."""
    organisation = _keeper(context)
    if ERASURES.has(context.state, message.erasure):
        raise errors.ID_TAKEN(id=message.erasure)
    if message.until is not None and message.until <= context.time:
        raise errors.BAD_EXTENT()
    for mark in message.marks:
        place = f"{organisation}/{mark}"
        found = marked(context.state, organisation, mark)
        _require_erasable(context, mark, found, message.until)
        erased = Marked(
            holds=found.holds,
            erasure=message.erasure,
            extent=message.extent,
            until=message.until,
        )
        MARKS.put(context.state, place, erased)
    record = Erasure(
        organisation=organisation,
        extent=message.extent,
        size=len(message.marks),
        certificate=message.certificate,
        since=context.height,
        time=context.time,
        until=message.until,
    )
    ERASURES.put(context.state, message.erasure, record)
    context.emit(
        events.Erased(
            erasure=message.erasure,
            organisation=organisation,
            extent=message.extent,
            size=record.size,
        )
    )


def _keeper(context: Context) -> str:
    organisation = speaking_for(context)
    require_own_act(context)
    return organisation


def _require_erasable(context: Context, mark: str, found: Marked, until: int | None) -> None:
    """Refuse destroying what is held, to be kept or gone, and sealing anew for a shorter time.

    `until` is None for a destruction.
    """
    if found.extent == "destroyed":
        raise errors.ALREADY_DESTROYED(mark=mark)
    if until is None and found.holds:
        raise errors.ON_HOLD(mark=mark)
    if found.until is not None and found.until > (context.time if until is None else until):
        raise errors.IN_RETENTION(mark=mark, until=found.until)


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
