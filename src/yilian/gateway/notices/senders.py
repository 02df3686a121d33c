"""What a channel must do to carry notices, and the inbox, which is a channel too.

An adapter for SMS or WeChat is a class with `channel` and `send`; the address is the person's
telephone number or account as the registration desk has it. It must hand on the notice's id, if its
service takes one, so that a notice that is sent again after a crash is told once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from yilian.vault.desk_formats import Language
from yilian.vault.outbox import INBOX


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One notice on its way: its id, the moment (ms) it is of, its words, and the address.

    `text` carries no health data and no name but that of the organisation that sends. `secret`
    signs what goes to a webhook.
    """

    notice: str
    kind: str
    at: int
    language: Language
    title: str
    text: str
    address: str = field(repr=False)
    secret: bytes | None = field(default=None, repr=False)


class NotSent(Exception):
    """A channel did not take a notice. `reason` is a code; `final`: trying again is no use."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


class Sender(Protocol):
    """A channel that carries notices."""

    @property
    def channel(self) -> str:
        """Name it: `inbox`, `webhook`, `smtp`, `sms`, `wechat`."""
        ...

    def send(self, outgoing: Outgoing) -> str | None:
        """Send, and give a digest of what the other side answered. Raises `NotSent`."""
        ...


class Inbox:
    """The inbox at the organisation: a notice that is due stands in it, and is delivered so."""

    channel = INBOX

    def send(self, outgoing: Outgoing) -> str | None:
        """Nothing is left to do: `Outbox.inbox` shows it."""
        return None
