"""Why signing in by another's sign-in is refused: numbers 9800 to 9815, append only."""

from __future__ import annotations

from yilian.ledger.errors import code

PROVIDER_UNKNOWN = code(9800, "outside.provider_unknown", 404)
PROVIDER_AWAY = code(9801, "outside.provider_away", 503)
FLOW_UNKNOWN = code(9802, "outside.flow_unknown", 409)
KEY_DIFFERS = code(9803, "outside.key_differs", 401)
ISSUER_DIFFERS = code(9804, "outside.issuer_differs", 401)
CODE_REFUSED = code(9805, "outside.code_refused", 401)
TOKEN_REFUSED = code(9806, "outside.token_refused", 401, "check")
NOT_LINKED_YET = code(9807, "outside.not_linked_yet", 403)
LINKED_ELSEWHERE = code(9808, "outside.linked_elsewhere", 409)
LINKED_ALREADY = code(9809, "outside.linked_already", 409)
LAST_WAY = code(9810, "outside.last_way", 409)
NOT_LINKED = code(9811, "outside.not_linked", 404)
OTHER_ORGANISATION = code(9812, "outside.other_organisation", 403)
PASSKEY_FIRST = code(9813, "outside.passkey_first", 409)
