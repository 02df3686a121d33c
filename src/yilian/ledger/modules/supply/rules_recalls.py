"""What happens to recalls and alerts: what the whole trade must learn about packs of a product."""

from __future__ import annotations

import msgspec

from yilian.ledger.module import Context
from yilian.ledger.modules.supply import errors, events, messages
from yilian.ledger.modules.supply.acting import acting, regulates
from yilian.ledger.modules.supply.messages import MAX_LOTS, MAX_SERIALS
from yilian.ledger.modules.supply.state import (
    ALERTS,
    PRODUCTS,
    RECALLS,
    RECALLS_OF,
    Alert,
    Recall,
    Recalls,
    recalls_of,
)

MAX_RECALLS = 100


def issue_recall(context: Context, message: messages.IssueRecall) -> None:
    """An owner or a regulator calls packs of a product back, from this block on."""
    issuer = acting(context)
    if not regulates(context, issuer):
        _require_owner(context, message.gtin, issuer)
    if RECALLS.has(context.state, message.recall):
        raise errors.ID_TAKEN(id=message.recall)
    if message.ends is not None and message.ends <= context.time:
        raise errors.BAD_PERIOD()
    kept = [name for name, _ in recalls_of(context.state, message.gtin, context.time)]
    if len(kept) >= MAX_RECALLS:
        raise errors.TOO_MANY_RECALLS(limit=MAX_RECALLS)
    recall = Recall(
        gtin=message.gtin,
        issuer=issuer,
        grade=message.grade,
        reason=message.reason,
        issued=context.time,
        since=context.height,
        lots=tuple(message.lots),
        serials=tuple(message.serials),
        ends=message.ends,
    )
    RECALLS.put(context.state, message.recall, recall)
    RECALLS_OF.put(context.state, message.gtin, Recalls(tuple(sorted((*kept, message.recall)))))
    context.emit(
        events.RecallIssued(
            recall=message.recall,
            gtin=message.gtin,
            issuer=issuer,
            grade=message.grade,
            reason=message.reason,
            lots=len(message.lots),
            serials=len(message.serials),
            ends=message.ends,
        )
    )


def extend_recall(context: Context, message: messages.ExtendRecall) -> None:
    """A recall names more packs or ends later; it never names fewer or ends earlier."""
    organisation, recall = _standing_recall(context, message.recall)
    lots, serials = _joined(recall.lots, message.lots), _joined(recall.serials, message.serials)
    covers_all = not recall.lots and not recall.serials
    unchanged = lots == recall.lots and serials == recall.serials
    if (unchanged and message.ends is None) or (covers_all and not unchanged):
        raise errors.NOTHING_TO_EXTEND(id=message.recall)
    for listed, limit in ((lots, MAX_LOTS), (serials, MAX_SERIALS)):
        if len(listed) > limit:
            raise errors.RECALL_TOO_LONG(limit=limit)
    ends = recall.ends if message.ends is None else message.ends
    if message.ends is not None and (recall.ends is None or message.ends <= recall.ends):
        raise errors.BAD_PERIOD()
    extended = msgspec.structs.replace(recall, lots=lots, serials=serials, ends=ends)
    RECALLS.put(context.state, message.recall, extended)
    context.emit(
        events.RecallExtended(
            recall=message.recall,
            by=organisation,
            lots=len(lots),
            serials=len(serials),
            ends=ends,
        )
    )


def end_recall(context: Context, message: messages.EndRecall) -> None:
    """Who issued a recall, or a regulator, ends it."""
    organisation, recall = _standing_recall(context, message.recall)
    ended = msgspec.structs.replace(recall, ended=context.time)
    RECALLS.put(context.state, message.recall, ended)
    left = [name for name, _ in recalls_of(context.state, recall.gtin) if name != message.recall]
    if left:
        RECALLS_OF.put(context.state, recall.gtin, Recalls(tuple(left)))
    else:
        RECALLS_OF.remove(context.state, recall.gtin)
    context.emit(events.RecallEnded(recall=message.recall, by=organisation))


def raise_alert(context: Context, message: messages.RaiseAlert) -> None:
    """An owner or responder says that packs of a product may be falsified."""
    organisation = acting(context)
    _require_concerned(context, message.gtin, organisation)
    if ALERTS.has(context.state, message.alert):
        raise errors.ID_TAKEN(id=message.alert)
    alert = Alert(
        gtin=message.gtin,
        kind=message.kind,
        organisation=organisation,
        commitment=message.commitment,
        raised=context.time,
        since=context.height,
    )
    ALERTS.put(context.state, message.alert, alert)
    context.emit(
        events.AlertRaised(
            alert=message.alert,
            gtin=message.gtin,
            kind=message.kind,
            organisation=organisation,
        )
    )


def close_alert(context: Context, message: messages.CloseAlert) -> None:
    """An alert gets its one finding."""
    organisation = acting(context)
    alert = ALERTS.get(context.state, message.alert)
    if alert is None:
        raise errors.UNKNOWN_ALERT(id=message.alert)
    product = PRODUCTS.require(context.state, alert.gtin)
    if organisation not in (alert.organisation, product.owner, product.responder):
        raise errors.NOT_YOUR_ALERT(id=message.alert)
    if alert.finding is not None:
        raise errors.ALERT_CLOSED(id=message.alert)
    closed = msgspec.structs.replace(alert, finding=message.finding, closed=context.time)
    ALERTS.put(context.state, message.alert, closed)
    context.emit(
        events.AlertClosed(alert=message.alert, organisation=organisation, finding=message.finding)
    )


def _require_owner(context: Context, gtin: str, organisation: str) -> None:
    product = PRODUCTS.get(context.state, gtin)
    if product is None:
        raise errors.UNKNOWN_PRODUCT(gtin=gtin)
    if product.owner != organisation:
        raise errors.NOT_YOUR_PRODUCT(gtin=gtin)


def _require_concerned(context: Context, gtin: str, organisation: str) -> None:
    product = PRODUCTS.get(context.state, gtin)
    if product is None:
        raise errors.UNKNOWN_PRODUCT(gtin=gtin)
    if organisation not in (product.owner, product.responder):
        raise errors.NOT_YOUR_PRODUCT(gtin=gtin)


def _standing_recall(context: Context, name: str) -> tuple[str, Recall]:
    """Find a recall that holds, and who may speak about it; refuses anybody else."""
    organisation = acting(context)
    recall = RECALLS.get(context.state, name)
    if recall is None:
        raise errors.UNKNOWN_RECALL(id=name)
    if recall.issuer != organisation and not regulates(context, organisation):
        raise errors.NOT_YOUR_RECALL(id=name)
    if not recall.stands(context.time):
        raise errors.RECALL_ENDED(id=name)
    return organisation, recall


def _joined(held: tuple[str, ...], more: list[str]) -> tuple[str, ...]:
    return tuple(sorted(dict.fromkeys((*held, *more))))
