"""What `consent` announces."""

from __future__ import annotations

from yilian.ledger import codec
from yilian.ledger.module import Event as _Event
from yilian.ledger.module import capability


class Event(_Event, frozen=True, tag=capability("consent")):
    """An event of this capability."""


class Granted(Event, frozen=True):
    """A grant stands."""

    grant: codec.Id
    person: codec.Id
    starts: codec.Millis
    ends: codec.Millis


class Revoked(Event, frozen=True):
    """A grant is taken back."""

    grant: codec.Id
    person: codec.Id


class SessionOpened(Event, frozen=True):
    """A reader opened an access session."""

    session: codec.Id
    ends: codec.Millis


class SessionClosed(Event, frozen=True):
    """A reader ended an access session."""

    session: codec.Id


ALL = (Granted, Revoked, SessionOpened, SessionClosed)
