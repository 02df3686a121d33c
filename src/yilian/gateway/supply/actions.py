"""What our own people and programs do to units: judged before, all or nothing, once for each key.

An action writes its EPCIS events, the units' new standings, their titles and its own answer in one
transaction. What captured events of others get away with is refused here, with the unit and why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import msgspec
import sqlalchemy as sql

from yilian.gateway.epcis.document import Event
from yilian.gateway.epcis.errors import EVENT_EXISTS, INVALID
from yilian.gateway.epcis.repository import Repository
from yilian.gateway.supply import action_events, steps
from yilian.gateway.supply.action_errors import (
    ALREADY_DISPENSED,
    BAD_TIME,
    CHANGED_SINCE,
    FIELD_NEEDED,
    IN_A_PARENT,
    KEY_REUSED,
    NOT_IN_PARENT,
    NOT_MADE_HERE,
    NOT_YOURS,
    SINGLE_USE,
    TOO_MANY_UNITS,
    UNIT_EXISTS,
    UNIT_UNKNOWN,
    WRONG_EXPIRY,
    WRONG_LOT,
    WRONG_PLACE,
    WRONG_STANDING,
    UnitsRefused,
)
from yilian.gateway.supply.action_events import EACH, Told, party
from yilian.gateway.supply.alerts import Alerts, Detail
from yilian.gateway.supply.code_form import CODE_UNREADABLE
from yilian.gateway.supply.codes import read as read_code
from yilian.gateway.supply.database import SupplyDatabase, table
from yilian.gateway.supply.devices import Devices
from yilian.gateway.supply.folding import is_item
from yilian.gateway.supply.judging import Severity
from yilian.gateway.supply.orders import (
    MAX_UNITS,
    RETURNING,
    WANTS,
    ActionName,
    Done,
    DoneUnit,
    Order,
    Scanned,
)
from yilian.gateway.supply.outside import (
    Alone,
    End,
    Histories,
    Holding,
    LocalHolding,
    Nothing,
    Products,
    Recalls,
    Verifications,
)
from yilian.gateway.supply.pack_rows import UnitRow
from yilian.gateway.supply.packs import Packs
from yilian.gateway.supply.unit_checks import Asked, Checks, Chosen, Read, local_day
from yilian.ledger import codec
from yilian.ledger.errors import Code, Refusal
from yilian.ledger.keys import sha256

AHEAD_MS = 300_000
"""How far the clocks of two places may be apart."""

_ALONE = Alone()
_NOTHING = Nothing()

ATTEMPTS: dict[Code, tuple[str, Severity]] = {
    ALREADY_DISPENSED: ("dispensed_twice", "suspect"),
    WRONG_LOT: ("wrong_lot", "suspect"),
    WRONG_EXPIRY: ("wrong_expiry", "suspect"),
    SINGLE_USE: ("reused", "error"),
}
"""What people must hear of although it was refused. A pack that is dispensed twice at one place was
scanned twice; that is an error."""


@dataclass(frozen=True)
class ActionRow:
    """An action that was done, by its key; `who` asked for it, `digest` is of what was asked."""

    key: str
    digest: bytes
    who: str
    done: bytes


_actions = table("supply_actions", ActionRow, ("key",))


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
        self._holding = LocalHolding(site.mine) if holding is None else holding
        self._products = products
        self._histories = histories
        self._gln_of = gln_of
        self._checks = Checks(site.mine, self._holding, recalls, verifications)
        self.devices = Devices(packs, products)

    def carry_out(self, action: ActionName, order: Order, who: str) -> Done:
        """Do an action, or answer it from when it was done under this key.

        `who` is the id of the subject that asks. Refuses with the codes of `action_errors`;
        `UnitsRefused` has all units that may not. What people must look at raises an alert, though
        nothing was done.
        """
        digest = sha256(codec.encode([action, order]))
        try:
            with self._database.read() as reading:
                before = self._before(order.key, digest, reading)
            if before is not None:
                return before
            self._bring(action, order)
            with self._database.write() as connection:
                before = self._before(order.key, digest, connection)
                if before is not None:
                    return before
                done = self._do(action, order, connection)
                row = ActionRow(order.key, digest, who, codec.encode(done))
                connection.execute(sql.insert(_actions).values(**vars(row)))
        except UnitsRefused as refused:
            self._attempted(action, order, refused)
            raise
        self._repository.tell()
        return done

    def known(self, key: str) -> Done | None:
        """Find what was done under a key."""
        query = sql.select(_actions).where(_actions.c.key == key)
        found = self._database.one(ActionRow, query)
        return None if found is None else msgspec.json.decode(found.done, type=Done)

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
        scanned = [self.read(each) for each in order.units]
        if len(scanned) > MAX_UNITS:
            raise TOO_MANY_UNITS(limit=MAX_UNITS)
        offset = order.offset or self.site.offset
        parent = self._parent(action, order, scanned)
        if action == "disaggregate" and not scanned:
            scanned = self._all_in(parent, connection)
        if not scanned:
            raise FIELD_NEEDED(field="units")
        at = self._now() if order.at is None else order.at
        if at > self._now() + AHEAD_MS:
            raise BAD_TIME(at=at)
        wants = RETURNING if action == "ship" and order.returning else WANTS.get(action)
        place = steps.canonical(order.place)
        if wants is None:
            chosen = self._make(order, scanned, connection)
        else:
            first = {"use": self.devices.may_use, "sterilise": self.devices.may_sterilise}
            asked = Asked(action, wants, place, local_day(at, offset), first.get(action))
            chosen = self._checks.choose(asked, scanned, connection)
            self._refuse_case(action, parent, chosen, place, connection)
        at = self._after(at, order, chosen)
        to = party(order.to, self._gln_of(order.to)) if order.to is not None else ""
        own = party(self.site.organisation, self.site.gln)
        told = Told(self.site.organisation, at, offset, place, own, to)
        named = [each.unit for each in scanned]
        events = self._events(action, order, told, named, parent, chosen)
        shipment = self._titles(action, order, named, chosen, connection)
        return self._put(action, order, at, events, shipment, named, chosen, connection)

    def _put(
        self,
        action: ActionName,
        order: Order,
        at: int,
        events: Sequence[Event],
        shipment: str | None,
        named: Sequence[str],
        chosen: Chosen,
        connection: sql.Connection,
    ) -> Done:
        """Store the events, take them, and show a receiver what they tell of these units."""
        stored = self._repository.put(
            [action_events.tidy(each) for each in events], self.site.organisation, connection
        )
        for each in stored:
            self._packs.apply(each, connection)
        if action == "ship" and order.to is not None and order.to != self.site.organisation:
            all_units = [row.id for row in chosen.units]
            self._repository.show(
                order.to, self._packs.sequences(all_units, connection), connection
            )
        now = self._packs.rows([*named, *(row.id for row in chosen.units)], connection)
        return Done(
            key=order.key,
            action=action,
            at=at,
            events=tuple(each.event_id for each in stored),
            units=tuple(DoneUnit(unit=unit, standing=now[unit].standing) for unit in sorted(now)),
            shipment=shipment,
        )

    def _parent(self, action: ActionName, order: Order, scanned: Sequence[Read]) -> str:
        if action not in ("aggregate", "disaggregate"):
            return ""
        if not order.parent:
            raise FIELD_NEEDED(field="parent")
        parent = self.read(Scanned(code=order.parent)).unit
        if any(each.unit == parent for each in scanned):
            raise IN_A_PARENT(unit=parent, parent=parent)
        return parent

    def _all_in(self, parent: str, connection: sql.Connection) -> list[Read]:
        inside = self._packs.inside([parent], connection)
        return [Read(each.id) for each in inside if each.parent == parent]

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

    def _refuse_case(
        self,
        action: ActionName,
        parent: str,
        chosen: Chosen,
        place: str,
        connection: sql.Connection,
    ) -> None:
        """Refuse a case that is not here or ended, or holds itself, and what is not in it."""
        found: list[Refusal | None] = []
        if action == "disaggregate":
            found = [
                None if row.parent == parent else NOT_IN_PARENT(unit=row.id, parent=parent)
                for row in chosen.named
            ]
        elif action == "aggregate":
            held_by_itself = any(row.id == parent for row in chosen.units)
            found = [IN_A_PARENT(unit=parent, parent=parent) if held_by_itself else None]
            case = self._packs.rows([parent], connection).get(parent)
            if case is not None:
                found.append(self._case(case, place))
        refused = [each for each in found if each is not None]
        if refused:
            raise UnitsRefused(refused)

    def _case(self, row: UnitRow, place: str) -> Refusal | None:
        if row.standing not in WANTS["aggregate"].standings:
            return WRONG_STANDING(unit=row.id, standing=row.standing)
        if not self.site.mine(row.holder):
            return NOT_YOURS(unit=row.id)
        if row.place and row.place != place:
            return WRONG_PLACE(unit=row.id, place=row.place)
        return None

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
        for name, value in (("to", order.to), ("reason", order.reason)):
            if {"to": "ship", "reason": "quarantine"}[name] == action and value is None:
                raise FIELD_NEEDED(field=name)
        if action in EACH:
            events = [action_events.write(action, order, told, [each], parent) for each in named]
            if action == "receive":
                recalled = [row.id for row in chosen.units if self._checks.is_recalled(row)]
                events += [action_events.set_aside(order, told, each) for each in recalled]
            return events
        event = action_events.write(action, order, told, named, parent)
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

    def _titles(
        self,
        action: ActionName,
        order: Order,
        named: Sequence[str],
        chosen: Chosen,
        connection: sql.Connection,
    ) -> str | None:
        items = chosen.items
        if action == "commission":
            self._holding.commission([each for each in named if is_item(each)], connection)
        elif action == "ship" and items and order.to not in (None, self.site.organisation):
            return self._holding.ship(items, order.to, connection)
        elif action in ("receive", "return") and order.shipment is not None:
            self._holding.accept(order.shipment, items, connection)
            return order.shipment
        else:
            self._finish(action, order, chosen, connection)
        return None

    def _finish(
        self, action: ActionName, order: Order, chosen: Chosen, connection: sql.Connection
    ) -> None:
        end = WANTS[action].end
        items = chosen.items
        if action == "use":
            end = "dispensed"
            items = [row.id for row in chosen.named if self.devices.is_last(row)]
        if not end or order.part:
            return
        if action == "report_stolen":
            # What is on its way is nobody's to end until it arrives.
            held = self._holding.holds(items, connection)
            items = [each for each in items if held.get(each)]
        if items:
            self._holding.finish(items, cast(End, end), connection)

    # Before and after

    def _before(self, key: str, digest: bytes, connection: sql.Connection) -> Done | None:
        found = connection.execute(sql.select(_actions).where(_actions.c.key == key)).first()
        if found is None:
            return None
        if found.digest != digest:
            raise KEY_REUSED(key=key)
        return msgspec.structs.replace(msgspec.json.decode(found.done, type=Done), replayed=True)

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
                if refusal.code not in (EVENT_EXISTS, INVALID):
                    raise
        self._packs.catch_up()

    def _attempted(self, action: ActionName, order: Order, refused: UnitsRefused) -> None:
        with self._database.write() as connection:
            for each in refused.refused:
                kind, severity = ATTEMPTS.get(each.code, ("", "error"))
                if each.code is UNIT_UNKNOWN and action == "dispense":
                    kind, severity = "unknown_serial", "suspect"
                if not kind or (kind == "dispensed_twice" and action != "dispense"):
                    continue
                unit = str(each.parameters["unit"])
                row = self._packs.rows([unit], connection).get(unit)
                if kind == "dispensed_twice" and self._is_slip(row, order):
                    severity = "error"
                standing = "unknown" if row is None else row.standing
                detail = Detail(f"action/{order.key}", action, standing)
                self._alerts.raise_(kind, severity, unit, detail, connection)

    def _is_slip(self, row: UnitRow | None, order: Order) -> bool:
        return (
            row is not None
            and row.hand == self.site.organisation
            and row.place == steps.canonical(order.place)
        )
