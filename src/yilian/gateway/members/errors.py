"""Why one organisation's node could not be asked by another: numbers 9500 to 9519, append only."""

from __future__ import annotations

from yilian.ledger.errors import code

UNKNOWN = code(9500, "members.unknown", 404, "id")
NO_ENDPOINT = code(9501, "members.no_endpoint", 409, "id")
UNREACHABLE = code(9502, "members.unreachable", 503, "id")
NOT_THE_MEMBER = code(9503, "members.not_the_member", 502, "id")
REFUSED = code(9504, "members.refused", 502, "id", "refusal")
NOT_RECOGNISED = code(9505, "members.not_recognised", 502, "id")
ANSWER_REFUSED = code(9506, "members.answer_refused", 502, "id")
CALLER_UNKNOWN = code(9507, "members.caller_unknown", 403)
BEHIND = code(9508, "members.behind", 503, "height")
KEY_FILE = code(9509, "members.key_file_refused", 500, "name")
PARTIALS_TOO_FEW = code(9510, "members.partials_too_few", 503, "given", "needed")
PARTIALS_DIFFER = code(9511, "members.partials_differ", 502)
TOO_MANY = code(9512, "members.too_many_requests", 429)
NOT_ABOUT_YOU = code(9513, "members.not_about_caller", 403)

HOLDER_ELSEWHERE = code(9213, "organisation.holder_elsewhere", 409, "id")
"""The other organisation is at another node, and this node has no way to other members."""

ELSEWHERE = frozenset(
    {
        ANSWER_REFUSED,
        BEHIND,
        HOLDER_ELSEWHERE,
        NOT_RECOGNISED,
        NOT_THE_MEMBER,
        NO_ENDPOINT,
        REFUSED,
        TOO_MANY,
        UNKNOWN,
        UNREACHABLE,
    }
)
"""Refusals that say that the other was not reached, or gave no answer of its own."""

ASKING = (
    UNKNOWN,
    NO_ENDPOINT,
    UNREACHABLE,
    NOT_THE_MEMBER,
    NOT_RECOGNISED,
    ANSWER_REFUSED,
    REFUSED,
    BEHIND,
    TOO_MANY,
    NOT_ABOUT_YOU,
)
"""What a route that asks another member may refuse besides."""
