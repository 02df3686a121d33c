"""From events to rows: what each event adds to, or changes in, the tables of the chain index."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Table

from yilian.gateway.index import supply_rows, tables
from yilian.ledger import codec, keys
from yilian.ledger.genesis import Genesis
from yilian.ledger.keys import sha256
from yilian.ledger.machine import Result
from yilian.ledger.module import Event
from yilian.ledger.modules import MODULES, AnyEvent
from yilian.ledger.modules.care import events as care
from yilian.ledger.modules.consent import events as consent
from yilian.ledger.modules.governance import events as governance
from yilian.ledger.modules.identity import events as identity
from yilian.ledger.modules.records import events as records

TIMERS = -1
"""The position of a block's timer events: they happen before its transactions."""

Row = list[Any]


class _Message(msgspec.Struct):
    type: str


class _Body(msgspec.Struct):
    messages: list[_Message]


class _Transaction(msgspec.Struct):
    body: _Body


_read_transaction = msgspec.json.Decoder(_Transaction)
_read_texts = msgspec.json.Decoder(list[msgspec.Raw])
_read_event = codec.decoder(AnyEvent)
_NAME = re.compile(r"[a-z][a-z_]{0,63}\.[A-Za-z]{1,64}")
_ID = next(
    each.pattern
    for each in (msgspec.inspect.type_info(codec.Id),)
    if isinstance(each, msgspec.inspect.StrType)
)


def _id_fields(event: type[Event]) -> tuple[str, ...]:
    """Name an event's fields that hold an id, or may hold one."""
    info = msgspec.inspect.type_info(event)
    assert isinstance(info, msgspec.inspect.StructType)
    found = []
    for field in info.fields:
        kind = field.type
        types = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
        if any(isinstance(each, msgspec.inspect.StrType) and each.pattern == _ID for each in types):
            found.append(field.name)
    return tuple(found)


_IDS = {event: _id_fields(event) for module in MODULES for event in module.events}
_TYPES = {
    event: (module.name, str(event.__struct_config__.tag))
    for module in MODULES
    for event in module.events
}


class Book:
    """The rows of some blocks in a row, before they are written all at once."""

    def __init__(self, events_before: int, *, records: bool = True) -> None:
        """Without `records` events are listed and change no record: those are there already."""
        self.events = events_before
        self._records = records
        self.rows: dict[Table, list[Row]] = {table: [] for table in tables.METADATA.sorted_tables}
        self.changes: dict[Table, dict[str, dict[str, Any]]] = {}
        self._fresh: dict[tuple[Table, str], Row] = {}
        self.height = 0
        self.time = 0

    def genesis(self, genesis: Genesis) -> None:
        """Note the members that a chain begins with, as if they had been enrolled at height 0."""
        self.height, self.time = 0, genesis.time
        first = self.events + 1
        for place, event in enumerate(_genesis_events(genesis)):
            self._event(TIMERS, place, codec.encode(event).decode(), event)
        self.rows[tables.BLOCKS].append([0, self.time, "", 0, first, self.events - first + 1])

    def block(
        self,
        height: int,
        time: int,
        block_hash: str,
        transactions: Sequence[bytes],
        results: Sequence[Result],
        timer_events: bytes,
    ) -> None:
        """Note one block: `time` in ms, its transactions, their results and the timers' events."""
        self.height, self.time = height, time
        first = self.events + 1
        if timer_events != b"[]":
            self._events(TIMERS, timer_events)
        add = self.rows[tables.TRANSACTIONS].append
        for position, (raw, result) in enumerate(zip(transactions, results, strict=True)):
            parameters = codec.encode(result.parameters).decode() if result.parameters else ""
            add([height, position, sha256(raw).hex(), result.code, _types(raw), parameters])
            self._events(position, result.events)
        count = self.events - first + 1
        self.rows[tables.BLOCKS].append([height, time, block_hash, len(transactions), first, count])

    def _events(self, position: int, texts: bytes) -> None:
        for place, raw in enumerate(_read_texts.decode(texts)):
            text = bytes(raw)
            self._event(position, place, text.decode(), _read_event.decode(text))

    def _event(self, position: int, place: int, text: str, event: Event) -> None:
        self.events = seq = self.events + 1
        kind = type(event)
        capability, name = _TYPES[kind]
        self.rows[tables.EVENTS].append([seq, self.height, position, place, capability, name, text])
        named = {getattr(event, field) for field in _IDS[kind]} - {None}
        self.rows[tables.EVENT_IDS].extend([each, seq] for each in sorted(named))
        projection = PROJECTIONS.get(kind)
        if projection is not None and self._records:
            projection(self, event)

    def add(self, table: Table, name: str, *values: Any) -> None:
        """Begin a record; its `values` stand between `id` and `since` in the table."""
        row = [self.events, name, *values, self.height, self.time]
        self._fresh[table, name] = row
        self.rows[table].append(row)

    def change(self, table: Table, name: str, **values: Any) -> None:
        """Change columns of a record that began in this book or before it."""
        row = self._fresh.get((table, name))
        if row is None:
            self.changes.setdefault(table, {}).setdefault(name, {}).update(values)
            return
        names = table.columns.keys()
        for column, value in values.items():
            row[names.index(column)] = value

    def end(self, table: Table, name: str, status: str) -> None:
        """Give a record its last status, as of this height."""
        self.change(table, name, status=status, ended=self.height)


def _types(raw: bytes) -> str:
    """Name the messages of a transaction; a block of others may hold bytes that are none.

    What is no name of a message is left out: not every database keeps every character.
    """
    try:
        found: _Transaction = _read_transaction.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
        return ""
    return ",".join(each.type for each in found.body.messages if _NAME.fullmatch(each.type))


def _genesis_events(genesis: Genesis) -> list[Event]:
    made: list[Event] = []
    for member in genesis.members:
        name = member.organisation
        made.append(identity.Enrolled(subject=name, kind="organisation", organisation=name))
        made.append(identity.KeyAdded(key=keys.key_id(member.key), owner=name))
        made.append(governance.MemberAdmitted(organisation=name))
    return made


# -- one function per event that a table shows ----------------------------------------------------


def _enrolled(book: Book, event: identity.Enrolled) -> None:
    book.add(tables.SUBJECTS, event.subject, event.kind, event.organisation, "active", None)


def _key_added(book: Book, event: identity.KeyAdded) -> None:
    book.add(tables.KEYS, event.key, event.owner, "active", None)


def _key_revoked(book: Book, event: identity.KeyRevoked) -> None:
    book.end(tables.KEYS, event.key, "revoked")


def _subject_revoked(book: Book, event: identity.SubjectRevoked) -> None:
    book.end(tables.SUBJECTS, event.subject, "revoked")


def _licence_issued(book: Book, event: identity.LicenceIssued) -> None:
    book.add(tables.LICENCES, event.licence, event.practitioner, event.issuer, "issued", None)


def _licence_revoked(book: Book, event: identity.LicenceRevoked) -> None:
    book.end(tables.LICENCES, event.licence, "revoked")


def _recovery_proposed(book: Book, event: identity.RecoveryProposed) -> None:
    book.add(tables.RECOVERIES, event.recovery, event.person, event.due, "waiting", None)


def _recovery_cancelled(book: Book, event: identity.RecoveryCancelled) -> None:
    book.end(tables.RECOVERIES, event.recovery, "cancelled")


def _recovered(book: Book, event: identity.Recovered) -> None:
    book.end(tables.RECOVERIES, event.recovery, "done")


def _proposed(book: Book, event: governance.Proposed) -> None:
    book.add(tables.PROPOSALS, event.proposal, event.proposer, event.action, "open", None)


def _closed(book: Book, event: governance.Closed) -> None:
    book.end(tables.PROPOSALS, event.proposal, event.outcome)


def _member_admitted(book: Book, event: governance.MemberAdmitted) -> None:
    book.add(tables.MEMBERS, event.organisation, "member", None)
    book.change(tables.SUBJECTS, event.organisation, organisation=event.organisation)


def _member_removed(book: Book, event: governance.MemberRemoved) -> None:
    book.end(tables.MEMBERS, event.organisation, "removed")


def _granted(book: Book, event: consent.Granted) -> None:
    book.add(tables.GRANTS, event.grant, event.person, event.starts, event.ends, "given", None)


def _revoked(book: Book, event: consent.Revoked) -> None:
    book.end(tables.GRANTS, event.grant, "revoked")


def _session_opened(book: Book, event: consent.SessionOpened) -> None:
    book.add(tables.SESSIONS, event.session, event.ends, "open", None)


def _session_closed(book: Book, event: consent.SessionClosed) -> None:
    book.end(tables.SESSIONS, event.session, "closed")


def _changed(book: Book, event: consent.Changed) -> None:
    book.change(tables.GRANTS, event.grant, starts=event.starts, ends=event.ends)


def _asked(book: Book, event: consent.Asked) -> None:
    book.add(tables.ASKS, event.ask, event.ends, "open", None)


def _ask_withdrawn(book: Book, event: consent.AskWithdrawn) -> None:
    book.end(tables.ASKS, event.ask, "withdrawn")


def _glass_broken(book: Book, event: consent.GlassBroken) -> None:
    book.add(
        tables.EMERGENCIES,
        event.access,
        event.reader,
        event.organisation,
        event.ends,
        "waiting",
        "open",
        None,
    )


def _glass_ended(book: Book, event: consent.GlassEnded) -> None:
    book.end(tables.EMERGENCIES, event.access, "ended")


def _glass_reviewed(book: Book, event: consent.GlassReviewed) -> None:
    book.change(tables.EMERGENCIES, event.access, finding=event.finding)


def _anchored(book: Book, event: records.Anchored) -> None:
    book.add(tables.ANCHORS, event.record, event.organisation)


def _batch_anchored(book: Book, event: records.BatchAnchored) -> None:
    book.add(tables.BATCHES, event.batch, "records", event.organisation, event.size)


def _disclosures_anchored(book: Book, event: records.DisclosuresAnchored) -> None:
    book.add(tables.BATCHES, event.batch, "disclosures", event.organisation, event.size)


def _held(book: Book, event: records.Held) -> None:
    book.add(tables.HOLDS, event.hold, event.organisation, event.ground, "standing", None)


def _hold_lifted(book: Book, event: records.HoldLifted) -> None:
    book.end(tables.HOLDS, event.hold, "lifted")


def _erased(book: Book, event: records.Erased) -> None:
    book.add(tables.ERASURES, event.erasure, event.organisation, event.extent, event.size)


def _linked(book: Book, event: identity.Linked) -> None:
    book.add(tables.LINKS, event.link, event.organisation, "standing", None)


def _unlinked(book: Book, event: identity.Unlinked) -> None:
    book.end(tables.LINKS, event.link, "ended")


def _encounter_opened(book: Book, event: care.EncounterOpened) -> None:
    book.add(tables.ENCOUNTERS, event.encounter, event.organisation, "open", None)


def _encounter_closed(book: Book, event: care.EncounterClosed) -> None:
    book.end(tables.ENCOUNTERS, event.encounter, "closed")


def _encounter_cancelled(book: Book, event: care.EncounterCancelled) -> None:
    book.end(tables.ENCOUNTERS, event.encounter, "cancelled")


def _referred(book: Book, event: care.Referred) -> None:
    row = (event.organisation, event.to, event.ends, "waiting", None)
    book.add(tables.REFERRALS, event.referral, *row)


def _referral_accepted(book: Book, event: care.ReferralAccepted) -> None:
    book.change(tables.REFERRALS, event.referral, status="accepted")


def _referral_declined(book: Book, event: care.ReferralDeclined) -> None:
    book.end(tables.REFERRALS, event.referral, "declined")


def _referral_ended(book: Book, event: care.ReferralEnded) -> None:
    book.end(tables.REFERRALS, event.referral, "ended")


PROJECTIONS: dict[type[Event], Callable[[Book, Any], None]] = {
    identity.Enrolled: _enrolled,
    identity.KeyAdded: _key_added,
    identity.KeyRevoked: _key_revoked,
    identity.SubjectRevoked: _subject_revoked,
    identity.LicenceIssued: _licence_issued,
    identity.LicenceRevoked: _licence_revoked,
    identity.RecoveryProposed: _recovery_proposed,
    identity.RecoveryCancelled: _recovery_cancelled,
    identity.Recovered: _recovered,
    identity.Linked: _linked,
    identity.Unlinked: _unlinked,
    governance.Proposed: _proposed,
    governance.Closed: _closed,
    governance.MemberAdmitted: _member_admitted,
    governance.MemberRemoved: _member_removed,
    consent.Granted: _granted,
    consent.Changed: _changed,
    consent.Revoked: _revoked,
    consent.SessionOpened: _session_opened,
    consent.SessionClosed: _session_closed,
    consent.Asked: _asked,
    consent.AskWithdrawn: _ask_withdrawn,
    consent.GlassBroken: _glass_broken,
    consent.GlassEnded: _glass_ended,
    consent.GlassReviewed: _glass_reviewed,
    records.Anchored: _anchored,
    records.BatchAnchored: _batch_anchored,
    records.DisclosuresAnchored: _disclosures_anchored,
    records.Held: _held,
    records.HoldLifted: _hold_lifted,
    records.Erased: _erased,
    care.EncounterOpened: _encounter_opened,
    care.EncounterClosed: _encounter_closed,
    care.EncounterCancelled: _encounter_cancelled,
    care.Referred: _referred,
    care.ReferralAccepted: _referral_accepted,
    care.ReferralDeclined: _referral_declined,
    care.ReferralEnded: _referral_ended,
    **supply_rows.PROJECTIONS,
}
NO_ROW: frozenset[type[Event]] = frozenset(
    {
        consent.CustodianNamed,
        consent.CustodianSwitched,
        identity.CustodyEnded,
        identity.GuardiansSet,
        identity.KeyServicePublished,
        identity.EndpointPublished,
        identity.EndpointWithdrawn,
        governance.Voted,
        governance.ParameterSet,
        governance.QuotaSet,
        governance.ValidatorNamed,
        governance.ValidatorChanged,
        governance.Misbehaved,
        governance.Ticked,
        governance.UpgradeScheduled,
        governance.LawChanged,
        *supply_rows.NO_ROW,
    }
)
"""Events that are listed and streamed but change no table of records."""
