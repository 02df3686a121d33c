"""Promotion: how one chain goes on from another, signed by the older chain's validators.

A chain gets a new id when its members begin anew (one organisation's chain becomes a consortium's).
The record stands in the new chain's genesis and travels with receipts, so a trust file of the old
chain is enough for proofs of the new one. It is written `yilian-promotion/1`:

    {"format", "old": {"chain", "height", "header", "state", "validators"},
     "new": {"chain", "time", "genesis", "validators"}, "signatures": [{"public", "signature"}]}

`header` is the hash of the old chain's last header, `state` its app hash after that height,
`genesis` the SHA-256 of the new chain's canonical genesis without this record. More than two thirds
of the old validators' power signs (Ed25519, with the keys that they vote with) the text

    yilian-promotion/1 LF canonical JSON of {"new", "old"}

which no vote can be: a vote is length-prefixed and its second byte is 0x08. Times are ms.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final, Literal

import msgspec

from yilian.ledger import codec, zip215
from yilian.ledger.block import Validator, ValidatorSet
from yilian.ledger.errors import MALFORMED, code

FORMAT: Final = "yilian-promotion/1"

PROMOTION_UNSIGNED = code(9480, "promotion_unsigned", 400)
PROMOTION_DIFFERS = code(9481, "promotion_differs", 409, "what")

ChainName = Annotated[
    str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9.-]*$(?!\n)", min_length=1, max_length=50)
]


class Voter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A validator's Ed25519 key (32 bytes, base64url) and its voting power."""

    public: codec.Digest
    power: codec.Positive


Voters = Annotated[list[Voter], msgspec.Meta(min_length=1, max_length=200)]


class OldChain(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the older chain ended: its last header, the state after it, and who may sign for it."""

    chain: ChainName
    height: codec.Positive
    header: codec.Digest
    state: codec.Digest
    validators: Voters


class NewChain(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the newer chain begins with."""

    chain: ChainName
    time: codec.Millis
    genesis: codec.Digest
    validators: Voters


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One old validator's signature (64 bytes, base64url) over the statement."""

    public: codec.Digest
    signature: codec.Binary


class Promotion(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The record: both ends and the signatures."""

    old: OldChain
    new: NewChain
    signatures: Annotated[list[Mark], msgspec.Meta(min_length=1, max_length=200)]
    format: Literal["yilian-promotion/1"] = FORMAT


def voters(validators: ValidatorSet) -> list[Voter]:
    """Write a validator set as a promotion names it."""
    return [
        Voter(public=codec.to_text(each.public_key), power=each.power)
        for each in validators.validators
    ]


def validator_set(named: Iterable[Voter]) -> ValidatorSet:
    """Read the validators that a promotion names; refuses `malformed`."""
    return ValidatorSet(Validator(codec.to_bytes(each.public), each.power) for each in named)


def statement(old: OldChain, new: NewChain) -> bytes:
    """Write what an old validator signs."""
    return FORMAT.encode("ascii") + b"\n" + codec.encode({"new": new, "old": old})


def check(promotion: Promotion) -> None:
    """Check a record in itself: another chain, sound keys, enough of the old power signed.

    Refuses `malformed`, `promotion_unsigned` (a wrong signature, or two thirds or less signed).
    """
    if promotion.old.chain == promotion.new.chain:
        raise MALFORMED()
    validator_set(promotion.new.validators)
    old = validator_set(promotion.old.validators)
    power = {each.public_key: each.power for each in old.validators}
    text = statement(promotion.old, promotion.new)
    signed = 0
    for mark in promotion.signatures:
        public = codec.to_bytes(mark.public)
        signature = codec.to_bytes(mark.signature)
        # Taken out when it is counted, so that nobody counts twice.
        own = power.pop(public, 0)
        if not own or not zip215.verify(public, text, signature):
            raise PROMOTION_UNSIGNED()
        signed += own
    if 3 * signed <= 2 * old.total_power:
        raise PROMOTION_UNSIGNED()


def check_new(
    promotion: Promotion, *, chain: str, time: int, genesis: bytes, validators: ValidatorSet
) -> None:
    """Check that a record speaks of this new chain, in a genesis that carries it.

    `genesis` is the SHA-256 of the canonical genesis without the record. Refuses what `check` does,
    and `promotion_differs` with the member that is another.
    """
    check(promotion)
    new = promotion.new
    told = {
        "chain": new.chain == chain,
        "time": new.time == time,
        "genesis": new.genesis == codec.to_text(genesis),
        "validators": validator_set(new.validators) == validators,
    }
    _agree(told)


def check_old(
    promotion: Promotion,
    *,
    chain: str,
    height: int,
    header: bytes,
    state: bytes,
    validators: ValidatorSet,
) -> None:
    """Check that a record speaks of the end of this old chain, by whoever holds that chain.

    `header` and `state` are the hash of the last header and the app hash after it; `validators`
    are those of the next height. Refuses as `check_new` does.
    """
    check(promotion)
    old = promotion.old
    told = {
        "chain": old.chain == chain,
        "height": old.height == height,
        "header": old.header == codec.to_text(header),
        "state": old.state == codec.to_text(state),
        "validators": validator_set(old.validators) == validators,
    }
    _agree(told)


def _agree(told: dict[str, bool]) -> None:
    for what, holds in told.items():
        if not holds:
            raise PROMOTION_DIFFERS(what=what)
