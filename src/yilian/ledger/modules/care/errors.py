"""Why `care` refuses. Append only: part of consensus."""

from yilian.ledger.errors import code

ID_TAKEN = code(500, "care.id_taken", 409, "id")
UNKNOWN_ENCOUNTER = code(501, "care.unknown_encounter", 404, "id")
NOT_YOUR_ENCOUNTER = code(502, "care.not_your_encounter", 403, "id")
ENCOUNTER_ENDED = code(503, "care.encounter_ended", 409, "id")
UNKNOWN_REFERRAL = code(504, "care.unknown_referral", 404, "id")
NOT_YOUR_REFERRAL = code(505, "care.not_your_referral", 403, "id")
REFERRAL_ANSWERED = code(506, "care.referral_answered", 409, "id")
REFERRAL_ENDED = code(507, "care.referral_ended", 409, "id")
CANNOT_RECEIVE = code(508, "care.cannot_receive", 400, "id")
BAD_PERIOD = code(509, "care.bad_period", 400)
