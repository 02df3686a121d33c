"""Why `records` refuses. Append only: part of consensus."""

from yilian.ledger.errors import code

ID_TAKEN = code(400, "records.id_taken", 409, "id")
UNKNOWN_HOLD = code(410, "records.unknown_hold", 404, "id")
NOT_YOUR_HOLD = code(411, "records.not_your_hold", 403, "id")
HOLD_LIFTED = code(412, "records.hold_lifted", 409, "id")
ON_HOLD = code(413, "records.on_hold", 409, "mark")
IN_RETENTION = code(414, "records.in_retention", 409, "mark", "until")
ALREADY_DESTROYED = code(415, "records.already_destroyed", 409, "mark")
BAD_MARKS = code(416, "records.bad_marks", 400)
BAD_EXTENT = code(417, "records.bad_extent", 400)
