"""Why signing in is refused: numbers 9740 to 9769, append only.

What an unknown and a known account would answer differently is one code (`sign_in.refused`).
"""

from __future__ import annotations

from yilian.ledger.errors import code

ORIGIN_DIFFERS = code(9740, "sign_in.origin_differs", 403, "expected")
ATTEMPT_UNKNOWN = code(9741, "sign_in.attempt_unknown", 409)
CHALLENGE_DIFFERS = code(9742, "sign_in.challenge_differs", 401)
SIGN_IN_REFUSED = code(9743, "sign_in.refused", 401)
COUNTER_REGRESSED = code(9744, "sign_in.counter_regressed", 401)
LOCKED = code(9745, "sign_in.locked", 429, "minutes", "seconds")

# Second factor
FACTOR_WRONG = code(9746, "sign_in.factor_wrong", 401)
FACTOR_USED = code(9747, "sign_in.factor_used", 401)
FACTOR_MISSING = code(9748, "sign_in.factor_missing", 403)
FACTOR_NOT_WANTED = code(9749, "sign_in.factor_not_wanted", 409)
SECOND_FACTOR_NEEDED = code(9750, "sign_in.second_factor_needed", 403)
SAME_FACTOR = code(9764, "sign_in.same_factor", 409)

# Sessions
SESSION_UNKNOWN = code(9751, "sign_in.session_unknown", 401)
SESSION_KEY_DIFFERS = code(9752, "sign_in.session_key_differs", 401)
SESSION_EXPIRED = code(9753, "sign_in.session_expired", 401)
SESSION_ENDED = code(9754, "sign_in.session_ended", 401)
SESSION_REVOKED = code(9755, "sign_in.session_revoked", 401)
SESSION_KEY_REFUSED = code(9756, "sign_in.session_key_refused", 400)

# Invitations and passkeys
INVITATION_UNKNOWN = code(9757, "sign_in.invitation_unknown", 404)
INVITATION_USED = code(9758, "sign_in.invitation_used", 409)
INVITATION_ENDED = code(9759, "sign_in.invitation_ended", 409)
NOT_TO_BE_INVITED = code(9760, "sign_in.not_to_be_invited", 409, "id")
PASSKEY_REFUSED = code(9761, "sign_in.passkey_refused", 400)
PASSKEY_TAKEN = code(9762, "sign_in.passkey_taken", 409)
TOO_MANY = code(9763, "sign_in.too_many", 409, "limit")
KEY_WANTED = code(9765, "sign_in.key_wanted", 400)

SESSION = (
    ORIGIN_DIFFERS,
    SECOND_FACTOR_NEEDED,
    SESSION_UNKNOWN,
    SESSION_KEY_DIFFERS,
    SESSION_EXPIRED,
    SESSION_ENDED,
    SESSION_REVOKED,
)
"""What judging the header `Yilian-Session` may refuse besides the refusals of signed requests."""
