"""Why a title, or word of one that ended, is refused: numbers 9640 to 9659, 9737 and 9738, append
only."""

from __future__ import annotations

from yilian.ledger.errors import code

TITLE_EXISTS = code(9640, "supply.title_exists", 409, "unit")
TITLE_NOT_HELD = code(9641, "supply.title_not_held", 409, "unit")
TITLE_MOVING = code(9642, "supply.title_moving", 409, "unit")
SHIPMENT_UNKNOWN = code(9643, "supply.shipment_unknown", 404, "shipment")
SHIPMENT_POSTING = code(9644, "supply.shipment_posting", 409, "shipment")
SHIPMENT_DECIDED = code(9645, "supply.shipment_decided", 409, "shipment")
TITLE_NOT_OURS = code(9646, "supply.title_not_ours", 403, "unit")
CLAIM_USED = code(9647, "supply.title_claim_used", 409, "unit")
TITLE_SPENT = code(9648, "supply.title_spent", 409, "unit")
TITLE_PATH = code(9649, "supply.title_path", 409, "unit")
TITLE_ORIGIN = code(9650, "supply.title_origin", 409, "unit")
TITLE_UNPOSTED = code(9651, "supply.title_unposted", 409, "unit")
PROOF_MALFORMED = code(9652, "supply.proof_malformed", 400)
SHIPMENT_DIFFERS = code(9653, "supply.shipment_differs", 409, "shipment")
SHIPMENT_TOO_LARGE = code(9654, "supply.shipment_too_large", 413, "limit")
CLAIMS_EXHAUSTED = code(9655, "supply.claims_exhausted", 429, "limit")
EVENT_NOT_ANCHORED = code(9656, "supply.event_not_anchored", 404)
CANNOT_SHIP = code(9657, "supply.cannot_ship_there", 409, "id")
EVENT_DIFFERS = code(9658, "supply.event_differs", 409)
TITLE_DOUBLE = code(9659, "supply.title_double", 409, "unit")

# Ends
END_BY_ANOTHER = code(9737, "supply.end_by_another", 403, "unit")
END_NOT_ANSWERED = code(9738, "supply.end_not_answered", 409, "unit")
