"""What may be asked of `consent`. Who, what and why stay off chain, under salted commitments."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from yilian.ledger import codec
from yilian.ledger.module import Message as _Message
from yilian.ledger.module import capability
from yilian.ledger.modules.consent.errors import BAD_PERIOD, BAD_POWERS

Power = Literal["change", "grant", "read", "revoke"]
"""What a custodian may do for a person; `read` is judged by the holder's vault."""

Finding = Literal["justified", "unjustified"]


class Message(_Message, frozen=True, tag=capability("consent")):
    """A message of this capability."""


class Grant(Message, frozen=True):
    """A person (the sender, or whom it acts for) lets someone read; `terms` commits to the rest.

    Valid from `starts` until before `ends` (ms). The opened terms travel with the wrapped key.
    """

    power: ClassVar[str | None] = "grant"

    grant: codec.Id
    terms: codec.Digest
    starts: codec.Millis
    ends: codec.Millis

    def check(self) -> None:
        """Refuse a grant that ends before it starts."""
        if self.ends <= self.starts:
            raise BAD_PERIOD()


class Change(Message, frozen=True):
    """A person replaces the terms of a standing grant, which keeps its id and gets a new version.

    Valid from `starts` until before `ends` (ms). What the old terms allowed ends with this block.
    """

    power: ClassVar[str | None] = "change"

    grant: codec.Id
    terms: codec.Digest
    starts: codec.Millis
    ends: codec.Millis

    def check(self) -> None:
        """Refuse a grant that ends before it starts."""
        if self.ends <= self.starts:
            raise BAD_PERIOD()


class Revoke(Message, frozen=True):
    """A person takes a grant back, from this block on."""

    urgent: ClassVar[bool] = True
    power: ClassVar[str | None] = "revoke"

    grant: codec.Id


class OpenSession(Message, frozen=True):
    """A reader opens an access session before any key is released.

    `terms` commits to the grant, the reader and the purpose, which only the parties learn; the
    holder's vault opens it and checks the grant. A session lasts at most the chain's limit.
    """

    machine_only: ClassVar[bool] = True

    session: codec.Id
    terms: codec.Digest
    ends: codec.Millis


class CloseSession(Message, frozen=True):
    """The reader ends a session early."""

    machine_only: ClassVar[bool] = True

    session: codec.Id


class Ask(Message, frozen=True):
    """Someone who wants to read asks a person for it, until `ends` (ms).

    `terms` commits to whom is asked, by whom, for what and why. The answer is given off the chain,
    or is a grant that names no ask.
    """

    ask: codec.Id
    terms: codec.Digest
    ends: codec.Millis


class WithdrawAsk(Message, frozen=True):
    """Who asked takes the question back."""

    ask: codec.Id


class NameCustodian(Message, frozen=True):
    """A person names another who may act for them, until `ends` (ms); naming again replaces.

    `powers` are sorted and say what the custodian may do. Both persons are at home at one
    organisation, and the custodian holds a key of their own.
    """

    custodian: codec.Id
    ends: codec.Millis
    powers: Annotated[list[Power], msgspec.Meta(min_length=1, max_length=4)]

    def check(self) -> None:
        """Refuse powers that are out of order or named twice."""
        if any(one >= two for one, two in zip(self.powers, self.powers[1:], strict=False)):
            raise BAD_POWERS()


class SwitchCustodian(Message, frozen=True):
    """A person lets a custodian act, or act no more, at once.

    A custodian may also switch themselves off, and then names the `person` they acted for.
    """

    urgent: ClassVar[bool] = True

    custodian: codec.Id
    on: bool
    person: codec.Id | None = None


class BreakGlass(Message, frozen=True):
    """A licensed practitioner opens an emergency access without a grant, until `ends` (ms).

    `terms` commits to the person, the reader, the place and the reason. It is reviewed afterwards.
    """

    urgent: ClassVar[bool] = True

    access: codec.Id
    terms: codec.Digest
    ends: codec.Millis


class EndBreakGlass(Message, frozen=True):
    """The reader ends an emergency access early."""

    access: codec.Id


class ReviewBreakGlass(Message, frozen=True):
    """Someone other than the reader judges an emergency access; `reasons` commits to why."""

    access: codec.Id
    finding: Finding
    reasons: codec.Digest


ALL = (
    Grant,
    Change,
    Revoke,
    OpenSession,
    CloseSession,
    Ask,
    WithdrawAsk,
    NameCustodian,
    SwitchCustodian,
    BreakGlass,
    EndBreakGlass,
    ReviewBreakGlass,
)
