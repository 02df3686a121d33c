"""What may be asked of `supply`. All of it belongs to law 3 and later ones."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.module import Message as _Message
from yilian.ledger.module import capability
from yilian.ledger.modules.identity.messages import PublicText
from yilian.ledger.modules.supply import errors
from yilian.ledger.modules.supply.numbers import (
    DrugCode,
    Gln,
    Gtin,
    Lot,
    Prefix,
    ascends,
    require_check_digit,
    require_prefix,
)

ProductKind = Literal["medicine", "vaccine", "device"]
Role = Literal["trading_partner", "dispenser", "logistics_provider", "authority"]
Reason = Literal[
    "adverse_events",
    "contamination",
    "falsified",
    "labelling",
    "packaging",
    "potency",
    "stability",
    "sterility",
    "storage",
    "other",
]
AlertKind = Literal["clone", "unknown_serial", "wrong_lot", "wrong_expiry", "reused"]
Finding = Literal["false_alarm", "confirmed", "data_error"]
Celsius = Annotated[int, msgspec.Meta(ge=-27_315, le=30_000)]
"""A temperature in hundredths of a degree Celsius."""

Grade = Annotated[int, msgspec.Meta(ge=1, le=3)]
Cycles = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
MAX_PREFIXES = 16
MAX_LOTS = 100
MAX_SERIALS = 1_000
MAX_SLOTS = 256


class Message(_Message, frozen=True, tag=capability("supply")):
    """A message of this capability."""

    law: ClassVar[int] = 3


class RegisterCompany(Message, frozen=True):
    """Say under which GLN the sending member trades, and which company prefixes are its own."""

    company: codec.Id
    gln: Gln
    prefixes: Annotated[list[Prefix], msgspec.Meta(max_length=MAX_PREFIXES)]

    def check(self) -> None:
        """Refuse a wrong GLN, prefixes out of order or repeated, and one within another."""
        require_check_digit(self.gln)
        _require_ascending(self.prefixes, "prefixes")
        for prefix in self.prefixes:
            require_prefix(prefix)
        for one, two in pairwise(self.prefixes):
            if two.startswith(one):
                raise errors.BAD_PREFIX(prefix=two)


class CorrectCompany(Message, frozen=True):
    """Take prefixes away from a registration, or end it; sent by a regulator."""

    company: codec.Id
    prefixes: Annotated[list[Prefix], msgspec.Meta(max_length=MAX_PREFIXES)]
    end: bool = False

    def check(self) -> None:
        """Refuse prefixes out of order or repeated, and a correction of nothing."""
        _require_ascending(self.prefixes, "prefixes")
        if not self.prefixes and not self.end:
            raise errors.BAD_LIST(field="prefixes")


class EndCompany(Message, frozen=True):
    """End a registration of the sending organisation; its GLN and prefixes are free again."""

    company: codec.Id


class RegisterProduct(Message, frozen=True):
    """Name a product of the sending company; `responder` answers who asks whether a pack is real.

    `lowest` and `highest` bound its storage in hundredths of a degree C; a device is for
    `single_use`, or for so many `cycles` of reprocessing; `drug_code` begins its Chinese trace
    codes.
    """

    gtin: Gtin
    kind: ProductKind
    name: PublicText
    responder: codec.Id
    single_use: bool = False
    cycles: Cycles | None = None
    lowest: Celsius | None = None
    highest: Celsius | None = None
    drug_code: DrugCode | None = None

    def check(self) -> None:
        """Refuse a wrong GTIN, half a temperature range, and uses that contradict each other."""
        _require_described(self)
        require_uses(self.kind, self.single_use, self.cycles)


class AmendProduct(Message, frozen=True):
    """Describe one's own product anew: everything but its number and kind is as said here."""

    gtin: Gtin
    name: PublicText
    responder: codec.Id
    single_use: bool = False
    cycles: Cycles | None = None
    lowest: Celsius | None = None
    highest: Celsius | None = None
    drug_code: DrugCode | None = None

    def check(self) -> None:
        """Refuse a wrong GTIN and half a temperature range."""
        _require_described(self)


class OfferProduct(Message, frozen=True):
    """Offer one's own product to another company; an earlier offer lapses."""

    gtin: Gtin
    to: codec.Id


class AcceptProduct(Message, frozen=True):
    """Take over a product that was offered; who asks about its packs then asks the new owner."""

    gtin: Gtin


class WithdrawOffer(Message, frozen=True):
    """Take an offer of one's own product back."""

    gtin: Gtin


class EndProduct(Message, frozen=True):
    """End a product's entry; sent by its owner or a regulator. Packs in the trade remain."""

    gtin: Gtin


class IssueCredential(Message, frozen=True):
    """State, as a regulator, that an organisation may act in a role until before `ends` (ms)."""

    credential: codec.Id
    organisation: codec.Id
    role: Role
    ends: codec.Millis


class RevokeCredential(Message, frozen=True):
    """Withdraw a credential at once; sent by a regulator."""

    urgent: ClassVar[bool] = True

    credential: codec.Id


class Post(Message, frozen=True):
    """Post the interval's root and nullifiers; alike in size whatever was traded, or nothing.

    `root` commits to the events and titles of the interval; `nullifiers` are as many as the
    parameter `supply_slots` says, random where nothing was spent.
    """

    machine_only: ClassVar[bool] = True

    interval: codec.Whole
    root: codec.Digest
    nullifiers: Annotated[list[codec.Digest], msgspec.Meta(min_length=1, max_length=MAX_SLOTS)]

    def check(self) -> None:
        """Refuse a nullifier that stands twice."""
        if len(set(self.nullifiers)) < len(self.nullifiers):
            raise errors.BAD_LIST(field="nullifiers")


class PublishViewKey(Message, frozen=True):
    """Publish the HPKE key under which members let the sending regulator see their trade."""

    machine_only: ClassVar[bool] = True

    kem: Literal["mlkem768-x25519"]
    public: codec.Binary


class GrantView(Message, frozen=True):
    """Give a regulator a seed, wrapped to its view key, that opens the sender's posts from now on.

    `key` is the SHA-256 of that view key's bytes.
    """

    machine_only: ClassVar[bool] = True

    key: codec.Digest
    regulator: codec.Id
    wrapped: codec.Binary


class IssueRecall(Message, frozen=True):
    """Call a product back: some lots, some serials, or all of it; by its owner or a regulator.

    `serials` are `numbers.serial_digest`; without lots and serials the recall is of every pack.
    `grade` 1 is the gravest. Without `ends` (ms) it stands until it is ended.
    """

    urgent: ClassVar[bool] = True

    recall: codec.Id
    gtin: Gtin
    grade: Grade
    reason: Reason
    lots: Annotated[list[Lot], msgspec.Meta(max_length=MAX_LOTS)]
    serials: Annotated[list[codec.Digest], msgspec.Meta(max_length=MAX_SERIALS)]
    ends: codec.Millis | None = None

    def check(self) -> None:
        """Refuse a wrong GTIN, and lots or serials out of order or repeated."""
        require_check_digit(self.gtin)
        _require_ascending(self.lots, "lots")
        _require_ascending(self.serials, "serials")


class ExtendRecall(Message, frozen=True):
    """Add lots or serials to a recall, or give it a later end; by who issued it or a regulator."""

    urgent: ClassVar[bool] = True

    recall: codec.Id
    lots: Annotated[list[Lot], msgspec.Meta(max_length=MAX_LOTS)]
    serials: Annotated[list[codec.Digest], msgspec.Meta(max_length=MAX_SERIALS)]
    ends: codec.Millis | None = None

    def check(self) -> None:
        """Refuse lots or serials out of order or repeated, and an extension by nothing."""
        _require_ascending(self.lots, "lots")
        _require_ascending(self.serials, "serials")
        if not self.lots and not self.serials and self.ends is None:
            raise errors.BAD_LIST(field="lots")


class EndRecall(Message, frozen=True):
    """End a recall; sent by who issued it or a regulator."""

    recall: codec.Id


class RaiseAlert(Message, frozen=True):
    """Say in public that packs of a product may be falsified; by its owner or responder.

    `commitment` is salted and covers what was seen.
    """

    alert: codec.Id
    gtin: Gtin
    kind: AlertKind
    commitment: codec.Digest


class CloseAlert(Message, frozen=True):
    """Say what an alert turned out to be; by who raised it, or the product's owner or responder."""

    alert: codec.Id
    finding: Finding


ALL = (
    RegisterCompany,
    CorrectCompany,
    EndCompany,
    RegisterProduct,
    AmendProduct,
    OfferProduct,
    AcceptProduct,
    WithdrawOffer,
    EndProduct,
    IssueCredential,
    RevokeCredential,
    Post,
    PublishViewKey,
    GrantView,
    IssueRecall,
    ExtendRecall,
    EndRecall,
    RaiseAlert,
    CloseAlert,
)


def require_uses(kind: ProductKind, single_use: bool, cycles: int | None) -> None:
    """Refuse uses of what is no device, and cycles of what is for single use."""
    if kind != "device" and (single_use or cycles is not None):
        raise errors.BAD_PRODUCT(field="kind")
    if single_use and cycles is not None:
        raise errors.BAD_PRODUCT(field="cycles")


def _require_described(message: RegisterProduct | AmendProduct) -> None:
    require_check_digit(message.gtin)
    lowest, highest = message.lowest, message.highest
    if (lowest is None) != (highest is None):
        raise errors.BAD_PRODUCT(field="lowest")
    if lowest is not None and highest is not None and lowest > highest:
        raise errors.BAD_PRODUCT(field="highest")


def _require_ascending(listed: list[str], field: str) -> None:
    if not ascends(listed):
        raise errors.BAD_LIST(field=field)
