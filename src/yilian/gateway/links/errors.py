"""Why a sharing link is refused: numbers 9770 to 9785, append only."""

from __future__ import annotations

from yilian.ledger.errors import code

# To whoever opens a link
NOT_THERE = code(9770, "links.not_there", 404)
PASSCODE_WRONG = code(9771, "links.passcode_wrong", 401, "left")
RECIPIENT_MISSING = code(9772, "links.recipient_missing", 400)

# To whoever makes or looks after one
NOTHING_CHOSEN = code(9773, "links.nothing_chosen", 400)
NOTHING_TO_SHARE = code(9774, "links.nothing_to_share", 409)
RECORD_NOT_OPEN = code(9775, "links.record_not_open", 403, "record")
TOO_MANY_RECORDS = code(9776, "links.too_many_records", 413, "limit")
TOO_LARGE = code(9777, "links.too_large", 413, "limit")
DIRECT_WITH_PASSCODE = code(9778, "links.direct_with_passcode", 400)
TOO_MANY = code(9779, "links.too_many", 409, "limit")
UNKNOWN = code(9780, "links.unknown", 404, "link")
ADDRESS_TOO_LONG = code(9781, "links.address_too_long", 409, "limit")
