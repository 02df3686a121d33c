"""Why a standing query is refused: numbers 9630 to 9634."""

from __future__ import annotations

from yilian.ledger.errors import code

SUBSCRIPTION_CONTROLS = code(9630, "epcis.subscription_controls", 400, "field", "reason")
SUBSCRIPTION_UNKNOWN = code(9631, "epcis.subscription_unknown", 404)
TOO_MANY_SUBSCRIPTIONS = code(9632, "epcis.too_many_subscriptions", 409, "limit")
DESTINATION_REFUSED = code(9633, "epcis.destination_refused", 400, "reason")
