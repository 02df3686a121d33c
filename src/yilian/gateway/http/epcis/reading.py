"""Reading what is handed in: a document in JSON or XML, or one event; refused before it is a job.

A document of which nothing can be read, or that is wrong as a whole, is refused at once; what is
wrong with single events is the job's matter (EPCIS 2.0, section 12.3).
"""

from __future__ import annotations

from yilian.gateway.epcis.document import Document, Event, Fault, Unreadable
from yilian.gateway.epcis.errors import INVALID, UNREADABLE
from yilian.gateway.epcis.json_form import parse_json
from yilian.gateway.epcis.xml_reading import parse_xml
from yilian.ledger.errors import Refusal

LONGEST_PATH = 200
WRONG_KIND = "wrong_kind"


def document(data: bytes, *, xml: bool) -> Document:
    """Read a document. Refuses `epcis.unreadable`, and `epcis.invalid` where it is wrong itself."""
    try:
        read = parse_xml(data) if xml else parse_json(data)
    except Unreadable as unreadable:
        raise _unreadable(unreadable.fault) from None
    if read.kind == "Event":
        raise UNREADABLE(path="type", reason=WRONG_KIND)
    whole = [each for each in read.faults if each.event is None]
    if whole:
        raise invalid(whole)
    return read


def one_event(data: bytes) -> Event:
    """Read one event in JSON. Refuses `epcis.unreadable` and `epcis.invalid`."""
    try:
        read = parse_json(data)
    except Unreadable as unreadable:
        raise _unreadable(unreadable.fault) from None
    if read.kind != "Event":
        raise UNREADABLE(path="type", reason=WRONG_KIND)
    event = read.events[0] if read.events else None
    if read.faults or event is None:
        raise invalid(list(read.faults) or [Fault(None, "", WRONG_KIND)])
    return event


def invalid(faults: list[Fault]) -> Refusal:
    """Make the refusal of faults: it names the first and how many there are."""
    first = faults[0]
    return INVALID(path=first.path[:LONGEST_PATH], reason=first.reason, faults=len(faults))


def _unreadable(fault: Fault) -> Refusal:
    return UNREADABLE(path=fault.path[:LONGEST_PATH], reason=fault.reason)
