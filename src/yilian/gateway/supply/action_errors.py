"""Why an action of our own people and programs is refused: numbers 9660 to 9689 and 9722
to 9729, append only."""

from __future__ import annotations

from collections.abc import Sequence

from yilian.ledger.errors import Refusal, code

ALERT_UNKNOWN = code(9660, "supply.alert_not_here", 404, "alert")
ALERT_DONE = code(9661, "supply.alert_done", 409, "alert")

# The unit
UNIT_UNKNOWN = code(9662, "supply.unit_unknown", 404, "unit")
UNIT_EXISTS = code(9663, "supply.unit_exists", 409, "unit")
NOT_YOURS = code(9664, "supply.not_yours", 403, "unit")
WRONG_STANDING = code(9665, "supply.wrong_standing", 409, "standing", "unit")
ALREADY_DISPENSED = code(9666, "supply.already_dispensed", 409, "unit")
RECALLED = code(9667, "supply.recalled", 409, "unit")
QUARANTINED = code(9668, "supply.quarantined", 409, "unit")
EXPIRED = code(9669, "supply.expired", 409, "expiry", "unit")
IN_A_PARENT = code(9670, "supply.in_a_parent", 409, "parent", "unit")
NOT_IN_PARENT = code(9671, "supply.not_in_parent", 409, "parent", "unit")
WRONG_PLACE = code(9672, "supply.wrong_place", 409, "place", "unit")
DOUBLE_SCAN = code(9673, "supply.double_scan", 409, "unit")
NOT_VERIFIED = code(9674, "supply.not_verified", 409, "unit")
NOT_MADE_HERE = code(9675, "supply.not_made_here", 403, "unit")
WRONG_LOT = code(9676, "supply.wrong_lot", 409, "unit")
WRONG_EXPIRY = code(9677, "supply.wrong_expiry", 409, "unit")

# The action
KEY_REUSED = code(9678, "supply.action_key_reused", 409, "key")
BAD_TIME = code(9679, "supply.action_time", 409, "at")
TOO_MANY_UNITS = code(9680, "supply.too_many_units", 413, "limit")
FIELD_NEEDED = code(9681, "supply.action_field", 400, "field")

# Devices
SINGLE_USE = code(9682, "supply.single_use", 409, "unit")
NOT_STERILE = code(9683, "supply.not_sterile", 409, "unit")
CYCLES_USED_UP = code(9684, "supply.cycles_used_up", 409, "limit", "unit")
NOT_A_DEVICE = code(9685, "supply.not_a_device", 409, "unit")

# Queues of counters
QUEUE_GAP = code(9686, "supply.queue_gap", 409, "expected")
QUEUE_FORKED = code(9687, "supply.queue_forked", 409, "number")
QUEUE_UNSIGNED = code(9688, "supply.queue_unsigned", 403, "number")

# Appended
CHANGED_SINCE = code(9689, "supply.changed_since", 409, "at", "unit")

# Taking back
ACTION_UNKNOWN = code(9722, "supply.action_unknown", 404, "key")
ACTION_STANDS = code(9723, "supply.action_stands", 409, "key")
ACTION_TAKEN_BACK = code(9724, "supply.action_taken_back", 409, "key")
ACTION_POSTED = code(9725, "supply.action_posted", 409, "key")
ACTION_BUILT_ON = code(9726, "supply.action_built_on", 409, "event", "unit")

NOT_MISSING = code(9727, "supply.not_missing", 409, "unit")


class UnitsRefused(Refusal):
    """An action that was refused for its units: the first refusal, and all of them by unit."""

    def __init__(self, refused: Sequence[Refusal]) -> None:
        super().__init__(refused[0].code, refused[0].parameters)
        self.refused = tuple(refused)
