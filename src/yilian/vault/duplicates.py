"""Find a person enrolled twice without a list of numbers: a keyed tag whose key nobody holds.

    tag = SHA-256(domain | k * H(organisation | system | number))        on edwards25519

`k` is split between members (Shamir, `share`); each answers with its part of a BLINDED point, and
`combine` gives the same point as the whole key would (Lagrange in the exponent). So no member can
try all valid numbers alone, and the chain's reader cannot try any. The tag is scoped by the
organisation on purpose: with one tag per person, two hospitals of one person could be linked on
chain. H maps SHA-512 output to two points of the prime-order group and adds them (random-oracle
shape of RFC 9380, libsodium's map; it is not one of that RFC's named suites).

A member that answers with a false part spoils the tag undetected (no proof of equality is sent).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import nacl.bindings as sodium
from nacl.exceptions import CryptoError

from yilian.ledger import codec
from yilian.vault import shares
from yilian.vault.envelope import binding
from yilian.vault.errors import NUMBER_REFUSED, PARTIALS_REFUSED

ORDER = 2**252 + 27742317777372353535851937790883648493
"""The order of the group (RFC 8032, section 5.1)."""

MAX_MEMBERS = shares.MAX_SHARES
_TAG = b"yilian/duplicate-tag/1\0"
_POINT = b"yilian/duplicate-point/1\0"
_FULL_WIDTH = {0xFF01 + offset: 0x21 + offset for offset in range(94)}
_DROPPED = dict.fromkeys(map(ord, " \t\u00a0\u3000-\u00ad\u2010\u2011\u2012\u2013\u2014\u2212()"))
_UPPER = {ord("a") + offset: ord("A") + offset for offset in range(26)}


@dataclass(frozen=True, slots=True, repr=False)
class Share:
    """One member's share of k: the x coordinate (from 1) and a scalar (32 bytes, little-endian).

    `threshold` of the members answer together.
    """

    index: int
    scalar: bytes
    threshold: int = 1

    def __repr__(self) -> str:
        return f"<Share {self.index}>"


@dataclass(frozen=True, slots=True)
class Partial:
    """One member's answer: its share's index, and the point it was asked for times its scalar.

    `threshold`: how many such answers are needed, as the member was told at the founding.
    """

    index: int
    point: bytes
    threshold: int = 1


@dataclass(frozen=True, slots=True, repr=False)
class Blinded:
    """A point that tells its reader nothing, and the factor that undoes the blinding."""

    point: bytes
    factor: int

    def __repr__(self) -> str:
        return "<Blinded>"


def normalise(number: str) -> str:
    """Write a number as one person's two clerks would agree on it.

    Full-width forms become ASCII, spaces, hyphens and round brackets go, ASCII letters (the X of a
    resident id) are upper case. Refuses `duplicate_number_refused`: empty, over 64, control codes.
    """
    text = number.translate(_FULL_WIDTH).translate(_DROPPED).translate(_UPPER)
    if not 1 <= len(text) <= 64 or not text.isprintable():
        raise NUMBER_REFUSED()
    return text


def point(organisation: str, system: str, number: str) -> bytes:
    """Map (organisation, identifier system, number) to a point of the group, 32 bytes."""
    text = binding("duplicate", organisation=organisation, system=system, number=normalise(number))
    digest = hashlib.sha512(_POINT + text).digest()
    halves = (digest[:32], digest[32:])
    first, second = (sodium.crypto_core_ed25519_from_uniform(half) for half in halves)
    return bytes(sodium.crypto_core_ed25519_add(first, second))


def new_secret() -> bytes:
    """Draw a key k: a scalar from 1 to the group order, 32 bytes little-endian."""
    return _scalar(1 + secrets.randbelow(ORDER - 1))


def share(secret: bytes, members: int, threshold: int) -> list[Share]:
    """Split k so that any `threshold` of `members` answer for it, and fewer learn nothing."""
    if not 1 <= threshold <= members <= MAX_MEMBERS:
        raise ValueError("a threshold is between 1 and the number of members")
    start = int.from_bytes(secret, "little")
    if not 0 < start < ORDER:
        raise ValueError("a key is a scalar between 0 and the group order")
    factors = shares.draw(start, threshold, ORDER)
    return [
        Share(index, _scalar(shares.evaluate(factors, index, ORDER)), threshold)
        for index in range(1, members + 1)
    ]


def blind(at: bytes) -> Blinded:
    """Hide a point from the members who will answer for it."""
    factor = 1 + secrets.randbelow(ORDER - 1)
    return Blinded(_times(factor, at), factor)


def unblind(at: bytes, blinded: Blinded) -> bytes:
    """Undo the blinding in the combined answer."""
    return _times(pow(blinded.factor, -1, ORDER), at)


def partial(held: Share, at: bytes) -> Partial:
    """Answer for a (blinded) point with one share; refuses a point outside the group."""
    point = _times(int.from_bytes(held.scalar, "little"), at)
    return Partial(held.index, point, held.threshold)


def combine(partials: Sequence[Partial]) -> bytes:
    """Join the answers of `threshold` members to k times the point.

    Refuses `duplicate_partials_refused` for none, for an index twice or out of range, and for a
    point outside the group. Fewer answers than the threshold give a wrong point, not a refusal:
    the shares do not carry it.
    """
    indices = [each.index for each in partials]
    in_range = all(1 <= index <= MAX_MEMBERS for index in indices)
    if not partials or not in_range or len(set(indices)) < len(indices):
        raise PARTIALS_REFUSED()
    total: bytes | None = None
    for each in partials:
        term = _times(shares.weight(each.index, indices, ORDER), each.point)
        total = term if total is None else bytes(sodium.crypto_core_ed25519_add(total, term))
    assert total is not None
    return total


def tag(evaluated: bytes) -> str:
    """Turn k times the point into the tag that may stand on chain."""
    return codec.to_text(hashlib.sha256(_TAG + evaluated).digest())


def tag_alone(secret: bytes, organisation: str, system: str, number: str) -> str:
    """Compute the tag with the whole key: on an embedded chain one member is all of them."""
    return tag(_times(int.from_bytes(secret, "little"), point(organisation, system, number)))


def _times(factor: int, at: bytes) -> bytes:
    try:
        valid = len(at) == 32 and sodium.crypto_core_ed25519_is_valid_point(at)
        if not valid:
            raise PARTIALS_REFUSED()
        return bytes(sodium.crypto_scalarmult_ed25519_noclamp(_scalar(factor), at))
    except CryptoError:
        raise PARTIALS_REFUSED() from None


def _scalar(value: int) -> bytes:
    return value.to_bytes(32, "little")
