"""The life of units, one step after the other, in memory: the same steps give the same states.

Pure: no clock, no database. Whoever calls brings every unit that a step can reach (`Known`): those
it names, all that is inside them, and the cases they are in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from yilian.gateway.supply.judging import (
    AFTER_END,
    FIRST_SIGHT,
    SPREADS,
    TAKES_OUT,
    Severity,
    first_sight,
    judge,
)
from yilian.gateway.supply.places import gln_of
from yilian.gateway.supply.steps import Act, Link, Mark, Role
from yilian.gateway.supply.unit import TERMINAL, Standing

_SET_ASIDE: frozenset[Standing] = frozenset(("returned", "quarantined", "recalled"))
_UNSAID = frozenset(("not_received", "still_packed", "never_commissioned"))
"""Broken where messages are missing: a title that ended proves what they would have said."""

ENDS: Mapping[Act, Standing] = {
    "dispense": "dispensed",
    "destroy": "destroyed",
    "export": "exported",
    "sample": "sampled",
    "steal": "stolen",
    "lose": "lost",
    "decommission": "decommissioned",
}
"""The acts by which a title can end, and how a unit stands then."""

DEEPEST = 16
"""More levels of packing than anybody uses; deeper ones are not followed."""


class State(NamedTuple):
    """A unit between two steps.

    `since`: when it came to its standing (ms). `born`: the sequence of the event that commissioned
    it; `maker`, `lot` and `expiry` are that event's. `tied`: what it is associated with. `uses`
    counts the uses of a device, and `dirty` is 1 from a use to the next sterilising. `held`: why a
    unit on its way may not be sold when it comes in, or `in_transit` for one that was set aside on
    its way; else empty. `hand`: who told of its last step.
    """

    standing: Standing
    parent: str | None
    tied: str | None
    holder: str
    place: str
    since: int
    born: int | None
    uses: int
    dirty: int
    held: str
    maker: str
    lot: str
    expiry: str
    hand: str


class Deed(NamedTuple):
    """A step without the units it names; `submitter` told of it."""

    sequence: int
    at: int
    day: str
    submitter: str
    act: Act
    into: Standing
    link: Link
    tie: Link
    parent: str
    place: str
    source: str
    destination: str
    lot: str
    expiry: str
    mark: Mark


class Broken(NamedTuple):
    """An order that was broken: which, how bad, of which unit, and what was done to what."""

    kind: str
    severity: Severity
    unit: str
    act: str
    standing: str


class Proof(NamedTuple):
    """That a pack ended at an organisation, by its title; `sequence` is the event that says so."""

    sequence: int
    organisation: str


class Known:
    """The units that a step can reach, and what became of them."""

    def __init__(
        self,
        states: Mapping[str, State],
        proofs: Mapping[str, Sequence[Proof]] | None = None,
        parties: Mapping[str, str] | None = None,
    ) -> None:
        """`proofs`: of packs that ended by their titles, in the order in which they were told.

        `parties`: the organisations behind those who tell of steps, and behind location numbers.
        """
        self.states = dict(states)
        self.proofs = proofs or {}
        self.parties = parties or {}
        self.inside: dict[str, dict[str, None]] = {}
        for name, state in states.items():
            if state.parent is not None:
                self.inside.setdefault(state.parent, {})[name] = None
        self.touched: dict[str, Role] = {}
        self.broken: list[Broken] = []
        self._hand = ""
        self._named: Mapping[str, Role] = {}

    def begin(self, hand: str, named: Mapping[str, Role]) -> None:
        """Start a step that names units, told by somebody."""
        self.touched = {}
        self.broken = []
        self._hand = hand
        self._named = named

    def put(self, unit: str, state: State, role: Role) -> None:
        """Note a unit's new state."""
        before = self.states.get(unit)
        old = None if before is None else before.parent
        if old != state.parent:
            if old is not None:
                self.inside[old].pop(unit, None)
            if state.parent is not None:
                self.inside.setdefault(state.parent, {})[unit] = None
        self.states[unit] = state._replace(hand=self._hand)
        self.touched.setdefault(unit, self._named.get(unit, role))

    def contents(self, unit: str) -> list[str]:
        """Give what is directly inside, by id."""
        return sorted(self.inside.get(unit, ()))

    def ancestors(self, unit: str) -> Iterator[str]:
        """Give the case a unit is in, then the case that one is in, and so on."""
        found = self.states.get(unit)
        for _ in range(DEEPEST):
            if found is None or found.parent is None:
                return
            yield found.parent
            found = self.states.get(found.parent)


def is_item(unit: str) -> bool:
    """Tell whether a unit is a trade item, which its maker commissions; a case is just packed."""
    return "/01/" in unit or "/8006/" in unit


def fold(deed: Deed, units: Mapping[str, Role], known: Known) -> None:
    """Take one step: `known.touched` and `known.broken` say what came of it."""
    known.begin(deed.submitter, units)
    _Fold(deed, units, known).run()


class _Fold:
    def __init__(self, deed: Deed, units: Mapping[str, Role], known: Known) -> None:
        self.deed = deed
        self.units = dict(sorted(units.items()))
        self.known = known
        self._judged: set[str] = set()

    def run(self) -> None:
        deed = self.deed
        # What a step packs moves with its case; what it unpacks has moved with it until then.
        if deed.link in ("add", "observe"):
            self._pack()
        for unit, role in self.units.items():
            if role == "output" or deed.act == "commission":
                self._commission(unit, role)
            else:
                self._act(unit, role)
        if deed.link == "delete":
            self._unpack()
        if deed.tie or deed.mark:
            self._tie()

    # Standing

    def _commission(self, unit: str, role: Role) -> None:
        deed, state = self.deed, self.known.states.get(unit)
        if state is not None and state.born is not None:
            severity: Severity = "error" if state.maker == deed.submitter else "suspect"
            self._break("commissioned_twice", severity, unit, state)
            self.known.put(unit, state, role)
            return
        if state is None:
            state = _unknown(deed, "active")._replace(holder=self._from())
        elif is_item(unit):
            self._break("commissioned_late", "error", unit, state)
        made = state._replace(
            born=deed.sequence, maker=deed.submitter, lot=deed.lot, expiry=deed.expiry
        )
        self.known.put(unit, made, role)

    def _act(self, unit: str, role: Role) -> None:
        # What goes into a transformation and comes out again stays what it was.
        act: Act = "observe" if self.deed.act == "consume" and role != "input" else self.deed.act
        self._take_out(unit, role)
        self._judge(unit, role, act)
        if act in ("decommission", "consume"):
            self._leave_contents(unit)
        if act in SPREADS:
            self._spread(unit, act, 0)

    def _spread(self, unit: str, act: Act, depth: int) -> None:
        for each in self.known.contents(unit) if depth < DEEPEST else ():
            if each not in self.units and each not in self._judged:
                self._judge(each, "inside", act)
                self._spread(each, act, depth + 1)

    def _judge(self, unit: str, role: Role, act: Act) -> None:
        self._judged.add(unit)
        deed = self.deed
        state = self.known.states.get(unit) or self._first_sight(unit, act)
        verdict = judge(
            act,
            state.standing,
            same_hand=state.hand == deed.submitter,
            same_place=bool(deed.place) and state.place == deed.place,
            returned=deed.into == "returned",
        )
        if self._is_told_again(unit, act, state):
            self.known.put(unit, state._replace(holder=self._ended_at(unit) or state.holder), role)
            return
        if act == "receive" and state.held == "in_transit":
            # Set aside on its way, it comes in as it is.
            verdict = verdict._replace(kind="")
        if verdict.kind:
            self._break(verdict.kind, verdict.severity, unit, state)
        sold = act in FIRST_SIGHT and verdict.into is not None and is_item(unit)
        if sold and state.born is None:
            self._break("never_commissioned", FIRST_SIGHT[act], unit, state)
        if sold and state.expiry and deed.day > state.expiry:
            self._break("dispensed_expired", "error", unit, state)
        ended = state.standing in TERMINAL and verdict.into is None
        if verdict == AFTER_END or ended:
            # Whatever was scanned, it is not known to be this unit: it stays where it ended.
            self.known.put(unit, state, role)
            return
        self._other_holder(unit, act, state)
        after = self._after(act, state, verdict.into)
        self.known.put(unit, after._replace(holder=self._ended_at(unit) or after.holder), role)

    # Ends by title

    def _first_proof(self, unit: str) -> Proof | None:
        return next(iter(self.known.proofs.get(unit, ())), None)

    def _ended_at(self, unit: str) -> str:
        """Name who had a unit at its end, where this step is the one that its title proves."""
        proof = self._first_proof(unit)
        return proof.organisation if proof and proof.sequence == self.deed.sequence else ""

    def _by_who_ended(self, unit: str) -> bool:
        """Tell whether a step is told by who ended a unit by its title, or by that very title."""
        proof, deed = self._first_proof(unit), self.deed
        if proof is None:
            return False
        others = {each.sequence for each in self.known.proofs[unit]} - {proof.sequence}
        if deed.sequence in others:
            # Two titles to one pack are two packs, whoever had them.
            return False
        named = (deed.submitter, gln_of(deed.place))
        return proof.organisation in (self.known.parties.get(each, each) for each in named)

    def _is_told_again(self, unit: str, act: Act, state: State) -> bool:
        """Tell whether an end is told once by its title and once by an event: it is one end."""
        alike = state.standing in TERMINAL and ENDS.get(act) == state.standing
        return alike and self._by_who_ended(unit)

    def _after(self, act: Act, state: State, into: Standing | None) -> State:
        deed = self.deed
        if act == "receive" and (into == "active" or deed.into != "active"):
            into = deed.into
        standing = into or state.standing
        held = ""
        if standing == "in_transit":
            held = state.standing if state.standing in _SET_ASIDE else state.held
        elif act in ("receive", "void_ship") and standing == "active" and state.held:
            standing = cast("Standing", state.held)
        elif standing in _SET_ASIDE and act not in ("receive", "void_ship", "return"):
            held = "in_transit" if state.standing == "in_transit" else state.held
        return state._replace(
            standing=standing,
            held=held,
            since=deed.at if standing != state.standing else state.since,
            holder=self._holder(act, state),
            # What was shipped is on its way from the last place it was seen at.
            place=deed.place or state.place,
        )

    def _holder(self, act: Act, state: State) -> str:
        if act in ("receive", "return"):
            return self.deed.destination or self.deed.submitter
        return state.holder or self._from()

    def _from(self) -> str:
        return self.deed.source or self.deed.submitter

    def _first_sight(self, unit: str, act: Act) -> State:
        state = _unknown(self.deed, first_sight(act))
        if is_item(unit) and act not in FIRST_SIGHT:
            self._break("never_commissioned", "error", unit, None)
        return state

    def _other_holder(self, unit: str, act: Act, state: State) -> None:
        source, holder = self.deed.source, state.holder
        # An organisation's id may be one party with a GLN, or no more than who told of the unit
        # first: a receiver is shown its packs by the last sender.
        known = source.startswith("http") and holder.startswith("http")
        if act == "ship" and known and source != holder:
            self._break("other_holder", "suspect", unit, state)

    # Packing

    def _pack(self) -> None:
        parent = self.deed.parent
        if not parent or self.units.get(parent) != "parent":
            return
        if parent not in self.known.states:
            self.known.put(parent, self._first_sight(parent, "observe"), "parent")
        above = {parent, *self.known.ancestors(parent)}
        for unit, role in self.units.items():
            if role == "child":
                self._pack_one(unit, parent, above)

    def _pack_one(self, unit: str, parent: str, above: set[str]) -> None:
        state = self.known.states.get(unit)
        if state is None:
            state = self._first_sight(unit, "observe")
        if unit in above:
            self._break("parent_cycle", "error", unit, state)
            return
        if state.standing in TERMINAL:
            return
        if state.parent not in (None, parent):
            self._break("in_another_parent", "error", unit, state)
            self._left(state.parent)
        self.known.put(unit, state._replace(parent=parent), "child")

    def _unpack(self) -> None:
        parent = self.deed.parent
        children = [unit for unit, role in self.units.items() if role == "child"]
        everything = not children and bool(parent)
        for unit in self.known.contents(parent) if everything else children:
            state = self.known.states[unit]
            if parent and state.parent != parent:
                self._break("not_in_parent", "error", unit, state)
                continue
            self._left(state.parent)
            self.known.put(unit, state._replace(parent=None), "inside" if everything else "child")

    def _take_out(self, unit: str, role: Role) -> None:
        state = self.known.states.get(unit)
        if state is None or state.parent is None or self.deed.act not in TAKES_OUT:
            return
        if state.parent in self.units:
            return
        if self.deed.link == "delete" and role == "child":
            return
        if state.standing not in TERMINAL:
            self._break("still_packed", "error", unit, state)
        self._left(state.parent)
        self.known.put(unit, state._replace(parent=None), role)

    def _leave_contents(self, unit: str) -> None:
        contents = self.known.contents(unit)
        if contents:
            self._break("not_empty", "error", unit, self.known.states[unit])
        for each in contents:
            state = self.known.states[each]
            self.known.put(each, state._replace(parent=None), "inside")

    def _left(self, parent: str | None) -> None:
        """Note at a case that something left it, so that what comes late finds what was in it."""
        if parent is not None and parent in self.known.states:
            self.known.put(parent, self.known.states[parent], "left")

    # Association and use

    def _tie(self) -> None:
        deed = self.deed
        # A tray of instruments is used and made sterile with all that is in it.
        for unit, role in list(self.known.touched.items()):
            if role == "left":
                continue
            state = self.known.states[unit]
            if deed.tie and unit in self.units:
                state = state._replace(tied=None if deed.tie == "delete" else deed.parent or None)
            if deed.mark == "use":
                if state.dirty:
                    self._break("used_unsterile", "error", unit, state)
                state = state._replace(uses=state.uses + 1, dirty=1)
            elif deed.mark == "sterilise":
                state = state._replace(dirty=0)
            self.known.put(unit, state, role)

    def _break(self, kind: str, severity: Severity, unit: str, state: State | None) -> None:
        if kind in _UNSAID and self._by_who_ended(unit):
            return
        standing = "unknown" if state is None else state.standing
        self.known.broken.append(Broken(kind, severity, unit, self.deed.act, standing))


def _unknown(deed: Deed, standing: Standing) -> State:
    return State(
        standing=standing,
        parent=None,
        tied=None,
        holder="",
        place=deed.place,
        since=deed.at,
        born=None,
        uses=0,
        dirty=0,
        held="",
        maker="",
        lot="",
        expiry="",
        hand=deed.submitter,
    )


def everything_inside(known: Known, units: Iterable[str]) -> list[str]:
    """Give all that is inside units at every level, by id."""
    found: dict[str, None] = {}
    layer = list(units)
    for _ in range(DEEPEST):
        layer = [each for unit in layer for each in known.contents(unit) if each not in found]
        if not layer:
            break
        found.update(dict.fromkeys(layer))
    return sorted(found)
