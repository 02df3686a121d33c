"""What may be asked of `consent`. Who, what and why stay off chain, under salted commitments."""

from __future__ import annotations

from typing import ClassVar

from yilian.ledger import codec
from yilian.ledger.module import Message as _Message
from yilian.ledger.module import capability
from yilian.ledger.modules.consent.errors import BAD_PERIOD


class Message(_Message, frozen=True, tag=capability("consent")):
    """A message of this capability."""


class Grant(Message, frozen=True):
    """A person (the sender, or whom it acts for) lets someone read; `terms` commits to the rest.

    Valid from `starts` until before `ends` (ms). The opened terms travel with the wrapped key.
    """

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


ALL = (Grant, Revoke, OpenSession, CloseSession)
