"""Make `verdicts.json`: crafted Ed25519 signatures on which verifiers disagree, with our verdicts.

Two rules are in force, and a case names the verdict of each: `transaction` is libsodium's rule,
`vote` is ZIP-215, the rule of CometBFT. The verdicts follow from how a case is built, not from any
verifier. Arithmetic is affine and slow on purpose (RFC 8032, section 5.1); it shares no code with
the ledger. Same seed, same file: `python vectors/ed25519/make.py` rewrites it byte for byte.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SEED = b"yilian ed25519 verdicts 1"
ROUNDS = 16

Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def add(one: Point, other: Point) -> Point:
    """The addition law of the curve, which is complete."""
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def times(scalar: int, point: Point) -> Point:
    """Double and add."""
    total = IDENTITY
    while scalar:
        total = add(total, point) if scalar & 1 else total
        point = add(point, point)
        scalar >>= 1
    return total


def recover(y: int, odd: int) -> Point | None:
    """The point with this y and this parity of x, if there is one."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if x * x % P != square:
        return None
    return (x if x & 1 == odd else -x % P), y


def encode(point: Point) -> bytes:
    """The canonical encoding."""
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def base() -> Point:
    """The base point of RFC 8032."""
    point = recover(4 * pow(5, -1, P) % P, 0)
    if point is None:
        raise ArithmeticError
    return point


BASE = base()


def torsion() -> list[Point]:
    """The eight points whose order divides 8: multiples of one of order 8."""
    y = 2
    while True:
        found = recover(y, 0)
        point = times(L, found) if found else IDENTITY
        if times(4, point) != IDENTITY:
            return [times(index, point) for index in range(8)]
        y += 1


def encodings(point: Point) -> list[bytes]:
    """Every 32 bytes that ZIP-215 decodes to the point; the canonical ones first."""
    x, y = point
    signs = (0, 1) if x == 0 else (x & 1,)
    ys = [y, y + P] if y + P < 2**255 else [y]
    return [(each | sign << 255).to_bytes(32, "little") for each in ys for sign in signs]


def number(label: str) -> int:
    """A scalar drawn from the seed."""
    return int.from_bytes(hashlib.sha512(SEED + label.encode()).digest(), "little") % L


def challenge(commitment: bytes, key: bytes, message: bytes) -> int:
    """k of RFC 8032: it hashes the encodings as they are given."""
    return int.from_bytes(hashlib.sha512(commitment + key + message).digest(), "little") % L


def case(
    name: str, key: bytes, message: bytes, signature: bytes, transaction: bool, vote: bool
) -> dict[str, object]:
    """One line of the file."""
    return {
        "case": name,
        "public_key": key.hex(),
        "message": message.hex(),
        "signature": signature.hex(),
        "transaction": transaction,
        "vote": vote,
    }


def small_order() -> Iterator[dict[str, object]]:
    """Small-order and non-canonical A and R with S = 0: libsodium refuses, ZIP-215 accepts."""
    points = torsion()
    identity, *odd_identities = encodings(points[0])
    order_two = encode(points[4])
    rows = {
        "A identity, R identity": ([identity], [identity]),
        "A of order 2, R identity": ([order_two], [identity]),
        "A non-canonical identity": (odd_identities, [identity]),
        "R non-canonical identity": ([identity], odd_identities),
    }
    for name, (keys, commitments) in rows.items():
        for index in range(ROUNDS):
            key, commitment = keys[index % len(keys)], commitments[index % len(commitments)]
            message = f"{name} {index}".encode()
            yield case(name, key, message, commitment + bytes(32), False, True)
    every = [each for point in points for each in encodings(point)]
    for key in every:
        for commitment in every:
            name = "A and R of the eight-torsion, every encoding"
            yield case(name, key, b"Zcash", commitment + bytes(32), False, True)


def ordinary_key() -> Iterator[dict[str, object]]:
    """An ordinary key whose owner crafts R, S or the key itself."""
    points = torsion()
    for index in range(ROUNDS):
        secret, nonce = number(f"key {index}"), number(f"nonce {index}")
        public, honest = times(secret, BASE), times(nonce, BASE)
        key, message = encode(public), f"message {index}".encode()

        def signed(
            commitment: bytes,
            start: int,
            key: bytes = key,
            message: bytes = message,
            secret: int = secret,
        ) -> bytes:
            scalar = (start + challenge(commitment, key, message) * secret) % L
            return commitment + scalar.to_bytes(32, "little")

        good = signed(encode(honest), nonce)
        yield case("honest", key, message, good, True, True)
        yield case("honest, another message", key, message + b"!", good, False, False)
        crafted = signed(encode(IDENTITY), 0)
        yield case("ordinary key, R identity", key, message, crafted, False, True)
        crafted = signed(encode(add(honest, points[4])), nonce)
        yield case("ordinary key, R with order-2 part", key, message, crafted, False, True)
        malleated = int.from_bytes(good[32:], "little") + L
        crafted = good[:32] + malleated.to_bytes(32, "little")
        yield case("S + L", key, message, crafted, False, False)
        mixed = encode(add(public, points[1]))
        crafted = signed(encode(honest), nonce, mixed)
        # Without the cofactor the torsion part of the key must vanish by itself: k = 0 mod 8.
        vanishes = challenge(encode(honest), mixed, message) % 8 == 0
        yield case("A with order-8 part", mixed, message, crafted, vanishes, True)


def malformed() -> Iterator[dict[str, object]]:
    """Lengths and encodings that no rule accepts."""
    secret, message = number("malformed"), b"malformed"
    key = encode(times(secret, BASE))
    commitment = encode(times(7, BASE))
    scalar = (7 + challenge(commitment, key, message) * secret) % L
    good = commitment + scalar.to_bytes(32, "little")
    y = next(y for y in range(2, 100) if recover(y, 0) is None)
    nowhere = y.to_bytes(32, "little")
    yield case("signature too short", key, message, good[:63], False, False)
    yield case("signature too long", key, message, good + b"\x00", False, False)
    yield case("key too short", key[:31], message, good, False, False)
    yield case("A not on the curve", nowhere, message, good, False, False)
    yield case("R not on the curve", key, message, nowhere + good[32:], False, False)
    yield case("empty signature", key, message, b"", False, False)


def main() -> None:
    """Write the file beside this script."""
    cases = [*small_order(), *ordinary_key(), *malformed()]
    lines = ",\n".join("  " + json.dumps(each) for each in cases)
    text = f'{{\n "seed": "{SEED.decode()}",\n "cases": [\n{lines}\n ]\n}}\n'
    Path(__file__).with_name("verdicts.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
