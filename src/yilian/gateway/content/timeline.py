"""One timeline of one person out of the records of several organisations, nothing twice.

Two records are the same happening where they have the same content, apart from what a system gives
out itself: id, meta, narrative text, and the targets of references. Equal records with different
local ids at ONE organisation are two happenings (two equal doses); the first of them is matched
with the first of another organisation, the second with the second.

Records that share a business identifier (type, system, value) but differ in content are versions of
one thing that do not agree: both are shown and name each other, unless one was corrected where it
comes from. An identifier that one organisation gives to several things is a group's, and says
nothing. Nothing is hidden, and every entry lists all records it stands for, with their proofs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from yilian.gateway.content.extract import Identifier, Values, extract
from yilian.ledger.errors import Refusal
from yilian.vault.envelope import RecordProof

_NO_TIME = 2**63
_Name = tuple[str, str, str]
"""A business identifier: resource type, system, value."""


class SourceRecord(NamedTuple):
    """A record as a source has it. `replaces` is the record that it corrects, if any."""

    record: str
    media_type: str
    content: bytes
    proof: RecordProof | None = None
    replaces: str | None = None


class Source(NamedTuple):
    """An organisation's records of the person, and the id that it knows the person by."""

    organisation: str
    patient: str
    records: Sequence[SourceRecord]


class Origin(NamedTuple):
    """Where an entry comes from: whose record, the proof of it, and its id in that system.

    `replaced` is the record by which its organisation has corrected it.
    """

    organisation: str
    patient: str
    record: str
    local: str | None
    proof: RecordProof | None
    replaced: str | None


class Entry(NamedTuple):
    """One happening: what it says, all its sources, and the entries that it does not agree with.

    `conflicts` are record ids: the first source of each other version under the same identifier.
    `content` is the exact text of the first source.
    """

    values: Values
    content: bytes
    media_type: str
    sources: tuple[Origin, ...]
    conflicts: tuple[str, ...] = ()


class _Read(NamedTuple):
    origin: Origin
    record: SourceRecord
    values: Values
    digest: bytes


def timeline(sources: Iterable[Source], offset: int = 0) -> list[Entry]:
    """Join sources into one list in order of clinical time; entries without a time come last.

    `offset`: minutes east of UTC for dates without a time zone. The order of `sources` decides
    which equal content is shown, and nothing else. A record given twice counts once.
    """
    groups: dict[tuple[bytes, int], list[_Read]] = {}
    for source in _joined(sources):
        for key, each in _numbered(_read(source, offset)):
            groups.setdefault(key, []).append(each)
    entries = [_entry(group) for group in groups.values()]
    return sorted(_marked(entries), key=_order)


def _joined(sources: Iterable[Source]) -> Iterator[Source]:
    """Put sources of one organisation together, each record once, in order of first mention."""
    found: dict[tuple[str, str], dict[str, SourceRecord]] = {}
    for source in sources:
        kept = found.setdefault((source.organisation, source.patient), {})
        for each in source.records:
            kept.setdefault(each.record, each)
    for (organisation, patient), kept in found.items():
        yield Source(organisation, patient, list(kept.values()))


def _read(source: Source, offset: int) -> Iterator[_Read]:
    corrected = {each.replaces: each.record for each in source.records if each.replaces}
    for each in source.records:
        try:
            said = extract(each.media_type, each.content, offset)
        except Refusal:
            said = Values()
        origin = Origin(
            organisation=source.organisation,
            patient=source.patient,
            record=each.record,
            local=said.id,
            proof=each.proof,
            replaced=corrected.get(each.record),
        )
        yield _Read(origin, each, said, _digest(each, said))


def _numbered(records: Iterable[_Read]) -> Iterator[tuple[tuple[bytes, int], _Read]]:
    """Number the equal records of one organisation by local id, in order of first mention."""
    seen: dict[bytes, dict[str, int]] = {}
    for each in records:
        places = seen.setdefault(each.digest, {})
        # A business identifier tells that equal records are one; without it and without a local id
        # nothing tells two equal records of one organisation apart.
        local = "" if _names(each.values) else each.values.id or ""
        place = places.setdefault(local, len(places))
        yield (each.digest, place), each


def _entry(group: list[_Read]) -> Entry:
    first = group[0]
    return Entry(
        values=first.values,
        content=first.record.content,
        media_type=first.record.media_type,
        sources=tuple(each.origin for each in group),
    )


def _marked(entries: list[Entry]) -> Iterator[Entry]:
    holders: dict[_Name, list[int]] = {}
    for place, entry in enumerate(entries):
        if all(each.replaced for each in entry.sources):
            continue
        for name in _names(entry.values):
            holders.setdefault(name, []).append(place)
    others: dict[int, set[int]] = {}
    for places in holders.values():
        if not _is_group([entries[each] for each in places]):
            for place in places:
                others.setdefault(place, set()).update(places)
    for place, entry in enumerate(entries):
        rivals = sorted(others.get(place, set()) - {place})
        yield entry._replace(conflicts=tuple(entries[each].sources[0].record for each in rivals))


def _is_group(entries: list[Entry]) -> bool:
    """Tell whether an identifier is that of a group: one organisation gives it to several things.

    A claim group or an order number stands on many resources, which have local ids of their own.
    """
    seen: dict[str, str] = {}
    for entry in entries:
        for each in entry.sources:
            if each.local is None:
                continue
            if seen.setdefault(each.organisation, each.local) != each.local:
                return True
    return False


def _names(said: Values) -> set[_Name]:
    # A number without a system is of no use elsewhere: two hospitals may give out the same one.
    named: Iterable[Identifier] = (each for each in said.identifiers if each.system)
    return {(said.type, each.system, each.value) for each in named}


def _order(entry: Entry) -> tuple[int, int, str, str]:
    time = entry.values.time
    if time is None or time.low is None or time.high is None:
        return _NO_TIME, 0, entry.values.type, entry.sources[0].record
    return time.low, time.high, entry.values.type, entry.sources[0].record


# Content without what a system gives out itself


class _Number(msgspec.Struct, frozen=True):
    """A decimal as it is written, apart from a text of the same letters."""

    decimal: str


_reader = msgspec.json.Decoder(float_hook=_Number)
_writer = msgspec.json.Encoder(order="sorted")


def canonical(content: bytes) -> bytes:
    """Write a FHIR resource without id, meta, text and reference targets, in one spelling.

    1.50 and 1.5 stay different (FHIR R4: precision has a meaning). Raises msgspec.MsgspecError for
    what is not JSON.
    """
    resource = _reader.decode(content)
    if isinstance(resource, dict):
        _strip(resource)
        contained = resource.get("contained")
        for each in contained if isinstance(contained, list) else ():
            if isinstance(each, dict):
                _strip(each)
    _blank(resource)
    return _writer.encode(resource)


def _digest(record: SourceRecord, said: Values) -> bytes:
    content = record.content
    if said.type:
        try:
            content = canonical(content)
        except (msgspec.MsgspecError, RecursionError):
            content = record.content
    return hashlib.sha256(f"{record.media_type}\n".encode() + content).digest()


def _strip(resource: dict[str, Any]) -> None:
    for name in ("id", "meta", "text"):
        resource.pop(name, None)


def _blank(value: Any) -> None:
    if isinstance(value, dict):
        target = value.get("reference")
        # A conditional reference ("Practitioner?identifier=...") names its target for everybody.
        if isinstance(target, str) and "?" not in target:
            value["reference"] = ""
        for each in value.values():
            _blank(each)
    elif isinstance(value, list):
        for each in value:
            _blank(each)
