"""What an act does to a unit's standing, and which order is broken by it: one table, with reasons.

A broken order never stops a capture. It is graded: `error` is most likely a slip at somebody's
scanner or a message that is missing; `suspect` is what a copied or diverted pack looks like.
Falsified packs are rare, so that whatever a slip explains well is an error.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from yilian.gateway.supply.steps import Act
from yilian.gateway.supply.unit import TERMINAL, Standing

Severity = Literal["error", "suspect"]


class Verdict(NamedTuple):
    """The standing that follows (None: it stays), and what is wrong, if anything is."""

    into: Standing | None
    kind: str = ""
    severity: Severity = "error"


class Rule(NamedTuple):
    """One row of the table: `act` upon a unit that stands as one of `standings`."""

    act: Act
    standings: tuple[Standing, ...]
    into: Standing | None
    kind: str = ""
    severity: Severity = "error"
    why: str = ""


_HELD: tuple[Standing, ...] = ("returned", "quarantined")
_OPEN: tuple[Standing, ...] = ("active", "partially_dispensed")
_HERE: tuple[Standing, ...] = (*_OPEN, *_HELD, "recalled")
_ALIVE: tuple[Standing, ...] = (*_HERE, "in_transit", "lost")
_GONE: tuple[Standing, ...] = ("decommissioned", "destroyed", "sampled", "exported")

RULES: tuple[Rule, ...] = (
    Rule("observe", _ALIVE, None),
    Rule("ship", _HERE, "in_transit"),
    Rule("ship", ("in_transit",), "in_transit", "shipped_twice", why="nobody received it between"),
    Rule("ship", ("lost",), "in_transit", "reappeared", why="it was missing at a count"),
    Rule("void_ship", ("in_transit",), "active"),
    Rule("void_ship", (*_HERE, "lost"), None, "not_shipped", why="there is nothing to take back"),
    Rule("receive", ("in_transit",), "active"),
    Rule("receive", _OPEN, "active", "not_shipped", why="a message of the sender is missing"),
    Rule("receive", (*_HELD, "recalled"), None, "not_shipped", why="a message is missing"),
    Rule("receive", ("lost",), "active", "reappeared", why="it was missing at a count"),
    Rule("dispense", _OPEN, "dispensed"),
    Rule("dispense", ("in_transit",), "dispensed", "not_received", why="the receipt is missing"),
    Rule("dispense", ("returned",), "dispensed", "not_restocked", why="nobody verified it again"),
    Rule("dispense", ("quarantined",), "dispensed", "dispensed_held", why="it was held back"),
    Rule(
        "dispense",
        ("recalled",),
        "dispensed",
        "dispensed_recalled",
        "suspect",
        "a recalled pack is set aside; a copy of it is not",
    ),
    Rule(
        "dispense",
        ("lost",),
        "dispensed",
        "reappeared",
        "suspect",
        "a missing pack that is sold may have been diverted",
    ),
    Rule("return", (*_ALIVE,), "returned"),
    Rule("hold", (*_OPEN, *_HELD, "in_transit", "lost"), "quarantined"),
    Rule("hold", ("recalled",), None),
    Rule("release", (*_HELD, "recalled", "lost"), "active"),
    Rule("release", (*_OPEN, "in_transit"), None),
    Rule("recall", _ALIVE, "recalled"),
    Rule("recall", tuple(sorted(TERMINAL)), None),
    Rule("steal", _ALIVE, "stolen"),
    Rule("lose", _ALIVE, "lost"),
    Rule("decommission", (*_HERE, "lost"), "decommissioned"),
    Rule("decommission", ("in_transit",), "decommissioned", "not_received", why="no receipt"),
    Rule("destroy", (*_HERE, "lost"), "destroyed"),
    Rule("destroy", ("in_transit",), "destroyed", "not_received", why="the receipt is missing"),
    Rule("sample", (*_HERE, "lost"), "sampled"),
    Rule("sample", ("in_transit",), "sampled", "not_received", why="the receipt is missing"),
    Rule("export", (*_OPEN, "in_transit"), "exported"),
    Rule("export", (*_HELD, "recalled", "lost"), "exported", "used_while_held", why="held back"),
    Rule("consume", _OPEN, "decommissioned"),
    Rule("consume", ("in_transit",), "decommissioned", "not_received", why="no receipt"),
    Rule("consume", (*_HELD, "recalled", "lost"), "decommissioned", "used_while_held"),
    # After the end
    Rule("decommission", ("dispensed", *_GONE, "stolen"), None),
    Rule("destroy", ("dispensed", "decommissioned", "sampled"), "destroyed"),
    Rule("destroy", ("destroyed",), None, "ended_twice", why="scanned twice"),
    Rule("sample", ("sampled",), None, "ended_twice", why="scanned twice"),
    Rule("export", ("exported",), None, "ended_twice", why="scanned twice"),
    Rule("consume", ("decommissioned",), None, "ended_twice", why="scanned twice"),
    Rule("steal", ("stolen",), None),
    Rule("steal", ("dispensed",), None, "after_end", why="the wrong pack was reported"),
    Rule("lose", tuple(sorted(TERMINAL)), None),
    Rule("return", ("dispensed",), None, "returned_after_end", why="a patient brought it back"),
    Rule("hold", ("dispensed", *_GONE), None, "after_end", why="the wrong pack was held"),
    Rule("release", ("dispensed",), None, "after_end", why="the wrong pack was scanned"),
    Rule("observe", ("dispensed",), None, "after_end", why="the wrong pack was scanned"),
)
"""`dispense` stands for `dispense_part` too, which leads to `partially_dispensed`."""

AFTER_END = Verdict(None, "after_end", "suspect")
"""What no row of the table allows, after the end of a unit: it looks like a copy."""

_TABLE: dict[tuple[Act, Standing], Verdict] = {
    (each.act, standing): Verdict(each.into, each.kind, each.severity)
    for each in RULES
    for standing in each.standings
}

FIRST_SIGHT: dict[Act, Severity] = {"dispense": "suspect", "dispense_part": "suspect"}
"""How bad it is that nobody commissioned a pack, by what is done to it: `error` but for these.
Before it reaches a patient, it may be the message that is missing."""

SPREADS: frozenset[Act] = frozenset(
    (
        "observe",
        "ship",
        "void_ship",
        "receive",
        "dispense",
        "return",
        "hold",
        "release",
        "recall",
        "steal",
        "lose",
        "destroy",
        "sample",
        "export",
    )
)
"""What is done to all that is inside as well. The end of a case's number ends no pack in it."""

TAKES_OUT: frozenset[Act] = frozenset(
    (
        "ship",
        "receive",
        "dispense",
        "dispense_part",
        "return",
        "steal",
        "decommission",
        "destroy",
        "sample",
        "export",
        "consume",
    )
)
"""What is not done to a unit while it stays in its case."""

KINDS = frozenset(
    {each.kind for each in RULES if each.kind}
    | {
        "after_end",
        "never_commissioned",
        "commissioned_late",
        "commissioned_twice",
        "received_twice",
        "dispensed_twice",
        "dispensed_expired",
        "other_holder",
        "still_packed",
        "not_empty",
        "in_another_parent",
        "not_in_parent",
        "parent_cycle",
        "used_unsterile",
        "foreign_declaration",
        "wrong_lot",
        "wrong_expiry",
        "queue_conflict",
        "reused",
        "clone",
        "unknown_serial",
        "temperature",
        "missing_in_case",
        "lot_below_zero",
    }
)
"""Every kind of alert; each has its words in `text/*/alerts.json`."""

NOT_BY_ORDER = frozenset(
    {
        "clone",
        "dispensed_recalled",
        "foreign_declaration",
        "lot_below_zero",
        "missing_in_case",
        "queue_conflict",
        "temperature",
        "unknown_serial",
        "wrong_expiry",
        "wrong_lot",
    }
)
"""Kinds that no late message explains: they are not, or not only, about the order of events."""


def first_sight(act: Act) -> Standing:
    """Give the standing of a unit that nobody commissioned, before the act."""
    return "in_transit" if act in ("receive", "void_ship") else "active"


def judge(
    act: Act, standing: Standing, *, same_hand: bool, same_place: bool, returned: bool = False
) -> Verdict:
    """Judge an act upon a known unit.

    `same_hand`: by whom the last one was told; `same_place`: where the unit was last; `returned`:
    it is received as what came back.
    """
    if act == "receive" and returned and standing == "dispensed":
        # A patient brought it back, whichever step a program writes that by.
        act = "return"
    if standing == "dispensed" and act in ("dispense", "dispense_part"):
        # One counter scans a pack twice; two counters do not have the same pack.
        slip = same_hand and same_place
        return Verdict(None, "dispensed_twice", "error" if slip else "suspect")
    if act == "receive" and standing == "active" and same_hand and same_place:
        return Verdict(None, "received_twice")
    if act == "dispense_part":
        found = _TABLE.get(("dispense", standing), AFTER_END)
        into: Standing | None = "partially_dispensed" if found.into else None
        return found._replace(into=into)
    return _TABLE.get((act, standing), AFTER_END)
