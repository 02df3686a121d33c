"""What our own people and programs do to units: judged before, all or nothing, once for each key.

An action writes its EPCIS events, the units' new standings, their titles and its own answer in one
transaction. What captured events of others get away with is refused here, with the unit and why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import get_args

import msgspec
import sqlalchemy as sql

from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.errors import EVENT_EXISTS, INVALID, TOO_MANY_EPCS
from yilian.gateway.epcis.repository import Repository, Stored
from yilian.gateway.supply import action_events, action_rows, steps
from yilian.gateway.supply.action_attempts import Attempts
from yilian.gateway.supply.action_cases import Cases
from yilian.gateway.supply.action_corrections import Corrections
from yilian.gateway.supply.action_errors import (
    BAD_TIME,
    CHANGED_SINCE,
    FIELD_NEEDED,
    IN_A_PARENT,
    NOT_MADE_HERE,
    TOO_MANY_UNITS,
    UNIT_EXISTS,
    UnitsRefused,
)
from yilian.gateway.supply.action_events import EACH, Told, party
from yilian.gateway.supply.action_titles import ActionTitles, Moved
from yilian.gateway.supply.alerts import Alerts, Detail
from yilian.gateway.supply.code_form import CODE_UNREADABLE
from yilian.gateway.supply.codes import read as read_code
from yilian.gateway.supply.database import SupplyDatabase
from yilian.gateway.supply.devices import Devices
from yilian.gateway.supply.folding import is_item
from yilian.gateway.supply.orders import (
    MAX_UNITS,
    ActionName,
    Done,
    DoneUnit,
    HoldReason,
    Order,
    Scanned,
    wants_of,
)
from yilian.gateway.supply.outside import (
    Alone,
    Histories,
    Holding,
    LocalHolding,
    Nothing,
    Products,
    Recalls,
    Verifications,
)
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.unit_checks import Asked, Checks, Chosen, Read, local_day
from yilian.ledger.errors import MALFORMED, Refusal

AHEAD_MS = 300_000
"""How far the clocks of two places may be apart."""

_ALONE = Alone()
_NOTHING = Nothing()
_STAY = Moved()


class Site:
    """This organisation: its id, its GLN (13 digits, or empty), the usual offset of its clocks."""

    def __init__(
        self, organisation: str, gln: str | Callable[[], str] = "", offset: str = "+08:00"
    ) -> None:
        """`gln`: where it is called, it is asked at each use, for an organisation may get one."""
        self.organisation = organisation
        self.offset = offset
        self._gln = gln

    @property
    def gln(self) -> str:
        """The GLN as it is now."""
        return self._gln if isinstance(self._gln, str) else self._gln()

    def mine(self, holder: str) -> bool:
        """Tell whether a holder is this organisation."""
        return holder == self.organisation or self._is_gln(holder)

    def _is_gln(self, holder: str) -> bool:
        gln = holder.removeprefix("https://id.gs1.org/417/")
        return gln not in ("", holder) and gln == self.gln


class Actions:
    """The actions of one organisation. Safe for threads."""

    def __init__(
        self,
        site: Site,
        database: SupplyDatabase,
        repository: Repository,
        packs: Packs,
        alerts: Alerts,
        now: Callable[[], int],
        *,
        holding: Holding | None = None,
        recalls: Recalls = _ALONE,
        products: Products = _ALONE,
        verifications: Verifications = _ALONE,
        histories: Histories = _NOTHING,
        gln_of: Callable[[str], str] = lambda _: "",
    ) -> None:
        """`now` gives ms of UTC, `gln_of` an organisation's GLN. Else events say who holds."""
        self.site = site
        self._database = database
        self._repository = repository
        self._packs = packs
        self._alerts = alerts
        self._now = now
        held = LocalHolding(site.mine) if holding is None else holding
        self._products = products
        self._histories = histories
        self._gln_of = gln_of
        self._checks = Checks(site.mine, held, recalls, verifications)
        self._cases = Cases(site.mine, packs)
        self._attempts = Attempts(site.organisation, database, packs, alerts)
        self._corrections = Corrections(site.organisation, repository, packs, held)
        self.devices = Devices(packs, products)
        self._titles = ActionTitles(site.organisation, held, self.devices.is_last)

    def carry_out(self, action: ActionName, order: Order, who: str) -> Done:
        """Do an action, or answer it from when it was done under this key.

        `who` is the id of the subject that asks. Refuses with the codes of `action_errors`;
        `UnitsRefused` has all units that may not. What people must look at raises an alert, though
        nothing was done.
        """
        digest = action_rows.digest_of(action, order)
        try:
            with self._database.read() as reading:
                before = action_rows.before(order.key, digest, reading)
            if before is not None:
                return before
            self._bring(action, order)
            with self._database.write() as connection:
                before = action_rows.before(order.key, digest, connection)
                if before is not None:
                    return before
                done = self._do(action, order, connection)
                action_rows.keep(done, digest, who, connection)
        except UnitsRefused as refused:
            self._attempts.note(action, order, refused)
            raise
        self._repository.tell()
        return done

    def known(self, key: str) -> Done | None:
        """Find what was done under a key."""
        with self._database.read() as connection:
            return action_rows.find(key, connection)

    def read(self, scanned: Scanned) -> Read:
        """Read a scanned code, or a URI; refuses `supply.code_unreadable`."""
        if scanned.code.startswith(("https://id.gs1.org/", "urn:")):
            unit = steps.unit_id(scanned.code)
            if unit is None:
                raise CODE_UNREADABLE(reason="no_pack", seen="epc_urn")
            return Read(unit, scanned.lot, scanned.expiry or "")
        code = read_code(scanned.code)
        unit = steps.unit_id(code.id) if code.id else None
        if unit is None and code.kind == "trace_code":
            gtin = self._products.by_drug_code(code.drug_code)
            unit = f"https://id.gs1.org/01/{gtin}/21/{code.serial}" if gtin else None
        if unit is None:
            raise CODE_UNREADABLE(reason="no_pack", seen="text")
        return Read(unit, scanned.lot or code.lot, scanned.expiry or code.expiry)

    # One action

    def _do(self, action: ActionName, order: Order, connection: sql.Connection) -> Done:
        at = self._now() if order.at is None else order.at
        if at > self._now() + AHEAD_MS:
            raise BAD_TIME(at=at)
        if action == "declare_error":
            return self._take_back(order, at, connection)
        offset = order.offset or self.site.offset
        scanned = [self.read(each) for each in order.units]
        parent = self._parent(action, order, scanned)
        if action == "disaggregate" and not scanned:
            scanned = self._cases.contents(parent, connection)
        if not scanned:
            raise FIELD_NEEDED(field="units")
        if len(scanned) > MAX_UNITS:
            raise TOO_MANY_UNITS(limit=MAX_UNITS)
        wants = wants_of(action, order)
        place = steps.canonical(order.place)
        if wants is None:
            chosen = self._make(order, scanned, connection)
        else:
            first = {"use": self.devices.may_use, "sterilise": self.devices.may_sterilise}
            asked = Asked(
                action,
                wants,
                place,
                local_day(at, offset),
                first.get(action),
                *self._not_there(action, order),
            )
            chosen = self._checks.choose(asked, scanned, connection)
            self._cases.require(action, parent, chosen, place, connection)
        at = self._after(at, order, chosen)
        to = party(order.to, self._gln_of(order.to)) if order.to is not None else ""
        own = party(self.site.organisation, self.site.gln)
        told = Told(self.site.organisation, at, offset, place, own, to)
        named = list(chosen.told) or [each.unit for each in scanned]
        events = self._events(action, order, told, named, parent, chosen)
        moved = self._titles.move(action, order, named, chosen, connection)
        stored = self._put(action, order, at, events, chosen, connection)
        units = {*named, *(row.id for row in chosen.units)}
        units |= {row.id for row in chosen.missing}
        self._miss(order, chosen, connection)
        done = self._done(action, order, at, stored, units, connection, moved)
        return msgspec.structs.replace(done, missing=tuple(row.id for row in chosen.missing))

    def _not_there(self, action: ActionName, order: Order) -> tuple[tuple[str, ...], bool]:
        """Read what a delivery is without; refuses to be told so of anything else."""
        if action != "receive" and (order.missing or order.counted):
            raise MALFORMED()
        return tuple(self.read(each).unit for each in order.missing), order.counted

    def _miss(self, order: Order, chosen: Chosen, connection: sql.Connection) -> None:
        for row in chosen.missing:
            detail = Detail(f"action/{order.key}", "receive", row.standing)
            self._alerts.raise_("missing_in_case", "error", row.id, detail, connection)

    def _take_back(self, order: Order, at: int, connection: sql.Connection) -> Done:
        if order.units:
            # Taken back is the whole action; whoever names some of its units means less.
            raise MALFORMED()
        taken = self._corrections.take_back(order, at, connection)
        return self._done("declare_error", order, at, taken.events, taken.units, connection)

    def _done(
        self,
        action: ActionName,
        order: Order,
        at: int,
        stored: Sequence[Stored],
        units: Collection[str],
        connection: sql.Connection,
        moved: Moved = _STAY,
    ) -> Done:
        now = self._packs.rows(units, connection)
        return Done(
            key=order.key,
            action=action,
            at=at,
            events=tuple(each.event_id for each in stored),
            units=tuple(DoneUnit(unit=unit, standing=now[unit].standing) for unit in sorted(now)),
            shipment=moved.shipment,
            ending=moved.ending,
        )

    def _put(
        self,
        action: ActionName,
        order: Order,
        at: int,
        events: Sequence[Event],
        chosen: Chosen,
        connection: sql.Connection,
    ) -> Sequence[Stored]:
        """Store the events, take them, and show a receiver what they tell of these units."""
        stored = self._repository.put(
            [action_events.tidy(each) for each in events], self.site.organisation, connection
        )
        for each in stored:
            if not self._packs.apply(each, connection):
                # The very same was declared an error: at that time it was not done.
                unit = next((row.id for row in chosen.units), "")
                raise UnitsRefused([CHANGED_SINCE(unit=unit, at=at)])
        if action == "ship" and order.to is not None and order.to != self.site.organisation:
            all_units = [row.id for row in chosen.units]
            self._repository.show(
                order.to, self._packs.sequences(all_units, connection), connection
            )
        return stored

    def _parent(self, action: ActionName, order: Order, scanned: Sequence[Read]) -> str:
        if action not in ("aggregate", "disaggregate"):
            return ""
        if not order.parent:
            raise FIELD_NEEDED(field="parent")
        parent = self.read(Scanned(code=order.parent)).unit
        if any(each.unit == parent for each in scanned):
            raise IN_A_PARENT(unit=parent, parent=parent)
        return parent

    def _make(self, order: Order, scanned: Sequence[Read], connection: sql.Connection) -> Chosen:
        """Judge units that are to be commissioned: new, and of this organisation's own products."""
        if not order.lot:
            raise FIELD_NEEDED(field="lot")
        known = self._packs.rows([each.unit for each in scanned], connection)
        refused: list[Refusal] = []
        seen: set[str] = set()
        for each in scanned:
            if each.unit in seen or (each.unit in known and known[each.unit].born is not None):
                refused.append(UNIT_EXISTS(unit=each.unit))
            elif not self._is_made_here(each.unit):
                refused.append(NOT_MADE_HERE(unit=each.unit))
            seen.add(each.unit)
        if refused:
            raise UnitsRefused(refused)
        return Chosen((), ())

    def _is_made_here(self, unit: str) -> bool:
        if not is_item(unit):
            return True
        facts = self._products.product(unit.split("/")[4])
        # Without a directory nobody says whose a product is.
        if facts is None:
            return self._products is _ALONE
        return facts.owner == self.site.organisation

    def _after(self, at: int, order: Order, chosen: Chosen) -> int:
        """Give the time of the action: not before a unit came to the standing it is judged in."""
        least = max((row.since for row in chosen.units), default=0)
        if at >= least:
            return at
        if order.at is None and least <= self._now() + AHEAD_MS:
            return least
        late = [row.id for row in chosen.units if row.since > at]
        raise UnitsRefused([CHANGED_SINCE(unit=unit, at=at) for unit in late])

    def _events(
        self,
        action: ActionName,
        order: Order,
        told: Told,
        named: Sequence[str],
        parent: str,
        chosen: Chosen,
    ) -> list[Event]:
        if action == "ship" and order.to is None:
            raise FIELD_NEEDED(field="to")
        if action == "quarantine" and order.reason not in get_args(HoldReason):
            raise FIELD_NEEDED(field="reason")
        if action in EACH:
            events = [action_events.write(action, order, told, [each], parent) for each in named]
            if action == "receive":
                recalled = [row.id for row in chosen.units if self._checks.is_recalled(row)]
                events += [action_events.set_aside(order, told, each) for each in recalled]
            # Whose title came back alone is in the case no more that it was shipped in.
            alone = chosen.named if action == "return" and order.shipment else chosen.missing
            out = action_events.taken_out(order, told, alone)
            return [*map(action_events.nowhere, out), *events]
        event = action_events.write(action, order, told, named, parent)
        if action == "report_lost":
            return [*action_events.taken_out(order, told, chosen.named), event]
        return self._uses(event, chosen) if action == "use" else [event]

    def _uses(self, event: Event, chosen: Chosen) -> list[Event]:
        """Write a use: devices that are used for the last time end with it."""
        last = [row.id for row in chosen.named if self.devices.is_last(row)]
        rest = [row.id for row in chosen.named if row.id not in last]
        events = []
        if rest:
            events.append(event | {"childEPCs": rest})
        if last:
            ended = action_events.used_up(event) | {"childEPCs": last}
            events.append(ended if not rest else ended | {"eventID": None})
        return events

    # Before and after

    def _bring(self, action: ActionName, order: Order) -> None:
        """Take in what the sender showed of a shipment's packs, as far as it is not here."""
        if action not in ("receive", "return") or order.shipment is None:
            return
        sender, events = self._histories.of(order.shipment)
        for each in events:
            try:
                self._repository.capture_one(each, sender)
            except Refusal as refusal:
                # What the sender should not have shown says nothing; what is here already, enough.
                if refusal.code not in (EVENT_EXISTS, INVALID, TOO_MANY_EPCS):
                    raise
        self._packs.catch_up()
