"""What a capture interface takes in, whatever it was written in: events in one form, and faults.

An event is a mapping as in the JSON binding of EPCIS 2.0 (section 10), parsed with `Decimal` for
every number that is not whole. Vocabulary of the CBV is a bare word (`shipping`); names of
extensions keep their prefix, and the event's own `@context` says what its prefixes stand for.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

Event = dict[str, Any]
"""One event: `type`, `eventTime`, ..., and `@context` where it has extensions."""

Namespaces = dict[str, str]
"""What each prefix stands for."""

Mode = Literal["default", "strict"]
"""How strictly events are judged: as the standard's schema does, or by its conformance rules."""


class Fault(NamedTuple):
    """What is wrong with a document or an event.

    `event` counts from 0 within the document, None for the document itself; `path` names the field
    as in JSON (`readPoint.id`, `sensorElementList[0].sensorReport[1].value`), whatever the document
    was written in; `reason` is a stable word such as `bad_time` or `check_digit`.
    """

    event: int | None
    path: str
    reason: str


class Document(NamedTuple):
    """A document that was read: its events in order, and the faults found while reading.

    `version` is that of the schema (`2.0`, `1.2`). An event that could not be read is None in
    `events` and has a fault. `header` holds a sender's and receiver's names where an XML header
    has them (SBDH), under `sender` and `receiver`.
    """

    kind: Literal["EPCISDocument", "EPCISQueryDocument", "Event"]
    version: str
    created: str | None
    namespaces: Namespaces
    events: tuple[Event | None, ...]
    faults: tuple[Fault, ...]
    header: dict[str, str]


class Unreadable(Exception):
    """A document of which nothing can be read: malformed, of another kind, or over a bound."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.path}: {fault.reason}")
        self.fault = fault
