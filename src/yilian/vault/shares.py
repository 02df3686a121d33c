"""Split a secret so that k of n shares give it back, and fewer tell nothing (Shamir 1979).

    share i = f(i) mod p,   f(0) = the secret,   the other k - 1 factors of f drawn at random

"How to share a secret", Communications of the ACM 22(11). The prime is a parameter of the
arithmetic: `duplicates` uses the order of edwards25519, a 32-byte secret the first prime above
2^256, small primes are for tests. A share names its set and carries a salted digest of every share
of it; the set's id is a digest of those, so a changed or foreign share is named and not used.

Constant time: Python's integers are not. A share's number, threshold and digests are public. The
secret values pass a handful of multiplications once, where the secret is made or wanted; whoever
can time them runs code on that machine already. No answer to a network asker depends on a value of
a share: wrong shares are found by comparing digests, which are public.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec

from yilian.ledger import codec
from yilian.ledger.codec import Digest, Id
from yilian.ledger.errors import code
from yilian.vault.envelope import Format, PublicKey, binding

OF_OTHER_SET = code(9330, "share_of_other_set", 409, "index")
WRONG = code(9331, "share_wrong", 409, "index")
REPEATED = code(9332, "share_repeated", 400, "index")
TOO_FEW = code(9333, "shares_too_few", 409, "given", "needed")
INCONSISTENT = code(9334, "shares_inconsistent", 409)
KEEPERS_REFUSED = code(9335, "share_keepers_refused", 400)

PRIME = 2**256 + 297
"""The smallest prime above 2^256, so that every 32-byte secret is below it."""

MAX_SHARES = 255
SECRET_BYTES = 32
_VALUE_BYTES = 33
_SET = b"yilian/share-set/1\0"
_CHECK = b"yilian/share/1\0"

Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_SHARES)]


class Share(Format, frozen=True, kw_only=True, tag_field="format", tag="yilian-share/1"):
    """One share of a set: `value` is f(index), 33 bytes big-endian; `checks` one per share.

    The salt stands in its own share only: the digest of another share confirms no guess of it.
    """

    set: Id
    index: Count
    threshold: Count
    value: bytes
    salt: Digest
    checks: Annotated[tuple[Digest, ...], msgspec.Meta(min_length=1, max_length=MAX_SHARES)]

    def __repr__(self) -> str:
        return f"<Share {self.index} of {self.set}>"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("set", self.set), ("index", self.index)]


class Keeper(NamedTuple):
    """Who keeps a share (an organisation or a person) and the HPKE key it is wrapped to."""

    id: str
    public: bytes


class Keepers(NamedTuple):
    """All who keep shares of one secret, and how many of them suffice."""

    threshold: int
    members: tuple[Keeper, ...]

    @property
    def alone(self) -> bool:
        """Tell whether one keeper alone suffices (an embedded chain: 1 of 1)."""
        return self.threshold == 1


def check_keepers(keepers: Keepers) -> list[tuple[str, PublicKey]]:
    """Read the keepers' keys, in order.

    Refuses `share_keepers_refused` for none, too many, one named twice, one key twice, or a
    threshold that they cannot meet; `envelope_key_not_accepted` for a key of another form.
    """
    ids = [each.id for each in keepers.members]
    keys = [each.public for each in keepers.members]
    repeated = len(set(ids)) < len(ids) or len(set(keys)) < len(keys)
    if repeated or not 1 <= keepers.threshold <= len(ids) <= MAX_SHARES:
        raise KEEPERS_REFUSED()
    return [(each.id, PublicKey(each.public)) for each in keepers.members]


# The arithmetic, over the field of a prime


def draw(secret: int, threshold: int, prime: int) -> list[int]:
    """Draw a polynomial of degree `threshold` - 1 whose value at 0 is the secret."""
    return [secret, *(secrets.randbelow(prime) for _ in range(threshold - 1))]


def evaluate(factors: Sequence[int], at: int, prime: int) -> int:
    """Give the polynomial's value at a point (Horner); `factors` from degree 0 upward."""
    value = 0
    for factor in reversed(factors):
        value = (value * at + factor) % prime
    return value


def weight(index: int, indices: Sequence[int], prime: int) -> int:
    """Give the weight of the share at `index` for the value at 0 (Lagrange)."""
    above = below = 1
    for other in indices:
        if other != index:
            above = above * other % prime
            below = below * (other - index) % prime
    return above * pow(below, -1, prime) % prime


def interpolate(points: Sequence[tuple[int, int]], prime: int) -> int:
    """Give the value at 0 of the polynomial through points of different indices."""
    indices = [index for index, _ in points]
    return sum(value * weight(index, indices, prime) for index, value in points) % prime


# A secret of 32 bytes


def new_secret() -> bytes:
    """Draw a secret of 32 bytes."""
    return secrets.token_bytes(SECRET_BYTES)


def split(secret: bytes, members: int, threshold: int) -> list[Share]:
    """Split 32 bytes into `members` shares of which `threshold` suffice.

    Refuses `share_keepers_refused` for counts that do not go together. Raises ValueError for a
    secret of another length.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError("a shared secret has 32 bytes")
    if not 1 <= threshold <= members <= MAX_SHARES:
        raise KEEPERS_REFUSED()
    factors = draw(int.from_bytes(secret, "big"), threshold, PRIME)
    parts: list[tuple[int, bytes, str]] = []
    for index in range(1, members + 1):
        value = evaluate(factors, index, PRIME).to_bytes(_VALUE_BYTES, "big")
        parts.append((index, value, codec.to_text(secrets.token_bytes(32))))
    checks = tuple(_check(threshold, *part) for part in parts)
    return [
        Share(
            set=_set_id(threshold, checks),
            index=index,
            threshold=threshold,
            value=value,
            salt=salt,
            checks=checks,
        )
        for index, value, salt in parts
    ]


def check_share(share: Share) -> None:
    """Check a share against its own set's digests; refuses `share_wrong`, and `malformed`."""
    codec.decode(codec.encode(share), Share)
    made = _check(share.threshold, share.index, share.value, share.salt)
    if (
        share.set != _set_id(share.threshold, share.checks)
        or not share.threshold <= len(share.checks)
        or share.index > len(share.checks)
        or share.checks[share.index - 1] != made
        or len(share.value) != _VALUE_BYTES
        or int.from_bytes(share.value, "big") >= PRIME
    ):
        raise WRONG(index=share.index)


def combine(shares: Sequence[Share], expected: str) -> bytes:
    """Give back the secret of the set `expected`.

    Refuses, naming the share by its number: `share_of_other_set`, `share_wrong`, `share_repeated`;
    then `shares_too_few`. `shares_inconsistent`: the set was made wrongly, its shares lie on no
    one polynomial of that degree or its secret is no 32 bytes (only whoever split can do that).
    """
    seen: set[int] = set()
    for each in shares:
        if each.set != expected:
            raise OF_OTHER_SET(index=each.index)
        check_share(each)
        if each.index in seen:
            raise REPEATED(index=each.index)
        seen.add(each.index)
    needed = shares[0].threshold if shares else 1
    if len(shares) < needed:
        raise TOO_FEW(given=len(shares), needed=needed)
    points = [(each.index, int.from_bytes(each.value, "big")) for each in shares]
    found = {interpolate(points[at : at + needed], PRIME) for at in range(len(points) - needed + 1)}
    secret = found.pop()
    if found or secret >= 2 ** (8 * SECRET_BYTES):
        raise INCONSISTENT()
    return secret.to_bytes(SECRET_BYTES, "big")


def _check(threshold: int, index: int, value: bytes, salt: str) -> str:
    text = binding("share", index=index, salt=salt, threshold=threshold, value=codec.to_text(value))
    return codec.to_text(hashlib.sha256(_CHECK + text).digest())


def _set_id(threshold: int, checks: Sequence[str]) -> str:
    text = codec.encode({"checks": checks, "threshold": threshold})
    return codec.to_text(hashlib.sha256(_SET + text).digest()[:16])
