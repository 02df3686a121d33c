"""Read EPCIS in XML: documents and query documents of version 2.0 and 1.2.

Older documents become events of the present form: what they keep in `extension` and
`baseExtension` moves up, and a QuantityEvent becomes an ObjectEvent. Source: EPCIS 2.0 (ISO/IEC
19987) section 9, EPCIS 1.2 section 9 and its deprecation of QuantityEvent (7.4.4).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from yilian.gateway.epcis.document import Document, Event, Fault, Namespaces
from yilian.gateway.epcis.xml_bytes import Elements, refusal, utf8
from yilian.gateway.epcis.xml_events import Reading
from yilian.gateway.epcis.xml_names import CAPTURE, EVENT_TYPES, QUERY, SBDH, Version
from yilian.gateway.epcis.xml_structure import Element, Structure, local, model
from yilian.gateway.epcis.xml_values import CHECKS, collapsed

MOST_EVENTS: Final = 500_000
"""Events of one document."""

_EVENTS = (*EVENT_TYPES, "QuantityEvent")
_EVENT_NAMES = frozenset(_EVENTS)
_READ_BEFORE = _EVENT_NAMES | {"VocabularyElement"}


class Item(NamedTuple):
    """One event as it was read: None if it has a fault."""

    event: Event | None
    faults: tuple[Fault, ...]


class Master(NamedTuple):
    """One entry of master data: an id of a vocabulary, and what is said of it.

    An attribute that is no text but has elements of its own is left out.
    """

    vocabulary: str
    id: str
    attributes: tuple[tuple[str, str], ...]
    children: tuple[str, ...]


class Reader:
    """Reads one document; iterating gives its events, and then the rest is known.

    Memory does not grow with the number of events. With `faulty` an event that breaks the
    structure of the standard is given all the same, beside its faults.
    """

    def __init__(self, data: bytes, *, faulty: bool = False) -> None:
        self._elements = Elements(utf8(data), (*_EVENTS, "VocabularyElement", "extension"))
        self._faulty = faulty
        self._version: Version = "2.0"
        self._count = 0
        self.faults: list[Fault] = []
        self.master: list[Master] = []
        self.header: dict[str, str] = {}
        self.kind: str = ""
        self.schema_version = ""
        self.created: str | None = None
        self.namespaces: Namespaces = {}

    def __iter__(self) -> Iterator[Item]:
        for element in self._elements:
            if element.tag == "VocabularyElement":
                self._vocabulary_element(element)
            elif element.tag == "extension":
                yield from self._strangers(element)
            elif _in_event_list(element):
                yield self._event(element)
                self._elements.let_go(element)
        root = self._elements.root
        if root is None:
            raise refusal("", "bad_xml")
        self._open(root)
        self._finish(root)

    def _open(self, root: Element) -> None:
        """Which document is this? Known from the name of its root alone."""
        if self._count >= MOST_EVENTS:
            raise refusal("", "too_large")
        if self.kind:
            return
        namespace, _, name = str(root.tag)[1:].partition("}")
        if name == "EPCISDocument" and namespace in CAPTURE:
            self._version = CAPTURE[namespace]
        elif name == "EPCISQueryDocument" and namespace in QUERY:
            self._version = QUERY[namespace]
        else:
            raise refusal("", "unknown_document")
        self.kind = name

    def _event(self, element: Element) -> Item:
        self._open(element.getroottree().getroot())
        kind = local(str(element.tag))
        version: Version = "2.0" if kind == "AssociationEvent" else self._version
        structure = Structure(version, self._count, frozenset())
        if _wrappers(element) == 0 and kind not in model(self._version, "EventList").types:
            structure.fault("type", "unknown_word")
        else:
            early = version != self._version and element.find("baseExtension") is not None
            structure.check(element, f"Early{kind}" if early else kind, "")
        return self._read(element, structure.faults)

    def _strangers(self, extension: Element) -> Iterator[Item]:
        """Events of types that are somebody's own: they stand in an extension of the list."""
        above = extension.getparent()
        if above is None or above.tag != "EventList":
            return
        for element in extension:
            if str(element.tag).startswith("{"):
                self._open(element.getroottree().getroot())
                yield self._read(element, [])
                self._elements.let_go(element)

    def _read(self, element: Element, structure: list[Fault]) -> Item:
        reading = Reading(self._count)
        event = reading.event(element)
        self._count += 1
        faults = _once(structure, reading.faults)
        return Item(event if self._faulty or not faults else None, faults)

    def _vocabulary_element(self, element: Element) -> None:
        above = element.getparent()
        vocabulary = above.getparent() if above is not None else None
        if above is None or vocabulary is None or vocabulary.tag != "Vocabulary":
            return
        # Both versions give master data the same structure.
        structure = Structure("2.0", None, frozenset())
        structure.check(element, "VocabularyElement", "epcisHeader.epcisMasterData.vocabularyList")
        self.faults.extend(structure.faults[: max(0, 100 - len(self.faults))])
        told = element.findall("attribute")
        self.master.append(
            Master(
                vocabulary.get("type", ""),
                element.get("id", ""),
                tuple((a.get("id", ""), collapsed(a.text)) for a in told if len(a) == 0),
                tuple(collapsed(child.text) for child in element.findall("children/id")),
            )
        )
        self._elements.let_go(element)

    def _finish(self, root: Element) -> None:
        """What stands around the events: structure, header, and which document this is."""
        self.schema_version = collapsed(root.get("schemaVersion"))
        self.created = root.get("creationDate")
        self.namespaces = {prefix: uri for prefix, uri in root.nsmap.items() if prefix}
        structure = Structure(self._version, None, _READ_BEFORE)
        for name, check in (("schemaVersion", "decimal"), ("creationDate", "time")):
            value = root.get(name)
            reason = "required" if value is None else CHECKS[check](value)
            if reason:
                structure.fault(name, reason)
        query = self.kind == "EPCISQueryDocument"
        if query:
            self._refuse_other_messages(root)
        structure.check(root, "QueryDocument" if query else "Document", "")
        self.faults.extend(_named_as_in_json(structure.faults))
        self._read_header(root)

    def _refuse_other_messages(self, root: Element) -> None:
        body = root.find("EPCISBody")
        first = body[0] if body is not None and len(body) else None
        if first is not None and local(str(first.tag)) != "QueryResults":
            raise refusal("epcisBody", "unknown_document")

    def _read_header(self, root: Element) -> None:
        for name in ("Sender", "Receiver"):
            path = f"EPCISHeader/{{{SBDH}}}StandardBusinessDocumentHeader/{{{SBDH}}}{name}"
            identifier = root.find(f"{path}/{{{SBDH}}}Identifier")
            if identifier is not None and collapsed(identifier.text):
                self.header[name.lower()] = collapsed(identifier.text)


def parse_xml(data: bytes, *, faulty: bool = False) -> Document:
    """Read an EPCIS document or query document in XML, of version 2.0 or 1.2.

    An event that breaks the structure of the standard is None and has its faults; `faulty` keeps
    it. Faults outside the events have no number. Raises Unreadable for what is no such document:
    malformed, too large, in an unknown encoding, with a document type definition, or a message
    without events.
    """
    reader = Reader(data, faulty=faulty)
    items = tuple(reader)
    faults = [fault for item in items for fault in item.faults]
    return Document(
        kind="EPCISQueryDocument" if reader.kind == "EPCISQueryDocument" else "EPCISDocument",
        version=reader.schema_version,
        created=reader.created,
        namespaces=reader.namespaces,
        events=tuple(item.event for item in items),
        faults=(*reader.faults, *faults),
        header=reader.header,
    )


def master_data(data: bytes) -> list[Master]:
    """The master data in the header of a document (EPCIS 2.0 section 9.4). Raises Unreadable."""
    reader = Reader(data)
    for _ in reader:
        pass
    return reader.master


def _in_event_list(element: Element) -> bool:
    """Whether the element is an event of the document, and not some part of an extension."""
    above = element.getparent()
    for _ in range(_wrappers(element)):
        above = above.getparent() if above is not None else None
    if above is None or above.tag != "EventList":
        return False
    holder = above.getparent()
    return holder is not None and holder.tag in ("EPCISBody", "resultsBody")


def _wrappers(element: Element) -> int:
    """How many `extension` elements stand around an event: two at most, in version 1.2."""
    above = element.getparent()
    if above is None or above.tag != "extension":
        return 0
    above = above.getparent()
    return 2 if above is not None and above.tag == "extension" else 1


def _once(*lists: list[Fault]) -> tuple[Fault, ...]:
    """The faults of all lists, without the second of two that name the same field."""
    found: dict[str, Fault] = {}
    for faults in lists:
        for fault in faults:
            found.setdefault(fault.path, fault)
    return tuple(found.values())


_IN_JSON = (
    ("EPCISHeader", "epcisHeader"),
    ("EPCISBody", "epcisBody"),
    ("EPCISMasterData", "epcisMasterData"),
    ("EventList", "eventList"),
    ("VocabularyList", "vocabularyList"),
    ("QueryResults", "queryResults"),
)


def _named_as_in_json(faults: list[Fault]) -> Iterator[Fault]:
    for fault in faults:
        path = fault.path
        for name, as_in_json in _IN_JSON:
            path = path.replace(name, as_in_json)
        yield fault._replace(path=path)
