"""What happens to products: their entries, and their transfer from owner to owner."""

from __future__ import annotations

import msgspec

from yilian.ledger.module import Context
from yilian.ledger.modules.identity.state import standing
from yilian.ledger.modules.supply import errors, events, messages
from yilian.ledger.modules.supply.acting import acting, regulates
from yilian.ledger.modules.supply.state import (
    DRUG_CODES,
    OWNERS,
    PRODUCTS,
    DrugMark,
    Owned,
    Owners,
    Product,
    covering,
    owners,
    trades,
)

MAX_OWNERS = 100
"""Entries in a product's history from which on it goes to no other owner."""

MAX_OWNERS_AGAIN = 120
"""Entries from which on nobody names it anew either.

More than `MAX_OWNERS`, so that owners who use up all transfers do not keep out who has the prefix
after them.
"""


def register_product(context: Context, message: messages.RegisterProduct) -> None:
    """A company names a product whose number begins with its prefix."""
    organisation = acting(context)
    company = covering(context.state, message.gtin)
    if company is None or company.organisation != organisation:
        raise errors.GTIN_NOT_COVERED(gtin=message.gtin)
    before = PRODUCTS.get(context.state, message.gtin)
    if before is not None and before.ended is None:
        raise errors.GTIN_TAKEN(gtin=message.gtin)
    _require_responder(context, message.responder)
    _take_drug_code(context, message.drug_code, message.gtin)
    _note_owner(context, message.gtin, organisation, MAX_OWNERS_AGAIN)
    product = Product(
        kind=message.kind,
        name=message.name,
        owner=organisation,
        responder=message.responder,
        since=context.height,
        single_use=message.single_use,
        cycles=message.cycles,
        lowest=message.lowest,
        highest=message.highest,
        drug_code=message.drug_code,
    )
    PRODUCTS.put(context.state, message.gtin, product)
    context.emit(
        events.ProductRegistered(
            gtin=message.gtin,
            kind=message.kind,
            owner=organisation,
            responder=message.responder,
            again=before is not None,
        )
    )


def amend_product(context: Context, message: messages.AmendProduct) -> None:
    """An owner describes its product anew."""
    product = _own(context, message.gtin)
    messages.require_uses(product.kind, message.single_use, message.cycles)
    _require_responder(context, message.responder)
    if message.drug_code != product.drug_code:
        _free_drug_code(context, product.drug_code)
        _take_drug_code(context, message.drug_code, message.gtin)
    amended = msgspec.structs.replace(
        product,
        name=message.name,
        responder=message.responder,
        single_use=message.single_use,
        cycles=message.cycles,
        lowest=message.lowest,
        highest=message.highest,
        drug_code=message.drug_code,
    )
    PRODUCTS.put(context.state, message.gtin, amended)
    context.emit(events.ProductAmended(gtin=message.gtin, responder=message.responder))


def offer_product(context: Context, message: messages.OfferProduct) -> None:
    """An owner offers its product to another company."""
    product = _own(context, message.gtin)
    to = standing(context.state, message.to)
    if message.to == product.owner or to is None or not trades(context.state, message.to):
        raise errors.CANNOT_RECEIVE(id=message.to)
    offered = msgspec.structs.replace(product, offered=message.to)
    PRODUCTS.put(context.state, message.gtin, offered)
    context.emit(events.ProductOffered(gtin=message.gtin, owner=product.owner, to=message.to))


def accept_product(context: Context, message: messages.AcceptProduct) -> None:
    """The company that a product was offered to owns it, and answers for its packs."""
    organisation = acting(context)
    product = _entered(context, message.gtin)
    if product.offered != organisation:
        raise errors.NOT_OFFERED(gtin=message.gtin)
    if not trades(context.state, organisation):
        raise errors.NO_COMPANY(id=organisation)
    _note_owner(context, message.gtin, organisation, MAX_OWNERS)
    taken = msgspec.structs.replace(
        product, owner=organisation, responder=organisation, offered=None
    )
    PRODUCTS.put(context.state, message.gtin, taken)
    context.emit(events.ProductAccepted(gtin=message.gtin, owner=organisation))


def withdraw_offer(context: Context, message: messages.WithdrawOffer) -> None:
    """An owner keeps its product after all."""
    product = _own(context, message.gtin)
    if product.offered is None:
        raise errors.NOT_OFFERED(gtin=message.gtin)
    kept = msgspec.structs.replace(product, offered=None)
    PRODUCTS.put(context.state, message.gtin, kept)
    context.emit(events.OfferWithdrawn(gtin=message.gtin, owner=product.owner))


def end_product(context: Context, message: messages.EndProduct) -> None:
    """An owner or a regulator ends an entry; who has the prefix may name the product anew."""
    organisation = acting(context)
    product = _entered(context, message.gtin)
    if product.owner != organisation and not regulates(context, organisation):
        raise errors.NOT_YOUR_PRODUCT(gtin=message.gtin)
    _free_drug_code(context, product.drug_code)
    ended = msgspec.structs.replace(product, offered=None, drug_code=None, ended=context.height)
    PRODUCTS.put(context.state, message.gtin, ended)
    context.emit(events.ProductEnded(gtin=message.gtin, by=organisation))


def _entered(context: Context, gtin: str) -> Product:
    product = PRODUCTS.get(context.state, gtin)
    if product is None:
        raise errors.UNKNOWN_PRODUCT(gtin=gtin)
    if product.ended is not None:
        raise errors.PRODUCT_ENDED(gtin=gtin)
    return product


def _own(context: Context, gtin: str) -> Product:
    """Find a product of the organisation that sends."""
    organisation = acting(context)
    product = _entered(context, gtin)
    if product.owner != organisation:
        raise errors.NOT_YOUR_PRODUCT(gtin=gtin)
    return product


def _note_owner(context: Context, gtin: str, organisation: str, limit: int) -> None:
    """Go on with a product's history, which says whose packs were its maker's."""
    past = owners(context.state, gtin)
    if past and past[-1].organisation == organisation:
        return
    if len(past) >= limit:
        raise errors.TOO_MANY_OWNERS(limit=limit)
    entry = Owned(organisation=organisation, since=context.time)
    OWNERS.put(context.state, gtin, Owners((*past, entry)))


def _require_responder(context: Context, name: str) -> None:
    found = standing(context.state, name)
    if found is None or found.kind != "organisation":
        raise errors.CANNOT_RESPOND(id=name)


def _take_drug_code(context: Context, drug_code: str | None, gtin: str) -> None:
    if drug_code is None:
        return
    if DRUG_CODES.has(context.state, drug_code):
        raise errors.DRUG_CODE_TAKEN(drug_code=drug_code)
    DRUG_CODES.put(context.state, drug_code, DrugMark(gtin))


def _free_drug_code(context: Context, drug_code: str | None) -> None:
    if drug_code is not None:
        DRUG_CODES.remove(context.state, drug_code)
