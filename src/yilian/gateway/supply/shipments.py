"""A shipment's package: the pedigree of its packs, sealed to the receiver's key service.

inside    shipment and pedigree (MessagePack, compressed), under a fresh key
package   that, and the key wrapped to the receiver (HPKE); shipment, sender and receiver bound
"""

from __future__ import annotations

import zlib
from typing import Any

import msgspec

from yilian.gateway.supply.pedigree import Document
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


class _Inside(Format, frozen=True, kw_only=True):
    shipment: Id
    pedigree: Document


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


def close(shipment: str, sender: str, recipient: str, public: bytes, pedigree: Document) -> bytes:
    """Seal a shipment's pedigree; refuses `supply.shipment_too_large`."""
    inside = msgspec.msgpack.encode(_Inside(shipment=shipment, pedigree=pedigree))
    packed = zlib.compress(inside, 1)
    if len(inside) > MAX_INSIDE or len(packed) > MAX_PACKAGE - 64 * 1024:
        raise SHIPMENT_TOO_LARGE(limit=MAX_PACKAGE)
    key, to = new_key(), PublicKey(public)
    bound = _bound(shipment, sender, recipient)
    package = ShipmentPackage(
        shipment=shipment,
        sender=sender,
        recipient=recipient,
        key=to.id,
        wrapped=wrap(to, key, bound),
        sealed=seal(key, packed, bound),
    )
    return msgspec.msgpack.encode(package)


def outer(package: bytes) -> ShipmentPackage:
    """Read the outside of a package; refuses `malformed`."""
    found: ShipmentPackage = _read(package, ShipmentPackage)
    return found


def open_package(package: ShipmentPackage, organisation: str, keystore: Keystore) -> Document:
    """Open a package for this organisation.

    Refuses `package_not_for_this_organisation`, `service_key_unknown`, `envelope_not_opened`,
    `malformed`, `supply.shipment_too_large`, `supply.shipment_differs`.
    """
    if package.recipient != organisation:
        raise NOT_FOR_US()
    bound = _bound(package.shipment, package.sender, package.recipient)
    key = unwrap(keystore.service_key_by_id(package.key), package.wrapped, bound)
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(open_sealed(key, package.sealed, bound), MAX_INSIDE)
    except zlib.error:
        raise MALFORMED() from None
    if not reader.eof:
        raise SHIPMENT_TOO_LARGE(limit=MAX_INSIDE)
    inside: _Inside = _read(data, _Inside)
    if inside.shipment != package.shipment:
        raise SHIPMENT_DIFFERS(shipment=package.shipment)
    return inside.pedigree


def _bound(shipment: str, sender: str, recipient: str) -> bytes:
    return binding("supply-shipment", shipment=shipment, sender=sender, recipient=recipient)


def _read(data: bytes, type_: Any) -> Any:
    try:
        return msgspec.msgpack.decode(data, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise MALFORMED() from None
