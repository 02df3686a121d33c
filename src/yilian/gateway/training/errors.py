"""Why something of the training is refused: numbers 9786 to 9799, append only."""

from __future__ import annotations

from yilian.ledger.errors import code

# To a learner
COURSE_UNKNOWN = code(9786, "training.course_unknown", 404, "course")
NO_ATTEMPT_LEFT = code(9787, "training.no_attempt_left", 409, "limit")
ATTEMPT_UNKNOWN = code(9788, "training.attempt_unknown", 404, "attempt")
ATTEMPT_OVER = code(9789, "training.attempt_over", 409, "attempt")
ATTEMPT_EXPIRED = code(9790, "training.attempt_expired", 409, "attempt")
SHEET_DIFFERS = code(9791, "training.sheet_differs", 400)

# About a credential
CREDENTIAL_UNKNOWN = code(9792, "training.credential_unknown", 404, "credential")
WITHDRAWN_ALREADY = code(9793, "training.withdrawn_already", 409, "credential")

# To whoever checks one
CREDENTIAL_MALFORMED = code(9794, "training.credential_malformed", 400)
CREDENTIAL_ALTERED = code(9795, "training.credential_altered", 400)
NOT_ANCHORED = code(9796, "training.not_anchored", 400)
KEY_NOT_THEIRS = code(9797, "training.key_not_theirs", 400)
PROOF_OF_ANOTHER = code(9798, "training.proof_of_another", 400)
STATUS_UNCLEAR = code(9799, "training.status_unclear", 400)
