"""What each event of `supply` adds to, or changes in, the tables of the chain index."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from yilian.gateway.index import tables
from yilian.ledger.module import Event
from yilian.ledger.modules.supply import events as supply

if TYPE_CHECKING:
    from yilian.gateway.index.rows import Book

NOBODY = ""
"""What stands under `offered` where a product is on offer to nobody."""


def _company_registered(book: Book, event: supply.CompanyRegistered) -> None:
    row = (event.organisation, event.gln, "registered", None)
    book.add(tables.COMPANIES, event.company, *row)


def _company_ended(book: Book, event: supply.CompanyEnded) -> None:
    book.end(tables.COMPANIES, event.company, "ended")


def _product_registered(book: Book, event: supply.ProductRegistered) -> None:
    if not event.again:
        row = (event.kind, event.owner, event.responder, NOBODY, "registered", None)
        book.add(tables.PRODUCTS, event.gtin, *row)
        return
    book.change(
        tables.PRODUCTS,
        event.gtin,
        kind=event.kind,
        owner=event.owner,
        responder=event.responder,
        status="registered",
        ended=None,
    )


def _product_amended(book: Book, event: supply.ProductAmended) -> None:
    book.change(tables.PRODUCTS, event.gtin, responder=event.responder)


def _product_offered(book: Book, event: supply.ProductOffered) -> None:
    book.change(tables.PRODUCTS, event.gtin, offered=event.to)


def _product_accepted(book: Book, event: supply.ProductAccepted) -> None:
    new = event.owner
    book.change(tables.PRODUCTS, event.gtin, owner=new, responder=new, offered=NOBODY)


def _offer_withdrawn(book: Book, event: supply.OfferWithdrawn) -> None:
    book.change(tables.PRODUCTS, event.gtin, offered=NOBODY)


def _product_ended(book: Book, event: supply.ProductEnded) -> None:
    book.change(tables.PRODUCTS, event.gtin, offered=NOBODY)
    book.end(tables.PRODUCTS, event.gtin, "ended")


def _credential_issued(book: Book, event: supply.CredentialIssued) -> None:
    row = (event.organisation, event.issuer, event.role, event.ends, "issued", None)
    book.add(tables.CREDENTIALS, event.credential, *row)


def _credential_revoked(book: Book, event: supply.CredentialRevoked) -> None:
    book.end(tables.CREDENTIALS, event.credential, "revoked")


def _recall_issued(book: Book, event: supply.RecallIssued) -> None:
    row = (event.gtin, event.issuer, event.grade, event.reason, event.ends, "standing", None)
    book.add(tables.RECALLS, event.recall, *row)


def _recall_extended(book: Book, event: supply.RecallExtended) -> None:
    book.change(tables.RECALLS, event.recall, ends=event.ends)


def _recall_ended(book: Book, event: supply.RecallEnded) -> None:
    book.end(tables.RECALLS, event.recall, "ended")


def _alert_raised(book: Book, event: supply.AlertRaised) -> None:
    row = (event.gtin, event.kind, event.organisation, "waiting", "open", None)
    book.add(tables.ALERTS, event.alert, *row)


def _alert_closed(book: Book, event: supply.AlertClosed) -> None:
    book.change(tables.ALERTS, event.alert, finding=event.finding)
    book.end(tables.ALERTS, event.alert, "closed")


PROJECTIONS: dict[type[Event], Callable[[Book, Any], None]] = {
    supply.CompanyRegistered: _company_registered,
    supply.CompanyEnded: _company_ended,
    supply.ProductRegistered: _product_registered,
    supply.ProductAmended: _product_amended,
    supply.ProductOffered: _product_offered,
    supply.ProductAccepted: _product_accepted,
    supply.OfferWithdrawn: _offer_withdrawn,
    supply.ProductEnded: _product_ended,
    supply.CredentialIssued: _credential_issued,
    supply.CredentialRevoked: _credential_revoked,
    supply.RecallIssued: _recall_issued,
    supply.RecallExtended: _recall_extended,
    supply.RecallEnded: _recall_ended,
    supply.AlertRaised: _alert_raised,
    supply.AlertClosed: _alert_closed,
}
NO_ROW: frozenset[type[Event]] = frozenset(
    {
        supply.CompanyCorrected,
        supply.Posted,
        supply.ViewKeyPublished,
        supply.ViewGranted,
    }
)
"""Events that change no table; posts are read one by one from the state."""
