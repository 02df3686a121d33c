"""Pedigrees on their way, sealed to the receiver's key service.

A shipment tells its receiver of packs that are now its own, word of ends (`yilian-ends/1`) tells a
product's responder of packs that have ended.

inside    shipment, or parcel, and pedigree (MessagePack, compressed), under a fresh key
package   that, and the key wrapped to the receiver (HPKE); name, sender and receiver bound
"""

from __future__ import annotations

import zlib
from typing import Any

import msgspec

from yilian.gateway.supply.pedigree import Document, Ended
from yilian.gateway.supply.title_errors import SHIPMENT_DIFFERS, SHIPMENT_TOO_LARGE
from yilian.ledger.codec import Id
from yilian.ledger.errors import MALFORMED
from yilian.vault.envelope import (
    Format,
    PublicKey,
    binding,
    new_key,
    open_sealed,
    seal,
    unwrap,
    wrap,
)
from yilian.vault.errors import NOT_FOR_US
from yilian.vault.keystore import Keystore

MIB = 1024 * 1024
MAX_PACKAGE = 64 * MIB
MAX_INSIDE = 128 * MIB
MAX_ENDS = 8 * MIB
MAX_INSIDE_ENDS = 16 * MIB


class _Inside(Format, frozen=True, kw_only=True):
    shipment: Id
    pedigree: Document


class _InsideEnds(Format, frozen=True, kw_only=True):
    parcel: Id
    pedigree: Ended


class ShipmentPackage(
    Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-shipment/1"
):
    """A shipment on its way to its receiver."""

    shipment: Id
    sender: Id
    recipient: Id
    key: Id
    wrapped: bytes
    sealed: bytes

    @property
    def bound(self) -> bytes:
        """What the seal binds."""
        return _bound(self.shipment, self.sender, self.recipient)


class EndsPackage(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-ends/1"):
    """Word of ends on its way to a responder."""

    parcel: Id
    sender: Id
    recipient: Id
    key: Id
    wrapped: bytes
    sealed: bytes

    @property
    def bound(self) -> bytes:
        """What the seal binds."""
        return _bound_ends(self.parcel, self.sender, self.recipient)


def close(shipment: str, sender: str, recipient: str, public: bytes, pedigree: Document) -> bytes:
    """Seal a shipment's pedigree; refuses `supply.shipment_too_large`."""
    inside = _Inside(shipment=shipment, pedigree=pedigree)
    bound = _bound(shipment, sender, recipient)
    sealed = _sealed(inside, public, bound, MAX_INSIDE, MAX_PACKAGE)
    package = ShipmentPackage(shipment=shipment, sender=sender, recipient=recipient, **sealed)
    return msgspec.msgpack.encode(package)


def close_ends(parcel: str, sender: str, recipient: str, public: bytes, pedigree: Ended) -> bytes:
    """Seal word of ends; refuses `supply.shipment_too_large`."""
    inside = _InsideEnds(parcel=parcel, pedigree=pedigree)
    bound = _bound_ends(parcel, sender, recipient)
    sealed = _sealed(inside, public, bound, MAX_INSIDE_ENDS, MAX_ENDS)
    package = EndsPackage(parcel=parcel, sender=sender, recipient=recipient, **sealed)
    return msgspec.msgpack.encode(package)


def outer(package: bytes) -> ShipmentPackage:
    """Read the outside of a package; refuses `malformed`."""
    found: ShipmentPackage = _read(package, ShipmentPackage)
    return found


def outer_ends(package: bytes) -> EndsPackage:
    """Read the outside of word of ends; refuses `malformed`."""
    found: EndsPackage = _read(package, EndsPackage)
    return found


def open_package(package: ShipmentPackage, organisation: str, keystore: Keystore) -> Document:
    """Open a package for this organisation.

    Refuses `package_not_for_this_organisation`, `service_key_unknown`, `envelope_not_opened`,
    `malformed`, `supply.shipment_too_large`, `supply.shipment_differs`.
    """
    inside: _Inside = _opened(package, organisation, keystore, _Inside, MAX_INSIDE)
    if inside.shipment != package.shipment:
        raise SHIPMENT_DIFFERS(shipment=package.shipment)
    return inside.pedigree


def open_ends(package: EndsPackage, organisation: str, keystore: Keystore) -> Ended:
    """Open word of ends for this organisation; refuses as `open_package`."""
    inside: _InsideEnds = _opened(package, organisation, keystore, _InsideEnds, MAX_INSIDE_ENDS)
    if inside.parcel != package.parcel:
        raise SHIPMENT_DIFFERS(shipment=package.parcel)
    return inside.pedigree


def _sealed(
    inside: Any, public: bytes, bound: bytes, most_inside: int, most: int
) -> dict[str, Any]:
    written = msgspec.msgpack.encode(inside)
    packed = zlib.compress(written, 1)
    if len(written) > most_inside or len(packed) > most - 64 * 1024:
        raise SHIPMENT_TOO_LARGE(limit=most)
    key, to = new_key(), PublicKey(public)
    return {"key": to.id, "wrapped": wrap(to, key, bound), "sealed": seal(key, packed, bound)}


def _opened(
    package: ShipmentPackage | EndsPackage,
    organisation: str,
    keystore: Keystore,
    type_: Any,
    most: int,
) -> Any:
    if package.recipient != organisation:
        raise NOT_FOR_US()
    key = unwrap(keystore.service_key_by_id(package.key), package.wrapped, package.bound)
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(open_sealed(key, package.sealed, package.bound), most)
    except zlib.error:
        raise MALFORMED() from None
    if not reader.eof:
        raise SHIPMENT_TOO_LARGE(limit=most)
    return _read(data, type_)


def _bound(shipment: str, sender: str, recipient: str) -> bytes:
    return binding("supply-shipment", shipment=shipment, sender=sender, recipient=recipient)


def _bound_ends(parcel: str, sender: str, recipient: str) -> bytes:
    return binding("supply-ended", parcel=parcel, sender=sender, recipient=recipient)


def _read(data: bytes, type_: Any) -> Any:
    try:
        return msgspec.msgpack.decode(data, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MALFORMED() from None
