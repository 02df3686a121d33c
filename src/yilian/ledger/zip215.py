"""ZIP-215: the exact rule by which CometBFT judges the Ed25519 signature of a validator's vote.

Ed25519 verifiers disagree on crafted signatures (`vectors/ed25519/verdicts.json`), so a verifier of
votes must use the engine's own rule: the cofactored equation [8][S]B = [8]R + [8][k]A, points A and
R in any encoding that decodes (also y >= p, also x = 0 with the sign bit set), and S below L.
Transactions follow another rule, libsodium's; see `keys.py`.

Source: Zcash Improvement Proposal 215; curve and decoding from RFC 8032, section 5.1. Pure integers
are slow (milliseconds), so libsodium answers first: what it accepts satisfies the cofactorless
equation, hence the cofactored one too. Nothing here is secret, so time need not be constant.
"""

from __future__ import annotations

import hashlib

from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)

_Point = tuple[int, int, int, int]
"""Extended coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, x*y = T/Z (RFC 8032, section 5.1.4)."""

_IDENTITY: _Point = (0, 1, 1, 0)


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether the signature is valid under ZIP-215; wrong lengths are simply not valid."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return _verify_cofactored(public_key, message, signature)
    return True


def _verify_cofactored(public_key: bytes, message: bytes, signature: bytes) -> bool:
    scalar = int.from_bytes(signature[32:], "little")
    key = _decode(public_key)
    commitment = _decode(signature[:32])
    if scalar >= _L or key is None or commitment is None:
        return False
    # The challenge hashes the encodings as received, not their canonical form.
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    challenge = int.from_bytes(digest, "little") % _L
    difference = _add(_combine(scalar, _BASE, challenge, _negate(key)), _negate(commitment))
    for _ in range(3):
        difference = _double(difference)
    return difference[0] == 0 and difference[1] == difference[2]


def _decode(encoding: bytes) -> _Point | None:
    """Decode a point as ZIP-215 does: y is reduced, not refused, and minus zero is zero."""
    number = int.from_bytes(encoding, "little")
    y = (number & (2**255 - 1)) % _P
    sign = number >> 255
    square = y * y % _P
    u, v = (square - 1) % _P, (_D * square + 1) % _P
    x = u * v**3 * pow(u * v**7, (_P - 5) // 8, _P) % _P
    if (v * x * x - u) % _P:
        x = x * _ROOT_OF_MINUS_ONE % _P
        if (v * x * x - u) % _P:
            return None
    if x & 1 != sign:
        x = -x % _P
    return x, y, 1, x * y % _P


def _add(left: _Point, right: _Point) -> _Point:
    x1, y1, z1, t1 = left
    x2, y2, z2, t2 = right
    a = (y1 - x1) * (y2 - x2) % _P
    b = (y1 + x1) * (y2 + x2) % _P
    c = 2 * t1 * t2 * _D % _P
    d = 2 * z1 * z2 % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(point: _Point) -> _Point:
    x, y, z, _ = point
    a, b = x * x % _P, y * y % _P
    h = a + b
    e = h - (x + y) * (x + y)
    g = a - b
    f = 2 * z * z + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _negate(point: _Point) -> _Point:
    x, y, z, t = point
    return -x % _P, y, z, -t % _P


def _combine(first: int, one: _Point, second: int, other: _Point) -> _Point:
    """Compute [first]one + [second]other in one pass over the bits of both."""
    sums = (_IDENTITY, one, other, _add(one, other))
    total = _IDENTITY
    for bit in range(max(first.bit_length(), second.bit_length()) - 1, -1, -1):
        total = _double(total)
        choice = (first >> bit & 1) | (second >> bit & 1) << 1
        if choice:
            total = _add(total, sums[choice])
    return total


def _base() -> _Point:
    point = _decode((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    if point is None:
        raise ArithmeticError("the base point of RFC 8032 must decode")
    return point


_BASE = _base()
