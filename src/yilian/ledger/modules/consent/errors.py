"""Why `consent` refuses. Append only: part of consensus."""

from yilian.ledger.errors import code

ID_TAKEN = code(300, "consent.id_taken", 409, "id")
UNKNOWN_GRANT = code(301, "consent.unknown_grant", 404, "id")
NOT_THE_PERSON = code(302, "consent.not_the_person", 403)
ALREADY_REVOKED = code(303, "consent.already_revoked", 409, "id")
BAD_PERIOD = code(304, "consent.bad_period", 400)
UNKNOWN_SESSION = code(305, "consent.unknown_session", 404, "id")
NOT_YOUR_SESSION = code(306, "consent.not_your_session", 403, "id")
SESSION_TOO_LONG = code(307, "consent.session_too_long", 400, "limit")
SESSION_ENDED = code(308, "consent.session_ended", 409, "id")
MAY_NOT_READ = code(309, "consent.may_not_read", 403)
