"""One number on two packs: what a responder notices, and the alert that it raises on the chain.

A presentation is that somebody had a pack's code in hand: a verification asked for by name, or an
event that names the pack. Noticed are a way faster than any aircraft, a pack handed out at two
places or shown after its end, lots and dates of another pack, and serial numbers that nobody made.
Who scans without login raises nothing, else anybody could cry wolf.

On the chain stands the product's GTIN, the kind, and a salted commitment to what was seen.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple, Protocol

import sqlalchemy as sql
from sqlalchemy.dialects.sqlite import insert

from yilian.gateway.epcis import identifiers
from yilian.gateway.epcis.repository import Repository, Stored
from yilian.gateway.supply import end_rows, presentations, steps
from yilian.gateway.supply.alerts import Alerts, Detail
from yilian.gateway.supply.database import METADATA, SupplyDatabase, table
from yilian.gateway.supply.directory import Directory
from yilian.gateway.supply.element_strings import link_of
from yilian.gateway.supply.judging import Severity
from yilian.gateway.supply.places import Places, gln_of
from yilian.gateway.supply.presentations import Act, Presentation
from yilian.gateway.supply.unit import Unit
from yilian.gateway.supply.verification import Seen
from yilian.ledger import codec
from yilian.ledger.keys import sha256
from yilian.ledger.modules.supply.messages import AlertKind, RaiseAlert
from yilian.vault.database import values
from yilian.vault.envelope import new_id

BATCH = 500
COMMITMENT_DOMAIN = b"yilian/supply/alert\n"

log = logging.getLogger("yilian.gateway")


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What was raised on the chain: `content` (canonical JSON) and `salt` open the commitment."""

    alert: str
    gtin: str
    pack: str
    kind: str
    at: int
    content: bytes
    salt: bytes


_suspicions = table("supply_suspicions", Suspicion, ("alert",))
sql.Index("supply_suspicions_pack", _suspicions.c.pack, _suspicions.c.kind)
_follower = sql.Table(
    "supply_clones_cursor",
    METADATA,
    sql.Column("name", sql.Text, primary_key=True),
    sql.Column("sequence", sql.BigInteger, nullable=False),
)


class Serials(Protocol):
    """Where an organisation finds its packs (`packs.Packs`)."""

    def find_serial(self, gtin14: str, serial: str) -> Unit | None:
        """Find a pack by the GTIN and serial number on it."""


class _Found(NamedTuple):
    """Something suspicious about a pack; `chain` is None where only our own people are told."""

    kind: str
    severity: Severity
    pack: str
    gtin: str
    cause: str
    act: str
    chain: AlertKind | None
    seen: tuple[Presentation, ...]


Announce = Callable[[RaiseAlert], object]
"""Hands a message to the chain without waiting for its block."""


class Clones:
    """What one organisation notices of the products that it answers for. Safe for threads."""

    def __init__(
        self,
        organisation: str,
        database: SupplyDatabase,
        directory: Directory,
        packs: Serials,
        alerts: Alerts,
        places: Places,
        *,
        now: Callable[[], int],
        announce: Announce,
        behind: Callable[[str], str] = str,
    ) -> None:
        """`seen` belongs to `Verification.listeners`; call `follow` after each commit of events.

        `behind` names the organisation behind who told of an event, or behind a location number.
        """
        self._behind = behind
        self._organisation = organisation
        self._database = database
        self._directory = directory
        self._packs = packs
        self._alerts = alerts
        self._places = places
        self._now = now
        self._announce = announce
        self._turn = Lock()

    # Noticing

    def seen(self, seen: Seen) -> None:
        """Take a verification that was asked for by name."""
        if not seen.requester or not seen.verification:
            return
        question, verdict = seen.question, seen.verdict
        pack = link_of(question.gtin, question.serial)
        unknown = verdict.reason == "serial_unknown"
        shown = self._presentation(
            pack,
            question.gtin,
            seen.at,
            seen.requester,
            seen.requester,
            "unknown" if unknown else "verify",
            f"verification/{seen.verification}",
            b"",
        )
        with self._database.write() as connection:
            if not presentations.insert(connection, shown):
                return
            found = [*self._judged(connection, seen, shown), *_leaps(connection, shown)]
            if unknown and verdict.concern == "suspected_fake":
                found += _unknowns(connection, shown)
            raised = self._raise(found, connection)
        self._tell(raised)

    def follow(self, repository: Repository) -> int:
        """Take all events that are new; tells up to which one. Again is fine."""
        with self._turn:
            with self._database.read() as reading:
                at = int(reading.scalar(sql.select(_follower.c.sequence)) or 0)
            while True:
                taken = repository.after(at, BATCH)
                if not taken:
                    return at
                at = taken[-1].sequence
                raised: list[Suspicion] = []
                with self._database.write() as connection:
                    for each in taken:
                        raised += self._event(each, connection)
                    noted = insert(_follower).values(name="clones", sequence=at)
                    connection.execute(
                        noted.on_conflict_do_update(index_elements=("name",), set_={"sequence": at})
                    )
                self._tell(raised)

    def resume(self) -> int:
        """Announce what the chain does not have: a crash came between. Tells how many."""
        kept = self._database.rows(Suspicion, sql.select(_suspicions))
        left = [each for each in kept if self._directory.alert_open(each.alert) is None]
        self._tell(left)
        return len(left)

    def suspicion(self, alert: str) -> Suspicion | None:
        """Give what an alert on the chain was about, to open its commitment to a regulator."""
        query = sql.select(_suspicions).where(_suspicions.c.alert == alert)
        return self._database.one(Suspicion, query)

    # Judging

    def _judged(self, connection: sql.Connection, seen: Seen, shown: Presentation) -> list[_Found]:
        """Turn a responder's verdict into what people must look at."""
        reason, concern = seen.verdict.reason, seen.verdict.concern
        if concern not in ("data_error", "suspected_fake"):
            return []
        severity: Severity = "suspect" if concern == "suspected_fake" else "error"
        if reason == "serial_unknown":
            return [_found("unknown_serial", severity, shown)]
        if reason in ("lot_differs", "lot_and_expiry_differ"):
            return [_found("wrong_lot", severity, shown, "wrong_lot")]
        if reason == "expiry_differs":
            return [_found("wrong_expiry", severity, shown, "wrong_expiry")]
        unit = self._packs.find_serial(seen.question.gtin, seen.question.serial)
        if unit is not None and self._is_holder(unit.holder, seen.requester):
            # Who handed a pack out or destroyed it, and scans it once more, has no other one.
            return [_found("after_end", "error", shown)]
        if reason in ("stolen", "lost"):
            return [_found("after_end", "suspect", shown)]
        if self._handed_out(connection, shown):
            return [_found("after_end", "error", shown)]
        return [_found("clone", "suspect", shown, "clone")]

    def _is_holder(self, holder: str, requester: str) -> bool:
        if not holder:
            return False
        return gln_of(holder) == requester or self._directory.organisation_of(requester) == holder

    def _handed_out(self, connection: sql.Connection, shown: Presentation) -> bool:
        """Tell whether who asks told of every dispensing; the receipt before it may come late."""
        given = presentations.dispensings(connection, shown.pack)
        asking = self._parties(shown)
        return bool(given) and all(asking & self._parties(each) for each in given)

    def _event(self, stored: Stored, connection: sql.Connection) -> list[Suspicion]:
        try:
            step = steps.read(stored.event)
        except (KeyError, ValueError):
            return []
        if step.declares:
            presentations.forget(connection, stored.digest)
            return []
        act = _act(step)
        if act == "move" and (not step.place or self._places.find(step.place) is None):
            return []
        # What a title proves stays, whoever declares that it did not happen.
        proved = act == "dispense" and end_rows.is_proved(connection, stored.sequence)
        found: list[_Found] = []
        for unit in sorted(step.units):
            gtin, serial = _numbers(unit)
            shown = self._presentation(
                unit,
                gtin,
                step.at,
                step.place,
                stored.submitter,
                act,
                f"event/{stored.sequence}",
                b"" if proved else stored.digest,
            )
            if not serial or not presentations.insert(connection, shown):
                continue
            found += _leaps(connection, shown)
            if act == "dispense":
                found += self._dispensed(connection, shown)
                found += self._recalled(shown, serial)
        return self._raise(found, connection)

    def _dispensed(self, connection: sql.Connection, shown: Presentation) -> list[_Found]:
        other = presentations.dispensed_elsewhere(connection, shown, self._parties)
        return [] if other is None else [_found("clone", "suspect", shown, "clone", other)]

    def _parties(self, shown: Presentation) -> set[str]:
        """Name who is behind a presentation: who told of it, and who trades at its site."""
        named = (shown.who, shown.site)
        return {shown.who} | {self._behind(each) for each in named if each}

    def _recalled(self, shown: Presentation, serial: str) -> list[_Found]:
        """Tell a pack that was handed out after its recall stood on the chain."""
        unit = self._packs.find_serial(shown.gtin, serial)
        lot = "" if unit is None else unit.lot
        name = self._directory.recalled(shown.gtin, lot, serial)
        recall = None if name is None else self._directory.recall(name)
        if recall is None or recall.issued > shown.at:
            return []
        return [_found("dispensed_recalled", "suspect", shown)]

    def _presentation(
        self,
        pack: str,
        gtin: str,
        at: int,
        place: str,
        who: str,
        act: Act,
        cause: str,
        digest: bytes,
    ) -> Presentation:
        point = self._places.find(place) if place else None
        latitude, longitude = (None, None) if point is None else point
        return Presentation(
            pack, gtin, at, gln_of(place) or place, who, act, cause, digest, latitude, longitude
        )

    # Raising

    def _raise(self, found: Iterable[_Found], connection: sql.Connection) -> list[Suspicion]:
        raised = []
        for each in found:
            detail = Detail(each.cause, each.act, "")
            self._alerts.raise_(each.kind, each.severity, each.pack, detail, connection)
            if each.chain is None or each.severity != "suspect" or not self._answers(each.gtin):
                continue
            if self._is_raised(each, connection):
                continue
            made = _suspicion(each, self._now())
            connection.execute(sql.insert(_suspicions).values(**values(made)))
            raised.append(made)
        return raised

    def _answers(self, gtin: str) -> bool:
        listing = self._directory.product(gtin)
        return listing is not None and self._organisation in (listing.responder, listing.owner)

    def _is_raised(self, found: _Found, connection: sql.Connection) -> bool:
        """Tell whether the same suspicion about a pack waits for a finding already."""
        query = sql.select(_suspicions.c.alert).where(
            _suspicions.c.pack == found.pack, _suspicions.c.kind == found.chain
        )
        named = list(connection.scalars(query))
        return any(self._directory.alert_open(each) is not False for each in named)

    def _tell(self, raised: Iterable[Suspicion]) -> None:
        for each in raised:
            message = RaiseAlert(
                alert=each.alert,
                gtin=each.gtin,
                kind=each.kind,  # type: ignore[arg-type]  # Written from an AlertKind.
                commitment=commitment(each.salt, each.content),
            )
            try:
                self._announce(message)
            except Exception:
                # It is kept, and `resume` announces it later; who asks about a pack must not wait.
                log.exception("alert %s was not announced", each.alert)


def commitment(salt: bytes, content: bytes) -> str:
    """Give the salted digest of what was seen (base64url)."""
    return codec.to_text(sha256(COMMITMENT_DOMAIN + salt + content))


def _found(
    kind: str,
    severity: Severity,
    shown: Presentation,
    chain: AlertKind | None = None,
    *others: Presentation,
) -> _Found:
    return _Found(
        kind, severity, shown.pack, shown.gtin, shown.cause, shown.act, chain, (*others, shown)
    )


def _act(step: steps.Step) -> Act:
    if step.act in ("dispense", "dispense_part"):
        return "dispense"
    return "return" if step.act == "return" or step.into == "returned" else "move"


def _leaps(connection: sql.Connection, shown: Presentation) -> list[_Found]:
    other = presentations.leap(connection, shown)
    return [] if other is None else [_found("clone", "suspect", shown, "clone", other)]


def _unknowns(connection: sql.Connection, shown: Presentation) -> list[_Found]:
    about = presentations.unknown_serials(connection, shown)
    if about is None:
        return []
    # Whoever makes numbers up makes up others tomorrow: then the alert is about the product.
    named = shown if about == "pack" else _of_product(shown)
    return [_found("unknown_serial", "suspect", named, "unknown_serial", shown)]


def _of_product(shown: Presentation) -> Presentation:
    return Presentation(**{**values(shown), "pack": link_of(shown.gtin)})


def _suspicion(found: _Found, now: int) -> Suspicion:
    seen = [
        {"act": each.act, "at": each.at, "cause": each.cause, "site": each.site, "who": each.who}
        for each in found.seen
    ]
    said = {
        "gtin": found.gtin,
        "kind": found.chain,
        "pack": found.pack,
        "seen": seen,
        "version": 1,
    }
    return Suspicion(
        new_id(),
        found.gtin,
        found.pack,
        str(found.chain),
        now,
        codec.encode(said),
        secrets.token_bytes(32),
    )


def _numbers(unit: str) -> tuple[str, str]:
    """Give GTIN and serial number of a pack; empty for what is none."""
    try:
        parts = identifiers.parts(unit)
    except ValueError:
        return "", ""
    return (parts.gtin14, parts.serial) if parts.key == "01" else ("", "")
