"""What our own people and programs ask to be done to units, and what each action wants of them."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, get_args

import msgspec

from yilian.gateway.supply.unit import Standing
from yilian.ledger.codec import Id, Millis

ActionName = Literal[
    "commission",
    "aggregate",
    "disaggregate",
    "ship",
    "receive",
    "dispense",
    "return",
    "restock",
    "decommission",
    "destroy",
    "report_stolen",
    "report_lost",
    "sample",
    "export",
    "quarantine",
    "release",
    "use",
    "sterilise",
    "recall",
    "declare_error",
]
INTERNAL: frozenset[ActionName] = frozenset(("recall",))
"""What a recall on the chain does, and nobody by hand."""

ACTIONS: tuple[ActionName, ...] = get_args(ActionName)
HoldReason = Literal[
    "damaged",
    "expired",
    "mismatch_class",
    "mismatch_instance",
    "mismatch_quantity",
    "needs_replacement",
    "no_pedigree_match",
    "non_conformant",
    "non_sellable_other",
]
"""Why a unit is set aside: dispositions of the CBV."""

ErrorReason = Literal["did_not_occur", "incorrect_data"]
"""Why an action is taken back: error reasons of the CBV."""

MAX_UNITS = 10_000
"""Units in one action."""

MAX_CORRECTIVE = 100
"""Events that correct one action."""

Text = Annotated[str, msgspec.Meta(max_length=512)]
EventId = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9+.-]*:[!-~]+$(?!\n)", max_length=512)]
Day = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)", max_length=10)]
Offset = Annotated[
    str, msgspec.Meta(pattern=r"^[+-](0[0-9]|1[0-4]):[0-5][0-9]$(?!\n)", max_length=6)
]


class Scanned(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A code as it was scanned, or a URI; `lot` and `expiry` where they were read apart."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    lot: Text = ""
    expiry: Day | None = None


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One action upon units, all of them or none.

    `key` is drawn by whoever asks: the same order again under it is answered, and not done again.
    `place` is a URI (an SGLN). `at` is when it was done (ms of UTC; now, unless said), `offset`
    that of the place's clock. Of the others each action needs its own:

    `lot`, `expiry`: commission. `parent`: aggregate, disaggregate (no units: all). `to`: ship, the
    organisation; `returning`: what may not be sold goes back. `shipment`: receive and return, where
    titles came with it. `part`: dispense a part of a pack. `reason`: quarantine, declare_error.
    `reference`: use, a random id for the one it is used on. `declares`: declare_error (no units),
    the key of the action that was a mistake; `corrective`: ids of the events that are right
    instead, which may be written later. `missing`: receive, what was not in the cases it should be
    in; `counted`: receive, of cases whose packs are named too, the others are missing.
    """

    key: Id
    units: Annotated[tuple[Scanned, ...], msgspec.Meta(max_length=MAX_UNITS)] = ()
    place: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    at: Millis | None = None
    offset: Offset | None = None
    lot: Text = ""
    expiry: Day | None = None
    parent: Text = ""
    to: Id | None = None
    returning: bool = False
    shipment: Id | None = None
    part: bool = False
    reason: HoldReason | ErrorReason | None = None
    reference: Id | None = None
    declares: Id | None = None
    missing: Annotated[tuple[Scanned, ...], msgspec.Meta(max_length=MAX_UNITS)] = ()
    counted: bool = False
    corrective: Annotated[tuple[EventId, ...], msgspec.Meta(max_length=MAX_CORRECTIVE)] = ()


class DoneUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A unit after the action."""

    unit: str
    standing: str


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What an action did; `replayed`: it was done before, under the same key.

    `shipment` takes titles along, or brought them; `ending` ends them. Both are done by the next
    post. `missing` are the units that were not in their cases; their titles go back. Units that
    nobody made any more, once their commissioning was taken back, are left out.
    """

    key: Id
    action: str
    at: Millis
    events: tuple[str, ...]
    units: tuple[DoneUnit, ...]
    shipment: Id | None = None
    ending: Id | None = None
    missing: tuple[str, ...] = ()
    replayed: bool = False


class Wants(NamedTuple):
    """What an action wants of a unit.

    Its standing; that it is `held` by this organisation; that it is `here`, at the action's place;
    that it is `loose`, in no case; that it is `sound`, neither expired nor recalled. `inside`: what
    is inside is judged and done alike. `end`: the word under which its title ends.
    """

    standings: frozenset[Standing]
    held: bool = True
    here: bool = True
    loose: bool = False
    sound: bool = False
    inside: bool = True
    end: str = ""


def _of(*standings: Standing) -> frozenset[Standing]:
    return frozenset(standings)


_BACK = _of("active", "partially_dispensed", "returned", "quarantined", "recalled")
_WASTE = _BACK | _of("lost")

WANTS: dict[ActionName, Wants] = {
    "aggregate": Wants(_BACK, loose=True),
    "disaggregate": Wants(_BACK),
    "ship": Wants(_of("active"), loose=True, sound=True),
    "receive": Wants(_of("in_transit"), held=False, here=False, loose=True),
    "return": Wants(_of("in_transit", "active"), held=False, here=False, loose=True),
    "dispense": Wants(
        _of("active", "partially_dispensed"), loose=True, sound=True, end="dispensed"
    ),
    "restock": Wants(_of("returned"), sound=True),
    "decommission": Wants(_WASTE, loose=True, inside=False, end="decommissioned"),
    "destroy": Wants(_WASTE, loose=True, end="destroyed"),
    "report_stolen": Wants(_WASTE | _of("in_transit"), held=False, here=False, end="stolen"),
    "report_lost": Wants(_BACK | _of("in_transit"), held=False, here=False, end="lost"),
    "sample": Wants(_of("active", "returned", "quarantined"), loose=True, end="sampled"),
    "export": Wants(_of("active"), loose=True, sound=True, end="exported"),
    "quarantine": Wants(_of("active", "partially_dispensed", "returned", "lost")),
    "release": Wants(_of("quarantined", "recalled", "lost"), sound=True),
    "recall": Wants(_WASTE | _of("in_transit"), held=False, here=False),
    "use": Wants(_of("active"), loose=True, sound=True, inside=False),
    "sterilise": Wants(_of("active"), loose=True),
}
"""All but `commission`, which wants that the unit is not there yet, and `declare_error`."""

RETURNING = WANTS["ship"]._replace(standings=_BACK, sound=False)
"""What a shipment back wants."""


def wants_of(action: ActionName, order: Order) -> Wants | None:
    """Give what an action wants of units as it is ordered; None for `commission`."""
    if action == "ship" and order.returning:
        return RETURNING
    wants = WANTS.get(action)
    if action == "return" and order.shipment is not None and wants is not None:
        # A title that comes back alone shows that its pack is in that case no more.
        return wants._replace(loose=False)
    return wants
