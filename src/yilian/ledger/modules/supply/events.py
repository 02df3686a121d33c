"""What `supply` announces."""

from __future__ import annotations

from yilian.ledger import codec
from yilian.ledger.module import Event as _Event
from yilian.ledger.module import capability
from yilian.ledger.modules.supply.messages import AlertKind, Finding, ProductKind, Reason, Role
from yilian.ledger.modules.supply.numbers import Gln, Gtin


class Event(_Event, frozen=True, tag=capability("supply")):
    """An event of this capability."""


class CompanyRegistered(Event, frozen=True):
    """A member trades under a GLN."""

    company: codec.Id
    organisation: codec.Id
    gln: Gln
    prefixes: codec.Whole


class CompanyCorrected(Event, frozen=True):
    """A regulator took prefixes away from a registration."""

    company: codec.Id
    regulator: codec.Id
    prefixes: codec.Whole


class CompanyEnded(Event, frozen=True):
    """A registration ended, by its own organisation or a regulator (`by`)."""

    company: codec.Id
    by: codec.Id


class ProductRegistered(Event, frozen=True):
    """A product has an owner; `again` where an ended entry began anew."""

    gtin: Gtin
    kind: ProductKind
    owner: codec.Id
    responder: codec.Id
    again: bool


class ProductAmended(Event, frozen=True):
    """A product is described anew."""

    gtin: Gtin
    responder: codec.Id


class ProductOffered(Event, frozen=True):
    """An owner offered its product to another company."""

    gtin: Gtin
    owner: codec.Id
    to: codec.Id


class ProductAccepted(Event, frozen=True):
    """A product has another owner, who also answers for its packs."""

    gtin: Gtin
    owner: codec.Id


class OfferWithdrawn(Event, frozen=True):
    """An offer was taken back."""

    gtin: Gtin
    owner: codec.Id


class ProductEnded(Event, frozen=True):
    """A product's entry ended, by its owner or a regulator (`by`)."""

    gtin: Gtin
    by: codec.Id


class CredentialIssued(Event, frozen=True):
    """An organisation may act in a role."""

    credential: codec.Id
    organisation: codec.Id
    issuer: codec.Id
    role: Role
    ends: codec.Millis


class CredentialRevoked(Event, frozen=True):
    """A credential is withdrawn."""

    credential: codec.Id
    organisation: codec.Id


class Posted(Event, frozen=True):
    """An organisation posted for an interval: that it is at work, and nothing more."""

    organisation: codec.Id
    interval: codec.Whole


class ViewKeyPublished(Event, frozen=True):
    """A regulator changed the key under which members let it see."""

    organisation: codec.Id


class ViewGranted(Event, frozen=True):
    """A member let a regulator see its trade from now on."""

    organisation: codec.Id
    regulator: codec.Id


class RecallIssued(Event, frozen=True):
    """A product is called back; `lots` and `serials` count what is named, 0 and 0 being all."""

    recall: codec.Id
    gtin: Gtin
    issuer: codec.Id
    grade: codec.Whole
    reason: Reason
    lots: codec.Whole
    serials: codec.Whole
    ends: codec.Millis | None


class RecallExtended(Event, frozen=True):
    """A recall names more lots or serials, or ends later."""

    recall: codec.Id
    by: codec.Id
    lots: codec.Whole
    serials: codec.Whole
    ends: codec.Millis | None


class RecallEnded(Event, frozen=True):
    """A recall is over."""

    recall: codec.Id
    by: codec.Id


class AlertRaised(Event, frozen=True):
    """Packs of a product may be falsified."""

    alert: codec.Id
    gtin: Gtin
    kind: AlertKind
    organisation: codec.Id


class AlertClosed(Event, frozen=True):
    """An alert was looked into."""

    alert: codec.Id
    organisation: codec.Id
    finding: Finding


ALL = (
    CompanyRegistered,
    CompanyCorrected,
    CompanyEnded,
    ProductRegistered,
    ProductAmended,
    ProductOffered,
    ProductAccepted,
    OfferWithdrawn,
    ProductEnded,
    CredentialIssued,
    CredentialRevoked,
    Posted,
    ViewKeyPublished,
    ViewGranted,
    RecallIssued,
    RecallExtended,
    RecallEnded,
    AlertRaised,
    AlertClosed,
)
